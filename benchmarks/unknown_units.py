"""What becomes of pairs where a judge leaves units without a verdict: `komep build --unknown-units` on experts' verdicts.

    python -m benchmarks.unknown_units [--hidden 0.02 0.05 0.1 0.2 0.4] [--wrong 0 0.1] [--draws 20]

Answers all of whose claims people called true or false: their shares are taken for the truth. ExpertQA has two answers a question
(a system's, and an expert's revision of it, all true); FactBench's are drawn into groups of five, as five models answer a question
of KoMeP, each an answer to another question: what counts here is the share alone. A part of the
verdicts is hidden (`even`: every unit alike; `false`: units that are false three times as often as true ones, as where
a judge balks at what looks odd), a part of what is left says the opposite. Each way of `--unknown-units` then makes its pairs:
how many of those that full verdicts give, and how many of them are the wrong way round by the truth (pairs whose answers
are equally true count as half). Intervals are the 2.5% and 97.5% quantiles of the draws. The first table has the experts' own unsure
claims, where no truth is known.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl

from komep_dataset.pairs.generations import complete, read_scored
from komep_dataset.pairs.options import PairRules
from komep_dataset.pairs.rules import select_pairs
from komep_dataset.pairs.utility import UNKNOWN_UNITS
from komep_dataset.schema import ScoredGeneration, Status, Verdict, polars_schema
from tests.real_data import DATA

MODELS = 5
HEAD = "hidden  by      wrong  way     pairs               the wrong way round"
BIAS = {
    "even": (1.0, 1.0),
    "false": (0.75, 2.25),
}  # how often true and false units are hidden, against the mean


def judged(
    rows: list[dict], draw: np.random.Generator, hidden: float, wrong: float | Mapping[str, float], bias: str
) -> pl.DataFrame:
    """The same answers by a judge who hides and errs: a complete frame of scored generations; `wrong` may part true units
    from false ones."""
    rates = dict(zip(("true", "false"), BIAS[bias], strict=True))
    errs = wrong if isinstance(wrong, Mapping) else dict.fromkeys(rates, wrong)
    found = []
    for row in rows:
        units = []
        for unit in row["units"]:
            verdict = unit["verdict"]
            if draw.random() < errs[unit["verdict"]]:
                verdict = "false" if verdict == "true" else "true"
            if draw.random() < hidden * rates[unit["verdict"]]:
                verdict = "unknown"
            units.append({"text": unit["text"], "verdict": verdict})
        unread = any(unit["verdict"] == Verdict.UNKNOWN for unit in units)
        status = Status.UNPARSED if unread else Status.SCORED
        found.append({**row, "units": units, "dahl_score": None, "status": status.value})
    return frame_of(found)


def frame_of(rows: list[dict]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=polars_schema(ScoredGeneration))
    done, problems = complete(frame.with_columns(_file=pl.lit(0), _line=pl.lit(1)), ["rows"])
    assert not problems
    return done


def in_groups(rows: list[dict], draw: np.random.Generator) -> list[dict]:
    """The answers as if five models each had answered some questions; what is left over is left out."""
    order = draw.permutation(len(rows))[: len(rows) // MODELS * MODELS]
    return [
        {**rows[i], "question": f"Group {at // MODELS}", "question_id": None, "model": f"m{at % MODELS}"}
        for at, i in enumerate(order)
    ]


def factbench(file: Path) -> list[dict]:
    """FactBench's answers all of whose claims people called true or false."""
    answers = map(json.loads, file.read_text("utf-8").splitlines())
    named = {True: "true", False: "false"}
    return [
        dict.fromkeys(polars_schema(ScoredGeneration).names())
        | {
            "question": a["prompt"],
            "category": "",
            "model": "m",
            "response": a["response"],
            "status": "scored",
        }
        | {
            "units": [
                {"text": t, "verdict": named[v]} for t, v in zip(a["claims"], a["claim_labels"], strict=True)
            ]
        }
        for a in answers
        if a["claims"] and all(v in (True, False) for v in a["claim_labels"])
    ]


