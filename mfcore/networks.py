"""Trained transformers in NumPy: the forward pass, with each part that a theorem is about there to be taken out.

The rest of the package moves tokens by attention alone. Here are whole networks, weights and all, of the small sizes at
which a theorem can be held against them; nothing is compiled.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import erf, expit, xlogy

from . import _check
from .masks import Mask

__all__ = ["Run", "Transformer", "entropy", "influence", "read", "rollout"]

MATRICES = ("query", "key", "value", "out", "up", "gate", "down")
VECTORS = ("query_bias", "key_bias", "value_bias", "out_bias", "up_bias", "down_bias")
VECTORS += ("attention_gain", "attention_shift", "perceptron_gain", "perceptron_shift")
STEP = 1e-5  # of the central differences: their error is about 1e-10 of the second derivative's scale


@dataclass(frozen=True, eq=False)
class Run:
    """What went through a network.

    Attributes
    ----------
    states : ndarray
        Tokens before the first block and after each, (depth + 1, ..., n, d).
    attention : ndarray
        Weights of each head, (depth, ..., heads, n, n); rows sum to 1.
    """

    states: np.ndarray
    attention: np.ndarray


@dataclass(frozen=True, eq=False)
class Transformer:
    r"""Blocks of attention and perceptron, as deployed transformers have them.

    .. math:: x \leftarrow N(x + \mathrm{attention}(x)),\quad x \leftarrow N(x + \mathrm{perceptron}(x))

    Parameters
    ----------
    blocks : sequence of dict
        Weights of each block, applied in turn, and from the first again at greater depth. Matrices act from the right:
        "query", "key", "value", (d, heads d_k); "out", (heads d_k, d), the identity if left out; "up", (d, m) and "down",
        (m, d): a perceptron with GELU, or none; with "gate", (d, m), SiLU of the gate times what goes up. Vectors are
        left out or "query_bias", "key_bias", "value_bias", "out_bias", "up_bias", "down_bias", and the gains and shifts of
        the normalizations: "attention_gain", "attention_shift", "perceptron_gain", "perceptron_shift".
    heads : int
        Number of heads.
    norm : {"layer", "rms"} or None, optional
        Normalization N of each token.
    before : bool, optional
        Whether N acts on the input of attention and perceptron and not on the sum.
    eps : float, optional
        Added to the variance in N.
    mask : Mask or sequence of Mask, optional
        What is added to the logits, from `mfcore.masks`; of several the sum.
    rotary : float, optional
        Base of the frequencies base^(-2k/d_k) by which queries and keys are turned, in pairs of neighbouring coordinates.
    residual : bool, optional
        Whether the input is added to what attention and perceptron give.
    perceptron : bool, optional
        Whether there is one.

    Raises
    ------
    TypeError, ValueError
        For weights of shapes that do not fit each other, unknown names, or options out of range.

    Notes
    -----
    `dataclasses.replace(network, residual=False)` is the network without that part.
    """

    blocks: tuple
    heads: int
    norm: str | None = "layer"
    before: bool = False
    eps: float = 1e-12
    mask: Mask | tuple | None = None
    rotary: float | None = None
    residual: bool = True
    perceptron: bool = True

    def __post_init__(self):
        if self.norm is not None:
            _check.choice("norm", self.norm, ("layer", "rms"))
        masks = self.mask if isinstance(self.mask, (list, tuple)) else () if self.mask is None else (self.mask,)
        if not all(isinstance(mask, Mask) for mask in masks):
            raise TypeError(f"mask must come from mfcore.masks, or be None, got {self.mask!r}")
        object.__setattr__(self, "mask", tuple(masks))
        for name in ("before", "residual", "perceptron"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}")
        _check.count("heads", self.heads)
        _check.real("eps", self.eps, 0.0, strict=False)
        if not self.blocks:
            raise ValueError("blocks is empty: a network has at least one")
        object.__setattr__(self, "blocks", tuple(self._checked(k, block) for k, block in enumerate(self.blocks)))
        if self.rotary is not None:
            _check.real("rotary", self.rotary, 0.0)
            if self.blocks[0]["query"].shape[1] // self.heads % 2:
                raise ValueError("rotary turns pairs of coordinates: the width of a head must be even")

    def _checked(self, k, block):
        """A block's weights as float64 arrays of shapes that fit."""
        unknown = sorted(set(block) - set(MATRICES) - set(VECTORS))
        missing = sorted({"query", "key", "value"} - set(block)) + sorted({"up", "down"} - set(block)) * ("up" in block)
        if unknown or missing:
            raise ValueError(f"block {k}: {'unknown' if unknown else 'missing'} weights {', '.join(unknown or missing)}")
        found = {name: _check.real_array(f"block {k}: {name}", value, 2 if name in MATRICES else 1)
                 for name, value in block.items()}  # fmt: skip
        d, inner = found["query"].shape
        m = found["up"].shape[1] if "up" in found else 0
        expected = dict.fromkeys(("query", "key", "value"), (d, inner)) | {"out": (inner, d)}
        expected |= {"up": (d, m), "gate": (d, m), "down": (m, d), "up_bias": (m,)}
        expected |= dict.fromkeys(("query_bias", "key_bias", "value_bias"), (inner,))
        for name, value in found.items():
            shape = expected.get(name, (d,))
            if value.shape != shape:
                raise ValueError(f"block {k}: {name} must have shape {shape}, got {value.shape}")
        if inner % self.heads or ("out" not in found and inner != d):
            raise ValueError(f"block {k}: heads must divide {inner}, and without 'out' that must be {d}")
        return {name: _check.frozen(value) for name, value in found.items()}

    def _normalize(self, x, block, part):
        if self.norm is None:
            return x
        if self.norm == "layer":
            x = x - x.mean(axis=-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + self.eps)
        return x * block.get(f"{part}_gain", 1.0) + block.get(f"{part}_shift", 0.0)

    def _rotated(self, x):
        """(..., n, d_k), each token turned by the angles of its place."""
        n, width = x.shape[-2:]
        angles = np.arange(n)[:, None] * self.rotary ** (-np.arange(0, width, 2) / width)
        even, odd = x[..., ::2], x[..., 1::2]
        turned = (even * np.cos(angles) - odd * np.sin(angles), odd * np.cos(angles) + even * np.sin(angles))
        return np.stack(turned, axis=-1).reshape(x.shape)

    def _attend(self, x, block):
        """Update and weights, (..., n, d) and (..., heads, n, n)."""
        query, key, value = (
            np.moveaxis((x @ block[name] + block.get(f"{name}_bias", 0.0)).reshape(*x.shape[:-1], self.heads, -1), -2, -3)
            for name in ("query", "key", "value")
        )
        if self.rotary is not None:
            query, key = self._rotated(query), self._rotated(key)
        logits = query @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1])
        for mask in self.mask:
            logits = logits + mask(*np.indices(logits.shape[-2:]))
        weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        mixed = np.moveaxis(weights @ value, -3, -2).reshape(*x.shape[:-1], -1)
        return (mixed @ block["out"] if "out" in block else mixed) + block.get("out_bias", 0.0), weights

    def _think(self, x, block):
        """The perceptron's update."""
        hidden = x @ block["up"] + block.get("up_bias", 0.0)
        if "gate" in block:
            gate = x @ block["gate"]
            hidden = hidden * gate * expit(gate)
        else:
            hidden = hidden * (1 + erf(hidden / np.sqrt(2))) / 2
        return hidden @ block["down"] + block.get("down_bias", 0.0)

    def _entering(self, x, block, part):
        return self._normalize(x, block, part) if self.before else x

    def _leaving(self, x, change, block, part):
        x = x + change if self.residual else change
        return x if self.before else self._normalize(x, block, part)

    def run(self, x, depth=None):
        """Send tokens through the network.

        Parameters
        ----------
        x : array_like, (..., n, d)
            Tokens, positions added; leading axes are sequences that do not see each other.
        depth : int, optional
            Number of blocks applied, at least 1; without it each once.

        Returns
        -------
        Run
            States and attention.

        Raises
        ------
        TypeError, ValueError
            For tokens that do not fit the weights.
        """
        x = _check.real_array("x", x, (2, 3, 4))
        d = len(self.blocks[0]["query"])
        if x.shape[-1] != d:
            raise ValueError(f"x must have {d} coordinates a token, got shape {x.shape}")
        states, attention = [x], []
        for k in range(len(self.blocks) if depth is None else _check.count("depth", depth)):
            block = self.blocks[k % len(self.blocks)]
            change, weights = self._attend(self._entering(x, block, "attention"), block)
            x = self._leaving(x, change, block, "attention")
            if self.perceptron and "up" in block:
                change = self._think(self._entering(x, block, "perceptron"), block)
                x = self._leaving(x, change, block, "perceptron")
            states.append(x)
            attention.append(weights)
        return Run(np.stack(states), np.stack(attention))


