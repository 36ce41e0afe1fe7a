"""Sweeps: the same bits from whoever computes, after whatever happened; and nothing mixed in silence."""

import errno
import functools
import hashlib
import importlib.metadata
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numba
import numpy as np
import psutil
import pytest
import xarray as xr

import mfcore as mf
from mfcore import _fingerprint

ROOT = Path(__file__).parent.parent
code = sys.modules["mfcore.sweep"]  # the module: mf.sweep is the function
compiled = pytest.mark.compiled  # new processes, which count for no coverage
GRID = {"beta": [0.5, 1, 2.0], "draw": range(4)}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log"
    path.touch()
    return path


def plain(rng, beta, draw):
    return beta * rng.normal()


def logged(log, wait=0.0):
    """A member that leaves a line for each call."""

    def member(rng, beta, draw):
        with open(log, "a") as file:
            file.write(f"{beta} {draw}\n")
        time.sleep(wait)
        return beta * rng.normal()

    return member


def lines(log):
    return log.read_text().splitlines()


def stored(folder):
    return sorted(folder.glob("*.nc"))


def wait_for(condition):
    for _ in range(20_000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("waited for 200 s in vain")


def alive(pid):
    """Whether the process runs; one that is dead and not yet reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# What comes back


def test_a_number_for_each_point(folder):
    result = mf.sweep(plain, GRID, path=folder, seed=3, workers=1)
    assert result.value.dims == ("beta", "draw") and result.value.shape == (3, 4)
    assert result.value.dtype == np.float64 and result.draw.dtype == np.int64
    assert result.beta.values.tolist() == [0.5, 1.0, 2.0]
    assert result.attrs == {"mfcore": mf.__version__, "seed": 3, "member": "plain"}
    assert len(np.unique(result.value)) == 12
    assert len(stored(folder)) == 12
    result.sel(beta=2.0).mean("draw")
    result.to_netcdf(folder.parent / "all.nc")
    assert xr.open_dataset(folder.parent / "all.nc").identical(result)


def rich(rng, n, kind):
    time = xr.DataArray([0.0, 0.5, 1.0], dims="time", attrs={"units": "s"})
    return {
        "steps": 3 * n,
        "curve": xr.DataArray(
            rng.normal(size=3),
            dims="time",
            coords={"time": time, "label": ("time", ["a", "bb", "c"]), "height": 2.0},
            attrs={"units": "rad", "levels": [1, 2], "sources": ["x", "y"], "note": ""},
        ),
        "matrix": np.arange(6, dtype=np.float32).reshape(2, 3) + n,
        "converged": n > 2,
        "method": "DOP853" if kind == "slow" else "é",
        "nan": np.nan,
    }


@pytest.mark.parametrize("again", [False, True], ids=["fresh", "read"])
def test_names_dimensions_units_and_coordinates(folder, again):
    grid = {
        "n": xr.DataArray(np.array([2, 3], np.int16), dims="x", attrs={"units": "1", "long_name": "tokens"}),
        "kind": ["slow", "fast"],
    }
    result = mf.sweep(rich, grid, path=folder, seed=0, workers=1)
    if again:
        result = mf.sweep(rich, grid, path=folder, seed=0, workers=1)
    assert list(result.data_vars) == ["steps", "curve", "matrix", "converged", "method", "nan"]
    assert result.steps.dims == ("n", "kind") and result.steps.values.tolist() == [[6, 6], [9, 9]]
    assert result.steps.dtype == np.int64
    assert result.n.attrs == {"units": "1", "long_name": "tokens"}
    assert result.curve.dims == ("n", "kind", "time")
    assert {k: v for k, v in result.curve.attrs.items() if k != "levels"} == {
        "units": "rad", "sources": ["x", "y"], "note": ""
    }  # fmt: skip
    assert result.curve.attrs["levels"].tolist() == [1, 2]
    assert result.time.attrs == {"units": "s"} and result.time.values.tolist() == [0.0, 0.5, 1.0]
    assert result.label.dims == ("time",) and result.label.values.tolist() == ["a", "bb", "c"]
    assert result.height.item() == 2.0 and "height" in result.coords
    assert result.matrix.dims == ("n", "kind", "matrix_dim_0", "matrix_dim_1") and result.matrix.dtype == np.float32
    assert result.converged.dtype == bool and result.converged.sel(n=3).all()
    assert result.method.sel(kind="fast").values.tolist() == ["é", "é"] and result.method.dtype == "<U6"
    assert result.nan.isnull().all()


def test_a_stored_member_is_a_netcdf_file_with_a_checksum(folder):
    mf.sweep(rich, {"n": [2], "kind": ["slow"]}, path=folder, seed=5, workers=1)
    (file,) = stored(folder)
    assert file.name.startswith("kind=slow_n=2_")
    with xr.open_dataset(file) as member:
        assert member.steps.item() == 6 and member.curve.attrs["units"] == "rad" and member.time.size == 3
        assert member.converged.dtype == bool and "label" in member.coords
        assert json.loads(member.attrs["point"]) == {"n": 2, "kind": "slow"}
        about = json.loads(member.attrs["sweep"])
    assert about["seed"] == 5 and about["mfcore"].startswith(mf.__version__) and about["numpy"] == np.__version__
    assert about == json.loads((folder / "sweep.json").read_text())
    blob = file.read_bytes()
    assert blob[-73:] == b"\nsha256 %s\n" % hashlib.sha256(blob[:-73]).hexdigest().encode()


@pytest.mark.parametrize("given, name, expected", [
    (3, "value", 3),
    (np.float32(0.5), "value", np.float32(0.5)),
    (True, "value", True),
    ("text", "value", "text"),
    ([1, 2], "value", [1, 2]),
    (np.arange(8.0).astype(">f8")[::2], "value", [0, 2, 4, 6]),
    (np.asfortranarray(np.eye(2)), "value", [[1, 0], [0, 1]]),
    (np.empty((0, 2)), "value", np.empty((0, 2))),
    (np.array(["a", "bc"], dtype=object), "value", ["a", "bc"]),
    (xr.DataArray(1.5, name="height"), "height", 1.5),
    (xr.Dataset({"q": ("x", [1, 2])}, {"x": [3, 4]}), "q", [1, 2]),
    (2**63, "value", np.uint64(2**63)),
], ids=repr)  # fmt: skip
def test_what_a_member_may_return(folder, given, name, expected):
    result = mf.sweep(lambda rng, k: given, {"k": [1]}, path=folder, seed=0, workers=1)[name].isel(k=0)
    np.testing.assert_array_equal(result.values, expected)
    assert result.dtype == np.asarray(expected).dtype or np.ndim(expected)


# The same bits


def sums(rng, beta, draw):
    """Sums whose last bits depend on the number of threads of BLAS."""
    x = rng.standard_normal(60_000)
    end = mf.maximize(mf.SelfAttention(beta), mf.sphere.sample(6, 3, rng), max_iter=20)
    return {"dot": x @ x, "x": end.x, "iterations": end.iterations, "norm": np.linalg.norm(x)}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return mf.sweep(sums, GRID, path=tmp_path_factory.mktemp("alone"), seed=1, workers=1)


def test_same_bits_from_processes(folder, alone):
    assert mf.sweep(sums, GRID, path=folder, seed=1, workers=2).identical(alone)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("processes", [False, pytest.param(True, marks=compiled)], ids=["threads", "processes"])
def test_same_bits_from_a_cluster(folder, alone, processes):
    import dask
    import distributed

    size = {"n_workers": 1, "threads_per_worker": 1 if processes else 3}
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(**size, processes=processes, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert mf.sweep(sums, GRID, path=folder, seed=1, client=client).identical(alone)
        for stored_one in stored(folder)[:5]:
            stored_one.unlink()
        assert mf.sweep(sums, GRID, path=folder, seed=1, client=client).identical(alone)
        if not processes:

            def fails(rng, k):
                time.sleep(0.02)
                return 1 // (k - 3)

            with pytest.raises(RuntimeError, match="^fails failed at k=3: ZeroDivisionError"):
                mf.sweep(fails, {"k": range(30)}, path=folder.with_name("fails"), seed=0, client=client)
            assert 1 <= len(stored(folder.with_name("fails"))) < 29
            with pytest.raises(ValueError, match="workers must be left out when there is a client, got 2"):
                mf.sweep(sums, GRID, path=folder, seed=1, client=client, workers=2)
        else:
            with pytest.raises(RuntimeError, match=r"^the cluster lost <lambda> at k=3: .*KilledWorker"):
                mf.sweep(lambda rng, k: os._exit(5), {"k": [3]}, path=folder.with_name("dies"), seed=0, client=client)


def test_an_asynchronous_client_is_refused(folder, monkeypatch):
    class Client:
        asynchronous = True

    module = type(sys)("distributed")
    module.Client = Client
    monkeypatch.setitem(sys.modules, "distributed", module)
    with pytest.raises(ValueError, match="client must not be asynchronous"):
        mf.sweep(plain, GRID, path=folder, seed=1, client=Client())


def test_a_member_has_the_same_bits_in_any_grid(tmp_path):
    run = functools.partial(mf.sweep, plain, seed=1, workers=1)
    one = run({"beta": [0.5, 1, 2.0], "draw": range(4)}, path=tmp_path / "1").value
    turned = run({"draw": [3, 0], "beta": np.array([2.0, 0.5])}, path=tmp_path / "2").value
    assert turned.dims == ("draw", "beta")
    np.testing.assert_array_equal(turned.T.values, one.sel(beta=[2.0, 0.5], draw=[3, 0]).values)
    # 1 and 1.0 draw the same, though they are two members
    floats = run({"beta": [1.0], "draw": [0]}, path=tmp_path / "1").value
    assert floats.item() == one.sel(beta=1, draw=0).item() and len(stored(tmp_path / "1")) == 13
    other = mf.sweep(plain, {"beta": [1.0], "draw": [0]}, path=tmp_path / "3", seed=2, workers=1).value
    assert other.item() != floats.item()


def test_a_grid_grows(folder, log):
    member = logged(log)
    run = functools.partial(mf.sweep, member, path=folder, seed=1, workers=1)
    small = run({"beta": [0.5, 2.0], "draw": range(2)})
    assert len(lines(log)) == 4
    large = run({"draw": range(3), "beta": [0.25, 0.5, 1.0, 2.0, np.inf]})
    assert len(lines(log)) == 15 and len(set(lines(log))) == 15
    np.testing.assert_array_equal(large.value.sel(beta=[0.5, 2.0], draw=[0, 1]).T.values, small.value.values)
    assert np.isinf(large.value.sel(beta=np.inf)).all()
    assert run({"beta": [0.5, 2.0], "draw": range(2)}).identical(small) and len(lines(log)) == 15
    assert not list(folder.glob("*.part"))


# Killed runs

KILLED = """
import hashlib, sys, time
import mfcore as mf

path, log, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])

