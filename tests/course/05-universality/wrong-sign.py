"""The smallest eigenvalue; where the energy has its maximum; both features exchanged; p = x - z."""

EXPECTED = {"two-marks": 0, "lengths-marks": 0, "growth-marks": 0, "critical-marks": 0}

# %% two
from scipy.optimize import brentq

def two_features(phi, kappa, q):
    psi = brentq(lambda s: np.tan(s) * np.tanh(kappa * np.sin(s) ** 2) - np.tan(phi / 2), 1e-9, np.pi / 2 - 1e-9)
    return np.array([[np.cos(psi), -np.sin(psi)], [np.cos(psi), np.sin(psi)]])

# %% lengths
u = targets.copy()
for _ in range(3000):
    u = u + 0.3 * (targets - tokens_of(lengths[:, None] * u, beta))
    u = u / np.linalg.norm(u, axis=1, keepdims=True)
positions = targets - lengths[:, None] * u

# %% growth
def growth(x, p, beta):
    theta = np.arctan2(x[:, 1], x[:, 0])
    model = mf.SelfAttention(beta, auxiliary=mf.AdditivePE(p))

    def f(a):
        y = np.column_stack([np.cos(a), np.sin(a)])
        return (model.velocity(y) * np.column_stack([-np.sin(a), np.cos(a)])).sum(axis=1)

    J = np.array([(f(theta + e) - f(theta - e)) / 2e-5 for e in 1e-5 * np.eye(len(x))]).T
    return np.linalg.eigvals(J).real.min()

# %% critical
critical = 4.0 - 1e-9
