"""`komep build` against a bare polars grouping of the same file: wall time, CPU time, peak memory, and how they grow.

    python -m benchmarks.build --rows 10000 100000
    python -m benchmarks.build --rows 1000000 --folder /a/disk/with/room
    python -m benchmarks.build --unchanged

The scored generations are made up from a seed (five responders a question, sentences drawn from a fixed pool, six
units an answer) and written in chunks, so that a file of any size fits in memory. The peer reads the same file,
counts verdicts, takes each question's best and worst answer by the same sort keys and writes them to Parquet: no
checks, no ids, no rejects, no evidence, no card. Each side runs in a process of its own, alternately, `--repeats`
times; times are medians, memory is the largest. Imports are not counted: what a build imports only when it needs it
(`datasets`, jinja2, scipy) is imported before the clock starts, on both sides. Prints one line of JSON a size.

`--unchanged` builds a release, adds 1% of the questions, and prints the share of bytes that a store of content-defined
chunks of 64 KB has already, and that lie in files of which nothing changed: once for a release that grew through
`--base`, once for one built anew from all inputs.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODELS = ("dolly", "gamma", "llama", "mpt", "qwen")
CHUNK = 200_000  # rows that are made at once
POOL = 20_000  # distinct sentences
UNITS = 6


def sentence_pool(rng, syllables: str, words: int, lengths: tuple[int, int]):
    """So many sentences of random made-up words."""
    import numpy as np
    import pyarrow as pa

    letters = np.array(list(syllables))
    vocabulary = np.array(["".join(rng.choice(letters, rng.integers(*lengths))) for _ in range(4000)])
    picks = rng.integers(0, len(vocabulary), (POOL, words))
    return pa.array([" ".join(vocabulary[row]) for row in picks])


def chunk_of_rows(rng, first_question: int, rows: int, english, korean):
    """An Arrow table of scored generations, five a question, in order of the question's number."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    questions = first_question + np.arange(rows) // len(MODELS)
    numbers = pa.array(questions).cast(pa.string())

    def text(pool, *first):
        picked = (pool.take(pa.array(rng.integers(0, POOL, rows))) for _ in range(3))
        return pc.binary_join_element_wise(*first, *picked, " ")

    def per_question(pool):
        return pool.take(pa.array(questions * 7919 % POOL))

    unit_texts = english.take(pa.array(rng.integers(0, POOL, rows * UNITS)))
    verdicts = pa.array(["true", "false"]).take(pa.array(rng.integers(0, 2, rows * UNITS)))
    offsets = pa.array(np.arange(0, rows * UNITS + 1, UNITS), pa.int32())
    units = pa.StructArray.from_arrays([unit_texts, verdicts], ["text", "verdict"])
    question = pc.binary_join_element_wise("Question", numbers, per_question(english), " ")
    return pa.table(
        {
            "question": question,
            "category": pa.array([f"category {n}" for n in range(29)]).take(pa.array(questions % 29)),
            "model": pa.array(MODELS).take(pa.array(np.arange(rows) % len(MODELS))),
            "response": text(english),
            "units": pa.ListArray.from_arrays(offsets, units),
            "question_ko": pc.binary_join_element_wise("질문", numbers, per_question(korean), " "),
            "response_ko": text(korean),
        }
    )


