"""The table of rounds.sh, from the files of its releases and trainings: python examples/rounds_figures.py results/rounds 2"""

import json
import sys
from pathlib import Path

folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
print(
    "| round | new pairs | own answers chosen | rejected | all pairs | held-out loss | margin | chosen likelier |"
)
print("|---|---|---|---|---|---|---|---|")
for number in range(1, rounds + 1):
    built = json.loads((folder / f"komep-{number}" / "build.json").read_text("utf-8"))
    held = json.loads((folder / f"model-{number}" / "training_summary.json").read_text("utf-8"))["evaluation"]
    new, before, after = built["pairs_by_round"][str(number)], held["before"], held["after"]
    moved = (f"{before[name]:.3f} → {after[name]:.3f}" for name in ("loss", "margin", "policy_accuracy"))
    counts = (new["pairs"], new["chosen"], new["rejected"], built["pairs"])
    print(f"| {number} | {' | '.join(map(str, counts))} | {' | '.join(moved)} |")
print(
    f"{after['pairs']} held-out pairs, the same in every round. No judge gave the verdicts: see docs/rounds.md."
)
