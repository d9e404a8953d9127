"""The openai backend against a loopback server: what it asks, once and at once, and what it refuses."""

import types

import pytest

from evaluation.backends.openai import request_body
from evaluation.harness.output import read_evaluation
from evaluation.harness.prompts import Prompt
from tests.evaluation.runs import command, predictions, run
from tests.loopback import Fault, Loopback, loopback


@pytest.fixture()
def served(question_folder, tmp_path):
    """(state of a server that answers "정답은 C입니다.", a function that evaluates it)."""
    state = Loopback(reply=lambda body: " C입니다\n\nQ: 다음")
    with loopback(state) as (_, url):

        def evaluate(*more: str, output: str = "out") -> int:
            return run(
                *command(
                    "any/model",
                    question_folder,
                    tmp_path / output,
                    "--backend",
                    "openai",
                    "--endpoint",
                    url,
                    *more,
                )
            )

        yield state, evaluate


def test_an_endpoint_is_asked_once_and_concurrently(served, tmp_path):
    state, evaluate = served
    state.delay = 0.2
    assert evaluate("--concurrency", "6") == 0
    assert len(state.calls) == 12 and 2 <= state.most_in_flight <= 6
    results = read_evaluation(tmp_path / "out").results
    assert {p.generation for p in read_evaluation(tmp_path / "out").predictions} == {
        " C입니다"
    }  # cut at the stop
    assert results["parse_rate_robust"] == 1.0 and results["config"]["backend"] == "openai"
    first = predictions(tmp_path / "out")
    assert evaluate("--concurrency", "6") == 0
    assert len(state.calls) == 12  # every answer was kept
    assert predictions(tmp_path / "out") == first


def test_requests_are_plain_text_or_one_chat_message(served, question_folder):
    state, evaluate = served
    assert evaluate() == 0 and set(state.paths) == {"/v1/completions"}
    body = state.calls[0]
    assert body["prompt"].endswith("정답：") and body["temperature"] == 0 and body["max_tokens"] == 6
    assert len(body["stop"]) == 4 and body["stop"][:3] == ["Q:", ".", "\n\n"]  # OpenAI takes four
    state.paths.clear()
    assert evaluate("--chat-template", output="chat") == 0 and set(state.paths) == {"/v1/chat/completions"}
    assert state.calls[-1]["messages"][0]["role"] == "user" and len(state.calls[-1]["messages"]) == 1


def test_questions_without_an_answer_stop_the_run_and_are_asked_again(served, tmp_path, capsys):
    state, evaluate = served
    state.faults = lambda body, attempt: Fault(400, "too long") if "문항 7." in body["prompt"] else None
    assert evaluate() == 1
    error = capsys.readouterr().err
    assert "1 of 12 questions got no answer" in error and "too long" in error and "Traceback" not in error
    assert not (tmp_path / "out" / "results.json").exists()
    state.faults, before = None, len(state.calls)
    assert evaluate() == 0 and len(state.calls) == before + 1
    assert read_evaluation(tmp_path / "out").results["config"]["resumed_questions"] == 11


def test_a_parameter_that_the_endpoint_refuses_is_left_out_and_stands_in_the_results(
    served, tmp_path, capsys
):
    state, evaluate = served
    state.faults = lambda body, _: (
        Fault(400, "unknown parameter: 'max_tokens'") if "max_tokens" in body else None
    )
    assert evaluate() == 0
    assert "max_tokens (sent as max_completion_tokens)" in capsys.readouterr().err
    assert read_evaluation(tmp_path / "out").results["config"]["left_out"] == ["max_tokens"]


@pytest.mark.parametrize(("reply", "warned"), [("", True), (" C", False)])
def test_replies_without_a_letter_are_told(served, capsys, reply, warned):
    state, evaluate = served
    state.reply = lambda body: reply
    assert evaluate() == 0
    assert (
        "warning: 100% of the replies hold no letter" in " ".join(capsys.readouterr().out.split())
    ) == warned


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(served, tmp_path, monkeypatch, capsys):
    state, evaluate = served
    assert evaluate("--api-key-env", "NO_SUCH_KEY") == 1
    assert "NO_SUCH_KEY is not set" in capsys.readouterr().err
    monkeypatch.setenv("TEST_KEY", "sk-very-secret-and-long")
    assert evaluate("--api-key-env", "TEST_KEY") == 0
    assert set(state.authorizations) == {"Bearer sk-very-secret-and-long"}
    written = b"".join(p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert b"very-secret" not in written and b"TEST_KEY" in written


def test_what_an_endpoint_cannot_do_is_refused(served, capsys):
    _, evaluate = served
    assert evaluate("--scoring", "logits") == 2
    assert "--scoring logits needs --backend transformers" in capsys.readouterr().err


def test_stop_strings_made_of_text_go_first():
    options = types.SimpleNamespace(chat_template=False, max_new_tokens=1)
    stops = ("<|im_end|>", "a", "</s>", "b", "c")
    assert request_body(Prompt("x", None, 0, 5), options, stops)["stop"] == ["a", "b", "c", "<|im_end|>"]
