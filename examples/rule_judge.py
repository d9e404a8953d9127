"""What stands in the place of splitter and checker in rounds.yaml: a rule, and no judge.

    python examples/rule_judge.py

It gives an answer's sentences, one a line, but for one that breaks off. Of a sentence it says True where of the ten
statements that were written for its question (komep_dataset/samples/facts.jsonl) the one that shares most of its words
is a true one, and False where it is a false one or none shares two. So it measures likeness to those statements.
"""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from komep_dataset.prompts.english import QUESTION, STATEMENT
from komep_dataset.samples import SAMPLE_INPUT
from komep_dataset.system import end_with_parent

PORT = 8642
SHORTEST, FEWEST = 4, 2  # letters of a word that counts, and such words that a statement must share (ours)
FACTS = SAMPLE_INPUT.with_name("facts.jsonl")
_ANSWER = re.compile(r"<answer>\n(.*)\n</answer>", re.DOTALL)
_ASKED = re.compile(rf"{QUESTION}: (.*)\n{STATEMENT}: (.*)\n")


def words(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z]+", text.casefold()) if len(word) >= SHORTEST}


def sentences(answer: str) -> str:
    found = [" ".join(one.split()) for one in re.split(r"(?<=[.!?])\s+", answer) if one.strip()]
    return "\n".join([one for one in found if one[-1] in ".!?"] or found)


def verdict(question: str, statement: str, facts: dict[str, dict]) -> str:
    written = facts.get(question, {"true": [], "false": []})
    shares = [
        (len(words(statement) & words(one["en"]) - words(question)), label)
        for label in ("false", "true")  # the first of two that share as much
        for one in written[label]
    ]
    most, label = max(shares, key=lambda share: share[0], default=(0, "false"))
    return "True." if most >= FEWEST and label == "true" else "False."


def reply(body: dict, facts: dict[str, dict]) -> str:
    text = body["messages"][-1]["content"]
    if asked := _ASKED.match(text):
        return verdict(*map(json.loads, asked.groups()), facts)
    return sentences(_ANSWER.search(text)[1])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    facts: ClassVar = {row["question"]: row for row in map(json.loads, FACTS.read_text("utf-8").splitlines())}

    def do_GET(self) -> None:
        self.answer({"data": [{"id": "rule"}]})

    def do_POST(self) -> None:
        text = reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))), self.facts)
        message = {"role": "assistant", "content": text}
        self.answer({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    def answer(self, content: dict) -> None:
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing: komep says what it asks."""


if __name__ == "__main__":
    end_with_parent()
    ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
