"""Draw the picture of the introduction, light and dark, into book/_static/.

    python book/_tools/glance.py
"""

from pathlib import Path

import numpy as np

import mfcore as mf

TOKENS, END = 40, 60.0
CAPTIONS = ("plain attention: one point", "with positions: spread out")


def paths():
    """The paths of the same tokens without and with positions."""
    rng = np.random.default_rng(5)
    x0 = mf.sphere.sample(TOKENS, 3, rng)
    positions = mf.AdditivePE(mf.sphere.sample(TOKENS, 3, rng), scale=1.5)
    times = np.concatenate([[0.0], np.geomspace(0.02, END, 100)])
    return [
        mf.flow(mf.SelfAttention(2.0, auxiliary=auxiliary), x0, times).x
        for auxiliary in (None, positions)
    ]


def figure(runs):
    """Two spheres seen from the side on which the tokens meet."""
    from matplotlib import pyplot as plt

    # Turned so that the point of collapse lies in view, a little off the centre.
    meet = runs[0][-1].mean(axis=0)
    frame = np.linalg.qr(np.stack([meet + [0.0, 0.0, 0.6], np.cross(meet, [0.3, 1.0, 0.2])]).T, "complete")[0]
    view = frame[:, [1, 2, 0]] * np.sign(meet @ frame[:, 0])
    fig, axes = plt.subplots(1, 2, figsize=(7, 3.7))
    for axis, run, caption, color in zip(axes, runs, CAPTIONS, ("C1", "C0")):
        axis.add_patch(plt.Circle((0, 0), 1, fill=False, lw=0.8, alpha=0.5, ec=plt.rcParams["text.color"]))
        for path in np.swapaxes(run @ view, 0, 1):
            for front in (False, True):
                shown = np.where((path[:, 2] > 0) == front, 1.0, np.nan)[:, None] * path
                axis.plot(shown[:, 0], shown[:, 1], color=color, lw=0.9, alpha=0.75 if front else 0.2)
            behind = path[-1, 2] < 0
            axis.plot(*path[-1, :2], "o", color=color, ms=5, alpha=0.35 if behind else 1)
        axis.set(aspect="equal", xlim=(-1.05, 1.05), ylim=(-1.05, 1.05))
        axis.set_title(caption)
        axis.axis("off")
    return fig


def main():
    """Write both drawings."""
    runs = paths()
    for page, drawing in mf.plot.draw(lambda: figure(runs)).items():
        (Path(__file__).parents[1] / f"_static/glance-{page}.svg").write_text(drawing, encoding="utf-8")
    print("smallest cosine at the end:", *(f"{(run[-1] @ run[-1].T).min():.4f}" for run in runs))


if __name__ == "__main__":
    main()
