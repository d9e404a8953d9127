"""`komep translate`: Korean texts for the questions and answers of a table of scored generations.

A user pays for every call. So by default nothing is translated but what can enter a pair: the two answers (with
`selection.pairs: all`, the answers of every pair) that `pairs.select_pairs` picks under the configuration's
`selection`, and their questions, each once. `scope: all`, or `--all`, translates every answer. Rows that have their
Korean keep it. Chosen and rejected answers pass the same checks, which do not know which is which; a text that fails
them twice stays without Korean and is named, with its replies, in `<name>.translations.parquet` beside the table, as is
what a check of severity `warn` found in a text that was accepted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import polars as pl

from komep_dataset.config.config import Config, Translator
from komep_dataset.files.outputs import stage_outputs
from komep_dataset.inference.ask import Body
from komep_dataset.inference.servers import local_servers
from komep_dataset.pairs.generations import read_scored
from komep_dataset.pairs.rules import select_pairs
from komep_dataset.pairs.settling import readied
from komep_dataset.progress import counted
from komep_dataset.schema import CitedGeneration, Pair, Reason, Reject, ScoredGeneration, Status, Unit
from komep_dataset.tables.formats import table_files
from komep_dataset.tables.reading import applicable
from komep_dataset.tables.writing import frame_of, output_path, write_rejects, write_scored
from komep_dataset.translation.checks.registry import checks_of
from komep_dataset.translation.evidence import TranslationRow, texts_of, translations_path, write_evidence
from komep_dataset.translation.glossary import Glossary, read_glossary
from komep_dataset.translation.translator import (
    Place,
    Session,
    Text,
    Translation,
    first_requests,
    look_requests,
    needs_translation,
    translate_texts,
)

STAGE = "translate"
QUESTION, RESPONSE = "question", "response"
KINDS = (QUESTION, RESPONSE)
COPIED, KEPT, LEFT = "copied", "kept", "left"
OUTCOMES = ("translated", COPIED, KEPT, "rejected", "failed", LEFT)


@dataclass(frozen=True, slots=True)
class Item:
    """One text to translate: of a question (`model` is empty) or of a response."""

    question_id: str
    kind: str
    model: str
    text: Text

    @property
    def key(self) -> str:
        return f"{self.question_id}/{self.model}" if self.model else self.question_id

    @property
    def place(self) -> Place:
        return self.question_id, self.model, self.text.source


@dataclass(frozen=True, slots=True, repr=False)
class TranslatedTable:
    """What `komep translate` did: texts by (kind, outcome), rejects by reason, distinct calls, texts asked twice, texts
    with a warning by its name; `failures` counts texts without an answer, which `--retry-failed` asks again; `looks` the
    second looks, and `unread` has those of their replies that could not be read."""

    path: Path
    outcomes: Counter
    rejected: Counter
    calls: int
    twice: int
    failures: int
    reason: str
    warned: Counter
    looks: int
    unread: tuple[str, ...]

    @property
    def frame(self) -> pl.DataFrame:
        """The table that was written."""
        return read_scored([self.path])

    def __repr__(self) -> str:
        return f"{self.line}\n{self.table}"

    @property
    def answered(self) -> int:
        """Texts that the translator gave an answer for, good or bad."""
        return sum(self.outcomes[kind, outcome] for kind in KINDS for outcome in ("translated", "rejected"))

    @property
    def line(self) -> str:
        """The figures as one line for people."""
        done = {kind: sum(self.outcomes[kind, outcome] for outcome in OUTCOMES[:3]) for kind in KINDS}
        warned = f"warned: {_counted(self.warned)}; " if self.warned else ""
        looks = f", {self.looks:,} second looks ({len(self.unread):,} unreadable)" if self.looks else ""
        return (
            f"{counted(done[QUESTION], 'question')} and {counted(done[RESPONSE], 'response')} in Korean; "
            f"rejected: {_counted(self.rejected) or 'none'}; {warned}{counted(self.calls, 'call')}, {counted(self.twice, 'text')} asked twice"
            f"{looks} -> {self.path}"
        )

    @property
    def table(self) -> str:
        """The texts by what became of them; `left` are those that no pair needs."""
        lines = [" " * 10 + "".join(f"{outcome:>12}" for outcome in OUTCOMES)]
        for kind in KINDS:
            counts = "".join(f"{self.outcomes[kind, outcome]:>12,}" for outcome in OUTCOMES)
            lines.append(f"{kind + 's':<10}{counts}")
        return "\n".join(lines)


def _counted(counts: Counter) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items()))


def translate(scored: Path, config: Config, output: Path | None = None) -> TranslatedTable:
    """Translate a table of scored generations, and write it with its evidence and its rejects.

    Args:
        scored: scored generations as `komep build` reads them; a file or a folder.
        config: the pipeline; needs `translator`, whose replies are kept in `<work>/translate`, and says by
            `selection` which answers a pair can hold.
        output: the table to write, or a folder for `translated.parquet`; may be the input; None = that in
            `<work>/translate`.

    Raises:
        KomepError: a bad table or glossary, or an endpoint that answers nobody. A text that alone gets no answer
            has a reject `request_failed`, and is asked again by the next run.
    """
    translator = config.judge("translator")
    rows, items, glossary = _read(scored, config, translator)
    work = config.work / STAGE
    target = output_path(output or work / "translated.parquet", "translated.parquet")
    with stage_outputs(work, {target: CitedGeneration, translations_path(target): TranslationRow}):
        session = Session(translator, work, glossary)
        with local_servers():  # one start for translator and second look where they are the same model
            done = translate_texts((item.text for item in items), session)
        new = [(item, done.translations[item.text]) for item in items]
        korean = {place: known for row in rows for place, known in texts_of(row) if has_text(known)}
        korean |= {item.place: one.target for item, one in new}
        filled = [_filled(row, korean) for row in rows]
        evidence = [
            TranslationRow(
                *(item.question_id, item.kind, item.model, item.text.source),
                *(one.target, one.reason, one.detail, one.pieces, one.attempts, list(one.refusals)),
                *(translator.model, None if one.doubts is None else list(one.doubts)),
            )
            for item, one in new
        ]
        write_evidence(evidence, filled, target)
        rejects = [Reject(STAGE, item.key, one.reason, one.detail) for item, one in new if one.target is None]
        write_rejects(target.parent, STAGE, rejects)
        write_scored(frame_of(filled, CitedGeneration), target)
    reasons = Counter(reject.reason for reject in rejects)
    failed = reasons.pop(Reason.REQUEST_FAILED.value, 0)
    first = next((r.detail for r in rejects if r.reason == Reason.REQUEST_FAILED.value), "")
    warned = Counter(doubt.name for _, one in new for doubt in one.doubts or ())
    counts = done.calls, done.twice, failed, first, warned, done.looks, done.unread
    return TranslatedTable(target, _outcomes(rows, new), reasons, *counts)


def requests_of(scored: Path, config: Config) -> tuple[list[Body], list[Body]]:
    """The first round of requests that `translate` needs, answered before or not, and its second looks."""
    translator = config.judge("translator")
    _, items, glossary = _read(scored, config, translator)
    session = Session(translator, config.work / STAGE, glossary)
    texts = [item.text for item in items]
    return first_requests(texts, session), look_requests(texts, session)


def _read(
    scored: Path, config: Config, translator: Translator
) -> tuple[list[ScoredGeneration], list[Item], Glossary]:
    checks_of(translator.checks, f"{config.file}: translator.checks")
    glossary = read_glossary(translator.glossary)
    columns = applicable(table_files([scored]), ScoredGeneration, config.columns)
    frame = read_scored([scored], config.selection.unknown_units, columns)
    wanted = None  # all, or the keys of the responses that stand in a pair
    if translator.scope != "all":
        pairs, _ = select_pairs(*readied(config.selection, frame))
        wanted = {(id, model) for id, *models in pairs.select(Pair.KEY).iter_rows() for model in models}
    known = frame.select(field.name for field in fields(CitedGeneration)).iter_rows(named=True)
    rows = [CitedGeneration(**row | {"units": [Unit(**unit) for unit in row["units"]]}) for row in known]
    return rows, list(items_to_translate(rows, wanted, glossary, translator)), glossary


def items_to_translate(
    rows: Iterable[ScoredGeneration],
    wanted: set[tuple[str, str]] | None,
    glossary: Glossary,
    translator: Translator,
) -> Iterator[Item]:
    """What lacks its Korean, question by question.

    A question and its responses are handed the same terms: those that any of its texts uses, translated now or
    before. A text that uses none is handed none, so that equal short ones stay equal. `rows` are sorted by key, `wanted` has
    the keys of the responses that are translated; None for all.
    """
    by_question: dict[str, list[ScoredGeneration]] = defaultdict(list)
    korean = set()
    for row in rows:
        if has_text(row.question_ko):
            korean.add((row.question_id, row.question))
        failed, key = row.status == Status.FAILED.value, (row.question_id, row.model)
        if key in wanted if wanted is not None else not failed:
            by_question[row.question_id].append(row)
    for id, group in by_question.items():
        used = {text: glossary.terms_in(text) for row in group for text in (row.question, row.response)}
        shared = tuple({term: form for found in used.values() for term, form in found.items()}.items())
        for question in dict.fromkeys(row.question for row in group):
            if (id, question) not in korean:
                yield Item(id, QUESTION, "", Text(question, shared if used[question] else ()))
        for row in group:
            if has_text(row.response) and not has_text(row.response_ko):
                context = row.question if translator.context else None
                terms = shared if used[row.response] else ()
                yield Item(id, RESPONSE, row.model, Text(row.response, terms, context))


def has_text(text: str | None) -> bool:
    """Whether there is more than white space."""
    return bool(text and text.split())


def _filled(row: ScoredGeneration, korean: Mapping[Place, str | None]) -> ScoredGeneration:
    """A row with what was translated for it; Korean that was there stays."""
    question, response = (one if has_text(one) else korean.get(place) for place, one in texts_of(row))
    return replace(row, question_ko=question, response_ko=response)


def _outcomes(rows: Sequence[ScoredGeneration], new: Iterable[tuple[Item, Translation]]) -> Counter:
    """Distinct questions and responses by (kind, outcome)."""
    texts = (text for row in rows for text in zip(KINDS, texts_of(row), strict=True))
    found = {place: (kind, KEPT if has_text(korean) else LEFT) for kind, (place, korean) in texts}
    for item, one in new:
        outcome = "failed" if one.reason == Reason.REQUEST_FAILED.value else "rejected"
        if one.target is not None:
            outcome = "translated" if needs_translation(item.text.source) else COPIED
        found[item.place] = item.kind, outcome
    return Counter(found.values())
