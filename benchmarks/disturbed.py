"""A command that is killed by SIGKILL and given again, and what it leaves: for benchmarks that compare a disturbed run
with one that nobody disturbed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

KOMEP = (sys.executable, "-m", "komep_dataset.cli")
LOOK_SECONDS = 0.02  # between two looks at what the server has seen


def moments_of(total: int, kills: int, seed: int) -> list[int]:
    """After how many calls the kills come: one in each of as many equal parts of a run, at random."""
    draw = Random(seed)
    return [round(total * (part + draw.uniform(0.05, 0.95)) / kills) for part in range(kills)]


def run_killed(
    arguments: Sequence[str], seen: Callable[[], int], moments: list[int], stops: int = 0
) -> tuple[int, int]:
    """Run `komep` with these arguments to its end; it is killed, with all that it started, and given again whenever the
    server has seen as many calls as the first of `moments`, which is then taken from that list.

    Returns (how often it was killed, how often it ended with exit code 1 and was given again, at most `stops` times). Ends
    the benchmark where the command fails otherwise.
    """
    killed = stopped = 0
    while True:
        child = subprocess.Popen(
            [*KOMEP, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
        with ThreadPoolExecutor(1) as reader:
            said = reader.submit(child.stderr.read)
            while child.poll() is None and not (moments and seen() >= moments[0]):
                time.sleep(LOOK_SECONDS)
            if child.poll() is None:
                moments.pop(0)
                os.killpg(child.pid, signal.SIGKILL)
                killed += 1
        if child.wait() == 0:
            return killed, stopped
        if child.returncode == 1 and stopped < stops:
            stopped += 1
        elif child.returncode != -signal.SIGKILL:
            sys.exit(
                f"komep {arguments[0]} ended with exit code {child.returncode}: {said.result().decode()}"
            )


def files_of(folder: Path, pattern: str = "*.parquet") -> dict[str, bytes]:
    """The content of every file below a folder whose name has this form, by its path there."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob(pattern)) if p.is_file()}


def different(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Which files two runs did not leave with the same bytes."""
    return [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]


def tell(runs: list[dict[str, object]], differ: list[str]) -> None:
    """Print a table with a row for each run, and which files differ."""
    print(f"| {' | '.join(runs[0])} |\n|{'---|' * len(runs[0])}")
    for row in runs:
        print(f"| {' | '.join(f'{one:,}' if isinstance(one, int) else str(one) for one in row.values())} |")
    print(f"files that differ: {', '.join(differ) or 'none'}")
