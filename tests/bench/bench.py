"""Measure mfcore beside its peers, in one process and interleaved, and print the table of the performance page.

    python tests/bench/bench.py                 all of it, and book/data/performance.json written anew
    python tests/bench/bench.py --only NAME     one part (velocity, dimensions, threads, trajectories, limits,
                                                vectors, differences, drift, direct, harmonic, start), printed and
                                                not written

Each figure is the median of at least 20 runs. mfcore and one peer take turns in one process, so that a change of the
machine's speed meets both alike, and a ratio is the median of the ratios turn by turn. Each peer has a process of its
own: two that bring their own thread pools slow each other down. Peers that are not installed are left out and named.
`pip install -e ".[bench]"` brings them; PyTorch from the package index needs 5 GB.
"""

import argparse
import datetime
import gc
import hashlib
import importlib.metadata
import inspect
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numba
import numpy as np
import peers

import mfcore as mf
from mfcore import _harmonics

ROOT = Path(__file__).parents[2]
OUT = ROOT / "book" / "data" / "performance.json"
THREADS = 2
RUNS = 20
SIZES = (64, 256, 1024, 4096, 16384)
DIMENSIONS, MANY = (2, 3, 4, 8, 16, 32, 64, 128), 4096  # and the tokens at which d and threads are varied
DIRECT = (1024, 2048, 4096, 8192, 16384, 32768, 65536)
HARMONIC = (  # d, beta, sizes
    (2, 5.0, (10**4, 10**5, 10**6, 10**7)),
    (2, 50.0, (10**4, 10**5, 10**6, 10**7)),
    (2, 200.0, (10**4, 10**5, 10**6)),
    (3, 5.0, (10**4, 10**5, 10**6)),
)
BOTH = 100_000  # tokens on the sphere for direct sums beside harmonic ones
SHARP = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 100.0, 200.0, 400.0)
PAUSE = 0.03  # seconds after which idle threads of OpenMP have stopped spinning
PAUSE_OF_BLAS = 0.15  # and those of OpenBLAS, which NumPy uses
BETA = 2.0


def take_turns(runs, least=RUNS, pause=PAUSE):
    """Seconds of each function, turn by turn: {name: array (turns,)}.

    Before each turn a pause lets threads that the other keeps waiting go to sleep (a busy one: this core stays awake);
    not where both take less than a millisecond, for then to wake them would be all that is measured. And short functions
    run once untimed, so that neither pays for the cache that the other has filled.
    """
    once = {}
    for name, run in runs.items():
        run()
        start = time.perf_counter()
        run()
        once[name] = time.perf_counter() - start
    rest = pause if max(once.values()) > 1e-3 else 0.0
    seconds = {name: [] for name in runs}
    gc.disable()
    for _ in range(least):
        for name, run in runs.items():
            until = time.perf_counter() + rest
            while time.perf_counter() < until:
                pass
            if once[name] < 0.05:
                run()
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    gc.enable()
    return {name: np.array(taken) for name, taken in seconds.items()}


def rows(seconds, **setting):
    """One line of the table a peer: median, quartiles, and how many times longer than mfcore."""
    ours = seconds.get("mfcore")
    for name, taken in seconds.items():
        low, median, high = np.quantile(taken, [0.25, 0.5, 0.75])
        line = {**setting, "peer": name, "ms": 1e3 * median, "low": 1e3 * low, "high": 1e3 * high}
        if ours is not None:
            line["ratio"] = float(np.median(taken / ours))
        show(line)
        yield line


def show(line):
    print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in line.items()), flush=True)


def velocity(missing):
    """The softmax velocity against n, for three d."""
    return each_peer("velocities", peers.PEERS, missing)


def dimensions(missing):
    """The softmax velocity against d."""
    return each_peer("each_dimension", peers.FEW, missing)


def threads(missing):
    """The softmax velocity against the number of threads."""
    return each_peer("each_thread", peers.THREADED, missing)


def trajectories(missing):
    """A thousand layers x <- N(x + step g)."""
    return each_peer("thousand_layers", peers.LAYERS, missing)


def each_peer(work, names, missing):
    lines = []
    for name in names:
        done = subprocess.run([sys.executable, __file__, "--pair", work, name], capture_output=True, text=True)
        if done.returncode:  # not installed, or its compiler does not work: named in the page, not fatal
            missing[name] = done.stderr.strip().splitlines()[-1].split(":")[0]
            continue
        new = json.loads(done.stdout.splitlines()[-1])
        for line in new:
            show(line)
        lines += new
    return lines


