"""What holds for every model and every state: identities and monotonicity, on random cases.

The cases are drawn by hypothesis from a fixed seed, so that a run is the same everywhere.
"""

import dataclasses

import numpy as np
import oracles
from cases import ALL_KINDS, INTERPRETED, STRICT, auxiliary, reordered, tokens
from hypothesis import given, settings
from hypothesis import strategies as st

import mfcore as mf

pytestmark = STRICT

EPS = np.finfo(float).eps
EXAMPLES = settings(max_examples=10 if INTERPRETED else 200, derandomize=True, deadline=None, database=None)


@dataclasses.dataclass
class Case:
    """A state, an auxiliary variable and the seeded source of whatever else a test needs."""

    seed: int
    n: int
    d: int
    beta: float
    kind: str
    scale: float
    spread: float
    normalization: str
    values: str

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        if self.kind == "rotary":
            self.d += self.d % 2
        self.x = tokens(self.rng, self.n, self.d, self.spread)
        self.aux = auxiliary(self.kind, self.rng, self.n, self.d, self.scale)
        # How far the rounding of a logit is amplified.
        self.sharp = 1 + self.beta * (oracles.features(self.x, self.aux) ** 2).sum(axis=1).max()
        if self.normalization == "none" and self.sharp > 300:  # squares of e^sharp stay in the floating range
            self.normalization = "softmax"

    def model(self, **changes):
        options = dict(beta=self.beta, normalization=self.normalization, auxiliary=self.aux, values=self.values)
        return mf.SelfAttention(**{**options, **changes})

    def pull_size(self):
        g = oracles.pull(self.x, self.beta, self.normalization, self.aux, self.values)
        return np.linalg.norm(g, axis=1, keepdims=True)

    def close(self, got, expected, size):
        assert (np.abs(got - expected) <= 50 * EPS * self.sharp * size).all()


def cases(kinds=ALL_KINDS, values=("features", "tokens"), n=(1, 12), d=(1, 6)):
    return st.builds(
        Case,
        seed=st.integers(0, 2**32 - 1),
        n=st.integers(*n),
        d=st.integers(*d),
        beta=st.floats(-3, 3).map(lambda power: 10.0**power),
        kind=st.sampled_from(kinds),
        scale=st.sampled_from([0.1, 1.0, 3.0]),
        spread=st.sampled_from([np.inf, 0.5, 1e-3]),
        normalization=st.sampled_from(["softmax", "none"]),
        values=st.sampled_from(values),
    )


@EXAMPLES
@given(
    case=cases(values=["features"]), power=st.floats(-2, 4), how=st.sampled_from(["one", "each", "some", "infinite"])
)
def test_no_layer_lowers_the_energy(case, power, how):
    step = 10.0**power
    if how == "infinite":
        step = np.inf
    elif how != "one":
        step = step * case.rng.uniform(0, 1, case.n) * (case.rng.integers(0, 2, case.n) if how == "some" else 1)
    model, y = case.model(), case.x
    for _ in range(3):
        before, y = model.log_energy(y), model.layer(y, step)
        assert model.log_energy(y) >= before - 1e-12 - 4 * EPS * case.sharp


@EXAMPLES
@given(case=cases(), power=st.floats(-2, 4), infinite=st.booleans())
def test_layers_stay_on_the_sphere(case, power, infinite):
    y = case.model().layer(case.x, np.inf if infinite else 10.0**power)
    assert (np.abs(np.linalg.norm(y, axis=1) - 1) <= 1e-14).all()


@EXAMPLES
@given(case=cases())
def test_the_velocity_is_tangent(case):
    v = case.model().velocity(case.x)
    radial = np.abs((case.x * v).sum(axis=1, keepdims=True))
    # what the projection takes away is the radial part of g - x, which rounds relative to its size
    assert (radial <= 1e-14 * (case.pull_size() + np.linalg.norm(v, axis=1, keepdims=True))).all()


@EXAMPLES
@given(case=cases())
def test_a_layer_of_small_step_moves_along_the_velocity(case):
    size = case.pull_size()
    h = 1e-4 / size.max()
    y = case.model().layer(case.x, h)
    # N(x + h g) = x + h P_x g + O(h^2 |g|^2), with a constant below 2 for h |g| <= 1e-4
    error = np.abs(y - case.x - h * case.model().velocity(case.x))
    assert (error <= 2 * (h * size) ** 2 + 50 * EPS * case.sharp * (1 + h * size)).all()


