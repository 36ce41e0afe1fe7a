"""Complex numbers; single precision; rates by a fast Fourier transform; both thresholds from lines; twisted states
tried in turn."""

# %% rotate
def rotate(x, p, omega, pairing):
    h = x.shape[1] // 2
    z = x[:, ::2] + 1j * x[:, 1::2] if pairing == "pairs" else x[:, :h] + 1j * x[:, h:]
    z = (z * np.exp(1j * np.multiply.outer(p, omega))).astype(np.complex64)
    if pairing == "pairs":
        return np.stack([z.real, z.imag], axis=2).reshape(x.shape)
    return np.hstack([z.real, z.imag])

# %% velocity
def velocity(x, p, omega, beta, carried):
    h = len(omega)
    turn = np.exp(1j * np.outer(p, omega))
    c = x[:, :h] + 1j * x[:, h:]
    z = c * turn
    w = np.exp(beta * (z @ z.conj().T).real)
    w /= w.sum(axis=1, keepdims=True)
    g = turn.conj() * (w @ z) if carried else w @ c
    g = np.hstack([g.real, g.imag])
    return g - np.sum(g * x, axis=1, keepdims=True) * x

# %% spread
def mean_length(z0, q, omega):
    planes = z0[0::2] + 1j * z0[1::2]
    return np.linalg.norm(planes * (1 - q) / (1 - q * np.exp(-1j * omega)))

# %% rates
def rates(n, beta, a, b):
    u = np.arange(n) * 2 * np.pi / n
    w = np.exp(beta * (1 + a) ** 2 * np.cos(u))
    w /= w.sum()
    f = w * (np.cos(u) - beta * (1 + a) * (1 + b) * np.sin(u) ** 2)
    return np.fft.fft(f).real - f.sum() - b * np.sum(w * np.cos(u))

# %% values
def line(s):
    zero, one = rates(n, beta, s, 0.0), rates(n, beta, s, 1.0)
    return zero, one - zero

A, B = line(a)
b_star = max(-x / y for x, y in zip(A, B))
low, high = 0.01, 2.0
while high - low > 1e-6:
    middle = (low + high) / 2
    low, high = (low, middle) if line(middle)[1].max() < 0 else (middle, high)
a_min = high

# %% twist
k = np.arange(many)
best = (0, 0)
for q in range(-many // 2, many // 2):
    t = 2 * np.pi * q * k / many
    f = 2 * np.pi * (q + turns) * k / many
    w = np.exp(cold * np.cos(f))
    w /= w.sum()
    g = w * (np.cos(t) - cold * np.sin(t) * np.sin(f))
    lam = np.fft.fft(g).real - g.sum()
    if q != 0 and lam[1:].max() < best[0]:
        best = lam[1:].max(), q
z = np.exp(2j * np.pi * best[1] * k / many + 1j * first)
apart = np.column_stack([z.real, z.imag])
