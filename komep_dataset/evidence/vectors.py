"""Vectors on disk by the text that they are of, and which texts are nearest to one.

A model has a file of records: a text's key and its vector. It only grows: what was paid for once is kept, whatever
becomes of the corpus. It is memory-mapped, and searched as a whole, block by block: no neighbour is missed.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from pathlib import Path

import numpy as np

from komep_dataset.config.evidence import Embeddings
from komep_dataset.errors import KomepError
from komep_dataset.evidence.encoders import encode, forget
from komep_dataset.files.locks import locked
from komep_dataset.files.outputs import resolved
from komep_dataset.inference.ask import source_of

KEY_BYTES = 16
MAGIC = b"komepvec"  # and four bytes, the length of a vector, begin the file
SUFFIX = ".vectors"
SLICE = 256  # requests whose vectors are written together
BLOCK, QUERIES = 16_384, 512  # texts, and texts looked for, that are compared at a time
DECIMALS = 4  # of a similarity; texts that differ by less come in their order


class Vectors:
    """The vectors of one model, in a folder."""

    def __init__(self, embeddings: Embeddings, folder: Path):
        self._embeddings, self._folder = embeddings, folder
        self.path = folder / f"{sha256(source_of(embeddings).encode()).hexdigest()[:16]}{SUFFIX}"

    def missing(self, texts: Iterable[str], query: bool) -> Iterator[str]:
        """The texts that have no vector yet, each once."""
        known = set(self._records()["key"].tolist())
        for text in texts:
            if (key := self._key(text, query)) not in known:
                known.add(key)
                yield text

    def places(self, texts: Sequence[str] | Iterable[str], query: bool) -> np.ndarray:
        """Where the vectors of texts, which must have one, stand in the file."""
        known = self._records()["key"]
        order = np.argsort(known, kind="stable")
        keys = np.array([self._key(text, query) for text in texts], known.dtype)
        return order[np.searchsorted(known, keys, sorter=order)]

    def make(self, texts: Iterable[str], query: bool) -> None:
        """Have the model give vectors for the texts that have none.

        Raises `KomepError` for what `encode` raises, another run that is at work here, or a file that cannot be written.
        """
        with locked(resolved(self.path, "work")):
            missing = self.missing(texts, query)
            while some := list(islice(missing, self._embeddings.batch * SLICE)):
                self._append(some, encode(some, self._embeddings, self._folder, query), query)
                forget(self._folder)

    def nearest(self, places: np.ndarray, wanted: np.ndarray, count: int) -> np.ndarray:
        """For each place in `wanted`, which of `places` are nearest by cosine, best first: their indexes, a row each."""
        vectors = self._records()["vector"]
        count = min(count, len(places))
        looked_for = vectors[wanted].astype(np.float32)
        best = np.empty((len(wanted), 0), np.int64)
        for start in range(0, len(places), BLOCK):
            block = vectors[places[start : start + BLOCK]].astype(np.float32)
            numbers = np.arange(start, start + len(block))
            parts = []
            for first in range(0, len(wanted), QUERIES):
                similar = looked_for[first : first + QUERIES] @ block.T
                # One whole number for similarity and place: no two are equal, so that the order is one.
                ranks = (np.rint(similar * 10**DECIMALS).astype(np.int64) << 32) - numbers
                ranks = np.concatenate([best[first : first + QUERIES], ranks], axis=1)
                if ranks.shape[1] > count:
                    ranks = -np.partition(-ranks, count - 1, axis=1)[:, :count]
                parts.append(ranks)
            best = np.concatenate(parts)
        return np.sort(-best, axis=1) & 0xFFFFFFFF

    def _key(self, text: str, query: bool) -> bytes:
        given = self._embeddings
        told = (given.query_prefix, given.query_body) if query else (given.passage_prefix, given.passage_body)
        asked = f"{told[0]}\0{sorted(dict(told[1]).items())}\0{text}".encode("utf-8", "surrogatepass")
        return sha256(asked).digest()[:KEY_BYTES].rstrip(b"\0")  # as numpy has it

    def _records(self) -> np.ndarray:
        """All whole records, memory-mapped."""
        size = 0
        with suppress(FileNotFoundError):
            with self.path.open("rb") as file:
                head = file.read(len(MAGIC) + 4)
            size = int.from_bytes(head[len(MAGIC) :], "little") if head.startswith(MAGIC) else 0
            if not size and head:
                raise KomepError(f"{self.path}: no file of vectors; move it away")
        kind = _record(size)
        rows = (self.path.stat().st_size - len(MAGIC) - 4) // kind.itemsize if size else 0
        if not rows:
            return np.empty(0, kind)
        return np.memmap(self.path, kind, "r", offset=len(MAGIC) + 4, shape=(rows,))

    def _append(self, texts: Sequence[str], vectors: np.ndarray, query: bool) -> None:
        known = self._records()
        kind = _record(vectors.shape[1])
        if len(known) and known.dtype != kind:
            raise KomepError(
                f"{self.path}: has vectors of {known['vector'].shape[1]} numbers, and {self._embeddings.model} gives "
                f"{vectors.shape[1]}: another model goes by its name; move the file away"
            )
        records = np.empty(len(texts), kind)
        records["key"] = [self._key(text, query) for text in texts]
        records["vector"] = vectors
        try:
            with self.path.open("r+b" if self.path.exists() else "w+b") as file:
                # What a kill cut short is written over.
                file.seek(len(MAGIC) + 4 + len(known) * kind.itemsize if len(known) else 0)
                file.write(b"" if len(known) else MAGIC + vectors.shape[1].to_bytes(4, "little"))
                file.write(records.tobytes())
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise KomepError(f"{self.path}: cannot be written ({error.strerror})") from error


def _record(size: int) -> np.dtype:
    """A key (of bytes: NULs at its end do not count, and all are of one length) and a vector."""
    return np.dtype([("key", f"S{KEY_BYTES}"), ("vector", "<f2", (size,))])
