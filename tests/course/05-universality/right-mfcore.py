"""The layer of infinite step for the tokens; least squares; velocities of mfcore after a push."""

# %% rest
def tokens_of(z, beta):
    radius = np.linalg.norm(z, axis=1, keepdims=True)
    from scipy.special import softmax
    return mf.sphere.project(softmax(beta * z @ z.T, axis=1) @ (z / radius.max()))

# %% two
from scipy.optimize import fsolve

def two_features(phi, kappa, q):
    want = np.array([[np.cos(phi / 2), np.sin(phi / 2)], [np.cos(phi / 2), -np.sin(phi / 2)]])
    unit = lambda a: np.column_stack([np.cos(a), np.sin(a)])

    def error(a):
        u = unit(a)
        w = np.array([q, 1 - q]) * np.exp(kappa * (u @ u.T - 1))
        g = w @ u
        return want[:, 0] * g[:, 1] - want[:, 1] * g[:, 0]

    for spread in np.linspace(phi / 2, np.pi / 2, 30):
        a, _, ok, _ = fsolve(error, [spread, -spread], full_output=True, xtol=1e-13)
        u = unit(a)
        g = (np.array([q, 1 - q]) * np.exp(kappa * (u @ u.T - 1))) @ u
        if ok == 1 and (np.sum(g * want, axis=1) > 0).all():
            return u

# %% lengths
from scipy.optimize import least_squares

def short(y):
    y = mf.sphere.project(y.reshape(targets.shape)) * lengths[:, None]
    return (tokens_of(y, beta) - targets).ravel()

y = least_squares(short, targets.ravel(), xtol=1e-15, ftol=1e-15, gtol=1e-15).x
positions = mf.sphere.project(y.reshape(targets.shape)) * lengths[:, None] - targets

# %% bound
from scipy.special import lambertw

odds = 1 / masses.min() - 1
kappa = 0.5 * np.log(odds) if odds < np.e**2 else lambertw(odds / np.e).real
enough = np.sqrt(kappa / beta)

# %% growth
def growth(x, p, beta):
    model = mf.SelfAttention(beta, auxiliary=mf.AdditivePE(p))
    t = np.column_stack([-x[:, 1], x[:, 0]])
    h, J = 1e-4, np.zeros((len(x), len(x)))
    for j in range(len(x)):
        for sign in (1, -1):
            y = x.copy()
            y[j] = np.cos(h) * x[j] + sign * np.sin(h) * t[j]
            ty = np.column_stack([-y[:, 1], y[:, 0]])
            J[:, j] += sign * (model.velocity(y) * ty).sum(axis=1) / (2 * h)
    return float(np.real(np.linalg.eigvals(J)).max())
