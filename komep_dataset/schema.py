"""Every row type of KoMeP in one place: columns, types, units and null rules.

A row type is a frozen dataclass. The polars schema, the Arrow schema and the column tables of the card are
all derived from its annotations, so they cannot disagree. A column that may be null is annotated ``X | None``.
"""

import hashlib
import re
import types
import unicodedata
from collections.abc import Container
from dataclasses import dataclass, field, fields, is_dataclass, make_dataclass
from enum import Enum
from functools import cache
from math import isclose
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints


class Verdict(str, Enum):
    """What a checker said of one atomic unit."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


# What the evidence calls a unit that holds nothing to check; no verdict, for no unit of a scored generation is one.
UNVERIFIABLE = "unverifiable"


class WhyUnknown(str, Enum):
    """Why a unit that was judged by passages has no verdict."""

    NOT_ADDRESSED = "not_addressed"  # the passages do not decide
    CONTRADICTORY = "contradictory"  # they contradict each other
    UNREAD = "unread"  # the reply is no verdict: it names no passage, or one that was not shown
    DISAGREED = "disagreed"  # votes or judges that do not agree


class Status(str, Enum):
    """Whether a response has a DAHL score, and if not, why."""

    SCORED = "scored"  # every unit has a verdict: the score counts
    UNPARSED = "unparsed"  # at least one unit's verdict could not be read
    ABSTAINED = "abstained"  # the response says that it does not know
    EMPTY = "empty"  # there is nothing to split into units, or nothing that could be checked
    FAILED = "failed"  # the responder, the splitter or the checker gave no answer after the retries
    REFUSED = "refused"  # the response refuses to answer, or speaks of nothing that was asked
    UNSPLIT = "unsplit"  # what the splitter gave says nothing of the response


# Of these, tables and counts show only such as occur: releases from before them stay as they are.
OCCASIONAL = (Status.REFUSED, Status.UNSPLIT)


def listed_statuses(found: Container[str]) -> list[str]:
    """The statuses that a table of counts shows, by those that occur in it."""
    return [status.value for status in Status if status not in OCCASIONAL or status.value in found]


class Reason(str, Enum):
    """Why a stage rejected a row, a question or a pair; `rejects.jsonl` holds these, the reasons of the gates and the
    names of the checks of translations."""

    MALFORMED = "malformed"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    BAD_VALUE = "bad_value"
    SCORE_CONTRADICTS_UNITS = "score_contradicts_units"
    CONFLICTING_DUPLICATE = "conflicting_duplicate"
    DUPLICATE_QUESTION = "duplicate_question"
    TOO_FEW_RESPONSES = "too_few_responses"
    TIE = "tie"
    BELOW_MARGIN = "below_margin"
    IDENTICAL_TEXT = "identical_text"
    LENGTH_GAP = "length_gap"
    UNTRANSLATED = "untranslated"
    OTHER_ORIGIN = "other_origin"
    REPLACED = "replaced"
    REQUEST_FAILED = "request_failed"
    UNSPLIT = "unsplit"


class Origin(str, Enum):
    """Where the Korean text of a pair comes from."""

    TRANSLATED = "translated"  # asked and answered in English, then translated
    NATIVE = "native"  # asked and answered in Korean


# A config of the release, in the order in which the card lists them; the first that has rows is the default.
CONFIGS = ("ko", "en", "scored")
SPLITS = ("train", "test")
TEST_PERCENT = 10  # share of question ids that go to `test`
LANGUAGES = ("en", "ko")


def column(doc: str) -> Any:
    """A dataclass field that carries its meaning, for the card's column tables."""
    return field(metadata={"doc": doc})


@dataclass(frozen=True, slots=True)
class Unit:
    """One atomic statement of a response, with the checker's verdict."""

    text: str = column("one atomic statement")
    verdict: str = column("`true`, `false` or `unknown`")


