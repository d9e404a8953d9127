"""What a checker judges by besides what it knows: passages of a corpus, or texts that the user has (ours)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from komep_dataset.config.endpoint import Endpoint
from komep_dataset.config.yaml_records import at_least, choice

RETRIEVERS = ("bm25", "dense", "both")
OF_QUESTIONS = "questions.input"  # what `evidence: provided` names: the file at this key


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings(Endpoint):
    """A model that turns texts into vectors: at an endpoint's `/embeddings`, or (`server: transformers`) in a folder here.

    `batch` is how many texts go in a request. Some models want to be told what is looked for from a passage: by words in
    front of it (`query_prefix: "query: "`), or by a parameter (`query_body: {input_type: query}`).
    """

    batch: int = 64
    query_prefix: str = ""
    passage_prefix: str = ""
    query_body: Mapping[str, Any] = field(default_factory=dict, hash=False)
    passage_body: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from Endpoint.problems(self)
        yield from at_least("batch", self.batch, 1)
        if self.batch_api:
            why = "vectors are asked for as they are needed, a part after the other; leave it out"
            yield "batch_api", why
        if self.server not in (None, "transformers"):
            yield "server", f"{self.server} is not started for embeddings; start it, and name its `endpoint`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Where the passages come from that a checker is shown with a unit, and how many: either `corpus` or `provided`.

    `corpus` is a file or folder of texts (`evidence/corpus.py`), of which `retriever` finds the best `passages` for a
    unit: by its words (`bm25`), by meaning (`dense`, which needs `embeddings`), or by the ranks of `both`. `provided` is
    a table with a column `evidence` for each question (`evidence/provided.py`); the word `provided` alone means the
    file at `questions.input`. `kept` is where an index and vectors are kept, whichever stage or command makes them. `columns` are
    those of pipeline.yaml that these texts may have; a constant is none of them.
    """

    NOT_KEYS: ClassVar[tuple[str, ...]] = ("kept", "columns")
    SHORTHAND: ClassVar[dict[str, dict[str, str]]] = {"provided": {"provided": OF_QUESTIONS}}

    corpus: Path | None = None
    provided: Path | None = None
    retriever: str = "bm25"
    passages: int = 4
    embeddings: Embeddings | None = None
    kept: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def sources(self) -> tuple[Path, ...]:
        """The file or folder that the passages come from."""
        return tuple(filter(None, (self.corpus, self.provided)))

    def problems(self) -> Iterator[tuple[str, str]]:
        if (self.corpus is None) == (self.provided is None):
            why = (
                "give either `corpus` (texts to find passages in) or `provided` (the texts of each question)"
            )
            yield "corpus", why
        yield from choice("retriever", self.retriever, RETRIEVERS)
        yield from at_least("passages", self.passages, 1)
        if self.retriever != "bm25" and self.embeddings is None:
            yield "embeddings", f"`retriever: {self.retriever}` needs them: an `endpoint` and a `model`"
        if self.retriever == "bm25" and self.embeddings is not None:
            why = "`retriever: bm25` asks no model; set `retriever: both` or `dense`, or leave them out"
            yield "embeddings", why
