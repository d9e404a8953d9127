"""One question through all stages, as people see it."""

import json

import pytest
import yaml

from komep_dataset.errors import KomepError
from komep_dataset.inference.ask import LISTENERS
from komep_dataset.inference.costs import spent_in
from komep_dataset.pipeline.preview import preview
from komep_dataset.pipeline.run import run
from tests.evidence.loopback_encoder import encoder
from tests.evidence.texts import corpus
from tests.loopback import Loopback, answer, loopback
from tests.pipeline.chains import key as key  # the chain's endpoints want one
from tests.pipeline.chains import lines_of, write_chain
from tests.scores.citing import statement

# Written for this project.
PASSAGES = [
    {"id": "guide-1", "title": "Guide", "url": "https://example.org/1", "text": "It says so, in these words."}
]


def cites_first(body: dict) -> str:
    """A judge that calls true what holds an even digit, by the first passage, and finds nothing on the rest."""
    if body["model"] != "checker":
        return answer(body)
    even = statement(body).split()[1][0] in "02468ace"
    return "True [guide-1]" if even else "Unknown"


def shown(path, *options, **named) -> str:
    lines: list[str] = []
    preview(path, *options, say=lines.append, **named)
    return "\n".join(lines)


def test_every_prompt_reply_unit_and_verdict_of_one_question_is_shown_and_nothing_is_asked_twice(tmp_path):
    with loopback(Loopback()) as (state, url):
        path = write_chain(tmp_path / "c", url, n=5)
        text = shown(path, 2)
        calls = list(state.calls)
        again = shown(path, 2)
        assert len(state.calls) == len(calls)
    [first] = [line for line in text.splitlines() if line.startswith("question 2 of 5: ")]
    question = first.partition(": ")[2]
    assert all(question in str(body["messages"]) for body in calls if body["model"] == "r")
    for body in calls:
        for message in body["messages"]:
            assert all(f"    | {line}" in text for line in message["content"].split("\n"))
    for body in calls:
        reply = state.reply(body)
        assert f"    | {reply.splitlines()[0]}" in text
    assert text.count("respond meta/small, r, request 1 of 1: 7 tokens in, 5 out, stop, cost unknown") == 1
    assert "\nmeta/small: " in text and "\n  true    Fact " in text
    assert text.count("\npair: ") + text.count("\nno pair: ") == 1
    assert (
        "cost of this question by the endpoints' own counts: unknown; no price known for checker, r, splitter"
        in text
    )
    assert again.count("    | ") == text.count("    | ") and not LISTENERS
    assert not (tmp_path / "c" / "work" / "respond").exists()  # the run itself has not begun


def test_costs_are_added_up_where_the_price_is_known(tmp_path):
    prices = {"currency": "USD", "models": {}}
    for name in ("r", "splitter", "checker"):
        prices["models"][name] = {"input": 1e6, "output": 1e6, "source": "a test", "date": "2026-01-01"}
    with loopback(Loopback()) as (state, url):
        path = write_chain(tmp_path / "c", url, n=1, prices="prices.yaml")
        (path.parent / "prices.yaml").write_text(yaml.safe_dump(prices))
        chain = yaml.safe_load(path.read_text())
        chain["checker"]["batch_api"] = True  # which may take a day: a preview asks online
        path.write_text(yaml.safe_dump(chain))
        text = shown(path)
        assert f"counts: {12 * len(state.calls):,}.00 USD; runs and previews here have spent " in text
        assert spent_in(tmp_path / "c" / "work" / "spending")[1] == len(
            state.calls
        )  # it counts with the run's
        with pytest.raises(KomepError, match="budget is reached"):
            run(write_chain(tmp_path / "c", url, n=1, prices="prices.yaml", budget=200.0), lambda _: None)


