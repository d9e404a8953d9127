"""Prices, what is spent, and budgets."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from komep_dataset.config.config import Endpoint, Executor, Policy
from komep_dataset.errors import KomepError
from komep_dataset.inference import client as engine
from komep_dataset.inference.ask import Body, ask
from komep_dataset.inference.costs import SHIPPED, Meter, Price, load_prices, spent_in
from komep_dataset.inference.wire.usage import Usage
from tests.inference.prices import TOKENS, expensive, priced
from tests.loopback import Fault, Loopback, last_text, loopback


def requests(n: int) -> dict[str, Body]:
    return {f"q{i}": {"messages": [{"role": "user", "content": f"q{i}"}]} for i in range(n)}


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
        ("currency: USD", "p.yaml: models: missing"),
        ("{currency: 3, models: {}}", "currency: expected a string, got 3"),
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
        assert len(state.calls) == 10
        assert "10.00 EUR spent by 10 calls, of a budget of 10.00 EUR" in str(caught.value)
        assert "the next call may cost 1.00 EUR; 30 of 40 requests are not asked" in str(caught.value)
        assert caught.value.exit_code == 1
        assert spent_in(tmp_path / "spending") == (10, 10)
        with pytest.raises(KomepError, match="the budget is reached"):  # a restart has not forgotten
            ask(requests(40), endpoint(tmp_path, url, 10.0), tmp_path / "w", label="test")
        assert len(state.calls) == 10
        replies = ask(requests(40), endpoint(tmp_path, url, 100.0), tmp_path / "w", label="test")
    assert len(state.calls) == 40 and state.repeats == 0
    assert not any(reply.failure for reply in replies.values())


def test_a_cost_that_the_endpoint_states_counts_where_it_is_larger(tmp_path, capfd):
    state = expensive()
    state.usage = state.usage | {"cost": 5.0}
    with loopback(state) as (_, url):
        with pytest.raises(KomepError, match=r"10.00 EUR spent by 2 calls, of a budget of 10.00 EUR"):
            ask(requests(4), endpoint(tmp_path, url, 10.0), tmp_path / "w", label="test")
        state.usage["cost"] = 0.5
        ask(requests(4), endpoint(tmp_path, url, 100.0), tmp_path / "w", label="test")
    assert spent_in(tmp_path / "spending") == (12, 4)
    said = "states more for 2 answers than the table of prices gives (first: 5.00 EUR for 1.00 EUR); what it states was"
    assert capfd.readouterr().err.count(said) == 1


def test_a_budget_that_is_less_than_the_next_call_may_cost_asks_nothing(tmp_path):
    with loopback(expensive()) as (state, url):
        with pytest.raises(KomepError, match=r"0.0000 EUR spent by 0 calls, of a budget of 0.0010 EUR"):
            ask(requests(2), endpoint(tmp_path, url, 0.001), tmp_path / "w", label="test")
        assert not state.calls


NO_COMPLETION = Fault(200, "<html>")
COSTS = {
    "withheld": (Fault(200, json.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": "content_filter"}],
                                        "usage": TOKENS})), 1.0, 1),
    "refused in the field for it": (Fault(200, json.dumps({"choices": [{"message": {"refusal": "no"}}], "usage": TOKENS})),
                                    1.0, 1),
    "HTTP 400": (Fault(400, "no"), 0, 0),
    "HTTP 500 twice": (Fault(500, "no"), 0, 0),
    "a text that is barred": (Fault(403, "no"), 0, 0),
    "no completion twice": (NO_COMPLETION, 2.0, 2),
    "no answer in time twice": (Fault(200, "{}", stall=1.0), 2.0, 2),
    "a connection lost twice": (Fault(reset=True), 2.0, 2),
    "a success without content twice": (Fault(204, ""), 2.0, 2),
    "broken off twice": (Fault(200, json.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": "abort"}], "usage": TOKENS})), 2.0, 2),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "cost", "calls"), COSTS.values(), ids=COSTS)
def test_what_may_be_billed_is_booked_and_what_cannot_be_is_not(tmp_path, monkeypatch, fault, cost, calls):
    """One call that is answered, then one that is not: where nobody knows, it costs what was reserved."""
    monkeypatch.setattr(engine, "FIRST_WAIT", 0.01)
    state = expensive()
    state.faults = lambda body, _: fault if last_text(body) == "q1" else None
    with loopback(state) as (_, url):
        place = endpoint(tmp_path, url, 10.0, concurrency=1, max_attempts=2, timeout=0.5)
        ask(requests(2), place, tmp_path / "w", label="test")
    assert spent_in(tmp_path / "spending") == (pytest.approx(1.0 + cost), 1 + calls)


def test_a_connection_that_is_never_made_costs_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "FIRST_WAIT", 0.01)
    with loopback() as (_, url):
        pass  # nobody listens any more
    place = endpoint(tmp_path, url, 10.0, max_attempts=2)
    assert all(reply.failure for reply in ask(requests(3), place, tmp_path / "w", label="test").values())
    assert spent_in(tmp_path / "spending") == (0.0, 0)


def test_calls_in_flight_when_an_error_ends_the_run_count_as_spent(tmp_path):
    """Sixteen answers let four calls go; one finds no credit left, the other three are cut off."""
    state = expensive()
    slow = {f"q{i}": Fault(200, "{}", stall=3.0) for i in range(17, 20)} | {"q16": Fault(402, "", stall=0.5)}
    state.faults = lambda body, _: slow.get(last_text(body))
    with loopback(state) as (_, url), pytest.raises(KomepError, match="no credit"):
        ask(requests(20), endpoint(tmp_path, url, 100.0), tmp_path / "w", label="test")
    assert spent_in(tmp_path / "spending") == (pytest.approx(19.0), 19)


@pytest.mark.parametrize("cheap", [1, 3, 10])
def test_calls_that_turn_out_dear_when_cheap_ones_are_known_owe_little_more_than_the_budget(tmp_path, cheap):
    """64 may be in flight, and from one call on each costs half the budget by reasoning that nobody sees."""
    state = Loopback(delay=0.02)
    answers = iter(range(100))
    dear = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 10**6}
    plain, usage = state.completion, state.usage
    state.completion = lambda path, body: (
        plain(path, body) | {"usage": usage if next(answers) < cheap else dear}
    )
    with loopback(state) as (_, url), pytest.raises(KomepError, match="the budget is reached"):
        place = endpoint(tmp_path, url, 2.0, concurrency=64)
        ask(
            {q: body | {"max_tokens": 9} for q, body in requests(90).items()},
            place,
            tmp_path / "w",
            label="test",
        )
    amount, calls = spent_in(tmp_path / "spending")
    assert calls == len(state.calls) and 1.0 <= amount <= 3.1


def test_a_folder_that_takes_no_ledger_is_named_before_anything_is_asked(tmp_path):
    (tmp_path / "spending").write_text("a file")
    with loopback() as (state, url):
        with pytest.raises(
            KomepError, match=r"spending: what is spent cannot be written down \(File exists\)"
        ):
            ask(requests(1), endpoint(tmp_path, url, 10.0), tmp_path / "w", label="test")
        assert not state.calls


def test_a_budget_without_a_price_is_told_at_once(tmp_path):
    with loopback(Loopback()) as (state, url):
        with pytest.raises(KomepError, match="needs the price of 'other'"):
            ask(requests(3), endpoint(tmp_path, url, 10.0, model="other"), tmp_path / "w", label="test")
        assert not state.calls


LIES = [None, {}, {"prompt_tokens": -5, "completion_tokens": -10**9}, {"prompt_tokens": 10**400},
        {"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": "7", "completion_tokens": [5]}]  # fmt: skip


@pytest.mark.parametrize("usage", LIES, ids=range(6))
def test_usage_that_cannot_be_believed_is_counted_from_the_text_and_said_once(tmp_path, capfd, usage):
    """300 bytes are sent and 3,000 come: a call costs 0.0011, and a budget of 0.05 is no more than 45 of them."""
    state = Loopback(lambda _: "x" * 3000)
    state.usage = usage
    asked = {
        f"{i}": {"messages": [{"role": "user", "content": f"{i:0300}"}], "max_tokens": 800} for i in range(60)
    }
    with loopback(state) as (_, url), pytest.raises(KomepError, match="the budget is reached"):
        ask(asked, endpoint(tmp_path, url, 0.05), tmp_path / "w", label="test")
    amount, calls = spent_in(tmp_path / "spending")
    assert calls == len(state.calls) and amount == pytest.approx(calls * 0.0011)
    assert 40 <= calls <= 45
    said = f"{calls} answers had no usage that can be believed (first: "
    assert capfd.readouterr().err.count(said) == 1
    assert said in (tmp_path / "w" / "engine.log").read_text("utf-8")


def test_retries_end_with_the_budget_too(tmp_path):
    """One request is answered and takes the budget; the others, which wait for another try, give up."""
    state = expensive()
    state.faults = lambda body, _: None if last_text(body) == "q0" else Fault(500, "busy")
    with loopback(state) as (_, url), pytest.raises(KomepError, match="3 of 4 requests are not asked"):
        ask(requests(4), endpoint(tmp_path, url, 1.0), tmp_path / "w", label="test")
    assert len(state.calls) <= 4 + 3


PRICE = Price(input=1, output=1, date="", source="")


def test_meters_of_several_processes_count_together_and_wait_for_each_other(tmp_path):
    one, two = Meter(PRICE, 3.0, tmp_path), Meter(PRICE, 3.0, tmp_path)
    first = one.reserve(1.0)
    assert two.reserve(1.0) is None and not two.reached  # nobody knows yet what a call costs
    one.book(first, Usage(paid_prompt=500_000))
    held = [one.reserve(1.0), two.reserve(1.0)]
    assert one.reserve(1.0) is None and not one.reached  # it would fit if one of the two cost less
    one.book(held[0], Usage(paid_prompt=1_500_000))
    two.book(held[1], None, billed=False)
    assert two.reserve(0.1) is None and two.reached  # 2.0 are spent, and a call has cost 1.5
    assert spent_in(tmp_path) == (2.0, 2)
    one.close(), two.close()


@pytest.mark.slow
def test_four_workers_with_two_calls_in_flight_each_owe_no_more_than_the_budget(tmp_path):
    state = expensive()
    state.delay = 0.02
    with loopback(state) as (_, url):
        place = endpoint(tmp_path, url, 20.0, concurrency=8)
        place = replace(place, policy=replace(place.policy, executor=Executor(workers=4)))
        with pytest.raises(KomepError, match="the budget is reached"):
            ask(requests(60), place, tmp_path / "w", label="test")
    assert len(state.calls) == 20
    assert spent_in(tmp_path / "spending") == (20, 20)


def test_other_endpoints_share_the_budget_but_not_the_dearest_call(tmp_path):
    dear, cheap = Meter(PRICE, 10.0, tmp_path, model="dear"), Meter(PRICE, 10.0, tmp_path, model="cheap")
    dear.book(dear.reserve(1.0), Usage(paid_prompt=8_000_000))
    assert cheap.reserve(1.0) == 1.0
    cheap.close(), dear.close()


DIES = """
import os, signal, sys
from pathlib import Path
from komep_dataset.inference.costs import Meter, Price
from komep_dataset.inference.wire.usage import Usage
meter = Meter(Price(input=1, output=1, date="", source=""), 100.0, Path(sys.argv[1]))
for _ in range(8):
    meter.book(meter.reserve(1.0), Usage(paid_prompt=250_000))
