"""Sphinx's settings. `make site` runs it on build/site-source, which docs/site/build.py writes."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

project = "django-stateful-oauth"
author = "The django-stateful-oauth developers"
project_copyright = author
release = version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4  # the anchors that code forges make, too
myst_enable_extensions = ["colon_fence", "deflist"]
nitpicky = True
# Excerpts of templates and dialogs are not always whole; a wrong name of a language still fails.
suppress_warnings = ["misc.highlighting_failure", "myst.header"]

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = [str(Path(__file__).with_name("static"))]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
