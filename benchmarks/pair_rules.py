"""What each rule of pairs and each utility does, on verdicts of people: are the chosen answers better, or only shorter?

    python -m benchmarks.pair_rules --data FOLDER [--draws 60] [--half 2] [--judge RECORD.json ...]

Answers of ExpertQA all of whose claims the experts called true or false: their verdicts are the truth. Two materials: `revised`, as they
are (a system's answer and an expert's revision of it), and `systems`, the answers of the six systems put side by side, one of each to
a question, as several models answer a question of KoMeP; each is an answer to another question there: what counts is what its units are.
A judge calls true units false and false ones true at its rates and leaves some open; `--judge` takes what `komep calibrate --output`
wrote. Pairs are made of its verdicts (`--unknown-units bounds`), and looked at by the truth:

    better     share of pairs whose chosen answer has the higher true precision;  equal: of those with the same
    better F1  share whose chosen answer has the higher true F1@K, K the median number of units
    emptier    chosen has fewer true units;  shorter: fewer characters
    one model  share of the pairs that the model chosen most often wins

Questions are split into halves. The order of `delta` and the model of the baseline `one model` are by the mean true precision on the
first half; the table is of the other. Intervals are 2.5% and 97.5% quantiles of draws, each of which draws the questions anew, with
replacement, and the judge's errors.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.unknown_units import frame_of, judged, spread, whole_answers
from komep_dataset.errors import KomepError
from komep_dataset.gates.balance_models import models_balanced
from komep_dataset.gates.length_control import length_controlled
from komep_dataset.gates.trial.run import narrow
from komep_dataset.judge.record import read_record
from komep_dataset.pairs.options import PairRules
from komep_dataset.pairs.rules import COUNTS, select_pairs
from komep_dataset.pairs.settling import settled
from komep_dataset.pairs.strategies.registry import RULES
from komep_dataset.pairs.utility import F1, PRECISION, with_bounds
from tests.real_data import DATA

REVISION = "expert-revision"
FIGURES = ("better", "equal", "better F1", "emptier", "shorter", "one model")
FEWEST = 3  # answers to a question of `systems`
GAP, CAP = 300, 0.3
Pairs = list[tuple[str, str, str]]  # question, chosen model, rejected model


@dataclass(frozen=True, slots=True)
class Judge:
    """How a judge errs: which share of true units it calls false, of false ones true, and leaves open."""

    name: str
    true_wrong: float
    false_wrong: float
    hidden: float

    @property
    def wrong(self) -> dict[str, float]:
        return {"true": self.true_wrong, "false": self.false_wrong}


JUDGES = (
    Judge("none errs", 0.0, 0.0, 0.0),
    Judge("10% wrong, 10% open", 0.1, 0.1, 0.1),
    Judge("lenient: 2% of true, 40% of false wrong", 0.02, 0.4, 0.05),
)


def recorded(path: Path) -> Judge:
    """A judge by what `komep calibrate` measured; errors are shares of the verdicts on true, or false, statements that were read."""
    record = read_record(path)
    if (rates := record["rates"]) is None:
        raise KomepError(
            f"{path}: this judge was asked no true, or no false, statement: its errors are not known"
        )
    said = [
        (rates[f"{truth}_{other}"], rates[f"{truth}_{truth}"])
        for truth, other in permutations(("true", "false"))
    ]
    wrong = [err / (err + right) if err + right else 0.0 for err, right in said]
    return Judge(path.stem, *wrong, record["groups"][0]["unknown"]["share"])


def halves(rows: list[dict]) -> tuple[list[list[dict]], list[list[dict]]]:
    """The answers, question by question, in two halves of the questions."""
    by_question: dict[str, list[dict]] = defaultdict(list)
    for row in rows:
        by_question[row["question_id"]].append(row)
    questions = [by_question[name] for name in sorted(by_question)]
    order = np.random.default_rng(0).permutation(len(questions))
    return tuple([questions[i] for i in part] for part in np.array_split(order, 2))


def revised(questions: list[list[dict]]) -> list[dict]:
    """The questions as they are, each under a name of its own, since one may be drawn twice."""
    return [
        row | {"question": f"{n} {row['question']}", "question_id": None}
        for n, answers in enumerate(questions)
        for row in answers
        if len(answers) == 2
    ]


def systems(questions: list[list[dict]]) -> list[dict]:
    """The nth answers of all systems as those to one question."""
    of_model: dict[str, list[dict]] = defaultdict(list)
    for row in (row for answers in questions for row in answers if row["model"] != REVISION):
        of_model[row["model"]].append(row)
    groups = [
        [rows[n] for rows in of_model.values() if n < len(rows)]
        for n in range(max(map(len, of_model.values())))
    ]
    return [
        row | {"question": f"Group {n}", "question_id": None}
        for n, group in enumerate(groups)
        if len(group) >= FEWEST
        for row in group
    ]


MATERIALS: dict[str, Callable[[list[list[dict]]], list[dict]]] = {"revised": revised, "systems": systems}


def by_truth(rows: list[dict]) -> list[str]:
    """The models by the mean true precision of their answers, best first."""
    shares: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        shares[row["model"]].append(np.mean([unit["verdict"] == "true" for unit in row["units"]]))
    return sorted(shares, key=lambda model: (-np.mean(shares[model]), model))


def by_rules(frame: pl.DataFrame, order: list[str]) -> Iterator[tuple[str, Pairs]]:
    """The pairs of every rule by every utility, and of some options beside the paper's; of two answers to a question all rules
    that go by the score make the same pairs."""
    two = frame.group_by("question_id").len()["len"].max() == 2
    for name, rule in RULES.items():
        if two and name not in ("best-worst", "delta"):
            continue
        for utility in (PRECISION, F1) if rule.by_score else (PRECISION,):
            own = {"order": ",".join(order)} if "order" in rule.required else {}
            rules = settled(PairRules(pairs=name, utility=utility, unknown_units="bounds", **own), frame)
            yield (
                f"`{name}`" + (f", `{utility}`" if rule.by_score else ""),
                keys(select_pairs(frame, rules)[0]),
            )
    for utility in (PRECISION, F1):
        plain = settled(PairRules(utility=utility, unknown_units="bounds"), frame)
        made, end = select_pairs(frame, plain)[0], f", `{utility}`"
        near = select_pairs(frame, replace(plain, length_gap=GAP))[0]
        yield f"`best-worst --length-gap {GAP}`{end}", keys(near)
        yield f"`best-worst --length-control`{end}", keys(made.filter(length_controlled(narrow(made))))
        if made["chosen_model"].n_unique() * CAP >= 1:
            yield f"`best-worst --balance-models {CAP}`{end}", keys(made.filter(models_balanced(made, CAP)))


def baselines(frame: pl.DataFrame, best: str, draw: np.random.Generator) -> Iterator[tuple[str, Pairs]]:
    """Pairs that no judge is asked for: one a question."""
    lengths: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for question, model, length in frame.select(
        "question_id", "model", pl.col("response").str.len_chars()
    ).iter_rows():
        lengths[question].append((length, model))
    ends = [(question, max(some)[1], min(some)[1]) for question, some in lengths.items()]
    yield "longest against shortest", ends
    yield "shortest against longest", [(question, low, high) for question, high, low in ends]
    two = {q: draw.permutation([model for _, model in some])[:2] for q, some in lengths.items()}
    yield "two at random", [(question, *map(str, models)) for question, models in two.items()]
    others = {q: [model for _, model in some if model != best] for q, some in lengths.items()}
    has = [q for q, some in lengths.items() if len(others[q]) < len(some)]
    yield "one model against any", [(q, best, str(draw.choice(others[q]))) for q in has]


def keys(pairs: pl.DataFrame) -> Pairs:
    return pairs.select("question_id", "chosen_model", "rejected_model").rows()


def measured(pairs: Pairs, truth: Mapping[str, Mapping[tuple[str, str], float]]) -> list[float]:
    """The number of pairs, then `FIGURES`."""
    if not pairs:
        return [0.0, *[np.nan] * len(FIGURES)]
    gaps = {
        name: np.array([values[q, chosen] - values[q, rejected] for q, chosen, rejected in pairs])
        for name, values in truth.items()
    }
    precision, f1 = gaps["precision"], gaps["f1"]
    shares = [precision > 0, precision == 0, f1 > 0, gaps["true units"] < 0, gaps["length"] < 0]
    [(_, most)] = Counter(chosen for _, chosen, _ in pairs).most_common(1)
    return [len(pairs), *(float(one.mean()) for one in shares), most / len(pairs)]


def truth_of(frame: pl.DataFrame) -> dict[str, dict[tuple[str, str], float]]:
    """Figure -> answer -> its value."""
    rules = settled(PairRules(utility=F1), frame)
    counted = with_bounds(frame.with_columns(**COUNTS), "reject", rules.utility)
    columns = {"precision": "dahl_score", "f1": "_low", "true units": "_true", "length": "_length"}
    counted = counted.with_columns(_length=pl.col("response").str.len_chars().cast(pl.Int64))
    answers = counted.select("question_id", "model").rows()
    return {name: dict(zip(answers, counted[column], strict=True)) for name, column in columns.items()}


def table(
    tuned: list[list[dict]], questions: list[list[dict]], material: str, judge: Judge, draws: int
) -> Iterator[str]:
    """Lines of a table: a rule or a baseline, pairs, the figures."""
    order = by_truth(MATERIALS[material](tuned))
    found: dict[str, list[list[float]]] = defaultdict(list)
    for seed in range(draws):
        draw = np.random.default_rng(seed)
        rows = MATERIALS[material]([questions[i] for i in draw.integers(0, len(questions), len(questions))])
        frame = frame_of(rows)
        truth, said = truth_of(frame), judged(rows, draw, judge.hidden, judge.wrong, "even")
        for name, pairs in (*by_rules(said, order), *baselines(frame, order[0], draw)):
            found[name].append(measured(pairs, truth))
    yield f"| | pairs | {' | '.join(FIGURES)} |"
    yield "|---" * (len(FIGURES) + 2) + "|"
    for name, figures in found.items():
        values = np.array(figures)
        values = values[~np.isnan(values).any(axis=1)]
        cells = (
            [spread(values[:, i], ".0f" if i == 0 else ".0%") for i in range(values.shape[1])]
            if len(values)
            else ["–"]
        )
        yield f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real material")
    parser.add_argument("--draws", type=int, default=60)
    parser.add_argument("--half", type=int, choices=(1, 2), default=2, help="which half the table is of")
    parser.add_argument(
        "--judge", type=Path, nargs="*", default=[], help="records of `komep calibrate --output`"
    )
    arguments = parser.parse_args()
    if not (arguments.data / "expertqa").is_dir():
        parser.error(f"{arguments.data}: the real material is not here; name its folder with --data")
    try:
        judges = [*JUDGES, *map(recorded, arguments.judge)]
    except KomepError as error:
        parser.error(str(error))
    first, second = halves(whole_answers(arguments.data))
    questions = second if arguments.half == 2 else first
    for material, make in MATERIALS.items():
        rows = make(questions)
        units = [unit["verdict"] for row in rows for unit in row["units"]]
        print(
            f"\n{material}: {len({row['question'] for row in rows})} questions, {len(rows)} answers, ", end=""
        )
        print(
            f"{units.count('false') / len(units):.1%} of units false; best first: {', '.join(by_truth(make(first)))}"
        )
        for judge in judges:
            print(f"\njudge: {judge.name}")
            print("\n".join(table(first, questions, material, judge, arguments.draws)), flush=True)


if __name__ == "__main__":
    main()
