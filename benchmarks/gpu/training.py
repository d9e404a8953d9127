"""The steps of training: one method by ours or by TRL's own script, and the DPO recipe under each topology.

Both sides of a comparison run in this process as their users start them, and are timed by the same clock.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import pairwise
from statistics import median
from typing import Any

from benchmarks.gpu.clocks import kernel_clock, kinds, step_clock
from benchmarks.gpu.setting import QUIET, Say, Setting, peak
from benchmarks.trainings import (
    LORA,
    ROOT,
    as_words,
    launch_dpo,
    layer_weights,
    losses_of,
    reason,
    summary_of,
)

WARM = 3  # first steps of a training that no figure is made of: kernels are chosen and compiled in them


def run_script(path: str, words: list[str], module: bool = False) -> None:
    """Run a script as its user does, in this process; what it says of a failure is raised."""
    sys.argv = [path, *words]
    sys.path.insert(0, str(ROOT / "recipes"))
    try:
        if module:
            runpy.run_module(path, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(str(ROOT / path), run_name="__main__")
    except SystemExit as end:
        if end.code not in (0, None):
            raise RuntimeError(f"{path} ended with {end.code}") from None


def training(
    setting: Setting,
    say: Say,
    side: str,
    lever: str,
    method: str = "dpo",
    model: str = "8b",
    config: str = "real",
    steps: int = 13,
    batch: int = 8,
    accumulated: int = 1,
    recipe: str = "llama-3.1-8b-instruct/dpo-lora",
    lora: bool = True,
    more: tuple[str, ...] = (),
    environment: tuple[tuple[str, str], ...] = (),
    peft_adapters: bool = False,
    profiled: bool = False,
) -> None:
    """One training, ours or TRL's, timed from the end of its third step on.

    `lever` is what the line is called by; `more` are flags over all others; `peft_adapters` leaves adapters as PEFT runs them;
    `profiled` adds two steps of which a second line says where their time went.
    """

    if setting.device == "cpu" and "--use_liger_kernel" in more:
        say({"lever": lever, "skipped": "Liger's kernels are Triton's, which needs a GPU"})
        return
    os.environ.update(QUIET | dict(environment))
    if setting.tiny:
        steps, batch = 5, 2
    accumulated = min(accumulated, batch)
    name = "-".join([method, side, model, "lora" if lora else "full", *lever.split()])
    place = setting.scratch / "trained" / name
    words = as_words(
        model_name_or_path=setting.made(model), dataset_name=setting.release, dataset_config=config, seed=0,
        max_steps=steps + 2 * profiled, max_length=1024, per_device_train_batch_size=batch // accumulated,
        gradient_accumulation_steps=accumulated, save_strategy="no", report_to="none", logging_steps=1, output_dir=place,
    )  # fmt: skip
    words += LORA if lora else ()
    if side == "ours":
        words += as_words(
            config=ROOT / "recipes" / f"{recipe}.yaml", global_batch_size=batch, max_test_pairs=1,
            train_sampling_strategy="random", save_only_model="true",
        )  # fmt: skip
        words += as_words(bf16="false", dtype="float32") if setting.device == "cpu" else []
    else:
        words += as_words(eval_strategy="no")
        words += ["--use_cpu", *as_words(bf16="false")] if setting.device == "cpu" else []
    words += more
    if peft_adapters:
        sys.path.insert(0, str(ROOT / "recipes"))
        from trainers import safeguards

        safeguards.leave_inputs = safeguards.fuse_adapters = lambda model: None
    started = time.perf_counter()
    with contextlib.ExitStack() as held:
        ends = held.enter_context(step_clock())
        kernels = held.enter_context(kernel_clock(steps, steps + 2, setting.device)) if profiled else {}
        if side == "ours":
            run_script(f"recipes/{method}.py", words)
        else:
            run_script(f"trl.scripts.{method}", words, module=True)
    wall = time.perf_counter() - started
    ends = ends[:steps]
    warm = min(WARM, len(ends) - 2)
    (first, before), (last, after) = ends[warm], ends[-1]
    counted, tokens = len(ends) - 1 - warm, after - before
    timed = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(ends[warm:])]
    rate = median(
        seen / spent for spent, seen in timed
    )  # some steps compile a kernel for a length not met before
    line = {
        "side": side, "lever": lever, "method": method, "model": model, "config": config, "lora": lora,
        "pairs_a_step": batch, "accumulated": accumulated, "steps_timed": counted, "seconds_a_step": round(median(spent for spent, _ in timed), 4),
        "mean_seconds_a_step": round((last - first) / counted, 4), "tokens_a_second": round(rate), "tokens_a_step": round(tokens / counted),
        "operations": (4 if lora else 6) * layer_weights(setting.model(model)) * rate,
        "wall": round(wall, 1), "peak": peak(setting), "flags": list(more),
    }  # fmt: skip
    if side == "ours":
        found = summary_of(place)
        line |= {"prompts_shared": found.get("prompts_shared"), "train_loss": round(found["train_loss"], 4)}
        line["losses"] = [round(loss, 5) for loss in losses_of(place)]
    say(line)
    if kernels:
        top = sorted(kernels.items(), key=lambda item: -item[1])[:30]
        say({"lever": lever, "kernel_seconds_a_step": round(sum(kernels.values()), 4), "by_kind": kinds(kernels),
             "top": [[name[:110], round(spent, 4)] for name, spent in top]})  # fmt: skip


def reference_hash(setting: Setting, say: Say) -> None:
    """Seconds to fingerprint a model before cached reference log-probabilities are looked for, TRL's way and ours."""
    from transformers import AutoModelForCausalLM
    from trl.trainer.utils import hash_module

    sys.path.insert(0, str(ROOT / "recipes"))
    from trainers.reference_cache import hash_weights

    placed = {"device_map": {"": 0}} if setting.device == "cuda" else {}
    model = AutoModelForCausalLM.from_pretrained(setting.made("1b"), dtype="bfloat16", **placed)
    for side, fingerprint in (("trl", hash_module), ("ours", hash_weights)):
        started = time.perf_counter()
        fingerprint(model)
        seconds = round(time.perf_counter() - started, 2)
        say({"side": side, "model": "1b", "parameters": model.num_parameters(), "seconds": seconds})


