"""`komep preview`: one question through all stages of a configuration, with every prompt, reply, unit and verdict.

The stages are those of `komep run`, in a work folder of their own, `<work>/preview`; what is shown is what went over
the wire, heard where models are asked (`inference.ask.LISTENERS`), and the tables that came of it.
"""

import json
import textwrap
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from komep_dataset.config.config import Config, Endpoint, Executor, load_config
from komep_dataset.config.selection import said_in_settings
from komep_dataset.errors import KomepError
from komep_dataset.inference.ask import LISTENERS
from komep_dataset.inference.costs import PriceTable, amount, load_prices, spent_in
from komep_dataset.inference.reply_log import Reply
from komep_dataset.inference.servers import local_servers
from komep_dataset.pairs.generations import read_scored
from komep_dataset.pairs.rules import select_pairs
from komep_dataset.pairs.settling import readied
from komep_dataset.pipeline.preflight import preflight, roles_of_run
from komep_dataset.pipeline.run import check_complete, questions_stage, stages
from komep_dataset.progress import counted
from komep_dataset.schema import EVIDENCE, UNVERIFIABLE, Question
from komep_dataset.scores.scoring import VerdictRow, verdicts_path
from komep_dataset.tables.reading import read_table
from komep_dataset.tables.writing import write_table
from komep_dataset.translation.stage import TranslationRow, translations_path

FOLDER = "preview"
SHOWN_TEXT = 60  # characters of a text that is only turned into a vector
Say = Callable[[str], None]


@dataclass
class _Ear:
    """Shows every exchange of a stage, a message that was shown before in one line, and adds up what it cost."""

    say: Say
    prices: PriceTable
    cost: float = 0.0
    unpriced: set[str] = field(default_factory=set)
    _shown: set[tuple[str, str]] = field(default_factory=set)

    def __call__(
        self, label: str, endpoint: Endpoint, bodies: Mapping[Any, dict], replies: Mapping[Any, Reply]
    ) -> None:
        # Equal ones are asked once.
        distinct = {json.dumps(body, sort_keys=True): key for key, body in bodies.items()}
        for number, key in enumerate(distinct.values(), 1):
            body, reply = bodies[key], replies[key]
            if "input" in body:  # a corpus would take pages
                self._texts(label, endpoint, body, reply)
                continue
            priced = self._priced(endpoint, reply)
            self.say(f"\n{label}, {endpoint.model}, request {number} of {len(distinct)}: {priced}")
            for message in body.get("messages", [{"role": "prompt", "content": body.get("prompt", "")}]):
                self._message(message["role"], message["content"])
            if reply.thought:
                self._message("thoughts", reply.thought)
            self._message("reply", reply.given or f"none: {reply.failure}", always=True)
            if reply.failure and reply.given:
                self.say(f"  not used: {reply.failure}")
            elif reply.given != reply.text:
                self._message("read as", reply.text, always=True)

    def _texts(self, label: str, endpoint: Endpoint, body: dict, reply: Reply) -> None:
        begin = " ".join(body["input"][0].split())[:SHOWN_TEXT]
        told = f"{counted(len(body['input']), 'text')} as vectors, the first {begin!r}"
        self.say(f"\n{label}, {endpoint.model}: {told}: {self._priced(endpoint, reply)}")

    def _message(self, role: str, text: str, always: bool = False) -> None:
        if not always and (role, text) in self._shown:
            self.say(f"  {role}: as above")
            return
        self._shown.add((role, text))
        self.say(f"  {role}:\n{textwrap.indent(text, '    | ', lambda line: True)}")

    def _priced(self, endpoint: Endpoint, reply: Reply) -> str:
        sent, received = reply.prompt_tokens, reply.completion_tokens
        if reply.failure and not reply.given:
            return reply.finish_reason
        out = "?" if received is None else received
        tokens = f"{sent or '?'} tokens in, {out} out, {reply.finish_reason}"
        price = self.prices.price_of(endpoint)
        if price is None or sent is None or received is None:
            self.unpriced.add(endpoint.model)
            return f"{tokens}, cost unknown"
        cost = price.cost(1, sent, received)
        self.cost += cost
        return f"{tokens}, {amount(cost, self.prices.currency)}"


