"""What a build's options of pairs come to where their value is left to the data: K of `--utility f1`, and those of a rule."""

from dataclasses import fields, replace
from typing import Any

import polars as pl

from komep_dataset.errors import KomepError
from komep_dataset.pairs.lengths import read_tokenizer, with_tokens
from komep_dataset.pairs.options import PairRules, left_to_data
from komep_dataset.pairs.rules import COUNTS
from komep_dataset.pairs.strategies.registry import RULES
from komep_dataset.pairs.utility import with_bounds, with_k

MEDIAN_K = "K is the median number of units of {n} answers"
_MEDIAN = pl.col("_units").repeat_by("n").explode().median()


class Settling:
    """What the data say of options whose value is left to them: `f1` without K, and those of the rule.

    All rows of the data are shown to it once, in whatever order and parts.
    """

    def __init__(self, rules: PairRules):
        self.rules = rules
        self.needed = left_to_data(rules)
        self._counts: list[pl.DataFrame] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Some complete generations, one row a key."""
        answers = frame.select("status", "dahl_score", **COUNTS)
        self._counts.append(answers.group_by(answers.columns).agg(n=pl.len()))

    def settle(self) -> tuple[PairRules, dict[str, str]]:
        """The rules with every value, and what each of those that were left to the data is.

        Raises `KomepError` where the data have nothing to say.
        """
        if not self.needed:
            return self.rules, {}
        counts = pl.concat(self._counts)
        rules, told = self.rules, {}
        if "utility" in self.needed:
            k, answers = counts.filter(pl.col("_units") > 0).select(_MEDIAN, pl.col("n").sum()).row(0)
            if not answers:
                raise KomepError(
                    f"--utility {rules.utility}: no answer has units, whose median K would be; with scores alone there is "
                    "--utility precision"
                )
            rules = replace(rules, utility=with_k(k))
            told["utility"] = MEDIAN_K.format(n=answers)
        usable = with_bounds(counts, rules.unknown_units, rules.utility)
        for name, (value, what) in RULES[rules.pairs].settles.items():
            if name in self.needed:
                if usable.is_empty():
                    none = f"no answer has a score, of which {what} would be"
                    raise KomepError(f"--pairs {rules.pairs}: {none}")
                rules = replace(rules, **{name: value(usable)})
                told[name] = what
        return rules, told


def settled(rules: PairRules, frame: pl.DataFrame) -> PairRules:
    """The rules with a value each, that of `Settling` by these generations where none is given."""
    settling = Settling(rules)
    if settling.needed:
        settling.add(frame)
    return settling.settle()[0]


def readied(selection: Any, frame: pl.DataFrame) -> tuple[pl.DataFrame, PairRules]:
    """The generations and rules that `select_pairs` takes, by the key `selection` of a pipeline, which names files."""
    tokenizers = read_tokenizer(selection.length_tokenizer)
    rules = PairRules(**{one.name: getattr(selection, one.name) for one in fields(PairRules)})
    rules = replace(settled(rules, frame), length_tokenizer=[one.record() for one in tokenizers])
    return with_tokens(frame, tokenizers), rules
