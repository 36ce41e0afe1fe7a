"""The same bits on any number of threads, after a fork, and from two Python threads at once."""

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.compiled

# Below and above the sizes from which work is shared out (300,000 pairs a thread; 16 tiles), ensembles too.
WORK = """
import hashlib, sys
import numpy as np
import mfcore as mf

def digest():
    bits = hashlib.sha256()
    rng = np.random.default_rng(0)
    for n, d in ((7, 3), (300, 4), (640, 2), (801, 4), (1500, 2), (1600, 4)):
        x = mf.sphere.sample(n, d, rng)
        small = rng.standard_normal((n, d)) * np.logspace(-3, 0, n)[:, None]
        kinds = [None, mf.AdditivePE(small, 30.0), mf.ConcatPE(small, 2.0)]
        if d % 2 == 0:
            kinds.append(mf.RotaryPE(np.arange(n), np.ones(d // 2)))
        for aux in kinds:
            for normalization in ("softmax",) if isinstance(aux, mf.AdditivePE) else ("softmax", "none"):
                model = mf.SelfAttention(3.0, normalization, aux)
                for result in (model.velocity(x), model.layer(x, 0.5), np.float64(model.log_energy(x))):
                    bits.update(result.tobytes())
        field = rng.standard_normal((n, d))
        for mask in (mf.masks.causal(), mf.masks.window(40), mf.masks.decay(0.01, causal=False)):
            for prompt in (None, mf.Prompt(field[:3]), mf.Prompt(field, shared=False)):
                model = mf.SelfAttention(2.0, auxiliary=mf.AdditivePE(field, 0.5), mask=mask, prompt=prompt)
                for result in (model.velocity(x), model.layer(x, 0.5)):
                    bits.update(result.tobytes())
    bits.update(mf.SelfAttention(2.0, method="direct").velocity(mf.sphere.sample(8200, 3, rng)).tobytes())
    starts = np.array([mf.sphere.sample(120, 3, rng) for _ in range(60)])
    found = mf.maximize(mf.SelfAttention(1.0), starts, max_iter=12)
    for result in (found.x, found.residual, found.log_energy, found.iterations):
        bits.update(np.ascontiguousarray(result).tobytes())
    one = mf.maximize(mf.SelfAttention(1.0), mf.sphere.sample(801, 4, rng), max_iter=3)
    for result in (one.x, one.residual, one.log_energy, one.iterations):
        bits.update(np.ascontiguousarray(result).tobytes())
    starts = np.array([mf.sphere.sample(1600, 4, rng) for _ in range(2)])
    bits.update(mf.maximize(mf.SelfAttention(1.0), starts, max_iter=2).x.tobytes())
    twice = mf.sphere.sample(1000, 4, rng).repeat(2, axis=0)  # which merge, and then need fewer lanes
    for x in (mf.sphere.sample(800, 2, rng), mf.sphere.sample(700, 2, rng).repeat(2, axis=0), twice):
        run = mf.flow(mf.SelfAttention(2.0), x, [0.0, 0.2, 1.0])
        bits.update(run.x.tobytes())
        bits.update(run.log_energy.tobytes())
    (member,) = mf.flow([mf.SelfAttention(2.0)], twice, [0.0, 0.2, 1.0])
    assert (member.x == run.x).all() and member.error == run.error
    return bits.hexdigest()
"""


def run(code, threads, **environment):
    code = WORK + textwrap.dedent(code)
    environment = {**os.environ, "NUMBA_NUM_THREADS": str(threads), **environment}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def serial():
    (digest,) = run("print(digest())", 1)
    assert len(digest) == 64
    return digest


@pytest.mark.parametrize("threads", [2, 3])
def test_same_bits_on_more_threads_and_again(serial, threads):
    code = """
    from mfcore import attention
    first, again = digest(), digest()
    assert attention._threads is not None and len(attention._threads._threads) > 0, "no second thread was used"
    print(first, again)
    """
    assert run(code, threads) == [serial, serial]


