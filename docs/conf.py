"""How Sphinx builds the documentation; needs neither Django nor the package to be installed."""

import re
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "gdpr_assist" / "__init__.py"

project = "django-gdpr-assist"
author = "django-gdpr-assist contributors"
project_copyright = author
release = re.search(r'__version__ = "(.+)"', PACKAGE.read_text(encoding="utf-8"))[1]
version = release

extensions = ["sphinx.ext.autosectionlabel"]
# "checks:gdpr_assist.E001" names a section by its file.
autosectionlabel_prefix_document = True
# Tables that pages include
exclude_patterns = ["_build", "explanation/_benchmarks"]
language = "en_GB"
nitpicky = True

html_theme = "furo"
html_title = f"{project} {release}"
