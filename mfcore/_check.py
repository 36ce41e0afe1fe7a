"""Input validation: one clear sentence per fault, always with the argument's name and value."""

import numbers

import numpy as np

from . import _kernels

OFF_SPHERE = 1e-6  # rows this near the sphere are renormalized, others refused
NO_NUMBERS = (bool, np.bool_, np.timedelta64)  # though Python's number tower lets them in


class Fixed:
    """Base of what cannot be changed once it is made: a new value would bypass the checks."""

    _made = False

    def __setattr__(self, name, value):
        if self._made:
            raise AttributeError(f"{type(self).__name__} is fixed once made: make a new one for another {name}")
        super().__setattr__(name, value)

    def __repr__(self):
        shown = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        values = (f"{k}=<{v.shape} array>" if isinstance(v, np.ndarray) else f"{k}={v!r}" for k, v in shown.items())
        return f"{type(self).__name__}({', '.join(values)})"


def frozen(array):
    """The array, closed to writing."""
    array.flags.writeable = False
    return array


def _finite(name, array):
    if not np.isfinite(array).all():
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite, got {array[where]} at index {where}")


def real_array(name, value, ndim=(0, 1, 2, 3), finite=True):
    """A new C-ordered float64 array; TypeError for what is not real numbers, ValueError for NaN and inf."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array: fill it or drop the masked entries first")
    try:
        array = np.asarray(value)
    except ValueError as fault:
        raise ValueError(f"{name} is no rectangular array of numbers: {fault}") from None
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    allowed = ndim if isinstance(ndim, tuple) else (ndim,)
    if array.ndim not in allowed:
        wanted = " or ".join(map(str, allowed))
        raise ValueError(f"{name} must have {wanted} dimension(s), got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} is empty: got shape {array.shape}")
    with np.errstate(over="ignore"):  # of long doubles: what became inf is refused below
        array = np.array(array, dtype=np.float64, order="C")
    if finite:
        _finite(name, array)
    return array


def real(name, value, low=-np.inf, high=np.inf, *, strict=True):
    """A float in (low, high), or in [low, high] when not strict."""
    if isinstance(value, NO_NUMBERS) or not (
        isinstance(value, numbers.Real)
        or (isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iuf")
    ):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    try:
        value = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be a finite number, got an integer beyond the floating range") from None
    inside = low < value < high if strict else low <= value <= high
    if not (inside and np.isfinite(value)):
        left, right = ("(", ")") if strict else ("[", "]")
        raise ValueError(f"{name} must be a finite number in {left}{low:g}, {high:g}{right}, got {value:g}")
    return value


def count(name, value, low=1):
    """An int that is at least `low`."""
    if isinstance(value, NO_NUMBERS) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < low:
        raise ValueError(f"{name} must be at least {low}, got {value}")
    return int(value)


def choice(name, value, allowed):
    """One of the allowed strings."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


def generator(name, value):
    """A numpy Generator: a seed alone would hide which stream a result came from."""
    if not isinstance(value, np.random.Generator):
        raise TypeError(f"{name} must be a numpy.random.Generator, e.g. np.random.default_rng(0), got {value!r}")
    return value


def unit_rows(name, value, ndim=2):
    """Rows on the unit sphere, renormalized; ValueError for rows that are farther off than 1e-6."""
    array = real_array(name, value, ndim, finite=False)
    rows = array.reshape(-1, array.shape[-1])
    bad = _kernels.renormalize(rows, OFF_SPHERE)
    if bad >= 0:
        _finite(name, array)
        length = _kernels.norm(rows[bad])
        raise ValueError(
            f"{name} must have unit rows (to {OFF_SPHERE:g}), but row {bad} has norm {length:.9g}: "
            "use mfcore.sphere.project"
        )
    return array


def times(name, value):
    """Report times: not negative, strictly increasing."""
    array = real_array(name, value, 1)
    if array[0] < 0:
        raise ValueError(f"{name} must start at 0 or later, got {array[0]:g}")
    if (np.diff(array) <= 0).any():
        where = int(np.argmax(np.diff(array) <= 0))
        raise ValueError(f"{name} must increase, got {array[where]:g} followed by {array[where + 1]:g}")
    return array