def member(rng, beta, draw):
    with open(log, "a") as file:
        file.write(f"{beta} {draw}\\n")
    time.sleep(0.01)
    return {"x": beta * rng.normal(), "v": rng.normal(size=50)}

# No guard: workers do not run the script once more.
result = mf.sweep(member, {"beta": [0.5, 1.0, 2.0], "draw": range(25)}, path=path, seed=7, workers=workers)
print(hashlib.sha256(result.x.values.tobytes() + result.v.values.tobytes()).hexdigest())
"""


def python(source, *arguments, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT} | options
    return subprocess.Popen([sys.executable, "-c", source, *map(str, arguments)], **options)


@compiled
def test_sigkill_at_random_moments(tmp_path):
    dice = random.Random(0)
    folder, log = tmp_path / "run", tmp_path / "log"
    log.touch()
    undisturbed = python(KILLED, tmp_path / "again", tmp_path / "log2", 1)
    in_flight = 0
    for workers in (2, 1, 2):
        run = python(KILLED, folder, log, workers)
        aim = len(lines(log)) + dice.randrange(1, 12)
        wait_for(lambda: len(lines(log)) >= aim or run.poll() is not None)
        time.sleep(dice.uniform(0, 0.03))
        assert run.poll() is None, run.communicate()
        run.kill()
        run.communicate()
        in_flight += workers
    kept = {file.name: file.stat().st_mtime_ns for file in stored(folder)}
    assert 0 < len(kept) < 75
    finished = python(KILLED, folder, log, 1)
    found, errors = finished.communicate()
    assert finished.returncode == 0, errors
    assert {name: (folder / name).stat().st_mtime_ns for name in kept} == kept
    assert len(set(lines(log))) == 75 and len(lines(log)) <= 75 + in_flight
    assert found == undisturbed.communicate()[0] and len(found) == 65
    assert [file.name for file in stored(folder)] == [file.name for file in stored(tmp_path / "again")]


STOPPED = """
import os, signal, sys, time
import mfcore as mf

