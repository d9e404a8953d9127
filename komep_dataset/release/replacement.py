"""A release put in place in one step: at every moment the old one or the new one is there, and nothing else goes.

What goes is what a build wrote and nobody touched: files of a release's names with the SHA-256 that its SHA256SUMS
has. Everything else in the folder is linked into the new release before the swap, so that it is there at every
moment: files of others under their names, and a file of ours that was edited by hand as `NAME.edited`. Whatever came
into the folder in between is moved over afterwards.

The new release is made in `.NAME.building-…/new` beside the target, with a mark that says how far it got. A build that
is killed leaves that folder; the next one, which alone holds the target's lock (`locks.py`), removes a release that was
still being built, or tells by its SHA256SUMS whether the swap was done: what lies there is then ours and goes, or it is
the former release, of which only our own files go.
"""

import glob
import hashlib
import json
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from komep_dataset import system
from komep_dataset.errors import KomepError
from komep_dataset.files.locks import locked
from komep_dataset.files.outputs import edited_names
from komep_dataset.release.contents import (
    OUR_FOLDERS,
    Contents,
    Known,
    check_replaceable,
    entries,
    is_regular,
    look_into,
    same_content,
    signature,
)
from komep_dataset.release.sums import is_release_file, tops
from komep_dataset.schema import SUMS_FILE

MARK = ".komep-building.json"  # in the folder that a build works in
BUILDING, SWAPPING = "building", "swapping"


@dataclass
class Replacement:
    """A release on its way: the folder to fill, and, once it is in place, a line for all that was kept."""

    folder: Path
    notes: list[str] = field(default_factory=list)


@contextmanager
def replacing_folder(target: Path) -> Iterator[Replacement]:
    """A folder beside `target` to fill; it takes the place of `target` if the block ends well.

    Raises `KomepError` before the block where `target` is neither empty nor proves to be a release, holds what cannot
    be kept, or another build is at work there.
    """
    target = check_replaceable(target)
    with locked(target):
        try:
            notes = _recover(target)
            known: Known = {}
            former = look_into(target, known)
            scratch = target.with_name(f".{target.name}.building-{uuid.uuid4().hex[:12]}")
            (scratch / "new").mkdir(parents=True)
            _write_mark(scratch, target, BUILDING)
            try:
                # What cannot be kept is told before the work.
                _keep(target, former, scratch / "trial", trial=True)
                _remove(scratch / "trial")
                one = Replacement(scratch / "new", notes)
                yield one
                former = look_into(target, known)
                one.notes += _keep(target, former, one.folder)
                _swap(scratch, target)
                one.notes += _retire(scratch / "old", target, former, known)
            finally:
                _end(scratch, target)
        except OSError as error:
            place = error.filename if isinstance(error.filename, str) else target
            raise KomepError(f"{target}: cannot be written ({error.strerror or error}: {place})") from error


def _keep(former: Path, contents: Contents, new: Path, trial: bool = False) -> list[str]:
    """Link into a new folder what is not a build's in the former one; a line for each kind of it. A trial copies nothing.

    Raises `KomepError` for what cannot be kept.
    """
    for path in (former / name for name in contents.folders):
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK) and path.stat().st_uid != os.geteuid():
            raise _cannot_keep(path, "it belongs to another user")
    kept_folders = [f for f in contents.folders if f not in OUR_FOLDERS]
    new.mkdir(exist_ok=True)
    for name in kept_folders:
        (new / name).mkdir(parents=True, exist_ok=True)
    beside = {name: _free_name(former, new, name) for name in contents.edited}
    for name, kept in ({name: name for name in contents.others} | beside).items():
        _link(former / name, new / kept, trial)
    for name in reversed(kept_folders):
        _like(former / name, new / name)
        shutil.copystat(former / name, new / name)
    for name in ("", *OUR_FOLDERS):
        if (former / name).is_dir() and (new / name).is_dir():
            _like(former / name, new / name)
    notes = [f"{name} had been edited: kept as {kept}" for name, kept in beside.items()]
    if others := (*contents.others, *(f"{f}/" for f in kept_folders)):
        notes.insert(0, f"kept, though not of the release: {', '.join(tops(others, contents.ours))}")
    return notes


