"""What mfcore and SciPy have: rates of modes, a differential equation for the time, differences in long double."""

# %% lifetime
from scipy.integrate import solve_ivp

def lifetime(start, stop, m1, m2, betas, shares):
    unit = closing_speed(start, m1, m2, betas, shares)
    # The time as a function of the way, which is stretched near the start.
    scale = 1 / np.max(betas)
    end = np.log1p((start - stop) / scale)

    def rate(s, t):
        phi = start - scale * np.expm1(s)
        return [unit * scale * np.exp(s) / closing_speed(phi, m1, m2, betas, shares)]

    return solve_ivp(rate, (0, end), [0.0], rtol=1e-9, atol=1e-12).y[0, -1] / unit

# %% heads
from scipy.integrate import simpson
from scipy.optimize import bisect

phi = np.linspace(stop, start, 20001)
speeds = lambda b: np.array([closing_speed(f, m1, m2, np.array([b]), np.ones(1)) for f in phi])
of_hot, of_cold = speeds(hot), speeds(cold)
total = share * of_hot + (1 - share) * of_cold
step = 1e-5
change = share * (speeds(hot + step) - speeds(hot - step)) / (2 * step)
slope = simpson(-change / total**2, x=phi) / simpson(1 / total, x=phi)

def excess(b):
    v = share * of_hot + (1 - share) * closing_speeds(b)
    return simpson(1 / v, x=phi) - 0.95 * simpson(1 / (share * of_hot), x=phi)

def closing_speeds(b):
    q, r = np.exp(-b * (1 - np.cos(phi))), m1 / m2
    return np.sin(phi) * (q / (q + r) + q / (q + 1 / r))

nearly = bisect(excess, hot + 0.01, 400)

# %% drift
def drift(x, m, betas, shares):
    x = x.astype(np.longdouble)
    v = 0 * x
    for i in range(len(x)):
        gap = x - x[i]
        far = (gap * gap).sum(1) / 2
        for beta, share in zip(betas, shares):
            w = m * np.exp(-beta * far)
            v[i] += share * (w[:, None] * (gap + far[:, None] * x[i])).sum(0) / w.sum()
    return v.astype(np.float64)

# %% noise
unstable = mf.closed_forms.mode_growth_rate
critical_noise = share * unstable(1, hot, "softmax") + (1 - share) * unstable(1, cold, "softmax")