def velocities(name):
    """One peer beside mfcore; the published loop only where it takes less than seconds."""
    rng = np.random.default_rng(0)
    lines = []
    for d in (3, 16, 64):
        for n in SIZES:
            x = mf.sphere.sample(n, d, rng)
            if n > peers.MOST.get(name, 4096) or (d > 3 and name in ("mfcore, harmonic", "published loop")):
                continue
            lines += beside(name, x, THREADS)
    return lines


def beside(name, x, threads):
    """mfcore and one peer, at the same tokens and with as many threads."""
    n, d = x.shape
    pair = {"mfcore": peers.mfcore(x, BETA, threads), name: peers.PEERS[name](x, BETA, threads)}
    return rows(take_turns(pair, RUNS, pause_for(name)), beside=name, d=d, n=n, threads=threads)


def pause_for(name):
    return PAUSE_OF_BLAS if name in ("NumPy", "NumPy, blocked", "published loop") else PAUSE


def each_dimension(name):
    rng = np.random.default_rng(7)
    return [line for d in DIMENSIONS for line in beside(name, mf.sphere.sample(MANY, d, rng), THREADS)]


def each_thread(name):
    x = mf.sphere.sample(MANY, 3, np.random.default_rng(8))
    return [line for count in range(1, os.cpu_count() + 1) for line in beside(name, x, count)]


def thousand_layers(name):
    lines = []
    for n in (32, 256):
        x = mf.sphere.sample(n, 3, np.random.default_rng(1))
        pair = {"mfcore": peers.mfcore_layers(x, BETA, THREADS), name: peers.LAYERS[name](x, BETA, THREADS)}
        lines += rows(take_turns(pair, RUNS, pause_for(name)), beside=name, d=3, n=n, layers=1000, threads=THREADS)
    return lines


def limits(missing):
    """Against loops that do nothing but the exponentials, and nothing but the rest."""
    n = 4096
    x = mf.sphere.sample(n, 3, np.random.default_rng(2))
    runs = {
        "mfcore": peers.mfcore(x, BETA, THREADS),
        "exponentials only": peers.exponentials(n, THREADS),
        "multiply-adds only": peers.multiply_adds(n, THREADS),
    }
    return list(rows(take_turns(runs), d=3, n=n, threads=THREADS))


def differences(missing):
    """What differences first cost: the kernel's pass over a pair of tiles, and the same with plain products."""
    source = inspect.getsource(mf._kernels.block.py_func).replace("@jit()\n", "")
    plain = re.sub(r"\((\w\[j\]) - (\w+)\) \* \(\1 - \2\)", r"\1 * \2", source)
    plain = plain.replace("d0, d1, d2, d3 = v[j] - v0, v[j] - v1, v[j] - v2, v[j] - v3", "d0 = d1 = d2 = d3 = v[j]")
    plain = plain.replace("-w0[j], d0", "w0[j], v0").replace("-w1[j], d1", "w1[j], v1")
    plain = plain.replace("-w2[j], d2", "w2[j], v2").replace("-w3[j], d3", "w3[j], v3")
    assert " - v" not in plain and "- a" not in plain
    space = dict(vars(mf._kernels))
    exec(plain, space)
    other = numba.njit(nogil=True, fastmath=mf._jit.FAST, error_model="numpy", _nrt=False)(space["block"])
    tile, stride = mf._kernels.TILE, mf._kernels.STRIDE
    lines = []
    for d in (3, 16, 64):
        e = max(d, 4)
        keys = 0.1 * np.random.default_rng(6).standard_normal((2, (1 + e) * stride))
        a, b = keys
        sums = np.zeros((3, max(4, 1 + d) * stride))
        everybody = False, 0, 0, tile, np.array([np.inf, np.inf, 0.0, 0.0]), np.empty(0)
        given = a, b, e, a, b, d, 1.0, 0, False, 0, tile, tile, *sums, *everybody
        pair = {"mfcore": partial(mf._kernels.block, *given), "plain products": partial(other, *given)}
        lines += rows(take_turns(pair, 500), d=d, threads=1)
    return lines


