"""Every public name says what it takes, gives and raises, and its examples run."""

import doctest
import inspect
import re
import sys

import pytest

import mfcore as mf

CLASSES = [mf.SelfAttention, mf.AdditivePE, mf.RotaryPE, mf.ConcatPE]
RESULTS = [mf.Trajectory, mf.Maximizer, mf.Positions, mf.meanfield.CircleDensity, mf.networks.Run]
METHODS = [mf.SelfAttention.velocity, mf.SelfAttention.layer, mf.SelfAttention.energy, mf.SelfAttention.log_energy]
METHODS += [mf.SelfAttention.layers, mf.SelfAttention.method_for, mf.networks.Transformer.run]
CLASSES += [mf.AffineFeature, mf.Prompt, mf.networks.Transformer]
FUNCTIONS = [mf.flow, mf.maximize, mf.sweep, mf.positions_for, mf.prompt_for]
for module in (mf.sphere, mf.closed_forms, mf.masks, mf.clusters, mf.meanfield, mf.measures, mf.networks, mf.rank):
    FUNCTIONS += [thing for name in module.__all__ if inspect.isfunction(thing := getattr(module, name))]
CORE = ["sphere", "auxiliary", "masks", "attention", "flow", "maximize", "targets", "closed_forms", "clusters", "meanfield"]
CORE += ["measures", "networks", "rank", "claims", "plot", "sweep"]


def name_of(thing):
    return f"{thing.__module__}.{thing.__qualname__}"


def sections(thing):
    """The text under each underlined heading of a numpydoc docstring; the summary under ''."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.getdoc(thing) or "", flags=re.M)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def names_in(text):
    """The names before the colon of the unindented lines: `a : int`, `a, b : float`."""
    heads = [line.partition(":")[0] for line in text.splitlines() if line and not line.startswith(" ")]
    return [name.strip() for head in heads for name in head.split(",")]


def parameters(thing):
    return [name for name in inspect.signature(thing).parameters if name != "self"]


@pytest.mark.parametrize("thing", [*CLASSES, *METHODS, *FUNCTIONS, mf.claim, mf.plot.show], ids=name_of)
def test_parameters_are_those_of_the_signature(thing):
    assert names_in(sections(thing).get("Parameters", "")) == parameters(thing)


@pytest.mark.parametrize(
    "thing", [*CLASSES, *RESULTS, *METHODS, *FUNCTIONS, mf.claim, mf.ClaimError, mf.plot.show], ids=name_of
)
def test_a_summary_in_one_paragraph(thing):
    summary = sections(thing)[""].strip().split("\n\n")[0]
    assert len(summary) > 15 and summary.endswith((".", ",", ":"))


@pytest.mark.parametrize("thing", [*METHODS, *FUNCTIONS], ids=name_of)
def test_returns_and_raises(thing):
    found = sections(thing)
    assert found["Returns"].strip()
    assert not parameters(thing) or re.search(r"^\w*Error", found["Raises"], flags=re.M)


@pytest.mark.parametrize("thing", CLASSES, ids=name_of)
def test_classes_name_their_errors(thing):
    assert re.search(r"^\w*Error", sections(thing)["Raises"], flags=re.M)


@pytest.mark.parametrize("thing", RESULTS, ids=name_of)
def test_attributes_are_the_fields(thing):
    assert names_in(sections(thing)["Attributes"]) == list(thing.__dataclass_fields__)
    assert all(p.__doc__ for p in vars(thing).values() if isinstance(p, property))


def test_choices_are_those_of_the_code():
    """A set in braces under Parameters, like {"softmax", "none"}, is what is accepted."""
    for name in ("normalization", "values", "method"):
        listed = re.search(name + r" : \{(.*?)\}", sections(mf.SelfAttention)["Parameters"])[1]
        with pytest.raises(ValueError) as caught:
            mf.SelfAttention(1.0, **{name: "nothing"})
        assert listed.replace('"', "'") in str(caught.value)


def test_examples_run():
    tried = 0
    for name in CORE:
        failed, attempted = doctest.testmod(sys.modules[f"mfcore.{name}"])
        assert failed == 0
        tried += attempted
    assert tried >= 4
