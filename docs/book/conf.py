"""Sphinx: one site of README, docs, notebooks as they ran, and the Python interface, without network."""

import re
import shutil
from pathlib import Path

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

import alphagan

project = "alphagan"
author = copyright = "the alphagan contributors"
version = release = alphagan.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
root_doc = "README"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # notebooks are shown as they ran
nb_merge_streams = True
html_math_renderer = "mathml"

default_role = "py:obj"  # docstrings mark names with single backquotes; a link where the reference has the name
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "none"  # types stand in the sections of each docstring
numpydoc_show_class_members = False  # autodoc shows them, with their examples
add_module_names = False

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["book.css"]
html_title = f"alphagan {version}"
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # they would be fetched page by page, which no browser allows where pages are files


def write_formula(translator, node):
    """Formulas as MathML, which browsers draw by themselves: nothing is loaded, no font and no script."""
    block = node.tagname == "math_block"
    formula = re.sub(r"\\tag\{(\w+)\}", r"\\qquad(\1)", node.astext())
    mathml = tex2mathml(formula, as_block=block)
    translator.body.append(f'<div class="formula">{mathml}</div>' if block else mathml)
    raise SkipNode


def also_as_index(app, error):
    """Let a folder that is opened show its first page."""
    if not error:
        shutil.copyfile(Path(app.outdir, "README.html"), Path(app.outdir, "index.html"))


def setup(app):
    """Tell Sphinx of the above."""
    app.add_html_math_renderer("mathml", (write_formula, None), (write_formula, None))
    app.connect("build-finished", also_as_index)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
