/*
 * Tokens on the circle, their flow and its energy, to play with. In a page:
 *
 *   <div class="explore" data-explore="circle" data-positions="everywhere" data-beta="1" data-scale="0.4">
 *
 * data-positions is "none" (then no control speaks of positions), "nowhere", "queries" or "everywhere".
 */
(function () {
  "use strict";

  const { TAU, show, line, circle, write, mark, axes } = Explore;

  /** Groups of angles, parted by gaps of more than ten degrees. */
  function groups(angles) {
    const sorted = [...angles].sort((a, b) => a - b);
    const n = sorted.length;
    const starts = sorted.flatMap((a, k) => (a - (k ? sorted[k - 1] : sorted[n - 1] - TAU) > TAU / 36 ? [k] : []));
    return starts.map((first, k) => {
      const last = (starts[k + 1] ?? n + starts[0]) - 1;
      const width = sorted[last % n] + (last < n ? 0 : TAU) - sorted[first];
      return { size: last - first + 1, centre: sorted[first] + width / 2, width };
    });
  }

  Explore.groups = groups;

  Explore.simulations.circle = function (stage) {
    const { positions: placed = "none" } = stage.place.dataset;
    const positioned = placed !== "none";
    const energies = Explore.record();
    let n, ring, model, x;
    let [held, disturbed] = [-1, true];

    const oneBy = (f) => Array.from({ length: n }, (_, i) => f(i));
    const angle = (i) => Math.atan2(x[2 * i + 1], x[2 * i]);
    const turn = (i, to) => x.set([Math.cos(to), Math.sin(to)], 2 * i);
    const mean = () => [0, 1].map((c) => x.reduce((sum, u, k) => (k % 2 === c ? sum + u / n : sum), 0));

    function changed(name) {
      if (name === "n") return stage.restart();
      if (name === "speed") return;
      const { beta, scale = 0, positions = "none" } = stage.value;
      model.beta = beta;
      model.values = positions === "queries" ? "tokens" : "features";
      model.scale = ["queries", "everywhere"].includes(positions) ? scale : 0;
      // What a reader does may lower the energy, the flow may not: the curve is interrupted there.
      disturbed = true;
    }

    function note() {
      energies.add(stage.time, model.logEnergy(x), disturbed);
      disturbed = false;
    }

    function restart() {
      n = stage.value.n;
      ring = Float64Array.from({ length: 2 * n }, (_, c) => (c % 2 ? Math.sin : Math.cos)((TAU * (c >> 1)) / n));
      model = new Explore.Attention({ n, d: 2, beta: 1, positions: ring });
      mover.choose(-1);
      x = Explore.sample(n, 2, Explore.random(stage.seed));
      if (!positioned) {
        // Nothing but the start tells one token from another: colours then follow the circle.
        oneBy((i) => (angle(i) + TAU) % TAU).sort((a, b) => a - b).forEach((to, i) => turn(i, to));
      }
      energies.clear();
      changed();
      note();
    }

    function advance(span) {
      const kept = held < 0 ? 0 : angle(held);
      const done = model.advance(x, span, { deadline: stage.deadline });
      if (held >= 0) turn(held, kept);
      note();
      return done;
    }

    function report() {
      let least = 1;
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < i; j++) least = Math.min(least, x[2 * i] * x[2 * j] + x[2 * i + 1] * x[2 * j + 1]);
      }
      const energy = model.logEnergy(x);
      const parts = groups(oneBy(angle)).length;
      const layout = ["all round it", least > 0.5 ? "in one group" : "spread out"][parts] ?? `in ${parts} groups more than ten degrees apart`;
      return {
        text: `Time ${show(stage.time, 1)}. Smallest cosine ${show(least, 3)}. ` +
          `Order parameter |mean| ${show(Math.hypot(...mean()), 3)}. ` +
          (Number.isNaN(energy) ? "No energy: the flow is no gradient." : `Log-energy ${show(energy, 3)}.`),
        label: `${n} tokens on the circle, ${layout}.`,
      };
    }

    const geometry = ({ width, height }) => ({
      cx: width / 2, cy: height / 2, radius: Math.max(1, Math.min(width, height) / 2 - (positioned ? 38 : 28)),
    });

    function draw(sheet) {
      const { g, look } = sheet;
      const { cx, cy, radius } = geometry(sheet);
      const size = Math.max(2.5, Math.min(5, 40 / Math.sqrt(n)));
      const at = (u, v, reach = 1) => [cx + radius * reach * u, cy - radius * reach * v];
      const token = (i) => at(x[2 * i], x[2 * i + 1]);
      const position = (i) => at(ring[2 * i], ring[2 * i + 1], 1 + 13 / radius);

      circle(g, look.border, 1, cx, cy, radius);
      line(g, look.muted, 1, [[cx, cy], at(...mean())]);
      if (positioned) {
        g.globalAlpha = model.scale ? 1 : 0.35;
        oneBy((i) => mark(g, look, i, n, position(i), size / 2));
        g.globalAlpha = 1;
      }
      oneBy((i) => mark(g, look, i, n, token(i), size));
      const { chosen } = mover;
      if (chosen >= 0) {
        if (positioned) line(g, look.text, 1, [token(chosen), position(chosen)]);
        circle(g, look.text, 1.5, ...token(chosen), size + 4);
      }
      // How many tokens a dense group holds.
      for (const { size: many, centre, width } of groups(oneBy(angle))) {
        const place = at(Math.cos(centre), Math.sin(centre), 1 + (positioned ? 28 : 18) / radius);
        if (many > n / 15 && width < 0.1) write(g, look.text, many, ...place);
      }
    }

    function plot(sheet) {
      const dirac = model.beta - Math.log(2 * model.beta);
      const seen = [dirac, ...energies.values()];
      const [lowest, highest] = [Math.min(...seen), Math.max(...seen)];
      const pad = 0.12 * Math.max(highest - lowest, 0.1);
      const end = Math.max(10, stage.time);
      const { px, py } = axes(sheet, [0, end], [lowest - pad, highest + pad], "time");
      line(sheet.g, sheet.look.muted, 1, [[px(0), py(dirac)], [px(end), py(dirac)]], [5, 4]);
      line(sheet.g, sheet.look.primary, 2, energies.points(px, py));
    }

    const mover = Explore.mover(stage, "token", { count: () => n, angle, turn(i, to) {
      turn(i, to);
      disturbed = true;
    } });

    function nearest(point) {
      const { cx, cy, radius } = geometry(point);
      const [u, v] = [point.x - cx, cy - point.y];
      const away = oneBy((i) => Math.hypot(u - radius * x[2 * i], v - radius * x[2 * i + 1]));
      const i = away.indexOf(Math.min(...away));
      return { to: Math.atan2(v, u), i: away[i] < (point.coarse ? 24 : 12) ? i : -1 };
    }

    return {
      controls: [
        { name: "n", text: "tokens n", min: 2, max: 300, step: 1, digits: 0, value: 60 },
        { name: "beta", text: "inverse temperature β", min: 0.5, max: 20, step: 0.1, value: 2 },
        ...(positioned ? [
          { name: "scale", text: "scale s of the positions", min: 0, max: 3, step: 0.05, value: 1, digits: 2 },
          { name: "positions", text: "positions enter", value: placed,
            options: { nowhere: "nowhere", queries: "queries and keys", everywhere: "everywhere" } },
        ] : []),
        { name: "speed", text: "speed, in units of time a second", min: 0.1, max: 100, log: true, value: 1 },
      ],
      restart, changed, advance, draw, plot, report,
      plotLabel: "Log-energy against time. Dashed: all tokens at one point, without positions.",
      extra: [mover.element],
      near: (point) => nearest(point).i >= 0,
      press(point) {
        held = nearest(point).i;
        mover.choose(held);
        return held >= 0;
      },
      drag(point) {
        turn(held, nearest(point).to);
        mover.choose(held);
        disturbed = true;
      },
      lift: () => (held = -1),
      get tokens() {
        return x;
      },
      get model() {
        return model;
      },
    };
  };
})();
