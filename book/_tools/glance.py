"""Draw what the book is about at a glance: the moving picture of the README and the card that other sites show with a link.

    python book/_tools/glance.py
"""

import io
from pathlib import Path

import numpy as np

import mfcore as mf

STATIC = Path(__file__).parents[1] / "_static"
TOKENS, END = 40, 60.0
CAPTIONS = ("plain attention: one point", "with positions: spread out")
# Short enough to need no button that stops it: it runs once, and the last frame stays.
SECONDS, FRAMES = 4.8, 48
SIZE, RADIUS = 340, 158


def paths():
    """The paths (frames, tokens, 3) of the same tokens without and with positions, seen from where the first ones meet."""
    rng = np.random.default_rng(5)
    x0 = mf.sphere.sample(TOKENS, 3, rng)
    positions = mf.AdditivePE(mf.sphere.sample(TOKENS, 3, rng), scale=1.5)
    times = np.concatenate([[0.0], np.geomspace(0.02, END, FRAMES)])
    runs = [mf.flow(mf.SelfAttention(2.0, auxiliary=auxiliary), x0, times).x for auxiliary in (None, positions)]
    # Turned so that the point of collapse lies in view, a little off the centre.
    meet = runs[0][-1].mean(axis=0)
    frame = np.linalg.qr(np.stack([meet + [0.0, 0.0, 0.6], np.cross(meet, [0.3, 1.0, 0.2])]).T, "complete")[0]
    return [run @ (frame[:, [1, 2, 0]] * np.sign(meet @ frame[:, 0])) for run in runs]


def moving(runs):
    """Both runs as an SVG that moves once, in the colours of the reader's system."""
    parts = []
    for k, (run, caption) in enumerate(zip(runs, CAPTIONS)):
        parts.append(f'<g transform="translate({k * SIZE + SIZE / 2} {SIZE / 2})"><circle class="ball" r="{RADIUS}"/>')
        places = np.round(RADIUS * run[..., :2] * [1, -1], 1)
        for token in range(TOKENS):
            points = " ".join(f"{x:g},{y:g}" for x, y in places[:, token])
            parts.append(f'<polyline class="p{k}" points="{points}"/>')
        for token in range(TOKENS):
            (x, y), depth = places[-1, token], run[:, token, 2] < 0
            animated = {"cx": places[:, token, 0], "cy": places[:, token, 1], "opacity": np.where(depth, 0.35, 1)}
            parts.append(
                f'<circle class="t{k}" cx="{x:g}" cy="{y:g}" r="5" opacity="{0.35 if depth[-1] else 1}">'
                + "".join(
                    f'<animate attributeName="{name}" dur="{SECONDS}s" fill="freeze" values="{";".join(f"{v:g}" for v in values)}"/>'
                    for name, values in animated.items()
                )
                + "</circle>"
            )
        parts.append(f'<text y="{SIZE / 2 + 14}">{caption}</text></g>')
    style = (
        ".ball{fill:none;stroke:#888}polyline{fill:none;opacity:.25}.p0{stroke:#d55e00}.p1{stroke:#0072b2}.t0{fill:#d55e00}"
        ".t1{fill:#0072b2}text{fill:#222;font:17px sans-serif;text-anchor:middle}"
        "@media(prefers-color-scheme:dark){text{fill:#ddd}.p0{stroke:#f58231}.p1{stroke:#56b4e9}.t0{fill:#f58231}.t1{fill:#56b4e9}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * SIZE} {SIZE + 24}" width="{2 * SIZE}" height="{SIZE + 24}">'
        f"<style>{style}</style>{''.join(parts)}</svg>\n"
    )


def card(runs):
    """The end of both runs under the title, as a PNG of 1200 by 630."""
    from matplotlib import pyplot as plt
    from PIL import Image

    fig = plt.figure(figsize=(12, 6.3), facecolor="white")
    fig.text(0.5, 0.9, "Attention Against Collapse", ha="center", va="center", size=40, weight="bold")
    fig.text(0.5, 0.8, "an executable book on mean-field transformers", ha="center", va="center", size=20)
    for k, (run, caption, color) in enumerate(zip(runs, CAPTIONS, ("#d55e00", "#0072b2"))):
        axis = fig.add_axes([0.08 + 0.44 * k, 0.1, 0.4, 0.62])
        axis.add_patch(plt.Circle((0, 0), 1, fill=False, ec="#888888"))
        for path in np.swapaxes(run, 0, 1):
            axis.plot(path[:, 0], path[:, 1], color=color, lw=1.2, alpha=0.3)
            axis.plot(*path[-1, :2], "o", color=color, ms=9, alpha=0.35 if path[-1, 2] < 0 else 1)
        axis.set(aspect="equal", xlim=(-1.06, 1.06), ylim=(-1.06, 1.06))
        axis.axis("off")
        axis.text(0, -1.22, caption, ha="center", va="center", size=20)
    drawn = io.BytesIO()
    fig.savefig(drawn, dpi=100, facecolor="white")
    plt.close(fig)
    return Image.open(drawn).convert("RGB").quantize(200)


def main():
    """Write both."""
    runs = paths()
    (STATIC / "glance.svg").write_text(moving(runs), encoding="utf-8")
    card(runs).save(STATIC / "card.png", optimize=True)
    print("smallest cosine at the end:", *(f"{(run[-1] @ run[-1].T).min():.4f}" for run in runs))


if __name__ == "__main__":
    main()
