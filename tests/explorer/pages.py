"""Rows whose texts attack a page, and what is in a page's data block."""

import base64
import gzip
import json
import re

ATTACK = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> \"' {{ 7 * 7 }} </details><!-- javascript:x \u202e"
)


def hostile_rows(attack=ATTACK):
    for model, verdict in ((f"a{attack}", "true"), ("b", "false")):
        yield {
            "question": f"Q? {attack}", "category": attack, "model": model, "response": f"{model} {attack}",
            "units": [{"text": attack, "verdict": verdict}],
        }  # fmt: skip


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def unpacked(text):
    """The value behind a data block, as the page's script reads it."""
    return json.loads(gzip.decompress(base64.b64decode(text)))


def seen(page, language="en"):
    """The markup of a page in one of its languages: no script, no data."""
    english, _, rest = page.partition('<template id="other">')
    return english if language == "en" else rest.partition("</template>")[0]


def data_of(page):
    return unpacked(
        re.search(r'<script type="application/octet-stream" id="data">([\w+/=]+)</script>', page)[1]
    )


MODELS = [
    "a" * 60,
    *(f"model-{n} " + "of a long name " * 3 + "x" * (60 - 53) for n in range(2, 8)),
    "מודל שפה " * 6 + "רפואי!",
]
RIGHT_TO_LEFT = "מהי אפנדיציט, ומה הסימנים שלה (38.5°)?"


def crowded_rows(altered=False):
    """Eight models with names of sixty characters on nine questions: one of 5,000 characters, one from right to left, one
    that attacks, one with a word that never breaks; half of it in Korean, too."""
    long = ("Which of these findings is seen first, and why? " * 105)[:5000]
    questions = [long, RIGHT_TO_LEFT, ATTACK, "w" * 400, *(f"What is finding {n}?" for n in range(5))]
    for place, question in enumerate(questions):
        for n, model in enumerate(MODELS):
            units = [{"text": f"Unit {i} of {question[:300]}", "verdict": "true" if (i * 5 + n * 3 + place) % 8 < n else "false"}
                     for i in range(4)]  # fmt: skip
            text = f"Answer {n} to it. {'It is so. ' * (place + n)}" + (
                "Changed since." if altered and n < 2 else ""
            )
            korean = {
                "question_ko": f"질문 {place}: {question}",
                "response_ko": f"답변 {n}. {'그렇다. ' * (place + n)}",
            }
            yield {"question": question, "category": f"category {place % 3} " + "of many words " * 4, "model": model,
                   "response": text, "units": units, **(korean if place % 2 else {})}  # fmt: skip
