"""Experiments: the file, the cells, the plan, the state on disk, the scripts; with real commands where that is quick."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from evaluation.experiment import main
from evaluation.experiments.cells import base_of, choose, make_cells
from evaluation.experiments.commands import Step, steps, write_scripts
from evaluation.experiments.matrix import read_matrix
from evaluation.experiments.plan import cell_cost, check_plan, plan_lines, write_plan
from evaluation.experiments.running import StepFailed, end_left_over, left_over, run_step
from evaluation.experiments.state import write_config, write_state
from komep_dataset.errors import KomepError
from komep_dataset.files.locks import locked
from tests.places import NOWHERE, SOMEBODYS, UNSPEAKABLE, snapshot, with_files

ROOT = Path(__file__).resolve().parents[3]
SMOKE = ROOT / "evaluation/experiments/smoke.yaml"
FILES = sorted((ROOT / "evaluation/experiments").glob("*.yaml"))


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def experiment(tmp_path: Path, **changes) -> Path:
    """smoke.yaml with other values, its results in a folder of the test."""
    content = yaml.safe_load(SMOKE.read_text("utf-8")) | {"results": str(tmp_path / "results")} | changes
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}), "utf-8")
    return path


def cells_of(path: Path):
    matrix = read_matrix(path)
    return matrix, make_cells(matrix)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_shipped_files_plan(path):
    matrix, cells = cells_of(path)
    names = [cell.name for cell in cells]
    assert len(set(names)) == len(names)
    trained = [cell for cell in cells if cell.language]
    assert all(base_of(cells, cell) in cells[: len(matrix.models)] for cell in trained)  # bases come first
    text = "\n".join(plan_lines(matrix, cells))
    assert all(name in text for name in names) and "arithmetic" in text and matrix.estimate.source in text
    seeds = [cell.seed for cell in trained]
    assert seeds == sorted(seeds)  # every comparison has a first seed before any has a second


def test_the_smoke_plan_fits_into_an_hour():
    matrix, cells = cells_of(SMOKE)
    assert len(cells) == 13
    assert sum(cell_cost(matrix, cell).seconds for cell in cells) < 3600


def test_estimates_are_the_shown_arithmetic():
    matrix, cells = cells_of(SMOKE)
    cell = choose(cells, ["smollm2-135m.dpo.en.seed-0"])[0]
    rates = matrix.estimate
    by_hand = 35 + (8 * 400 + 2 * 4 * 400 / 3) / rates.training["dpo.en"]
    assert cell_cost(matrix, cell).training == pytest.approx(by_hand)
    assert cell_cost(matrix, cell).evaluation == pytest.approx(8 + 24 * 2.2 + 8 + 12 * 0.4)
    assert cell_cost(matrix, cell).disk == pytest.approx(0.135e9 * 4)


def test_variants_that_train_alike_share(tmp_path):
    """An override of the evaluation trains nothing again; one of the release does; what is asked alike is asked once."""
    variants = [
        {"name": "chat", "methods": ["base", "dpo"], "evaluation": {"chat_template": True}},
        {"name": "margin", "methods": ["dpo"], "build": {"min_margin": 0.5}},
    ]
    matrix, cells = cells_of(experiment(tmp_path, variants=variants))
    chat = choose(cells, ["smollm2-135m.dpo.ko.seed-0.chat"])[0]
    assert chat.owner == "smollm2-135m.dpo.ko.seed-0" and cell_cost(matrix, chat).training == 0
    assert all(folder.parent == chat.folder for folder in chat.outputs.values())
    margin = choose(cells, ["smollm2-135m.dpo.ko.seed-0.margin"])[0]
    assert margin.owner == margin.name and margin.release != chat.release
    assert "--min-margin 0.5" in steps(matrix, margin)[0].shown()
    assert base_of(cells, chat).variant == "chat" and base_of(cells, margin).variant == ""
    assert "--chat-template" in steps(matrix, chat)[-1].shown()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"modles": []}, "modles: unknown key; did you mean 'models'?"),
        ({"methods": ["base", "dop"]}, "methods: 'dop' is not there; did you mean 'dpo'?"),
        ({"methods": ["base"]}, "base alone is not trained: a training language contradicts it"),
        ({"languages": []}, "languages: none, but dpo, orpo, sft must be trained in some"),
        ({"seeds": [0, 0]}, "seeds: 0 stands twice"),
        ({"seeds": [-1]}, "seeds: -1 is no whole number from 0"),
        ({"benchmarks": [{"name": "medqaa", "language": "en"}]}, "no benchmark 'medqaa'; did you mean 'medqa'?"),
        ({"benchmarks": [{"name": "medqa", "language": "english"}]}, "'english' is none of ko, en"),
        ({"benchmarks": [{"name": "medqa", "language": "en", "data": "nowhere"}]}, "nowhere: no such file"),
        ({"benchmarks": []}, "benchmarks: none"),
        ({"models": [{"name": "../x", "path": "m", "recipes": "recipes/smollm2-135m"}]}, "'../x' must be letters"),
        ({"models": [{"name": "x", "path": "m", "recipes": "recipes/none"}]}, "recipes/none/dpo.yaml: no such recipe"),
        ({"release": {"build": {"min_margn": 1}}}, "release.build.min_margn: unknown option; did you mean 'min_margin'?"),
        ({"release": {"path": "komep", "build": {"pairs": "all"}}}, "a finished release cannot be built as well"),
        ({"variants": [{"name": "v"}]}, "'v' overrides nothing"),
        ({"variants": [{"name": "v", "methods": ["base"], "recipe": {"beta": 1}}]}, "base is not trained"),
        ({"published": [{"text": "x", "value": "1", "model": "y", "method": "dpo"}]}, "published: 'y' is not there"),
        ({"published": [{"text": "x", "value": "1", "method": "dpo"}]}, "a figure of ours needs `model` and `method`"),
        ({"launch": "none.yaml"}, "none.yaml: no such file"),
        ({"slurm": {"time": "1h; rm"}}, "is no time such as"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_named(tmp_path, changes, said):
    with pytest.raises(KomepError, match=re.escape(said)):
        read_matrix(experiment(tmp_path, **changes))


def test_unknown_cells_are_refused_with_the_nearest(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "evaluation.experiment", str(experiment(tmp_path)), "--only", "smollm2-135m.dop.ko.seed-0"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 2 and "did you mean smollm2-135m.dpo.ko.seed-0?" in run.stderr
    assert "Traceback" not in run.stderr


def test_results_of_another_plan_are_refused_and_a_larger_one_is_not(tmp_path):
    matrix, cells = cells_of(experiment(tmp_path))
    write_plan(matrix, cells)
    for cell in cells:
        write_config(cell)
    check_plan(*cells_of(experiment(tmp_path)))
    check_plan(*cells_of(experiment(tmp_path, seeds=[0, 1, 2])))
    with pytest.raises(KomepError, match=r"training.flags.max_train_pairs: 8 there, 6 here"):
        changed = yaml.safe_load(SMOKE.read_text("utf-8"))["recipe"] | {"max_train_pairs": 6}
        check_plan(*cells_of(experiment(tmp_path, recipe=changed)))
    with pytest.raises(KomepError, match="name: 'smoke' there, 'other' here"):
        check_plan(*cells_of(experiment(tmp_path, name="other")))


OF_OTHERS = {
    "a plan of others": with_files(plan_json='{"milestones": []}'),
    "cells of others": with_files(cells__biology_txt="mitosis"),
}
PLACES = SOMEBODYS | OF_OTHERS | NOWHERE | UNSPEAKABLE


@pytest.mark.parametrize("option", ["--plan", "--report", "--submit"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_results_go_into_a_folder_of_ours_alone(place, option, tmp_path, capsys):
    results = place(tmp_path)
    path = experiment(tmp_path, results=str(results))
    before = snapshot(tmp_path)
    with pytest.raises(SystemExit) as done:
        main([str(path), option])
    error = capsys.readouterr().err
    assert done.value.code == 1 and error.startswith("error: results ") and str(results)[:9] in error
    assert error.count("\n") == 1 and snapshot(tmp_path) == before


def test_a_plan_that_was_killed_at_its_first_file_is_gone_on_with(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / ".plan.json.writing-0a1b.json").touch()
    matrix, cells = cells_of(experiment(tmp_path))
    check_plan(matrix, cells)
    write_plan(matrix, cells)
    check_plan(matrix, cells)


def test_two_experiments_write_into_one_folder_at_once(tmp_path):
    """As jobs of Slurm do: each writes the plan, and the definition and state of a cell."""
    matrix, cells = cells_of(experiment(tmp_path))

    def write(number: int) -> None:
        for _ in range(20):
            write_plan(matrix, cells)
            write_config(cells[0])
            write_state(cells[0], "running", step=f"step {number}")
            check_plan(matrix, cells)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert {p.name for p in matrix.results.rglob("*")} == {
        "plan.json",
        "cells",
        cells[0].name,
        "config.json",
        "state.json",
    }


def test_every_command_is_the_public_one(tmp_path):
    matrix, cells = cells_of(experiment(tmp_path))
    build, train, first, second = steps(matrix, choose(cells, ["smollm2-135m.orpo.en.seed-1"])[0])
    assert build.shown().startswith("komep build --pairs all --output ")
    assert train.shown().startswith(
        "accelerate launch --quiet --config_file accelerate_configs/cpu.yaml recipes/orpo.py --config "
        "recipes/smollm2-135m/orpo.yaml --model_name_or_path models/smollm2-135m "
    )
    words = shlex.split(train.shown())
    assert {words[i + 1] for i, word in enumerate(words) if word in ("--seed", "--dataset_config")} == {
        "1",
        "en",
    }
    assert (
        "evaluation.run --model" in first.shown()
        and "--data evaluation/experiments/sample_medqa" in second.shown()
    )


def test_slurm_scripts_parse(tmp_path):
    """Real bash reads every script; each #SBATCH line is an option with a value; the driver submits all of them."""
    path = experiment(
        tmp_path, slurm={"time": "01:00:00", "gpus": 2, "account": "med"},
        variants=[{"name": "chat", "methods": ["dpo"], "evaluation": {"chat_template": True}}],
    )  # fmt: skip
    matrix, cells = cells_of(path)
    driver = write_scripts(matrix, cells, cells, path)
    scripts = sorted(driver.parent.glob("*.slurm"))
    assert len(scripts) == len(cells) == 17
    for script in [*scripts, driver]:
        checked = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
    for script in scripts:
        lines = [line for line in script.read_text("utf-8").splitlines() if line.startswith("#SBATCH")]
        assert all(re.fullmatch(r"#SBATCH --[a-z-]+(=\S+)?", line) for line in lines)
        assert {"#SBATCH --gpus-per-node=2", "#SBATCH --account=med", "#SBATCH --requeue"} <= set(lines)
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "sbatch").write_text('#!/bin/bash\necho "$@" >> "$CALLS"; wc -l < "$CALLS"\n', "utf-8")
    (commands / "sbatch").chmod(0o755)
    environment = os.environ | {"PATH": f"{commands}:{os.environ['PATH']}", "CALLS": str(tmp_path / "calls")}
    ran = subprocess.run(["bash", str(driver)], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    calls = (tmp_path / "calls").read_text("utf-8").splitlines()
    assert len(calls) == 17
    owner = next(i for i, c in enumerate(calls, 1) if c.endswith("smollm2-135m.dpo.ko.seed-0.slurm"))
    shared = next(c for c in calls if c.endswith("smollm2-135m.dpo.ko.seed-0.chat.slurm"))
    assert f"--dependency=afterany:{owner}" in shared.split(" ")[1]


def test_a_slurm_job_that_is_stopped_is_queued_again(tmp_path):
    path = experiment(tmp_path)
    matrix, cells = cells_of(path)
    write_scripts(matrix, cells[:1], cells, path)
    script = matrix.results / "slurm" / f"{cells[0].name}.slurm"
    commands, calls = tmp_path / "bin", tmp_path / "calls"
    commands.mkdir()
    waits = f'#!/bin/bash\ntrap "exit 143" TERM\ntouch {tmp_path}/started\nfor i in {{1..200}}; do sleep 0.05; done\n'
    for name, text in (("python", waits), ("scontrol", f'#!/bin/bash\necho "$@" > {calls}\n')):
        (commands / name).write_text(text, "utf-8")
        (commands / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{commands}:{os.environ['PATH']}", "SLURM_JOB_ID": "7"}
    job = subprocess.Popen(["bash", str(script)], env=environment)
    wait_for(tmp_path / "started")
    job.send_signal(signal.SIGTERM)
    assert job.wait(20) == 0 and calls.read_text("utf-8").strip() == "requeue 7"


def wait_for(path: Path, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)


def shell_step(text: str, result: Path) -> Step:
    return Step("train", ("bash", "-c", text), result)


def test_a_step_that_fails_says_its_last_lines(tmp_path):
    with pytest.raises(StepFailed, match=r"(?s)ended with 3.*no such model"):
        run_step(shell_step("echo no such model >&2; exit 3", tmp_path / "a" / "x"), tmp_path / "log")
    with pytest.raises(StepFailed, match="ended with 0"):  # as a recipe that was stopped from outside
        run_step(shell_step("true", tmp_path / "a" / "x"), tmp_path / "log")


def test_a_step_waits_for_another_run_of_it(tmp_path):
    result = tmp_path / "a" / "x"
    started = tmp_path / "started"
    slow = shell_step(f"touch {started}; sleep 1; mkdir -p {result.parent}; touch {result}", result)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(run_step, slow, tmp_path / "log")
        wait_for(started)
        run_step(shell_step("exit 3", result), tmp_path / "log2")  # done by then: not run
        first.result()
    assert not (tmp_path / "log2").exists() and sorted(p.name for p in tmp_path.iterdir()) == [
        "a",
        "log",
        "started",
    ]


def test_a_step_that_another_container_still_works_on_fails_and_says_so(tmp_path):
    """A killed run's step in another container is in no /proc of ours; its lock is there."""
    output = tmp_path / "a"
    command = (
        sys.executable,
        "-m",
        "evaluation.run",
        "--model",
        "no/model",
        "--benchmark",
        "kormedmcqa-sample",
    )
    step = Step("evaluate", (*command, "--output", str(output)), output / "results.json")
    with (
        locked(output / "results.json"),
        pytest.raises(StepFailed, match="another run is at work here; wait until it ends"),
    ):
        run_step(step, tmp_path / "log")


def test_files_with_the_names_of_ours_in_a_folder_stay(tmp_path):
    result = tmp_path / "a" / "x"
    for name in (
        "a/checkpoint-best/model.bin",
        "a/checkpoint-7/model.safetensors",
        ".a.lock",
        ".a.step.lock",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
    before = snapshot(tmp_path)
    run_step(shell_step(f"touch {result}", result), tmp_path / "log")
    assert snapshot(tmp_path).items() >= before.items()


def test_what_a_killed_run_left_behind_is_ended_first(tmp_path):
    """kill -9 of the command leaves its step alive; the next run stops it before it writes into the same folder."""
    result, started = tmp_path / "a" / "x", tmp_path / "started"
    code = (
        "from evaluation.experiments.commands import Step; from evaluation.experiments.running import run_step; "
        f"from pathlib import Path; run_step(Step('train', ('bash', '-c', 'touch {started}; sleep 60; true'), "
        f"Path({str(result)!r})), Path({str(tmp_path / 'log')!r}))"
    )
    first = subprocess.Popen([sys.executable, "-c", code])
    wait_for(started)
    first.kill()
    first.wait()
    mark = str(result.resolve())
    assert left_over(mark)
    run_step(shell_step(f"mkdir -p {result.parent}; touch {result}", result), tmp_path / "log2")
    assert result.exists() and not left_over(mark)
    end_left_over(mark)  # nothing to do: returns at once
