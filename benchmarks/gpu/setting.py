"""What every step of the GPU check is told, and what it says; `Setting` knows the folders, too."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DONE = ".made"  # in the folder of a model, once it is whole
QUIET = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
Say = Callable[[dict[str, Any]], None]  # writes a line of figures


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
