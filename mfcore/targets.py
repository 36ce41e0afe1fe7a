"""Auxiliary variables that make a law of one's choice stationary: positions and prompts in the place of a limit."""

from dataclasses import dataclass

import numpy as np

from . import _check
from .attention import SelfAttention
from .auxiliary import Prompt

__all__ = ["ConvergenceError", "Positions", "positions_for", "prompt_for"]


class ConvergenceError(RuntimeError):
    """An iteration that did not get to its tolerance.

    Attributes
    ----------
    residual : float
        How far it got.
    """

    def __init__(self, message, residual):
        super().__init__(message)
        self.residual = residual


@dataclass(frozen=True, eq=False)
class Positions:
    """What `positions_for` returns.

    Attributes
    ----------
    p : ndarray, (n, d)
        Positions, for AdditivePE with scale 1.
    features : ndarray, (n, d)
        Features target + p, all of the radius asked for.
    residual : float
        Largest distance of a target from its image N(g).
    iterations : int
        Steps taken.
    """

    p: np.ndarray
    features: np.ndarray
    residual: float
    iterations: int


def positions_for(targets, beta, radius, *, damping=0.5, tol=1e-13, max_iter=1000):
    r"""Additive positions under which the targets are exactly stationary.

    Features of one radius are sought, :math:`z_i = R u_i`: with :math:`F(u)_i = N(\sum_j e^{\beta R^2\langle u_i, u_j
    \rangle} u_j)` the equation is :math:`F(u) = \text{targets}`, iterated as :math:`u \leftarrow N(u + \text{damping}
    (\text{targets} - F(u)))`. A solution exists whenever :math:`\beta R^2` is above `closed_forms.universality_bound`.
    Stationary is not maximal: whether tokens near the targets go there is another question.

    Parameters
    ----------
    targets : array_like, (n, d)
        Where the tokens are to rest, unit rows.
    beta : float
        Inverse temperature.
    radius : float
        Radius R of the features, positive.
    damping : float, optional
        Part of the step that is taken, in (0, 1].
    tol : float, optional
        Residual at which to stop.
    max_iter : int, optional
        Steps at most.

    Returns
    -------
    Positions
        Positions, features, and how well they do.

    Raises
    ------
    ConvergenceError
        If the residual is not reached; it has the residual that was.
    TypeError, ValueError
        For tokens or numbers that are none, or out of range.
    """
    targets = _check.unit_rows("targets", targets)
    beta = _check.real("beta", beta, 0.0)
    radius = _check.real("radius", radius, 0.0)
    damping = _check.real("damping", damping, 0.0, 1.0, strict=False)
    if damping == 0.0:
        raise ValueError("damping must be positive, got 0")
    tol = _check.real("tol", tol, 0.0)
    max_iter = _check.count("max_iter", max_iter)
    model = SelfAttention(_check.real("beta * radius**2", beta * radius * radius, 0.0))
    u, iterations = targets.copy(), 0
    while True:
        image = model.layer(u, np.inf)
        residual = float(np.linalg.norm(image - targets, axis=1).max())
        if residual <= tol:
            features = radius * u
            return Positions(features - targets, features, residual, iterations)
        if iterations == max_iter:
            raise ConvergenceError(
                f"after {max_iter} steps the residual is {residual:.2g}, not {tol:g}: "
                "try a larger radius or a smaller damping",
                residual,
            )
        moved = u + damping * (targets - image)
        length = np.linalg.norm(moved, axis=1, keepdims=True)
        u = np.where(length > 0, moved / np.where(length > 0, length, 1.0), u)
        iterations += 1


def prompt_for(targets, beta, pull, weight=1.0):
    r"""The prompt, one vector for each token, under which the targets are exactly stationary.

    .. math:: u_i = a\, x_i - \frac{e^{-\beta a}}{\lambda}\, P_{x_i} \frac1n \sum_j e^{\beta\langle x_i, x_j\rangle} x_j

    Its pull on token i has the tangent part that cancels the tokens'. Tokens near the targets go there if `pull` is
    large; for small or negative ones the targets may be unstable.

    Parameters
    ----------
    targets : array_like, (n, d)
        Where the tokens are to rest, unit rows.
    beta : float
        Inverse temperature.
    pull : float
        The inner product a of each target with its prompt.
    weight : float, optional
        Mass of the prompt relative to that of the tokens, lambda.

    Returns
    -------
    Prompt
        Not shared: row i is for token i.

    Raises
    ------
    OverflowError
        If the tokens' pull or the prompt exceeds the floating range.
    TypeError, ValueError
        For tokens or numbers that are none, or out of range.
    """
    targets = _check.unit_rows("targets", targets)
    pull = _check.real("pull", pull)
    weight = _check.real("weight", weight, 0.0)
    tangent = SelfAttention(beta, "none").velocity(targets)
    with np.errstate(over="ignore", invalid="ignore"):
        vectors = pull * targets - np.exp(-beta * pull) / weight * tangent
    if not np.isfinite(vectors).all():
        raise OverflowError("the prompt exceeds the floating range: ask for a larger pull or weight")
    return Prompt(vectors, weight, shared=False)
