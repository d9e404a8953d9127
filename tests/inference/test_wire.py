"""Replies as gateways wrap them: streams, packed bytes, other charsets, costs in headers; and what no next try changes."""

import gzip
import json
from http import server

import pytest

from komep_dataset.config.config import Endpoint, Policy
from komep_dataset.errors import KomepError
from komep_dataset.inference.ask import ask
from komep_dataset.inference.costs import spent_in
from komep_dataset.inference.wire.answers import Again, Lasting, decoded, read_reply
from komep_dataset.inference.wire.usage import header_cost
from tests.inference.asking import ask_all, request
from tests.inference.asking import no_wait as no_wait
from tests.loopback import Fault, Loopback, last_text, loopback

TEXT = "통풍은 요산이 쌓여 생기는 병이다."


QUESTIONS = [request(f"What is disease number {i}?") for i in range(5)]


def completion(text: str = TEXT, **more) -> str:
    return json.dumps({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]} | more)


def chunk(finish: str | None = None, **delta) -> str:
    return json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


PARTS = [chunk(role="assistant", content=""), chunk(reasoning_content="Hm."), chunk(content=TEXT[:5]), chunk(content=TEXT[5:])]  # fmt: skip


END = json.dumps(
    {
        "choices": [{"delta": {}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 9},
    }
)


STREAMS = {
    "events": "".join(f"data: {part}\n\n" for part in [*PARTS, END, "[DONE]"]),
    "events without blanks, with ids": "".join(f"id: 1\r\nevent: x\r\ndata:{part}\r\n\r\n" for part in [*PARTS, END]),
    "one completion behind comments": f": PROCESSING\n\n: PROCESSING\n\ndata: {completion(usage={'prompt_tokens': 7, 'completion_tokens': 9})}\n\n",
    "Ollama": "".join(json.dumps({"message": {"content": c}, "done": False}) + "\n" for c in TEXT)
    + '{"message": {"content": ""}, "done": true, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 9}\n',
}  # fmt: skip


@pytest.mark.parametrize("body", STREAMS.values(), ids=STREAMS)
def test_a_stream_is_read_as_the_completion_that_it_adds_up_to(body):
    reply, usage = read_reply(200, None, body, 99)
    assert (reply.text, reply.finish_reason) == (TEXT, "stop")
    assert usage.paid_prompt == 7 and usage.paid_completion >= 9


def test_a_stream_that_does_not_come_to_its_end_is_no_completion():
    for more in ([], ['{"error": {"message": "overloaded"}}']):
        with pytest.raises(Again, match="not a completion") as error:
            read_reply(200, None, "".join(f"data: {part}\n\n" for part in [*PARTS, *more]), 99)
        assert not isinstance(error.value, Lasting)


@pytest.mark.parametrize(("encoding", "charset"), [("cp949", "euc-kr"), ("cp949", "KS_C_5601-1987"), ("utf-8", "iso-8859-1"), ("utf-16", None), ("utf-8-sig", "x")])  # fmt: skip
@pytest.mark.parametrize("packed", [lambda b: b, gzip.compress, lambda b: gzip.compress(gzip.compress(b))])
def test_a_body_is_read_by_what_it_is_or_declares(encoding, charset, packed):
    assert decoded(packed(f"똠방각하 {TEXT}".encode(encoding)), charset) == f"똠방각하 {TEXT}"


def test_an_error_is_shown_in_its_own_charset(tmp_path):
    body = "<title>개인정보 유출 차단</title>".encode("cp949")
    head = b"HTTP/1.1 400 x\r\nContent-Type: text/html; charset=euc-kr\r\n\r\n"
    with loopback(Loopback(faults=lambda *_: Fault(raw=lambda: [head, body]))) as (_, url):
        replies = ask_all(url, tmp_path, QUESTIONS[:1])
    assert "개인정보 유출 차단" in replies[QUESTIONS[0][0]].failure


NEVER = {
    "a page": (Fault(200, "<!DOCTYPE html><title>로그인</title>"), "a web page answers"),
    "another API": (Fault(200, '{"result": {"text": "x"}}'), "no answer of the OpenAI protocol"),
    "a text": (Fault(200, "Ollama is running"), "no answer of the OpenAI protocol"),
}


@pytest.mark.parametrize(("fault", "advice"), NEVER.values(), ids=NEVER)
def test_what_no_next_try_changes_ends_a_run_that_never_had_an_answer(tmp_path, fault, advice):
    with loopback(Loopback(faults=lambda *_: fault)) as (state, url), pytest.raises(KomepError) as error:
        ask_all(url, tmp_path, [request(f"{i}") for i in range(40)], max_attempts=8)
    assert advice in str(error.value) and fault.body[:9] in str(error.value)
    assert len(state.calls) <= 2 * (3 + 4)  # three texts and what was in flight, twice each


def test_it_costs_one_row_where_others_are_answered(tmp_path):
    plan = lambda body, _: Fault(200, "<html>") if "1" in last_text(body) else None  # noqa: E731
    with loopback(Loopback(faults=plan)) as (state, url):
        replies = ask_all(url, tmp_path, QUESTIONS, max_attempts=8)
    assert [text for text, reply in replies.items() if reply.failure] == [QUESTIONS[1][0]]
    assert len(state.calls) <= 4 + 3


def test_https_to_a_port_of_http_ends_soon_and_says_so(tmp_path, monkeypatch):
    connections, serve = [], server.ThreadingHTTPServer.process_request
    monkeypatch.setattr(
        server.ThreadingHTTPServer, "process_request", lambda *args: connections.append(1) or serve(*args)
    )
    with loopback() as (_, url), pytest.raises(KomepError, match="write `http://`"):
        ask_all(url.replace("http", "https"), tmp_path, QUESTIONS, max_attempts=8)
    assert 0 < len(connections) <= 2 * (3 + 4)  # as above


@pytest.mark.parametrize(
    "headers", [{"Set-Cookie": "S=" + "x" * 20_000}, {f"X-{i}": "y" * 900 for i in range(150)}]
)
def test_long_headers_are_read(tmp_path, headers):
    with loopback(Loopback(faults=lambda *_: Fault(200, completion(), headers))) as (_, url):
        assert ask_all(url, tmp_path, QUESTIONS[:1])[QUESTIONS[0][0]].text == TEXT


def test_a_parameter_that_a_fault_of_a_server_names_is_left_out(tmp_path):
    said = '{"error": {"message": "APIError: Unsupported parameter: \'max_tokens\' is not supported with this model."}}'
    plan = lambda body, _: Fault(500, said) if "max_tokens" in body else None  # noqa: E731
    with loopback(Loopback(lambda _: TEXT, faults=plan)) as (state, url):
        replies = ask_all(url, tmp_path, [request("a", max_tokens=9)])
        assert replies["a"].left_out == "max_tokens" and len(state.calls) == 2
        # One that speaks of it and refuses nothing is a fault as any other.
        state.faults = lambda body, _: Fault(500, "max_tokens 9: worker crashed")
        assert ask_all(url, tmp_path, [request("b", max_tokens=9)])["b"].failure.startswith(
            "no answer after 2"
        )


def test_a_cost_in_a_header_counts_where_it_is_larger(tmp_path):
    prices = tmp_path / "prices.yaml"
    prices.write_text(
        "{currency: USD, models: {m: {input: 1, output: 1, date: x, source: made up for a test}}}"
    )
    policy = Policy(prices=prices, budget=2.0, spending=tmp_path / "spending")
    fault = Fault(
        200,
        completion(usage={"prompt_tokens": 5, "completion_tokens": 9}),
        {"x-litellm-response-cost": "1.25"},
    )
    with loopback(Loopback(faults=lambda *_: fault)) as (state, url):
        endpoint = Endpoint(model="m", endpoint=url, policy=policy)
        with pytest.raises(KomepError, match="budget is reached"):
            ask(dict(QUESTIONS), endpoint, tmp_path / "w", label="test")
    assert spent_in(tmp_path / "spending") == (pytest.approx(1.25), 1) and len(state.calls) == 1
    assert (
        header_cost({"X-Total-Cost-Today": "9", "x-litellm-response-cost": "None", "x-request-cost": "2"})
        == 2
    )


def test_what_stands_beside_the_choices_counts():
    body = {
        "choices": [{"message": {"content": "x"}}],
        "usageMetadata": {"candidatesTokenCount": 500},
        "cost": 2,
    }
    usage = read_reply(200, None, json.dumps(body), 99)[1]
    assert usage.paid_completion == 500 and usage.stated == 2


def test_a_blocked_prompt_is_withheld_at_once():
    for blocked in (
        {"prompt_feedback": {"block_reason": "SAFETY"}},
        {"promptFeedback": {"blockReason": "SAFETY"}, "choices": []},
    ):
        reply, _ = read_reply(200, None, json.dumps(blocked), 99)
        assert reply.failure == "block_reason 'SAFETY': the endpoint withheld the answer"


def test_of_several_choices_the_first_counts():
    choices = [{"index": i, "message": {"content": text}} for i, text in ((1, "second"), (0, "first"))]
    assert read_reply(200, None, json.dumps({"choices": choices}), 99)[0].text == "first"


def test_an_error_in_the_place_of_an_answer_fails_its_row(tmp_path):
    passing, lasting = (
        '{"error": {"message": "Request timed out.", "code": 504}}',
        "Error code: 401 - invalid API key",
    )
    said = lambda body: passing if "1" in last_text(body) else lasting if "2" in last_text(body) else TEXT  # noqa: E731
    with loopback(Loopback(said)) as (state, url):
        replies = ask_all(url, tmp_path, QUESTIONS, max_attempts=3)
    failed = {text[-2]: reply.failure for text, reply in replies.items() if reply.failure}
    assert failed.keys() == {"1", "2"} and all(
        "an error in the place of an answer" in why for why in failed.values()
    )
    assert failed["1"].startswith("no answer after 3 attempts") and len(state.calls) == 3 + 1 + 3


def test_a_request_that_comes_back_is_no_answer(tmp_path):
    texts = [
        "Please answer as truthfully as possible. What is gout?",
        "Please answer as truthfully as possible. What is flu?",
    ]
    said = lambda body: last_text(body) + ("\n\nA virus." if "flu" in last_text(body) else "")  # noqa: E731
    with loopback(Loopback(said)) as (_, url):
        replies = ask_all(url, tmp_path, [request(text) for text in texts])
    assert "the request comes back" in replies[texts[0]].failure and replies[texts[1]].text == "A virus."


def test_letters_come_back_and_nothing_is_empty(tmp_path):
    sent = {
        "0": TEXT.encode().decode("latin-1"),
        "1": json.dumps(TEXT)[1:-1],
        "2": "\u200b\u2060\ufeff",
        "3": "null",
        "4": "…",
    }
    with loopback(Loopback(lambda body: sent[last_text(body)[-2]])) as (_, url):
        replies = ask_all(url, tmp_path, QUESTIONS)
    assert [replies[text].text for text, _ in QUESTIONS] == [TEXT, TEXT, "", "", ""]
    assert [replies[text].given for text, _ in QUESTIONS] == list(
        sent.values()
    )  # the evidence keeps what came


def test_letters_that_nobody_can_bring_back_are_no_answer(tmp_path):
    half = "".join(sign for sign in (TEXT * 2).encode().decode("latin-1") if not "\x80" <= sign < "\xa0")
    with loopback(Loopback(lambda body: half)) as (state, url):
        replies = ask_all(url, tmp_path, QUESTIONS[:1], max_attempts=8)
    assert "letters that a wrong decoding left" in replies[QUESTIONS[0][0]].failure and len(state.calls) == 2


def test_content_may_be_one_part():
    message = {"content": {"type": "text", "text": TEXT}}
    assert read_reply(200, None, json.dumps({"choices": [{"message": message}]}), 9)[0].text == TEXT


def test_half_of_an_answer_may_be_whole_next_time():
    for body in ('{"choices": [{"mess', "", '{"error": {"code": 502}}', '{"choices": []}'):
        with pytest.raises(Again) as error:
            read_reply(200, None, body, 9)
        assert not isinstance(error.value, Lasting)
