"""Odd but good input gives the bits of the plain one; bad input gives one clear error; never a silent number."""

import fractions

import numpy as np
import pytest
from cases import STRICT

import mfcore as mf
from mfcore import closed_forms as cf

pytestmark = STRICT

RNG = np.random.default_rng(0)
# Exact in half precision, so that float16 and float32 rows are the same numbers.
X = np.array([[1.0, 0, 0, 0], [0, -1.0, 0, 0], [0.5, 0.5, 0.5, 0.5], [0.5, -0.5, 0.5, -0.5], [0, 0, 0, 1.0]])
N, D = X.shape
P = np.round(RNG.standard_normal((N, D)), 2)
T = np.array([0.0, 0.25, 1.0])


def strided(a):
    wide = np.full((2 * len(a), 3 * a.shape[1]), np.nan)
    wide[::2, ::3] = a
    return wide[::2, ::3]


def readonly(a):
    a = a.copy()
    a.flags.writeable = False
    return a


GOOD_TOKENS = {
    "list": X.tolist(),
    "tuples": tuple(map(tuple, X.tolist())),
    "list of arrays": list(X),
    "float16": X.astype(np.float16),
    "float32": X.astype(np.float32),
    "long double": X.astype(np.longdouble),
    "big-endian": X.astype(">f8"),
    "Fortran order": np.asfortranarray(X),
    "read-only": readonly(X),
    "strided": strided(X),
    "negative stride": X[::-1, ::-1].copy()[::-1, ::-1],
    "transposed": X.T.copy().T,
    "unaligned": np.frombuffer(b"\0" + X.tobytes(), dtype=np.uint8)[1:].view(np.float64).reshape(N, D),
    "np.matrix": np.asmatrix(X) if hasattr(np, "asmatrix") else X,
    "memoryview": memoryview(np.ascontiguousarray(X)),
    "off by 1e-7": X * (1 + 1e-7),
}


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of np.matrix itself
@pytest.mark.parametrize("name", GOOD_TOKENS)
def test_odd_but_good_tokens(name):
    given = GOOD_TOKENS[name]
    model = mf.SelfAttention(2.0, auxiliary=mf.AdditivePE(P))

    def same(got, expected):
        if name == "off by 1e-7":  # renormalized: equal up to the rounding of that
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-14)
        else:
            np.testing.assert_array_equal(got, expected)

    same(model.velocity(given), model.velocity(X))
    same(model.layer(given, 0.5), model.layer(X, 0.5))
    same(model.log_energy(given), model.log_energy(X))
    same(mf.maximize(model, given, max_iter=5).x, mf.maximize(model, X, max_iter=5).x)
    if name != "off by 1e-7":
        same(mf.flow(model, given, T).x, mf.flow(model, X, T).x)
        same(mf.sphere.project(given), mf.sphere.project(X))


def test_integer_tokens():
    x = np.array([[1, 0], [0, -1], [-1, 0]])
    model = mf.SelfAttention(1.0)
    for given in (x, x.tolist(), x.astype(np.int8), x[::-1].astype(np.int64)[::-1]):
        np.testing.assert_array_equal(model.velocity(given), model.velocity(x.astype(float)))


