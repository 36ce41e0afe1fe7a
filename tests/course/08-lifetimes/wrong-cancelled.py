"""Sums first and the projection after them, a thousand even steps to a narrow peak, the unnormalized flow's noise."""

EXPECTED = {"lifetime-marks": 2, "drift-marks": 1, "noise-marks": 0}

# %% lifetime
def lifetime(start, stop, m1, m2, betas, shares):
    phi = np.linspace(stop, start, 1001)
    return np.trapezoid([1 / closing_speed(f, m1, m2, betas, shares) for f in phi], phi)

# %% heads
import scipy.integrate
import scipy.optimize

def both(b1, b2):
    heads = np.array([b1, b2]), np.array([share, 1 - share])
    return scipy.integrate.quad(lambda f: 1 / closing_speed(f, m1, m2, *heads), stop, start, epsrel=1e-10, limit=300)[0]

slope = (np.log(both(hot + 1e-3, cold)) - np.log(both(hot - 1e-3, cold))) / 2e-3
nearly = scipy.optimize.brentq(lambda b: both(hot, b) - 0.95 * both(hot, hot) / share, hot, 200)

# %% drift
def drift(x, m, betas, shares):
    pull = np.zeros(x.shape)
    for beta, part in zip(betas, shares):
        w = m * np.exp(beta * (x @ x.T - 1))
        pull += part * (w / w.sum(axis=1, keepdims=True)) @ x
    return pull - np.sum(pull * x, axis=1, keepdims=True) * x

# %% noise
bessel = mf.closed_forms.mode_growth_rate
critical_noise = share * bessel(1, hot, "none") + (1 - share) * bessel(1, cold, "none")
