"""A cell as commands: those that users type, and scripts for Slurm that real bash runs."""

import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest

from evaluation.experiments.cells import choose
from evaluation.experiments.commands import steps, write_scripts
from tests.evaluation.experiments.files import cells_of, experiment, wait_for

pytestmark = pytest.mark.usefixtures("from_the_root")  # where the paths of experiment files start


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


def takes_sigterm(process: int) -> bool:
    """Whether a process has a handler of its own for the signal."""
    caught = re.search(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{process}/status").read_text(), re.M)[1]
    return bool(int(caught, 16) >> signal.SIGTERM - 1 & 1)


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
    while job.poll() is None and not takes_sigterm(job.pid):  # the shell may still be on the way to its trap
        time.sleep(0.01)
    job.send_signal(signal.SIGTERM)
    assert job.wait(120) == 0 and calls.read_text("utf-8").strip() == "requeue 7"
