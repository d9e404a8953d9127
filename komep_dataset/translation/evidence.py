"""The evidence of a translated table, `<name>.translations.parquet` beside it: each text that was to be translated, and
what became of it; and what a release says of the warnings in it (`Warnings`)."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from komep_dataset.files.outputs import check_file, table_of
from komep_dataset.schema import Origin, Pair, ScoredGeneration, column
from komep_dataset.tables.reading import read_table
from komep_dataset.tables.writing import frame_of, write_table
from komep_dataset.translation.translator import Doubt, Place, Refusal


@dataclass(frozen=True, slots=True)
class TranslationRow:
    """A row of the evidence: one text that was to be translated, and what became of it."""

    KEY: ClassVar[tuple[str, ...]] = ("question_id", "kind", "model", "source")

    question_id: str = column("id of the question")
    kind: str = column("`question` or `response`")
    model: str = column("name of the responder; empty for a question")
    source: str = column("the text as it was given")
    target: str | None = column("its Korean; null = none was accepted")
    reason: str = column("why there is none: the name of a check, or `request_failed`; else empty")
    detail: str = column("the words or numbers behind the reason")
    pieces: int = column("pieces that were sent; 0 = nothing was asked: it is Korean, or has no letters")
    attempts: int = column("how often it was asked for: 0, 1 or 2")
    refused: list[Refusal] = column("the replies that failed a check")
    translator: str = column("name of the translator as the endpoint knows it")
    # Nullable, so that evidence of earlier versions is read.
    warnings: list[Doubt] | None = column(
        "what checks of severity `warn` found in its Korean; null = not tried by them"
    )


def translations_path(table: Path) -> Path:
    """Where the evidence of a translated table lies."""
    return table.with_name(f"{table.stem}.translations.parquet")


def texts_of(row: ScoredGeneration) -> tuple[tuple[Place, str | None], tuple[Place, str | None]]:
    """The question and the response of a row: where each stands, and its Korean."""
    question = (row.question_id, "", row.question), row.question_ko
    return question, ((row.question_id, row.model, row.response), row.response_ko)


def write_evidence(new: Sequence[TranslationRow], rows: Sequence[ScoredGeneration], table: Path) -> None:
    """Write the evidence; of what lies there already, rows stay whose Korean the table still holds."""
    path = translations_path(table)
    frame = frame_of(new, TranslationRow)
    if path.is_file():
        held = {(*place, korean) for row in rows for place, korean in texts_of(row)}
        old = read_table(path, TranslationRow).join(frame, on=TranslationRow.KEY, how="anti")
        kept = [key in held for key in old.select("question_id", "model", "source", "target").iter_rows()]
        frame = pl.concat([old.filter(pl.Series(kept, dtype=pl.Boolean)), frame])
    write_table(frame, path, TranslationRow)


def carry_evidence(tables: Sequence[Path], table: Path) -> None:
    """Put the evidence of tables beside one that is made of their rows; a text that was corrected there is told by its
    Korean. `KomepError` where something else lies in its place."""
    if given := [path for path in map(translations_path, tables) if path.is_file()]:
        target = check_file(translations_path(table), *table_of(TranslationRow))
        rows = pl.concat([read_table(path, TranslationRow) for path in given])
        write_table(rows.unique(TranslationRow.KEY, keep="first"), target, TranslationRow)


WARNINGS = "translation_warnings"  # their record in quality.json
EXAMPLES, SHOWN = 20, 120  # texts that the record quotes, characters of a detail
_TEXTS = (("question", None), ("chosen", "chosen_model"), ("rejected", "rejected_model"))


@dataclass
class Warnings:
    """The warnings of the Korean texts of a release, as the evidence beside its tables has them: whether a text is in doubt
    is known where it was translated, with its glossary and its severities, and is not asked again.

    A text is known by its place, its source and its Korean: one that was corrected since is not the one that was tried.
    """

    tried: set[str] = field(default_factory=set)  # texts, by `_name`
    found: dict[str, dict[str, str]] = field(default_factory=dict)  # text -> name of a check -> detail
    # Of the pairs that were looked at: translated texts, those of them that were tried, pairs in doubt.
    texts: int = 0
    checked: int = 0
    pairs: int = 0
    warned: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def beside(cls, tables: Iterable[Path]) -> "Warnings":
        """What the evidence beside some tables says; nothing of tables that have none, or one of an earlier version.

        Raises `KomepError` for evidence that cannot be read.
        """
        made, names = cls(), ("question_id", "model", "source", "target", "warnings")
        for path in filter(Path.is_file, map(translations_path, tables)):
            rows = read_table(path, TranslationRow).select(names).drop_nulls(names[3:])
            for *text, some in rows.iter_rows():
                made.add(_name(*text), {one["name"]: one["detail"][:SHOWN] for one in some})
        return made

    @classmethod
    def recorded(cls, record: Mapping[str, Any]) -> "Warnings":
        """What a release says; of texts without a warning it does not name those that were tried."""
        made = cls()
        for one in record.get("warned", ()):
            made.add(one["text"], one["checks"])
        return made

    def add(self, text: str, checks: Mapping[str, str]) -> None:
        self.tried.add(text)
        if checks:
            self.found[text] = dict(sorted(checks.items()))

    def vouch(self, rows: pl.DataFrame) -> None:
        """Count the Korean texts of generations as tried."""
        for name, model in (("question", pl.lit("")), ("response", pl.col("model"))):
            korean = rows.drop_nulls(f"{name}_ko").select("question_id", model, name, f"{name}_ko")
            self.tried.update(_name(*row) for row in korean.iter_rows())

    def look(self, pairs: pl.DataFrame, released: pl.DataFrame) -> None:
        """Count the texts of some questions: of pairs as `pairs.rules.select_pairs` gives them, those that are `released` in `ko`;
        native ones have no translation."""
        korean = pairs.filter(pl.col("origin") != Origin.NATIVE.value).join(released, on=Pair.KEY, how="semi")
        of_bucket: dict[str, tuple[str, str]] = {}
        for pair in korean.iter_rows(named=True):
            id, texts = pair["question_id"], {}
            for side, model in _TEXTS:
                source, target, at = pair[side], pair[f"{side}_ko"], pair[model] if model else ""
                if source != target:
                    texts[_name(id, at, source, target)] = id, at
            self.pairs += any(text in self.found for text in texts)
            of_bucket |= texts
        self.texts += len(of_bucket)
        self.checked += sum(text in self.tried for text in of_bucket)
        found = {text: place for text, place in of_bucket.items() if text in self.found}
        for text, (id, model) in found.items():
            self.warned.append({"question_id": id, "model": model, "text": text, "checks": self.found[text]})

    def record(self) -> dict[str, Any]:
        """As quality.json has it, beside the gates; {} where no text was tried."""
        return {WARNINGS: self.facts()} if self.checked else {}

    def facts(self) -> dict[str, Any]:
        """What was counted, a few examples, and every text in doubt."""
        warned = sorted(self.warned, key=lambda one: (one["question_id"], one["model"]))
        kinds = Counter(name for one in warned for name in one["checks"])
        evidence = lambda one: "; ".join(f"{name}: {detail}" for name, detail in one["checks"].items())  # noqa: E731
        counts = {"texts": self.texts, "checked": self.checked, "found": len(warned), "pairs": self.pairs}
        keys = ("question_id", "model")
        examples = [
            {key: one[key] for key in keys} | {"evidence": evidence(one)} for one in warned[:EXAMPLES]
        ]
        return {**counts, "kinds": dict(sorted(kinds.items())), "examples": examples, "warned": warned}


def _name(question_id: str, model: str, source: str, target: str) -> str:
    """A text's name: 16 hex digits of a hash."""
    content = "\0".join((question_id, model, source, target)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def warned_pairs(quality: Mapping[str, Any] | None, keys: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    """The keys of pairs of which a text has a warning, by what quality.json says."""
    record = (quality or {}).get(WARNINGS, {})
    texts = {(one["question_id"], one["model"]) for one in record.get("warned", ())}
    return (key for key in keys if texts & {(key[0], model) for model in ("", *key[1:])})


def warnings_told(quality: Mapping[str, Any]) -> list[str]:
    """What the card and the terminal say of the record; nothing where there is none."""
    if not (one := quality.get(WARNINGS)):
        return []
    found = "none has a warning."
    if kinds := ", ".join(f"`{name}` {n:,}" for name, n in one["kinds"].items()):
        found = (
            f"{one['found']:,} of them, in {one['pairs']:,} pairs, have a warning ({kinds}). A warned text may be right: it "
            "stays, and `komep review sample` draws its pairs first."
        )
    tried = f"Of {one['texts']:,} translated texts {one['checked']:,} were tried by the checks of `komep translate`"
    return [f"{tried}; {found}"]