def whole_answers(data: Path) -> list[dict]:
    """ExpertQA's answers all of whose claims the experts called true or false."""
    frame = read_scored([data / "expertqa" / "expert_build_input.jsonl"])
    whole = frame.filter(pl.col("status") == Status.SCORED.value, pl.col("units").list.len() > 0)
    return whole.select(polars_schema(ScoredGeneration).names()).to_dicts()


def pairs_by(frame: pl.DataFrame) -> dict[str, list[tuple[str, str, str]]]:
    """Way of `--unknown-units` -> (question, chosen model, rejected model)."""
    keys = ("question_id", "chosen_model", "rejected_model")
    return {
        way: select_pairs(frame, PairRules(unknown_units=way))[0].select(keys).rows() for way in UNKNOWN_UNITS
    }


def wrong_way(pairs: list[tuple[str, str, str]], truth: dict[tuple[str, str], float]) -> float:
    """How many pairs are the wrong way round; two equally true answers are half of one."""
    gaps = [truth[question, chosen] - truth[question, rejected] for question, chosen, rejected in pairs]
    return sum(0.5 if gap == 0 else float(gap < 0) for gap in gaps)


def measured(
    rows: list[dict], grouped: bool, hidden: float, wrong: float, bias: str, draws: int
) -> Iterator[tuple[str, np.ndarray]]:
    """(way, (draws, 2): pairs, the share of them that is the wrong way round)."""
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in UNKNOWN_UNITS}
    for seed in range(draws):
        draw = np.random.default_rng(seed)
        some = in_groups(rows, draw) if grouped else rows
        columns = frame_of(some).select("question_id", "model", "dahl_score").rows()
        truth = {(question, model): score for question, model, score in columns}
        for way, pairs in pairs_by(judged(some, draw, hidden, wrong, bias)).items():
            found[way].append((len(pairs), wrong_way(pairs, truth) / max(len(pairs), 1)))
    return ((way, np.array(figures)) for way, figures in found.items())


def spread(values: np.ndarray, form: str) -> str:
    low, high = np.percentile(values, [2.5, 97.5])
    return f"{values.mean():{form}} ({low:{form}}-{high:{form}})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real material")
    parser.add_argument("--hidden", type=float, nargs="+", default=[0.02, 0.05, 0.1, 0.2, 0.4])
    parser.add_argument("--wrong", type=float, nargs="+", default=[0.0, 0.1])
    parser.add_argument("--draws", type=int, default=20)
    arguments = parser.parse_args()
    table = arguments.data / "expertqa" / "expert_build_input.jsonl"
    if not table.is_file():
        parser.error(f"{table}: the real material is not here; name its folder with --data")
    frame = read_scored([table])
    print(f"experts' own verdicts, {frame['question_id'].n_unique()} questions, {frame.height} answers")
    for way, pairs in pairs_by(frame).items():
        print(f"  {way:<8}{len(pairs):>5} pairs")
    materials = {"ExpertQA": (whole_answers(arguments.data), False)}
    materials["FactBench in fives"] = factbench(arguments.data / "factbench" / "claims.jsonl"), True
    for name, (rows, grouped) in materials.items():
        units = [unit["verdict"] for row in rows for unit in row["units"]]
        false = units.count(Verdict.FALSE) / len(units)
        print(
            f"\n{name}, wholly judged: {len(rows)} answers, {len(units):,} units ({false:.1%} false)\n{HEAD}"
        )
        for wrong, bias, hidden in product(arguments.wrong, BIAS, arguments.hidden):
            for way, figures in measured(rows, grouped, hidden, wrong, bias, arguments.draws):
                pairs, share = (spread(figures[:, i], form) for i, form in enumerate((".0f", ".1%")))
                print(f"{hidden:<8.0%}{bias:<8}{wrong:<7.0%}{way:<8}{pairs:<20}{share}")


if __name__ == "__main__":
    main()
