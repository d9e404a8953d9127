"""The Slurm script, run by bash with stand-ins for srun, scontrol and accelerate: what it launches, and what it requeues."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.recipes.tiny_runs import RECIPES

pytest.importorskip("trl", reason="needs the extra [recipes]")

from accelerate.commands import launch
from accelerate.utils.launch import prepare_deepspeed_cmd_env

from tests.recipes.test_configs import values_of

ROOT = RECIPES.parent
SCRIPT = RECIPES / "multi_node.slurm"
ARGUMENTS = ["recipes/dpo.py", "--config", "recipes/llama-3.1-8b-instruct/dpo.yaml"]

# One task after the other, each in a process group of its own, to which TERM goes where the test wants it.
SRUN = """#!/bin/bash
set -m
while [[ $1 == --* ]]; do shift; done
worst=0
for ((node = 0; node < SLURM_NNODES; node++)); do
    SLURM_NODEID=$node "$@" &
    if [[ -n ${STOP:-} ]]; then
        until [[ -e $CALLS/$node ]]; do sleep 0.05; done
        kill -TERM -- -$!
    fi
    wait $!
    status=$?
    ((status > worst)) && worst=$status
done
exit $worst
"""
SCONTROL = """#!/bin/bash
if [[ $1 == show ]]; then printf 'node-a\\nnode-b\\n'; else echo "$@" >> "$CALLS/scontrol"; fi
"""
# Like the real launcher it ends with 1 when it is stopped, and so it does after its processes have saved.
ACCELERATE = """#!/bin/bash
trap 'echo saved > "$CALLS/saved-$SLURM_NODEID"; exit 1' TERM
printf '%s\\n' "$TORCH_ELASTIC_SHUTDOWN_TIMEOUT" "$@" > "$CALLS/$SLURM_NODEID.part"
mv "$CALLS/$SLURM_NODEID.part" "$CALLS/$SLURM_NODEID"
if [[ -n ${STOP:-} ]]; then for _ in {1..100}; do sleep 0.1; done; fi
exit "${STATUS:-0}"
"""


def submit(folder: Path, *arguments: str, **environment: str) -> tuple[int, Path]:
    """(exit code, folder with a file of words for each node) of the script in a job of two nodes."""
    calls, commands = folder / "calls", folder / "bin"
    for made in (calls, commands):
        made.mkdir()
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL), ("accelerate", ACCELERATE)):
        (commands / name).write_text(text, "utf-8")
        (commands / name).chmod(0o755)
    job = {
        "SLURM_JOB_ID": "123456",
        "SLURM_NNODES": "2",
        "SLURM_JOB_NODELIST": "node-[a-b]",
        "SLURM_GPUS_ON_NODE": "8",
    }
    path = {"PATH": f"{commands}:{os.environ['PATH']}", "CALLS": str(calls)}
    done = subprocess.run(
        ["bash", str(SCRIPT), *arguments],
        env=os.environ | job | path | environment,
        cwd=ROOT,
        timeout=300,
        capture_output=True,
        text=True,
    )
    return done.returncode, calls


def test_script_is_bash():
    checked = subprocess.run(["bash", "-n", str(SCRIPT)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_directives():
    """One launcher a node, back into the queue after preemption, SIGTERM in time for a checkpoint."""
    directives = re.findall(r"^#SBATCH --(.+)$", SCRIPT.read_text("utf-8"), re.MULTILINE)
    assert {"nodes=2", "ntasks-per-node=1", "requeue", "open-mode=append", "signal=TERM@300"} <= set(
        directives
    )
    timeout = int(re.search(r"SHUTDOWN_TIMEOUT:-(\d+)\}", SCRIPT.read_text("utf-8"))[1])
    assert timeout < 300  # the launcher ends before Slurm kills


def test_each_node_gets_its_launch(tmp_path, monkeypatch):
    """Through Accelerate's own parser, checks and translation for torch.distributed."""
    launched = []
    monkeypatch.setattr(launch, "deepspeed_launcher", launched.append)
    monkeypatch.setattr("accelerate.utils.launch.is_port_in_use", lambda *_: False)
    status, calls = submit(tmp_path, *ARGUMENTS, "--per_device_train_batch_size", "4")
    assert status == 0 and not (calls / "scontrol").exists()
    for node in (0, 1):
        timeout, command, *words = (calls / str(node)).read_text("utf-8").splitlines()
        assert (timeout, command) == ("280", "launch")
        launch.launch_command(launch.launch_command_parser().parse_args(words))
        args = launched.pop()
        assert (args.num_machines, args.num_processes, args.machine_rank) == (2, 16, node)
        assert (args.main_process_ip, args.main_process_port) == ("node-a", 23456)
        assert args.use_deepspeed and args.zero_stage == 3 and args.mixed_precision == "bf16"
        assert (ROOT / args.training_script).is_file()
        prepare_deepspeed_cmd_env(args)
        assert (args.nnodes, args.nproc_per_node, args.node_rank) == ("2", "8", node)
        assert (args.rdzv_endpoint, args.rdzv_backend) == ("node-a:23456", "static")
        assert args.training_script_args == [*ARGUMENTS[1:], "--per_device_train_batch_size", "4"]


def test_commands_in_the_script_keep_the_batch():
    """Each `sbatch` line of its header: nodes x 8 GPUs x batch x accumulation is what the YAML states."""
    text = re.sub(r" \\\n# +", " ", SCRIPT.read_text("utf-8"))
    commands = re.findall(r"^#   sbatch (.*)$", text, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        words = command.split()
        nodes = int(re.search(r"--nodes=(\d+)", command)[1]) if "--nodes" in command else 2
        config = words.index("--config")
        values = values_of(ROOT / words[config + 1], *words[config + 2 :])
        batch = values["per_device_train_batch_size"] * values["gradient_accumulation_steps"]
        assert nodes * 8 * batch == values["global_batch_size"], command


def test_stopped_job_goes_back_into_the_queue(tmp_path):
    status, calls = submit(tmp_path, *ARGUMENTS, STOP="1")
    assert status == 0
    assert (calls / "scontrol").read_text("utf-8") == "requeue 123456\n"
    assert (calls / "saved-0").exists() and (calls / "saved-1").exists()  # waited for


def test_failed_job_does_not(tmp_path):
    status, calls = submit(tmp_path, *ARGUMENTS, STATUS="3")
    assert status == 3 and not (calls / "scontrol").exists()
