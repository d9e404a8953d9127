"""The page itself: templates filled in, styles and script inlined, and a policy that runs nothing else.

The policy names the page's own script and style by their hashes: whatever else got into the page would not run, load
or send anything. Script text is joined from a few files, without a build step.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

SCRIPTS = ("elements", "data", "state", "list", "pair", "main")
# Characters that hide or reorder what stands around them; a tab and a line end are none.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def visible(text: str) -> str:
    """Text with every character that cannot be seen, or turns text around, as its number.

    >>> visible("a" + chr(0x202E) + "b")
    'a[U+202E]b'
    """
    return HIDDEN.sub(lambda found: f"[U+{ord(found[0]):04X}]", str(text))


def prose(text: str) -> Markup:
    """Text that is shown as by `visible`, with what stands between backticks as code."""
    from markupsafe import Markup, escape

    parts = [escape(part) for part in visible(text).split("`")]
    if len(parts) % 2 == 0:  # a lone backtick is itself
        return escape(visible(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts)
    )


def render(values: Mapping[str, Any], data: str) -> str:
    """The HTML of a page.

    Args:
        values: what `explorer.html.j2` names.
        data: the packed data block, base64.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("komep_dataset"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": visible, "prose": prose}
    css = _own("explorer.css")
    script = "(() => {\n" + "\n".join(_own(f"explorer_{name}.js") for name in SCRIPTS) + "\n})();\n"
    own = {"css": Markup(css), "script": Markup(script), "data": data, "policy": policy(css, script)}
    return environment.get_template("explorer.html.j2").render(values, **own)


def policy(css: str, script: str) -> str:
    """The content security policy of a page with this one style and this one script."""
    return (
        f"default-src 'none'; style-src '{_hash(css)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _own(name: str) -> str:
    """A file of ours, put into the page as it is: it holds nothing that would end its element."""
    return (files("komep_dataset") / "templates" / name).read_text("utf-8")
