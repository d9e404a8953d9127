"""How often the text that a claim was taken from is among the first passages found for it: recall@1, @4 and @10.

    python -m benchmarks.retrieval [--endpoint http://127.0.0.1:8000/v1 --model e5] [--query-body '{"input_type": "query"}']
    python -m benchmarks.retrieval --generated 2000000

No model judges anything: claims lead back to the text that they were split from by people or strong models.

- kqa: physicians' statements -> the physician's answer, among 201 of them and 1,000 abstracts' conclusions of PubMedQA.
- factbench: claims -> the answer, among 326.
- korfactscore: Korean atoms -> their biography among 114, and -> their sentence among all of these.

Of each set, `even` are the claims of every second text, which choices were made on, `odd` the others, which were held back.
`question` shows the retriever the question, too, as `komep score` does. Without an endpoint, BM25 alone is measured. `--generated` measures instead how long so many passages of made-up words take
to be read, indexed and searched, and what that needs of memory and disk.
"""

import argparse
import json
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from komep_dataset.config.evidence import Embeddings, Evidence
from komep_dataset.evidence.bm25 import open_index
from komep_dataset.evidence.retrieval import Wanted, indexed, passages_for
from komep_dataset.evidence.store import open_store
from komep_dataset.evidence.words import words_of
from tests.real_data import DATA, rows

# Texts; claims, each with the number of its text and its question.
Case = tuple[list[str], list[tuple[str, int, str]]]
AT = (1, 4, 10)
WAYS = ("bm25", "bm25, question", "dense", "both", "both, question")
VOCABULARY = 200_000


def kqa() -> Case:
    read = rows("kqa/questions_w_answers.jsonl")
    said = [(row, i, row["Must_have"] + row["Nice_to_have"]) for i, row in enumerate(read)]
    texts = [row["Free_form_answer"] for row in read]
    texts += [row["long_answer"] for row in rows("pubmedqa/questions.jsonl")]
    return texts, [(claim, i, row["Question"]) for row, i, own in said for claim in own]


def factbench() -> Case:
    read = [row for row in rows("factbench/claims.jsonl") if row["claims"] and row["response"]]
    claims = [(claim, i, row["prompt"] or "") for i, row in enumerate(read) for claim in row["claims"]]
    return [row["response"] for row in read], claims


def biographies() -> list[dict]:
    return [row for w in ("fr", "kr") for row in rows(f"korfactscore/gen_bio-gpt_4-{w}-all.jsonl")]


def atoms() -> Iterator[tuple[int, str, str, str]]:
    """(number of the biography, sentence, atom, question)."""
    for i, row in enumerate(biographies()):
        for sentence in row["annotations"] or ():
            for atom in sentence["model-atomic-facts"] or ():
                yield i, sentence["text"], atom["text"], f"{row['topic']}의 생애를 알려 주세요."


def korfactscore() -> Case:
    return [row["output"] for row in biographies()], [(atom, i, question) for i, _, atom, question in atoms()]


def korfactscore_sentences() -> Case:
    numbers: dict[tuple[int, str], int] = {}
    claims = [
        (atom, numbers.setdefault((i, sentence), len(numbers)), question)
        for i, sentence, atom, question in atoms()
    ]
    return [sentence for _, sentence in numbers], claims


SETS = {
    "kqa": kqa,
    "factbench": factbench,
    "korfactscore, biography": korfactscore,
    "korfactscore, sentence": korfactscore_sentences,
}


def recalls(found: list[list[int]], wanted: list[set[int]]) -> list[float]:
    """The share of claims for which a text that holds them is among the first k."""
    return [
        sum(bool(own & set(first[:k])) for first, own in zip(found, wanted, strict=True)) / len(wanted)
        for k in AT
    ]


