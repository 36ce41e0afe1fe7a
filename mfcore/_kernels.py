"""Every compiled function of the package: arrays and floats in, `out` arrays written.

All of them stand in this one file because numba's cache does not see an edit of a compiled function
in another file. Shapes: `s` members of an ensemble, `n` tokens, `d` the sphere's dimension, `e` the
dimension of the features.

The sum of the book, for token i with feature z_i and sources j with feature z_j and value v_j, is

    w_ij = exp(beta <z_i, z_j> + mask(i, j)),      sum_j w_ij v_j.

It is computed with *differences first*: -beta |z_i - z_j|^2 / 2 in the exponent and v_j - v_i under
the sum. The exponent then needs no large number that cancels, and the drift of a token that sits in a
tight cluster keeps its relative accuracy however small it is (a sum that is projected afterwards
leaves rounding noise of 1e-16, which drowns the true drift of a metastable state). The exception are
tokens of small feature norm among large ones: their logits are inner products, as in the formula.

The kernel is symmetric and the difference antisymmetric, so one exponential serves both tokens of a
pair: tokens stand in tiles, and each pair of tiles is visited once. Prompts stand behind the tokens, as sources
that are not updated. Under a mask each pair of tiles that sees one another is visited from either side.
"""

from collections import namedtuple

import numpy as np

from ._jit import EXACT, jit, multiply_add, view

# Weights are 2^BOOST e^(logit - shift): sums of them stay in range above and keep e^-1058 below, where an
# unnormalized velocity may still be of size one. (Values beyond 1e100 leave no room for it.)
BOOST = 505
UNIT = 1e-15  # a norm this near to 1 is 1, so that what came out of the package goes in again unchanged
TILE = 256  # tokens handled together: the inner loops are long enough, and at small d a pair stays in the first cache
PART = 64  # rows of a tile that are shared out together
STRIDE = TILE + 8  # from one coordinate of a tile to the next; a power of two would make them share cache sets
SMALL = -100.0  # a token whose own logit is this far below the largest counts as small

Field = namedtuple(
    "Field",
    [
        "beta",
        "normalized",  # whether a row is divided by its own mass (else by the number of tokens)
        "carry",  # whether the values are the features (else the tokens)
        "rigid",  # whether all A_i are orthogonal
        # One row or more for each token: a flow's clusters are the first of them.
        "blocks",  # (n, d/b, b, b) the diagonal blocks of A_i; (n, 0, 0, 0) where it is the identity
        "shift",  # (n, e): z_i = A_i x_i + shift_i
        "mask",  # (4,): how far back and ahead a token sees, how many first tokens in any case, decay with distance
        "prompts",  # (m, e) features that every token sees and that are not updated
        "own",  # (n, e) features of which each is seen by one token alone; (0, e) without
        "log_mass",  # logarithm of the mass of a prompt
    ],
)

CHUNK = 4096  # tokens that share a row of moments
BLOCK = 128  # tokens handled together: a block's scratch stays in the first-level cache
# Scratch is one array of rows. Its row length is a constant, so that the compiler sees that rows do not overlap,
# and no power of two, so that they do not fall on the same cache lines.
BLOCK_STRIDE = BLOCK + 8


@jit(EXACT)
def exp(x, boost):
    """2^boost exp(x), relative error below 1e-15 (below e^-708: 0), in a form that vectorizes.

    Range reduction x = k log 2 + r with |r| <= log(2)/2, where the addition of 1.5 * 2^52 rounds to the integer
    k and leaves it in the lowest bits; 1 + r + r^2 q(r) with the q of degree 9 that agrees with (e^r - 1 - r)/r^2
    in the Chebyshev nodes of that interval (relative error 2e-17), in an order that keeps its chain short; k added
    to the exponent's bits. The C library's exp would be called element by element.
    """
    least = -708.0 - boost * 0.6931471805599453
    y = x if x > least else least
    k = y * 1.4426950408889634 + 6755399441055744.0
    bits = np.float64(k).view(np.int64)
    k = k - 6755399441055744.0
    r = y - k * 0.693147180369123816490
    r = r - k * 1.90821492927058770002e-10
    r2 = r * r
    r4 = r2 * r2
    low = (1.0 + r) + r2 * (0.5 + r * 0.16666666666666669)
    middle = (0.04166666666662416 + r * 0.008333333333330065) + r2 * (
        0.0013888888917198419 + r * 0.00019841269863041851
    )
    high = (2.480152131972762e-05 + r * 2.7557268478279004e-06) + r2 * (
        2.762007713646922e-07 + r * 2.51003767988125e-08
    )
    p = (low + r4 * middle) + (r4 * r4) * high
    power = np.int64(np.float64(p).view(np.int64) + ((bits + boost) << 52)).view(np.float64)
    return power if x > least else 0.0


@jit()
def tiles(n):
    """Number of tiles of n tokens."""
    return (n + TILE - 1) // TILE


