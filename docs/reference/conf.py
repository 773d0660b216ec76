"""Sphinx: the reference of the public interface, made from the docstrings alone, without network."""

import alphagan

project = "alphagan"
author = copyright = "the alphagan contributors"
version = release = alphagan.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
default_role = "py:obj"  # docstrings mark names with single backquotes; a link where the reference has the name
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "none"  # types stand in the sections of each docstring
numpydoc_show_class_members = False  # autodoc shows them, with their examples
add_module_names = False

html_theme = "alabaster"
html_theme_options = {"description": "3D brain MRI with auto-encoding GANs", "page_width": "1080px"}
html_sidebars = {"**": ["about.html", "navigation.html", "searchbox.html"]}
html_show_sourcelink = False
html_copy_source = False
