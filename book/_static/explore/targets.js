/*
 * Targets that a reader draws, the positions that put tokens at rest there, and a kick to see whether they come back:
 *
 *   <div class="explore" data-explore="targets" data-law="random" data-radius="2.5">
 */
(function () {
  "use strict";

  const { TAU, make, button, show, line, trace, circle, mark, axes, root } = Explore;
  const [DAMPING, ENOUGH, MOST] = [0.5, 1e-13, 1000]; // of the iteration
  const LOWEST = -6; // decade of distance at which the plot ends
  const HOME = 1e-3; // distance below which tokens count as at their targets

  const dot = (a, b) => a[0] * b[0] + a[1] * b[1];
  const point = (angle) => [Math.cos(angle), Math.sin(angle)];

  /** The kappa above which positions are proved to exist: two conditions, the second for kappa up to 1. */
  function bound(n) {
    const first = root((kappa) => kappa * Math.exp(kappa + 1) - (n - 1), 0, n);
    const second = Math.log(n - 1) / 2;
    return { bound: first, proved: second <= 1 ? Math.min(first, second) : first };
  }

  /**
   * Positions for targets, as in mfcore: features R u of one length with F(u) = targets, F(u)_i the direction of
   * sum_j exp(kappa <u_i, u_j>) u_j, by u <- N(u + damping (targets - F(u))). Without success { positions } is null.
   */
  function positionsFor(targets, beta, radius) {
    const kappa = beta * radius * radius;
    const n = targets.length;
    const wanted = targets.flat();
    const u = Float64Array.from(wanted);
    const image = new Float64Array(2 * n);
    for (let iterations = 0; ; iterations++) {
      let residual = 0;
      for (let i = 0; i < 2 * n; i += 2) {
        let [a, b] = [0, 0];
        for (let j = 0; j < 2 * n; j += 2) {
          const weight = Math.exp(kappa * (u[i] * u[j] + u[i + 1] * u[j + 1] - 1));
          a += weight * u[j];
          b += weight * u[j + 1];
        }
        const length = Math.hypot(a, b);
        image.set(length > 0 ? [a / length, b / length] : [u[i], u[i + 1]], i);
        residual = Math.max(residual, Math.hypot(image[i] - wanted[i], image[i + 1] - wanted[i + 1]));
      }
      if (residual <= ENOUGH) {
        return { residual, iterations, positions: targets.map((x, i) => x.map((c, k) => radius * u[2 * i + k] - c)) };
      }
      if (iterations === MOST) return { residual, iterations, positions: null };
      for (let i = 0; i < 2 * n; i += 2) {
        const [a, b] = [0, 1].map((k) => u[i + k] + DAMPING * (wanted[i + k] - image[i + k]));
        const length = Math.hypot(a, b);
        if (length > 0) u.set([a / length, b / length], i);
      }
    }
  }

  /** Eigenvalues and eigenvectors (columns) of a symmetric matrix, by Jacobi's rotations. */
  function eigen(matrix) {
    const n = matrix.length;
    const a = matrix.map((row) => [...row]);
    const v = a.map((_, i) => a.map((_, j) => (i === j ? 1 : 0)));
    const size = Math.max(...a.flat().map(Math.abs));
    for (let sweep = 0; sweep < 30; sweep++) {
      let off = 0;
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < i; j++) {
          off = Math.max(off, Math.abs(a[i][j]));
          const angle = Math.atan2(2 * a[i][j], a[j][j] - a[i][i]) / 2;
          const [c, s] = point(angle);
          for (let k = 0; k < n; k++) [a[i][k], a[j][k]] = [c * a[i][k] - s * a[j][k], s * a[i][k] + c * a[j][k]];
          for (const row of [...a, ...v]) [row[i], row[j]] = [c * row[i] - s * row[j], s * row[i] + c * row[j]];
        }
      }
      if (off <= 1e-14 * size) break;
    }
    return { values: a.map((row, i) => row[i]), vectors: v };
  }

  /**
   * The linearized flow of the tokens' angles about the targets: { rate, after }, the largest rate of growth, and what
   * becomes of small displacements after a time. The matrix is symmetric but for the masses of attention.
   */
  function linearize(targets, positions, beta) {
    const z = targets.map((x, i) => x.map((c, k) => c + positions[i][k]));
    const across = targets.map(([a, b]) => [-b, a]);
    const logits = z.map((a) => z.map((b) => beta * dot(a, b)));
    const logMass = logits.map((row) => {
      const top = Math.max(...row);
      return top + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - top), 0));
    });
    const matrix = targets.map((x, i) => targets.map((_, k) => {
      const weight = (j) => Math.exp(logits[i][j] - logMass[i]);
      if (k !== i) {
        const slope = dot(across[i], across[k]) + beta * dot(z[i], across[k]) * dot(z[k], across[i]);
        return Math.exp(logits[i][k] - (logMass[i] + logMass[k]) / 2) * slope;
      }
      return weight(i) * (1 + beta * dot(z[i], across[i]) ** 2) +
        z.reduce((sum, b, j) => sum + weight(j) * (beta * dot(b, across[i]) ** 2 - dot(b, x)), 0);
    }));
    const { values, vectors } = eigen(matrix);
    const scale = logMass.map((log) => Math.exp((log - logMass[0]) / 2));
    const after = (moved, time) => {
      const parts = values.map((value, k) =>
        Math.exp(value * time) * moved.reduce((sum, u, i) => sum + vectors[i][k] * scale[i] * u, 0));
      return moved.map((_, i) => parts.reduce((sum, part, k) => sum + vectors[i][k] * part, 0) / scale[i]);
    };
    return { rate: Math.max(...values), after };
  }

  /** A small positive number, to be read aloud. */
  function inWords(value) {
    if (value >= 1e-3 || value === 0) return show(value, 3);
    const [digit, power] = value.toExponential(0).split("e-");
    return `${digit} times ten to the minus ${power}`;
  }

  Explore.simulations.targets = function (stage) {
    const curve = Explore.record();
    let n, targets, x, uniform; // targets as points, tokens as a flat array
    let found, local, model; // positions, the linearized flow, and the flow
    let age, kicked; // time since the last change, and displacements at that time
    let held = -1;

    const all = () => Array.from({ length: n }, (_, i) => i);
    const token = (i) => [x[2 * i], x[2 * i + 1]];
    /** The angle from its target to a token. */
    const off = (i) => {
      const [a, b] = [targets[i], token(i)];
      return Math.atan2(a[0] * b[1] - a[1] * b[0], dot(a, b));
    };
    const distance = () => Math.max(...all().map((i) => Math.abs(off(i))));

    function layouts() {
      const share = (i, many) => (many > 1 ? (2 * i) / (many - 1) - 1 : 0);
      const half = Math.floor(n / 2);
      return {
        even: () => all().map((i) => (TAU * i) / n),
        random: () => all().map(() => TAU * uniform()).sort((a, b) => a - b),
        groups: () => all().map((i) => (i < half ? 0.5 * share(i, half) : 2.5 + 0.5 * share(i - half, n - half))),
        one: () => all().map((i) => (i < n - 1 ? 0.1 * share(i, n - 1) : 3)),
      };
    }

    /** What the reader does starts the plot anew. */
    function anew() {
      age = 0;
      kicked = all().map(off);
      curve.clear();
      note();
      stage.touch();
    }

    function solve() {
      const { beta, radius } = stage.value;
      found = positionsFor(targets, beta, radius);
      local = found.positions && linearize(targets, found.positions, beta);
      model = found.positions && new Explore.Attention({ n, d: 2, beta, scale: 1,
        positions: Float64Array.from(found.positions.flat()) });
      anew();
    }

    function kick() {
      for (const i of all()) {
        const [c, s] = point(stage.value.kick * (2 * uniform() - 1));
        const [a, b] = token(i);
        x.set([c * a - s * b, s * a + c * b], 2 * i);
      }
      anew();
    }

    function putBack() {
      x = Float64Array.from(targets.flat());
      anew();
    }

    function restart() {
      n = stage.value.n;
      held = -1;
      uniform = Explore.random(stage.seed);
      targets = layouts()[stage.value.law]().map(point);
      x = Float64Array.from(targets.flat());
      mover.choose(-1);
      solve();
      kick();
    }

    function changed(name) {
      if (name === "n" || name === "law") return stage.restart();
      if (name !== "kick") solve();
    }

    const note = () => curve.add(age, Math.max(LOWEST, Math.log10(distance())));

    function advance(span) {
      if (!model) return span;
      let time = 0;
      while (time < span && Date.now() <= stage.deadline) {
        const piece = Math.min(0.5, span - time);
        // Relative to the distance, so that it may become as small as numbers allow.
        const tolerance = Math.min(1e-7, Math.max(1e-15, 1e-6 * distance()));
        const done = model.advance(x, piece, { tolerance, deadline: stage.deadline });
        time = done === span - time ? span : time + done;
        age += done;
        note();
      }
      return time;
    }

    function state() {
      const kappa = stage.value.beta * stage.value.radius ** 2;
      const { proved } = bound(n);
      const above = kappa > proved;
      const bounds = `Kappa is ${show(kappa, 2)}, ${above ? "above" : "not above"} the bound ${show(proved, 2)}: ` +
        (above ? "positions exist that put any targets at rest" : "here nothing is proved for all targets");
      if (!found.positions) {
        return `${bounds}, ${above ? "but" : "and"} the iteration finds none. After ${found.iterations} steps a ` +
          `residual of ${inWords(found.residual)} is left, and the tokens wait.`;
      }
      const { rate } = local;
      return `${bounds}${above ? "." : ", but the iteration finds positions."} The targets are at rest, with a ` +
        `residual of ${inWords(found.residual)} after ${found.iterations} steps. ` +
        (rate < 0 ? `They are stable: in the end a small kick dies out at the rate ${show(-rate, 3)}.`
          : `They are not stable: a small kick grows at the rate ${show(rate, 3)}.`);
    }

    function report() {
      const away = distance();
      const where = away < HOME ? "All tokens are at their targets."
        : `The farthest token is ${show((away * 360) / TAU, 1)} degrees from its target.`;
      return { text: `${state()} ${where}`, label: `${n} targets on the circle, and as many tokens.` };
    }

    const geometry = ({ width, height }) => {
      const half = Math.min(width, height) / 2;
      return { cx: width / 2, cy: height / 2, radius: Math.max(1, 0.7 * half), room: Math.max(1, 0.3 * half - 10) };
    };

    function draw(sheet) {
      const { g, look } = sheet;
      const { cx, cy, radius, room } = geometry(sheet);
      const at = ([u, v]) => [cx + radius * u, cy - radius * v];
      circle(g, look.border, 1, cx, cy, radius);
      if (found.positions) {
        const scale = Math.min(radius, room / Math.max(...found.positions.map((p) => Math.hypot(...p))));
        found.positions.forEach(([u, v], i) => arrow(g, look.muted, at(targets[i]), [scale * u, -scale * v]));
      }
      for (const i of all()) {
        if (Math.abs(off(i)) > 0.05) line(g, look.border, 1, [at(targets[i]), at(token(i))]);
      }
      for (const i of all()) circle(g, look.cycle(i / n), 2, ...at(targets[i]), 9);
      for (const i of all()) mark(g, look, i, n, at(token(i)), 5);
      if (mover.chosen >= 0) circle(g, look.text, 1.5, ...at(targets[mover.chosen]), 13);
    }

    function arrow(g, colour, [x, y], [u, v]) {
      const length = Math.hypot(u, v);
      if (length < 4) return;
      const [c, s] = [u / length, v / length];
      line(g, colour, 1.5, [[x, y], [x + u, y + v]]);
      g.fillStyle = colour;
      g.beginPath();
      trace(g, [[x + u + 2 * c, y + v + 2 * s], [x + u - 6 * c - 3.5 * s, y + v - 6 * s + 3.5 * c],
        [x + u - 6 * c + 3.5 * s, y + v - 6 * s - 3.5 * c]]);
      g.fill();
    }

    const expected = (time) => Math.max(...local.after(kicked, time).map(Math.abs));

    function plot(sheet) {
      const end = Math.max(10, age);
      const { px, py } = axes(sheet, [0, end], [LOWEST, 1], "time since the last change");
      // Larger displacements are no matter of linear theory.
      if (local && Math.max(...kicked.map(Math.abs)) <= 1) {
        const times = Array.from({ length: 101 }, (_, k) => (end * k) / 100);
        line(sheet.g, sheet.look.muted, 1.5, times.map((time) => {
          const log10 = Math.log10(expected(time));
          return [px(time), log10 >= LOWEST && log10 <= 1 ? py(log10) : NaN];
        }), [5, 4]);
      }
      line(sheet.g, sheet.look.primary, 2, curve.points(px, py));
    }

    function turn(i, to) {
      targets[i] = point(to);
      solve();
    }

    const mover = Explore.mover(stage, "target", { count: () => n, turn,
      angle: (i) => Math.atan2(targets[i][1], targets[i][0]) });

    function nearest(place) {
      const { cx, cy, radius } = geometry(place);
      const [u, v] = [place.x - cx, cy - place.y];
      const away = targets.map(([a, b]) => Math.hypot(u - radius * a, v - radius * b));
      const i = away.indexOf(Math.min(...away));
      return { to: Math.atan2(v, u), i: away[i] < (place.coarse ? 28 : 16) ? i : -1 };
    }

    return {
      controls: [
        { name: "n", text: "targets n", min: 4, max: 24, step: 1, digits: 0, value: 8 },
        { name: "law", text: "targets", value: "random",
          options: { random: "random", even: "even", groups: "two groups", one: "one against the rest" } },
        { name: "beta", text: "inverse temperature β", min: 0.2, max: 5, step: 0.1, value: 1 },
        { name: "radius", text: "radius R of the features", min: 0.3, max: 5, step: 0.05, value: 2.5, digits: 2 },
        { name: "kick", text: "size of a kick, in radians", min: 0.001, max: 3.14, log: true, value: 0.3, digits: 3 },
      ],
      restart, changed, advance, draw, plot, report,
      plotLabel: "Largest angle between a token and its target, in powers of ten of a radian, against time. Dashed: " +
        "the flow linearized at the targets.",
      extra: [make("div", { class: "explore-buttons" }, button("Kick", kick), button("Put back", putBack)),
        mover.element],
      near: (place) => nearest(place).i >= 0,
      press(place) {
        held = nearest(place).i;
        mover.choose(held);
        return held >= 0;
      },
      drag(place) {
        turn(held, nearest(place).to);
        mover.choose(held);
      },
      get tokens() {
        return x;
      },
      get model() {
        return model;
      },
      get numbers() {
        const kappa = stage.value.beta * stage.value.radius ** 2;
        return { kappa, ...bound(n), targets, ...found, rate: local && local.rate, kicked, age, distance: distance(),
          expected: local && expected(age) };
      },
    };
  };
})();
