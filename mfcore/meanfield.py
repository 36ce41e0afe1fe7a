"""Infinitely many tokens on the circle: their density in time, and where noise and attention balance."""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.special import ive

from . import _check
from .attention import _require_model

__all__ = ["CircleDensity", "ResolutionError", "circle_equilibrium", "circle_flow", "quantiles"]

RESOLVED = 1e-8  # the last coefficients of a density, beside 1, that count as resolved
KERNEL = 1e-12  # the same for the kernel's
TOLERANCE = 1e-11  # of the integrator
CONVERGED = 1e-13  # change of coefficients in an iteration
MOST_ITERATIONS = 5_000


class ResolutionError(RuntimeError):
    """A density has become too narrow for the modes that it was given."""


@dataclass(frozen=True, eq=False)
class CircleDensity:
    """What `circle_flow` returns.

    Attributes
    ----------
    t : ndarray, (k,)
        The times asked for.
    angle : ndarray, (m,)
        Where the density is given: 2 pi j / m.
    density : ndarray, (k, m)
        Densities with respect to the uniform law, of mean 1.
    log_energy : ndarray, (k,)
        Logarithm of the energy.
    tail : ndarray, (k,)
        Largest of the last tenth of the Fourier coefficients: about the size of what was cut off.
    """

    t: np.ndarray
    angle: np.ndarray
    density: np.ndarray
    log_energy: np.ndarray
    tail: np.ndarray