@EXAMPLES
@given(case=cases(values=["features"], n=(1, 8)))
def test_the_unnormalized_velocity_is_the_gradient_of_the_energy(case):
    r"""dE(x; u) = (1/n) sum_i <v_i, u_i> for tangent u, with v the velocity without softmax."""
    # A difference quotient needs a kernel that is not too sharp.
    x, aux = case.x, case.aux
    beta = 30 * case.beta / (case.beta + 30) / np.maximum(1, (oracles.features(x, aux) ** 2).sum(axis=1).max())
    model = mf.SelfAttention(beta, "none", aux)
    u = mf.sphere.tangent(x, case.rng.standard_normal(x.shape))
    h = 1e-4

    def energy(s):
        return np.exp(oracles.log_energy(mf.sphere.project(x + s * u), beta, aux))

    # Richardson's combination of two central differences: error h^4
    slopes = [(energy(s) - energy(-s)) / (2 * s) for s in (h, 2 * h)]
    slope = (4 * slopes[0] - slopes[1]) / 3
    expected = (model.velocity(x) * u).sum() / case.n
    assert abs(slope - expected) <= 1e-9 * energy(0.0) * max(1, beta) * max(1.0, np.linalg.norm(u)) ** 5 * 10


@EXAMPLES
@given(case=cases(values=["features"]))
def test_the_two_normalizations_are_parallel(case):
    """Row i of one velocity is row i of the other times the mean of its weights: same critical points."""
    if case.sharp > 300:
        case.beta *= 300 / case.sharp
        case.sharp = 300.0
    mass = np.exp(oracles.log_weights(case.x, case.beta, case.aux)).mean(axis=1, keepdims=True)
    none = case.model(normalization="none").velocity(case.x)
    soft = case.model(normalization="softmax").velocity(case.x)
    assert (np.abs(none - mass * soft) <= 20 * EPS * case.sharp * np.abs(none) + 1e-300).all()


@EXAMPLES
@given(case=cases())
def test_the_order_of_the_tokens_does_not_matter(case):
    order = case.rng.permutation(case.n)
    model, shuffled = case.model(), case.model(auxiliary=reordered(case.aux, order))
    y = case.x[order]
    case.close(shuffled.velocity(y), model.velocity(case.x)[order], case.pull_size()[order])
    if case.values == "features":
        assert abs(shuffled.log_energy(y) - model.log_energy(case.x)) <= 10 * EPS * (case.sharp + 10)


