"""Releases to publish, and a stand-in of the Hub with a client of it."""

from pathlib import Path

import pytest

from komep_dataset.release.build import build
from komep_dataset.samples import SAMPLE_INPUT
from tests.clients import Client
from tests.hub_server import client_environment, serve


@pytest.fixture(scope="session")
def releases(tmp_path_factory) -> dict[str, Path]:
    """Releases of the sample: `small` from half of its lines, `whole` from all, `grown` from `small` and the rest."""
    folder = tmp_path_factory.mktemp("releases")
    lines = SAMPLE_INPUT.read_text("utf-8").splitlines(keepends=True)
    (folder / "half.jsonl").write_text("".join(lines[: len(lines) // 2]), "utf-8")
    build([folder / "half.jsonl"], folder / "small")
    build([], folder / "whole")
    (folder / "rest.jsonl").write_text("".join(lines[len(lines) // 2 :]), "utf-8")
    build([folder / "rest.jsonl"], folder / "grown", base=folder / "small")
    return {name: folder / name for name in ("small", "whole", "grown")}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """(the hub, a client of it) for the whole module; each test has its own repository state."""
    home = tmp_path_factory.mktemp("home")
    with serve() as hub, Client(client_environment(hub.address, home, None), home) as client:
        yield hub, client


@pytest.fixture
def hub(running):
    hub = running[0]
    hub.repos.clear(), hub.blobs.clear(), hub.calls.clear(), hub.faults.clear()
    hub.before_commit = lambda _: None
    return hub


@pytest.fixture
def komep(running, hub):
    def run(*arguments, token: str | None = "hf_write", **variables) -> tuple[int, str, str]:
        hub.calls.clear()
        code, out, err = running[1].komep(*arguments, HF_TOKEN=token, **variables)
        assert "hf_write" not in out + err and "hf_wrong" not in out + err
        return code, out, err

    return run
