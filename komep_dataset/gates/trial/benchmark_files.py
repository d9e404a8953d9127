"""The items of a benchmark, from the layouts in which people keep them: all splits, questions and options.

A path is a table (`tables.formats`), a folder of tables (searched in depth, every file is a split), or what
`datasets` saved (`save_to_disk`). Question columns: `question` and `question_…` (`question_ko`), else the first of
`QUESTION_COLUMNS`. Option columns: one letter (`A` to `J`), `opa`, `option_1`, `ending0`, and lists or mappings named
`options` or `choices`.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.tables.formats import ARROW, JSON, KNOWN, format_of, stem_of, table_files
from komep_dataset.tables.option_columns import OPTION_COLUMN
from komep_dataset.tables.rows import read_rows

RULE = 4  # of the comparison with pairs; 1, unnamed in records: the share of an item's n-grams, anywhere in a text
QUESTION_COLUMNS = ("prompt", "query", "stem", "problem", "sent1", "input", "text")
_QUESTION = re.compile(r"question(?:_(?!id|type|number|no|index)\w+)?", re.I)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a benchmark: where it stands, its question (one text a language or spelling), its options."""

    split: str
    row: int  # from 1
    questions: tuple[str, ...]
    options: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Of what it asks, 16 hex digits, wherever it stands."""
        content = json.dumps([self.questions, self.options], ensure_ascii=False)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark by the name that the user gave it."""

    name: str
    items: tuple[Item, ...]

    @property
    def sha256(self) -> str:
        """Of the items, so that the same benchmark in another file format has the same."""
        content = json.dumps([asdict(item) for item in self.items], ensure_ascii=False)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()

    def record(self) -> dict[str, Any]:
        """What a release keeps of it."""
        return {"name": self.name, "items": len(self.items), "sha256": self.sha256, "rule": RULE}


def read_benchmark(name: str, path: Path) -> Benchmark:
    """All items of all splits of a benchmark.

    Raises:
        KomepError: the path does not exist, holds no table, is not readable or not UTF-8 (file and line are named),
            has no question column (the columns found are named), or no item.
    """
    path = Path(path)
    if not path.exists():
        raise KomepError(f"--decontaminate {name}: {path}: no such file or folder")
    items = [item for split, place, rows in _splits(path) for item in _items(split, place, rows)]
    if not items:
        raise KomepError(f"--decontaminate {name}: {path}: it holds no item")
    return Benchmark(name, tuple(items))


def _splits(path: Path) -> Iterator[tuple[str, Path, list[dict[str, Any]]]]:
    """(split, file, rows) of each table behind a path."""
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        yield from _saved(path)
        return
    if path.is_file() and format_of(path) is None:
        raise KomepError(f"{path}: a benchmark is {KNOWN}, a folder of these, or a saved dataset")
    for file in table_files([path]):
        name = stem_of(file)
        name = name if file == path else file.relative_to(path).with_name(name).as_posix()
        yield name, file, [row for _, row in read_rows(file, ("question", "answer", *QUESTION_COLUMNS))]


def _saved(path: Path) -> Iterator[tuple[str, Path, list[dict[str, Any]]]]:
    from datasets import load_from_disk

    try:
        saved = load_from_disk(str(path))
        splits = saved if isinstance(saved, dict) else {"all": saved}
        tables = {name: split.to_list() for name, split in splits.items()}
    except Exception as error:  # what a damaged folder raises depends on the damage
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise KomepError(f"{path}: not a saved dataset that can be read ({said})") from error
    beside = [p for p in sorted(path.rglob("*")) if format_of(p) not in (None, JSON, ARROW) and p.is_file()]
    if beside:
        raise KomepError(
            f"{beside[0]}: beside a saved dataset, where it is not read; give it as a benchmark of its own"
        )
    for name in sorted(tables):
        yield name, path, tables[name]


def _items(split: str, place: Path, rows: Sequence[Mapping[str, Any]]) -> Iterator[Item]:
    columns = list(dict.fromkeys(str(name) for row in rows for name in row))
    questions = question_columns(columns)
    if rows and not questions:
        raise KomepError(
            f"{place}: no column with a question ({split}; found: {', '.join(columns) or 'none'}); "
            f"name it `question`"
        )
    options = [name for name in columns if OPTION_COLUMN.fullmatch(name) and name not in questions]
    for number, row in enumerate(rows, 1):
        texts = tuple(dict.fromkeys(t for name in questions for t in _texts(row.get(name))))
        if texts:
            chosen = tuple(t for name in options for t in _texts(row.get(name)))
            yield Item(split, number, texts, chosen)


def question_columns(columns: Sequence[str]) -> list[str]:
    """Which columns of a benchmark hold its questions."""
    if named := [name for name in columns if _QUESTION.fullmatch(name)]:
        return named
    lower = {name.casefold(): name for name in columns}
    return next(([lower[name]] for name in QUESTION_COLUMNS if name in lower), [])


def _texts(value: Any) -> Iterator[str]:
    """The strings inside a value: a text, a list of texts, {"text": [...]}, or letter -> text."""
    if isinstance(value, str):
        if value.strip():
            yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if str(name).casefold() not in ("label", "key", "id"):
                yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)
