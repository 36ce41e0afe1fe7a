"""The benchmarks run and mean what they say, on small sizes and without a clock's verdict."""

import importlib
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from cases import tokens

import mfcore as mf

pytestmark = pytest.mark.compiled
FOLDER = str(Path(__file__).parent / "bench")


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    module = importlib.import_module("bench")
    small = {
        "RUNS": 2, "PAUSE": 0.0, "PAUSE_OF_BLAS": 0.0, "SIZES": (8, 64), "DIMENSIONS": (2, 5), "MANY": 32, "DIRECT": (64, 300),
        "HARMONIC": ((2, 5.0, (500, 1000)), (3, 5.0, (500, 1000))), "BOTH": 600,
    }  # fmt: skip
    for name, value in small.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(module, "python", lambda code, **environment: "2.0 3.0")
    monkeypatch.setattr(module, "memory", lambda *arguments: 1.5)
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", numba.config.NUMBA_NUM_THREADS)  # to be put back
    yield module
    for name in ("bench", "peers"):
        del sys.modules[name]
    if "jax" in sys.modules:  # which a peer sets to double precision
        sys.modules["jax"].config.update("jax_enable_x64", False)


def test_all_peers_that_are_installed_compute_the_same(bench):
    x, found = tokens(np.random.default_rng(0), 40, 3), {}
    for name, peer in bench.peers.PEERS.items():
        try:
            found[name] = np.asarray(peer(x, 2.0, 1)())
        except ImportError:
            continue
    assert {"NumPy", "NumPy, blocked", "published loop", "mfcore, harmonic"} <= set(found)
    for name, velocity in found.items():
        np.testing.assert_allclose(velocity, mf.SelfAttention(2.0).velocity(x), atol=1e-10, err_msg=name)
    layers = mf.SelfAttention(2.0).layers(x, 0.01, 1000)
    np.testing.assert_allclose(bench.peers.numpy_layers(x, 2.0, 1)(), layers[-1], atol=1e-10)
    np.testing.assert_array_equal(bench.peers.mfcore_layers(x, 2.0, 1)(), layers)


@pytest.mark.parametrize("work", ["velocities", "each_dimension", "each_thread", "thousand_layers"])
def test_mfcore_beside_a_peer(bench, work):
    lines = bench.PAIRS[work]("NumPy")
    assert {line["peer"] for line in lines} == {"mfcore", "NumPy"}
    for line in lines:
        assert line["beside"] == "NumPy" and 0 < line["low"] <= line["ms"] <= line["high"]
        assert line["peer"] != "mfcore" or line["ratio"] == 1


def test_parts_without_a_peer(bench, monkeypatch):
    missing = {}
    monkeypatch.setattr(bench, "machine", lambda: "a processor, AVX-512")
    parts = ("limits", "vectors", "differences", "drift", "direct", "harmonic", "start")
    found = {name: bench.PARTS[name](missing) for name in parts}
    assert [line["peer"] for line in found["limits"]] == ["mfcore", "exponentials only", "multiply-adds only"]
    assert {line["d"] for line in found["differences"]} == {3, 16, 64}
    assert [line["ratio"] for line in found["vectors"]] == [1.0, 1.0]
    for line in found["drift"]:
        assert line["peer"] != "mfcore" or line["error"] < 1e-10
        assert line["peer"] != "NumPy, blocked" or line["beta"] < 60 or line["error"] > 0.5
    assert all(line["same bits"] and line["extra MB"] == 1.5 for line in found["direct"]["lines"])
    for name in ("d=2, beta=5", "d=3, beta=5"):
        assert all(line["error"] < 1e-9 for line in found["harmonic"][name]["lines"])
    assert {line["peer"] for line in found["harmonic"]["against direct"]} == {"mfcore", "direct"}
    assert [line["cache"] for line in found["start"]] == ["cold", "warm"]