@jit()
def lanes(n, d):
    """Number of parts into which the pairs of tiles are shared out, by size alone and never by the threads.

    Each lane sums into arrays of its own, added up in a fixed order. A power of two, up to 16: with fewer than 256
    tokens a lane those arrays would cost more than the threads save. More than four take 30 MB at most, for beyond 32
    the C library would ask the system for new pages at every call; and more than two 100 MB.
    """
    size = 8 * (tiles(n) + 1) * STRIDE * (d + 1)
    most = min(n // 256, max(4, 30_000_000 // size), max(2, 100_000_000 // size))
    count = 1
    while 2 * count <= min(16, most):
        count *= 2
    return count


@jit()
def features(x, blocks, shift, z):
    """z (n, e) = A x + b, from tokens x (n, d), blocks of A (n, d/b or 0, b, b) and shifts (n, e), e >= d."""
    n, d = x.shape
    size = blocks.shape[2]
    for i in range(n):
        bare = d if blocks.shape[1] == 0 else 0
        for c in range(bare):
            z[i, c] = shift[i, c] + x[i, c]
        for c in range(bare, shift.shape[1]):
            z[i, c] = shift[i, c]
        for p in range(blocks.shape[1]):
            for r in range(size):
                for c in range(size):
                    z[i, p * size + r] += blocks[i, p, r, c] * x[i, p * size + c]


@jit()
def pull_back(g, blocks, i, scratch):
    """A_i^T g for one token, in place: g and scratch (d,)."""
    size = blocks.shape[2]
    for p in range(blocks.shape[1]):
        for c in range(size):
            scratch[c] = 0.0
            for r in range(size):
                scratch[c] += blocks[i, p, r, c] * g[p * size + r]
        for c in range(size):
            g[p * size + c] = scratch[c]


@jit(EXACT)  # the order of its products is what keeps them in range
def lift(x, z, beta, carry, log_weight, keys, values, offset):
    """Put the sum into its differences-first form, tile by tile.

    Parameters
    ----------
    x, z : (n, d) unit tokens, (n + m, e) their features and the prompts
    carry : whether the values are the features (else the tokens)
    log_weight : (n + m,) logarithms of the sources' weights
    keys : (tiles, (1 + e up to a multiple of four) * STRIDE) out: potentials beta (|z_j|^2 - R^2)/2 + log_weight - its
        maximum, R the largest feature norm, then the coordinates of the features, scaled where they would overflow
    values : (tiles, (1 + d) * STRIDE) out, the tokens in the place of the features; untouched when the keys carry them
    offset : (n + m,) out, beta (|z_i|^2 + R^2)/2 + the maximum, what the differences-first form leaves out of row i

    Returns
    -------
    half : half the inverse temperature that belongs to the scaled keys
    boost : the power of two that the weights may carry
    unit : what takes the scaled keys back to true size
    """
    d, (n, e) = x.shape[1], z.shape
    top, heaviest = 0.0, -np.inf
    for j in range(n):
        tile, k = j // TILE, j % TILE
        norm2 = 0.0
        for c in range(e):
            norm2 += z[j, c] * z[j, c]
            keys[tile, (1 + c) * STRIDE + k] = z[j, c]
        offset[j] = norm2
        top, heaviest = max(top, norm2), max(heaviest, log_weight[j])
        if not carry:
            for c in range(d):
                values[tile, (1 + c) * STRIDE + k] = x[j, c] if j < len(x) else z[j, c]

    sharpness, boost, unit = beta, BOOST, 1.0
    if top > 1e200 or beta * top > 1e200:
        # A logit's rounding error alone decides every weight: they are those of a hard maximum. Smaller
        # keys with a finite sharpness give the same weights and cannot overflow.
        largest = 0.0
        for j in range(n):
            for c in range(e):
                largest = max(largest, abs(z[j, c]))
        bound = np.sqrt(float(e)) * largest
        sharpness, boost, unit = min(beta * bound * bound, 1e200), BOOST if largest < 1e100 else 0, bound
        top = 0.0
        for j in range(n):
            norm2 = 0.0
            for c in range(e):
                key = z[j, c] / bound
                norm2 += key * key
                keys[j // TILE, (1 + c) * STRIDE + j % TILE] = key
            offset[j] = norm2
            top = max(top, norm2)

    for j in range(n):
        keys[j // TILE, j % TILE] = 0.5 * sharpness * (offset[j] - top) + (log_weight[j] - heaviest)
        offset[j] = 0.5 * beta * (offset[j] + top) * unit * unit + heaviest
    # What is behind the last token of a tile, as far as `block` looks, weighs nothing.
    for tile in range(len(keys)):
        end = min(TILE, n - tile * TILE)
        for k in range(end, end + 8):
            keys[tile, k] = -np.inf
    return 0.5 * sharpness, boost, unit


@jit()
def masked(mask):
    """Whether the mask hides anything or lets anything fade."""
    return mask[0] < np.inf or mask[1] < np.inf or mask[3] > 0.0


@jit()
def sees(mask, row, column):
    """Whether token `row` sees token `column`."""
    return column < mask[2] or (row - column <= mask[0] and column - row <= mask[1])


@jit()
def hide(weight, row, first, width, n, mask, fade):
    """Take from the weights of a row what the mask takes, and return their sum; beyond the n tokens are prompts."""
    total = 0.0
    for j in range(width):
        column = first + j
        if column < n:
            weight[j] *= fade[abs(row - column)] if sees(mask, row, column) else 0.0
        total += weight[j]
    return total


@jit()
def block(
    here, there, e, from_here, from_there, d, half, boost, diagonal, low, high, columns, weight, mine, theirs,
    hides, row, column, n, mask, fade,
):  # fmt: skip
    """Rows low..high-1 of a tile with all of another, or of the same, four at a time: squares, exponentials, sums.

    here, there : potential and e coordinates of the features, e a multiple of four; from_here, from_there : d
    coordinates of the values; weight (4 * STRIDE,) : scratch; mine, theirs : masses and d sums, added to; hides :
    whether a mask takes from the weights of these n tokens, row and column the first ones: then theirs is of no use.

    What stands behind the last token of a tile has no weight, so that rows go by fours and columns by eights.
    """
    w0, w1 = view(weight, 0, STRIDE), view(weight, STRIDE, STRIDE)
    w2, w3 = view(weight, 2 * STRIDE, STRIDE), view(weight, 3 * STRIDE, STRIDE)
    for first in range(low, high, 4):
        # Within one tile row i needs the columns from i on. The four rows start at the first of them, so that their own
        # columns are met by all of them, the token itself included: what they add to the columns is taken back.
        start = first if diagonal else 0
        width = (columns - start + 7) // 8 * 8

        # Four coordinates and two rows at once: as much as fits into the registers.
        for c in range(1, e + 1, 4):
            x, y = view(there, c * STRIDE + start, width), view(there, (c + 1) * STRIDE + start, width)
            z, u = view(there, (c + 2) * STRIDE + start, width), view(there, (c + 3) * STRIDE + start, width)
            for pair in range(2):
                a, b = (w0, w1) if pair == 0 else (w2, w3)
                at = c * STRIDE + first + 2 * pair
                ax, bx = here[at], here[at + 1]
                ay, by = here[at + STRIDE], here[at + STRIDE + 1]
                az, bz = here[at + 2 * STRIDE], here[at + 2 * STRIDE + 1]
                au, bu = here[at + 3 * STRIDE], here[at + 3 * STRIDE + 1]
                for j in range(width):
                    square_a = (x[j] - ax) * (x[j] - ax) + (y[j] - ay) * (y[j] - ay)
                    square_b = (x[j] - bx) * (x[j] - bx) + (y[j] - by) * (y[j] - by)
                    square_a += (z[j] - az) * (z[j] - az) + (u[j] - au) * (u[j] - au)
                    square_b += (z[j] - bz) * (z[j] - bz) + (u[j] - bu) * (u[j] - bu)
                    a[j] = square_a if c == 1 else a[j] + square_a
                    b[j] = square_b if c == 1 else b[j] + square_b
        # Four exponentials side by side: one alone would wait for its own chain.
        p0, p1, p2, p3 = here[first], here[first + 1], here[first + 2], here[first + 3]
        m0, m1, m2, m3 = mine[first], mine[first + 1], mine[first + 2], mine[first + 3]
        potential, masses = view(there, start, width), view(theirs, start, width)
        s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
        for j in range(width):
            e0 = exp(p0 + potential[j] - half * w0[j], boost)
            e1 = exp(p1 + potential[j] - half * w1[j], boost)
            e2 = exp(p2 + potential[j] - half * w2[j], boost)
            e3 = exp(p3 + potential[j] - half * w3[j], boost)
            w0[j], w1[j], w2[j], w3[j] = e0, e1, e2, e3
            s0 += e0
            s1 += e1
            s2 += e2
            s3 += e3
            masses[j] += (e0 + e1) + (e2 + e3)
        if hides:
            s0 = hide(w0, row + first, column + start, width, n, mask, fade)
            s1 = hide(w1, row + first + 1, column + start, width, n, mask, fade)
            s2 = hide(w2, row + first + 2, column + start, width, n, mask, fade)
            s3 = hide(w3, row + first + 3, column + start, width, n, mask, fade)
        mine[first], mine[first + 1], mine[first + 2], mine[first + 3] = m0 + s0, m1 + s1, m2 + s2, m3 + s3

        for c in range(1, d + 1):
            at = c * STRIDE + first
            v0, v1, v2, v3 = from_here[at], from_here[at + 1], from_here[at + 2], from_here[at + 3]
            m0, m1, m2, m3 = mine[at], mine[at + 1], mine[at + 2], mine[at + 3]
            v, sums = view(from_there, c * STRIDE + start, width), view(theirs, c * STRIDE + start, width)
            s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
            for j in range(width):
                d0, d1, d2, d3 = v[j] - v0, v[j] - v1, v[j] - v2, v[j] - v3
                s0 += w0[j] * d0
                s1 += w1[j] * d1
                s2 += w2[j] * d2
                s3 += w3[j] * d3
                back = multiply_add(-w1[j], d1, multiply_add(-w0[j], d0, sums[j]))
                sums[j] = multiply_add(-w3[j], d3, multiply_add(-w2[j], d2, back))
            mine[at], mine[at + 1], mine[at + 2], mine[at + 3] = m0 + s0, m1 + s1, m2 + s2, m3 + s3


@jit(inline=True)
def pairs(n, d, field, half, boost, first, last, work):
    """The sums over all pairs of tiles that belong to the lanes first..last-1.

    Pairs of tiles are counted row by row and in parts, and each lane has its share of them and its own sums[lane], of
    shape (tiles + 1, (1 + d) * STRIDE): masses and sums, and at the end what nobody asks for.
    """
    _, _, keys, values, offset, sums, weights, fade = work
    number, mask = keys.shape[0], field.mask
    key, value, mass = keys.shape[1], (keys if field.carry else values).shape[1], sums.shape[2]
    hides = masked(mask)
    every = number * number * (TILE // PART)  # a part of a tile against itself counts as half
    for lane in range(first, last):
        start, stop = lane * every // len(sums), (lane + 1) * every // len(sums)
        weight = view(weights, lane * 4 * STRIDE, 4 * STRIDE)
        own = view(sums, lane * (number + 1) * mass, (number + 1) * mass)
        for tile in range(number):
            for c in range(1 + d):
                part = view(own, tile * mass + c * STRIDE, min(TILE, len(offset) - tile * TILE) + 8)
                for j in range(len(part)):
                    part[j] = 0.0
        at = 0
        for here in range(number):
            for there in range(0 if hides else here, number):
                row, column = here * TILE, there * TILE
                # Under a mask rows of prompts are of no use, and it has no word for them.
                rows = min(TILE, (n if hides else len(offset)) - row)
                columns = min(TILE, len(offset) - column)
                near = row - (column + columns - 1) <= mask[0] and column - (row + rows - 1) <= mask[1]
                near = near or column < mask[2] or column + columns > n
                source = keys if field.carry else values
                for low in range(0, TILE, PART):
                    if start <= at < stop and low < rows and near:
                        block(
                            view(keys, here * key, key), view(keys, there * key, key), key // STRIDE - 1,
                            view(source, here * value, value), view(source, there * value, value), d, half, boost,
                            here == there and not hides, low, min(low + PART, rows), columns, weight,
                            view(own, here * mass, mass), view(own, (number if hides else there) * mass, mass),
                            hides, row, column, n, mask, fade,
                        )  # fmt: skip
                    at += 1 if hides or here == there else 2


@jit(arrays=True)
def small_row(i, n, field, d, half, boost, work, summed):
    """The sum for a token of small feature norm among large ones.

    Its logits are small numbers and the distances are not, so differences do not serve: logits are inner products,
    and their maximum is taken tile by tile over the very numbers that are exponentiated. Computed a second time,
    logits of 1e20 would differ by more than the range of exp. Writes mass and sum to the token's place in its tile's
    `summed` and returns their shift.
    """
    _, log_weight, keys, values, _, _, _, _ = work
    e, carry, mask = field.shift.shape[1], field.carry, field.mask
    weight, total = np.empty(TILE), np.zeros(d)
    mass, shift = 0.0, -np.inf
    own, k = i // TILE, i % TILE
    for tile in range(keys.shape[0]):
        columns = min(TILE, len(log_weight) - tile * TILE)
        weight[:] = 0.0
        for c in range(1, e + 1):
            here = 2.0 * half * keys[own, c * STRIDE + k]
            z = keys[tile, c * STRIDE : c * STRIDE + columns]
            for j in range(columns):
                weight[j] += here * z[j]
        for j in range(columns):
            column = tile * TILE + j
            weight[j] += log_weight[column]
            if column < n:
                weight[j] -= mask[3] * abs(i - column) if sees(mask, i, column) else np.inf
        peak = shift
        for j in range(columns):
            peak = max(peak, weight[j])
        level = peak if peak > -np.inf else 0.0  # else all of them are hidden so far
        fade = exp(shift - level, 0)
        mass *= fade
        total *= fade
        shift = peak
        for j in range(columns):
            weight[j] = exp(weight[j] - level, boost)
            mass += weight[j]
        for c in range(d):
            o = (1 + c) * STRIDE
            here = keys[own, o + k] if carry else values[own, o + k]
            v = keys[tile, o : o + columns] if carry else values[tile, o : o + columns]
            part = 0.0
            for j in range(columns):
                part += weight[j] * (v[j] - here)
            total[c] += part
    summed[k] = mass
    for c in range(d):
        summed[(1 + c) * STRIDE + k] = total[c]
    return shift


@jit(EXACT, inline=True)  # for the order of the factors that take a logit back to true size
def finish(x, field, half, boost, unit, masses, first, last, work, drift, log_mass):
    """From the sums of all lanes to the rows of the tiles first..last-1 of

        drift_i    = A_i^T (sum_j w_ij v_j / sum_j w_ij) - x_i,
        log_mass_i = log sum_j w_ij,

    from which every velocity, layer and energy of the package follows. Features of an A that is not orthogonal may be
    small beside x: for them the drift is without - x_i. Where the masses are not asked for, as for the softmax,
    log_mass is not touched.
    """
    n, d = x.shape
    z, _, keys, _, offset, sums, _, _ = work
    beta, carry, blocks, shift, own = field.beta, field.carry, field.blocks, field.shift, field.own
    size = sums.shape[2]
    for tile in range(first, last):
        summed = view(sums, tile * size, size)
        for lane in range(1, sums.shape[0]):
            more = view(sums, (lane * sums.shape[1] + tile) * size, size)
            for j in range(size):
                summed[j] += more[j]
        for k in range(min(TILE, n - tile * TILE)):
            i = tile * TILE + k
            level = offset[i] - keys[tile, k]
            if keys[tile, k] < SMALL:
                level = small_row(i, n, field, d, half, boost, work, summed)
                if level != 0.0:
                    level *= unit / (2.0 * half) * beta * unit
            share = (unit if carry else 1.0) / summed[k]
            for c in range(d):
                drift[i, c] = summed[(1 + c) * STRIDE + k] * share
            if masses or len(own) > 0:
                level += np.log(summed[k] * 2.0**-boost)
            if len(own) > 0:
                logit = 0.0
                for c in range(z.shape[1]):
                    logit += z[i, c] * own[i, c]
                ahead = field.log_mass + beta * logit - level
                ahead = 0.0 if np.isnan(ahead) else ahead  # where both are beyond the floating range
                less = np.exp(-abs(ahead))
                part = 1.0 / (1.0 + less) if ahead > 0.0 else less / (1.0 + less)
                level += max(ahead, 0.0) + np.log1p(less)
                for c in range(d):
                    drift[i, c] += part * ((own[i, c] - (z[i, c] if carry else x[i, c])) - drift[i, c])
            if masses:
                log_mass[i] = level
            if carry:
                # A^T z - x = A^T b for an orthogonal A, and what is small stays accurate.
                for c in range(d):
                    drift[i, c] += shift[i, c] if field.rigid else z[i, c]
        if carry and blocks.shape[1] > 0:
            for i in range(tile * TILE, min(n, (tile + 1) * TILE)):
                pull_back(view(drift, i * d, d), blocks, i, summed)  # which are scratch by now


@jit(arrays=True)
def workspace(n, d, field):
    """Arrays for the features and weights, for `lift` (keys, values, offset), for each lane's sums and the weights of four
    rows, and for a mask.

    Four coordinates are squared at once, so they are filled up with zeros to a multiple of four.
    """
    e, every = field.shift.shape[1], n + len(field.prompts)
    keys = np.zeros((tiles(every), (1 + (e + 3) // 4 * 4) * STRIDE))
    values = np.zeros((0 if field.carry else tiles(every), (1 + d) * STRIDE))
    fade = np.empty(n + 4 if masked(field.mask) else 0)  # rows go by fours
    for k in range(len(fade)):
        fade[k] = np.exp(-field.mask[3] * k)
    sums = np.zeros((lanes(every, d), tiles(every) + 1, (1 + d) * STRIDE))
    weights = np.empty((len(sums), 4 * STRIDE))
    return np.empty((every, e)), np.empty(every), keys, values, np.empty(every), sums, weights, fade


@jit(inline=True)
def prepare(x, field, log_weight, work):
    """Features, weights and keys of tokens and prompts; half, boost and unit as from `lift`."""
    n = len(x)
    z, every, keys, values, offset, _, _, _ = work
    features(x, field.blocks, field.shift, z)
    for i in range(n):
        every[i] = log_weight[i]
    for i in range(n, len(every)):
        every[i] = field.log_mass
        for c in range(z.shape[1]):
            z[i, c] = field.prompts[i - n, c]
    return lift(x, z, field.beta, field.carry, every, keys, values, offset)


@jit()
def attend(x, field, log_weight, work, masses, drift, log_mass):
    """Drift and log-mass of all tokens of one member, x and drift (n, d), log_mass (n,).

    The same sums in the same order as with a thread for each lane: the bits do not depend on their number.
    """
    n, d = x.shape
    half, boost, unit = prepare(x, field, log_weight, work)
    pairs(n, d, field, half, boost, 0, len(work[5]), work)
    finish(x, field, half, boost, unit, masses, 0, tiles(n), work, drift, log_mass)


@jit(arrays=True)
def attend_members(x, field, masses, first, last, drift, log_mass):
    """`attend` for the members first..last-1 of an ensemble, x and drift (s, n, d), log_mass (s, n)."""
    _, n, d = x.shape
    work, even = workspace(n, d, field), np.zeros(n)
    for member in range(first, last):
        attend(x[member], field, even, work, masses, drift[member], log_mass[member])


@jit()
def circle_powers(u, start, width, scratch):
    """Rows 0 to 7 of the scratch: z, z^2, z^5 of a block of tokens z = x + iy, and 1, real and imaginary."""
    for j in range(width):
        x, y = u[start + j, 0], u[start + j, 1]
        scale = 1.5 - 0.5 * (x * x + y * y)  # one step to norm 1: z^k would be off it by k times as much
        x, y = scale * x, scale * y
        x2, y2 = x * x - y * y, 2.0 * x * y
        x4, y4 = x2 * x2 - y2 * y2, 2.0 * x2 * y2
        scratch[0, j], scratch[1, j] = x, y
        scratch[2, j], scratch[3, j] = x2, y2
        scratch[4, j], scratch[5, j] = x4 * x - y4 * y, x4 * y + y4 * x
        scratch[6, j], scratch[7, j] = 1.0, 0.0


@jit(arrays=True)
def circle_moments(u, weight, first, last, moments):
    """Weighted sums over each chunk of z^k = cos(k angle) + i sin(k angle), k = -2, ..., 5B - 3.

    Modes go by fives, 5b - 2 to 5b + 2: the four real products of the parts c, s of z^(5b) with the parts x, y
    of z^m serve both 5b + m and 5b - m, which makes two multiplications a mode.

    u, weight : (n, 2) unit rows and (n,) their weights
    moments : (chunks, 5B, 2), out, real and imaginary; k stands at index k + 2
    """
    n = u.shape[0]
    scratch = np.empty((8, BLOCK_STRIDE))
    for chunk in range(first, last):
        moments[chunk] = 0.0
        end = min(n, (chunk + 1) * CHUNK)
        for start in range(chunk * CHUNK, end, BLOCK):
            width = min(BLOCK, end - start)
            circle_powers(u, start, width, scratch)
            for j in range(width):
                scratch[6, j] = weight[start + j]
            for k in range(0, moments.shape[1], 5):
                c0, s0, cx1, sy1, cy1, sx1, cx2, sy2, cy2, sx2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
                for j in range(width):
                    c, s = scratch[6, j], scratch[7, j]
                    c0 += c
                    s0 += s
                    cx1 += c * scratch[0, j]
                    sy1 += s * scratch[1, j]
                    cy1 += c * scratch[1, j]
                    sx1 += s * scratch[0, j]
                    cx2 += c * scratch[2, j]
                    sy2 += s * scratch[3, j]
                    cy2 += c * scratch[3, j]
                    sx2 += s * scratch[2, j]
                    scratch[6, j] = c * scratch[4, j] - s * scratch[5, j]
                    scratch[7, j] = c * scratch[5, j] + s * scratch[4, j]
                row = moments[chunk, k : k + 5]
                row[0, 0] += cx2 + sy2
                row[0, 1] += sx2 - cy2
                row[1, 0] += cx1 + sy1
                row[1, 1] += sx1 - cy1
                row[2, 0] += c0
                row[2, 1] += s0
                row[3, 0] += cx1 - sy1
                row[3, 1] += sx1 + cy1
                row[4, 0] += cx2 - sy2
                row[4, 1] += sx2 + cy2


@jit(arrays=True)
def circle_evaluate(u, first, last, factors, mass, total):
    """Mass and total of each token, from three Fourier series.

    factors : (B, 3, 10), the factors of the ten sums of `circle_moments`, in their order, in the mass, the part
        of the total along (-y, x) and the part along (x, y)
    mass, total : (n,) and (n, 2), out
    """
    n = u.shape[0]
    scratch = np.empty((11, BLOCK_STRIDE))
    for start in range(first * CHUNK, min(n, last * CHUNK), BLOCK):
        width = min(BLOCK, n - start)
        circle_powers(u, start, width, scratch)
        scratch[8:] = 0.0
        for b in range(factors.shape[0]):
            for f in range(3):
                c0, s0, cx1, sy1, cy1, sx1, cx2, sy2, cy2, sx2 = factors[b, f]
                for j in range(width):
                    x, y, x2, y2 = scratch[0, j], scratch[1, j], scratch[2, j], scratch[3, j]
                    even = c0 + cx1 * x + cy1 * y + cx2 * x2 + cy2 * y2
                    odd = s0 + sx1 * x + sy1 * y + sx2 * x2 + sy2 * y2
                    scratch[8 + f, j] += scratch[6, j] * even + scratch[7, j] * odd
            for j in range(width):
                c, s = scratch[6, j], scratch[7, j]
                scratch[6, j] = c * scratch[4, j] - s * scratch[5, j]
                scratch[7, j] = c * scratch[5, j] + s * scratch[4, j]
        for j in range(width):
            x, y, along, radial = scratch[0, j], scratch[1, j], scratch[9, j], scratch[10, j]
            mass[start + j] = scratch[8, j]
            total[start + j, 0] = radial * x - along * y
            total[start + j, 1] = radial * y + along * x


@jit()
def sphere_block(u, start, width, scratch):
    """Rows 0 to 4 of the scratch: x, y, z of a block of tokens, and 1 = (x + iy)^0, real and imaginary."""
    for j in range(width):
        x, y, z = u[start + j, 0], u[start + j, 1], u[start + j, 2]
        scale = 1.5 - 0.5 * (x * x + y * y + z * z)  # one step to norm 1, as above
        scratch[0, j], scratch[1, j], scratch[2, j] = scale * x, scale * y, scale * z
        scratch[3, j], scratch[4, j] = 1.0, 0.0


@jit(arrays=True)
def sphere_moments(u, weight, first, last, ratios, moments):
    """Weighted sums over each chunk of (x + iy)^m R_lm(z), 0 <= m <= l <= degree.

    R_lm is the m-th derivative of the Legendre polynomial P_l, divided by its leading coefficient:

        R_mm = 1,    R_(l+1)m = z R_lm - ratio_(l+1)m R_(l-1)m,    ratio_lm = ((l-1)^2 - m^2) / (4 (l-1)^2 - 1).

    The recurrence takes two operations and has no pole.

    u, weight : (n, 3) unit rows and (n,) their weights
    ratios : (degree + 1, degree + 4), indexed by m, l; a table, as the compiler moves divisions into the loop
    moments : (chunks, degree + 1, degree + 2, 2), out, indexed by m, l; those of l > degree mean nothing
    """
    n, degree = u.shape[0], moments.shape[1] - 1
    scratch = np.empty((7, BLOCK_STRIDE))
    for chunk in range(first, last):
        moments[chunk] = 0.0
        end = min(n, (chunk + 1) * CHUNK)
        for start in range(chunk * CHUNK, end, BLOCK):
            width = min(BLOCK, end - start)
            sphere_block(u, start, width, scratch)
            for j in range(width):
                scratch[3, j] = weight[start + j]
            for m in range(degree + 1):
                for j in range(width):
                    scratch[5, j], scratch[6, j] = 1.0, scratch[2, j]  # R_lm and R_(l+1)m
                for l in range(m, degree + 1, 2):
                    ratio2, ratio3 = ratios[m, l + 2], ratios[m, l + 3]
                    c0, s0, c1, s1 = 0.0, 0.0, 0.0, 0.0
                    for j in range(width):
                        c, s, z = scratch[3, j], scratch[4, j], scratch[2, j]
                        p, q = scratch[5, j], scratch[6, j]
                        c0 += c * p
                        s0 += s * p
                        c1 += c * q
                        s1 += s * q
                        p = z * q - ratio2 * p
                        scratch[5, j], scratch[6, j] = p, z * p - ratio3 * q
                    moments[chunk, m, l, 0] += c0
                    moments[chunk, m, l, 1] += s0
                    moments[chunk, m, l + 1, 0] += c1
                    moments[chunk, m, l + 1, 1] += s1
                for j in range(width):
                    c, s = scratch[3, j], scratch[4, j]
                    scratch[3, j] = c * scratch[0, j] - s * scratch[1, j]
                    scratch[4, j] = c * scratch[1, j] + s * scratch[0, j]


@jit(arrays=True)
def sphere_evaluate(u, first, last, ratios, factors, beta, mass, total):
    """Mass and total of each token, from two series of spherical harmonics.

    The mass is f = sum_m Re (x + iy)^m (A_m(z) - i B_m(z)). On the sphere, the gradient of f is beta times the
    tangential part of the total; away from it f may be what it likes, as only that part of the gradient counts.

    factors : (degree + 1, degree + 2, 6), indexed by m, l: factors of R_lm in A_m, B_m, in the derivatives of
        A_(m-1), B_(m-1), and in the A_m, B_m of the radial part; zero for l > degree
    mass, total : (n,) and (n, 3), out
    """
    n, degree = u.shape[0], factors.shape[0] - 1
    scratch = np.empty((20, BLOCK_STRIDE))
    for start in range(first * CHUNK, min(n, last * CHUNK), BLOCK):
        width = min(BLOCK, n - start)
        sphere_block(u, start, width, scratch)
        scratch[5:] = 0.0
        for m in range(degree + 1):
            scratch[9:15] = 0.0
            for j in range(width):
                scratch[7, j], scratch[8, j] = 1.0, scratch[2, j]  # R_lm and R_(l+1)m
            for l in range(m, degree + 1, 2):
                ratio2, ratio3 = ratios[m, l + 2], ratios[m, l + 3]
                a0, b0, da0, db0, ra0, rb0 = factors[m, l]
                a1, b1, da1, db1, ra1, rb1 = factors[m, l + 1]
                for j in range(width):
                    p, q, z = scratch[7, j], scratch[8, j], scratch[2, j]
                    scratch[9, j] += a0 * p + a1 * q
                    scratch[10, j] += b0 * p + b1 * q
                    scratch[11, j] += da0 * p + da1 * q
                    scratch[12, j] += db0 * p + db1 * q
                    scratch[13, j] += ra0 * p + ra1 * q
                    scratch[14, j] += rb0 * p + rb1 * q
                    p = z * q - ratio2 * p
                    scratch[7, j], scratch[8, j] = p, z * p - ratio3 * q
            for j in range(width):
                c, s, c1, s1 = scratch[3, j], scratch[4, j], scratch[5, j], scratch[6, j]  # powers m and m - 1
                a, b = scratch[9, j], scratch[10, j]
                scratch[15, j] += c * a + s * b
                scratch[16, j] += m * (c1 * a + s1 * b)
                scratch[17, j] += m * (c1 * b - s1 * a)
                scratch[18, j] += c1 * scratch[11, j] + s1 * scratch[12, j]
                scratch[19, j] += c * scratch[13, j] + s * scratch[14, j]
                scratch[3, j] = c * scratch[0, j] - s * scratch[1, j]
                scratch[4, j] = c * scratch[1, j] + s * scratch[0, j]
                scratch[5, j], scratch[6, j] = c, s
        for j in range(width):
            x, y, z = scratch[0, j], scratch[1, j], scratch[2, j]
            gx, gy, gz = scratch[16, j] / beta, scratch[17, j] / beta, scratch[18, j] / beta
            radial = scratch[19, j] - (x * gx + y * gy + z * gz)
            mass[start + j] = scratch[15, j]
            total[start + j, 0] = gx + radial * x
            total[start + j, 1] = gy + radial * y
            total[start + j, 2] = gz + radial * z


@jit(arrays=True)
def disperse(blocks, shift, size, log_top, mass, total, first, last, drift, log_mass):
    """`finish` for harmonic sums, with orthogonal A: rows of the drift and the log-mass, from masses and totals of z/size.

    log_top is the logarithm of the weight that the masses count as one.
    """
    d = drift.shape[1]
    scratch = np.empty(d)
    for i in range(first, last):
        log_mass[i] = np.log(mass[i]) + log_top
        for c in range(d):
            drift[i, c] = total[i, c] / mass[i] * size + shift[i, c]
        pull_back(drift[i], blocks, i, scratch)


@jit()
def put(source, out):
    """out = source, shapes (n, d). Loops compile in a fraction of the time of an assignment to a slice."""
    for i in range(source.shape[0]):
        for c in range(source.shape[1]):
            out[i, c] = source[i, c]


@jit()
def norm(v):
    """Euclidean norm of a vector, without overflow or underflow."""
    total = 0.0
    for c in range(v.size):
        total += v[c] * v[c]
    if 1e-280 < total < 1e280:
        return np.sqrt(total)
    largest = 0.0
    for c in range(v.size):
        largest = max(largest, abs(v[c]))
    if largest == 0.0:
        return 0.0
    total = 0.0
    for c in range(v.size):
        total += (v[c] / largest) * (v[c] / largest)
    return largest * np.sqrt(total)


@jit()
def renormalize(rows, tolerance):
    """Divide rows (k, d) by their norms in place; the index of the first row off by more, or -1."""
    for i in range(rows.shape[0]):
        length = norm(rows[i])
        if not abs(length - 1.0) <= tolerance:  # NaN too
            return i
        if abs(length - 1.0) > UNIT:
            for c in range(rows.shape[1]):
                rows[i, c] /= length
    return -1


@jit()
def normalize(x, out):
    """out = N(x) row by row; a zero row stays zero. Shapes (n, d)."""
    for i in range(x.shape[0]):
        length = norm(x[i])
        if length == 0.0 or abs(length - 1.0) <= UNIT:
            length = 1.0
        for c in range(x.shape[1]):
            out[i, c] = x[i, c] / length


@jit(EXACT)  # for the order of the two factors
def tangent(x, drift, log_mass, normalized, count, out):
    """The velocity P_x g, shapes (n, d): for the softmax P_x drift, else times the row's mass over the count."""
    n, d = x.shape
    for i in range(n):
        radial = 0.0
        for c in range(d):
            radial += x[i, c] * drift[i, c]
        # Projected twice: once leaves rounding of the drift's size along x, beside a velocity that may be much less.
        again = 0.0
        for c in range(d):
            out[i, c] = drift[i, c] - x[i, c] * radial
            again += x[i, c] * out[i, c]
        # One root of the mass after the other: a large mass times a small drift may well be in range.
        root = 1.0 if normalized else np.exp(0.5 * (log_mass[i] - np.log(count)))
        moves = False
        for c in range(d):
            part = out[i, c] - x[i, c] * again
            moves = moves or part != 0.0
            out[i, c] = root * (root * part)
        if root > 1e217 and not moves:
            # Zero by symmetry where a token is alone or d = 1. Otherwise weights below e^-1058 were lost,
            # which a mass above e^1000 could have made large: NaN stands for a velocity out of reach.
            for c in range(d):
                out[i, c] = 0.0 if n == 1 or d == 1 else np.nan


@jit()
def after_x(field):
    """Whether a drift is g - x, and not g itself."""
    return field.rigid or not field.carry


# Where a layer normalizes. With x = r u the flows of tokens before normalization are x' = g or g/|g|, and those on the
# sphere follow the part of g, or of g/|g|, that is tangent.
POST, PRE, PERI, NGPT = range(4)


@jit(arrays=True)
def placed(x, drift, log_mass, field, count, placement, out):
    """The velocity for a placement of layer normalization, from unit rows x; as `tangent`, which it is for POST."""
    if placement == POST or placement == NGPT:
        tangent(x, drift, log_mass, field.normalized or placement == NGPT, count, out)
    if placement != POST:
        n, d = x.shape
        g = np.empty(d)
        for i in range(n):
            root = 1.0
            if placement == PRE and not field.normalized:
                root = np.exp(0.5 * (log_mass[i] - np.log(count)))
            for c in range(d):
                g[c] = drift[i, c] + (x[i, c] if after_x(field) else 0.0)
            length = norm(g)
            for c in range(d):
                if placement == PRE:
                    out[i, c] = root * (root * g[c])
                else:
                    out[i, c] = (g[c] if placement == PERI else out[i, c]) / length if length > 0.0 else 0.0


@jit(inline=True)
def layer(x, drift, log_mass, field, step, out):
    """One layer x <- N(x + step g), shapes (n, d), with step (n,) >= 0, inf allowed; N(0) leaves the token."""
    n, d = x.shape
    for i in range(n):
        weight = step[i]
        if not field.normalized and weight > 0.0:
            # Beyond e^700 the token itself has long been lost in the sum.
            weight = np.exp(min(700.0, np.log(weight) + log_mass[i] - np.log(n)))
        # Whichever of the two terms is the larger keeps the factor 1, so that nothing overflows.
        stay, go = (1.0, weight) if weight <= 1.0 else (1.0 / weight, 1.0)
        norm2 = 0.0
        for c in range(d):
            out[i, c] = stay * x[i, c] + go * (drift[i, c] + (x[i, c] if after_x(field) else 0.0))
            norm2 += out[i, c] * out[i, c]
        length = np.sqrt(norm2) if 1e-280 < norm2 < 1e280 else norm(out[i])
        still = weight == 0.0 or length == 0.0
        for c in range(d):
            out[i, c] = x[i, c] if still else out[i, c] / length


@jit(arrays=True)
def layers(states, field, step):
    """Apply layer after layer: states (depth + 1, n, d), of which the first is given."""
    _, n, d = states.shape
    work, even = workspace(n, d, field), np.zeros(n)
    drift, log_mass = np.empty((n, d)), np.empty(n)
    for k in range(len(states) - 1):
        attend(states[k], field, even, work, not field.normalized, drift, log_mass)
        layer(states[k], drift, log_mass, field, step, states[k + 1])


@jit(EXACT)
def log_energy(log_mass, beta):
    """Logarithm of the energy, from the log-masses (n,) of all tokens."""
    n, top, total = len(log_mass), log_mass[0], 0.0
    for i in range(n):
        top = max(top, log_mass[i])
    for first in range(0, n, 256):  # in parts, for many equal terms would make the same rounding error each
        part = 0.0
        for i in range(first, min(n, first + 256)):
            part += np.exp(log_mass[i] - top)
        total += part
    return top + np.log(total) - 2.0 * np.log(n) - np.log(2.0) - np.log(beta)


@jit()
def farthest(x, y):
    """Largest distance of a row of x (n, d) from the same of y."""
    most = 0.0
    for i in range(x.shape[0]):
        distance2 = 0.0
        for c in range(x.shape[1]):
            distance2 += (x[i, c] - y[i, c]) ** 2
        most = max(most, distance2)
    return np.sqrt(most)


@jit(arrays=True)
def ascend(x, field, twice, climbs, tol, most, rounding, first, last, log_energies, residual, iterations, monotone):
    """The ascent of `maximize` for the members first..last-1 of x (s, n, d), in place; the others (s,), out.

    twice : the field in which prompts have twice their mass, as they have it in the energy
    """
    _, n, d = x.shape
    work, even, full = workspace(n, d, field), np.zeros(n), np.full(n, np.inf)
    drift, log_mass, image = np.empty((n, d)), np.empty(n), np.empty((n, d))
    masses = climbs or not field.normalized
    for member in range(first, last):
        now = x[member]
        iterations[member], monotone[member], log_energies[member] = 0, True, -np.inf
        while True:
            attend(now, field, even, work, masses, drift, log_mass)
            layer(now, drift, log_mass, field, full, image)
            residual[member] = farthest(image, now)
            if climbs:
                if len(field.prompts) + len(field.own) > 0:
                    attend(now, twice, even, work, masses, drift, log_mass)
                reached = log_energy(log_mass, field.beta)
                slack = rounding * max(1.0, abs(reached))
                monotone[member] = monotone[member] and reached >= log_energies[member] - slack
                log_energies[member] = reached
                if not np.isfinite(reached):
                    break
            if not residual[member] > tol or iterations[member] == most:
                break
            put(image, now)
            iterations[member] += 1


@jit()
def diffuse(x, normals, width):
    """Brownian steps on the sphere in place: along geodesics by `width` times the tangent part of the normals (n, d)."""
    n, d = x.shape
    for i in range(n):
        radial = 0.0
        for c in range(d):
            radial += x[i, c] * normals[i, c]
        length2 = 0.0
        for c in range(d):
            length2 += (normals[i, c] - x[i, c] * radial) ** 2
        length = np.sqrt(length2)
        angle = width * length
        stay, go = np.cos(angle), np.sin(angle) / length if length > 0.0 else 0.0
        for c in range(d):
            x[i, c] = stay * x[i, c] + go * (normals[i, c] - x[i, c] * radial)
    normalize(x, x)


@jit()
def nudge(base, point, drift, log_mass, field, h, v, out):
    """out = N(base + h v), with the velocity v at `point`, which is scratch; shapes (n, d), out may be base."""
    n, d = point.shape
    tangent(point, drift, log_mass, field.normalized, n, v)
    for i in range(n):
        for c in range(d):
            out[i, c] = base[i, c] + h * v[i, c]
    normalize(out, out)


@jit(arrays=True)
def langevin(x, field, h, width, normals):
    """Steps of size h with noise, in place, as many as there are normals (steps, 2, n, d): see `flow`."""
    n, d = x.shape
    work, even, log_mass = workspace(n, d, field), np.zeros(n), np.empty(n)
    drift, v, middle = np.empty((n, d)), np.empty((n, d)), np.empty((n, d))
    for k in range(len(normals)):
        diffuse(x, normals[k, 0], width)
        attend(x, field, even, work, not field.normalized, drift, log_mass)
        nudge(x, x, drift, log_mass, field, 0.5 * h, v, middle)
        attend(middle, field, even, work, not field.normalized, drift, log_mass)
        nudge(x, middle, drift, log_mass, field, h, v, x)
        diffuse(x, normals[k, 1], width)


# Integration in time. What the two integrators share is the state below; `advance` is the explicit one. It asks for
# one velocity at a time, so that it runs inside compiled code for few tokens, and with threads or another way to sum
# for many. The field is v(x/|x|): tangent to every sphere around 0, so that the exact solution stays on the unit
# sphere and a method for the surrounding space leaves it by its own error only. Where normalization comes before
# attention, v is not tangent, and tokens are free to leave the sphere; what is reported is x/|x| again.
RUNNING, DONE, OVERFLOW, TOO_MANY, STIFF = range(5)
STABLE = 4.0  # step times spectral radius at most: DOP853 is stable to 6.1, but does not damp there
PATIENCE = 60  # steps that only stability limits before the flow counts as stiff
CLOSE = 1e-12  # tokens nearer than this, and than atol, that approach each other are one from then on
EQUAL = 1e-15  # and nearer than this whatever they do

# Places in State.real and State.whole.
TIME, LOST, H, RADIUS, ERROR, FACTOR = range(6)
STAGE, STEPS, REPORTED, REJECTED, LAST, LIMITED, SIZE, IMPLICIT, PLACEMENT, APART = range(10)

State = namedtuple(
    "State",
    [
        "x",  # (n, d) the clusters of tokens at the current time; here and below the first whole[SIZE] rows are in use
        "point",  # (n, d) where the next velocity is wanted
        "before",  # (n, d) where the last but one was, near `point`, to estimate the spectral radius
        "new",  # (n, d) the end of the step, not yet on the sphere
        "k",  # (16, n, d) velocities of the stages
        "label",  # (n,) to which row of x a token belongs
        "log_weight",  # (n,) logarithms of the clusters' sizes
        "blocks",  # (n, d/b, b, b),
        "shift",  # (n, e) and
        "own",  # (n or 0, e): feature map and prompt of the clusters, those of their field
        "real",  # time, what its last addition lost, step size, spectral radius, summed errors, growth of the step
        "whole",  # stage, steps, reports made, whether this step was rejected before, whether it is the last,
        # steps in a row that stability limits, number of clusters, implicit steps, placement of layer normalization,
        # whether tokens that meet stay apart, for a mask does not treat them alike
    ],
)


@jit()
def settle(state, rows):
    """Put tokens back on the sphere, if that is where they live; rows may be those of the state itself."""
    n = len(rows)
    if state.whole[PLACEMENT] == PRE or state.whole[PLACEMENT] == PERI:
        put(rows, state.x[:n])
    else:
        normalize(rows, state.x[:n])


@jit()
def combine(row, k, count, n, out):
    """out = sum_{j < count} row_j k_j, for the first n tokens."""
    size, stride = n * k.shape[2], k.shape[1] * k.shape[2]
    total = view(out, 0, size)
    for m in range(size):
        total[m] = 0.0
    for j in range(count):
        part = view(k, j * stride, size)
        for m in range(size):
            total[m] += row[j] * part[m]


@jit()
def weighted(base, h, row, k, count, n, out):
    """out = base + h sum_{j < count} row_j k_j, for the first n tokens."""
    combine(row, k, count, n, out)
    size = n * k.shape[2]
    start, total = view(base, 0, size), view(out, 0, size)
    for m in range(size):
        total[m] = start[m] + h * total[m]


@jit()
def report(state, at, out):
    """Write the tokens, given their clusters, to out (n, d), on the sphere."""
    for i in range(len(out)):
        for c in range(out.shape[1]):
            out[i, c] = at[state.label[i], c]
    normalize(out, out)


@jit()
def ordered(ranks, order):
    """Sort the indices in `order` by rank, by shell sort: it compiles in a tenth of the library's time."""
    for i in range(len(order)):
        order[i] = i
    gap = len(order)
    while gap > 1:
        gap = max(1, gap * 5 // 11)
        for i in range(gap, len(order)):
            moving, j = order[i], i
            while j >= gap and ranks[order[j - gap]] > ranks[moving]:
                order[j] = order[j - gap]
                j -= gap
            order[j] = moving


@jit(arrays=True)
def merge(state, atol):
    """Make one of tokens that have met: same feature map, nearer than CLOSE and atol, and not separating.

    Equal tokens stay equal, so this is exact up to that distance; it leaves the drift of a cluster with its relative
    accuracy and takes the stiffness of its inner motion out of the system. Returns whether any met.
    """
    n, near = state.whole[SIZE], min(CLOSE, max(atol, EQUAL))
    if state.whole[APART] == 1:
        return False
    d, size = state.x.shape[1], state.blocks.shape[2]
    ranks = np.zeros(n)  # along a direction that no grid has; neighbours there are the only candidates
    for i in range(n):
        for c in range(d):
            ranks[i] += np.cos(1.0 + c) * state.x[i, c]
    order, target = np.empty(n, np.int64), np.empty(n, np.int64)
    ordered(ranks, order)
    for i in range(n):
        target[i] = i
    met = False
    for place in range(n):
        i = order[place]
        if target[i] != i:
            continue
        for other in range(place + 1, n):
            j = order[other]
            if ranks[j] - ranks[i] > near * np.sqrt(float(d)):
                break
            apart, closing = 0.0, 0.0
            for c in range(d):
                difference_x = state.x[j, c] - state.x[i, c]
                apart = max(apart, abs(difference_x))
                closing += difference_x * (state.k[0, j, c] - state.k[0, i, c])
            # At the distance of rounding its noise alone says whether they part.
            same = target[j] == j and (apart <= EQUAL or (apart <= near and closing <= 0.0))
            if same:
                for c in range(state.shift.shape[1]):
                    same = same and state.shift[i, c] == state.shift[j, c]
                for p in range(state.blocks.shape[1]):
                    for r in range(size):
                        for c in range(size):
                            same = same and state.blocks[i, p, r, c] == state.blocks[j, p, r, c]
                if len(state.own) > 0:
                    for c in range(state.own.shape[1]):
                        same = same and state.own[i, c] == state.own[j, c]
            if same:
                target[j] = i
                met = True
    if not met:
        return False
    weight, place, left = np.empty(n), np.empty(n, np.int64), 0
    for i in range(n):
        weight[i] = np.exp(state.log_weight[i])
    for i in range(n):
        if target[i] != i:
            keep = target[i]
            weight[keep] += weight[i]
            share = weight[i] / weight[keep]
            for c in range(d):
                state.x[keep, c] += share * (state.x[i, c] - state.x[keep, c])
                state.k[0, keep, c] += share * (state.k[0, i, c] - state.k[0, keep, c])
    for i in range(n):
        if target[i] == i:
            place[i] = left
            state.log_weight[left] = np.log(weight[i])
            put(state.x[i : i + 1], state.x[left : left + 1])
            put(state.k[0, i : i + 1], state.k[0, left : left + 1])
            put(state.shift[i : i + 1], state.shift[left : left + 1])
            for p in range(state.blocks.shape[1]):
                put(state.blocks[i, p], state.blocks[left, p])
            if len(state.own) > 0:
                put(state.own[i : i + 1], state.own[left : left + 1])
            left += 1
    for i in range(len(state.label)):
        state.label[i] = place[target[state.label[i]]]
    settle(state, state.x[:left])
    state.whole[SIZE] = left
    return True


@jit(EXACT)  # for what the addition loses
def elapse(state, h):
    """Add h to the time; at late times a step may be smaller than the spacing of floats and still count."""
    step = h - state.real[LOST]
    time = state.real[TIME] + step
    state.real[LOST] = (time - state.real[TIME]) - step
    state.real[TIME] = time


@jit(arrays=True)
def interpolate(state, times, dense, states):
    """Report at the times inside the step, by the polynomial of degree 7 through its 16 velocities."""
    x, k, h = state.x, state.k, state.real[H]
    n, d = state.whole[SIZE], x.shape[1]
    at, sums = np.empty((n, d)), np.empty((4, n, d))
    for row in range(4):
        combine(dense[row], k, 16, n, sums[row])
    while state.whole[REPORTED] < len(times):
        time = times[state.whole[REPORTED]]
        if time > state.real[TIME] + h and state.whole[LAST] == 0:
            break
        part = min(1.0, ((time - state.real[TIME]) + state.real[LOST]) / h)
        for i in range(n):
            for c in range(d):
                change = state.new[i, c] - x[i, c]
                value = 0.0
                for row in range(3, -1, -1):
                    value = (value + h * sums[row, i, c]) * (part if row % 2 else 1.0 - part)
                value = (value + 2.0 * change - h * (k[12, i, c] + k[0, i, c])) * part
                value = (value + h * k[0, i, c] - change) * (1.0 - part)
                at[i, c] = x[i, c] + (value + change) * part
        report(state, at, states[state.whole[REPORTED]])
        state.whole[REPORTED] += 1


@jit()
def advance(state, times, rtol, atol, tableau, most_steps, states):
    """Take in the velocity at `point` and go on to where the next one is wanted.

    The explicit method of order 8 of Dormand and Prince, with its error estimates of orders 5 and 3 and its dense
    output of order 7 (Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I, II.5-6 and II.10); the
    spectral radius is estimated as in their code. `tableau` has its coefficients, A, B, E3, E5, D and the A of the
    dense output's extra stages. Returns the status.
    """
    a, b, e3, e5, dense, a_extra = tableau
    real, whole = state.real, state.whole
    x, k, new, point = state.x, state.k, state.new, state.point
    n, d = whole[SIZE], x.shape[1]
    stage = whole[STAGE]
    for i in range(n):
        for c in range(d):
            if not np.isfinite(k[stage, i, c]):
                return OVERFLOW
    end, stiff = times[-1], False

    if stage == 0 and real[H] == 0.0:
        # Tokens that are equal at the start are one before a first step that may be long for their inner motion.
        if merge(state, atol):
            n = whole[SIZE]
        speed = 0.0
        for i in range(n):
            for c in range(d):
                speed = max(speed, abs(k[0, i, c]))
        real[H] = end if speed == 0.0 else min(end, 0.01 / speed)
        whole[LAST] = 1 if real[H] == end else 0

    if stage == 12:
        # Judge the step.
        h = real[H]
        fifth, third, largest, gap, change = 0.0, 0.0, 0.0, 0.0, 0.0
        combine(e5, k, 13, n, k[13])
        combine(e3, k, 13, n, k[14])
        for i in range(n):
            length2 = 0.0  # points are unit rows, and tokens may be longer
            for c in range(d):
                length2 += new[i, c] * new[i, c]
            for c in range(d):
                by5, by3 = h * k[13, i, c], h * k[14, i, c]
                scale = atol + rtol * max(abs(x[i, c]), abs(new[i, c]))
                fifth += (by5 / scale) ** 2
                third += (by3 / scale) ** 2
                together = np.hypot(by5, 0.1 * by3)
                if together > 0.0:
                    largest = max(largest, abs(by5) * abs(by5) / together)
                gap += length2 * (point[i, c] - state.before[i, c]) ** 2
                change += (h * (k[12, i, c] - k[11, i, c])) ** 2
        size = 0.0
        if fifth > 0.0 or third > 0.0:
            size = fifth / np.sqrt((fifth + 0.01 * third) * n * d)
        if size >= 1.0 or not np.isfinite(size):
            real[H] = h * (max(0.2, 0.9 * size**-0.125) if np.isfinite(size) else 0.2)
            whole[REJECTED] = 1
            whole[LAST] = 0
            stage = 0
        else:
            factor = 10.0 if size == 0.0 else min(10.0, 0.9 * size**-0.125)
            if whole[REJECTED] == 1:
                factor = min(1.0, factor)
            whole[REJECTED] = 0
            whole[STEPS] += 1
            real[ERROR] += largest
            # Where two nearby points differ by more than rounding they tell how fast the flow contracts there.
            radius = np.sqrt(change / gap) / h if gap > 1e-28 * n * d else 0.0
            real[RADIUS] = max(radius, 0.9 * real[RADIUS])
            real[FACTOR] = factor
            if whole[LAST] == 1 or times[whole[REPORTED]] <= real[TIME] + h:
                # Three more velocities, for the dense output.
                weighted(x, h, a_extra[0], k, 13, n, new)
                normalize(new[:n], point[:n])
                whole[STAGE] = 13
                return RUNNING
            stage = 16
    elif 13 <= stage < 15:
        weighted(x, real[H], a_extra[stage - 12], k, stage + 1, n, new)
        normalize(new[:n], point[:n])
        whole[STAGE] = stage + 1
        return RUNNING
    elif stage == 15:
        weighted(x, real[H], b, k, 12, n, new)
        interpolate(state, times, dense, states)
        stage = 16

    if stage == 16:
        # Go to the end of the step, and find the size of the next.
        h = real[H]
        weighted(x, h, b, k, 12, n, new)
        settle(state, new[:n])
        for i in range(n):
            for c in range(d):
                k[0, i, c] = k[12, i, c]
        elapse(state, h)
        if whole[REPORTED] == len(times):
            return DONE
        if whole[STEPS] >= most_steps:
            return TOO_MANY
        h *= real[FACTOR]
        limited = real[RADIUS] * h > STABLE
        if merge(state, atol):
            n = whole[SIZE]
            real[RADIUS] = 0.0
            limited = False
        elif limited:
            h = STABLE / real[RADIUS]
        whole[LIMITED] = whole[LIMITED] + 1 if limited else 0
        left = (end - real[TIME]) + real[LOST]
        whole[LAST] = 1 if h >= left else 0
        real[H] = min(h, left)
        stiff = whole[LIMITED] > PATIENCE and left > 10.0 * PATIENCE * h
        stage = 0

    # On to the next stage.
    if stage == 11:
        weighted(x, real[H], b, k, 12, n, new)
        for i in range(n):
            for c in range(d):
                state.before[i, c] = point[i, c]
    else:
        weighted(x, real[H], a[stage + 1], k, stage + 1, n, new)
    normalize(new[:n], point[:n])
    whole[STAGE] = stage + 1
    return STIFF if stiff else RUNNING


@jit()
def velocity(state, field, work, masses, drift, log_mass, out):
    """The velocity of the clusters, whose field it is, at `point`."""
    n, count, placement = state.whole[SIZE], len(state.label), state.whole[PLACEMENT]
    x = state.point[:n]
    attend(x, field, state.log_weight, work, masses, drift, log_mass)
    if placement == POST:
        tangent(x, drift, log_mass, field.normalized, count, out)
    else:
        placed(x, drift, log_mass, field, count, placement, out)


@jit(arrays=True)
def integrate(state, field, times, rtol, atol, tableau, most_steps, most_implicit, states):
    """Go on with the explicit method until it ends or meets a stiffness that `implicit` can take over."""
    n, d = state.whole[SIZE], state.x.shape[1]
    work = workspace(n, d, field)
    drift, log_mass = np.empty((n, d)), np.empty(n)
    status = RUNNING
    while status == RUNNING or (status == STIFF and state.whole[SIZE] * d > most_implicit):
        if state.whole[SIZE] != n:  # lanes go by the number of clusters, whoever computes
            n = state.whole[SIZE]
            work = workspace(n, d, field)
        velocity(state, field, work, not field.normalized, drift, log_mass, state.k[state.whole[STAGE]])
        status = advance(state, times, rtol, atol, tableau, most_steps, states)
    return status


@jit(arrays=True)
def jacobian(x, field, log_weight, count, log_mass, out):
    """out (n d, n d) = derivative of x -> v(x/|x|) at tokens of these weights, `count` in all."""
    n, d = x.shape
    m, e, size = len(field.prompts), field.shift.shape[1], field.blocks.shape[2]
    turned = field.carry and size > 0
    z = np.empty((n + m + 1, e))  # the last row is the token's own prompt
    features(x, field.blocks, field.shift, z)
    put(field.prompts, z[n : n + m])
    hides, mask = masked(field.mask), field.mask
    back, scratch, mean, value = np.empty(d), np.empty(d), np.empty(d), np.empty((n + m + 1, d))
    block_ik, query, weight = np.empty((d, d)), np.empty((d, d)), np.empty(n + m + 1)
    for i in range(n):
        scale = 1.0 if field.normalized else np.exp(log_mass[i] - np.log(count))
        mean[:] = 0.0
        weight[n + m] = 0.0
        z[n + m] = 0.0
        if len(field.own) > 0:
            put(field.own[i : i + 1], z[n + m :])
        for j in range(n + m + 1):
            if j == n + m and len(field.own) == 0:
                value[j] = 0.0
                continue
            logit = 0.0
            for c in range(e):
                logit += z[i, c] * z[j, c]
            logit = field.beta * logit + (log_weight[j] if j < n else field.log_mass) - log_mass[i]
            if hides and j < n:
                logit -= mask[3] * abs(i - j) if sees(mask, i, j) else np.inf
            weight[j] = np.exp(logit)
            for c in range(d):
                value[j, c] = z[j, c] if field.carry or j >= n else x[j, c]
            if turned:
                pull_back(value[j], field.blocks, i, scratch)
            for c in range(d):
                mean[c] += weight[j] * value[j, c]
        radial = 0.0
        for c in range(d):
            radial += scale * x[i, c] * mean[c]
        query[:] = 0.0
        for j in range(n + m + 1):
            for c in range(d):
                back[c] = z[j, c]
            pull_back(back, field.blocks, i, scratch)
            for r in range(d):
                relative = value[j, r] - (mean[r] if field.normalized else 0.0)
                for c in range(d):
                    query[r, c] += scale * weight[j] * relative * field.beta * back[c]
        for k in range(n):
            for c in range(d):
                back[c] = z[i, c]
            pull_back(back, field.blocks, k, scratch)
            for r in range(d):
                relative = value[k, r] - (mean[r] if field.normalized else 0.0)
                for c in range(d):
                    moved = 1.0 if r == c else 0.0
                    if turned:  # A_i^T A_k
                        moved, p = 0.0, r // size
                        if c // size == p:
                            for s in range(size):
                                moved += field.blocks[i, p, s, r % size] * field.blocks[k, p, s, c % size]
                    block_ik[r, c] = scale * weight[k] * (relative * field.beta * back[c] + moved)
                    if i == k:
                        block_ik[r, c] += query[r, c]
            # P_i block P_k, with what the projection itself adds on the diagonal.
            for c in range(d):
                along = 0.0
                for r in range(d):
                    along += x[i, r] * block_ik[r, c]
                for r in range(d):
                    block_ik[r, c] -= x[i, r] * along
                    if i == k:
                        block_ik[r, c] -= x[i, r] * scale * mean[c] + (radial if r == c else 0.0)
            for r in range(d):
                along = 0.0
                for c in range(d):
                    along += block_ik[r, c] * x[k, c]
                for c in range(d):
                    out[i * d + r, k * d + c] = block_ik[r, c] - along * x[k, c]


@jit()
def factorize(matrix, pivots):
    """LU factors in place. Our own, for LAPACK's bits depend on the number of its threads."""
    size = len(matrix)
    for k in range(size):
        best = k
        for i in range(k + 1, size):
            if abs(matrix[i, k]) > abs(matrix[best, k]):
                best = i
        pivots[k] = best
        if best != k:
            for j in range(size):
                matrix[k, j], matrix[best, j] = matrix[best, j], matrix[k, j]
        row = matrix[k]
        for i in range(k + 1, size):
            factor = matrix[i, k] / row[k]
            matrix[i, k] = factor
            if factor != 0.0:
                target = matrix[i]
                for j in range(k + 1, size):
                    target[j] -= factor * row[j]


@jit()
def solve(matrix, pivots, vector):
    """Overwrite the vector with the solution."""
    size = len(vector)
    for k in range(size):
        best = pivots[k]
        vector[k], vector[best] = vector[best], vector[k]
    for i in range(size):
        total = vector[i]
        for j in range(i):
            total -= matrix[i, j] * vector[j]
        vector[i] = total
    for i in range(size - 1, -1, -1):
        total = vector[i]
        for j in range(i + 1, size):
            total -= matrix[i, j] * vector[j]
        vector[i] = total / matrix[i, i]


@jit(arrays=True)
def implicit(state, field, times, rtol, atol, tableau, most_steps, states):
    """Integrate a stiff flow, until it is done or no longer stiff: the L-stable SDIRK method of order 4 with an
    embedded estimate of order 3 (Hairer, Wanner, Solving Ordinary Differential Equations II, IV.6, table 6.5).

    Steps end at the times to report. Returns the status.
    """
    a, e = tableau
    real, whole, x, k, new = state.real, state.whole, state.x, state.k, state.new
    n, d = whole[SIZE], x.shape[1]
    work = workspace(n, d, field)
    drift, log_mass = np.empty((n, d)), np.empty(n)
    slopes, base, guess = np.empty((5, n, d)), np.empty((n, d)), np.empty((n, d))
    jac, matrix = np.empty((n * d, n * d)), np.empty((n * d, n * d))
    pivots, residual = np.empty(n * d, np.int64), np.empty(n * d)
    calm = 0
    while True:
        put(x[:n], state.point[:n])
        velocity(state, field, work, n > 0, drift, log_mass, k[0])
        jac_n = jac[: n * d, : n * d]
        jacobian(x[:n], field, state.log_weight, len(state.label), log_mass, jac_n)
        size = n * d
        largest = 0.0
        for i in range(size):
            total = 0.0
            for j in range(size):
                total += abs(jac_n[i, j])
            largest = max(largest, total)
        wanted = real[H]
        while True:
            h = real[H]
            left = (times[whole[REPORTED]] - real[TIME]) + real[LOST]
            arrives = h >= left
            if arrives:
                h = left
            lu = matrix[:size, :size]
            for i in range(size):
                for j in range(size):
                    lu[i, j] = (1.0 if i == j else 0.0) - h * a[0, 0] * jac_n[i, j]
            factorize(lu, pivots)
            good = True
            for stage in range(5):
                weighted(x, h, a[stage], slopes, stage, n, base)
                put(base[:n], guess[:n])
                if stage > 0:
                    for i in range(n):
                        for c in range(d):
                            guess[i, c] += h * a[0, 0] * slopes[stage - 1, i, c]
                former = np.inf
                good = False
                for _ in range(10):
                    normalize(guess[:n], state.point[:n])
                    velocity(state, field, work, not field.normalized, drift, log_mass, new)
                    for i in range(n):
                        for c in range(d):
                            residual[i * d + c] = h * a[0, 0] * new[i, c] - (guess[i, c] - base[i, c])
                    solve(lu, pivots, residual[:size])
                    moved, scaled = 0.0, 0.0
                    for i in range(n):
                        for c in range(d):
                            change = residual[i * d + c]
                            guess[i, c] += change
                            moved = max(moved, abs(change))
                            scaled = max(scaled, abs(change) / (atol + rtol * abs(guess[i, c])))
                    if scaled < 0.01 or moved < 1e-15:
                        good = True
                        break
                    if not moved < former:
                        break
                    former = moved
                if not good:
                    break
                for i in range(n):
                    for c in range(d):
                        slopes[stage, i, c] = (guess[i, c] - base[i, c]) / (h * a[0, 0])
            error = np.inf
            largest_error = 0.0
            if good:
                for i in range(n):
                    for c in range(d):
                        total = 0.0
                        for j in range(5):
                            total += e[j] * slopes[j, i, c]
                        residual[i * d + c] = h * total
                solve(lu, pivots, residual[:size])
                error = 0.0
                for i in range(n):
                    for c in range(d):
                        scale = atol + rtol * max(abs(x[i, c]), abs(guess[i, c]))
                        error += (residual[i * d + c] / scale) ** 2
                        largest_error = max(largest_error, abs(residual[i * d + c]))
                error = np.sqrt(error / size)
            if error < 1.0:
                break
            # Newton's method or the error test failed.
            factor = max(0.2, 0.9 * error**-0.25) if np.isfinite(error) else 0.25
            real[H] = wanted = h * factor
            if not np.isfinite(largest) or h * largest < 1e-12:
                return OVERFLOW
        whole[STEPS] += 1
        whole[IMPLICIT] += 1
        real[ERROR] += largest_error
        normalize(guess[:n], x[:n])
        elapse(state, h)
        if arrives:
            report(state, x, states[whole[REPORTED]])
            whole[REPORTED] += 1
            if whole[REPORTED] == len(times):
                return DONE
        if whole[STEPS] >= most_steps:
            return TOO_MANY
        if merge(state, atol):
            n = whole[SIZE]
            work = workspace(n, d, field)
        growth = 5.0 if error == 0.0 else min(5.0, max(0.2, 0.9 * error**-0.25))
        real[H] = max(wanted, h * growth) if arrives else h * growth
        calm = calm + 1 if h * largest < 1.0 and not arrives else 0
        if calm > 3:
            put(x[:n], state.point[:n])
            left = (times[-1] - real[TIME]) + real[LOST]
            whole[LAST] = 1 if real[H] >= left else 0
            real[H] = min(real[H], left)
            real[RADIUS] = 0.0
            whole[STAGE] = 0
            return RUNNING
