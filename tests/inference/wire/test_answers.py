"""Whatever an endpoint sends costs at most its own row: no traceback, no end of the run, bounded memory and time."""

import gzip
import itertools
import json
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from komep_dataset.config.config import Endpoint, Judge, Policy
from komep_dataset.errors import KomepError
from komep_dataset.inference import loop
from komep_dataset.inference.ask import ask
from komep_dataset.inference.costs import spent_in
from komep_dataset.inference.reply_log import Reply
from komep_dataset.inference.wire import answers, masking
from komep_dataset.inference.wire.answers import Again, Barred, Filtered, Refused, Stop, read_reply
from tests.inference.asking import DEEP, HUGE, ask_all, request
from tests.inference.asking import no_wait as no_wait
from tests.loopback import Fault, Loopback, last_text, loopback


def completion(**changes) -> str:
    choice = {"message": {"content": "re"}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice | changes]})


def with_usage(usage: str) -> str:
    return completion()[:-1] + f', "usage": {usage}}}'


def http(head: str, body: bytes = b"") -> Fault:
    """An answer whose every byte is given."""
    return Fault(raw=lambda: [head.replace("\n", "\r\n").encode("latin-1"), b"\r\n\r\n", body])


def encoded(name: str, body: bytes) -> Fault:
    return Fault(200, body, {"Content-Encoding": name})


OK = "HTTP/1.1 200 OK\nContent-Type: application/json"


NO_COMPLETION = "no answer after 2 attempts: not a completion"


ROWS = {
    "JSON 100,000 deep": (Fault(200, DEEP), NO_COMPLETION),
    "a deep message": (Fault(200, f'{{"choices": [{{"message": {DEEP}}}]}}'), NO_COMPLETION),
    "a deep usage": (Fault(200, with_usage(DEEP)), NO_COMPLETION),
    "a NUL": (Fault(200, completion(message={"content": "re\0"})), "no answer after 2 attempts: an answer with a NUL"),
    "half an emoji": (Fault(200, completion(message={"content": "re \ud83e"})), "an answer with bytes or surrogates"),
    "Latin-1": (Fault(200, completion(message={"content": "caf?"}).encode().replace(b"?", b"\xe9")), "an answer with bytes"),
    "UTF-8 cut in the midst": (Fault(200, completion(message={"content": "?"}).encode().replace(b"?", "통".encode()[:2])), "an answer with bytes"),
    "choices that are keys": (Fault(200, '{"choices": {"0": {}}}'), NO_COMPLETION),
    "choices that are null": (Fault(200, '{"choices": null}'), NO_COMPLETION),
    "choices that are text": (Fault(200, '{"choices": "message"}'), NO_COMPLETION),
    "a choice that is a number": (Fault(200, '{"choices": [3]}'), NO_COMPLETION),
    "a message that is null": (Fault(200, completion(message=None)), NO_COMPLETION),
    "content in parts": (Fault(200, completion(message={"content": [{"type": "image_url"}]})), NO_COMPLETION),
    "a refusal with keys": (Fault(200, completion(message={"content": None, "refusal": {"a": 1}})), NO_COMPLETION),
    "a finish reason of a megabyte": (Fault(200, completion(finish_reason="x" * 2**20)), "withheld the answer"),
    "no content": (Fault(204, ""), "no answer after 2 attempts: not a completion: HTTP 204: (empty body)"),
    "an informational answer alone": (Fault(101, ""), "no answer after 2 attempts: HTTP 101"),
    "an answer without a text, for a reason of its own": (Fault(200, completion(message={"content": None}, finish_reason="tool_calls")), "finish_reason 'tool_calls', and no text"),
    "an unknown status": (Fault(999, "x"), "no answer after 2 attempts: HTTP 999: x"),
    "control characters": (Fault(400, "a\x1b[2J\x00\u2028b\nc"), "HTTP 400: a [2J b c"),
    "gzip that is none": (encoded("gzip", b"nothing"), "ClientPayloadError"),
    "gzip cut short": (encoded("gzip", gzip.compress(completion().encode())[:-12]), NO_COMPLETION),
    "deflate cut short": (encoded("deflate", zlib.compress(completion().encode())[:-6]), "no answer after 2"),
    "an encoding that nobody knows": (encoded("x-rot13", b"\x00\xff"), NO_COMPLETION),
    "Brotli that is none": (encoded("br", b"\xff\xff"), "no answer after 2 attempts"),
    "Zstandard that is none": (encoded("zstd", b"\xff\xff"), "no answer after 2 attempts"),
    "a gzip bomb": (encoded("gzip", gzip.compress(bytes(2**26))), "HTTP 200: a body of more than 4 MiB"),
    "a body of 5 MiB": (Fault(200, completion(text="x" * 5 * 2**20)), "a body of more than 4 MiB"),
    "an error of 5 MiB": (Fault(500, "x" * 5 * 2**20), "no answer after 2 attempts: HTTP 500: a body of more than 4 MiB"),
    "no HTTP": (http("SSH-2.0-OpenSSH"), "no answer after 2 attempts"),
    "a header of 100,000 characters": (http(f"{OK}\nX: {'x' * 100_000}"), "no answer after 2 attempts"),
    "a length that is no number": (http(f"{OK}\nContent-Length: many"), "no answer after 2 attempts"),
    "two lengths": (http(f"{OK}\nContent-Length: 2\nContent-Length: 9", b"{}"), "no answer after 2 attempts"),
    "chunks cut short": (http(f"{OK}\nTransfer-Encoding: chunked", b"ff\r\n{"), "no answer after 2 attempts"),
    "a chunk without a size": (http(f"{OK}\nTransfer-Encoding: chunked", b"zz\r\n{}"), "no answer after 2"),
    "bytes that are no header": (http(f"{OK}\nX\xff\x00: \x80"), "no answer after 2"),
    "a redirect to nowhere": (Fault(302, "", {"Location": "::"}), "HTTP 302: to ::"),
}  # fmt: skip


