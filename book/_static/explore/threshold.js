/*
 * Tokens at their positions on the circle, and the wave that grows or decays there. In a page:
 *
 *   <div class="explore" data-explore="threshold" data-beta="2" data-scale="0.6">
 *
 * Time runs in units of 1/|rate| of the mode: close to the threshold, and without softmax, rates are very different.
 */
(function () {
  "use strict";

  const { TAU, show, brief, line, circle, write, mark, axes, bessel, root } = Explore;
  const N = 96;
  const PUSH = 1e-4;
  const LEAST = 1e-13; // smaller ones are absorbed by rounding in the short steps of a page that plays
  const LINEAR = 0.05; // deviation, in radians, up to which the prediction is held against the flow
  const FAR = 0.3; // and where it has ended
  const ROUNDING = 1e-12; // amplitude below which a rate is not measured
  const WINDOW = 14; // units of time that the plot shows at least
  const HEIGHT = 0.22; // of the wave, in radii

  const kappaOf = (beta, a) => beta * (1 + a) ** 2;

  /** Rate of mode k about the identity. */
  function rate(k, beta, a, normalization) {
    const kappa = kappaOf(beta, a);
    const unit = normalization === "softmax" ? 1 / bessel(0, kappa) : Math.exp(kappa);
    return unit * (((k * k) / kappa) * bessel(k, kappa) - a * bessel(1, kappa));
  }

  /** The mode k >= 1 of the largest rate. k^2 I_k is about k^2 exp(-k^2 / (2 kappa)), largest at sqrt(2 kappa). */
  function fastest(beta, a) {
    const modes = Array.from({ length: Math.floor(3 * Math.sqrt(2 * kappaOf(beta, a))) + 2 }, (_, k) => k + 1);
    const sizes = modes.map((k) => k * k * bessel(k, kappaOf(beta, a)));
    return modes[sizes.indexOf(Math.max(...sizes))];
  }

  /** a_loc, above which the identity is stable in every mode. */
  const threshold = (beta) => root((a) => -rate(fastest(beta, a), beta, a, "softmax"), 0, 2 + 1 / Math.cbrt(beta));

  const power = (value) =>
    (value >= 1e4 ? value.toExponential(0).replace("e+", "·10^") : brief(Number(value.toPrecision(1))));

  Explore.simulations.threshold = function (stage) {
    const angles = Array.from({ length: N }, (_, i) => (TAU * i) / N);
    const ring = Float64Array.from(angles.flatMap((to) => [Math.cos(to), Math.sin(to)]));
    let model, x, time, since, theory, pieces, curve;

    /** Sine of a tangent vector or point against the position i, and its cosine. */
    const across = (v, i) => ring[2 * i] * v[2 * i + 1] - ring[2 * i + 1] * v[2 * i];
    const along = (v, i) => ring[2 * i] * v[2 * i] + ring[2 * i + 1] * v[2 * i + 1];
    const deviations = () => angles.map((_, i) => Math.atan2(across(x, i), along(x, i)));
    const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

    /** Coefficients of cos and sin of mode k. */
    const mode = (values, k) => [Math.cos, Math.sin].map((wave) =>
      (2 / N) * values.reduce((sum, value, i) => sum + value * wave(k * angles[i]), 0));
    const amplitude = () => Math.hypot(...mode(deviations(), theory.k));

    /** How fast the amplitude changes now, relative to it. */
    function measured() {
      const v = model.velocity(x);
      const speeds = angles.map((_, i) => x[2 * i] * v[2 * i + 1] - x[2 * i + 1] * v[2 * i]);
      const [part, change] = [mode(deviations(), theory.k), mode(speeds, theory.k)];
      return (part[0] * change[0] + part[1] * change[1]) / (part[0] ** 2 + part[1] ** 2);
    }

    function learn() {
      const { beta, scale, normalization } = stage.value;
      // Tokens far from their positions are no sum of modes: then the one that has brought them there is kept.
      const k = pieces.length && largest(deviations()) > LINEAR ? theory.k : fastest(beta, scale);
      const predicted = rate(k, beta, scale, normalization);
      // At the threshold itself the rate is no measure of time: then that of a rotation is, which always decays.
      const unit = 1 / Math.max(Math.abs(predicted), 0.002 * Math.abs(rate(0, beta, scale, normalization)));
      theory = { beta, k, predicted, unit, threshold: theory?.beta === beta ? theory.threshold : threshold(beta) };
      Object.assign(model, { beta, scale });
      if (pieces.length && since === time) pieces.pop();
      if (pieces.length) pieces.at(-1).end ??= time;
      since = time;
      pieces.push({});
      note(true);
    }

    function note(broken = false) {
      const size = amplitude();
      const value = size > 0 ? Math.log(size) : NaN;
      curve.add(time, value, broken);
      const piece = pieces.at(-1);
      if (!("start" in piece) && size > ROUNDING && largest(deviations()) < LINEAR) {
        Object.assign(piece, { start: time, value, slope: theory.predicted });
      }
    }

    function restart() {
      const uniform = Explore.random(stage.seed);
      const { push, normalization } = stage.value;
      const size = push === "tiny" ? PUSH : LEAST;
      model = new Explore.Attention({ n: N, d: 2, beta: 1, positions: ring, normalization });
      x = Float64Array.from(angles.flatMap((to) => {
        const turned = to + size * (2 * uniform() - 1);
        return [Math.cos(turned), Math.sin(turned)];
      }));
      [time, pieces] = [0, []];
      curve = Explore.record((now) => Math.max(WINDOW * theory.unit, now - since) / 400);
      learn();
    }

    function changed(name) {
      if (name === "push" || name === "normalization") stage.restart();
      else if (name !== "speed") learn();
    }

    function advance(span) {
      // The error must stay small against what grows, and above rounding.
      const tolerance = Math.min(1e-6, Math.max(1e-15, 1e-5 * largest(deviations())));
      const done = model.advance(x, span * theory.unit, { tolerance, deadline: stage.deadline });
      time += done;
      note();
      return done / theory.unit;
    }

    function report() {
      const { k, predicted } = theory;
      const { scale } = stage.value;
      const [size, most] = [amplitude(), largest(deviations())];
      const spoken = most > 1e-3 ? show(most, 3)
        : `about 10 to the power ${show(Math.round(Math.log10(most + 1e-17)), 0)}`;
      const digits = Math.min(6, Math.max(0, 3 - Math.floor(Math.log10(Math.abs(predicted)))));
      const tell = (value) =>
        (digits ? show(Number(value.toFixed(digits)) || 0, digits) : brief(Math.round(value) || 0));
      const now = size < ROUNDING ? "is lost in rounding" : `changes at the rate ${tell(measured())}`;
      const parts = Explore.groups(angles.map((_, i) => Math.atan2(x[2 * i + 1], x[2 * i]))).length;
      const resting = () => model.velocity(x).every((v) => Math.abs(v) < 1e-3);
      const where = most < 0.02 ? "each at its position" : parts > 1 && resting() ? `in ${parts} groups`
        : most > FAR ? "far from their positions and on their way" : "not far from their positions";
      const far = most > FAR ? " The tokens are far from their positions, where the prediction ends." : "";
      return {
        text: `Scale ${show(scale, 3)}, ${scale > theory.threshold ? "above" : "below"} the threshold ` +
          `${show(theory.threshold, 3)}. Mode ${k} ${now}; predicted ${tell(predicted)}. ` +
          `Largest deviation ${spoken} radians.${far}`,
        label: `${N} tokens on the circle, ${where}.`,
      };
    }

    function draw({ g, look, width, height }) {
      const [cx, cy, radius] = [width / 2, height / 2, Math.max(1, Math.min(width, height) / 2 - 26)];
      const at = (to, reach) => [cx + radius * reach * Math.cos(to), cy - radius * reach * Math.sin(to)];
      circle(g, look.border, 1, cx, cy, radius);
      angles.forEach((to, i) => mark(g, look, i, N, at(to, 1 + 12 / radius), 2));
      angles.forEach((_, i) => mark(g, look, i, N, [cx + radius * x[2 * i], cy - radius * x[2 * i + 1]], 4));

      const values = deviations();
      const most = largest(values);
      const inner = 0.62;
      circle(g, look.border, 1, cx, cy, inner * radius);
      const wave = values.map((value, i) => at(angles[i], inner + (most > 0 ? (HEIGHT * value) / most : 0)));
      line(g, look.primary, 2, [...wave, wave[0]]);
      const fate = most > FAR ? "has grown" : theory.predicted > 0 ? "grows" : "decays";
      write(g, look.text, `mode ${theory.k} ${fate}`, cx, cy - 18);
      write(g, look.muted, "deviation", cx, cy + 2);
      write(g, look.muted, `× ${power(HEIGHT / Math.max(most, 1e-17))}`, cx, cy + 18);
    }

    function plot(sheet) {
      const { g, look, width, height } = sheet;
      const { unit } = theory;
      const begin = Math.max(0, since - (WINDOW / 2) * unit);
      const end = Math.max(since + WINDOW * unit, time);
      const low = Math.min(-14, ...curve.values()) - 1;
      const { px, py } = axes(sheet, [begin, end], [low, 2], "time");
      g.save();
      g.beginPath();
      g.rect(px(begin), 0, width, py(low));
      g.clip();
      for (const { start, value, slope, end: until = end } of pieces.filter((piece) => "start" in piece)) {
        line(g, look.muted, 1.5, [start, until].map((t) => [px(t), py(value + slope * (t - start))]), [5, 4]);
      }
      line(g, look.primary, 2, curve.points(px, py));
      g.restore();
    }

    return {
      controls: [
        { name: "beta", text: "inverse temperature β", min: 0.5, max: 5, step: 0.1, value: 2 },
        { name: "scale", text: "scale a of the positions", min: 0.3, max: 1.2, step: 0.005, value: 0.6, digits: 3 },
        { name: "normalization", text: "normalization", value: "softmax",
          options: { softmax: "softmax", none: "none" } },
        { name: "push", text: "push at the start", value: "tiny",
          options: { tiny: "a ten-thousandth", least: "a tenth of a trillionth" } },
        { name: "speed", text: "speed, in growth times a second", min: 0.2, max: 10, log: true, value: 2 },
      ],
      restart, changed, advance, draw, plot, report,
      plotLabel: "Logarithm of the amplitude of the mode against time. Dashed: growth or decay at the predicted rate.",
      get tokens() {
        return x;
      },
      get model() {
        return model;
      },
      get numbers() {
        const { beta, scale, normalization } = stage.value;
        const rates = Array.from({ length: 9 }, (_, k) => rate(k, beta, scale, normalization));
        return { ...theory, rates, measured: measured(), amplitude: amplitude(), time };
      },
    };
  };
})();
