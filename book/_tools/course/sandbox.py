"""Run the code cells of a foreign notebook where they can harm nobody: no network, nothing to write to, nothing to read
but Python and mfcore, and limits on time, memory, processes, disk and output.

The walls are those of bubblewrap. Without it nothing is run, unless the caller says so.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import psutil

import mfcore

ROOT = Path(__file__).parents[3]
INSIDE = Path(__file__).parent / "inside"
HOME = "/home/student"
# Users of ordinary systems end below, and those of containers begin above.
FIRST_FREE_USER, FREE_USERS = 61_200, 3_000
MEGABYTE = 2**20


@dataclass(frozen=True)
class Limits:
    """Seconds for a cell and for a notebook; bytes of memory for a process and for all of them, of a disk in memory, of
    output a cell and a notebook; processes and threads."""

    cell: float = 60
    total: float = 300
    memory: int = 3072 * MEGABYTE
    all_memory: int = 3072 * MEGABYTE
    disk: int = 64 * MEGABYTE
    output: int = MEGABYTE // 2
    all_output: int = 16 * MEGABYTE
    processes: int = 64


class Unavailable(RuntimeError):
    """There is no sandbox on this machine; the sentence says why."""


def run(cells, given, *, limits=Limits(), cache=None, keep_cache=False, unsafe=False):
    """Outputs of code cells, run one after the other in one process.

    Parameters
    ----------
    cells : list of str
        Their sources.
    given : dict of str
        What `grading.given` hands to functions: for each name a list of lists of arguments.
    limits : Limits, optional
    cache : Path, optional
        A folder with compiled code; each run gets its own copy.
    keep_cache : bool, optional
        Let the run write to that folder. For code that can be trusted only.
    unsafe : bool, optional
        Without walls: with the limits on one process, but with the rights of whoever calls.

    Returns
    -------
    (outputs, ending)
        Outputs of the cells that ended, a list of lists of dict, and a sentence on why there are no more, or "".

    Raises
    ------
    Unavailable
        If bubblewrap is missing or does not work here, and `unsafe` is not set.
    """
    if not unsafe and (problem := missing()):
        raise Unavailable(problem)
    job = {"cells": cells, "given": given, "limits": asdict(limits), "cache": None}
    home = None
    if unsafe:
        home = tempfile.mkdtemp(prefix="unsafe-")
        environment, command = _environment(home), _python()
    else:
        environment, command = _environment(HOME), _walls(limits, cache, keep_cache) + _python()
    if cache and keep_cache:
        environment |= _caches("/cache" if not unsafe else str(cache))
    elif cache:
        job["cache"] = str(cache) if unsafe else "/cache"
    # The limit counts what this user runs already, on kernels that do not count by sandbox.
    job["limits"]["processes"] += _threads_of_user()
    try:
        lines, ending = _supervised(command, environment, json.dumps(job).encode(), limits)
    finally:
        if home:
            shutil.rmtree(home, ignore_errors=True)
    outputs = [[] for _ in cells]
    done = 0
    for line in lines:
        try:
            result = json.loads(line)
            # Half of a surrogate pair could not be written into any file.
            text = json.dumps(result["outputs"], ensure_ascii=False).encode("utf-8", "replace")
            outputs[result["cell"]] = json.loads(text)
            done = max(done, result["cell"] + 1)
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            ending = ending or "what came out of the sandbox could not be read"
    if done < len(cells) and not ending:
        ending = "the notebook's process ended before its last cell"
    return outputs, ending


@cache
def missing():
    """Why there is no sandbox on this machine, one sentence, or None."""
    for name, package in (("bwrap", "bubblewrap"), ("setpriv", "util-linux")):
        if not shutil.which(name):
            return f"Marking needs {name}, of Debian's package {package} (apt install {package}), to run students' code safely."
    trial = subprocess.run(
        [*_walls(Limits(), None, False), sys.executable, "-c", "import numpy"], env=_environment(HOME), capture_output=True, text=True
    )
    if trial.returncode:
        return f"Marking needs a sandbox, and bubblewrap does not work here: {trial.stderr.strip()[-300:]}"


def _walls(limits, cache, keep_cache):
    """The command that puts up the walls, up to the program that is to run within them."""
    command = ["bwrap", "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    if os.geteuid() == 0:
        # Limits on processes do nothing for root: the program becomes a user of its own, who has no rights at all.
        user = str(FIRST_FREE_USER + secrets.randbelow(FREE_USERS))
        command += ["--cap-drop", "ALL", *(w for c in ("SETUID", "SETGID", "SETPCAP") for w in ("--cap-add", f"CAP_{c}"))]
        drop = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    else:
        command += ["--unshare-user", "--cap-drop", "ALL"]
        drop = []
    for path in ("/usr", "/bin", "/sbin", "/lib", "/lib64"):
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            command += ["--ro-bind", path, path]
    command += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache", "--ro-bind-try", "/etc/alternatives", "/etc/alternatives"]
    command += ["--proc", "/proc", "--dev", "/dev", "--dir", "/home"]
    for path in ("/tmp", HOME, "/dev/shm"):
        command += ["--perms", "1777", "--size", str(limits.disk), "--tmpfs", path]
    # After the empty folders, for a copy of the project can lie in one of them.
    for path in _readable():
        # Folders on the way that bubblewrap makes unasked can be entered by root only.
        for folder in reversed(Path(path).parents):
            command += ["--dir", str(folder)]
        command += ["--ro-bind", path, path]
    command += ["--remount-ro", "/dev"]
    if cache:
        command += ["--bind" if keep_cache else "--ro-bind", str(cache), "/cache"]
    return [*command, "--remount-ro", "/", "--chdir", HOME, "--", *drop]


def _readable():
    """Python, its packages and mfcore: nothing else of this project, and nothing of any home."""
    wanted = {sys.base_prefix, sys.prefix, os.path.dirname(mfcore.__file__), str(INSIDE)}
    wanted |= {os.path.realpath(path) for path in wanted}
    covered = lambda path: path == "/usr" or path.startswith("/usr/")
    return sorted(path for path in wanted if not covered(path))


def _python():
    return [sys.executable, "-B", str(INSIDE / "run.py")]


def _environment(home):
    return {
        "HOME": home,
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "USER": "student",
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "agg",
        "IPYTHONDIR": f"{home}/.ipython",
        "TMPDIR": "/tmp" if home == HOME else home,
        # mfcore is found where this process finds it, installed or not.
        "PYTHONPATH": str(ROOT) if (ROOT / "mfcore").is_dir() else "",
        **{f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL", "NUMBA")},
        **_caches(f"{home}/.cache"),
    }


def _caches(folder):
    """Variables by which numba and Matplotlib keep what they prepare in one folder."""
    return {"NUMBA_CACHE_DIR": folder, "MPLCONFIGDIR": f"{folder}/matplotlib"}


def _threads_of_user():
    """How many threads the user who calls runs now; none count against the fresh user that root becomes."""
    if os.geteuid() == 0:
        return 0
    total = 0
    for process in psutil.process_iter(["uids", "num_threads"]):
        if process.info["uids"] and process.info["uids"].real == os.getuid():
            total += process.info["num_threads"] or 0
    return total


def _supervised(command, environment, job, limits):
    """Lines that a command writes, and why it was stopped: time, memory or output, watched from outside."""
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    reason = []
    over = threading.Event()

    def watch():
        deadline = time.monotonic() + limits.total
        while not over.wait(0.1):
            if time.monotonic() > deadline:
                reason.append(f"stopped after {limits.total:g} s, the time for a whole notebook")
            elif _memory(process.pid) > limits.all_memory:
                reason.append("stopped because it used too much memory")
            else:
                continue
            return _kill(process)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        try:
            process.stdin.write(job)
            process.stdin.close()
        except BrokenPipeError:
            pass
        kept = process.stdout.read(limits.all_output)
        if len(kept) == limits.all_output:
            reason.append("stopped because it printed too much")
    finally:
        _kill(process)
        process.stdout.close()
        process.wait()
        over.set()
        watcher.join()
    return kept.split(b"\n")[:-1], "; ".join(reason)


def _kill(process):
    """End the command and all that it started; the first process of a sandbox takes the others along."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    for victim in [*children, process]:
        try:
            victim.kill()
        except (psutil.NoSuchProcess, ProcessLookupError):
            pass


def _memory(pid):
    """Resident bytes of a process and of all below it."""
    total = 0
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in family:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            pass
    return total
