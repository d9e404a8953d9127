"""A rule of `--pairs` is one file in `strategies/`: put into a copy of the package, every place where a rule is takes it."""

import json

import pytest

from komep_dataset.pairs.strategies.registry import RULES
from tests.gates.plugged import komep, plug

RULE = '''
"""Each answer against the next worse one that scores above a floor of its own option."""

import polars as pl

from komep_dataset.options import Option, Range
from komep_dataset.pairs.candidates import PairRule
from komep_dataset.pairs.strategies.all_ordered import all_ordered


def neighbours(answers, values):
    pairs = all_ordered(answers)
    nearest = pl.col("rejected_score") == pl.col("rejected_score").max().over("question_id", "chosen_model")
    return pairs.filter(nearest)


RULE = PairRule(
    name="neighbours",
    help="each answer against the next worse one",
    order=15,
    one_a_question=False,
    candidates=neighbours,
    eligible=lambda answers, values: answers.filter(pl.col("_high") >= values.floor),
    options=(Option("floor", float, 0.0, "With --pairs neighbours: the least score.", range=Range(0.0, 1.0)),),
)
'''


@pytest.mark.slow
def test_a_rule_that_is_a_file_is_in_every_place_where_a_rule_has_to_be(tmp_path):
    folder = plug(tmp_path)
    (folder / "komep_dataset" / "pairs" / "strategies" / "neighbours.py").write_text(RULE, "utf-8")
    rows = [
        {"question": "What is sepsis?", "category": "c", "model": model, "response": f"Answer {model}."}
        | {"units": [{"text": "u", "verdict": "true"}] * true + [{"text": "u", "verdict": "false"}]}
        for model, true in (("a", 3), ("b", 2), ("c", 1), ("d", 0))
    ]
    (folder / "scored.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    text = " ".join(komep(folder, "build", "--help").split())
    assert (
        "all: every two answers with different scores; neighbours: each answer against the next worse one; best-random"
        in text
    )
    assert "--floor" in text
    assert "give one of best-worst, all, neighbours" in komep(folder, "build", "--pairs", "x", fails=True)
    refused = komep(folder, "build", "scored.jsonl", "--floor", "0.1", fails=True)
    assert "--floor 0.1: it goes with --pairs neighbours, and this is --pairs best-worst" in refused
    said = komep(folder, "build", "scored.jsonl", "--pairs", "neighbours", "--floor", "0.1")
    assert "Rule `neighbours`: each answer against the next worse one." in said
    lines = (folder / "komep" / "rejects.jsonl").read_text("utf-8").splitlines()
    # Without Korean, each is a reject of `ko`.
    assert [json.loads(line)["key"].partition("/")[2] for line in lines] == ["a/b", "b/c"]
    komep(folder, "verify", "komep")
    card = (folder / "komep" / "README.md").read_text("utf-8")
    assert "`--pairs neighbours`" in card and "`--floor 0.1`" in card
    (folder / "pipeline.yaml").write_text("selection: {pairs: neighbours, floor: 2}\n", "utf-8")
    assert "selection.floor: 2" in komep(folder, "run", "pipeline.yaml", fails=True)


def test_the_papers_rule_is_the_default_and_every_rule_says_what_it_does():
    assert next(iter(RULES)) == "best-worst"
    assert all(name == rule.name and rule.help for name, rule in RULES.items())
