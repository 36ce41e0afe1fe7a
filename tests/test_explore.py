"""The operator of the pages' simulations (book/_static/explore/engine.js), run in Node, against mfcore."""

import json
import shutil
import subprocess
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ive

import mfcore as mf

EXPLORE = Path(__file__).parents[1] / "book/_static/explore"
NODE = shutil.which("node")

# Reads a list of cases and answers each with what the functions of the page make of it.
DRIVER = """
const Explore = require(process.argv[1]);
const answer = ({ x, times, seeds, ...options }) => {
  if (seeds) return seeds.map((seed) => Array.from(Explore.sample(options.n, options.d, Explore.random(seed))));
  x = Float64Array.from(x);
  for (const name of ["positions", "angles", "masses"]) {
    if (options[name]) options[name] = Float64Array.from(options[name]);
  }
  const model = new Explore.Attention(options);
  const velocity = Array.from(model.velocity(x));
  const states = [], energies = [model.logEnergy(x)];
  let now = 0;
  for (const time of times ?? []) {
    while (now < time) now += model.advance(x, time - now, { tolerance: 1e-10 });
    states.push(Array.from(x));
    energies.push(model.logEnergy(x));
  }
  return { velocity, states, energies };
};
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(cases.map(answer)));
"""


def in_node(cases):
    if NODE is None:
        pytest.skip("needs Node: Debian's package nodejs")
    result = subprocess.run(
        [NODE, "-e", DRIVER, EXPLORE / "engine.js"],
        input=json.dumps(cases), stdout=subprocess.PIPE, text=True, check=True, timeout=100,
    )
    return json.loads(result.stdout)


def settings(betas, scales, largest):
    """(model, tokens, the same for the page); unnormalized only up to exp(largest)."""
    rng = np.random.default_rng(0)
    kinds = product((2, 3, 5), betas, scales, ("softmax", "none"), ("features", "tokens"))
    for d, beta, scale, normalization, values in kinds:
        if normalization == "none" and beta * (1 + (scale or 0)) ** 2 > largest:
            continue
        n = int(rng.integers(1, 16))
        x, p = mf.sphere.sample(n, d, rng), mf.sphere.sample(n, d, rng)
        positions = None if scale is None else mf.AdditivePE(p, scale)
        options = {"n": n, "d": d, "beta": beta, "normalization": normalization, "values": values}
        if scale is not None:
            options |= {"scale": scale, "positions": p.ravel().tolist()}
        model = mf.SelfAttention(beta, normalization, positions, values)
        yield model, x, options | {"x": x.ravel().tolist()}


def test_velocity_and_energy():
    grid = list(settings((0.5, 2.0, 20.0, 1e3), (None, 0.0, 1.0, 3.0), 600.0))
    for (model, x, options), answer in zip(grid, in_node([options for *_, options in grid]), strict=True):
        expected = model.velocity(x)
        error = np.abs(np.reshape(answer["velocity"], x.shape) - expected).max()
        assert error <= 1e-9 * max(1.0, np.abs(expected).max()), options
        if model.values == "features":
            assert answer["energies"][0] == pytest.approx(model.log_energy(x), rel=1e-9, abs=1e-9), options
        else:
            assert answer["energies"] == [None], options


def test_a_metastable_drift_is_no_rounding():
    x = np.repeat([[np.cos(0.3), np.sin(0.3)], [np.cos(2.1), np.sin(2.1)]], 6, axis=0)
    (answer,) = in_node([{"n": 12, "d": 2, "beta": 50.0, "x": x.ravel().tolist()}])
    expected = mf.SelfAttention(50.0).velocity(x)
    assert 0 < np.abs(expected).max() < 1e-20
    assert np.reshape(answer["velocity"], x.shape) == pytest.approx(expected, rel=1e-9, abs=0)


