"""The engine's edge against a loopback endpoint: keys, retries, stops, the reply log, what a kill leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from komep_dataset.config.config import Judge
from komep_dataset.errors import KomepError
from komep_dataset.inference.answers import Again, Barred, Refused, Stop, read_reply
from komep_dataset.inference.ask import Body, ask
from komep_dataset.inference.reply_log import REPLIES, Reply, ReplyLog, open_log
from tests.loopback import Fault, Loopback, last_text, loopback

SECRET = "sk-komep-0123456789abcdef"


def endpoint(url: str, **changes) -> Judge:
    return Judge(**{"endpoint": url, "model": "m", "concurrency": 4, "max_attempts": 2} | changes)


def request(id: str, text: str | None = None, **changes) -> tuple[str, Body]:
    return id, ({"messages": [{"role": "user", "content": text or id}], "temperature": 0.0} | changes)


def echo(body: dict) -> str:
    return f"re: {last_text(body)}"


def ask_all(url: str, folder: Path, requests: list[tuple[str, Body]], **changes) -> dict[str, Reply]:
    return ask(dict(requests), endpoint(url, **changes), folder, label="test")


def test_replies_join_by_key_whatever_the_order_of_arrival(tmp_path):
    def slow_first(body):
        time.sleep(0.2 if last_text(body) == "q0" else 0.0)
        return echo(body)

    with loopback(Loopback(slow_first)) as (_, url):
        replies = ask_all(url, tmp_path, [request(f"q{i}") for i in range(8)])
    assert {id: reply.text for id, reply in replies.items()} == {f"q{i}": f"re: q{i}" for i in range(8)}
    assert replies["q0"] == Reply("re: q0", "stop", 7, 5)


def test_equal_requests_are_asked_once_and_other_sampling_is_another_request(tmp_path):
    with loopback(Loopback(echo)) as (state, url):
        replies = ask_all(url, tmp_path, [request("a", "x"), request("b", "x"), request("c", "x", seed=1)])
    assert len(state.calls) == 2
    assert [replies[id].text for id in "abc"] == ["re: x"] * 3


def test_what_was_answered_is_not_asked_again_but_another_model_is(tmp_path):
    with loopback(Loopback(echo)) as (state, url):
        ask_all(url, tmp_path, [request("a")])
        ask_all(url, tmp_path, [request("renamed", "a"), request("b")])
        assert [last_text(body) for body in state.calls] == ["a", "b"]
        ask_all(url, tmp_path, [request("a")], model="other")
    assert len(state.calls) == 3


def test_nothing_to_ask_needs_neither_key_nor_endpoint(tmp_path):
    with loopback(Loopback(echo)) as (_, url):
        ask_all(url, tmp_path, [request("a")])
    replies = ask_all(url, tmp_path, [request("a")], api_key_env="KOMEP_NO_SUCH_KEY")
    assert replies["a"].text == "re: a"


def test_never_more_in_flight_than_configured(tmp_path):
    with loopback(Loopback(echo, delay=0.03)) as (state, url):
        ask_all(url, tmp_path, [request(str(i)) for i in range(30)], concurrency=3)
    assert len(state.calls) == 30
    assert state.most_in_flight == 3


FAULTS = {
    "500": Fault(500, '{"error": "boom"}'),
    "overload with seconds": Fault(429, "{}", {"Retry-After": "0"}),
    "overload with a date": Fault(503, "{}", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
    "connection reset": Fault(reset=True),
    "no choices": Fault(200, '{"choices": []}'),
    "no message": Fault(200, '{"choices": [{"index": 0}]}'),
    "content is a number": Fault(200, '{"choices": [{"message": {"content": 3}}]}'),
    "HTML": Fault(200, "<html><body>Gateway</body></html>"),
    "not an object": Fault(200, "[]"),
    "null": Fault(200, "null"),
    "JSON that ends too early": Fault(200, '{"choices": [{"message": {"content": "re'),
    "a body that ends too early": Fault(200, '{"choices": [{"message": {"content": "x"}}]}', cut=True),
    "no answer in time": Fault(200, "{}", stall=0.6),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_that_passes_is_retried(tmp_path, fault):
    with loopback(Loopback(echo, faults=lambda _, attempt: fault if attempt == 1 else None)) as (state, url):
        replies = ask_all(url, tmp_path, [request("a")], timeout=0.4)
    assert replies["a"].text == "re: a"
    assert len(state.calls) == 2


def test_retry_after_is_waited_for(tmp_path):
    fault = Fault(429, "{}", {"Retry-After": "1.5"})
    with loopback(Loopback(echo, faults=lambda _, attempt: fault if attempt == 1 else None)) as (_, url):
        start = time.monotonic()
        ask_all(url, tmp_path, [request("a")])
    assert time.monotonic() - start >= 1.5


@pytest.mark.parametrize(
    ("fault", "calls", "said"),
    [
        (Fault(400, '{"error": "context too long"}'), 1, 'HTTP 400: {"error": "context too long"}'),
        (Fault(500, "boom"), 2, "no answer after 2 attempts: HTTP 500: boom"),
        (
            Fault(200, '{"choices": [{"message": {"content": "x"}, "finish_reason": "content_filter"}]}'),
            1,
            "withheld",
        ),
        (
            Fault(200, '{"choices": [{"message": {"content": null, "refusal": "I cannot"}}]}'),
            1,
            "the model refused: I cannot",
        ),
        (Fault(200, "{}", stall=0.6), 2, "no answer after 2 attempts: no answer within 0.4 s"),
        (Fault(reset=True), 2, "ServerDisconnectedError"),
    ],
)
def test_a_failure_is_a_reply_with_a_reason_is_not_kept_and_is_asked_again(tmp_path, fault, calls, said):
    broken = [True]
    plan = lambda body, _: fault if broken[0] and last_text(body) == "bad" else None  # noqa: E731
    with loopback(Loopback(echo, faults=plan)) as (state, url):
        replies = ask_all(url, tmp_path, [request("bad"), request("good")], timeout=0.4)
        assert replies["good"].text == "re: good"
        assert replies["bad"].failure and said in replies["bad"].failure
        assert len(state.calls) == calls + 1
        assert "bad" not in "".join(
            json.loads(x)["text"] for x in (tmp_path / REPLIES).read_text().splitlines()
        )
        broken[0] = False
        assert ask_all(url, tmp_path, [request("bad"), request("good")])["bad"].text == "re: bad"
    assert len(state.calls) == calls + 2


@pytest.mark.parametrize(
    ("fault", "calls", "said"),
    [
        (Fault(401, '{"error": "bad key"}'), 3, "check the key in KOMEP_TEST_KEY"),
        (Fault(403, "{}"), 3, "may not use the model 'm'"),
        (Fault(404, '{"error": "no such model"}'), 3, "check `endpoint` and `model` ('m')"),
        (Fault(307, "", {"Location": "http://127.0.0.1:9/"}), 3, "sends requests elsewhere"),
        (Fault(402, "{}"), 1, "the account has no credit"),
        (Fault(429, '{"error": {"code": "insufficient_quota"}}'), 1, "no quota left"),
    ],
)
def test_a_wrong_key_or_model_stops_the_run_soon(tmp_path, monkeypatch, fault, calls, said):
    monkeypatch.setenv("KOMEP_TEST_KEY", SECRET)
    with (
        loopback(Loopback(echo, faults=lambda *_: fault)) as (state, url),
        pytest.raises(KomepError) as caught,
    ):
        requests = [request(str(i)) for i in range(200)]
        ask_all(url, tmp_path, requests, concurrency=1, api_key_env="KOMEP_TEST_KEY")
    assert said in str(caught.value)
    assert len(state.calls) == calls


def test_no_quota_in_the_midst_stops_at_once_and_keeps_what_was_answered(tmp_path):
    empty = Fault(429, '{"error": {"code": "insufficient_quota"}}')
    state = Loopback(echo, faults=lambda body, _: None if last_text(body) == "0" else empty)
    with loopback(state) as (_, url), pytest.raises(KomepError, match="no quota left"):
        ask_all(url, tmp_path, [request(str(i)) for i in range(200)], concurrency=1)
    assert len(state.calls) == 2
    assert len((tmp_path / REPLIES).read_text().splitlines()) == 1


def test_an_endpoint_that_is_down_ends_the_run_instead_of_failing_every_row(tmp_path):
    with loopback() as (_, url):
        pass  # the port is free again: nobody listens
    with pytest.raises(KomepError, match="50 requests in a row got no answer"):
        ask_all(url, tmp_path, [request(str(i)) for i in range(120)], max_attempts=1)


def test_an_unset_key_is_named_before_anything_is_asked(tmp_path, monkeypatch):
    monkeypatch.delenv("KOMEP_TEST_KEY", raising=False)
    with loopback() as (state, url), pytest.raises(KomepError, match="KOMEP_TEST_KEY"):
        ask_all(url, tmp_path, [request("a")], api_key_env="KOMEP_TEST_KEY")
    assert not state.calls


def test_the_key_is_sent_and_never_written_even_when_the_endpoint_echoes_it(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("KOMEP_TEST_KEY", SECRET)

    def plan(body, attempt):
        if last_text(body) == "bad":
            return Fault(400, json.dumps({"error": f"you sent Bearer {SECRET}"}))
        return Fault(500, f"trace {SECRET}") if attempt == 1 else None

    with loopback(Loopback(lambda _: f"your key is {SECRET}", faults=plan)) as (state, url):
        replies = ask_all(url, tmp_path, [request("a"), request("bad")], api_key_env="KOMEP_TEST_KEY")
    assert set(state.authorizations) == {f"Bearer {SECRET}"}
    assert "***" in replies["bad"].failure and replies["a"].text == "your key is ***"
    out = capfd.readouterr()
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert files and not any(SECRET in p.read_text("utf-8") for p in files)
    assert SECRET not in out.out + out.err


ESCAPES = {
    "JSON": lambda c: f"\\u{ord(c):04x}",
    "JSON in JSON": lambda c: f"\\\\u{ord(c):04X}",
    "hex": lambda c: f"\\x{ord(c):02X}",
    "an address": lambda c: f"%{ord(c):02x}",
    "HTML": lambda c: f"&#{ord(c)};",
    "HTML, hex": lambda c: f"&#x{ord(c):X};",
}


@pytest.mark.parametrize("secret", [SECRET, "sk/k.$0k"], ids=["long", "short"])
@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES)
def test_a_key_that_is_echoed_escaped_is_masked_in_all_that_is_kept_or_shown(
    tmp_path, monkeypatch, escape, secret
):
    """Wherever it stands, whatever is escaped: once by us, and once more by the JSON that carries it."""
    monkeypatch.setenv("KOMEP_TEST_KEY", secret)
    written = "".join(escape(c) if i % 3 else c for i, c in enumerate(secret))
    all_escaped = "".join(f"\\u{ord(c):04x}" for c in secret)  # what json.loads makes plain again
    plain = '{"choices": [{"message": {"content": "it is %s"}, "finish_reason": "%s"}]}'
    faults = {
        "refused": Fault(400, f"you sent {written}"),
        "withheld": Fault(200, plain % ("x", all_escaped)),
        "decoded": Fault(200, plain % (all_escaped, "stop")),
        "no completion": Fault(200, f'{{"error": "{written}"}}'),
        "cut": Fault(400, "x" * 295 + written),
        "no HTTP": Fault(raw=lambda: [f"HTTP/1.1 {secret}\r\n\r\n".encode()]),
    }
    state = Loopback(lambda _: f"it is {written}", faults=lambda body, _: faults.get(last_text(body)))
    with loopback(state) as (_, url):
        requests = [request(text) for text in ("answered", *faults)]
        replies = ask_all(url, tmp_path, requests, max_attempts=1, api_key_env="KOMEP_TEST_KEY")
    assert replies["answered"].text == replies["decoded"].text == "it is ***"
    assert replies["refused"].failure == "HTTP 400: you sent ***"
    assert replies["cut"].failure == f"HTTP 400: {'x' * 295}***"
    for name in ("withheld", "no completion"):
        assert "***" in replies[name].failure and secret not in replies[name].failure
    assert replies["no HTTP"].failure and secret[:6] not in replies["no HTTP"].failure
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and secret in p.read_text("utf-8")]


def test_nothing_is_said_where_nobody_watches(tmp_path, capfd):
    with loopback(Loopback(echo)) as (_, url):
        ask_all(url, tmp_path, [request("a")])
    out = capfd.readouterr()
    assert (out.out, out.err) == ("", "")
    assert "test: 1 to ask, 1 answered, 0 failed" in (tmp_path / "engine.log").read_text("utf-8")


def test_plain_prompts_go_to_completions(tmp_path):
    with loopback(Loopback(echo)) as (state, url):
        replies = ask_all(url, tmp_path, [("a", {"prompt": "say", "temperature": 0.0})])
    assert state.paths == ["/v1/completions"] and replies["a"].text == "re: say"
    gone = Fault(404, "no such path")
    with (
        loopback(Loopback(echo, faults=lambda *_: gone)) as (_, url),
        pytest.raises(KomepError, match="dahl-hf needs plain-text completions"),
    ):
        ask_all(url, tmp_path, [("a", {"prompt": "say", "temperature": 0.0})])


def test_missing_extra_is_named(tmp_path, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "datatrove" else real(name, *a)
    )
    with pytest.raises(KomepError, match=r"needs the extra \[llm\] \(not installed: datatrove\)"):
        ask_all("http://127.0.0.1:9/v1", tmp_path, [request("a")])


@pytest.mark.parametrize("tail", [b'{"key": "b", "te', b"\x00\x00\x00", b'{"key": "b", "text": "\xed\x95'])
def test_a_line_cut_short_by_a_kill_is_taken_off(tmp_path, tail):
    path = tmp_path / REPLIES
    with open_log(path) as log:
        log.add([("a", Reply("한국어", "stop", 1, None))])
    with path.open("ab") as file:
        file.write(tail)
    with open_log(path) as log:
        assert "b" not in log.rows and log.rows["a"] == Reply("한국어", "stop", 1, None)
        log.add([("b", Reply("x\u2028y", "length"))])
    with open_log(path) as log:
        assert log.rows["b"] == Reply("x\u2028y", "length")


def test_an_unreadable_line_in_the_middle_costs_that_answer_alone(tmp_path):
    path = tmp_path / REPLIES
    with open_log(path) as log:
        log.add([("a", Reply("1", "stop"))])
    line = path.read_bytes()
    path.write_bytes(line + b"garbage\n[]\n{}\n" + line.replace(b'"a"', b'"b"'))
    with open_log(path) as log:
        assert log.rows.keys() == {"a", "b"}


def test_replies_that_arrive_together_are_written_together(tmp_path, monkeypatch):
    writes = []
    monkeypatch.setattr(
        ReplyLog,
        "add",
        lambda log, rows, add=ReplyLog.add: (writes.append(len(rows)), add(log, rows)),
    )
    with loopback(Loopback(echo, delay=0.05)) as (_, url):
        replies = ask_all(url, tmp_path, [request(f"q{i}") for i in range(64)], concurrency=32)
    assert len(replies) == sum(writes) == 64
    assert len(writes) < 32
    assert len((tmp_path / REPLIES).read_text().splitlines()) == 64


def test_a_failure_cannot_be_kept(tmp_path):
    with open_log(tmp_path / REPLIES) as log, pytest.raises(ValueError):
        log.add([("a", Reply("", "failed", failure="boom"))])
    assert (tmp_path / REPLIES).read_bytes() == b""


def test_two_runs_cannot_work_in_one_folder(tmp_path):
    with open_log(tmp_path / REPLIES), pytest.raises(KomepError, match="another run is at work"):
        open_log(tmp_path / REPLIES).__enter__()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KomepError, match="cannot be written"):
        open_log(tmp_path / "file" / REPLIES).__enter__()


FULL_DISK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from pathlib import Path
from komep_dataset.config.config import Judge
from komep_dataset.errors import KomepError
from komep_dataset.inference.ask import ask
requests = {f"q{i}": {"messages": [{"role": "user", "content": f"q{i}"}]} for i in range(100)}
try:
    ask(requests, Judge(endpoint=sys.argv[1], model="m", concurrency=8), Path(sys.argv[2]), label="test")
except KomepError as error:
    print(error)
"""


