"""Configure Sphinx for the site: Markdown guides, and antsibull-docs' reference."""

project = "simops.yateota"
copyright = "simops.yateota contributors"  # noqa: A001 (the name that Sphinx reads)
title = html_title = html_short_title = "simops.yateota"

extensions = ["myst_parser", "sphinx_antsibull_ext"]
myst_heading_anchors = 3
# The collection's own pages are all here. References to Ansible's documentation would need a download.
suppress_warnings = ["ref.ref", "myst.xref_missing"]
nitpicky = False

html_theme = "sphinx_ansible_theme"
html_show_sphinx = False
html_copy_source = False
html_use_smartypants = False
html_use_modindex = False
pygments_style = "ansible"
highlight_language = "text"
