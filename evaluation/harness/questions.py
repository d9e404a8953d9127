"""Multiple-choice questions: one row type, read from every layout that users keep such data in, and checked.

Columns of a row are those of KorMedMCQA (arXiv 2403.01469): `question`, `A` to `E` (strings), `answer` (1 to 5),
and in files that hold several subjects `subject`; `cot` (a worked solution) is read where it is there, and `year`,
`period` and `q_number` are not needed. Other sets of questions have a `Layout` of their own.
"""

import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.tables.formats import (
    CSV,
    KNOWN,
    PARQUET,
    check_parts,
    files_in,
    format_of,
    stem_of,
    tables_in,
)
from komep_dataset.tables.problems import listed
from komep_dataset.tables.rows import read_rows as rows_of

LETTERS = "ABCDE"
TEST, FEWSHOT = "test", "fewshot"
OTHER_SPLITS = ("train", "dev", "validation", "val")  # known, and not asked
LAYOUTS = (
    f"a file ({KNOWN}) with a column `subject`, a folder with a card that has one config a subject, "
    "a folder of folders SUBJECT/test.jsonl and SUBJECT/fewshot.jsonl, or a saved DatasetDict"
)

Row = tuple[str, dict[str, Any]]  # where a row stands ("file:line"), and its columns


