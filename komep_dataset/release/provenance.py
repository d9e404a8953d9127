"""Where a release comes from: `provenance.json`, beside `build.json`, which says what is in it.

The same input and the same code give the same file: it holds no time of day and no path.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from komep_dataset import __version__
from komep_dataset.release.folder import SCHEMA_VERSION, file_sha256

PACKAGE = Path(__file__).parents[1]


def provenance(
    inputs: Sequence[Path],
    options: Mapping[str, Any],
    *,
    base: Mapping[str, Any] | None = None,
    judge: Mapping[str, Any] | None = None,
    seeds: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """The content of `provenance.json`.

    Args:
        inputs: the files that were read, without those of the base.
        options: the rules of the build that its user may set.
        base: of the release that was grown: name, content hash and its own provenance.
        judge: what `komep calibrate --output` wrote of the checker.
        seeds: what was drawn with which seed; the build itself draws nothing at random.
    """
    import polars as pl
    import pyarrow as pa

    return {
        "schema": SCHEMA_VERSION,
        "komep_version": __version__,
        "commit": git_commit(PACKAGE),
        "sources_sha256": sources_sha256(PACKAGE),
        "versions": {
            "python": platform.python_version(),
            "polars": pl.__version__,
            "pyarrow": pa.__version__,
        },
        "inputs": [{"name": p.name, "bytes": p.stat().st_size, "sha256": file_sha256(p)} for p in inputs],
        "base": base,
        "options": dict(options),
        "seeds": dict(seeds or {}),
        "judge": judge,
    }


def sources_sha256(package: Path) -> str:
    """SHA-256 over names and content of the package's modules: which code ran, committed or not."""
    lines = [
        f"{file_sha256(p)}  {p.relative_to(package).as_posix()}\n" for p in sorted(package.rglob("*.py"))
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


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
