"""When a run ends before its requests do, and how replies are written; against a loopback endpoint."""

import subprocess
import sys
import time

import pytest

from komep_dataset.config.config import Judge
from komep_dataset.errors import KomepError
from komep_dataset.inference.ask import ask
from komep_dataset.inference.reply_log import REPLIES, ReplyLog
from tests.inference.asking import SECRET, ask_all, echo, request
from tests.inference.asking import no_wait as no_wait
from tests.loopback import Fault, Loopback, last_text, loopback

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


def test_a_disk_that_is_full_ends_the_run_with_a_message(tmp_path):
    with loopback(Loopback(lambda body: echo(body) * 200)) as (_, url):
        command = [sys.executable, "-c", FULL_DISK, url, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.stdout == f"{tmp_path}: replies cannot be written (No space left on device)\n"
        assert done.stderr == ""
        # What was cut short is taken off, and the run goes on where there is room.
        replies = ask_all(url, tmp_path, [request(f"q{i}") for i in range(100)], concurrency=8)
    assert not any(reply.failure for reply in replies.values())


@pytest.mark.parametrize("status", [401, 403, 404, 405, 307])
def test_a_status_that_bars_one_text_is_that_rows_failure(tmp_path, status):
    """The fastest answers are those of the moderation: they come while everything else is still in flight."""
    barred = Fault(status, "moderated")
    state = Loopback(
        lambda _: time.sleep(0.2) or "fine", faults=lambda b, _: barred if "bad" in last_text(b) else None
    )
    with loopback(state) as (_, url):
        requests = {
            f"{i}": {"messages": [{"role": "user", "content": f"{i} {'bad' if i < 6 else 'good'}"}]}
            for i in range(12)
        }
        replies = ask(requests, Judge(endpoint=url, model="m", concurrency=8), tmp_path, label="test")
        assert [bool(reply.failure) for reply in replies.values()] == [True] * 6 + [False] * 6
        assert replies["0"].failure == f"HTTP {status}: moderated"
        assert len(state.calls) == 12
        # What is left of a run that was answered is asked again, and bars no more than itself.
        if status == 401:  # which is no text's own: nothing was answered after
            with pytest.raises(KomepError, match="HTTP 401: moderated"):
                ask(requests, Judge(endpoint=url, model="m", concurrency=8), tmp_path, label="test")
            return
        again = ask(requests, Judge(endpoint=url, model="m", concurrency=8), tmp_path, label="test")
        assert [bool(reply.failure) for reply in again.values()] == [True] * 6 + [False] * 6


@pytest.mark.parametrize(("requests", "calls"), [(40, 3), (2, 2), (1, 1)])
def test_an_endpoint_that_bars_everybody_stops_the_run(tmp_path, requests, calls):
    asked = {f"{i}": {"messages": [{"role": "user", "content": f"{i}"}]} for i in range(requests)}
    with loopback(Loopback(faults=lambda *_: Fault(403, "no"))) as (state, url):
        with pytest.raises(KomepError, match="answered HTTP 403: no\nthe key may not use the model 'm'"):
            ask(asked, Judge(endpoint=url, model="m", concurrency=1), tmp_path, label="test")
        assert len(state.calls) == calls


def barred(status: int, good: str = "good") -> Loopback:
    """An endpoint that bars every text that does not hold a word."""
    return Loopback(
        echo, faults=lambda body, _: None if good in last_text(body) else Fault(status, "flagged")
    )


def test_texts_that_are_barred_first_end_no_run_where_the_key_passes_its_own_check(tmp_path):
    state = barred(403)
    state.models = 200
    with loopback(state) as (_, url):
        replies = ask_all(
            url, tmp_path, [request(t) for t in ("b1", "b2", "b3", "b4", "good")], concurrency=1
        )
        assert [reply.text for reply in replies.values()] == [""] * 4 + ["re: good"]
        alone = ask_all(url, tmp_path / "alone", [request("b1")])
        assert alone["b1"].failure == "HTTP 403: flagged"


@pytest.mark.parametrize(("models", "calls"), [(401, 2), (403, 4), (200, 4), (501, 4)])
def test_a_key_that_is_revoked_in_the_midst_ends_the_run(tmp_path, monkeypatch, models, calls):
    """At once where its own check says so, else after some; a later run with a good key asks what is left."""
    monkeypatch.setenv("KOMEP_TEST_KEY", SECRET)
    state = barred(401)
    state.models = models
    texts = [request(t) for t in ("good", *(f"b{i}" for i in range(40)))]
    with loopback(state) as (_, url):
        with pytest.raises(KomepError, match="check the key in KOMEP_TEST_KEY"):
            ask_all(url, tmp_path, texts, concurrency=1, api_key_env="KOMEP_TEST_KEY")
        assert len(state.calls) == calls
        state.faults = None
        replies = ask_all(url, tmp_path, texts, concurrency=1, api_key_env="KOMEP_TEST_KEY")
    assert len(state.calls) == calls + 40 and not any(reply.failure for reply in replies.values())


def test_a_401_is_a_rows_failure_where_others_are_answered_after_it_and_ends_the_run_where_none_is(tmp_path):
    texts = [request(t) for t in ("good 1", "b1", "b2", "good 2", "b3", "b4", "good 3")]
    with loopback(barred(401)) as (_, url):
        replies = ask_all(url, tmp_path, texts, concurrency=1)
        assert [name for name, reply in replies.items() if reply.failure] == ["b1", "b2", "b3", "b4"]
        with pytest.raises(KomepError, match="HTTP 401"):
            ask_all(url, tmp_path / "last", texts[:2], concurrency=1)


def test_votes_on_one_text_that_is_barred_are_one_text(tmp_path):
    with loopback(barred(403)) as (_, url):
        votes = [request(f"v{i}", "b1", seed=i) for i in range(5)]
        replies = ask_all(url, tmp_path, [*votes, request("good")], concurrency=1)
    assert replies["good"].text == "re: good" and replies["v4"].failure == "HTTP 403: flagged"


def test_a_text_that_is_barred_alone_in_a_later_round_is_its_rows_failure(tmp_path):
    """A stage asks some texts again: nothing of that round was answered before, and the model was."""
    with loopback(barred(403)) as (_, url):
        ask_all(url, tmp_path, [request("good")])
        assert ask_all(url, tmp_path, [request("b1")])["b1"].failure == "HTTP 403: flagged"


@pytest.mark.parametrize("status", [400, 403, 451])
def test_any_number_of_refused_texts_ends_no_run_that_others_are_answered_in(tmp_path, status):
    with loopback(barred(status)) as (state, url):
        texts = [request("good"), *(request(f"b{i}") for i in range(70)), request("good at last")]
        replies = ask_all(url, tmp_path, texts, concurrency=1)
    assert len(state.calls) == 72 and replies["good at last"].text == "re: good at last"
