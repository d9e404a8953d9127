"""The page itself: templates filled in, styles and script inlined, a data block, and a policy that runs nothing else.

The policy names the page's own script and style by their hashes: whatever else got into the page would not run, load
or send anything. Script text is joined from a few files, without a build step.

The data block holds columns of small numbers and each text once, as JSON, gzipped, in base64, which has no `<`: no text
of the data can end the block. The browser unpacks it by itself (`DecompressionStream`). An English answer lies beside
its units, for gzip looks back 32 KB and they share their words; Korean lies apart, for its letters have other
frequencies: 7% smaller than languages side by side.
"""

import base64
import gzip
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
from markupsafe import Markup, escape

from komep_dataset.explorer.rows import LANGUAGES, SIDES, PageRows, example
from komep_dataset.languages import language_of
from komep_dataset.schema import EVIDENCE, SPLITS
from komep_dataset.templates import MARKUP, own, policy, speaking, words

SCRIPTS = (
    "page_language.js",
    *(f"explorer_{name}.js" for name in ("elements", "data", "state", "list", "pair", "main")),
)
VERDICTS = {"true": "t", "false": "f"}  # anything else is `u`
SIGNS = {"true": "✓", "false": "✗", "unknown": "?"}  # beside a verdict, as in explorer_data.js
DIGITS = 4  # of a score
RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]+(?:[^\\w<>&;]+[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]+)*"
)
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
    """Text that is shown as by `visible`, with what stands between backticks as code, and what runs from right to left apart."""
    parts = [RIGHT_TO_LEFT.sub(r"<bdi>\g<0></bdi>", str(escape(part))) for part in visible(text).split("`")]
    if len(parts) % 2 == 0:  # a lone backtick is itself
        return Markup("`".join(parts))
    return Markup("".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts)))


def render(values: Callable[[], Mapping[str, Any]], rows: PageRows, data: Mapping[str, Any]) -> str:
    """The HTML of a page: what is seen, in English and, in an inert template, in Korean; and a data block.

    `values` gives what `explorer_view.html.j2` names in the language that is spoken, but for the one of `rows` that is shown
    at once; `data` is what the script reads: `payload`, and as `scoreName` what the scores are.
    """
    MARKUP.filters |= {"visible": visible, "prose": prose, "korean": lambda text: language_of(text) == "ko"}
    views = {}
    for language in ("en", "ko"):
        with speaking(language):
            told = {"example": example(rows, language), "score": data["scoreName"], "language": language}
            view = MARKUP.get_template("explorer_view.html.j2").render(values(), signs=SIGNS, **told)
            views[language] = Markup(view)
    korean = json.dumps(words(), ensure_ascii=False, separators=(",", ":"))
    parts = [f"const KOREAN = {korean};", *map(own, SCRIPTS)]
    css, script = own("explorer.css"), "(() => {\n" + "\n".join(parts) + "\n})();\n"
    inlined = {"css": Markup(css), "script": Markup(script), "policy": policy(css, script)}
    page = MARKUP.get_template("explorer.html.j2")
    return page.render(values(), views=views, data=packed(data), **inlined)


def payload(
    rows: PageRows, changes: Mapping[tuple[str, ...], dict[str, Any]] | None = None
) -> dict[str, Any]:
    """What the page's script reads.

    Args:
        rows: the pairs of the page.
        changes: where two releases are compared: key of a pair -> `change`, `reasons`, `columns`, `before`, `after`.

    Returns:
        `languages`; `categories`, `models`, `origins`, `splits`: the names behind the numbers; `questions`:
        language -> one text each; `english`: for each answer [text, verdicts as letters, unit, …]; `korean`: one text
        each; a text is null where its language has none; `sources`, where units were judged by passages: for each answer
        what `schema.Citation` has, one list each; `columns`: one list a column, a number a pair;
        `changes`: None, or number of a pair -> what changed, with the texts from before (see `comparison.with_old_texts`).
    """
    pairs, compared = rows.pairs, None
    if changes is not None:
        keys = pairs.select("question_id", "chosen_model", "rejected_model").iter_rows()
        compared = {str(n): changes[key] for n, key in enumerate(keys) if key in changes}
    sources = [[list(one.values()) for one in cited or ()] for cited in rows.answers[EVIDENCE].to_list()]
    names = {
        "categories": sorted({*pairs["category"]} - {None}),
        "models": sorted({*pairs["chosen_model"], *pairs["rejected_model"]} - {None}),
        "origins": sorted({*pairs["origin"]} - {""}),
        "splits": list(SPLITS),
    }
    return {
        "languages": list(rows.languages),
        **names,
        "questions": {name: rows.questions[name].to_list() for name in rows.languages},
        "english": [[text, *_units(units)] for text, units in rows.answers.select("en", "units").iter_rows()],
        "korean": rows.answers["ko"].to_list() if "ko" in rows.languages else [],
        **({"sources": sources} if any(sources) else {}),
        "columns": _columns(rows, names),
        "changes": compared,
    }


def packed(value: Any) -> str:
    """A JSON value as base64 of its gzip: the same value, the same text."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), 9, mtime=0)).decode("ascii")


def _units(units: list[dict[str, str]] | None) -> list[str]:
    """Verdicts as letters, then the units."""
    units = units or []
    return ["".join(VERDICTS.get(unit["verdict"], "u") for unit in units), *(unit["text"] for unit in units)]


def _columns(rows: PageRows, names: Mapping[str, list[str]]) -> dict[str, list[Any]]:
    pairs = rows.pairs
    questions = {key: n for n, key in enumerate(rows.questions["question_id"])}
    answers = {key: n for n, key in enumerate(rows.answers.select("question_id", "model").iter_rows())}
    columns = {
        "id": pairs["question_id"].to_list(),
        "question": [questions[key] for key in pairs["question_id"]],
        "category": _numbers(pairs["category"], names["categories"]),
        "split": _numbers(pairs["split"], names["splits"]),
        "origin": _numbers(pairs["origin"], names["origins"]),
        "languages": [ko + 2 * en for ko, en in pairs.select(LANGUAGES).iter_rows()],
        "margin": pairs["score_margin"].round(DIGITS).to_list(),
    }
    for side in SIDES:
        key = f"{side}_answer" if f"{side}_answer" in pairs.columns else f"{side}_model"
        columns[f"{side}Model"] = _numbers(pairs[f"{side}_model"], names["models"])
        columns[f"{side}Score"] = pairs[f"{side}_score"].round(DIGITS).to_list()
        columns[side] = [answers[key] for key in pairs.select("question_id", key).iter_rows()]
    return columns


def _numbers(values: pl.Series, names: list[str]) -> list[int]:
    """Each value as its place in `names`; -1 where it is none of them."""
    places = {name: n for n, name in enumerate(names)}
    return [places.get(value, -1) for value in values]
