"""The forest plot: its rows, and its file in both formats."""

import pytest

from evaluation.statistics.comparison import compare_all
from evaluation.statistics.forest import NAME_WIDTH, forest_rows, short
from tests.evaluation.statistics.made import evaluation, run, seeds_of


def test_forest_rows():
    found = compare_all(
        evaluation(["A", "B"], ["x", "y"], "b"), [evaluation(["A", "A"], ["x", "y"], "t" * 99)]
    )
    rows = forest_rows(found)
    assert [r.label for r in rows] == [short("t" * 99), "all questions", "x", "y"]
    assert rows[1].total and rows[1].changes["paper"] == found[0].paper and rows[3].n == 1
    assert len(rows[0].label) <= NAME_WIDTH and "…" in rows[0].label and short("a/b") == "a/b"


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
    monkeypatch.setattr("komep_dataset.languages.KOREAN_FONTS", ())
    pool = seeds_of(tmp_path / "모델", list("AABACADDAA"), 2)
    code, _, err = run(capsys, *folders, pool, "--json", "--plot", str(tmp_path / "f.png"))
    assert code == 0 and err.count("\n") == 1 and "drawn as boxes" in err
