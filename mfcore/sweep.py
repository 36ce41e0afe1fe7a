"""Sweeps: one function over a grid of parameters, stored member by member, so that a killed run resumes."""

import contextlib
import hashlib
import importlib.metadata
import inspect
import io
import itertools
import json
import math
import numbers
import os
import platform
import re
import subprocess
import sys
import threading
import traceback
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from multiprocessing import connection as pipes
from pathlib import Path

import numpy as np

from . import _check, _fingerprint
from ._version import __version__

__all__ = ["sweep"]

MANIFEST = "sweep.json"
SENT = "it cannot be sent to another process, use workers=1"
PART = ".part"
LEFTOVER = re.compile(r"(.*_[0-9a-f]{16}\.nc|sweep\.json)\.part")  # of a run that was killed as it wrote
CHECKSUM = re.compile(rb"\nsha256 ([0-9a-f]{64})\n\Z")
CHECKSUM_LENGTH = 73
# Attributes by which HDF5 and netCDF link variables and dimensions.
RESERVED = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates"}

# What is in memory, read as the package is imported: the files may change under a running notebook. Figures,
# claims and the book's build compute nothing.
_SOURCES = [p for p in sorted(Path(__file__).parent.glob("*.py")) if p.name not in ("_book.py", "claims.py", "plot.py")]
_SOURCE = hashlib.sha256(b"\0".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:16]


def sweep(member, grid, *, path, seed, workers=None, client=None):
    """Call a function at every point of a grid, on all processors, and keep each result on disk at once.

    A run that was killed resumes when it is called again: what is stored is read, what is missing is computed,
    and the result has the same bits as that of an undisturbed run. So does a grid that has grown.

    Parameters
    ----------
    member : callable
        ``member(rng, **point)`` with a numpy Generator and one value for each name of the grid. Returns a number,
        a text, an array, an xarray.DataArray (keeps its dimensions, coordinates, and attributes such as units), or
        a dict of these by name; the same names, dimensions and shapes at every point.
    grid : dict
        For each parameter its values: a list, tuple, range or 1-D array of numbers (infinity is one, NaN is not) or of
        strings, without repetition; or a 1-D DataArray, whose attributes (units, say) the result keeps. Repeated
        draws are one more parameter, ``"draw": range(20)``.
    path : str or path-like
        The folder to store in: a new one, or that of an earlier run.
    seed : int
        Seed of all draws, at least 0 and below ``2**63``. The generator of a member depends on the seed and on the
        member's own parameters alone: not on the rest of the grid, its order, or who computes it.
    workers : int, optional
        Number of processes, by default as many as there are processors; with 1 everything runs in this process.
    client : dask.distributed.Client, optional
        Compute on this cluster instead. The results are stored from here, so the cluster needs no shared disk, but
        it needs mfcore.

    Returns
    -------
    xarray.Dataset
        The parameters are its first dimensions, in the order of the grid, and coordinates. A result without a name is
        called "value", the axes of an array without names ``<name>_dim_0`` and so on. Its attributes are the version
        of mfcore, the seed and the member's name.

    Raises
    ------
    ImportError
        If the packages of the extra ``sweep`` are missing.
    TypeError, ValueError
        For arguments that are no such things; for a folder that holds a sweep with another seed, other parameters or
        other code (of the member, of what it uses, of mfcore, of NumPy, SciPy, numba or Python), or a damaged file.
    RuntimeError
        If a member raises an exception, or a process dies (the point is named; the others at work are finished and
        stored first), or another sweep is writing into the folder.
    OSError
        If a member cannot be stored, for lack of room, say.

    Notes
    -----
    Members run with one thread of BLAS and of OpenMP each, since some sums of theirs depend on the number of threads.

    Each member is a netCDF file of its own, written aside, flushed and renamed. It holds its parameters, the seed and
    what the code was, and ends with a line with the SHA-256 of all bytes before, checked when it is read again. Of
    the member function that code is its bytecode, its defaults, and the values and functions that it uses from its
    module or closure; installed packages count by name and version. Equal bits are promised on machines of one kind.

    The numbers 1 and 1.0 have the same generator but are stored apart, for a function may tell them apart.

    Examples
    --------
    >>> import tempfile, mfcore as mf
    >>> def collapsed(rng, beta, draw):
    ...     end = mf.maximize(mf.SelfAttention(beta), mf.sphere.sample(8, 3, rng))
    ...     return (end.x @ end.x.T).min().round(6)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = mf.sweep(collapsed, {"beta": [0.5, 2.0], "draw": range(3)}, path=folder, seed=0, workers=1)
    >>> result.value.dims, float(result.value.sel(beta=2.0).mean("draw"))
    (('beta', 'draw'), 1.0)
    """
    axes = _axes(grid)
    _check_member(member, axes)
    folder = _check_path(path)
    seed = _check.count("seed", seed, 0)
    if seed >= 2**63:
        raise ValueError(f"seed must be below 2**63, got {seed}")
    if workers is not None:
        workers = _check.count("workers", workers)
    _check_client(client, workers)
    xarray, tqdm = _extra()

    name = _name(member)
    points = [dict(zip(axes, values, strict=True)) for values in itertools.product(*(v for v, _ in axes.values()))]
    manifest = _manifest(member, name, seed, axes)
    with _storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        _prepare(folder, manifest)
        results = _stored(folder, manifest, points)
        todo = deque(k for k in range(len(points)) if k not in results)
        faults = []
        if client is not None:
            run = _on_cluster(member, seed, points, todo, faults, client)
        elif workers == 1:
            run = _here(member, seed, points, todo, faults)
        else:
            run = _in_processes(member, seed, points, todo, faults, workers or _processors())
        # Never into a stored notebook, whose output is compared: only to a terminal, or to one who looks on.
        watched = sys.stderr.isatty() or "JPY_SESSION_NAME" in os.environ
        bar = tqdm(total=len(points), initial=len(results), desc=name, unit="member", disable=not (watched and todo))
        with bar, contextlib.closing(run):
            for k, outcome in run:
                try:
                    if isinstance(outcome, Exception):
                        raise outcome
                    blob, read = _encode(outcome, manifest, points[k])
                    _same_layout(read, points, k, results)
                except Exception as fault:
                    faults.append(fault)
                else:
                    _write(folder, _file_name(points[k]), blob)
                    results[k] = read  # not what came: a fresh result is what a resumed run will find
                    bar.update()
        if faults:
            raise faults[0]
    return _dataset(xarray, axes, results, {"mfcore": __version__, "seed": seed, "member": name})


