"""The release folder: Parquet shards, card with YAML configs, facts, checksums."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from komep_dataset import __version__
from komep_dataset.errors import KomepError
from komep_dataset.schema import (
    BUILD_FILE,
    CARD_FILE,
    PROVENANCE_FILE,
    QUALITY_FILE,
    RECORDS,
    SPLITS,
    SUMS_FILE,
    polars_schema,
)

if TYPE_CHECKING:
    import polars as pl

_BESIDE_DATA = frozenset(
    (CARD_FILE, BUILD_FILE, PROVENANCE_FILE, QUALITY_FILE, SUMS_FILE, "rejects.jsonl", "croissant.json")
) | {"figures/dahl.svg", "figures/margins.svg"}
_DATA_FILE = re.compile(rf"(?:{'|'.join(RECORDS)})/(?:{'|'.join(SPLITS)})-[^/]*\.parquet")


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


def data_sums(folder: Path) -> dict[str, str]:
    """Name -> SHA-256 of each data file of a release, several read at once."""
    return file_sums(folder, sorted(n for c in RECORDS for n in _names_in(folder, c) if is_data_file(n)))


def file_sums(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Name -> SHA-256 of files of a folder, several read at once."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(names, pool.map(lambda name: file_sha256(folder / name), names), strict=True))


def _names_in(folder: Path, part: str = "") -> list[str]:
    return [p.relative_to(folder).as_posix() for p in sorted((folder / part).rglob("*")) if not p.is_dir()]


def is_data_file(name: str) -> bool:
    """Whether `load_dataset` takes a file of a release for its data."""
    return bool(_DATA_FILE.fullmatch(name))


def is_release_file(name: str) -> bool:
    """Whether a build writes a file of this name; anything else in the folder is somebody's own."""
    return name in _BESIDE_DATA or is_data_file(name)


