"""What tests of publishing look at: the repository, what was written to it and sent, the rows of a release."""

from pathlib import Path

from komep_dataset.release.rows import read_rows
from tests.clients import rows_hash

REPO = "org/komep"

ID = ("--repo-id", REPO)


def count(folder: Path) -> int:
    """Files that a publication of a release holds: its own and the change log."""
    return 1 + sum(path.is_file() for path in folder.rglob("*"))


def writes(hub) -> list[tuple[str, str]]:
    """Calls that change something on the Hub; its check of a card's metadata changes nothing."""
    return [(m, p) for m, p in hub.calls if m not in ("GET", "HEAD") and p != "/api/validate-yaml"]


def sent(hub) -> list[str]:
    return [path for method, path in hub.calls if method == "PUT" and path.startswith("/lfs/")]


def local(folder: Path, config: str, split: str) -> list:
    rows = read_rows(folder, config, split).to_dicts()
    return [len(rows), rows_hash(rows)]


def check_sums(files: dict[str, bytes]) -> None:
    """SHA256SUMS on the Hub is right about what lies there, the merged card included."""
    import hashlib

    lines = (line.split("  ") for line in files["SHA256SUMS"].decode().splitlines())
    expected = {
        path: hashlib.sha256(content).hexdigest()
        for path, content in files.items()
        if path not in ("SHA256SUMS", ".gitattributes")
    }
    assert {path: digest for digest, path in lines} == expected