def topologies(setting: Setting, say: Say, names: tuple[str, ...]) -> None:
    """Six steps of the DPO recipe on the sample under each topology, one process each: the losses of each.

    All of them run at once, since losses alone are looked at; each is a launch of its own, as a user would start it.
    """
    os.environ.update(QUIET)
    with ThreadPoolExecutor(len(names)) as pool:
        runs = {pool.submit(launch, setting, name): name for name in names}
        for run in as_completed(runs):
            line = {"topology": runs[run], "against": names[0]}
            try:
                found = run.result()
            except RuntimeError as error:
                say(line | {"failed": str(error)})
                continue
            say(
                line | {"distributed_type": found["distributed_type"], "device": found["device"],
                        "losses": [round(loss, 6) for loss in found["losses"]], "peak_gib": found["peak_memory_gib"]}
            )  # fmt: skip


def launch(setting: Setting, topology: str) -> dict[str, Any]:
    """Summary and losses of six steps of SmolLM2 under a file of accelerate_configs/, one process.

    Raises:
        RuntimeError: with the line that says why.
    """
    half = "true" if setting.device == "cuda" and topology != "cpu" else "false"
    single = [] if topology == "cpu" else ["--num_processes", "1", "--main_process_port", str(free_port())]
    words = as_words(
        config="recipes/smollm2-135m/dpo.yaml", model_name_or_path=setting.made("8b" if setting.tiny else "small"),
        dataset_name=setting.release, dataset_config="sample", max_steps=6, max_length=1024, max_train_pairs=24,
        max_test_pairs=1, seed=0, per_device_train_batch_size=4, gradient_accumulation_steps=1, global_batch_size=4,
        learning_rate="1e-5", train_sampling_strategy="random", bf16=half, save_strategy="no", save_only_model="true",
    )  # fmt: skip
    hidden = {"CUDA_VISIBLE_DEVICES": "", "DS_ACCELERATOR": "cpu"} if topology.startswith("cpu") else {}
    try:
        found = launch_dpo(words, setting.scratch / "topologies" / topology, topology, *single, **hidden)
    except RuntimeError as error:
        print(f"== {topology}\n{error}", flush=True)
        raise RuntimeError(reason(str(error))[:300]) from None
    print(f"== {topology}\n{found['said'][-8000:]}", flush=True)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
