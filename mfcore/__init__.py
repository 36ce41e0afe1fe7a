"""Mean-field transformers: attention dynamics on the sphere and the laws that maximize the attention energy."""

from . import claims, closed_forms, plot, sphere
from ._version import __version__
from .attention import SelfAttention
from .auxiliary import AdditivePE, ConcatPE, RotaryPE
from .claims import ClaimError, claim
from .flow import Trajectory, flow
from .maximize import Maximizer, maximize
from .sweep import sweep

__all__ = [
    "AdditivePE",
    "ClaimError",
    "ConcatPE",
    "Maximizer",
    "RotaryPE",
    "SelfAttention",
    "Trajectory",
    "__version__",
    "claim",
    "claims",
    "closed_forms",
    "flow",
    "maximize",
    "plot",
    "sphere",
    "sweep",
]
