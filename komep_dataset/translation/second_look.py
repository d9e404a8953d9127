"""A second look by a model at every translation that the checks let pass: is it the text, whole, and nothing else?

A plain No refuses a translation as a failed check does. An answer that cannot be read refuses nothing and is counted.
"""

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from komep_dataset.config.config import Judge
from komep_dataset.dahl import VERDICT_CHARACTERS, parse_verdict
from komep_dataset.inference.ask import Body, ask, judge_body
from komep_dataset.inference.costs import Meter
from komep_dataset.inference.reply_log import REFUSED
from komep_dataset.prompts.messages import second_look_messages
from komep_dataset.replies.patterns import Pattern
from komep_dataset.schema import Verdict

LOOK_TOKENS = 16  # limit of a reply: one word and what models put around it (ours)
SHOWN = 120  # characters of a reply that a reject shows
Key = TypeVar("Key", bound=Hashable)
# The word is the whole sentence, or stands before a sign: in "No sentence is missing" it is no answer.
_ENDED = r"(?=[\s*_\"'”’)\]}`]*(?:[.,!;:\n—–]|\Z))"
_YES = Pattern(rf"(?<![\w'])(?:yes|예|네){_ENDED}", re.IGNORECASE)
_NO = Pattern(rf"(?<![\w'])(?:no|아니[오요]){_ENDED}", re.IGNORECASE)


@dataclass(slots=True)
class Looked:
    """What came of looks: the words behind each No that refuses or warns, and why there was no answer, by the caller's key;
    the replies that could not be read."""

    refused: dict[Hashable, str] = field(default_factory=dict)
    doubted: dict[Hashable, str] = field(default_factory=dict)
    lost: dict[Hashable, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


def look_body(source: str, target: str, judge: Judge) -> Body:
    """The request about one translation."""
    return judge_body(second_look_messages(source, target), judge, LOOK_TOKENS)


def look(pairs: Mapping[Key, tuple[str, str]], judge: Judge, folder: Path) -> Looked:
    """Ask about translations, (source, target) under any keys; the same folder resumes.

    Raises:
        KomepError: what `inference.ask` raises.
    """
    looked = Looked()
    bodies = {key: look_body(*pair, judge) for key, pair in pairs.items()}
    for key, reply in (ask(bodies, judge, folder, label="translate: second look") if bodies else {}).items():
        if reply.failure and not (reply.given or reply.thought or reply.finish_reason == REFUSED):
            looked.lost[key] = f"second look: {reply.failure}"
            continue
        verdict = parse_look(reply.text, cut=reply.finish_reason == "length")
        if reply.failure or verdict == Verdict.UNKNOWN:
            looked.unread.append(reply.failure or reply.text)
        elif verdict == Verdict.FALSE:
            looked.refused[key] = f"it said {' '.join(reply.text.split())[:SHOWN]!r}"
    return looked


def parse_look(reply: str, *, cut: bool = False) -> Verdict:
    """True for Yes, False for No, read as strictly as a checker's True and False are (`dahl.parse_verdict`)."""
    if len(reply) > VERDICT_CHARACTERS:
        return Verdict.UNKNOWN
    return parse_verdict(_NO.sub("False.", _YES.sub("True.", reply)), cut=cut)


def check_usable(judge: Judge) -> None:
    """Raise `KomepError` where the model could not be asked: its key is not set, or a budget knows no price of it."""
    judge.api_key()
    with Meter.of(judge):
        pass