# Arguments


def _axes(grid):
    """For each parameter its values as plain int, float or str, and the attributes of its coordinate."""
    if not isinstance(grid, Mapping):
        raise TypeError(f"grid must be a dict of parameter names and their values, got {type(grid).__name__}")
    if not grid:
        raise ValueError("grid is empty: give at least one parameter")
    axes = {}
    for name, values in grid.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"grid must have parameter names as keys, got {name!r}")
        label = f"grid[{name!r}]"
        attributes = dict(getattr(values, "attrs", {}))
        if hasattr(values, "__array__") and np.ndim(values) == 1 and not isinstance(values, np.ma.MaskedArray):
            values = np.asarray(values).tolist()
        if not isinstance(values, (list, tuple, range)):
            raise TypeError(f"{label} must be a list, tuple, range or 1-D array, got {values!r}")
        values = [_value(label, value) for value in values]
        if not values:
            raise ValueError(f"{label} is empty")
        if len({isinstance(value, str) for value in values}) > 1:
            raise TypeError(f"{label} must hold numbers or strings, not both")
        seen = set()
        for value in values:
            if value in seen:
                raise ValueError(f"{label} must not repeat a value, got {value!r} twice")
            seen.add(value)
        axes[name] = values, attributes
    return axes


def _value(label, value):
    if isinstance(value, str):
        if not value.isprintable():
            raise ValueError(f"{label} must hold printable strings, got {value!r}")
        return str(value)
    if isinstance(value, _check.NO_NUMBERS) or not isinstance(value, numbers.Real):
        raise TypeError(f"{label} must hold real numbers or strings, got {value!r}")
    if isinstance(value, numbers.Integral):
        if not -(2**63) <= value < 2**63:
            raise ValueError(f"{label} must hold integers of 64 bits, got {value}")
        return int(value)
    if math.isnan(value):
        raise ValueError(f"{label} must not hold NaN")
    return float(value) + 0.0  # no -0.0