def drift(missing):
    """Relative error of a slow drift, of two tokens at one point that feel a third at an angle of 1.4."""
    lines = []
    for beta in SHARP:
        angle = np.array([0.6, 0.6, 2.0])
        x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        weight = np.exp(-2 * beta * np.sin(0.7) ** 2)
        exact = weight * np.sin(1.4) / (2 + weight)
        for name, run in {"mfcore": peers.mfcore, **{k: peers.PEERS[k] for k in peers.FEW}}.items():
            try:
                got = run(x, beta, 1)()
            except ImportError as fault:
                missing[name] = type(fault).__name__
                continue
            speed = x[0, 0] * float(got[0][1]) - x[0, 1] * float(got[0][0])
            lines.append({"beta": beta, "peer": name, "error": abs(speed / exact - 1)})
            show(lines[-1])
    return lines


def slope(lines):
    return float(np.polyfit(np.log([x["n"] for x in lines]), np.log([x["ms"] for x in lines]), 1)[0])


def direct(missing):
    """Cost and memory of the direct sums against n, and the bits of both methods on one and two threads."""
    lines, alone = [], []
    for n in DIRECT:
        x = mf.sphere.sample(n, 3, np.random.default_rng(3))
        runs = {"mfcore": peers.mfcore(x, BETA, THREADS), "one thread": peers.mfcore(x, BETA, 1)}
        two, one = rows(take_turns(runs, RUNS if n < 30_000 else 5), d=3, n=n, threads=THREADS)
        two["extra MB"] = memory("direct", n)
        two["same bits"] = all(len({digest(x, method, threads) for threads in (1, 2, 2)}) == 1
                               for method in ("direct", "harmonic"))  # fmt: skip
        show(two)
        lines.append(two)
        alone.append(one)
    return {"lines": lines, "exponent": slope(lines), "exponent on one thread": slope(alone)}


def digest(x, method, threads):
    numba.config.NUMBA_NUM_THREADS = threads
    bits = hashlib.sha256(mf.SelfAttention(BETA, method=method).velocity(x).tobytes()).hexdigest()
    numba.config.NUMBA_NUM_THREADS = THREADS
    return bits


def memory(method, n, d=3):
    """Peak memory in MB that one velocity takes beyond its input and output, in a process of its own (Linux only)."""
    if not Path("/proc/self/clear_refs").exists():
        return None
    code = f"""
import numpy as np, mfcore as mf
peak = lambda: int([x for x in open("/proc/self/status") if x.startswith("VmHWM")][0].split()[1]) / 1000
x = mf.sphere.sample(4096, {d}, np.random.default_rng(0))
model = mf.SelfAttention({BETA}, method={method!r})
model.velocity(x)
x = mf.sphere.sample({n}, {d}, np.random.default_rng(0))
open("/proc/self/clear_refs", "w").write("5")  # forget the peak so far
before = peak()
model.velocity(x)
print(max(0.0, peak() - before - x.nbytes / 1e6))
"""
    return float(python(code))


def python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout


def harmonic(missing):
    """Cost of the harmonic sums against n, their accuracy, and the direct sums and finufft beside them."""
    result = {}
    for d, beta, sizes in HARMONIC:
        lines = []
        for n in sizes:
            x = mf.sphere.sample(n, d, np.random.default_rng(4))
            runs = {"mfcore": peers.mfcore_harmonic(x, beta, THREADS)}
            if d == 2 and n == 10**6:
                try:
                    modes = len(_harmonics.series(2, beta, 1e-12 * _harmonics.least(2, beta))[0])
                    runs["finufft"] = peers.circle_by_finufft(x, beta, modes, THREADS)
                except ImportError as fault:
                    missing["finufft"] = type(fault).__name__
            new = list(rows(take_turns(runs, RUNS if n <= 10**6 else 5), d=d, beta=beta, n=n, threads=THREADS))
            new[0]["error"] = error(mf.SelfAttention(beta, method="harmonic"), x)
            new[0]["extra MB"] = memory("harmonic", n, d) if beta == 5.0 else None
            show(new[0])
            lines += new
        ours = [line for line in lines if line["peer"] == "mfcore"]
        result[f"d={d}, beta={beta:g}"] = {"lines": lines, "exponent": slope(ours)}
    x = mf.sphere.sample(BOTH, 3, np.random.default_rng(4))
    both = {"mfcore": peers.mfcore_harmonic(x, 5.0, THREADS), "direct": peers.mfcore(x, 5.0, THREADS)}
    result["against direct"] = list(rows(take_turns(both, 5), d=3, beta=5.0, n=BOTH, threads=THREADS))
    return result


