"""What one HTTP answer of an OpenAI-compatible endpoint comes to: a reply, another attempt, or the end of the run.

A key that an endpoint echoes is masked in every text that is kept or shown, plain and escaped.
"""

import codecs
import json
import math
import re
import unicodedata
import zlib
from collections.abc import Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import cache
from time import time
from typing import Any

from komep_dataset.inference.reply_log import REFUSED, Reply, no_reply
from komep_dataset.inference.wire.finish import LENGTH, PASSING, STOP, UNFINISHED, WITHHELD, kind_of
from komep_dataset.inference.wire.masking import Hide, clean, shown
from komep_dataset.inference.wire.usage import Usage, read_usage, reasoning_in, snake, told_in
from komep_dataset.replies.faults import LASTING, fault_in
from komep_dataset.replies.garbled import is_garbled, mended
from komep_dataset.replies.patterns import Pattern

LONGEST_BODY = 4 * 2**20  # bytes, decoded: no model writes so much, and memory has a bound (ours)
LONGEST_RETRY_AFTER = 300.0  # an endpoint that asks for more is not obeyed
BARRED = (401, 403, 404, 405)
FILTERS = (400, 403, 422, 451)  # statuses of a filter for contents, with one of these in the error
_FILTERED = Pattern(
    r"(?i)content(?:[_ -]\w+)?[_ -](?:filter|polic|management|moderation|risk|inspection|safety|guideline)|responsible_?ai|data_inspection"
    r"|(?:polic(?:y|ies)|content|safety)[_ -]violation|violat\w+ (?:\w+ ){0,3}(?:polic|guideline)|(?:usage|acceptable use)[_ -]polic|guardrail"
    r"|(?:sensitive|prohibited|unsafe|inappropriate|harmful|disallowed)(?: or \w+)?[_ -](?:content|words?|text|input|topic)"
    r"|safety[_ -](?:check|system|filter|polic|guideline|reason)|requires moderation|moderation_|(?:by|from|of) (?:\w+ ){0,2}moderation"
    r"|(?:input|prompt|request|text|message)s? (?:was|is|has been|were) flagged"
)
_ECHO = Pattern(r'"input":\s*"(?:[^"\\]|\\.)*"')  # the question, where an error repeats it
# DeepSeek, vLLM and SGLang; OpenRouter, Ollama and newer vLLM; Gemini and Anthropic behind gateways; MiniMax.
THOUGHT_FIELDS = (
    "reasoning_content",
    "reasoning",
    "thinking",
    "thinking_blocks",
    "thoughts",
    "reasoning_details",
)
_THOUGHT_TYPE = Pattern("think|thought|reason", re.IGNORECASE)
_TEXT_FIELDS = ("text", "thinking", "reasoning", "content", "summary", "thought")
MOST_DIGITS = 1000  # of a number
_CUT = Pattern(r"\s*(?:[\[{:]|data:|event:|id:)")  # how JSON or a stream begins that may have been cut off
# Signs that combine with the letter before, in a row: Unicode's own limit is 30, and normal forms of more take time that
# grows with the square of their number.
MOST_MARKS = 256
NUL = "a NUL character"


@cache
def _stacked() -> re.Pattern[str]:
    marks = "".join(map(chr, (code for code in range(0x300, 0x20000) if unicodedata.combining(chr(code)))))
    return re.compile(f"[{re.escape(marks)}]{{{MOST_MARKS + 1}}}")


class Judged(Exception):
    """What an attempt came to where it was no answer; `usage` is what it may be billed for, where anything came, `error` what
    the endpoint says of a request that it refuses, and `wait` how many seconds it asks for."""

    def __init__(self, reason: str, usage: Usage | None = None, error: str = "", wait: float | None = None):
        super().__init__(reason)
        self.usage, self.error, self.wait = usage, error, wait


class Again(Judged):
    """This attempt failed in a way that may pass."""


class Garbled(Again):
    """An answer that has characters of no text: asked again once, since it is paid for and may come the same."""


class Lasting(Again):
    """What came is no answer and of a form that the next will have too (a page, another API, no TLS): while nothing was
    ever answered it bars everybody after a second try."""


class Unsent(Again):
    """There was no connection to send the request over."""


class Refused(Judged):
    """The endpoint will never answer this request, but may well answer others."""


class Filtered(Refused):
    """A filter for contents refused the text; `reply` is what a model's own refusal is, without a word of the model's."""

    @property
    def reply(self) -> Reply:
        return Reply("", REFUSED, raw=str(self))


class Barred(Judged):
    """The endpoint will answer no request, unless it answers others: a status of `BARRED`, 3xx, or `Lasting` twice."""


class Stop(Judged):
    """The endpoint will answer no request."""


