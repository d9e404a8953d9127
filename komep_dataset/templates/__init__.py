"""The templates of the card, its figures, the report and the review sheet, and the environments that they are written for.

A template is found by its name; a value that is missing is an error. `say` gives a sentence of the page in the language in
which it is written just now: English as it stands in the code, Korean from `explorer_ko.json`.
"""

import base64
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def one_line(text: object) -> str:
    """A text without line breaks, marks of direction and other signs that show nothing."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def code(text: object) -> str:
    """A text between two backticks of markdown."""
    return one_line(text).replace("`", "'")


def inline(text: object, limit: int | None = None) -> str:
    """A text of the data as one line of markdown, in a table too: shown as it is, whatever marks, HTML or formulas it holds.

    Args:
        limit: characters from which on it is cut, at a word where there is one, and ends in an ellipsis.
    """
    line = one_line(text)
    if limit and len(line) > limit:
        cut = line[: limit - 1]
        line = f"{cut.rpartition(' ')[0] if ' ' in cut[limit // 2 :] else cut}…"
    # The last three are what GitHub's markdown makes links of by itself.
    return re.sub(r"([\\`*_{}\[\]<>()#~|&$!]|:(?=//)|@|(?<=www)\.)", r"\\\1", line)


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
TEXT.filters |= {
    "inline": inline,
    "code": code,
    "told": lambda text: one_line(text).replace("<", "&lt;"),  # a sentence with marks of our own
}


def own(name: str) -> str:
    """A style or script of ours, put into a page as it is: it holds nothing that would end its element."""
    return (files("komep_dataset.templates") / name).read_text("utf-8")


def policy(css: str, script: str = "") -> str:
    """The content security policy of a page with this one style and this one script: nothing else runs, loads or sends."""
    runs = f"'{_hash(script)}'" if script else "'none'"
    return (
        f"default-src 'none'; style-src '{_hash(css)}'; script-src {runs}; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


_WORDS: ContextVar[Mapping[str, str] | None] = ContextVar(
    "sentence in English -> as it is said", default=None
)


class Said(str):
    """A sentence that knows what it was made of, so that it can be said again in another language."""

    __slots__ = ("made_of",)


def say(text: str, /, **values: Any) -> Said:
    """A sentence with its values in the language of `speaking`; one without a translation stays as it is.

    >>> with speaking("ko"):
    ...     say("Pairs")
    '쌍'
    """
    text, values = getattr(text, "made_of", (text, values))
    known = (_WORDS.get() or {}).get(text, text)
    said = Said(
        known.format(**{n: say(v) if isinstance(v, Said) else v for n, v in values.items()})
        if values
        else known
    )
    said.made_of = (text, values)
    return said


def heard(text: str, sentences: Iterable[str], words: Collection[str] = ()) -> str:
    """A sentence that stands in a file, in English, so that it is said in the language of `speaking`: it is taken apart by the
    first of the sentences, with names in braces, that it was made of; one of none of them stays as it is.

    Args:
        words: names of values that are words with a translation, not data.

    >>> with speaking("ko", {"{n} in {place}": "{place}: {n}", "town": "읍내"}):
    ...     heard("7 in town", ["{n} in {place}"], ["place"])
    '읍내: 7'
    """
    for sentence in sentences:
        parts = (
            f"(?P<{part[1:-1]}>.+?)" if part[:1] == "{" else re.escape(part)
            for part in re.split(r"({\w+})", sentence)
        )
        if found := re.fullmatch("".join(parts), text, re.DOTALL):
            return say(
                sentence, **{name: say(v) if name in words else v for name, v in found.groupdict().items()}
            )
    return text


@contextmanager
def speaking(language: str, korean: Mapping[str, str] | None = None) -> Iterator[None]:
    """`say` speaks this language inside: `en` or `ko`; Korean by `words`, or by a table like it."""
    spoken = None if language == "en" else words() if korean is None else korean
    before = _WORDS.set(spoken)
    try:
        yield
    finally:
        _WORDS.reset(before)


@cache
def words() -> dict[str, str]:
    """Sentence in English -> in Korean, with the same names in braces."""
    return json.loads(own("explorer_ko.json"))


MARKUP.globals["say"] = say
