"""What gates wrote into `quality.json`, in English, in the language of the page: from the figures in each sentence."""

from komep_dataset.gates.contamination import OVERLAP
from komep_dataset.gates.near_duplicates import ANSWERS_ALIKE, QUESTIONS_ALIKE
from komep_dataset.gates.personal_data import MASKED
from komep_dataset.gates.trial.gate import TEXTS
from komep_dataset.gates.trial.run import PLACED
from komep_dataset.templates import heard, say, words

_NAMES = ("kind", "column")  # the other values are data


def evidence_told(text: str) -> str:
    """The evidence of one pair: a sentence of a gate that compares, or the findings of one that reads, joined by semicolons."""
    whole = heard(text, (OVERLAP, ANSWERS_ALIKE, QUESTIONS_ALIKE), _NAMES)
    return whole if whole is not text else "; ".join(map(_finding, text.split("; ")))


def _finding(text: str) -> str:
    """`kind in column: what shows it`, of which only the last may be masked; a part of a text that holds a semicolon stays."""
    place, _, shown = text.partition(": ")
    kind, _, column = place.rpartition(" in ")
    if kind not in words() or column not in TEXTS:
        return text
    return say(PLACED, kind=say(kind), column=say(column), evidence=heard(shown, (MASKED,)))
