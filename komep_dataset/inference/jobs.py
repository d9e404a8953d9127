"""What the workers of a stage are handed and leave: a folder `jobs` with a file of requests and an outcome each.

It is gone when all is well. Nothing in it is removed but what a job wrote: our files and datatrove's own.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError

JOBS = "jobs"
# What a job writes into its folder, by us and by datatrove; nothing else in it is ever removed.
_OURS = re.compile(
    r"requests\.\d{5}\.log|outcome\.\d{5}\.(json|tmp)|slurm\.json|datatrove\.log|executor\.(json|pik)"
    r"|launch_script\.slurm|ranks_to_run\.json|stats(\.json|/\d{5}\.json)?|completions(/\d{5})?"
    r"|logs(/task_\d{5}\.log)?|slurm_logs(/[\w-]+\.out)?|\d{5}(/server\.log|/\.merged-model(/[^/]+)?)?"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a worker ended: the failed replies by key, or why it stopped."""

    failures: dict[str, dict[str, Any]]
    error: str = ""
    exit_code: int = 1


def rank_of(key: str, workers: int) -> int:
    """Which worker asks a request: a matter of its content alone."""
    return int(key[:8], 16) % workers


def shard_path(folder: Path, rank: int) -> Path:
    return folder / JOBS / f"requests.{rank:05d}.log"


def outcome_path(folder: Path, rank: int) -> Path:
    return folder / JOBS / f"outcome.{rank:05d}.json"


def write_shards(todo: dict[str, dict], folder: Path, workers: int) -> None:
    """Deal the requests out to the workers, a file each; what an earlier job left is removed.

    Raises:
        KomepError: where the folder would be lies something that no job has written.
    """
    if strange := next(strangers(folder / JOBS), None):
        raise KomepError(
            f"{strange}: not written by a job of ours, and {folder / JOBS} is needed for the next one; move it away"
        )
    clear_jobs(folder)
    (folder / JOBS).mkdir(parents=True)
    shards: list[list[str]] = [[] for _ in range(workers)]
    for key, body in todo.items():
        shards[rank_of(key, workers)].append(json.dumps([key, body]))
    for rank, lines in enumerate(shards):
        shard_path(folder, rank).write_text("".join(f"{line}\n" for line in lines), "utf-8")


def written_by_a_job(path: Path, jobs: Path) -> bool:
    return not path.is_symlink() and bool(_OURS.fullmatch(path.relative_to(jobs).as_posix()))


def strangers(jobs: Path) -> Iterator[Path]:
    """What lies in a job's folder, or in its place, and was not written by a job; no link is followed."""
    if jobs.is_symlink() or (jobs.exists() and not jobs.is_dir()):
        yield jobs
    else:
        yield from (path for path in jobs.rglob("*") if not written_by_a_job(path, jobs))


def clear_jobs(folder: Path) -> None:
    """Remove what a job wrote, and its folder if nothing else is in it."""
    jobs = folder / JOBS
    if jobs.is_symlink():
        return
    for path in sorted(jobs.rglob("*"), reverse=True):  # what a folder holds comes before the folder
        if written_by_a_job(path, jobs):
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
    with suppress(OSError):
        jobs.rmdir()


def read_shard(folder: Path, rank: int) -> dict[str, dict]:
    with shard_path(folder, rank).open(encoding="utf-8") as lines:
        return dict(json.loads(line) for line in lines)


def read_outcomes(folder: Path, workers: int) -> list[Outcome | None]:
    """What every worker left; None for one that has not ended."""
    return [
        Outcome(**json.loads(path.read_text("utf-8"))) if path.exists() else None
        for path in (outcome_path(folder, rank) for rank in range(workers))
    ]