def read(path, sha256, command):
    """Weights from an npz file, if it is whole.

    Parameters
    ----------
    path : path-like
        The file. Nothing in it is executed.
    sha256 : str
        Checksum that it must have.
    command : str
        The command that makes or fetches the file; named where it is needed.

    Returns
    -------
    dict of ndarray
        The arrays by name, float64.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If its checksum is another.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: make it with `{command}`")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise ValueError(f"{path} has checksum {found[:12]}…, not {sha256[:12]}…: make it again with `{command}`")
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name].astype(np.float64) for name in file.files}


def _stochastic(attention):
    attention = _check.real_array("attention", attention, (2, 3, 4, 5))
    if attention.shape[-1] != attention.shape[-2] or (attention < 0).any():
        raise ValueError(f"attention must hold square matrices that are not negative, got shape {attention.shape}")
    if np.abs(attention.sum(axis=-1) - 1).max() > 1e-6:
        raise ValueError("attention must have rows of sum 1")
    return attention


def entropy(attention):
    """Mean entropy of the rows of attention, in nats.

    Parameters
    ----------
    attention : array_like, (..., n, n)
        Attention weights.

    Returns
    -------
    ndarray, (...)
        From 0 (each token sees one) to log n (all alike).

    Raises
    ------
    TypeError, ValueError
        For what is no attention.
    """
    attention = _stochastic(attention)
    return -xlogy(attention, attention).sum(axis=-1).mean(axis=-1)


def rollout(attention, residual=0.5):
    r"""Attention rollout: :math:`\prod_k (r I + (1-r) \bar A^{(k)})`, heads averaged, the last layer leftmost.

    Parameters
    ----------
    attention : array_like, (depth, heads, n, n)
        Attention weights, first layer first.
    residual : float, optional
        Share r of the residual, in [0, 1].

    Returns
    -------
    ndarray, (n, n)
        Row i: how much of each first token is in token i at the end; rows sum to 1.

    Raises
    ------
    TypeError, ValueError
        For what is no attention, or a share out of range.

    References
    ----------
    Abnar and Zuidema, Quantifying attention flow in transformers, arXiv 2005.00928.
    """
    attention = _stochastic(attention)
    if attention.ndim != 4:
        raise ValueError(f"attention must have shape (depth, heads, n, n), got {attention.shape}")
    residual = _check.real("residual", residual, 0.0, 1.0, strict=False)
    total = np.eye(attention.shape[-1])
    for layer in attention.mean(axis=1):
        total = residual * total + (1 - residual) * layer @ total
    return total


def influence(network, x, depth=None):
    r"""How much each first token moves each last one: :math:`\|\partial x_i^{(L)}/\partial x_j^{(0)}\|`, Frobenius.

    Parameters
    ----------
    network : Transformer
        The network.
    x : array_like, (n, d)
        Tokens.
    depth : int, optional
        As in `Transformer.run`.

    Returns
    -------
    ndarray, (n, n)
        Row i: token i at the end. By central differences, relative error about 1e-8.

    Raises
    ------
    TypeError, ValueError
        For tokens that do not fit the weights.
    """
    x = _check.real_array("x", x, 2)
    n, d = x.shape
    square = np.empty((n, n))
    for j in range(n):
        moved = np.zeros((d, n, d))
        moved[np.arange(d), j, np.arange(d)] = STEP
        slope = (network.run(x + moved, depth).states[-1] - network.run(x - moved, depth).states[-1]) / (2 * STEP)
        square[:, j] = (slope**2).sum(axis=(0, 2))
    return np.sqrt(square)
