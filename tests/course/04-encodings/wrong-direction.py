"""Everything is turned the other way, the weights do not answer to the push, stability on the diagonal a = b, an
unstable twist."""

EXPECTED = {"rotate-marks": 0, "velocity-marks": 0, "rates-marks": 0, "values-marks": 0, "twist-marks": 0}

# %% rotate
def rotate(x, p, omega, pairing):
    half = x.shape[1] // 2
    first = np.arange(half) * (2 if pairing == "pairs" else 1)
    second = first + (1 if pairing == "pairs" else half)
    c, s = np.cos(np.outer(p, omega)), np.sin(np.outer(p, omega))
    out = np.empty(x.shape)
    out[:, first] = c * x[:, first] + s * x[:, second]
    out[:, second] = c * x[:, second] - s * x[:, first]
    return out

# %% rates
def rates(n, beta, a, b):
    u = 2 * np.pi * np.arange(n) / n
    w = np.exp(beta * (1 + a) ** 2 * np.cos(u))
    w = w / w.sum()
    return (np.cos(np.outer(np.arange(n), u)) - 1) @ (w * np.cos(u)) - b * (w @ np.cos(u))

# %% values
from scipy.optimize import brentq

def gradient_rates(s):
    return mf.closed_forms.circle_mode_growth(np.arange(1, n // 2 + 1), beta, s).max()

b_star = a_min = brentq(gradient_rates, 0.1, 3)

# %% twist
k = np.arange(many)
t = 2 * np.pi * k / many

def largest(q):
    w = np.exp(cold * np.cos((q + turns) * t))
    f = w / w.sum() * (np.cos(q * t) - cold * np.sin(q * t) * np.sin((q + turns) * t))
    return ((np.cos(np.outer(k[1:], t)) - 1) @ f).max()

q = max(range(1, many), key=largest)
apart = np.column_stack([np.cos(q * t + first), np.sin(q * t + first)])
