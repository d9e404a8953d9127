"""What asking costs: a table of prices that a user edits, and a meter that holds a run to its budget.

An unknown price is None and is called unknown; no number is made up.
"""

from __future__ import annotations

import json
import math
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from komep_dataset.config import Endpoint
from komep_dataset.errors import KomepError
from komep_dataset.yaml_records import build_record, read_yaml

SHIPPED = Path(__file__).parent / "prices.yaml"
LEDGER_BYTES = 256  # a ledger is one line of fixed length, so that one write replaces it whole
OTHERS_SECONDS = 0.5  # how old the figure of what other processes have spent may be


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A model's price: for a million tokens in and out, and for a thousand calls; where and when it was read."""

    input: float
    output: float
    per_1000_calls: float = 0.0
    date: str
    source: str

    def problems(self) -> Iterator[tuple[str, str]]:
        for key in ("input", "output", "per_1000_calls"):
            value = getattr(self, key)
            if not (0 <= value < math.inf):
                yield key, f"{value} is not an amount from 0 up"

    @property
    def free(self) -> bool:
        return not (self.input or self.output or self.per_1000_calls)

    def cost(self, calls: float, prompt_tokens: float, completion_tokens: float) -> float:
        """What so many calls with so many tokens cost, in the table's currency."""
        tokens = (self.input * prompt_tokens + self.output * completion_tokens) / 1e6
        return tokens + self.per_1000_calls * calls / 1000


FREE = Price(input=0.0, output=0.0, date="", source="a server of our own")


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by the name that the endpoint knows a model by."""

    file: Path
    currency: str
    models: dict[str, Price]

    def price_of(self, endpoint: Endpoint) -> Price | None:
        """The price of a model, nothing for a server that we start, None where nobody knows."""
        return FREE if endpoint.server else self.models.get(endpoint.model)


def load_prices(path: Path | None = None) -> PriceTable:
    """Read a table of prices; by default the one that ships.

    Raises:
        KomepError: the file cannot be read, or an entry has an unknown key, a wrong type or no source.
    """
    path = path or SHIPPED
    raw = read_yaml(path)
    if not isinstance(raw, dict) or set(raw) != {"currency", "models"} or not isinstance(raw["models"], dict):
        raise KomepError(
            f"{path}: expected the keys `currency` and `models`, and under `models` a model a line"
        )
    if not isinstance(raw["currency"], str):
        raise KomepError(f"{path}: currency: expected text")
    models = {str(n): build_record(Price, one, str(path), f"models.{n}.") for n, one in raw["models"].items()}
    return PriceTable(path, raw["currency"], models)


def spent_in(folder: Path, but: Path | None = None) -> tuple[float, int]:
    """(amount, calls) in the ledgers of a folder; one that a kill left unreadable counts as nothing."""
    amount, calls = 0.0, 0
    for path in folder.glob("*.json") if folder.is_dir() else ():
        if path != but and (entry := _read_ledger(path)):
            amount, calls = amount + entry["amount"], calls + entry["calls"]
    return amount, calls


def _read_ledger(path: Path) -> dict[str, Any] | None:
    try:
        entry = json.loads(path.read_text("utf-8"))
        return {"amount": float(entry["amount"]), "calls": int(entry["calls"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Meter:
    """Counts what a process spends, writes it down, and says when the budget of all of them is reached.

    Every process that asks has a ledger of its own, `<folder>/<random>.json`, which one `pwrite` replaces whole: it
    is right at any moment, also when the process is killed, and the sum over the folder is what the work cost. A
    kill loses what was in flight: those calls may be billed and are not counted.
    """

    def __init__(self, price: Price | None, budget: float | None, folder: Path | None, currency: str = "USD"):
        self._price, self._budget, self._folder, self._currency = price, budget, folder, currency
        self._path = folder / f"{uuid.uuid4().hex}.json" if folder else None
        self._file: int | None = None
        self._amount, self._calls, self._saved = 0.0, 0, 0
        self._others, self._others_at = (0.0, 0), -math.inf

    @classmethod
    def of(cls, endpoint: Endpoint) -> Meter:
        """The meter of an endpoint's policy.

        Raises:
            KomepError: there is a budget, and nobody knows the model's price.
        """
        policy = endpoint.policy
        if policy.budget is None and policy.spending is None:
            return cls(None, None, None)
        table = load_prices(policy.prices)
        price = table.price_of(endpoint)
        if policy.budget is not None and price is None:
            raise KomepError(
                f"`budget` needs the price of {endpoint.model!r}: {table.file} does not have it; "
                "copy that file, add the model and name the copy as `prices:`"
            )
        return cls(price, policy.budget, policy.spending, table.currency)

    def charge(self, prompt_tokens: int | None, completion_tokens: int | None) -> None:
        """Count an answer that was paid for.

        Raises:
            KomepError: there is a budget to keep, and the endpoint does not say how many tokens it counted.
        """
        if self._price is None:
            return
        if self._budget is not None and not self._price.free and None in (prompt_tokens, completion_tokens):
            raise KomepError(
                "the endpoint reports no usage, so that no budget can be kept; leave `budget` out"
            )
        self._amount += self._price.cost(1, prompt_tokens or 0, completion_tokens or 0)
        self._calls += 1

    def save(self) -> None:
        """Write down what was charged since the last time."""
        if self._path is None or self._calls == self._saved or self._price.free:
            return
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o644)
        line = json.dumps({"amount": self._amount, "calls": self._calls, "currency": self._currency})
        os.pwrite(self._file, line.ljust(LEDGER_BYTES - 1).encode() + b"\n", 0)
        self._saved = self._calls

    def close(self) -> None:
        self.save()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def spent(self) -> float:
        """The amount that all processes have spent so far; that of others is `OTHERS_SECONDS` old at the most."""
        return self._amount + self._of_others()[0]

    @property
    def reached(self) -> bool:
        """Whether there is a budget and nothing is left of it."""
        return self._budget is not None and not self._price.free and self.spent() >= self._budget

    def report(self) -> str:
        """What was spent, of what budget, by how many calls."""
        calls = self._calls + self._of_others()[1]
        budget = (
            "no budget" if self._budget is None else f"a budget of {amount(self._budget, self._currency)}"
        )
        return f"{amount(self.spent(), self._currency)} spent by {calls:,} calls, of {budget}"

    def _of_others(self) -> tuple[float, int]:
        if self._folder is not None and time.monotonic() - self._others_at > OTHERS_SECONDS:
            self._others = spent_in(self._folder, but=self._path)
            self._others_at = time.monotonic()
        return self._others


def amount(value: float, currency: str) -> str:
    """An amount as people write it; small ones with more digits."""
    return f"{value:,.2f} {currency}" if value >= 1 else f"{value:.4f} {currency}"
