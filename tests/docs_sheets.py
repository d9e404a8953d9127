"""Sheets of a blind review, filled in as no physician would: A is better and all of it true, B is false."""

import csv
from collections.abc import Iterator
from pathlib import Path


def filled(sheets: Path) -> Iterator[Path]:
    """Fill in what reviewers are given; where each sheet lies."""
    for number, path in enumerate(sorted(sheets.glob("reviewer-*/review.csv"))):
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.DictReader(file))
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, lines[0])
            writer.writeheader()
            corrected = {"corrected_a": "사람이 고친 답이다."} if number == 0 else {}
            for line in lines:
                marks = {
                    f"{side}_marks": mark * len(line[f"{side}_units"].splitlines())
                    for side, mark in zip("ab", "OX", strict=True)
                }
                writer.writerow(line | {"better": "A"} | marks | corrected)
        yield path
