"""What ships with the package, written for this project; README.md beside this file says how."""

from pathlib import Path

SAMPLES = Path(__file__).parent
SAMPLE_INPUT = SAMPLES / "scored_generations.jsonl"  # the scored generations of the sample
