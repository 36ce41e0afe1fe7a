/*
 * Tokens on the circle that attract each other, without normalization, each with a Brownian motion of its own:
 *
 *   <div class="explore" data-explore="noise" data-beta="5" data-noise="0.9" data-start="uniform">
 *
 * The unit of noise is D#, the noise at which the uniform law changes its stability, and the unit of time 1/D#.
 */
(function () {
  "use strict";

  const { TAU, bessel, line, circle, mark, axes, show } = Explore;
  const SHOWN = 240; // tokens that are drawn
  const HALF = 128; // cells of a half circle, for densities that are even
  const COSINES = Float64Array.from({ length: 2 * HALF }, (_, m) => Math.cos((Math.PI * m) / HALF));
  const [LEAST, MOST] = [0.2, 1.5]; // noise

  /** I_k(β)/I_1(β) for k = 1, 2, ... as far as they count: the kernel in units of D# = I_1(β)/β. */
  function ratios(beta) {
    const found = [1];
    while (found.at(-1) > 1e-14) found.push(bessel(found.length + 1, beta) / bessel(1, beta));
    return found;
  }

  const wave = (k, m) => COSINES[(k * m) % (2 * HALF)];

  /** The density, with respect to the uniform law, in proportion to e^(sum of h_k cos kθ), at the ends of the cells. */
  function density(h) {
    const values = new Float64Array(HALF + 1);
    let mass = 0;
    for (let m = 0; m <= HALF; m++) {
      let sum = 0;
      for (let k = 1; k <= h.length; k++) sum += h[k - 1] * (wave(k, m) - 1);
      values[m] = Math.exp(sum);
      mass += values[m] / (m % HALF ? HALF : 2 * HALF);
    }
    return values.map((value) => value / mass);
  }

  /**
   * The density at rest, even about 0, in whose logarithm the wave cos θ has a given size: { size, noise, order, h }.
   * At rest h_k = 2 I_k c_k/(βD) with the moments c_k of the density. It is found by iteration from h. As the size is
   * held, and the noise found with it, this converges on the unstable part of the branch too.
   */
  function equilibrium(kernel, size, h) {
    for (let round = 0; round < 1000; round++) {
      const values = density(h);
      const moments = kernel.map((_, k) => {
        let sum = (values[0] + values[HALF] * wave(k + 1, HALF)) / 2;
        for (let m = 1; m < HALF; m++) sum += values[m] * wave(k + 1, m);
        return sum / HALF;
      });
      const next = kernel.map((ratio, k) => (size * ratio * moments[k]) / moments[0]);
      const change = Math.max(...next.map((part, k) => Math.abs(part - h[k])));
      h = next;
      if (change < 1e-13 * size) return { size, order: moments[0], noise: (2 * moments[0]) / size, h };
    }
    throw new RangeError("no density at rest was found");
  }

  /** The branch of densities at rest that leaves the uniform law, through its turning point. */
  function branch(beta) {
    const kernel = ratios(beta);
    let h = kernel.map(() => 0);
    const points = Array.from({ length: 41 }, (_, k) => {
      const rest = equilibrium(kernel, 1e-3 + (2 / LEAST) * (k / 40) ** 1.5, h);
      h = rest.h;
      return rest;
    });
    return { beta, kernel, points };
  }

  /** The densities at rest at a noise, the uniform one first: { order, h, lasts }. */
  function atRest({ kernel, points }, noise) {
    const found = points.slice(1).flatMap((next, k) => {
      let [one, other] = [points[k], next];
      if (one.noise > noise === other.noise > noise) return [];
      // False position: the next size is where the line through two points on either side has the noise. The weight of
      // a point that stays is halved (Illinois), for both ends are to come near.
      let [off, miss] = [one.noise - noise, other.noise - noise];
      for (let round = 0; round < 60 && Math.abs(miss) > 1e-12; round++) {
        const rest = equilibrium(kernel, other.size - (miss * (other.size - one.size)) / (miss - off), other.h);
        if (rest.noise > noise === other.noise > noise) off /= 2;
        else [one, off] = [other, miss];
        [other, miss] = [rest, rest.noise - noise];
      }
      // They last beyond the turning point, where order grows as noise falls.
      return [{ ...other, lasts: next.noise < points[k].noise }];
    });
    return [{ order: 0, h: [0], lasts: noise > 1 || !found.length }, ...found];
  }

  Explore.simulations.noise = function (stage) {
    const curve = Explore.record();
    let n, x, normal, family, states, trail;

    function changed(name) {
      if (name === "n" || name === "start") return stage.restart();
      const { beta, noise } = stage.value;
      if (family?.beta !== beta) [family, trail] = [branch(beta), []];
      states = atRest(family, noise);
    }

    function restart() {
      const uniform = Explore.random(stage.seed);
      normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(TAU * uniform());
      n = stage.value.n;
      const angles = Array.from({ length: n }, () => (stage.value.start === "point" ? TAU / 4 : TAU * uniform()));
      // Colors follow the circle at the start.
      x = Float64Array.from(angles.sort((a, b) => a - b).flatMap((a) => [Math.cos(a), Math.sin(a)]));
      trail = [];
      curve.clear();
      changed();
      note();
    }

    /** Means of cos kθ and sin kθ for k = 1 to `count`. */
    function moments(y, count) {
      const found = new Float64Array(2 * count);
      for (let i = 0; i < 2 * n; i += 2) {
        let [c, s] = [1, 0];
        for (let k = 0; k < 2 * count; k += 2) {
          [c, s] = [c * y[i] - s * y[i + 1], s * y[i] + c * y[i + 1]];
          found[k] += c / n;
          found[k + 1] += s / n;
        }
      }
      return found;
    }

    const mean = () => moments(x, 1);
    const order = () => Math.hypot(...mean());

    /** The field of attention in units of D#, the slope of sum 2 I_k/I_1 (C_k cos kθ + S_k sin kθ). */
    function velocity(y) {
      const { kernel } = family;
      const means = moments(y, kernel.length);
      const out = new Float64Array(2 * n);
      for (let i = 0; i < 2 * n; i += 2) {
        let [c, s, pull] = [1, 0, 0];
        for (let k = 0; k < kernel.length; k++) {
          [c, s] = [c * y[i] - s * y[i + 1], s * y[i] + c * y[i + 1]];
          pull += 2 * (k + 1) * kernel[k] * (means[2 * k + 1] * c - means[2 * k] * s);
        }
        out[i] = -pull * y[i + 1];
        out[i + 1] = pull * y[i];
      }
      return out;
    }

    function diffuse(width) {
      for (let i = 0; i < n; i++) Explore.rotate(x.subarray(2 * i, 2 * i + 2), [width * normal()], 1);
    }

    /** A step as in mfcore: half of the Brownian motion, a midpoint step of attention, the other half. */
    function leap(h) {
      const width = Math.sqrt(stage.value.noise * h);
      const moved = (step, slope) => Explore.normalize(x.map((u, c) => u + step * slope[c]), 2);
      diffuse(width);
      x = moved(h, velocity(moved(h / 2, velocity(x))));
      diffuse(width);
    }

    function note() {
      curve.add(stage.time, order());
      const [noise, length] = trail.at(-1) ?? [];
      if (noise !== stage.value.noise || Math.abs(length - order()) > 0.01) trail.push([stage.value.noise, order()]);
      if (trail.length > 400) trail.shift();
    }

    function advance(span) {
      const { beta } = stage.value;
      // Half of the time e^(-β) in which a cluster contracts, at most.
      const steps = Math.ceil((2 * span * beta) / bessel(1, beta));
      let done = 0;
      while (done < steps && Date.now() <= stage.deadline) {
        leap(span / steps);
        done++;
      }
      note();
      return (span * done) / steps;
    }

    const lasting = () => states.filter((state) => state.lasts);

    function report() {
      const orders = lasting().map((state) => show(state.order, 3));
      const length = order();
      return {
        text: `Time ${show(stage.time, 1)}. Order parameter ${show(length, 3)}. ` + (orders[1]
          ? `Two densities at rest last, of order ${orders.join(" and ")}.`
          : `The density at rest that lasts has order ${orders[0]}.`),
        label: `${n} tokens on the circle, ${length > 0.5 ? "gathered on one side" : "on all sides"}, ` +
          `${Math.min(n, SHOWN)} of them drawn, and bars for the density of all.`,
      };
    }

    function draw({ g, look, width, height }) {
      const half = Math.max(50, Math.min(width, height) / 2);
      const [cx, cy, radius, room] = [width / 2, height / 2, 0.62 * half, 0.38 * half - 14];
      const at = (u, v) => [cx + radius * u, cy - radius * v];
      const highest = Math.max(3, ...lasting().map((state) => 1.15 * density(state.h)[0]));
      const reach = (value) => radius + 8 + (room * Math.min(value, highest)) / highest;

      const bars = Math.max(24, Math.min(72, Math.round(n / 25)));
      const counts = new Float64Array(bars);
      for (let i = 0; i < n; i++) {
        const turn = Math.atan2(x[2 * i + 1], x[2 * i]) / TAU;
        counts[Math.floor(((turn + 1) % 1) * bars)]++;
      }
      g.globalAlpha = 0.4;
      g.fillStyle = look.primary;
      counts.forEach((count, b) => {
        const [from, to] = [-TAU * (b + 0.95) / bars, -TAU * (b + 0.05) / bars];
        g.beginPath();
        g.arc(cx, cy, reach(0), from, to);
        g.arc(cx, cy, reach((count * bars) / n), to, from, true);
        g.fill();
      });
      g.globalAlpha = 1;

      circle(g, look.border, 1, cx, cy, radius);
      line(g, look.muted, 1.5, [[cx, cy], at(...mean())]);
      const drawn = Math.min(n, SHOWN);
      for (let k = 0; k < drawn; k++) {
        const i = Math.floor((k * n) / drawn);
        mark(g, look, i, n, at(x[2 * i], x[2 * i + 1]), Math.max(2.5, Math.min(5, 40 / Math.sqrt(drawn))));
      }

      // The nearest density that lasts, turned to where the tokens are.
      const away = (state) => Math.abs(state.order - order());
      const values = density(lasting().reduce((best, state) => (away(state) < away(best) ? state : best)).h);
      const ahead = Math.atan2(...mean().reverse());
      line(g, look.muted, 1.5, Array.from({ length: 2 * HALF + 1 }, (_, m) => {
        const [angle, far] = [ahead + (Math.PI * m) / HALF, reach(values[m <= HALF ? m : 2 * HALF - m])];
        return [cx + far * Math.cos(angle), cy - far * Math.sin(angle)];
      }), [5, 4]);
    }

    function plot(sheet) {
      const { g, look } = sheet;
      const theory = (lasts, points) => line(g, look.muted, 1.5, points, lasts ? [5, 4] : [1, 4]);
      if (stage.value.against === "time") {
        const end = Math.max(10, stage.time);
        const { px, py } = axes(sheet, [0, end], [0, 1.05], "time, in units of 1/D#");
        for (const { order: length, lasts } of states) theory(lasts, [[px(0), py(length)], [px(end), py(length)]]);
        return line(g, look.primary, 2, curve.points(px, py));
      }
      const { px, py } = axes(sheet, [LEAST, MOST + 0.04], [0, 1.05], "noise, in units of D#");
      const points = family.points.map((rest) => [rest.noise, rest.order]);
      const fold = points.reduce((top, point, k) => (point[0] > points[top][0] ? k : top), 0);
      const seen = (list) => list.filter(([noise]) => noise >= LEAST).map(([noise, length]) => [px(noise), py(length)]);
      theory(false, seen([[LEAST, 0], [1, 0], ...points.slice(0, fold + 1)]));
      theory(true, seen([[1, 0], [MOST, 0]]));
      theory(true, seen(points.slice(fold)));
      line(g, look.primary, 1, seen(trail));
      g.fillStyle = look.primary;
      g.beginPath();
      g.arc(px(stage.value.noise), py(order()), 5, 0, TAU);
      g.fill();
    }

    return {
      controls: [
        { name: "noise", text: "noise D, in units of the threshold D#", min: LEAST, max: MOST, step: 0.01, digits: 2,
          value: 0.9 },
        { name: "beta", text: "inverse temperature β", min: 0.5, max: 8, step: 0.1, value: 5 },
        { name: "n", text: "tokens n", min: 20, max: 4000, step: 20, digits: 0, value: 2000 },
        { name: "start", text: "start", value: "uniform", options: { uniform: "all round", point: "in one point" } },
        { name: "against", text: "order against", value: "time", options: { time: "time", noise: "noise" } },
        { name: "speed", text: "speed, in units of time a second", min: 0.1, max: 100, log: true, value: 5 },
      ],
      restart, changed, advance, draw, plot, report,
      plotLabel: "Order parameter, the length of the mean token. Dashed: densities at rest that last; dotted: those " +
        "that do not.",
      get tokens() {
        return x;
      },
      get model() {
        return { velocity };
      },
      get numbers() {
        return {
          threshold: (Math.exp(stage.value.beta) * bessel(1, stage.value.beta)) / stage.value.beta,
          states: states.map(({ order: length, lasts, h }) => ({ order: length, lasts, density: density(h) })),
          branch: family.points.map((rest) => [rest.noise, rest.order]),
          order: order(),
        };
      },
    };
  };
})();
