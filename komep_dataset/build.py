"""`komep build`: scored generations in, a release out, in bounded memory and with the same bytes every time.

Rows are checked as they stream in and spilled into buckets by the first characters of their question id; the
buckets are then worked off in order. Every rule looks at one question at a time, so no more than one bucket is
ever in memory, and the output is sorted without a sort of the whole.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files as package_files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from komep_dataset import __version__, dahl
from komep_dataset.errors import KomepError
from komep_dataset.generations import OPTIONAL, complete
from komep_dataset.pairs import SELECTIONS, resolve_duplicates, select_pairs, split_column, to_release
from komep_dataset.progress import progress_bar
from komep_dataset.release import (
    BUILD_FILE,
    SCHEMA_VERSION,
    SplitWriter,
    close_writers,
    content_hash,
    file_sha256,
    open_writers,
    replacing_folder,
    write_card,
    write_sums,
)
from komep_dataset.schema import SPLITS, Pair, Reason, Reject, ScoredGeneration, Status
from komep_dataset.tables import FILE, LINE, Problem, problems_error, read_batches, table_files, write_rejects

if TYPE_CHECKING:
    import polars as pl

STAGE = "build"
ON_ERROR = ("stop", "reject")
# Input bytes up to which this many leading characters of the id name a bucket (16 and 256 buckets above).
BUCKET_LIMITS = ((256 << 20, 0), (4 << 30, 1))


@dataclass
class BuildResult:
    """What a build did; `facts` is the content of `build.json`."""

    folder: Path
    facts: dict[str, Any]
    rejects: Counter = field(default_factory=Counter)


@dataclass
class _Tally:
    """Counts that grow while the buckets pass."""

    rows: int = 0
    questions: int = 0
    pairs: int = 0
    own_scores: int = 0
    identical_korean: int = 0
    statuses: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    scores: dict[str, list] = field(default_factory=lambda: defaultdict(list))


def sample_input() -> Path:
    """The scored generations that ship with the package, written for this project."""
    return Path(str(package_files("komep_dataset"))) / "samples" / "scored_generations.jsonl"


def build(
    inputs: Sequence[Path],
    output: Path,
    *,
    min_margin: float = 0.0,
    pairs: str = "best-worst",
    on_error: str = "stop",
    judge: Path | None = None,
) -> BuildResult:
    """Build a release from scored generations.

    Args:
        inputs: JSONL or Parquet files, or folders of them; none = the shipped sample.
        output: folder of the release; replaced in one step at the end.
        min_margin: a pair's `chosen_score - rejected_score` must lie above it.
        pairs: `best-worst` or `all`.
        on_error: `stop` raises on bad rows and leaves the old output; `reject` leaves the rows out.
        judge: what `komep calibrate --output` wrote of the checker; goes into `build.json` and the card as it is.

    Raises:
        KomepError: bad input (exit code 1), wrong options (exit code 2).
    """
    _check_options(min_margin, pairs, on_error)
    record = _judge_record(judge)
    paths = table_files(inputs or [sample_input()])
    names = [str(p) for p in paths]
    with replacing_folder(Path(output)) as folder:
        spill = folder / ".spill"
        spill.mkdir()
        buckets, problems = _ingest(paths, names, spill)
        tally, rejects = _Tally(), []
        writers = open_writers(folder)
        with progress_bar("building", len(buckets), "buckets") as advance:
            for bucket in sorted(buckets):
                frame, conflicts = resolve_duplicates(_read_spill(buckets[bucket]), names)
                problems += conflicts
                rejects += _build_bucket(frame, writers, tally, min_margin, pairs)
                advance(1)
        _remove(spill)
        problems.sort(key=lambda p: (names.index(p.file), p.line))
        if problems and on_error == "stop":
            raise problems_error(problems)
        if not tally.rows:
            raise KomepError(f"no usable row in {', '.join(names)}" + _first_problem(problems))
        rejects = [p.reject(STAGE) for p in problems] + rejects
        rows = close_writers(writers)
        facts = _facts(folder, paths, rows, writers, tally, rejects, min_margin, pairs) | {"judge": record}
        (folder / BUILD_FILE).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")
        write_rejects(folder, STAGE, rejects)
        write_card(folder, facts)
        write_sums(folder)
    return BuildResult(Path(output), facts, Counter(r.reason for r in rejects))


def _judge_record(judge: Path | None) -> dict[str, Any] | None:
    if judge is None:
        return None
    from komep_dataset.calibration import read_record

    return read_record(Path(judge))


def _check_options(min_margin: float, pairs: str, on_error: str) -> None:
    if not 0.0 <= min_margin <= 1.0:
        raise KomepError(f"--min-margin {min_margin}: give a number from 0 to 1", exit_code=2)
    if pairs not in SELECTIONS:
        raise KomepError(f"--pairs {pairs}: give one of {', '.join(SELECTIONS)}", exit_code=2)
    if on_error not in ON_ERROR:
        raise KomepError(f"--on-error {on_error}: give one of {', '.join(ON_ERROR)}", exit_code=2)


def _first_problem(problems: list[Problem]) -> str:
    return f" ({len(problems)} rejected, first {problems[0]})" if problems else " (nothing in it)"


def _ingest(paths: list[Path], names: list[str], spill: Path) -> tuple[dict[str, Path], list[Problem]]:
    """Check every row and spill it to the bucket of its question; returns bucket -> file, and the problems."""
    import polars as pl
    import pyarrow as pa

    size = sum(p.stat().st_size for p in paths)
    width = next((w for limit, w in BUCKET_LIMITS if size <= limit), 2)
    writers: dict[str, pa.RecordBatchStreamWriter] = {}
    problems: list[Problem] = []
    with progress_bar("reading", size, "bytes") as advance:
        for index, path in enumerate(paths):
            for frame, bad in read_batches(path, ScoredGeneration, OPTIONAL):
                problems += bad
                frame = frame.with_columns(pl.lit(index, pl.Int32).alias(FILE))
                frame, bad = complete(frame, names)
                problems += bad
                _spill(frame, width, spill, writers)
            advance(path.stat().st_size)
    for writer in writers.values():
        writer.close()
    return {bucket: spill / f"{bucket}.arrow" for bucket in writers}, problems


def _spill(frame: pl.DataFrame, width: int, spill: Path, writers: dict[str, Any]) -> None:
    import polars as pl
    import pyarrow as pa

    named = frame.with_columns(_bucket=pl.concat_str(pl.lit("id-"), pl.col("question_id").str.head(width)))
    for (bucket,), part in named.partition_by("_bucket", as_dict=True, include_key=False).items():
        table = part.to_arrow(compat_level=pl.CompatLevel.oldest())
        if bucket not in writers:
            writers[bucket] = pa.ipc.new_stream(str(spill / f"{bucket}.arrow"), table.schema)
        writers[bucket].write_table(table)


def _read_spill(path: Path) -> pl.DataFrame:
    import polars as pl

    return pl.read_ipc_stream(path)


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def _build_bucket(
    frame: pl.DataFrame,
    writers: dict[tuple[str, str], SplitWriter],
    tally: _Tally,
    min_margin: float,
    selection: str,
) -> list[Reject]:
    """Select and write the pairs of one bucket's questions; returns the rejects, by question id."""
    import polars as pl

    _count(frame, tally)
    chosen, dropped = select_pairs(frame, min_margin, selection)
    rejects = [Reject(STAGE, *row) for row in dropped.iter_rows()]
    tally.pairs += chosen.height
    tally.identical_korean += chosen.filter(pl.col("chosen_ko") == pl.col("rejected_ko")).height
    scored = frame.drop(FILE, LINE)
    for config, rows in (("scored", scored), ("en", to_release(chosen, "en")[0])):
        _write_splits(rows, config, writers)
    korean, untranslated = to_release(chosen, "ko")
    _write_splits(korean, "ko", writers)
    rejects += [_untranslated(row, selection) for row in untranslated.iter_rows(named=True)]
    return sorted(rejects, key=lambda r: (r.key, r.reason))


