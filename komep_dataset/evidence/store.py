"""The passages of a corpus on disk: read once, kept under the hash of its files, memory-mapped.

`<folder>/<hash>/passages.arrow` has them in the order of the corpus; the indexes of the retrievers lie beside it.
"""

import shutil
from array import array
from collections.abc import Callable, Iterator, Mapping
from hashlib import file_digest, sha256
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from komep_dataset.errors import KomepError
from komep_dataset.evidence.corpus import corpus_files, read_corpus
from komep_dataset.evidence.passages import FIELDS, Passage
from komep_dataset.files.locks import locked
from komep_dataset.files.outputs import json_with, read_own_json, resolved, write_json
from komep_dataset.progress import tell
from komep_dataset.tables.problems import listed

FORM = 1  # of what lies on disk; goes up when texts are cut, or words are read, otherwise
PASSAGES, FACTS, FACTS_MARK = "passages.arrow", "corpus.json", json_with("corpus", "passages")
BATCH = 4096  # passages in a block of the file
COLUMNS = pa.schema([(name, pa.large_string()) for name in FIELDS])


class Store:
    """The passages of a corpus by their number, from 0."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._table = pa.ipc.open_file(pa.memory_map(str(folder / PASSAGES))).read_all()

    def __len__(self) -> int:
        return self._table.num_rows

    def __getitem__(self, number: int) -> Passage:
        return Passage(**self._table.slice(number, 1).to_pylist()[0])

    def __iter__(self) -> Iterator[Passage]:
        for batch in self._table.to_batches():
            yield from (Passage(**row) for row in batch.to_pylist())


def open_store(corpus: Path, folder: Path, columns: Mapping[str, str] | None = None) -> Store:
    """The passages of a corpus (a file, or a folder of files), read where it is another than before; the folder keeps those of
    this state of it, and of others. `columns` is a map of names.

    Raises:
        KomepError: what `read_corpus` raises; a corpus that holds the folder; one id for several texts; no text at all; files that
            change meanwhile; a folder in which another run is at work.
    """
    if folder.resolve().is_relative_to(corpus.resolve()):
        raise KomepError(
            f"{corpus}: the work folder lies in it ({folder.parent}), whose tables are no texts; give a folder of the texts alone"
        )
    files = corpus_files(corpus)
    state = fingerprint(corpus, files, columns)
    place = folder / state[:16]
    if not (place / FACTS).is_file():
        with locked(resolved(place, "work")):
            if not (place / FACTS).is_file():
                _tell_change(corpus, folder)
                _read(corpus, files, state, place, columns)
    return Store(place)


def fingerprint(corpus: Path, files: list[Path], columns: Mapping[str, str] | None = None) -> str:
    """SHA-256 over the names and contents of a corpus's files, over a map of their columns, and over the form of what is kept."""
    base = corpus if corpus.is_dir() else corpus.parent
    whole = sha256(f"komep evidence {FORM}\n".encode())
    facts = []
    for path in files:
        try:
            with path.open("rb") as file:
                facts.append((path.relative_to(base).as_posix(), file_digest(file, "sha256").hexdigest()))
        except OSError as error:
            raise KomepError(f"{path}: cannot be read ({error.strerror})") from error
    for name, value in (*facts, *sorted((columns or {}).items())):
        whole.update(f"{name}\0{value}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def _tell_change(corpus: Path, folder: Path) -> None:
    """Say that the corpus is another than earlier runs read, and where these states stay."""
    known = {str(facts.parent): read_own_json(facts) for facts in sorted(folder.glob(f"*/{FACTS}"))}
    same = (
        place for place, one in known.items() if isinstance(one, dict) and one.get("corpus") == str(corpus)
    )
    if left := list(same):
        tell(
            f"note: {corpus}: has changed since it was read, and is read anew; earlier states stay, for runs that go back to "
            f"them, until you delete them: {', '.join(left)}"
        )


def _read(
    corpus: Path, files: list[Path], state: str, place: Path, columns: Mapping[str, str] | None
) -> None:
    """Write the passages of a corpus, each text once, then, last of all, the facts that say that they are whole."""
    if place.exists():  # what a kill has left
        shutil.rmtree(place)
    place.mkdir(parents=True)
    ids, places, lines, named, seen = array("Q"), array("I"), array("Q"), {}, set()
    try:
        with pa.OSFile(str(place / PASSAGES), "wb") as sink, pa.ipc.new_file(sink, COLUMNS) as writer:
            found = read_corpus(corpus, columns)
            while batch := list(islice(found, BATCH)):
                rows = []
                for where, passage in batch:
                    if (text := _short(passage.text)) in seen:
                        continue
                    seen.add(text)
                    ids.append(_short(passage.id))
                    file, _, line = where.rpartition(":")
                    places.append(named.setdefault(file, len(named)))
                    lines.append(int(line))
                    # Without halves of signs, which no table can hold.
                    own = ((name, getattr(passage, name)) for name in FIELDS)
                    rows.append({name: one.encode("utf-8", "replace").decode() for name, one in own})
                writer.write_batch(pa.RecordBatch.from_pylist(rows, COLUMNS))
    except OSError as error:
        raise KomepError(f"{place}: cannot be written ({error.strerror or error})") from error
    if not ids:
        raise KomepError(f"{corpus}: an empty corpus: no text in it (files: {len(files):,})")
    names = list(named)
    _check_ids(corpus, Store(place), np.array(ids), lambda n: f"{names[places[n]]}:{lines[n]}")
    if fingerprint(corpus, files, columns) != state:
        raise KomepError(f"{corpus}: its files changed while they were read; run again when they are at rest")
    facts = {"corpus": str(corpus), "state": state, "files": len(files), "passages": len(ids)}
    write_json(place / FACTS, facts, FACTS_MARK)


def _short(text: str) -> int:
    return int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def _check_ids(corpus: Path, store: Store, ids: np.ndarray, place_of: Callable[[int], str]) -> None:
    """Raise `KomepError` where an id stands for several texts."""
    order = np.argsort(ids, kind="stable")
    bad = [(int(order[i]), int(order[i + 1])) for i in np.flatnonzero(ids[order][1:] == ids[order][:-1])]
    if bad:
        said = [
            f"{place_of(other)}: {store[other].id!r} is the id of {place_of(one)} too: {store[other].text[:40]!r}, "
            f"{store[one].text[:40]!r}"
            for one, other in sorted(bad)[:100]
        ]
        raise KomepError(
            f"{corpus}: ids that stand for several texts ({len(bad):,}), and a verdict cites its source by the id:\n{listed(said)}\n"
            "Give each text an id of its own, or leave the column `id` out."
        )