def _check_member(member, axes):
    if not callable(member):
        raise TypeError(f"member must be a function of rng and the parameters, got {member!r}")
    try:
        signature = inspect.signature(member)
    except ValueError:  # some builtins have none
        return
    try:
        signature.bind(None, **dict.fromkeys(axes))
    except TypeError as fault:
        raise TypeError(f"member must take rng and the parameters {', '.join(axes)}: {fault}") from None


def _check_path(path):
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise TypeError(f"path must name a folder, got {path!r}")
    folder = Path(path).absolute()  # a member may change the working directory
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"path must name a folder, got the file {folder}")
    return folder


def _check_client(client, workers):
    if client is None:
        return
    distributed = sys.modules.get("distributed")  # who has a client has imported it
    if distributed is None or not isinstance(client, distributed.Client):
        raise TypeError(f"client must be a dask.distributed.Client, got {type(client).__name__}")
    if client.asynchronous:
        raise ValueError("client must not be asynchronous")
    if workers is not None:
        raise ValueError(f"workers must be left out when there is a client, got {workers}")


def _extra():
    try:
        import cloudpickle  # noqa: F401
        import h5netcdf  # noqa: F401
        import h5py  # noqa: F401
        import threadpoolctl  # noqa: F401
        import xarray
        from tqdm import tqdm
    except ImportError as fault:
        raise ImportError(f'mfcore.sweep needs {fault.name}: pip install "mfcore[sweep]"') from None
    return xarray, tqdm


def _name(member):
    member = getattr(member, "func", member)  # of functools.partial
    return getattr(member, "__name__", type(member).__name__)


def _processors():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _shown(point):
    return ", ".join(f"{name}={value!r}" for name, value in point.items())


# One member: computed by whoever it is, the same bits


def _evaluate(member, seed, point):
    number = lambda v: int(v) if isinstance(v, float) and v.is_integer() else v  # 1 and 1.0 draw the same
    key = json.dumps([seed, {name: number(value) for name, value in point.items()}], sort_keys=True)
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest(), "big"))
    return _variables(member(rng, **point))


_limits = threading.local()
_limit = threading.Lock()


def _limit_threads():
    """In a worker, for good, and for each of its threads: BLAS has one limit for all of them, OpenMP one for each."""
    from threadpoolctl import threadpool_limits

    with _limit:
        if not hasattr(_limits, "one"):
            _limits.one = threadpool_limits(1)


def _variables(result):
    """The result as {name: (dimensions, values, attributes, whether it is a coordinate)}."""
    xarray = sys.modules.get("xarray")  # who returns a DataArray has imported it
    labelled = (xarray.DataArray,) if xarray else ()
    if not isinstance(result, Mapping):
        name = result.name if isinstance(result, labelled) else None
        result = {"value" if name is None else name: result}
    if not result:
        raise ValueError("the result is empty: no value has a name")
    found = {}
    for name, value in result.items():
        if isinstance(value, labelled):
            parts = [(name, value.variable, False)]
            parts += [(other, coordinate.variable, True) for other, coordinate in value.coords.items()]
            parts = [(other, part.dims, part.values, dict(part.attrs), extra) for other, part, extra in parts]
        else:
            values = _array(name, value)
            parts = [(name, tuple(f"{name}_dim_{k}" for k in range(values.ndim)), values, {}, False)]
        for other, dims, values, attributes, extra in parts:
            part = dims, _array(other, values), _attributes(other, attributes), extra
            if other in found and not _same(found[other], part):
                raise ValueError(f"the result has two different variables {other!r}")
            found[other] = part
    lengths = {}
    for name, (dims, values, _, _) in found.items():
        for dimension, length in zip(dims, values.shape, strict=True):
            if lengths.setdefault(dimension, length) != length:
                raise ValueError(f"dimension {dimension!r} has two lengths, {lengths[dimension]} and {length}")
    for name in [*found, *lengths]:
        if not isinstance(name, str) or not re.fullmatch(r"[^\s/]+", name) or not name.isprintable():
            raise ValueError(f"a name in the result must be a word without '/', got {name!r}")
    return found


