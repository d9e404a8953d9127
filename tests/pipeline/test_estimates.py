"""Estimates ask nobody, and count what a run then asks."""

import json
import re
from dataclasses import replace

import pytest
import yaml
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.config.config import Config, Endpoint, load_config
from komep_dataset.inference.costs import Price, PriceTable
from komep_dataset.pipeline import estimates
from komep_dataset.pipeline.run import run
from tests.evidence.loopback_encoder import encoder
from tests.evidence.texts import corpus
from tests.inference.prices import priced
from tests.loopback import Fault, Loopback, loopback
from tests.pipeline.chains import key as key  # the chain's endpoints want one
from tests.pipeline.chains import komep, write_chain


@pytest.mark.slow
def test_estimates_ask_nothing_and_count_what_a_run_then_asks(tmp_path):
    with loopback() as (state, url):
        prices = priced(tmp_path / "a", "r", "splitter")
        path = write_chain(tmp_path / "a", url, n=3, prices=prices.name, budget=50)
        done = komep("run", path, "--estimate")
        assert done.returncode == 0, done.stderr
        assert not state.calls and not (tmp_path / "a" / "work").exists()
        assert "no price known for checker" in done.stdout and "budget: 50.00 EUR" in done.stdout
        assert "nothing was asked" in done.stdout
        config = load_config(path)
        lines = {line.stage: line for line in estimates.estimate_run(config)}
        assert [lines[f"respond {name}"].calls for name in ("meta/small", "b")] == [3, 3]
        assert lines["score: split"].calls == 6 and lines["score: check"].cost is None
        run(write_chain(tmp_path / "a", url, n=3), lambda _: None)
        responses = [tmp_path / "a" / "work" / "respond"]
        assert [line.calls for line in estimates.estimate_score(responses, config, "strict")] == [0, 0]
        assert {line.calls for line in estimates.estimate_run(config)} == {0}
        calls = len(state.calls)
        questions = tmp_path / "a" / "work" / "questions" / "questions.parquet"
        done = komep("respond", questions, "--config", path, "--model", "b", "--estimate")
        assert "0 calls" in done.stdout
        done = komep("score", *responses, "--config", path, "--estimate")
        assert "score: split" in done.stdout and len(state.calls) == calls


def test_once_all_is_split_the_checks_that_are_missing_are_counted_one_by_one(tmp_path):
    def refused(body, attempt):
        return Fault(500) if body["model"] == "checker" and sum(str(body).encode()) % 2 else None

    with loopback(Loopback(faults=refused)) as (state, url):
        path = write_chain(tmp_path / "a", url, n=4)
        run(path, lambda _: None)
        config, responses = load_config(path), [tmp_path / "a" / "work" / "respond"]
        missing = estimates.estimate_score(responses, config, "strict")[1].calls
        before, state.faults = len(state.calls), None
        assert missing == estimates.estimate_run(config)[-1].calls
        run(path, lambda _: None, retry_failed=True)
        assert missing == len(state.calls) - before > 0


@pytest.mark.slow
def test_what_is_not_split_is_not_counted(tmp_path):
    """An answer that a server's error stands for, the question once more, and what speaks of something else."""
    answers = ["Gout is painful.", '{"error": {"message": "Internal server error"}}', "What is gout?"]
    answers.append("I am on my way to the office and shall be back on Monday.")
    rows = [{"question": "What is gout?", "model": str(i), "response": a} for i, a in enumerate(answers)]
    (tmp_path / "r.json").write_text(json.dumps(rows))
    with loopback() as (state, url):
        path = write_chain(tmp_path / "a", url, n=1)
        counted = estimates.estimate_score([tmp_path / "r.json"], load_config(path), "strict")[0].calls
        done = komep("score", tmp_path / "r.json", "--config", path, "-o", tmp_path / "s.parquet")
        assert done.returncode == 0, done.stderr
        assert counted == sum(body["model"] == "splitter" for body in state.calls) == 1


@pytest.mark.parametrize(
    ("batch_api", "batch", "costs", "said", "total"),
    [
        (False, 0.5, (0.2, 0.2, 0.1), "by batch 0.1000 EUR", "with `batch_api: true` 0.1000 EUR"),
        (True, 0.5, (0.1, 0.2, 0.1), "by batch, online 0.2000 EUR", "asked online 0.2000 EUR"),
        (
            True,
            None,
            (0.2, 0.2, None),
            "by batch, whose price is not known: in full",
            "at most about 0.2000 EUR",
        ),
        (False, None, (0.2, 0.2, None), "", "at most about 0.2000 EUR"),
    ],
)
def test_both_prices_are_told(batch_api, batch, costs, said, total, tmp_path):
    price = Price(input=1, output=1, batch=batch, date="2026-01-01", source="made up for a test")
    endpoint = Endpoint(model="m", endpoint="http://x/v1", batch_api=batch_api)
    bodies = [{"prompt": "", "max_tokens": 100}] * 2000
    line = estimates.line_of("check", endpoint, bodies, PriceTable("EUR", {"m": price}))
    assert (line.cost, line.online, line.by_batch) == costs and line.assumed == said
    prices = priced(tmp_path, "m")
    assert total in estimates.as_text([line], Config(prices=prices, work=tmp_path))


