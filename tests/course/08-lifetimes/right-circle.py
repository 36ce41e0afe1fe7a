"""Everything from one function for the speeds on a circle; logarithms; an equation with the time as an unknown."""

# %% speed
def turns(theta, m, betas, shares):
    apart = theta - np.asarray(theta)[:, None]
    out = np.zeros(len(theta))
    for beta, s in zip(betas, shares):
        w = m * np.exp(-2 * beta * np.sin(apart / 2) ** 2)
        out += s * np.sum(w * np.sin(apart), axis=1) / np.sum(w, axis=1)
    return out

def closing_speed(phi, m1, m2, betas, shares):
    first, second = turns(np.array([0.0, phi]), np.array([m1, m2]), betas, shares)
    return np.array([first - second])

# %% lifetime
from scipy.integrate import quad

def lifetime(start, stop, m1, m2, betas, shares):
    log_speed = lambda phi: np.log(closing_speed(phi, m1, m2, betas, shares)[0])
    top = -log_speed(start)
    part = lambda y: np.exp(-log_speed(start - y) - top)
    points = [d for d in (0.01, 0.03, 0.1, 0.3, 1.0) if d < start - stop]
    return np.exp(top) * quad(part, 0, start - stop, points=points, epsrel=1e-9, limit=500)[0]

# %% drift
def drift(x, m, betas, shares):
    n, d = x.shape
    out = np.zeros((n, d))
    for i in range(n):
        y = x - x[i]
        s = np.linalg.norm(y, axis=1)
        angle = 2 * np.arcsin(s / 2)
        side = y + (s**2 / 2)[:, None] * x[i]  # of length sin(angle)
        for b, share in zip(betas, shares):
            w = m * np.exp(b * (np.cos(angle) - 1))
            out[i] += share * w @ side / w.sum()
        out[i] -= out[i] @ x[i] * x[i]
    return out.tolist()

# %% three
from scipy.integrate import solve_ivp

def first_meeting(theta, m, betas, shares):
    # The clock runs so that the fastest token moves at the speed 1.
    def rate(s, y):
        v = turns(y[:3], m, betas, shares)
        fastest = np.abs(v).max()
        return np.append(v / fastest, 1 / fastest)

    a = lambda s, y: y[1] - y[0] - 0.05
    b = lambda s, y: y[2] - y[1] - 0.05
    a.terminal = b.terminal = True
    run = solve_ivp(rate, (0, 10), np.append(theta, 0.0), events=[a, b], rtol=1e-9, atol=1e-9)
    return np.array([run.y[3, -1], float(np.argmin(np.diff(run.y[:3, -1])))])
