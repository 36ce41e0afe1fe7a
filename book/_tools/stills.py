"""Write the still pictures of the simulations, for pages without scripts and for paper, with what they show in words.

    python book/_tools/stills.py [NN-chapter ...]
"""

import io
import json
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from browser import chromium
from pages import EXPLORE, SIMULATION, page_of
from PIL import Image

BOOK = Path(__file__).parents[1]
STILLS = EXPLORE / "stills"
# Frames of a sixtieth of a second, as if the page played; on a slow machine one may take several calls.
PLAY = """(seconds) => {
  const [stage] = Explore.stages;
  const span = (stage.value.speed ?? 1) / 60;
  for (let frame = 0; frame < 60 * seconds; frame++) {
    const start = stage.time;
    for (let call = 0; call < 20 && stage.time >= start && stage.time < start + span; call++) {
      stage.advance(start + span - stage.time);
    }
  }
  const { text, label } = stage.simulation.report();
  return `${label} ${text}`;
}"""


def simulations(sources):
    """(name of the still, element of the page) of every simulation in some chapters or pages."""
    for path in sources:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            cells = nbformat.reads(text, as_version=4).cells
            text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        for found in SIMULATION.finditer(text):
            yield f"{path.stem}-{found['name']}", found[0]


def sources():
    """The chapters and pages that may hold simulations."""
    return sorted([*BOOK.glob("*.ipynb"), *BOOK.glob("*.md")])


def main(names):
    """Play each simulation for some seconds (data-still, by default 4), and take its picture."""
    STILLS.mkdir(exist_ok=True)
    found = STILLS / "stills.json"
    texts = json.loads(found.read_text(encoding="utf-8")) if found.exists() else {}
    everything = dict(simulations(sources()))
    for still in set(texts) - set(everything):
        texts.pop(still)
        (STILLS / f"{still}.png").unlink(missing_ok=True)
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        for still, element in everything.items():
            if names and not still.startswith(tuple(names)):
                continue
            file = Path(folder, "page.html")
            file.write_text(page_of(element), encoding="utf-8")
            page = browser.new_page(viewport={"width": 800, "height": 900}, device_scale_factor=2, reduced_motion="reduce")
            page.goto(file.as_uri())
            seconds = float((re.findall('data-still="(.*?)"', element) or ["4"])[0])
            texts[still] = page.evaluate(PLAY, seconds)
            page.evaluate("document.querySelector('.explore').classList.add('explore-printed')")
            page.wait_for_timeout(200)  # the canvases take their new size
            picture = Image.open(io.BytesIO(page.locator(".explore").screenshot())).convert("RGB")
            picture.quantize(48).save(STILLS / f"{still}.png", optimize=True)
            page.close()
            print(f"{still}: {texts[still]}")
    found.write_text(json.dumps(texts, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