@pytest.mark.parametrize("values", ["features", "tokens"])
@pytest.mark.parametrize("normalization", ["softmax", "none"])
def test_rotary_encoding(normalization, values):
    rng = np.random.default_rng(1)
    x, places, frequencies = mf.sphere.sample(9, 4, rng), rng.uniform(0, 9, 9), [1.0, 0.3]
    model = mf.SelfAttention(2.0, normalization, mf.RotaryPE(places, frequencies), values)
    options = {"n": 9, "d": 4, "beta": 2.0, "normalization": normalization, "values": values, "times": [0.5]}
    (answer,) = in_node([options | {"x": x.ravel().tolist(), "angles": np.outer(places, frequencies).ravel().tolist()}])
    assert np.abs(np.reshape(answer["velocity"], x.shape) - model.velocity(x)).max() < 1e-12
    assert np.abs(np.reshape(answer["states"][0], x.shape) - mf.flow(model, x, [0.5]).x[0]).max() < 1e-7
    if values == "features":
        assert answer["energies"][0] == pytest.approx(model.log_energy(x), rel=1e-12)


def test_a_token_that_stands_for_several():
    x, masses = mf.sphere.sample(4, 3, np.random.default_rng(2)), np.array([1, 3, 2, 2])
    model, every = mf.SelfAttention(3.0), np.repeat(x, masses, axis=0)
    # As many tokens as rows, with masses of mean one.
    (answer,) = in_node([{"n": 4, "d": 3, "beta": 3.0, "x": x.ravel().tolist(), "masses": (masses / 2).tolist()}])
    velocity = model.velocity(every)[np.r_[0, np.cumsum(masses)[:-1]]]
    assert np.abs(np.reshape(answer["velocity"], x.shape) - velocity).max() < 1e-14
    assert answer["energies"][0] == pytest.approx(model.log_energy(every), rel=1e-12)


def test_bessel_functions_and_roots():
    script = """
      const Explore = require(process.argv[1]);
      const values = [[0, 0.1], [1, 2], [5, 3], [20, 100], [3, 500]].map(([k, x]) => Explore.bessel(k, x));
      console.log(JSON.stringify([...values, Explore.root((x) => x * x - 2, 0, 2), Explore.root((x) => 1 - x, 0, 3)]));
    """
    if NODE is None:
        pytest.skip("needs Node: Debian's package nodejs")
    result = subprocess.run([NODE, "-e", script, EXPLORE / "engine.js"], stdout=subprocess.PIPE, text=True, check=True)
    expected = [ive(0, 0.1), ive(1, 2), ive(5, 3), ive(20, 100), ive(3, 500), np.sqrt(2), 1]
    assert json.loads(result.stdout) == pytest.approx(expected, rel=1e-11, abs=1e-15)


def test_flow():
    grid = list(settings((0.5, 2.0, 20.0), (None, 1.0, 3.0), 8.0))
    times = np.linspace(0, 1, 11)[1:].tolist()
    answers = in_node([options | {"times": times} for *_, options in grid])
    for (model, x, options), answer in zip(grid, answers, strict=True):
        states = np.reshape(answer["states"], (len(times), *x.shape))
        expected = mf.flow(model, x, [1.0]).x[0]
        assert np.abs(states[-1] - expected).max() < 1e-6, options
        assert np.abs(np.linalg.norm(states, axis=2) - 1).max() < 1e-14, options
        if model.values == "features":
            assert np.diff(answer["energies"]).min() > -1e-9, options


def test_a_start_belongs_to_its_seed():
    again = [1, 1, 2]
    (starts,) = in_node([{"n": 4000, "d": 3, "seeds": again}])
    first, same, other = (np.reshape(start, (4000, 3)) for start in starts)
    assert (first == same).all() and np.abs(first - other).max() > 0.1
    assert np.abs(np.linalg.norm(first, axis=1) - 1).max() < 1e-14
    # Uniform: mean 0 and covariance I/3, four standard errors.
    assert np.abs(first.mean(axis=0)).max() < 4 / np.sqrt(3 * 4000)
    assert np.abs(first.T @ first / 4000 - np.eye(3) / 3).max() < 4 * 0.3 / np.sqrt(4000)
