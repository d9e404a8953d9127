"""Parameters that an endpoint does not know: left out by null or after its refusal, told once, written down."""

import itertools
import json

import pytest
import yaml

from komep_dataset.config.config import Judge, load_config
from komep_dataset.errors import KomepError
from komep_dataset.inference.ask import judge_body, left_out_of
from komep_dataset.inference.client import MOST_CHANGES
from komep_dataset.inference.wire.dialect import SYSTEM, refused_parameter, token_limit, without
from komep_dataset.prompts.messages import split_messages
from komep_dataset.responses import request_for, respond
from komep_dataset.schema import Question
from tests.inference.asking import ask_all, echo, request
from tests.inference.asking import no_wait as no_wait
from tests.loopback import Fault, Loopback, last_text, loopback
from tests.responders import configured, rows_of, write_questions

BODY = {
    "messages": [{"role": "user", "content": "What is a normal body temperature?"}],
    **{"temperature": 0.6, "top_p": 0.9, "seed": 0, "max_tokens": 256, "stop": ["x"], "model": "m"},
}
EXTRA = [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]
ERRORS = [
    ({"message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
      "instead.", "param": "max_tokens", "code": "unsupported_parameter"}, "max_tokens"),
    ({"message": "Only the default (1) value is supported.", "param": "temperature"}, "temperature"),
    ({"message": "`temperature` and `top_p` cannot both be specified for this model."}, "top_p"),
    ({"message": "Please use top_p or temperature, not both"}, "top_p"),
    ({"message": {"detail": EXTRA}}, "seed"),
    (EXTRA, "seed"),
    ({"message": "Invalid JSON payload received. Unknown name \"seed\": Cannot find field."}, "seed"),
    ({"message": "Unrecognized request argument supplied: seed"}, "seed"),
    ({"message": "Unknown parameter 'top_p'. Allowed: messages, seed, temperature, max_tokens"}, "top_p"),
    ({"message": "topP is not a field of this request"}, "top_p"),
    ({"message": "max tokens cannot be set"}, "max_tokens"),
    ({"message": "temperature must be strictly positive"}, "temperature"),
    ("stop: extra fields not permitted", "stop"),
    ({"message": "your question 'What is a normal body temperature?' was flagged"}, None),
    ({"message": "This model's maximum context length is 4096 tokens; you requested 5000"}, None),
    ({"message": "the field random_seed is missing"}, None),
    ({"message": "max_completion_tokens is too large"}, None),
    ({"message": "max_tokens is too large: 5000. This model supports at most 4096", "param": "max_tokens"}, None),
    ("[" * 100_000, None),
    # A parameter that is demanded, or whose values are told, is none that is refused.
    *(({"message": said}, None) for said in (
        "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", "temperature: range: -1..1",
        "Invalid 'max_tokens': integer below minimum value. Expected a value >= 16, but got 4 instead.",
        "max_tokens: Field required", "temperature must be between 0 and 2", "top_p must be in (0, 1], got 0",
        "Missing required parameter: 'max_tokens'.", "Expected temperature ≤ 1", "seed must be specified",
        "System message not supported",  # there is none
    )),
]  # fmt: skip
SYSTEM_REFUSED = [
    "System role not supported",
    "Only user and assistant roles are supported!",
    "Conversation roles must alternate user/assistant/user/assistant/...",
    "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
    "Developer instruction is not enabled for models/gemma-3-27b-it",
    "This model doesn't support system messages. Try again without a system message.",
    'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter',
    "'system' is not one of ['user', 'assistant'] - 'messages.0.role'",
]
NOT_SYSTEM = [
    "Your request was rejected as a result of our safety system.",
    "The system is busy",
    "your question 'What is a normal body temperature, and the role of it?' was flagged",
    "This model's maximum context length is 4096 tokens; the system message has 5000",
]


@pytest.mark.parametrize(("error", "name"), ERRORS, ids=range(len(ERRORS)))
def test_the_parameter_that_an_error_names_is_found(error, name):
    assert (
        refused_parameter(error if isinstance(error, str) else json.dumps({"error": error}), BODY, {}) == name
    )


def test_what_a_user_asks_for_is_sent_whatever_an_error_says():
    assert refused_parameter("top_k: unknown", BODY | {"top_k": 1}, {"top_k": 1}) is None


