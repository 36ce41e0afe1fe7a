"""Continuous time: the flow x' = velocity(x), integrated adaptively and reported where asked."""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import DOP853

from . import _check, _kernels
from .attention import _exp_or_overflow, _require_model, _share, _threads_for
from .auxiliary import RotaryPE

__all__ = ["Trajectory", "flow"]

MOST_STEPS = 50_000  # an integration that needs more would go on without end or message
MOST_NOISY = 10_000_000  # steps of a noisy flow
NORMALS = 1_000_000  # drawn at a time
MOST_IMPLICIT = 1_000  # coordinates up to which the implicit method is affordable: it solves dense linear systems

# The explicit method's coefficients; the last of E5 and E3 belong to the velocity at the end of the step.
EXPLICIT = tuple(
    np.ascontiguousarray(table)
    for table in (DOP853.A, DOP853.B, DOP853.E3, DOP853.E5, DOP853.D, DOP853.A_EXTRA)
)
# The implicit method's: A, and its last row less the weights of order 3.
SDIRK = np.array(
    [
        [1 / 4, 0, 0, 0, 0],
        [1 / 2, 1 / 4, 0, 0, 0],
        [17 / 50, -1 / 25, 1 / 4, 0, 0],
        [371 / 1360, -137 / 2720, 15 / 544, 1 / 4, 0],
        [25 / 24, -49 / 48, 125 / 16, -85 / 12, 1 / 4],
    ]
)
IMPLICIT = (SDIRK, SDIRK[4] - np.array([59 / 48, -17 / 96, 225 / 32, -85 / 12, 0]))


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
        Logarithm of the energy; None for a model that has none (values="tokens", or a mask that is not symmetric).
    method : str
        What was done: the integrators that took steps, how many tokens had met and were carried on as one, and
        whether sums over tokens were harmonic (see SelfAttention); direct ones are not mentioned.
    steps : int
        Number of accepted steps.
    error : float, or None
        Sum over the steps of the largest coordinate of the estimated local error. The error at the end is
        about this, times how much the flow itself spreads neighbouring trajectories. None for a noisy flow.
    """

    t: np.ndarray
    x: np.ndarray
    log_energy: np.ndarray | None
    method: str
    steps: int
    error: float | None

    @property
    def energy(self):
        """ndarray, (k,): the energy at the report times; OverflowError where only its logarithm is finite."""
        if self.log_energy is None:
            raise ValueError("this trajectory has no energy: its model's field is no gradient")
        return _exp_or_overflow(self.log_energy)


def flow(model, x0, t, *, rtol=1e-10, atol=1e-12, layer_norm="post", noise=0.0, rng=None, step=None):
    r"""Integrate :math:`\dot x_i = P_{x_i} g_i` from x0 at time 0, with noise, or with another layer normalization.

    Parameters
    ----------
    model : SelfAttention or sequence of them
        The field, or several (many betas), each for the start or starts.
    x0 : array_like, (n, d) or (starts, n, d)
        Tokens at time 0, unit rows: one start, or as many as there are models, or any number for one model.
    t : array_like, (k,)
        Times to report, increasing, the first at least 0.
    rtol, atol : float, optional
        Relative (1e-13 to 1) and absolute (positive) tolerance of the local error of a step.
    layer_norm : {"post", "pre", "mix", "peri", "ngpt", "depth"} or ("mix", float), optional
        Where layers normalize. With tokens :math:`r_i x_i` of length r_i, at first 1, the flow is
        :math:`\dot x_i = P_{x_i} g_i / s_i` with

        * post: :math:`s = 1`;
        * pre: :math:`s = r`, :math:`\dot r = \langle x, g\rangle`;
        * mix: post until a time (by default a quarter of the last one asked for), pre from then on;
        * peri: :math:`s = r |g|`, :math:`\dot r = \langle x, g\rangle / |g|`;
        * ngpt: :math:`s = |g|`;
        * depth: :math:`s = \sqrt{t + 1}`.
    noise : float, optional
        Diffusion constant D, at least 0: the flow is :math:`dx_i = P_{x_i}g_i\,dt + \sqrt{2D}\,dB_i` with independent
        Brownian motions on the sphere. For layer_norm="post" alone.
    rng : numpy.random.Generator
        For the noise, and with it only. Several starts get a stream each, spawned from it.
    step : float
        Longest time step of a noisy flow, and of it only, small against the time in which a cluster contracts
        (about 1 for the softmax, e^-beta without). The tolerances have no meaning then.

    Returns
    -------
    Trajectory or list of Trajectory
        States (unit to rounding), log-energies, and what the integrator did. A list if there are several models or
        starts: they run in parallel, and each has the same bits as alone.

    Raises
    ------
    OverflowError
        Without softmax, where the velocity exceeds the floating range.
    RuntimeError
        If more than 50,000 steps are needed.
    TypeError, ValueError
        For tokens, times or tolerances that are no such numbers.

    Notes
    -----
    The method is chosen on the way. It begins with the explicit Runge-Kutta method of order 8 of Dormand and Prince,
    with dense output of order 7 (Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, II.5-6). Tokens
    that have met, to atol and to 1e-12, and have the same auxiliary variable are one token of larger weight from then on:
    the flow keeps equal tokens equal, the system gets smaller, and the drift of a tight cluster, which may be as slow
    as e^-beta, keeps its relative accuracy over times that are as long. Where stability and not accuracy limits
    the step and nothing more can merge, up to 1,000 coordinates are integrated by an L-stable implicit method of order
    4 (volume II, IV.6) until the step is small again. The field is v(x/|x|) in the surrounding space. It is tangent to
    every sphere around 0, so a step leaves the sphere by its own error only and needs no exponential map. A rotary
    encoding in the values too is a change of coordinates, and is integrated as the plain flow that it is. Pre and peri
    are integrated before normalization, as :math:`\dot y = g` and :math:`\dot y = g/|g|`, and only post ever by the
    implicit method; depth is post at the time :math:`2\sqrt{t+1}-2`. The placements are those of Karagodin et al.,
    Normalization in Attention Dynamics, arXiv 2510.22026.

    With noise each step is half a step of Brownian motion, a midpoint step of the flow, and another half of Brownian
    motion. That of Brownian motion follows the geodesic of a tangent Gaussian, shortened by the curvature so that its law
    is right to second order. In law the error at a time is of second order in the step (weak order 2); path by path,
    for increments of a Brownian motion in the surrounding space, it is of order 1/2, for these do not commute.
    """
    models = list(model) if isinstance(model, (list, tuple)) else [model]
    if not models:
        raise ValueError("model must be a SelfAttention or several, got an empty sequence")
    for each in models:
        _require_model(each)
    x0 = _check.unit_rows("x0", x0, (2, 3))
    t = _check.times("t", t)
    rtol = _check.real("rtol", rtol, 1e-13, 1.0, strict=False)
    atol = _check.real("atol", atol, 0.0)
    parts = _parts(layer_norm, t)
    noise = _check.real("noise", noise, 0.0, strict=False)
    if noise > 0:
        rng = _check.generator("rng", rng)
        step = _check.real("step", step, 0.0)
        if t[-1] / step > MOST_NOISY:
            raise ValueError(f"step must be at least {t[-1] / MOST_NOISY:g}, for {MOST_NOISY:,} steps, got {step:g}")
        if layer_norm != "post":
            raise ValueError(f"layer_norm must be 'post' for a flow with noise, got {layer_norm!r}")
    elif rng is not None or step is not None:
        raise ValueError("rng and step are for a flow with noise, which is 0")
    if x0.ndim == 2 and not isinstance(model, (list, tuple)):
        if noise > 0:
            return _noisy(model, x0, t, noise, rng, step, threads=True)
        return _trajectory(model, x0, t, parts, rtol, atol, threads=True)
    starts = x0 if x0.ndim == 3 else x0[None]
    if len(models) > 1 and len(starts) > 1 and len(models) != len(starts):
        raise ValueError(f"model and x0 must be one or equally many, got {len(models)} models and {len(starts)} starts")
    count = max(len(models), len(starts))
    members = [(models[k % len(models)], starts[k % len(starts)]) for k in range(count)]
    streams = rng.spawn(count) if noise > 0 else None
    runs = [None] * count

    def some(first, last):
        for k in range(first, last):
            if noise > 0:
                runs[k] = _noisy(*members[k], t, noise, streams[k], step, threads=False)
            else:
                runs[k] = _trajectory(*members[k], t, parts, rtol, atol, threads=False)

    _share(some, count, _threads_for(count * x0.shape[-2] ** 2 * 1000))
    return runs


PLACEMENTS = {"post": _kernels.POST, "depth": _kernels.POST, "pre": _kernels.PRE, "peri": _kernels.PERI,
              "ngpt": _kernels.NGPT}  # fmt: skip


def _parts(layer_norm, t):
    """The placements one after the other, each with the times at which it reports and those among them that are t's."""
    if isinstance(layer_norm, tuple) and len(layer_norm) == 2 and layer_norm[0] == "mix":
        change = _check.real("the time in layer_norm", layer_norm[1], 0.0, strict=False)
    elif _check.choice("layer_norm", layer_norm, (*PLACEMENTS, "mix")) == "mix":
        change = t[-1] / 4
    else:
        return [(PLACEMENTS[layer_norm], 2 * (np.sqrt(t + 1) - 1) if layer_norm == "depth" else t, len(t))]
    before, after = t[t <= change], t[t > change]
    if not len(after):
        return [(_kernels.POST, t, len(t))]
    until = before if len(before) and before[-1] == change else np.append(before, change)
    return [(_kernels.POST, until, len(before)), (_kernels.PRE, after, len(after))]