def test_a_stage_that_comes_to_nothing_is_shown_with_its_replies(tmp_path):
    with loopback(Loopback(lambda body: "Hm." if body["model"] == "checker" else "Iron is a metal.")) as (
        _,
        url,
    ):
        text = shown(write_chain(tmp_path / "c", url, n=1))
    assert (
        "    | Hm." in text
        and "\n  unknown Iron is a metal." in text
        and "\nno pair: too_few_responses" in text
    )


def test_a_question_that_is_not_there(tmp_path):
    with (
        loopback(Loopback()) as (state, url),
        pytest.raises(KomepError, match="--question 9: the table has 2 questions"),
    ):
        preview(write_chain(tmp_path / "c", url, n=2), 9)
    assert not state.calls


def test_what_holds_nothing_to_check_is_shown_behind_the_units(tmp_path):
    def reply(body):
        return f"{answer(body)}\n[unverifiable] Ask her." if body["model"] == "splitter" else answer(body)

    with loopback(
        Loopback(lambda body: reply(body) if body["model"] != "r" else "Iron is a metal. Ask her.")
    ) as (
        _,
        url,
    ):
        text = shown(write_chain(tmp_path / "c", url, n=1))
    assert "\n  unverifiable: Ask her." in text


def test_what_verdicts_rest_on_is_shown_beside_each_unit(tmp_path):
    (tmp_path / "texts.jsonl").write_text(
        "".join(
            json.dumps({"question": f"What is condition {i}?", "evidence": PASSAGES}) + "\n" for i in range(2)
        ),
        "utf-8",
    )
    with loopback(Loopback(cites_first)) as (_, url):
        path = write_chain(tmp_path / "c", url, n=2)
        config = yaml.safe_load(path.read_text())
        config["checker"]["evidence"] = {"provided": "../texts.jsonl"}
        path.write_text(yaml.safe_dump(config))
        text = shown(path)
    assert "    | Passages: [{" in text
    assert "          [guide-1] Guide, https://example.org/1: It says so, in these words." in text
    assert "          not_addressed\n" in text


def test_a_corpus_is_read_once_for_preview_and_run(tmp_path):
    (tmp_path / "corpus.jsonl").write_text(
        json.dumps(PASSAGES[0] | {"text": "A fact holds."}) + "\n", "utf-8"
    )
    with loopback(Loopback(cites_first)) as (_, url):
        path = write_chain(tmp_path / "c", url, n=2)
        config = yaml.safe_load(path.read_text())
        config["checker"]["evidence"] = {"corpus": "../corpus.jsonl"}
        path.write_text(yaml.safe_dump(config))
        shown(path)
        work = tmp_path / "c" / "work"
        kept = {file: file.stat().st_mtime_ns for file in (work / "evidence").rglob("*") if file.is_file()}
        assert kept and not (work / "preview" / "evidence").exists()
        lines_of(path)
    assert kept == {file: file.stat().st_mtime_ns for file in kept}


def test_texts_that_become_vectors_take_a_line_and_are_paid_for_once_for_preview_and_run(tmp_path):
    corpus(tmp_path / "c" / "c.jsonl")
    with loopback(encoder()) as (state, url):
        embeddings = {"endpoint": url, "model": "m", "batch": 4}
        evidence = {"corpus": "c.jsonl", "retriever": "both", "embeddings": embeddings}
        checker = {"endpoint": url, "model": "checker", "evidence": evidence}
        path = write_chain(tmp_path / "c", url, n=2, checker=checker)
        text = shown(path)
        assert "evidence: embed, m: 4 texts as vectors, the first 'Aspirin Aspirin inhibits" in text
        passages = [body for body in state.calls if "Aspirin\n" in str(body.get("input", [""])[0])]
        with pytest.raises(KomepError, match="names no passage"):  # of which the stand-in knows nothing
            run(path, lambda _: None)
        again = [body for body in state.calls if "Aspirin\n" in str(body.get("input", [""])[0])]
        assert len(passages) == len(again) == 1
