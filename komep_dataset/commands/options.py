"""Options and messages that several commands share."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from komep_dataset.build_options import named
from komep_dataset.options import Option

Release = Annotated[Path, typer.Argument(help="A folder that `komep build` wrote.")]
ReleaseOrSet = Annotated[
    Path,
    typer.Argument(
        help="A folder that `komep build` wrote, or pairs that others made: a file, or a folder of files."
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Where the result goes.")]
MaybeOutput = Annotated[Path | None, typer.Option("--output", "-o", help="Where the table goes.")]
Config = Annotated[Path, typer.Option(help="pipeline.yaml.")]
Mode = Annotated[str, typer.Option(help="strict (ours), or paper: as DAHL's reference code.")]
Estimated = Annotated[bool, typer.Option("--estimate", help="Count calls, tokens and cost; ask nothing.")]
Budget = Annotated[
    float | None, typer.Option(min=0.0, help="Stop when so much is spent, over all runs in the work folder.")
]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Ask the failed rows of a finished table again, nothing else.")
]
OnError = Annotated[
    str, typer.Option(help="What bad rows do: `stop`, or `reject` (leave them out, with reason).")
]


Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="NEW=known",
        help="Read the column NEW of the tables as a known one, such as 질문=question; repeatable.",
    ),
]


def _flag(option: Option) -> Any:
    """An option of a build as typer reads it."""
    kind = list[str] if option.parse else option.type
    default = f"{option.default:g}" if isinstance(option.default, float) else option.default
    names = (option.flag,) if kind is bool else ()  # without a --no- of its own
    return Annotated[
        kind | None,
        typer.Option(*names, metavar=option.metavar, help=option.help, show_default=default or True),
    ]


def with_build_options(command: Callable, order: Sequence[str]) -> inspect.Signature:
    """The signature of a command of `**options` with every option of a build.

    Args:
        command: the function.
        order: names of the parameters that its help lists first.
    """
    signature = named(command, _flag)
    parameters = {p.name: p.replace(kind=p.KEYWORD_ONLY) for p in signature.parameters.values()}
    names = sorted(parameters, key=lambda name: order.index(name) if name in order else len(order))
    return signature.replace(parameters=[parameters[name] for name in names])