ANSWERS = {
    "a finish reason in a list": Fault(200, completion(finish_reason=["stop"])),
    "an unknown success": Fault(299, completion()),
    "a success that is created": Fault(201, completion()),
    "a finish reason that is null": Fault(200, completion(finish_reason=None)),
    "a byte order mark": Fault(200, b"\xef\xbb\xbf" + completion().encode()),
    "a charset that nobody knows": Fault(200, completion(), {"Content-Type": "text/x; charset=none\xff"}),
    "an informational answer first": http(f"HTTP/1.1 102 Wait\n\n{OK}\nContent-Length: {len(completion())}", completion().encode()),
    "usage in a list": Fault(200, with_usage("[1, 2]")),
    "numbers beyond a float": Fault(200, with_usage('{"prompt_tokens": 1e999, "completion_tokens": -1e999}')),
    "numbers beyond 64 bits": Fault(200, with_usage(f'{{"prompt_tokens": {10**400}, "completion_tokens": NaN}}')),
    "counts that are no numbers": Fault(200, with_usage('{"prompt_tokens": true, "completion_tokens": "5"}')),
    "a number of 5,000 digits": Fault(200, with_usage(f'{{"prompt_tokens": {HUGE}, "completion_tokens": -{HUGE}}}')),
    "negative counts": Fault(200, with_usage('{"prompt_tokens": -5, "completion_tokens": -5}')),
}  # fmt: skip


def asked(folder: Path, fault: Fault, **changes) -> tuple[dict[str, Reply], Loopback]:
    """Three requests, one of which gets a fault every time."""
    plan = lambda body, _: fault if last_text(body) == "bad" else None  # noqa: E731
    requests = {t: {"messages": [{"role": "user", "content": t}]} for t in ("first", "bad", "last")}
    with loopback(Loopback(lambda _: "fine", faults=plan)) as (state, url):
        judge = Judge(
            **{"endpoint": url, "model": "m", "concurrency": 1, "max_attempts": 2, "timeout": 1.0} | changes
        )
        return ask(requests, judge, folder, label="test"), state


@pytest.mark.parametrize(("fault", "said"), ROWS.values(), ids=ROWS)
def test_a_hostile_answer_costs_its_row_alone(tmp_path, fault, said):
    replies, state = asked(tmp_path, fault)
    assert replies["first"].text == replies["last"].text == "fine"
    assert replies["bad"].failure and said in replies["bad"].failure
    assert replies["bad"].failure.isprintable() and len(replies["bad"].failure) < 2 * masking.SHOWN
    assert len(state.calls) == (4 if replies["bad"].failure.startswith("no answer") else 3)
    assert (tmp_path / "engine.log").read_text("utf-8").count("\n") == 1


