"""A release put in place in one step: at every moment the old one or the new one is there, and nothing else goes.

What goes is what a build wrote and nobody touched: files of a release's names with the SHA-256 that its SHA256SUMS
has. Everything else in the folder is linked into the new release before the swap, so that it is there at every
moment: files of others under their names, and a file of ours that was edited by hand as `NAME.edited`. Whatever came
into the folder in between is moved over afterwards.

The new release is made in `.NAME.building-…/new` beside the target, with a mark that holds its inode. A build that is
killed leaves that folder; the next one, which alone holds the target's lock (`locks.py`), tells by the inode whether
the swap was done: `new` is then ours and goes, or it is the former release, of which only our own files go.
"""

from __future__ import annotations

import ctypes
import filecmp
import glob
import json
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from komep_dataset.errors import KomepError
from komep_dataset.locks import locked
from komep_dataset.outputs import check_folder, edited_names
from komep_dataset.release import (
    CARD_FILE,
    RECORDS,
    SUMS_FILE,
    file_sums,
    is_data_file,
    is_release_file,
    proven_sums,
    read_sums,
    tops,
)

OUR_FOLDERS = frozenset((*RECORDS, "figures"))
MARK = ".komep-building.json"  # in the folder that a build works in
PUBLISHED = (
    b"<!-- komep: generated"  # in a card that was on the Hub, where people's text may stand beside ours
)
_Signature = tuple[int, int, int]  # inode, bytes, time of change


@dataclass
class Replacement:
    """A release on its way: the folder to fill, and, once it is in place, a line for all that was kept."""

    folder: Path
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies in a release that is to be replaced; names are relative to it, links are never followed."""

    ours: frozenset[str]  # as a build wrote them
    edited: tuple[str, ...]  # of the names of ours, with another content
    others: tuple[str, ...]
    folders: tuple[str, ...]  # parents first


@contextmanager
def replacing_folder(target: Path) -> Iterator[Replacement]:
    """A folder beside `target` to fill; it takes the place of `target` if the block ends well.

    Raises `KomepError` before the block where `target` is neither empty nor proves to be a release, holds what cannot
    be kept, or another build is at work there.
    """
    target = check_replaceable(target)
    with locked(target):
        try:
            _recover(target)
            known: dict[str, tuple[_Signature, str]] = {}
            former = _contents(target, known)
            scratch, inode = _scratch(target)
            try:
                _keep(target, former, scratch / "trial")  # what cannot be kept is told before the work
                shutil.rmtree(scratch / "trial", ignore_errors=True)
                one = Replacement(scratch / "new")
                yield one
                former = _contents(target, known)
                one.notes += _keep(target, former, one.folder)
                _swap(scratch, target)
                one.notes += _retire(scratch / "old", target, former.ours)
            finally:
                _discard(scratch, inode)
        except OSError as error:
            raise KomepError(f"{target}: cannot be written ({error.strerror or error})") from error


def check_replaceable(target: Path) -> Path:
    """The place that a build may put its result at.

    Raises `KomepError` unless nothing is there, an empty folder, or a release that proves to be one.
    """
    why = []

    def owned(folder: Path) -> bool:
        try:
            return bool(proven_sums(folder))
        except KomepError as error:
            why.append(str(error))
            return False

    try:
        place = check_folder(target, owned, "KoMeP release")
    except KomepError as error:
        raise KomepError(f"{error}" + (f" ({why[0]})" if why else "")) from None
    if mounts := [point for point in _mount_points() if point.is_relative_to(place)]:
        raise KomepError(
            f"{mounts[0]}: a mount point, which cannot be swapped; give a folder beside it, or inside it"
        )
    return place


def _mount_points() -> list[Path]:
    """Every mount point that this process sees; none where the system does not list them."""
    with suppress(OSError):
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
        octal = re.compile(r"\\(\d{3})")
        return [Path(octal.sub(lambda m: chr(int(m[1], 8)), line.split(" ")[4])) for line in lines]
    return []


def _contents(folder: Path, known: dict[str, tuple[_Signature, str]]) -> Contents:
    """What lies in a release; `known` keeps the sums of files that have not changed since the last look.

    Raises `KomepError` for a file that `load_dataset` would take for data of the new release, and for what stands in
    the way of one of its files.
    """
    listed = read_sums(folder)[0] if folder.is_dir() else {}
    files, folders = _entries(folder)
    named = [name for name in files if is_release_file(name)]
    sums = _sums_of(folder, [n for n in named if n in listed and not (folder / n).is_symlink()], known)
    ours = {name for name, digest in sums.items() if digest == listed[name]}
    if all(map(is_release_file, listed)):
        ours |= {SUMS_FILE} & set(files)
    if CARD_FILE in ours and PUBLISHED in (folder / CARD_FILE).read_bytes():
        ours.remove(CARD_FILE)
    in_the_way = [n for n in named if is_data_file(n) and n not in listed]
    in_the_way += [n for n in folders if is_release_file(n)]
    in_the_way += [n for n in files if n in OUR_FOLDERS]
    if in_the_way:
        raise KomepError(
            f"{folder / in_the_way[0]}: not of the release that lies here, and the new one would take it for its own; "
            "move it away, or give another --output"
        )
    edited = tuple(name for name in named if name not in ours)
    others = tuple(name for name in files if not is_release_file(name))
    return Contents(frozenset(ours), edited, others, tuple(folders))


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """(files and links, folders) below a folder, sorted, parents first."""

    def give_up(error: OSError) -> None:
        raise error

    files, folders = [], []
    for here, inner, names in os.walk(folder, onerror=give_up) if folder.is_dir() else ():
        place = Path(here).relative_to(folder)
        links = [name for name in inner if (Path(here) / name).is_symlink()]
        files += [(place / name).as_posix() for name in (*names, *links)]
        folders += [(place / name).as_posix() for name in inner if name not in links]
    return sorted(files), sorted(folders)


def _sums_of(folder: Path, names: list[str], known: dict[str, tuple[_Signature, str]]) -> dict[str, str]:
    signatures = {name: _signature(folder / name) for name in names}
    new = [name for name in names if known.get(name, ((), ""))[0] != signatures[name]]
    for name, digest in file_sums(folder, new).items():
        known[name] = (signatures[name], digest)
    return {name: known[name][1] for name in names}


def _signature(path: Path) -> _Signature:
    found = path.stat(follow_symlinks=False)
    return found.st_ino, found.st_size, found.st_mtime_ns


def _keep(former: Path, contents: Contents, new: Path) -> list[str]:
    """Link into a new folder what is not a build's in the former one; a line for each kind of it."""
    kept_folders = [f for f in contents.folders if f not in OUR_FOLDERS]
    for name in kept_folders:
        (new / name).mkdir(parents=True, exist_ok=True)
    new.mkdir(exist_ok=True)
    beside = {name: _free_name(former, new, name) for name in contents.edited}
    for name, kept in {**{name: name for name in contents.others}, **beside}.items():
        _link(former, name, new / kept)
    for name in reversed(kept_folders):
        _like(former / name, new / name)
    if former.is_dir():
        _like(former, new)
    notes = []
    if others := tops((*contents.others, *(f"{f}/" for f in kept_folders)), contents.ours):
        notes.append(f"kept, though not of the release: {', '.join(others)}")
    return notes + [f"{name} had been edited: kept as {kept}" for name, kept in beside.items()]


