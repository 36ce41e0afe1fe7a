"""The names of the package, where compiled code lives, and that every option has a use."""

import ast
import inspect
import json
import sys
from pathlib import Path

import pytest

import mfcore as mf

ROOT = Path(__file__).parent.parent
PACKAGE = Path(mf.__file__).parent
MODULES = sorted(PACKAGE.glob("*.py"))
SUBMODULES = (mf.sphere, mf.closed_forms, mf.masks, mf.clusters, mf.meanfield, mf.measures, mf.networks, mf.rank)


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def test_names():
    assert sorted(mf.__all__) == sorted(set(mf.__all__))
    for name in mf.__all__:
        assert hasattr(mf, name)
    for module in SUBMODULES:
        public = {
            n
            for n, v in vars(module).items()
            if (inspect.isfunction(v) or inspect.isclass(v)) and v.__module__ == module.__name__ and n[0] != "_"
        }
        assert public == set(module.__all__)
    functions = ("flow", "maximize", "sweep", "claim")
    for name in ("SelfAttention", "AdditivePE", "RotaryPE", "ConcatPE", "ClaimError", *functions):
        assert name in mf.__all__


@pytest.mark.parametrize("call, signature", [
    (mf.SelfAttention, "(beta, normalization='softmax', auxiliary=None, values='features', mask=None, prompt=None, method='auto', rtol=1e-10)"),
    (mf.SelfAttention.layer, "(self, x, step)"),
    (mf.SelfAttention.layers, "(self, x, step, depth)"),
    (mf.AdditivePE, "(p, scale=1.0)"),
    (mf.RotaryPE, "(positions, frequencies)"),
    (mf.ConcatPE, "(p, kappa=1.0)"),
    (mf.AffineFeature, "(A=None, b=None)"),
    (mf.Prompt, "(vectors, weight=1.0, shared=True)"),
    (mf.positions_for, "(targets, beta, radius, *, damping=0.5, tol=1e-13, max_iter=1000)"),
    (mf.prompt_for, "(targets, beta, pull, weight=1.0)"),
    (mf.masks.causal, "()"),
    (mf.masks.window, "(width)"),
    (mf.masks.prefix, "(length)"),
    (mf.masks.decay, "(rate, *, causal=True)"),
    (mf.flow, "(model, x0, t, *, rtol=1e-10, atol=1e-12, layer_norm='post', noise=0.0, rng=None, step=None)"),
    (mf.maximize, "(model, x0, *, tol=1e-13, max_iter=10000)"),
    (mf.sweep, "(member, grid, *, path, seed, workers=None, client=None)"),
    (mf.sphere.sample, "(n, d, rng)"),
    (mf.sphere.geodesic, "(x, y, s)"),
    (mf.closed_forms.equiangular_rate, "(cosine, n, beta, normalization='softmax')"),
    (mf.closed_forms.time_to_cosine, "(target, start, n, beta, normalization='softmax')"),
    (mf.closed_forms.rotary_order_parameter, "(block_norms, positions, frequencies)"),
    (mf.closed_forms.cubic_spread, "(p, beta, scale)"),
    (mf.closed_forms.two_point_threshold, "(beta)"),
    (mf.closed_forms.two_point_stability, "(beta)"),
    (mf.closed_forms.circle_mode_growth, "(k, beta, radius)"),
    (mf.closed_forms.circle_stability_threshold, "(beta)"),
    (mf.closed_forms.large_scale_displacement, "(grad_log_density, beta, scale)"),
    (mf.closed_forms.universality_bound, "(n)"),
    (mf.closed_forms.prompt_threshold, "(beta, radius=1.0)"),
    (mf.closed_forms.mode_growth_rate, "(k, beta, normalization='none')"),
    (mf.closed_forms.harmonic_growth_rate, "(degree, beta, d, normalization='none')"),
    (mf.closed_forms.fastest_mode, "(beta)"),
    (mf.closed_forms.expected_modes, "(beta)"),
    (mf.closed_forms.two_cluster_lifetime, "(start, stop, beta, kappa=0.0, position_cosine=1.0)"),
    (mf.closed_forms.cap_times, "(n, beta, eps, alpha)"),
    (mf.closed_forms.noise_critical_beta, "(d)"),
    (mf.closed_forms.noise_critical_coupling, "(beta, d)"),
    (mf.closed_forms.long_context_cosine, "(cosine, n, beta)"),
    (mf.closed_forms.head_freedom, "(n, heads, d_k)"),
    (mf.closed_forms.causal_rollout, "(n, layers)"),
    (mf.closed_forms.decay_rollout, "(offset, layers, decay)"),
    (mf.closed_forms.retrieval_profile, "(s0, t, beta, decay=1.0, width=8.0, terms=20)"),
    (mf.closed_forms.retrieval_critical_time, "(beta, decay=1.0, width=8.0, terms=20)"),
    (mf.networks.Transformer, "(blocks: tuple, heads: int, norm: str | None = 'layer', before: bool = False, eps: float = 1e-12, mask: mfcore.masks.Mask | tuple | None = None, rotary: float | None = None, residual: bool = True, perceptron: bool = True) -> None"),
    (mf.networks.Transformer.run, "(self, x, depth=None)"),
    (mf.networks.read, "(path, sha256, command)"),
    (mf.networks.entropy, "(attention)"),
    (mf.networks.rollout, "(attention, residual=0.5)"),
    (mf.networks.influence, "(network, x, depth=None)"),
    (mf.rank.numerical, "(x, rtol=1e-10)"),
    (mf.rank.affine, "(x, rtol=1e-10)"),
    (mf.rank.distance_to_rank_one, "(x)"),
    (mf.rank.effective, "(x)"),
    (mf.clusters.count_by_gaps, "(x, gap)"),
    (mf.clusters.count_modes, "(x, beta)"),
    (mf.measures.wasserstein2, "(x, y)"),
    (mf.meanfield.circle_flow, "(model, density0, t, modes, *, noise=0.0)"),
    (mf.meanfield.circle_equilibrium, "(model, order, modes)"),
    (mf.meanfield.quantiles, "(density, n)"),
], ids=lambda value: getattr(value, "__qualname__", ""))  # fmt: skip
def test_signatures(call, signature):
    assert str(inspect.signature(call)) == signature


