"""What asking costs: a table of prices that a user edits, and a meter that holds a run to its budget.

An unknown price is None and is called unknown; no number is made up.
"""

import hashlib
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar

from komep_dataset.config.config import Endpoint
from komep_dataset.config.yaml_records import build_record, read_yaml
from komep_dataset.errors import KomepError
from komep_dataset.inference.ledgers import Ledger, dearer, spent_in
from komep_dataset.inference.wire.dialect import token_limit
from komep_dataset.inference.wire.usage import Usage

SHIPPED = Path(__file__).parents[1] / "prices.yaml"
UNLIMITED_RESERVE = 4096  # reserved for an answer whose length nothing limits (ours)
TEMPLATE_TOKENS = 256  # reserved for what a chat template or a schema adds to a request (ours)
MARK_TOKENS = 8  # reserved for what an encoder puts around each text (ours)
PRICED = 4  # calls that are priced for each that is in flight (ours)
ROUNDING = 1e-9  # by how much a sum of prices may miss the budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A model's price: for a million tokens in and out, and for a thousand calls; where and when it was read.

    `batch` is the part of it that the batch API takes, None where nobody knows.
    """

    input: float
    output: float
    per_1000_calls: float = 0.0
    batch: float | None = None
    date: str
    source: str

    def problems(self) -> Iterator[tuple[str, str]]:
        for key in ("input", "output", "per_1000_calls", "batch"):
            value = getattr(self, key)
            if value is not None and not (0 <= value < math.inf):
                yield key, f"{value} is not an amount from 0 up"

    @property
    def free(self) -> bool:
        return not (self.input or self.output or self.per_1000_calls)

    def cost(self, calls: float, prompt_tokens: float, completion_tokens: float) -> float:
        """What so many calls with so many tokens cost, in the table's currency."""
        tokens = (self.input * prompt_tokens + self.output * completion_tokens) / 1e6
        return tokens + self.per_1000_calls * calls / 1000

    @property
    def by_batch(self) -> "Price":
        """The price of the same over the batch API; in full where nobody knows, which is no less."""
        part = 1.0 if self.batch is None else self.batch
        values = {key: part * getattr(self, key) for key in ("input", "output", "per_1000_calls")}
        return replace(self, **values, batch=None)


