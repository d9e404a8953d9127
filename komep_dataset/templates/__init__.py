"""The templates of the card, its figures, the report and the review sheet, and the environments that they are written for.

A template is found by its name; a value that is missing is an error.
"""

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

# For HTML and SVG: every text of the data is shown, never run. Compiling a template takes as long as a small build:
# each environment keeps what it compiled.
MARKUP = Environment(
    loader=PackageLoader("komep_dataset"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEXT = MARKUP.overlay(autoescape=False)


def own(name: str) -> str:
    """A style or script of ours, put into a page as it is: it holds nothing that would end its element."""
    return (files("komep_dataset.templates") / name).read_text("utf-8")


def policy(css: str, script: str) -> str:
    """The content security policy of a page with this one style and this one script: nothing else runs, loads or sends."""
    return (
        f"default-src 'none'; style-src '{_hash(css)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