def error(model, x):
    """Largest error of the velocity of 50 random tokens, relative to the largest velocity, by their direct sums."""
    pick = np.random.default_rng(5).choice(len(x), 50, replace=False)
    got, want = model.velocity(x)[pick], np.empty((50, x.shape[1]))
    for row, i in enumerate(pick):
        difference = x - x[i]
        weight = np.exp(-model.beta / 2 * (difference**2).sum(axis=1))
        drift = weight @ difference / weight.sum()
        want[row] = drift - x[i] * (x[i] @ drift)
    return float(np.abs(got - want).max() / np.abs(want).max())


def start(missing):
    """Seconds to the first result in a new process, with and without a warm cache of compiled code."""
    code = """
import time
start = time.perf_counter()
import numpy as np, mfcore as mf
x = mf.sphere.sample(64, 3, np.random.default_rng(0))
mf.SelfAttention(2.0).velocity(x)
first = time.perf_counter() - start
mf.flow(mf.SelfAttention(2.0), x, [1.0])
print(first, time.perf_counter() - start)
"""
    lines = []
    with tempfile.TemporaryDirectory() as cache:
        for name in ("cold", "warm", "warm"):
            velocity_s, flow_s = map(float, python(code, NUMBA_CACHE_DIR=cache).split())
            lines.append({"cache": name, "velocity s": velocity_s, "and a flow s": flow_s})
            show(lines[-1])
    return lines[:1] + lines[-1:]


def vectors(missing):
    """What vectors as wide as the compiler chooses give beside those of 256 bits, in processes turn by turn."""
    if "AVX-512" not in machine():
        return []
    code = f"""
import time
import numpy as np, mfcore as mf
for d in (3, 64):
    x = mf.sphere.sample({MANY}, d, np.random.default_rng(9))
    model, taken = mf.SelfAttention({BETA}, method="direct"), []
    for _ in range({RUNS}):
        start = time.perf_counter()
        model.velocity(x)
        taken.append(time.perf_counter() - start)
    print(1e3 * np.median(taken))
"""
    found = {256: [], "chosen": []}
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(5):
            for bits, settings in ((256, {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": ""}), ("chosen", {})):
                # Numba's cache tells processors apart by name and features.
                found[bits].append(list(map(float, python(code, NUMBA_CACHE_DIR=cache, **settings).split())))
    lines = []
    for k, d in enumerate((3, 64)):
        narrow, wide = (float(np.median(np.array(found[bits])[:, k])) for bits in found)
        lines.append({"d": d, "n": MANY, "256 bits ms": narrow, "chosen ms": wide, "ratio": narrow / wide})
        show(lines[-1])
    return lines


PAIRS = {f.__name__: f for f in (velocities, each_dimension, each_thread, thousand_layers)}
PARTS = {
    f.__name__: f
    for f in (velocity, dimensions, threads, trajectories, limits, vectors, differences, drift, direct, harmonic, start)
}


def machine():
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        named = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
        model = named[0] if named else model
    vectors = "no AVX2"
    if Path("/proc/cpuinfo").exists():
        flags = open("/proc/cpuinfo").read()
        vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else vectors
    return f"{model}, {os.cpu_count()} cores, {vectors}, {platform.system()}"


def versions():
    found = {"mfcore": mf.__version__, "python": platform.python_version()}
    for name in ("numpy", "scipy", "numba", "torch", "jax", "finufft", "pykeops"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, help="one part, printed and not written")
    parser.add_argument("--pair", nargs=2, help=argparse.SUPPRESS)  # in a process of its own, see each_peer
    arguments = parser.parse_args()
    only = arguments.only
    if arguments.pair:
        work, name = arguments.pair
        print(json.dumps(PAIRS[work](name)))
        return
    missing = {}
    result = {"date": datetime.date.today().isoformat(), "machine": machine(), "versions": versions()}
    for name, part in PARTS.items():
        if only in (None, name):
            print(f"--- {name}: {part.__doc__}")
            result[name] = part(missing)
    result["missing"] = missing
    for name, fault in missing.items():
        print(f"left out: {name} ({fault})")
    if not only:
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_text(json.dumps(result, indent=1) + "\n")
        print(f"written: {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
