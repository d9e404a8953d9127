"""Whether budgets hold: what a server bills, against the budget and against what our ledgers say.

    python -m benchmarks.budgets

The server, a process of its own, bills every request that reaches it, answered or not, by a rule that the model's
name picks, and keeps the sum; what it says that it counted may be a lie. The requests go through
`komep_dataset.inference.ask.ask`: in one process, in four workers with two calls in flight each, and in runs of four
workers that `kill -9` ends with all their processes and that are started again. A line a case: `owed` is what the
server billed, `books` what our ledgers say. `holds` says whether owed <= books and owed <= budget. Where costs do not
follow from the text and differ from call to call (`surprise`), a call may cost more than any before it: the budget
may be missed by that.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from benchmarks.loopback_judge import Judge, http, serving, stats_of
from komep_dataset.config.config import Endpoint, Executor, Policy
from komep_dataset.errors import KomepError
from komep_dataset.inference.ask import ask
from komep_dataset.inference.costs import spent_in

REQUESTS, MAX_TOKENS, BUDGET = 60, 20_000, 0.20
PRICE = 1.0  # for a million tokens, in and out
KILLS = 6
LIES: dict[str, Any] = {
    "negative": {"prompt_tokens": -5, "completion_tokens": -(10**9)},
    "10 to the 400th": {"prompt_tokens": 10**400, "completion_tokens": 10**400},
    "missing": None,
    "zero": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
}
HIDDEN = ("hidden in total_tokens", "hidden in reasoning_tokens")
SHOWN = 100  # tokens of an answer's text as the server counts them: 4 bytes each


class Seller(Judge):
    """Bills every request by its model's name, and says something else where that is a lie."""

    def __init__(self, facts: int, faulty: bool):
        super().__init__(facts, faulty)
        self.owed: dict[str, float] = {}
        self._chance = random.Random(7)

    def answer(self, data: bytes) -> bytes:
        body = json.loads(data)
        model = body["model"]
        self.calls[model] += 1
        sent = sum(len(message["content"].encode()) for message in body["messages"]) // 4
        received, usage = self.bill(model, sent)
        self.owed[model] = self.owed.get(model, 0.0) + (usage[0] + usage[1]) * PRICE / 1e6
        reply = {"choices": [{"message": {"content": "word" * received}, "finish_reason": "stop"}]}
        return http(200, "", json.dumps(reply | {"usage": self.told(model, *usage, received)}).encode())

    def bill(self, model: str, sent: int) -> tuple[int, tuple[int, int]]:
        """(tokens of text sent back, (tokens billed in, tokens billed out))."""
        kind = model.partition("|")[0]
        if kind == "fixed":  # 0.02 a call, which its text does not show
            return SHOWN, (20_000 - SHOWN, SHOWN)
        if kind == "surprise":
            return SHOWN, (self._chance.randint(5_000, 30_000), SHOWN)
        if kind == "random":  # up to the limit that the request has
            received = self._chance.randint(1, MAX_TOKENS)
            return received, (sent, received)
        return SHOWN, (sent, SHOWN if kind in LIES else MAX_TOKENS)

    def told(self, model: str, prompt: int, completion: int, shown: int) -> Any:
        kind = model.partition("|")[0]
        if kind in LIES:
            return LIES[kind]
        visible = {"prompt_tokens": prompt, "completion_tokens": shown}
        if kind == HIDDEN[0]:
            return visible | {"total_tokens": prompt + completion}
        if kind == HIDDEN[1]:
            return visible | {"completion_tokens_details": {"reasoning_tokens": completion - shown}}
        return {"prompt_tokens": prompt, "completion_tokens": completion}

    def stats(self) -> bytes:
        return http(200, "", json.dumps({"owed": self.owed, "calls": self.calls}).encode())


def asked(model: str, address: str, folder: Path, workers: int, budget: float) -> None:
    """Ask all requests under a budget; what stops the run is no news here."""
    policy = Policy(
        executor=Executor(workers=workers),
        budget=budget,
        prices=folder / "prices.yaml",
        spending=folder / "spending",
    )
    endpoint = Endpoint(model=model, endpoint=f"{address}/v1", concurrency=8, policy=policy)
    texts = {f"q{n}": f"Condition {n} is treated with substance {n}. " * 10 for n in range(REQUESTS)}
    bodies = {
        id: {"messages": [{"role": "user", "content": text}], "max_tokens": MAX_TOKENS}
        for id, text in texts.items()
    }
    try:
        ask(bodies, endpoint, folder / "work", label="benchmark")
    except KomepError as error:
        if "the budget is reached" not in str(error):
            raise


def killed(model: str, address: str, folder: Path, workers: int, budget: float) -> None:
    """Start the run, kill all its processes after a while, some times over; then let it end."""
    arguments = [model, address, str(folder), str(workers), str(budget)]
    command = [sys.executable, "-m", "benchmarks.budgets", *arguments]
    chance = random.Random(3)
    for _ in range(KILLS):
        calls = stats_of(address)["calls"].get(model, 0)
        child = subprocess.Popen(command, start_new_session=True)
        while child.poll() is None and stats_of(address)["calls"].get(model, 0) <= calls:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.15))
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        time.sleep(0.5)  # what was in flight is billed
    subprocess.run(command, check=True)


def row(case: str, model: str, address: str, root: Path, workers: int, budget: float, run=asked) -> None:
    """Run a case in a folder of its own and print its line."""
    model = f"{model}|{case}"  # the server's sums go by the name
    folder = root / model
    folder.mkdir()
    entry = {"input": PRICE, "output": PRICE, "date": "2026-01-01", "source": "made up for a benchmark"}
    (folder / "prices.yaml").write_text(json.dumps({"currency": "USD", "models": {model: entry}}))
    run(model, address, folder, workers, budget)
    time.sleep(0.3)
    stats = stats_of(address)
    owed, (books, calls) = stats["owed"].get(model, 0.0), spent_in(folder / "spending")
    holds = owed <= books + 1e-9 and owed <= budget + 1e-9
    print(
        f"{case:<44} {budget:>7.2f} {owed:>8.4f} {books:>8.4f} {stats['calls'].get(model, 0):>6} {calls:>6}  "
        f"{'yes' if holds else 'NO'}",
        flush=True,
    )


def main() -> None:
    print(f"{'case':<44} {'budget':>7} {'owed':>8} {'books':>8} {'billed':>6} {'booked':>6}  holds")
    with tempfile.TemporaryDirectory() as scratch, serving(0.1, kind=Seller) as address:
        root = Path(scratch)
        for workers, name in ((1, "one process"), (4, "four workers")):
            for model, budget in (
                ("fixed", BUDGET),
                ("random", BUDGET),
                ("random", 0.5),
                ("surprise", BUDGET),
            ):
                row(f"{name}, {model} costs, {budget}", model, address, root, workers, budget)
        for model, budget in (("fixed", 1.04), ("random", 1.0)):
            row(f"four workers, {model} costs, {KILLS} kills", model, address, root, 4, budget, killed)
        for lie in (*LIES, *HIDDEN):
            row(f"usage: {lie}", lie, address, root, 1, BUDGET if lie in HIDDEN else 0.03)


if __name__ == "__main__":
    if len(sys.argv) == 6:  # a run that `killed` starts
        name, place, work, count, most = sys.argv[1:]
        asked(name, place, Path(work), int(count), float(most))
    else:
        ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter).parse_args()
        main()