def _free_name(former: Path, new: Path, name: str) -> str:
    """Where an edited file is kept: the first free name, or the one that holds the same already."""
    for kept in edited_names(name):
        if not os.path.lexists(former / kept) and not os.path.lexists(new / kept):
            return kept
        if same_content(former / name, former / kept):
            return kept
    raise AssertionError("names do not end")


def _link(source: Path, copy: Path, trial: bool) -> None:
    if os.path.lexists(copy):  # an edited file that is kept under this name already
        return
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, copy, follow_symlinks=False)
    except OSError as error:
        # A disk without hard links takes a copy. Elsewhere the file is another user's, or may not be changed.
        if _has_links(copy.parent) or not (source.is_symlink() or is_regular(source)):
            raise _cannot_keep(source, error.strerror) from error
        try:
            if not trial:
                shutil.copy2(source, copy, follow_symlinks=False)
            elif not source.is_symlink():
                source.open("rb").close()
        except OSError as failed:
            raise _cannot_keep(source, failed.strerror) from failed


def _cannot_keep(path: Path, why: str) -> KomepError:
    return KomepError(
        f"{path}: not of the release, and cannot be kept across the swap ({why}); move it away, or write into another folder"
    )


def _has_links(folder: Path) -> bool:
    """Whether the disk of a folder knows hard links."""
    one, other = (folder / f".komep-{uuid.uuid4().hex}" for _ in range(2))
    one.touch()
    try:
        os.link(one, other)
        other.unlink()
    except OSError:
        return False
    finally:
        one.unlink()
    return True


def _like(former: Path, new: Path) -> None:
    """Give a folder the rights of another, and its owner where that is allowed."""
    found = former.stat()
    with suppress(PermissionError):
        os.chown(new, found.st_uid, found.st_gid)
    new.chmod(stat.S_IMODE(found.st_mode))


def _write_mark(scratch: Path, target: Path, state: str, new: str = "") -> None:
    beside = scratch / f"{MARK}.tmp"
    beside.write_text(json.dumps({"target": target.name, "state": state, "new": new}), "utf-8")
    beside.replace(scratch / MARK)


def _identity(release: Path) -> str:
    """What tells a new release from the one before; a copy of it elsewhere has another."""
    sums = release / SUMS_FILE
    there = sums.is_file() and not sums.is_symlink()
    return f"{release.stat().st_ino} {hashlib.sha256(sums.read_bytes()).hexdigest() if there else ''}"


def _read_mark(scratch: Path, target: Path) -> dict[str, str] | None:
    """A folder's mark; None where the folder is none of ours."""
    path = scratch / MARK
    try:
        if scratch.is_symlink() or path.is_symlink() or not path.is_file():
            return None
        mark = json.loads(path.read_bytes())
        ours = mark["target"] == target.name and {mark["state"]} <= {BUILDING, SWAPPING}
        return mark if ours else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _swap(scratch: Path, target: Path) -> None:
    """Put `new` at the target, and what was there at `old`; where the system can exchange two names at once, no moment
    shows neither."""
    new, old = scratch / "new", scratch / "old"
    _write_mark(scratch, target, SWAPPING, _identity(new))
    if not os.path.lexists(target):
        new.rename(target)
    elif system.exchange(new, target):
        new.rename(old)
    else:
        target.rename(old)
        new.rename(target)


