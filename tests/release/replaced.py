"""A release to be replaced by another: both of one question, of different answers; and what people put into one."""

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

from komep_dataset.release.build import build
from komep_dataset.release.replacement import replacing_folder
from komep_dataset.release.sums import is_release_file


def write(path: Path, answers: str = "AB") -> Path:
    """A table of one question, whose answers are so different that there is a pair."""
    rows = [
        {
            "question": "What?",
            "category": "c",
            "model": m,
            "response": a,
            "units": [{"text": "t", "verdict": v}],
        }
        | {"question_ko": "무엇?", "response_ko": f"답 {a}"}
        for (m, v), a in zip((("a", "true"), ("b", "false")), answers, strict=True)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def snapshot(folder: Path) -> dict[str, object]:
    """Everything below a folder: content, where it leads, or what it is; and rights."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        kind = (
            str(path.readlink())
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else stat.S_IFMT(mode)
        )
        found[path.relative_to(folder).as_posix()] = (kind, stat.S_IMODE(mode))
    return found


def two_releases(folder: Path) -> tuple[Path, Path]:
    """An old and a new release of one question, of different answers."""
    for name, answers in (("old", "AB"), ("new", "CD")):
        build([write(folder / f"{name}.jsonl", answers)], folder / name)
    return folder / "old", folder / "new"


def replace(target: Path, new: Path) -> list[str]:
    with replacing_folder(target) as one:
        shutil.copytree(new, one.folder, dirs_exist_ok=True)
    return one.notes


def add_what_people_add(folder: Path) -> None:
    subprocess.run(["git", "init", "-q", folder], check=True)
    (folder / "notes.md").write_text("read these first")
    (folder / "notes.md").chmod(0o600)
    (folder / "ko" / "remarks.txt").write_text("beside a shard")
    (folder / "figures" / "mine.svg").write_text("<svg/>")
    (folder / "drafts" / "empty").mkdir(parents=True)
    (folder / "drafts").chmod(0o700)
    (folder / "drafts" / "README.md").write_text("of a folder of mine")
    (folder / "link").symlink_to("notes.md")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "round").symlink_to("round")
    (folder / "elsewhere").symlink_to("..")
    os.mkfifo(folder / "pipe")
    (folder / "한글 이름.txt").write_text("이름")


def theirs(folder: Path) -> dict[str, object]:
    return {name: found for name, found in snapshot(folder).items() if not is_release_file(name)}