def _array(name, value):
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array: fill it or drop the masked entries first")
    try:
        values = np.asarray(value)
    except ValueError as fault:
        raise ValueError(f"{name} is no rectangular array: {fault}") from None
    if values.dtype.kind in "OTU" and all(isinstance(item, str) for item in values.flat):
        values = values.astype(object).astype(str)  # as wide as need be
    kind, size = values.dtype.kind, values.dtype.itemsize
    if not (kind in "bUiu" or (kind == "f" and size in (4, 8))):
        raise TypeError(f"{name} must hold real numbers of 64 bits at most, or strings, got dtype {values.dtype}")
    return np.array(values, dtype=values.dtype.newbyteorder("="), order="C")


def _attributes(name, attributes):
    for key, value in attributes.items():
        if not isinstance(key, str) or np.asarray(value).dtype.kind not in "Uiuf":
            raise TypeError(f"attribute {key!r} of {name} must be a text, a number, or a list of these, got {value!r}")
    return attributes


def _same(one, other):
    (dims, values, _, extra), (dims2, values2, _, extra2) = one, other
    same_values = (values.dtype, values.shape, values.tobytes()) == (values2.dtype, values2.shape, values2.tobytes())
    return dims == dims2 and extra == extra2 and same_values


def _reply(point, seed, payload):
    """In a worker: its code, and either the variables or what went wrong, as text that every process can read."""
    _limit_threads()
    try:
        member, code = _load(payload)
    except Exception as fault:
        return None, None, (f"{SENT}: {_summary(fault)}", traceback.format_exc())
    try:
        return code, _evaluate(member, seed, point), None
    except Exception as fault:
        return None, None, (_summary(fault), traceback.format_exc())


@lru_cache(maxsize=1)
def _load(payload):
    import cloudpickle

    member = cloudpickle.loads(payload)
    return member, _code(member)


def _summary(fault):
    return "".join(traceback.format_exception_only(fault)).strip()


# Who computes: generators of (index, variables or exception). They take the indices from `todo` and, once there
# are `faults`, finish what is at work and take no more.


def _here(member, seed, points, todo, faults):
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        while todo and not faults:
            k = todo.popleft()
            try:
                outcome = _evaluate(member, seed, points[k])
            except Exception as fault:
                outcome = RuntimeError(f"{_name(member)} failed at {_shown(points[k])}: {_summary(fault)}")
                outcome.__cause__ = fault
            yield k, outcome


# Not multiprocessing: its fork would copy a process whose threads (ours, BLAS's, the notebook's) hold locks, its
# spawn runs the user's script once more in each worker, and its pool breaks as a whole when one worker dies. A
# plain interpreter that is sent the function by cloudpickle works the same from a notebook, a script without
# a guard, and a prompt, and whose death it is, and at which member, is known.
_WORKER = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.path[:] = sys.argv[2:]
from mfcore.sweep import _serve
_serve(int(sys.argv[1]))
"""


class _Worker:
    """One process; it ends when this process does."""

    def __init__(self, seed, payload):
        self.connection, theirs = pipes.Pipe()
        flags = subprocess._args_from_interpreter_flags()
        one = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, *flags, "-c", _WORKER, str(theirs.fileno()), *sys.path],
                stdin=subprocess.PIPE, pass_fds=[theirs.fileno()], env={**os.environ, **one},
            )  # fmt: skip
        self.k = None
        self.send((seed, payload))

    def send(self, message):
        with contextlib.suppress(OSError):  # it is dead: `receive` will say so
            self.connection.send(message)

    def receive(self):
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            return None

    def end(self, kill):
        self.connection.close()
        if not kill:  # it ends by itself, if it is not dead
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()


def _serve(descriptor):
    """The life of a worker process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    connection = pipes.Connection(descriptor)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        seed, payload = connection.recv()
        while True:
            connection.send(_reply(connection.recv(), seed, payload))


def _end_with_parent():
    os.read(0, 1)  # nothing is ever written there: this returns when the other end is gone
    os._exit(1)