@EXAMPLES
@given(case=cases())
def test_rotations_commute(case):
    """Turning tokens (and added positions) turns the velocity; rotary planes allow their own turns only."""
    q = np.linalg.qr(case.rng.standard_normal((case.d, case.d)))[0]
    aux = case.aux
    if case.kind == "rotary":
        q = oracles.rotation(mf.RotaryPE([1.0], case.rng.uniform(0, 6, case.d // 2)), 0)
    if case.kind == "additive":
        aux = mf.AdditivePE(aux.p @ q.T, aux.scale)
    if case.kind == "affine":
        aux = mf.AffineFeature(q @ aux.A @ q.T, aux.b @ q.T)
    model, turned = case.model(), case.model(auxiliary=aux)
    y = mf.sphere.project(case.x @ q.T)
    size = case.pull_size()
    case.close(turned.velocity(y), model.velocity(case.x) @ q.T, size * (1 + np.sqrt(case.d)))
    if case.values == "features":
        assert abs(turned.log_energy(y) - model.log_energy(case.x)) <= 20 * EPS * (case.sharp + 10)


@EXAMPLES
@given(case=cases(kinds=["rotary"], values=["features"]))
def test_rotary_is_a_gauge(case):
    """The velocity at x is R_p^T times the plain velocity at R_p x; the energies are the same."""
    turns = np.array([oracles.rotation(case.aux, i) for i in range(case.n)])
    y = mf.sphere.project(np.einsum("nij,nj->ni", turns, case.x))
    plain, size = case.model(auxiliary=None), case.pull_size()
    case.close(case.model().velocity(case.x), np.einsum("nji,nj->ni", turns, plain.velocity(y)), size)
    for step in (0.3, np.inf):
        moved = np.einsum("nji,nj->ni", turns, plain.layer(y, step))
        g = oracles.pull(case.x, case.beta, case.normalization, case.aux)
        length = np.linalg.norm(g if np.isinf(step) else case.x + step * g, axis=1, keepdims=True)
        case.close(case.model().layer(case.x, step), moved, 1 + (1 + size) / length)
    assert abs(case.model().log_energy(case.x) - plain.log_energy(y)) <= 20 * EPS * (case.sharp + 10)


@EXAMPLES
@given(case=cases())
def test_an_encoding_that_says_nothing_changes_nothing(case):
    """Zero positions, a zero scale or a zero bias give the bits of the plain model."""
    n, d, x = case.n, case.d, case.x
    silent = [mf.AdditivePE(np.zeros((n, d))), mf.AdditivePE(np.ones((n, d)), 0.0), mf.ConcatPE(np.ones((n, 3)), 0.0)]
    if d % 2 == 0:
        silent.append(mf.RotaryPE(np.zeros(n), np.ones(d // 2)))
    plain = case.model(auxiliary=None)
    if plain.normalization == "none" and plain.beta > 300:
        plain = case.model(auxiliary=None, normalization="softmax")
    for aux in silent:
        model = mf.SelfAttention(plain.beta, plain.normalization, aux, plain.values)
        assert (model.velocity(x) == plain.velocity(x)).all()
        assert (model.layer(x, 0.5) == plain.layer(x, 0.5)).all()


@EXAMPLES
@given(case=cases())
def test_only_the_law_of_the_tokens_counts(case):
    """Every token twice, with its position: the same velocities and the same energy."""
    twice = np.tile(np.arange(case.n), 2)
    model, doubled = case.model(), case.model(auxiliary=reordered(case.aux, twice))
    v = doubled.velocity(case.x[twice])
    case.close(v, model.velocity(case.x)[twice], case.pull_size()[twice])
    if case.values == "features":
        gap = doubled.log_energy(case.x[twice]) - model.log_energy(case.x)
        assert abs(gap) <= 10 * EPS * (case.sharp + 10)


@EXAMPLES
@given(case=cases(values=["tokens"]))
def test_bare_values_rest_at_every_consensus(case):
    """The no-go theorem: with the encoding in queries and keys only, equal tokens never part."""
    x = np.repeat(case.x[:1], case.n, axis=0)
    model = case.model()
    assert (model.velocity(x) == 0.0).all()
    case.close(model.layer(x, 0.7), x, 1.0)


@EXAMPLES
@given(case=cases(values=["features"], n=(2, 12), d=(2, 6)), power=st.floats(-3, 3))
def test_equal_tokens_rest_without_added_positions(case, power):
    x = np.repeat(case.x[:1], case.n, axis=0)
    model = case.model(beta=10.0**power, normalization="softmax")
    if case.kind in ("none", "concat"):
        assert (model.velocity(x) == 0.0).all()
    if case.kind == "additive":  # positions in general position pull a consensus apart
        assert np.linalg.norm(model.velocity(x), axis=1).max() > 1e-6


@EXAMPLES
@given(case=cases(d=(1, 1), kinds=["none", "additive", "concat"]), power=st.floats(-2, 4))
def test_on_two_points_nothing_flows_and_a_layer_is_a_sign(case, power):
    model = case.model()
    assert (model.velocity(case.x) == 0.0).all()
    g = oracles.pull(case.x, case.beta, case.normalization, case.aux, case.values)
    for step in (10.0**power, np.inf):
        moved = g if np.isinf(step) else case.x + step * g
        clear = np.abs(moved) > 1e-9 * (1 + np.abs(g))
        y = model.layer(case.x, step)
        assert (np.abs(y) == 1.0).all()
        assert (y[clear] == np.sign(moved[clear])).all()


@EXAMPLES
@given(case=cases(n=(1, 1)), power=st.floats(-2, 4))
def test_one_token_alone(case, power):
    """Its only source is itself: at rest, unless a position is added."""
    model = case.model()
    if case.kind in ("none", "concat") or case.values == "tokens":
        assert (model.velocity(case.x) == 0.0).all()
        case.close(model.layer(case.x, 10.0**power), case.x, 1.0)
    elif case.kind == "additive":
        mass = 1.0 if case.normalization == "softmax" else np.exp(oracles.log_weights(case.x, case.beta, case.aux))
        expected = mass * mf.sphere.tangent(case.x, case.aux.scale * case.aux.p)
        case.close(model.velocity(case.x), expected, case.pull_size())
    elif case.kind == "affine":
        case.close(model.velocity(case.x), oracles.velocity(case.x, case.beta, case.normalization, case.aux), case.pull_size())
    else:
        assert np.abs(model.velocity(case.x)).max() <= 4 * EPS * case.pull_size().max()