# what is called, with odd but good arguments, and the plain call that it equals
PLAIN = mf.SelfAttention(2.0)
GOOD = {
    "beta int": (lambda: mf.SelfAttention(2).velocity(X), lambda: PLAIN.velocity(X)),
    "beta float32": (lambda: mf.SelfAttention(np.float32(2)).velocity(X), lambda: PLAIN.velocity(X)),
    "beta int64": (lambda: mf.SelfAttention(np.int64(2)).velocity(X), lambda: PLAIN.velocity(X)),
    "beta fraction": (lambda: mf.SelfAttention(fractions.Fraction(2)).velocity(X), lambda: PLAIN.velocity(X)),
    "beta 0-d array": (lambda: mf.SelfAttention(np.array(2.0)).velocity(X), lambda: PLAIN.velocity(X)),
    "normalization np.str_": (
        lambda: mf.SelfAttention(2, np.str_("none")).velocity(X),
        lambda: mf.SelfAttention(2.0, "none").velocity(X),
    ),
    "step int": (lambda: PLAIN.layer(X, 1), lambda: PLAIN.layer(X, 1.0)),
    "step float32": (lambda: PLAIN.layer(X, np.float32(0.5)), lambda: PLAIN.layer(X, 0.5)),
    "step 0-d array": (lambda: PLAIN.layer(X, np.array(0.5)), lambda: PLAIN.layer(X, 0.5)),
    "step list": (lambda: PLAIN.layer(X, [0.5] * N), lambda: PLAIN.layer(X, 0.5)),
    "step ints": (lambda: PLAIN.layer(X, np.ones(N, int)), lambda: PLAIN.layer(X, 1.0)),
    "step of infinities": (lambda: PLAIN.layer(X, [np.inf] * N), lambda: PLAIN.layer(X, np.inf)),
    "step strided": (lambda: PLAIN.layer(X, np.arange(2.0 * N)[::2]), lambda: PLAIN.layer(X, 2 * np.arange(N))),
    "step 0": (lambda: PLAIN.layer(X, 0), lambda: X),
    "p list": (lambda: mf.AdditivePE(P.tolist()).p, lambda: P),
    "p Fortran": (
        lambda: mf.SelfAttention(1, auxiliary=mf.AdditivePE(np.asfortranarray(P))).velocity(X),
        lambda: mf.SelfAttention(1, auxiliary=mf.AdditivePE(P)).velocity(X),
    ),
    "p ints": (lambda: mf.AdditivePE([[1, 2], [3, 4]], scale=2).p, lambda: np.array([[1.0, 2.0], [3.0, 4.0]])),
    "negative scale": (
        lambda: mf.SelfAttention(1, auxiliary=mf.AdditivePE(P, -1)).velocity(X),
        lambda: mf.SelfAttention(1, auxiliary=mf.AdditivePE(-P)).velocity(X),
    ),
    "rotary ints": (
        lambda: mf.SelfAttention(1, auxiliary=mf.RotaryPE(range(N), [1, 2])).velocity(X),
        lambda: mf.SelfAttention(1, auxiliary=mf.RotaryPE(np.arange(5.0), np.array([1.0, 2.0]))).velocity(X),
    ),
    "concat of width 1": (lambda: mf.ConcatPE([[1]] * N, 2).p, lambda: np.ones((N, 1))),
    "times list": (lambda: mf.flow(PLAIN, X, [0, 1]).x, lambda: mf.flow(PLAIN, X, np.array([0.0, 1.0])).x),
    "times ints": (lambda: mf.flow(PLAIN, X, np.arange(3)).x, lambda: mf.flow(PLAIN, X, [0.0, 1.0, 2.0]).x),
    "times float32": (lambda: mf.flow(PLAIN, X, T.astype(np.float32)).x, lambda: mf.flow(PLAIN, X, T).x),
    "times read-only": (lambda: mf.flow(PLAIN, X, readonly(T)).x, lambda: mf.flow(PLAIN, X, T).x),
    "tol int": (lambda: mf.maximize(PLAIN, X, tol=1).x, lambda: mf.maximize(PLAIN, X, tol=1.0).x),
    "max_iter int64": (
        lambda: mf.maximize(PLAIN, X, max_iter=np.int64(2)).x,
        lambda: mf.maximize(PLAIN, X, max_iter=2).x,
    ),
    "starts as lists": (lambda: mf.maximize(PLAIN, [X.tolist()] * 2).x[1], lambda: mf.maximize(PLAIN, X).x),
    "n int64": (
        lambda: mf.sphere.sample(np.int64(3), np.int8(2), np.random.default_rng(1)),
        lambda: mf.sphere.sample(3, 2, np.random.default_rng(1)),
    ),
    "cosine list": (
        lambda: cf.equiangular_rate([0, 1], 3, 1),
        lambda: cf.equiangular_rate(np.array([0.0, 1.0]), 3, 1.0),
    ),
    "project list": (lambda: mf.sphere.project([3, 4]), lambda: np.array([0.6, 0.8])),
    "project tiny": (lambda: mf.sphere.project([3e-320, 0]), lambda: np.array([1.0, 0.0])),
    "project huge": (lambda: mf.sphere.project([-1e308, 0]), lambda: np.array([-1.0, 0.0])),
}


