"""Passages by their words: BM25 (Robertson and Zaragoza 2009; k1 1.2, b 0.75) by tantivy, on disk or in memory."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError, require
from komep_dataset.evidence.words import words_of
from komep_dataset.files.locks import locked
from komep_dataset.files.outputs import resolved
from komep_dataset.progress import progress_bar

FOLDER, BUILDING = "bm25", "bm25.building"
HEAP = 128 << 20  # bytes that a block of the index may take in memory before it is written
CONTEXT = 0.2  # chosen on half of K-QA and KorFactScore (docs/evidence.md)
TIES = 8  # more than are wanted are looked at, since equal scores come in no order


class WordIndex:
    """An index of texts by their words; the number of a text is its place, from 0.

    Texts may belong to groups, and then are found within one.
    """

    def __init__(self, index: Any, schema: Any):
        self._schema, self._searcher = schema, index.searcher()

    @classmethod
    def of(
        cls, texts: Iterable[str], groups: Iterable[str] | None = None, folder: Path | None = None
    ) -> "WordIndex":
        """Index texts, in memory unless there is a folder."""
        require("evidence", "tantivy")
        import tantivy

        schema = _schema()
        index = tantivy.Index(schema, path=folder and str(folder))
        # One thread: blocks come in the order of the texts.
        writer = index.writer(heap_size=HEAP, num_threads=1)
        groups = iter(groups or ())
        for number, words in enumerate(words_of(texts)):
            document = tantivy.Document()
            document.add_unsigned("number", number)
            document.add_text("words", " ".join(words))
            if (group := next(groups, None)) is not None:
                document.add_text("group", group)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        return cls(index, schema)

    def best(
        self, words: Sequence[str], count: int, context: Sequence[str] = (), group: str | None = None
    ) -> list[tuple[int, float]]:
        """The texts with the highest scores for words, as (number, score); of equal ones the first.

        Words of a `context` count for a fifth, where there are others. In a group, texts without any of the words come
        last.
        """
        from tantivy import Occur, Query

        terms = [Query.term_query(self._schema, "words", word, "freq") for word in dict.fromkeys(words)]
        parts = [(Occur.Should, term) for term in terms]
        for word in dict.fromkeys(context) if words else ():
            if word not in words:
                term = Query.term_query(self._schema, "words", word, "freq")
                parts.append((Occur.Should, Query.boost_query(term, CONTEXT)))
        if group is not None:
            member = Query.term_query(self._schema, "group", group, "basic")
            parts.append((Occur.Must, Query.const_score_query(member, 0.0)))
        if not parts:
            return []
        query, limit = Query.boolean_query(parts), count + TIES
        while True:
            hits = self._searcher.search(query, limit, count=False).hits
            numbers = self._searcher.fast_field_values("number", [address for _, address in hits])
            found = sorted(
                ((number, score) for number, (score, _) in zip(numbers, hits, strict=True)),
                key=lambda one: (-one[1], one[0]),
            )
            cut_a_tie = len(hits) == limit and len(found) > count and found[count - 1][1] == found[-1][1]
            if not cut_a_tie:
                return found[:count]
            limit *= 8


def _schema() -> Any:
    from tantivy import SchemaBuilder

    builder = SchemaBuilder()
    builder.add_unsigned_field("number", fast=True)
    builder.add_text_field("words", tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("group", tokenizer_name="raw", index_option="basic")
    return builder.build()


def open_index(texts: Iterable[str], total: int, folder: Path) -> WordIndex:
    """The index in a folder, made of the texts where there is none that is whole.

    Raises `KomepError` where the extra is missing, or the folder cannot be written.
    """
    require("evidence", "tantivy")
    import tantivy

    place = folder / FOLDER
    if not place.is_dir():
        with locked(resolved(place, "work")):
            if not place.is_dir():
                _build(texts, total, place)
    return WordIndex(tantivy.Index.open(str(place)), _schema())


def _build(texts: Iterable[str], total: int, place: Path) -> None:
    building = place.with_name(BUILDING)
    with suppress(FileNotFoundError):
        shutil.rmtree(building)  # what a kill has left
    building.mkdir()
    with progress_bar("evidence: index", total, "passages") as advance:
        try:
            WordIndex.of(_counted(texts, advance), folder=building)
        except (OSError, ValueError) as error:  # tantivy says a full disk by a ValueError
            raise KomepError(f"{building}: cannot be written ({error})") from error
    building.rename(place)


def _counted(texts: Iterable[str], advance: Any) -> Iterator[str]:
    for text in texts:
        yield text
        advance(1)
