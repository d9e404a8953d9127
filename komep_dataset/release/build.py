"""`komep build`: scored generations in, a release out, in bounded memory and with the same bytes every time.

Rows are checked as they stream in and spilled into buckets by split and range of their question id; the buckets are
then worked off in order. Every rule looks at one question at a time, so that memory holds a bucket or two, and the
output is sorted without a sort of the whole.

The same rows give the same bytes, whatever their order. With `--base` (see `growth.py`) the same base and the same
new rows do, and what comes out has the rows of a build of them all, but not its bytes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from komep_dataset.build_options import Options, check, named, read_files
from komep_dataset.errors import KomepError
from komep_dataset.gates.trial.run import Gates
from komep_dataset.judge.record import read_record
from komep_dataset.pairs.generations import read_complete, resolve_duplicates
from komep_dataset.pairs.rules import STAGE, Tally, derive
from komep_dataset.progress import progress_bar
from komep_dataset.release.buckets import Spill, bucket_count
from komep_dataset.release.card.card import write_card
from komep_dataset.release.facts import SCHEMA_VERSION, provenance, write_facts
from komep_dataset.release.growth import Base, grown_options, joined, open_base
from komep_dataset.release.replacement import replacing_folder
from komep_dataset.release.shards import Written, written
from komep_dataset.release.sums import content_hash, data_sums, write_sums
from komep_dataset.samples import SAMPLE_INPUT
from komep_dataset.schema import Reject
from komep_dataset.tables.problems import FILE, LINE, Problem, problems_error
from komep_dataset.tables.reading import table_files
from komep_dataset.tables.writing import write_rejects

ON_ERROR = ("stop", "reject")


@dataclass
class BuildResult:
    """What a build did; `facts` is the content of `build.json` and `provenance.json`."""

    folder: Path
    facts: dict[str, Any]
    rejects: Counter = field(default_factory=Counter)
    quality: dict[str, Any] = field(default_factory=dict)  # the content of `quality.json`
    notes: tuple[str, ...] = ()  # what the folder held that is not of the release, and was kept


def build(
    inputs: Sequence[Path],
    output: Path,
    *,
    on_error: str = "stop",
    judge: Path | None = None,
    base: Path | None = None,
    seeds: Mapping[str, int] | None = None,
    **options: Any,
) -> BuildResult:
    """Build a release from scored generations.

    Args:
        inputs: JSONL or Parquet files, or folders of them; none = the shipped sample.
        output: folder of the release; replaced in one step at the end.
        on_error: `stop` raises on bad rows and leaves the old output; `reject` leaves the rows out.
        judge: what `komep calibrate --output` wrote of the checker; goes into `provenance.json` and the card as it is.
        base: a release to grow: its scored generations are read, too, and a new row replaces one of the same key.
            Shards in which no row changes keep their bytes; rows of new questions come in shards behind them.
        seeds: seeds of earlier stages, for `provenance.json`.
        options: by name, as `build_options.OPTIONS` declares them: the pair rules (`min_margin`, `pairs`, `origin`)
            and the gates; one that is left out has its default, or what the base has. `decontaminate` is a mapping of
            name to path.

    What looks at all pairs at once (near-duplicates at `reject`, length control, balance) does not go with `base`.

    Raises:
        KomepError: bad input (exit code 1), wrong options (exit code 2).
    """
    check(options)
    if on_error not in ON_ERROR:
        raise KomepError(f"--on-error {on_error}: give one of {', '.join(ON_ERROR)}", exit_code=2)
    record = _judge_record(judge)
    loaded = read_files(options)
    given = options | {name: [one.record() for one in some] or None for name, some in loaded.items()}
    grown = None if base is None else open_base(base)
    rules = _options(given, grown, inputs)
    new = table_files(inputs or [SAMPLE_INPUT])
    with replacing_folder(Path(output)) as replacement, ThreadPoolExecutor(1) as beside:
        folder = replacement.folder
        base_record = grown.record() if grown else None
        early = beside.submit(provenance, new, asdict(rules), base=base_record, judge=record, seeds=seeds)
        counts, rejects, shards, quality = _build_buckets(folder, new, grown, rules, loaded, on_error, beside)
        sums = data_sums(folder)
        facts = _facts(content_hash(folder, sums), shards, counts, rejects) | {
            "is_sample": new == [SAMPLE_INPUT] and not grown
        }
        source = early.result()
        write_facts(folder, facts, source, quality)
        write_rejects(folder, STAGE, rejects)
        write_card(folder, facts | source | {"quality": quality})
        write_sums(folder, sums)
    reasons = Counter(r.reason for r in rejects)
    return BuildResult(Path(output), facts | source, reasons, quality, tuple(replacement.notes))


build.__signature__ = named(build, lambda option: option.type | None)


def _options(given: Mapping[str, Any], grown: Base | None, inputs: Sequence[Path]) -> Options:
    if grown is None:
        return Options(**{name: value for name, value in given.items() if value is not None})
    if not inputs:
        raise KomepError("--base: give the scored generations that are to be added", exit_code=2)
    return grown_options(grown, given)


def _build_buckets(
    folder: Path,
    new: Sequence[Path],
    grown: Base | None,
    rules: Options,
    loaded: Mapping[str, list[Any]],
    on_error: str,
    beside: ThreadPoolExecutor,
) -> tuple[dict[str, Any], list[Reject], Written, dict[str, Any]]:
    """Read the inputs, those of a base first, and write every row of the release.

    Returns:
        (counts as `build.json` has them, rejects, what was written, what the gates found).
    """
    paths = [*(grown.files if grown else ()), *new]
    names = [str(p) for p in paths]
    spill = folder / ".spill"
    spill.mkdir()
    buckets, problems = _ingest(paths, spill)
    beside.submit(import_module, "datasets")  # for the card; takes a second
    values = asdict(rules) | loaded
    gates = Gates(values, spill)
    if gates.needs_all:
        _look_at_all(buckets, names, rules, gates)
    tally, rejects = Tally(), []
    cuts = grown.cuts if grown else None
    with (
        progress_bar("building", len(buckets.names()), "buckets") as advance,
        written(folder, cuts) as shards,
    ):
        for bucket in buckets.names():
            spilled = buckets.read(bucket)
            frame, conflicts, replaced = _one_row_a_key(spilled, names, grown)
            layers = grown.layers_by_question(spilled) if grown else None
            problems += conflicts
            rejects += replaced
            split = bucket.split
            shards.put("scored", split, frame.drop(FILE, LINE), layers)  # takes longest, so it comes first
            derived = derive(frame, rules, gates)
            tally.add(frame, derived.pairs)
            rejects += derived.rejects
            shards.put("en", split, derived.en, layers)
            shards.put("ko", split, derived.ko, layers)
            advance(1)
        counts = tally.facts()  # while the last rows are written
    quality = gates.record()
    _remove(spill)
    place = {name: index for index, name in enumerate(names)}
    problems.sort(key=lambda p: (place[p.file], p.line))
    if problems and on_error == "stop":
        raise problems_error(problems)
    if not tally.rows:
        raise KomepError(f"no usable row in {', '.join(names)}" + _first_problem(problems))
    rejects.sort(key=lambda reject: (reject.key, reject.reason))
    return counts, [p.reject(STAGE) for p in problems] + rejects, shards, quality


def _look_at_all(buckets: Spill, names: list[str], rules: Options, gates: Gates) -> None:
    """Show every pair to the gates before any is written; they keep narrow columns of them, no texts."""
    with progress_bar("comparing", len(buckets.names()), "buckets") as advance:
        for bucket in buckets.names():
            frame, *_ = _one_row_a_key(buckets.read(bucket), names, None)
            derive(frame, rules, gates)
            advance(1)
    gates.settle()


def _one_row_a_key(
    frame: pl.DataFrame, names: list[str], grown: Base | None
) -> tuple[pl.DataFrame, list[Problem], list[Reject]]:
    if grown:
        return joined(frame, names, len(grown.files))
    return *resolve_duplicates(frame, names), []


def _judge_record(judge: Path | None) -> dict[str, Any] | None:
    if judge is None:
        return None
    return read_record(Path(judge))


def _first_problem(problems: list[Problem]) -> str:
    return f" ({len(problems)} rejected, first {problems[0]})" if problems else " (nothing in it)"


def _ingest(paths: list[Path], folder: Path) -> tuple[Spill, list[Problem]]:
    """Check every row and put it into the bucket of its question; returns the buckets, and the problems."""
    size = sum(p.stat().st_size for p in paths)
    buckets = Spill(folder, bucket_count(size))
    problems: list[Problem] = []
    with progress_bar("reading", size, "bytes") as advance:
        for index, path in enumerate(paths):
            for frame, bad in read_complete(paths, index):
                problems += bad
                buckets.add(frame)
            advance(path.stat().st_size)
    return buckets, problems


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def _facts(content: str, shards: Written, counts: dict[str, Any], rejects: list[Reject]) -> dict[str, Any]:
    """Everything that `build.json` says of what is in a release."""
    return {
        "schema": SCHEMA_VERSION,
        "content_hash": content,
        "rows": shards.rows,
        "arrow_bytes": shards.arrow_bytes,
        **counts,
        "rejects": dict(sorted(Counter(r.reason for r in rejects).items())),
    }
