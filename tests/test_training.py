"""The training script: a run that was killed goes on where it was, and what the chapter evaluates is what was trained."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest

import mfcore as mf

jax = pytest.importorskip("jax", reason="the extra train is missing")
pytest.importorskip("optax", reason="the extra train is missing")

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "training"))
import position_bias as training  # noqa: E402

# A few steps with saved states between, in a process of its own.
SHORT = """
import sys
sys.path.insert(0, {folder!r})
import position_bias as training
training.REPORT, training.SAVE = 50, 100
training.main({arguments!r})
"""


def command(tmp_path, out, steps=600):
    arguments = ["causal-sin-1", "--steps", str(steps), "--out", str(tmp_path / out), "--states", str(tmp_path / "states")]
    return [sys.executable, "-c", SHORT.format(folder=str(ROOT / "training"), arguments=arguments)]


def test_a_killed_run_goes_on_with_the_same_result(tmp_path):
    subprocess.run(command(tmp_path, "whole"), check=True, capture_output=True)
    run = subprocess.Popen(command(tmp_path, "killed"), stderr=subprocess.DEVNULL)
    state = tmp_path / "states" / "causal-sin-1.npz"
    deadline = time.monotonic() + 120
    while not state.exists() and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert state.exists() and not (tmp_path / "killed" / "manifest.json").exists()
    with np.load(state) as kept:
        done = len(kept["curve"])
    assert 0 < done < 12
    done = subprocess.run(command(tmp_path, "killed"), check=True, capture_output=True, text=True)
    assert "600/600" in done.stderr and "causal-sin-1" in done.stderr
    assert not state.exists()
    lines = [json.loads((tmp_path / out / "manifest.json").read_text())["causal-sin-1"] for out in ("whole", "killed")]
    assert lines[0] == lines[1]  # weights' checksum and loss curve
    # and a run that is done is not done again
    done = subprocess.run(command(tmp_path, "killed"), check=True, capture_output=True, text=True)
    assert "0step" in done.stderr
    # but one whose weights are damaged is: what the chapter's reader of weights says to do mends them
    weights = tmp_path / "killed" / "causal-sin-1.npz"
    weights.write_bytes(weights.read_bytes()[:-1])
    done = subprocess.run(command(tmp_path, "killed"), check=True, capture_output=True, text=True)
    assert "600/600" in done.stderr
    assert json.loads((tmp_path / "killed" / "manifest.json").read_text())["causal-sin-1"] == lines[0]
    assert training.whole(tmp_path / "killed" / "manifest.json", "causal-sin-1")


def chapter():
    """The names that the chapter's cells up to its reader of networks define."""
    notebook = nbformat.read(ROOT / "book" / "23-trained.ipynb", as_version=4)
    names = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
            if "def network(" in cell.source:
                return names
    raise AssertionError("the chapter has no function network")


def test_the_chapter_evaluates_what_was_trained(monkeypatch):
    monkeypatch.chdir(ROOT / "book")
    names = chapter()
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, training.LENGTH, training.WIDTH)) / 4
    for name in training.NETWORKS:
        mask, encoding, _, variant = training.parse(name)
        with np.load(training.WEIGHTS / f"{name}.npz", allow_pickle=False) as file:
            weights = {key: np.asarray(file[key]) for key in file.files}
        theirs = np.asarray(training.logits(weights, x.astype(np.float32), mask, encoding, variant == "residual"))
        ours = names["network"](name).logits(x)
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-4 * np.abs(theirs).max(), err_msg=name)


def test_the_manifest_is_whole():
    manifest = json.loads((training.WEIGHTS / "manifest.json").read_text())
    assert tuple(manifest) == training.NETWORKS and len(manifest) <= 40
    files = sorted(training.WEIGHTS.glob("*.npz"))
    assert sorted(path.stem for path in files) == sorted(manifest)
    assert sum(path.stat().st_size for path in files) <= 8_000_000
    for name, line in manifest.items():
        weights = mf.networks.read(training.WEIGHTS / f"{name}.npz", line["sha256"], line["command"])
        assert weights.pop("label_vectors").shape == (training.LABELS, training.WIDTH)
        expected = training.initial_weights(jax.random.key(0))
        assert {k: v.shape for k, v in weights.items()} == {k: v.shape for k, v in expected.items()}
        assert line["steps"] == training.STEPS and len(line["loss"]["values"]) == training.STEPS // training.REPORT
        assert line["seed"] == training.parse(name)[2]


def test_the_task():
    key = jax.random.key(1)
    task = training.make_task(key)
    means, label_of, vectors = map(np.asarray, task)
    for asked, position in (("", None), ("first", 0), ("last", 7)):
        x, label = (np.asarray(part) for part in training.make_batch(key, task, asked))
        assert x.shape == (128, 17, 64) and label.shape == (128,)
        shown = np.array([[np.abs(vectors - row).sum(axis=1).argmin() for row in rows] for rows in x[:, 1::2]])
        np.testing.assert_allclose(vectors[shown], x[:, 1::2])
        nearest = ((x[:, ::2, None] - means / np.sqrt(1 + training.SPREAD**2)) ** 2).sum(axis=3).argmin(axis=2)
        assert all(len(set(row[:8])) == 2 and list(row[:8]).count(row[8]) == 4 for row in nearest[:100])
        assert (label_of[nearest[:, :8]] == shown).all() and (label_of[nearest[:, 8]] == label).all()
        if position is not None:
            assert (shown[:, position] == label).all()


@pytest.mark.parametrize("arguments, message", [
    (["causal-none-7"], "no such network: causal-none-7"),
    (["--steps", "300"], "must be a positive multiple of 500, got 300"),
    (["--steps", "0"], "must be a positive multiple of 500, got 0"),
])  # fmt: skip
def test_what_it_refuses(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        training.main(arguments)
    assert stop.value.code == 2 and message in capsys.readouterr().err
