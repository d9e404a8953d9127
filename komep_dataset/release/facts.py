"""What a release says of itself: what is in it (`build.json`), where it comes from (`provenance.json`), what the gates
found (`quality.json`).

The same input and the same code give the same files: they hold no time of day and no path.
"""

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from komep_dataset import __version__
from komep_dataset.errors import KomepError
from komep_dataset.release.sums import file_sha256
from komep_dataset.schema import BUILD_FILE, CONFIGS, PROVENANCE_FILE, QUALITY_FILE
from komep_dataset.tables.formats import format_of, nearest_told

SCHEMA_VERSION = 2  # 2: `ko` has the column `origin`; `provenance.json`
READABLE_SCHEMAS = (1, 2)
PACKAGE = Path(__file__).parents[1]


def read_facts(folder: Path) -> dict[str, Any]:
    """The content of `build.json` and `provenance.json` of a release in one.

    Raises `KomepError` if the folder is no release or was built by a newer schema.
    """
    path = Path(folder) / BUILD_FILE
    if not Path(folder).is_dir():
        raise KomepError(f"{folder}: {_no_folder(Path(folder))}")
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


def _no_folder(path: Path) -> str:
    """What a path is that should be a release's folder and is none, and what to give."""
    if not path.exists():
        return f"no such folder{nearest_told(path)}; `komep build` makes a release"
    if (path.parent / BUILD_FILE).is_file():
        return f"is a file of a release; give its folder, {path.parent}"
    made = f"komep build {path}" if format_of(path) else "komep build TABLE"
    return f"is a file, and what is wanted is a release, the folder that `{made}` writes"


def pair_config(folder: Path, facts: Mapping[str, Any], wanted: str | None) -> str:
    """The config of pairs that is wanted, or the first that has any, by a release's `facts`.

    Raises `KomepError` where it has none (exit code 2 where another one was named).
    """
    there = [name for name in CONFIGS[:2] if sum(facts["rows"].get(name, {}).values())]
    if wanted is None and not there:
        raise KomepError(f"{folder}: a release without pairs; its rejects.jsonl says why")
    if wanted is not None and wanted not in there:
        known = ", ".join(there) or "none with pairs"
        raise KomepError(f"{folder}: no config {wanted!r} of pairs; it has: {known}", exit_code=2)
    return wanted or there[0]


def read_quality(folder: Path) -> dict[str, Any] | None:
    """The content of `quality.json`; None for a release of an earlier version, which has none."""
    path = Path(folder) / QUALITY_FILE
    return _read_json(path) if path.is_file() else None


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


def write_facts(folder: Path, facts: dict[str, Any], origin: dict[str, Any], quality: dict[str, Any]) -> None:
    """Write the three files: what is in the release, where it comes from (`provenance`), what the gates found."""
    for name, content in ((BUILD_FILE, facts), (PROVENANCE_FILE, origin), (QUALITY_FILE, quality)):
        (folder / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


def provenance(
    inputs: Sequence[Path],
    options: Mapping[str, Any],
    *,
    base: Mapping[str, Any] | None,
    seeds: Mapping[str, int] | None,
    judge: Mapping[str, Any] | None,
    **known: Any,
) -> dict[str, Any]:
    """The content of `provenance.json`.

    Args:
        inputs: the files that were read, without those of the base.
        options: the rules of the build that its user may set.
        base: of the release that was grown: name, content hash and its own provenance.
        seeds: what was drawn with which seed; the build itself draws nothing at random.
        judge: what `komep calibrate --output` wrote of the checker.
        known: what else `build` knows of the inputs, by its key; no key where there is nothing to say.
    """
    return {
        "schema": SCHEMA_VERSION,
        "komep_version": __version__,
        "commit": git_commit(PACKAGE),
        "sources_sha256": sources_sha256(PACKAGE),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("polars", "pyarrow")},
        },
        "inputs": [{"name": p.name, "bytes": p.stat().st_size, "sha256": file_sha256(p)} for p in inputs],
        "base": base,
        "options": dict(options),
        "seeds": dict(seeds or {}),
        "judge": judge,
        **{name: value for name, value in known.items() if value},
    }


@cache
def sources_sha256(package: Path) -> str:
    """SHA-256 over names and content of the package's modules: which code ran, committed or not."""
    files = sorted(package.rglob("*.py"))
    lines = (f"{file_sha256(path)}  {path.relative_to(package).as_posix()}\n" for path in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@cache
def git_commit(package: Path) -> str | None:
    """The commit that is checked out, where the package lies in a git repository as its own `komep_dataset/`."""
    top = package.parent
    if not (top / ".git").exists() or not (top / "setup.cfg").is_file():
        return None  # an installed package may lie inside some other repository
    command = ["git", "-C", str(top), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
