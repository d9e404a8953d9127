"""The closing table of the quickstart: each number is the one in the file that it names."""

import subprocess
from pathlib import Path

from evaluation.quickstart import answer_lines, data_lines, training_lines
from komep_dataset.release.build import build
from komep_dataset.release.facts import read_facts
from tests import warm

ROOT = Path(__file__).parents[2]
FACTS = {
    "pairs": 7,
    "options": {"pairs": "all", "min_margin": 0.0},
    "rows": {"ko": {"train": 5, "test": 2}, "scored": {"train": 9, "test": 3}},
}
SUMMARY = {
    "steps": 12,
    "seconds": 90.0,
    "evaluation": {
        "before": {
            "pairs": 2,
            "loss": 0.6931,
            "reward_accuracy": 0.5,
            "margin": 0.0,
            "policy_accuracy": 0.25,
        },
        "after": {
            "pairs": 2,
            "loss": 0.7081,
            "reward_accuracy": 0.75,
            "margin": 0.125,
            "policy_accuracy": 1.0,
        },
    },
}


def test_lines_of_a_release():
    pairs, splits = data_lines(FACTS)
    assert (pairs.after, pairs.note) == ("7", "--pairs all")
    assert splits.after == "ko: 5 train, 2 test; scored: 9 train, 3 test"


def test_lines_of_a_release_that_was_built(tmp_path):
    """What `make quickstart` reads: the facts may lie in more files than one."""
    build([], tmp_path / "komep", pairs="all")
    pairs, splits = data_lines(read_facts(tmp_path / "komep"))
    assert pairs.note == "--pairs all" and int(pairs.after) > 100 and "ko: " in splits.after


def test_lines_of_a_training():
    loss, accuracy, margin, policy, per_token = training_lines(SUMMARY)
    assert (loss.before, loss.after) == ("0.693", "0.708") and loss.note.startswith("it got worse; ")
    assert (accuracy.before, accuracy.after) == ("0.500", "0.750")
    assert (margin.before, margin.after, margin.note) == ("0.000", "0.125", "12 steps, 1.5 min")
    assert (policy.before, policy.after) == ("0.250", "1.000")
    assert (per_token.before, per_token.after) == ("–", "–")  # not in the file: not invented


def test_answers_are_lines():
    told = {"prompts": ["What\nis it?", "b"], "before": ["long " * 99, ""], "after": ["x [red]"]}
    [(prompt, before, after)] = answer_lines(told)
    assert (prompt, after) == ("What is it?", "x [red]") and len(before) <= 240 and before.endswith(" …")
    assert answer_lines({}) == []


def test_no_held_out_pairs():
    [line] = training_lines({"evaluation": {"before": None, "after": None}})
    assert line.after == "none"


def test_files_that_are_not_there_give_a_message(tmp_path):
    command = [warm.python("komep"), "-m", "evaluation.quickstart"]
    for option in ("release", "training", "base", "tuned", "report"):
        command += [f"--{option}", str(tmp_path / option)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
