"""Thoughts in replies, through real endpoints: no stage takes them for an answer, and none pays for them twice."""

import json

import pytest

from evaluation.harness.questions import Question
from evaluation.runner import read_reply
from komep_dataset.errors import KomepError
from komep_dataset.inference.wire.answers import read_reply as read_http
from komep_dataset.responses import respond
from komep_dataset.schema import ScoredGeneration
from komep_dataset.scores.scoring import VerdictRow, score, verdicts_path
from komep_dataset.tables.reading import read_table
from tests.inference.asking import ask_all, request
from tests.loopback import Fault, Loopback, answer, last_text, loopback
from tests.responders import configured, rows_of, write_questions
from tests.scores.responses import response, write_responses
from tests.scores.test_scoring import configured as judges

THOUGHT = "<think>\nPerhaps. It is true that\n</think>\n\n"


def completion(finish: str = "stop", **message) -> str:
    return json.dumps({"choices": [{"message": message, "finish_reason": finish}]})


@pytest.mark.parametrize(
    ("message", "text", "thought"),
    [
        ({"content": "False", "reasoning_content": "true?"}, "False", "true?"),
        ({"content": "False", "reasoning": "true?"}, "False", "true?"),
        ({"content": None, "reasoning": {"summary": [{"text": "true?"}]}}, "", "true?"),
        ({"content": "False", "reasoning_details": [{"type": "reasoning.text", "text": "true?"}]}, "False", "true?"),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "true?"}]}, {"type": "text", "text": "False"}]}, "False", "true?"),
        ({"content": [{"type": "reasoning", "text": "true?"}, {"type": "output_text", "text": "False"}]}, "False", "true?"),
        ({"content": [{"type": "thinking", "thinking": "true?", "signature": "true"}, {"type": "text", "text": "Fa"}, {"type": "text", "text": "lse"}]}, "False", "true?"),
        ({"content": [{"type": "redacted_thinking", "data": "true"}, "False"]}, "False", ""),
        ({"content": "False", "thinking_blocks": [{"thinking": "true?", "signature": "x"}]}, "False", "true?"),
        ({"content": "False", "reasoning_content": 3}, "False", ""),
    ],
)  # fmt: skip
def test_thoughts_in_fields_and_parts_are_kept_apart_from_the_answer(message, text, thought):
    reply, usage = read_http(200, None, completion(**message), 16)
    assert (reply.text, reply.thought, reply.failure) == (text, thought, "")
    assert usage.paid_completion >= (len(text) + len(thought)) / 3


def test_a_responder_s_thoughts_stay_in_the_journal(tmp_path):
    with loopback(Loopback(lambda b: f"{THOUGHT}Gout hurts.<|im_end|>")) as (_, url):
        config = configured(tmp_path, url, {"name": "a", "model": "r"})
        done = respond(write_questions(tmp_path), config, "a", tmp_path / "r.parquet")
    assert {row["response"] for row in rows_of(done.path).values()} == {"Gout hurts."}
    [log] = tmp_path.rglob("replies.log")
    assert log.read_text("utf-8").count("</think>") == 3


@pytest.mark.parametrize("field", [False, True])
def test_a_responder_that_only_thinks_has_failed_and_is_not_paid_twice(field, tmp_path):
    said = completion("length", content="", reasoning_content="true") if field else None
    state = Loopback(lambda b: "<think>It is true", faults=lambda *_: said and Fault(200, said))
    state.finish_reason = "length"
    with loopback(state) as (_, url):
        config = configured(tmp_path, url, {"name": "a", "model": "r", "max_new_tokens": 16})
        for _ in range(2):
            done = respond(write_questions(tmp_path), config, "a", tmp_path / "r.parquet")
        assert len(state.calls) == 3 and done.failures == 3
        again = configured(tmp_path, url, {"name": "a", "model": "r", "max_new_tokens": 17})
        respond(write_questions(tmp_path), again, "a", tmp_path / "r.parquet")
    assert len(state.calls) == 6
    assert {(r["response"], r["finish_reason"]) for r in rows_of(done.path).values()} == {("", "failed")}
    reject = json.loads((tmp_path / "rejects.jsonl").read_text("utf-8").split("\n")[0])
    assert "limit of 17 tokens (`max_new_tokens`) cut the thoughts off" in reject["detail"]


def test_where_the_template_opens_them_a_reply_without_a_mark_was_cut_off(tmp_path):
    replies = {"one": ("it may be true</think>False", "stop"), "two": ("Aspirin is true to", "length")}

    def plan(body, _):
        text, finish = replies[last_text(body)]
        return Fault(200, completion(finish, content=text))

    with loopback(Loopback(faults=plan)) as (_, url):
        got = ask_all(url, tmp_path, [request(id, max_tokens=16) for id in replies])
    assert got["one"].text == "False" and "limit of 16 tokens" in got["two"].failure