@dataclass(frozen=True, slots=True)
class Citation:
    """What a judge that was shown passages says of one unit: a passage that its verdict rests on, or that it has none."""

    unit: int = column("place of the unit in `units`, from 0; a unit has an entry a passage, or one without")
    reason: str = column(
        "why its verdict is `unknown`: `not_addressed`, `contradictory`, `unread` or `disagreed`; else empty"
    )
    id: str = column("id of the passage in its corpus; empty = the unit rests on none")
    title: str = column("its title, may be empty")
    url: str = column("its address, may be empty")
    quotation: str = column("at most 300 characters of it, those most like the unit")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, as TRL reads it."""

    role: str = column("`user` or `assistant`")
    content: str = column("text of the message, exactly as given")


@dataclass(frozen=True, slots=True)
class Question:
    """A row of the table `questions`."""

    KEY: ClassVar[tuple[str, ...]] = ("question_id",)

    question_id: str = column("first 16 hex digits of the SHA-256 of the normalised question")
    question: str = column("text of the question, exactly as given")
    category: str = column("subject area")
    language: str = column("`en` or `ko`")
    source: str = column("where the question comes from")


@dataclass(frozen=True, slots=True)
class Response:
    """A row of the table `responses`: one model's answer to one question, and how it was asked."""

    KEY: ClassVar[tuple[str, ...]] = ("question_id", "model")

    question_id: str = column("id of the question")
    model: str = column("name of the responder in pipeline.yaml")
    question: str = column("text of the question, exactly as given")
    category: str = column("subject area")
    response: str = column("text of the answer, exactly as given; empty when the request failed")
    prompt_protocol: str = column("`dahl-gpt`, `dahl-hf`, `chat`, or `chat/FORMAT`: rendered here")
    temperature: float | None = column("sampling temperature; null = none was sent")
    top_p: float | None = column("nucleus sampling mass, 0 to 1; null = none was sent")
    max_new_tokens: int | None = column("token limit of the answer; null = none was sent")
    seed: int | None = column("sampling seed that was sent; null = none was")
    finish_reason: str = column(
        "`stop`, `length`, `refused` (in a field of the endpoint's own for that) or `failed`"
    )
    prompt_tokens: int | None = column("tokens of the prompt as the endpoint counted them")
    completion_tokens: int | None = column("tokens of the answer as the endpoint counted them")


@dataclass(frozen=True, slots=True)
class ScoredGeneration:
    """A row of the table `scored generations`, which `komep build` reads, and of the config `scored`."""

    KEY: ClassVar[tuple[str, ...]] = ("question_id", "model")

    question_id: str = column("first 16 hex digits of the SHA-256 of the normalised question")
    model: str = column("name of the responder")
    question: str = column("text of the question, exactly as given")
    category: str = column("subject area")
    response: str = column("text of the answer, exactly as given")
    units: list[Unit] = column("atomic statements of the answer, each with its verdict; may be empty")
    dahl_score: float | None = column("true units / units, 0 to 1; null unless `status` is `scored`")
    status: str = column("`scored`, `unparsed`, `abstained`, `refused`, `empty`, `unsplit` or `failed`")
    question_ko: str | None = column("Korean text of the question; null = not translated")
    response_ko: str | None = column("Korean text of the answer; null = not translated")


@dataclass(frozen=True, slots=True)
class CitedGeneration(ScoredGeneration):
    """A scored generation whose units were judged by passages; a release has its column if any row does."""

    unit_evidence: list[Citation] | None = column(
        "what the verdicts rest on: the passages that the judge cites; null = it judged without any"
    )


@dataclass(frozen=True, slots=True)
class Pair:
    """A row of the table `pairs`."""

    KEY: ClassVar[tuple[str, ...]] = ("question_id", "chosen_model", "rejected_model")

    question_id: str = column("id of the question")
    category: str = column("subject area")
    chosen_model: str = column("responder of the chosen answer")
    rejected_model: str = column("responder of the rejected answer")
    chosen_score: float = column("DAHL score of the chosen answer, 0 to 1")
    rejected_score: float = column("DAHL score of the rejected answer, 0 to 1")
    score_margin: float = column("chosen_score - rejected_score, above 0 to 1")


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """A row of the config `en`: TRL's conversational preference format, then the columns of `Pair`."""

    KEY: ClassVar[tuple[str, ...]] = Pair.KEY

    prompt: list[Message] = column("one user message: the question")
    chosen: list[Message] = column("one assistant message: the answer with the highest score")
    rejected: list[Message] = column("one assistant message: the answer with the lowest score")
    question_id: str = column("id of the question")
    category: str = column("subject area")
    chosen_model: str = column("responder of the chosen answer")
    rejected_model: str = column("responder of the rejected answer")
    chosen_score: float = column("DAHL score of the chosen answer, 0 to 1")
    rejected_score: float = column("DAHL score of the rejected answer, 0 to 1")
    score_margin: float = column("chosen_score - rejected_score, above 0 to 1")


@dataclass(frozen=True, slots=True)
class KoreanRow(ReleaseRow):
    """A row of the config `ko`: a `ReleaseRow` in Korean, and where its Korean comes from."""

    origin: str = column("`translated` from English, or `native`: asked and answered in Korean")


# The row type of each config, where no verdict was given by passages and pairs go by precision.
RECORDS = {"ko": KoreanRow, "en": ReleaseRow, "scored": ScoredGeneration}
EVIDENCE = "unit_evidence"  # the column of `CitedGeneration`, and what `build.json` counts of it
F1_AT_K = "f1_at_k"  # the column of a release by F1@K, and what `build.json` says of K
# The column where lengths are counted in tokens, and what `build.json` says of them.
RESPONSE_TOKENS = "response_tokens"


