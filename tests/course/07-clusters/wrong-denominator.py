"""The unnormalized flow in place of softmax, everywhere; the order of the rates does not notice."""

EXPECTED = {"rate-marks": 0, "tokens-marks": 0}

# %% rate
def rate(k, beta, cap):
    u = np.linspace(-np.pi, np.pi, 8192, endpoint=False)
    w = np.exp(cap * np.tanh(beta / cap * np.cos(u)) - cap * np.tanh(beta / cap))
    return k * np.mean(w * np.sin(u) * np.sin(k * u))

# %% tokens
from scipy.integrate import solve_ivp

def angles_at(theta, beta, cap, t):
    def turn(_, theta):
        apart = theta - theta[:, None]
        w = np.exp(cap * np.tanh(beta / cap * np.cos(apart)) - cap * np.tanh(beta / cap))
        return (w * np.sin(apart)).mean(axis=1)

    return solve_ivp(turn, (0, t), theta, rtol=1e-10, atol=1e-12).y[:, -1]

polygon = 2 * np.pi * np.arange(n) / n
pattern = np.cos(mode * polygon)
moved = angles_at(polygon + 1e-5 * pattern, beta, cap, 1.0) - polygon
seen = np.log(moved @ pattern / (1e-5 * pattern @ pattern))
