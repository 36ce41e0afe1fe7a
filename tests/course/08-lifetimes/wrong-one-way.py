"""Only one of two clusters is seen to move, the later of two meetings is reported, a threshold is guessed."""

EXPECTED = {"speed-marks": 0, "lifetime-marks": 0, "heads-marks": 1, "three-marks": 0}

# %% speed
def closing_speed(phi, m1, m2, betas, shares):
    q = np.exp(betas * (1 - np.cos(phi)))
    return np.sin(phi) * np.sum(shares * m2 / (m2 + m1 * q))

# %% heads
import scipy.integrate

def T(b1, b2):
    q = lambda f, b: np.exp(b * (1 - np.cos(f)))
    v = lambda f, b: np.sin(f) * (m2 / (m2 + m1 * q(f, b)) + m1 / (m1 + m2 * q(f, b)))
    f = lambda f: 1 / (share * v(f, b1) + (1 - share) * v(f, b2))
    return scipy.integrate.quad(f, stop, start, epsrel=1e-10, limit=300)[0]

slope = np.log(T(hot + 1e-3, cold) / T(hot - 1e-3, cold)) / 2e-3
nearly = (hot - np.log(0.05)) / (1 - share)

# %% three
import scipy.integrate

def first_meeting(theta, m, betas, shares):
    gaps = np.diff(theta)
    times = [lifetime(gaps[k], 0.05, m[k], m[k + 1], betas, shares) for k in (0, 1)]
    return [times[int(np.argmax(times))], int(np.argmax(times))]
