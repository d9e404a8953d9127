"""Multiple-choice questions: one row type, read from every layout that users keep such data in, and checked.

Columns of a row are those of KorMedMCQA (arXiv 2403.01469), in capitals or not: `question`, `A` to `E` (strings; `E` may
be missing), `answer` (1 to 5, or the letter), and in files that hold several subjects `subject`; `cot` (a worked solution)
is read where it is there, and `year`, `period` and `q_number` are not needed. Other sets have a `Layout` of their own.
"""

import hashlib
import json
import re
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from komep_dataset.errors import KomepError
from komep_dataset.schema import collapse_blanks
from komep_dataset.tables.columns import advice_on, constants, own_names, renamed, with_constants
from komep_dataset.tables.formats import (
    KNOWN,
    PARQUET,
    check_parts,
    files_in,
    format_of,
    stem_of,
    tables_in,
)
from komep_dataset.tables.problems import Fault, listed
from komep_dataset.tables.rows import check_mapped
from komep_dataset.tables.rows import read_rows as rows_of

LETTERS = "ABCDE"
TEST, FEWSHOT = "test", "fewshot"
OTHER_SPLITS = ("train", "dev", "valid", "validation", "val")  # known, and not asked
COLUMNS = {name.casefold(): name for name in ("question", "answer", "subject", "split", "cot", *LETTERS)}
LAYOUTS = (
    f"a file ({KNOWN}) with a column `subject`, a folder with a card that has one config a subject, "
    "a folder of folders SUBJECT/test.jsonl and SUBJECT/fewshot.jsonl, or a saved DatasetDict"
)
SHOWN_ROWS = 5  # of those that have the same fault
Row = tuple[str, dict[str, Any]]  # where a row stands ("file:line"), and its columns


