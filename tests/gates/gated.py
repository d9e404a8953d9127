"""A release whose rejects come from every gate, and what the tests of several modules ask of a release."""

import json
import subprocess
from pathlib import Path

from komep_dataset.release.verify import verify
from tests import warm

ROOT = Path(__file__).resolve().parents[2]
TRUE, FALSE = ({"text": "a fact", "verdict": verdict} for verdict in ("true", "false"))

LEAKED = "68세 여자가 어제부터 오른쪽 사타구니에 통증을 동반한 덩이가 만져져 왔다. 진단은?"
TOPICS = [
    "sepsis",
    "asthma",
    "gout",
    "anaemia",
    "migraine",
    "psoriasis",
    "cirrhosis",
    "glaucoma",
    "epilepsy",
    "scurvy",
    "rickets",
]


def two(question, chosen, rejected, models=("m1", "m2"), **more):
    row = {"question": question, "category": "medicine", **more}
    return [
        row | {"model": models[0], "response": chosen, "units": [TRUE]},
        row | {"model": models[1], "response": rejected, "units": [FALSE]},
    ]


def scored():
    rows = [
        *two("Which mass lies below the ligament?", "A hernia of the thigh.", "None.", question_ko=LEAKED),
        *two("What helps against cough?", "Honey, says kim.minsu@hospital-mail.kr.", "Nothing at all."),
        *two("What about insulin when well?", "Keep on injecting.", "Stop taking your insulin."),
        *two("How is acute appendicitis of an adult patient usually treated today in hospital?", "A.", "Bb."),
        *two("How is acute appendicitis of an adult patient usually treated today in hospital", "Cc.", "D."),
        *two("What is the heart?", "A pump of the blood in the chest.", "A pump of the blood, in the chest!"),
    ]
    for n, topic in enumerate(TOPICS):  # the longer answer wins six times of eleven, m1 eight times
        answers = (f"{topic:~<9} is what many a doctor sees.", f"No {topic:~<9}.")
        models = ("m2", "m1") if n < 3 else ("m1", "m2")
        rows += two(f"Describe {topic}.", *(answers if n % 2 else answers[::-1]), models)
    return rows


def gated_release(folder: Path) -> Path:
    """A release whose rejects come from every gate, built by the real command."""
    source = folder / "scored.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in scored()), "utf-8")
    (folder / "bench.jsonl").write_text(
        json.dumps({"question": LEAKED.replace("68세", "71세")}) + "\n", "utf-8"
    )
    switches = [
        "--near-duplicates",
        "reject",
        "--personal-data",
        "reject",
        "--unsafe",
        "reject",
        "--balance-models",
        "0.6",
    ]
    more = ["--decontaminate", f"bench={folder / 'bench.jsonl'}", "--length-control"]
    assert run("build", str(source), "-o", str(folder / "komep"), *switches, *more) == 0
    return folder


def run(*arguments):
    command = [warm.python("komep"), "-m", "komep_dataset.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).returncode


def rejects(folder):
    return [json.loads(line) for line in (folder / "rejects.jsonl").read_text("utf-8").splitlines()]


def failed(folder):
    return {check.name for check in verify(folder) if not check.ok}
