"""The key `selection:` of pipeline.yaml: how pairs are chosen, and which gates they pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from komep_dataset.config.yaml_records import choice
from komep_dataset.schema import GATE_SWITCHES, ORIGIN_CHOICES

PAIR_RULES = ("best-worst", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """How pairs are chosen; `origin` says which of them the config `ko` takes.

    The other keys are the quality gates of `komep build` (see there and `quality.py`); `decontaminate` is a mapping
    of name to path, relative to the folder of the file.
    """

    min_margin: float = 0.0
    pairs: str = "best-worst"
    origin: str = "all"
    decontaminate: Mapping[str, Path] = field(default_factory=dict)
    overlap_threshold: float | None = None
    near_duplicates: str = "off"
    personal_data: str = "report"
    unsafe: str = "report"
    length_control: bool = False
    balance_models: float | None = None

    def problems(self) -> Iterator[tuple[str, str]]:
        if not 0 <= self.min_margin <= 1:
            yield "min_margin", f"{self.min_margin} is not from 0 to 1"
        yield from choice("pairs", self.pairs, PAIR_RULES)
        yield from choice("origin", self.origin, ORIGIN_CHOICES)
        for key in ("near_duplicates", "personal_data", "unsafe"):
            yield from choice(key, getattr(self, key), GATE_SWITCHES)
        for key in ("overlap_threshold", "balance_models"):
            value = getattr(self, key)
            if value is not None and not 0 < value <= 1:
                yield key, f"{value} is not above 0 and at most 1"