@pytest.mark.parametrize("name", GOOD)
def test_odd_but_good_arguments(name):
    odd, plain = GOOD[name]
    np.testing.assert_array_equal(odd(), plain())


X_BAD = {
    "empty": (np.empty((0, 3)), ValueError, r"x is empty: got shape \(0, 3\)"),
    "no dimension": (np.empty((3, 0)), ValueError, r"x is empty: got shape \(3, 0\)"),
    "empty list": ([], ValueError, r"x must have 2 dimension"),
    "scalar": (1.0, ValueError, r"x must have 2 dimension.*got shape \(\)"),
    "one row": (X[0], ValueError, r"x must have 2 dimension.*\(4,\)"),
    "three axes": (X[None], ValueError, r"x must have 2 dimension.*\(1, 5, 4\)"),
    "NaN": (np.where(X == 0.5, np.nan, X), ValueError, r"x must be finite, got nan at index \(2, 0\)"),
    "inf": (np.where(X == 1, np.inf, X), ValueError, r"x must be finite, got inf at index \(0, 0\)"),
    "zero row": (X * [[1], [1], [0], [1], [1]], ValueError, r"row 2 has norm 0: use mfcore.sphere.project"),
    "off by 1e-5": (X * (1 + 1e-5), ValueError, r"row 0 has norm 1.00001"),
    "one row off": (X * [[1], [1], [1], [1 - 2e-6], [1]], ValueError, r"row 3 has norm 0.999998"),
    "huge": (X * 1e300, ValueError, r"row 0 has norm 1e\+300"),
    "beyond float": (X.astype(np.longdouble) * np.longdouble("1e400"), ValueError, r"x must be finite, got inf"),
    "complex": (X + 0j, TypeError, r"x must hold real numbers, got dtype complex128"),
    "bool": (X > 0, TypeError, r"x must hold real numbers, got dtype bool"),
    "object": (X.astype(object), TypeError, r"x must hold real numbers, got dtype object"),
    "strings": (X.astype(str), TypeError, r"x must hold real numbers, got dtype <U"),
    "a string": ("tokens", TypeError, r"x must hold real numbers, got dtype <U6"),
    "None": (None, TypeError, r"x must hold real numbers, got dtype object"),
    "list with None": ([[1.0, None]], TypeError, r"dtype object"),
    "ragged": ([[1.0, 0.0], [1.0]], ValueError, r"x is no rectangular array"),
    "masked": (np.ma.masked_array(X, mask=X > 0.7), TypeError, r"x is a masked array"),
    "masked, no mask": (np.ma.masked_array(X), TypeError, r"x is a masked array"),
    "dates": (X.astype("m8[s]"), TypeError, r"dtype timedelta64"),
    "records": (np.zeros(3, [("a", float), ("b", float)]), TypeError, r"must hold real numbers"),
    "a set": ({1.0, 2.0}, TypeError, r"dtype object"),
    "a model": (PLAIN, TypeError, r"dtype object"),
}


@pytest.mark.parametrize("name", X_BAD)
def test_bad_tokens(name):
    x, error, message = X_BAD[name]
    # the message names the argument, x or x0
    for call in (PLAIN.velocity, PLAIN.log_energy, PLAIN.energy, lambda x: PLAIN.layer(x, 1.0)):
        with pytest.raises(error, match=message):
            call(x)
    with pytest.raises(error, match=message):
        PLAIN.layers(x, 1.0, 2)
    if name != "three axes":  # an ensemble, for flow and maximize
        message = message.replace("x must have 2", "x must have 2 or 3")
        message = message.replace("x must", "x0 must").replace("x is", "x0 is")
        with pytest.raises(error, match=message):
            mf.flow(PLAIN, x, T)
        with pytest.raises(error, match=message):
            mf.maximize(PLAIN, x)


