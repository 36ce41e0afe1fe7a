"""Digests of functions: equal for equal code and equal values that the code uses, in any process and session.

The code is its bytecode, so that comments and places in a file do not count. What a function takes from its
closure or its module is followed; what comes from an installed package counts by name and version.
"""

import dis
import hashlib
import sys
import types
from pathlib import Path

import numpy as np

PLAIN = (type(None), bool, int, float, complex, str, bytes, range, type(...))


def digest(value):
    """Sixteen hexadecimal digits that differ where the value does."""
    return hashlib.sha256(repr(_facts(value, {})).encode()).hexdigest()[:16]


def digests(function):
    """The digest of a function itself under "", and of each value that it uses under that value's name."""
    if not isinstance(function, types.FunctionType):
        return {"": digest(function)}
    used = _uses(function)
    names = _names(function.__code__)
    own = (function.__code__, function.__defaults__, function.__kwdefaults__)
    return {"": digest(own)} | {name: digest(_Used(value, names)) for name, value in used.items()}


class _Used:
    """A value together with the names by which the code that uses it may reach into it, if it is a module."""

    def __init__(self, value, names):
        self.value, self.names = value, names


def _facts(value, seen):
    """The value as nested tuples, whose text is the same for the same value in every process."""
    if isinstance(value, PLAIN):
        return type(value).__name__, repr(value)
    if isinstance(value, (tuple, list, set, frozenset, dict)):
        return _container(value, seen)
    if isinstance(value, types.CodeType):
        shape = (value.co_argcount, value.co_posonlyargcount, value.co_kwonlyargcount, value.co_flags)
        names = (value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars)
        return "code", value.co_code, value.co_exceptiontable, shape, names, _facts(value.co_consts, seen)
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return "array", value.dtype.str, value.shape, hashlib.sha256(np.ascontiguousarray(value)).hexdigest()
    if isinstance(value, _Used):
        if isinstance(value.value, types.ModuleType) and not _installed(value.value.__name__):
            return _module(value.value, value.names, seen)
        return _facts(value.value, seen)
    if id(value) in seen:
        return "again", seen[id(value)][0]
    seen[id(value)] = len(seen), value  # the value too: as long as it lives its id is its own
    if isinstance(value, types.ModuleType):
        return "module", value.__name__, _version(value.__name__)
    if _installed(getattr(value, "__module__", None)) and _found_by_name(value):
        return "installed", value.__module__, value.__qualname__, _version(value.__module__)
    if isinstance(value, types.FunctionType):
        return "function", sorted(
            (name, _facts(item, seen))
            for name, item in {
                **{f"uses {name}": _Used(item, _names(value.__code__)) for name, item in _uses(value).items()},
                "is": (value.__code__, value.__defaults__, value.__kwdefaults__),
            }.items()
        )
    if isinstance(value, type):
        parts = [(name, _facts(item, seen)) for name, item in sorted(vars(value).items()) if _counts(name, item)]
        return "class", value.__name__, _facts(value.__bases__, seen), parts
    if isinstance(value, (staticmethod, classmethod)):
        return type(value).__name__, _facts(value.__func__, seen)
    if isinstance(value, property):
        return "property", _facts((value.fget, value.fset, value.fdel), seen)
    for inner in ("py_func", "__wrapped__"):  # what numba has compiled, what functools has wrapped
        if inner in getattr(value, "__dict__", {}):
            return type(value).__name__, _facts(vars(value)[inner], seen)
    return _object(value, seen)


def _container(value, seen):
    """Its items, wherever it stands: of equal tuples, Python makes one or several as it likes."""
    if ("inside", id(value)) in seen:
        return "inside itself"
    seen["inside", id(value)] = True
    if isinstance(value, dict):
        items = [(_facts(key, seen), _facts(item, seen)) for key, item in value.items()]
    elif isinstance(value, (set, frozenset)):
        items = sorted(repr(_facts(item, {})) for item in value)
    else:
        items = [_facts(item, seen) for item in value]
    del seen["inside", id(value)]
    return type(value).__name__, items


def _object(value, seen):
    """Any other object, as it would be pickled; by its type and name alone if it cannot be."""
    try:
        reduced = value.__reduce_ex__(2)
    except Exception:
        return "object", type(value).__module__, type(value).__qualname__, getattr(value, "__name__", "")
    if isinstance(reduced, str):
        return "named", reduced
    _, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
    if isinstance(state, tuple) and len(state) == 2 and all(isinstance(part, (dict, type(None))) for part in state):
        state = {**(state[0] or {}), **(state[1] or {})}  # the dict and the slots, which cloudpickle moves over
    parts = (arguments, state, list(items or ()), list(pairs or ()))
    return "object", _facts(type(value), seen), _facts(parts, seen)


def _module(module, names, seen):
    """Of a module that is not installed, what the names reach, in submodules too."""
    key = module.__name__, names
    if key in seen:
        return "again", seen[key]
    seen[key] = len(seen)
    used = [(name, _facts(_Used(vars(module)[name], names), seen)) for name in names if name in vars(module)]
    return "module", module.__name__, used


def _codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _names(code):
    return tuple(sorted({name for part in _codes(code) for name in part.co_names}))


def _uses(function):
    """What the function takes from its module and its closure, by name."""
    loads = [step for part in _codes(function.__code__) for step in dis.get_instructions(part)]
    names = sorted({step.argval for step in loads if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")})
    found = {name: function.__globals__[name] for name in names if name in function.__globals__}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            pass
    return found


def _counts(name, item):
    methods = (types.FunctionType, staticmethod, classmethod, property)
    slots = (types.MemberDescriptorType, types.GetSetDescriptorType)
    private = name.startswith("_") and name.endswith("_")  # of Python, which fills some as it runs
    return isinstance(item, methods) or not (private or isinstance(item, slots))


def _top(module):
    return module.partition(".")[0] if isinstance(module, str) else ""


def _installed(module):
    top = _top(module)
    path = getattr(sys.modules.get(top), "__file__", None) or ""
    packages = {"site-packages", "dist-packages"}
    return top == "mfcore" or top in sys.stdlib_module_names or bool(packages & set(Path(path).parts))


def _version(module):
    return str(getattr(sys.modules.get(_top(module)), "__version__", ""))


def _found_by_name(value):
    found = sys.modules.get(value.__module__)
    for name in getattr(value, "__qualname__", "").split("."):
        found = getattr(found, name, None)
    return found is value
