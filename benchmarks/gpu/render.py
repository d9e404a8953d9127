"""The lines of the GPU check as docs/gpu.md, the planner's rates and the measured part of docs/memory.md.

    python -m benchmarks.gpu.render docs/gpu/*.jsonl
    python -m benchmarks.gpu.render results/gpu-rehearsal/check.jsonl --output results/gpu-rehearsal/check.md

Every figure is a line's own or is made of lines of one kind of card; calls of the check stand beside one another, none
replaces another. With `--output` the tables alone are written, and to there: a rehearsal has no other place.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import ge, le
from pathlib import Path
from typing import Any

import yaml

from benchmarks.gpu.check import all_steps
from benchmarks.gpu.memory import CHECKED, estimate
from benchmarks.trainings import ROOT

DOCS = ROOT / "docs"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"
RANK = 16  # of LoRA, in the check as in the recipes
REHEARSAL = "**A rehearsal on a CPU with tiny shapes: it shows that the steps run. No figure here is one of a GPU.**\n\n"
RATES = """\
# Rendered by `python -m benchmarks.gpu.render docs/gpu/*.jsonl`. One GPU, the shape of Llama-3.1-8B: each method by its
# recipe as it stands. `utilisation` counts what is computed twice, too, as the planner does: it is above the MFU of
# docs/gpu.md. `questions_a_second` is the runner's, by batch size.
"""
GOALS_NOTE = """
The steps of `trl dpo` in call 4 contain two that compiled kernels: without them DPO is 3.4 times as fast, not 4.7 (below).

"""
PAGE = """\
# The GPU check

Rendered by `python -m benchmarks.gpu.render docs/gpu/*.jsonl`; `bash benchmarks/gpu/check.sh` makes the lines, and
`benchmarks/gpu/check.py` says how. `8b` and `1b` have the shapes of Llama-3.1-8B and Llama-3.2-1B and random weights,
`small` is SmolLM2-135M-Instruct. Every table names the call of its figures.

{goals}## Calls

{calls}
{software}## Evaluation

{evaluation}
A later batch size of a step keeps what an earlier one took: compare what is allocated. Questions a second of ours over
those of `lm_eval --model hf`, each at its best batch size:

{ratios}
## Letters

Questions with the same letter, and with the same reply. `lm_eval` beside itself is the yardstick: so much is rounding.

{letters}
Attention over a shared prefix, largest difference from the exact one:

{attention}
## DPO

MFU: operations of the layers' linear maps (4 a weight and token with LoRA, 6 without; attention, head and what is
computed twice not counted) over the matrix rate of the same call; a dash where the call has none, or where prompts are
shared and so not all computed. `trl dpo` is that of the same call, else of another on such a card; its steps contain the
reference's pass, which ours computed before the first: seconds in all, of the whole process, contain it on both sides,
and loading and saving, too. `8 in 2` is 8 pairs in two micro-batches. The first loss is
ln 2 = 0.6931 where the model is its own reference; runs more than 2% off count for no goal. Taken is what PyTorch held
at the most, or what the driver says of the end where that is more.

Figures of calls 1 to 6 are means of the timed steps, later ones medians: a step that meets a new length may compile a
kernel. In call 4 two of TRL's nine did (4.6 and 6.2 s; the others 1.95 s by its progress bar, 3,290 tokens a second): ours
is 3.4 times that with Liger's kernels and 2.5 times as the recipe stands. Of the steps without padding Liger's are as fast
as compiled ones: `torch.compile` of the layers gave 0.43 s a step in call 4, after 94 s of compiling and with a first loss
of 0.66, so that it is no option of the recipes any more.

{dpo}
Where the time of a step went:

{kernels}
## ORPO, SFT and other trainings

{others}
## Topologies

Six steps of SmolLM2, one process: largest relative difference of a step's loss.

{topologies}
## Memory

[memory.md](memory.md) has the formula, and says which runs it does not describe.

{memory}
## Fingerprint of a reference model

{hashes}
## What has no figure

