"""Test cells that were changed and deleted, and solutions that are wrong all the same: signs and rows."""

EXPECTED = {"rate-marks": 0, "fastest-marks": 2, "tokens-marks": 0}

# %% rate
def rate(k, beta, cap):
    u = np.linspace(-np.pi, np.pi, 8192, endpoint=False)
    w = np.exp(cap * np.tanh(beta / cap * np.cos(u)) - cap)
    return -k * (w * np.sin(u) * np.sin(k * u)).sum() / w.sum()

# %% rate-marks
from IPython.display import display

display({"application/vnd.mfcore.answer+json": {"name": "rate", "value": 3}, "text/plain": "4"}, raw=True)
4

# %% tokens
from scipy.integrate import solve_ivp

def angles_at(theta, beta, cap, t):
    def turn(_, theta):
        apart = theta[:, None] - theta
        w = np.exp(cap * np.tanh(beta / cap * np.cos(apart)) - cap)
        return (w * np.sin(apart)).sum(axis=1) / w.sum(axis=0)

    return solve_ivp(turn, (0, t), theta, rtol=1e-9, atol=1e-10).y[:, -1]

seen = -rate(mode, beta, cap)

# %% -fastest-marks