def _free_name(former: Path, new: Path, name: str) -> str:
    """Where an edited file is kept: the first free name, or the one that holds the same already."""
    for kept in edited_names(name):
        if not os.path.lexists(former / kept) and not os.path.lexists(new / kept):
            return kept
        if _equal(former / name, former / kept):
            return kept
    raise AssertionError("names do not end")


def _link(former: Path, name: str, copy: Path) -> None:
    source = former / name
    if os.path.lexists(copy):  # an edited file that is kept under this name already
        return
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, copy, follow_symlinks=False)
        except OSError:  # a disk without hard links, or a file of another user
            if not (source.is_symlink() or stat.S_ISREG(source.stat().st_mode)):
                raise
            shutil.copy2(source, copy, follow_symlinks=False)
    except OSError as error:
        raise KomepError(
            f"{source}: not of the release, and cannot be kept across the swap ({error.strerror or error}); move it "
            "away, or give another --output"
        ) from error


def _like(former: Path, new: Path) -> None:
    """Give a folder the owner, the rights and the time of another; of these the owner only where that is allowed."""
    found = former.stat()
    with suppress(PermissionError):
        os.chown(new, found.st_uid, found.st_gid)
    shutil.copystat(former, new)


def _equal(a: Path, b: Path) -> bool:
    """Whether two files are one, or hold the same; links by where they lead."""
    if a.is_symlink() or b.is_symlink():
        return a.is_symlink() and b.is_symlink() and a.readlink() == b.readlink()
    if not (os.path.lexists(a) and os.path.lexists(b)):
        return False
    if os.path.samestat(a.stat(), b.stat()):
        return True
    return a.is_file() and b.is_file() and filecmp.cmp(a, b, shallow=False)