@dataclass(frozen=True, slots=True)
class Question:
    """One question: its text, the texts of its options (A, B, …), the right letter, and perhaps a worked solution."""

    question: str
    options: tuple[str, ...]
    answer: str
    cot: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """The questions of one subject, in file order: worked examples for the prompt, and those to answer."""

    name: str
    fewshot: tuple[Question, ...]
    test: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a set of questions lies in its rows and splits.

    `letters` are the options that every question has; `convert` gives a row the columns of this module; `test`
    and `fewshot` are the names of the splits, the first that is there is taken; `subject` is the name of the one
    subject of data that have no column for it.
    """

    letters: str = LETTERS
    convert: Callable[[dict[str, Any]], dict[str, Any]] = dict
    test: tuple[str, ...] = (TEST,)
    fewshot: tuple[str, ...] = (FEWSHOT,)
    subject: str | None = None


KORMEDMCQA = Layout()


# --- from rows to questions ------------------------------------------------------------------------------------


def _problem(row: dict[str, Any], letters: str) -> str | None:
    """What is wrong with a row, or None."""
    missing = [name for name in ("question", *letters, "answer") if name not in row]
    if missing:
        return f"no column {', '.join(missing)} (found: {', '.join(map(str, row))})"
    for name in ("question", *letters):
        value = row[name]
        if value is None or (isinstance(value, str) and not value.strip()):
            return f"{name} is empty"
        if not isinstance(value, str):
            return f"{name} is {value!r}, not a string"
        if any("\ud800" <= sign <= "\udfff" for sign in value):
            return f"{name} holds half of a surrogate pair, which is no text"
    answer = row["answer"]
    if isinstance(answer, bool) or not isinstance(answer, int) or not 1 <= answer <= len(letters):
        return f"answer is {answer!r}, not a whole number from 1 to {len(letters)}"
    return None


def unusable(problems: Sequence[str]) -> KomepError:
    """The error for questions that cannot be used: the first 20 problems, and the number of all."""
    return KomepError(f"cannot use these questions:\n{listed(problems)}")


def raise_problems(problems: Sequence[str]) -> None:
    """Raise `KomepError` if there are any."""
    if problems:
        raise unusable(problems)


def as_questions(rows: Iterable[Row], layout: Layout = KORMEDMCQA) -> tuple[Question, ...]:
    """Rows as questions, in order.

    Raises `KomepError` that names place, column and value of the first 20 bad rows and counts them all.
    """
    rows = [(place, layout.convert(row)) for place, row in rows]
    raise_problems(
        [f"{place}: {problem}" for place, row in rows if (problem := _problem(row, layout.letters))]
    )
    return tuple(_question(row, layout.letters) for _, row in rows)


def _question(row: dict[str, Any], letters: str) -> Question:
    cot = row.get("cot")
    options = tuple(row[letter] for letter in letters)
    return Question(
        row["question"], options, letters[row["answer"] - 1], cot.strip() if isinstance(cot, str) else ""
    )


# --- files -----------------------------------------------------------------------------------------------------


def read_rows(path: Path) -> list[Row]:
    """The rows of a table, each with its place; raises `KomepError` for a bad file.

    Every cell of CSV is text, `answer` a number where it is written as one.
    """
    kind = format_of(path)
    if kind is None:
        raise KomepError(f"{path}: not one of {KNOWN}")
    rows = list(rows_of(path, ("question", "answer", "subject", *LETTERS)))
    if kind == PARQUET:
        return [(f"{path}, row {number}", row) for number, row in rows]
    return [(f"{path}:{line}", _typed(row) if kind == CSV else row) for line, row in rows]


def _typed(row: dict[Any, Any]) -> dict[str, Any]:
    """A row of CSV with its answer as a number."""
    answer = row.get("answer")
    if answer and answer.strip().isdecimal():
        row["answer"] = int(answer)
    return row


def _by_subject(splits: dict[str, list[Row]], layout: Layout) -> list[Subject]:
    """Rows of splits grouped by their column `subject`, in order of first appearance in `test`."""
    if layout.subject is not None and not any("subject" in row for _, row in splits.get(TEST, [])):
        examples = as_questions(splits.get(FEWSHOT, []), layout)
        return [Subject(layout.subject, examples, as_questions(splits.get(TEST, []), layout))]
    raise_problems([
        f"{place}: no column subject (found: {', '.join(map(str, row))})"
        for rows in splits.values()
        for place, row in rows
        if row.get("subject") in (None, "")
    ])  # fmt: skip
    raise_problems([
        f"{place}: subject is {row['subject']!r}, not a name"
        for rows in splits.values()
        for place, row in rows
        if not isinstance(row["subject"], str) or not row["subject"].strip()
    ])  # fmt: skip
    names = dict.fromkeys(str(row["subject"]) for _, row in splits.get(TEST, []))

    def of(split: str, name: str) -> tuple[Question, ...]:
        return as_questions((r for r in splits.get(split, []) if str(r[1]["subject"]) == name), layout)

    return [Subject(name, of(FEWSHOT, name), of(TEST, name)) for name in names]


def _from_file(path: Path, layout: Layout) -> list[Subject]:
    """A single file: rows whose column `split` is `fewshot` are examples; `test` or none are to be answered.

    Rows of the other splits that benchmarks have are passed over; `KomepError` for any other value.
    """
    check_parts([path])
    rows = read_rows(path)
    known = sorted({*OTHER_SPLITS, *layout.fewshot, *layout.test})
    raise_problems([
        f"{place}: split is {row['split']!r}, none of {', '.join(known)}"
        for place, row in rows
        if row.get("split") not in (None, "", *known)
    ])  # fmt: skip
    examples = [r for r in rows if r[1].get("split") in layout.fewshot]
    tests = [r for r in rows if r[1].get("split") in (None, "", *layout.test)]
    return _by_subject({FEWSHOT: examples, TEST: tests}, layout)


def _split_files(folder: Path, names: Sequence[str]) -> list[Path]:
    """The file of a split by the first name that is there, or its parts (`test-00000-of-00002.parquet`)."""
    tables = [path for path in tables_in(folder) if path.parent == folder]
    for name in names:
        found = [p for p in tables if re.fullmatch(rf"{name}(-\d+-of-\d+)?", stem_of(p))]
        if len(found) > 1 and any(stem_of(path) == name for path in found):
            raise KomepError(f"{folder}: {', '.join(p.name for p in found)} are one split twice; keep one")
        if found:
            check_parts(found)
            return found
    return []


def _splits_of(folder: Path, layout: Layout) -> dict[str, list[Row]]:
    names = ((FEWSHOT, layout.fewshot), (TEST, layout.test))
    files = {split: _split_files(folder, names) for split, names in names}
    return {split: [row for file in some for row in read_rows(file)] for split, some in files.items() if some}


def from_folders(
    path: Path, layout: Layout = KORMEDMCQA, names: Sequence[str] | None = None
) -> list[Subject]:
    """A folder of folders SUBJECT/test.* and, if there are shots, SUBJECT/fewshot.*: these, or all sorted by name."""
    folders = sorted(path.iterdir()) if names is None else [path / name for name in names]
    folders = [folder for folder in folders if folder.is_dir() and not folder.name.startswith(".")]
    found = [(folder.name, _splits_of(folder, layout)) for folder in folders]
    for folder, (_, splits) in zip(folders, found, strict=True):
        if TEST not in splits and tables_in(folder):
            raise KomepError(
                f"{folder}: tables, and none is the split `{layout.test[0]}`; move it out of {path}"
            )
    found = [(name, splits) for name, splits in found if TEST in splits]
    return [
        Subject(n, as_questions(s.get(FEWSHOT, []), layout), as_questions(s[TEST], layout)) for n, s in found
    ]


# --- Hugging Face datasets -------------------------------------------------------------------------------------


def _loaded(loaded: Any, place: str, layout: Layout) -> dict[str, list[Row]]:
    """The rows of a loaded DatasetDict's splits for examples and for the test."""
    chosen = {
        split: next((name for name in names if name in loaded), None)
        for split, names in ((FEWSHOT, layout.fewshot), (TEST, layout.test))
    }
    if chosen[TEST] is None:
        raise KomepError(f"{place}: no split `{layout.test[0]}` (found: {', '.join(map(str, loaded))})")
    return {
        split: [(f"{place}, {name}, row {i}", row) for i, row in enumerate(loaded[name])]
        for split, name in chosen.items()
        if name
    }


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
    return [
        Subject(n, as_questions(s.get(FEWSHOT, []), layout), as_questions(s[TEST], layout))
        for n, s in parts.items()
    ]


def _is_one_table(parts: dict[str, dict[str, list[Row]]]) -> bool:
    """Whether the only config is the one that `push_to_hub` makes of all subjects together."""
    return list(parts) == ["default"] and all("subject" in row for _, row in parts["default"][TEST])


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


def read_subjects(path: Path, layout: Layout = KORMEDMCQA) -> list[Subject]:
    """The subjects in a file or folder of any known layout (`LAYOUTS`).

    Raises `KomepError` where there is none, or for rows that cannot be used.
    """
    if path.is_file():
        return _from_file(path, layout)
    if not path.is_dir():
        raise KomepError(f"--data {path}: no such file or folder")
    if (path / "dataset_dict.json").is_file():
        return _from_saved(path, layout)
    if _has_configs(path):
        return load_configs(str(path), None, layout)
    if _split_files(path, layout.test):
        return _by_subject(_splits_of(path, layout), layout)
    found = from_folders(path, layout)
    if not found:
        raise KomepError(f"--data {path}: no questions found; give {LAYOUTS}")
    return found
