"""Run a recipe with FSDP on CPU processes: `accelerate launch … tests/recipes/fsdp_on_cpu.py recipes/dpo.py …`.

Accelerate 1.15 turns a launch into FSDP on accelerators alone (`AcceleratorState.__init__`): on the CPU the same
configuration becomes DDP without a word. PyTorch itself shards on the CPU as well, so the tests add the missing branch
and get everything behind it: wrapping, sharded optimiser, checkpoints, saving.
"""

import runpy
import sys
from pathlib import Path

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


if __name__ == "__main__":
    AcceleratorState.__init__ = with_fsdp
    del sys.argv[0]
    sys.path.insert(0, str(Path(sys.argv[0]).resolve().parent))
    runpy.run_path(sys.argv[0], run_name="__main__")