def _in_processes(member, seed, points, todo, faults, workers):
    payload, code = _pack(member)
    busy, idle = [], [_Worker(seed, payload) for _ in range(min(workers, len(todo)))]
    done = False
    try:
        while True:
            while idle and todo and not faults:
                worker = idle.pop()
                worker.k = todo.popleft()
                worker.send(points[worker.k])
                busy.append(worker)
            if not busy:
                break
            ready = pipes.wait([worker.connection for worker in busy], timeout=1.0)
            # A dead worker's end of the pipe may live on in a process of its own: hence the look at the process.
            for worker in [w for w in busy if w.connection in ready or (not ready and w.process.poll() is not None)]:
                reply = worker.receive() if worker.connection in ready else None
                busy.remove(worker)
                if reply is None:
                    worker.end(kill=False)
                    outcome = _death(member, worker.process.returncode, points[worker.k])
                else:
                    idle.append(worker)
                    outcome = _judge(member, reply, code, points[worker.k], "a worker process")
                yield worker.k, outcome
        done = True
    finally:
        for worker in busy + idle:
            worker.connection.close()
        for worker in busy + idle:
            worker.end(kill=not done)


def _pack(member):
    """The member as bytes, and its code as a worker must find it: after unpacking."""
    import cloudpickle

    try:
        payload = cloudpickle.dumps(member)
        return payload, _code(cloudpickle.loads(payload))
    except Exception as fault:
        raise TypeError(f"member: {SENT}: {_summary(fault)}") from fault


def _death(member, status, point):
    how = f"was killed by signal {-status}" if status < 0 else f"ended with exit status {status}"
    hint = ", perhaps for lack of memory" if status == -9 else ""
    return RuntimeError(f"the worker process of {_name(member)} at {_shown(point)} {how}{hint}")


def _judge(member, reply, code, point, who):
    """What a worker answered, as variables or an exception."""
    theirs, variables, failure = reply
    if failure is not None:
        summary, trace = failure
        fault = RuntimeError(f"{_name(member)} failed at {_shown(point)}: {summary}")
        fault.add_note(trace)
        return fault
    if theirs != code:
        return RuntimeError(
            f"{who} has other code than this process: {_differences(theirs, code)}. "
            "Restart Python after a change of files, and give the cluster the same packages"
        )
    return variables


def _on_cluster(member, seed, points, todo, faults, client):
    from distributed import as_completed
    from threadpoolctl import threadpool_limits

    payload, code = _pack(member)
    indices = list(todo)
    todo.clear()
    with threadpool_limits(1):  # the cluster may be threads of this process
        futures = client.map(_reply, [points[k] for k in indices], seed=seed, payload=payload, pure=False)
        waiting = {future.key: (k, future) for k, future in zip(indices, futures, strict=True)}
        arrivals = as_completed(futures, with_results=True, raise_errors=False)
        del futures  # the cluster forgets a result when nobody holds its future
        try:
            for future, reply in arrivals:
                if future.key not in waiting:  # cancelled below
                    continue
                k, _ = waiting.pop(future.key)
                if future.status == "finished":
                    yield k, _judge(member, reply, code, points[k], "a worker of the cluster")
                else:
                    lost = reply[1] if isinstance(reply, tuple) else reply
                    yield k, RuntimeError(f"the cluster lost {_name(member)} at {_shown(points[k])}: {_summary(lost)}")
                if faults:
                    working = set(itertools.chain(*client.processing().values()))
                    client.cancel([waiting.pop(key)[1] for key in list(waiting) if key not in working])
        finally:
            client.cancel([future for _, future in waiting.values()])


# The code that made a result


def _code(member):
    version = importlib.metadata.version
    code = {"mfcore": f"{__version__}, source {_SOURCE}"}
    code |= {package: version(package) for package in ("numpy", "scipy", "numba")}
    code["Python"] = ".".join(platform.python_version_tuple()[:2])
    code["machine"] = f"{platform.system()} {platform.machine()}"
    digests = _fingerprint.digests(member)
    code[f"code of {_name(member)}"] = digests.pop("")
    return code | {f"{used}, which {_name(member)} uses": value for used, value in digests.items()}


def _manifest(member, name, seed, axes):
    return {"format": 1, "seed": seed, "parameters": ", ".join(sorted(axes)), "member": name} | _code(member)


def _differences(there, here):
    names = [name for name in {**here, **there} if there.get(name) != here.get(name)]
    return "; ".join(f"{name} ({there.get(name, 'none')} there, {here.get(name, 'none')} here)" for name in names)


