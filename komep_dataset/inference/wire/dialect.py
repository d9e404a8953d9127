"""Which parameters an endpoint takes: one that it refuses by name is left out, `max_tokens` is sent by its newer name,
a system message within the user's.

Endpoints differ in what they know beyond the texts: OpenAI's reasoning models take neither `temperature` nor
`max_tokens`, others no `seed`, or not `temperature` beside `top_p`. They say so by a 400 (some by a 422) that names the
parameter, each in its own wording. One that demands a parameter, or says which values it may have, refuses none: what
is sent then is the user's to say.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from komep_dataset.config.config import Endpoint
from komep_dataset.replies.patterns import Pattern

RENAMED = {"max_tokens": "max_completion_tokens"}
SYSTEM = "system"  # stands for system messages where names of parameters are listed
# How errors speak of a role that a chat template does not know; what they say of a safety system is none of it.
_SYSTEM = r"roles?|(?:system|developer)[^a-z0-9]{1,4}(?:message|prompt|instruction|turn|content|parameter)s?|[`'\"]system[`'\"]"
# What makes a request what it is; a form of the reply has a way of its own (`scores/checking.py`).
_NEEDED = ("model", "messages", "prompt", "input", "response_format", "generation_config", *RENAMED.values())
# A limit that is too large for one text is no name that an endpoint does not know.
_SIZE = Pattern("(?i)too (?:large|long|big|high)|context|exceed|at most|(?:less|greater|more) than")
# An error that wants a parameter or another value of it, unless it says that it knows none.
_WANTS = Pattern(
    r"(?i)required|missing|must (?:be )?(?:provide|specif|present|given|supplied)|\b(?:range|between|within|minimum|maximum)\b"
    r"|at (?:least|most)|(?:less|greater|more|larger|smaller|higher|lower) than|(?:[<>≤≥]=?|\\u226[45])\s*-?\d|\d\s*[<>≤≥]|\d\s*\.\.\.?\s*-?\d"
    r"|\bin [\[(]\s*-?[\d.]+\s*,"
)
_ABSENT = Pattern(r"(?i)required|missing|must be (?:provided|specified|present|given|supplied)")
_UNKNOWN = Pattern(
    r"(?i)unsupported|(?:not|n't) (?:be )?(?:\w+ )?(?:support|permit|allow|recogni|accept)|unknown|unrecogni|unexpected|extra|forbidden"
)
AROUND = 6  # characters before a name that tell an error's own words from the question's (ours)
_PLACES = ("param", "parameter", "loc", "field", "path")  # where errors name a parameter and nothing else


def token_limit(body: Mapping[str, Any]) -> int | None:
    """The limit of tokens that a request sets, by whichever name."""
    return next((body[name] for pair in RENAMED.items() for name in pair if body.get(name)), None)


def without(body: dict[str, Any], names: str) -> dict[str, Any]:
    """A request without parameters (names with blanks between); one that has another name is sent by that, and what
    system messages say begins the first message of the user's."""
    left = names.split()
    if SYSTEM in left and "messages" in body:
        told = [one["content"] for one in body["messages"] if one["role"] == "system"]
        first, *others = [one for one in body["messages"] if one["role"] != "system"] or [{"content": ""}]
        first = {"role": "user"} | first | {"content": "\n\n".join(filter(None, [*told, first["content"]]))}
        body = body | {"messages": [first, *others]}
    renamed = {RENAMED[name]: body[name] for name in left if name in RENAMED and name in body}
    return {name: value for name, value in body.items() if name not in left} | renamed


def spoken(body: dict[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    """A request as a server of ours wants it.

    `transformers serve` 5.23 reads temperature and top_p but does not switch sampling on: unless the model's
    own generation config does, it answers greedily. Only `generation_config` in the request turns it on.
    """
    if endpoint.server != "transformers" or not body.get("temperature"):
        return body
    sampling = {"temperature": body["temperature"], "top_p": body.get("top_p", 1.0), "top_k": 0}
    return body | {"generation_config": json.dumps({"do_sample": True} | sampling)}


def refused_parameter(
    error: str, body: Mapping[str, Any], kept: Mapping[str, Any], wrapped: bool = False
) -> str | None:
    """The parameter of a request (or `SYSTEM`) that the text of an error refuses by name, None where it refuses none.

    Those `kept` are sent whatever happens. `wrapped`: whether it is a server's fault (5xx), which speaks of a parameter only
    where it says that it knows none.
    """
    needed = (*_NEEDED, *kept, *(RENAMED if _SIZE.search(error) else ()))
    known = {name: name.replace("_", "[ _-]?") for name in body if name not in needed}
    if any(one["role"] == "system" for one in body.get("messages", ())) and not _SIZE.search(error):
        known[SYSTEM] = _SYSTEM
    if (wrapped or _WANTS.search(error)) and not _UNKNOWN.search(error):
        return None
    try:
        placed = " ".join(_placed(json.loads(error)))
    except (ValueError, RecursionError):
        placed = ""
    asked = json.dumps([body.get(name) for name in ("messages", "prompt", "input")], ensure_ascii=False)
    for text in (placed, error):
        found = {}
        for name, spelled in known.items():
            said = re.search(rf"(?i)(?<![a-z0-9])(?<![a-z0-9]_)(?:{spelled})(?![a-z0-9]|_[a-z0-9])", text)
            # A word of the question that the error repeats is no parameter.
            if said and text[max(0, said.start() - AROUND) : said.end() + 1] not in asked:
                found[name] = said.start()
        if {"temperature", "top_p"} <= found.keys():
            del found["temperature"]  # of two that do not go together, the one that matters less
        if found:
            return min(found, key=found.get)
    return None


def unlearned(error: str, left_out: str) -> str | None:
    """What is still left out where an error refuses the newer name of a parameter, or asks for the older: replicas behind one
    address know different ones. None where it says nothing of that.

    >>> unlearned("Unknown parameter: 'max_completion_tokens'", "seed max_tokens"), unlearned("max_tokens is too large", "max_tokens")
    ('seed', None)
    """
    of_value = _SIZE.search(error) or (_WANTS.search(error) and not _UNKNOWN.search(error))
    absent = _ABSENT.search(error)
    for name in left_out.split():
        if name in RENAMED and ((absent and name in error) or (RENAMED[name] in error and not of_value)):
            return " ".join(one for one in left_out.split() if one != name)
    return None


def _placed(error: Any) -> Iterator[str]:
    """The values of those keys of an error that name a parameter."""
    pairs = error.items() if isinstance(error, dict) else enumerate(error if isinstance(error, list) else ())
    for key, value in pairs:
        if key in _PLACES:
            yield from map(str, value if isinstance(value, list) else [value])
        else:
            yield from _placed(value)
