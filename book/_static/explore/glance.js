/*
 * The same tokens under plain attention and with a position for each, on two spheres side by side:
 *
 *   <div class="explore" data-explore="glance">
 */
(function () {
  "use strict";

  const { show, write } = Explore;
  const [N, BETA, SCALE] = [40, 1, 1.5];
  const END = 40; // by then both have come to rest; time then starts again, with other tokens
  const CAPTIONS = [["plain attention", "one point"], ["with positions", "spread out"]];

  Explore.simulations.glance = function (stage) {
    const { ball, mean, turned } = Explore;
    let view = turned([1, 0, 0, 0, 1, 0, 0, 0, 1], 0, 0.35);
    let runs;

    function restart() {
      const uniform = Explore.random(stage.seed);
      const x = Explore.sample(N, 3, uniform);
      const positions = Explore.sample(N, 3, uniform);
      runs = [0, SCALE].map((scale) => ({
        x: x.slice(), model: new Explore.Attention({ n: N, d: 3, beta: BETA, positions, scale }),
      }));
    }

    function advance(span) {
      view = turned(view, 1, 0.25 * span);
      if (stage.time > END) {
        stage.seed += 1;
        stage.restart();
        return 0;
      }
      // Slowly at first, when all happens.
      for (const { model, x } of runs) model.advance(x, span * (1 + stage.time / 4));
      return span * (1 + stage.time / 4);
    }

    const order = ({ x }) => Math.hypot(...mean(x));

    function draw(sheet) {
      const { look, width, height } = sheet;
      const radius = Math.max(1, Math.min(width / 4, (height - 24) / 2) - 8);
      runs.forEach(({ x }, k) => {
        const cx = (width * (2 * k + 1)) / 4;
        ball(sheet, view, x, { cx, cy: radius + 8, radius });
        write(sheet.g, look.text, width < 400 ? CAPTIONS[k][0] : CAPTIONS[k].join(": "), cx, height - 9);
      });
    }

    return {
      plain: true,
      controls: [],
      changed() {},
      restart, advance, draw,
      report: () => ({
        text: `Time ${show(stage.time, 1)}. The mean token has length ${show(order(runs[0]), 2)} without positions and ` +
          `${show(order(runs[1]), 2)} with them.`,
        label: `The same ${N} tokens on two spheres, under plain attention and with a position added to each in every layer. ` +
          "Without positions all meet in one point, with them they stay apart.",
      }),
      get runs() {
        return runs.map(({ x, model }) => ({ x, scale: model.scale, positions: model.positions }));
      },
    };
  };
})();
