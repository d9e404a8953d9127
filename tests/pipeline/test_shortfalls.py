"""A stage whose rows come to nothing says so, with the cause and the setting, and fails where nothing is left."""

import json

import pytest
import yaml

from komep_dataset.config.config import load_config
from komep_dataset.errors import KomepError
from komep_dataset.pipeline.run import respond_stage, run, run_stage, score_stage, translate_stage
from tests.loopback import Fault, Loopback, answer, last_text, loopback
from tests.pipeline.chains import key as key  # the chain's endpoints want one
from tests.pipeline.chains import komep, write_chain
from tests.responders import write_questions
from tests.scored_rows import write
from tests.scores.responses import response, truth, write_responses

ROWS = 10


def asked(folder, state: Loopback, **keys) -> tuple[str, str]:
    """(warning, error) of `komep respond` as a stage of its own."""
    with loopback(state) as (_, url):
        place = {"name": "a", "model": "r", "endpoint": url, "max_attempts": 1, "concurrency": 1}
        (folder / "pipeline.yaml").write_text(yaml.safe_dump({"responders": [place | keys]}))
        questions = write_questions(folder, [f"q{i}" for i in range(ROWS)])
        return told(
            respond_stage(load_config(folder / "pipeline.yaml"), "a", questions, folder / "r.parquet")
        )


def scored(folder, rows: list[dict], state: Loopback, policy: str = "reject", **keys) -> tuple[str, str]:
    with loopback(state) as (_, url):
        place = {"endpoint": url, "max_attempts": 1}
        judges = {"splitter": place | {"model": "splitter"}, "checker": place | {"model": "checker"} | keys}
        config = judges | {"selection": {"unknown_units": policy}}
        (folder / "pipeline.yaml").write_text(yaml.safe_dump(config))
        table = write_responses(folder, *rows)
        return told(
            score_stage(load_config(folder / "pipeline.yaml"), [table], "strict", folder / "s.parquet")
        )


def told(stage) -> tuple[str, str]:
    try:
        return run_stage(stage, False, print)[0].shortfall.text, ""
    except KomepError as error:
        assert all(path.is_file() for path in stage.outputs)  # to be looked at
        return "", str(error)


def some(bad: int, text: str):
    """Empty answers to the first so many questions."""
    return lambda body: text if int(last_text(body).rpartition("q")[2]) < bad else answer(body)


@pytest.mark.parametrize(("bad", "said"), [(0, False), (1, False), (2, True), (9, True)])
def test_empty_answers_are_told_from_a_fifth_on(tmp_path, bad, said):
    warning, error = asked(tmp_path, Loopback(some(bad, " ")))
    assert bool(warning) == said and not error
    if said:
        assert f"{bad} of 10 questions got no answer (0 failed, {bad} empty)" in warning
        assert "look at `protocol` (chat)" in warning


def test_where_every_answer_is_empty_the_command_fails_and_goes_on_when_it_is_given_again(tmp_path):
    state = Loopback(lambda _: "")
    state.finish_reason = "length"
    warning, error = asked(tmp_path, state)
    assert "no question got an answer" in error and "256 tokens (`max_new_tokens`)" in error and not warning
    warning, error = asked(tmp_path, Loopback())
    assert not warning and not error
    assert not list(tmp_path.glob("*.edited*"))  # the table was the stage's own


def test_refusals_in_a_field_of_their_own_are_told_with_what_to_do(tmp_path):
    said = Fault(200, '{"choices": [{"message": {"content": null, "refusal": "I cannot say."}}]}')
    some_refuse = lambda body, _: said if last_text(body)[-1] in "123" else None  # noqa: E731
    warning, error = asked(tmp_path, Loopback(faults=some_refuse))
    assert "3 of 10 questions got no answer (0 failed, 0 empty, 3 refused)" in warning and not error
    assert "the model refused: I cannot say.; take another `model`" in warning
    (tmp_path / "all").mkdir()
    warning, error = asked(tmp_path / "all", Loopback(faults=lambda *_: said))
    assert "10 of 10 questions got no answer" in error


