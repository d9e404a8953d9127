"""Prices, what is spent, budgets, and estimates that ask nobody."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from loopback import Fault, Loopback, last_text, loopback
from test_pipeline import KEY_ENV, SECRET, write_chain

from komep_dataset import estimates
from komep_dataset.config import Endpoint, Policy, load_config
from komep_dataset.costs import SHIPPED, Meter, Price, load_prices, spent_in
from komep_dataset.errors import KomepError
from komep_dataset.inference import Request, ask
from komep_dataset.pipeline import run

TOKENS = {"prompt_tokens": 1_000_000, "completion_tokens": 0}  # one unit of money a call at the prices below


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv(KEY_ENV, SECRET)


def priced(folder: Path, *models: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    entry = {"input": 1, "output": 1, "date": "2026-01-01", "source": "made up for a test"}
    path = folder / "prices.yaml"
    path.write_text(yaml.safe_dump({"currency": "EUR", "models": dict.fromkeys(models, entry)}))
    return path


def expensive() -> Loopback:
    state = Loopback()
    state.usage = TOKENS
    return state


def requests(n: int) -> list[Request]:
    return [Request(f"q{i}", {"messages": [{"role": "user", "content": f"q{i}"}]}) for i in range(n)]


def endpoint(folder: Path, url: str, budget: float | None, **changes) -> Endpoint:
    policy = Policy(budget=budget, prices=priced(folder, "m"), spending=folder / "spending")
    return Endpoint(**{"model": "m", "endpoint": url, "concurrency": 4, "policy": policy} | changes)


def test_the_shipped_prices_are_read_and_every_one_has_a_date_and_a_source():
    table = load_prices()
    assert table.file == SHIPPED and table.currency == "USD"
    assert all(price.date and "://" in price.source for price in table.models.values())
    assert table.models["gpt-4o"].cost(1, 1_000_000, 1_000_000) == 12.5
    assert table.price_of(Endpoint(model="nobody-knows", endpoint="http://x/v1")) is None
    assert table.price_of(Endpoint(model="any", server="vllm")).free


def test_a_price_counts_tokens_and_calls():
    price = Price(input=2, output=10, per_1000_calls=5, date="", source="")
    assert price.cost(100, 500_000, 100_000) == pytest.approx(1 + 1 + 0.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("currency: USD", "expected the keys"),
        ("{currency: 3, models: {}}", "currency: expected text"),
        ("{currency: USD, models: {m: {input: 1, output: 1, date: x}}}", "models.m.source: missing"),
        ("{currency: USD, models: {m: {input: -1, output: 1, date: x, source: y}}}", "models.m.input: -1"),
        ("{currency: USD, models: {m: {inptu: 1}}}", "did you mean 'input'"),
    ],
)
def test_a_table_of_prices_that_cannot_be_used_is_told(tmp_path, text, said):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(KomepError, match=said):
        load_prices(tmp_path / "p.yaml")


def test_a_budget_stops_cleanly_starts_nothing_more_and_a_larger_one_goes_on(tmp_path):
    with loopback(expensive()) as (state, url):
        with pytest.raises(KomepError) as caught:
            ask(requests(40), endpoint(tmp_path, url, 10.0), tmp_path / "w", label="test")
        calls = len(state.calls)
        assert 10 <= calls <= 10 + 3  # what was in flight ends
        assert f"{calls}.00 EUR spent by {calls} calls, of a budget of 10.00 EUR" in str(caught.value)
        assert f"{40 - calls} of 40 requests are not asked" in str(caught.value)
        assert caught.value.exit_code == 1
        assert spent_in(tmp_path / "spending") == (calls, calls)
        with pytest.raises(KomepError, match="the budget is reached"):  # a restart has not forgotten
            ask(requests(40), endpoint(tmp_path, url, 10.0), tmp_path / "w", label="test")
        assert len(state.calls) == calls
        replies = ask(requests(40), endpoint(tmp_path, url, 100.0), tmp_path / "w", label="test")
    assert len(state.calls) == 40 and state.repeats == 0
    assert not any(reply.failed for reply in replies.values())


def test_an_answer_that_the_endpoint_withholds_is_paid_for_and_a_refused_request_is_not(tmp_path):
    withheld = {
        "choices": [{"message": {"content": "x"}, "finish_reason": "content_filter"}],
        "usage": TOKENS,
    }
    faults = {"q0": Fault(200, json.dumps(withheld)), "q1": Fault(400, "no")}
    state = expensive()
    state.faults = lambda body, _: faults.get(last_text(body))
    with loopback(state) as (_, url):
        ask(requests(3), endpoint(tmp_path, url, 10.0), tmp_path / "w", label="test")
    assert spent_in(tmp_path / "spending") == (2.0, 3)


def test_a_budget_without_a_price_or_without_usage_is_told_at_once(tmp_path):
    with loopback(Loopback()) as (state, url):
        with pytest.raises(KomepError, match="needs the price of 'other'"):
            ask(requests(3), endpoint(tmp_path, url, 10.0, model="other"), tmp_path / "w", label="test")
        assert not state.calls
        state.usage = None
        with pytest.raises(KomepError, match="reports no usage"):
            ask(requests(20), endpoint(tmp_path, url, 10.0, concurrency=1), tmp_path / "w", label="test")
        assert len(state.calls) == 1
        ask(requests(3), endpoint(tmp_path, url, None), tmp_path / "w", label="test")  # no budget, no worry


def test_retries_end_with_the_budget_too(tmp_path):
    """One request is answered and takes the budget; the others, which wait for another try, give up."""
    state = expensive()
    state.faults = lambda body, _: None if last_text(body) == "q0" else Fault(500, "busy")
    with loopback(state) as (_, url), pytest.raises(KomepError, match="3 of 4 requests are not asked"):
        ask(requests(4), endpoint(tmp_path, url, 1.0), tmp_path / "w", label="test")
    assert len(state.calls) <= 4 + 3


def test_meters_of_several_processes_count_together(tmp_path):
    price = Price(input=1, output=1, date="", source="")
    one, two = Meter(price, 3.0, tmp_path), Meter(price, 3.0, tmp_path)
    one.charge(1_000_000, 1_000_000)
    one.save()
    two.charge(500_000, 0)
    assert two.spent() == 2.5 and not two.reached
    two.charge(500_000, 0)
    assert two.reached
    two.close()
    (tmp_path / "torn.json").write_text('{"amount": 1')
    assert spent_in(tmp_path) == (3.0, 3)


def test_one_budget_holds_for_all_stages_of_a_run(tmp_path):
    with loopback(expensive()) as (state, url):
        prices = priced(tmp_path / "a", "r", "splitter", "checker")
        path = write_chain(tmp_path / "a", url, n=3, prices=prices.name)
        with pytest.raises(KomepError, match="score: split: the budget is reached"):
            run(path, lambda _: None, budget=8)
        asked = len(state.calls)
        assert 8 <= asked <= 8 + 3
        run(path, lambda _: None, budget=1000)
        assert state.repeats == 0
    assert spent_in(tmp_path / "a" / "work" / "spending")[0] == len(state.calls)


def komep(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "komep_dataset.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


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
        assert estimates.estimate_score(responses, config, "strict")[0].calls == 0
        assert {line.calls for line in estimates.estimate_run(config)[:3]} == {0}
        calls = len(state.calls)
        questions = tmp_path / "a" / "work" / "questions" / "questions.parquet"
        done = komep("respond", questions, "--config", path, "--model", "b", "--estimate")
        assert "0 calls" in done.stdout
        done = komep("score", *responses, "--config", path, "--estimate")
        assert "score: split" in done.stdout and len(state.calls) == calls


def test_tokens_are_counted_by_the_models_own_tokenizer_or_called_a_guess(tmp_path):
    tokenizers = pytest.importorskip("tokenizers", reason="comes with the extra [eval], [train] or [serve]")
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = tokenizers.Tokenizer(WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    (tmp_path / "model").mkdir()
    tokenizer.save(str(tmp_path / "model" / "tokenizer.json"))
    count, by = estimates.token_counter(Endpoint(model=str(tmp_path / "model"), server="vllm"))
    assert count("a b c") == 3 and by == "tokenizer of model"
    other = Endpoint(model="x", endpoint="http://x/v1", tokenizer=str(tmp_path / "model"))
    assert estimates.token_counter(other)[1] == "tokenizer of model"
    count, by = estimates.token_counter(Endpoint(model="x", endpoint="http://x/v1"))
    assert count("x" * 35) == 10 and by.startswith("a guess")
