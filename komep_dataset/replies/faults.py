"""Errors that come in the place of an answer, requests that come back, and what to do about a request that failed.

Gateways put the error of what is behind them into the content of a completion. It is known by its form, a JSON object of
nothing but an error, a web page, or a line that begins as programs report errors and names a status, and by no list of texts.
"""

import json
import re
from collections.abc import Sequence
from http import HTTPStatus

from komep_dataset.replies.asides import is_notice
from komep_dataset.replies.patterns import Pattern

LONGEST_FAULT = 1000  # characters; a longer text that is neither JSON nor a page is no error (ours)
LEAST_ECHO = 30  # characters of a request by which it is known again (ours)
LASTING = "not a completion: "  # an answer of a form that the next one will have too

_ERRORS = "error errors errorcode errormessage exception"
_BESIDE = "code status statuscode message msg type detail details param requestid id object success traceid timestamp path reason title description"
_KEYS = frozenset(f"{_ERRORS} {_BESIDE}".split())
_PHRASES = "|".join(re.escape(one.phrase) for one in HTTPStatus if one >= 400 and " " in one.phrase)
_STATUS = Pattern(
    r"\b([45]\d\d)\b(?!\s*(?:[mkuµ]?g|m?l|mcg|kcal|cal|[cmk]?m|%|mm|iu|units?|mmol|hours?|days?|[,.]\d)\b|\s*%)",
    re.IGNORECASE,
)
_PASSING_STATUS = (408, 409, 425, 429)
_PASSING = Pattern(
    rf"(?i)tim(?:ed?|ing)[ -]?out|rate.?limit|overload|unavailable|try again|retry|capacity|bad gateway|internal server"
    rf"|too many|connection|connect error|healthy upstream|시간.{{0,2}}초과|busy|temporar|잠시|과부하|{HTTPStatus(503).phrase}"
)
_OF_SERVERS = Pattern(
    rf"(?i){_PHRASES}|\b(?:api|endpoint|server|tokens?|request|proxy|quota|connection|gateway|upstream|backend|llm|model|provider|"
    r"deployment|cuda|out of memory|credentials?|unauthorized|forbidden|json|http|timed? ?out|rate.?limit)\b|try again|요청|서버|시간.{0,2}초과|한도"
)
_BEGINS = Pattern(
    r"[\W_]{0,6}(?:(?:an? )?(?:internal |unexpected |api |server |upstream |request |http |proxy |network )?(?i:error|exception|오류|에러)(?i: occurred| code| response)?[\W_]{0,3}(?=[\s:(\[{\d]|$)"
    r"|HTTP(?:/\d(?:\.\d)?)?[ -]?(?i:error )?(?i:status )?[45]\d\d\b|Traceback \(most recent"
    r"|(?i:failed to (?:fetch|call|connect|reach|get|parse))\b|(?i:upstream|stream|backend|gateway|request|connection|proxy|server|read|connect) (?i:connect error|error|timed out|timeout|failed|refused|reset)\b"
    rf"|[45]\d\d[ :-]{{1,3}}(?i:{_PHRASES}|forbidden|unauthorized))"
)
# The name of a class of errors, or nothing but the phrase of a status: no more is needed.
_CLASS = Pattern(r"\W{0,4}(?:\w+\.)*(?:[A-Z]+[a-z0-9]+)+(?:Error|Exception|Timeout)\b\s*(?:[:(]|\Z)")
_PHRASE = Pattern(
    rf"(?i)[\W\d]*(?:error\W*)?(?:no healthy upstream|{_PHRASES.replace('Timeout', 'Time-?out')})\W*"
)
_PAGE = Pattern(r"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype html|html)\b", re.IGNORECASE)
# What a failed request says -> what to do about it; the first that is found.
_ADVICE = tuple(
    (Pattern(said, re.DOTALL), advice)
    for said, advice in (
        ("an answer with", "take another `model`, or another server"),
        ("WRONG_VERSION_NUMBER|(?i:wrong version number)|RECORD_LAYER", "this port speaks no https: write `http://` in `endpoint`"),
        ("(?i:certificate)", "its certificate is not trusted here: name the file of your authority in SSL_CERT_FILE"),
        ("(?i:sent to HTTPS port|to an HTTPS server)", "this port speaks https: write `https://` in `endpoint`"),
        (
            f"{LASTING}HTTP 2.. *:? *(?:<|.{{0,20}}(?i:doctype))",
            "a web page answers: look at `endpoint` (most end in /v1), and whether a login or a proxy stands before it",
        ),
        (LASTING, "this is no answer of the OpenAI protocol: look at `endpoint` (most end in /v1)"),
        ("the request comes back", "a mock answers, or the model goes on with the text: look at `endpoint`, `protocol` and `format`"),
        ("an error in the place of", "something before the model answers: its own log says why"),
        (r"HTTP 4(?:00|22).*\b(?i:stream)", "`extra_body: {stream: true}` asks for a stream, which is read"),
        ("no answer within", "raise `timeout`, or lower `concurrency`"),
        ("HTTP 429", "lower `concurrency`, or raise `max_attempts`"),
        ("Cannot connect|ConnectionRefused|ClientConnector", "look at `endpoint`, and whether its server runs"),
        ("no answer after", "raise `timeout` or `max_attempts`, lower `concurrency`"),
        (
            r"HTTP 4(?:00|22).*(?i:content.?(?:filter|management|policy|moderation)|moderation|flagged|responsible.?ai)",
            "the endpoint moderates: take another `model`",
        ),
        (
            r"HTTP 4(?:00|22).*(?i:context.?(?:length|window|size)|too (?:long|many tokens)|reduce the length|(?:input|prompt) tokens? .{0,20}exceed)",
            "text, examples and `max_new_tokens` are longer than the model's context: lower the limit, or take another `model`",
        ),
        (
            r"HTTP 4(?:00|22).*(?i:model.?not.?found|model.{0,60}(?:does not exist|not found|not available)|(?:unknown|invalid|no such|valid) model)",
            "look at `model`",
        ),
        (
            r"HTTP 4(?:00|22).*(?i:\broles?\b|alternat|conversation|\b(?:user|assistant) (?:messages?|turns?)\b|chat.?template)",
            "its chat template refuses these turns (a system message, or examples): take another `model` or server",
        ),
        ("HTTP 4(?:00|22)", "null leaves `temperature`, `top_p`, `seed` or `max_new_tokens` out, `extra_body:` sends any other"),
        ("HTTP 401", "look at `api_key_env`"),
        ("HTTP 403", "look at `api_key_env`, and at what the endpoint moderates"),
        ("HTTP 404", "look at `endpoint` and `model`"),
        ("HTTP 413", "the texts are too long for the endpoint"),
        ("withheld", "the endpoint moderates: take another `model`"),
        ("the model refused", "take another `model`"),
    )
)  # fmt: skip


