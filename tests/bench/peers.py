"""The same softmax velocity by others: what a user of today would write or install.

Each peer is a function of the tokens x (n, d), beta and a number of threads that prepares what it needs and returns a
function without arguments, which is what is timed. A peer that is not installed raises ImportError.
"""

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

import mfcore as mf
from mfcore import _jit
from mfcore._kernels import exp as _exp


def mfcore(x, beta, threads, method="direct"):
    """Pair by pair, so that like is compared with like."""
    model = mf.SelfAttention(beta, method=method)

    def run():
        numba.config.NUMBA_NUM_THREADS = threads
        return model.velocity(x)

    return run


def mfcore_harmonic(x, beta, threads):
    """In linear cost, as the package chooses by itself where it pays."""
    return mfcore(x, beta, threads, "harmonic")


def numpy_plain(x, beta, threads):
    """The formula, with an n-by-n matrix and the maximum subtracted."""

    def run():
        logits = beta * (x @ x.T)
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        g = (weights @ x) / weights.sum(axis=1, keepdims=True)
        return g - x * (x * g).sum(axis=1, keepdims=True)

    return run


def numpy_blocked(x, beta, threads):
    """The same, 256 rows at a time: the matrix never leaves the cache."""

    def run():
        g = np.empty_like(x)
        for first in range(0, len(x), 256):
            rows = slice(first, first + 256)
            logits = beta * (x[rows] @ x.T)
            weights = np.exp(logits - logits.max(axis=1, keepdims=True))
            g[rows] = (weights @ x) / weights.sum(axis=1, keepdims=True)
        return g - x * (x * g).sum(axis=1, keepdims=True)

    return run


def published_loop(x, beta, threads):
    """One token after the other, as simulations published with papers do it."""

    def run():
        v = np.empty_like(x)
        for i in range(len(x)):
            weights = np.exp(beta * x @ x[i])
            g = weights @ x / weights.sum()
            v[i] = g - (g @ x[i]) * x[i]
        return v

    return run


def torch_fused(x, beta, threads):
    """PyTorch's fused attention in float64, and the projection."""
    import torch

    torch.set_num_threads(threads)
    tokens = torch.from_numpy(x)
    batch = tokens[None, None]

    def run():
        g = torch.nn.functional.scaled_dot_product_attention(batch, batch, batch, scale=beta)[0, 0]
        return g - tokens * (tokens * g).sum(dim=1, keepdim=True)

    return run


def jax_jit(x, beta, threads):
    """JAX, compiled for the CPU; it chooses its threads itself."""
    import jax

    jax.config.update("jax_enable_x64", True)
    tokens = jax.numpy.asarray(x)

    @jax.jit
    def velocity(y):
        g = jax.nn.softmax(beta * y @ y.T, axis=1) @ y
        return g - y * (y * g).sum(axis=1, keepdims=True)

    return lambda: velocity(tokens).block_until_ready()


def keops(x, beta, threads):
    """KeOps' lazy tensors, where its compiler works."""
    from pykeops.numpy import LazyTensor

    y, z = LazyTensor(x[:, None, :].copy()), LazyTensor(x[None, :, :].copy())

    def run():
        logits = beta * (y | z)
        g = logits.sumsoftmaxweight(z, axis=1)
        return g - x * (x * g).sum(axis=1, keepdims=True)

    return run


PEERS = {
    "PyTorch": torch_fused,
    "NumPy": numpy_plain,
    "NumPy, blocked": numpy_blocked,
    "JAX": jax_jit,
    "KeOps": keops,
    "published loop": published_loop,
    "mfcore, harmonic": mfcore_harmonic,
}
FEW = ("PyTorch", "NumPy, blocked")  # where more would say nothing new
THREADED = ("PyTorch",)  # the others take as many threads as they find
MOST = {"PyTorch": 16384, "mfcore, harmonic": 16384, "published loop": 1024}  # tokens; others 4096


# A thousand layers x <- N(x + step g).


def mfcore_layers(x, beta, threads):
    model = mf.SelfAttention(beta, method="direct")

    def run():
        numba.config.NUMBA_NUM_THREADS = threads
        return model.layers(x, 0.01, 1000)

    return run


def numpy_layers(x0, beta, threads):
    def run():
        x = x0
        for _ in range(1000):
            logits = beta * (x @ x.T)
            weights = np.exp(logits - logits.max(axis=1, keepdims=True))
            x = x + 0.01 * (weights @ x) / weights.sum(axis=1, keepdims=True)
            x /= np.linalg.norm(x, axis=1, keepdims=True)
        return x

    return run


def torch_layers(x0, beta, threads):
    import torch

    torch.set_num_threads(threads)

    def run():
        x = torch.from_numpy(x0)[None, None]
        for _ in range(1000):
            x = x + 0.01 * torch.nn.functional.scaled_dot_product_attention(x, x, x, scale=beta)
            x = torch.nn.functional.normalize(x, dim=-1)
        return x

    return run


LAYERS = {"NumPy": numpy_layers, "PyTorch": torch_layers}


def circle_by_finufft(x, beta, modes, threads):
    """Mass and tangential sum on the circle by one type 1 and two type 2 transforms of finufft, to 1e-12."""
    import finufft
    from scipy.special import ive

    angle = np.arctan2(x[:, 1], x[:, 0])
    k = np.arange(-modes, modes + 1)
    kernel = ive(np.abs(k), beta)
    ones = np.ones(len(x), complex)
    options = dict(eps=1e-12, nthreads=threads)

    def run():
        moments = finufft.nufft1d1(angle, ones, 2 * modes + 1, isign=-1, **options) * kernel
        both = np.stack([moments, 1j * k * moments / beta])
        mass, pull = finufft.nufft1d2(angle, both, isign=1, **options).real
        return pull / mass

    return run


# Limits of the arithmetic for d = 3: n^2 of mfcore's own exponentials and nothing else, and all the rest of n^2 pairs
# without an exponential.


@numba.njit(nogil=True, fastmath=_jit.FAST)
def _exponentials(rows, xyz, out):
    x = xyz[0]
    for i in range(rows):
        mass = 0.0
        for j in range(x.size):
            mass += _exp(x[j] - i * 1e-9, 0)
        out[i % out.size] = mass


@numba.njit(nogil=True, fastmath=_jit.FAST)
def _multiply_adds(rows, xyz, out):
    x, y, z = xyz[0], xyz[1], xyz[2]
    for i in range(rows):
        here = i * 1e-9
        mass, sx, sy, sz = 0.0, 0.0, 0.0, 0.0
        for j in range(x.size):
            dx, dy, dz = x[j] - here, y[j] - here, z[j] - here
            w = dx * dx + dy * dy + dz * dz
            mass += w
            sx += w * dx
            sy += w * dy
            sz += w * dz
        out[i % out.size] = mass + sx + sy + sz


def _limit(kernel, n, threads):
    pool = ThreadPoolExecutor(threads)
    xyz = -np.random.default_rng(0).uniform(0, 4, (3, 256))
    outs = [np.empty(8) for _ in range(threads)]
    rows = n * n // (256 * threads)
    return lambda: list(pool.map(lambda out: kernel(rows, xyz, out), outs))


def exponentials(n, threads):
    return _limit(_exponentials, n, threads)


def multiply_adds(n, threads):
    return _limit(_multiply_adds, n, threads)
