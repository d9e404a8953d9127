"""The reviewer's sheet: a CSV for a spreadsheet and a page for a browser, with two answers A and B of each pair.

Neither tells what the release chose (`blinding`). The CSV is UTF-8 with a BOM, so that a spreadsheet shows Korean. What a
spreadsheet would take for a formula gets an apostrophe in front, and reading takes that one away again. The page is one file
without network; it saves the same CSV, and takes one back.
"""

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import replacing
from komep_dataset.progress import counted, tell
from komep_dataset.release.facts import pair_config, read_facts, read_quality
from komep_dataset.release.rows import read_rows
from komep_dataset.review.blinding import Blinding, balanced
from komep_dataset.review.drawing import ReviewPair, deal, draw, pair_id, review_pairs
from komep_dataset.review.statements import Beside, beside_pairs
from komep_dataset.schema import Pair
from komep_dataset.templates import MARKUP, own, policy
from komep_dataset.translation.evidence import warned_pairs

SHOWN = (
    "pair_id", "category", "origin", "prompt_source", "prompt_korean",
    "a_source", "a_korean", "a_units", "b_source", "b_korean", "b_units",
)  # fmt: skip
# What the reviewer writes.
FILLED = (
    "better", "translation_ok", "a_marks", "b_marks", "corrected_prompt", "corrected_a", "corrected_b", "comment",
)  # fmt: skip
COLUMNS = (*SHOWN, "sheet", "reviewer", *FILLED)
PASSAGES = "passages"  # a column behind the others, where the release has any
SCRIPTS = ("page_language.js", "explorer_elements.js", "review_words.js", "review_sheet.js", "review_main.js")
# Lines of the explorer's styles that are for what no page of a reviewer has: whoever looks into one finds no such word.
_TELLING = re.compile("chosen|rejected|score|model")
# What begins a formula. A text that begins with apostrophes and then such a sign gets one more, too: reading must
# not take an apostrophe away that was there before.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r]")


