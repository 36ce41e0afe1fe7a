"""Self-attention as a flow and as a layer: velocity, energy and the step x <- N(x + step g)."""

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from . import _check, _harmonics, _kernels
from .auxiliary import Prompt
from .masks import Mask

__all__ = ["SelfAttention"]

# Below this number of pairs the hand-over to a second thread costs more than it saves.
PAIRS_PER_THREAD = 300_000


class SelfAttention(_check.Fixed):
    r"""Self-attention on the unit sphere, with an optional auxiliary variable.

    Token i has the feature :math:`z_i = A_i x_i + b_i` (``auxiliary``), compares itself with the others by
    :math:`w_{ij} = e^{\beta\langle z_i, z_j\rangle}`, and is pulled by

    .. math:: g_i = A_i^\top \frac{\sum_j w_{ij} z_j}{Z_i}, \qquad
              Z_i = \sum_j w_{ij}\ (\text{softmax}) \quad\text{or}\quad Z_i = n\ (\text{none}).

    With ``values="tokens"`` the encoding sits in queries and keys only:
    :math:`g_i = \sum_j w_{ij} x_j / Z_i`. A mask m adds to the logits, :math:`w_{ij} = e^{\beta\langle z_i, z_j\rangle
    + m(i, j)}`, and the vectors of a prompt are further sources in both sums.

    Parameters
    ----------
    beta : float
        Inverse temperature, positive and finite.
    normalization : {"softmax", "none"}, optional
        Whether row i is divided by its own mass or by n.
    auxiliary : AdditivePE, RotaryPE, ConcatPE or AffineFeature, optional
        The feature map; without it :math:`z_i = x_i`.
    values : {"features", "tokens"}, optional
        Whether the values carry the auxiliary variable too (the gradient form) or are the bare tokens
        (encodings as they are deployed in queries and keys).
    mask : Mask, optional
        From `mfcore.masks`: which tokens a token sees. With one that is not symmetric the flow is no gradient.
    prompt : Prompt, optional
        Sources that are not updated.
    method : {"auto", "direct", "harmonic"}, optional
        How sums over tokens are computed: pair by pair, or in linear cost by harmonics of the circle or the sphere, which
        needs features of one length in two or three dimensions, and neither mask nor prompt. By default whichever is faster and accurate to rtol.
    rtol : float, optional
        Error of the harmonic sums relative to the pull (which has the size of the features) and to a row's mass, 1e-13 to
        1e-2. By default sums are direct where it cannot be reached, and where no token moves faster than 10,000 rtol:
        there they keep the relative accuracy of a slow drift.

    Raises
    ------
    TypeError
        If beta is no real number, or auxiliary, mask or prompt is none of those named.
    ValueError
        If beta is not positive and finite, a string is none of those allowed, or sums by harmonics are asked for
        with a mask or a prompt.

    Notes
    -----
    With softmax every result is finite for every finite beta and scale of the encoding. All results
    have the same bits on any number of threads. The dynamics are those of Geshkovski, Letrouit, Polyanskiy and
    Rigollet (arXiv 2312.10794): their SA is "softmax", their USA is "none".

    Examples
    --------
    >>> import numpy as np, mfcore as mf
    >>> x = mf.sphere.sample(16, 3, np.random.default_rng(0))
    >>> model = mf.SelfAttention(beta=2.0)
    >>> bool(model.log_energy(model.layer(x, 1.0)) >= model.log_energy(x))
    True
    """

    def __init__(
        self, beta, normalization="softmax", auxiliary=None, values="features", mask=None, prompt=None, method="auto",
        rtol=1e-10,
    ):  # fmt: skip
        self.beta = _check.real("beta", beta, 0.0)
        self.normalization = _check.choice("normalization", normalization, ("softmax", "none"))
        self.values = _check.choice("values", values, ("features", "tokens"))
        if auxiliary is not None and (isinstance(auxiliary, type) or not hasattr(auxiliary, "_affine")):
            raise TypeError(
                "auxiliary must be AdditivePE, RotaryPE, ConcatPE, AffineFeature or None, "
                f"got {type(auxiliary).__name__}"
            )
        self.auxiliary = auxiliary
        if mask is not None and not isinstance(mask, Mask):
            raise TypeError(f"mask must be made by mfcore.masks or be None, got {type(mask).__name__}")
        self.mask = mask
        if prompt is not None and not isinstance(prompt, Prompt):
            raise TypeError(f"prompt must be a Prompt or None, got {type(prompt).__name__}")
        self.prompt = prompt
        self.method = _check.choice("method", method, ("auto", "direct", "harmonic"))
        if self.method == "harmonic" and not (mask is None and prompt is None):
            raise ValueError("method='harmonic' has neither masks nor prompts: use method='auto'")
        self.rtol = _check.real("rtol", rtol, 1e-13, 1e-2, strict=False)
        self._made = True

    def velocity(self, x):
        r"""The tangent field :math:`P_{x_i} g_i` of the flow :math:`\dot x_i = P_{x_i} g_i`.

        Parameters
        ----------
        x : array_like, (n, d)
            Tokens, unit rows.

        Returns
        -------
        ndarray, (n, d)
            Velocities, orthogonal to the tokens row by row; the drift of a tight cluster keeps its
            relative accuracy.

        Raises
        ------
        OverflowError
            Without softmax, where the velocity or the mass in it exceeds the floating range.
        TypeError, ValueError
            For tokens that are no finite real unit rows, or do not fit the auxiliary variable.
        """
        x = _check.unit_rows("x", x)[None]
        velocity = self._velocity(x, *self._evaluate(x, self._field(x), None, self.normalization == "none"))[0]
        if not np.isfinite(velocity).all():
            raise OverflowError(
                "the unnormalized velocity, or the mass in it, exceeds the floating range: "
                "use normalization='softmax', or look at log_energy"
            )
        return velocity

    def layer(self, x, step):
        r"""One discrete layer, :math:`x_i \leftarrow N(x_i + \text{step}_i\, g_i)` with N(v) = v/|v|.

        Parameters
        ----------
        x : array_like, (n, d)
            Tokens, unit rows.
        step : float or array_like, (n,)
            Step sizes, at least 0; ``np.inf`` is :math:`x_i \leftarrow N(g_i)`.

        Returns
        -------
        ndarray, (n, d)
            Unit rows. A token whose sum is zero stays where it is.

        Raises
        ------
        TypeError, ValueError
            As for velocity, and for steps that are negative, NaN or not one number or n numbers.
        """
        return self.layers(x, step, 1)[1].copy()

    def method_for(self, x):
        """How velocity(x) would sum over the tokens.

        Parameters
        ----------
        x : array_like, (n, d)
            Tokens, unit rows.

        Returns
        -------
        str
            "direct" or "harmonic". To know whether harmonic sums reach rtol they are computed.

        Raises
        ------
        TypeError, ValueError
            As for velocity; ValueError if method="harmonic" does not apply.
        """
        x = _check.unit_rows("x", x)
        return self._evaluate_one(x, self._field(x), np.zeros(len(x)), None, False, np.empty_like(x), np.empty(len(x)))

    def layers(self, x, step, depth):
        """Layer after layer: x, layer(x, step), layer(layer(x, step), step), ...

        Parameters
        ----------
        x : array_like, (n, d)
            Tokens, unit rows.
        step : float or array_like, (n,)
            Step sizes as for layer, the same in each layer.
        depth : int
            Number of layers, at least 1.

        Returns
        -------
        ndarray, (depth + 1, n, d)
            The tokens before the first layer and after each.

        Raises
        ------
        TypeError, ValueError
            As for layer, and for a depth that is no such integer.
        """
        x = _check.unit_rows("x", x)
        step = np.array(np.broadcast_to(_steps(step, len(x)), len(x)))
        states = np.empty((_check.count("depth", depth) + 1, *x.shape))
        states[0] = x
        field = self._field(x)
        if not self._alone(1, len(x), field):
            _kernels.layers(states, field, step)
            return states
        for k in range(depth):
            now = states[k : k + 1]
            states[k + 1] = self._layer(now, field, *self._evaluate(now, field, self.rtol, not field.normalized), step)[0]
        return states

    def log_energy(self, x):
        r"""Logarithm of the energy, :math:`\log\frac{1}{2\beta n^2}\sum_{ij} e^{\beta\langle z_i,z_j\rangle}`.

        A symmetric mask adds to the logits. A prompt of weight :math:`\lambda` adds :math:`\lambda/\beta` times the mean
        of :math:`e^{\beta\langle z_i, u\rangle}` over tokens and prompts u that they see.

        Parameters
        ----------
        x : array_like, (n, d)
            Tokens, unit rows.

        Returns
        -------
        float
            Never infinite as long as beta times the largest squared feature norm is in the floating range.

        Raises
        ------
        OverflowError
            Where even the logarithm exceeds the floating range.
        TypeError, ValueError
            As for velocity; ValueError if values="tokens" or the mask is not symmetric: such a flow is no gradient.
        """
        if self.values == "tokens":
            raise ValueError('a model with values="tokens" has no energy: its field is no gradient')
        if not self._has_energy:
            raise ValueError(f"a model with the mask {self.mask!r} has no energy: its field is no gradient")
        x = _check.unit_rows("x", x)[None]
        log_energy = float(self._log_energy(x, self._field(x))[0])
        if not np.isfinite(log_energy):
            raise OverflowError("even log_energy exceeds the floating range: beta times the squared feature norm does")
        return log_energy

    def energy(self, x):
        r"""The attention energy :math:`\frac{1}{2\beta n^2}\sum_{ij} e^{\beta\langle z_i,z_j\rangle}`; see log_energy.

        Parameters
        ----------
        x : array_like, (n, d)
            Tokens, unit rows.

        Returns
        -------
        float
            The double mean of the kernel over 2 beta. Every layer and both flows increase it.

        Raises
        ------
        OverflowError
            Where the energy exceeds the floating range; log_energy does not.
        TypeError, ValueError
            As for log_energy.
        """
        return _exp_or_overflow(self.log_energy(x))

    # The rest works on checked ensembles (s, n, d) and is what flow and maximize build on.

    def _field(self, x):
        """What the kernels know of the model, for tokens (..., n, d)."""
        n, d = x.shape[-2:]
        if self.auxiliary is None:
            blocks, shift, rigid = np.empty((n, 0, 0, 0)), np.zeros((n, d)), True
        else:
            blocks, shift, rigid = self.auxiliary._affine(n, d)
        nobody = np.empty((0, shift.shape[1]))
        prompts, own, log_mass = nobody, nobody, 0.0
        if self.prompt is not None:
            prompts, own, log_mass = self.prompt._sources(n, shift.shape[1])
        rule = np.array([np.inf, np.inf, 0.0, 0.0]) if self.mask is None else self.mask._rule
        # Views of what the user's objects keep: writeable ones, for the compiled code knows one type of array only.
        arrays = (np.array(array) for array in (blocks, shift, rule, prompts, own))
        blocks, shift, rule, prompts, own = arrays
        return _kernels.Field(
            self.beta, self.normalization == "softmax", self._carry, rigid, blocks, shift, rule, prompts, own,
            float(log_mass),
        )  # fmt: skip

    def _evaluate(self, x, field, accuracy, masses=True):
        """Drift (s, n, d) and log-mass (s, n) of an ensemble, of any value unless asked for. For `accuracy` see _harmonic."""
        s, n, d = x.shape
        drift, log_mass = np.empty((s, n, d)), np.empty((s, n))
        if self._alone(s, n, field):
            for member in range(s):
                self._evaluate_one(x[member], field, np.zeros(n), accuracy, masses, drift[member], log_mass[member])
        else:
            _share(
                lambda first, last: _kernels.attend_members(x, field, masses, first, last, drift, log_mass),
                s, _threads_for(s * n * n),
            )  # fmt: skip
        return drift, log_mass

    def _alone(self, s, n, field):
        """Whether the members of an ensemble are computed one by one, for harmonic sums or with threads for each."""
        return (s == 1 and _threads_for((n + len(field.prompts)) ** 2) > 1) or self._may_be_harmonic(n, field)

    def _evaluate_one(self, x, field, log_weight, accuracy, masses, drift, log_mass):
        """Drift and log-mass of one member; returns how they were summed."""
        n, d = x.shape
        if self._may_be_harmonic(n, field) and self._harmonic(x, field, log_weight, accuracy, drift, log_mass):
            return "harmonic"
        work = _kernels.workspace(n, d, field)
        threads = _threads_for((n + len(field.prompts)) ** 2)
        if threads < 2:
            _kernels.attend(x, field, log_weight, work, masses, drift, log_mass)
            return "direct"
        half, boost, unit = _kernels.prepare(x, field, log_weight, work)

        def lanes(first, last):
            _kernels.pairs(n, d, field, half, boost, first, last, work)

        def tiles(first, last):
            _kernels.finish(x, field, half, boost, unit, masses, first, last, work, drift, log_mass)

        _share(lanes, len(work[5]), threads)
        _share(tiles, _kernels.tiles(n), threads, 16)
        return "direct"

    def _may_be_harmonic(self, n, field):
        if self.method != "auto":
            return self.method == "harmonic"
        e, plain = field.shift.shape[1], self.mask is None and self.prompt is None
        return e in (2, 3) and plain and field.carry and field.rigid and _harmonics.pays(e, self.beta, n)

    def _harmonic(self, x, field, log_weight, accuracy, drift, log_mass):
        """Write harmonic sums if they apply, pay and are accurate enough, and say whether they are.

        accuracy : allowed error of a drift, and of a row's mass relative to itself; or None for velocities, whose error
            may be a tenth of rtol, if some token moves faster than 10,000 rtol
        """
        a, b = field.blocks, field.shift
        n, e = len(x), b.shape[1]
        forced = self.method == "harmonic"
        z = np.empty((n, e))
        _kernels.features(x, a, b, z)
        with np.errstate(all="ignore"):  # features of any size may come here, and none has no direction
            norm2 = np.einsum("ij,ij->i", z, z)
            size = np.sqrt(norm2.max())
            beta = self.beta * size**2
            # Unequal lengths act like an error of the logits.
            uneven = beta * (1 - norm2.min() / size**2)
        apply = e in (2, 3) and field.carry and field.rigid and beta > 0
        apply = apply and uneven <= 0.01 * self.rtol + 4e-16 * beta
        if forced and not apply:
            raise ValueError(
                "method='harmonic' needs values='features', and features of one length on a circle or on a sphere in "
                "three dimensions (with A orthogonal): use method='auto'"
            )
        if not apply or not (_harmonics.pays(e, beta, n) or (forced and beta <= _harmonics.MOST_BETA)):
            return self._no_harmonic()
        weight, z = np.exp(log_weight), z / size
        everything = weight.sum()
        # The first choice is right for tokens spread evenly; where some are much lonelier, the second is.
        allowed = 0.1 * self.rtol if accuracy is None else accuracy
        tolerance = 0.1 * allowed / size * _harmonics.least(e, beta)
        for _ in range(2):
            coefficients, radial, remainder = _harmonics.series(e, beta, tolerance)
            if not forced and _harmonics.cost(e, len(coefficients), n) > _harmonics.PAIR * n * n:
                return False
            mass, total = _harmonic_sums(z, weight, beta, coefficients, radial)
            if size * _harmonics.bound(e, beta, everything, remainder) <= allowed * mass.min():
                if accuracy is None and not forced:
                    g = total / mass[:, None]
                    speed2 = np.einsum("ij,ij->i", g, g) - np.einsum("ij,ij->i", g, z) ** 2
                    if size * np.sqrt(max(0.0, speed2.max())) < 1e4 * self.rtol:
                        return False
                threads = _threads_for(100 * n)
                _share(
                    lambda first, last: _kernels.disperse(a, b, size, beta, mass, total, first, last, drift, log_mass),
                    n, threads, 1024,
                )  # fmt: skip
                return True
            lonely = max(mass.min(), 1.0)  # no mass is below the token's own weight
            tolerance = 0.5 * allowed * lonely / (size * everything)
            if tolerance < _harmonics.EPS:
                break
        return self._no_harmonic()

    def _no_harmonic(self):
        if self.method == "harmonic":
            raise ValueError(
                f"method='harmonic' cannot reach the accuracy asked for with these tokens (rtol={self.rtol:g}): "
                "use method='auto'"
            )
        return False

    @property
    def _carry(self):
        """Whether the values are the features; without an auxiliary variable the tokens are their own features."""
        return self.values == "features" or self.auxiliary is None

    def _velocity(self, x, drift, log_mass):
        out = np.empty_like(x)
        for member in range(len(x)):
            _kernels.tangent(
                x[member], drift[member], log_mass[member], self.normalization == "softmax", x.shape[1], out[member]
            )
        return out

    def _layer(self, x, field, drift, log_mass, step):
        out = np.empty_like(x)
        for member in range(len(x)):
            _kernels.layer(x[member], drift[member], log_mass[member], field, step, out[member])
        return out

    @property
    def _has_energy(self):
        return self.values == "features" and (self.mask is None or self.mask.symmetric)

    def _for_energy(self, field):
        """The field for log-masses that make the energy: it has each pair of tokens twice, and those with a prompt too."""
        return field._replace(log_mass=field.log_mass + float(np.log(2)))

    def _log_energies(self, states, field):
        """Log-energies (k,) of states (k, n, d), each with the threads that it can use."""
        step = 1 if self._alone(1, states.shape[1], field) else 256
        return np.concatenate([self._log_energy(states[k : k + step], field) for k in range(0, len(states), step)])

    def _log_energy(self, x, field, log_mass=None, accuracy=None):
        """Log-energies (s,) of an ensemble; its log-masses (s, n) need not be computed again."""
        if log_mass is None or self.prompt is not None:
            log_mass = self._evaluate(x, self._for_energy(field), accuracy or self.rtol)[1]
        return np.array([_kernels.log_energy(row, self.beta) for row in log_mass])