def _untranslated(pair: dict[str, Any], selection: str) -> Reject:
    missing = [c for c in ("question_ko", "chosen_ko", "rejected_ko") if not (pair[c] or "").split()]
    key = pair["question_id"] if selection == "best-worst" else "/".join(pair[c] for c in Pair.KEY)
    return Reject(STAGE, key, Reason.UNTRANSLATED.value, f"no {', '.join(missing)}: in `en` only")


def _write_splits(rows: pl.DataFrame, config: str, writers: dict[tuple[str, str], SplitWriter]) -> None:
    splits = split_column(rows)
    for split in SPLITS:
        writers[config, split].append(rows.filter(splits == split))


def _count(frame: pl.DataFrame, tally: _Tally) -> None:
    import polars as pl

    tally.rows += frame.height
    tally.questions += frame["question_id"].n_unique()
    scored = frame.filter(pl.col("status") == Status.SCORED.value)
    tally.own_scores += scored.filter(pl.col("units").list.len() == 0).height
    for model, status, n in frame.group_by("model", "status").len().iter_rows():
        tally.statuses[model][status] += n
    for (model,), part in scored.partition_by("model", as_dict=True).items():
        tally.scores[model] += part["dahl_score"].to_list()


def _facts(
    folder: Path,
    paths: list[Path],
    rows: dict[str, dict[str, int]],
    writers: dict[tuple[str, str], SplitWriter],
    tally: _Tally,
    rejects: list[Reject],
    min_margin: float,
    selection: str,
) -> dict[str, Any]:
    """Everything that card and report say of a build, each number counted here and nowhere else."""
    models = {}
    for model in sorted(tally.statuses):
        score = dahl.model_score(tally.scores[model])
        statuses = {s.value: tally.statuses[model][s.value] for s in Status}
        models[model] = {"dahl": asdict(score) if score else None, "statuses": statuses}
    return {
        "schema": SCHEMA_VERSION,
        "komep_version": __version__,
        "content_hash": content_hash(folder),
        "options": {"min_margin": min_margin, "pairs": selection},
        "inputs": [{"name": p.name, "bytes": p.stat().st_size, "sha256": file_sha256(p)} for p in paths],
        "is_sample": paths == [sample_input()],
        "rows": rows,
        "arrow_bytes": {c: {s: writers[c, s].arrow_bytes for s in SPLITS} for c in rows},
        "generations": tally.rows,
        "questions": tally.questions,
        "pairs": tally.pairs,
        "scores_without_units": tally.own_scores,
        "identical_korean": tally.identical_korean,
        "rejects": dict(sorted(Counter(r.reason for r in rejects).items())),
        "models": models,
    }
