"""A corpus as users have it: a file or folder of texts, JSONL, CSV or Parquet, in English and Korean.

A table has a column `text` and perhaps `id`, `title`, `url` and `language`; a text file is one text, its path the id.
What is long is cut into pieces.
"""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.evidence.passages import Passage, cut
from komep_dataset.schema import Reason
from komep_dataset.tables.checking import plain_text
from komep_dataset.tables.encodings import is_text
from komep_dataset.tables.formats import PACKED, check_parts, check_there, csv_text, files_in, format_of
from komep_dataset.tables.problems import Problem, listed
from komep_dataset.tables.rows import scan_rows

TEXTS = (".txt", ".text", ".md", ".markdown")
# Columns by which other projects call them (BEIR, MedRAG, DPR), the first one that is there.
_NAMES = {
    "id": ("id", "_id", "docid", "doc_id"),
    "title": ("title",),
    "text": ("text", "contents", "content", "passage"),
    "url": ("url", "link"),
    "language": ("language", "lang"),
}
_PLAIN = frozenset(name for names in _NAMES.values() for name in names)
# What lies in a folder beside texts and is none of them.
_BESIDE = re.compile(
    r"(readme|licen[cs]e|notice|copying|changelog|citation|source|sources)(\.(txt|md|cff))?"
    r"|sha256sums|md5sums|_success|.*\.(sha256|md5|crc|lock|py|sh|ya?ml|toml|cff|bib)|(dataset_infos?|state)\.json",
    re.I,
)


def corpus_files(path: Path) -> list[Path]:
    """The files of a corpus, sorted within a folder.

    Raises:
        KomepError: there is none, or a folder has some that cannot be read as text; all of them are named.
    """
    check_there(path)
    found = [path] if path.is_file() else files_in(path)
    found = [file for file in found if file == path or not _BESIDE.fullmatch(file.name)]

    def is_text(path: Path) -> bool:
        return (path.with_suffix("") if path.suffix.lower() in PACKED else path).suffix.lower() in TEXTS

    if strange := [file for file in found if not (file.is_file() and (format_of(file) or is_text(file)))]:
        raise KomepError(
            f"{path}: what cannot be read as a text ({len(strange)}):\n{listed(strange)}\n"
            f"A corpus has files {', '.join(TEXTS)}, .jsonl, .json, .csv, .tsv or .parquet; write these as such, or move them "
            "away."
        )
    if not found:
        raise KomepError(f"{path}: an empty corpus: no file {', '.join(TEXTS)}, .jsonl, .csv or .parquet")
    check_parts(found)
    return found


def read_corpus(path: Path, columns: Mapping[str, str] | None = None) -> Iterator[tuple[str, Passage]]:
    """(file and line, piece) of every text of a corpus, in a fixed order; blank texts give none. `columns` is a map of names.

    Raises:
        KomepError: at the end, where rows cannot be used: all of them are named.
    """
    problems: list[Problem] = []
    base = path if path.is_dir() else path.parent
    for file in corpus_files(path):
        name = file.relative_to(base).as_posix()
        if format_of(file) is None:
            text, _ = csv_text(file)
            found = [(1, Passage(name, _title(text, file), text, "", ""))]
            if not is_text(text) or "\0" in text:
                what = "no text in UTF-8, UTF-16 or CP949; save it as UTF-8"
                found = [(1, Problem(str(file), 0, "", Reason.MALFORMED, what))]
        else:
            rows = scan_rows(file, columns=columns)
            found = ((n, row if isinstance(row, Problem) else _passage(row, file, n)) for n, row in rows)
        for line, made in found:
            if isinstance(made, Problem):
                problems.append(made)
            else:
                yield from ((f"{name}:{line}", piece) for piece in cut(made))
    if problems:
        raise KomepError(f"{path}: {len(problems):,} of its texts cannot be used:\n{listed(problems)}")


def _title(text: str, file: Path) -> str:
    """The heading that a text begins with, or the name of its file."""
    heading = re.match(r"\s*#{1,3}\s+(\S.*)", text)
    return heading[1].strip() if heading else file.name.split(".")[0]


def _passage(row: dict[Any, Any], file: Path, line: int) -> Passage | Problem:
    """A row as a passage that is not yet cut."""
    if not _PLAIN.issuperset(row):
        row = {str(name).casefold(): value for name, value in row.items()}
    fields = {
        field: next((row[name] for name in names if row.get(name) is not None), None)
        for field, names in _NAMES.items()
    }
    text = plain_text(fields["text"])
    if not isinstance(text, str):
        known = ", ".join(map(str, row))
        what = (
            f"no text (columns: {known[:120]}); under `columns:` of pipeline.yaml, NEW: text says which column holds it"
            if text is None
            else f"text: expected a string, got {text!r:.60}"
        )
        reason = Reason.MISSING_FIELD if text is None else Reason.WRONG_TYPE
        return Problem(str(file), line, "", reason, what)
    id = str(fields["id"]).strip() if fields["id"] is not None else ""
    id = id or sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    title, url, language = (str(fields[name] or "").strip() for name in ("title", "url", "language"))
    return Passage(id, title, text, url, language)
