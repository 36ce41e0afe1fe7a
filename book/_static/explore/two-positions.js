/*
 * Tokens at two opposite positions, whose scale is swept up and down: the loop. In a page:
 *
 *   <div class="explore" data-explore="two-positions" data-beta="1" data-scale="0.6">
 */
(function () {
  "use strict";

  const { show, line, circle, write, mark, axes, root } = Explore;
  const EACH = 4; // tokens of a position
  const LARGEST = 1.6; // scale
  const STEP = 0.025; // of a sweep
  const PUSH = 1e-3;
  const REST = 1e-6; // velocity at which a sweep goes on
  const PATIENCE = 200; // time after which it goes on anyway: close to a limit nothing rests soon

  /** The scale a_c at which the collapsed and the separated state have equal energy. */
  const crossing = (beta) => root(
    (a) => Math.sinh(2 * beta * a) + Math.exp(-2 * beta * a * a) * Math.expm1(-2 * beta * (1 + a)),
    0, Math.asinh(1) / (2 * beta));

  /** [a_sep, a_col]: the separated state is stable above the first scale, the collapsed one below the second. */
  const stability = (beta) => [
    root((a) => a * Math.exp(2 * beta * (1 + a) ** 2) - a - 2, 0, 1 + 1 / beta),
    root((a) => a * (Math.cosh(2 * beta * a * a) - Math.cosh(2 * beta * a)) - Math.sinh(2 * beta * a), 1, 1 + 1 / beta),
  ];

  /**
   * The unstable states at rest between the two, as [scale, alpha, gamma] with the angles of the two groups to e.
   * From a_col, where they leave the collapsed state, they are followed by Newton's method up to the symmetric ones
   * (the bent states of the chapter), and these to a_sep, where they reach the separated state.
   */
  function between(beta, [separatedFrom, collapsedUntil]) {
    const states = [[collapsedUntil, 0, 0]];
    let [a, alpha] = states[0];
    // The gradient of the energy; both parts share the factor of the two tokens' own attraction.
    const slope = (a, alpha, gamma) => {
      const both = 1 + 2 * a * a - Math.cos(alpha - gamma);
      const plus = Math.expm1(beta * (both + 3 * a * Math.cos(alpha) - a * Math.cos(gamma)));
      const minus = Math.expm1(beta * (both + a * Math.cos(alpha) - 3 * a * Math.cos(gamma)));
      const turn = Math.sin(gamma - alpha);
      return [a * Math.sin(alpha) * plus - turn, a * Math.sin(gamma) * minus - turn];
    };
    for (let gamma = 0.04; gamma < Math.PI; gamma += 0.04) {
      for (let k = 0; k < 12; k++) {
        const h = 1e-6;
        const [f, g] = slope(a, alpha, gamma);
        const [fa, ga] = slope(a + h, alpha, gamma).map((value, c) => (value - [f, g][c]) / h);
        const [fb, gb] = slope(a, alpha + h, gamma).map((value, c) => (value - [f, g][c]) / h);
        const determinant = fa * gb - fb * ga;
        a -= (f * gb - fb * g) / determinant;
        alpha -= (fa * g - f * ga) / determinant;
      }
      if (alpha > Math.PI - gamma) break;
      states.push([a, alpha, gamma]);
    }
    const last = states.at(-1)[1];
    for (let k = 1; k < 40; k++) {
      const angle = last * (1 - k / 40);
      const c = Math.cos(angle);
      const scale = root((s) => s * Math.expm1(2 * beta * (s + c) ** 2) - 2 * c, 0, 1 + 1 / beta);
      states.push([scale, angle, Math.PI - angle]);
    }
    return [...states, [separatedFrom, 0, Math.PI]];
  }

  Explore.simulations["two-positions"] = function (stage) {
    const n = 2 * EACH;
    const group = (i) => (i < EACH ? 0 : 1);
    const side = (i) => (i < EACH ? 1 : -1);
    const all = Array.from({ length: n }, (_, i) => i);
    const positions = Float64Array.from(all.flatMap((i) => [side(i), 0]));
    const model = new Explore.Attention({ n, d: 2, beta: 1, positions });
    const x = new Float64Array(2 * n);
    let theory, uniform, from, direction, waited, trail, jumps;

    const separation = () => all.reduce((sum, i) => sum + side(i) * x[2 * i], 0) / n;
    const turn = (i, to) => x.set([Math.cos(to), Math.sin(to)], 2 * i);

    // However unstable, a state at rest is left only by a push.
    function push() {
      for (const i of all) turn(i, Math.atan2(x[2 * i + 1], x[2 * i]) + PUSH * (2 * uniform() - 1));
      model.scale = stage.value.scale;
      waited = 0;
      note();
    }

    function place() {
      const together = stage.value.start === "together";
      for (const i of all) turn(i, together || group(i) === 0 ? 0 : Math.PI);
      direction = together ? 1 : -1;
      trail.push([NaN, NaN]);
      push();
    }

    function learn() {
      const { beta } = stage.value;
      const limits = stability(beta);
      theory = { threshold: crossing(beta), limits, saddles: between(beta, limits) };
      model.beta = beta;
      [trail, jumps] = [[], {}];
    }

    function changed(name) {
      if (name === "speed") return;
      from = stage.value.scale;
      if (name === "beta") learn();
      if (name === "start") place();
      else push();
    }

    function restart() {
      // Back to where the reader has put it: a sweep has moved it since.
      from ??= stage.value.scale;
      stage.set("scale", from);
      uniform = Explore.random(stage.seed);
      learn();
      place();
    }

    function note() {
      const [now, last] = [[stage.value.scale, separation()], trail.at(-1) ?? [NaN, NaN]];
      if (now[0] === last[0] && Math.abs(now[1] - last[1]) < 0.004) return;
      if ((now[1] - 0.5) * (last[1] - 0.5) < 0) jumps[now[1] > 0.5 ? "apart" : "together"] = now[0];
      trail.push(now);
      if (trail.length > 1000) trail.shift();
    }

    /** Move the scale on by a step; at the ends of the sweep only after a jump, and back. */
    function sweep() {
      const [separatedFrom, collapsedUntil] = theory.limits;
      const ends = [Math.max(0, separatedFrom - 0.05), Math.min(LARGEST, collapsedUntil + 0.05)];
      if (direction > 0 ? stage.value.scale >= ends[1] : stage.value.scale <= ends[0]) {
        if (direction > 0 ? separation() < 0.9 : separation() > 0.1) return;
        direction = -direction;
      }
      stage.set("scale", STEP * (Math.round(stage.value.scale / STEP) + direction));
      push();
    }

    function advance(span) {
      let time = 0;
      while (time < span && Date.now() <= stage.deadline) {
        const piece = Math.min(1, span - time);
        const done = model.advance(x, piece, { tolerance: 1e-9, deadline: stage.deadline });
        time = done === span - time ? span : time + done;
        waited += done;
        note();
        const rest = () => model.velocity(x).every((v) => Math.abs(v) < REST);
        if (stage.value.moves === "itself" && waited >= 1 && (waited > PATIENCE || rest())) sweep();
      }
      return time;
    }

    function report() {
      const { threshold, limits: [separatedFrom, collapsedUntil] } = theory;
      const { scale } = stage.value;
      const better = scale > threshold ? "separated" : "collapsed";
      const lasting = scale > separatedFrom && scale < collapsedUntil
        ? `both states last, and the ${better} one has more energy` : `only the ${better} state lasts`;
      const seen = Math.max(0, separation());
      const where = seen < 0.05 ? "All are together" : seen > 0.95 ? "The two groups are apart"
        : "The groups are on their way";
      const jump = (way, kind) => (kind in jumps ? ` The groups ${way} at ${show(jumps[kind], 3)}.` : "");
      return {
        text: `Scale ${show(scale, 3)}, separation ${show(seen, 2)}. At this scale ${lasting}. In theory the collapsed ` +
          `state lasts below ${show(collapsedUntil, 3)}, the separated one above ${show(separatedFrom, 3)}, and their ` +
          `energies are equal at ${show(threshold, 3)}.${jump("parted", "apart")}${jump("met", "together")}`,
        label: `${n} tokens on the circle, ${EACH} at each of two opposite positions. ${where}.`,
      };
    }

    function draw({ g, look, width, height }) {
      const reach = Math.max(1, Math.min(width, height) / 2 - 14) / LARGEST;
      const at = (u, v = 0) => [width / 2 + reach * u, height / 2 - reach * v];
      const { scale } = stage.value;
      line(g, look.border, 1, [at(-LARGEST), at(LARGEST)]);
      circle(g, look.border, 1, ...at(0), reach);
      for (const i of all) line(g, look.muted, 1, [at(side(i) * scale), at(x[2 * i], x[2 * i + 1])]);
      for (const i of all) {
        // The second group smaller, so that it hides no token of the first.
        mark(g, look, group(i), 2, at(x[2 * i], x[2 * i + 1]), group(i) ? 5 : 9);
      }
      for (const s of [1, -1]) {
        const place = at(s * scale);
        mark(g, look, s > 0 ? 0 : 1, 2, place, 3.5);
        // Side by side where the scale is small.
        write(g, look.text, s > 0 ? "+a" : "−a", place[0] + s * Math.max(0, 14 - reach * scale), place[1] + 16);
      }
    }

    /** A letter with an index. */
    function sign(g, look, index, x, y) {
      write(g, look.text, "a", x - 4, y, "right");
      g.font = look.font.replace("13px", "10px");
      write(g, look.text, index, x - 3, y + 4, "left");
      g.font = look.font;
    }

    function plot(sheet) {
      const { g, look } = sheet;
      const { threshold, limits: [separatedFrom, collapsedUntil], saddles } = theory;
      const { px, py } = axes(sheet, [0, LARGEST], [-0.08, 1.3], "scale a");
      const [lasts, fails] = [[6, 4], [1.5, 4]];
      const level = (from, to, height, dash) =>
        line(g, look.muted, 1.5, [[px(from), py(height)], [px(to), py(height)]], dash);
      level(0, collapsedUntil, 0, lasts);
      level(collapsedUntil, LARGEST, 0, fails);
      level(separatedFrom, LARGEST, 1, lasts);
      level(0, separatedFrom, 1, fails);
      line(g, look.muted, 1.5, saddles.map(([a, alpha, gamma]) =>
        [px(a), py((Math.cos(alpha) - Math.cos(gamma)) / 2)]), fails);
      const limits = [["sep", separatedFrom, 1.2], ["c", threshold, 0.75], ["col", collapsedUntil, 1.2]];
      for (const [index, a, height] of limits) {
        line(g, look.border, 1, [[px(a), py(-0.08)], [px(a), py(1.1)]]);
        sign(g, look, index, px(a) + (height < 1 ? 12 : 0), py(height));
      }
      line(g, look.primary, 2, trail.map(([a, s]) => [px(a), py(s)]));
      const now = trail.at(-1);
      g.fillStyle = look.primary;
      g.beginPath();
      g.arc(px(now[0]), py(now[1]), 5, 0, Explore.TAU);
      g.fill();
    }

    return {
      controls: [
        { name: "beta", text: "inverse temperature β", min: 0.4, max: 2.5, step: 0.1, value: 1 },
        { name: "scale", text: "scale a of the positions", min: 0, max: LARGEST, step: 0.005, value: 0.6, digits: 3 },
        { name: "moves", text: "the scale moves", value: "itself",
          options: { hand: "by hand", itself: "up and down by itself" } },
        { name: "start", text: "the groups start", value: "together",
          options: { together: "together", apart: "apart" } },
        { name: "speed", text: "speed, in units of time a second", min: 5, max: 500, log: true, value: 100, digits: 0 },
      ],
      restart, changed, advance, draw, plot, report,
      plotLabel: "Separation of the two groups, from 0 together to 1 apart, against the scale. Dashed: states at rest " +
        "that last. Dotted: those that do not.",
      get tokens() {
        return x;
      },
      get model() {
        return model;
      },
      get numbers() {
        return { ...theory, separation: separation(), jumps };
      },
    };
  };
})();