def advice_for(reason: str) -> str:
    """What to do about a request that failed for a reason; "" where nobody knows."""
    return next((advice for said, advice in _ADVICE if said.search(reason)), "")


def fault_in(text: str) -> str | None:
    """`passing` or `lasting` where a text is the error of a server and no answer, else None.

    >>> fault_in('{"error": {"code": 504}}'), fault_in("Error: 401 Unauthorized"), fault_in("Error: 500 mg is too much.")
    ('passing', 'lasting', None)
    """
    if not (_PAGE.match(text) or _is_error(text)):
        return "passing" if is_notice(text) else None
    code = int(status[1]) if (status := _STATUS.search(text)) else 0
    passes = code >= 500 or code in _PASSING_STATUS if code else _PASSING.search(text)
    return "passing" if passes else "lasting"


def _is_error(text: str) -> bool:
    body = re.sub(r"\A\s*`{3}\w*|`{3}\s*\Z", "", text).strip()
    if body.startswith("{") and body.endswith("}"):
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            return False
        keys = {re.sub("[^a-z]", "", str(key).lower()): value for key, value in data.items()}
        said = " ".join(map(str, keys.values()))
        named = any(map(keys.get, _ERRORS.split())) or "error" in map(keys.get, ("type", "object", "status"))
        return keys.keys() <= _KEYS and (named or bool(_STATUS.search(said) or _OF_SERVERS.search(said)))
    return len(text) <= LONGEST_FAULT and bool(
        _CLASS.match(text)
        or _PHRASE.fullmatch(text)
        or (_BEGINS.match(text) and (_STATUS.search(text[:200]) or _OF_SERVERS.search(text[:200])))
    )


def without_request(text: str, asked: Sequence[str]) -> str | None:
    """A text without the whole of what was asked before it, None where nothing but that is in it, or it stands within."""
    said = " ".join(text.split())
    wanted = [" ".join(one.split()) for one in asked]
    if not wanted or len(wanted[-1]) < LEAST_ECHO or not all(one in said for one in wanted):
        return text
    rest = text.strip().removeprefix(asked[-1].strip())
    return rest.strip() or None if rest != text.strip() else None