def generate(path: Path, rows: int, seed: int = 0) -> None:
    """Write so many scored generations as one Parquet file."""
    import numpy as np
    import pyarrow.parquet as pq

    pools = np.random.default_rng(seed)
    english = sentence_pool(pools, "abcdefghijklmnopqrstuvwxyz", 9, (3, 9))
    korean = sentence_pool(pools, "가나다라마바사아자차카타파하고노도로모보소", 7, (1, 5))
    writer = None
    for first in range(0, rows, CHUNK):
        rng = np.random.default_rng((seed, first))
        table = chunk_of_rows(rng, first // len(MODELS), min(CHUNK, rows - first), english, korean)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=50_000)
    writer.close()


def bare_grouping(source: Path, target: Path) -> None:
    """The peer: best and worst answer of each question by the sort keys of `komep build`, and nothing else."""
    import polars as pl

    verdicts = pl.col("units").list.eval(pl.element().struct.field("verdict"))
    counted = pl.scan_parquet(source).with_columns(
        _true=verdicts.list.count_matches("true"),
        _false=verdicts.list.count_matches("false"),
        _score=verdicts.list.count_matches("true") / pl.col("units").list.len(),
        _length=pl.col("response").str.len_chars(),
    )
    texts = ["model", "response", "response_ko", "_score"]
    best = {"by": ["_score", "_true", "_length", "model"], "descending": [True, True, False, False]}
    worst = {"by": ["_score", "_false", "_length", "model"], "descending": [False, True, True, False]}
    pairs = counted.group_by("question").agg(
        pl.col("question_ko", "category").first(),
        *(pl.col(c).sort_by(**best).first().alias(f"chosen_{c}") for c in texts),
        *(pl.col(c).sort_by(**worst).first().alias(f"rejected_{c}") for c in texts),
    )
    pairs.sink_parquet(target, compression="zstd")


def komep_build(source: Path, target: Path) -> None:
    from komep_dataset.release.build import build

    build([source], target)


SIDES = {"bare": bare_grouping, "komep": komep_build}


def measure(side: str, source: Path, target: Path) -> dict[str, float]:
    """One side in a process of its own: seconds, CPU seconds, peak megabytes; imports are not counted."""
    command = [sys.executable, "-m", "benchmarks.build", "--side", side, source, target]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{side}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def run_side(side: str, source: Path, target: Path) -> None:
    import datasets  # noqa: F401
    import jinja2  # noqa: F401
    import polars as pl
    import pyarrow.parquet  # noqa: F401
    import scipy.special  # noqa: F401

    import komep_dataset.release.build  # noqa: F401

    pl.DataFrame({"a": [1]}).lazy().select(pl.col("a").sum()).collect()
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    SIDES[side](source, target)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mb": after.ru_maxrss / 1024}))


def compare(rows: int, folder: Path, scratch: Path, repeats: int) -> dict:
    """Both sides on one generated file, alternately; the file stays in `folder`, what they write goes."""
    from komep_dataset.files.outputs import replacing

    source = folder / f"{rows}.parquet"
    if not source.exists():
        with replacing(source) as beside:
            generate(beside, rows)
    runs: dict[str, list[dict]] = {side: [] for side in SIDES}
    for _ in range(repeats):
        for side in SIDES:
            runs[side].append(measure(side, source, scratch / f"out-{side}"))
    result: dict = {"rows": rows, "input_mb": round(source.stat().st_size / 2**20, 1)}
    for side, some in runs.items():
        median = {name: statistics.median(run[name] for run in some) for name in ("seconds", "cpu")}
        result[side] = {name: round(value, 2) for name, value in median.items()}
        result[side]["peak_mb"] = round(max(run["peak_mb"] for run in some))
    for name in ("seconds", "cpu"):
        result[f"{name}_ratio"] = round(result["komep"][name] / max(result["bare"][name], 1e-9), 2)
    return result


def chunk_digests(path: Path, average: int = 64 << 10) -> dict[bytes, int]:
    """Content-defined chunks of a file, digest -> bytes: cut where a rolling hash of the last 64 bytes has its top
    bits zero, so that a cut depends on what is near it and not on its offset.
    """
    import numpy as np

    data = np.frombuffer(path.read_bytes(), np.uint8)
    table = np.random.default_rng(0).integers(0, 2**63, 256, np.uint64)
    rolling = np.zeros(len(data), np.uint64)
    gear = table[data]
    for step in range(64):  # the gear hash, unrolled over its window: sum of table[byte] << age
        rolling[step:] += gear[: len(data) - step] << np.uint64(step)
    bits = int(average).bit_length() - 1
    cuts = np.flatnonzero(rolling >> np.uint64(64 - bits) == 0) + 1
    edges = [0, *cuts.tolist(), len(data)]
    chunks: dict[bytes, int] = {}
    for low, high in itertools.pairwise(edges):
        if high > low:
            chunks[hashlib.sha256(data[low:high]).digest()] = high - low
    return chunks


def shares(old: Path, new: Path) -> dict:
    """How many bytes of the data files of a release lie in chunks, and in whole files, that another has, too."""
    known: dict[bytes, int] = {}
    for path in sorted(old.rglob("*.parquet")):
        known |= chunk_digests(path)
    whole = {hashlib.sha256(path.read_bytes()).digest() for path in old.rglob("*.parquet")}
    chunks: dict[bytes, int] = {}
    files, same = 0, 0
    for path in sorted(new.rglob("*.parquet")):
        chunks |= chunk_digests(path)
        size = path.stat().st_size
        files += size
        same += size if hashlib.sha256(path.read_bytes()).digest() in whole else 0
    again = sum(size for digest, size in chunks.items() if digest in known)
    return {
        "mb": round(files / 2**20, 1),
        "chunks": len(chunks),
        "unchanged_chunks": round(again / sum(chunks.values()), 4),
        "unchanged_files": round(same / files, 4),
    }


def unchanged_share(folder: Path, rows: int) -> dict:
    """What of a release that grew by 1% of its questions a store of chunks, or of files, already has."""
    import polars as pl

    from komep_dataset.release.build import build

    more = max(1, rows // 100 // len(MODELS)) * len(MODELS)
    generate(folder / "all.parquet", rows + more)
    table = pl.read_parquet(folder / "all.parquet")
    table.head(rows).write_parquet(folder / "old.parquet")
    table.tail(more).write_parquet(folder / "new.parquet")
    build([folder / "old.parquet"], folder / "old")
    build([folder / "new.parquet"], folder / "grown", base=folder / "old")
    build([folder / "all.parquet"], folder / "anew")
    made = {name: shares(folder / "old", folder / name) for name in ("grown", "anew")}
    return {"rows": rows, "added": more, **made}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where files are made; by default a temporary folder")
    parser.add_argument("--unchanged", action="store_true", help="the share of unchanged chunks, instead")
    parser.add_argument("--side", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        run_side(options.side[0], *map(Path, options.side[1:]))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        folder, scratch = options.folder or Path(scratch), Path(scratch)
        if options.unchanged:
            print(json.dumps(unchanged_share(scratch, max(options.rows))), flush=True)
            return
        for rows in options.rows:
            print(json.dumps(compare(rows, folder, scratch, options.repeats)), flush=True)


if __name__ == "__main__":
    main()
