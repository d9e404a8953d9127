"""Clocks that are put into whatever trainer runs, ours or TRL's: when each step ends, and where its time goes."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator

KINDS = {  # the first that fits; Triton's compiled kernels carry the names of what they fuse
    "head": r"logprob|log_softmax|chunked",
    "attention": r"flash|attention|fmha|softmax",
    "matrix": r"gemm|cutlass|nvjet|cublas|splitK|mm_|::(add|b)?mm$",
    "optimiser": r"adam|multi_tensor|foreach|lamb",
    "copies": r"Memcpy|Memset|copy|cast|CatArray",
}


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


def kinds(seen: dict[str, float]) -> dict[str, float]:
    """Seconds a step by kind of kernel, told by its name; the first kind that fits, else `elementwise and other`."""
    found = dict.fromkeys([*KINDS, "elementwise and other"], 0.0)
    for name, spent in seen.items():
        kind = next(
            (k for k, pattern in KINDS.items() if re.search(pattern, name, re.I)), "elementwise and other"
        )
        found[kind] += spent
    return {kind: round(spent, 4) for kind, spent in found.items()}
