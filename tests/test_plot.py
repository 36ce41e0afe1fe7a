"""Figures: both pages, the same bytes each time, nothing left behind."""

import itertools
import re
import xml.etree.ElementTree as ElementTree
from unittest import mock

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt

from mfcore import plot

PAGES = {"light": "#FFFFFF", "dark": "#14181E"}


@pytest.fixture(autouse=True)
def no_window():
    with matplotlib.rc_context({"backend": "agg"}):
        yield


def curve():
    figure, axes = plt.subplots()
    t = np.linspace(0, 5, 1000)
    axes.plot(t, np.exp(-t), label="data")
    axes.plot(t, np.exp(-t), **plot.theory(), label="theory")
    axes.set(xlabel="$t$", ylabel=r"$1-\rho$")
    axes.legend()
    return figure


def test_two_svgs_the_same_each_time():
    drawn = plot.draw(curve)
    assert list(drawn) == ["light", "dark"] and drawn["light"] != drawn["dark"]
    assert plot.draw(curve) == drawn
    for svg in drawn.values():
        ElementTree.fromstring(svg)
        assert "<text" not in svg and "<dc:date" not in svg  # letters are paths, no time stamp
        assert len(svg) < 40_000  # a thousand points a line are simplified


def test_backgrounds_and_ink():
    drawn = plot.draw(curve)
    assert re.search(r'patch_1">\s*<path[^>]*style="fill: #ffffff', drawn["light"])
    assert re.search(r'patch_1">\s*<path[^>]*style="fill: none', drawn["dark"])
    assert "#e4e6eb" in drawn["dark"] and "#e4e6eb" not in drawn["light"]


def test_colours_follow_the_page():
    seen = []

    def figure():
        seen.append([matplotlib.colors.to_hex(f"C{k}").upper() for k in range(7)])
        return plt.figure()

    plot.draw(figure)
    assert seen == [plot._CYCLE["light"], plot._CYCLE["dark"]]


def test_the_user_s_own_style_neither_matters_nor_is_lost():
    drawn = plot.draw(curve)
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9}):
        assert plot.draw(curve) == drawn
        assert matplotlib.rcParams["font.size"] == 30


def test_no_figure_stays_open():
    mine = plt.figure()
    plot.draw(curve)

    def broken():
        plt.figure()
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        plot.draw(broken)
    assert plt.get_fignums() == [mine.number]
    plt.close(mine)


def test_outside_a_notebook_the_text_is_printed(capsys):
    assert plot.show(curve, "decay", "2 series, 1000 points") is None
    assert capsys.readouterr().out == "Figure decay: 2 series, 1000 points\n"


def test_in_ipython_one_bundle_is_displayed():
    with (
        mock.patch("IPython.get_ipython", return_value=object()),
        mock.patch("IPython.display.display") as display,
    ):
        plot.show(curve, "decay", "2 series")
    (bundle,), options = display.call_args
    assert options == {"raw": True} and display.call_count == 1
    assert list(bundle) == ["text/plain", "image/svg+xml", plot.MIME]
    assert bundle["text/plain"] == "Figure decay: 2 series"
    assert bundle[plot.MIME] == plot.draw(curve) and bundle["image/svg+xml"] == bundle[plot.MIME]["light"]


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ((curve, "", "x"), ValueError, "name must be one line"),
        ((curve, "x", "  "), ValueError, "summary must be one line"),
        ((curve, "x", "a\nb"), ValueError, "summary must be one line"),
        ((curve, 3, "x"), ValueError, "name must be one line"),
        ((lambda: None, "x", "y"), TypeError, "must return a Matplotlib figure, got None"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        plot.show(*arguments)


def _linear(colour):
    c = np.array(matplotlib.colors.to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def _lab(rgb):
    xyz = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]) @ np.clip(rgb, 0, 1)
    f = np.cbrt(xyz / [0.9505, 1, 1.0888])
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


# How a dichromat sees linear RGB: Machado, Oliveira and Fernandes (2009), severity 1.
EYES = {
    "usual": np.eye(3),
    "deuteranope": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "protanope": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "tritanope": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}


@pytest.mark.parametrize("page", PAGES)
def test_every_colour_stands_out_from_its_page(page):
    luminance = lambda colour: _linear(colour) @ [0.2126, 0.7152, 0.0722]
    for colour in [*plot._CYCLE[page], plot._INK[page]]:
        high, low = sorted([luminance(colour), luminance(PAGES[page])], reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 3, colour


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("eye", EYES)
def test_every_eye_tells_the_colours_apart(page, eye):
    seen = [_lab(np.array(EYES[eye]) @ _linear(colour)) for colour in plot._CYCLE[page]]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 11
