"""What the pages have beyond what the theme draws: a Sphinx extension (`_config.yml`).

Claims that search finds, each with a way to its row of the ledger; stills in the place of simulations where no script runs;
a gallery of the figures; what a page says of itself to others; and repairs of the theme.
"""

import json
import re
from html import escape
from pathlib import Path
from urllib.parse import urlsplit
from zlib import crc32

from docutils import nodes
from sphinx import addnodes
from sphinx.domains import Domain, ObjType
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

logger = logging.getLogger(__name__)

LEDGER = "book/claims"
# The element of a simulation, with the text for pages without scripts.
SIMULATION = re.compile(r'<div class="explore" (?P<data>data-explore="(?P<name>[\w-]+)"[^>]*>)(?P<text>.*?</div>)', re.S)
EXPLORE = Path(__file__).parents[1] / "_static/explore"
ABOUT = "Self-attention pulls the tokens of a deep transformer into one point. A book of theorems, code and checked numbers on what keeps them apart."


def _claims(document):
    """(id, anchor, box) of each claim in a document."""
    for box in document.findall(nodes.container):
        if "claim" in box["classes"]:
            yield next(box.findall(nodes.reference)).astext(), box["ids"][0], box


class Claims(Domain):
    """Claims by their ids, for the search; a reference `ledger` leads to a claim's row."""

    name = "claim"
    label = "Claims"
    object_types = {"claim": ObjType("claim", "ledger")}
    initial_data = {"claims": {}}

    def get_type_name(self, type, primary=False):
        return "claim"  # as a result of the search says it

    def clear_doc(self, docname):
        claims = self.data["claims"]
        self.data["claims"] = {id: place for id, place in claims.items() if place[0] != docname}

    def process_doc(self, env, docname, document):
        self.data["claims"] |= {id: (docname, anchor) for id, anchor, _ in _claims(document)}

    def merge_domaindata(self, docnames, otherdata):
        self.data["claims"] |= {id: place for id, place in otherdata["claims"].items() if place[0] in docnames}

    def get_objects(self):
        for id, (docname, anchor) in self.data["claims"].items():
            yield id, id, "claim", docname, anchor, 0

    def resolve_any_xref(self, env, fromdocname, builder, target, node, contnode):
        return []

    def resolve_xref(self, env, fromdocname, builder, typ, target, node, contnode):
        return make_refnode(builder, fromdocname, LEDGER, f"ledger-{nodes.make_id(target)}", contnode)


class LinkToLedger(SphinxTransform):
    """Each claim's box leads to its row of the ledger, and each row has an anchor."""

    default_priority = 700

    def apply(self):
        if self.env.docname == LEDGER:
            for row in self.document.findall(nodes.row):
                row["ids"] += [
                    nodes.make_id(link["reftarget"].replace("claim-", "ledger-", 1))
                    for link in row.findall(addnodes.pending_xref) if link["reftarget"].startswith("claim-")
                ]
        for id, _, box in _claims(self.document):
            link = addnodes.pending_xref(
                "", nodes.inline("", "ledger"), refdomain="claim", reftype="ledger", reftarget=id,
                refexplicit=True, refdoc=self.env.docname,
            )
            box[0] += [nodes.Text(" "), nodes.inline("", "", link, classes=["claim-ledger"])]


class Stills(SphinxTransform):
    """A simulation's place holds a picture of it until a script takes the place, and has an anchor."""

    default_priority = 200

    def apply(self):
        alt = json.loads((EXPLORE / "stills/stills.json").read_text(encoding="utf-8"))
        for raw in list(self.document.findall(nodes.raw)):
            if "data-explore" not in raw.astext():
                continue
            self.env.note_dependency(str(EXPLORE / "stills/stills.json"))
            found = SIMULATION.fullmatch(raw.astext().strip())
            still = f"{Path(self.env.docname).name}-{found['name']}" if found else None
            if still not in alt:
                logger.warning("no still of the simulation: run make stills. %s", raw.astext()[:80], location=raw)
                continue
            data, name, text = found.groups()
            image = nodes.image(
                uri=f"/book/_static/explore/stills/{still}.png", alt=alt[still], loading="lazy", classes=["explore-still"]
            )
            raw.replace_self([
                nodes.raw("", f'<div class="explore" id="explore-{name}" {data}', format="html"),
                image,
                nodes.raw("", text, format="html"),
            ])


