"""A rule of `--pairs` is one registered function: added to a copy of the package, the command, build and verify take it."""

import json

from tests.gates.plugged import komep, plug

RULE = '''

@pair_rule("neighbours", "each answer against the next worse one")
def neighbours(scored: pl.DataFrame) -> pl.DataFrame:
    """Every ordered pair with no answer of a score between."""
    import polars as pl

    pairs = all_ordered(scored)
    nearest = pl.col("rejected_score") == pl.col("rejected_score").max().over("question_id", "chosen_model")
    return pairs.filter(nearest)
'''


def test_a_rule_that_is_registered_is_in_every_place_where_a_rule_has_to_be(tmp_path):
    folder = plug(tmp_path)
    with (folder / "komep_dataset" / "pairs" / "candidates.py").open("a", encoding="utf-8") as file:
        file.write(RULE)
    rows = [
        {"question": "What is sepsis?", "category": "c", "model": model, "response": f"Answer {model}."}
        | {"units": [{"text": "u", "verdict": "true"}] * true + [{"text": "u", "verdict": "false"}]}
        for model, true in (("a", 3), ("b", 2), ("c", 1))
    ]
    (folder / "scored.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    text = " ".join(komep(folder, "build", "--help").split())
    assert "all: every ordered pair; neighbours: each answer against the next worse one." in text
    assert "give one of best-worst, all, neighbours" in komep(folder, "build", "--pairs", "x", fails=True)
    komep(folder, "build", "scored.jsonl", "--pairs", "neighbours")
    lines = (folder / "komep" / "rejects.jsonl").read_text("utf-8").splitlines()
    keys = [
        json.loads(line)["key"].partition("/")[2] for line in lines
    ]  # without Korean, each is a reject of `ko`
    assert keys == ["a/b", "b/c"]
    komep(folder, "verify", "komep")
