"""The identity 1 - 1/n sum for weights, logarithms throughout, a plane by the square root of a form."""

# %% digits
def spread_after(R, beta, p):
    R = R - R[0]
    G = ((R[:, None] - R) ** 2).sum(-1) ** p * beta
    lead = np.exp(-G)
    # differences of weights without rounding, summed over all others
    apart = (lead[:, :, None] * np.expm1(G[:, :, None] - G[:, None, :])).sum(1)
    out = apart @ R / lead.sum(1)[:, None] / len(R)
    return out - out.mean(0)

# %% leading
def leading(R, beta, p):
    t = 1e-9
    return spread_after(t * R, beta, p) * t ** -(2 * p + 1)

# %% simplex
ell, scale = np.log(delta), 1.0
for layer in range(1, 40):
    s = beta * np.exp(2 * p * ell)
    half = np.tanh(s / 2) * (1 + np.exp(-s))
    ell += np.log(half / (1 + (n - 1) * np.exp(-s))) if s > 1e-12 else np.log(beta / n) + 2 * p * ell
    scale *= 2 * p + 1
    if s < 1e-290:
        break
constant = -ell / scale - np.log(beta / n) / (2 * p) / scale

d = delta
for depth in range(100000):
    if d < 1e-100:
        break
    e = np.exp(-beta * d ** (2 * p))
    d *= (1 + eta * (1 - e) / (1 + (n - 1) * e)) / (1 + eta)
edge = np.array([(-np.log((w - 1) / (n - 1 + w)) / beta) ** (0.5 / p)])

# %% agree
lam, U = np.linalg.eigh(B)
root = U / abs(lam) ** 0.5
pair = np.array([root[:, 3] - root[:, 1], root[:, 2] + root[:, 0]])
agree = np.array([[t, s] for t in (-1, 1, 0) for s in (-1.5, 1.5)]) @ pair
agree = (agree / np.linalg.svd(agree)[1][1] * 1.5).astype(np.float64) + np.ones(4)

# %% heads
def open_in_head(W, widths, h, n):
    # rank of the part of the rows of the others that is in the space of the head, by dimensions
    at = np.cumsum([0, *widths])
    mine, rest = W[at[h] : at[h + 1]], np.concatenate([W[: at[h]], W[at[h + 1] :]])
    r = lambda m: mf.rank.numerical(m, 1e-9) if len(m) else 0
    common = r(mine) + r(rest) - r(W)
    return n * (widths[h] - r(mine) + common)
