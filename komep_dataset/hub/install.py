"""`komep install`: a release in the cache of `datasets`, for `load_dataset("komep")` from any folder.

Without a folder `komep` beside it and without the Hub, `datasets` looks through its cache for
`komep/CONFIG/VERSION/HASH` and takes the folder that was changed last; two configs of one hash are an error
there. So only the default config is installed, and its folder gets a date that nothing which is merely
loaded can have.
"""

import os
import re
import shutil
import sys
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import datasets
from datasets.exceptions import DatasetGenerationError

from komep_dataset.errors import KomepError
from komep_dataset.files.locks import locked
from komep_dataset.komep import Komep
from komep_dataset.progress import tell
from komep_dataset.release.facts import read_facts
from komep_dataset.release.sums import faults

NAME = "komep"
_BESIDE = ".komep-installing-"
MARK = ".komep"  # in a folder that an installation works in
_PREPARED = re.compile(r"dataset_info\.json|LICENSE|(?:komep|cache|tmp)[\w-]*\.arrow|.*\.lock")
LATEST = datetime(2037, 1, 1, tzinfo=UTC).timestamp()  # every file system can note this year


def install(folder: Path = Path("komep"), cache_dir: Path | None = None) -> Path:
    """Prepare the default config of a release into the cache in the place of an installed one.

    Returns its folder there.

    Args:
        folder: what `komep build` wrote; it may go away afterwards.
        cache_dir: cache of `datasets`; by default its own (HF_DATASETS_CACHE, HF_HOME).

    Raises:
        KomepError: no release, files that are not as SHA256SUMS has them, or a cache that cannot be written.
    """
    folder = Path(folder).resolve()
    facts = read_facts(folder)
    if problems := faults(folder):
        name, wrong = problems[0]
        raise KomepError(f"{folder / name}: {wrong} ({len(problems)} such); build the release again")
    root = _root(cache_dir)
    with locked(root / NAME, wait=True):
        _sweep(root)
        for former in _installed(root):
            _check_ours(former)
        prepared = _prepare(folder, next(iter(facts["rows"])), facts["content_hash"], root)
        for former in _installed(root):
            if former != prepared:
                tell(
                    f"note: the release that was installed before is gone: load_dataset knows one by the name {NAME}"
                )
                _remove(former)
        os.utime(prepared, (LATEST, LATEST))
    return prepared


def _prepare(folder: Path, config: str, content_hash: str, root: Path) -> Path:
    """Prepare beside the cache and move it there: a folder that is not whole would break `load_dataset`."""
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    target = root / NAME / config / str(Komep.VERSION) / content_hash
    if (target / "dataset_info.json").is_file():
        return target
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_BESIDE, dir=root) as beside:
            (Path(beside) / MARK).touch()
            # `base_path`, not `data_dir`: the latter becomes part of the config's name in the cache.
            place = {"base_path": str(folder), "cache_dir": beside}
            builder = Komep(dataset_name=NAME, config_name=config, hash=content_hash, **place)
            builder.download_and_prepare()
            if target.exists():
                _remove(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            Path(builder.cache_dir).rename(target)
    except (OSError, DatasetGenerationError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None:  # `datasets` wraps a full disk twice
            cause = cause.__cause__
        raise KomepError(f"the cache of `datasets` cannot be written: {cause}") from error
    return target


def uninstall(cache_dir: Path | None = None) -> list[Path]:
    """Remove what `install` put into the cache; returns the folders that went."""
    root = _root(cache_dir)
    if not (root / NAME).is_dir() and not any(root.glob(f"{_BESIDE}*")):
        return []
    with locked(root / NAME, wait=True):
        for folder in (found := _installed(root)):
            _remove(folder)
        _sweep(root)
    return found


def _sweep(root: Path) -> None:
    """Remove what installations left that were killed; the lock is held, so that none is at work."""
    for folder in root.glob(f"{_BESIDE}*"):
        if (folder / MARK).is_file() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)


def _root(cache_dir: Path | None) -> Path:
    return Path(cache_dir or datasets.config.HF_DATASETS_CACHE).expanduser()


def _installed(root: Path) -> list[Path]:
    """Folders of the cache that the builder class prepared under this name."""
    return sorted(p for p in (root / NAME).glob(f"*/{Komep.VERSION}/*") if p.is_dir())


def _check_ours(folder: Path) -> None:
    """Raise `KomepError` where something else lies in a prepared folder than `datasets` puts there."""
    others = sorted(p.name for p in folder.iterdir() if p.is_dir() or not _PREPARED.fullmatch(p.name))
    if others:
        shown = ", ".join(others[:3])
        raise KomepError(f"{folder}: holds {shown}, which `komep install` did not put there; move it away")


def _remove(folder: Path) -> None:
    _check_ours(folder)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise KomepError(f"{folder}: cannot be removed ({error.strerror or error})") from error
    for parent in list(folder.parents)[:3]:  # version, config, name: each where nothing else is in it
        with suppress(OSError):
            parent.rmdir()
