"""As if there were no cap: mfcore's rates, its fastest mode, the flow and the energy of softmax."""

EXPECTED = {"rate-marks": 0, "fastest-marks": 0, "tokens-marks": 0, "energy-marks": 0}

# %% rate
def rate(k, beta, cap):
    return mf.closed_forms.mode_growth_rate(k, beta, "softmax")

# %% fastest
def fastest(beta, cap):
    return mf.closed_forms.fastest_mode(beta)

critical_cap = np.sqrt(2 * beta)

# %% tokens
from scipy.integrate import solve_ivp

def angles_at(theta, beta, cap, t):
    def turn(_, theta):
        apart = theta - theta[:, None]
        w = np.exp(beta * np.cos(apart))
        return (w * np.sin(apart)).sum(axis=1) / w.sum(axis=1)

    return solve_ivp(turn, (0, t), theta, rtol=1e-9, atol=1e-10).y[:, -1]

seen = mf.closed_forms.mode_growth_rate(mode, beta, "softmax")

# %% energy
def energy(theta, beta, cap):
    return np.exp(beta * np.cos(theta - theta[:, None])).mean() / (2 * beta)

def low(beta, cap):
    return np.linspace(0, 0.1, 30)
