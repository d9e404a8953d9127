"""Run recipes in a launch as a CPU can: `accelerate launch … tests/recipes/cpu_launch.py dpo WORDS… + orpo WORDS…`.

Accelerate 1.15 turns a launch into FSDP on accelerators alone (`AcceleratorState.__init__`): on the CPU the same
configuration becomes DDP without a word. PyTorch itself shards on the CPU as well, so the tests add the missing branch
and get everything behind it: wrapping, sharded optimiser, checkpoints, saving.

DeepSpeed compiles an operator for processes of one machine, a minute of both cores for every new place of the
environment; gloo does without.

`+` begins another run in the same processes, since what a launch imports takes longer than a run.
"""

import os
import sys
from importlib import import_module
from itertools import groupby
from pathlib import Path

import torch
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType

initialise = AcceleratorState.__init__


def with_fsdp(self, *args, fsdp_plugin=None, **kwargs) -> None:
    """`AcceleratorState.__init__`, and then for MULTI_CPU what it does itself for MULTI_GPU."""
    initialise(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
    if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.FSDP
        self.fsdp_plugin = fsdp_plugin
        PartialState._shared_state["distributed_type"] = DistributedType.FSDP


def without_shared_memory() -> None:
    import deepspeed

    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def main(words: list[str]) -> None:
    from training import startup
    from training.flags import RecipeParser

    environment = dict(os.environ)  # a run leaves its precision in it
    torch.distributed.destroy_process_group = lambda *_: None  # DeepSpeed keeps hold of the first groups
    *runs, last = [list(run) for plus, run in groupby(words, lambda word: word == "+") if not plus]
    for end, (method, *arguments) in [*((startup._run, run) for run in runs), (startup.run, last)]:
        recipe = import_module(method)
        sys.argv[:] = [f"recipes/{method}.py", *arguments]
        if code := end(recipe.main, RecipeParser(recipe.ARGUMENTS)):
            sys.exit(code)
        AcceleratorState._reset_state(reset_partial_state=True)
        os.environ.clear()
        os.environ.update(environment)


if __name__ == "__main__":
    AcceleratorState.__init__ = with_fsdp
    sys.path[0] = str(Path(__file__).resolve().parents[2] / "recipes")  # as when a recipe is the script
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    from komep_dataset.errors import interruptible

    interruptible("recipes")
    without_shared_memory()
    main(sys.argv[1:])
