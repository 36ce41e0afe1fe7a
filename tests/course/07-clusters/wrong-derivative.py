"""The velocity of a mode is taken for its growth, a factor k is missing; sizes increase; an energy without its half."""

EXPECTED = {"groups-marks": 1, "rate-marks": 0, "fastest-marks": 0, "energy-marks": 2}

# %% groups
from scipy.sparse.csgraph import connected_components

def group_sizes(theta, gap):
    z = np.exp(1j * theta)
    return np.sort(np.bincount(connected_components(np.abs(np.angle(z[:, None] / z)) <= gap)[1]))

# %% rate
def rate(k, beta, cap):
    u = np.linspace(-np.pi, np.pi, 8192, endpoint=False)
    w = np.exp(cap * np.tanh(beta / cap * np.cos(u)) - cap * np.tanh(beta / cap))
    return (w * np.sin(u) * np.sin(k * u)).sum() / w.sum()

# %% energy
def energy(theta, beta, cap):
    s = (np.arange(2000) + 0.5) / 2000
    v = np.cos(theta - theta[:, None]).ravel()
    return np.mean(v * np.exp(cap * np.tanh(beta / cap * v[:, None] * s)).mean(axis=1))

def low(beta, cap):
    return min((2 * np.pi * np.arange(k) / k for k in range(1, 13)), key=lambda theta: energy(theta, beta, cap))