def content_hash(folder: Path, sums: Mapping[str, str] | None = None) -> str:
    """SHA-256 over names and sums of the data files, which are read where `sums` of them are not given.

    Two builds of the same rows have the same hash. A release that grew into these rows has another: its rows are
    the same, its shards are not.
    """
    lines = (f"{digest}  {name}\n" for name, digest in (data_sums(folder) if sums is None else sums).items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def config_version(content: str) -> str:
    """The version that each config of the card carries: 1.0, then a number made from the content hash.

    `datasets` keys its cache of a local folder by the card's YAML, not by the files: without a value that
    changes with the content, a rebuilt folder would silently give the old rows.
    """
    return f"1.0.{int(content[:8], 16)}"


def write_sums(folder: Path, known: Mapping[str, str] | None = None) -> None:
    """Write SHA256SUMS (as `sha256sum -c` reads it) over every other file of a release.

    Args:
        folder: the release.
        known: sums of files that need not be read again, by name.
    """
    known = known or {}
    lines = [f"{known.get(name) or file_sha256(folder / name)}  {name}\n" for name in _summed_files(folder)]
    (folder / SUMS_FILE).write_text("".join(lines), "utf-8")


def _summed_files(folder: Path) -> list[str]:
    return [name for name in _names_in(folder) if name != SUMS_FILE]


def read_sums(folder: Path) -> tuple[dict[str, str], list[str]]:
    """(name -> SHA-256 that SHA256SUMS has for it, what is wrong with the file itself)."""
    if not (folder / SUMS_FILE).is_file():
        return {}, ["cannot be read (no such file)"]
    try:
        lines = (folder / SUMS_FILE).read_bytes().decode("utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        return {}, [f"cannot be read ({error})"]
    listed: dict[str, str] = {}
    wrong = []
    for number, line in enumerate(lines, 1):
        digest, _, name = line.removesuffix("\n").partition("  ")
        if not re.fullmatch("[0-9a-f]{64}", digest) or not name or name in listed or not line.endswith("\n"):
            wrong.append(f"line {number} is not `sha256  file`, once a file")
        listed[name] = digest
    return listed, wrong


def sum_problems(folder: Path) -> list[tuple[str, str]]:
    """(file, what is wrong) for each file that SHA256SUMS does not vouch for: changed, missing, unlisted.

    What is hidden (`.git`, `.gitattributes`) belongs to other tools and is none of the release.
    """
    listed, wrong = read_sums(folder)
    found = [(SUMS_FILE, detail) for detail in wrong]
    present = set(_summed_files(folder))
    found += [(name, f"listed in {SUMS_FILE}, but not there") for name in sorted(listed.keys() - present)]
    unlisted = sorted(n for n in present - listed.keys() if not any(p.startswith(".") for p in n.split("/")))
    found += [(name, f"not listed in {SUMS_FILE}") for name in unlisted]
    for name in sorted(present & listed.keys()):
        try:
            digest = file_sha256(folder / name) if (folder / name).is_file() else "no regular file"
        except OSError as error:
            found.append((name, f"cannot be read ({error.strerror})"))
            continue
        if digest != listed[name]:
            found.append((name, f"SHA-256 {digest[:12]}…, {SUMS_FILE} has {listed[name][:12]}…"))
    return found


def faults(folder: Path) -> list[tuple[str, str]]:
    """`sum_problems` but for files whose names no build gives: they are somebody's own, and harm nobody."""
    listed = read_sums(folder)[0]
    return [(name, what) for name, what in sum_problems(folder) if name in listed or is_release_file(name)]


def tops(names: Iterable[str], own: Iterable[str]) -> list[str]:
    """Names of files, those of one folder as that folder, unless one of `own` lies in it; sorted."""
    shared = {parent.as_posix() for name in own for parent in Path(name).parents}
    found = set()
    for name in names:
        above = [parent.as_posix() for parent in Path(name).parents if parent.as_posix() not in shared]
        found.add(f"{above[-1]}/" if above else name)
    return sorted(found)


def proven_sums(folder: Path) -> dict[str, str]:
    """The sums of a folder that proves to be a release: `build.json` has our schema and the hash of the data files
    that SHA256SUMS names. Reads no data.

    Raises `KomepError` that says what is missing to the proof.
    """
    facts = read_facts(folder)
    listed, wrong = read_sums(folder)
    if wrong:
        raise KomepError(f"{folder}: not a KoMeP release ({SUMS_FILE}: {wrong[0]})")
    data = {name: listed[name] for name in sorted(listed) if is_data_file(name)}
    if BUILD_FILE not in listed or facts.get("content_hash") != content_hash(folder, data):
        raise KomepError(f"{folder}: not a KoMeP release ({BUILD_FILE} is not of the files in {SUMS_FILE})")
    return listed


def check_whole(folder: Path) -> None:
    """Raise `KomepError` unless SHA256SUMS vouches for data, `build.json` and `provenance.json` of a release.

    The card may have been edited, and files may have been added: neither is data.
    """
    data = (SUMS_FILE, BUILD_FILE, PROVENANCE_FILE)
    wrong = [p for p in sum_problems(folder) if p[0] in data or p[0].endswith(".parquet")]
    if wrong:
        shown = "\n".join(f"  {file}: {detail}" for file, detail in wrong[:5])
        raise KomepError(
            f"{folder}: not whole by its {SUMS_FILE} ({len(wrong)} files):\n{shown}\n"
            f"`komep verify {folder}` says more; build it again."
        )


def read_facts(folder: Path) -> dict[str, Any]:
    """What a release says of itself: the content of its `build.json` and `provenance.json` in one.

    Raises `KomepError` if the folder is no release or was built by a newer schema.
    """
    path = Path(folder) / BUILD_FILE
    if not Path(folder).is_dir():
        raise KomepError(f"{folder}: no such folder; `komep build` makes a release")
    if not path.is_file():
        raise KomepError(f"{folder}: not a KoMeP release (it has no {BUILD_FILE})")
    facts = _read_json(path)
    if facts.get("schema") not in READABLE_SCHEMAS:
        raise KomepError(
            f"{path}: schema {facts.get('schema')!r}, but komep {__version__} reads schema "
            f"{' and '.join(map(str, READABLE_SCHEMAS))}; build it again, or take a newer komep"
        )
    if facts["schema"] == 1:  # had everything in one file
        return facts
    return facts | _read_json(path.with_name(PROVENANCE_FILE))


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise KomepError(f"{path}: cannot be read (no such file)")
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise KomepError(f"{path}: cannot be read ({error})") from error
    if not isinstance(content, dict):
        raise KomepError(f"{path}: cannot be read (not a JSON object)")
    return content


def write_facts(folder: Path, facts: dict[str, Any], origin: dict[str, Any]) -> None:
    """Write `build.json` (what is in the release) and `provenance.json` (where it comes from)."""
    for name, content in ((BUILD_FILE, facts), (PROVENANCE_FILE, origin)):
        (folder / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


def write_quality(folder: Path, quality: dict[str, Any]) -> None:
    """Write `quality.json`: what `quality.Gates` found."""
    text = json.dumps(quality, indent=1, ensure_ascii=False)
    (folder / QUALITY_FILE).write_text(text + "\n", "utf-8")


def read_quality(folder: Path) -> dict[str, Any] | None:
    """The content of `quality.json`; None for a release of an earlier version, which has none."""
    path = Path(folder) / QUALITY_FILE
    return _read_json(path) if path.is_file() else None


SCHEMA_VERSION = 2  # 2: `ko` has the column `origin`; `provenance.json`
READABLE_SCHEMAS = (1, 2)


def data_files(folder: Path, config: str, split: str) -> list[Path]:
    """The shards of one split of one config, in order."""
    return sorted((Path(folder) / config).glob(f"{split}-*.parquet"))


def read_rows(folder: Path, config: str, split: str | None = None) -> pl.DataFrame:
    """Rows of one config (of one split, or of both with a column `split`), in the order of the files.

    They are sorted by key, train before test; in a release that grew, each layer of a split is.
    """
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