def _retire(old: Path, target: Path, former: Contents, known: Known) -> list[str]:
    """Take a former release apart: files of ours go, and what the new one holds too; the rest is moved over.

    SHA256SUMS goes last: whoever takes up the work after a kill knows our files by it. What cannot be removed stays and
    is named: the new release is in place.
    """
    if not old.is_dir():
        return []
    moved = []
    try:
        files, folders = entries(old)
        for name in folders:  # one that may only be read cannot be emptied
            with suppress(PermissionError):
                (old / name).chmod(0o700)
        for name in sorted(files, key=lambda name: (name == SUMS_FILE, name)):
            untouched = name in former.ours and known[name][0] == signature(old / name)
            if untouched or same_content(old / name, target / name) or _is_kept(old, target, name):
                (old / name).unlink()
            else:
                moved.append(_free_name(old, target, name) if os.path.lexists(target / name) else name)
                (target / moved[-1]).parent.mkdir(parents=True, exist_ok=True)
                (old / name).rename(target / moved[-1])
        for name in reversed(folders):
            if name not in OUR_FOLDERS:
                (target / name).mkdir(parents=True, exist_ok=True)
            (old / name).rmdir()
        old.rmdir()
    except OSError as error:
        what = "what the former release held and could not be removed"
        return [f"{what} is in {old} ({error.strerror or error})"]
    what = "came into the old release while the new one was built"
    return [f"{what}: kept as {', '.join(moved)}"] if moved else []


def _is_kept(old: Path, target: Path, name: str) -> bool:
    beside = (target / name).parent.glob(f"{glob.escape(Path(name).name)}.edited*")
    return is_release_file(name) and any(same_content(old / name, one) for one in beside)


def _recover(target: Path) -> list[str]:
    """Finish or undo what builds of this target left that were killed; needs its lock. A line for what stays."""
    notes = []
    for scratch in target.parent.glob(f".{glob.escape(target.name)}.building-*"):
        mark = _read_mark(scratch, target)
        if mark is None:  # not ours, or killed before the mark was written, or after it was removed
            _remove_empty(scratch)
        elif mark["state"] == BUILDING:
            _discard(scratch)
        else:
            notes += _finish(scratch, target, mark["new"])
    return notes


def _end(scratch: Path, target: Path) -> None:
    """Clean up after a build, also one that was interrupted in the midst of its swap."""
    mark = _read_mark(scratch, target)
    if mark and mark["state"] == SWAPPING and (scratch / "new").is_dir():
        _finish(scratch, target, mark["new"])
    else:
        _discard(scratch)


def _finish(scratch: Path, target: Path, identity: str) -> list[str]:
    """End a swap that was cut short: what the target lacks is put there, and what is over goes.

    What is taken for the former release, and is not, loses nothing by it.
    """
    new, old = scratch / "new", scratch / "old"
    if new.is_dir() and not old.is_dir() and _identity(new) != identity:
        new.rename(old)  # cut short between the exchange and this
    if not os.path.lexists(target):
        (old if old.is_dir() else new).rename(target)
    known: Known = {}
    try:
        notes = _retire(old, target, look_into(old, known), known) if old.is_dir() else []
    except KomepError as error:
        notes = [f"what a build left that was killed is in {scratch} ({error})"]
    if not old.is_dir():
        _discard(scratch)
    return notes


def _remove_empty(scratch: Path) -> None:
    """Remove a folder that holds nothing, or nothing but an empty `new` and a mark that was not finished."""
    if scratch.is_dir() and not scratch.is_symlink():
        there = {*islice(scratch.rglob("*"), 3)}
        if there <= {scratch / "new", scratch / f"{MARK}.tmp"}:
            with suppress(OSError):
                (scratch / f"{MARK}.tmp").unlink(missing_ok=True)
                shutil.rmtree(scratch)


def _discard(scratch: Path) -> None:
    """Remove what a build worked in, but for a former release, and for what others put there."""
    for name in ("new", "trial"):
        _remove(scratch / name)
    with suppress(OSError):
        if {entry.name for entry in scratch.iterdir()} <= {MARK, f"{MARK}.tmp"}:
            (scratch / f"{MARK}.tmp").unlink(missing_ok=True)
            (scratch / MARK).unlink()
            scratch.rmdir()


def _remove(folder: Path) -> None:
    """Remove a folder of ours, also what may only be read in it; links are not followed."""
    with suppress(OSError, KomepError):
        files, folders = entries(folder)
        for name in ("", *folders):
            (folder / name).chmod(0o700)
        for name in files:
            (folder / name).unlink()
        for name in (*reversed(folders), ""):
            (folder / name).rmdir()