def measure(name: str, by: str, evidence: Evidence, folder: Path, case: Case) -> None:
    """Print a line for each half of a set."""
    texts, claims = case
    holders: dict[str, set[int]] = defaultdict(set)
    by_text = {text: i for i, text in reversed(list(enumerate(texts)))}  # equal texts are one
    for claim, number, _ in claims:
        holders[claim].add(by_text[texts[number]])
    start = time.monotonic()
    asked = by.endswith("question")
    wanted = [Wanted(claim, "", question if asked else "") for claim, _, question in claims]
    passages = passages_for(evidence, wanted, folder)
    seconds = time.monotonic() - start
    found = [list(dict.fromkeys(int(one.id.split("#")[0]) for one in own)) for own in passages]
    for half, label in enumerate(("even", "odd")):
        chosen = [i for i, (_, number, _) in enumerate(claims) if number % 2 == half]
        shares = recalls([found[i] for i in chosen], [holders[claims[i][0]] for i in chosen])
        cells = "  ".join(f"{share:.3f}" for share in shares)
        print(
            f"{name:<24}  {len(texts):>6,}  {label:<4}  {len(chosen):>6,}  {by:<14}  {cells}  {seconds:6.1f}",
            flush=True,
        )


def generated(count: int, folder: Path) -> Path:
    """A corpus of passages of 60 words, whose frequencies follow Zipf's law."""
    draw = np.random.default_rng(0)
    words = np.array([f"w{number}" for number in range(VOCABULARY)])
    path = folder / "generated.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, count, 10_000):
            for number, row in enumerate(
                draw.zipf(1.1, (min(10_000, count - start), 60)) % VOCABULARY, start
            ):
                file.write(json.dumps({"id": str(number), "text": " ".join(words[row])}) + "\n")
    return path


def time_generated(count: int) -> None:
    """Print seconds, megabytes and the peak of memory of each step."""
    with tempfile.TemporaryDirectory() as folder:
        path = generated(count, Path(folder))
        draw = np.random.default_rng(1)
        units = [" ".join(f"w{w}" for w in row) for row in draw.zipf(1.1, (1000, 12)) % VOCABULARY]
        print(f"{count:,} passages, {path.stat().st_size / 1e6:,.0f} MB of JSONL; {len(units):,} units")

        def told(step: str, start: float) -> None:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
            size = sum(file.stat().st_size for file in work.rglob("*") if file.is_file()) / 1e6
            print(
                f"{step:<28} {time.monotonic() - start:8.1f} s  {size:8,.0f} MB on disk  peak {peak:7,.0f} MB",
                flush=True,
            )

        work, start = Path(folder) / "work", time.monotonic()
        store = open_store(path, work)
        told("read", start)
        start = time.monotonic()
        index = open_index(map(indexed, store), len(store), store.folder)
        told("index by words", start)
        start = time.monotonic()
        for words in words_of(units):
            index.best(words, 4)
        told("search, one after the other", start)
        start = time.monotonic()
        passages_for(Evidence(corpus=path), [Wanted(unit, "", "") for unit in units], work)
        told("a second run", start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--endpoint")
    parser.add_argument("--model", default="e5")
    parser.add_argument("--query-body", type=json.loads, default={})
    parser.add_argument("--passage-body", type=json.loads, default={})
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--generated", type=int)
    given = parser.parse_args()
    if given.generated:
        return time_generated(given.generated)
    if not (DATA / "kqa").is_dir():
        parser.error(f"{DATA}: the real material is not here; name its folder as KOMEP_REAL_DATA")
    embeddings = given.endpoint and Embeddings(
        endpoint=given.endpoint,
        model=given.model,
        batch=given.batch,
        concurrency=2,
        query_body=given.query_body,
        passage_body=given.passage_body,
    )
    print(f"texts in {DATA}")
    print(
        f"{'set':<24}  {'texts':>6}  {'half':<4}  {'claims':>6}  {'by':<14}  {'@1':<5}  {'@4':<5}  {'@10':<5}  seconds"
    )
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name, read in SETS.items():
            texts, claims = read()
            claims = [(claim.strip(), *rest) for claim, *rest in claims if claim.strip()]
            corpus = work / f"{name}.jsonl"
            corpus.write_text(
                "".join(json.dumps({"id": str(i), "text": text}) + "\n" for i, text in enumerate(texts)),
                "utf-8",
            )
            for by in WAYS if embeddings else WAYS[:2]:
                retriever = by.split(",")[0]
                model = None if retriever == "bm25" else embeddings
                evidence = Evidence(corpus=corpus, passages=20, retriever=retriever, embeddings=model)
                measure(name, by, evidence, work / "work", (texts, claims))


if __name__ == "__main__":
    main()