path, log = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it

def member(rng, k):
    with open(log, "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(0 if k < 2 else 100)
    return k

mf.sweep(member, {"k": range(4)}, path=path, seed=0, workers=2)
"""


@compiled
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_no_process_behind(folder, log, end):
    run = python(STOPPED, folder, log, start_new_session=True)
    wait_for(lambda: len(lines(log)) == 4 or run.poll() is not None)
    assert run.poll() is None, run.communicate()
    if end == signal.SIGINT:  # as from a terminal: to the whole group
        os.killpg(run.pid, end)
    else:
        run.kill()
    errors = run.communicate()[1]
    assert run.returncode == -end
    if end == signal.SIGINT:
        assert errors.strip().splitlines()[-1] == "KeyboardInterrupt" and errors.count("Traceback") == 1
    pids = {int(line) for line in lines(log)}
    assert len(pids) == 2
    wait_for(lambda: not any(map(alive, pids)))
    assert len(stored(folder)) == 2


@compiled
def test_a_worker_that_dies(folder, log):
    def once(rng, k):
        with open(log, "a") as file:
            file.write(f"{k}\n")
        if k == 3 and log.read_text().count("3\n") == 1:
            if os.fork() == 0:  # a process of its own, which keeps the worker's pipe open
                log.with_name("pid").write_text(f"{os.getpid()} ")
                time.sleep(100)
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)
        return rng.normal() * k

    with pytest.raises(RuntimeError, match=r"^the worker process of once at k=3 was killed by signal 9, perhaps for"):
        mf.sweep(once, {"k": range(6)}, path=folder, seed=0, workers=2)
    wait_for(lambda: log.with_name("pid").exists() and " " in log.with_name("pid").read_text())
    child = int(log.with_name("pid").read_text())
    assert alive(child)
    os.kill(child, signal.SIGKILL)
    before = len(stored(folder))
    assert before >= 1  # by the other worker
    calls = len(lines(log))
    result = mf.sweep(once, {"k": range(6)}, path=folder, seed=0, workers=1)
    assert len(lines(log)) - calls == 6 - before
    assert result.identical(mf.sweep(once, {"k": range(6)}, path=folder.with_name("alone"), seed=0, workers=1))


def test_a_worker_that_ends(folder, monkeypatch):
    started = []
    worker = code._Worker
    monkeypatch.setattr(code, "_Worker", lambda *arguments: started.append(worker(*arguments)) or started[-1])
    with pytest.raises(RuntimeError, match=r"^the worker process of <lambda> at k=3 ended with exit status 5$"):
        mf.sweep(lambda rng, k: os._exit(5), {"k": [3]}, path=folder, seed=0, workers=50)
    assert len(started) == 1  # no more than there are members


@pytest.mark.parametrize("workers", [1, 2])
def test_a_member_that_raises(folder, log, workers):
    def member(rng, k):
        with open(log, "a") as file:
            file.write(f"{k}\n")
        if k == 2:
            raise ZeroDivisionError("no such thing")
        while workers == 2 and "2" not in log.read_text():
            time.sleep(0.01)
        time.sleep(0.3 * (workers == 2))  # still at work when the other raises
        return k

    with pytest.raises(RuntimeError, match="^member failed at k=2: ZeroDivisionError: no such thing") as caught:
        mf.sweep(member, {"k": [1, 2, 3, 4, 5, 6]}, path=folder, seed=0, workers=workers)
    assert sorted(lines(log)) == ["1", "2"]
    assert [file.name[:4] for file in stored(folder)] == ["k=1_"]
    if workers == 1:
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
    else:
        assert "in member\nZeroDivisionError: no such thing" in caught.value.__notes__[0]  # the worker's traceback


# A full disk


def test_no_room_on_the_disk(folder, monkeypatch):
    calls = []

    def fsync(descriptor):
        calls.append(descriptor)
        if len(calls) > 5:  # the manifest and four members
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(OSError, match=rf"cannot store {folder}/.*No space left.*before are kept") as caught:
            mf.sweep(plain, GRID, path=folder, seed=0, workers=1)
    assert caught.value.errno == errno.ENOSPC
    assert len(stored(folder)) == 4 and not list(folder.glob("*.part"))
    resumed = mf.sweep(plain, GRID, path=folder, seed=0, workers=1)
    assert resumed.identical(mf.sweep(plain, GRID, path=folder.with_name("other"), seed=0, workers=1))


FULL = """
import os, resource, subprocess, sys
import mfcore as mf

folder, other, kind = sys.argv[1:]

def member(rng, k):
    return rng.normal(size=1000)

def run(path):
    try:
        result = mf.sweep(member, {"k": range(10)}, path=path, seed=0, workers=1)
    except OSError as fault:
        print(fault)
    else:
        print("whole", float(result.value.sum()).hex())

if kind == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (8000, resource.RLIM_INFINITY))
else:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], check=True)
    with open(folder + "/ballast", "wb") as file:
        file.write(bytes(960 * 1024))