def test_after_a_fork(serial):
    """A child of a process whose threads are running starts its own, and the parent keeps its."""
    code = """
    import os, warnings
    warnings.simplefilter("ignore", DeprecationWarning)
    print(digest(), flush=True)
    child = os.fork()
    if child == 0:
        print(digest(), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    print(digest())
    """
    assert run(code, 2) == [serial] * 3


def test_two_python_threads_at_once(serial):
    code = """
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(2) as pool:
        print(*pool.map(lambda _: digest(), range(4)))
    """
    assert run(code, 2) == [serial] * 4


def test_no_array_is_kept_or_freed_too_early():
    """Compiled functions that make no array count no references: one that should have would lose track of arrays."""
    code = """
    import gc
    from numba.core.runtime import rtsys

    def alive():
        gc.collect()
        stats = rtsys.get_allocation_stats()
        return stats.mi_alloc - stats.mi_free, stats.alloc - stats.free

    def everything():
        rng = np.random.default_rng(1)
        x, p = mf.sphere.sample(12, 4, rng), mf.sphere.sample(12, 4, rng)
        for aux in (None, mf.AdditivePE(p), mf.RotaryPE(np.arange(12), [1.0, 0.1]), mf.ConcatPE(p)):
            for mask in (None, mf.masks.causal()):
                for prompt in (None,) if aux else (None, mf.Prompt(p[:2]), mf.Prompt(p, shared=False)):
                    for normalization in ("softmax", "none"):
                        model = mf.SelfAttention(2.0, normalization, aux, mask=mask, prompt=prompt)
                        model.velocity(x), model.layers(x, 0.1, 3), model.method_for(x)
                        mf.maximize(model, x, max_iter=5), mf.maximize(model, np.stack([x, x]), max_iter=5)
                        mf.flow(model, x, [0.0, 0.1]), mf.flow([model, model], x, [0.1])
                        mf.flow(model, x, [0.1], noise=0.1, rng=rng, step=0.05)
        short = mf.AdditivePE(p * np.logspace(-3, 0, 12)[:, None], 30.0)  # beside long ones
        mf.SelfAttention(2.0, auxiliary=short).velocity(x)
        mf.SelfAttention(2.0).layer(mf.sphere.sample(801, 4, rng), 1.0)
        stiff = mf.SelfAttention(2.0, auxiliary=mf.AdditivePE(p))
        assert "SDIRK4" in mf.flow(stiff, x, [1e6]).method
        assert "clusters" in mf.flow(mf.SelfAttention(2.0), x.repeat(2, axis=0), [1.0]).method
        for layer_norm in ("pre", "peri", "ngpt"):
            mf.flow(stiff, x, [1.0], layer_norm=layer_norm)
        for d in (2, 3):
            mf.SelfAttention(2.0, method="harmonic").velocity(mf.sphere.sample(8, d, rng))

    everything()
    before = alive()
    everything()
    print(*before, *alive())
    """
    done = run(code, 1, NUMBA_NRT_STATS="1")
    assert done == ["0"] * 4, done


def test_the_first_run_is_like_all_others(tmp_path):
    """A process that compiles, and processes that find the code on disk and use it in whatever order."""
    code = """
    x = mf.sphere.sample(30, 3, np.random.default_rng(2))
    model, found = mf.SelfAttention(2.0), {}
    work = {
        "velocity": lambda: model.velocity(x), "layers": lambda: model.layers(x, 0.1, 20),
        "flow": lambda: mf.flow(model, x, [0.2, 1.0]).x, "maximize": lambda: mf.maximize(model, x, max_iter=9).x,
    }
    for name in sys.argv[1:] or ["velocity", "flow", "maximize", "layers"]:
        found[name] = hashlib.sha256(work[name]().tobytes()).hexdigest()
    print(*sorted(found.items()))
    """
    settings = {"NUMBA_CACHE_DIR": str(tmp_path)}
    first = run(code, 1, **settings)
    assert run(code, 1, **settings) == first
    turned = code.replace('["velocity", "flow", "maximize", "layers"]', '["layers", "maximize", "flow", "velocity"]')
    assert turned != code and run(turned, 1, **settings) == first