def test_an_answer_with_characters_of_no_text_is_asked_again_once(tmp_path):
    replies, state = asked(tmp_path, ROWS["a NUL"][0], max_attempts=5)
    assert len(state.calls) == 4 and "after 2 attempts: an answer with a NUL" in replies["bad"].failure


@pytest.mark.parametrize("fault", ANSWERS.values(), ids=ANSWERS)
def test_an_odd_answer_is_still_an_answer_and_no_odd_count_gets_into_a_table(tmp_path, fault):
    replies, _ = asked(tmp_path, fault)
    assert replies["bad"] == Reply("re", "stop", None, None)


A_YEAR = format_datetime(datetime.now(UTC) + timedelta(days=365), usegmt=True)


@pytest.mark.parametrize(
    "value",
    ["31536000", A_YEAR, "nan", "inf", "1e999", "-5", "soon", HUGE, "Mon, 99 Foo 99999999999999999999 99:99:99", "\xff",
     "Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00 +2359", "Thu, 01 Jan 1970 00:00:00"],
    ids=itertools.count(),  # a date of today would give every worker of the tests another name
)  # fmt: skip
def test_a_retry_after_that_makes_no_sense_or_asks_too_much_is_our_own_wait(tmp_path, value):
    replies, _ = asked(tmp_path, Fault(503, "busy", {"Retry-After": value}))
    assert replies["bad"].failure == "no answer after 2 attempts: HTTP 503: busy"
    with pytest.raises(answers.Again) as caught:
        answers.read_reply(503, value, "", None)
    assert caught.value.wait in (None, 0)


@pytest.mark.parametrize("value", ["0", "2.5", "300"])
def test_a_retry_after_that_makes_sense_is_obeyed(value):
    with pytest.raises(answers.Again) as caught:
        answers.read_reply(503, value, "", None)
    assert caught.value.wait == float(value)


def test_what_nobody_thought_of_costs_the_row_and_never_shows_the_key(tmp_path, monkeypatch):
    monkeypatch.setenv("KOMEP_TEST_KEY", "sk-hostile-0123")

    def broken(*_):
        raise MemoryError("at sk-hostile-0123")

    monkeypatch.setattr(answers, "_seconds", broken)
    replies, _ = asked(tmp_path, Fault(503), api_key_env="KOMEP_TEST_KEY")
    assert replies["bad"].failure == "an answer that cannot be read: MemoryError: at ***"
    assert replies["last"].text == "fine"