Q = mf.AdditivePE(P)
UNIT = X[0]
BAD = {
    # SelfAttention
    "beta 0": (lambda: mf.SelfAttention(0), ValueError, r"beta must be a finite number in \(0, inf\), got 0"),
    "beta -1": (lambda: mf.SelfAttention(-1.0), ValueError, r"beta must be .* got -1"),
    "beta NaN": (lambda: mf.SelfAttention(np.nan), ValueError, r"beta must be .* got nan"),
    "beta inf": (lambda: mf.SelfAttention(np.inf), ValueError, r"beta must be .* got inf"),
    "beta huge int": (lambda: mf.SelfAttention(10**400), ValueError, r"beta must be .* beyond the floating range"),
    "beta True": (lambda: mf.SelfAttention(True), TypeError, r"beta must be a real number, got True"),
    "beta np.True_": (lambda: mf.SelfAttention(np.True_), TypeError, r"beta must be a real number"),
    "beta str": (lambda: mf.SelfAttention("1"), TypeError, r"beta must be a real number, got '1'"),
    "beta complex": (lambda: mf.SelfAttention(1j), TypeError, r"beta must be a real number, got 1j"),
    "beta None": (lambda: mf.SelfAttention(None), TypeError, r"beta must be a real number, got None"),
    "beta array": (lambda: mf.SelfAttention(np.ones(1)), TypeError, r"beta must be a real number, got array"),
    "beta list": (lambda: mf.SelfAttention([1.0]), TypeError, r"beta must be a real number"),
    "beta time": (lambda: mf.SelfAttention(np.timedelta64(1)), TypeError, r"beta must be a real number"),
    "normalization misspelt": (
        lambda: mf.SelfAttention(1, "Softmax"),
        ValueError,
        r"normalization must be one of 'softmax', 'none', got 'Softmax'",
    ),
    "normalization None": (lambda: mf.SelfAttention(1, None), ValueError, r"normalization must be one of"),
    "normalization array": (
        lambda: mf.SelfAttention(1, np.array(["none"])),
        ValueError,
        r"normalization must be one of",
    ),
    "values misspelt": (
        lambda: mf.SelfAttention(1, values="token"),
        ValueError,
        r"values must be one of 'features', 'tokens', got 'token'",
    ),
    "values list": (lambda: mf.SelfAttention(1, values=["tokens"]), ValueError, r"values must be one of"),
    "auxiliary array": (lambda: mf.SelfAttention(1, auxiliary=P), TypeError, r"auxiliary must be AdditivePE"),
    "auxiliary str": (lambda: mf.SelfAttention(1, auxiliary="rotary"), TypeError, r"auxiliary must be AdditivePE"),
    "auxiliary class": (
        lambda: mf.SelfAttention(1, auxiliary=mf.AdditivePE),
        TypeError,
        r"auxiliary must be AdditivePE",
    ),
    # auxiliary variables
    "additive, other n": (
        lambda: mf.SelfAttention(1, auxiliary=Q).velocity(X[:4]),
        ValueError,
        r"p was given for 5 tokens, but there are 4",
    ),
    "additive, other d": (
        lambda: mf.SelfAttention(1, auxiliary=Q).velocity(X[:, :1] * 0 + 1),
        ValueError,
        r"p must have dimension 1 like the tokens, got 4",
    ),
    "p one row": (lambda: mf.AdditivePE(P[0]), ValueError, r"p must have 2 dimension"),
    "p empty": (lambda: mf.AdditivePE(np.empty((0, 2))), ValueError, r"p is empty"),
    "p NaN": (lambda: mf.AdditivePE(P * np.nan), ValueError, r"p must be finite, got nan at index \(0, 0\)"),
    "p bool": (lambda: mf.AdditivePE(P > 0), TypeError, r"p must hold real numbers, got dtype bool"),
    "p masked": (lambda: mf.AdditivePE(np.ma.masked_array(P)), TypeError, r"p is a masked array"),
    "p complex": (lambda: mf.ConcatPE(P + 1j), TypeError, r"p must hold real numbers, got dtype complex"),
    "scale NaN": (lambda: mf.AdditivePE(P, np.nan), ValueError, r"scale must be a finite number"),
    "scale str": (lambda: mf.AdditivePE(P, "1"), TypeError, r"scale must be a real number"),
    "scale too large": (lambda: mf.AdditivePE(P, 1e305), ValueError, r"scale \* p must not exceed 1e\+300"),
    "scale times p overflows": (lambda: mf.AdditivePE(P * 1e200, 1e200), ValueError, r"scale \* p must be finite"),
    "concat, other n": (
        lambda: mf.SelfAttention(1, auxiliary=mf.ConcatPE(P)).layer(X[:2], 1),
        ValueError,
        r"p was given for 5 tokens, but there are 2",
    ),
    "kappa negative": (lambda: mf.ConcatPE(P, -1), ValueError, r"kappa must be a finite number in \[0, inf\], got -1"),
    "kappa bool": (lambda: mf.ConcatPE(P, True), TypeError, r"kappa must be a real number"),
    "concat too large": (lambda: mf.ConcatPE(P * 1e200, 1e300), ValueError, r"sqrt\(kappa\) \* p must"),
    "rotary, odd d": (
        lambda: mf.SelfAttention(1, auxiliary=mf.RotaryPE([1.0], [1.0])).velocity([[0.6, 0.8, 0.0]]),
        ValueError,
        r"RotaryPE needs an even dimension, got d = 3",
    ),
    "rotary, other d": (
        lambda: mf.SelfAttention(1, auxiliary=mf.RotaryPE(range(N), [1.0])).velocity(X),
        ValueError,
        r"frequencies must have d/2 = 2 entries, got 1",
    ),
    "rotary, other n": (
        lambda: mf.SelfAttention(1, auxiliary=mf.RotaryPE([1, 2], [1, 2])).velocity(X),
        ValueError,
        r"positions was given for 2 tokens, but there are 5",
    ),
    "positions scalar": (lambda: mf.RotaryPE(3, [1.0]), ValueError, r"positions must have 1 dimension"),
    "positions matrix": (lambda: mf.RotaryPE(P, [1.0]), ValueError, r"positions must have 1 dimension"),
    "frequencies inf": (lambda: mf.RotaryPE([1.0], [np.inf]), ValueError, r"frequencies must be finite"),
    "frequencies str": (lambda: mf.RotaryPE([1.0], ["a"]), TypeError, r"frequencies must hold real numbers"),
    "angles overflow": (lambda: mf.RotaryPE([1e200], [1e200]), ValueError, r"positions \* frequencies must be finite"),
    # layer
    "step negative": (lambda: PLAIN.layer(X, -0.1), ValueError, r"step must be at least 0, got -0.1"),
    "step -inf": (lambda: PLAIN.layer(X, -np.inf), ValueError, r"step must be at least 0, got -inf"),
    "step NaN": (lambda: PLAIN.layer(X, np.nan), ValueError, r"step must be at least 0, got nan"),
    "one step NaN": (lambda: PLAIN.layer(X, [1, 1, np.nan, 1, 1]), ValueError, r"step must be at least 0, got nan"),
    "step str": (lambda: PLAIN.layer(X, "1"), TypeError, r"step must hold real numbers, got dtype <U1"),
    "step None": (lambda: PLAIN.layer(X, None), TypeError, r"step must hold real numbers"),
    "step bool": (lambda: PLAIN.layer(X, True), TypeError, r"step must hold real numbers, got dtype bool"),
    "step complex": (lambda: PLAIN.layer(X, 1 + 0j), TypeError, r"step must hold real numbers, got dtype complex"),
    "step of other n": (
        lambda: PLAIN.layer(X, np.ones(N + 1)),
        ValueError,
        r"step must be one number or have shape \(5,\)",
    ),
    "step matrix": (lambda: PLAIN.layer(X, np.ones((N, 1))), ValueError, r"step must have 0 or 1 dimension"),
    "step empty": (lambda: PLAIN.layer(X, []), ValueError, r"step is empty"),
    "step masked": (lambda: PLAIN.layer(X, np.ma.masked_array(np.ones(N))), TypeError, r"step is a masked array"),
    "step ragged": (lambda: PLAIN.layer(X, [1, [1, 2]]), ValueError, r"step is no rectangular array"),
    # energies that do not exist
    "energy of tokens": (
        lambda: mf.SelfAttention(1, values="tokens").energy(X),
        ValueError,
        r'values="tokens" has no energy',
    ),
    "log_energy of tokens": (lambda: mf.SelfAttention(1, values="tokens").log_energy(X), ValueError, r"has no energy"),
    # flow
    "times decrease": (lambda: mf.flow(PLAIN, X, [0, 2, 1]), ValueError, r"t must increase, got 2 followed by 1"),
    "times repeat": (lambda: mf.flow(PLAIN, X, [0, 1, 1]), ValueError, r"t must increase, got 1 followed by 1"),
    "times negative": (lambda: mf.flow(PLAIN, X, [-1, 1]), ValueError, r"t must start at 0 or later, got -1"),
    "times scalar": (lambda: mf.flow(PLAIN, X, 1.0), ValueError, r"t must have 1 dimension"),
    "times empty": (lambda: mf.flow(PLAIN, X, []), ValueError, r"t is empty"),
    "times NaN": (lambda: mf.flow(PLAIN, X, [0, np.nan]), ValueError, r"t must be finite, got nan at index \(1,\)"),
    "times inf": (lambda: mf.flow(PLAIN, X, [0, np.inf]), ValueError, r"t must be finite, got inf"),
    "times str": (lambda: mf.flow(PLAIN, X, "0 1"), TypeError, r"t must hold real numbers"),
    "times bool": (lambda: mf.flow(PLAIN, X, [False, True]), TypeError, r"t must hold real numbers, got dtype bool"),
    "times matrix": (lambda: mf.flow(PLAIN, X, [[0, 1]]), ValueError, r"t must have 1 dimension"),
    "rtol 0": (
        lambda: mf.flow(PLAIN, X, T, rtol=0),
        ValueError,
        r"rtol must be a finite number in \[1e-13, 1\], got 0",
    ),
    "rtol below rounding": (lambda: mf.flow(PLAIN, X, T, rtol=1e-15), ValueError, r"rtol must be"),
    "rtol NaN": (lambda: mf.flow(PLAIN, X, T, rtol=np.nan), ValueError, r"rtol must be .* got nan"),
    "atol 0": (lambda: mf.flow(PLAIN, X, T, atol=0), ValueError, r"atol must be a finite number in \(0, inf\), got 0"),
    "atol str": (lambda: mf.flow(PLAIN, X, T, atol="x"), TypeError, r"atol must be a real number"),
    "flow of no model": (lambda: mf.flow(None, X, T), TypeError, r"model must be a SelfAttention, got NoneType"),
    "flow of no models": (lambda: mf.flow([], X, T), ValueError, r"model must be .* got an empty sequence"),
    "flow of models and another": (
        lambda: mf.flow([PLAIN, 2.0], X, T),
        TypeError,
        r"model must be a SelfAttention, got float",
    ),
    "two models, three starts": (
        lambda: mf.flow([PLAIN] * 2, [X] * 3, T),
        ValueError,
        r"one or equally many, got 2 models and 3 starts",
    ),
    "depth 0": (lambda: PLAIN.layers(X, 1.0, 0), ValueError, r"depth must be at least 1, got 0"),
    "depth half": (lambda: PLAIN.layers(X, 1.0, 0.5), TypeError, r"depth must be an integer, got 0.5"),
    "layers, negative step": (lambda: PLAIN.layers(X, -1.0, 1), ValueError, r"step must be at least 0, got -1"),
    "flow of a number": (lambda: mf.flow(2.0, X, T), TypeError, r"model must be a SelfAttention, got float"),
    # maximize
    "tol 0": (lambda: mf.maximize(PLAIN, X, tol=0), ValueError, r"tol must be a finite number in \(0, inf\), got 0"),
    "tol negative": (lambda: mf.maximize(PLAIN, X, tol=-1e-3), ValueError, r"tol must be"),
    "tol NaN": (lambda: mf.maximize(PLAIN, X, tol=np.nan), ValueError, r"tol must be .* got nan"),
    "tol None": (lambda: mf.maximize(PLAIN, X, tol=None), TypeError, r"tol must be a real number, got None"),
    "max_iter 0": (lambda: mf.maximize(PLAIN, X, max_iter=0), ValueError, r"max_iter must be at least 1, got 0"),
    "max_iter float": (
        lambda: mf.maximize(PLAIN, X, max_iter=10.0),
        TypeError,
        r"max_iter must be an integer, got 10.0",
    ),
    "max_iter bool": (
        lambda: mf.maximize(PLAIN, X, max_iter=True),
        TypeError,
        r"max_iter must be an integer, got True",
    ),
    "no starts": (lambda: mf.maximize(PLAIN, np.empty((0, 3, 2))), ValueError, r"x0 is empty"),
    "four axes": (lambda: mf.maximize(PLAIN, X[None, None]), ValueError, r"x0 must have 2 or 3 dimension"),
    "maximize no model": (lambda: mf.maximize("model", X), TypeError, r"model must be a SelfAttention, got str"),
    # sphere
    "sample 0": (lambda: mf.sphere.sample(0, 3, RNG), ValueError, r"n must be at least 1, got 0"),
    "sample d 0": (lambda: mf.sphere.sample(3, 0, RNG), ValueError, r"d must be at least 1, got 0"),
    "sample float": (lambda: mf.sphere.sample(3.0, 3, RNG), TypeError, r"n must be an integer, got 3.0"),
    "sample bool": (lambda: mf.sphere.sample(3, True, RNG), TypeError, r"d must be an integer, got True"),
    "sample time": (lambda: mf.sphere.sample(np.timedelta64(3), 2, RNG), TypeError, r"n must be an integer"),
    "rng int": (lambda: mf.sphere.sample(3, 3, 0), TypeError, r"rng must be a numpy.random.Generator.*got 0"),
    "rng None": (lambda: mf.sphere.sample(3, 3, None), TypeError, r"rng must be a numpy.random.Generator"),
    "rng legacy": (
        lambda: mf.sphere.sample(3, 3, np.random.RandomState(0)),
        TypeError,
        r"rng must be a numpy.random.Gen",
    ),
    "project zero": (lambda: mf.sphere.project([[1, 0], [0, 0]]), ValueError, r"x must have no zero row"),
    "project NaN": (lambda: mf.sphere.project([np.nan, 0]), ValueError, r"x must be finite, got nan at index \(0,\)"),
    "project three axes": (lambda: mf.sphere.project(X[None]), ValueError, r"x must have 1 or 2 dimension"),
    "tangent off sphere": (lambda: mf.sphere.tangent(2 * UNIT, UNIT), ValueError, r"row 0 has norm 2"),
    "tangent shapes": (
        lambda: mf.sphere.tangent(X, UNIT),
        ValueError,
        r"v must have the shape \(5, 4\) of x, got \(4,\)",
    ),
    "distance dimensions": (
        lambda: mf.sphere.distance(X, [[1, 0]]),
        ValueError,
        r"y must have dimension 4 like x, got 2",
    ),
    "distance rows": (lambda: mf.sphere.distance(X, X[:2]), ValueError, r"y must have as many rows as x or one"),
    "geodesic antipodal": (lambda: mf.sphere.geodesic(UNIT, -UNIT, 0.5), ValueError, r"y must not be antipodal to x"),
    "geodesic s": (
        lambda: mf.sphere.geodesic(UNIT, X[1], [0.1, 0.2]),
        ValueError,
        r"s must be one number or have shape",
    ),
    "geodesic s NaN": (lambda: mf.sphere.geodesic(UNIT, X[1], np.nan), ValueError, r"s must be finite"),
    # closed forms
    "cosine above 1": (
        lambda: cf.equiangular_rate(1.1, 3, 1.0),
        ValueError,
        r"cosine must be in \[-1/\(n-1\), 1\].*1.1",
    ),
    "cosine below": (lambda: cf.equiangular_rate(-0.6, 3, 1.0), ValueError, r"cosine must be in .*-0.6"),
    "cosine NaN": (lambda: cf.equiangular_rate(np.nan, 3, 1.0), ValueError, r"cosine must be finite"),
    "cosine matrix": (lambda: cf.equiangular_rate([[0.1]], 3, 1.0), ValueError, r"cosine must have 0 or 1 dimension"),
    "rate n 1": (lambda: cf.equiangular_rate(0.1, 1, 1.0), ValueError, r"n must be at least 2, got 1"),
    "rate n float": (lambda: cf.equiangular_rate(0.1, 3.0, 1.0), TypeError, r"n must be an integer"),
    "rate beta 0": (lambda: cf.equiangular_rate(0.1, 3, 0), ValueError, r"beta must be"),
    "rate normalization": (lambda: cf.equiangular_rate(0.1, 3, 1, "USA"), ValueError, r"normalization must be one of"),
    "rate overflows": (lambda: cf.equiangular_rate(0.5, 3, 1e4, "none"), OverflowError, r"unnormalized rate.*softmax"),
    "target 1": (lambda: cf.time_to_cosine(1.0, 0.0, 3, 1.0), ValueError, r"target must be in \[start, 1\) = \[0, 1\)"),
    "target below start": (lambda: cf.time_to_cosine(0.1, 0.5, 3, 1.0), ValueError, r"target must be in \[start, 1\)"),
    "target empty": (lambda: cf.time_to_cosine([], 0.5, 3, 1.0), ValueError, r"target is empty"),
    "start at balance": (
        lambda: cf.time_to_cosine(0.1, -0.5, 3, 1.0),
        ValueError,
        r"start must be a finite number in \(-0.5",
    ),
    "start array": (lambda: cf.time_to_cosine(0.5, [0.1], 3, 1.0), TypeError, r"start must be a real number"),
    "time overflows": (lambda: cf.time_to_cosine(0.5, 0.0, 3, 1e4), OverflowError, r"time exceeds the floating range"),
    "time underflow of the rate": (
        lambda: cf.time_to_cosine(0.5, -0.4, 3, 1e4, "none"),
        OverflowError,
        r"time exceeds",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(name):
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()


def test_the_table_is_long_enough():
    assert len(GOOD) + len(GOOD_TOKENS) + len(X_BAD) + len(BAD) >= 60


def test_a_token_with_no_pull_stays():
    # The first token sees -x and x with equal values: beta so small that the weights are equal.
    x = np.array([[1.0, 0.0], [-1.0, 0.0]])
    p = mf.AdditivePE([[-1.0, 0.0], [1.0, 0.0]])  # features are 0: so is every pull
    model = mf.SelfAttention(1.0, auxiliary=p)
    for step in (0.5, np.inf):
        np.testing.assert_array_equal(model.layer(x, step), x)
    np.testing.assert_array_equal(model.velocity(x), 0 * x)
    assert model.energy(x) == 0.5
    # and one whose step is exactly undone, x + step g = 0
    alone = mf.SelfAttention(1.0, auxiliary=mf.AdditivePE([[-2.0, 0.0]]))
    np.testing.assert_array_equal(alone.layer([[1.0, 0.0]], 1.0), [[1.0, 0.0]])
    np.testing.assert_array_equal(alone.layer([[1.0, 0.0]], np.inf), [[-1.0, 0.0]])


def test_one_token_one_dimension():
    one, line = np.array([[0.6, 0.8]]), np.array([[1.0], [-1.0], [1.0]])
    for beta in (1e-3, 1.0, 1000.0, 1e308):
        for normalization in ("softmax", "none"):
            model = mf.SelfAttention(beta, normalization)
            for x in (one, line):
                np.testing.assert_array_equal(model.velocity(x), 0 * x)
                np.testing.assert_array_equal(mf.flow(model, x, [0, 1.0]).x, [x, x])
            np.testing.assert_array_equal(np.abs(model.layer(line, 2.0)), 1.0)
    # two against one: the full step goes where the majority is, as long as beta is small
    np.testing.assert_array_equal(mf.SelfAttention(0.1).layer(line, np.inf), [[1.0], [1.0], [1.0]])
    np.testing.assert_array_equal(mf.SelfAttention(10.0).layer(line, np.inf), line)


def test_zero_step_returns_the_token():
    x = mf.sphere.sample(50, 7, np.random.default_rng(3))
    np.testing.assert_allclose(mf.SelfAttention(1.0).layer(x, 0.0), x, rtol=0, atol=3e-16)
