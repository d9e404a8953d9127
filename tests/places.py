"""What may lie at an output path that is none of ours, and paths at which nothing can lie."""

import ctypes
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path


def with_files(**files: str) -> Callable[[Path], Path]:
    """A folder with these files; `__` in a name is a slash, `_` a dot."""

    def make(folder: Path) -> Path:
        for name, text in files.items():
            path = folder / "mine" / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return folder / "mine"

    return make


def _file(folder: Path) -> Path:
    (folder / "thesis.tex").write_text("years of work")
    return folder / "thesis.tex"


def _link(folder: Path) -> Path:
    (folder / "latest").symlink_to(with_files(thesis_tex="years of work")(folder))
    return folder / "latest"


def _circle(folder: Path) -> Path:
    (folder / "round").symlink_to("around")
    (folder / "around").symlink_to("round")
    return folder / "round"


SOMEBODYS = {
    "a project": with_files(pyproject_toml="[project]", src__main_py="print()", README_md="# mine"),
    "a git work tree": with_files(**{"_git__HEAD": "ref: refs/heads/main\n"}),
    "a home": with_files(_bashrc="alias ll='ls -l'", Documents__letter_txt="dear"),
    "a link to a folder": _link,
    "a file": _file,
}
NOWHERE = {
    "a circle of links": _circle,
    "below a file": lambda folder: _file(folder) / "out",
    "a device": lambda folder: Path("/dev/null"),
    "below a device": lambda folder: Path("/dev/null/out"),
    "a long name": lambda folder: folder / ("n" * 300),
}
UNSPEAKABLE = {"a name with a NUL": lambda folder: folder / "a\0b"}  # on a command line, not in a YAML file


def snapshot(folder: Path) -> dict[str, object]:
    """Everything below a folder: its content, or where it leads, or what it is."""

    def kind(path: Path) -> object:
        if path.is_symlink():
            return str(path.readlink())
        return path.read_bytes() if path.is_file() else stat.S_IFMT(path.stat().st_mode)

    return {path.relative_to(folder).as_posix(): kind(path) for path in sorted(folder.rglob("*"))}


def read_only(folder: Path, command: list[str], **more) -> subprocess.CompletedProcess:
    """A command run where a folder may only be read, as root may not write there either."""
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    words = ["unshare", "-rm", "sh", "-c", script, str(folder), *command]
    return subprocess.run(words, capture_output=True, text=True, check=False, **more)


def may_not_read(command: list[object], **more) -> subprocess.CompletedProcess:
    """A command that may read only what the rights of files allow, as root may not either."""

    def give_up() -> None:
        drop, override, read_search = 24, 1, 2  # PR_CAPBSET_DROP of prctl.h; capabilities.h
        for capability in (override, read_search):
            ctypes.CDLL(None).prctl(drop, capability, 0, 0, 0)

    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, check=False, preexec_fn=give_up, **more)
