"""The release folder: Parquet shards, card with YAML configs, checksums; put in place in one step."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from komep_dataset import __version__
from komep_dataset.errors import KomepError
from komep_dataset.schema import (
    CONFIGS,
    SPLITS,
    ReleaseRow,
    ScoredGeneration,
    arrow_schema,
    column_docs,
    polars_schema,
)
from komep_dataset.tables import arrow_table, parquet_writer

if TYPE_CHECKING:
    import polars as pl

RECORDS = {"ko": ReleaseRow, "en": ReleaseRow, "scored": ScoredGeneration}
BUILD_FILE = "build.json"  # what was built from what, with all counts; marks a folder as a release
ROW_GROUP_ROWS = 10_000
SHARD_BYTES = 500 << 20  # of Arrow memory; a Parquet shard comes out several times smaller


@dataclass
class SplitWriter:
    """Writes one split of one config as shards, with row groups that do not depend on how rows arrive."""

    folder: Path
    config: str
    split: str
    rows: int = 0
    shards: int = 0
    arrow_bytes: int = 0
    _writer: Any = None
    _shard_bytes: int = 0
    _waiting: list[pl.DataFrame] = field(default_factory=list)

    def append(self, frame: pl.DataFrame) -> None:
        """Add rows, which must continue in key order."""
        import polars as pl

        if frame.is_empty():
            return
        self.rows += frame.height
        waiting = pl.concat([*self._waiting, frame], rechunk=False)
        while waiting.height >= ROW_GROUP_ROWS:
            self._write(waiting.head(ROW_GROUP_ROWS))
            waiting = waiting.slice(ROW_GROUP_ROWS)
        self._waiting = [waiting]

    def _write(self, frame: pl.DataFrame) -> None:
        table = arrow_table(frame, RECORDS[self.config])
        if self._writer is None or self._shard_bytes + table.nbytes > SHARD_BYTES:
            self._next_shard()
        self._writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
        self._shard_bytes += table.nbytes
        self.arrow_bytes += table.nbytes

    def _next_shard(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._shard_bytes = 0
        folder = self.folder / self.config
        folder.mkdir(exist_ok=True)
        self._writer = parquet_writer(folder / f"{self.split}-{self.shards:05d}", RECORDS[self.config])
        self.shards += 1

    def close(self) -> None:
        """Write what waits and give the shards their final names; a split without rows has no file."""
        for frame in self._waiting:
            if frame.height:
                self._write(frame)
        if self._writer is not None:
            self._writer.close()
        for index in range(self.shards):
            shard = self.folder / self.config / f"{self.split}-{index:05d}"
            shard.rename(shard.with_name(f"{shard.name}-of-{self.shards:05d}.parquet"))


def open_writers(folder: Path) -> dict[tuple[str, str], SplitWriter]:
    """A writer for each (config, split)."""
    return {(c, s): SplitWriter(folder, c, s) for c in CONFIGS for s in SPLITS}


def close_writers(writers: dict[tuple[str, str], SplitWriter]) -> dict[str, dict[str, int]]:
    """Close the writers of every config that has rows; returns config -> split -> rows."""
    rows = {c: {s: writers[c, s].rows for s in SPLITS} for c in CONFIGS}
    kept = {c: splits for c, splits in rows.items() if any(splits.values())}
    for (config, _), writer in writers.items():
        if config in kept:
            writer.close()
    return kept


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with path.open("rb") as file:
        return (
            hashlib.file_digest(file, "sha256").hexdigest()
            if hasattr(hashlib, "file_digest")
            else _digest(file)
        )


def _digest(file) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def content_hash(folder: Path) -> str:
    """SHA-256 over names and sums of the data files: two releases with the same rows have the same hash."""
    sums = [
        f"{file_sha256(p)}  {p.relative_to(folder).as_posix()}\n" for p in sorted(folder.rglob("*.parquet"))
    ]
    return hashlib.sha256("".join(sums).encode()).hexdigest()


def config_version(content: str) -> str:
    """The version that each config of the card carries: 1.0, then a number made from the content hash.

    `datasets` keys its cache of a local folder by the card's YAML, not by the files: without a value that
    changes with the content, a rebuilt folder would silently give the old rows.
    """
    return f"1.0.{int(content[:8], 16)}"


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS (as `sha256sum -c` reads it) over every other file of a release."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "SHA256SUMS")
    lines = [f"{file_sha256(p)}  {p.relative_to(folder).as_posix()}\n" for p in files]
    (folder / "SHA256SUMS").write_text("".join(lines), "utf-8")


def write_card(folder: Path, facts: dict[str, Any]) -> None:
    """Write README.md: YAML configs for `datasets`, and what a reader must know.

    Args:
        folder: the release, data files in place.
        facts: the content of `build.json`.
    """
    import yaml
    from datasets import Features
    from jinja2 import Environment, PackageLoader, StrictUndefined

    version = config_version(facts["content_hash"])
    configs, infos = [], []
    for config, rows in facts["rows"].items():
        rows = {split: n for split, n in rows.items() if n}  # `datasets` cannot read a split without rows
        files = [{"split": s, "path": f"{config}/{s}-*.parquet"} for s in rows]
        entry = {"config_name": config, "version": version, "data_files": files}
        configs.append(entry | ({"default": True} if not infos else {}))
        sizes = {s: sum(p.stat().st_size for p in (folder / config).glob(f"{s}-*.parquet")) for s in rows}
        features = Features.from_arrow_schema(arrow_schema(RECORDS[config]))
        infos.append(
            {
                "config_name": config,
                "features": features._to_yaml_list(),
                "splits": [
                    {"name": s, "num_bytes": facts["arrow_bytes"][config][s], "num_examples": n}
                    for s, n in rows.items()
                ],
                "download_size": sum(sizes.values()),
                "dataset_size": sum(facts["arrow_bytes"][config][s] for s in rows),
            }
        )
    header = {
        "pretty_name": "KoMeP: Korean Medical Preference",
        "license": "other",
        "language": [c for c in ("ko", "en") if c in facts["rows"]] or ["en"],
        "task_categories": ["text-generation"],
        "tags": ["medical", "preference", "dpo", "orpo", "korean", "dahl"],
        "configs": configs,
        "dataset_info": infos,
    }
    environment = Environment(
        loader=PackageLoader("komep_dataset"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    columns = {config: column_docs(RECORDS[config]) for config in facts["rows"]}
    text = environment.get_template("card.md.j2").render(
        yaml=yaml.safe_dump(header, sort_keys=False, allow_unicode=True), facts=facts, columns=columns
    )
    (folder / "README.md").write_text(text, "utf-8")


def read_facts(folder: Path) -> dict[str, Any]:
    """The content of a release's `build.json`.

    Raises `KomepError` if the folder is no release or was built by a newer schema.
    """
    path = Path(folder) / BUILD_FILE
    if not Path(folder).is_dir():
        raise KomepError(f"{folder}: no such folder; `komep build` makes a release")
    try:
        facts = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise KomepError(f"{folder}: not a KoMeP release (it has no {BUILD_FILE})") from None
    except (OSError, ValueError) as error:
        raise KomepError(f"{path}: cannot be read ({error})") from error
    if facts.get("schema") != SCHEMA_VERSION:
        raise KomepError(
            f"{path}: schema {facts.get('schema')!r}, but komep {__version__} reads schema {SCHEMA_VERSION}"
        )
    return facts


SCHEMA_VERSION = 1


def data_files(folder: Path, config: str, split: str) -> list[Path]:
    """The shards of one split of one config, in order."""
    return sorted((Path(folder) / config).glob(f"{split}-*.parquet"))


def read_rows(folder: Path, config: str, split: str | None = None) -> pl.DataFrame:
    """Rows of one config (of one split, or of both with a column `split`)."""
    import polars as pl

    frames = []
    for name in (split,) if split else SPLITS:
        files = data_files(folder, config, name)
        if files:
            frame = pl.read_parquet(files)
            frames.append(frame if split else frame.with_columns(split=pl.lit(name)))
    if not frames and (not split or not (Path(folder) / config).is_dir()):
        raise KomepError(f"{folder}: no data files for config {config!r}")
    if not frames:  # the config has rows, this split has none
        return pl.DataFrame(schema=polars_schema(RECORDS[config]))
    return pl.concat(frames)


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """A folder beside `target` to fill; it takes the place of `target` if the block ends well.

    Raises `KomepError` where `target` exists and is neither empty nor a release: nothing of a user's is
    overwritten by mistake.
    """
    target = Path(target).resolve()
    check_replaceable(target)
    _sweep(target)
    beside = target.with_name(f".{target.name}.building-{os.getpid()}")
    try:
        beside.mkdir(parents=True)
        yield beside
        _swap(beside, target)
    except OSError as error:
        raise KomepError(f"{target}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def check_replaceable(target: Path) -> None:
    """Raise `KomepError` unless a build may put its result at `target`."""
    if target.is_dir() and any(target.iterdir()) and not (target / BUILD_FILE).is_file():
        raise KomepError(f"{target}: exists and is not a KoMeP release; give another --output, or empty it")
    if target.exists() and not target.is_dir():
        raise KomepError(f"{target}: exists and is a file; give a folder as --output")


def _sweep(target: Path) -> None:
    """Remove what builds of this target left that were killed."""
    for left in target.parent.glob(f".{target.name}.building-*"):
        pid = left.name.rpartition("-")[2]
        alive = pid.isdigit() and int(pid) != os.getpid() and _alive(int(pid))
        if not alive:
            shutil.rmtree(left, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _swap(new: Path, target: Path) -> None:
    """Put `new` at `target`; where the system can exchange two names at once, no moment shows neither."""
    if target.exists():
        if not _exchange(new, target):
            aside = target.with_name(f".{target.name}.building-0")  # swept by the next build
            shutil.rmtree(aside, ignore_errors=True)
            target.replace(aside)
            new.replace(target)
            shutil.rmtree(aside, ignore_errors=True)
    else:
        new.replace(target)


def _exchange(a: Path, b: Path) -> bool:
    """Linux renameat2 with RENAME_EXCHANGE; False where it is not to be had."""
    at_cwd, rename_exchange = -100, 2
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        return libc.renameat2(at_cwd, os.fsencode(a), at_cwd, os.fsencode(b), rename_exchange) == 0
    return False
