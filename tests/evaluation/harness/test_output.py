"""What `evaluation.run` may write over: its own output, and nothing of anybody else's."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.backends.transformers import TransformersBackend
from evaluation.harness.backend import Answer
from evaluation.harness.journal import keep, open_journal
from evaluation.harness.output import clear_replies
from komep_dataset.files.locks import locked
from tests.evaluation.runs import run, words
from tests.full_disk import may_mount
from tests.places import NOWHERE, SOMEBODYS, read_only, snapshot, with_files

ROOT = Path(__file__).resolve().parents[3]
PREDICTION = (
    '{"subject": "doctor", "index": 0, "answer": "A", "generation": "A", "paper": "A", "robust": "A"}\n'
)


OF_OTHERS = {
    "predictions of others": with_files(predictions_jsonl='{"id": 1, "label": "cat"}\n'),
    "results of others": with_files(results_json='{"accuracy": 1}'),
    "results of others beside predictions like ours": with_files(
        results_json='{"accuracy": 1}', predictions_jsonl=PREDICTION
    ),
    "predictions like ours alone": with_files(predictions_jsonl=PREDICTION),
    "replies of others": with_files(**{"replies__rank-0_jsonl": "dear sir"}),
    "replies that are empty, and a thesis": with_files(**{"replies__rank-0_jsonl": "", "thesis_tex": "x"}),
    "replies of ours, and results of others": with_files(
        **{"replies__rank-0_jsonl": '{"key": "a", "text": "B", "logprobs": null}\n', "results_json": "{}"}
    ),
}


PLACES = SOMEBODYS | OF_OTHERS | NOWHERE


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_what_is_no_evaluation_is_refused_before_the_model_is_loaded(
    place, question_folder, tmp_path, capsys
):
    output = place(tmp_path)
    before = snapshot(tmp_path)
    assert run(*words("/no/model", question_folder, output)) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: --output ") and str(output)[:9] in error and error.count("\n") == 1
    assert "/no/model" not in error and snapshot(tmp_path) == before


def test_a_folder_that_may_only_be_read(question_folder, tmp_path):
    if not may_mount(tmp_path):
        pytest.skip("no namespaces for a test on this machine (unshare -rm)")
    command = [sys.executable, "-m", "evaluation.run", *words("/no/model", question_folder, tmp_path / "out")]
    done = read_only(tmp_path, command, cwd=ROOT)
    assert done.returncode == 1 and "cannot be written" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_mount_point_is_filled(tiny_model, question_folder, tmp_path):
    """As the disk that a container gets; its lock lies inside, where the other containers see it."""
    if not may_mount(tmp_path):
        pytest.skip("no namespaces for a test on this machine (unshare -rm)")
    script = 'mount -t tmpfs tmpfs "$0" && "$@" && ls -A "$0"'
    output = tmp_path / "disk"
    output.mkdir()
    command = [sys.executable, "-m", "evaluation.run", *words(tiny_model, question_folder, output)]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, str(output), *command],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout.splitlines()[-2:] == ["predictions.jsonl", "results.json"], (
        done.stderr
    )


def test_an_evaluation_is_done_again_and_what_lies_beside_it_stays(evaluated, tmp_path):
    given, done = evaluated
    output = Path(shutil.copytree(done, tmp_path / "out"))
    (output / "notes.md").write_text("mine")
    (output / "predictions.jsonl").write_text(PREDICTION)
    (tmp_path / "latest").symlink_to("out")
    assert run(*given, "--output", str(tmp_path / "latest")) == 0
    assert (tmp_path / "latest").is_symlink() and (output / "notes.md").read_text() == "mine"
    assert (output / "predictions.jsonl").read_bytes() == (done / "predictions.jsonl").read_bytes()
    assert {p.name for p in output.iterdir()} == {"notes.md", "predictions.jsonl", "results.json"}


def test_that_results_are_replaced_is_told_before_anything_is_computed(
    evaluated, tmp_path, capsys, monkeypatch
):
    given, done = evaluated
    output, said = Path(shutil.copytree(done, tmp_path / "out")), []
    answer = TransformersBackend.answer
    monkeypatch.setattr(
        TransformersBackend, "answer", lambda *asked: said.append(capsys.readouterr().err) or answer(*asked)
    )
    assert run(*given, "--output", str(output)) == 0
    [line] = [line for line in said[0].splitlines() if "replaced" in line]
    assert line == (
        f"note: {output} holds the results of an earlier run, which are replaced when this one ends; to keep them, take "
        "another --output"
    )
    assert run(*given, "--output", str(tmp_path / "new")) == 0 and "replaced" not in said[1]


def test_what_a_kill_left_before_the_first_reply_is_gone_on_with(evaluated, tmp_path):
    given, _ = evaluated
    (tmp_path / "replies").mkdir()
    (tmp_path / ".results.json.lock").touch()
    (tmp_path / "replies" / "rank-0.jsonl").touch()
    assert run(*given, "--output", str(tmp_path)) == 0
    assert {p.name for p in tmp_path.iterdir()} == {"predictions.jsonl", "results.json"}


def test_notes_beside_a_run_that_was_killed_before_its_first_reply_do_not_hinder_it(evaluated, tmp_path):
    given, _ = evaluated
    (tmp_path / "replies").mkdir()
    (tmp_path / ".results.json.lock").touch()
    (tmp_path / "notes.md").write_text("mine")
    assert run(*given, "--output", str(tmp_path)) == 0
    assert {p.name for p in tmp_path.iterdir()} == {"predictions.jsonl", "results.json", "notes.md"}


def test_a_file_that_comes_during_the_run_is_not_replaced(evaluated, tmp_path, monkeypatch, capsys):
    from evaluation import runner

    def answers(*given, **more):
        (tmp_path / "out" / "results.json").write_text("{}")
        return read(*given, **more)

    read = runner.read_answers
    monkeypatch.setattr(runner, "read_answers", answers)
    assert run(*evaluated[0], "--output", str(tmp_path / "out")) == 1
    assert "left as it is" in capsys.readouterr().err
    assert (tmp_path / "out" / "results.json").read_text() == "{}"
    assert list((tmp_path / "out" / "replies").iterdir())  # nothing that was asked is lost


def test_files_among_the_replies_that_are_none_stay(tmp_path):
    with open_journal(tmp_path) as journal:
        keep(journal, "a", Answer("B"))
    (tmp_path / "replies" / "rank-best.jsonl").write_text("mine")
    clear_replies(tmp_path)
    assert [p.name for p in (tmp_path / "replies").iterdir()] == ["rank-best.jsonl"]


def test_two_at_once_one_is_refused(evaluated, tmp_path, capsys):
    with locked(tmp_path / "out" / "results.json"):
        assert run(*evaluated[0], "--output", str(tmp_path / "out")) == 1
    assert "another run is at work here" in capsys.readouterr().err
    assert run(*evaluated[0], "--output", str(tmp_path / "out")) == 0