def read_reply(
    status: int,
    retry_after: str | None,
    body: str,
    max_tokens: int | None,
    sent: int = 0,
    hide: Hide = str,
    nul: bool = False,
) -> tuple[Reply, Usage]:
    """Judge one HTTP answer of an OpenAI-compatible endpoint.

    Args:
        max_tokens: the limit that the request had.
        sent: bytes of the request's text, against which the usage is held.
        hide: takes the key out of a text.
        nul: whether the request's text has a NUL, which its answer may repeat.

    Returns:
        the answer, failed where the endpoint withheld it (`content_filter`) or ended it without a text and said
        why in a word of its own, `refused` where the model refused in OpenAI's field for that, and what it used.

    Raises:
        Stop: no credit left (402, `insufficient_quota`).
        Barred: wrong key, model or address (401, 403, 404, 405, 3xx); some send these for a single text.
        Again: overload, server faults, an answer that the server broke off, that has characters of no text or is an error
            that passes, or a body that is no completion (408, 409, 425, 429, no choices, 204, every status but 3xx and
            4xx); `Lasting` where that is a page or the JSON of another API.
        Refused: any other status; `Filtered` where it is a filter for contents.
    """
    read_status(status, retry_after, body, hide)
    data = None
    try:
        data = _loaded(body)
        if blocked := _blocked(data):
            usage = read_usage(told_in(data), sent, 0)
            return no_reply(f"{blocked}: the endpoint withheld the answer"), usage
        choice = next((one for one in data["choices"] if one.get("index") == 0), data["choices"][0])
        message = choice["message"] if "message" in choice else {"content": choice["text"]}
        text, thoughts = parts_of(message.get("content"))
        refusal = message.get("refusal")
        finish, told = choice.get("finish_reason"), told_in(data)
        if not isinstance(refusal, str | None):
            raise TypeError("not text")
        finish = finish if isinstance(finish, str | None) else json.dumps(finish)
        # All names of the field stand for the same text.
        refused = not text and bool(refusal)
        text = text or refusal or ""
        thought = max([thoughts, *(_all_text(message.get(name)) for name in THOUGHT_FIELDS)], key=len)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # Half of a JSON, an empty body or the error of a server may be another thing next time.
        other = body.strip() and not (_CUT.match(body) and data is None) and not _error_in(data)
        other = other and not (isinstance(data, dict) and "choices" in data)
        usage = read_usage(told_in(data), sent, _bytes(body))
        raise (Lasting if other else Again)(f"{LASTING}{_shown_answer(status, body, hide)}", usage) from None
    broken = _broken(text, nul)
    text, thought = hide(clean(text)), hide(clean(thought))
    usage = read_usage(told, sent, _bytes(text) + _bytes(thought))
    if not (text.strip() or thought) and (hidden := reasoning_in(told)):
        thought = f"({hidden:,} tokens of thoughts that the endpoint does not show)"
    kind = REFUSED if refused else kind_of(finish or "")
    reason = f"finish_reason {shown(finish or '', hide)!r}"
    if kind == WITHHELD:
        return no_reply(f"{reason}: the endpoint withheld the answer"), usage
    if kind == PASSING:
        raise Again(f"{reason}: the endpoint broke the answer off", usage)
    if fault := fault_in(text):
        said = f"an error in the place of an answer: {shown(text, hide)}"
        if fault == "lasting":
            return no_reply(said), usage
        raise Again(said, usage)
    if broken:
        raise Garbled(f"an answer with {broken}", usage)
    if kind in ("", UNFINISHED) and finish and not text:
        return no_reply(f"{reason}, and no text"), usage
    if kind == UNFINISHED:
        kind = LENGTH
    if not kind:  # some servers leave it out, or say what nobody knows
        kind = LENGTH if max_tokens and usage.completion and usage.completion >= max_tokens else STOP
    if len(text) > MOST_MARKS and not text.isascii() and _stacked().search(text):
        return no_reply(f"more than {MOST_MARKS} combining signs in a row"), usage
    return Reply(text, kind, usage.prompt, usage.completion, thought=thought), usage


def read_status(status: int, retry_after: str | None, body: str, hide: Hide = str) -> None:
    """What `read_reply` raises for a status that is no success."""
    if 200 <= status < 300:
        return
    said = _shown_answer(status, body, hide)
    if status == 402 or (status == 429 and "insufficient_quota" in body):
        raise Stop(said)
    if status in FILTERS and _FILTERED.search(_ECHO.sub("", body)):
        raise Filtered(said)
    if status in BARRED or 300 <= status < 400:
        raise Barred(said)
    if status in (408, 409, 425, 429) or not 400 <= status < 500:
        # A gateway's own error may be around one that names a parameter.
        raise Again(said, error=body if status >= 500 else "", wait=_seconds(retry_after))
    raise Refused(said, error=body if status in (400, 422) else "")


def _broken(text: str, nul: bool) -> str:
    """What an answer has that is no text, or ""."""
    if "\0" in text and not nul:
        return NUL
    if clean(text).count("\ufffd") > text.count("\ufffd"):
        return "bytes or surrogates that are no text"
    return "letters that a wrong decoding left" if is_garbled(mended(text)) else ""


async def body_of(reply: Any) -> str | None:
    """The body of an answer that aiohttp has begun to read, as text; None where it is longer than `LONGEST_BODY`."""
    body = bytearray()
    while chunk := await reply.content.readany():
        body += chunk
        if len(body) > LONGEST_BODY:
            reply.close()
            return None
    return decoded(bytes(body), reply.charset)


