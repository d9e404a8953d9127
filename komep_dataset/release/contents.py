"""What lies in the folder of a release, and whose it is.

Ours is what a build wrote and nobody touched: files of a release's names with the SHA-256 that its SHA256SUMS has, in a
folder that proves to be a release. All else is somebody's: files of other names, and files of ours that were edited.
"""

import filecmp
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import check_folder, is_cut_json
from komep_dataset.release.facts import read_facts
from komep_dataset.release.sums import file_sums, hash_of, is_data_file, is_release_file, read_sums
from komep_dataset.schema import BUILD_FILE, CARD_FILE, PROVENANCE_FILE, RECORDS, SUMS_FILE
from komep_dataset.system import mounted_in

OUR_FOLDERS = frozenset((*RECORDS, "figures"))
# In a card that was on the Hub, where people's text may stand beside ours.
PUBLISHED = b"<!-- komep: generated"
Signature = tuple[int, int, int, int]  # inode, bytes, times of change of content and of anything
Known = dict[str, tuple[Signature, str]]  # name -> signature and SHA-256 when it was last read


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies in a release that is to be replaced; names are relative to it, links are never followed."""

    ours: frozenset[str]  # as a build wrote them
    edited: tuple[str, ...]  # of the names of ours, with another content
    others: tuple[str, ...]
    folders: tuple[str, ...]  # parents first


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
    if BUILD_FILE not in listed or facts.get("content_hash") != hash_of(data):
        raise KomepError(f"{folder}: not a KoMeP release ({BUILD_FILE} is not of the files in {SUMS_FILE})")
    return listed


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
            return _is_damaged(folder)

    try:
        place = check_folder(target, owned, "KoMeP release")
    except KomepError as error:
        raise KomepError(f"{error}" + (f" ({why[0]})" if why else "")) from None
    if point := mounted_in(place):
        what = "a mount point, which no swap can keep; name a folder inside it, or beside it"
        raise KomepError(f"{point}: {what}")
    if place.is_dir():
        _check_movable(place)
    return place


def _is_damaged(folder: Path) -> bool:
    """Whether a folder is a release whose facts were cut, or left as NULs, by SHA256SUMS, which lists a build's names alone.

    They are kept as edited files are. Where SHA256SUMS is damaged nobody can tell what is ours.
    """
    listed, wrong = read_sums(folder)
    if wrong or BUILD_FILE not in listed or not all(map(is_release_file, listed)):
        return False
    return any(map(is_cut_json, (folder / BUILD_FILE, folder / PROVENANCE_FILE)))


def _check_movable(place: Path) -> None:
    """Raise `KomepError` where this user may not rename a folder, or not change what is in it."""
    me, above = os.geteuid(), place.parent.stat()
    sticky = above.st_mode & stat.S_ISVTX and me not in (0, above.st_uid, place.stat().st_uid)
    if sticky or not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        raise KomepError(
            f"{place}: cannot be written (it is another user's, or may only be read); write into another folder"
        )


def look_into(folder: Path, known: Known) -> Contents:
    """What lies in a release; `known` keeps the sums of files that have not changed since the last look.

    Raises `KomepError` for a file that `load_dataset` would take for data of the new release, and for what stands in
    the way of one of its files.
    """
    if not folder.is_dir():
        return Contents(frozenset(), (), (), ())
    listed = read_sums(folder)[0]
    files, folders = entries(folder)
    named = [name for name in files if is_release_file(name)]
    regular = {name: signature(folder / name) for name in named if is_regular(folder / name)}
    new = [name for name, seen in regular.items() if name not in known or known[name][0] != seen]
    known |= {name: (regular[name], digest) for name, digest in file_sums(folder, new).items()}
    ours = {name for name in regular if known[name][1] == listed.get(name)}
    if SUMS_FILE in regular and all(map(is_release_file, listed)):
        ours.add(SUMS_FILE)
    if CARD_FILE in ours and PUBLISHED in (folder / CARD_FILE).read_bytes():
        ours.remove(CARD_FILE)
    in_the_way = [n for n in named if is_data_file(n) and n not in listed]
    in_the_way += [n for n in folders if is_release_file(n)]
    in_the_way += [n for n in files if n in OUR_FOLDERS]
    if in_the_way:
        raise KomepError(
            f"{folder / in_the_way[0]}: not of the release that lies here, and the new one would take it for its own; "
            "move it away, or write into another folder"
        )
    edited = tuple(name for name in named if name not in ours)
    others = tuple(name for name in files if not is_release_file(name))
    return Contents(frozenset(ours), edited, others, tuple(folders))


def entries(folder: Path) -> tuple[list[str], list[str]]:
    """(files and links, folders) below a folder, sorted, parents first."""
    files: list[str] = []
    folders: list[str] = []
    todo, disk = [""], folder.stat().st_dev
    while todo:
        here = todo.pop()
        with os.scandir(folder / here) as listing:
            for entry in listing:
                name = f"{here}/{entry.name}" if here else entry.name
                if not entry.is_dir(follow_symlinks=False):
                    files.append(name)
                    continue
                if entry.stat(follow_symlinks=False).st_dev != disk:
                    raise KomepError(f"{folder / name}: a mount point, which no swap can keep; unmount it")
                folders.append(name)
                todo.append(name)
    return sorted(files), sorted(folders, key=lambda name: name.split("/"))


def is_regular(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


def signature(path: Path) -> Signature:
    found = path.lstat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def same_content(a: Path, b: Path) -> bool:
    """Whether two files are one, or hold the same; links by where they lead."""
    if not (os.path.lexists(a) and os.path.lexists(b)):
        return False
    if os.path.samestat(a.lstat(), b.lstat()):
        return True
    if a.is_symlink() or b.is_symlink():
        return a.is_symlink() and b.is_symlink() and a.readlink() == b.readlink()
    return is_regular(a) and is_regular(b) and filecmp.cmp(a, b, shallow=False)
