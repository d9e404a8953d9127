"""`python -m evaluation.compare` on made evaluations: its tables, its files, what it refuses."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.harness.output import read_arm, read_evaluation
from evaluation.statistics.comparison import compare
from evaluation.statistics.tables import as_json, as_markdown
from tests import warm
from tests.evaluation.statistics.made import run, seeds_of
from tests.places import snapshot

ROOT = Path(__file__).resolve().parents[2]


def test_command_prints_a_table_that_fits_80_columns(capsys, folders, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = run(capsys, *folders)
    assert (code, err) == (0, "")
    table, said = out.rstrip("\n").rsplit("\n", 1)
    assert "50.0 → 70.0" in table and "80 → 100" in table and "…" not in table
    assert max(map(len, table.splitlines())) <= 80
    assert said == f"forest plot: {Path(folders[1], 'forest.png')}"
    assert Path(folders[1], "forest.png").read_bytes().startswith(b"\x89PNG")


def test_a_plot_that_nobody_asked_for_is_no_failure(capsys, folders):
    theirs = Path(folders[1], "forest.png")
    theirs.write_text("mine")
    code, out, err = run(capsys, *folders, "--json")
    assert code == 0 and json.loads(out)["n"] == 10 and theirs.read_text() == "mine"
    assert err.startswith("note: no forest plot: ") and err.count("\n") == 1


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
        ([base, f"{base}/results.json"], 1, "/results.json: is a file; give a folder that python -m"),
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


def test_a_run_is_not_compared_with_itself(capsys, folders, tmp_path):
    base, tuned = folders
    (tmp_path / "link").symlink_to(base)
    pool = seeds_of(tmp_path / "pool", list("AABACADDAA"), 2)
    for arguments, same in (
        ([base, base], base),
        ([base, f"{tmp_path}/./base"], base),
        ([base, str(tmp_path / "link")], base),
        ([base, tuned, tuned], tuned),
        ([f"{pool}/seed-1", pool], f"{pool}/seed-1"),
    ):
        code, out, err = run(capsys, *arguments)
        assert (code, out) == (2, "") and len(err.splitlines()) == 1
        assert f"{same} is given twice" in err and "another run" in err
    assert not Path(base, "forest.png").exists()


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
    table, said = out.rstrip("\n").rsplit("\n", 1)
    assert max(map(len, table.splitlines())) <= 80 and "…" not in table
    assert said == f"forest plot: {Path(folders[1]).resolve().parent / 'forest.png'}"
    code, out, _ = run(capsys, *folders, pool, "--json")
    found = json.loads(out)["comparisons"]
    assert [c["seeds_tuned"] for c in found] == [1, 3] and found[1]["paper"]["test"] == "sign-flip"
    code, out, _ = run(capsys, *folders, pool, "--markdown")
    rows = [line for line in out.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1 and len(rows) == 2 * (2 + 2 * 3)
    (tmp_path / "empty").mkdir()
    code, _, err = run(capsys, *folders, str(tmp_path / "empty"))
    assert code == 1 and "results.json: cannot be read" in err


def test_help_needs_none_of_the_heavy_libraries():
    script = "import sys, evaluation.compare; print([m for m in ('numpy', 'scipy', 'matplotlib') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_module_runs_from_a_clone(folders):
    command = [warm.python("komep"), "-m", "evaluation.compare", *folders, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and json.loads(done.stdout)["n"] == 10


@pytest.fixture
def compared(evaluated, capsys, tmp_path):
    """A function that compares an evaluation with a copy of itself; gives (exit code, standard error)."""
    from evaluation.compare import main as compare

    copy = shutil.copytree(evaluated[1], tmp_path / "copy")

    def call(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as done:
            compare([str(evaluated[1]), str(copy), *arguments])
        return done.value.code, capsys.readouterr().err

    return call


THEIRS = {".md": "# mine\n", ".json": '{"mine": 1}', ".png": "\x89PNG", ".svg": "<svg>mine</svg>"}
OPTIONS = {".md": "--output", ".json": "--output", ".png": "--plot", ".svg": "--plot"}


@pytest.mark.parametrize("suffix", OPTIONS)
def test_compare_replaces_its_own_files_alone(compared, tmp_path, suffix):
    own, link, theirs = (tmp_path / f"{name}{suffix}" for name in ("own", "link", "theirs"))
    assert compared(OPTIONS[suffix], str(own))[0] == 0
    first = own.read_bytes()
    link.symlink_to(own.name)
    assert compared(OPTIONS[suffix], str(link))[0] == 0
    assert link.is_symlink() and own.read_bytes() == first
    theirs.write_text(THEIRS[suffix], "utf-8")
    before = snapshot(tmp_path)
    code, error = compared(OPTIONS[suffix], str(theirs))
    assert code == 1 and f"{OPTIONS[suffix]} {theirs}: holds " in error and snapshot(tmp_path) == before


@pytest.mark.parametrize("suffix", [".md", ".svg"])
@pytest.mark.parametrize(
    "place",
    [
        lambda folder: folder / "folder",
        lambda folder: folder / "round",
        lambda folder: folder / "device",
        lambda folder: folder / "file" / "x",
        lambda folder: folder / ("n" * 300),
    ],
    ids=["a folder", "a circle of links", "a device", "below a file", "a long name"],
)
def test_compare_where_no_file_can_be(compared, tmp_path, suffix, place):
    path = place(tmp_path).with_suffix(suffix)
    (tmp_path / "folder").with_suffix(suffix).mkdir()
    (tmp_path / "round").with_suffix(suffix).symlink_to("around")
    (tmp_path / "around").symlink_to(f"round{suffix}")
    (tmp_path / "device").with_suffix(suffix).symlink_to("/dev/null")
    (tmp_path / "file").touch()
    code, error = compared(OPTIONS[suffix], str(path))
    assert code == 1 and error.count("\n") == 1 and "Traceback" not in error
    assert Path("/dev/null").is_char_device()


def test_a_plot_is_ours_by_what_it_says_of_itself(compared, tmp_path):
    """A plot of another program that matplotlib has drawn as well."""
    from matplotlib.figure import Figure

    for suffix in (".png", ".svg"):
        Figure().savefig(tmp_path / f"mine{suffix}")
        before = snapshot(tmp_path)
        assert compared("--plot", str(tmp_path / f"mine{suffix}"))[0] == 1
        assert snapshot(tmp_path) == before


def test_several_comparisons_are_ours_too(compared, evaluated, tmp_path):
    path, third = tmp_path / "many.json", shutil.copytree(evaluated[1], tmp_path / "third")
    for _ in range(2):
        assert compared(str(third), "--output", str(path))[0] == 0
    assert len(json.loads(path.read_text())["comparisons"]) == 2
