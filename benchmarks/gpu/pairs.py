"""Pairs to measure with: of known lengths, made of the sample's words in no order, and the sample's own.

A folder in the shape of a release, as the recipes and `trl dpo` load it. Its config `real` has lengths as real pairs have
them: 60 tokens of a prompt and 300 of an answer on average, longer and shorter ones among them. In `fixed` every
conversation is equally long, so that memory can be held against a formula that knows one length. Where losses are compared, words in no
order would not do, for their log-probabilities are so low that rounding is all one sees: `sample` has real sentences.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).resolve().parents[2] / "komep_dataset" / "samples" / "scored_generations.jsonl"
PROMPT, ANSWER = 60, 300  # mean tokens
CARD = """---
configs:
- config_name: real
  default: true
  data_files:
  - {split: train, path: real/train.jsonl}
  - {split: test, path: real/test.jsonl}
- config_name: fixed
  data_files:
  - {split: train, path: fixed/train.jsonl}
  - {split: test, path: fixed/test.jsonl}
- config_name: sample
  data_files:
  - {split: train, path: sample/train.jsonl}
  - {split: test, path: sample/test.jsonl}
---
To measure with. `real` and `fixed` are words of KoMeP's sample in random order: nothing in them is a sentence. `sample` is
the best and the worst English answer to each of the sample's questions, written for the project.
"""


def sample() -> list[dict[str, Any]]:
    """The scored generations of the sample, which were written for this project."""
    return [json.loads(line) for line in SAMPLE.read_text("utf-8").splitlines()]


def best_and_worst() -> list[dict[str, Any]]:
    """A pair for each question whose answers differ in their share of true statements."""
    answers: dict[str, list[tuple[float, str]]] = {}
    for row in sample():
        if row["units"]:
            share = sum(unit["verdict"] == "true" for unit in row["units"]) / len(row["units"])
            answers.setdefault(row["question"], []).append((share, row["response"]))
    found = []
    for question, scored in answers.items():
        (low, worst), *_, (high, best) = sorted(scored) if len(scored) > 1 else [(0.0, ""), (0.0, "")]
        if low < high:
            found.append(as_pair(f"sample-{len(found)}", question, best, worst))
    return found


def as_pair(name: str, question: str, chosen: str, rejected: str) -> dict[str, Any]:
    """A row as a release has it."""
    answers = {"chosen": chosen, "rejected": rejected}
    return {
        "question_id": name,
        "prompt": [{"role": "user", "content": question}],
        **{side: [{"role": "assistant", "content": answer}] for side, answer in answers.items()},
    }


def text(tokenizer: Any, vocabulary: list[str], tokens: int, draw: random.Random) -> str:
    """Words of about so many tokens, never of more."""
    chosen = draw.choices(vocabulary, k=tokens)
    ids = tokenizer(" ".join(chosen), add_special_tokens=False)["input_ids"][:tokens]
    return tokenizer.decode(ids)


def lengths(draw: random.Random, mean: int) -> int:
    """Tokens of one text: half to one and a half times the mean, all equally likely."""
    return draw.randint(mean // 2, mean + mean // 2)


def write_pairs(
    tokenizer: Any, folder: Path, pairs: int, fixed: int, seed: int = 0, scale: float = 1.0
) -> None:
    """Write the folder.

    Args:
        tokenizer: of the model that is to be trained.
        folder: a new one.
        pairs: of each train split; a test split has two.
        fixed: tokens of an answer in `fixed`.
        seed: of words and lengths.
        scale: of all lengths, for a rehearsal.
    """
    draw = random.Random(seed)
    vocabulary = [word for row in sample() for word in row["response"].split()]
    pairs_of = {"sample": {"train": best_and_worst()[2:], "test": best_and_worst()[:2]}}
    for config in ("real", "fixed"):
        for split, count in (("train", pairs), ("test", 2)):
            rows = pairs_of.setdefault(config, {}).setdefault(split, [])
            for number in range(count):
                sizes = [PROMPT, fixed, fixed]
                if config == "real":
                    sizes = [lengths(draw, mean) for mean in (PROMPT, ANSWER, ANSWER)]
                texts = (text(tokenizer, vocabulary, max(4, int(n * scale)), draw) for n in sizes)
                rows.append(as_pair(f"{config}-{split}-{number}", *texts))
    for config, splits in pairs_of.items():
        (folder / config).mkdir(parents=True)
        for split, rows in splits.items():
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            (folder / config / f"{split}.jsonl").write_text(lines, "utf-8")
    (folder / "README.md").write_text(CARD, "utf-8")
