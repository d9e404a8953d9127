"""The figures of the benchmark on answers whose truth is planted (written for this project)."""

import numpy as np
import pytest

from benchmarks import pair_rules as benchmark
from benchmarks.unknown_units import frame_of
from komep_dataset.schema import ScoredGeneration, polars_schema
from tests.real_data import DATA, needs_data


def planted(questions=8):
    """`brief` is right and says little, `full` nearly right and says much, `wrong` is neither; `brief` is the shortest."""
    units = {"brief": "t", "full": "tttttttf", "wrong": "ttffffff"}
    verdicts = {"t": "true", "f": "false"}
    blank = dict.fromkeys(polars_schema(ScoredGeneration).names())
    return [
        blank
        | {
            "question": f"Question {n}?",
            "category": "c",
            "model": model,
            "response": model * len(own),
            "status": "scored",
        }
        | {"units": [{"text": "u", "verdict": verdicts[one]} for one in own]}
        for n in range(questions)
        for model, own in units.items()
    ]


def figures(pairs, frame):
    return dict(
        zip(("pairs", *benchmark.FIGURES), benchmark.measured(pairs, benchmark.truth_of(frame)), strict=True)
    )


def test_precision_picks_the_emptier_answer_and_f1_does_not():
    frame = frame_of(planted())
    found = {name: figures(pairs, frame) for name, pairs in benchmark.by_rules(frame, ["full", "wrong"])}
    by_precision, by_f1 = (found[f"`best-worst`, `{utility}`"] for utility in ("precision", "f1"))
    assert (by_precision["better"], by_precision["better F1"], by_precision["shorter"]) == (1, 0, 1)
    assert (by_f1["better"], by_f1["better F1"], by_f1["emptier"], by_f1["one model"]) == (0, 1, 0, 1)
    assert by_precision["emptier"] == 1
    assert found["`delta`"]["emptier"] == 0 and found["`delta`"]["better"] == 1
    longest = dict(benchmark.baselines(frame, "full", np.random.default_rng(0)))["longest against shortest"]
    assert figures(longest, frame)["better"] == 0 and figures([], frame)["pairs"] == 0


def test_halves_share_no_question():
    rows = frame_of(planted()).to_dicts()
    first, second = benchmark.halves(rows)
    names = [{row["question_id"] for answers in half for row in answers} for half in (first, second)]
    assert not names[0] & names[1] and len(names[0]) == len(names[1]) == 4
    assert benchmark.by_truth(rows) == ["brief", "full", "wrong"]


@pytest.mark.slow
@needs_data("expertqa")
def test_real_answers_give_a_table():
    first, second = benchmark.halves(benchmark.whole_answers(DATA))
    lines = list(benchmark.table(first, second, "systems", benchmark.JUDGES[0], 2))
    assert len(lines) > 15 and lines[2].startswith("| `best-worst`, `precision` | ")
    assert (
        "| 100% (100%-100%) | 0% (0%-0%) |" in lines[2]
    )  # by a judge who never errs no pair is the wrong way round