def test_a_limit_keeps_its_number_under_its_other_name():
    sent = without(BODY, "max_tokens seed")
    assert (
        sent["max_completion_tokens"] == token_limit(sent) == 256 and not {"max_tokens", "seed"} & sent.keys()
    )
    assert token_limit({}) is None


def test_a_refused_system_message_is_known_by_its_words_and_not_by_the_texts():
    told = [{"role": "system", "content": "Be brief."}, *BODY["messages"]]
    told[1] = {"role": "user", "content": "What is a normal body temperature, and the role of it?"}
    refused = lambda said: refused_parameter(json.dumps({"error": said}), BODY | {"messages": told}, {})  # noqa: E731
    assert [refused(said) for said in SYSTEM_REFUSED] == [SYSTEM] * len(SYSTEM_REFUSED)
    assert [refused(said) for said in NOT_SYSTEM] == [None] * len(NOT_SYSTEM)
    assert without(BODY | {"messages": told}, SYSTEM)["messages"] == [
        {"role": "user", "content": "Be brief.\n\nWhat is a normal body temperature, and the role of it?"}
    ]
    assert without({"messages": told[:1]}, SYSTEM)["messages"] == [{"role": "user", "content": "Be brief."}]
    assert without({"prompt": "x"}, SYSTEM) == {"prompt": "x"}


def test_an_endpoint_without_system_messages_splits_and_judges_and_the_folder_says_so(tmp_path, capfd):
    def plan(body: dict, _: int) -> Fault | None:
        system = any(one["role"] == "system" for one in body["messages"])
        return Fault(400, json.dumps({"message": "System role not supported"})) if system else None

    with loopback(Loopback(echo, faults=plan)) as (state, url):
        texts = {n: {"messages": split_messages(f"It is {n}.")} for n in "abc"}
        replies = ask_all(url, tmp_path, list(texts.items()), concurrency=1)
        ask_all(url, tmp_path, list(texts.items()))
    assert len(state.calls) == 4 and [reply.failure for reply in replies.values()] == [""] * 3
    assert texts["a"]["messages"][0]["content"] in state.calls[1]["messages"][0]["content"]
    assert left_out_of(tmp_path) == [SYSTEM]
    assert capfd.readouterr().err.count("the endpoint refuses system messages (sent within the user's)") == 1


def knows(*names: str, status: int = 400):
    """An endpoint that refuses, by name, one parameter after the other that it does not know."""

    def plan(body: dict, _: int) -> Fault | None:
        strange = [name for name in body if name not in ("model", "messages", *names)]
        error = {"error": {"message": f"Unknown parameter: '{strange[0]}'"}} if strange else {}
        return Fault(status, json.dumps(error)) if strange else None

    return plan


DEMANDED = Fault(400, json.dumps({"error": {"message": "Missing required parameter: 'max_tokens'"}}))


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize(
    "older", [knows("max_tokens", "temperature"), lambda body, at: None if "max_tokens" in body else DEMANDED]
)
def test_replicas_that_know_different_names_of_the_limit_lose_no_row(tmp_path, older, concurrency):
    turns = itertools.count()  # a balancer that takes them in turn

    def plan(body: dict, at: int) -> Fault | None:
        return (older, knows("max_completion_tokens", "temperature"))[next(turns) % 2](body, at)

    with loopback(Loopback(echo, faults=plan)) as (state, url):
        asked = [request(f"q{n}", max_tokens=9) for n in range(20)]
        replies = ask_all(url, tmp_path, asked, concurrency=concurrency)
    assert [reply.text for reply in replies.values()] == [f"re: q{n}" for n in range(20)]
    assert len(state.calls) < 20 * 8 and all(token_limit(body) == 9 for body in state.calls)


def test_an_endpoint_that_knows_neither_name_ends_a_row_after_some_tries(tmp_path):
    with loopback(Loopback(faults=knows("temperature"))) as (state, url):
        reply = ask_all(url, tmp_path, [request("q", max_tokens=9)])["q"]
    assert "Unknown parameter" in reply.failure and len(state.calls) == MOST_CHANGES + 1


