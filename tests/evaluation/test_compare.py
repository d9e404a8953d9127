"""The comparison of models, against scipy and statsmodels, its intervals' coverage, its refusals and its plot."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.compare import main
from evaluation.harness.output import Evaluation, Prediction, read_arm, read_evaluation, write_evaluation
from evaluation.statistics.comparison import Split, change, compare, compare_all, split_change
from evaluation.statistics.forest import NAME_WIDTH, forest_rows, short
from evaluation.statistics.resampling import holm, pooled_interval
from evaluation.statistics.tables import as_json, as_markdown
from komep_dataset.errors import KomepError
from tests.evaluation.statistics.test_resampling import random_arm

ROOT = Path(__file__).resolve().parents[2]
CONFIG = {
    "questions_sha256": "q",
    "fewshot_sha256": "f",
    "chat_template": False,
    "max_new_tokens": 8,
    "protocol": "q 1",
    "stops": ["Q:", "."],
}
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
    base, tuned = [predictions(before, ["x"] * 7)], [predictions(after, ["x"] * 7)]
    assert split_change(base, tuned, "paper") == Split(
        became_readable=1, became_unreadable=1, parsing=0, knowledge=1
    )
    c = change(base, tuned, "paper")
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
    ({"config": {"protocol": "q 2"}}, "different protocol: q 1 in base, q 2 in tuned"),
    ({"config": {"prompt": "cot"}}, "different prompt: direct in base, cot in tuned"),
    ({"config": {"scoring": "logits"}}, "different scoring: generate in base, logits in tuned"),
    ({"config": {"chat_template": True}}, "different chat_template: False in base, True in tuned"),
    ({"config": {"stops": ["."]}}, "different stops:"),
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
    def of(before: dict, after: dict) -> tuple:
        return compare(*(evaluation(["A"], ["x"], config=c) for c in (before, after))).cautions

    assert of({}, {"prompt": "direct", "scoring": "generate"}) == ()  # what a run does that does not say it
    assert of({"max_new_tokens": 9}, {}) == ("max_new_tokens: 9 before, 8 after",)
    assert of({"dtype": "float32"}, {"dtype": "bfloat16"}) == ("dtype: float32 before, bfloat16 after",)
    assert of({"protocol": None}, {}) == ("protocol: None before, q 1 after",)
    same = {"do_sample": False}
    assert of({"generation": same | {"pad": 1}}, {"generation": same | {"pad": 2}}) == (
        "generation: {'pad': 1} before, {'pad': 2} after",
    )
    found = compare(evaluation(["A"], ["x"]), evaluation(["A"], ["x"], config={"backend": "vllm"}))
    assert "Caution, the runs differ in more than the model: backend: None before" in as_markdown([found])


# Several seeds


def arm(right: np.ndarray, name: str = "m") -> list[Evaluation]:
    """One evaluation a seed out of 0/1 (seeds, questions): A is right, B is wrong."""
    subjects = ["x"] * right.shape[1]
    runs = [
        evaluation(["A" if r else "B" for r in row], subjects, f"{name}/seed-{i}")
        for i, row in enumerate(right)
    ]
    return runs


def test_a_pool_is_the_mean_over_seeds():
    base, tuned = random_arm(1, 2, 50), random_arm(2, 3, 50, 0.6)
    pooled = compare(arm(base, "b"), arm(tuned, "t"))
    c = pooled.paper
    assert (pooled.seeds_base, pooled.seeds_tuned, pooled.n, c.test) == (2, 3, 50, "sign-flip")
    singles = [compare(b, t).paper for b in arm(base, "b") for t in arm(tuned, "t")]
    for name in ("base", "tuned", "difference", "gained", "lost", "parse_rate_base", "parse_rate_tuned"):
        assert getattr(c, name) == pytest.approx(np.mean([getattr(s, name) for s in singles])), name
    for name in ("parsing", "knowledge", "became_readable", "became_unreadable"):
        assert getattr(c.split, name) == pytest.approx(np.mean([getattr(s.split, name) for s in singles])), (
            name
        )
    assert (
        c.split.parsing + c.split.knowledge
        == pytest.approx(c.difference * 50)
        == pytest.approx(c.gained - c.lost)
    )
    assert c.interval[0] < c.difference < c.interval[1]
    assert c.interval == pooled_interval(base, tuned)
    assert "2 seeds" in as_markdown([pooled]) and "sign-flip" in as_markdown([pooled])


def test_a_pool_matches_questions_by_subject_and_row_and_names_copies():
    first, second = arm(random_arm(1, 2, 20), "t")
    shuffled = Evaluation(second.folder, second.results, second.predictions[::-1])
    base = arm(random_arm(3, 1, 20), "b")
    assert compare(base, [first, shuffled]).paper == compare(base, [first, second]).paper
    twin = Evaluation(Path("t/seed-9"), first.results, first.predictions[::-1])
    assert compare(base, [first, twin]).cautions == (
        "t/seed-0 and t/seed-9 gave the same replies: a copy is no further seed",
    )
    with pytest.raises(KomepError, match="different shots: 5 in seed-1, 0 in other"):
        compare([evaluation(["A"], ["x"], "seed-1"), evaluation(["A"], ["x"], "other", shots=0)], base)


# Several models


def test_an_interval_without_width_is_explained():
    same, other = evaluation(["A", "B"], ["x", "x"]), evaluation(["A", "A"], ["x", "x"])
    assert "without width" in as_markdown([compare(same, same)])
    assert "without width" not in as_markdown([compare(same, other)])


def test_several_models_are_each_compared_with_the_base():
    subjects = ["doctor"] * 40 + ["nurse"] * 40
    rows = [
        ["A" if r else "B" for r in random_arm(i, 1, 80, share)[0]]
        for i, share in enumerate((0.3, 0.6, 0.5, 0.3))
    ]
    base, *others = [evaluation(letters, subjects, f"m{i}") for i, letters in enumerate(rows)]
    found = compare_all(base, others)
    for comparison, other in zip(found, others, strict=True):
        alone = compare(base, other)
        assert alone.paper.p_holm == alone.paper.p_value == comparison.paper.p_value
        assert comparison.paper.interval == alone.paper.interval
    for parts in (found, [c.subjects["nurse"] for c in found]):
        assert [p.robust.p_holm for p in parts] == holm([p.robust.p_value for p in parts])
    assert found[0].paper.p_holm > found[0].paper.p_value
    same = compare_all(
        base, [others[0], Evaluation(Path("elsewhere"), others[0].results, others[0].predictions)]
    )
    assert [c.tuned for c in same] == ["m1 (m1)", "m1 (elsewhere)"]


def test_forest_rows():
    found = compare_all(
        evaluation(["A", "B"], ["x", "y"], "b"), [evaluation(["A", "A"], ["x", "y"], "t" * 99)]
    )
    rows = forest_rows(found)
    assert [r.label for r in rows] == [short("t" * 99), "all questions", "x", "y"]
    assert rows[1].total and rows[1].changes["paper"] == found[0].paper and rows[3].n == 1
    assert len(rows[0].label) <= NAME_WIDTH and "…" in rows[0].label and short("a/b") == "a/b"


# The command


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
        assert code == 0 and out == form([expected]) == path.read_text(encoding="utf-8")
    found = json.loads(as_json([expected]))
    assert found["paper"]["difference"] == pytest.approx(0.2) and found["paper"]["gained"] == 2
    assert found["paper"]["split"] == {
        "became_readable": 1,
        "became_unreadable": 0,
        "parsing": 1,
        "knowledge": 1,
    }
    assert set(found["subjects"]) == {"doctor", "nurse"}
    rows = [line for line in as_markdown([expected]).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1 and len(rows) == 2 * (2 + 3)


def test_command_refuses(capsys, folders, tmp_path):
    base, tuned = folders
    for arguments, code, message in (
        ([base, str(tmp_path / "none")], 1, "results.json: cannot be read"),
        ([base], 2, "Missing argument"),
        ([base, tuned, "--output", "c.txt"], 2, "must end in .md or .json"),
        ([base, tuned, "--plot", "c.pdf"], 2, "must end in .png or .svg"),
        ([base, tuned, "--json", "--markdown"], 2, "take one of"),
    ):
        found, _, err = run(capsys, *arguments)
        assert found == code and message in err and "Traceback" not in err
    results = Path(tuned) / "results.json"
    results.write_text(results.read_text().replace('"shots": 5', '"shots": 4'))
    code, _, err = run(capsys, base, tuned)
    assert code == 1 and "different shots: 5" in err


def seeds_of(folder: Path, letters: list, count: int) -> str:
    subjects = ["doctor"] * 5 + ["nurse"] * 5
    for seed in range(count):
        run = evaluation(letters[seed:] + letters[:seed], subjects, f"{folder.name}/{seed}")
        (folder / f"seed-{seed}").mkdir(parents=True)
        write_evaluation(folder / f"seed-{seed}", run.predictions, run.results)
    return str(folder)


@pytest.mark.slow
def test_command_takes_several_models_and_folders_of_seeds(capsys, folders, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    pool = seeds_of(tmp_path / "pool", list("AABACADDAA"), 3)
    assert [run.folder.name for run in read_arm(Path(pool))] == ["seed-0", "seed-1", "seed-2"]
    code, out, err = run(capsys, *folders, pool)
    assert (
        (code, err) == (0, "")
        and "2. " in out
        and "pool(3seeds)" in "".join(out.split())  # wherever a long path is wrapped
        and "Holm" in out
    )
    assert max(map(len, out.splitlines())) <= 80 and "…" not in out
    code, out, _ = run(capsys, *folders, pool, "--json")
    found = json.loads(out)["comparisons"]
    assert [c["seeds_tuned"] for c in found] == [1, 3] and found[1]["paper"]["test"] == "sign-flip"
    code, out, _ = run(capsys, *folders, pool, "--markdown")
    rows = [line for line in out.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1 and len(rows) == 2 * (2 + 2 * 3)
    (tmp_path / "empty").mkdir()
    code, _, err = run(capsys, *folders, str(tmp_path / "empty"))
    assert code == 1 and "results.json: cannot be read" in err


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "begins"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_plot(capsys, folders, tmp_path, suffix, begins):
    pool = seeds_of(tmp_path / "모델", list("AABACADDAA"), 2)
    paths = [tmp_path / f"{name}{suffix}" for name in ("one", "two")]
    for path in paths:
        assert run(capsys, *folders, pool, "--json", "--plot", str(path))[0] == 0
    content, again = (path.read_bytes() for path in paths)
    assert content.startswith(begins) and content == again
    assert {p.name for p in tmp_path.iterdir()} == {"base", "tuned", "모델", *(p.name for p in paths)}


def test_plot_without_a_korean_font_says_so(capsys, folders, tmp_path, monkeypatch):
    monkeypatch.setattr("evaluation.statistics.forest.CJK_FONTS", ())
    pool = seeds_of(tmp_path / "모델", list("AABACADDAA"), 2)
    code, _, err = run(capsys, *folders, pool, "--json", "--plot", str(tmp_path / "f.png"))
    assert code == 0 and err.count("\n") == 1 and "drawn as boxes" in err


def test_help_needs_none_of_the_heavy_libraries():
    script = "import sys, evaluation.compare; print([m for m in ('numpy', 'scipy', 'matplotlib') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_module_runs_from_a_clone(folders):
    command = [sys.executable, "-m", "evaluation.compare", *folders, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and json.loads(done.stdout)["n"] == 10