def circle_flow(model, density0, t, modes, *, noise=0.0):
    r"""Flow of a density of tokens on the circle, the limit of infinitely many tokens.

    .. math:: \partial_t\rho = -\partial_\theta(\rho\,v[\rho]) + D\,\partial_\theta^2\rho,\qquad
              v[\rho] = \tfrac1\beta\,\partial_\theta Z\ \text{(none)},\quad
              \tfrac1\beta\,\partial_\theta\log Z\ \text{(softmax)},\qquad Z = e^{\beta\cos}*\rho

    Parameters
    ----------
    model : SelfAttention
        Without auxiliary variable, mask and prompt.
    density0 : array_like, (m,)
        Density at time 0 at the angles 2 pi j / m, not negative; divided by its mean.
    t : array_like, (k,)
        Times to report, increasing, the first at least 0.
    modes : int
        Number of Fourier modes, at least 4.
    noise : float, optional
        Diffusion constant D, as for `flow`.

    Returns
    -------
    CircleDensity
        Densities on a grid of four points a mode.

    Raises
    ------
    OverflowError
        Without softmax, for a beta above 600.
    ResolutionError
        When the last tenth of the modes is no longer below 1e-8: attention narrows a density without end unless noise
        stops it.
    TypeError, ValueError
        For another kind of model, a density that is none or that the modes do not resolve, or fewer modes than the
        kernel needs.

    Notes
    -----
    Fourier modes of the density; products are formed on a grid of four points a mode, on which a product of three
    factors has no aliases, and integrated by scipy's DOP853, or with noise by its implicit BDF.
    """
    beta, kernel, modes = _kernel(model, modes)
    density0 = _check.real_array("density0", density0, 1)
    if (density0 < 0).any() or not density0.any():
        raise ValueError(f"density0 must be at least 0 and not 0 everywhere, got {density0.min():g} as the least value")
    t = _check.times("t", t)
    noise = _check.real("noise", noise, 0.0, strict=False)
    start = np.fft.rfft(density0 / density0.mean())[1:] / len(density0)
    if len(density0) < 2 * modes + 1:
        start = start[: (len(density0) - 1) // 2]
    cut, start = np.abs(start[modes:]), np.append(start[:modes], np.zeros(max(0, modes - len(start))))
    last = max(1, modes // 10)
    if max(cut.max(initial=0.0), np.abs(start[-last:]).max()) > RESOLVED:
        raise ValueError(f"density0 is not resolved by {modes} modes: take more, or a smoother density")
    k = np.arange(1, modes + 1)
    points = 4 * modes

    def on_grid(coefficients, mean):
        return np.fft.irfft(np.concatenate([[mean], coefficients, np.zeros(modes)]), points) * points

    def slope(_, state):
        c = state[:modes] + 1j * state[modes:]
        velocity = on_grid(1j * k * kernel[1:] * c, 0.0) / beta
        if model.normalization == "softmax":
            velocity /= on_grid(kernel[1:] * c, kernel[0])
        else:
            velocity *= np.exp(beta)
        flux = np.fft.rfft(on_grid(c, 1.0) * velocity)[1 : modes + 1] / points
        change = -1j * k * flux - noise * k**2 * c
        return np.concatenate([change.real, change.imag])

    def jacobian(_, state):
        c = state[:modes] + 1j * state[modes:]
        density, velocity, mass = on_grid(c, 1.0), on_grid(1j * k * kernel[1:] * c, 0.0) / beta, 1.0
        push = pushes / beta
        if model.normalization == "softmax":
            mass = on_grid(kernel[1:] * c, kernel[0])[:, None]
            velocity = velocity / mass[:, 0]
            push = (push - velocity[:, None] * masses) / mass
        else:
            velocity, push = np.exp(beta) * velocity, np.exp(beta) * push
        flux = np.fft.rfft(velocity[:, None] * waves + density[:, None] * push, axis=0)[1 : modes + 1] / points
        change = -1j * k[:, None] * flux
        change[k - 1, k - 1] -= noise * k**2
        change[k - 1, modes + k - 1] -= 1j * noise * k**2
        return np.vstack([change.real, change.imag])

    def resolved(_, state):
        return RESOLVED - np.hypot(state[modes - last : modes], state[-last:]).max()

    resolved.terminal = True
    # What a unit of each coefficient, real and imaginary, adds to the density, to Z, and to its derivative.
    wave = np.exp(1j * np.multiply.outer(2 * np.pi * np.arange(points) / points, k))
    waves = 2 * np.hstack([wave.real, -wave.imag])
    masses = waves * np.tile(kernel[1:], 2)
    pushes = 2 * np.hstack([-wave.imag, -wave.real]) * np.tile(k * kernel[1:], 2)
    first = np.concatenate([start.real, start.imag])
    states = first[:, None]
    if t[-1] > 0:
        # diffusion is stiff
        method = {"method": "BDF", "jac": jacobian} if noise > 0 else {"method": "DOP853"}
        run = solve_ivp(slope, (0.0, t[-1]), first, t_eval=t, events=resolved, rtol=TOLERANCE, atol=TOLERANCE, **method)
        if run.status == 1:
            raise ResolutionError(
                f"from time {run.t_events[0][0]:.6g} on the density is too narrow for {modes} modes: take more, report "
                "earlier times, or add noise"
            )
        if run.status < 0:
            raise RuntimeError(f"the integration ended at time {run.t[-1] if len(run.t) else 0:g}: {run.message}")
        states = run.y
    c = states[:modes] + 1j * states[modes:]
    mass = kernel[0] + 2 * (kernel[1:, None] * np.abs(c) ** 2).sum(axis=0)
    return CircleDensity(
        t, 2 * np.pi * np.arange(points) / points, np.array([on_grid(column, 1.0) for column in c.T]),
        beta + np.log(mass) - np.log(2 * beta), np.abs(c[-last:]).max(axis=0),
    )  # fmt: skip


def circle_equilibrium(model, order, modes):
    r"""The noise, and the density at rest, that belong to an order parameter on the circle.

    The density is even about angle 0 and has :math:`\int\cos\theta\,d\rho = r`. It solves

    .. math:: \rho\propto e^{Z/(\beta D)}\ \text{(none)},\qquad \rho\propto Z^{1/(\beta D)}\ \text{(softmax)},\qquad
              Z = e^{\beta\cos}*\rho,

    for a noise D that is found with it. So the branch of equilibria that leaves the uniform law is followed through its
    turning points, the unstable part included.

    Parameters
    ----------
    model : SelfAttention
        Without auxiliary variable, mask and prompt.
    order : float
        Order parameter r, in (0, 1).
    modes : int
        Number of Fourier modes, at least 4.

    Returns
    -------
    noise : float
        Diffusion constant D.
    density : ndarray, (4 modes,)
        Density with respect to the uniform law at the angles 2 pi j / (4 modes).

    Raises
    ------
    OverflowError
        Without softmax, for a beta above 600.
    ResolutionError
        If the density is too narrow for the modes.
    RuntimeError
        If 5,000 iterations have not converged.
    TypeError, ValueError
        For another kind of model, numbers out of range, or fewer modes than the kernel needs.
    """
    beta, kernel, modes = _kernel(model, modes)
    order = _check.real("order", order, 0.0, 1.0)
    points = 4 * modes
    angle = 2 * np.pi * np.arange(points) / points
    waves = np.cos(np.multiply.outer(np.arange(1, modes + 1), angle))

    # The von Mises law of about this order. With the order held fast, the iteration of the equation converges on
    # unstable branches too.
    c = ive(np.arange(modes + 1), order * (2 - order**2) / (1 - order**2))
    c = c[1:] / c[0]
    for _ in range(MOST_ITERATIONS):
        c[0] = order
        mass = kernel[0] + 2 * (kernel[1:] * c) @ waves
        pull = np.log(np.maximum(mass, 1e-300)) if model.normalization == "softmax" else np.exp(beta) * mass
        pull = (pull - pull.max()) / beta
        before, (noise, density) = c, _tilted(pull, waves[0], order)
        c = waves @ density / points
        if np.abs(c - before).max() < CONVERGED:
            break
    else:
        raise RuntimeError(f"{MOST_ITERATIONS} iterations have found no equilibrium of order {order:g}")
    if np.abs(c[-max(1, modes // 10) :]).max() > RESOLVED:
        raise ResolutionError(f"the density of order {order:g} is too narrow for {modes} modes: take more")
    return noise, density


def _tilted(pull, cosine, order):
    """The noise D for which the law in proportion to e^(pull/D) has this mean of the cosine; and that law."""

    def law(log_inverse):
        density = np.exp(np.exp(log_inverse) * pull)
        return density / density.mean()

    middle = -np.log(np.ptp(pull))
    found = brentq(lambda s: (law(s) * cosine).mean() - order, middle - 20, middle + 20, xtol=1e-15, rtol=1e-15)
    return float(np.exp(-found)), law(found)


def quantiles(density, n):
    """Tokens that share a density on the circle out evenly.

    Parameters
    ----------
    density : array_like, (m,)
        Density at the angles 2 pi j / m, not negative; between them it is the trigonometric polynomial of least degree.
    n : int
        Number of tokens.

    Returns
    -------
    ndarray, (n, 2)
        Tokens at the quantiles (i + 1/2)/n of the density, counted from angle 0.

    Raises
    ------
    TypeError, ValueError
        For a density or a number that is none.
    """
    density = _check.real_array("density", density, 1)
    n = _check.count("n", n)
    if (density < -RESOLVED * np.abs(density).max()).any() or density.mean() <= 0:
        raise ValueError(f"density must be at least 0 and not 0 everywhere, got {density.min():g} as the least value")
    c = np.fft.rfft(density / density.mean()) / len(density)
    k = np.arange(1, (len(density) - 1) // 2 + 1)
    fine = 16 * len(density)
    terms = np.zeros(fine // 2 + 1, dtype=complex)
    terms[k] = c[k] / (1j * k)
    angle = 2 * np.pi * np.arange(fine + 1) / fine
    wave = np.fft.irfft(terms, fine) * fine
    share = angle + np.append(wave, wave[0]) - wave[0]
    at = np.interp((np.arange(n) + 0.5) / n * 2 * np.pi, np.maximum.accumulate(share), angle)
    return np.column_stack([np.cos(at), np.sin(at)])


def _kernel(model, modes):
    """beta, the kernel's Fourier coefficients up to that mode in units of e^beta, and the number of modes."""
    _require_model(model)
    if model.auxiliary is not None or model.mask is not None or model.prompt is not None:
        raise ValueError("model must have no auxiliary variable, mask or prompt: their mean field is not built")
    modes = _check.count("modes", modes, 4)
    if model.normalization == "none" and model.beta > 600:
        raise OverflowError("the unnormalized velocity exceeds the floating range: use normalization='softmax'")
    kernel = ive(np.arange(modes + 1), model.beta)
    if kernel[-1] > KERNEL * kernel[0]:
        need = modes
        while ive(need, model.beta) > KERNEL * kernel[0]:
            need += 1
        raise ValueError(f"modes must be at least {need}, for the kernel at beta {model.beta:g}, got {modes}")
    return model.beta, kernel, modes