run(folder + "/run")
subprocess.run(["ls", "-a", folder + "/run"])
if kind == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
else:
    os.remove(folder + "/ballast")
run(folder + "/run")
run(other)
"""


@compiled
def test_a_disk_that_is_really_full(tmp_path):
    """A limit on the size of files, which every user can set, and a small disk where we may mount one."""
    for kind in ("limit", "disk"):
        (tmp_path / kind).mkdir()
    mounting = ["unshare", "-rm"]
    may_mount = shutil.which("unshare") and not subprocess.run(
        [*mounting, "mount", "-t", "tmpfs", "none", tmp_path / "disk"], capture_output=True
    ).returncode
    for kind in ("limit", "disk") if may_mount else ("limit",):
        command = [*mounting * (kind == "disk"), sys.executable, "-c", FULL]
        done = subprocess.run(
            [*command, tmp_path / kind, tmp_path / f"{kind}-2", kind], capture_output=True, text=True, cwd=ROOT
        )
        assert done.returncode == 0, done.stderr
        fault, *names, resumed, undisturbed = done.stdout.splitlines()
        number = errno.EFBIG if kind == "limit" else errno.ENOSPC
        assert fault.startswith(f"[Errno {number}] cannot store {tmp_path}/{kind}/run/k="), fault
        assert resumed == undisturbed and resumed.startswith("whole")
        assert not any(name.endswith(".part") for name in names)
        finished = sum(name.endswith(".nc") for name in names)
        assert finished == 0 if kind == "limit" else 1 <= finished < 10


# Damage and leftovers


def truncated(file, others):
    file.write_bytes(file.read_bytes()[:-500])


def emptied(file, others):
    file.write_bytes(b"")


def flipped(file, others):
    blob = bytearray(file.read_bytes())
    place = blob.index(np.float64(XR_VALUE).tobytes())
    blob[place] ^= 1
    file.write_bytes(blob)


def longer(file, others):
    file.write_bytes(file.read_bytes() + b"\n")


def foreign(file, others):
    xr.Dataset({"value": 1.5}).to_netcdf(file, engine="h5netcdf")


XR_VALUE = 1 / 3


@pytest.mark.parametrize("harm", [truncated, emptied, flipped, longer, foreign])
def test_a_damaged_file_is_named_and_computed_anew(folder, log, harm):
    def member(rng, k):
        with open(log, "a") as file:
            file.write(f"{k}\n")
        return XR_VALUE * (k + 1)

    run = functools.partial(mf.sweep, member, {"k": range(3)}, path=folder, seed=0, workers=1)
    whole = run()
    victim, *others = stored(folder)
    good = victim.read_bytes()
    harm(victim, others)
    with pytest.raises(ValueError, match=rf"1 damaged file\(s\) in {folder}, .*{victim.name}\. Delete them"):
        run()
    assert len(lines(log)) == 3
    victim.unlink()
    assert run().identical(whole)
    assert len(lines(log)) == 4 and victim.read_bytes() == good


def test_every_wrong_byte_is_seen(folder):
    mf.sweep(plain, {"beta": [1.0], "draw": [0]}, path=folder, seed=0, workers=1)
    good = stored(folder)[0].read_bytes()
    code._decode(good)
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 1 << place % 8
        with pytest.raises(ValueError, match="checksum"):
            code._decode(bytes(bad))
    for end in (0, 1, 72, 73, 74, len(good) // 2, len(good) - 1):
        with pytest.raises(ValueError, match="checksum"):
            code._decode(good[:end])


def test_a_renamed_file_is_no_other_member(folder):
    run = functools.partial(mf.sweep, plain, GRID, path=folder, seed=0, workers=1)
    run()
    first, second, *_ = stored(folder)
    second.unlink()
    first.rename(second)
    with pytest.raises(ValueError, match=rf"{second} holds another member, .*: was it renamed\?"):
        run()


def test_leftovers_are_removed_and_the_files_of_others_stay(folder):
    run = functools.partial(mf.sweep, plain, GRID, path=folder, seed=0, workers=1)
    whole = run()
    first, *_ = stored(folder)
    half = Path(f"{first}.part")
    half.write_bytes(first.read_bytes()[:1000])
    first.unlink()
    (folder / "sweep.json.part").write_text("{")
    for name in ("film.part", "notes.txt"):
        (folder / name).write_text("mine")
    assert run().identical(whole)
    assert not half.exists() and not (folder / "sweep.json.part").exists()
    assert (folder / "film.part").read_text() == (folder / "notes.txt").read_text() == "mine"


def test_a_damaged_or_missing_manifest(folder):
    run = functools.partial(mf.sweep, plain, GRID, path=folder, seed=0, workers=1)
    run()
    manifest = folder / "sweep.json"
    manifest.write_text(manifest.read_text()[:-20])
    with pytest.raises(ValueError, match=rf"{manifest} is damaged"):
        run()
    manifest.unlink()
    with pytest.raises(ValueError, match=rf"{folder} holds netCDF files but no sweep\.json"):
        run()


# Another sweep in the folder


def test_another_seed_or_other_parameters(folder):
    mf.sweep(plain, GRID, path=folder, seed=0, workers=1)
    with pytest.raises(ValueError, match=r"sweep\.json is of another sweep: seed \(0 there, 1 here\)\. Choose"):
        mf.sweep(plain, GRID, path=folder, seed=1, workers=1)

    def member(rng, beta, draw, n):
        return 1

    with pytest.raises(ValueError, match=r"parameters \(beta, draw there, beta, draw, n here\).*member \(plain there"):
        mf.sweep(member, {**GRID, "n": [1]}, path=folder, seed=0, workers=1)


def test_a_file_of_another_sweep(tmp_path):
    mf.sweep(plain, GRID, path=tmp_path / "0", seed=0, workers=1)
    mf.sweep(plain, GRID, path=tmp_path / "1", seed=1, workers=1)
    strange = stored(tmp_path / "1")[3]
    shutil.copy(strange, tmp_path / "0")
    with pytest.raises(ValueError, match=rf"0/{strange.name} is of another sweep: seed \(1 there, 0 here\)"):
        mf.sweep(plain, GRID, path=tmp_path / "0", seed=0, workers=1)


FACTOR = 2.0


def helper(x):
    return FACTOR * x


def define(source, **names):
    """A function as a notebook defines it, and defines it again."""
    space = {"__name__": "__main__", "np": np, "mf": mf, **names}
    exec(textwrap.dedent(source), space)
    return space["member"]


MEMBER = """
FACTOR = 2.0
def helper(x):
    return FACTOR * x
