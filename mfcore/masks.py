"""Masks: which tokens a token sees, and how far. A mask is a rule for a number added to the logit, never an array.

Tokens stand in the order of their rows. Prompts are seen whatever the mask.
"""

import numpy as np

from . import _check

__all__ = ["Mask", "causal", "decay", "prefix", "window"]


class Mask(_check.Fixed):
    """A rule (i, j) -> number in [-inf, 0] that is added to the logit of token i for token j; made by the functions here.

    Parameters
    ----------
    i, j : int or array_like of int
        On a call: token that looks, token looked at; counted from 0.

    Returns
    -------
    float or ndarray
        On a call: -inf where j is hidden from i.
    """

    def __init__(self, name, back=np.inf, ahead=np.inf, first=0, rate=0.0):
        self.name = name
        self._rule = _check.frozen(np.array([back, ahead, first, rate]))
        self._made = True

    def __call__(self, i, j):
        back, ahead, first, rate = self._rule
        gap = np.asarray(i) - np.asarray(j)
        seen = (np.asarray(j) < first) | ((gap <= back) & (-gap <= ahead))
        logit = np.where(seen, -rate * np.abs(gap), -np.inf)
        return logit if logit.ndim else float(logit)

    def __repr__(self):
        return f"masks.{self.name}"

    @property
    def symmetric(self):
        """bool: whether the rule treats (i, j) and (j, i) alike; only then is there an energy."""
        back, ahead, first, _ = self._rule
        return bool(back == ahead == np.inf and first == 0)


def causal():
    """Each token sees itself and those before it.

    Returns
    -------
    Mask
        0 for j <= i, -inf otherwise.
    """
    return Mask("causal()", ahead=0)


def window(width):
    """Each token sees itself and the width - 1 tokens before it.

    Parameters
    ----------
    width : int
        Tokens seen, at least 1.

    Returns
    -------
    Mask
        0 for i - width < j <= i, -inf otherwise.

    Raises
    ------
    TypeError, ValueError
        For a width that is no such integer.
    """
    width = _check.count("width", width)
    return Mask(f"window({width})", back=width - 1, ahead=0)


def prefix(length):
    """Each token sees itself, those before it, and the first `length` tokens.

    Parameters
    ----------
    length : int
        Tokens that all see, at least 1.

    Returns
    -------
    Mask
        0 for j <= i or j < length, -inf otherwise.

    Raises
    ------
    TypeError, ValueError
        For a length that is no such integer.
    """
    length = _check.count("length", length)
    return Mask(f"prefix({length})", ahead=0, first=length)


def decay(rate, *, causal=True):
    """Attention that fades with distance, exp(-rate |i - j|), as ALiBi does.

    Parameters
    ----------
    rate : float
        Decay a token of distance, at least 0.
    causal : bool, optional
        Whether later tokens are hidden; without it the mask is symmetric.

    Returns
    -------
    Mask
        -rate |i - j|, and -inf for j > i if causal.

    Raises
    ------
    TypeError, ValueError
        For a rate that is no such number, or if causal is no bool.

    References
    ----------
    Press, Smith and Lewis, Train Short, Test Long, arXiv 2108.12409.
    """
    rate = _check.real("rate", rate, 0.0, strict=False)
    if not isinstance(causal, bool):
        raise TypeError(f"causal must be True or False, got {causal!r}")
    return Mask(f"decay({rate:g}, causal={causal})", ahead=0 if causal else np.inf, rate=rate)
