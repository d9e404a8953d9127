"""Options and messages that several commands share."""

import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from komep_dataset.build_options import named
from komep_dataset.options import Option
from komep_dataset.pairs.options import PAIR_OPTIONS

# Options of a build that people need; the help has the others under headlines of their own.
NEEDED = ("min_margin", "pairs", "decontaminate", "name", "license")
MORE_ON_PAIRS, GATES, GROWTH = "Rules for pairs", "Gates, which look at the pairs", "Growth and judges"

Release = Annotated[Path, typer.Argument(help="A folder that `komep build` wrote.")]
ReleaseOrSet = Annotated[
    Path,
    typer.Argument(
        help="A folder that `komep build` wrote, or pairs that others made: a file, or a folder of files."
    ),
]


def written(what: str) -> Any:
    """The option `--output`, with what is written there."""
    return typer.Option("--output", "-o", help=f"File or folder to write{what}")


Output = Annotated[Path, written(".")]
MaybeOutput = Annotated[Path | None, written(".")]
Config = Annotated[Path, typer.Option(help="File of settings: the pipeline.yaml that `komep init` writes.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Limit = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Take only the first N (of each subject, of each split, where there are any), to try things out.",
    ),
]
DatasetConfig = Annotated[
    str | None,
    typer.Option(help="Config of the release: ko or en. [default: ko, where the release has it]"),
]
OldConfig = Annotated[str | None, typer.Option("--config", hidden=True)]  # what --dataset-config was called
Mode = Annotated[
    str,
    typer.Option(
        metavar="strict|paper",
        help="How scores are counted: strict, by our rules, or paper, as the code of the DAHL paper does it.",
    ),
]
Estimated = Annotated[
    bool, typer.Option("--estimate", help="Print calls, tokens and cost, and stop: no model is asked.")
]
Budget = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        metavar="AMOUNT",
        help="Stop when so much money is spent, in the currency of the prices, over all runs in the work folder.",
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed", help="Ask the rows of a finished table again that failed, and them alone."
    ),
]
OnError = Annotated[
    str,
    typer.Option(
        metavar="stop|reject",
        help="What a row with a fault does: stop the command, or reject: leave the row out, with the reason in rejects.jsonl.",
    ),
]


Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="NEW=known",
        help="Read the column NEW of the tables as the known one, such as 질문=question; known==TEXT, such as category==내과, is that "
        "text in every row. May be given several times.",
    ),
]


def as_json(found: Any) -> str:
    """What `--json` prints."""
    return json.dumps(found, ensure_ascii=False, indent=2)


def _flag(option: Option) -> Any:
    """An option of a build as typer reads it."""
    kind = list[str] if option.parse else option.type
    default = f"{option.default:g}" if isinstance(option.default, float) else option.default
    said = option.help if not default else f"{option.help} [default: {default}]"
    names = (option.flag,) if kind is bool else ()  # without a --no- of its own
    metavar = option.metavar or "|".join(option.choices) or {int: "N", float: "X"}.get(kind)
    return Annotated[
        kind | None, typer.Option(*names, metavar=metavar, help=said, rich_help_panel=_headline(option))
    ]


def _headline(option: Option) -> str | None:
    """Under what the help of a command lists an option of a build; None: among those that people need."""
    if option.name in NEEDED:
        return None
    return MORE_ON_PAIRS if option in PAIR_OPTIONS else GATES


def with_build_options(command: Callable, order: Sequence[str]) -> inspect.Signature:
    """The signature of a command of `**options` with every option of a build; `order`: what its help lists first."""
    signature = named(command, _flag)
    parameters = {p.name: p.replace(kind=p.KEYWORD_ONLY) for p in signature.parameters.values()}
    names = sorted(parameters, key=lambda name: order.index(name) if name in order else len(order))
    return signature.replace(parameters=[parameters[name] for name in names])
