/*
 * Clusters that form soon and live exponentially long: the energy climbs a staircase in logarithmic time. In a page:
 *
 *   <div class="explore" data-explore="clusters" data-start="even" data-beta="20" data-n="150">
 */
(function () {
  "use strict";

  const { TAU, show, line, write, circle, mark, axes, bessel } = Explore;
  const MET = 1e-6; // distance at which tokens are one from then on: the flow keeps equal tokens equal
  const TIGHT = 1e-3; // largest distance of neighbours in a cluster
  const NOISE = 1e-4; // of even tokens
  const FIRST = -1; // decade of time at which the plot begins,
  const LOOK = 0.02; // of the clock, between two looks for the first plateau
  const END = 300; // and at which the clock stops, about where numbers end

  /** The rates of growth about the uniform law: { rate, k } of the fastest mode. */
  function fastest(beta) {
    const grown = Array.from({ length: Math.floor(3 * Math.sqrt(2 * beta)) + 3 }, (_, k) => k * k * bessel(k, beta));
    const k = grown.indexOf(Math.max(...grown));
    return { k, rate: grown[k] / (beta * bessel(0, beta)) };
  }

  /** How many modes the kernel density of many random tokens has on average. */
  const modes = (beta) => Math.sqrt((1.5 * beta * bessel(0, 2 * beta)) / bessel(1, 2 * beta) - 0.5);

  /**
   * Two clusters alone, the first r times as heavy, from an angle until they have met: { log, way }, the logarithm of
   * the time and the way of the first. Simpson's rule in w = log tan(angle / 2), dense at the start: there, in a
   * width of 1 / (beta sin^2), nearly all of the time passes.
   */
  function pair(angle, beta, r) {
    const points = 400;
    const both = r + 1 / r;
    const start = Math.log(Math.tan(angle / 2));
    const width = Math.min(1, Math.cosh(start) ** 2 / beta);
    const reach = Math.log1p((start - Math.log(Math.tan(MET / 2))) / width);
    let [time, way] = [0, 0];
    for (let k = 0; k <= points; k++) {
      const y = (reach * k) / points;
      const u = width * Math.expm1(y);
      const sine = 1 / Math.cosh(start - u);
      const seen = Math.exp(-beta * (1 + Math.tanh(start - u))); // 1/q in the chapters
      const faster = Math.exp((-beta * Math.sinh(u) * sine) / Math.cosh(start));
      const simpson = ((k % points ? 2 + 2 * (k % 2) : 1) * reach) / (3 * points);
      const weight = (simpson * width * Math.exp(y)) / (both + 2 * seen);
      time += weight * faster * (1 + both * seen + seen * seen);
      way += weight * sine * (seen + 1 / r);
    }
    return { log: beta * (1 - Math.cos(angle)) + Math.log(time), way };
  }

  const height = (masses) => Math.log(masses.reduce((sum, mass) => sum + mass * mass, 0));

  /**
   * All mergers to come, pair by pair: the one that meets first moves, the others stand. From clusters { gap, mass }
   * in their order round the circle, with the angle to the next and masses of sum 1. Lists { log10, height } of time
   * and log-energy after each merger, and { k, alone, way } of the pair.
   */
  function staircase(clusters, beta, t) {
    const left = clusters.map((cluster) => ({ ...cluster }));
    const after = (k) => left[(k + 1) % left.length];
    // Exactly opposite clusters rest; so nearly opposite ones, up to rounding.
    const meet = (a, b) => (a.gap < Math.PI - 1e-12 ? pair(a.gap, beta, a.mass / b.mass) : { log: Infinity });
    left.forEach((a, k) => (a.pair = meet(a, after(k))));
    const steps = [];
    let log = Math.log(t);
    while (left.length > 1) {
      const k = left.reduce((best, a, j) => (a.pair.log < left[best].pair.log ? j : best), 0);
      const [before, a, b] = [left.at(k - 1), left[k], after(k)];
      const { log: alone, way } = a.pair;
      if (alone === Infinity) break;
      log = Math.max(log, alone) + Math.log1p(Math.exp(-Math.abs(log - alone)));
      Object.assign(b, { mass: a.mass + b.mass, gap: b.gap + a.gap - way });
      before.gap += way;
      left.splice(k, 1);
      before.pair = meet(before, b);
      b.pair = meet(b, after(left.indexOf(b)));
      const heights = height(left.map(({ mass }) => mass));
      steps.push({ log10: log / Math.LN10, height: heights, k, alone: alone / Math.LN10, way });
    }
    return steps;
  }

  /** A number with a given decimal logarithm, to be read aloud. */
  function inWords(log10) {
    const whole = Math.floor(log10 + 2e-4);
    if (whole < 6) return show(10 ** log10, whole < 2 ? 1 : 0);
    const power = whole < 15 ? whole - (whole % 3) : whole;
    const name = { 6: "million", 9: "billion", 12: "trillion" }[power] ?? `times ten to the power ${power}`;
    return `${show(10 ** (log10 - power), whole === power ? 1 : 0)} ${name}`;
  }

  Explore.simulations.clusters = function (stage) {
    const curve = Explore.record(() => 0.01);
    // Points in their order round the circle: how many tokens have met there, and which one gives it its colour.
    let x, masses, names, model, n;
    let [t, clock] = [0, 0]; // time, and log10(1 + t), which runs evenly
    let start, first; // predicted at the start, until the reader changes something; clusters at the first plateau
    let plan, joins; // the staircase that pairs predict, and the times that were seen
    let [held, next] = [-1, null];

    const all = () => Array.from(masses, (_, i) => i);
    const angle = (i) => Math.atan2(x[2 * i + 1], x[2 * i]);
    const now = () => Math.log10(Math.max(t, 10 ** FIRST));
    const heights = (sizes) => height(Array.from(sizes, (size) => size / n));

    /** The angle from a point to the next, a little negative where rounding has changed the order of equal ones. */
    function gap(i) {
      const j = (i + 1) % masses.length;
      if (i === j) return TAU;
      const cross = x[2 * i] * x[2 * j + 1] - x[2 * i + 1] * x[2 * j];
      const turn = Math.atan2(cross, x[2 * i] * x[2 * j] + x[2 * i + 1] * x[2 * j + 1]);
      return turn < -MET ? turn + TAU : turn;
    }

    /** Points in groups that are parted by more than an angle. */
    function groups(limit) {
      const ends = all().filter((i) => gap(i) > limit);
      const m = masses.length;
      if (!ends.length) return [all()];
      return ends.map((end, k) => {
        const from = k ? ends[k - 1] : ends.at(-1) - m;
        return Array.from({ length: end - from }, (_, j) => (from + 1 + j + m) % m);
      });
    }

    const size = (group) => group.reduce((sum, i) => sum + masses[i], 0);

    /** Points from a list of { mean, mass, name }, sorted. */
    function place(points) {
      points.sort((a, b) => Math.atan2(a.mean[1], a.mean[0]) - Math.atan2(b.mean[1], b.mean[0]));
      x = Explore.normalize(Float64Array.from(points.flatMap(({ mean }) => mean)), 2);
      masses = points.map(({ mass }) => mass);
      names = points.map(({ name }) => name);
      model = new Explore.Attention({ n: points.length, d: 2, beta: stage.value.beta,
        masses: masses.map((mass) => (mass * points.length) / n) });
    }

    const met = () => masses.length > 1 && all().some((i) => gap(i) < MET);

    function join() {
      const before = masses.length;
      place(groups(MET).map((group) => {
        const mass = size(group);
        const mean = [0, 1].map((c) => group.reduce((sum, i) => sum + (masses[i] / mass) * x[2 * i + c], 0));
        return { mean, mass, name: names[group.reduce((a, b) => (masses[b] > masses[a] ? b : a))] };
      }));
      if (plan.length) for (let k = masses.length; k < before; k++) joins.push(now());
      mover.choose(-1);
      predict();
      curve.add(now(), rise());
    }

    /** Predict what is to come, if all points stand apart by the width of the kernel. */
    function predict() {
      const { beta } = stage.value;
      const points = Array.from(masses, (mass, i) => ({ gap: gap(i), mass: mass / n }));
      next = null;
      if (points.some(({ gap }) => gap < beta ** -0.5)) return;
      if (!plan.length) {
        plan = [{ log10: now(), height: heights(masses) }];
        joins = [now()];
      }
      plan.splice(joins.length);
      const steps = staircase(points, beta, t);
      plan.push(...steps);
      if (!steps.length) return;
      const { k, ...step } = steps[0];
      next = { ...step, i: k, j: (k + 1) % points.length, gap: points[k].gap };
    }

    /** How fast the next pair closes, relative to a pair alone; null where this is too slow for a number. */
    function speed() {
      if (next.log10 > END) return null;
      const v = model.velocity(x);
      const along = (i) => x[2 * i] * v[2 * i + 1] - x[2 * i + 1] * v[2 * i];
      const wide = gap(next.i);
      const q = Math.exp(stage.value.beta * (1 - Math.cos(wide)));
      const r = masses[next.i] / masses[next.j];
      return (along(next.i) - along(next.j)) / (Math.sin(wide) * (1 / (1 + r * q) + 1 / (1 + q / r)));
    }

    /** The clock goes back to zero: what comes is counted from here. */
    function anew() {
      [t, clock, start, first, plan, joins] = [0, 0, null, null, [], []];
      curve.clear();
      predict();
      curve.add(now(), rise());
    }

    function restart() {
      const { beta } = stage.value;
      const uniform = Explore.random(stage.seed);
      const even = stage.value.start === "even";
      n = stage.value.n;
      held = -1;
      const angles = Array.from({ length: n }, (_, i) => TAU * (even
        ? i / n + (NOISE / TAU) * Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(TAU * uniform())
        : uniform()));
      angles.sort((a, b) => a - b);
      place(angles.map((to, i) => ({ mean: [Math.cos(to), Math.sin(to)], mass: 1, name: i })));
      mover.choose(-1);
      anew();
      const { k, rate } = fastest(beta);
      // When the displacements have grown to the size of a wave.
      const linear = Math.max(0, Math.log(Math.sqrt(n / 2) / (k * NOISE)) / rate);
      start = { even, fastest: k, modes: modes(beta), linear };
    }

    function changed(name) {
      if (name === "n" || name === "start") return stage.restart();
      if (name !== "beta") return;
      model.beta = stage.value.beta;
      anew();
    }

    const rise = () => model.logEnergy(x) - model.beta + Math.log(2 * model.beta);

    /** The first plateau is looked for at fixed times, or it would hang on how fast a machine draws. */
    function look() {
      const counts = [TIGHT, model.beta ** -0.5].map((limit) => groups(limit).length);
      if (start && !first && t >= (start.even ? start.linear : 0) + 2 && counts[0] === counts[1]) first = counts[0];
    }

    const end = () => Math.min(END, Math.max(3, clock, ...plan.map(({ log10 }) => log10 + 0.5)));

    function advance(span) {
      let done = 0;
      while (start && !first && done < span) {
        const grid = (Math.floor(clock / LOOK + 1e-6) + 1) * LOOK;
        const piece = Math.min(span - done, grid - clock);
        const went = go(piece);
        done += went;
        if (went < piece || Date.now() > stage.deadline) return done;
        if (clock >= grid - 1e-9) look();
      }
      return done < span ? done + go(span - done) : done;
    }

    function go(span) {
      if (held >= 0 || (masses.length === 1 && clock >= end())) return span;
      const until = Math.min(END, clock + span);
      let left = Math.expm1(until * Math.LN10) - t;
      for (;;) {
        // Many tokens are on their way for a short time; errors of few ones change their lifetimes.
        const tolerance = masses.length > 60 ? 1e-6 : 1e-9;
        const done = model.advance(x, left, { tolerance, deadline: stage.deadline, stop: met });
        t += done;
        left = done === left ? 0 : left - done;
        if (!met()) break;
        join();
      }
      const before = clock;
      clock = left > 0 ? Math.log1p(t) / Math.LN10 : until;
      curve.add(now(), rise());
      return left > 0 ? clock - before : span;
    }

    function report() {
      const counted = groups(TIGHT).map(size);
      const count = counted.length;
      const text = [`Time ${inWords(Math.log10(t))}.`];
      const single = n > 12 && count > n / 2;
      if (count === 1) text.push("All tokens are in one cluster.");
      else text.push(single ? "Most tokens are single." : `${count} clusters.`);
      if (start) {
        text.push((start.even ? `The fastest mode of many tokens is ${start.fastest}`
          : `Many random tokens have ${show(start.modes, 1)} modes on average`) +
          (first ? `, and the first plateau had ${first} cluster${first > 1 ? "s" : ""}.` : "."));
      }
      if (joins.length > 1) {
        const predicted = plan[joins.length - 1];
        text.push(`The last merger came at time ${inWords(joins.at(-1))}` +
          (predicted ? `, predicted for ${inWords(predicted.log10)}.` : "."));
      }
      if (next) {
        const share = speed();
        const alone = share === null || Math.abs(share - 1) < 0.1;
        text.push(`The next is predicted for time ${inWords(next.log10)}: ${masses[next.i]} and ${masses[next.j]} ` +
          `tokens, ${show((gap(next.i) * 360) / TAU, 0)} degrees apart` + (alone ? "."
          : `, but the others have a part in it: the two close at ${show(share, 2)} times the speed of a pair alone.`));
      } else if (masses.length === 2 && Math.abs(gap(0) - Math.PI) < 1e-9) {
        text.push("The two are opposite: they rest, until rounding errors move them.");
      }
      if (next && next.log10 > END) {
        text.push(`Floating-point numbers end near ten to the power ${END}: there the clock rests.`);
      }
      const list = count > 12 ? "" : `, of ${counted.join(", ")} tokens`;
      const layout = single ? ", most of them single" : ` in ${count} cluster${count > 1 ? "s" : ""}${list}`;
      return { text: text.join(" "), label: `${n} tokens on the circle${layout}.` };
    }

    const geometry = ({ width, height }) => ({
      cx: width / 2, cy: height / 2, radius: Math.max(1, Math.min(width, height) / 2 - 34),
    });

    function draw(sheet) {
      const { g, look } = sheet;
      const { cx, cy, radius } = geometry(sheet);
      const at = (to, reach) => [cx + (radius + reach) * Math.cos(to), cy - (radius + reach) * Math.sin(to)];
      const least = Math.max(2.5, Math.min(4, 40 / Math.sqrt(n)));
      const wide = (mass) => least * Math.cbrt(mass);
      circle(g, look.border, 1, cx, cy, radius);
      if (next) {
        // The pair that is next, and where it is to meet.
        const from = angle(next.i);
        const inside = -wide(Math.max(masses[next.i], masses[next.j])) - 6;
        const arc = Array.from({ length: 41 }, (_, k) => at(from + (gap(next.i) * k) / 40, inside));
        line(g, look.muted, 1.5, arc, [5, 4]);
        line(g, look.muted, 2, [at(from + next.way, inside - 5), at(from + next.way, inside + 5)]);
      }
      for (const i of all()) mark(g, look, names[i], n, at(angle(i), 0), wide(masses[i]));
      if (mover.chosen >= 0) circle(g, look.text, 1.5, ...at(angle(mover.chosen), 0), wide(masses[mover.chosen]) + 4);
      const counted = groups(TIGHT);
      for (const [k, group] of counted.entries()) {
        const room = Math.min(gap(group.at(-1)), gap(counted.at(k - 1).at(-1))) * radius;
        const [many, middle] = [size(group), group[Math.floor(group.length / 2)]];
        if (many > 1 && room > 16) write(g, look.text, many, ...at(angle(middle), wide(many) + 13));
      }
    }

    function plot(sheet) {
      const { g, look } = sheet;
      const lowest = Math.min(...curve.values(), ...plan.map(({ height }) => height));
      const right = end() + 0.06 * (end() - FIRST); // room for the last number
      const { px, py } = axes(sheet, [FIRST, right], [1.12 * lowest - 0.05, 0.05 - 0.08 * lowest], "time", true);
      const shown = plan.filter(({ log10 }) => log10 <= END);
      const steps = shown.flatMap(({ log10, height }, k) => [[log10, shown[k && k - 1].height], [log10, height]]);
      if (shown.length) steps.push([end(), shown.at(-1).height]);
      line(g, look.primary, 2, curve.points(px, py));
      line(g, look.muted, 1.5, steps.map(([log10, level]) => [px(log10), py(level)]), [5, 4]);
    }

    function turn(i, to) {
      const points = all().map((k) => ({ mean: [x[2 * k], x[2 * k + 1]], mass: masses[k], name: names[k] }));
      const moved = points[i];
      moved.mean = [Math.cos(to), Math.sin(to)];
      place(points);
      mover.choose(points.indexOf(moved));
      anew();
    }

    const mover = Explore.mover(stage, "cluster", { count: () => masses.length, angle, turn });

    function nearest(point) {
      const { cx, cy, radius } = geometry(point);
      const [u, v] = [point.x - cx, cy - point.y];
      const away = all().map((i) => Math.hypot(u - radius * x[2 * i], v - radius * x[2 * i + 1]));
      const i = away.indexOf(Math.min(...away));
      return { to: Math.atan2(v, u), i: away[i] < (point.coarse ? 28 : 16) ? i : -1 };
    }

    return {
      controls: [
        { name: "n", text: "tokens n", min: 2, max: 300, step: 1, digits: 0, value: 150 },
        { name: "beta", text: "inverse temperature β", min: 5, max: 400, step: 1, digits: 0, value: 20 },
        { name: "start", text: "tokens start", value: "even",
          options: { even: "evenly, a little displaced", random: "at random" } },
        { name: "speed", text: "speed, in powers of ten of time a second", min: 0.1, max: 10, log: true, value: 1 },
      ],
      restart, changed, advance, draw, plot, report,
      plotLabel: "Logarithm of the energy, as a part of the largest one, against time on a logarithmic scale. " +
        "Dashed: what the closest pairs alone predict.",
      extra: [mover.element],
      near: (point) => nearest(point).i >= 0,
      press(point) {
        held = nearest(point).i;
        mover.choose(held);
        return held >= 0;
      },
      drag(point) {
        turn(held, nearest(point).to);
        held = mover.chosen;
      },
      lift: () => (held = -1),
      get tokens() {
        return x;
      },
      get model() {
        return model;
      },
      get numbers() {
        return { t, clock, masses, clusters: groups(TIGHT).length, first, start, plan, joins, rise: rise(),
          next: next && { ...next, speed: speed(), masses: [masses[next.i], masses[next.j]] } };
      },
    };
  };
})();
