"""Commands on a disk that fills: a small tmpfs of their own, or a limit on the size of a file."""

import subprocess
from pathlib import Path


def may_mount(folder: Path) -> bool:
    """Whether a private tmpfs can be had: as root, or where user namespaces are open."""
    try:
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", "mkdir try && mount -t tmpfs -o size=64k tmpfs try"],
            cwd=folder, capture_output=True,
        )  # fmt: skip
    except FileNotFoundError:
        return False
    return done.returncode == 0


def run_on_full_disk(folder: Path, command: str, kilobytes: int) -> subprocess.CompletedProcess:
    """Run a shell command in a folder in which `full/` is a disk of so many kilobytes."""
    if may_mount(folder):
        script = f"mkdir -p full && mount -t tmpfs -o size={kilobytes}k tmpfs full && {{ {command}; }}"
        shell = ["unshare", "-rm", "sh", "-c"]
    else:
        script, shell = f"mkdir -p full; ulimit -f {kilobytes}; {command}", ["sh", "-c"]
    return subprocess.run([*shell, script], cwd=folder, capture_output=True, text=True)