@dataclass(frozen=True, slots=True)
class Question:
    """One question: its text, the texts of its options (A, B, …), the right letter, and perhaps a worked solution."""

    question: str
    options: tuple[str, ...]
    answer: str
    cot: str = ""

    @property
    def sha256(self) -> str:
        """Of the question and its options, blanks apart: the same from every format of file."""
        texts = [collapse_blanks(text) for text in (self.question, *self.options)]
        return hashlib.sha256(json.dumps(texts, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Subject:
    """The questions of one subject, in file order: worked examples for the prompt, and those to answer."""

    name: str
    fewshot: tuple[Question, ...]
    test: tuple[Question, ...]
    fewshot_split: str = FEWSHOT  # whose first rows the worked examples are


@dataclass(frozen=True, slots=True)
class Layout:
    """How a set of questions lies in its rows and splits.

    `letters` are the options of a question, of which the last may be missing where `fewest` is below their number;
    `convert` gives a row the columns of this module; `test` and `fewshot` are the names of the splits, the first that is
    there is taken; `subject` is the name of the one subject of data that have no column for it; `aliases` are other names
    of subjects; `columns` is a user's map of names (`tables.columns`).
    """

    letters: str = LETTERS
    convert: Callable[[dict[str, Any]], dict[str, Any]] = dict
    test: tuple[str, ...] = (TEST,)
    fewshot: tuple[str, ...] = (FEWSHOT,)
    subject: str | None = None
    fewest: int | None = None  # options; None: all letters
    aliases: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)


# Worked examples are the harness's, and only where these are missing others. The published test of pharm says
# `pharmacy` in a third of its rows.
KORMEDMCQA = Layout(fewshot=(FEWSHOT, *OTHER_SPLITS), fewest=4, aliases={"pharmacy": "pharm"})


class Splits(NamedTuple):
    """Rows to answer (None: no such split), rows for worked examples, and the name of the split that these are of."""

    test: list[Row] | None
    fewshot: list[Row]
    source: str


# --- from rows to questions ------------------------------------------------------------------------------------


def _named(row: dict[Any, Any]) -> dict[Any, Any]:
    """A row whose known columns have the names of this module, whatever capitals and blanks they had."""
    names = {key: COLUMNS.get(key.strip().casefold(), key) for key in row if isinstance(key, str)}
    taken = [name for name in names.values() if name in row]
    return {key if names.get(key, key) in taken else names[key]: value for key, value in row.items()}


def _is_empty(value: Any) -> bool:
    """Whether a cell holds nothing; NaN is what pandas writes into an empty one."""
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def _letters(row: dict[str, Any], layout: Layout) -> str:
    """The letters of a row's options: without those at the end that are missing and may be."""
    count = len(layout.letters)
    while count > (layout.fewest or len(layout.letters)) and _is_empty(row.get(layout.letters[count - 1])):
        count -= 1
    return layout.letters[:count]


def _answer(value: Any) -> str:
    """An answer as files have it (2, 2.0, "2", "B", "b", "②", "Ｂ") as "A", "B", …; "" where it is none."""
    text = unicodedata.normalize("NFKC", "" if isinstance(value, bool) else str(value)).strip().upper()
    text = text.removesuffix(".0")
    if text in ("1", "2", "3", "4", "5"):
        return LETTERS[int(text) - 1]
    return text if len(text) == 1 and text in LETTERS else ""


def _problems(row: dict[str, Any], layout: Layout, *, grouped: bool = False) -> list[str]:
    """What is wrong with a row; `grouped`: it must say its subject."""
    letters = _letters(row, layout)
    asked = [*(["subject"] if grouped else []), "question", *letters]
    problems = []
    if missing := [name for name in (*asked, "answer") if name not in row]:
        told = advice_on(row, tuple(COLUMNS.values()), missing, True, missing)
        told = told or [f"of another name one is given as --map ITS_NAME={missing[0]}"]
        found = ", ".join(map(str, row))
        problems = [f"no column {', '.join(missing)} (found: {found}); {'; '.join(told)}"]
    problems += [said for name in asked if name in row and (said := _wrong_text(name, row[name]))]
    last = layout.letters[-1]
    problems += [
        f"{name} is an option too many: this benchmark has A to {last}"
        for name in LETTERS
        if name > last and not _is_empty(row.get(name))
    ]
    answer = row.get("answer")
    judged = "answer" in row and not {*letters} & {*missing}  # without its options none is right or wrong
    if judged and _answer(answer) not in tuple(letters):
        known = f"a whole number from 1 to {len(letters)} or a letter from A to {letters[-1]}"
        empty = layout.letters[len(letters) :]
        less = f", and {empty} is empty" if empty and _answer(answer) else ""
        hint = "; if they count from 0, add 1 to each" if str(answer).strip() in ("0", "0.0") else ""
        problems.append(f"answer is {answer!r}, not {known}{less}{hint}")
    return problems


def _wrong_text(name: str, value: Any) -> str:
    """What is wrong with a question or option, or ""."""
    if _is_empty(value):
        return f"{name} is empty"
    if not isinstance(value, str):
        return f"{name} is {value!r}, not a string"
    if any("\ud800" <= sign <= "\udfff" for sign in value):
        return f"{name} holds half of a surrogate pair, which is no text"
    return ""


def unusable(problems: Sequence[str]) -> KomepError:
    """The error for questions that cannot be used: the first 20 problems, and the number of all."""
    return KomepError(f"cannot use these questions:\n{listed(problems)}")


def raise_problems(problems: Iterable[tuple[str, str]]) -> None:
    """Raise `KomepError` if there are any: (place, what is wrong), what many rows say alike once."""
    places: dict[str, list[str]] = {}
    for place, said in problems:
        places.setdefault(said, []).append(place)
    told = []
    for said, (first, *others) in places.items():
        shown = ", ".join([*others[:SHOWN_ROWS], *(["…"] if others[SHOWN_ROWS:] else [])])
        told.append(f"{first}: {said}" + (f" (and {len(others):,} more rows: {shown})" if others else ""))
    if told:
        raise unusable(told)


class UnfitError(KomepError):
    """Data of which no row fits a benchmark; `why` is the short of it, with NAME in its place."""

    why = ""


def _checked(rows: Iterable[Row], layout: Layout, *, grouped: bool = False) -> list[Row]:
    """Rows with the columns of this module; `KomepError` where some cannot be used, `UnfitError` where none of several can."""
    rows = list(rows)
    converted = [(place, layout.convert(row)) for place, row in rows]
    found = [(place, said) for place, row in converted for said in _problems(row, layout, grouped=grouped)]
    try:
        raise_problems(found)
    except KomepError as error:
        if len({place for place, _ in found}) < len(rows) or len(rows) == 1:
            raise
        needed = [*(["subject"] if grouped else []), "question", *layout.letters[: layout.fewest], "answer"]
        columns = f", which needs the columns {', '.join(needed)} (found: {', '.join(map(str, rows[0][1]))})"
        why = columns if any(name not in converted[0][1] for name in needed) else f": {found[0][1]}"
        unfit = UnfitError(str(error))
        unfit.why = f"none of the {len(rows):,} rows from {rows[0][0]} on fits NAME{why}"
        raise unfit from None
    return converted


def as_questions(rows: Iterable[Row], layout: Layout = KORMEDMCQA) -> tuple[Question, ...]:
    """Rows as questions, in order.

    Raises `KomepError` that names place, column and value of the first 20 bad rows and counts them all.
    """
    return tuple(_question(row, _letters(row, layout)) for _, row in _checked(rows, layout))


def _question(row: dict[str, Any], letters: str) -> Question:
    cot = row.get("cot")
    options = tuple(row[letter] for letter in letters)
    return Question(
        row["question"], options, _answer(row["answer"]), cot.strip() if isinstance(cot, str) else ""
    )


# --- files -----------------------------------------------------------------------------------------------------


def read_rows(path: Path, columns: Mapping[str, str]) -> list[Row]:
    """The rows of a table, each with its place; raises `KomepError` for a bad file. Every cell of CSV is text; `columns` is a map
    of names."""
    kind = format_of(path)
    if kind is None:
        raise KomepError(f"{path}: not one of {KNOWN}")
    place = f"{path}, row " if kind == PARQUET else f"{path}:"
    rows = rows_of(path, ("question", "answer", "subject", *LETTERS), columns)
    return [(f"{place}{n}", _named(row)) for n, row in rows]


def _by_subject(splits: Splits, layout: Layout) -> list[Subject]:
    """Rows of splits grouped by their column `subject`, in order of first appearance in `test`."""
    tests = splits.test or []
    if layout.subject is not None and not any("subject" in row for _, row in tests):
        return [_subject(layout.subject, splits, layout)]
    rows = [*splits.fewshot, *tests]
    if any("subject" not in row or _wrong_text("subject", row["subject"]) for _, row in rows):
        _checked(rows, layout, grouped=True)
    groups: dict[str, Splits] = {}
    for split, some in ((TEST, tests), (FEWSHOT, splits.fewshot)):
        for place, row in some:
            name = _name(row["subject"], layout)
            if split == TEST or name in groups:
                getattr(groups.setdefault(name, Splits([], [], splits.source)), split).append((place, row))
    return [_subject(name, own, layout) for name, own in groups.items()]


def _name(subject: str, layout: Layout) -> str:
    return layout.aliases.get(subject.strip().casefold(), subject)


def _subject(name: str, splits: Splits, layout: Layout) -> Subject:
    tests = as_questions(splits.test or [], layout)
    return Subject(name, as_questions(splits.fewshot, layout), tests, splits.source)


def _from_file(path: Path, layout: Layout) -> list[Subject]:
    """A single file: rows whose column `split` is `fewshot` are examples; `test` or none are to be answered.

    Rows of the other splits that benchmarks have are passed over; `KomepError` for any other value.
    """
    check_parts([path])
    rows = read_rows(path, layout.columns)
    known = sorted({*OTHER_SPLITS, *layout.fewshot, *layout.test})
    raise_problems(
        (place, f"split is {row['split']!r}, none of {', '.join(known)}")
        for place, row in rows
        if row.get("split") not in (None, "", *known)
    )
    there = {row.get("split") for _, row in rows}
    source = next((name for name in layout.fewshot if name in there), FEWSHOT)
    examples = [r for r in rows if r[1].get("split") == source]
    tests = [r for r in rows if r[1].get("split") in (None, "", *layout.test)]
    return _by_subject(Splits(tests, examples, source), layout)


def _split_files(folder: Path, name: str) -> list[Path]:
    """The file of a split, or its parts (`test-00000-of-00002.parquet`)."""
    found = [path for path in _tables(folder) if _split_name(path) == name]
    if len(found) > 1 and any(stem_of(path) == name for path in found):
        raise KomepError(f"{folder}: {', '.join(p.name for p in found)} are one split twice; keep one")
    check_parts(found)
    return found


def _has_test(folder: Path, layout: Layout) -> bool:
    return any(_split_files(folder, name) for name in layout.test)


def _tables(folder: Path) -> list[Path]:
    return [path for path in tables_in(folder) if path.parent == folder]


def _split_name(path: Path) -> str:
    return re.sub(r"-\d+-of-\d+$", "", stem_of(path))


def _splits_of(folder: Path, layout: Layout) -> Splits:
    """The rows of the splits whose files lie in a folder; tables of no known split are named, and not read."""

    def read(names: Sequence[str]) -> tuple[str, list[Row]] | None:
        files = ((name, _split_files(folder, name)) for name in names)
        return next(
            (
                (name, [row for file in some for row in read_rows(file, layout.columns)])
                for name, some in files
                if some
            ),
            None,
        )

    tests, examples = read(layout.test), read(layout.fewshot)
    if tests:
        _name_others(folder, {*layout.test, *layout.fewshot, *OTHER_SPLITS})
    return Splits(tests and tests[1], examples[1] if examples else [], examples[0] if examples else FEWSHOT)


def _name_others(folder: Path, known: Collection[str]) -> None:
    others = [path.name for path in _tables(folder) if _split_name(path) not in known]
    if others:
        print(f"note: {folder}: {', '.join(others)}: no split of this benchmark, not read", file=sys.stderr)


def from_folders(
    path: Path, layout: Layout = KORMEDMCQA, names: Sequence[str] | None = None
) -> list[Subject]:
    """A folder of folders SUBJECT/test.* and, if there are shots, SUBJECT/fewshot.*: these, or all sorted by name."""
    folders = sorted(path.iterdir()) if names is None else [path / name for name in names]
    folders = [folder for folder in folders if folder.is_dir() and not folder.name.startswith(".")]
    found = [(folder, _splits_of(folder, layout)) for folder in folders]
    for folder, splits in found:
        if splits.test is None and tables_in(folder):
            raise KomepError(
                f"{folder}: tables, and none is the split `{layout.test[0]}`; move it out of {path}, or give it as --data"
            )
    return [_subject(_name(folder.name, layout), s, layout) for folder, s in found if s.test is not None]


# --- Hugging Face datasets -------------------------------------------------------------------------------------


def _loaded(loaded: Any, place: str, layout: Layout) -> Splits:
    """The rows of a loaded DatasetDict's splits for examples and for the test."""
    test, source = (
        next((name for name in names if name in loaded), None) for names in (layout.test, layout.fewshot)
    )
    if test is None:
        raise KomepError(f"{place}: no split `{layout.test[0]}` (found: {', '.join(map(str, loaded))})")

    def rows(name: str | None) -> list[Row]:
        found = []
        for i, row in enumerate(loaded[name] if name else []):
            at = f"{place}, {name}, row {i}"
            row = renamed(row, own_names(row, layout.columns, at))
            raise_problems([(at, f"{row.column} {row.detail}")] if isinstance(row, Fault) else [])
            found.append((at, _named(with_constants(row, constants(layout.columns), at))))
        return found

    return Splits(rows(test), rows(source), source or FEWSHOT)


def load_configs(path: str, names: Sequence[str] | None = None, layout: Layout = KORMEDMCQA) -> list[Subject]:
    """One subject a config of a dataset that `datasets` can load: a Hub id or a folder with a card.

    A folder is read anew each time, past the cache, whose key does not cover the content of local files.
    Raises `KomepError` when it cannot be loaded.
    """
    import datasets

    local = Path(path).is_dir()
    check_parts(files_in(Path(path)) if local else [])
    with tempfile.TemporaryDirectory() as fresh:
        where = {"cache_dir": fresh} if local else {}
        try:
            found = datasets.get_dataset_config_names(path) if names is None else names
            parts = {
                name: _loaded(datasets.load_dataset(path, name, **where), f"{path}, {name}", layout)
                for name in found
            }
        except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
            reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
            hint = "" if local else "; if this machine is offline, pass --data with a copy of the dataset"
            raise KomepError(f"{path}: cannot be loaded as a dataset ({reason}){hint}") from None
    if len(parts) == 1 and (layout.subject is not None or _is_one_table(parts)):
        return _by_subject(next(iter(parts.values())), layout)
    return [_subject(name, splits, layout) for name, splits in parts.items()]


def _is_one_table(parts: dict[str, Splits]) -> bool:
    """Whether the only config is the one that `push_to_hub` makes of all subjects together."""
    return list(parts) == ["default"] and all("subject" in row for _, row in parts["default"].test)


def _from_saved(path: Path, layout: Layout) -> list[Subject]:
    from datasets import load_from_disk

    try:
        return _by_subject(_loaded(load_from_disk(str(path)), str(path), layout), layout)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KomepError(f"{path}: not a saved DatasetDict ({error!r})") from None


def _has_configs(path: Path) -> bool:
    """Whether a folder has a card whose YAML lists configs."""
    card = path / "README.md"
    if not card.is_file():
        return False
    import yaml

    parts = card.read_text(encoding="utf-8", errors="replace").split("---", 2)
    try:
        head = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
    except yaml.YAMLError as error:
        raise KomepError(f"{card}: its YAML cannot be read ({str(error).splitlines()[0]})") from None
    return isinstance(head, dict) and bool(head.get("configs"))


def read_subjects(
    path: Path, layout: Layout = KORMEDMCQA, columns: Mapping[str, str] | None = None
) -> list[Subject]:
    """The subjects in a file or folder of any known layout (`LAYOUTS`); `columns` is a map of names.

    Raises `KomepError` where there is none, or for rows that cannot be used.
    """
    if columns and path.exists():
        check_mapped([path] if path.is_file() else tables_in(path), columns)
        layout = replace(layout, columns=columns)
    if path.is_file():
        return _from_file(path, layout)
    if not path.is_dir():
        raise KomepError(f"--data {path}: no such file or folder")
    if (path / "dataset_dict.json").is_file():
        return _from_saved(path, layout)
    if _has_configs(path):
        return load_configs(str(path), None, layout)
    if _has_test(path, layout):
        if folders := [one.name for one in sorted(path.iterdir()) if one.is_dir() and _has_test(one, layout)]:
            raise KomepError(
                f"--data {path}: two sets of questions, its own split `{layout.test[0]}` and the folders "
                f"{', '.join(folders)}; give one of them"
            )
        return _by_subject(_splits_of(path, layout), layout)
    found = from_folders(path, layout)
    if not found:
        raise UnfitError(f"--data {path}: no questions found; give {LAYOUTS}")
    _name_others(path, ())
    return found