@pytest.mark.parametrize("status", [400, 422])
def test_an_endpoint_is_asked_without_what_it_refuses_and_the_row_says_so(tmp_path, capfd, status):
    with loopback(Loopback(faults=knows("max_completion_tokens", "seed", status=status))) as (state, url):
        config = configured(tmp_path, url, {"name": "a", "model": "m", "concurrency": 1})
        questions = write_questions(tmp_path)
        done = respond(questions, config, "a", tmp_path / "r.parquet")
        assert len(state.calls) == 3 + 3  # each name is learned once
        assert state.calls[-1].keys() == {"model", "messages", "max_completion_tokens", "seed"}
        row = rows_of(done.path)["What is gout?"]
        assert done.failures == 0
        assert (row["temperature"], row["top_p"], row["max_new_tokens"], row["seed"]) == (None, None, 256, 5)
        said = capfd.readouterr().err
        assert (
            said.count("the endpoint refuses max_tokens (sent as max_completion_tokens), temperature, top_p")
            == 1
        )
        assert left_out_of(config.work / "respond" / "a") == ["max_tokens", "temperature", "top_p"]
        # A second run asks nothing, and its table says the same.
        assert rows_of(respond(questions, config, "a", tmp_path / "r.parquet").path)["What is gout?"] == row
    assert len(state.calls) == 6 and capfd.readouterr().err == ""


def test_a_refusal_for_another_reason_is_the_rows_and_teaches_nothing(tmp_path, capfd):
    """The limit does not fit one text alone, whatever its name."""
    error = json.dumps({"error": {"message": "'max_tokens' does not fit", "param": "max_tokens"}})
    plan = lambda body, _: Fault(400, error) if last_text(body) == "long" else None  # noqa: E731
    with loopback(Loopback(echo, faults=plan)) as (state, url):
        texts = [request(text, max_tokens=9, temperature=0.0) for text in ("long", "short")]
        replies = ask_all(url, tmp_path, texts, concurrency=1)
    assert "does not fit" in replies["long"].failure and replies["short"].text == "re: short"
    assert state.calls[-1]["max_tokens"] == 9 and len(state.calls) == 3
    assert capfd.readouterr().err == ""


def test_each_value_can_be_left_out_by_null_in_every_stage(tmp_path):
    nulls = dict.fromkeys(("temperature", "top_p", "seed", "max_new_tokens"))
    place = {"endpoint": "http://127.0.0.1:9/v1", "model": "m"}
    file = tmp_path / "pipeline.yaml"

    def bodies(**values):
        named = {role: place | values for role in ("splitter", "checker", "translator")}
        file.write_text(yaml.safe_dump({"seed": 3, "responders": [place | {"name": "a"} | values]} | named))
        config = load_config(file)
        question = Question("0" * 16, "What is gout?", "c", "en", "s")
        yield request_for(question, config.responder("a"))
        for role in named:
            yield judge_body(split_messages("It is."), config.judge(role), 16)

    for body in bodies(**nulls):
        assert body.keys() == {"messages"}
    file.write_text(yaml.safe_dump({"seed": None, "responders": [place | {"name": "a"}]}))
    assert load_config(file).responder("a").seed is None  # for all of them at once
    for body in bodies(temperature=0.5, seed=None, extra_body={"max_completion_tokens": 9, "top_k": 5}):
        assert body.keys() == {"messages", "temperature", "top_p", "max_completion_tokens", "top_k"}
    for body in bodies(temperature=None):  # what the endpoint does by itself may be sampling
        assert body["seed"] is not None and "temperature" not in body
    with pytest.raises(KomepError, match="votes differ by their seed"):
        file.write_text(yaml.safe_dump({"checker": place | {"temperature": 1, "votes": 3, "seed": None}}))
        load_config(file)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"temperature": 1}, "extra_body.temperature: cannot be set here; it has a key of its own: `temperature`"),
        ({"max_tokens": 1}, "its own: `max_new_tokens`"),
        ({"n": 2}, "extra_body.n: cannot be set here"),
        ({"max_completion_tokens": "9"}, "'9' is no whole number"),
        ({"a": float("nan")}, "extra_body: no JSON"),
        ("text", 'expected names and values, got "text"'),
    ],
)  # fmt: skip
def test_an_extra_body_that_cannot_be_sent_is_told(tmp_path, extra, said):
    place = {"endpoint": "http://127.0.0.1:9/v1", "model": "m", "extra_body": extra}
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump({"splitter": place}))
    with pytest.raises(KomepError, match=said):
        load_config(tmp_path / "pipeline.yaml")


def test_a_judge_that_is_told_a_seed_draws_others():
    place = {"endpoint": "http://127.0.0.1:9/v1", "model": "m", "temperature": 1.0}
    seeds = {judge_body(split_messages("x"), Judge(**place, seed=n), 1)["seed"] for n in (None, 1, 2)}
    assert len(seeds) == 3
