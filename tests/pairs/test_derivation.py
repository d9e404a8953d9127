"""What follows from some generations, and what a gate takes out of it."""

import polars as pl
import pytest

from komep_dataset.pairs.derivation import Tally, derive
from komep_dataset.pairs.generations import complete
from komep_dataset.pairs.options import PairRules
from komep_dataset.schema import ScoredGeneration, polars_schema


def generations(**true: int) -> pl.DataFrame:
    """Answers of some models to one question, with so many true units of four."""
    rows = [
        {"question": "What is sepsis?", "category": "c", "model": model, "response": f"Answer {model}."}
        | {"units": [{"text": "u", "verdict": "true" if n < right else "false"} for n in range(4)]}
        for model, right in true.items()
    ]
    frame = pl.DataFrame(rows, schema=polars_schema(ScoredGeneration))
    done, problems = complete(frame.with_columns(_file=pl.lit(0), _line=pl.lit(1)), ["f"])
    assert not problems
    return done


@pytest.mark.parametrize(("pairs", "key"), [("best-worst", ""), ("all", "/a/c")])
def test_what_a_gate_rejects_is_in_no_config_and_has_the_key_of_its_pair(pairs, key):
    frame = generations(a=4, b=2, c=1)
    question = frame["question_id"][0]

    def gate(found):
        return [
            ("unsafe", "why") if row == ("a", "c") else None
            for row in found.select("chosen_model", "rejected_model").iter_rows()
        ]

    before, after = (derive(frame, PairRules(pairs=pairs), one) for one in (None, gate))
    assert before.en.height == after.en.height + 1 == len(before.rejects) == len(after.rejects)
    assert {(r.key, r.reason, r.detail) for r in after.rejects if r.reason != "untranslated"} == {
        (question + key, "unsafe", "why")
    }
    assert derive(frame, PairRules(pairs=pairs), lambda found: []).en.equals(before.en)


def test_a_tally_counts_what_passes():
    frame = generations(a=4, b=2)
    tally = Tally()
    for _ in range(2):
        tally.add(frame, derive(frame, PairRules()).pairs)
    facts = tally.facts()
    assert [facts[name] for name in ("generations", "questions", "pairs", "native")] == [4, 2, 2, 0]
    assert facts["models"]["b"]["dahl"]["mean"] == 0.5
    assert facts["models"]["a"]["statuses"]["scored"] == 2
