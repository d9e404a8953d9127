"""Make `scored_generations.jsonl` from `facts.jsonl`: `python -m komep_dataset.samples.generate`.

Five made-up responders answer every sample question by stating facts that were written, and labelled, for this
project. A responder has a reliability (how likely each of its statements is a true one), a style of writing, and
now and then it abstains, says nothing, or gets a verdict that cannot be read. No language model is involved; the
"verdicts" are the labels. The program is seeded: it writes the same bytes every time.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path

from komep_dataset.schema import LANGUAGES

FOLDER = Path(__file__).parent
FACTS = FOLDER / "facts.jsonl"
OUTPUT = FOLDER / "scored_generations.jsonl"
SEED = 2025
ORIGIN = "written for the KoMeP project; not the output of a language model"
ABSTENTION = {"en": "I don't know.", "ko": "모릅니다."}


@dataclass(frozen=True, slots=True)
class Responder:
    """A made-up responder; its name says that it is one."""

    name: str
    reliability: float  # chance that a statement is one of the true ones
    style: str  # `paragraph`, `bullets`, `numbered`, `lines` or `opener`
    abstains: float = 0.0  # chance of answering "I don't know."
    silent: float = 0.0  # chance of an empty answer
    unread: float = 0.0  # chance that one verdict of the answer cannot be read


RESPONDERS = (
    Responder("sample-90", 0.90, "paragraph", abstains=0.02),
    Responder("sample-75", 0.75, "numbered", abstains=0.05),
    Responder("sample-60", 0.60, "lines", unread=0.04),
    Responder("sample-45", 0.45, "bullets", unread=0.04, silent=0.02),
    Responder("sample-30", 0.30, "opener", silent=0.04),
)
OPENER = {"en": "Here is what is known: ", "ko": "알려진 내용은 다음과 같다. "}


def render(statements: list[str], style: str, language: str) -> str:
    """Statements as one answer in a style; the styles stand for the habits by which models can be told apart."""
    if style == "bullets":
        return "\n".join(f"- {s}" for s in statements)
    if style == "numbered":
        return "\n".join(f"{i}. {s}" for i, s in enumerate(statements, 1))
    if style == "lines":
        return "\n".join(statements)
    return (OPENER[language] if style == "opener" else "") + " ".join(statements)


def draw(fact: dict, reliability: float, rng: random.Random) -> list[tuple[dict, str]]:
    """Three to five statements of a question in random order, each with its label as verdict."""
    pools = {label: rng.sample(fact[label], len(fact[label])) for label in ("true", "false")}
    labels = ["true" if rng.random() < reliability else "false" for _ in range(rng.randint(3, 5))]
    return [(pools[label].pop(), label) for label in labels]


def answer(fact: dict, responder: Responder, rng: random.Random) -> dict:
    """One scored generation; `question_id`, `dahl_score` and `status` are left to `komep build`."""
    row = {
        "model": responder.name,
        "question": fact["question"],
        "category": fact["category"],
        "question_ko": fact["question_ko"],
        "origin": ORIGIN,
    }
    chance = rng.random()
    if chance < responder.abstains:
        return row | {"response": ABSTENTION["en"], "response_ko": ABSTENTION["ko"], "units": []}
    if chance < responder.abstains + responder.silent:
        return row | {"response": "", "response_ko": "", "units": []}
    drawn = draw(fact, responder.reliability, rng)
    units = [{"text": statement["en"], "verdict": label} for statement, label in drawn]
    if rng.random() < responder.unread:
        units[rng.randrange(len(units))]["verdict"] = "unknown"
    texts = {lang: render([s[lang] for s, _ in drawn], responder.style, lang) for lang in LANGUAGES}
    return row | {"response": texts["en"], "response_ko": texts["ko"], "units": units}


def generate(facts: list[dict], seed: int = SEED) -> list[dict]:
    """All answers of all responders, in the order of the questions."""
    rng = random.Random(seed)
    return [answer(fact, responder, rng) for fact in facts for responder in RESPONDERS]


def main() -> None:
    facts = [json.loads(line) for line in FACTS.read_text("utf-8").splitlines()]
    rows = generate(facts)
    OUTPUT.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    print(f"{len(rows)} generations -> {OUTPUT.name}")


if __name__ == "__main__":
    main()
