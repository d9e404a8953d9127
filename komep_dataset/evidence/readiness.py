"""What can be said of evidence before anything is paid for: whether it is there and can be read, and what it will add."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from komep_dataset.config.evidence import Evidence
from komep_dataset.errors import KomepError, require
from komep_dataset.evidence.corpus import read_corpus
from komep_dataset.evidence.encoders import bodies_of
from komep_dataset.evidence.passages import Passage
from komep_dataset.evidence.provided import passages_of_questions
from komep_dataset.evidence.retrieval import indexed
from komep_dataset.evidence.store import open_store
from komep_dataset.evidence.vectors import Vectors
from komep_dataset.inference.ask import Body

SAMPLE = 1000  # passages whose length is taken for that of all (ours)


def faults_of(evidence: Evidence) -> Iterator[str]:
    """What is wrong with the texts, the extras or a model in a folder. A corpus is read whole, and kept for the run."""
    checks: list[Callable[[], object]] = []
    if evidence.provided:
        checks.append(lambda: passages_of_questions(evidence.provided, evidence.columns))
    else:
        if evidence.retriever != "dense":
            checks.append(lambda: require("evidence", "tantivy", "kiwipiepy"))
        checks.append(lambda: open_store(evidence.corpus, evidence.kept, evidence.columns))
    if evidence.embeddings and evidence.embeddings.server:
        checks.append(lambda: _check_folder(Path(evidence.embeddings.model)))
    for check in checks:
        try:
            check()
        except KomepError as error:
            yield f"evidence: {error}"


def _check_folder(folder: Path) -> None:
    require("serve", "torch", "transformers")
    if not (folder / "config.json").is_file():
        raise KomepError(f"embeddings.model: {folder} is no folder of a model (it has no config.json)")


def shown_with_a_unit(evidence: Evidence) -> list[list[Passage]]:
    """Passages as units may be shown them, for some units: those of a question, or of a corpus the first ones.

    Raises `KomepError` where the texts cannot be read, or there is none.
    """
    if evidence.provided:
        found = passages_of_questions(evidence.provided, evidence.columns).values()
        return [list(own[: evidence.passages]) for own in islice(filter(None, found), SAMPLE)]
    some = [passage for _, passage in islice(read_corpus(evidence.corpus, evidence.columns), SAMPLE)]
    if not some:
        raise KomepError(f"{evidence.corpus}: an empty corpus: no text in it")
    size = evidence.passages
    return [some[i : i + size] for i in range(0, len(some), size) if i == 0 or i + size <= len(some)]


def embedding_bodies(evidence: Evidence) -> Iterator[Body]:
    """The requests for the passages of a corpus that have no vector yet; none where no endpoint is asked."""
    if evidence.embeddings is None or evidence.embeddings.server:
        return
    texts = (indexed(one) for _, one in read_corpus(evidence.corpus, evidence.columns))
    missing = Vectors(evidence.embeddings, evidence.kept).missing(texts, False)
    while some := list(islice(missing, evidence.embeddings.batch)):
        yield from bodies_of(some, evidence.embeddings, False)