def test_a_limit_that_cuts_all_thoughts_off_ends_the_run_before_all_is_paid(tmp_path):
    state = Loopback(lambda b: "<think>It is true")
    state.finish_reason = "length"
    with loopback(state) as (_, url), pytest.raises(KomepError, match="limit of 16 tokens"):
        ask_all(url, tmp_path, [request(str(i), max_tokens=16) for i in range(200)])
    assert len(state.calls) < 60


def scored(tmp_path, said, finish, text="Gout hurts. Gout is rare."):
    def plan(body, _):
        part = said if body["model"] == "checker" else THOUGHT + answer(body)
        return Fault(200, completion(finish if body["model"] == "checker" else "stop", content=part))

    with loopback(Loopback(faults=plan)) as (state, url):
        table = write_responses(tmp_path, response(text))
        done = score([table], judges(tmp_path, url), tmp_path / "s.parquet")
    [row] = read_table(done.path, ScoredGeneration).iter_rows(named=True)
    return row, list(read_table(verdicts_path(done.path), VerdictRow).iter_rows(named=True)), state


def test_a_judge_s_thoughts_are_no_units_and_no_verdicts_and_stay_in_the_evidence(tmp_path):
    row, evidence, _ = scored(tmp_path, f"{THOUGHT}False", "stop")
    assert [u["text"] for u in row["units"]] == ["Gout hurts.", "Gout is rare."]
    assert (row["dahl_score"], row["status"]) == (0.0, "scored")
    assert {one["reply"] for one in evidence} == {f"{THOUGHT}False"}


@pytest.mark.parametrize(
    "said", ["<think>The question is whether it is true", "Okay, so I need to see if it is true that gout"]
)
def test_a_verdict_that_was_never_reached_is_none(said, tmp_path):
    row, evidence, _ = scored(tmp_path, said, "length")
    assert (row["dahl_score"], row["status"], row["units"]) == (None, "failed", [])
    assert {one["reply"] for one in evidence} == {said}
    assert "`max_new_tokens`" in (tmp_path / "rejects.jsonl").read_text("utf-8")


def test_thoughts_in_a_response_from_elsewhere_are_not_split(tmp_path):
    row, _, state = scored(tmp_path, "True", "stop", f"{THOUGHT}Gout hurts.")
    assert [u["text"] for u in row["units"]] == ["Gout hurts."] and row["dahl_score"] == 1.0
    assert "Perhaps" not in json.dumps(state.calls)
    row, _, state = scored(tmp_path, "True", "stop", "<think>Gout hurts")
    assert (row["status"], row["units"], state.calls) == ("failed", [], [])


@pytest.mark.slow
def test_evaluation_reads_no_letter_from_thoughts_and_has_the_harness_s_own_reading_by_name():
    from evaluation.benchmarks.kormedmcqa import BENCHMARK
    from tests.evaluation.kormedmcqa.test_robust import GENERATIONS

    def read(text, **how):
        reading = read_reply(BENCHMARK, text, Question("?", ("가", "나", "다", "라", "마"), "B"), **how)
        return reading.paper, reading.robust

    for text, robust in (
        ("[THINK]정답: A[/THINK]정답: B", "B"),
        ("<think>정답: B", ""),
        ("analysisThe answer is A.assistantfinal정답: B", "B"),
        ("<thought>정답: A</thought>\nB", "B"),
        ("<think>정답: A</think>", ""),
    ):
        assert read(text) == (robust, robust), text
        assert read(text, thoughts="harness") == (BENCHMARK.read(text, "B", ()).paper, robust), text
    cut = read_reply(BENCHMARK, "정답은 A일까", Question("?", ("가", "나"), "B"), opened=True)
    assert cut.paper == cut.robust == ""
    known = [(read(g["text"])[1], BENCHMARK.read(g["text"], "B", ("가", "나", "다", "라", "마")).robust) for g in GENERATIONS]  # fmt: skip
    assert len(known) > 1000 and all(ours == theirs for ours, theirs in known)


@pytest.mark.parametrize(
    ("finish", "usage"),
    [("length", None), ("length", 256), ("stop", 200), (None, 256)],
)
def test_a_budget_that_hidden_thoughts_use_up_is_named_with_its_setting(finish, usage, tmp_path):
    """OpenAI shows no thoughts: an empty content, and their number in the usage at the most."""
    told = {
        "prompt_tokens": 7,
        "completion_tokens": 256,
        "completion_tokens_details": {"reasoning_tokens": usage},
    }
    body = json.loads(completion(finish, content="")) | ({"usage": told} if usage else {})
    plan = lambda b, _: Fault(200, json.dumps(body)) if last_text(b) == "b" else None  # noqa: E731
    with loopback(Loopback(faults=plan)) as (state, url):
        asked = [request("a", max_tokens=256), request("b", max_tokens=256)]
        failed = ask_all(url, tmp_path, asked)["b"]
        assert failed.failure.startswith("thoughts and no answer: ") and "`max_new_tokens`" in failed.failure
        ask_all(url, tmp_path, asked)
    assert len(state.calls) == 2  # what was paid for and would come again is not asked again
