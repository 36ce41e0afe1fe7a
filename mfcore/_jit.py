"""The one compile decorator: float64, lazy, cached, free of the interpreter lock; and two primitives that numba lacks."""

import atexit
import shutil
import tempfile
from pathlib import Path

import numba
from llvmlite import ir
from numba.core.caching import FunctionCache
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
        kernel = numba.njit(nogil=True, fastmath=fastmath, error_model="numpy", _nrt=arrays, forceinline=inline)(function)
        if numba.config.DISABLE_JIT:
            return kernel
        try:
            kernel._cache = _Cache(function)
        except RuntimeError:
            # Neither the package's folder nor the home can be written. A private folder that goes with the process
            # keeps the import working.
            numba.config.CACHE_DIR = tempfile.mkdtemp(prefix="mfcore-")
            atexit.register(shutil.rmtree, numba.config.CACHE_DIR, ignore_errors=True)
            kernel._cache = _Cache(function)
        _kernels.append(kernel)
        return kernel

    return decorate


_kernels = []  # in the order of their definition: what a kernel calls comes before it


class _Cache(FunctionCache):
    """What numba keeps of a kernel on disk, read after all that the kernel may call.

    The compiled code of a caller holds a copy of what it calls, optimized once more, which may round otherwise; and of
    the same function a process runs what it has met first. In a process that compiles that is the function itself,
    which so must be loaded first where nothing is left to compile. Else the first run would differ from all others.
    """

    _seen = None

    def load_overload(self, sig, target_context):
        for kernel in _kernels:
            if kernel.py_func is self._py_func:
                break
            kernel._cache._load_all(kernel)
        return super().load_overload(sig, target_context)

    def _load_all(self, kernel):
        index = Path(self._cache_file._index_path)
        seen = index.stat().st_mtime_ns if index.exists() else None
        if seen != self._seen:
            self._seen = seen
            for sig, *version in self._cache_file._load_index():
                if version == list(self._index_key(sig, kernel.targetctx.codegen())[1:]):
                    kernel.compile(sig)


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
# The entries from `start` on of a C-ordered array, which an argument of the function that asks must keep alive: nothing
# is checked, and nothing counted. A slice costs as much as the sum over eight tokens.
view = _sliced if numba.config.DISABLE_JIT else _pointed
