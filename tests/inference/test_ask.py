"""Asking: joined by key, asked once, nothing lost by a kill."""

import json
import signal
import subprocess
import time

import pytest

from komep_dataset.config.config import Judge
from komep_dataset.errors import KomepError
from komep_dataset.inference import ask as asking
from komep_dataset.inference.ask import judge_body
from komep_dataset.inference.jobs import JOBS, write_shards
from komep_dataset.inference.reply_log import Reply
from komep_dataset.prompts.messages import check_messages
from tests import warm
from tests.inference.asking import ask_all, echo, request
from tests.loopback import Loopback, last_text, loopback


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


def test_a_folder_with_the_name_of_a_model_asks_nothing_again_as_it_fills(tmp_path, monkeypatch):
    """As in `evaluation.run --model exam --output exam`; other weights in a folder of a model are another model."""
    monkeypatch.chdir(tmp_path)
    with loopback(Loopback(echo)) as (state, url):
        for name, calls in (("results.json", 1), ("predictions.jsonl", 1), ("config.json", 2)):
            ask_all(url, tmp_path / "exam", [request("a")], model="exam")
            (tmp_path / "exam" / name).write_text("{}")
            ask_all(url, tmp_path / "exam", [request("a")], model="exam")
            assert len(state.calls) == calls


def test_kept_replies_of_which_none_fits_are_told_before_all_is_paid_for_anew(tmp_path, capsys, monkeypatch):
    with loopback(Loopback(echo)) as (_, url):
        ask_all(url, tmp_path, [request("a"), request("b")])
        ask_all(url, tmp_path, [request("a"), request("new")])
        ask_all(url, tmp_path, [request("a", seed=1)], model="another judge of the same run")
        assert "asked anew" not in capsys.readouterr().err
        monkeypatch.setattr(asking, "_UNFITTED", {})  # as in another process
        monkeypatch.setattr(asking, "_ANSWERED", set())
        ask_all(url, tmp_path, [request("a")])
        assert "asked anew" not in capsys.readouterr().err
        ask_all(url, tmp_path, [request("a", seed=2)], model="other")
        told = capsys.readouterr().err
    assert f"of 4 replies kept in {tmp_path} none fits" in told
    assert "asked anew: 1" in told


def test_what_workers_left_behind_when_they_were_stopped_is_removed_where_nothing_is_left_to_ask(tmp_path):
    with loopback(Loopback(echo)) as (state, url):
        ask_all(url, tmp_path, [request("a")])
        write_shards({"00000000": {}}, tmp_path, 1)
        (tmp_path / JOBS / "notes.txt").write_text("mine")
        ask_all(url, tmp_path, [request("a")])
    assert len(state.calls) == 1
    assert [path.name for path in (tmp_path / JOBS).iterdir()] == ["notes.txt"]


def test_nothing_to_ask_needs_neither_key_nor_endpoint(tmp_path):
    with loopback(Loopback(echo)) as (_, url):
        ask_all(url, tmp_path, [request("a")])
    replies = ask_all(url, tmp_path, [request("a")], api_key_env="KOMEP_NO_SUCH_KEY")
    assert replies["a"].text == "re: a"


def test_an_unset_key_is_named_before_anything_is_asked(tmp_path, monkeypatch):
    monkeypatch.delenv("KOMEP_TEST_KEY", raising=False)
    with loopback() as (state, url), pytest.raises(KomepError, match="KOMEP_TEST_KEY"):
        ask_all(url, tmp_path, [request("a")], api_key_env="KOMEP_TEST_KEY")
    assert not state.calls


def test_nothing_is_said_where_nobody_watches(tmp_path, capfd):
    with loopback(Loopback(echo)) as (_, url):
        ask_all(url, tmp_path, [request("a")])
    out = capfd.readouterr()
    assert (out.out, out.err) == ("", "")
    assert "test: 1 to ask, 1 answered, 0 failed" in (tmp_path / "engine.log").read_text("utf-8")


def test_missing_extra_is_named(tmp_path, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "datatrove" else real(name, *a)
    )
    with pytest.raises(KomepError, match=r"needs the extra \[llm\] \(not installed: datatrove\)"):
        ask_all("http://127.0.0.1:9/v1", tmp_path, [request("a")])


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
    program = tmp_path / "killed.py"
    program.write_text(KILLED)
    command = [warm.python("komep"), str(program)]
    with loopback(Loopback(echo, delay=0.05)) as (state, url):
        for calls in (30, 60):
            child = subprocess.Popen([*command, url, str(tmp_path / "work"), str(tmp_path / "out")])
            deadline = time.monotonic() + 300
            while len(state.calls) < calls and time.monotonic() < deadline:
                time.sleep(0.005)
            child.send_signal(warm.KILL)
            assert child.wait() == -signal.SIGKILL
        assert not (tmp_path / "out").exists()
        subprocess.run(
            [*command, url, str(tmp_path / "work"), str(tmp_path / "out")], check=True, timeout=300
        )
    replies = json.loads((tmp_path / "out").read_text())
    assert replies == {f"q{i}": f"re: q{i}" for i in range(120)}
    assert 120 < len(state.calls) <= 120 + 2 * 8


def test_a_judge_is_greedy_unless_it_is_told_to_sample():
    place = {"endpoint": "http://127.0.0.1:9/v1", "model": "m"}
    messages = check_messages("The heart pumps blood.", "strict")
    assert judge_body(messages, Judge(**place), 16) == {
        "messages": messages, "temperature": 0.0, "max_tokens": 16,
    }  # fmt: skip
    sampled = judge_body(messages, Judge(**place, temperature=1.0), 16)
    other = judge_body(check_messages("The liver makes bile.", "strict"), Judge(**place, temperature=1.0), 16)
    assert sampled["temperature"] == 1.0
    assert sampled == judge_body(messages, Judge(**place, temperature=1.0), 16)
    assert sampled["seed"] != other["seed"]  # one seed for all would draw the same verdict again and again
