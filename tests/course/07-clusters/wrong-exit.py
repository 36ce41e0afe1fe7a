"""NaN, texts, wrong shapes; then the process ends in the middle."""

EXPECTED = {"groups-marks": 0, "rate-marks": 1, "fastest-marks": 0, "tokens-marks": 0, "energy-marks": 0}

# %% groups
def group_sizes(theta, gap):
    return ["large", "small"]

# %% rate
def rate(k, beta, cap):
    if beta > 100:
        return np.nan
    u = np.linspace(-np.pi, np.pi, 8192, endpoint=False)
    w = np.exp(cap * np.tanh(beta / cap * np.cos(u)) - cap)
    value = k * (w * np.sin(u) * np.sin(k * u)).sum() / w.sum()
    return abs(value) if cap < 100 else [value, value]

# %% fastest
def fastest(beta, cap):
    return None

critical_cap = float("inf")

# %% +fastest-marks
import os
os._exit(0)