def _start(x, field):
    """The integrators' state with the tokens x at time 0; as they merge, the arrays of the field change too."""
    n, d = x.shape
    state = _kernels.State(
        *(np.empty((n, d)) for _ in range(4)), np.empty((16, n, d)), np.arange(n), np.zeros(n),
        field.blocks, field.shift, field.own, np.zeros(6), np.zeros(10, np.int64),
    )  # fmt: skip
    state.x[:] = state.point[:] = x
    state.whole[_kernels.SIZE] = n
    state.whole[_kernels.APART] = _kernels.masked(field.mask)
    return state


def _trajectory(model, x0, t, parts, rtol, atol, threads):
    n, d = x0.shape
    field = model._field(x0)
    rotary = isinstance(model.auxiliary, RotaryPE) and model.values == "features"
    begin, plain = x0, field
    if rotary:
        plain = field._replace(blocks=np.empty((n, 0, 0, 0)))
        begin = np.empty_like(x0)
        _kernels.features(x0, field.blocks, field.shift, begin)
    clusters = plain._replace(blocks=plain.blocks.copy(), shift=plain.shift.copy(), own=plain.own.copy())
    state = _start(begin, clusters)
    reports, sums = [], set()
    for placement, times, count in parts:
        states = np.empty((len(times), n, d))
        for place in (_kernels.STAGE, _kernels.REPORTED, _kernels.REJECTED, _kernels.LAST, _kernels.LIMITED):
            state.whole[place] = 0
        state.real[_kernels.H] = state.real[_kernels.RADIUS] = 0.0
        state.whole[_kernels.PLACEMENT] = placement
        if times[0] == 0:
            states[0] = begin
            state.whole[_kernels.REPORTED] = 1
        if state.whole[_kernels.REPORTED] < len(times):
            sums |= _run(model, clusters, state, times, rtol, atol, states, threads)
        reports.append(states[:count])
    states = np.concatenate(reports)
    if rotary:
        back = np.ascontiguousarray(np.swapaxes(field.blocks, -1, -2))
        for x in states:
            _kernels.features(x.copy(), back, field.shift, x)
    if t[0] == 0:
        states[0] = x0
    log_energy = model._log_energies(states, field) if model._has_energy else None
    steps, implicit, left = (int(state.whole[k]) for k in (_kernels.STEPS, _kernels.IMPLICIT, _kernels.SIZE))
    method = "DOP853" + (f", {implicit} of {steps} steps SDIRK4" if implicit else "")
    if left < n:
        method += f", {n} tokens in {left} clusters"
    if "harmonic" in sums:
        method += ", harmonic sums" if len(sums) == 1 else ", harmonic and direct sums"
    return Trajectory(t, states, log_energy, method, steps, float(state.real[_kernels.ERROR]))


