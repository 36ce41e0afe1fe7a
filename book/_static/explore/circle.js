/*
 * Tokens on the circle, their flow and its energy, to play with. In a page:
 *
 *   <div class="explore" data-explore="circle" data-positions="everywhere" data-beta="1" data-scale="0.4">
 *
 * data-positions is "none" (then no control speaks of positions), "nowhere", "queries" or "everywhere";
 * data-n, data-seed and data-speed may be given too.
 */
(function () {
  "use strict";

  const TAU = 2 * Math.PI;
  const STEP = 0.1; // time of the button Step
  const WORK = 10; // ms of computing in a frame: beyond, time runs slower and the page stays smooth

  // Cycles of colours. A quarter turn apart, two of them stay apart to each kind of colour-blind eye (in
  // lightness, or between blue and yellow), and each stands out from its page by 3:1 or more.
  const CYCLE = {
    light: ["#a03000", "#c27a66", "#6a8ae6", "#1038b0", "#381048"],
    dark: ["#e68415", "#b85a6c", "#28bff2", "#eef5f8", "#f6d03c"],
  };
  // One mark for each quarter of the tokens, so that colour is not all that tells them apart.
  const MARKS = [
    (g, x, y, r) => g.arc(x, y, r, 0, TAU),
    (g, x, y, r) => g.rect(x - 0.85 * r, y - 0.85 * r, 1.7 * r, 1.7 * r),
    (g, x, y, r) => trace(g, [[x, y - 1.2 * r], [x + 1.1 * r, y + 0.8 * r], [x - 1.1 * r, y + 0.8 * r]]),
    (g, x, y, r) => trace(g, [[x, y - 1.3 * r], [x + 1.3 * r, y], [x, y + 1.3 * r], [x - 1.3 * r, y]]),
  ];
  const PLACES = { nowhere: "nowhere", queries: "queries and keys", everywhere: "everywhere" };
  let placed = 0;

  // Pieces of a page

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function button(text, act) {
    const element = make("button", { type: "button" }, text);
    element.addEventListener("click", act);
    return element;
  }

  function slider(text, { read = Number, digits, ...range }, act) {
    const input = make("input", { type: "range", ...range });
    const output = make("output", { "aria-hidden": "true" });
    const tell = () => {
      output.value = read(input.value).toFixed(digits);
      input.setAttribute("aria-valuetext", output.value);
    };
    input.addEventListener("input", () => {
      tell();
      act(read(input.value));
    });
    tell();
    return make("label", { class: "explore-slider" }, make("span", {}, text), input, output);
  }

  const show = (value, digits) => value.toFixed(digits).replace("-", "−");

  // Drawing

  function trace(g, points) {
    points.forEach(([x, y], k) => (k ? g.lineTo(x, y) : g.moveTo(x, y)));
    g.closePath();
  }

  /** A line through points; where y is NaN it is interrupted. */
  function line(g, colour, width, points, dash = []) {
    Object.assign(g, { strokeStyle: colour, lineWidth: width, lineJoin: "round" });
    g.setLineDash(dash);
    g.beginPath();
    points.forEach(([x, y], k) => {
      if (!Number.isNaN(y)) g[k && !Number.isNaN(points[k - 1][1]) ? "lineTo" : "moveTo"](x, y);
    });
    g.stroke();
  }

  function write(g, colour, text, x, y, align = "center") {
    Object.assign(g, { fillStyle: colour, textAlign: align, textBaseline: "middle" });
    g.fillText(text, x, y);
  }

  /** The context of a canvas in CSS pixels, as large as the canvas on the page. */
  function sheet(element, font) {
    const { clientWidth: width, clientHeight: height } = element;
    const ratio = window.devicePixelRatio;
    element.width = Math.round(width * ratio); // this clears it, too
    element.height = Math.round(height * ratio);
    const g = element.getContext("2d");
    g.scale(ratio, ratio);
    g.font = font;
    return { g, width, height };
  }

  function between(colours, share) {
    const at = share * colours.length;
    const [from, to] = [0, 1].map((k) => parseInt(colours[(Math.floor(at) + k) % colours.length].slice(1), 16));
    const channel = (bits) => Math.round(((from >> bits) & 255) * (1 - (at % 1)) + ((to >> bits) & 255) * (at % 1));
    return `rgb(${channel(16)}, ${channel(8)}, ${channel(0)})`;
  }

  /** A few round numbers in [low, high]. */
  function ticks(low, high) {
    const power = 10 ** Math.floor(Math.log10((high - low) / 5));
    const step = power * [1, 2, 5, 10].find((k) => 5 * k * power >= high - low);
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, k) => (first + k) * step);
  }

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

  Explore.widgets.circle = function (place) {
    const { positions = "none", beta = 2, scale = 1, speed = 1, n: count = 60, seed = 1 } = place.dataset;
    const n = Number(count);
    const positioned = positions !== "none";
    const ring = Float64Array.from({ length: 2 * n }, (_, c) => (c % 2 ? Math.sin : Math.cos)((TAU * (c >> 1)) / n));
    const model = new Explore.Attention({ n, d: 2, beta: Number(beta), positions: ring });
    const state = { positions, scale: Number(scale), speed: Number(speed), seed: Number(seed), held: -1, chosen: -1 };
    let x, look;
    let stale = true;

    const oneBy = (f) => Array.from({ length: n }, (_, i) => f(i));
    const angle = (i) => Math.atan2(x[2 * i + 1], x[2 * i]);
    const turn = (i, to) => x.set([Math.cos(to), Math.sin(to)], 2 * i);
    const mean = () => [0, 1].map((c) => x.reduce((sum, u, k) => (k % 2 === c ? sum + u / n : sum), 0));

    // The flow and the record of its energy

    function start() {
      x = Explore.sample(n, 2, Explore.random(state.seed));
      if (!positioned) {
        // Nothing but the start tells one token from another: colours then follow the circle.
        oneBy((i) => (angle(i) + TAU) % TAU).sort((a, b) => a - b).forEach((to, i) => turn(i, to));
      }
      Object.assign(state, { time: 0, record: [] });
      disturb();
      record();
    }

    function disturb() {
      model.values = state.positions === "queries" ? "tokens" : "features";
      model.scale = ["queries", "everywhere"].includes(state.positions) ? state.scale : 0;
      // What a reader does may lower the energy, the flow may not: the curve is interrupted there.
      state.disturbed = true;
      stale = true;
    }

    function record() {
      const last = state.record.at(-1);
      if (!state.disturbed && state.time - last.time < Math.max(10, state.time) / 400) return;
      if (state.disturbed && last && last.fresh) state.record.pop();
      state.record.push({ time: state.time, energy: model.logEnergy(x), fresh: state.disturbed });
      state.disturbed = false;
    }

    function advance(span) {
      const kept = state.held < 0 ? 0 : angle(state.held);
      state.time += model.advance(x, span, { deadline: Date.now() + WORK });
      if (state.held >= 0) turn(state.held, kept);
      record();
      stale = true;
    }

    // What is shown

    function report() {
      let least = 1;
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < i; j++) least = Math.min(least, x[2 * i] * x[2 * j] + x[2 * i + 1] * x[2 * j + 1]);
      }
      const energy = model.logEnergy(x);
      const parts = groups(oneBy(angle)).length;
      status.textContent =
        `Time ${show(state.time, 1)}. Smallest cosine ${show(least, 3)}. ` +
        `Order parameter |mean| ${show(Math.hypot(...mean()), 3)}. ` +
        (Number.isNaN(energy) ? "No energy: the flow is no gradient." : `Log-energy ${show(energy, 3)}.`);
      const layout = ["all round it", "in one group"][parts] ?? `in ${parts} groups more than ten degrees apart`;
      circle.setAttribute("aria-label", `${n} tokens on the circle, ${layout}. ${status.textContent}`);
    }

    function dress() {
      const style = getComputedStyle(place);
      const cycle = CYCLE[document.documentElement.dataset.theme === "dark" ? "dark" : "light"];
      look = { font: `13px ${style.fontFamily}`, tokens: oneBy((i) => between(cycle, i / n)) };
      for (const name of ["text-base", "text-muted", "border", "primary"]) {
        look[name] = style.getPropertyValue(`--pst-color-${name}`);
      }
      paint();
    }

    const geometry = ({ clientWidth: width, clientHeight: height }) => ({
      cx: width / 2, cy: height / 2, radius: Math.max(1, Math.min(width, height) / 2 - (positioned ? 38 : 28)),
    });

    function paintCircle() {
      const { g } = sheet(circle, look.font);
      const { cx, cy, radius } = geometry(circle);
      const size = Math.max(2.5, Math.min(5, 40 / Math.sqrt(n)));
      const at = (u, v, reach = 1) => [cx + radius * reach * u, cy - radius * reach * v];
      const token = (i) => at(x[2 * i], x[2 * i + 1]);
      const position = (i) => at(ring[2 * i], ring[2 * i + 1], 1 + 13 / radius);
      const marks = (points, r) => points.forEach((point, i) => {
        g.fillStyle = look.tokens[i];
        g.beginPath();
        MARKS[Math.floor((4 * i) / n)](g, ...point, r);
        g.fill();
      });

      g.strokeStyle = look.border;
      g.beginPath();
      g.arc(cx, cy, radius, 0, TAU);
      g.stroke();
      line(g, look["text-muted"], 1, [[cx, cy], at(...mean())]);
      if (positioned) {
        g.globalAlpha = model.scale ? 1 : 0.35;
        marks(oneBy(position), size / 2);
        g.globalAlpha = 1;
      }
      marks(oneBy(token), size);
      if (state.chosen >= 0) {
        const [tx, ty] = token(state.chosen);
        if (positioned) line(g, look["text-base"], 1, [[tx, ty], position(state.chosen)]);
        g.lineWidth = 1.5;
        g.strokeStyle = look["text-base"];
        g.beginPath();
        g.arc(tx, ty, size + 4, 0, TAU);
        g.stroke();
      }
      // How many tokens a dense group holds.
      for (const { size: many, centre, width } of groups(oneBy(angle))) {
        const [tx, ty] = at(Math.cos(centre), Math.sin(centre), 1 + (positioned ? 28 : 18) / radius);
        if (many > n / 15 && width < 0.1) write(g, look["text-base"], many, tx, ty);
      }
    }

    function paintPlot() {
      const { g, width, height } = sheet(plot, look.font);
      const dirac = model.beta - Math.log(2 * model.beta);
      const energies = [dirac, ...state.record.map(({ energy }) => energy).filter((e) => !Number.isNaN(e))];
      const [lowest, highest] = [Math.min(...energies), Math.max(...energies)];
      const pad = 0.12 * Math.max(highest - lowest, 0.1);
      const [low, high, end] = [lowest - pad, highest + pad, Math.max(10, state.time)];
      const [left, right, top, bottom] = [44, width - 8, 4, height - 38];
      const px = (t) => left + ((right - left) * t) / end;
      const py = (e) => bottom - ((bottom - top) * (e - low)) / (high - low);
      const round = (value) => String(Number(value.toPrecision(4))).replace("-", "−");

      const muted = look["text-muted"];
      line(g, look.border, 1, [[left, top], [left, bottom], [right, bottom]]);
      for (const e of ticks(low, high)) write(g, muted, round(e), left - 6, py(e), "right");
      for (const t of ticks(0, end)) write(g, muted, round(t), px(t), bottom + 11);
      write(g, muted, "time", (left + right) / 2, bottom + 28);
      line(g, muted, 1, [[left, py(dirac)], [right, py(dirac)]], [5, 4]);
      const curve = state.record.flatMap(({ time, energy, fresh }) =>
        [...(fresh ? [[px(time), NaN]] : []), [px(time), py(energy)]]);
      line(g, look.primary, 2, curve);
    }

    function paint() {
      stale = false;
      paintCircle();
      paintPlot();
    }

    // Time

    let playing, visible, before, unspoken;
    let spoken = -Infinity;

    function play(on) {
      playing = on;
      playButton.textContent = on ? "Pause" : "Play";
    }

    function frame(now) {
      // A frame that comes late, after a pause of the browser, must not make the tokens leap.
      if (playing && before) advance(state.speed * Math.min((now - before) / 1000, 0.05));
      before = visible ? now : 0;
      unspoken ||= stale;
      if (stale) paint();
      if (unspoken && now - spoken >= 1000) {
        [unspoken, spoken] = [false, now];
        report();
      }
      if (visible) requestAnimationFrame(frame);
    }

    // The page

    const circle = make("canvas", { role: "img" });
    const plot = make("canvas", {
      role: "img",
      "aria-label": "Log-energy against time. Dashed: all tokens at one point, without positions.",
    });
    const status = make("p", { class: "explore-status", "aria-live": "polite" });
    const playButton = button("", () => play(!playing));
    const act = (name) => (value) => {
      state[name] = value;
      disturb();
    };
    const controls = [
      make("div", { class: "explore-buttons" }, playButton,
        button("Step", () => {
          play(false);
          advance(STEP);
        }),
        button("Restart", start),
        button("New start", () => {
          state.seed += 1;
          start();
        })),
      slider("inverse temperature β", { min: 0.5, max: 20, step: 0.1, value: beta, digits: 1 }, (value) => {
        model.beta = value;
        disturb();
      }),
    ];
    if (positioned) {
      placed += 1;
      const choices = Object.entries(PLACES).map(([name, text]) => {
        const input = make("input", { type: "radio", name: `explore-circle-${placed}` });
        input.checked = name === positions;
        input.addEventListener("change", () => act("positions")(name));
        return make("label", {}, input, text);
      });
      controls.push(
        slider("scale s of the positions", { min: 0, max: 3, step: 0.05, value: scale, digits: 2 }, act("scale")),
        make("fieldset", {}, make("legend", {}, "positions enter"), ...choices));
    }
    const rate = { min: -1, max: 2, step: 0.1, value: Math.log10(speed), read: (v) => 10 ** v, digits: 1 };
    controls.push(slider("speed, in units of time a second", rate, (value) => (state.speed = value)));

    // What dragging does, for those who cannot point.
    const token = make("input", { type: "number", min: 1, max: n, value: 1 });
    const degrees = make("input", { type: "range", min: -180, max: 180, value: 0 });
    const choose = (i) => {
      state.chosen = i;
      stale = true;
      if (i >= 0) [token.value, degrees.value] = [i + 1, (angle(i) * 360) / TAU];
    };
    const move = make("details", {}, make("summary", {}, "Move a token without dragging"),
      make("label", {}, "token", token), make("label", {}, "angle in degrees", degrees));
    const named = () => Math.min(n, Math.max(1, Math.round(token.value))) - 1;
    token.addEventListener("change", () => choose(named()));
    move.addEventListener("toggle", () => choose(move.open ? named() : -1));
    degrees.addEventListener("input", () => {
      state.chosen = named();
      turn(state.chosen, (degrees.value * TAU) / 360);
      disturb();
    });

    function pointer(event) {
      const box = circle.getBoundingClientRect();
      const { cx, cy, radius } = geometry(circle);
      const [u, v] = [event.clientX - box.left - cx, cy - (event.clientY - box.top)];
      const away = oneBy((i) => Math.hypot(u - radius * x[2 * i], v - radius * x[2 * i + 1]));
      const nearest = away.indexOf(Math.min(...away));
      return { to: Math.atan2(v, u), near: away[nearest] < (event.pointerType === "mouse" ? 12 : 24) ? nearest : -1 };
    }

    const listen = {
      pointerdown(event) {
        state.held = pointer(event).near;
        choose(state.held);
        if (state.held >= 0) circle.setPointerCapture(event.pointerId);
      },
      pointermove(event) {
        const { to, near } = pointer(event);
        circle.style.cursor = state.held >= 0 ? "grabbing" : near >= 0 ? "grab" : "";
        if (state.held < 0) return;
        turn(state.held, to);
        choose(state.held);
        disturb();
      },
      pointerup: () => (state.held = -1),
      pointercancel: () => (state.held = -1),
      // On a touch screen the page scrolls unless the finger is on a token.
      touchstart(event) {
        if (state.held >= 0) event.preventDefault();
      },
    };
    for (const [name, react] of Object.entries(listen)) circle.addEventListener(name, react, { passive: false });

    start();
    play(!matchMedia("(prefers-reduced-motion: reduce)").matches);
    report();
    place.replaceChildren(circle,
      make("div", { class: "explore-side" }, ...controls, move, plot,
        make("p", {}, "Log-energy. Dashed: all tokens at one point, without positions.")),
      status);
    dress();
    new ResizeObserver(paint).observe(place);
    new MutationObserver(dress).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    new IntersectionObserver(([entry]) => {
      if (!visible && entry.isIntersecting) requestAnimationFrame(frame);
      visible = entry.isIntersecting;
    }).observe(place);
  };
})();