def scripts():
    """The scripts of the simulations, in the order in which they rest on one another."""
    first = ["engine.js", "page.js"]
    return first + sorted({path.name for path in EXPLORE.glob("*.js")} - set(first))


def page_of(simulation):
    """The text of a page that holds one simulation, given as its element, and nothing else; in the theme's light colours."""
    colors = {
        "text-base": "#222832", "text-muted": "#48566b", "border": "#d1d5da", "primary": "#176de8",
        "background": "#ffffff", "surface": "#f3f4f5",
    }
    style = "; ".join(f"--pst-color-{name}: {color}" for name, color in colors.items())
    return (
        f"<!doctype html><html lang='en' style='{style}'><meta charset='utf-8'><title>One simulation</title>"
        f"<link rel='stylesheet' href='{(EXPLORE / 'explore.css').as_uri()}'>"
        + "".join(f"<script defer src='{(EXPLORE / script).as_uri()}'></script>" for script in scripts())
        + f"<body style='font-family: sans-serif'>{simulation}</body></html>"
    )


class gallery(nodes.General, nodes.Element):
    """The place of the gallery, until all pages are read."""


class Gallery(SphinxDirective):
    """All simulations and figures, each with a way to its place and to the claims that it shows."""

    def run(self):
        self.env.note_reread()
        return [gallery()]


class FillGallery(SphinxPostTransform):
    """Pictures with captions, whose references are still to be resolved."""

    default_priority = 5

    def run(self):
        for place in list(self.document.findall(gallery)):
            root = self.config.root_doc
            chapters = sorted(self.env.found_docs - {self.env.docname}, key=lambda name: (name != root, name))
            place.replace_self([part for chapter in chapters for part in _show(self.app, self.env.docname, chapter)])
            for link in self.document.findall(addnodes.pending_xref):
                link["refdoc"] = self.env.docname


def _show(app, docname, chapter):
    """The gallery's part for one chapter: a heading and its pictures, or nothing."""
    document = app.env.get_doctree(chapter)
    uri = app.builder.get_relative_uri(docname, chapter)
    numbers = app.env.toc_fignumbers.get(chapter, {}).get("figure", {})
    items = []

    def link(text, anchor):
        return nodes.reference("", text, internal=True, refuri=f"{uri}#{anchor}")

    def item(images, anchor, text):
        pictures = link("", anchor)
        for image in images:
            copy = image.deepcopy()
            copy["loading"] = "lazy"
            copy["classes"] = [name for name in image["classes"] if name.startswith("only-")]
            pictures += copy
        items.append(nodes.container("", nodes.paragraph("", "", pictures), nodes.paragraph("", "", *text), classes=["gallery-item"]))

    for still in document.findall(lambda node: isinstance(node, nodes.image) and "explore-still" in node["classes"]):
        name = Path(still["uri"]).stem.removeprefix(f"{Path(chapter).name}-")
        item([still], f"explore-{name}", [nodes.strong("", "To play with: "), link(name.replace("-", " "), f"explore-{name}")])
    for figure, claims in _figures(document):
        images = [image for image in figure.findall(nodes.image) if set(image["classes"]) & {"only-light", "only-dark"}]
        (anchor, *_) = figure["ids"]
        caption = figure.next_node(nodes.caption)
        number = ".".join(map(str, numbers.get(anchor, ())))
        text = [link(f"Fig. {number}", anchor), nodes.Text(" "), *[child.deepcopy() for child in caption.children]]
        if claims:
            text += [nodes.Text(" Claims: ")]
            for k, (id, claim) in enumerate(claims):
                text += [nodes.Text(", " if k else ""), link(id, claim)]
        if images:
            item(images, anchor, text)
    if not items:
        return []
    heading = nodes.paragraph("", "", nodes.strong("", "", nodes.reference(
        "", app.env.titles[chapter].astext(), internal=True, refuri=uri)), classes=["gallery-chapter"])
    return [heading, nodes.container("", *items, classes=["gallery"])]