meter.reserve(2.0), meter.reserve(2.0)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_in_flight_at_a_kill_counts_as_spent_for_good(tmp_path):
    """Two processes die, one before another looks at the folder and one while it does; each owes 2.0, and 2.0
    for each of two calls in flight."""
    meter = Meter(PRICE, 20.0, tmp_path)
    for killed in (1, 2):
        subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], check=False)
        assert spent_in(tmp_path) == (killed * 6.0, killed * 10)
        meter.book(meter.reserve(8.0), None, billed=False)
    assert meter.reserve(8.1) is None and meter.reached
    assert "12.00 USD spent by 20 calls" in str(meter.beyond_budget("a", "1"))
    meter.close()


@pytest.mark.parametrize(
    "text", ['{"amount": 1', "[]", "{}", '{"amount": -1, "calls": 1}', '{"amount": NaN, "calls": 1}',
             '{"amount": 1e999, "calls": 1}', '{"amount": "1", "calls": 1}', "[" * 100_000, "\0" * 256],
    ids=range(9),
)  # fmt: skip
def test_a_ledger_that_cannot_be_read_is_no_way_around_a_budget(tmp_path, text):
    (tmp_path / "torn.json").write_text(text)
    (tmp_path / "never-written.json").write_text("")
    (tmp_path / "old.json").write_text('{"amount": 1.5, "calls": 3, "currency": "USD"}'.ljust(255) + "\n")
    with pytest.raises(
        KomepError, match=r"torn.json: this record of what was spent cannot be read.*or remove it"
    ):
        Meter(PRICE, 2.0, tmp_path).reserve(1.0)
    assert spent_in(tmp_path) == (1.5, 3)
    (tmp_path / "torn.json").unlink()
    meter = Meter(PRICE, 2.0, tmp_path)
    assert meter.reserve(0.6) is None and meter.reached
    assert Meter(PRICE, None, tmp_path).reserve(1.0) == 1.0  # nothing to hold to