def member(rng, k, power=2):
    "About."
    return helper(k) ** power + np.float64(0) + sum(shift)
"""
OTHER_CODE = {
    "its constant": (lambda s: s.replace("float64(0)", "float64(1)"), r"code of member \(\w+ there, \w+ here\)"),
    "its default": (lambda s: s.replace("power=2", "power=3"), r"code of member \("),
    "a helper": (lambda s: s.replace("FACTOR * x", "FACTOR + x"), r"helper, which member uses \("),
    "a helper's value": (lambda s: s.replace("FACTOR = 2.0", "FACTOR = 3.0"), r"helper, which member uses \("),
    "a value": (lambda s: s, r"shift, which member uses \("),
    "another helper": (lambda s: s.replace("return helper", "return abs"), r"helper, .* \(\w+ there, none here\)"),
}


@pytest.mark.parametrize("what", OTHER_CODE)
def test_other_code_of_the_member(folder, what):
    change, message = OTHER_CODE[what]
    run = functools.partial(mf.sweep, grid={"k": [1, 2]}, path=folder, seed=0, workers=1)
    run(define(MEMBER, shift=[1.0]))
    run(define("# a comment\n\n" + MEMBER.replace("power)", "power)  # another"), shift=[1.0]))
    with pytest.raises(ValueError, match=rf"sweep\.json is of another sweep: (.*; )?{message}"):
        run(define(change(MEMBER), shift=[1.0 + (what == "a value")]))


@pytest.mark.parametrize("package", ["numpy", "scipy", "numba"])
def test_another_version_of_a_package(folder, monkeypatch, package):
    mf.sweep(plain, GRID, path=folder, seed=0, workers=1)
    version = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "9.9" if name == package else version(name))
    with pytest.raises(ValueError, match=rf"another sweep: {package} \({version(package)} there, 9\.9 here\)\."):
        mf.sweep(plain, GRID, path=folder, seed=0, workers=1)


COPY = """
import sys
import mfcore as mf
assert mf.__file__.startswith(sys.argv[1]), mf.__file__
try:
    mf.sweep(lambda rng, k: k, {"k": [1, 2]}, path=sys.argv[2], seed=0, workers=1)
    print("whole")
except ValueError as fault:
    print(fault)
"""


@compiled
def test_another_mfcore(tmp_path):
    package = tmp_path / "site" / "mfcore"
    shutil.copytree(Path(mf.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))

    def run():
        environment = {**os.environ, "PYTHONPATH": str(package.parent)}
        return python(COPY, package.parent, tmp_path / "run", env=environment, cwd=tmp_path).communicate()[0]

    assert run() == "whole\n"
    counted = {path.name for path in code._SOURCES}
    every = {path.name for path in Path(mf.__file__).parent.glob("*.py")}
    assert every - counted == {"plot.py", "claims.py", "_book.py"}  # which compute nothing
    (package / "sphere.py").write_text((package / "sphere.py").read_text() + "\n# edited\n")
    assert "is of another sweep: mfcore (" in run()


@compiled
def test_a_worker_with_other_code(folder, monkeypatch):
    """As when files of the package were changed after this process has imported it."""
    monkeypatch.setattr(code, "_SOURCE", "0123456789abcdef")
    with pytest.raises(RuntimeError, match=r"a worker process has other code than this process: mfcore \(.*Restart"):
        mf.sweep(lambda rng, k: k, {"k": [3]}, path=folder, seed=0, workers=2)
    assert stored(folder) == []


def test_one_sweep_at_a_time(folder):
    def member(rng, k):
        with pytest.raises(RuntimeError, match=rf"another sweep is writing into {folder}: wait for it"):
            mf.sweep(plain, GRID, path=folder, seed=0, workers=1)
        return k

    mf.sweep(member, {"k": [1]}, path=folder, seed=0, workers=1)
    mf.sweep(member, {"k": [1]}, path=folder, seed=0, workers=1)


# Digests of functions

DIGESTS = """
import functools, sys, enum, dataclasses
import cloudpickle
import numpy as np
import xarray as xr
import mfcore as mf
from mfcore import _fingerprint

class Kind(enum.Flag):
    A, B = 1, 2

@dataclasses.dataclass
class Point:
    x: int = 3
    names: list = dataclasses.field(default_factory=list)
    class Inner:
        depth = 3
    @property
    def twice(self):
        return helper(self.x)
    @staticmethod
    def zero():
        return 0

class Slots:
    __slots__ = ("a", "b")
    def __init__(self):
        self.a = 3

class Callable:
    def __init__(self, k):
        self.k, self.me = k, self
    def __call__(self, rng):
        return super().__repr__()

def again(n):
    return helper(n - 1) if n in {"a", "bb", "ccc"} else None

def helper(n):
    return [again(n) for _ in range(n)] + [WORDS, Kind.A]

def outer(values):
    if len(values) > 5:
        late = 1
    def inner():
        return values, late, mf.sphere.project, lambda: np.linalg.norm(values)
    return inner