def escape(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescape(cell: str) -> str:
    """What `escape` was given."""
    return cell[1:] if _ESCAPED.match(cell) else cell


@dataclass(frozen=True, slots=True)
class Material:
    """What can be reviewed of a release: pairs by `pair_id`, in the order of their keys (`question_id`, `chosen_model`,
    `rejected_model`), what stands beside them, which have a warning of their translation, and the release's facts."""

    pairs: Mapping[str, ReviewPair]
    keys: Mapping[str, tuple[str, str, str]]
    beside: Mapping[str, Beside]
    warned: frozenset[str]
    facts: Mapping[str, Any]


def read_material(release: Path) -> Material:
    """The pairs of `ko` in a release, or of `en` where it has none in Korean.

    Raises `KomepError` if the folder is no release or holds no pair.
    """
    facts = read_facts(Path(release))
    config = pair_config(release, facts, None)
    rows, scored = read_rows(release, config), read_rows(release, "scored")
    keys = {pair_id(key): key for key in rows.select(Pair.KEY).iter_rows()}
    pairs = {pair.pair_id: pair for pair in review_pairs(rows, scored, config)}
    warned = set(warned_pairs(read_quality(release), keys.values()))
    doubtful = frozenset(id for id, key in keys.items() if key in warned)
    return Material(pairs, keys, beside_pairs(scored, keys), doubtful, facts)


def write_sheets(
    release: Path, output: Path, n: int = 100, seed: int = 0, reviewers: int = 2, shared: int | None = None
) -> list[Path]:
    """Draw a sample and write a folder a reviewer, each with `review.csv` and `review.html`.

    Args:
        release: a folder that `komep build` wrote.
        output: the folder; one reviewer's sheet lies in it, several in `reviewer-1`, `reviewer-2`, …
        n: pairs to draw, up to a half of them with a warning of their translation, which no sheet tells.
        seed: of the sample, the orders and the sides.
        reviewers: how many.
        shared: pairs that every reviewer gets, in an order and with sides of their own; the others go to one reviewer each.
            None = all.

    Returns:
        the folders.

    Raises:
        KomepError: no release, more shared pairs than pairs, a sheet without a pair, or a sheet is there already: it may hold someone's judgements.
    """
    if shared is not None and shared > n:
        raise KomepError(f"--shared {shared}: more than the {n} pairs of --n", exit_code=2)
    material = read_material(release)
    sample = draw(list(material.pairs.values()), n, seed, material.warned)
    dealt = deal(sample, seed, reviewers, len(sample) if shared is None else shared)
    if not all(dealt):
        some = f"{len(sample)} pairs, {shared} of them for all, are too few for {reviewers} sheets"
        raise KomepError(f"{some}; give fewer --reviewers, or more --n or --shared", exit_code=2)
    if len(sample) < n:
        tell(f"note: {release} has {counted(len(sample), 'pair')}, and all of them are drawn")
    folders = [output if reviewers == 1 else output / f"reviewer-{i + 1}" for i in range(reviewers)]
    for file in (folder / name for folder in folders for name in ("review.csv", "review.html")):
        if os.path.lexists(file):
            raise KomepError(f"{file}: exists, and may be filled in; give another --output, or move it away")
    for number, (folder, pairs) in enumerate(zip(folders, dealt, strict=True), 1):
        blinding = balanced(material.facts["content_hash"], seed, number, [pair.pair_id for pair in pairs])
        blind = [blinded(pair, material.beside[pair.pair_id], blinding) for pair in pairs]
        with replacing(folder / "review.csv") as beside:
            beside.write_bytes(sheet_bytes(blind))
        with replacing(folder / "review.html") as beside:
            beside.write_text(page(blind, blinding, is_sample=material.facts["is_sample"]), "utf-8")
    return folders


def blinded(pair: ReviewPair, beside: Beside, blinding: Blinding) -> dict[str, Any]:
    """A pair that nobody has judged yet: `row`, its cells by column; `units`: letter -> statements; `passages`."""
    row = {"pair_id": blinding.name(pair.pair_id), "category": pair.category, "origin": pair.origin}
    row |= {"prompt_source": pair.prompt_source, "prompt_korean": pair.prompt_korean}
    units = {}
    for letter, side in blinding.sides(pair.pair_id).items():
        row |= {f"{letter}_{text}": getattr(pair, f"{side}_{text}") for text in ("source", "korean")}
        units[letter] = [unit["text"] for unit in beside.units[side]]
        row[f"{letter}_units"] = numbered(units[letter])
    row |= {"sheet": blinding.code, "reviewer": str(blinding.sheet), **dict.fromkeys(FILLED, "")}
    passages = [[one.title or one.id, one.id, one.url, one.quotation] for one in beside.passages]
    cited = (f"“{text}” ({', '.join(dict.fromkeys(filter(None, of)))})" for *of, text in passages)
    row[PASSAGES] = "\n".join(cited)
    return {"row": row, "units": units, "passages": passages}


def numbered(units: Iterable[str]) -> str:
    """The statements of an answer as one cell."""
    return "\n".join(f"{n}. {unit}" for n, unit in enumerate(units, 1))


def columns_of(blind: Iterable[Mapping[str, Any]]) -> list[str]:
    """The columns of a sheet with these pairs."""
    return [*COLUMNS, *([PASSAGES] if any(one["passages"] for one in blind) else [])]


def sheet_bytes(blind: Sequence[Mapping[str, Any]]) -> bytes:
    """The CSV of one reviewer."""
    text, columns = io.StringIO(), columns_of(blind)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([escape(one["row"][name]) for name in columns] for one in blind)
    return text.getvalue().encode("utf-8-sig")


def page(blind: Sequence[Mapping[str, Any]], blinding: Blinding, *, is_sample: bool) -> str:
    """The page of one reviewer; every text of the data is put in by the page's script as text: it is shown, never run."""
    reviewer = str(blinding.sheet)
    data = {"sheet": blinding.code, "reviewer": reviewer, "columns": columns_of(blind), "filled": FILLED}
    css = "".join(line for line in own("explorer.css").splitlines(True) if not _TELLING.search(line))
    css += own("review.css")
    script = "(() => {\n" + "\n".join(map(own, SCRIPTS)) + "\n})();\n"
    values = {"css": Markup(css), "script": Markup(script), "policy": policy(css, script)}
    return MARKUP.get_template("review.html.j2").render(
        values, data=data | {"pairs": blind}, reviewer=reviewer, is_sample=is_sample
    )
