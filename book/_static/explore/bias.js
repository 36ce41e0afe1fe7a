/*
 * Who is heard after layers of attention that ignores content: powers of the weights that a mask alone gives.
 *
 *   <div class="explore" data-explore="bias" data-mask="causal" data-n="24">
 *
 * Tokens count from 1 for readers and from 0 here. Time is the number of layers.
 */
(function () {
  "use strict";

  const { line, write, axes, show } = Explore;

  /** The weight of token j for token i, up to the sum of its row. */
  const WEIGHTS = {
    causal: (i, j) => Number(j <= i),
    window: (i, j, reach) => Number(j <= i && i - j < reach),
    prefix: (i, j, reach) => Number(j <= i || j < reach),
    decay: (i, j, reach) => (j <= i ? Math.exp((j - i) / reach) : 0),
    none: () => 1,
  };

  const logFactorials = [0];
  function logFactorial(n) {
    for (let k = logFactorials.length; k <= n; k++) logFactorials.push(logFactorials[k - 1] + Math.log(k));
    return logFactorials[n];
  }

  const logBinomial = (n, k) => logFactorial(n) - logFactorial(k) - logFactorial(n - k);

  /** The product of two n x n matrices, rows one after the other. */
  function product(A, B, n) {
    const C = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < n; k++) {
        const share = A[i * n + k];
        for (let j = 0; share && j < n; j++) C[i * n + j] += share * B[k * n + j];
      }
    }
    return C;
  }

  function power(A, exponent, n) {
    let result = Float64Array.from({ length: n * n }, (_, k) => Number(k % (n + 1) === 0));
    for (let m = exponent, square = A; m; m = Math.floor(m / 2), square = product(square, square, n)) {
      if (m % 2) result = product(result, square, n);
    }
    return result;
  }

  /** The chances of `steps` trials: [k, probability that k succeed], as far as they count. */
  function chances(steps, success) {
    const times = (k, p) => (k ? k * Math.log(p) : 0);
    const chance = (k) => Math.exp(logBinomial(steps, k) + times(k, success) + times(steps - k, 1 - success));
    return Array.from({ length: steps + 1 }, (_, k) => [k, chance(k)]).filter(([, p]) => p > 1e-17);
  }

  /**
   * Row i of the product by the chapter's theorems: where the walker from i is after some layers, in each of which he
   * rests with the residual share as probability. NaN under a window, for which there is none.
   */
  function closed({ mask, reach, residual }, n, i, layers) {
    const row = new Float64Array(n);
    const stayed = residual ** layers;
    const steps = chances(layers, 1 - residual).filter(([k]) => k);
    const alike = (count) => row.map((_, j) => (j < count ? (1 - stayed) / count : 0) + (j === i ? stayed : 0));
    if (mask === "window") return row.fill(NaN);
    if (mask === "none") return alike(n);
    if (mask === "prefix" && i < reach) return alike(Math.min(reach, n));
    row[i] = stayed;
    if (mask === "decay") {
      // Negative binomial laws.
      const [rate, stop] = [1 / reach, Math.log(-Math.expm1(-1 / reach))];
      for (let j = 0; j <= i; j++) {
        const back = i - j;
        for (const [k, p] of steps) row[j] += p * Math.exp(logBinomial(k - 1 + back, back) - rate * back + k * stop);
      }
      return row;
    }
    // Binomial laws with a random parameter e^-g, where g has a Gamma law: the integral over log g.
    const width = Math.min(0.1, Math.max(0.025, 0.4 / Math.sqrt(layers)));
    for (let s = Math.log(layers + 60 + 12 * Math.sqrt(layers)); s > -32; s -= width) {
      const g = Math.exp(s);
      const weight = width * steps.reduce((sum, [k, p]) => sum + p * Math.exp(k * s - g - logFactorial(k - 1)), 0);
      const rest = Math.log(-Math.expm1(-g));
      for (let j = 0; j <= i; j++) row[j] += weight * Math.exp(logBinomial(i, j) - g * j + rest * (i - j));
    }
    // A prefix changes nothing behind it, and its tokens are alike.
    if (mask === "prefix") row.fill(row.subarray(0, reach).reduce((a, b) => a + b) / reach, 0, reach);
    return row;
  }

  Explore.simulations.bias = function (stage) {
    let n, weights, shares, layers, law;

    const rows = () => Array.from({ length: n }, (_, k) => k);
    const chosen = () => stage.value.row - 1;
    const share = (i, j) => shares[i * n + j];
    /** The tokens that keep the walker: those of a prefix, or the first one. */
    const first = () => (stage.value.mask === "prefix" ? Math.min(stage.value.reach, n) : 1);

    function changed(name) {
      if (name === "speed") return;
      if (name !== "row") build();
      if (stage.value.row > n) stage.set("row", n);
      law = closed(stage.value, n, chosen(), layers);
    }

    /** The matrix of a layer, and the product of as many as there are. */
    function build() {
      const { mask, reach, residual } = stage.value;
      // A marked last token stays the last one.
      if (stage.value.row === n) stage.set("row", stage.value.n);
      n = stage.value.n;
      weights = new Float64Array(n * n);
      for (const i of rows()) {
        const row = rows().map((j) => WEIGHTS[mask](i, j, reach));
        const sum = row.reduce((a, b) => a + b);
        for (const j of rows()) weights[i * n + j] = ((1 - residual) * row[j]) / sum + (i === j ? residual : 0);
      }
      shares = power(weights, layers, n);
    }

    function restart() {
      layers = 0;
      changed();
    }

    function advance(span) {
      const goal = Math.floor(stage.time + span + 1e-9);
      const before = layers;
      for (; layers < goal && Date.now() <= stage.deadline; layers++) shares = product(weights, shares, n);
      if (layers > before) law = closed(stage.value, n, chosen(), layers);
      return layers === goal ? span : Math.max(0, layers - stage.time);
    }

    /** Layers, in the mean, until the walker from i is where he ends: the triangular system, row after row. */
    function depth(i) {
      const found = new Float64Array(n);
      for (let k = first(); k <= i; k++) {
        let sum = 1;
        for (let j = first(); j < k; j++) sum += weights[k * n + j] * found[j];
        found[k] = sum / (1 - weights[k * n + k]);
      }
      return found[i];
    }

    const place = (i) => rows().reduce((sum, j) => sum + share(i, j) * (j + 1), 0);

    function end() {
      const { mask, reach, row } = stage.value;
      const rate = mask === "decay" ? `The decay is ${show(1 / reach, 2)} a token. ` : "";
      if (mask === "none") return "In the end it hears all tokens equally.";
      if (mask === "window" && reach === 1) return "It hears itself alone.";
      const who = first() > 1 ? `the first ${first()} equally` : "token 1 alone";
      const when = row > first() ? `; the mean depth is ${show(depth(chosen()), 1)} layers` : "";
      return `${rate}In the end it hears ${who}${when}.`;
    }

    function report() {
      const { mask, row } = stage.value;
      return {
        text: `Layer ${layers}. The share of token 1 in token ${row} is ${show(share(chosen(), 0), 3)}, ` +
          `that of token ${row} itself ${show(share(chosen(), chosen()), 3)}; ` +
          `the mean place that it hears is ${show(place(chosen()), 1)}. ${end()}`,
        label: `A square of ${n} rows, tokens that hear, and as many columns, tokens heard, with ` +
          `${mask === "none" ? "no mask" : `a ${mask} mask`}. The stronger the colour, the larger the share. ` +
          `Row ${row} is marked.`,
      };
    }

    function geometry({ width, height }) {
      const size = Math.max(n, Math.round(Math.min(width - 50, height - 84)));
      return { left: Math.round((width - size + 42) / 2), top: 8, size, cell: size / n };
    }

    function draw(sheet) {
      const { g, look } = sheet;
      const { left, top, size, cell } = geometry(sheet);
      const bottom = top + size;
      const tone = (value) => Math.min(1, value) ** 0.4;
      g.fillStyle = look.primary;
      // Cells end where the next begin, at whole pixels: no seams.
      const edge = (k) => Math.round(k * cell);
      for (const i of rows()) {
        for (const j of rows()) {
          g.globalAlpha = tone(share(i, j));
          g.fillRect(left + edge(j), top + edge(i), edge(j + 1) - edge(j), edge(i + 1) - edge(i));
        }
      }
      for (let k = 0; k < size; k++) {
        g.globalAlpha = k / size;
        g.fillRect(left + k, bottom + 40, 1, 10);
      }
      g.globalAlpha = 1;
      for (const value of [0, 0.01, 0.1, 0.5, 1]) write(g, look.muted, value, left + size * tone(value), bottom + 62);
      write(g, look.muted, "share", left - 8, bottom + 45, "right");

      Object.assign(g, { strokeStyle: look.border, lineWidth: 1 });
      g.strokeRect(left, top, size, size);
      Object.assign(g, { strokeStyle: look.text, lineWidth: 1.5 });
      g.strokeRect(left - 1, top + chosen() * cell - 1, size + 2, cell + 2);
      for (const k of new Set([1, ...Explore.ticks(1, n).filter(Number.isInteger)])) {
        write(g, look.muted, k, left + (k - 0.5) * cell, bottom + 11);
        write(g, look.muted, k, left - 6, top + (k - 0.5) * cell, "right");
      }
      write(g, look.muted, "token heard, j", left + size / 2, bottom + 27);
      g.save();
      g.translate(left - 34, top + size / 2);
      g.rotate(-Math.PI / 2);
      write(g, look.muted, "token that hears, i", 0, 0);
      g.restore();
    }

    function plot(sheet) {
      const { g, look } = sheet;
      const most = Math.max(...rows().map((j) => share(chosen(), j)));
      const top = [0.1, 0.2, 0.5, 1].find((value) => value > most) ?? 1;
      const { px, py } = axes(sheet, [0.5, n + 0.5], [0, 1.08 * top], "token heard, j");
      const half = Math.max(0.5, (px(2) - px(1)) / 2 - 1);
      g.fillStyle = look.primary;
      g.globalAlpha = 0.6;
      for (const j of rows()) {
        const high = py(share(chosen(), j));
        g.fillRect(px(j + 1) - half, high, 2 * half, py(0) - high);
      }
      g.globalAlpha = 1;
      line(g, look.muted, 1.5, rows().map((j) => [px(j + 1), py(law[j])]), [5, 4]);
    }

    function pointed(point) {
      const { left, top, size, cell } = geometry(point);
      const i = Math.floor((point.y - top) / cell);
      const inside = point.x >= left && point.x <= left + size && i >= 0 && i < n;
      return { inside, i: Math.min(n - 1, Math.max(0, i)) };
    }

    function choose(point) {
      stage.set("row", pointed(point).i + 1);
      changed("row");
    }

    return {
      random: false,
      controls: [
        { name: "mask", text: "mask", value: "causal",
          options: { causal: "causal", window: "window", prefix: "prefix", decay: "decay", none: "none" } },
        { name: "reach", text: "reach: tokens of the window or prefix, 1/α of the decay", min: 1, max: 32, step: 1,
          digits: 0, value: 5 },
        { name: "row", text: "marked token", min: 1, max: 64, step: 1, digits: 0, value: 64 },
        { name: "n", text: "tokens n", min: 2, max: 64, step: 1, digits: 0, value: 24 },
        { name: "residual", text: "residual share r", min: 0, max: 0.9, step: 0.05, digits: 2, value: 0 },
        { name: "speed", text: "speed, in layers a second", min: 0.1, max: 20, log: true, value: 1 },
      ],
      restart, changed, advance, draw, plot, report,
      plotLabel: "Shares in the marked token. Dashed: by the theorems; for a decay, with an infinite past; a window " +
        "has none.",
      step: 1,
      near: (point) => pointed(point).inside,
      press(point) {
        if (!pointed(point).inside) return false;
        choose(point);
        return true;
      },
      drag: choose,
      get numbers() {
        return { layers, shares, law, depth: depth(chosen()), place: place(chosen()) };
      },
    };
  };
})();
