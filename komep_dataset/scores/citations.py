"""What a judge that was shown passages says: a verdict, the ids of the passages that it rests on, why there is none.

It is asked for a JSON object (`prompts.messages.evidence_messages`). Words with ids in square brackets, or behind a
label, are read too ("True [p1, p2]", "Sources: p1"). A verdict that names a passage which was not shown, or none at
all, is no verdict: `unread`.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from komep_dataset import dahl
from komep_dataset.prompts.messages import REASONS
from komep_dataset.replies.patterns import Pattern
from komep_dataset.schema import Verdict, WhyUnknown

_KEYS = ("ids", "id", "sources", "source", "citations", "cited", "passages", "evidence", "출처", "근거")
_LABEL = r"(?:cited )?(?:ids?|sources?|citations?|passages?|evidence|출처|근거|구절)(?: ids?)?"
_LABELLED = Pattern(rf"(?im)(?:^|(?<=[.!?。;—-]))\W{{0,8}}\b{_LABEL}\W{{0,4}}[:：][*_ ]*(.*)$")
_TAGGED = Pattern(rf"(?is)<({_LABEL})>(.{{0,2000}}?)</\1>")
_MENTIONED = Pattern(
    r"(?i)\b(?:passages?|sources?|ids?|구절)\s+([^\s.;:!?()\[\]]+(?:(?:,\s*|\s+and\s+)[^\s.;:!?()\[\]]+)*)"
)
_VERDICTS = ("verdict", "answer", "label", "judgment", "judgement", "판정", "답")
_BRACKETED, _ROUND = Pattern(r"\[([^\[\]\n]*)\]"), Pattern(r"\(([^()\n]*)\)")
_WORD_BEFORE = Pattern(rf"(?i)^{_LABEL}\W+")
_NONE = Pattern(r"(?i)\W*(?:none|n/?a|no|없음)?\W*")
_BETWEEN = (";", r"[,、]|\band\b|및|[와과] ", r"\s")  # ids, the coarsest first
_WHOLE = Pattern(r"\s*(?:`{3,}\w*\s*)?\{.*\}\s*(?:`{3,})?\s*", re.DOTALL)
MOST_BRACES = 50  # that open no object, before a reply is read as words: each may be read to the end
_PAD = " \t\n\"'`“”‘’*_.,;"
# Words of a reply that says unknown in so many words, and why.
_UNKNOWN = Pattern(
    r"(?i)\W*(?:(?:verdict|answer|judge?ment|판정|답변?|결론)\W+)?(?:(?:the statement|it) is )?"
    r"(?:unknown|unclear|모름|알 수 없음|not[ _-]?addressed|contradictory|conflicting)\b"
)
_CONTRADICTORY = Pattern(r"(?i)contradict|conflict|상충|모순|어긋")


def given_object(text: str) -> bool:
    """Whether a reply is one JSON object with a verdict, in a fence or not: then nothing in it is a thought."""
    return bool(_WHOLE.fullmatch(text)) and len(list(_objects(text))) == 1


class Said(NamedTuple):
    """A verdict, the ids it rests on in the order given, why it is `unknown` (else ""), and ids that were not shown."""

    verdict: Verdict
    cited: tuple[str, ...] = ()
    reason: str = ""
    not_shown: tuple[str, ...] = ()


def read_reply(reply: str, shown: Sequence[str], *, cut: bool = False) -> Said:
    """Read what a judge said of a unit by passages.

    Args:
        reply: its answer, without thoughts.
        shown: the ids of the passages.
        cut: whether a limit cut the reply off.
    """
    if len(reply) > dahl.VERDICT_CHARACTERS:
        return Said(Verdict.UNKNOWN, reason=WhyUnknown.UNREAD.value)
    found = list(_objects(reply))
    if found:
        said, end = found[-1]
        # What stands before the object are reasons; another object that says otherwise takes it back.
        given = {str(one.get("verdict")).strip().casefold() for one, _ in found}
        text = f"Verdict: {said['verdict']}. {reply[end:].strip(_PAD + '}')}" if len(given) == 1 else ""
        ids = [one for key in _KEYS for one in _listed(said.get(key))]
        reason = str(said.get("why") or said.get("reason") or "")
    else:
        text, ids, reason = *_marked(reply, shown), ""
    names = [_shown_as(one, shown) for one in ids]
    not_shown = tuple(one for one, name in zip(ids, names, strict=True) if name is None)
    cited = tuple(dict.fromkeys(name for name in names if name is not None))
    verdict = dahl.parse_verdict(text, cut=cut and not found)
    known = verdict != Verdict.UNKNOWN
    if not_shown or (known and (not cited or reason.strip() in REASONS)):
        return Said(Verdict.UNKNOWN, (), WhyUnknown.UNREAD.value, not_shown)
    if known:
        return Said(verdict, cited)
    if not _UNKNOWN.match(text):
        return Said(verdict, (), WhyUnknown.UNREAD.value)
    contradicts = _CONTRADICTORY.search(f"{reason} {text}")
    return Said(verdict, cited, (WhyUnknown.CONTRADICTORY if contradicts else WhyUnknown.NOT_ADDRESSED).value)


def _objects(reply: str) -> Iterator[tuple[dict[str, Any], int]]:
    """The JSON objects of a reply that hold a verdict, and where each ends."""
    decoder, at, failed = json.JSONDecoder(), 0, 0
    while (at := reply.find("{", at)) >= 0 and failed < MOST_BRACES:
        try:
            value, end = decoder.raw_decode(reply, at)
        except (ValueError, RecursionError):
            at, failed = at + 1, failed + 1
            continue
        if isinstance(value, dict):
            low = {str(key).strip().casefold(): one for key, one in value.items()}
            said = next((low[name] for name in _VERDICTS if isinstance(low.get(name), str | bool)), None)
            if said is None:  # it may lie within
                at += 1
                continue
            yield low | {"verdict": said}, end
        at = end


def _listed(value: Any) -> list[str]:
    """What stands under a key for ids, as texts: a list of ids or of objects with an id, or one text."""
    if isinstance(value, list):
        return [one for part in value for one in _listed(part)]
    if isinstance(value, dict):
        return _listed(value.get("id"))
    return [] if value is None or not str(value).strip() else [str(value)]


def _marked(reply: str, shown: Sequence[str]) -> tuple[str, list[str]]:
    """A reply in words without what names passages, and the ids that it names."""
    ids: list[str] = []

    def take(match: re.Match) -> str:
        parts = _parts(match[1], shown)
        known = [one for one in parts if _shown_as(one, shown) is not None]
        others = [one for one in parts if one not in known and not _is_word(one, shown)]
        if parts and not known and not others:  # words, as of a reason
            return match[0]
        ids.extend([*known, *others])
        return " "

    def take_known(match: re.Match) -> str:
        known = (parts := _parts(match[1], shown)) and all(_shown_as(one, shown) is not None for one in parts)
        return take(match) if known else match[0]

    reply = _TAGGED.sub(lambda match: f"\n{match[1]}: {match[2]}\n", reply)
    text = _ROUND.sub(take_known, _BRACKETED.sub(take, _LABELLED.sub(take, reply)))
    if not ids:  # "True, as passage p1 says"
        found = (one for match in _MENTIONED.finditer(text) for one in _parts(match[1], shown))
        ids = [one for one in found if _shown_as(one, shown) is not None or not _is_word(one, shown)]
    return re.sub(r"\s+([.,;!])", r"\1", text).strip(), ids


def _parts(listed: str, shown: Sequence[str], signs: Sequence[str] = _BETWEEN) -> list[str]:
    """The ids of a list in words: an id may hold blanks and commas itself."""
    if _NONE.fullmatch(listed) or not listed.strip(_PAD + "[]()"):
        return []
    if _shown_as(listed, shown) is not None or not signs:
        return [listed]
    return [one for part in re.split(signs[0], listed) for one in _parts(part, shown, signs[1:])]


def _is_word(token: str, shown: Sequence[str]) -> bool:
    """Whether a token in a list of ids is rather a word around them: it has no digit, and every id has one."""
    return not re.search(r"\d", token) and all(re.search(r"\d", id) for id in shown)


def _shown_as(given: str, shown: Sequence[str]) -> str | None:
    """The id that is meant, or None where none of that name was shown."""
    plain = given.strip(_PAD + "[]()")
    bare = _WORD_BEFORE.sub("", plain)
    for name in (given, plain, bare, re.split(r"\s*[:：]\s", bare)[0]):
        if name in shown:
            return name
        alike = [one for one in shown if one.strip().casefold() == name.strip().casefold()]
        if len(alike) == 1:
            return alike[0]
    return None