FREE = Price(input=0.0, output=0.0, date="", source="a server of our own")


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by the name that the endpoint knows a model by."""

    NOT_KEYS: ClassVar[tuple[str, ...]] = ("file",)

    currency: str
    models: Mapping[str, Price]
    file: Path = SHIPPED

    def price_of(self, endpoint: Endpoint) -> Price | None:
        """The price of a model as it is asked, nothing for a server that we start, None where nobody knows."""
        if endpoint.server:
            return FREE
        price = self.models.get(endpoint.model)
        return price.by_batch if price and endpoint.batch_api else price


def load_prices(path: Path | None = None) -> PriceTable:
    """Read a table of prices; by default the one that ships.

    Raises:
        KomepError: the file cannot be read, or an entry has an unknown key, a wrong type or no source.
    """
    path = path or SHIPPED
    return replace(build_record(PriceTable, read_yaml(path), str(path), ""), file=path)


class Meter:
    """Counts what a process spends, writes it down, and lets no call go that the budget of all might not bear.

    What a call may cost is reserved in the ledger (`ledgers.py`) before it is sent, and what it did cost is booked
    when its answer has come. As long as no call costs more than was reserved for it, no more is owed than the
    budget, whoever else asks and whoever is killed. A call may be billed for more than its text shows; therefore as
    much is reserved as for the dearest one so far, and one is in flight at first, then one more for every `PRICED` that
    have been priced: else a hundred cheap calls would let a hundred go of which each may cost the budget.
    """

    def __init__(
        self,
        price: Price | None,
        budget: float | None,
        folder: Path | None,
        currency: str = "USD",
        model: str = "",
        ledger: str = "",
    ):
        self._price = None if price is None or price.free else price
        self._budget, self._folder, self._currency = budget, folder, currency
        digest = hashlib.sha256(f"{model} {price}".encode()).hexdigest()
        self._ledger = Ledger(folder, currency, digest[:12], ledger) if self._price else None
        self._next = 0.0
        self._doubts, self._doubt = 0, ""
        self._dearer, self._stated = 0, ""
        # A call did not fit, and none is in flight that could still cost less than reserved.
        self.reached = False

    @classmethod
    @contextmanager
    def of(cls, endpoint: Endpoint, ledger: str = "") -> Iterator["Meter"]:
        """The meter of an endpoint's policy, closed at the end of the block; one whose `ledger` has a name goes on with it.

        Raises:
            KomepError: there is a budget, and nobody knows the model's price.
        """
        policy = endpoint.policy
        if policy.spending is None:
            yield cls(None, None, None)
            return
        table = load_prices(policy.prices)
        price = table.price_of(endpoint)
        if policy.budget is not None and price is None:
            raise KomepError(
                f"`budget` needs the price of {endpoint.model!r}: {table.file} does not have it; "
                "copy that file, add the model and name the copy as `prices:`, or leave `budget` out"
            )
        model = f"{endpoint.endpoint} {endpoint.model}"
        with closing(cls(price, policy.budget, policy.spending, table.currency, model, ledger)) as meter:
            yield meter

    def weigh(self, body: dict[str, Any]) -> tuple[int, float]:
        """(bytes of text in a request, what it may cost); a token has a byte at the least."""
        texts = [body["prompt"]] if "prompt" in body else body.get("input")
        texts = texts or [one["content"] for one in body["messages"]]
        sent = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
        if self._ledger is None:
            return sent, 0.0
        if "input" in body:  # each text gets marks of its own
            return sent, self._price.cost(1, sent + MARK_TOKENS * len(texts), 0)
        return sent, self._price.cost(1, sent + TEMPLATE_TOKENS, token_limit(body) or UNLIMITED_RESERVE)

    def reserve(self, most: float) -> float | None:
        """Write down what a call may cost, before it is sent.

        Returns:
            what was reserved, which `book` takes back; None where it does not fit: unless `reached`, calls are in
            flight, and it may fit when they are booked.

        Raises:
            KomepError: a ledger cannot be read or written.
        """
        if self._ledger is None:
            return 0.0
        if self.reached:
            return None
        own = self._ledger.own
        with self._ledger.locked():
            if self._budget is not None:
                others = self._ledger.others()
                dearest = dearer(own.dearest, others.dearest)
                most = max(most, dearest or 0.0)
                spent = own.amount + own.reserved + others.spent
                alone = not (own.in_flight or others.same)
                known = dearest is not None and own.in_flight < max(1, own.calls // PRICED)
                if spent + most > self._budget * (1 + ROUNDING) or not (alone or known):
                    self.reached = not (own.in_flight or others.in_flight)
                    self._next = most
                    return None
            own.reserved += most
            own.in_flight += 1
            self._ledger.write()
        return most

    def reserve_all(self, costs: Sequence[float]) -> int:
        """Write down what the calls of a batch may cost, before it is sent; how many of them, from the first, fit.

        None is held against the dearest call so far, as `reserve` does: a batch is priced when it has ended.
        """
        if self._ledger is None:
            return len(costs)
        with self._ledger.locked():
            own, others = self._ledger.own, self._ledger.others()
            spent = own.amount + own.reserved + others.spent
            room = math.inf if self._budget is None else self._budget * (1 + ROUNDING) - spent
            fit = bisect_right(list(accumulate(costs)), room)
            self.reached, self._next = not (fit or others.in_flight), costs[0]
            own.reserved += sum(costs[:fit])
            own.in_flight += fit
            if fit:
                self._ledger.write()
        return fit

    def book(self, reserved: float, usage: Usage | None, billed: bool = True, answered: bool = True) -> None:
        """Replace what was reserved by what the call cost: by its usage, nothing, or all of it where nobody knows.

        Where what came was no answer and its usage is in doubt, the call cost no less than was reserved.
        """
        if self._ledger is not None:
            with self._ledger.locked():
                self._count(reserved, usage, billed, answered)
                self._ledger.write()

    def book_all(self, calls: Iterable[tuple[float, Usage | None, bool, bool]]) -> None:
        """`book` for all calls of a batch in one step; does nothing where that was done before."""
        if self._ledger is not None:
            with self._ledger.locked():
                if self._ledger.own.in_flight:
                    for call in calls:
                        self._count(*call)
                    self._ledger.own.in_flight, self._ledger.own.reserved = 0, 0.0
                    self._ledger.write()

    def _count(self, reserved: float, usage: Usage | None, billed: bool, answered: bool) -> None:
        own = self._ledger.own
        own.in_flight -= 1
        own.reserved = max(0.0, own.reserved - reserved) if own.in_flight else 0.0
        cost = reserved
        if usage is not None:
            ours = self._price.cost(1, usage.paid_prompt, usage.paid_completion)
            cost = max(ours, usage.stated)
            if cost > ours * (1 + ROUNDING):
                self._dearer += 1
                said, counted = (amount(x, self._currency) for x in (cost, ours))
                self._stated = self._stated or f"{said} for {counted}"
            cost = max(cost, 0.0 if answered or not usage.doubt else reserved)
            own.dearest = dearer(own.dearest, cost)
            if usage.doubt:
                self._doubts += 1
                self._doubt = self._doubt or usage.doubt
        if billed:
            own.amount += cost
            own.calls += 1

    def close(self) -> None:
        """Let go of the ledgers."""
        if self._ledger:
            self._ledger.close()

    def doubts(self) -> str:
        """How many answers were paid for by a count of ours, or by a price of the endpoint's; or ""."""
        said = []
        if self._doubts:
            said.append(
                f"{self._doubts:,} answers had no usage that can be believed (first: {self._doubt}); they were counted "
                "from their text"
            )
        if self._dearer:
            said.append(
                f"the endpoint states more for {self._dearer:,} answers than the table of prices gives (first: "
                f"{self._stated}); what it states was counted"
            )
        return "; ".join(said)

    def beyond_budget(self, label: str, missing: str) -> KomepError:
        """What is said of a budget that is `reached`, and of the requests that are missing."""
        spent, calls = spent_in(self._folder)
        paid, budget, dear = (amount(x, self._currency) for x in (spent, self._budget, self._next))
        return KomepError(
            f"{label}: the budget is reached: {paid} spent by {calls:,} calls, of a budget of {budget}, and the next call may "
            f"cost {dear}; {missing} requests are not asked; answers so far are kept, and the same command with a larger budget "
            "goes on from them"
        )


def amount(value: float, currency: str) -> str:
    """An amount as people write it; small ones with more digits."""
    return f"{value:,.2f} {currency}" if value >= 1 else f"{value:.4f} {currency}"
