"""What a gate is: a module of `komep_dataset/gates/` declares one as `GATE`, and nothing else has to know of it.

There are three kinds, by what they look at: the texts of one pair (`TextGate`), pairs with something to compare them
with (`PairGate`), and all pairs at once, as narrow columns (`SubsetGate`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from komep_dataset.options import Option
from komep_dataset.schema import Pair
from komep_dataset.system import late

pl = late("polars")

# A gate is not run, or counts and shows what it finds, or takes such pairs out.
SWITCHES = ("off", "report", "reject")
EXAMPLES = 20  # of each gate, in quality.json
SHOWN = 120  # characters of a sentence that evidence quotes
# Every text of a pair that a release may hold, as `pairs.rules.select_pairs` names them.
TEXTS = ("question", "question_ko", "chosen", "chosen_ko", "rejected", "rejected_ko")


def switch_option(name: str, default: str, help: str) -> Option:
    """The option of a gate that is off, reports or rejects; `help` is a sentence on what it looks for."""
    help = f"{help} off: not looked for; report: counted in quality.json; reject: such a pair is left out."
    return Option(name, str, default, help, choices=SWITCHES, harmless=("off", "report"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Gate:
    """What all gates have.

    Args:
        name: as quality.json, the card and the report have it.
        reason: of its rejects.
        order: a pair has the reason of the first gate that it does not pass, among those that look at one pair at a
            time, then among those that look at all.
        options: what a build may be told of it; the first one switches it, and so does any that names a file.
        note: of its record in quality.json, what the card says of it below the table; None, or "", for nothing.
    """

    LISTED: ClassVar[int]  # place of its kind where options and gates are listed
    at_once: ClassVar[bool] = False  # whether what it rejects depends on all pairs at once

    name: str
    reason: str
    order: int
    options: tuple[Option, ...]
    note: Callable[[Mapping[str, Any]], str] | None = None

    @property
    def switching(self) -> list[str]:
        """The names of the options that switch it."""
        return [one.name for one in self.options if one is self.options[0] or one.read]

    def switch(self, values: Mapping[str, Any]) -> str:
        """One of `SWITCHES`, by the values of a build's options."""
        if self.options[0].choices == SWITCHES:
            return values[self.options[0].name]
        return "reject" if any(values[name] for name in self.switching) else "off"


class Watch:
    """What a `PairGate` knows of the pairs of one build; `facts` go into quality.json."""

    facts: dict[str, Any]

    def look(self, pairs: pl.DataFrame) -> Iterable[tuple[int, str, Iterable[str]]]:
        """(row, evidence, kinds) of the pairs in which something is found; no earlier gate rejects any of them."""
        raise NotImplementedError

    def settle(self) -> Mapping[str, str]:
        """When all pairs were seen: question id -> evidence of the questions whose pairs go for what the others are."""
        return {}


@dataclass(frozen=True, kw_only=True, eq=False)
class PairGate(Gate):
    """A gate that compares pairs with a benchmark, or with those seen before; `komep verify` takes it at its word.

    Args:
        watch: the scratch folder and the values of `options` (what was read of them) -> what looks at the pairs.
        at_once: whether what it rejects depends on all pairs at once.
    """

    LISTED = 0

    watch: Callable[..., Watch]
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a gate found in one text: which kind of thing, and what shows it (personal data are masked)."""

    kind: str
    evidence: str


@dataclass(frozen=True, kw_only=True, eq=False)
class TextGate(Gate):
    """A gate that reads each text by itself; `komep verify` derives what it rejects.

    Args:
        hint: a pattern of Rust's regex that a text must match before it is read.
        find: what there is in a text.
        sought: for the card, what it looks for and by what.
    """

    LISTED = 1

    hint: str
    find: Callable[[str], Iterable[Found]]
    sought: tuple[str, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class SubsetGate(Gate):
    """A gate that keeps a part of the pairs that all others left; `komep verify` derives which.

    Args:
        keep: narrow columns of the pairs (see `run.narrow`) and the value of its option -> which stay, a row each.
        why: the value of its option -> detail of the rejects.
    """

    LISTED = 2
    at_once = True

    keep: Callable[[pl.DataFrame, Any], Sequence[bool] | pl.Series]
    why: Callable[[Any], str]


def shortened(text: str) -> str:
    """A sentence as evidence quotes it: blanks collapsed, at most `SHOWN` characters."""
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def pair_hashes(pairs: pl.DataFrame) -> pl.Series:
    """A hash a pair, by question and models alone: where a choice is open, an order that no row order changes."""
    rows = ("\0".join(("0", *row)).encode() for row in pairs.select(Pair.KEY).iter_rows())
    return pl.Series("key", [hashlib.blake2b(row, digest_size=8).digest() for row in rows], pl.Binary)
