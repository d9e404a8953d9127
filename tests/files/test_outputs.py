"""What an output file may replace: its own kind, and nothing else; links, devices, circles and read-only places."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.errors import KomepError
from komep_dataset.files.locks import locked
from komep_dataset.files.outputs import (
    check_file,
    check_folder,
    json_with,
    lines_with,
    no_place,
    replacing,
    table_of,
    text_with,
    write_json,
)
from komep_dataset.release.build import build
from komep_dataset.schema import Question, Response, ScoredGeneration
from komep_dataset.tables.writing import write_table
from tests.full_disk import may_mount
from tests.places import NOWHERE, SOMEBODYS, snapshot

ROOT = Path(__file__).parents[2]
QUESTION = Question("0" * 16, "What?", "c", "en", "s")


def table(path: Path) -> Path:
    write_table(pl.DataFrame([asdict(QUESTION)]), path, Question)
    return path


@pytest.mark.parametrize("name", ["q.parquet", "q.jsonl", "q"])
def test_a_table_replaces_a_table_of_its_columns(tmp_path, name):
    path = table(tmp_path / name)
    assert check_file(path, *table_of(Question)) == path
    table(path)
    for other in (Response, ScoredGeneration):
        with pytest.raises(KomepError, match="left as it is"):
            check_file(path, *table_of(other))


def test_marks_tell_ours_from_anything_else(tmp_path):
    marks = {
        "json": (json_with("a", "b"), '{"a": 1, "b": 2, "c": 3}'),
        "list": (json_with("a", "b"), '[{"a": 1, "b": 2}]'),
        "lines": (lines_with("a", "b"), '{"a": 1, "b": 2}\n{"a": 3, "b": 4, "c": 5}\n'),
        "text": (text_with(b"<title>KoMeP", "page"), "<html><title>KoMeP release"),
    }
    others = [
        "thesis",
        "{}",
        "[]",
        "[1]",
        '{"a": 1}',
        "PAR1",
        "PAR1x" * 9,
        "null",
        "[" * 100_000,
        "\x00\xff",
        "\n",
    ]
    others += ['{"a": 1, "b": 2}\nmy notes\n', '{"a": 1, "b": 2}\n{"x": 1}\n']
    for name, (mark, text) in marks.items():
        path = tmp_path / name
        path.write_text(text)
        assert check_file(path, *mark) == path
        path.write_text("")
        assert check_file(path, *mark) == path
        for other in others if name != "list" and name != "json" else others[:-2]:
            path.write_text(other)
            with pytest.raises(KomepError, match="left as it is"):
                check_file(path, *mark)


def test_a_link_is_written_through_and_a_circle_is_named(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/real.json")
    write_json(tmp_path / "link", {"a": 1}, json_with("a"))
    assert (tmp_path / "link").is_symlink() and json.loads(
        (tmp_path / "folder" / "real.json").read_text()
    ) == {"a": 1}
    (tmp_path / "round").symlink_to("round")
    for check, mark in ((check_file, json_with("a")), (check_folder, (bool, "folder of ours"))):
        with pytest.raises(KomepError, match="round: "):
            check(tmp_path / "round", *mark)
        with pytest.raises(KomepError, match="round/x: "):
            check(tmp_path / "round" / "x", *mark)


@pytest.mark.parametrize("path", ["/dev/null", "x" * 300, "a\0b"], ids=["device", "long", "nul"])
def test_what_can_be_no_file(tmp_path, path):
    with pytest.raises(KomepError), replacing(tmp_path / path, *json_with("a")) as beside:
        beside.write_text("{}")
    assert not Path("/dev/null").is_file()


def test_a_folder_under_a_file_and_a_folder_in_place_of_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(KomepError, match="it is a file, no folder"):
        check_file(tmp_path / "file" / "x.json", *json_with("a"))
    for place in (tmp_path / "file" / "x", tmp_path / "file" / "x" / "y"):
        with pytest.raises(KomepError, match="file: it is a file, no folder"), locked(place):
            pass
    with pytest.raises(KomepError, match="is a folder; name a file"):
        check_file(tmp_path, *json_with("a"))
    with pytest.raises(KomepError, match="a file of 1 bytes that begins 'x'"):
        check_folder(tmp_path / "file", bool, "folder of ours")


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1}, json_with("a"))
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "a.json", *json_with("a")) as beside:
        beside.write_text("half")
        raise ZeroDivisionError
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    build([], folder / "komep")
    return folder / "komep"


def commands(release: Path, folder: Path) -> dict[str, tuple[list[object], str]]:
    """Every command without an endpoint that writes one file: its words, and the option that names the file."""
    source = folder / "in.jsonl"
    source.write_text('{"question": "What is sepsis?", "category": "c"}\n')
    (folder / "corrections.jsonl").write_text("")
    return {
        "questions": (["questions", source], "--output"),
        "report": (["report", release], "--output"),
        "bias": (["bias", release], "--json"),
        "diff": (["diff", release, release], "--output"),
        "models": (["models", release], "--output"),
        "review apply": (
            ["review", "apply", release / "scored", "--corrections", folder / "corrections.jsonl"],
            "--output",
        ),
    }


@pytest.mark.parametrize("name", ["questions", "report", "bias", "diff", "models", "review apply"])
def test_no_command_writes_over_what_is_not_its_own(release, tmp_path, name):
    words, option = commands(release, tmp_path)[name]
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("years of work")
    (tmp_path / "link").symlink_to("thesis.txt")
    (tmp_path / "round").symlink_to("round")
    for output in ("thesis.txt", "link", "round", "in.jsonl/x"):
        done = CliRunner().invoke(app, [*map(str, words), option, str(tmp_path / output)])
        assert isinstance(done.exception, KomepError) and output in str(done.exception)
    assert thesis.read_text() == "years of work" and (tmp_path / "link").is_symlink()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    # and over its own it does, twice
    for _ in range(2):
        done = CliRunner().invoke(app, [*map(str, words), option, str(tmp_path / "own")])
        assert done.exit_code == 0, done.output
    assert (tmp_path / "own").exists()


@pytest.mark.slow
def test_a_place_that_may_only_be_read_is_told_before_the_work(release, tmp_path):
    if not may_mount(tmp_path):
        pytest.skip("no namespaces for a test on this machine (unshare -rm)")
    script = f"mount -t tmpfs -o ro tmpfs '{tmp_path}' && exec {sys.executable} -m komep_dataset.cli report '{release}' -o '{tmp_path}/x.html'"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "it may not be written" in done.stderr and "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["try"]  # noqa: PTH208, of `may_mount`


def test_no_input_is_its_own_output_and_no_table_goes_into_a_release(release, tmp_path):
    source = tmp_path / "q.jsonl"
    source.write_text('{"question": "What is sepsis?", "category": "c"}\n')
    done = CliRunner().invoke(app, ["questions", str(source), "--output", str(source)])
    assert "is the input" in str(done.exception) and done.exception.exit_code == 2
    before = {p: p.read_bytes() for p in release.rglob("*") if p.is_file()}
    (tmp_path / "corrections.jsonl").write_text("")
    apply = [
        "review",
        "apply",
        str(release / "scored"),
        "--corrections",
        str(tmp_path / "corrections.jsonl"),
        "--output",
    ]
    for words in (
        ["questions", str(source), "--output", str(release)],
        [*apply, str(next((release / "scored").iterdir()))],
    ):
        done = CliRunner().invoke(app, words)
        assert isinstance(done.exception, KomepError), words
    assert {p: p.read_bytes() for p in release.rglob("*") if p.is_file()} == before


def test_the_rights_of_a_file_stay(tmp_path):
    for _ in range(2):
        write_json(tmp_path / "a.json", {"a": 1}, json_with("a"))
        (tmp_path / "a.json").chmod(0o600)
    write_json(tmp_path / "a.json", {"a": 2}, json_with("a"))
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("command", ["report", "bias", "diff", "models", "questions", "build"])
@pytest.mark.parametrize(
    "place", ["/", "o\udcff", "o\udcff/x"], ids=["the root", "no UTF-8", "below no UTF-8"]
)
def test_no_traceback_for_places_that_cannot_be(release, tmp_path, monkeypatch, command, place):
    monkeypatch.chdir(tmp_path)
    words, option = (commands(release, tmp_path) | {"build": (["build", release / "scored"], "--output")})[
        command
    ]
    if (command, place) == ("questions", "/"):
        return  # a folder, for `questions.parquet`
    before = sorted(Path("/").iterdir())
    done = CliRunner().invoke(app, [*map(str, words), option, place])
    assert isinstance(done.exception, KomepError), done.exception
    assert sorted(Path("/").iterdir()) == before


@pytest.fixture(scope="module")
def asking(release, tmp_path_factory) -> tuple[Path, dict[str, tuple[list[str], str]]]:
    """A folder with what the commands that ask models read; by command its words, and the option of its output."""
    folder = tmp_path_factory.mktemp("asking")
    (folder / "q.jsonl").write_text('{"question": "What is sepsis?", "category": "c"}\n')
    CliRunner().invoke(app, ["questions", str(folder / "q.jsonl"), "--output", str(folder / "q.parquet")])
    row = {
        "model": "a",
        "response": "One.",
        "prompt_protocol": "chat",
        "temperature": 0.0,
        "top_p": 1.0,
        "seed": 0,
    }
    row |= {
        "question_id": "0" * 16,
        "question": "Q?",
        "category": "c",
        "finish_reason": "stop",
        "max_new_tokens": 9,
    }
    (folder / "r.jsonl").write_text(
        json.dumps(row | {"prompt_tokens": None, "completion_tokens": None}) + "\n"
    )
    place = {"endpoint": "http://127.0.0.1:9/v1", "model": "m"}
    config = {"responders": [place | {"name": "a"}], "splitter": place, "checker": place, "translator": place}
    (folder / "p.yaml").write_text(json.dumps(config))
    sheets = folder / "sheets"
    CliRunner().invoke(
        app, ["review", "sample", str(release), "--n", "1", "--reviewers", "1", "--output", str(sheets)]
    )
    configured = ["--config", str(folder / "p.yaml")]
    return folder, {
        "respond": (["respond", str(folder / "q.parquet"), *configured, "--model", "a"], "--output"),
        "score": (["score", str(folder / "r.jsonl"), *configured], "--output"),
        "translate": (["translate", str(release / "scored"), *configured], "--output"),
        "calibrate": (["calibrate", *configured], "--output"),
        "review import": (
            ["review", "import", str(sheets / "review.csv"), "--release", str(release)],
            "--output",
        ),
        "review sample": (["review", "sample", str(release), "--n", "1"], "--output"),
    }


# A folder of somebody's is none to refuse for these: their table gets its own name in it.
TABLES = [(command, place) for command in ("respond", "score", "translate") for place in ("a file", *NOWHERE)]
FILES = [(command, place) for command in ("calibrate", "review import") for place in (*SOMEBODYS, *NOWHERE)]


@pytest.mark.parametrize(("command", "place"), TABLES + FILES)
def test_commands_that_cost_refuse_before_they_ask(asking, tmp_path, command, place):
    """The endpoint is nowhere: who asked it would say so."""
    _, known = asking
    words, option = known[command]
    output = (SOMEBODYS | NOWHERE)[place](tmp_path)
    before = snapshot(tmp_path)
    done = CliRunner().invoke(app, [*words, option, str(output)])
    assert isinstance(done.exception, KomepError | SystemExit) and "127.0.0.1" not in str(done.exception), (
        done.exception
    )
    assert snapshot(tmp_path) == before and not Path("/dev/null").is_file()


@pytest.mark.parametrize("place", NOWHERE)
def test_sheets_are_not_written_where_nothing_can_be(asking, tmp_path, place):
    _, known = asking
    words, option = known["review sample"]
    before_made = NOWHERE[place](tmp_path)
    before = snapshot(tmp_path)
    done = CliRunner().invoke(app, [*words, option, str(before_made)])
    assert isinstance(done.exception, KomepError | SystemExit), done.exception
    assert snapshot(tmp_path) == before


@pytest.mark.slow
def test_a_file_in_whose_place_no_other_can_be_put_is_told_before_the_work(release, tmp_path):
    """As containers have it that mount a single file."""
    if not may_mount(tmp_path):
        pytest.skip("no namespaces for a test on this machine (unshare -rm)")
    script = (
        f"cd '{tmp_path}' && touch there x.html && mount --bind there x.html && "
        f"exec {sys.executable} -m komep_dataset.cli report '{release}' -o x.html"
    )
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "--output x.html: a mount point" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("s3://bucket/x", "an address, and files are written and read here alone"),
        ("hf://datasets/a/b", "komep publish"),
        ("https://h/x", "an address"),
        ("~/x", "the shell has not filled it in"),
        ("~", "the shell has not filled it in"),
        ("$HOME/q", "give the whole path"),
        ("${TMP}/q", "give the whole path"),
        ("-", "not printed; name one"),
    ],
)
@pytest.mark.parametrize("command", ["report", "questions", "build", "diff"])
def test_what_is_no_place_of_this_machine_is_wrong_usage(
    release, tmp_path, monkeypatch, command, place, what
):
    monkeypatch.chdir(tmp_path)
    words, option = (commands(release, tmp_path) | {"build": (["build", release / "scored"], "--output")})[
        command
    ]
    before = snapshot(tmp_path)
    done = CliRunner().invoke(app, [*map(str, words), option, place])
    assert isinstance(done.exception, KomepError) and done.exception.exit_code == 2, done.exception
    assert what in str(done.exception) and snapshot(tmp_path) == before


def test_names_that_only_look_so_are_places(tmp_path):
    for name in ("~x.json~", "a:b", "c:/x", "-x", "$", "50%/x", "a~/x", "x/~/y"):
        assert no_place(Path(name)) == "", name
