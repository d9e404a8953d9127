"""The openai backend against a loopback server: what it asks, once and at once, and what it refuses."""

import json
import re
from dataclasses import fields
from urllib.parse import urlsplit

import pytest

from evaluation.backends.openai import ASKED_AGAIN, request_body
from evaluation.harness.options import Options
from evaluation.harness.output import read_evaluation
from evaluation.harness.prompts import Prompt
from komep_dataset.config.config import Endpoint, Judge, Responder
from komep_dataset.inference import client, loop
from komep_dataset.inference.wire import reach
from tests.evaluation.runs import command, predictions, run
from tests.loopback import Fault, Loopback, loopback, nobodys_address


@pytest.fixture()
def served(question_folder, tmp_path):
    """(state of a server that answers "정답은 C입니다.", a function that evaluates it)."""
    state = Loopback(reply=lambda body: " C입니다\n\nQ: 다음")
    with loopback(state) as (_, url):
        state.port = str(urlsplit(url).port)

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
    assert len(state.calls) == 12 + ASKED_AGAIN  # every answer was kept, and some were compared
    assert predictions(tmp_path / "out") == first


@pytest.mark.parametrize("finished", [True, False])
def test_other_weights_under_the_same_name_do_not_get_the_old_replies(finished, served, tmp_path, capsys):
    state, evaluate = served
    if not finished:
        state.faults = lambda body, attempt: Fault(400, "too long") if "문항 7." in body["prompt"] else None
    assert evaluate() == int(not finished)
    state.faults, before, kept = (
        None,
        state.reply,
        (tmp_path / "out" / "replies" / "replies.log").read_bytes(),
    )
    state.reply = lambda body: " D입니다"
    assert evaluate() == 1
    error = capsys.readouterr().err
    assert "10 of 10 asked again came out otherwise (' C입니다" in error and "now ' D입니다'" in error
    assert (tmp_path / "out" / "replies" / "replies.log").read_bytes() == kept
    state.reply = lambda body: " E입니다" if "문항 9." in body["prompt"] else before(body)
    assert evaluate() == 0  # a single one may be the sums of a busy server
    assert f"{11 + finished} replies are taken over" in capsys.readouterr().err
    assert {p.robust for p in read_evaluation(tmp_path / "out").predictions} == {"C"}


def test_replies_are_read_again_without_their_endpoint(served, tmp_path, capsys):
    state, evaluate = served
    assert evaluate() == 0
    state.faults = lambda body, attempt: Fault(400, "gone")
    assert evaluate() == 0
    assert "the endpoint could not be asked whether it is still the same" in capsys.readouterr().err


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
    assert evaluate() == 0 and len(state.calls) == before + ASKED_AGAIN + 1
    assert read_evaluation(tmp_path / "out").results["config"]["resumed_questions"] == 11


def at(url: str, question_folder, output) -> int:
    return run(*command("any/model", question_folder, output, "--backend", "openai", "--endpoint", url))


