"""Runs of `evaluation.run` on a tiny model, for the tests of what it is made of."""

from pathlib import Path

import pytest

from evaluation.run import main

TINY = ["--benchmark", "kormedmcqa", "--max-new-tokens", "6"]

# Python runs `evaluation.run` in two processes on one machine, on a port that is free; its arguments come behind.
TWO_PROCESSES = (
    *("-m", "accelerate.commands.launch", "--main_process_port", "0", "--num_processes", "2"),
    *("--config_file", "accelerate_configs/ddp.yaml", "-m", "evaluation.run"),
)


def command(model: Path, data: Path, output: Path, *more: str) -> list[str]:
    return ["--model", str(model), "--data", str(data), "--output", str(output), *TINY, *more]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as done:
        main(list(arguments))
    return done.value.code


def predictions(folder: Path) -> bytes:
    return (folder / "predictions.jsonl").read_bytes()


def words(model: Path | str, data: Path, output: Path) -> list[str]:
    tiny = ["--benchmark", "kormedmcqa", "--data", str(data), "--max-new-tokens", "2", "--shots", "0"]
    return ["--model", str(model), "--output", str(output), *tiny]