FAILURES = {
    Fault: (Fault(400, "reasoning is required"), "reasoning is required; null leaves `temperature`"),
    "moderated": (Fault(200, '{"choices": [{"message": {"content": "x"}, "finish_reason": "safety"}]}'),
                  "withheld the answer; the endpoint moderates: take another `model`"),
    "busy": (Fault(503, "busy"), "HTTP 503: busy; raise `timeout` or `max_attempts`"),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "said"), FAILURES.values(), ids=map(str, FAILURES))
def test_requests_that_fail_are_told_with_what_to_do(tmp_path, fault, said):
    bad = lambda n: lambda body, _: fault if int(last_text(body).rpartition("q")[2]) < n else None  # noqa: E731
    warning, error = asked(tmp_path, Loopback(faults=bad(9)))
    assert "(9 failed, 0 empty)" in warning and said in warning and not error
    (tmp_path / "all").mkdir()
    warning, error = asked(tmp_path / "all", Loopback(faults=bad(10)))
    assert "no question got an answer; the first: " in error and said in error


def responses(n: int, text: str = "It is right.", **changes) -> list[dict]:
    return [response(f"{text[:-1]} {i}.", question=f"q{i}", **changes) for i in range(n)]


def judged(checker: str):
    return lambda body: answer(body) if body["model"] == "splitter" else checker


def test_verdicts_that_nobody_can_read_are_told_with_what_the_checker_says(tmp_path):
    _, error = scored(tmp_path, responses(5), Loopback(judged("Well, it depends.")))
    assert "5 of 5 responses have no score (5 unparsed)" in error
    assert "'Well, it depends.': set `checker.structured: true`" in error
    cut = {"choices": [{"message": {"content": "The statement says that"}, "finish_reason": "length"}]}
    checkers = lambda body, _: Fault(200, json.dumps(cut)) if body["model"] == "checker" else None  # noqa: E731
    state = Loopback(judged(""), checkers)
    _, error = scored(tmp_path, responses(5, "It was. It is right."), state, max_new_tokens=8)
    assert "raise `checker.max_new_tokens` (8)" in error


def test_a_table_of_which_enough_is_scored_says_nothing_and_abstentions_are_no_fault(tmp_path):
    rows = [*responses(5), *(response("I don't know.", question=f"x{i}") for i in range(5))]
    assert scored(tmp_path, rows, Loopback(truth)) == ("", "")
    warning, _ = scored(tmp_path, rows + [response("", question=f"e{i}") for i in range(3)], Loopback(truth))
    assert "3 of 13 responses have no score (3 empty); likeliest cause: the responses are empty" in warning


@pytest.mark.parametrize(
    ("rows", "state", "said"),
    [
        ([response("I don't know.")], Loopback(truth), "(1 abstained); likeliest cause: the responders do not"),
        ([response("", finish="failed")], Loopback(truth), "the responder gave no answer: `komep run --retry-failed` asks it again, or"),
        ([response("")], Loopback(truth), "the responses are empty: raise their responder's"),
        (responses(3), Loopback(lambda _: " \n"), "the splitter splitter gives no units"),
        (responses(3), Loopback(truth, faults=lambda *_: Fault(400, "no seed")), "splitter: HTTP 400: no seed; `seed` sets it"),
    ],
    ids=range(5),
)  # fmt: skip
def test_where_nothing_is_scored_the_command_fails_with_the_cause(tmp_path, rows, state, said):
    warning, error = scored(tmp_path, rows, state)
    assert said in error and not warning


@pytest.mark.slow
def test_the_commands_warn_on_stderr_and_end_with_1(tmp_path):
    with loopback(Loopback(judged("Perhaps."))) as (_, url):
        path = write_chain(tmp_path, url, n=2)
        done = komep("run", path)
        assert done.returncode == 1 and "4 of 4 responses have no score (4 unparsed)" in done.stderr
        assert "Traceback" not in done.stderr and not (tmp_path / "work" / "komep").exists()


def test_a_run_warns_and_goes_on_where_some_are_left(tmp_path, capsys):
    some = lambda body: judged("Perhaps." if "condition 1" in str(body) else "True")(body)  # noqa: E731
    with loopback(Loopback(lambda b: some(b) if b["model"] != "r" else f"{last_text(b)[-14:]} is it.")) as (
        _,
        url,
    ):
        path = write_chain(tmp_path, url, n=2)
        run(path, lambda _: None)
        first = capsys.readouterr().err
        assert "warning: score: 2 of 4 responses have no score (2 unparsed)" in first
        run(path, lambda _: None)  # a stage that is done says it again
        again = capsys.readouterr().err
        assert "warning: score:" in again and first.startswith(again)  # the build's own warning comes with it