def test_an_address_where_nobody_is_ends_a_run_before_anything_is_asked(
    question_folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(reach, "SECONDS", 1.0)
    url = nobodys_address()
    assert at(url, question_folder, tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert f"--endpoint {url} cannot be reached (" in error and "nothing was asked" in error
    assert "kept" not in error and len(error.splitlines()) == 1
    assert not (tmp_path / "out" / "results.json").exists()


@pytest.mark.parametrize("missing", [1, 0])
def test_an_endpoint_that_has_gone_leaves_what_was_answered(
    missing, question_folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(reach, "SECONDS", 1.0)
    monkeypatch.setattr(client, "FIRST_WAIT", 0.01)
    state = Loopback(reply=lambda body: " C입니다\n\nQ: 다음")
    state.faults = lambda body, _: Fault(400, "too long") if missing and "문항 7." in body["prompt"] else None
    with loopback(state) as (_, url):
        assert at(url, question_folder, tmp_path / "out") == missing
    if not missing:
        assert at(url, question_folder, tmp_path / "out") == 0  # nothing is left to ask
        return
    log = tmp_path / "out" / "replies" / "replies.log"
    kept, _ = log.read_bytes(), capsys.readouterr()
    assert at(url, question_folder, tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert "cannot be reached" in error and "11 of 12 answers are kept" in error and log.read_bytes() == kept


@pytest.mark.parametrize("status", [200, 401, 403, 404, 405, 429, 503])
def test_an_endpoint_that_answers_a_question_for_its_models_is_alive(served, status):
    state, evaluate = served
    state.models, state.models_body = status, json.dumps({"data": [{"id": "another"}]})
    assert evaluate() == 0 and len(state.calls) == 12


def test_a_parameter_that_the_endpoint_refuses_is_left_out_and_stands_in_the_results(
    served, tmp_path, capsys
):
    state, evaluate = served
    state.faults = lambda body, _: (
        Fault(400, "unknown parameter: 'max_tokens'") if "max_tokens" in body else None
    )
    assert evaluate() == 0
    error = capsys.readouterr().err
    assert "max_tokens (sent as max_completion_tokens)" in error and "pipeline.yaml" not in error
    assert len(read_evaluation(tmp_path / "out").results["config"]["stops_sent"]) == 4
    state.faults = lambda body, _: Fault(400, "unknown parameter: 'stop'") if "stop" in body else None
    assert evaluate(output="unstopped") == 0
    assert read_evaluation(tmp_path / "unstopped").results["config"]["stops_sent"] == []
    assert read_evaluation(tmp_path / "out").results["config"]["left_out"] == ["max_tokens"]


def completion(text: str, finish: str = "stop", **usage) -> str:
    choice = {"text": text, "finish_reason": finish}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 900, **usage}})


SORRY = "As an AI, I can't help with medical exam questions"
SPENT = {"completion_tokens": 6, "completion_tokens_details": {"reasoning_tokens": 6}}
UNREAD = {  # what every request is answered -> the cause, and the setting that is named
    completion("", "length", **SPENT): ("thoughts", "raise --max-new-tokens (6)"),
    completion("", "stop", **SPENT): ("thoughts", "raise --max-new-tokens (6)"),
    completion("<think>Aspirin is", "length", completion_tokens=6): (
        "thoughts",
        "raise --max-new-tokens (6)",
    ),
    completion(SORRY, completion_tokens=12): ("declined", "another --model"),
    completion("", completion_tokens=1): ("empty", "--chat-template"),
    completion("It depends on the patient", completion_tokens=4): ("other", "--chat-template"),
}


@pytest.mark.parametrize("answer", UNREAD, ids=range(len(UNREAD)))
def test_replies_without_a_letter_are_no_result_and_some_are_told(served, tmp_path, capsys, answer):
    state, evaluate = served
    cause, setting = UNREAD[answer]
    state.faults = lambda body, attempt: Fault(200, answer)
    assert evaluate() == 1
    shown = capsys.readouterr()
    assert (
        "none of the 12 replies holds a letter" in shown.err and setting in shown.err and "%" not in shown.out
    )
    assert not (tmp_path / "out" / "results.json").exists() and len(state.calls) == 12
    before = len(state.calls)
    assert evaluate() == 1 and len(state.calls) <= before + ASKED_AGAIN  # the replies are kept
    state.faults = lambda body, attempt: Fault(200, answer) if "문항 7." in body["prompt"] else None
    assert evaluate(output="some") == 0 and "no letter" not in capsys.readouterr().out  # one of twelve
    assert read_evaluation(tmp_path / "some").results["config"]["unread"] == {cause: 1}
    state.faults = lambda body, attempt: Fault(200, answer) if "문항 1" in body["prompt"][-300:] else None
    assert evaluate(output="many") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "replies hold no letter" in told and setting in told


FLAGGED = Fault(400, '{"error": {"code": "content_filter", "message": "The response was filtered"}}')


@pytest.mark.parametrize(
    "refusal",
    [
        FLAGGED,
        Fault(403, '{"error": {"message": "Your input was flagged"}}'),
        Fault(200, completion("", "content_filter")),
        Fault(200, completion("정답: \0", "stop")),
    ],
)
def test_a_question_that_the_endpoint_refuses_is_a_reply_without_an_answer(served, tmp_path, capsys, refusal):
    state, evaluate = served
    state.faults = lambda body, attempt: refusal if "문항 7." in body["prompt"][-300:] else None
    assert evaluate() == 0
    evaluation = read_evaluation(tmp_path / "out")
    (refused,) = evaluation.results["config"]["refused"]
    assert refused["said"].startswith(("HTTP 40", "finish_reason 'content_filter'", "no answer after 2"))
    found = [p for p in evaluation.predictions if not p.robust]
    assert [(p.subject, p.index, p.generation) for p in found] == [(refused["subject"], refused["index"], "")]
    assert "refused 1 of 12 questions" in " ".join(capsys.readouterr().out.split())
    state.faults = lambda body, attempt: refusal if "문항 1" in body["prompt"][-300:] else None
    assert evaluate(output="many") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "take another endpoint or --model" in told


@pytest.mark.parametrize(
    "fault",
    [
        Fault(400, "API key not valid. Please pass a valid API key."),
        Fault(403, "Your account is not active, check your billing details"),
        Fault(401, "no"),
        Fault(404, "no such model"),
        Fault(400, "This model's maximum context length is 4096 tokens"),
    ],
)
def test_no_matter_of_the_account_or_of_the_prompt_is_counted_as_a_reply(served, tmp_path, capsys, fault):
    state, evaluate = served
    state.faults = lambda body, attempt: fault if "문항 7." in body["prompt"][-300:] else None
    assert evaluate("--shots", "2") == 1
    error = capsys.readouterr().err
    assert fault.body in error and ("lower --shots" in error) == ("context" in fault.body)
    assert not (tmp_path / "out" / "results.json").exists()
    state.faults, before = None, len(state.calls)
    assert evaluate("--shots", "2") == 0 and len(state.calls) > before


def test_an_endpoint_that_knows_only_chats_names_the_option(served, capsys):
    state, evaluate = served
    state.faults = lambda body, attempt: Fault(404, "Did you mean to use v1/chat/completions?")
    assert evaluate() == 1
    error = capsys.readouterr().err
    assert "--chat-template" in error and "dahl-hf" not in error


def test_an_endpoint_that_refuses_every_question_gives_no_result(served, tmp_path, capsys):
    state, evaluate = served
    state.faults = lambda body, attempt: FLAGGED
    assert evaluate() == 1
    error = capsys.readouterr().err
    assert "12 of 12 questions got no answer" in error and "kept" not in error
    assert not (tmp_path / "out" / "results.json").exists()


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(served, tmp_path, monkeypatch, capsys):
    state, evaluate = served
    assert evaluate("--api-key-env", "NO_SUCH_KEY") == 1
    assert "NO_SUCH_KEY is not set" in capsys.readouterr().err
    monkeypatch.setenv("TEST_KEY", "sk-very-secret-and-long")
    assert evaluate("--api-key-env", "TEST_KEY") == 0
    assert set(state.authorizations) == {"Bearer sk-very-secret-and-long"}
    written = b"".join(p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert b"very-secret" not in written and b"TEST_KEY" in written


TOLD = {  # what an endpoint does -> what is said of it, and what there is to do
    "401": (Fault(401, "no key"), "it wants a key: set --api-key-env"),
    "404": (Fault(404, "no such model"), "check --endpoint and --model ('any/model')"),
    "405": (Fault(405, "GET alone"), "check --endpoint: this address takes no completions"),
    "redirect": (Fault(302, "", {"Location": "http://elsewhere"}), "check --endpoint: it sends requests"),
    "page": (Fault(200, "<html>Log in</html>"), "a web page answers: look at --endpoint"),
    "another protocol": (
        Fault(200, '{"result": "C"}'),
        "no answer of the OpenAI protocol: look at --endpoint",
    ),
    "thoughts": (
        Fault(200, completion("<think>Aspirin is", "length", completion_tokens=6)),
        "the limit of 6 tokens (--max-new-tokens) cut the thoughts off",
    ),
}
OTHERS = {  # options -> the same
    ("--endpoint", "https://host/v1?key=0123456789"): "the variable that --api-key-env names holds the key",
    ("--endpoint", "https://127.0.0.1:PORT/v1"): "speaks no https: write `http://` in --endpoint",
    ("--api-key-env", "SHORT_KEY"): "for a server that wants no key leave --api-key-env out",
    ("--api-key-env", "a key"): "--api-key-env: this is the name of an environment variable",
}


@pytest.mark.parametrize("case", [*TOLD, *OTHERS])
def test_errors_name_options_and_no_keys_of_a_file(served, capsys, monkeypatch, case):
    state, evaluate = served
    monkeypatch.setattr(client, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(loop, "STOP_AFTER_FAILURES", 5)
    monkeypatch.setenv("SHORT_KEY", "short")
    fault, said = TOLD.get(case) or (None, OTHERS[case])
    state.faults = lambda body, attempt: fault
    more = [] if case in TOLD else [part.replace("PORT", state.port) for part in case]
    assert evaluate(*more) > 0
    error = capsys.readouterr().err
    assert said in error
    keys = {one.name for kind in (Endpoint, Judge, Responder) for one in fields(kind)} | {
        "protocol",
        "format",
    }
    assert not keys & set(re.findall("`([a-z_]+)[`:]", error))


def test_what_an_endpoint_cannot_do_is_refused(served, capsys):
    _, evaluate = served
    assert evaluate("--scoring", "logits") == 2
    assert "--scoring logits needs --backend transformers" in capsys.readouterr().err


def test_stop_strings_made_of_text_go_first():
    options = Options(model="m", benchmark="kormedmcqa", output="o", max_new_tokens=1)
    stops = ("<|im_end|>", "a", "</s>", "b", "c")
    assert request_body(Prompt("x", None, 0, 5), options, stops)["stop"] == ["a", "b", "c", "<|im_end|>"]


def thinking_server(state, *, field: bool = False, opened: bool = False):
    """Have a server think before it answers C, in the text or in a field of its own; it obeys stops and limits, a
    word a token, as vLLM does: in thoughts as well."""

    def plan(body, attempt):
        thought = "정답은 A 로 보인다. 다시 보면 \n\n B 다."
        off = body.get("chat_template_kwargs", {}).get("enable_thinking") is False
        whole = "정답: C" if off else f"{'' if opened else '<think>'}{thought} </think>\n\n정답: C\n\nQ: 다음"
        cut = min((at for stop in body.get("stop", ()) if (at := whole.find(stop)) >= 0), default=len(whole))
        words = whole[:cut].split(" ")
        finish = "length" if len(words) > body["max_tokens"] else "stop"
        text = " ".join(words[: body["max_tokens"]])
        message = {"role": "assistant", "content": text}
        if field and not off:
            thought, _, said = text.removeprefix("<think>").partition("</think>")
            message = {"role": "assistant", "content": said.strip() or None, "reasoning_content": thought}
        choice = {"message": message, "finish_reason": finish}
        usage = {"prompt_tokens": 9, "completion_tokens": min(len(words), body["max_tokens"])}
        return Fault(200, json.dumps({"choices": [choice], "usage": usage}))

    state.faults = plan


KINDS = {"text": {}, "field": {"field": True}, "opened in the prompt": {"opened": True}}


@pytest.mark.parametrize("kind", KINDS)
def test_stops_of_an_endpoint_do_not_cut_thoughts(served, tmp_path, kind):
    state, evaluate = served
    thinking_server(state, **KINDS[kind])
    assert evaluate("--chat-template", "--max-new-tokens", "30") == 0
    done = read_evaluation(tmp_path / "out")
    assert {(p.paper, p.robust) for p in done.predictions} == {("C", "C")}
    assert all(p.generation.endswith("정답: C") for p in done.predictions)
    assert len(state.calls) == 12 and not any(
        "stop" in body for body in state.calls
    )  # the first one showed it
    assert done.results["cut_thinking"] == done.results["cut_limit"] == 0
    assert done.results["config"]["stops_sent"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_thoughts_that_the_limit_of_an_endpoint_cut_are_counted(served, tmp_path, capsys, kind):
    state, evaluate = served
    thinking_server(state, **KINDS[kind])
    within = state.faults
    # One question in two is thought about for longer than the limit.
    state.faults = lambda body, n: within(
        body | ({"max_tokens": 4} if "nurse" in body["messages"][0]["content"] else {}), n
    )
    assert evaluate("--chat-template", "--max-new-tokens", "30") == 0
    results = read_evaluation(tmp_path / "out").results
    assert (results["cut_thinking"], results["subjects"]["nurse"]["cut_thinking"]) == (6, 6)
    assert results["config"]["unread"] == {"thoughts": 6} and results["parse_rate"] == 0.5
    assert "6 of 12 replies were cut while thinking" in " ".join(capsys.readouterr().out.split())


def test_a_thought_in_plain_text_that_a_stop_cut_is_asked_for_again(served, tmp_path):
    state, evaluate = served
    state.reply = lambda body: "<think>A" if body.get("stop") else "<think>A. 아니</think> C"
    assert evaluate("--max-new-tokens", "30") == 0
    assert {p.robust for p in read_evaluation(tmp_path / "out").predictions} == {"C"}
    assert len(state.calls) == 24 and evaluate("--max-new-tokens", "30") == 0
    assert len(state.calls) == 24 + ASKED_AGAIN


def test_thinking_is_turned_off_at_an_endpoint_or_the_run_ends(served, tmp_path, capsys):
    state, evaluate = served
    thinking_server(state)
    assert evaluate("--chat-template", "--no-thinking", "--thinking-budget", "9") == 2
    assert evaluate("--chat-template", "--no-thinking") == 0
    assert {p.generation for p in read_evaluation(tmp_path / "out").predictions} == {"정답: C"}
    switch = {"enable_thinking": False, "thinking": False}
    assert all(body["chat_template_kwargs"] == switch for body in state.calls)
    state.faults = lambda body, _: (
        Fault(400, "unknown parameter: 'chat_template_kwargs'") if "chat_template_kwargs" in body else None
    )
    assert evaluate("--chat-template", "--enable-thinking", output="refused") == 1
    assert "the endpoint takes neither" in capsys.readouterr().err
    assert not (tmp_path / "refused" / "results.json").exists()


def test_a_budget_makes_room_at_an_endpoint(served, tmp_path):
    state, evaluate = served
    thinking_server(state)
    assert evaluate("--chat-template", "--thinking-budget", "24") == 0
    assert {body["max_tokens"] for body in state.calls} == {30}
    assert {p.robust for p in read_evaluation(tmp_path / "out").predictions} == {"C"}


def test_the_harness_s_way_at_an_endpoint_sends_stops_and_reads_all(served, tmp_path):
    state, evaluate = served
    thinking_server(state)
    assert evaluate("--chat-template", "--thoughts", "harness", "--max-new-tokens", "30") == 0
    done = read_evaluation(tmp_path / "out")
    assert {p.generation for p in done.predictions} == {"<think>정답은 A 로 보인다"}
    assert {(p.paper, p.robust) for p in done.predictions} == {("A", "")} and len(state.calls) == 12
