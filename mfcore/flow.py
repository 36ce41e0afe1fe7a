"""Continuous time: the flow x' = velocity(x), integrated adaptively and reported where asked."""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import DOP853

from . import _check, _kernels
from .attention import _exp_or_overflow, _require_model

__all__ = ["Trajectory", "flow"]

# An explicit method that needs more steps than this is stiff, and would go on without end or message.
MOST_STEPS = 50_000


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What `flow` returns.

    Attributes
    ----------
    t : ndarray, (k,)
        The times asked for.
    x : ndarray, (k, n, d)
        The tokens at these times, unit rows.
    log_energy : ndarray, (k,), or None
        Logarithm of the energy; None for a model that has no energy (values="tokens").
    method : str
        The integrator that was used.
    steps : int
        Number of accepted steps.
    error : float
        Sum over the steps of the largest coordinate of the estimated local error. The error at the end is
        about this, times how much the flow itself spreads neighbouring trajectories.
    """

    t: np.ndarray
    x: np.ndarray
    log_energy: np.ndarray | None
    method: str
    steps: int
    error: float

    @property
    def energy(self):
        """ndarray, (k,): the energy at the report times; OverflowError where only its logarithm is finite."""
        if self.log_energy is None:
            raise ValueError("this trajectory has no energy: its model has values='tokens'")
        return _exp_or_overflow(self.log_energy)


def flow(model, x0, t, *, rtol=1e-10, atol=1e-12):
    r"""Integrate :math:`\dot x_i = P_{x_i} g_i` from x0 at time 0.

    Parameters
    ----------
    model : SelfAttention
        The field.
    x0 : array_like, (n, d)
        Tokens at time 0, unit rows.
    t : array_like, (k,)
        Times to report, increasing, the first at least 0.
    rtol, atol : float, optional
        Relative (1e-13 to 1) and absolute (positive) tolerance of the local error of a step.

    Returns
    -------
    Trajectory
        States (unit to rounding), log-energies, and what the integrator did.

    Raises
    ------
    OverflowError
        Without softmax, where the velocity exceeds the floating range.
    RuntimeError
        If the step size underflows, or the flow is so stiff that it needs more than 50,000 steps.
    TypeError, ValueError
        For tokens, times or tolerances that are no such numbers.

    Notes
    -----
    The integrator is scipy's DOP853, the explicit Runge-Kutta method of order 8 of Dormand and Prince with
    dense output of order 7 (Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, II.5-6),
    on the field v(x/|x|) of the surrounding space. That field is tangent to every sphere around 0, so the
    exact solution stays on the unit sphere, the numerical one leaves it by its own error only, and the
    states reported are divided by their norm: a method of order 8 that needs no exponential map. Beyond some
    10,000 coordinates scipy's sums go through BLAS, and the last digits depend on the number of its threads.
    """
    _require_model(model)
    x0 = _check.unit_rows("x0", x0)
    t = _check.times("t", t)
    rtol = _check.real("rtol", rtol, 1e-13, 1.0, strict=False)
    atol = _check.real("atol", atol, 0.0)
    a, b = model._affine(x0[None])
    shape = (1, *x0.shape)
    unit = np.empty(shape)

    def field(_, y):
        _kernels.normalize(y.reshape(shape), unit)
        velocity = model._velocity(unit, *model._evaluate(unit, a, b)).ravel()
        if not np.isfinite(velocity).all():
            raise OverflowError(
                "the unnormalized velocity, or the mass in it, exceeds the floating range: use normalization='softmax'"
            )
        return velocity

    states = np.empty((len(t), *x0.shape))
    reported = steps = 0
    error = 0.0
    if t[0] == 0:
        states[0] = x0
        reported = 1
    if reported < len(t):
        solver = DOP853(field, 0.0, x0.ravel(), t[-1], rtol=rtol, atol=atol)
    while reported < len(t):
        with np.errstate(over="ignore", invalid="ignore"):  # in scipy's norms, where the sentences below follow
            message = solver.step()
        if solver.status == "failed":
            raise RuntimeError(
                f"the integration stopped at time {solver.t:g}, where tokens move too fast for it: {message} "
                "normalization='softmax' is slower by the row's mass"
            )
        steps += 1
        if steps > MOST_STEPS:
            raise RuntimeError(
                f"the flow is stiff: {MOST_STEPS} steps have led to time {solver.t:g} of {t[-1]:g}. "
                "Ask for a shorter time, a larger rtol, or layers"
            )
        error += np.abs(solver._estimate_error(solver.K, solver.h_previous)).max()
        arrived = int(np.searchsorted(t, solver.t, side="right"))
        if arrived > reported:
            at = solver.dense_output()(t[reported:arrived]).T
            _kernels.normalize(at.reshape(-1, *x0.shape), states[reported:arrived])
            reported = arrived
    log_energy = None
    if model.values == "features":
        log_energy = np.concatenate([model._log_energy(model._evaluate(x[None], a, b)[1]) for x in states])
    return Trajectory(t, states, log_energy, "DOP853", steps, float(error))