def test_a_disk_that_is_full_ends_the_run_with_a_message(tmp_path):
    with loopback(Loopback(lambda body: echo(body) * 200)) as (_, url):
        command = [sys.executable, "-c", FULL_DISK, url, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.stdout == f"{tmp_path}: replies cannot be written (No space left on device)\n"
        assert done.stderr == ""
        # What was cut short is taken off, and the run goes on where there is room.
        replies = ask_all(url, tmp_path, [request(f"q{i}") for i in range(100)], concurrency=8)
    assert not any(reply.failure for reply in replies.values())


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
    assert judged(message={"content": "a\ud800b"}, finish_reason="stop").text == "a\ufffdb"
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


KILLED = """
import json, sys
from pathlib import Path
from komep_dataset.config.config import Judge
from komep_dataset.inference.ask import ask
url, folder, out = sys.argv[1:]
requests = {f"q{i}": {"messages": [{"role": "user", "content": f"q{i}"}]} for i in range(120)}
replies = ask(requests, Judge(endpoint=url, model="m", concurrency=8), Path(folder), label="test")
Path(out).write_text(json.dumps({id: reply.text for id, reply in replies.items()}))
"""


def test_after_kill_9_only_what_was_in_flight_is_asked_again(tmp_path):
    command = [sys.executable, "-c", KILLED]
    with loopback(Loopback(echo, delay=0.05)) as (state, url):
        for calls in (30, 60):
            child = subprocess.Popen([*command, url, str(tmp_path / "work"), str(tmp_path / "out")])
            deadline = time.monotonic() + 60
            while len(state.calls) < calls and time.monotonic() < deadline:
                time.sleep(0.005)
            os.kill(child.pid, signal.SIGKILL)
            assert child.wait() == -signal.SIGKILL
        assert not (tmp_path / "out").exists()
        subprocess.run([*command, url, str(tmp_path / "work"), str(tmp_path / "out")], check=True, timeout=60)
    replies = json.loads((tmp_path / "out").read_text())
    assert replies == {f"q{i}": f"re: q{i}" for i in range(120)}
    assert 120 < len(state.calls) <= 120 + 2 * 8