{failures}"""
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One start of the check: its first line, and those that follow up to the next start."""

    number: int
    file: str
    begin: Line
    lines: list[Line] = field(default_factory=list)

    @property
    def card(self) -> Line:
        """What its step `card` found; nothing where that was not asked for."""
        return next((line for line in self.lines if "matrix_tflops" in line), {})

    @property
    def rehearsal(self) -> bool:
        return bool(self.begin.get("rehearsal"))


Found = Iterable[tuple[Call, Line]]


def read_calls(paths: Iterable[Path]) -> list[Call]:
    """All calls of some files, in order.

    Raises:
        ValueError: a file cannot be read, a line is none of the check's, or rehearsals stand beside real calls.
    """
    calls: list[Call] = []
    for path in dict.fromkeys(paths):
        inside, mine = path.resolve().is_relative_to(ROOT), []
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: cannot be read ({error})") from None
        for number, row in enumerate(text.splitlines(), 1):
            try:
                line = json.loads(row)
                if line["step"] == "begin":
                    file = path.resolve().relative_to(ROOT) if inside else path
                    mine.append(Call(len(calls) + len(mine) + 1, str(file), line))
                else:
                    mine[-1].lines.append(line)
            except (ValueError, TypeError, KeyError):
                raise ValueError(f"{path}:{number}: no line of the check") from None
            except IndexError:
                raise ValueError(f"{path}:{number}: a figure before any line `begin`") from None
        calls += mine
    if not calls:
        raise ValueError("no line in any file")
    if len({call.rehearsal for call in calls}) > 1:
        raise ValueError("rehearsals and real calls do not go into one table")
    return calls


def figures(calls: list[Call], *keys: str, **wanted: Any) -> list[tuple[Call, Line]]:
    """Lines with these keys and values, each with its call; failures are none."""
    lines = ((call, line) for call in calls for line in call.lines if "failed" not in line)
    fits = ((call, line) for call, line in lines if line.keys() >= {*keys, *wanted})
    return [(call, line) for call, line in fits if all(line[key] == value for key, value in wanted.items())]


def alike(call: Call, others: Found) -> list[Line]:
    """Those of some lines that may stand beside a call's: of the call itself, else of any on such a card."""
    own, card = [line for other, line in others if other is call], call.card.get("card", call.number)
    return own or [line for other, line in others if other.card.get("card") == card]


def mfu(call: Call, line: Line) -> float | None:
    """Share of the call's own matrix rate; None without one, and where tokens are counted that were not computed."""
    if line.get("prompts_shared") or not call.card:
        return None
    return line["operations"] / (call.card["matrix_tflops"] * 1e12)


def to_trl(calls: list[Call], call: Call, line: Line) -> float | None:
    """Tokens a second over those of TRL's defaults with as many pairs a step."""
    same = {key: line[key] for key in ("method", "model", "config", "lora", "pairs_a_step")}
    theirs = alike(call, figures(calls, side="trl", **same))
    return line["tokens_a_second"] / theirs[-1]["tokens_a_second"] if theirs else None


def first_loss(line: Line) -> float | None:
    return (line.get("losses") or [None])[0]


def sound(line: Line) -> bool:
    """Whether the first loss of a DPO is that of a model which is its own reference; other methods have no such."""
    return line["method"] != "dpo" or abs((first_loss(line) or 0) / math.log(2) - 1) < 0.02


def trained(calls: list[Call]) -> list[tuple[Call, Line]]:
    """Our sound trainings of the 8B shape on real lengths."""
    found = figures(calls, "lever", side="ours", model="8b", config="real")
    return [(call, line) for call, line in found if sound(line)]


def evaluated(calls: list[Call]) -> dict[tuple[str, str], float]:
    """(model, type) -> questions a second of our best batch size over those of the harness's best."""
    ratios = {}
    for call, line in sorted(figures(calls, "one_prefix"), key=lambda found: found[1]["questions_a_second"]):
        same = figures(calls, "questions_a_second", model=line["model"], dtype=line["dtype"])
        theirs = alike(call, [found for found in same if "one_prefix" not in found[1]])
        if theirs:
            best = max(other["questions_a_second"] for other in theirs)
            ratios[line["model"], line["dtype"]] = line["questions_a_second"] / best
    return ratios