def _same_sweep(file, there, here):
    if there != here:
        raise ValueError(
            f"{file} is of another sweep: {_differences(there, here)}. "
            f"Choose another path, or delete {file.parent} to compute it anew"
        )


# The folder


@contextlib.contextmanager
def _storing(file):
    try:
        yield
    except OSError as fault:
        raise OSError(
            fault.errno,
            f"cannot store {file}: {fault.strerror}. All members stored before are kept: run the sweep again "
            "once that is solved",
        ) from fault


@contextlib.contextmanager
def _locked(folder):
    import fcntl

    with _storing(folder / ".lock"):
        lock = open(folder / ".lock", "wb")
    with lock:
        try:  # it ends with this process, however that ends, and no worker inherits it
            with _storing(folder / ".lock"):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(f"another sweep is writing into {folder}: wait for it, or choose another path") from None
        yield


def _prepare(folder, manifest):
    """Remove what a killed run left half-written, and see that the folder is new or of the same sweep."""
    names = os.listdir(folder)
    for name in names:
        if LEFTOVER.fullmatch(name):
            (folder / name).unlink()
    file = folder / MANIFEST
    if MANIFEST in names:
        try:
            there = json.loads(file.read_bytes())
        except ValueError:
            raise ValueError(f"{file} is damaged: choose another path, or delete {folder} to compute it anew") from None
        _same_sweep(file, there, manifest)
    elif any(name.endswith(".nc") for name in names):
        raise ValueError(f"{folder} holds netCDF files but no {MANIFEST}: choose another path")
    else:
        _write(folder, MANIFEST, json.dumps(manifest, indent=1).encode())


def _write(folder, name, blob):
    """All of it under its name, or nothing."""
    part = folder / (name + PART)
    with _storing(folder / name):
        try:
            with open(part, "wb") as file:
                file.write(blob)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, folder / name)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _key(point):
    return json.dumps(point, sort_keys=True)


def _file_name(point):
    """Readable, and with a digest that keeps apart what looks the same, in file systems without case too."""
    words = re.sub(r"[^A-Za-z0-9.=_+-]", "-", "_".join(f"{name}={point[name]}" for name in sorted(point)))
    return f"{words[:100]}_{hashlib.sha256(_key(point).encode()).hexdigest()[:16]}.nc"


def _stored(folder, manifest, points):
    results, damaged = {}, []
    present = set(os.listdir(folder))
    for k, point in enumerate(points):
        file = folder / _file_name(point)
        if file.name not in present:
            continue
        try:
            variables, attributes = _decode(file.read_bytes())
        except ValueError:
            damaged.append(file.name)
            continue
        _same_sweep(file, json.loads(attributes["sweep"]), manifest)
        if attributes["point"] != _key(point):
            raise ValueError(f"{file} holds another member, {attributes['point']}: was it renamed?")
        _same_layout(variables, points, k, results)
        results[k] = variables
    if damaged:
        raise ValueError(
            f"{len(damaged)} damaged file(s) in {folder}, whose checksum does not fit: {', '.join(damaged)}. "
            "Delete them and run the sweep again, which computes them anew"
        )
    return results


def _encode(variables, manifest, point):
    """The bytes of a netCDF file that gives back the same variables."""
    clash = next((name for name in point for v, (dims, *_) in variables.items() if name == v or name in dims), None)
    if clash is not None:
        raise ValueError(f"{clash} is a parameter of the grid, and cannot name a result or a dimension of one")
    try:
        blob = _netcdf(variables, {"sweep": json.dumps(manifest), "point": _key(point)})
        read = _decode(blob)[0]
    except Exception as fault:
        raise ValueError(f"the result at {_shown(point)} cannot be stored in netCDF: {_summary(fault)}") from fault
    for name, given in variables.items():
        if name not in read or not _same(given, read[name]):
            raise ValueError(f"{name} at {_shown(point)} cannot be stored in netCDF without loss")
    return blob, read


