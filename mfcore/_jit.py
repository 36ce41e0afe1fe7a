"""The one compile decorator: float64, lazy, cached, free of the interpreter lock; and two primitives that numba lacks."""

import atexit
import shutil
import tempfile

import numba
from llvmlite import ir
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

# "reassoc" lets sums run in vector lanes, "contract" allows fused multiply-add, "nsz" the sign of
# zero. "nnan" and "ninf" stay out: a kernel must be able to see the NaN that it is asked to refuse.
FAST = {"reassoc", "contract", "nsz"}
# For code whose rounding is part of the algorithm (the exponential's range reduction).
EXACT = {"contract"}


def jit(fastmath=FAST, arrays=False, inline=False):
    """Compile lazily with numba, keep the result on disk, and run without the interpreter lock.

    arrays : whether the function makes or gets an array that it was not given, or returns one. Others need not count
        references, which would take as long as the sums over a few tokens.
    inline : put the function into those that call it, for a call that hands on a whole field takes as long, too
    """

    def decorate(function):
        options = dict(
            nogil=True, cache=True, fastmath=fastmath, error_model="numpy", _nrt=arrays, forceinline=inline
        )
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


@intrinsic
def _pointed(typing, array, start, length):
    kind = numba.types.Array(numba.float64, 1, "C")

    def generate(context, builder, signature, arguments):
        source, first, count = arguments
        source = make_array(signature.args[0])(context, builder, source)
        out = make_array(kind)(context, builder)
        size = context.get_constant(numba.intp, 8)
        populate_array(out, builder.gep(source.data, [first], inbounds=True), [count], [size], size, None)
        return out._getvalue()

    return kind(array, numba.intp, numba.intp), generate


def _sliced(array, start, length):
    return array.reshape(-1)[start : start + length]


# a b + c, in one instruction where the processor has it. Written out, a product that is wanted twice is computed once,
# and then added twice: that is one operation more.
multiply_add = _separate if numba.config.DISABLE_JIT else _fused
# The entries from `start` on of a C-ordered array, which must be an argument of the function that asks: nothing is
# checked, and nothing counted that would keep the array alive. A slice costs as much as the sum over eight tokens.
view = _sliced if numba.config.DISABLE_JIT else _pointed