def imports(path):
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {"." * node.level + (node.module or "") + ":" + alias.name for alias in node.names}
    return found


def test_compiled_functions_live_in_one_file():
    """numba's cache does not see the edit of a compiled function in another file."""
    plain = {"numpy", "collections:namedtuple"}
    assert imports(PACKAGE / "_kernels.py") == plain | {f"._jit:{name}" for name in ("EXACT", "jit", "multiply_add", "view")}
    for path in MODULES:
        if path.name not in ("_kernels.py", "_jit.py"):
            used = {n.id for n in ast.walk(tree(path)) if isinstance(n, ast.Name)}
            used |= {n.attr for n in ast.walk(tree(path)) if isinstance(n, ast.Attribute)}
            assert not used & {"njit", "jit", "vectorize", "guvectorize", "stencil", "prange"}, path.name
    for node in tree(PACKAGE / "_kernels.py").body:
        if isinstance(node, ast.FunctionDef):
            assert [d.func.id for d in node.decorator_list] == ["jit"], node.name


def test_only_the_decorator_and_the_number_of_threads_need_numba():
    assert [path.name for path in MODULES if "numba" in imports(path)] == ["_jit.py", "attention.py"]


def notebooks():
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                yield path.name, "".join(cell["source"])


def test_the_book_compiles_nothing_of_its_own():
    for name, source in notebooks():
        assert "numba" not in source and "njit" not in source, name
        assert "oracles" not in source, name


def calls():
    """(function's last name, positional arguments, keywords) of every call in the tests and the book."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py")]
    sources += [source for _, source in notebooks() if not source.lstrip().startswith("%")]
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", None))
                yield name, len(node.args), {k.arg for k in node.keywords}


def test_every_option_is_used_by_somebody():
    used = list(calls())
    things = [mf.SelfAttention, mf.AdditivePE, mf.AffineFeature, mf.ConcatPE, mf.Prompt, mf.flow, mf.maximize, mf.sweep]
    things += [mf.positions_for, mf.prompt_for, mf.masks.decay, mf.meanfield.circle_flow]
    things += [getattr(mf.closed_forms, name) for name in mf.closed_forms.__all__]
    for thing in things:
        for place, (name, parameter) in enumerate(inspect.signature(thing).parameters.items()):
            if parameter.default is parameter.empty:
                continue
            positional = parameter.kind is not parameter.KEYWORD_ONLY
            assert any(
                called == thing.__name__ and (name in keywords or (positional and given > place))
                for called, given, keywords in used
            ), f"{thing.__name__}({name}=...)"


def test_every_public_name_is_used_by_somebody():
    used = {called for called, _, _ in calls()}
    kinds = {"ClaimError", "ConvergenceError", "Maximizer", "Positions", "Trajectory", "__version__"}
    kinds |= {"claims", "closed_forms", "clusters", "masks", "meanfield", "measures", "networks", "plot", "rank", "sphere"}
    functions = {name for module in SUBMODULES for name in module.__all__}
    for name in (set(mf.__all__) - kinds) | (functions - {"Mask", "CircleDensity", "ResolutionError", "Run"}):
        assert name in used, name


def test_submodules_are_not_shadowed_by_surprise():
    """`mf.flow`, `mf.maximize` and `mf.sweep` are functions; the modules of that name stay importable by path."""
    for name in ("flow", "maximize", "sweep"):
        assert callable(getattr(mf, name))
        assert getattr(sys.modules[f"mfcore.{name}"], name) is getattr(mf, name)
