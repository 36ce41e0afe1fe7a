/*
 * What all simulations have in common: controls, time, pictures, and an address that holds their state.
 *
 * A simulation is a function in Explore.simulations. It is called with a stage and returns
 *
 *   controls            list of { name, text, ... }: ranges, or choices where `options` is given
 *   restart()           a new start, from stage.seed
 *   changed(name)       a control has another value: stage.value[name]
 *   advance(span)       go on for a time; returns the time done (less, if stage.deadline came first)
 *   draw(sheet)         the picture
 *   plot(sheet)         the second picture, described by `plotLabel` (optional)
 *   report()            { text, label }: current numbers, and what the picture shows, in words
 *   press, drag, lift   what a pointer does on the picture; `near` says where it can do something (optional)
 *   step                the time of the button Step (by default a tenth of a second of playing)
 *   extra               further elements for the column of controls (optional)
 *   random              false where the start does not hang on the seed (optional)
 *   plain               a picture that moves and can be stopped, and no more (optional)
 *
 * and in a page it is <div class="explore" data-explore="NAME" data-CONTROL="value"> with a text for pages without scripts.
 */
(function () {
  "use strict";

  const TAU = 2 * Math.PI;
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

  const show = (value, digits) => value.toFixed(digits).replace("-", "−");
  const brief = (value) => String(Number(value.toPrecision(4))).replace("-", "−");

  /** A range, on a logarithmic scale if `log`: { element, set }. */
  function slider({ name, text, min, max, step, log = false, digits = 1 }, act) {
    const input = make("input", log
      ? { type: "range", name, min: Math.log10(min), max: Math.log10(max), step: 0.02 }
      : { type: "range", name, min, max, step });
    const output = make("output", { "aria-hidden": "true" });
    const read = () => (log ? 10 ** input.value : Number(input.value));
    const tell = () => {
      output.value = read() >= 1e4 ? read().toExponential(0).replace("e+", "·10^") : show(read(), digits);
      input.setAttribute("aria-valuetext", output.value);
    };
    input.addEventListener("input", () => {
      tell();
      act(read());
    });
    const set = (value) => {
      input.value = log ? Math.log10(value) : value;
      tell();
      return read();
    };
    return { element: make("label", { class: "explore-slider" }, make("span", {}, text), input, output), set };
  }

  /** One of several, by radio buttons: { element, set }. */
  function choice({ text, options }, group, act) {
    const inputs = Object.entries(options).map(([name, label]) => {
      const input = make("input", { type: "radio", name: group, value: name });
      input.addEventListener("change", () => act(name));
      return [input, make("label", {}, input, label)];
    });
    const set = (value) => {
      for (const [input] of inputs) input.checked = input.value === value;
      return value;
    };
    return { element: make("fieldset", {}, make("legend", {}, text), ...inputs.map(([, label]) => label)), set };
  }

  /** What dragging does on a circle, for those who cannot point: `angle(i)` tells, and `turn(i, to)` moves. */
  function mover(stage, what, { count, angle, turn }) {
    const number = make("input", { type: "number", min: 1, value: 1 });
    const degrees = make("input", { type: "range", min: -180, max: 180, value: 0 });
    const element = make("details", {}, make("summary", {}, `Move a ${what} without dragging`),
      make("label", {}, what, number), make("label", {}, "angle in degrees", degrees));
    const named = () => Math.min(count(), Math.max(1, Math.round(number.value))) - 1;
    const self = { element, chosen: -1, choose(i) {
      self.chosen = i;
      number.max = count();
      stage.touch();
      if (i >= 0) [number.value, degrees.value] = [i + 1, (angle(i) * 360) / TAU];
    } };
    number.addEventListener("change", () => self.choose(named()));
    element.addEventListener("toggle", () => self.choose(element.open ? named() : -1));
    // It may have moved on by itself.
    degrees.addEventListener("focus", () => self.choose(named()));
    degrees.addEventListener("input", () => {
      self.chosen = named();
      turn(self.chosen, (degrees.value * TAU) / 360);
      stage.touch();
    });
    return self;
  }

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
    g.setLineDash([]);
  }

  function circle(g, colour, width, x, y, radius) {
    Object.assign(g, { strokeStyle: colour, lineWidth: width });
    g.beginPath();
    g.arc(x, y, radius, 0, TAU);
    g.stroke();
  }

  function write(g, colour, text, x, y, align = "center") {
    Object.assign(g, { fillStyle: colour, textAlign: align, textBaseline: "middle" });
    g.fillText(text, x, y);
  }

  /** Mark number i of n at a point, in its colour. */
  function mark(g, look, i, n, [x, y], r) {
    g.fillStyle = look.cycle(i / n);
    g.beginPath();
    MARKS[Math.floor((4 * i) / n)](g, x, y, r);
    g.fill();
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

  /** Axes over [x0, x1] and [y0, y1] with round numbers: { px, py } take numbers to points of the sheet. */
  function axes({ g, look, width, height }, [x0, x1], [y0, y1], label, powers = false) {
    const [left, right, top, bottom] = [44, width - 8, 4, height - 38];
    const px = (x) => left + ((right - left) * (x - x0)) / (x1 - x0);
    const py = (y) => bottom - ((bottom - top) * (y - y0)) / (y1 - y0);
    line(g, look.border, 1, [[left, top], [left, bottom], [right, bottom]]);
    for (const y of ticks(y0, y1)) write(g, look.muted, brief(y), left - 6, py(y), "right");
    for (const x of ticks(x0, x1).filter((x) => !powers || Number.isInteger(x))) {
      const text = powers ? (x > 2 ? `10^${x}` : brief(10 ** x)) : brief(x);
      write(g, look.muted, text, Math.min(px(x), width - g.measureText(text).width / 2), bottom + 11);
    }
    write(g, look.muted, label, (left + right) / 2, bottom + 28);
    return { px, py };
  }

  /** The context of a canvas in CSS pixels, as large as the canvas on the page. */
  function sheet(element, look) {
    const { clientWidth: width, clientHeight: height } = element;
    const ratio = window.devicePixelRatio;
    element.width = Math.round(width * ratio); // this clears it, too
    element.height = Math.round(height * ratio);
    const g = element.getContext("2d");
    g.scale(ratio, ratio);
    g.font = look.font;
    return { g, look, width, height };
  }

  // The stage

  const stages = [];

  /** Values that the address of the page holds for a simulation: ?explore=NAME&beta=2. */
  function addressed(name) {
    const query = new URLSearchParams(location.search);
    return query.get("explore") === name ? Object.fromEntries(query) : {};
  }

  function run(place) {
    const name = place.dataset.explore;
    const stage = { value: {}, seed: Number(place.dataset.seed ?? 1), time: 0, deadline: Infinity, look: null, place };
    const simulation = Explore.simulations[name](stage);
    const setters = {};
    let stale = true;
    let playing, visible, before, unspoken;
    let held = false; // by a pointer
    let spoken = -Infinity;
    stage.touch = () => (stale = true);
    stage.set = (name, value) => (stage.value[name] = setters[name](value));

    function assign(values) {
      for (const control of simulation.controls) {
        const given = values[control.name] ?? place.dataset[control.name] ?? control.value;
        const known = control.options ? Object.hasOwn(control.options, given) : given !== "" && Number.isFinite(Number(given));
        stage.value[control.name] = setters[control.name](known ? given : control.value);
      }
      const seed = Number(values.seed ?? place.dataset.seed ?? 1);
      stage.seed = Number.isSafeInteger(seed) ? seed : 1;
    }

    stage.restart = restart;
    function lift() {
      if (held) simulation.lift?.();
      held = false;
    }

    function restart() {
      lift(); // what was held is gone
      stage.time = 0;
      simulation.restart();
      stale = true;
    }

    function advance(span) {
      stage.deadline = Date.now() + WORK;
      const done = simulation.advance(span); // it may start again, and set the time
      stage.time += done;
      stale = true;
    }

    function play(on) {
      playing = on;
      // What changes every second is no news: it is said when the motion stops.
      status.setAttribute("aria-live", on ? "off" : "polite");
      playButton.textContent = on ? "Pause" : "Play";
    }

    function report() {
      const { text, label } = simulation.report();
      status.textContent = text;
      picture.setAttribute("aria-label", `${label} ${text}`);
    }

    function paint() {
      stale = false;
      simulation.draw(sheet(picture, stage.look));
      if (simulation.plot) simulation.plot(sheet(plot, stage.look));
    }

    function dress() {
      const style = getComputedStyle(place);
      const cycle = CYCLE[document.documentElement.dataset.theme === "dark" ? "dark" : "light"];
      const colour = (kind) => style.getPropertyValue(`--pst-color-${kind}`);
      stage.look = {
        font: `13px ${style.fontFamily}`,
        cycle: (share) => between(cycle, share),
        text: colour("text-base"), muted: colour("text-muted"), border: colour("border"), primary: colour("primary"),
        surface: colour("background"),
      };
      paint();
    }

    function frame(now) {
      // A frame that comes late, after a pause of the browser, must not make the tokens leap.
      if (playing && before) advance((stage.value.speed ?? 1) * Math.min((now - before) / 1000, 0.05));
      before = visible ? now : 0;
      unspoken ||= stale;
      if (stale) paint();
      if (unspoken && now - spoken >= 1000) {
        [unspoken, spoken] = [false, now];
        report();
      }
      if (visible) requestAnimationFrame(frame);
    }

    function address() {
      const query = new URLSearchParams({ explore: name, ...stage.value, seed: stage.seed });
      return `${location.href.split(/[?#]/)[0]}?${query}#explore-${name}`;
    }

    async function share() {
      play(false); // or the next report would take the place of the answer
      history.replaceState(null, "", address());
      try {
        await navigator.clipboard.writeText(address());
        status.textContent = "The link is copied, and stands in the address bar.";
      } catch {
        status.textContent = "The link stands in the address bar.";
      }
    }

    const picture = make("canvas", { role: "img" });
    const caption = make("p", { id: `explore-${stages.length}-plot` }, simulation.plotLabel ?? "");
    const plot = make("canvas", { role: "img", "aria-label": "Plot", "aria-describedby": caption.id });
    const status = make("p", { class: "explore-status" });
    const playButton = button("", () => play(!playing));
    const another = button("New start", () => {
      stage.seed += 1;
      restart();
    });
    const buttons = make("div", { class: "explore-buttons" }, playButton, ...(simulation.plain ? [another] : [
      button("Step", () => {
        play(false);
        advance(simulation.step ?? (stage.value.speed ?? 1) / 10);
      }),
      button("Restart", restart),
      ...(simulation.random === false ? [] : [another]),
      button("Reset", () => {
        assign({});
        for (const control of simulation.controls) simulation.changed(control.name);
        restart();
      }),
      button("Link", share),
    ]));
    const controls = simulation.controls.map((control) => {
      const act = (value) => {
        stage.value[control.name] = value;
        simulation.changed(control.name);
        stale = true;
      };
      const group = `explore-${stages.length}-${control.name}`;
      const { element, set } = control.options ? choice(control, group, act) : slider(control, act);
      setters[control.name] = set;
      return element;
    });

    if (simulation.press) {
      const point = (event) => {
        const box = picture.getBoundingClientRect();
        return { x: event.clientX - box.left, y: event.clientY - box.top, coarse: event.pointerType !== "mouse",
          width: picture.clientWidth, height: picture.clientHeight };
      };
      const listen = {
        pointerdown(event) {
          if (event.button) return; // not the main one
          held = simulation.press(point(event));
          if (held) picture.setPointerCapture(event.pointerId);
          stale = true;
        },
        pointermove(event) {
          if (held) simulation.drag(point(event));
          picture.style.cursor = held ? "grabbing" : simulation.near?.(point(event)) ? "grab" : "";
          stale ||= held;
        },
        pointerup: lift,
        pointercancel: lift,
        // On a touch screen the page scrolls unless the finger holds something.
        touchstart(event) {
          if (held) event.preventDefault();
        },
      };
      for (const [kind, react] of Object.entries(listen)) picture.addEventListener(kind, react, { passive: false });
    }

    assign(addressed(name));
    restart();
    play(!matchMedia("(prefers-reduced-motion: reduce)").matches);
    report();
    place.id ||= `explore-${name}`;
    place.replaceChildren(picture,
      make("div", { class: "explore-side" }, buttons, ...controls, ...(simulation.extra ?? []),
        ...(simulation.plot ? [plot, caption] : [])),
      ...(simulation.plain ? [] : [status]));
    Object.assign(stage, { simulation, advance, play, assign });
    stages.push(stage);
    dress();
    new ResizeObserver(paint).observe(place);
    new MutationObserver(dress).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    new IntersectionObserver((entries) => {
      const entry = entries.at(-1);
      if (!visible && entry.isIntersecting) requestAnimationFrame(frame);
      visible = entry.isIntersecting;
    }).observe(place);
    if (location.hash === `#${place.id}`) place.scrollIntoView();
  }

  /** Curve of a number against time: { add(time, value, broken), clear, points(px, py), values() }. */
  function record(scale = (time) => Math.max(10, time) / 400) {
    const kept = [];
    return {
      clear: () => kept.splice(0),
      add(time, value, broken = false) {
        const last = kept.at(-1);
        if (!broken && last && time - last.time < scale(time)) return;
        if (broken && last && last.broken) kept.pop();
        kept.push({ time, value, broken });
      },
      values: () => kept.map(({ value }) => value).filter((value) => !Number.isNaN(value)),
      points: (px, py) => kept.flatMap(({ time, value, broken }) =>
        [...(broken ? [[px(time), NaN]] : []), [px(time), Number.isNaN(value) ? NaN : py(value)]]),
    };
  }

  Object.assign(Explore, { TAU, make, button, mover, show, brief, trace, line, circle, write, mark, axes, ticks, record,
    stages, run, simulations: {} });
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-explore]").forEach(run));
})();