def loss_difference(call: Call, line: Line) -> float | None:
    """Largest relative difference of a step's loss from the topology that the line names; None without that one."""
    others = [other for _, other in figures([call], "losses", topology=line["against"])]
    if not others:
        return None
    pairs = list(zip(line["losses"], others[-1]["losses"], strict=False))
    whole = len(line["losses"]) == len(others[-1]["losses"]) and all(map(math.isfinite, line["losses"]))
    return max(abs(a - b) / abs(b) for a, b in pairs) if whole else math.inf


def memory(line: Line) -> tuple[float | None, float | None]:
    """GiB allocated at the most, and GiB taken of the card."""
    peak = line["peak"]
    return (peak["allocated"], max(peak["taken"], peak["reserved"])) if peak else (None, None)


def described(calls: list[Call]) -> Iterator[tuple[Call, Line]]:
    """Runs that the formula of memory describes, with what it gives."""
    for call, line in figures(calls, "lever", "peak", side="ours"):
        plain = "--activation_checkpointing" not in line["flags"] and not line.get("prompts_shared")
        if plain and line["peak"]:
            length = line["tokens_a_step"] / line["pairs_a_step"] / (1 if line["method"] == "sft" else 2)
            at_once, rank = line["pairs_a_step"] // line.get("accumulated", 1), RANK if line["lora"] else None
            expected = estimate(CHECKED[line["model"]], line["method"], 1, at_once, length, rank)
            off = memory(line)[1] / expected - 1
            yield call, line | {"at_once": at_once, "length": length, "expected": expected, "off": off}


def goals(calls: list[Call]) -> list[tuple[str, float | None, bool | None]]:
    """(goal, figure, whether it is reached); None where nothing was measured."""
    dpo = [(call, line) for call, line in trained(calls) if line["method"] == "dpo"]
    others = [one for one in figures(calls, "topology", "losses") if one[1]["topology"] != one[1]["against"]]
    equal = [abs(line["off"]) for _, line in described(calls) if line["config"] == "fixed"]
    # The largest counts: the best of what is to be large, the worst of what is to be small.
    found = {
        "evaluation: at least 5 times `lm_eval --model hf`, each at its best batch size of those that ended":
            (ge, 5, [evaluated(calls).get(("8b", "bfloat16"))]),
        "DPO: at least 1.5 times `trl dpo` with its defaults": (ge, 1.5, [to_trl(calls, *one) for one in dpo]),
        "DPO: at least 50% of the measured matrix rate": (ge, 0.5, [mfu(*one) for one in dpo]),
        "memory: within 10% of docs/memory.md, of runs with equal lengths": (le, 0.1, equal),
        "losses of the topologies that ended: within 2%": (le, 0.02, [loss_difference(*one) for one in others]),
    }  # fmt: skip
    rows: list[tuple[str, float | None, bool | None]] = []
    for goal, (holds, bound, values) in found.items():
        most = max((value for value in values if value is not None), default=None)
        rows.append((goal, most, None if most is None else holds(most, bound)))
    return rows


def failures(calls: list[Call]) -> Iterator[list[Any]]:
    """Everything that has no figure, with its reason, and the calls in which the same step has one."""
    for call in calls:
        for line in (line for line in call.lines if "failed" in line):
            which = [f"{key} {line[key]}" for key in ("topology", "batch_size") if key in line]
            there = dict.fromkeys(str(other.number) for other, _ in figures(calls, step=line["step"]))
            yield [call.number, " ".join([line["step"], *which]), line["failed"], ", ".join(there) or "none"]
    seen = {line["step"] for call in calls for line in call.lines}
    yield from ([None, name, "asked for in no call", "none"] for name in all_steps(False) if name not in seen)


def cell(value: Any) -> str:
    """A figure as it is read in a table; a dash for none."""
    if value is None or isinstance(value, bool):
        return {None: "–", True: "yes", False: "no"}[value]
    if isinstance(value, tuple):
        return " / ".join(map(cell, value))
    if isinstance(value, float) and abs(value) < 1e4:
        return f"{value:.4g}"
    return (
        " ".join(str(value).split()).replace("|", "/").replace("<", "&lt;")
    )  # text of a program, not of ours


def percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A table of Markdown, or words where it would have no row."""
    head, rows = list(head), [list(map(cell, row)) for row in rows]
    lines = [f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows)]
    return "".join(lines) if rows else "Not measured.\n"


def columns(found: Found, made: Mapping[str, Any]) -> str:
    """A table of lines: heading -> key of a line, or what makes a cell of a call and its line."""
    rows = ([c.number, *(of(c, x) if callable(of) else x.get(of) for of in made.values())] for c, x in found)
    return table(["call", *made], rows)


def memory_table(calls: list[Call]) -> str:
    """What stands between the marks of docs/memory.md."""
    mean = {"fixed": "", "real": " on average"}
    return columns(described(calls), {
        "model": "model", "method": "method", "kind": lambda c, x: "LoRA" if x["lora"] else "full",
        "pairs at once": "at_once", "tokens of a sequence": lambda c, x: f"{x['length']:.0f}{mean[x['config']]}",
        "GPUs": lambda c, x: 1, "GiB estimated": lambda c, x: f"{x['expected']:.1f}",
        "GiB measured": lambda c, x: f"{memory(x)[1]:.1f}", "difference": lambda c, x: f"{x['off']:+.0%}",
    })  # fmt: skip


def page(calls: list[Call]) -> str:
    """docs/gpu.md, or what a rehearsal has in its place."""
    software: dict[str, list[str]] = {}
    for call in filter(lambda call: call.card, calls):
        numbers = {"Python": call.card["python"], "CUDA": call.card.get("cuda"), **call.card["versions"]}
        said = ", ".join(f"{name} {number}" for name, number in numbers.items() if number)
        software.setdefault(said, []).append(str(call.number))
    training = {
        "run": lambda c, x: f"{x['method']} {x['model']} {'LoRA' if x['lora'] else 'full'}",
        "lever": lambda c, x: x["lever"] if x["side"] == "ours" else f"`trl {x['method']}`, {x['lever']}",
        "pairs a step": lambda c, x: f"{x['pairs_a_step']} in {x.get('accumulated', 1)}".removesuffix(" in 1"), "steps timed": "steps_timed", "s a step": "seconds_a_step",
        "tokens a step": "tokens_a_step", "tokens/s": "tokens_a_second", "times `trl`": lambda c, x: to_trl(calls, c, x),
        "MFU": lambda c, x: percent(mfu(c, x)), "first loss": lambda c, x: first_loss(x), "s in all": "wall",
        "GiB allocated / taken": lambda c, x: memory(x),
    }  # fmt: skip
    trainings = figures(calls, "lever", "side")
    dpo = figures(calls, "lever", "side", method="dpo", model="8b", config="real")
    timed = figures(calls, "by_kind")
    kinds = [(call, line | {"kind": k, "s": s}) for call, line in timed for k, s in line["by_kind"].items()]
    rehearsed = calls[0].rehearsal
    shown = (
        [goal, "not measured" if most is None else f"{most:.2f}" if most > 1 else percent(most), reached]
        for goal, most, reached in goals(calls)
    )
    return (REHEARSAL if rehearsed else "") + PAGE.format(
        goals="" if rehearsed else "## Goals\n\n" + table(["goal", "figure", "reached"], shown) + GOALS_NOTE,
        calls=columns([(call, call.begin | call.card) for call in calls], {
            "date": "date", "card, driver, memory": lambda c, x: x.get("nvidia_smi") or x.get("card"),
            "matrix TFLOP/s": "matrix_tflops", "copy TB/s": "copy_tb_s",
            "command": lambda c, x: f"`{x['command'].replace('`', '')}`", "lines": lambda c, x: c.file,
        }),
        software="".join(f"Call {', '.join(numbers)}: {said}.\n\n" for said, numbers in software.items()),
        evaluation=columns(figures(calls, "questions_a_second", "peak"), {
            "model": "model", "type": "dtype", "program": lambda c, x: "ours" if "one_prefix" in x else "`lm_eval`",
            "batch size": "batch_size", "questions": "questions", "shots": "shots", "new tokens": "new_tokens",
            "questions/s": "questions_a_second", "GiB allocated / taken": lambda c, x: memory(x),
        }),
        ratios=table(["model", "type", "times"], ([*key, f"{ratio:.2f}"] for key, ratio in evaluated(calls).items())),
        letters=columns(figures(calls, "letters_equal"), {
            "model": "model", "type": "dtype", "program": lambda c, x: "ours" if x["side"] == "ours" else "`lm_eval`",
            "batch size": "batch_size", "beside `lm_eval` at": "harness_batch_size", "questions": "questions",
            "letters equal": lambda c, x: percent(x["letters_equal"]),
            "replies equal": lambda c, x: percent(x["replies_equal"]),
            "letters read": lambda c, x: percent(x["letters_read"]),
        }),
        attention=columns(figures(calls, "values_differ"), {
            "type": "dtype", "causal": "causal", "values": "values_differ", "log-sums": "sums_differ",
        }),
        dpo=columns(dpo, training),
        others=columns([found for found in trainings if found not in dpo], training),
        kernels=columns(kinds, {
            "lever": "lever", "kind": "kind", "s a step": "s",
            "share": lambda c, x: percent(x["s"] / x["kernel_seconds_a_step"]),
        }),
        topologies=columns(figures(calls, "topology"), {
            "topology": "topology", "type": "distributed_type", "device": "device", "against": "against",
            "difference": lambda c, x: percent(loss_difference(c, x)), "GiB": lambda c, x: x["peak_gib"]["device"],
        }),
        memory=memory_table(calls),
        hashes=columns(figures(calls, step="reference-hash"), {"parameters": "parameters", "s": "seconds"}),
        failures=table(["call", "step", "reason", "figures of the step in calls"], failures(calls)),
    )  # fmt: skip


def rates(calls: list[Call]) -> str:
    """docs/gpu/rates.yaml, which the planner of experiments reads.

    Recipes compute activations twice: 6 operations a weight and token with LoRA where 4 are counted, 8 for 6 without.

    Raises:
        ValueError: no call has a matrix rate.
    """
    counted = (found for found in trained(calls) if found[1]["lever"] == "recipe" and mfu(*found))
    best = {x["method"]: (c, x) for c, x in counted}
    rated = best["dpo"][0] if "dpo" in best else next((c for c in reversed(calls) if c.card), None)
    if rated is None:
        raise ValueError("no call has a line of the step `card`")
    asked = alike(rated, figures(calls, "one_prefix", model="8b", dtype="bfloat16"))
    content = {
        "card": rated.card["card"], "date": rated.begin["date"], "source": rated.file,
        "flops": rated.card["matrix_tflops"] * 1e12,
        "lever": {m: f"{line['lever']}, {'LoRA' if line['lora'] else 'full'}" for m, (_, line) in best.items()},
        "tokens_a_second": {method: line["tokens_a_second"] for method, (_, line) in best.items()},
        "utilisation": {m: round(mfu(c, x) * (6 / 4 if x["lora"] else 8 / 6), 4) for m, (c, x) in best.items()},
        "questions_a_second": {line["batch_size"]: line["questions_a_second"] for line in asked},
    }  # fmt: skip
    return RATES + yaml.safe_dump(content, sort_keys=False)


def insert(text: str, content: str) -> str:
    """A text with other content between its two marks."""
    return text.partition(BEGIN)[0] + BEGIN + content + END + text.partition(END)[2]


def main(words: list[str] | None = None) -> None:
    """Parse, read, render, and only then write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="+", type=Path, help="lines of the check, oldest first")
    parser.add_argument("--output", type=Path, help="a file for the tables alone")
    args = parser.parse_args(words)
    memory_of = DOCS / "memory.md"
    try:
        calls = read_calls(args.files)
        if calls[0].rehearsal and not args.output:
            raise ValueError("a rehearsal has no figures for docs/; --output names a file for its tables")
        written = {args.output or DOCS / "gpu.md": page(calls)}
        if not args.output:
            written[DOCS / "gpu" / "rates.yaml"] = rates(calls)
            written[memory_of] = insert(memory_of.read_text("utf-8"), memory_table(calls))
        for path, text in written.items():
            path.write_text(text, "utf-8")
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    except (KeyError, TypeError, ZeroDivisionError) as error:
        sys.exit(
            f"error: {', '.join(map(str, args.files))}: a line is not as the check writes it ({error!r})"
        )


if __name__ == "__main__":
    main()
