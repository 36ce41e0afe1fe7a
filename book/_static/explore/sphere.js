/*
 * Tokens on the sphere in three dimensions, to turn in the hand:
 *
 *   <div class="explore" data-explore="sphere" data-beta="4" data-n="120">
 */
(function () {
  "use strict";

  const { TAU, make, button, show, line, circle, mark, axes } = Explore;

  /** The rotation by an angle about the axis of the screen that is 0 (to the right) or 1 (upwards), after R. */
  function turned(R, axis, angle) {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const Q = axis === 0 ? [1, 0, 0, 0, c, -s, 0, s, c] : [c, 0, s, 0, 1, 0, -s, 0, c];
    return R.map((_, k) => [0, 1, 2].reduce((sum, m) => sum + Q[3 * Math.floor(k / 3) + m] * R[3 * m + (k % 3)], 0));
  }

  /** The mean of tokens. */
  function mean(x) {
    const sum = [0, 0, 0];
    x.forEach((u, k) => (sum[k % 3] += u));
    return sum.map((u) => (3 * u) / x.length);
  }

  /** A sphere seen from one side, its tokens, and the line from the centre to their mean. */
  function ball({ g, look }, view, x, { cx, cy, radius }) {
    // To the right, upwards, and towards the reader.
    const seen = ([a, b, c]) => [0, 3, 6].map((k) => view[k] * a + view[k + 1] * b + view[k + 2] * c);
    const at = ([u, v]) => [cx + radius * u, cy - radius * v];
    circle(g, look.border, 1, cx, cy, radius);
    // Equator and two meridians, dotted behind: they show how the sphere is turned.
    for (const axis of [0, 1, 2]) {
      const ring = Array.from({ length: 73 }, (_, k) => {
        const point = [Math.cos((TAU * k) / 72), Math.sin((TAU * k) / 72)];
        point.splice(axis, 0, 0);
        return seen(point);
      });
      for (const front of [false, true]) {
        const part = ring.map((point) => (point[2] >= 0 === front ? at(point) : [NaN, NaN]));
        line(g, look.border, 1, part, front ? [] : [2, 5]);
      }
    }
    const n = x.length / 3;
    const tokens = Array.from({ length: n }, (_, i) => [i, seen(x.subarray(3 * i, 3 * i + 3))]);
    tokens.sort(([, a], [, b]) => a[2] - b[2]);
    const size = Math.max(2.5, Math.min(5, 45 / Math.sqrt(n)));
    for (const [i, point] of tokens) {
      g.globalAlpha = point[2] < 0 ? 0.3 : 1;
      mark(g, look, i, n, at(point), size * (1 + 0.3 * point[2]));
    }
    g.globalAlpha = 1;
    line(g, look.muted, 1.5, [[cx, cy], at(seen(mean(x)))]);
  }

  Object.assign(Explore, { ball, mean, turned });

  Explore.simulations.sphere = function (stage) {
    const curve = Explore.record();
    let view = turned([1, 0, 0, 0, 1, 0, 0, 0, 1], 0, 0.4);
    let n, model, x, held;

    function restart() {
      n = stage.value.n;
      model = new Explore.Attention({ n, d: 3, beta: stage.value.beta });
      x = Explore.sample(n, 3, Explore.random(stage.seed));
      curve.clear();
      note(true);
    }

    function changed(name) {
      if (name === "n") return stage.restart();
      model.beta = stage.value.beta;
    }

    const note = (fresh) => curve.add(stage.time, Math.hypot(...mean(x)), fresh);

    function advance(span) {
      const done = model.advance(x, span, { deadline: stage.deadline });
      note(false);
      return done;
    }

    function report() {
      let least = 1;
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < i; j++) {
          least = Math.min(least, x[3 * i] * x[3 * j] + x[3 * i + 1] * x[3 * j + 1] + x[3 * i + 2] * x[3 * j + 2]);
        }
      }
      return {
        text: `Time ${show(stage.time, 1)}. Smallest cosine ${show(least, 3)}. ` +
          `Order parameter |mean| ${show(Math.hypot(...mean(x)), 3)}. Log-energy ${show(model.logEnergy(x), 3)}.`,
        label: `${n} tokens on the sphere, ${least > 0.99 ? "in one point." : "apart."}`,
      };
    }

    function draw(sheet) {
      const { width, height } = sheet;
      ball(sheet, view, x, { cx: width / 2, cy: height / 2, radius: Math.max(1, Math.min(width, height) / 2 - 16) });
    }

    function plot(sheet) {
      const { px, py } = axes(sheet, [0, Math.max(10, stage.time)], [0, 1], "time");
      line(sheet.g, sheet.look.primary, 2, curve.points(px, py));
    }

    const nudge = (text, axis, angle) => button(text, () => {
      view = turned(view, axis, angle);
      stage.touch();
    });
    const eighth = TAU / 16;
    return {
      controls: [
        { name: "n", text: "tokens n", min: 2, max: 300, step: 1, digits: 0, value: 120 },
        { name: "beta", text: "inverse temperature β", min: 0.5, max: 40, step: 0.1, value: 4 },
        { name: "speed", text: "speed, in units of time a second", min: 0.1, max: 100, log: true, value: 1 },
      ],
      restart, changed, advance, draw, plot, report,
      plotLabel: "Length of the mean token against time: 1 where all tokens are one.",
      extra: [make("div", { class: "explore-buttons" }, nudge("Turn left", 1, -eighth), nudge("Turn right", 1, eighth),
        nudge("Tilt up", 0, -eighth), nudge("Tilt down", 0, eighth))],
      near: () => true,
      press(point) {
        held = point;
        return true;
      },
      drag(point) {
        const size = Math.min(point.width, point.height) / 2;
        view = turned(turned(view, 1, (point.x - held.x) / size), 0, (point.y - held.y) / size);
        held = point;
      },
      get tokens() {
        return x;
      },
      get model() {
        return model;
      },
    };
  };
})();
