"""The one compile decorator: float64, lazy, cached, free of the interpreter lock."""

import atexit
import shutil
import tempfile

import numba

# "reassoc" lets sums run in vector lanes, "contract" allows fused multiply-add, "nsz" the sign of
# zero. "nnan" and "ninf" stay out: a kernel must be able to see the NaN that it is asked to refuse.
FAST = {"reassoc", "contract", "nsz"}
# For code whose rounding is part of the algorithm (the exponential's range reduction).
EXACT = {"contract"}


def jit(fastmath=FAST):
    """Compile lazily with numba, keep the result on disk, and run without the interpreter lock."""

    def decorate(function):
        options = dict(nogil=True, cache=True, fastmath=fastmath, error_model="numpy")
        try:
            return numba.njit(**options)(function)
        except RuntimeError:
            # Neither the package's folder nor the home can be written: numba refuses to cache, at
            # import. A private folder that goes with the process keeps the import working.
            numba.config.CACHE_DIR = tempfile.mkdtemp(prefix="mfcore-")
            atexit.register(shutil.rmtree, numba.config.CACHE_DIR, ignore_errors=True)
            return numba.njit(**options)(function)

    return decorate