WORDS = {"x", "yy", "zzz", "four"}
tree = {"up": None}
tree["down"] = [tree]
things = [Kind.A | Kind.B, Kind, Point, Point(4), Slots(), Callable(3), helper, outer([1]), tree, WORDS,
          functools.partial(helper, 3), Callable(2).__call__, np.random.default_rng(1), np.exp, len, slice(1, 2),
          xr.DataArray([1.0, 2.0], dims="x", coords={"x": [3, 4]}), mf.SelfAttention(2.0), mf.AdditivePE(np.eye(3)),
          np.array([1, "x"], dtype=object), np.float32(3), np.asfortranarray(np.eye(3)), mf, mf.flow, (i for i in "a")]
digests = [_fingerprint.digest(thing) for thing in things]
assert len(set(digests)) == len(digests)
if len(sys.argv) > 1:
    blob = cloudpickle.dumps(things[:-1])
    open(sys.argv[1], "wb").write(blob)
print(*digests[:-1])
"""


def test_digests_are_the_same_in_every_process(tmp_path, monkeypatch, capsys):
    runs = [python(DIGESTS, tmp_path / "things", env={**os.environ, "PYTHONHASHSEED": seed}) for seed in "12"]
    (one, errors), (two, _) = [run.communicate() for run in runs]
    assert one == two and one.strip(), errors
    monkeypatch.setattr(sys, "argv", [""])
    exec(DIGESTS, {"__name__": "__main__"})
    assert capsys.readouterr().out == one
    sent = """
        import pickle, sys
        from mfcore import _fingerprint
        print(*[_fingerprint.digest(thing) for thing in pickle.load(open(sys.argv[1], "rb"))])
    """
    assert python(textwrap.dedent(sent), tmp_path / "things").communicate()[0] == one


def test_digests_follow_a_module_of_the_user(tmp_path, monkeypatch):
    source = "import own_values\ndef f(x):\n    return x\ndef unused():\n    return 1\n"
    monkeypatch.syspath_prepend(tmp_path)

    def digests(text, value):
        (tmp_path / "own_module.py").write_text(text)
        (tmp_path / "own_values.py").write_text(f"value = {value}\n")
        for name in ("own_module", "own_values"):
            sys.modules.pop(name, None)
        shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
        space = {"__name__": "__main__"}
        exec("import own_module\ndef member(rng):\n    return own_module.f(own_module.own_values.value)", space)
        return _fingerprint.digests(space["member"])

    first = digests(source, 1)
    assert first.keys() == {"", "own_module"}
    assert digests(source.replace("return 1", "return 2"), 1) == first  # it is not used
    assert digests(source.replace("return x", "return -x"), 1)["own_module"] != first["own_module"]
    assert digests(source, 2)["own_module"] != first["own_module"]


def test_digests_of_compiled_and_wrapped_functions():
    def f(x):
        return x + 1

    def g(x):
        return x + 2

    for wrap in (numba.njit, functools.lru_cache, functools.partial, staticmethod, classmethod, property):
        assert _fingerprint.digest(wrap(f)) == _fingerprint.digest(wrap(f)) != _fingerprint.digest(wrap(g))


# Members that do not fit


def by_k(values):
    return lambda rng, k: values[k]


@pytest.mark.parametrize("values, message", [
    ([1, [1, 2]], r"value is numbers of shape \(value_dim_0: 2\).* at k=1, but numbers of shape \(\).* at k=0"),
    ([[1], [1, 2]], r"value is numbers of shape \(value_dim_0: 2\) .* but numbers of shape \(value_dim_0: 1\)"),
    ([1, "a"], r"value is text of shape \(\)"),
    ([{"a": 1}, {"b": 1}], r"a is missing at k=1, but numbers of shape \(\)"),
    ([{"a": 1}, {"a": 1, "b": 1}], r"b is numbers of shape .* at k=1, but missing at k=0"),
    ([xr.DataArray(1, attrs={"units": unit}) for unit in "ms"], r"value is .*'units': 's'.*'units': 'm'"),
    ([xr.DataArray([1], coords={"t": [time]}) for time in (0, 1)], r"t is .*coordinate values \[1\].*\[0\]"),
], ids=str)  # fmt: skip
def test_members_that_disagree(folder, values, message):
    with pytest.raises(ValueError, match="members must agree in all but their numbers: " + message):
        mf.sweep(by_k(values), {"k": [0, 1]}, path=folder, seed=0, workers=1)
    assert len(stored(folder)) == 1


def test_members_that_disagree_with_what_is_stored(folder):
    member = by_k([1, [1, 2], 3])
    for k in (0, 1):
        mf.sweep(member, {"k": [k]}, path=folder, seed=0, workers=1)
    with pytest.raises(ValueError, match="members must agree"):
        mf.sweep(member, {"k": [2, 1, 0]}, path=folder, seed=0, workers=1)


def test_numbers_of_two_kinds_become_the_wider(folder):
    result = mf.sweep(by_k([1, 2.5, True]), {"k": range(3)}, path=folder, seed=0, workers=1)
    assert result.value.dtype == np.float64 and result.value.values.tolist() == [1, 2.5, 1]


@pytest.mark.parametrize("value, message", [
    (None, r"TypeError: value must hold real numbers of 64 bits at most, or strings, got dtype object"),
    (1j, r"TypeError: value must hold real .* got dtype complex128"),
    (np.float16(1), r"TypeError: value must hold real .* got dtype float16"),
    (np.longdouble(1), r"TypeError: value must hold real .* got dtype"),
    (b"a", r"TypeError: value must hold real .* got dtype \|S1"),
    (10**30, r"TypeError: value must hold real .* got dtype object"),
    (np.datetime64("2020"), r"TypeError: value must hold real .* got dtype datetime64"),
    ([1, "a", None], r"TypeError: value must hold real"),
    ([[1], [1, 2]], r"ValueError: value is no rectangular array"),
    (np.ma.masked_array([1.0]), r"TypeError: value is a masked array"),
    (xr.DataArray(1, attrs={"x": None}), r"TypeError: attribute 'x' of value must be a text, .* got None"),
    (xr.DataArray(1, attrs={"x": True}), r"TypeError: attribute 'x' of value must be a text, .* got True"),
    (xr.DataArray(1, attrs={"x": [1, None]}), r"TypeError: attribute 'x' of value must be a text"),
    (xr.DataArray(1, attrs={2: "x"}), r"TypeError: attribute 2 of value must be a text"),
    ({}, r"ValueError: the result is empty: no value has a name"),
    ({"a": {}}, r"TypeError: a must hold real"),
    ({"a b": 1}, r"ValueError: a name in the result must be a word without '/', got 'a b'"),
    ({"a/b": 1}, r"ValueError: a name in the result must be a word without '/', got 'a/b'"),
    ({1: 1}, r"ValueError: a name in the result must be a word without '/', got 1"),
    ({"a": xr.DataArray([1]), "b": xr.DataArray([1, 2])}, r"ValueError: dimension 'dim_0' has two lengths, 1 and 2"),
    ({"a": xr.DataArray(1, coords={"t": 1}), "t": 2}, r"ValueError: the result has two different variables 't'"),
], ids=str)  # fmt: skip
def test_results_that_cannot_be_stored(folder, value, message):
    with pytest.raises(RuntimeError, match=r"^<lambda> failed at k=0: " + message):
        mf.sweep(by_k([value]), {"k": [0]}, path=folder, seed=0, workers=1)
    assert stored(folder) == []


@pytest.mark.parametrize("value, message", [
    ({"k": 1}, r"k is a parameter of the grid, and cannot name a result or a dimension of one"),
    (xr.DataArray([1], dims="k"), r"k is a parameter of the grid"),
    ("a\0b", r"the result at k=0 cannot be stored in netCDF: ValueError"),
    (xr.DataArray(1, attrs={"CLASS": "x"}), r"the result at k=0 cannot be stored in netCDF: .*reserved"),
    (xr.DataArray(np.int8(1), attrs={"dtype": "bool"}), r"value at k=0 cannot be stored in netCDF without loss"),
], ids=str)  # fmt: skip
def test_results_that_netcdf_cannot_hold(folder, value, message):
    with pytest.raises(ValueError, match=message):
        mf.sweep(by_k([value]), {"k": [0]}, path=folder, seed=0, workers=1)
    assert stored(folder) == []


# Arguments

ONE = {"k": [1]}
GOOD = {"member": lambda rng, k: k, "grid": ONE, "seed": 0, "workers": 1}
BAD = {
    "member None": ({"member": None}, TypeError, r"member must be a function of rng and the parameters, got None"),
    "member without rng": ({"member": lambda k: k}, TypeError, r"member must take rng and the parameters k: multiple"),
    "member without k": ({"member": lambda rng: 1}, TypeError, r"member must take rng and the parameters k: got an"),
    "member with more": (
        {"member": lambda rng, k, d: 1},
        TypeError,
        r"member must take rng and the parameters k: missing a required argument: 'd'",
    ),
    "grid list": ({"grid": [1]}, TypeError, r"grid must be a dict of parameter names and their values, got list"),
    "grid empty": ({"grid": {}}, ValueError, r"grid is empty: give at least one parameter"),
    "name int": ({"grid": {1: [1]}}, ValueError, r"grid must have parameter names as keys, got 1"),
    "name words": ({"grid": {"a b": [1]}}, ValueError, r"grid must have parameter names as keys, got 'a b'"),
    "axis number": ({"grid": {"k": 2.0}}, TypeError, r"grid\['k'\] must be a list, tuple, range or 1-D array, got 2.0"),
    "axis string": ({"grid": {"k": "abc"}}, TypeError, r"grid\['k'\] must be a list, .* got 'abc'"),
    "axis set": ({"grid": {"k": {1, 2}}}, TypeError, r"grid\['k'\] must be a list, .* got {1, 2}"),
    "axis matrix": ({"grid": {"k": np.eye(2)}}, TypeError, r"grid\['k'\] must be a list, .* got array"),
    "axis masked": ({"grid": {"k": np.ma.masked_array([1])}}, TypeError, r"grid\['k'\] must be a list, .* got masked"),
    "axis empty": ({"grid": {"k": []}}, ValueError, r"grid\['k'\] is empty"),
    "axis of both": ({"grid": {"k": [1, "a"]}}, TypeError, r"grid\['k'\] must hold numbers or strings, not both"),
    "repeated": ({"grid": {"k": [1, 2, 1.0]}}, ValueError, r"grid\['k'\] must not repeat a value, got 1.0 twice"),
    "repeated text": ({"grid": {"k": ["a", "a"]}}, ValueError, r"grid\['k'\] must not repeat a value, got 'a' twice"),
    "repeated zero": ({"grid": {"k": [0.0, -0.0]}}, ValueError, r"grid\['k'\] must not repeat a value, got 0.0 twice"),
    "NaN": ({"grid": {"k": [np.nan]}}, ValueError, r"grid\['k'\] must not hold NaN"),
    "None": ({"grid": {"k": [None]}}, TypeError, r"grid\['k'\] must hold real numbers or strings, got None"),
    "bool": ({"grid": {"k": [True]}}, TypeError, r"grid\['k'\] must hold real numbers or strings, got True"),
    "bools": ({"grid": {"k": np.array([True])}}, TypeError, r"grid\['k'\] must hold real numbers .* got True"),
    "complex": ({"grid": {"k": [1j]}}, TypeError, r"grid\['k'\] must hold real numbers or strings, got 1j"),
    "dates": ({"grid": {"k": np.array(["2020"], "M8[D]")}}, TypeError, r"grid\['k'\] must hold real numbers"),
    "nested": ({"grid": {"k": [[1]]}}, TypeError, r"grid\['k'\] must hold real numbers or strings, got \[1\]"),
    "huge": ({"grid": {"k": [2**63]}}, ValueError, r"grid\['k'\] must hold integers of 64 bits, got 92233"),
    "control": ({"grid": {"k": ["a\n"]}}, ValueError, r"grid\['k'\] must hold printable strings, got 'a\\n'"),
    "path None": ({"path": None}, TypeError, r"path must name a folder, got None"),
    "path empty": ({"path": ""}, TypeError, r"path must name a folder, got ''"),
    "path file": ({"path": __file__}, ValueError, r"path must name a folder, got the file .*test_sweep\.py"),
    "seed float": ({"seed": 1.0}, TypeError, r"seed must be an integer, got 1.0"),
    "seed bool": ({"seed": True}, TypeError, r"seed must be an integer, got True"),
    "seed None": ({"seed": None}, TypeError, r"seed must be an integer, got None"),
    "seed negative": ({"seed": -1}, ValueError, r"seed must be at least 0, got -1"),
    "seed huge": ({"seed": 2**63}, ValueError, r"seed must be below 2\*\*63, got 9223372036854775808"),
    "workers 0": ({"workers": 0}, ValueError, r"workers must be at least 1, got 0"),
    "workers float": ({"workers": 2.0}, TypeError, r"workers must be an integer, got 2.0"),
    "client": ({"client": "tcp://host"}, TypeError, r"client must be a dask.distributed.Client, got str"),
    "not to be sent": (
        {"member": lambda rng, k, lock=threading.Lock(): k, "workers": 2},
        TypeError,
        r"member: it cannot be sent to another process, use workers=1: TypeError: cannot pickle",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(folder, name):
    arguments, error, message = BAD[name]
    with pytest.raises(error, match=message):
        mf.sweep(**{"path": folder, **GOOD, **arguments})


def test_odd_but_good_arguments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    member = lambda rng, k: k * rng.normal()
    plainly = mf.sweep(member, {"k": [1.0, 2.0]}, path="one", seed=0, workers=1)
    assert (tmp_path / "one" / "sweep.json").exists()
    for n, values in enumerate([(1.0, 2.0), np.array([1, 2], ">f4"), xr.DataArray([1.0, 2.0]), plainly.k.to_index()]):
        odd = mf.sweep(member, {"k": values}, path=tmp_path / f"{n}/in", seed=np.int8(0), workers=1)
        assert odd.value.values.tobytes() == plainly.value.values.tobytes()
    kinds = []
    mf.sweep(lambda rng, **p: kinds.append(p) or 0, {"a": [np.int8(1)], "b": [np.float32(2)], "c": [np.str_("x")]},
             path="two", seed=0, workers=1)  # fmt: skip
    assert [(k, type(v)) for k, v in kinds[0].items()] == [("a", int), ("b", float), ("c", str)]


def test_names_of_files_do_not_collide(folder):
    texts = ["a", "A", "a b", "a_b", "a/b", "a-b", "é", "", ".", "x" * 300, "x" * 301]
    result = mf.sweep(lambda rng, text: text, {"text": texts}, path=folder, seed=0, workers=1)
    assert result.value.values.tolist() == texts
    assert len({file.name.lower() for file in stored(folder)}) == len(texts)


@pytest.mark.parametrize("package", ["xarray", "h5netcdf", "h5py", "tqdm", "cloudpickle", "threadpoolctl"])
def test_without_the_extra(folder, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'^mfcore\.sweep needs {package}: pip install "mfcore\[sweep\]"$'):
        mf.sweep(plain, GRID, path=folder, seed=0)
    assert not folder.exists()


# Processes, notebooks, the progress bar


@compiled
def test_all_processors_by_default_and_one_thread_each(folder):
    source = """
        import os, sys
        import mfcore as mf
        def member(rng, k):
            import time, threadpoolctl, numba
            time.sleep(0.2)
            threads = max(pool["num_threads"] for pool in threadpoolctl.threadpool_info())
            dask = any(name.split(".")[0] in ("dask", "distributed") for name in sys.modules)
            return {"pid": os.getpid(), "threads": max(threads, numba.config.NUMBA_NUM_THREADS), "dask": dask}
        result = mf.sweep(member, {"k": range(4)}, path=sys.argv[1], seed=0)
        print(len(set(result.pid.values)), os.getpid() in result.pid.values, result.threads.values.max(),
              result.dask.values.any(), "distributed" in sys.modules)
    """
    # From standard input, where a member is in no file.
    done = subprocess.run(
        [sys.executable, "-", folder], input=textwrap.dedent(source), capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout.split() == [str(min(4, code._processors())), "False", "1", "False", "False"], done.stderr


@compiled
def test_in_a_notebook(tmp_path):
    """A member that a cell defines; and no bar in the output, which the book compares."""
    cell = f"""
        import mfcore as mf
        scale = 2.0
        def member(rng, beta):
            return scale * beta * rng.normal()
        mf.sweep(member, {{"beta": [1.0, 2.0, 3.0]}}, path={str(tmp_path / "run")!r}, seed=0, workers=2).value.shape
    """
    import nbclient  # here, for a worker that imports this module to find a member need not
    import nbformat

    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(cell).strip())])
    nbclient.NotebookClient(book, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    (output,) = book.cells[0].outputs
    assert output["data"]["text/plain"] == "(3,)"


@pytest.mark.parametrize("watched", ["terminal", "live notebook", "nobody"])
def test_a_bar_for_who_looks_on(folder, monkeypatch, watched):
    class Errors(io.StringIO):
        def isatty(self):
            return watched == "terminal"

    errors = Errors()
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    if watched == "live notebook":
        monkeypatch.setenv("JPY_SESSION_NAME", "my.ipynb")
    monkeypatch.setattr(sys, "stderr", errors)
    mf.sweep(plain, {"beta": [1.0], "draw": range(2)}, path=folder, seed=0, workers=1)
    assert bool(errors.getvalue()) == (watched != "nobody")
    mf.sweep(plain, GRID, path=folder, seed=0, workers=1)
    assert ("12/12" in errors.getvalue()) == (watched != "nobody")
    seen = len(errors.getvalue())
    mf.sweep(plain, GRID, path=folder, seed=0, workers=1)  # nothing to do
    assert len(errors.getvalue()) == seen
