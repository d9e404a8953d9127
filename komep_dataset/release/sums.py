"""The files of a release by their names, and what SHA256SUMS vouches for: changed, missing and strange files."""

import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from komep_dataset.errors import KomepError
from komep_dataset.schema import (
    BUILD_FILE,
    CARD_FILE,
    PROVENANCE_FILE,
    QUALITY_FILE,
    RECORDS,
    SPLITS,
    SUMS_FILE,
)

_BESIDE_DATA = frozenset(
    (CARD_FILE, BUILD_FILE, PROVENANCE_FILE, QUALITY_FILE, SUMS_FILE, "rejects.jsonl", "croissant.json")
) | {"figures/dahl.svg", "figures/margins.svg"}
_DATA_FILE = re.compile(rf"(?:{'|'.join(RECORDS)})/(?:{'|'.join(SPLITS)})-[^/]*\.parquet")


def is_data_file(name: str) -> bool:
    """Whether `load_dataset` takes a file of a release for its data."""
    return bool(_DATA_FILE.fullmatch(name))


def is_release_file(name: str) -> bool:
    """Whether a build writes a file of this name; anything else in the folder is somebody's own."""
    return name in _BESIDE_DATA or is_data_file(name)


def tops(names: Iterable[str], own: Iterable[str]) -> list[str]:
    """Names of files, those of one folder as that folder, unless one of `own` lies in it; sorted."""
    shared = {parent.as_posix() for name in own for parent in Path(name).parents}
    found = set()
    for name in names:
        above = [parent.as_posix() for parent in Path(name).parents if parent.as_posix() not in shared]
        found.add(f"{above[-1]}/" if above else name)
    return sorted(found)


def _names_in(folder: Path, part: str = "") -> list[str]:
    """Every file below a release, or below one of its folders, but SHA256SUMS."""
    paths = (path for path in sorted((folder / part).rglob("*")) if not path.is_dir())
    return [path.relative_to(folder).as_posix() for path in paths if path != folder / SUMS_FILE]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_sums(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Name -> SHA-256 of files of a folder, several read at once."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(names, pool.map(lambda name: file_sha256(folder / name), names), strict=True))


def data_sums(folder: Path) -> tuple[dict[str, str], str]:
    """(name -> SHA-256 of each data file of a release, several read at once; the content hash of all)."""
    names = sorted(n for c in RECORDS for n in _names_in(folder, c) if is_data_file(n))
    sums = file_sums(folder, names)
    return sums, hash_of(sums)


def content_hash(folder: Path) -> str:
    """SHA-256 over names and sums of the data files, which are read: the same of two builds of the same rows, another of a
    release that grew into them, whose shards differ."""
    return data_sums(folder)[1]


def hash_of(sums: Mapping[str, str]) -> str:
    """The content hash of data files by their sums, which stand in the order of the names."""
    lines = (f"{digest}  {name}\n" for name, digest in sums.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def write_sums(folder: Path, known: Mapping[str, str] | None = None) -> None:
    """Write SHA256SUMS (as `sha256sum -c` reads it) over every other file of a release; `known` are the sums of files that need
    not be read again, by name."""
    known = known or {}
    lines = [f"{known.get(name) or file_sha256(folder / name)}  {name}\n" for name in _names_in(folder)]
    (folder / SUMS_FILE).write_text("".join(lines), "utf-8")


def read_sums(folder: Path) -> tuple[dict[str, str], list[str]]:
    """(name -> SHA-256 that SHA256SUMS has for it, what is wrong with the file itself)."""
    if not (folder / SUMS_FILE).is_file():
        return {}, ["cannot be read (no such file)"]
    try:
        text = (folder / SUMS_FILE).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return {}, [f"cannot be read ({error})"]
    return parse_sums(text)


def parse_sums(text: str) -> tuple[dict[str, str], list[str]]:
    """(name -> SHA-256, what is wrong with a line) of the text of a SHA256SUMS."""
    listed: dict[str, str] = {}
    wrong = []
    for number, line in enumerate(io.StringIO(text, newline="\n"), 1):
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
    present = set(_names_in(folder))
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