def _netcdf(variables, attributes):
    # Made in memory, since HDF5 does not recover from a full disk.
    import h5netcdf
    import h5py

    body = io.BytesIO()
    with h5netcdf.File(body, "w") as file:
        file.attrs.update(attributes)
        coordinates = [name for name, (_, _, _, extra) in variables.items() if extra]
        if coordinates:
            file.attrs["coordinates"] = " ".join(coordinates)
        for dims, values, _, _ in variables.values():
            for dimension, length in zip(dims, values.shape, strict=True):
                if dimension not in file.dimensions:
                    file.dimensions[dimension] = length
        for name, (dims, values, own, _) in variables.items():
            dtype = values.dtype
            if dtype.kind == "U":
                dtype, values = h5py.string_dtype(), values.astype(object)
            elif dtype.kind == "b":  # netCDF has none: a byte with this attribute is xarray's way
                dtype, values, own = np.dtype("i1"), values.astype("i1"), {**own, "dtype": "bool"}
            variable = file.create_variable(name, dims, dtype=dtype, data=values)
            variable.attrs.update(own)
    body = body.getvalue()
    return body + b"\nsha256 " + hashlib.sha256(body).hexdigest().encode() + b"\n"


def _decode(blob):
    """The variables and the attributes of such a file; ValueError if a single bit is wrong."""
    import h5py  # which reads in a third of the time

    checksum = CHECKSUM.search(blob, max(0, len(blob) - CHECKSUM_LENGTH))
    body = blob[:-CHECKSUM_LENGTH]
    if checksum is None or hashlib.sha256(body).hexdigest().encode() != checksum[1]:
        raise ValueError("the checksum does not fit")
    variables = {}
    with h5py.File(io.BytesIO(body), "r") as file:
        top = {name: _attribute(value) for name, value in file.attrs.items()}
        coordinates = top.get("coordinates", "").split()
        for name, dataset in file.items():
            attributes = dict(dataset.attrs)
            scale = attributes.get("NAME", b"")
            if scale.startswith(b"This is a netCDF dimension but not a netCDF variable"):
                continue
            dims = (name,) if scale else tuple(dimension[0].name[1:] for dimension in dataset.dims)
            attributes = {key: _attribute(value) for key, value in attributes.items() if key not in RESERVED}
            if h5py.check_string_dtype(dataset.dtype):
                values = np.asarray(dataset.asstr()[()]).astype(str)
            else:
                values = np.asarray(dataset[()])
            if attributes.get("dtype") == "bool":
                values = values.astype(bool)
                del attributes["dtype"]
            variables[name] = dims, values, attributes, name in coordinates
    return variables, top


def _attribute(value):
    """Text, number, array or list: netCDF does not tell a number from an array of one."""
    if not isinstance(value, np.ndarray):
        return value
    return value.item() if value.size == 1 else value.tolist() if value.dtype.hasobject else value


# All members together


def _same_layout(variables, points, k, results):
    other = next(iter(results), None)
    if other is None:
        return
    mine, first = _layout(variables), _layout(results[other])
    for name in {**first, **mine}:
        if mine.get(name) != first.get(name):
            raise ValueError(
                f"members must agree in all but their numbers: {name} is {_described(name, variables)} "
                f"at {_shown(points[k])}, but {_described(name, results[other])} at {_shown(points[other])}"
            )


def _layout(variables):
    """What must be the same in all members."""
    return {
        name: (dims, values.shape, values.dtype.kind == "U", repr(attributes), values.tobytes() if extra else None)
        for name, (dims, values, attributes, extra) in variables.items()
    }


def _described(name, variables):
    if name not in variables:
        return "missing"
    dims, values, attributes, extra = variables[name]
    kind = "text" if values.dtype.kind == "U" else "numbers"
    shape = ", ".join(f"{d}: {n}" for d, n in zip(dims, values.shape, strict=True))
    coordinate = f" and coordinate values {np.array2string(values, threshold=20)}" if extra else ""
    return f"{kind} of shape ({shape}) with attributes {attributes}{coordinate}"


def _dataset(xarray, axes, results, attributes):
    shape = tuple(len(values) for values, _ in axes.values())
    data, coords = {}, {name: (name, np.array(values), attrs) for name, (values, attrs) in axes.items()}
    for name, (dims, values, attrs, extra) in list(results[0].items()):
        if extra:
            coords[name] = dims, values, attrs
            continue
        stacked = np.stack([results[k].pop(name)[1] for k in range(len(results))])
        data[name] = (*axes, *dims), stacked.reshape(shape + values.shape), attrs
    return xarray.Dataset(data, coords, attributes)
