"""Maximizers of the energy by the fixed-point ascent x <- N(g)."""

from dataclasses import dataclass

import numpy as np

from . import _check, _kernels
from .attention import _exp_or_overflow, _require_model, _share, _threads_for

__all__ = ["Maximizer", "maximize"]

# How far log-energy may fall in one iteration by rounding alone, relative to its size.
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Maximizer:
    """What `maximize` returns; with several starts each field but x gains a leading axis (starts,).

    Attributes
    ----------
    x : ndarray, (n, d) or (starts, n, d)
        The last iterate.
    log_energy : float or ndarray
        Logarithm of its energy; None for a model that has no energy.
    residual : float or ndarray
        Largest distance |N(g_i) - x_i| of a token from its image.
    iterations : int or ndarray
        Layers applied.
    converged : bool or ndarray
        Whether the residual is at most `tol` and, where the theory says that log-energy cannot fall, it
        never fell by more than rounding. A fixed point of the full step has <g_i, x_i> > 0 (or g_i = 0), so
        no resting point x = -N(g) of a finite step passes for one.
    """

    x: np.ndarray
    log_energy: float | np.ndarray | None
    residual: float | np.ndarray
    iterations: int | np.ndarray
    converged: bool | np.ndarray

    @property
    def energy(self):
        """float or ndarray: the energy; OverflowError where only its logarithm is finite."""
        if self.log_energy is None:
            raise ValueError("this result has no energy: its model's field is no gradient")
        return _exp_or_overflow(self.log_energy)


def maximize(model, x0, *, tol=1e-13, max_iter=10_000):
    """Climb the energy by x <- N(g), the layer of infinite step, until no token moves.

    Each iteration cannot lower the energy (layer monotonicity), so the limit is a critical point, in general
    a local maximum that depends on the start: give many.

    Parameters
    ----------
    model : SelfAttention
        Without an energy (values="tokens", or a mask that is not symmetric) the iteration is the same but climbs
        nothing: `converged` then means the residual.
    x0 : array_like, (n, d) or (starts, n, d)
        One start or several, unit rows. Each start gives the same bits as if it ran alone.
    tol : float, optional
        Residual at which a start has converged.
    max_iter : int, optional
        Iterations at most.

    Returns
    -------
    Maximizer
        The last iterates, and for each start whether it converged.

    Raises
    ------
    OverflowError
        If even log-energies exceed the floating range.
    TypeError, ValueError
        For tokens, tolerances or counts that are no such numbers.

    Notes
    -----
    The ascent is monotone because the energy is convex in the law of the features and the potential is convex
    in the token: see the chapter on collapse for the proof.
    """
    _require_model(model)
    x0 = _check.unit_rows("x0", x0, (2, 3))
    tol = _check.real("tol", tol, 0.0)
    max_iter = _check.count("max_iter", max_iter)
    x = x0[None] if x0.ndim == 2 else x0
    starts, n, _ = x.shape
    field = model._field(x)
    x, climbs = x.copy(), model._has_energy
    log_energy, residual = np.empty(starts), np.empty(starts)
    iterations, monotone = np.empty(starts, int), np.empty(starts, bool)
    results = log_energy, residual, iterations, monotone
    if model._alone(starts, n, field):
        for k in range(starts):
            for result, value in zip(results, _ascend(model, x[k : k + 1], field, climbs, tol, max_iter), strict=True):
                result[k] = value
    else:
        twice = model._for_energy(field)

        def members(first, last):
            _kernels.ascend(x, field, twice, climbs, tol, min(max_iter, 2**62), ROUNDING, first, last, *results)

        threads = _threads_for(starts * n * n * 1000)
        if threads > 1:
            _share(members, starts, threads)
        else:
            for k in range(starts):  # one by one, so that an interrupt is heard in between
                members(k, k + 1)
    if climbs and not np.isfinite(log_energy).all():
        raise OverflowError("even log_energy exceeds the floating range: beta times the squared feature norm does")
    converged = (residual <= tol) & monotone
    if x0.ndim == 3:
        return Maximizer(x, log_energy if climbs else None, residual, iterations, converged)
    return Maximizer(
        x[0], float(log_energy[0]) if climbs else None, float(residual[0]), int(iterations[0]), bool(converged[0])
    )


def _ascend(model, x, field, climbs, tol, max_iter):
    """The ascent of one start x (1, n, d), in place, with threads or harmonic sums."""
    accuracy, step = min(0.1 * tol, 0.5 * ROUNDING), np.full(x.shape[1], np.inf)
    log_energy, iterations, monotone = -np.inf, 0, True
    while True:
        drift, log_mass = model._evaluate(x, field, accuracy)
        image = model._layer(x, field, drift, log_mass, step)
        residual = _kernels.farthest(image[0], x[0])
        if climbs:
            reached = model._log_energy(x, field, log_mass, accuracy)[0]
            monotone &= reached >= log_energy - ROUNDING * max(1.0, abs(reached))
            log_energy = reached
        if not residual > tol or iterations == max_iter or (climbs and not np.isfinite(log_energy)):
            return log_energy, residual, iterations, monotone
        x[:] = image
        iterations += 1
