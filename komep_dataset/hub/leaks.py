"""Whether a file that is about to be published holds a token, a key or a secret of the environment."""

import mmap
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from komep_dataset.gates.personal_data import SECRET_KINDS

VARIABLE = re.compile(r"(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)(?:_|$)")
SHORTEST = 12  # a variable's value below this length is rather a switch or a word than a secret


def patterns(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Kind of secret -> regular expression; of variables, the values of those named like a secret."""
    found = dict(SECRET_KINDS)
    for name, value in environment.items():
        value = value.strip()
        if VARIABLE.search(name.upper()) and len(value) >= SHORTEST and not Path(value).exists():
            found[f"value of ${name}"] = re.escape(value)
    return found


def find_leaks(folder: Path, names: Iterable[str], wanted: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(file, kind of secret) for each kind found in a file, never the secret itself.

    Bytes are searched as they are; of Parquet files the text columns, too, which lie there compressed.
    """
    for name in names:
        path = folder / name
        found = set(_in_bytes(path, wanted))
        if path.suffix == ".parquet":
            for batch in pq.ParquetFile(path).iter_batches():
                for texts in (texts for column in batch.columns for texts in _texts(column)):
                    left = {kind: pattern for kind, pattern in wanted.items() if kind not in found}
                    matches = ((kind, pc.match_substring_regex(texts, one)) for kind, one in left.items())
                    found.update(kind for kind, match in matches if pc.any(match).as_py())
        yield from ((name, kind) for kind in wanted if kind in found)


def _in_bytes(path: Path, wanted: Mapping[str, str]) -> Iterator[str]:
    if path.stat().st_size:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield from (kind for kind, pattern in wanted.items() if re.search(pattern.encode(), content))


def _texts(column) -> Iterator:
    """The string arrays inside a column of strings, lists and structs."""
    if pa.types.is_string(column.type):
        yield column
    elif pa.types.is_list(column.type):
        yield from _texts(column.flatten())
    elif pa.types.is_struct(column.type):
        for child in column.flatten():
            yield from _texts(child)