def _figures(document):
    """(figure, its claims as (id, anchor)) of a page. In a section claims stand before their figure, or all behind theirs."""
    boxes = {box: (id, anchor) for id, anchor, box in _claims(document)}
    found = []
    for section in document.findall(nodes.section):
        first = len(found)
        waiting, follow = [], False
        for node in section.findall(lambda node: isinstance(node, nodes.figure) or node in boxes):
            if next(parent for parent in _parents(node) if isinstance(parent, nodes.section)) is not section:
                continue
            if isinstance(node, nodes.figure):
                follow |= len(found) == first and not waiting
                found.append((node, waiting))
                waiting = []
            elif follow:
                found[-1][1].append(boxes[node])
            else:
                waiting.append(boxes[node])
        if found[first:]:
            found[-1][1].extend(waiting)
        # Two figures in a row share the claims before them.
        for (_, claims), (_, shared) in zip(found[first + 1 :], found[first:]):
            claims.extend(() if claims else shared)
    return found


def _parents(node):
    while node.parent is not None:
        node = node.parent
        yield node


def _dress(app, pagename, templatename, context, doctree):
    """What a page says of itself to others, its buttons, and roles that the standard knows."""
    title = re.sub(r"<.*?>", "", context.get("title") or "")
    context["metatags"] = context.get("metatags", "") + _tags(app, title, app.builder.get_target_uri(pagename))
    for group in context["header_buttons"]:
        for button in group.get("buttons", []):
            if button.get("label") == "download-source-button" and button["text"] == ".ipynb":
                button |= {"text": "Notebook", "tooltip": "Download this notebook"}
    context["header_buttons"].append({
        "type": "link", "url": context["pathto"]("book/intro").removesuffix("#") + "#how-to-cite", "tooltip": "How to cite this book",
        "icon": "fas fa-quote-right", "label": "cite-button",
    })
    if doctree and any("explore-still" in image["classes"] for image in doctree.findall(nodes.image)):
        app.add_css_file("explore/explore.css")
        for script in scripts():
            app.add_js_file(f"explore/{script}", loading_method="defer")
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def _tags(app, title, uri):
    """What other sites show with a link to a page."""
    about = {"og:title": title, "og:site_name": app.config.html_title, "og:type": "article", "og:description": ABOUT}
    if app.config.html_baseurl:
        address = app.config.html_baseurl.rstrip("/")
        about |= {"og:url": f"{address}/{uri}", "og:image": f"{address}/_static/card.png"}
    tags = [f'<meta name="description" content="{escape(ABOUT)}" />']
    return "\n".join(tags + [f'<meta property="{name}" content="{escape(value)}" />' for name, value in about.items()])


def _finish(app, exception):
    """Write the page at the root, and take what no page needs out of the others: icons come with the theme's fonts, and again as
    half a megabyte of script.
    """
    if exception or app.builder.name != "html":
        return
    start, title = app.builder.get_target_uri(app.config.root_doc), escape(app.config.html_title)
    Path(app.outdir, "index.html").write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>{_tags(app, app.config.html_title, "")}'
        f'<meta http-equiv="Refresh" content="0; url={start}" /><a href="{start}">{title}</a></html>\n', encoding="utf-8",
    )
    script = re.compile(r'[^\n]*<(?:script|link)[^>]*scripts/fontawesome\.js[^>]*>(?:</script>)?')
    download = re.compile(r'(<a href="[^"]*_sources/[^"]*") target="_blank"')
    own = re.compile(r'(<a href="[^"]*#how-to-cite") target="_blank"')
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(own.sub(r"\1", download.sub(r"\1 download", script.sub("", text))), encoding="utf-8")


def _address(app, config):
    """The public address of the pages of a repository on GitHub; elsewhere, what the setting says."""
    parts = urlsplit(config.html_theme_options.get("repository_url", ""))
    names = parts.path.strip("/").removesuffix(".git").split("/")
    if parts.netloc == "github.com" and len(names) == 2 and not config.html_baseurl:
        owner, name = names
        site = f"{owner}.github.io"
        config.html_baseurl = f"https://{site}/" if name.lower() == site.lower() else f"https://{site}/{name}/"


def setup(app):
    """Register the extension with Sphinx."""
    app.add_domain(Claims)
    app.add_transform(LinkToLedger)
    app.add_transform(Stills)
    app.add_post_transform(FillGallery)
    app.add_node(gallery)
    app.add_directive("gallery", Gallery)
    app.connect("config-inited", _address)
    # After the theme has made its buttons.
    app.connect("html-page-context", _dress, priority=900)
    app.connect("build-finished", _finish)
    # Pages that another version of this file has read are read anew.
    return {"env_version": crc32(Path(__file__).read_bytes()), "parallel_read_safe": True, "parallel_write_safe": True}
