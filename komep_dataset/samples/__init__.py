"""What ships with the package, written for this project; README.md beside this file says how."""

from importlib.resources import files
from pathlib import Path


def sample_input() -> Path:
    """The scored generations of the sample."""
    return Path(str(files("komep_dataset"))) / "samples" / "scored_generations.jsonl"
