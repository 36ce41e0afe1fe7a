"""Mean-field transformers: attention dynamics on the sphere and the laws that maximize the attention energy."""

from . import claims, closed_forms, clusters, masks, meanfield, measures, networks, plot, rank, sphere
from ._version import __version__
from .attention import SelfAttention
from .auxiliary import AdditivePE, AffineFeature, ConcatPE, Prompt, RotaryPE
from .claims import ClaimError, claim
from .flow import Trajectory, flow
from .maximize import Maximizer, maximize
from .sweep import sweep
from .targets import ConvergenceError, Positions, positions_for, prompt_for

__all__ = [
    "AdditivePE",
    "AffineFeature",
    "ClaimError",
    "ConcatPE",
    "ConvergenceError",
    "Maximizer",
    "Positions",
    "Prompt",
    "RotaryPE",
    "SelfAttention",
    "Trajectory",
    "__version__",
    "claim",
    "claims",
    "closed_forms",
    "clusters",
    "flow",
    "masks",
    "maximize",
    "meanfield",
    "measures",
    "networks",
    "plot",
    "positions_for",
    "prompt_for",
    "rank",
    "sphere",
    "sweep",
]
