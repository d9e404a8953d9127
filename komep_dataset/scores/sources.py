"""From the passages that a judge is shown to what a table says of them: items with passages, citations with quotations,
and beside it the state of what they come from.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from komep_dataset.config.config import Checker
from komep_dataset.config.evidence import Evidence
from komep_dataset.evidence.corpus import corpus_files
from komep_dataset.evidence.retrieval import Wanted, passages_for
from komep_dataset.evidence.store import fingerprint
from komep_dataset.files.outputs import Beside
from komep_dataset.schema import Citation
from komep_dataset.scores.checking import Item, Judged
from komep_dataset.tables.formats import table_files

Sources = Sequence[Mapping[str, Any]]
SOURCES = Beside(
    "evidence", ("evidence",)
)  # beside a table: what the passages come from by which it was judged
FOLDER = "evidence"  # of a work folder, where retrieval keeps what it needs again
QUOTED = 300  # characters of a passage that a release repeats at most: what a reader needs to find the place (ours)
_ENDS = re.compile(r"(?<=[.!?。！？])\s+|\n+")
GRAM = 3  # letters that two texts share, whatever their language


def with_passages(
    items: Sequence[tuple[str, Item]], questions: Sequence[str], evidence: Evidence, folder: Path
) -> list[Item]:
    """Items, each given with the id of its question, with the passages that their judge is shown.

    `questions` has the text of the question of each, whether the judge is shown it or not; `folder` what retrieval keeps.
    """
    wanted = [Wanted(item.unit, id, text) for (id, item), text in zip(items, questions, strict=True)]
    found = passages_for(evidence, wanted, folder)
    return [replace(item, passages=tuple(own)) for (_, item), own in zip(items, found, strict=True)]


def sources_of(judges: Mapping[str, Checker]) -> Sources:
    """What the passages of each judge that is shown some come from: the source's name, the SHA-256 over the names and contents of
    its files, by which `<work>/evidence` has it too, and what of it is shown."""
    found = []
    for name, checker in judges.items():
        if (given := checker.evidence) is None:
            continue
        [source] = given.sources
        files = corpus_files(source) if given.corpus else table_files([source])
        one = {"judge": name, "source": source.name, "sha256": fingerprint(source, files, given.columns)}
        one |= {"retriever": given.retriever} if given.corpus else {}
        one |= {"embeddings": given.embeddings.model} if given.embeddings else {}
        found.append(one | {"passages": given.passages})
    return found


def read_sources(table: Path) -> Sources:
    """What passages come from by which a table was judged; empty where there is nothing of ours."""
    return (SOURCES.read(table) or {"evidence": []})["evidence"]


def in_other_states(old: Iterable[Mapping[str, Any]], new: Sources) -> list[str]:
    """The names of sources that are in another state than they were."""
    states = {(one["source"], one["sha256"]) for one in old}
    known = {name for name, _ in states}
    now = {(one["source"], one["sha256"]) for one in new}
    return sorted({name for name, _ in now - states if name in known})


def citations(judged: Iterable[tuple[Item, Judged]]) -> list[Citation] | None:
    """What the verdicts on the units of one answer rest on, in their order; None where no passage was to be shown."""
    found = []
    for place, (item, one) in enumerate(judged):
        if item.passages is not None:
            shown = {passage.id: passage for passage in item.passages}
            cited = ((p, quotation(p.text, item.unit)) for p in map(shown.__getitem__, one.cited))
            fields = [(p.id, p.title, p.url, quoted) for p, quoted in cited] or [("",) * 4]
            found += [Citation(place, one.reason, *of_passage) for of_passage in fields]
    return found or None


def quotation(text: str, unit: str) -> str:
    """At most `QUOTED` characters of a passage: whole sentences in a row, if they fit, that share most with a unit."""
    text = text.strip()
    if len(text) <= QUOTED:
        return text
    cuts = [0, *(m.end() for m in _ENDS.finditer(text)), len(text)]
    wanted = _grams(unit)
    parts = [(text[a:b], len(wanted & _grams(text[a:b]))) for a, b in pairwise(cuts) if text[a:b].strip()]
    best = max(range(len(parts)), key=lambda i: parts[i][1])
    said = parts[best][0].strip()
    if len(said) > QUOTED:  # a sentence that is too long is cut where it shares most
        begins = [0, *(m.end() for m in re.finditer(r"\s+", said[: len(said) - QUOTED // 2]))]
        begin = max(begins, key=lambda at: len(wanted & _grams(said[at : at + QUOTED - 2])))
        cut = said[begin : begin + QUOTED - 2]
        if begin + len(cut) < len(said) and " " in cut[QUOTED // 2 :]:
            cut = cut[: cut.rindex(" ")]
        cut = cut.rstrip()
        return f"{'…' if begin else ''}{cut}{'…' if begin + len(cut) < len(said) else ''}"
    for part, _ in parts[best + 1 :]:
        if len(longer := f"{said} {part.strip()}") > QUOTED:
            break
        said = longer
    return said


def _grams(text: str) -> set[str]:
    letters = " ".join(text.casefold().split())
    return {letters[i : i + GRAM] for i in range(len(letters) - GRAM + 1)}


def verdicts_path(table: Path) -> Path:
    """Where the evidence of a table of scored generations lies."""
    return table.with_name(f"{table.stem}.verdicts.parquet")
