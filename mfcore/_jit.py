"""The one compile decorator: float64, lazy, cached, free of the interpreter lock; and a fused multiply-add."""

import atexit
import shutil
import tempfile

import numba
from llvmlite import ir
from numba.extending import intrinsic

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


@intrinsic
def _fused(typing, a, b, c):
    def generate(context, builder, signature, arguments):
        double = ir.DoubleType()
        kind = ir.FunctionType(double, [double, double, double])
        return builder.call(builder.module.declare_intrinsic("llvm.fmuladd", [double], kind), arguments)

    return numba.float64(numba.float64, numba.float64, numba.float64), generate


def _separate(a, b, c):
    return a * b + c


# a b + c, in one instruction where the processor has it. Written out, a product that is wanted twice is computed once,
# and then added twice: that is one operation more.
multiply_add = _separate if numba.config.DISABLE_JIT else _fused
