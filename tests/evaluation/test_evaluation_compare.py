"""The paired comparison, against scipy and statsmodels, and its refusals."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap
from statsmodels.stats.contingency_tables import mcnemar

from evaluation.compare import as_json, as_markdown, main
from evaluation.comparison import Split, bootstrap_interval, change, compare, mcnemar_p, split_change
from evaluation.output import Evaluation, Prediction, read_evaluation, write_evaluation
from komep_dataset.errors import KomepError

ROOT = Path(__file__).resolve().parents[2]
CONFIG = {"questions_sha256": "q", "fewshot_sha256": "f", "chat_template": False, "max_new_tokens": 8}
LETTERS = st.sampled_from(["", *"ABCDE"])
# Gold is always A; each question has a letter before and one after.
ANSWERS = st.lists(st.tuples(LETTERS, LETTERS, st.sampled_from(["doctor", "nurse"])), min_size=1, max_size=60)


def predictions(letters: list, subjects: list) -> list:
    rows = enumerate(zip(letters, subjects, strict=True))
    return [Prediction(subject, index, "A", letter, letter, letter) for index, (letter, subject) in rows]


def evaluation(letters: list, subjects: list, name: str = "m", **changes) -> Evaluation:
    results = {
        "benchmark": "kormedmcqa",
        "model": name,
        "shots": 5,
        "n": len(letters),
        "config": dict(CONFIG),
    }
    results["config"] |= changes.pop("config", {})
    return Evaluation(Path(name), results | changes, tuple(predictions(letters, subjects)))


def two(rows: list) -> tuple[Evaluation, Evaluation]:
    before, after, subjects = map(list, zip(*rows, strict=True))
    return evaluation(before, subjects, "base"), evaluation(after, subjects, "tuned")


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_that_of_statsmodels(gained, lost):
    assert mcnemar_p(gained, lost) == pytest.approx(
        mcnemar([[10, lost], [gained, 10]], exact=True).pvalue if gained + lost else 1.0
    )


@pytest.mark.parametrize(
    ("n", "gained", "lost"), [(60, 9, 3), (435, 60, 20), (200, 0, 0), (100, 0, 7), (1, 1, 0)]
)
def test_bootstrap_interval_is_that_of_scipy(n, gained, lost):
    low, high = bootstrap_interval(n, gained, lost)
    assert (low, high) == bootstrap_interval(n, gained, lost)
    assert -1 <= low <= (gained - lost) / n <= high <= 1
    if n == 1:
        return
    after = np.array([1] * gained + [0] * lost + [1] * (n - gained - lost))
    before = np.array([0] * gained + [1] * lost + [1] * (n - gained - lost))
    oracle = bootstrap(
        (after, before), lambda a, b, axis: a.mean(axis) - b.mean(axis), paired=True, method="percentile",
        n_resamples=10_000, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert (low, high) == pytest.approx((oracle.low, oracle.high), abs=1.5 / n + 0.002)


@given(ANSWERS)
@settings(deadline=None, max_examples=60)
def test_parsing_and_knowledge_add_up_to_the_change(rows):
    base, tuned = two(rows)
    found = compare(base, tuned)
    for c, n in [
        (found.paper, found.n),
        (found.robust, found.n),
        *((s.paper, s.n) for s in found.subjects.values()),
    ]:
        assert c.split.parsing + c.split.knowledge == c.gained - c.lost == pytest.approx(c.difference * n)
        assert c.difference == pytest.approx(c.tuned - c.base)
        assert c.interval[0] <= c.difference + 1e-9 and c.difference - 1e-9 <= c.interval[1]
    assert sum(s.paper.split.knowledge for s in found.subjects.values()) == found.paper.split.knowledge
    assert found.paper == found.robust  # same letters in both columns here
    assert sum(s.n for s in found.subjects.values()) == found.n


@given(ANSWERS)
@settings(deadline=None, max_examples=40)
def test_swapping_the_models_swaps_the_signs(rows):
    base, tuned = two(rows)
    there, back = compare(base, tuned).paper, compare(tuned, base).paper
    assert there.difference == -back.difference and there.p_value == back.p_value
    assert (there.gained, there.lost) == (back.lost, back.gained)
    assert there.split.knowledge == -back.split.knowledge and there.split.parsing == -back.split.parsing


def test_split_by_hand():
    """Gold A: two become readable (one right), one unreadable (it was right), of three readable in both one is won."""
    rows = [("", "A"), ("", "B"), ("A", ""), ("B", "A"), ("A", "A"), ("C", "D"), ("", "")]
    before, after = zip(*rows, strict=True)
    pairs = list(zip(predictions(before, ["x"] * 7), predictions(after, ["x"] * 7), strict=True))
    assert split_change(pairs, "paper") == Split(
        became_readable=1, became_unreadable=1, parsing=0, knowledge=1
    )
    c = change(pairs, "paper")
    assert (c.base, c.tuned, c.gained, c.lost) == (2 / 7, 3 / 7, 2, 1)
    assert (c.parse_rate_base, c.parse_rate_tuned) == (4 / 7, 5 / 7)
    assert c.p_value == 1.0


def test_learning_to_be_readable_is_not_learning():
    """A model whose letters do not change but become readable gains accuracy by parsing alone."""
    letters = ["A", "B", "A", "C", "A"]
    found = compare(evaluation([""] * 5, ["x"] * 5), evaluation(letters, ["x"] * 5))
    assert found.paper.difference == 0.6
    assert (found.paper.split.parsing, found.paper.split.knowledge) == (3, 0)


def test_readings_are_compared_separately():
    base = Evaluation(Path("b"), evaluation(["A"], ["x"]).results, (Prediction("x", 0, "A", "t", "", "A"),))
    tuned = Evaluation(Path("t"), base.results, (Prediction("x", 0, "A", "t", "A", "A"),))
    found = compare(base, tuned)
    assert found.paper.difference == 1 and found.robust.difference == 0


REFUSALS = [
    ({"shots": 0}, "different shots: 5 in base, 0 in tuned"),
    ({"benchmark": "other"}, "different benchmark: kormedmcqa in base, other in tuned"),
    ({"config": {"questions_sha256": "x"}}, "different questions: their texts"),
    ({"config": {"fewshot_sha256": "x"}}, "different few-shot examples"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSALS)
def test_different_runs_are_refused(changes, message):
    base = evaluation(["A", "B"], ["x", "x"], "base")
    with pytest.raises(KomepError) as error:
        compare(base, evaluation(["A", "B"], ["x", "x"], "tuned", **changes))
    assert message in str(error.value)


def test_different_questions_are_named():
    base = evaluation(["A", "B", "C"], ["x", "x", "y"], "base")
    with pytest.raises(KomepError, match="tuned has no answer to 1 of them, the first is y, row 2"):
        compare(base, evaluation(["A", "B"], ["x", "x"], "tuned"))
    other = evaluation(["A", "B", "C"], ["x", "x", "y"], "tuned")
    gold = [p if p.index != 1 else Prediction("x", 1, "D", "", "", "") for p in other.predictions]
    with pytest.raises(KomepError, match="x, row 1 has the answer A in base and D in tuned"):
        compare(base, Evaluation(other.folder, other.results, tuple(gold)))
    twice = Evaluation(other.folder, other.results, (other.predictions[0], *other.predictions))
    with pytest.raises(KomepError, match="a question occurs twice"):
        compare(base, twice)


def test_cautions_name_other_settings():
    found = compare(evaluation(["A"], ["x"]), evaluation(["A"], ["x"], config={"chat_template": True}))
    assert found.cautions == ("chat_template: False before, True after",)
    assert "Caution" in as_markdown(found) and "chat_template" in as_markdown(found)


@pytest.fixture()
def folders(tmp_path) -> list[str]:
    """Two evaluations on disk: base reads nothing of two replies, tuned reads all and wins one more."""
    subjects = ["doctor"] * 5 + ["nurse"] * 5
    rows = {
        "base": ["", "A", "B", "A", "C", "A", "", "D", "A", "A"],
        "tuned": ["A", "A", "A", "A", "C", "A", "B", "D", "A", "A"],
    }
    for name, letters in rows.items():
        e = evaluation(letters, subjects, name)
        (tmp_path / name).mkdir()
        write_evaluation(tmp_path / name, e.predictions, e.results)
    return [str(tmp_path / name) for name in rows]


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(list(arguments))
    printed = capsys.readouterr()
    return done.value.code, printed.out, printed.err


def test_command_prints_a_table_that_fits_80_columns(capsys, folders, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = run(capsys, *folders)
    assert (code, err) == (0, "")
    assert "50.0 → 70.0" in out and "80 → 100" in out and "…" not in out
    assert max(map(len, out.splitlines())) <= 80


def test_command_writes_json_and_markdown(capsys, folders, tmp_path):
    expected = compare(*map(read_evaluation, map(Path, folders)))
    for flag, suffix, form in (("--json", ".json", as_json), ("--markdown", ".md", as_markdown)):
        path = tmp_path / "sub" / f"c{suffix}"
        code, out, _ = run(capsys, *folders, flag, "--output", str(path))
        assert code == 0 and out == form(expected) == path.read_text(encoding="utf-8")
    found = json.loads(as_json(expected))
    assert found["paper"]["difference"] == pytest.approx(0.2) and found["paper"]["gained"] == 2
    assert found["paper"]["split"] == {
        "became_readable": 1,
        "became_unreadable": 0,
        "parsing": 1,
        "knowledge": 1,
    }
    assert set(found["subjects"]) == {"doctor", "nurse"}
    rows = [line for line in as_markdown(expected).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1 and len(rows) == 2 * (2 + 3)


def test_command_refuses(capsys, folders, tmp_path):
    base, tuned = folders
    for arguments, code, message in (
        ([base, str(tmp_path / "none")], 1, "results.json: cannot be read"),
        ([base], 2, "Missing argument"),
        ([base, tuned, "--output", "c.txt"], 2, "must end in .md or .json"),
        ([base, tuned, "--json", "--markdown"], 2, "take one of"),
    ):
        found, _, err = run(capsys, *arguments)
        assert found == code and message in err and "Traceback" not in err
    results = Path(tuned) / "results.json"
    results.write_text(results.read_text().replace('"shots": 5', '"shots": 4'))
    code, _, err = run(capsys, base, tuned)
    assert code == 1 and "different shots: 5" in err


def test_module_runs_from_a_clone(folders):
    command = [sys.executable, "-m", "evaluation.compare", *folders, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and json.loads(done.stdout)["n"] == 10
