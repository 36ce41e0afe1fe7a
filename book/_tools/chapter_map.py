"""Draw the map of the chapters, light and dark, into book/_static/, from the claims that the notebooks store.

    python book/_tools/chapter_map.py

Which condition leads to which fate, and the claim that says so with its number.
"""

from pathlib import Path

import ledger

import mfcore as mf

# Level, condition, fate, and the claim behind it with how its number is to be read.
ROWS = (
    (0, "no auxiliary variable", "one point", "collapse.cone", "largest gap {:.0f}"),
    (0, "wherever layers normalize", "one point, on another clock", "normalization.collapse", "largest gap {:.0f}"),
    (0, "in queries and keys, or as a mask", "one point, from a half-space", "placement.bare-values",
     "least cosine {:.2f}"),
    (0, "in the values too", "", None, ""),
    (1, "temperatures, a bias", "one point", "rotary.concatenation", "largest gap {:.0f}"),
    (1, "rotations", "an orbit, at no cost", "rotary.no-cost", "energy off by {:.0f}"),
    (1, "stretches towards one direction", "$A_p^\\top w/\\sigma_p$, exactly", "features.aligned-map", "off by {:.0f}"),
    (1, "shifts, weak", "apart by the cube of the scale", "additive.slope", "slope {:.2f}"),
    (1, "shifts, two opposite", "a jump, with hysteresis", "two-positions.loop-up", "together until $a={:.2f}$"),
    (1, "shifts, middling", "many states, by start and road", "basins.many", "at least {:.0f} found"),
    (1, "shifts, strong", "near the positions", "universality.displacement", "measured/theory {:.2f}"),
    (1, "shifts, made to measure", "any targets, at rest", "universality.exact", "off by {:.0f}"),
    (0, "as a prompt", "", None, ""),
    (1, "that all tokens see", "one point; flows may be trapped", "prompts.trap-below",
     "energy short by {:.2f}"),
    (1, "one for each token", "any law, exactly", "prompts.stationary", "off by {:.0f}"),
)  # fmt: skip


def stored():
    """All stored claims by id."""
    return {record["id"]: record for path in sorted(ledger.BOOK.glob("[0-9]*.ipynb"))
            for _, record in ledger.stored_claims(path)}  # fmt: skip


def figure(claims):
    """A tree on the left, fates in the middle, numbers on the right."""
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(figsize=(7.6, 5.0))
    ink = plt.rcParams["text.color"]
    for row, (level, condition, fate, claim, text) in enumerate(ROWS):
        y = -row
        axes.text(0.02 + 0.035 * level, y, condition, va="center", weight="normal" if level else "bold", fontsize=10)
        if claim is None:
            continue
        point = fate.startswith("one point")
        axes.plot(0.40, y, "os"[not point], color="C1" if point else "C0", ms=6)
        axes.text(0.42, y, fate, va="center", fontsize=10)
        axes.text(0.985, y + 0.02, text.format(abs(claims[claim]["measured"])), va="center", ha="right", fontsize=8.5)
        axes.plot([0.0, 0.985], [y - 0.5] * 2, color=ink, lw=0.3, alpha=0.3)
    axes.set(xlim=(0, 1), ylim=(-len(ROWS) + 0.4, 1.2))
    for x, title, where in ((0.0, "the variable enters …", "left"), (0.40, "… and the tokens end as", "left"),
                            (0.985, "measured", "right")):  # fmt: skip
        axes.text(x, 0.95, title, ha=where, va="center", style="italic", fontsize=10)
    axes.axis("off")
    return fig


def main():
    """Write both drawings."""
    claims = stored()
    for page, drawing in mf.plot.draw(lambda: figure(claims)).items():
        (Path(__file__).parents[1] / f"_static/map-{page}.svg").write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    main()