def records_of(facts: Container[str]) -> dict[str, type]:
    """The row type of each config of a release: by the keys of its `build.json`, or by its columns of `scored`."""
    there = (name in facts for name in (EVIDENCE, F1_AT_K, RESPONSE_TOKENS))
    return RECORDS | {"scored": _generation(*there)}


@cache
def _generation(cites: bool, by_f1: bool, by_tokens: bool) -> type:
    base = CitedGeneration if cites else ScoredGeneration
    of_f1 = (
        "F1@K, 0 to 1: harmonic mean of `dahl_score` and of true units / K, at most 1; null where `dahl_score` is, and without "
        "units"
    )
    of_tokens = "tokens of `response` by the tokenizer of `--length-tokenizer`, without special ones"
    more = [(F1_AT_K, float | None, column(of_f1))] * by_f1
    more += [(RESPONSE_TOKENS, int, column(of_tokens))] * by_tokens
    if not more:
        return base
    return make_dataclass(base.__name__, more, bases=(base,), frozen=True, slots=True)


@dataclass(frozen=True, slots=True)
class Reject:
    """A line of `rejects.jsonl`, which lies beside every table."""

    stage: str = column("command that rejected it: `questions`, `build`, …")
    key: str = column("id of the question, `question_id/model`, or `file:line` where the row has no key")
    reason: str = column("a value of `Reason`, the reason of a gate or the name of a translation check")
    detail: str = column("which column and value, or the numbers behind the decision")


@cache
def column_types(record: type) -> dict[str, tuple[Any, bool]]:
    """Column name -> (Python type, may be null), in column order; the same dictionary for every caller."""
    found, hints = {}, get_type_hints(record)
    for item in fields(record):
        hint = hints[item.name]
        inner = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
        found[item.name] = next(one for one in inner if one is not type(None)), type(None) in inner
    return found


@cache
def column_docs(record: type) -> dict[str, str]:
    """Column name -> meaning, in column order."""
    return {f.name: f.metadata["doc"] for f in fields(record)}


@cache
def arrow_schema(record: type, *, loose: bool = False):
    """The `pyarrow.Schema` of a row type; columns that may not be null are marked so, unless it is `loose`.

    In a loose one every column and field may be null: what a reader may meet.
    """
    import pyarrow as pa

    def arrow_type(hint):
        if is_dataclass(hint):
            return pa.struct(columns(hint))
        if get_origin(hint) is list:
            return pa.list_(arrow_type(get_args(hint)[0]))
        return {str: pa.string(), int: pa.int64(), float: pa.float64()}[hint]

    def columns(of):
        return [pa.field(n, arrow_type(t), null or loose) for n, (t, null) in column_types(of).items()]

    return pa.schema(columns(record))


@cache
def polars_schema(record: type):
    """The `polars.Schema` of a row type (polars has no notion of a column that may not be null)."""
    import polars as pl

    return pl.Schema(arrow_schema(record, loose=True))


def collapse_blanks(text: str) -> str:
    """NFC, runs of white space to one blank, none at either end: how two texts are compared."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def question_id(question: str) -> str:
    """The id of a question: first 16 hex digits of SHA-256 over its NFC text, case-folded, blanks collapsed."""
    normal = " ".join(unicodedata.normalize("NFC", question).casefold().split())
    return hashlib.sha256(normal.encode()).hexdigest()[:16]


# A number as a spreadsheet writes it: no sign, no leading zero, a power of ten in capitals.
A_NUMBER = r"^(?:0|[1-9]\d*)(?:[.,]\d+)?(?:E\+\d+)?$"


def id_before_spreadsheet(id: str, question: str) -> str | None:
    """The id of a question, where a spreadsheet took it for a number and wrote `id`: 16 hex digits may be 0012345678901234,
    of which it keeps no zeros, 0e12345678901234, which is 0 to it, or more digits than the 15 that it has. None = it did not.

    >>> id_before_spreadsheet("7", "What is 7?")
    """
    if not re.match(A_NUMBER, id) or (own := question_id(question)) == id:
        return None
    try:
        number, known = float(own), float(id.replace(",", "."))
    except ValueError:  # hex digits that nobody takes for a number
        return None
    if number > 1e300:
        return own if known > 1e300 else None
    return own if isclose(number, known, rel_tol=1e-2 if "E" in id else 1e-14) else None


def split_of(question_id: str) -> str:
    """`test` or `train`, by the first 8 hex digits of the id, so that a row never changes sides."""
    return "test" if int(question_id[:8], 16) % 100 < TEST_PERCENT else "train"


# Files of a release beside its data.
BUILD_FILE = "build.json"  # what was built from what, with all counts; marks a folder as a release
PROVENANCE_FILE = "provenance.json"  # from what, by which code, under which options
QUALITY_FILE = "quality.json"  # what the gates looked for, found and rejected; releases before 0.5 have none
SUMS_FILE = "SHA256SUMS"
CARD_FILE = "README.md"
