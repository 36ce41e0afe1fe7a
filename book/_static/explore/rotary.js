/*
 * Rotary encoding on the circle: one run, seen as tokens and as features, and the length of the mean token:
 *
 *   <div class="explore" data-explore="rotary" data-frequency="0.35" data-values="turned">
 */
(function () {
  "use strict";

  const { TAU, line, circle, write, mark, axes, show } = Explore;
  const UNWIND = 700; // ms from tokens to features, when the other one is chosen

  Explore.simulations.rotary = function (stage) {
    const landed = new Map();
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    let n, model, x, uniform;
    // How far the tokens are turned into features in the picture, from 0 to 1, and when that was drawn.
    let [turned, drawn] = [0, 0];

    const oneBy = (f) => Array.from({ length: n }, (_, i) => f(i));
    const features = () => Explore.rotate(x.slice(), model.angles, 1);
    const mean = () => [0, 1].map((c) => x.reduce((sum, u, k) => (k % 2 === c ? sum + u / n : sum), 0));
    const order = () => Math.hypot(...mean());
    const carried = () => stage.value.values === "turned";

    /** |mean of e^(iωp)| over the positions 0 to n - 1. */
    function dirichlet(omega) {
      const low = Math.sin(omega / 2);
      return Math.abs(low) < 1e-9 ? 1 : Math.abs(Math.sin((n * omega) / 2) / (n * low));
    }

    const theory = (omega) => (carried() ? dirichlet(omega) : 1);

    function least(y) {
      let cosine = 1;
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < i; j++) cosine = Math.min(cosine, y[2 * i] * y[2 * j] + y[2 * i + 1] * y[2 * j + 1]);
      }
      return cosine;
    }

    function changed(name) {
      if (name === "n") return stage.restart();
      if (name === "seen") return;
      model.beta = stage.value.beta;
      model.values = carried() ? "features" : "tokens";
      model.angles = Float64Array.from({ length: n }, (_, p) => p * stage.value.frequency);
      if (name === "values") landed.clear();
      // Tokens on an orbit lie even in the frame of another frequency. Left alone they would keep this symmetry, and
      // come to rest in two opposite points, which is a saddle.
      if (name === "frequency") Explore.rotate(x, oneBy(() => 0.03 * (uniform() - 0.5)), 1);
    }

    function restart() {
      n = stage.value.n;
      model = new Explore.Attention({ n, d: 2, beta: 1 });
      // On an open half circle tokens whose values are not turned meet, whatever the frequency.
      uniform = Explore.random(stage.seed);
      x = Float64Array.from(oneBy(() => (0.03 + 0.44 * uniform()) * TAU).flatMap((a) => [Math.cos(a), Math.sin(a)]));
      landed.clear();
      changed();
    }

    function advance(span) {
      const done = model.advance(x, span, { deadline: stage.deadline });
      if (least(carried() ? features() : x) > 1 - 1e-6) landed.set(stage.value.frequency, order());
      return done;
    }

    function report() {
      const apart = least(features());
      return {
        text: `Time ${show(stage.time, 1)}. Length of the mean token ${show(order(), 3)}, and in theory ` +
          `${show(theory(stage.value.frequency), 3)} ${carried() ? "on one orbit" : "in one point"}. ` +
          `Smallest cosine of two tokens ${show(least(x), 3)}, of two features ${show(apart, 3)}.`,
        label: `${n} ${stage.value.seen} on the circle; the features are ${apart > 0.999 ? "in one point" : "apart"}.`,
      };
    }

    function turn() {
      const [goal, now] = [stage.value.seen === "features" ? 1 : 0, performance.now()];
      const step = still.matches ? 1 : Math.min(now - drawn, 50) / UNWIND;
      turned = goal ? Math.min(1, turned + step) : Math.max(0, turned - step);
      drawn = now;
      if (turned !== goal) stage.touch();
    }

    function draw({ g, look, width, height }) {
      turn();
      const [cx, cy, radius] = [width / 2, height / 2, Math.max(1, Math.min(width, height) / 2 - 34)];
      const size = Math.max(3.5, Math.min(7, 32 / Math.sqrt(n)));
      const at = (u, v, reach = 1) => [cx + radius * reach * u, cy - radius * reach * v];
      const angles = model.angles.map((a) => turned * (a % TAU));
      const y = Explore.rotate(x.slice(), angles, 1);
      const place = (i, reach) => at(y[2 * i], y[2 * i + 1], reach);

      circle(g, look.border, 1, cx, cy, radius);
      if (turned === 0) line(g, look.muted, 1.5, [[cx, cy], at(...mean())]);
      // In the order of their positions: the thread on which the tokens are strung.
      line(g, look.border, 1, oneBy((i) => place(i)));
      oneBy((i) => mark(g, look, i, n, place(i), size));
      write(g, look.text, 0, ...place(0, 1 + 20 / radius));
      write(g, look.text, n - 1, ...place(n - 1, 1 - 20 / radius));
      write(g, look.muted, turned < 0.5 ? "tokens x" : "features z = R x", 4, 12, "left");
    }

    function plot(sheet) {
      const { g, look } = sheet;
      const { px, py } = axes(sheet, [0, TAU], [0, 1.08], "frequency ω, radians a position");
      const scan = Array.from({ length: 401 }, (_, k) => (k * TAU) / 400);
      line(g, look.muted, 1.5, scan.map((omega) => [px(omega), py(theory(omega))]), [5, 4]);
      g.fillStyle = look.primary;
      for (const [omega, length] of landed) g.fillRect(px(omega) - 2, py(length) - 2, 4, 4);
      const { frequency } = stage.value;
      line(g, look.primary, 1, [[px(frequency), py(order())], [px(frequency), py(theory(frequency))]]);
      g.beginPath();
      g.arc(px(frequency), py(order()), 5, 0, TAU);
      g.fill();
    }

    return {
      controls: [
        { name: "n", text: "tokens n, at the positions 0 to n − 1", min: 2, max: 60, step: 1, digits: 0, value: 12 },
        { name: "frequency", text: "frequency ω", min: 0, max: TAU + 1e-9, step: TAU / 840, digits: 2, value: 0.35 },
        { name: "beta", text: "inverse temperature β", min: 0.5, max: 6, step: 0.1, value: 1 },
        { name: "values", text: "rotary in", value: "turned",
          options: { bare: "queries and keys", turned: "values too" } },
        { name: "seen", text: "seen", value: "tokens", options: { tokens: "tokens", features: "features" } },
        { name: "speed", text: "speed, in units of time a second", min: 0.1, max: 100, log: true, value: 2 },
      ],
      restart, changed, advance, draw, plot, report,
      plotLabel: "Length of the mean token against the frequency. Dashed: where the tokens go in theory. " +
        "Dot: now. Squares: where they came to rest.",
      get tokens() {
        return x;
      },
      get model() {
        return model;
      },
      get numbers() {
        const curve = [0, 0.35, 1, TAU / n, 6].map((omega) => [omega, dirichlet(omega)]);
        return { order: order(), features: features(), curve };
      },
    };
  };
})();