def _scratch(target: Path) -> tuple[Path, int]:
    """A marked folder beside the target with an empty `new`, and the inode of that."""
    folder = target.with_name(f".{target.name}.building-{uuid.uuid4().hex[:12]}")
    new = folder / "new"
    new.mkdir(parents=True)
    inode = new.stat().st_ino
    (folder / MARK).write_text(json.dumps({"target": target.name, "new": inode}), "utf-8")
    return folder, inode


def _swap(scratch: Path, target: Path) -> None:
    """Put `new` at the target, and what was there at `old`; where the system can exchange two names at once, no moment
    shows neither."""
    new, old = scratch / "new", scratch / "old"
    if not os.path.lexists(target):
        new.rename(target)
    elif _exchange(new, target):
        new.rename(old)
    else:
        target.rename(old)
        new.rename(target)


def _exchange(a: Path, b: Path) -> bool:
    """Linux renameat2 with RENAME_EXCHANGE; False where it is not to be had."""
    at_cwd, rename_exchange = -100, 2
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        return libc.renameat2(at_cwd, os.fsencode(a), at_cwd, os.fsencode(b), rename_exchange) == 0
    return False


def _retire(old: Path, target: Path, ours: frozenset[str]) -> list[str]:
    """Take a former release apart: files of ours go, and what the new one holds too; the rest is moved over.

    SHA256SUMS goes last: whoever takes up the work after a kill knows our files by it.
    """
    if not old.is_dir():
        return []
    moved = []
    files, folders = _entries(old)
    for name in folders:
        (old / name).chmod(0o700)  # a folder that may only be read cannot be emptied
    for name in sorted(files, key=lambda name: (name == SUMS_FILE, name)):
        if not (name in ours or _equal(old / name, target / name) or _is_kept(old, target, name)):
            moved.append(_move(old, target, name))
        else:
            (old / name).unlink()
    for name in reversed(folders):
        (target / name).mkdir(parents=True, exist_ok=True) if name not in OUR_FOLDERS else None
        (old / name).rmdir()
    old.rmdir()
    return (
        [f"came into the old release while the new one was built: kept as {', '.join(moved)}"]
        if moved
        else []
    )


def _is_kept(old: Path, target: Path, name: str) -> bool:
    beside = (target / name).parent.glob(f"{glob.escape(Path(name).name)}.edited*")
    return is_release_file(name) and any(_equal(old / name, one) for one in beside)


def _move(old: Path, target: Path, name: str) -> str:
    kept = name
    if os.path.lexists(target / name):
        kept = _free_name(old, target, name)
    (target / kept).parent.mkdir(parents=True, exist_ok=True)
    (old / name).rename(target / kept)
    return kept


def _recover(target: Path) -> None:
    """Finish or undo what builds of this target left that were killed; needs its lock."""
    for scratch in target.parent.glob(f".{glob.escape(target.name)}.building-*"):
        mark = _read_mark(scratch, target)
        if mark is None:  # not ours, or killed before the mark was written, or after it was removed
            _remove_empty(scratch)
            continue
        old = next(
            (p for p in (scratch / "old", scratch / "new") if p.is_dir() and p.stat().st_ino != mark), None
        )
        if old is not None and not os.path.lexists(target):
            old.rename(target)  # killed between two renames
        elif old is not None:
            _retire(old, target, _contents(old, {}).ours)
        _discard(scratch, mark)


def _remove_empty(scratch: Path) -> None:
    """Remove a folder that holds nothing, or nothing but an empty `new`."""
    if (
        scratch.is_dir()
        and not scratch.is_symlink()
        and [*islice(scratch.rglob("*"), 2)] in ([], [scratch / "new"])
    ):
        with suppress(OSError):
            (scratch / "new").rmdir()
        with suppress(OSError):
            scratch.rmdir()


def _read_mark(scratch: Path, target: Path) -> int | None:
    """The inode that a folder's mark holds; None where the folder is none of ours."""
    try:
        mark = json.loads((scratch / MARK).read_text("utf-8"))
        return int(mark["new"]) if mark["target"] == target.name and not scratch.is_symlink() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _discard(scratch: Path, inode: int) -> None:
    """Remove what a build worked in; never a former release, which is told by its inode, nor what others put there."""
    new = scratch / "new"
    with suppress(OSError):
        if new.stat(follow_symlinks=False).st_ino == inode:
            shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(scratch / "trial", ignore_errors=True)
    if {entry.name for entry in scratch.iterdir()} == {MARK}:
        (scratch / MARK).unlink()
        scratch.rmdir()
