"""What a recipe may write over in `--output_dir`: its own run, and nothing of anybody else's, whenever it came there."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.full_disk import may_mount
from tests.recipes.tiny_runs import METHODS, RECIPES, flags, read, train

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("trl", reason="needs the extra [train]")

from komep_dataset.files.locks import locked  # noqa: E402
from tests.places import NOWHERE, SOMEBODYS, UNSPEAKABLE, read_only, snapshot, with_files  # noqa: E402
from tests.recipes.training.test_safeguards import LONG, environment, wait_for  # noqa: E402

ROOT = RECIPES.parent
SETTINGS = {"save_strategy": "steps", "save_steps": 1, "max_steps": 2}
OF_OTHERS = {
    "a model": with_files(README_md="# mine", config_json="{}", model_safetensors="weights"),
    "a picture": with_files(curves_png="PNG"),
    "checkpoints of another program": with_files(
        **{"checkpoint-7__trainer_state_json": '{"global_step": 7}'}
    ),
    "a run.json of others": with_files(run_json='{"scripts": {}}', README_md="# mine"),
    "an empty run.json": with_files(run_json=""),
}
PLACES = SOMEBODYS | OF_OTHERS | NOWHERE | UNSPEAKABLE


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_what_is_no_run_is_refused_before_anything_is_loaded(place, tmp_path, capsys):
    output = place(tmp_path)
    before = snapshot(tmp_path)
    assert train("dpo", flags(Path("no/such-model"), Path("no/such-data"), output)) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: --output_dir ") and str(output)[:9] in error and error.count("\n") == 1
    assert "such-" not in error and snapshot(tmp_path) == before


def test_a_folder_that_may_only_be_read(tmp_path):
    if not may_mount(tmp_path):
        pytest.skip("no namespaces for a test on this machine (unshare -rm)")
    command = [sys.executable, "recipes/sft.py", *flags(Path("no/model"), Path("no/data"), tmp_path / "out")]
    done = read_only(tmp_path, command, cwd=ROOT, env=environment())
    assert done.returncode == 1 and "cannot be written" in done.stderr and "Traceback" not in done.stderr


def test_what_a_kill_left_before_the_first_file_is_gone_on_with(tiny_model, release, tmp_path):
    for name in (".run.json.lock", ".run.json.writing-0a1b2c.json"):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / name).touch()
    (tmp_path / "latest").symlink_to("out")
    assert train("sft", flags(tiny_model, release, tmp_path / "latest", max_steps=1)) == 0
    assert (tmp_path / "latest").is_symlink() and read(tmp_path / "out")["steps"] == 1
    assert not (tmp_path / "out" / ".run.json.lock").exists()


def test_a_model_whose_run_was_killed_before_its_summary_is_of_value(tiny_model, release, tmp_path, capsys):
    output = tmp_path / "out"
    assert train("sft", flags(tiny_model, release, output, max_steps=1)) == 0
    (output / "training_summary.json").unlink()
    before = snapshot(output)
    assert train("sft", flags(tiny_model, release, output, max_steps=1, seed=7)) == 1
    assert "seed = 42" in capsys.readouterr().err and snapshot(output) == before


@pytest.mark.parametrize("method", METHODS)
def test_a_run_removes_and_writes_over_none_but_its_own_checkpoints(
    method, tiny_model, release, tmp_path, capsys
):
    """The rotation of `transformers` takes whatever folder is called `checkpoint-…`, the oldest first."""
    output = tmp_path / "out"
    assert train(method, flags(tiny_model, release, output, **SETTINGS)) == 0
    assert train(method, flags(tiny_model, release, tmp_path / "other", **SETTINGS, seed=7)) == 0
    shutil.copytree(output / "checkpoint-2", output / "checkpoint-best")
    shutil.copytree(output / "checkpoint-2", output / "checkpoint-2.bak")
    shutil.copytree(tmp_path / "other" / "checkpoint-1", output / "checkpoint-0")
    (output / "checkpoint-3").mkdir()
    (output / "checkpoint-3" / "model.safetensors").write_text("mine")
    (output / "checkpoint-1" / "notes.md").write_text("mine")
    (output / "checkpoint-00").symlink_to(tmp_path / "other" / "checkpoint-2")
    theirs = ("checkpoint-best", "checkpoint-2.bak", "checkpoint-0", "checkpoint-1", "checkpoint-00")
    before = {name: snapshot(output / name) for name in theirs}
    other = snapshot(tmp_path / "other")
    assert (
        train(method, flags(tiny_model, release, output, **(SETTINGS | {"max_steps": 4}), save_total_limit=1))
        == 0
    )
    assert {name: snapshot(output / name) for name in theirs} == before
    assert snapshot(tmp_path / "other") == other
    assert (output / "checkpoint-3.kept-1" / "model.safetensors").read_text() == "mine"
    assert "checkpoint-3 was not of this run: kept as checkpoint-3.kept-1" in capsys.readouterr().out
    found = {path.name for path in output.glob("checkpoint-*")}
    assert found == {*theirs, "checkpoint-3.kept-1", "checkpoint-4"}  # 2 and 3, its own, are gone


def test_checkpoints_of_other_names_do_not_hinder_a_resume(tiny_model, release, tmp_path):
    output = tmp_path / "out"
    assert train("sft", flags(tiny_model, release, output, **SETTINGS)) == 0
    (output / "checkpoint-of-june-9").mkdir()
    assert train("sft", flags(tiny_model, release, output, **(SETTINGS | {"max_steps": 3}))) == 0
    assert read(output)["resumed_from_step"] == 2


def test_an_edited_card_is_kept_when_the_run_goes_on(tiny_model, release, tmp_path, capsys):
    output, settings = tmp_path / "out", SETTINGS | {"save_total_limit": 2}
    assert train("sft", flags(tiny_model, release, output, **settings)) == 0
    for steps, text in ((3, "mine"), (4, "mine too"), (5, None)):
        if text:
            (output / "README.md").write_text(text)
        before = snapshot(output)
        assert train("sft", flags(tiny_model, release, output, **settings)) == (0 if steps == 3 else 1)
        assert snapshot(output) == before  # finished: nothing is written, nor where fewer steps are asked for
        settings |= {"max_steps": steps}
        assert train("sft", flags(tiny_model, release, output, **settings)) == 0
        settings |= {"max_steps": steps - 1}
    assert (output / "README.md.edited").read_text() == "mine"
    assert (output / "README.md.edited-2").read_text() == "mine too"
    assert "README.md had been edited: kept as README.md.edited-2" in capsys.readouterr().out
    assert len([path for path in output.iterdir() if path.name.startswith("README")]) == 3


@pytest.mark.slow
def test_two_at_once_one_is_refused_and_kill_9_frees_the_folder(tiny_model, release, tmp_path, capsys):
    arguments = flags(
        tiny_model, release, tmp_path / "out", **LONG | {"save_strategy": "steps", "save_steps": 5}
    )
    first = subprocess.Popen(
        [sys.executable, "recipes/dpo.py", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment(),
    )  # fmt: skip
    wait_for(first, "step 10/")
    assert train("dpo", arguments) == 1
    assert "another run is at work here" in capsys.readouterr().err
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert (tmp_path / "out" / ".run.json.lock").exists()  # left behind, and free
    assert train("dpo", arguments) == 0
    assert read(tmp_path / "out")["resumed_from_step"] >= 5


@pytest.mark.slow
@pytest.mark.parametrize("config", ["ddp", "cpu_zero2"])
def test_all_processes_of_a_launch_end_where_another_run_is_at_work(config, tiny_model, release, tmp_path):
    output = tmp_path / "out"
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--main_process_port", "0", "--config_file"]
    launch += [f"accelerate_configs/{config}.yaml", "--num_processes", "2", "recipes/sft.py"]
    launch += flags(tiny_model, release, output, max_steps=1)
    with locked(output / "run.json"):
        refused = subprocess.run(
            launch, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120
        )
        assert [path.name for path in output.iterdir()] == [".run.json.lock"]
    assert refused.returncode == 1 and refused.stderr.count("error: ") == 1, refused.stderr
    assert "another run is at work here" in refused.stderr and "recipes/startup.py" not in refused.stderr
    done = subprocess.run(launch, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    assert read(output)["world_size"] == 2 and not (output / ".run.json.lock").exists()


def test_lengths_replaces_its_own_report_alone(tiny_model, release, tmp_path, capsys):
    from lengths import main

    given = ["--model_name_or_path", str(tiny_model), "--dataset_name", str(release), "--output"]
    own, link, theirs = (tmp_path / f"{name}.json" for name in ("own", "link", "theirs"))
    link.symlink_to("own.json")
    assert main([*given, str(own)]) == main([*given, str(link)]) == 0
    assert link.is_symlink() and json.loads(own.read_text())["splits"]
    theirs.write_text('{"name": "a package of mine"}')
    (tmp_path / "device").symlink_to("/dev/null")
    (tmp_path / "round").symlink_to("round")
    before = snapshot(tmp_path)
    capsys.readouterr()
    for path in (
        theirs,
        tmp_path,
        tmp_path / "device",
        tmp_path / "round",
        theirs / "x",
        tmp_path / ("n" * 300),
    ):
        assert (
            main(["--model_name_or_path", "no/model", "--output", str(path)]) == 1
        )  # before the tokenizer is read
        error = capsys.readouterr().err
        assert error.startswith(f"error: --output {tmp_path}") and error.count("\n") == 1
    assert snapshot(tmp_path) == before and Path("/dev/null").is_char_device()


# --- the exported model ----------------------------------------------------------------------------------------

EXPORT = [sys.executable, str(RECIPES / "smollm2-135m" / "export.py"), "--output"]


@pytest.mark.parametrize("place", (SOMEBODYS | NOWHERE).values(), ids=SOMEBODYS | NOWHERE)
def test_export_refuses_what_is_no_model(place, tmp_path):
    output = place(tmp_path)
    before = snapshot(tmp_path)
    done = subprocess.run([*EXPORT, str(output)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert snapshot(tmp_path) == before


@pytest.mark.slow
def test_two_exports_at_once_wait_and_what_a_kill_left_goes(smollm2, tmp_path):
    output = tmp_path / "model"
    left, mine = tmp_path / ".model.exporting-0", tmp_path / ".model.exporting-mine"
    for folder in (left, mine):
        (folder / "new").mkdir(parents=True)
    (left / ".komep-exporting").touch()
    (left / "new" / "config.json").write_text("{}")
    (mine / "thesis.tex").write_text("years of work")
    both = [subprocess.Popen([*EXPORT, str(output)], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate(timeout=300)[0] for process in both)
    assert said == [f"{output}: already there\n", f"{output}: written\n"]
    assert {path.name for path in tmp_path.iterdir()} == {mine.name, "model"} and snapshot(mine)["thesis.tex"]
    assert snapshot(output).keys() == snapshot(smollm2).keys()
