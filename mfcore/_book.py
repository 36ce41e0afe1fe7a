"""How the book draws a claim and a figure, and what its build must know about mfcore.

Imported by the build of the book only: as a renderer of notebook outputs (an entry point of
myst-nb) and as a Sphinx extension (`_config.yml`).
"""

import dataclasses
import hashlib
import os
import platform
import re
import shutil
from importlib import metadata
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from . import claims, plot
from ._version import __version__

_SIGNS = {"==": "=", "<=": "≤", ">=": "≥"}


class Renderer:
    """Turns the two MIME types of mfcore into document nodes."""

    mime_priority_overrides = [
        (builder, mime, 1)
        for builder in ("html", "dirhtml", "singlehtml")
        for mime in (claims.MIME, plot.MIME)
    ]

    @staticmethod
    def handle_mime(renderer, data, inline):
        """Return the nodes of a claim or a figure, None for anything else."""
        if data.mime_type == claims.MIME:
            return [_claim(renderer, data)]
        if data.mime_type == plot.MIME:
            return _figure(renderer, data)
        return None


def _claim(renderer, data):
    record = data.content
    text = claims.numbers_of(record)
    mark = nodes.abbreviation(
        "",
        record["provenance"],
        explanation=claims.PROVENANCES[record["provenance"]],
        classes=["claim-provenance", record["provenance"]],
    )
    sentence = nodes.paragraph(classes=["claim-sentence"])
    # Parsed as the page's own text, for a sentence may hold a formula.
    with renderer.renderer.current_node_context(sentence):
        renderer.renderer.nested_render_text(record["sentence"], data.line or 0, inline=True)

    numbers = nodes.paragraph(classes=["claim-numbers"])
    items = [
        ("predicted", f"{_SIGNS[record['relation']]} {text['predicted']}"),
        ("measured", text["measured"]),
        ("tolerance", text["tolerance"]),
        ("", "holds" if record["passed"] else "fails"),
    ]
    for label, value in items:
        if value:
            item = nodes.inline(classes=["claim-item", label or value])
            if label:
                item += [nodes.inline("", label, classes=["claim-label"]), nodes.Text(" ")]
            item += nodes.inline("", value, classes=["claim-value"])
            numbers += [item, nodes.Text(" ")]

    box = nodes.container(classes=["claim"])
    target = f"claim-{record['id']}"
    box["names"].append(nodes.fully_normalize_name(target))
    renderer.renderer.document.note_explicit_target(box, box)
    link = nodes.reference("", record["id"], internal=True, refid=box["ids"][0])
    box += nodes.paragraph("", "", mark, nodes.Text(" "), link, classes=["claim-head"])
    box += [sentence, numbers]
    return box


def _figure(renderer, data):
    options = renderer.renderer.get_cell_level_config(
        "render_image_options", data.cell_metadata, line=data.line
    )
    if not str(options.get("alt", "")).strip():
        renderer.logger.warning(
            "figure without alt text: give the cell metadata mystnb.image.alt",
            subtype="alt",
            line=data.line,
        )
    images = []
    for page in ("light", "dark"):
        drawing = dataclasses.replace(
            data, mime_type="image/svg+xml", content=data.content[page], output_metadata={}
        )
        (image,) = renderer.render_image(drawing)
        image["classes"] = [*image["classes"], f"only-{page}"]
        images.append(image)
    return images


def fingerprint():
    """Hash of the package's own source files."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _configure(app, config):
    build = Path(app.outdir).parent
    cache = build / f".cache-{fingerprint()}"
    if not config.nb_execution_cache_path:
        # The cache knows a notebook by its code cells, and would not see that mfcore has changed.
        for old in build.glob(".cache-*"):
            if old != cache:
                shutil.rmtree(old, ignore_errors=True)
        config.nb_execution_cache_path = str(cache)
    if os.environ.get("CI", "").lower() in ("1", "true"):
        config.nb_execution_mode = "force"

    options = config.html_theme_options
    if options.get("repository_url"):
        options.update(use_repository_button=True, use_issues_button=True)
    else:
        options.update(repository_url="", launch_buttons={})


def _draw_single_page_alike(app):
    """Give the builder of one single page every node that the builder of pages can draw."""
    # Once an extension names `singlehtml`, Sphinx forgets there what others registered for `html`.
    handlers = app.registry.translation_handlers
    handlers["singlehtml"] = {**handlers.get("html", {}), **handlers.get("singlehtml", {})}


def _escape_bars(app, what, name, obj, options, lines):
    """Keep |x| in a docstring a norm: to reStructuredText it is a substitution."""
    math_indent = None
    for i, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if math_indent is not None and line.strip() and indent <= math_indent:
            math_indent = None
        if line.lstrip().startswith(".. math::"):
            math_indent = indent
        if math_indent is None:
            parts = re.split(r"(`+[^`]*`+)", line)
            parts[::2] = [re.sub(r"(?<!\\)\|", r"\\|", part) for part in parts[::2]]
            lines[i] = "".join(parts)


class _Versions(SphinxDirective):
    """A list of what the book was built with."""

    packages = ["numpy", "scipy", "numba", "matplotlib", "jupyter-book", "Sphinx", "myst-nb"]

    def run(self):
        self.env.note_reread()
        rows = [
            ("mfcore", __version__),
            ("Python", platform.python_version()),
            ("system", platform.system()),
        ]
        rows += [(package, metadata.version(package)) for package in self.packages]
        items = nodes.bullet_list()
        for name, version in rows:
            items += nodes.list_item("", nodes.paragraph("", f"{name} {version}"))
        return [items]


def setup(app):
    """Register the extension with Sphinx."""
    app.connect("config-inited", _configure)
    app.connect("builder-inited", _draw_single_page_alike)
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", _escape_bars)
    app.add_directive("versions", _Versions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