def test_a_price_that_nobody_knows_is_no_nought(tmp_path):
    config = Config(work=tmp_path)
    line = estimates.Line("score: split", "mine", 3, 10.0, 20.0, None, "a guess")
    told = estimates.as_text([line], config)
    assert "no price known for mine" in told and "0.0000" not in told and "at most about" not in told
    known = replace(line, model="other", cost=0.5)
    assert "at most about 0.5000 USD for the rest" in estimates.as_text([line, known], config)


@pytest.mark.parametrize(
    ("options", "checker"),
    [
        (["--limit", "5"], {}),
        (["--limit", "5"], {"batch": 3, "context": "question"}),
        (["--limit", "5"], {"votes": 3, "temperature": 0.7, "structured": True}),
        (["--adversarial", "--limit", "3"], {}),
    ],
)
def test_what_calibrate_would_ask_is_what_it_asks(options, checker, tmp_path):
    with loopback() as (state, url):
        path = write_chain(tmp_path / "a", url)
        chain = yaml.safe_load(path.read_text())
        chain["checker"] |= checker
        path.write_text(yaml.safe_dump(chain))
        command = ["calibrate", "--config", str(path), *options]
        told = CliRunner().invoke(app, [*command, "--estimate"])
        assert told.exit_code == 0 and "no price known for checker" in told.output, told.output
        assert not state.calls and not (tmp_path / "a" / "work" / "calibrate").exists()
        assert CliRunner().invoke(app, command).exit_code == 0
        calls = [int(n.replace(",", "")) for n in re.findall(r"([\d,]+) calls", told.output)]
        assert sum(calls) == len({json.dumps(body, sort_keys=True) for body in state.calls})
        assert "  0 calls" in CliRunner().invoke(app, [*command, "--estimate"]).output


def test_an_estimate_of_a_calibration_names_each_judge(tmp_path):
    path = write_chain(tmp_path / "a", "http://127.0.0.1:9/v1")
    chain = yaml.safe_load(path.read_text())
    one = chain["checker"]
    chain["checker"] = [one, one | {"context": "question"}, one | {"model": "other"}]
    path.write_text(yaml.safe_dump(chain))
    second = [r"checker \(2\)"]  # without its question it would be asked what the first is
    for options, more in (([], second), (["--adversarial"], [])):
        command = ["calibrate", "--config", str(path), "--limit", "5", "--estimate", *options]
        told = CliRunner().invoke(app, command).output
        for name in ("checker", "other", *more):
            assert re.search(rf"^\S.* by {name} +\d+ calls", told, re.MULTILINE), told


def test_passages_and_their_embeddings_are_counted_as_they_are_asked(tmp_path):
    rows = [{"id": str(n), "text": f"Fact {n} of a disease holds. " * 10} for n in range(10)]
    corpus(tmp_path / "c.jsonl", rows)
    with loopback(encoder()) as (state, url):
        config = {"responders": [{"name": "a", "endpoint": url, "model": "r", "max_new_tokens": 50}]}
        config |= {name: {"endpoint": url, "model": name} for name in ("splitter", "checker")}
        (tmp_path / "q.csv").write_text("question,category\nWhat is fever?,c\n")
        config["questions"] = {"input": "q.csv"}

        def lines(**evidence):
            config["checker"]["evidence"] = {"corpus": "c.jsonl"} | evidence if evidence else None
            (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(config))
            found = estimates.estimate_run(load_config(tmp_path / "pipeline.yaml"))
            return {line.stage: line for line in found}

        plain, four, eight = lines(), lines(passages=4), lines(passages=8)
        added = [x["score: check"].prompt_tokens - plain["score: check"].prompt_tokens for x in (four, eight)]
        text = estimates.token_counter(Endpoint(endpoint=url, model="m"))[0](rows[0]["text"])
        calls = plain["score: check"].calls
        assert calls == four["score: check"].calls and added[1] - added[0] > 4 * calls * text > 0
        embeddings = {"endpoint": url, "model": "m", "batch": 4}
        dense = lines(retriever="dense", embeddings=embeddings)
        assert "score: embed" not in four and dense["score: embed"].calls == 3 + 1
        assert "3 of them for passages" in dense["score: embed"].assumed and not state.calls