def too_long(status: int) -> str:
    return f"HTTP {status}: a body of more than {LONGEST_BODY / 2**20:g} MiB"


def decoded(body: bytes, charset: str | None) -> str:
    """A body as text: UTF-8 where it is that, else what its header or its mark declares, else UTF-8 with lone surrogates for
    bytes that are no text. What was packed without a word of it is unpacked."""
    for _ in range(2):
        if body.startswith(b"\x1f\x8b"):
            with suppress(zlib.error):
                body = zlib.decompressobj(31).decompress(body, LONGEST_BODY)
    with suppress(UnicodeDecodeError):
        return body.decode("utf-8-sig")
    charset = "utf-16" if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else charset or "utf-8"
    with suppress(UnicodeDecodeError, LookupError):
        name = codecs.lookup(charset).name
        return body.decode("cp949" if name == "euc_kr" else name)  # which is what Korean servers mean by it
    return body.decode("utf-8-sig", "surrogateescape")


def _loaded(body: str) -> Any:
    """The JSON of a body; where it is a stream, of events or of a JSON object a line, the completion that it adds up to.

    Raises `ValueError` where it is neither, or the stream does not come to its end.
    """
    try:
        return json.loads(body, parse_int=_whole)
    except ValueError:
        chunks = list(_chunks(body))
    said, thoughts, finish, told = [], [], None, {}
    for chunk in chunks:
        if _error_in(chunk):
            raise ValueError("an error")
        told |= told_in(chunk) or {}
        for choice in chunk.get("choices") or [chunk]:
            part = choice.get("delta") or choice.get("message") or {"content": choice.get("text")}
            if choice.get("index", 0) == 0:
                text, thought = parts_of(part.get("content"))
                said.append(text)
                thoughts += [thought, *(_all_text(part.get(name)) for name in THOUGHT_FIELDS[:2])]
                finish = choice.get("finish_reason") or choice.get("done_reason") or finish
    if finish is None and "[DONE]" not in body:
        raise ValueError("no end")
    message = {"content": "".join(said), "reasoning_content": max("".join(thoughts[i::3]) for i in range(3))}
    return {"choices": [{"message": message, "finish_reason": finish}], "usage": told}


def _chunks(body: str) -> Iterator[dict[str, Any]]:
    for line in body.split("\n"):
        line = line.strip().removeprefix("data:").strip()
        if line and line != "[DONE]" and not line.startswith((":", "event:", "id:", "retry:")):
            chunk = json.loads(line, parse_int=_whole)
            if not isinstance(chunk, dict):
                raise ValueError("no object")
            yield chunk


def _error_in(data: Any) -> bool:
    return isinstance(data, dict) and bool(data.get("error") or data.get("errors"))


def _blocked(data: Any) -> str:
    """Why an answer has no choice, where it says so: Gemini's `block_reason`, or ""."""
    if not isinstance(data, dict) or data.get("choices"):
        return ""
    told = [data, *(value for value in data.values() if isinstance(value, dict))]
    found = (str(one[key]) for one in told for key in one if snake(key) == "block_reason" and one[key])
    return next((f"block_reason {shown(reason, str)!r}" for reason in found), "")


def parts_of(content: Any) -> tuple[str, str]:
    """(answer, thoughts) of a message's content: a text, or parts of which some are thoughts by their type.

    Raises:
        TypeError: it is neither, or a part is neither text nor thought.
    """
    if content is None or isinstance(content, str):
        return content or "", ""
    content = [content] if isinstance(content, dict) else content
    if not isinstance(content, list):
        raise TypeError("not text")
    said: tuple[list[str], list[str]] = [], []
    for part in content:
        kind = str(part.get("type", "text")) if isinstance(part, dict) else "text"
        thought = bool(_THOUGHT_TYPE.search(kind))
        text = _all_text(part) if thought else part.get("text") if isinstance(part, dict) else part
        if not isinstance(text, str):
            raise TypeError("not text")
        said[thought].append(text)
    return "".join(said[0]), "\n".join(said[1])


def _all_text(value: Any) -> str:
    """Every text in a field of thoughts, however it is nested; signatures and types are none."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        value = [inner for name, inner in value.items() if name in _TEXT_FIELDS]
    return "\n".join(filter(None, map(_all_text, value))) if isinstance(value, list) else ""


def _shown_answer(status: int, body: str, hide: Hide) -> str:
    return f"HTTP {status}: {shown(body, hide) or '(empty body)'}"


def _seconds(retry_after: str | None) -> float | None:
    """A Retry-After header, seconds or a date, as seconds from now; None where it makes no sense or asks too much."""
    try:
        wait = float(retry_after or "nan")
    except ValueError:
        try:
            wait = parsedate_to_datetime(retry_after).timestamp() - time()
        except (ValueError, TypeError, LookupError, OverflowError, OSError):
            return None
    return wait if 0 <= wait <= LONGEST_RETRY_AFTER else None


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _whole(digits: str) -> int | float:
    """A number of JSON; one that is too long for Python to read is infinite."""
    return int(digits) if len(digits) <= MOST_DIGITS else math.inf
