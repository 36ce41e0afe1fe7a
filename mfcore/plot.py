"""Figures of the book: each drawn twice, for a light page and for a dark one.

Colours come from the order of the cycle (``C0`` to ``C6``), text and axes from the page, so that a
figure function names no colour of its own. Matplotlib is imported when a figure is drawn.
"""

import io
import sys

#: MIME type under which a notebook holds a figure.
MIME = "application/vnd.mfcore.figure+json"

# The hues of Okabe and Ito, moved apart until every two stay distinct to each kind of colour-blind
# eye, and every one stands out from its page by 3:1 or more.
_CYCLE = {
    "light": ["#004C94", "#D9661A", "#0A9A70", "#DB5CA8", "#5A4200", "#3F97D6", "#606060"],
    "dark": ["#4FAEF0", "#D98032", "#45E0AC", "#CF55B4", "#F5DE55", "#C6DFFA", "#939393"],
}
_INK = {"light": "#1A1A1A", "dark": "#E4E6EB"}
_PAGE = {"light": "#FFFFFF", "dark": "none"}


def show(figure_function, name, summary):
    """Draw a figure for light and dark pages and display both as one output.

    Parameters
    ----------
    figure_function : callable
        Called without arguments, twice; returns a new Matplotlib figure each time. It must not
        compute anything at random.
    name : str
        The figure's name, as in the cell's metadata.
    summary : str
        What the figure shows, in numbers: this text is what the notebook stores and compares.
    """
    for label, text in (("name", name), ("summary", summary)):
        if not isinstance(text, str) or not text.strip() or "\n" in text:
            raise ValueError(f"{label} must be one line of text, got {text!r}")
    drawn = draw(figure_function)
    text = f"Figure {name}: {summary}"
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    if not shell:
        print(text)
        return
    from IPython.display import display

    # The plain SVG is for JupyterLab, which knows nothing of our type.
    display({"text/plain": text, "image/svg+xml": drawn["light"], MIME: drawn}, raw=True)


def draw(figure_function):
    """Draw a figure for light and dark pages.

    Parameters
    ----------
    figure_function : callable
        As for `show`.

    Returns
    -------
    dict of str
        SVG text under ``light`` (white background) and ``dark`` (transparent background); the same
        bytes for the same figure.
    """
    try:
        import matplotlib
    except ModuleNotFoundError:
        raise ModuleNotFoundError("mfcore.plot needs matplotlib: pip install matplotlib") from None
    from matplotlib import pyplot

    drawn = {}
    already_open = set(pyplot.get_fignums())
    for page in ("light", "dark"):
        with matplotlib.rc_context():
            matplotlib.rcdefaults()  # whatever the user's own style is
            matplotlib.rcParams.update(_style(page))
            try:
                figure = figure_function()
                if not isinstance(figure, matplotlib.figure.Figure):
                    raise TypeError(
                        f"figure_function must return a Matplotlib figure, got {figure!r}"
                    )
                text = io.StringIO()
                figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
                drawn[page] = text.getvalue()
            finally:
                # Left open, the notebook would show the figure a second time.
                for number in set(pyplot.get_fignums()) - already_open:
                    pyplot.close(number)
    return drawn


def theory():
    """Return the line style of theory, for ``axes.plot(x, y, **theory())``.

    Returns
    -------
    dict
        Keyword arguments of a Matplotlib line: thin, dashed, in the colour of the text and above
        the data.
    """
    from matplotlib import rcParams

    return dict(
        color=rcParams["text.color"], linestyle=(0, (5, 2.5)), linewidth=1.3, marker="", zorder=4
    )


def _style(page):
    from cycler import cycler

    ink = _INK[page]
    return {
        "figure.figsize": (6.4, 3.6),
        "figure.facecolor": _PAGE[page],
        "figure.constrained_layout.use": True,
        "savefig.facecolor": _PAGE[page],
        "axes.facecolor": "none",
        "axes.edgecolor": ink,
        "axes.labelcolor": ink,
        "axes.titlesize": 11,
        "axes.labelsize": 11,
        "axes.linewidth": 0.8,
        "axes.prop_cycle": cycler(color=_CYCLE[page]),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.formatter.use_mathtext": True,
        "grid.color": ink,
        "grid.alpha": 0.15,
        "grid.linewidth": 0.6,
        "font.size": 10.5,
        "legend.frameon": False,
        "legend.fontsize": 10,
        "lines.linewidth": 1.8,
        "lines.markersize": 5,
        "text.color": ink,
        "xtick.color": ink,
        "ytick.color": ink,
        "image.cmap": "viridis",
        "path.simplify": True,
        "path.simplify_threshold": 0.3,
        "svg.fonttype": "path",
        "svg.hashsalt": "mfcore",
    }
