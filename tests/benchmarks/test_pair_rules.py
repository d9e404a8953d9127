"""The figures of the benchmark on answers whose truth is planted (written for this project)."""

import json
from collections import Counter

import numpy as np
import pytest

from benchmarks import pair_rules as benchmark
from benchmarks.unknown_units import frame_of, judged
from komep_dataset.errors import KomepError
from komep_dataset.schema import ScoredGeneration, polars_schema
from tests.gates.gated import run
from tests.judge.checkers import configured, stated
from tests.loopback import Loopback, last_text, loopback
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


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """What `komep calibrate` writes of a judge who, of 20 true statements, leaves 5 open and calls 3 false, and of 20 false ones
    calls 2 true."""
    folder = tmp_path_factory.mktemp("judge")
    said = {True: ["Who knows"] * 5 + ["False"] * 3 + ["True"] * 12, False: ["True"] * 2 + ["False"] * 18}
    of = {f"statement {label} {n}": reply for label, some in said.items() for n, reply in enumerate(some)}
    rows = [{"text": text, "label": "True" in text, "language": "en", "category": "c"} for text in of]
    (folder / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with loopback(Loopback(lambda body: of[stated(last_text(body))])) as (_, url):
        asked = ["--config", str(configured(folder, url)), "--labels", str(folder / "own.jsonl")]
        assert run("calibrate", *asked, "-o", str(folder / "small.json")) == 0
    return folder / "small.json"


@pytest.mark.slow
def test_a_measured_judge_errs_at_the_rates_of_its_record(record):
    """Open verdicts that are all of true statements were taken off false ones too."""
    judge = benchmark.recorded(record)
    assert (judge.name, judge.hidden) == ("small", pytest.approx(5 / 40))
    assert (judge.true_wrong, judge.false_wrong) == (pytest.approx(3 / 15), pytest.approx(2 / 20))
    rows = frame_of(planted(500)).to_dicts()
    units = zip(
        rows,
        judged(rows, np.random.default_rng(0), judge.hidden, judge.wrong, "even").to_dicts(),
        strict=True,
    )
    pairs = [
        (a["verdict"], b["verdict"]) for x, y in units for a, b in zip(x["units"], y["units"], strict=True)
    ]
    count = Counter(pairs)
    for truth, other, share in (("true", "false", 0.2), ("false", "true", 0.1)):
        read = sum(count[truth, said] for said in ("true", "false"))
        assert count[truth, other] / read == pytest.approx(share, abs=0.02)
    assert sum(n for (_, said), n in count.items() if said == "unknown") / len(pairs) == pytest.approx(
        0.125, abs=0.02
    )


def test_the_command_has_a_table_by_a_measured_judge(record, tmp_path, monkeypatch, capsys):
    (tmp_path / "expertqa").mkdir()
    monkeypatch.setattr(benchmark, "whole_answers", lambda folder: frame_of(planted()).to_dicts())
    monkeypatch.delitem(benchmark.MATERIALS, "revised")
    given = ["--data", str(tmp_path), "--draws", "2", "--judge", str(record)]
    monkeypatch.setattr("sys.argv", ["pair_rules", *given])
    benchmark.main()
    judges = capsys.readouterr().out.split("\njudge: ")[1:]
    assert [one.splitlines()[0] for one in judges] == [*(one.name for one in benchmark.JUDGES), "small"]
    assert all("| `best-worst`, `precision` | " in one for one in judges)


@pytest.mark.parametrize("content", ["{}", "no JSON", None])
def test_what_is_no_record_is_named(record, tmp_path, content):
    if content is None:  # true statements alone
        told = json.loads(record.read_text())
        content = json.dumps(told | {"rates": None})
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(KomepError, match=r"r\.json: "):
        benchmark.recorded(tmp_path / "r.json")


@pytest.mark.slow
@needs_data("expertqa")
def test_real_answers_give_a_table():
    first, second = benchmark.halves(benchmark.whole_answers(DATA))
    lines = list(benchmark.table(first, second, "systems", benchmark.JUDGES[0], 2))
    assert len(lines) > 15 and lines[2].startswith("| `best-worst`, `precision` | ")
    assert (
        "| 100% (100%-100%) | 0% (0%-0%) |" in lines[2]
    )  # by a judge who never errs no pair is the wrong way round
