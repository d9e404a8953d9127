"""Options and messages that several commands share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

Release = Annotated[Path, typer.Argument(help="A folder that `komep build` wrote.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Where the result goes.")]
MaybeOutput = Annotated[Path | None, typer.Option("--output", "-o", help="Where the table goes.")]
Config = Annotated[Path, typer.Option(help="pipeline.yaml.")]
Mode = Annotated[str, typer.Option(help="strict (ours), or paper: as DAHL's reference code.")]
Estimated = Annotated[bool, typer.Option("--estimate", help="Count calls, tokens and cost; ask nothing.")]
Budget = Annotated[
    float | None,
    typer.Option(min=0.0, help="Stop when so much is spent, over all runs in the work folder."),
]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Ask the failed rows of a finished table again, nothing else.")
]
OnError = Annotated[
    str, typer.Option(help="What bad rows do: `stop`, or `reject` (leave them out, with reason).")
]


def rejected(reasons: Iterable[str]) -> str:
    """How many rejects there are, by reason."""
    counts = Counter(reasons)
    named = ", ".join(f"{reason} {count:,}" for reason, count in sorted(counts.items()))
    return f"{counts.total():,} rejects" + (f" ({named}): see rejects.jsonl" if counts else "")