def _noisy(model, x0, t, noise, rng, step, threads):
    field = model._field(x0)
    x, states = x0.copy(), np.empty((len(t), *x0.shape))
    steps, sums, before = 0, set(), 0.0
    for k, time in enumerate(t):
        left = int(np.ceil((time - before) / step * (1 - 1e-12)))
        h = (time - before) / max(left, 1)
        steps += left
        while left:
            part = min(left, max(1, NORMALS // (2 * x.size)))
            sums |= _langevin(model, x, field, h, noise, rng.standard_normal((part, 2, *x.shape)), threads)
            left -= part
        states[k], before = x, time
    log_energy = model._log_energies(states, field) if model._has_energy else None
    method = "Strang splitting" + (", harmonic sums" if "harmonic" in sums else "")
    return Trajectory(t, states, log_energy, method, steps, None)


def _langevin(model, x, field, h, noise, normals, threads):
    """Steps of size h, in place, as many as there are normals (steps, 2, n, d); returns how tokens were summed."""
    n, d = x.shape
    # Over half a step, of which the curvature takes (d - 2)/12 of the time 2 noise h/2: to second order.
    width = np.sqrt(noise * h) * (1 - (d - 2) * noise * h / 12)
    if (not threads or _threads_for(n * n) < 2) and not model._may_be_harmonic(n, field):
        _kernels.langevin(x, field, h, width, normals)
        sums = {"direct"}
    else:
        drift, log_mass, even, v, middle = np.empty_like(x), np.empty(n), np.zeros(n), np.empty_like(x), np.empty_like(x)
        sums = set()
        for first, second in normals:
            _kernels.diffuse(x, first, width)
            sums.add(model._evaluate_one(x, field, even, model.rtol, not field.normalized, drift, log_mass))
            _kernels.nudge(x, x, drift, log_mass, field, 0.5 * h, v, middle)
            sums.add(model._evaluate_one(middle, field, even, model.rtol, not field.normalized, drift, log_mass))
            _kernels.nudge(x, middle, drift, log_mass, field, h, v, x)
            _kernels.diffuse(x, second, width)
    if not np.isfinite(x).all():
        raise OverflowError("the unnormalized velocity exceeds the floating range: use normalization='softmax'")
    return sums


def _run(model, field, state, t, rtol, atol, states, threads):
    total, d = state.x.shape
    placement = state.whole[_kernels.PLACEMENT]
    most_implicit = MOST_IMPLICIT if placement == _kernels.POST else -1
    state.point[: state.whole[_kernels.SIZE]] = state.x[: state.whole[_kernels.SIZE]]
    drift, log_mass = np.empty((total, d)), np.empty(total)
    status, sums = _kernels.RUNNING, set()
    while status in (_kernels.RUNNING, _kernels.STIFF):
        n = state.whole[_kernels.SIZE]
        if status == _kernels.STIFF and n * d <= most_implicit:
            sums.add("direct")
            status = _kernels.implicit(state, field, t, rtol, atol, IMPLICIT, MOST_STEPS, states)
        elif (not threads or _threads_for(n * n) < 2) and not model._may_be_harmonic(n, field):
            sums.add("direct")
            status = _kernels.integrate(state, field, t, rtol, atol, EXPLICIT, MOST_STEPS, most_implicit, states)
        else:
            point, k = state.point[:n], state.k[state.whole[_kernels.STAGE], :n]
            # What the sums add to the error of the step stays a tenth of its tolerance.
            accuracy = 0.1 * rtol / max(1.0, state.real[_kernels.H])
            sums.add(
                model._evaluate_one(
                    point, field, state.log_weight[:n], accuracy, not field.normalized, drift[:n], log_mass[:n]
                )
            )
            _kernels.placed(point, drift[:n], log_mass[:n], field, total, placement, k)
            status = _kernels.advance(state, t, rtol, atol, EXPLICIT, MOST_STEPS, states)
    if status == _kernels.OVERFLOW:
        raise OverflowError(
            "the unnormalized velocity, or the mass in it, exceeds the floating range: use normalization='softmax'"
        )
    if status == _kernels.TOO_MANY:
        raise RuntimeError(
            f"{MOST_STEPS} steps have led to time {state.real[_kernels.TIME]:g} of {t[-1]:g} only: the flow is stiff, "
            "and too large for the implicit method or too rough. Ask for a shorter time, a larger rtol, or layers"
        )
    return sums
