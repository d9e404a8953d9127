"""What ships with the package, written for this project; README.md beside this file says how."""

from pathlib import Path

SAMPLE_INPUT = Path(__file__).parent / "scored_generations.jsonl"  # the scored generations of the sample