def test_texts_that_stay_without_korean_are_told(tmp_path):
    rows = [
        {"question": "What is gout?", "model": m, "category": "c", "response": f"{m} is right.",
         "units": [{"text": "x", "verdict": v}]} for m, v in (("a", "true"), ("b", "false"))
    ]  # fmt: skip
    (tmp_path / "scored.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with loopback(Loopback(lambda _: "It is English.")) as (_, url):
        (tmp_path / "pipeline.yaml").write_text(
            yaml.safe_dump({"translator": {"endpoint": url, "model": "t"}})
        )
        config = load_config(tmp_path / "pipeline.yaml")
        _, error = told(translate_stage(config, tmp_path / "scored.jsonl", tmp_path / "t.parquet"))
    assert "3 of 3 texts have no Korean (3 rejected, 0 failed)" in error
    assert "take another `translator.model`" in error


def test_answers_of_which_the_splitter_marks_all_as_nothing_to_check(tmp_path):
    marking = lambda body: "[unverifiable] " + answer(body)  # noqa: E731
    _, error = scored(tmp_path, [response("Gout is a joint disease.")], Loopback(marking))
    assert "the splitter splitter marks what the answers say as nothing to check" in error


@pytest.mark.parametrize(
    ("reply", "texts", "said"),
    [
        ("Unknown", ["Nothing of that."], "of 5 units the passages do not decide them: look at what stands in the evidence"),
        ("Contradictory [e1]", ["Nothing of that."], "of 5 units the passages contradict each other"),
        ("True [e9]", ["Text."], "the checker checker names no passage that it was shown, most often 'True [e9]'"),
        ("True", ["Text."], "the checker checker names no passage that it was shown, most often 'True'"),
        ("True [e1]", [], "5 units have no passage and were not asked about: look at `checker.evidence`"),
    ],
)  # fmt: skip
def test_a_checker_with_passages_that_decides_nothing_says_why(tmp_path, reply, texts, said):
    rows = [response(f"Fact number {i} holds.", question=f"q{i}") for i in range(5)]
    given = [{"question": f"q{i}", "evidence": texts} for i in range(5)] + [
        {"question": "other", "evidence": "Text."}
    ]
    write(tmp_path / "texts.jsonl", given)
    state = Loopback(lambda body: reply if body["model"] == "checker" else answer(body))
    warning, error = scored(tmp_path, rows, state, evidence={"provided": "texts.jsonl"})
    assert not warning and said in error


@pytest.mark.parametrize("policy", ["reject", "drop", "bounds"])
def test_a_policy_for_unknown_units_is_recommended_where_none_is_set(tmp_path, policy):
    rows = [response(f"Fact number {i} holds.", question=f"q{i}") for i in range(5)]
    write(tmp_path / "texts.jsonl", [{"question": f"q{i}", "evidence": "Text."} for i in range(5)])
    state = Loopback(lambda body: "Unknown" if body["model"] == "checker" else answer(body))
    _, error = scored(tmp_path, rows, state, policy, evidence={"provided": "texts.jsonl"})
    assert "give another corpus or more `passages`" in error
    assert ("unknown_units: bounds" in error) is (policy == "reject")


def test_scores_by_passages_are_made_anew_where_the_passages_change_and_not_else(tmp_path):
    rows = [response(f"Fact number {i} holds.", question=f"q{i}") for i in range(3)]
    state = Loopback(lambda body: "True [e1]" if body["model"] == "checker" else answer(body))
    with loopback(state) as (_, url):
        place = {"endpoint": url, "max_attempts": 1}
        checker = place | {"model": "checker", "evidence": {"provided": "texts.jsonl"}}
        judges = {"splitter": place | {"model": "splitter"}, "checker": checker}
        (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(judges))
        calls = []
        for text in ("One.", "One.", "Another."):
            write(tmp_path / "texts.jsonl", [{"question": f"q{i}", "evidence": text} for i in range(3)])
            config = load_config(tmp_path / "pipeline.yaml")
            run_stage(score_stage(config, [write_responses(tmp_path, *rows)], "strict"), False, print)
            calls.append(len(state.calls))
    assert calls == [6, 6, 9]
