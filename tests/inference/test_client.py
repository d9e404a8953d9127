"""The client's edge against a loopback endpoint: attempts, waits, stops, groups of replies, a full disk."""

import asyncio
import json

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.inference.reply_log import REPLIES
from tests.inference.asking import SECRET, ask_all, echo, request
from tests.inference.asking import no_wait as no_wait
from tests.loopback import Fault, Loopback, last_text, loopback


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
    "no answer in time": Fault(200, "{}", stall=1.5),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_that_passes_is_retried(tmp_path, fault):
    with loopback(Loopback(echo, faults=lambda _, attempt: fault if attempt == 1 else None)) as (state, url):
        replies = ask_all(url, tmp_path, [request("a")], timeout=1.2)
    assert replies["a"].text == "re: a"
    assert len(state.calls) == 2


def test_retry_after_is_waited_for(tmp_path, monkeypatch):
    waits, sleep = [], asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda seconds: waits.append(seconds) or sleep(seconds))
    fault = Fault(429, "{}", {"Retry-After": "0.375"})
    with loopback(Loopback(echo, faults=lambda _, attempt: fault if attempt == 1 else None)) as (_, url):
        ask_all(url, tmp_path, [request("a")])
    assert 0.375 in waits


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
        (Fault(200, "{}", stall=1.5), 2, "no answer after 2 attempts: no answer within 1.2 s"),
        (Fault(reset=True), 2, "ServerDisconnectedError"),
    ],
)
def test_a_failure_is_a_reply_with_a_reason_is_not_kept_and_is_asked_again(tmp_path, fault, calls, said):
    broken = [True]
    plan = lambda body, _: fault if broken[0] and last_text(body) == "bad" else None  # noqa: E731
    with loopback(Loopback(echo, faults=plan)) as (state, url):
        replies = ask_all(url, tmp_path, [request("bad"), request("good")], timeout=1.2)
        assert replies["good"].text == "re: good"
        assert replies["bad"].failure and said in replies["bad"].failure
        assert len(state.calls) == calls + 1
        assert "bad" not in "".join(
            json.loads(x)["text"] for x in (tmp_path / REPLIES).read_text().splitlines()
        )
        broken[0] = False
        assert ask_all(url, tmp_path, [request("bad"), request("good")])["bad"].text == "re: bad"
    assert len(state.calls) == calls + 2


def test_a_refusal_in_a_field_of_its_own_is_kept_and_fails_who_needs_an_answer(tmp_path):
    said = '{"choices": [{"message": {"content": null, "refusal": "I cannot"}, "finish_reason": "stop"}]}'
    with loopback(Loopback(echo, faults=lambda *_: Fault(200, said))) as (state, url):
        for _ in range(2):
            reply = ask_all(url, tmp_path, [request("bad")])["bad"]
            assert (reply.text, reply.finish_reason, reply.given) == ("I cannot", "refused", "")
            assert reply.failure == "the model refused: I cannot"
    assert len(state.calls) == 1


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


def test_plain_prompts_go_to_completions(tmp_path):
    with loopback(Loopback(echo)) as (state, url):
        replies = ask_all(url, tmp_path, [("a", {"prompt": "say", "temperature": 0.0})])
    assert state.paths == ["/v1/completions"] and replies["a"].text == "re: say"
    gone = Fault(404, "no such path")
    with (
        loopback(Loopback(echo, faults=lambda *_: gone)) as (_, url),
        pytest.raises(KomepError, match="needs plain-text completions"),
    ):
        ask_all(url, tmp_path, [("a", {"prompt": "say", "temperature": 0.0})])
