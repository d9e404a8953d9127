"""What ships with the package, written for this project; README.md beside this file says how."""

from pathlib import Path


def sample_input() -> Path:
    """The scored generations of the sample."""
    return Path(__file__).parent / "scored_generations.jsonl"