def _require_model(model):
    if not isinstance(model, SelfAttention):
        raise TypeError(f"model must be a SelfAttention, got {type(model).__name__}")


def _steps(step, n):
    step = _check.real_array("step", step, (0, 1), finite=False)
    if step.shape not in ((), (n,)):
        raise ValueError(f"step must be one number or have shape ({n},), got {step.shape}")
    if not (step >= 0).all():
        raise ValueError(f"step must be at least 0, got {step[~(step >= 0)].ravel()[0]}")
    return step


def _exp_or_overflow(log_energy):
    with np.errstate(over="ignore"):
        energy = np.exp(log_energy)
    if not np.isfinite(energy).all():
        raise OverflowError("the energy exceeds the floating range: use log_energy")
    return energy if np.ndim(energy) else float(energy)


def _harmonic_sums(u, weight, beta, a, r):
    """Masses (n,) and totals (n, e) of unit rows u (n, e) in units of e^beta, in chunks: the same bits on any threads."""
    n, e = u.shape
    chunks = -(-n // _kernels.CHUNK)
    threads = _threads_for(100 * n)
    mass, total = np.empty(n), np.empty((n, e))
    if e == 2:
        moments = np.empty((chunks, a.size + 2, 2))
        _share(lambda first, last: _kernels.circle_moments(u, weight, first, last, moments), chunks, threads)
        factors = _harmonics.circle_factors(a, r, beta, _fold(moments))
        _share(lambda first, last: _kernels.circle_evaluate(u, first, last, factors, mass, total), chunks, threads)
    else:
        ratios = _harmonics.sphere_ratios(a.size)
        moments = np.empty((chunks, a.size, a.size + 1, 2))
        _share(lambda first, last: _kernels.sphere_moments(u, weight, first, last, ratios, moments), chunks, threads)
        factors = _harmonics.sphere_factors(a, r, _fold(moments))
        _share(
            lambda first, last: _kernels.sphere_evaluate(u, first, last, ratios, factors, beta, mass, total),
            chunks, threads,
        )  # fmt: skip
    return mass, total


def _fold(rows):
    """Sum over the first axis, in place, pairwise: an order that depends on the number of rows only."""
    while len(rows) > 1:
        half = (len(rows) + 1) // 2
        rows[: len(rows) - half] += rows[half:]
        rows = rows[:half]
    return rows[0]


def _threads_for(pairs):
    return max(1, min(numba.config.NUMBA_NUM_THREADS, pairs // PAIRS_PER_THREAD))


def _share(work, count, threads, least=1):
    """work(first, last) over range(count), shared out among that many threads, this one included.

    In pieces of `least` or more, several a thread, and each takes the next piece when it has done one: a thread that
    is slow to wake up holds nobody up.
    """
    threads = min(threads, count // least)
    if threads < 2:
        return work(0, count)
    pieces = min(4 * threads, count // least)
    waiting = iter(range(pieces))  # to take the next is one step of the interpreter, so none is taken twice

    def take():
        for k in waiting:
            work(k * count // pieces, (k + 1) * count // pieces)

    helpers = []
    with contextlib.suppress(RuntimeError):  # the interpreter is shutting down and gives out no more threads
        for _ in range(threads - 1):
            helpers.append(_pool().submit(take))
    take()
    for helper in helpers:
        if not helper.cancel():  # it has begun
            helper.result()


_threads = None


def _pool():
    # Threads of our own, not numba's: its OpenMP layer aborts after a fork and its other one must not be
    # entered from two threads. A child process starts with an empty pool.
    global _threads
    if _threads is None:
        _threads = ThreadPoolExecutor(numba.config.NUMBA_NUM_THREADS, thread_name_prefix="mfcore")
    return _threads


def _forget_pool():
    global _threads
    _threads = None


os.register_at_fork(after_in_child=_forget_pool)
