"""Generated scored generations: few values and many collisions, now and then a fault of every kind."""

import json
import random
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# Few values, many collisions: ties, Unicode forms (composed and decomposed Hangul and Latin), odd blanks, case.
QUESTIONS = [
    "What is sepsis?",
    "what  is SEPSIS?",
    "패혈증이란?",
    "패혈증이란?",
    "Straße?",
    "STRASSE?",
    "   ",
    "",
]


RESPONSES = [
    "a b", "a  b", "a\u00a0b", "a\x1fb", "A b", "가나", "가나", "é", "e\u0301", "", " ", "I don't know.", "모릅니다",
    "longer answer", "line\nline", "\u2028", "😀",
    # At the sixteenth character, up to which texts are first compared.
    "abcdefghijklmno", "abcdefghijklmno ", "abcdefghijklmnop", "abcdefghijklmno  p", "abcdefghijklmno p",
    "abcdefghijklmnop\u0301q", "abcdefghijklmno\u1e55q", "abcdefghijklmnopq",
]  # fmt: skip


VERDICTS = st.sampled_from(["true"] * 6 + ["false"] * 6 + ["unknown"])


UNITS = st.lists(st.builds(lambda v: {"text": "u", "verdict": v}, VERDICTS), max_size=4)


KOREAN = st.sampled_from(["한국어", "다른 글", "셋째 글"] * 4 + [None, " ", ""])


SCORES = st.sampled_from([None, 0.0, 0.5, 1, 1 / 3, 0.333333, 0.25, 0.1 + 0.2, 0.3, 1.5, -0.1])


RARELY = st.sampled_from([False] * 24 + [True])


GOOD_QUESTIONS = [q for q in QUESTIONS if q.strip()]


@st.composite
def rows(draw):
    """Mostly good rows, so that questions get their pairs; now and then one with a fault of every kind."""
    row = {
        "question": draw(st.sampled_from(QUESTIONS if draw(RARELY) else GOOD_QUESTIONS)),
        "category": draw(st.sampled_from(["x", "y"])),
        "model": draw(st.sampled_from(["m1", "m2", "m3", "M1", "모델"])),
        "response": draw(st.sampled_from(RESPONSES)),
        "units": draw(UNITS),
        "question_ko": draw(KOREAN),
        "response_ko": draw(KOREAN),
    }
    if draw(st.booleans()):  # of a Korean question: a native answer
        row["question_ko"], row["response_ko"] = row["question"], row["response"]
    if not row["units"] or draw(RARELY):
        row["dahl_score"] = draw(SCORES)
    if draw(RARELY):
        row["model"] = ""
    if draw(RARELY):
        del row[draw(st.sampled_from([*row]))]
    if draw(RARELY):
        wrong = draw(st.sampled_from(["question", "model", "response", "dahl_score"]))
        row[wrong] = draw(
            st.sampled_from([None, True, [], {"a": 1}] + ([] if wrong == "dahl_score" else [5]))
        )
    return row


def write_jsonl(path: Path, some) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in some), "utf-8")
    return path


SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=150)


def some_rows(n_questions: int, seed: int = 0):
    rng = random.Random(seed)
    for q in range(n_questions):
        for model in "abcde":
            units = [
                {"text": f"u{i}", "verdict": rng.choice(["true", "false"])} for i in range(rng.randint(0, 6))
            ]
            response = " ".join(rng.choice(["가", "나", "x"]) for _ in range(rng.randint(1, 30)))
            yield {
                "question": f"Question {q}?", "category": "c", "model": model, "response": response, "units": units,
                "question_ko": f"질문 {q}" if q % 3 else None, "response_ko": response,
            }  # fmt: skip


def release_bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.parquet"))}