@said_in_settings(chained=True)
def preview(
    config: Path | Config, question: int = 1, say: Say | None = None, *, budget: float | None = None
) -> str:
    """Run all stages but the build for one question, and show what each asked, was told and made of it.

    Args:
        config: pipeline.yaml as `komep run` takes it.
        question: its place in the table of questions, from 1.
        say: is given every line as it comes, such as `print`.
        budget: what the preview may spend, instead of the file's `budget`.

    Returns:
        All of it.

    Raises:
        KomepError: what `pipeline.run.run` raises before a stage begins, an endpoint that answers nobody, or there
            are fewer questions.
    """
    config, told = load_config(config), []
    check_complete(config)

    def tell(line: str) -> None:
        told.append(line)
        if say:
            say(line)

    config = replace(
        _online(config),
        work=config.work / FOLDER,
        spending=config.policy().spending,
        executor=Executor(),
        budget=config.budget if budget is None else budget,
    )
    preflight(config, roles_of_run(config))
    ear = _Ear(tell, load_prices(config.prices))
    with local_servers(), ExitStack() as stack:
        LISTENERS.append(ear)
        stack.callback(LISTENERS.remove, ear)
        first, *asking = list(stages(config))[:-1]
        _one_question(config, next(iter(first.outputs)), question, tell)
        for stage in asking:
            outcome = stage.run()  # done or not: what was answered before is shown, and not asked
            short = outcome.shortfall.text
            tell(f"\n{stage.name}: {outcome.line}" + (f"\nwarning: {short}" if short else ""))
    _show_units(config, tell)
    unpriced = f"no price known for {', '.join(sorted(ear.unpriced))}" if ear.unpriced else ""
    known = amount(ear.cost, ear.prices.currency) if ear.cost or not unpriced else "unknown"
    spent, calls = spent_in(config.policy().spending)
    spent = f"{amount(spent, ear.prices.currency)} by {counted(calls, 'call')}"
    ledger = f"runs and previews here have spent {spent}" if calls else ""
    cost = "; ".join(filter(None, (known, unpriced, ledger)))
    tell(
        f"\ncost of this question by the endpoints' own counts: {cost}; `komep run --estimate` counts all of them"
    )
    return "\n".join(told)


def _online(part: Any) -> Any:
    """A configuration whose models all are asked at once, none by a batch, which may take a day."""
    if isinstance(part, tuple):
        return tuple(map(_online, part))
    if not is_dataclass(part):
        return part
    changed = {item.name: _online(getattr(part, item.name)) for item in fields(part)}
    return replace(part, **changed | ({"batch_api": False} if "batch_api" in changed else {}))


def _one_question(config: Config, table: Path, place: int, say: Say) -> None:
    """Write the table of questions with one alone."""
    whole = replace(config, questions=replace(config.questions, limit=None))
    questions_stage(whole, table).run()
    rows = read_table(table, Question)
    if place > rows.height:
        raise KomepError(f"--question {place}: the table has {counted(rows.height, 'question')}", exit_code=2)
    write_table(rows.slice(place - 1, 1), table, Question)
    say(f"question {place} of {rows.height:,}: {rows['question'][place - 1]}")


def _cited(frame: pl.DataFrame) -> dict[tuple[str, str, int], list[str]]:
    """(question id, model, place of a unit) -> lines on what its verdict rests on, or why it has none."""
    found: dict[tuple[str, str, int], list[str]] = {}
    for row in frame.filter(pl.col(EVIDENCE).is_not_null()).iter_rows(named=True):
        for one in row[EVIDENCE]:
            lines = found.setdefault((row["question_id"], row["model"], one["unit"]), [])
            lines += [one["reason"]] if one["reason"] and one["reason"] not in lines else []
            place = ", ".join(filter(None, (one["title"], one["url"])))
            lines += [f"[{one['id']}] {place}: {one['quotation']}"] if one["id"] else []
    return found


def _show_units(config: Config, say: Say) -> None:
    """Each answer's units with their verdicts, its translation, and the pair that they would give."""
    scored = config.work / "score" / "scored.parquet"
    frame, evidence = read_scored([scored]), read_table(verdicts_path(scored), VerdictRow)
    nothing = evidence.filter(pl.col("verdict") == UNVERIFIABLE).group_by("model").agg("unit")
    nothing = dict(nothing.iter_rows())
    cited = _cited(frame)
    for row in frame.iter_rows(named=True):
        score = "no score" if row["dahl_score"] is None else f"{row['dahl_score']:.2f}"
        say(f"\n{row['model']}: {score}, {row['status']}")
        for n, unit in enumerate(row["units"]):
            say(f"  {unit['verdict']:<8}{unit['text']}")
            for line in cited.get((row["question_id"], row["model"], n), ()):
                say(f"          {line}")
        for text in nothing.get(row["model"], ()):
            say(f"  {UNVERIFIABLE}: {text}")
    evidence = translations_path(config.work / "translate" / "translated.parquet")
    if config.translator and evidence.is_file():
        for row in read_table(evidence, TranslationRow).iter_rows(named=True):
            refused = f"refused: {row['reason']}: {row['detail']}"
            became = refused if row["target"] is None else row["target"]
            whose = f" of {row['model']}" if row["model"] else ""
            say(f"\ntranslation of the {row['kind']}{whose}:\n  {became}")
            for warning in row.get("warnings") or ():
                say(f"  warning: {warning['name']}: {warning['detail']}")
    pairs, rejects = select_pairs(*readied(config.selection, frame))
    for pair in pairs.iter_rows(named=True):
        over = f"over {pair['rejected_model']} {pair['rejected_score']:.2f}"
        say(f"\npair: {pair['chosen_model']} {pair['chosen_score']:.2f} {over}")
    for reject in rejects.iter_rows(named=True):
        say(f"\nno pair: {reject['reason']}: {reject['detail']}")