MEMORY = """
import resource, sys
from pathlib import Path
from komep_dataset.config.config import Judge
from komep_dataset.inference.ask import ask
judge = Judge(endpoint=sys.argv[1], model="m", concurrency=1, max_attempts=1, timeout=3)
def run(*texts):
    asked = {t: {"messages": [{"role": "user", "content": t}]} for t in texts}
    return [r.failure for r in ask(asked, judge, Path(sys.argv[2]), label="test").values()]
run("good")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(*run("endless", "100 MB", "bomb", "chunks", "informational"), sep="\\n")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
def test_memory_is_bounded_whatever_the_length(tmp_path):
    mebibyte = b" " * 2**20
    head = f"{OK}\n".replace("\n", "\r\n").encode()

    def forever(lead: bytes, part: bytes):
        yield head + lead
        while True:
            yield part

    faults = {
        "endless": Fault(raw=lambda: forever(b"\r\n", mebibyte)),
        "100 MB": Fault(200, b" " * 10**8),
        "bomb": encoded("gzip", gzip.compress(mebibyte) * 1000),
        "chunks": Fault(
            raw=lambda: forever(b"Transfer-Encoding: chunked\r\n\r\n", b"100000\r\n" + mebibyte + b"\r\n")
        ),
    }
    wait = b"HTTP/1.1 102 Wait\r\n\r\n" * 1000
    faults["informational"] = Fault(raw=lambda: itertools.repeat(wait))
    with loopback(Loopback(faults=lambda body, _: faults.get(last_text(body)))) as (_, url):
        command = [sys.executable, "-c", MEMORY, url, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    *failures, grown = done.stdout.splitlines()
    assert failures == ["HTTP 200: a body of more than 4 MiB"] * 4 + [
        "no answer after 1 attempts: no answer within 3 s"
    ]
    assert int(grown) < 40  # mebibytes


def test_signs_that_are_piled_up_without_end_are_no_text(tmp_path):
    """Their normal form, which every later stage takes, would need hours."""
    piled = {"q1": "a" + "\u0301\u0327" * 100_000, "q2": "각" * 1000 + "e\u0301" * 1000}
    with loopback(Loopback(lambda body: piled.get(last_text(body), "fine"))) as (_, url):
        requests = {t: {"messages": [{"role": "user", "content": t}]} for t in ("q0", "q1", "q2")}
        replies = ask(requests, Endpoint(model="m", endpoint=url), tmp_path, label="test")
    assert [bool(reply.failure) for reply in replies.values()] == [False, True, False]
    assert "combining signs" in replies["q1"].failure and replies["q2"].text == piled["q2"]


@pytest.mark.parametrize(
    ("body", "least"),
    [
        (completion(message={"content": [{"type": "text", "text": "x"}]}), 40_000),
        ('{"choices": []}', 40_000),
        (completion(finish_reason=["stop"]), 40_000),
        ("<html>", 0),
        (completion(text="x" * 5 * 2**20), 1_000_000),
    ],
)
def test_what_is_no_answer_is_paid_for_as_its_usage_or_its_size_says(tmp_path, body, least):
    """Else an endpoint that bills what we cannot read would be a way around any budget."""
    if least == 40_000:
        body = body[:-1] + ', "usage": {"prompt_tokens": 20000, "completion_tokens": 20000}}'
    (tmp_path / "prices.yaml").write_text(
        "{currency: USD, models: {m: {input: 1, output: 1, date: x, source: made up for a test}}}"
    )
    policy = Policy(prices=tmp_path / "prices.yaml", spending=tmp_path / "spending")
    with loopback(Loopback(faults=lambda *_: Fault(200, body))) as (state, url):
        endpoint = Endpoint(model="m", endpoint=url, max_attempts=1, policy=policy)
        asked = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 9}
        with suppress(KomepError):  # nothing was ever answered
            ask({"a": asked}, endpoint, tmp_path / "w", label="test")
    amount, calls = spent_in(tmp_path / "spending")
    assert calls == len(state.calls) == 1
    assert amount * 1e6 >= max(least, 9)


KEY = "sk-SeCrEt_abcdef0123456789"


@pytest.mark.parametrize(
    "head", ["HTTP/1.1 200 OK\nX: {}", "HTTP/1.1 200 {}", "HTTP/1.1 {}"], ids=["header", "reason", "status"]
)
@pytest.mark.parametrize("pad", range(70, 100, 3))
def test_no_part_of_a_key_is_kept_where_a_line_is_cut(tmp_path, monkeypatch, head, pad):
    monkeypatch.setenv("A_KEY", KEY)
    line = "a" * pad + KEY + "b" * 9000
    replies, _ = asked(tmp_path, http(head.format(line)), api_key_env="A_KEY", max_attempts=1)
    assert replies["bad"].failure and KEY[:6] not in replies["bad"].failure
    assert KEY[:6] not in (tmp_path / "engine.log").read_text()


def test_no_key_is_told_as_a_doubtful_count(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("A_KEY", KEY)
    (tmp_path / "prices.yaml").write_text(
        "{currency: USD, models: {m: {input: 1, output: 1, date: x, source: made up for a test}}}"
    )
    policy = Policy(prices=tmp_path / "prices.yaml", spending=tmp_path / "spending")
    said = with_usage(json.dumps({"prompt_tokens": KEY, "completion_tokens": KEY + "x" * 100}))
    asked(tmp_path, Fault(200, said), api_key_env="A_KEY", policy=policy)
    told = capfd.readouterr().err
    assert "prompt_tokens is no count (str)" in told
    assert KEY[:6] not in told + (tmp_path / "engine.log").read_text()


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one(tmp_path, monkeypatch):
    """It comes over a connection that waits to be used again, for long enough to be read."""
    monkeypatch.setattr(loop, "COMMIT_SECONDS", 0.2)

    def twice(body: dict) -> Fault:
        right = completion(message={"content": f"re: {last_text(body)}"}).encode()
        stale = completion(message={"content": "stale"}).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"

        def parts():
            yield head % len(right) + right
            time.sleep(0.001)
            yield head % len(stale) + stale
            time.sleep(0.6)  # else the server would close the connection before it is used again

        return Fault(raw=parts)

    with loopback(Loopback(faults=lambda body, _: twice(body))) as (_, url):
        requests = {f"q{i}": {"messages": [{"role": "user", "content": f"q{i}"}]} for i in range(6)}
        endpoint = Endpoint(model="m", endpoint=url, concurrency=2)
        replies = ask(requests, endpoint, tmp_path, label="test")
    assert {name: reply.text for name, reply in replies.items()} == {f"q{i}": f"re: q{i}" for i in range(6)}


def test_every_kind_of_reply_is_judged():
    def completion(**choice):
        return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 4}})

    def judged(max_tokens=None, **choice):
        return read_reply(200, None, completion(**choice), max_tokens)[0]

    said = {"message": {"content": "x"}}
    assert judged(**said, finish_reason="length").finish_reason == "length"
    assert judged(**said, finish_reason=None, max_tokens=4).finish_reason == "length"
    assert judged(**said, finish_reason=None, max_tokens=5).finish_reason == "stop"
    assert judged(message={"content": None}, finish_reason="stop").text == ""
    assert (
        judged(message={"content": "a\ufffdb\U0001f912"}, finish_reason="stop").text == "a\ufffdb\U0001f912"
    )
    assert judged(text="plain", finish_reason="stop").text == "plain"
    for usage in ('"usage": null', '"usage": {"prompt_tokens": "3"}', '"x": 1'):
        body = '{"choices": [{"text": "a", "finish_reason": "stop"}], ' + usage + "}"
        reply, _ = read_reply(200, None, body, None)
        assert reply.prompt_tokens is None and reply.completion_tokens is None
    for status, error in (
        (402, Stop),
        (401, Barred),
        (302, Barred),
        (408, Again),
        (529, Again),
        (422, Refused),
    ):
        with pytest.raises(error):
            read_reply(status, None, "", None)


FILTERED = [
    (400, '{"error": {"code": "content_filter", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}'),
    (400, '{"error": {"code": "data_inspection_failed", "message": "may contain inappropriate content"}}'),
    (403, '{"error": {"message": "This model requires moderation and your input was flagged"}}'),
    (422, '{"error": {"type": "content_policy_violation"}}'),
    (400, '{"error": {"message": "Output blocked by content filtering policy"}}'),
    (
        400,
        '{"error": {"code": "invalid_prompt", "message": "flagged as potentially violating our usage policy"}}',
    ),
    (400, '{"code": "sensitive_words_detected"}'),
]
ACCOUNTS = (
    "Your account was flagged? contact billing",
    "Invalid parameter: safety_settings unknown",
    "Your organization policy does not allow this model",
    'an answer to {"input": "Is it harmful content?"}',
)


@pytest.mark.parametrize(("status", "body"), FILTERED)
def test_a_filter_refuses_its_row_alone_and_is_not_asked_again(tmp_path, status, body):
    replies, state = asked(tmp_path, Fault(status, body))
    bad = replies["bad"]
    assert bad.filtered and bad.failure == f"HTTP {status}: {body}" and len(state.calls) == 3
    again, _ = asked(tmp_path / "b", Fault(status, "a filter of water in the moderation of heat"))
    assert not again["bad"].filtered and again["bad"].failure


def test_where_a_filter_refuses_everything_the_run_ends(tmp_path):
    state = Loopback(faults=lambda *_: Fault(*FILTERED[0]))
    with loopback(state) as (_, url), pytest.raises(KomepError, match="50 requests in a row got no answer"):
        ask_all(url, tmp_path, [request(str(i)) for i in range(90)])


@pytest.mark.parametrize("said", ACCOUNTS)
def test_what_is_no_filter_for_contents_is_none(said):
    with pytest.raises((Refused, Barred)) as error:
        read_reply(400, None, said, None)
    assert not isinstance(error.value, Filtered)
