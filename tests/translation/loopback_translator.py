"""A translator that is no model: it writes Hangul made from each English word, and keeps all else; and what to ask it."""

import hashlib
import json
import re
from pathlib import Path

import yaml

from tests.loopback import last_text

UNITS = ("mg", "ml")
WORD = re.compile("`[^`]*`|[A-Za-z]+")  # code stays


def source_in(body: dict) -> str:
    """The text between the tags of a request."""
    return re.search(r"<(text\d*)>\n(.*)\n</\1>\Z", last_text(body), re.DOTALL)[2]


def hangul(word: str) -> str:
    """Syllables made from a word, about four for ten letters."""
    digest = hashlib.sha256(word.casefold().encode()).digest()
    syllables = (chr(0xAC00 + (digest[i] * 256 + digest[i + 1]) % 11172) for i in range(0, len(word), 3))
    return "".join(syllables)[:12]


def korean(body: dict) -> str:
    """Terms as the prompt gives them, every other English word in Hangul; a question stays one."""
    text = source_in(body)
    given = re.search(r"^Use these translations of terms: (.*)$", last_text(body), re.MULTILINE)
    for term, form in json.loads(given[1]).items() if given else ():
        text = re.sub(rf"\b{re.escape(term)}s?\b", form, text, flags=re.IGNORECASE)
    return WORD.sub(lambda word: word[0] if word[0] in UNITS or word[0][0] == "`" else hangul(word[0]), text)


def row(question: str, model: str, response: str, score: float, **more) -> dict:
    return {
        "question": question,
        "category": "c",
        "model": model,
        "response": response,
        "dahl_score": score,
    } | more


def write_rows(path: Path, *rows: dict) -> Path:
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows), "utf-8")
    return path


def write_config(folder: Path, url: str, translator: dict | None = None, **more) -> Path:
    place = {"endpoint": url, "model": "t", "concurrency": 4, "max_attempts": 3}
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump({"translator": place | (translator or {})} | more))
    return path


def rejects_of(folder: Path) -> dict[str, str]:
    """Key -> reason of the lines that this stage left."""
    lines = map(json.loads, (folder / "rejects.jsonl").read_text("utf-8").splitlines())
    return {line["key"]: line["reason"] for line in lines if line["stage"] == "translate"}


Q = "Which organ does hypertension harm after many years?"
GOOD = "Over many years high pressure harms the kidneys, the retina and the heart muscle."
BAD = "Over many years high pressure harms nothing but the hair and the nails of the patient."
MIDDLE = "The kidneys suffer first, and the nails of the patient suffer last."


def five_answers() -> list[dict]:
    texts = [(GOOD, 0.9), (MIDDLE, 0.5), (BAD, 0.1), (MIDDLE + " Indeed.", 0.4)]
    rows = [row(Q, f"m{i}", text, score) for i, (text, score) in enumerate(texts)]
    return [*rows, row(Q, "silent", "", None, status="empty") | {"dahl_score": None}]
