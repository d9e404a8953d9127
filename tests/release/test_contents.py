"""Whose a folder and a file in it is: what is no release is refused, what people put into one is told apart."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.hub.install import install
from komep_dataset.release.build import build
from komep_dataset.release.contents import proven_sums
from komep_dataset.release.facts import read_facts
from komep_dataset.release.sums import is_release_file, write_sums
from komep_dataset.release.verify import verify
from tests.clients import ROOT
from tests.full_disk import may_mount
from tests.pipeline.chains import komep
from tests.release.replaced import snapshot, two_releases, write


@pytest.fixture(scope="module")
def releases(tmp_path_factory) -> tuple[Path, Path]:
    return two_releases(tmp_path_factory.mktemp("releases"))


@pytest.fixture
def release(releases, tmp_path) -> Path:
    return Path(shutil.copytree(releases[0], tmp_path / "komep"))


PROJECTS = {
    "an empty object": {"build.json": "{}"},
    "an empty file": {"build.json": ""},
    "no JSON": {"build.json": "webpack"},
    "a list": {"build.json": "[1]"},
    "a schema alone": {"build.json": '{"schema": 2}'},
    "a schema and a hash": {"build.json": '{"schema": 2, "content_hash": "0"}', "provenance.json": "{}"},
    "no build.json": {"SHA256SUMS": ""},
    "a thesis": {"thesis.tex": "years of work"},
    "a git work tree": {".git/HEAD": "ref: refs/heads/main\n"},
    "a home": {".bashrc": "alias ll='ls -l'", "Documents/letter.txt": "dear"},
    "a folder of nothing": {"empty/": ""},
}


@pytest.mark.parametrize("files", PROJECTS.values(), ids=PROJECTS)
@pytest.mark.parametrize("sums", [False, True], ids=["", "with sums"])
@pytest.mark.parametrize("here", [False, True], ids=["", "as `.`"])
def test_what_is_no_release_is_refused_and_left_as_it_is(tmp_path, monkeypatch, files, sums, here):
    source = write(tmp_path / "in.jsonl")
    mine = tmp_path / "mine"
    mine.mkdir()
    for name, text in files.items():
        path = mine / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.write_text(text)
    if sums:  # as people who release software write one
        lines = (
            f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(mine)}\n"
            for p in mine.rglob("*")
            if p.is_file()
        )
        (mine / "SHA256SUMS").write_text("".join(lines))
    before = snapshot(mine)
    output = mine
    if here:
        monkeypatch.chdir(mine)
        output = Path()
    with pytest.raises(KomepError, match="left as it is") as caught:
        build([source], output)
    assert next(iter(sorted(p.name for p in mine.iterdir()))) in str(caught.value)
    assert snapshot(mine) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "mine"]


def of_a_newer_schema(folder):
    facts = json.loads((folder / "build.json").read_text())
    (folder / "build.json").write_text(json.dumps(facts | {"schema": 3}))


HALVES = {
    "without build.json": lambda folder: (folder / "build.json").unlink(),
    "without SHA256SUMS": lambda folder: (folder / "SHA256SUMS").unlink(),
    "without a line for a shard": lambda folder: drop_line(folder, "ko/train"),
    "with another content hash": lambda folder: (folder / "build.json").write_text(
        '{"schema": 2, "content_hash": "0"}'
    ),
    "with a torn SHA256SUMS": lambda folder: (folder / "SHA256SUMS").write_text(
        (folder / "SHA256SUMS").read_text()[:-9]
    ),
    "of a newer schema": of_a_newer_schema,
}


def drop_line(folder: Path, name: str) -> None:
    lines = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
    (folder / "SHA256SUMS").write_text("".join(line for line in lines if name not in line))


@pytest.mark.parametrize("harm", HALVES.values(), ids=HALVES)
def test_half_a_release_and_one_of_a_newer_komep_are_refused(release, tmp_path, harm):
    harm(release)
    before = snapshot(release)
    with pytest.raises(KomepError, match="left as it is"):
        build([write(tmp_path / "in.jsonl")], release)
    assert snapshot(release) == before


def test_a_release_whose_shards_are_gone_is_still_one(release, tmp_path):
    for shard in release.rglob("*.parquet"):
        shard.unlink()
    build([write(tmp_path / "in.jsonl", "CD")], release)
    assert all(check.ok for check in verify(release))


def test_a_release_of_schema_1_is_replaced(release, tmp_path):
    facts = json.loads((release / "build.json").read_text()) | json.loads(
        (release / "provenance.json").read_text()
    )
    (release / "provenance.json").unlink()
    (release / "build.json").write_text(json.dumps(facts | {"schema": 1}))
    write_sums(release)
    assert build([write(tmp_path / "in.jsonl", "CD")], release).notes == ()
    assert all(check.ok for check in verify(release))


def test_every_file_of_a_build_is_known_as_one(releases):
    for folder in releases:
        names = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
        assert all(map(is_release_file, names)) and len(names) > 10
        assert set(proven_sums(folder)) == set(names) - {"SHA256SUMS"}


IN_THE_WAY = {
    "a shard of their own": lambda folder: (folder / "ko" / "train-mine.parquet").write_bytes(b"x"),
    "a folder in place of a file": lambda folder: (
        (folder / "croissant.json").unlink() or (folder / "croissant.json").mkdir()
    ),
    "a link in place of a folder": lambda folder: (
        (folder / "ko").rename(folder.parent / "big") and (folder / "ko").symlink_to("../big")
    ),
}


@pytest.mark.parametrize("harm", IN_THE_WAY.values(), ids=IN_THE_WAY)
def test_what_the_swap_cannot_keep_is_refused_before_it_begins(release, tmp_path, harm):
    harm(release)
    before = snapshot(release)
    with pytest.raises(KomepError, match="move it away"):
        build([write(tmp_path / "in.jsonl", "CD")], release)
    assert snapshot(release) == before and not list(tmp_path.glob(".komep*"))


@pytest.mark.parametrize("command", ["build", "questions", "report", "bias", "diff"])
def test_links_in_a_circle_end_in_one_line(release, tmp_path, monkeypatch, command):
    (tmp_path / "round").symlink_to("around")
    (tmp_path / "around").symlink_to("round")
    given = {
        "build": [write(tmp_path / "in.jsonl"), "-o"],
        "questions": [write(tmp_path / "in.jsonl"), "-o"],
        "report": [release, "-o"],
        "bias": [release, "--json"],
        "diff": [release, release, "-o"],
    }[command]
    monkeypatch.chdir(tmp_path)
    done = komep(command, *given, "round")
    assert done.returncode == 1 and "round: " in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_mount_point_is_refused(release, tmp_path):
    if not may_mount(tmp_path):
        pytest.skip("no namespaces for a test on this machine (unshare -rm)")
    source = write(tmp_path / "in.jsonl")
    (tmp_path / "disk").mkdir()
    (release / "disk").mkdir()
    alias = f"mkdir -p '{tmp_path}/alias' && mount --bind '{tmp_path}' '{tmp_path}/alias' && "
    for at, output, before in (
        ("disk", "disk", ""),
        ("komep/disk", "komep", ""),
        ("komep/disk", "alias/komep", alias),
    ):
        script = f"{before}mount -t tmpfs tmpfs '{tmp_path}/{at}' && {sys.executable} -m komep_dataset.cli build '{source}' -o '{tmp_path}/{output}'"
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1 and "a mount point" in done.stderr and "Traceback" not in done.stderr


def test_a_folder_that_may_only_be_read(release, tmp_path):
    if not may_mount(tmp_path):
        pytest.skip("no namespaces for a test on this machine (unshare -rm)")
    source = write(tmp_path.parent / f"{tmp_path.name}.jsonl")
    script = f"mount --bind '{tmp_path}' '{tmp_path}' && mount -o remount,ro,bind '{tmp_path}' && {sys.executable} -m komep_dataset.cli build '{source}' -o '{release}'"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "cannot be written" in done.stderr and "Traceback" not in done.stderr


PIPES = ("SHA256SUMS", "build.json", "provenance.json", "README.md", "ko/train-00000-of-00001.parquet")


@pytest.mark.parametrize("name", PIPES)
def test_a_pipe_in_place_of_a_file_of_ours_is_not_waited_for(release, releases, name):
    path = next(release.glob(name.replace("train", "*")))
    path.unlink()
    os.mkfifo(path)
    code = "import sys, shutil; from pathlib import Path; from komep_dataset.release.replacement import replacing_folder\nwith replacing_folder(Path(sys.argv[1])) as one: shutil.copytree(sys.argv[2], one.folder, dirs_exist_ok=True)"
    done = subprocess.run(
        [sys.executable, "-c", code, release, releases[1]],
        cwd=ROOT,
        timeout=120,
        capture_output=True,
        text=True,
        check=False,
    )
    if name == "README.md" or "/" in name:
        assert done.returncode == 0, done.stderr
        assert path.with_name(f"{path.name}.edited").is_fifo()
    else:
        assert "left as it is" in done.stderr and path.is_fifo()


AS_SOMEBODY = """
import os, shutil, sys
from pathlib import Path
from komep_dataset.errors import KomepError
from komep_dataset.release.replacement import replacing_folder
target, new = Path(sys.argv[1]), Path(sys.argv[2])
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    with replacing_folder(target) as one:
        shutil.copytree(new, one.folder, dirs_exist_ok=True)
except KomepError as error:
    sys.exit(str(error))
"""

FOREIGN = {  # what root does to a release of an ordinary user, and what the user is then told
    "a folder of another user": (
        lambda release: ((release / "bobs").mkdir(), (release / "bobs" / "x").touch()),
        "it belongs to another user",
    ),
    "an empty folder of another user": (
        lambda release: (release / "bobs").mkdir(),
        "it belongs to another user",
    ),
    "a file of another user": (
        lambda release: ((release / "x").touch(), (release / "x").chmod(0o600)),
        "cannot be kept",
    ),
    "a release of another user": (lambda release: os.chown(release, 0, 0), "another user's"),
    "a release that may only be read": (lambda release: release.chmod(0o555), "may only be read"),
    "a folder of its own that may only be read": (lambda release: own_folder(release), None),
}


def own_folder(release: Path) -> None:
    (release / "ro").mkdir()
    (release / "ro" / "x").write_text("mine")
    (release / "ro").chmod(0o555)
    os.chown(release / "ro", 65534, 65534)
    os.chown(release / "ro" / "x", 65534, 65534)


@pytest.mark.parametrize(("harm", "said"), FOREIGN.values(), ids=FOREIGN)
def test_what_an_ordinary_user_may_not_change_is_told_before_the_work(releases, harm, said):
    if os.geteuid() != 0:
        pytest.skip("only root can make a file of another user")
    with tempfile.TemporaryDirectory() as folder:
        target, new = Path(folder) / "komep", Path(folder) / "new"
        for source, copy in zip(releases, (target, new), strict=True):
            shutil.copytree(source, copy)
        for path in (Path(folder), *Path(folder).rglob("*")):
            os.chown(path, 65534, 65534)
        harm(target)
        before = snapshot(target)
        command = [sys.executable, "-c", AS_SOMEBODY, target, new]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if said is None:
            assert done.returncode == 0, done.stderr
            assert (target / "ro" / "x").read_text() == "mine" and read_facts(target) == read_facts(new)
        else:
            assert done.returncode == 1 and said in done.stderr and "Traceback" not in done.stderr, (
                done.stderr
            )
            assert snapshot(target) == before
        assert sorted(p.name for p in Path(folder).iterdir()) == ["komep", "new"]


def test_a_release_with_notes_in_it_is_still_one(release, tmp_path):
    (release / "notes.md").write_text("mine")
    (release / "README.md").write_text("my card")
    build([write(tmp_path / "in.jsonl", "CD")], release)
    assert all(check.ok for check in verify(release))
    assert install(release, tmp_path / "cache").is_dir()
    (release / "ko" / "train-more.parquet").write_bytes(b"x")
    assert [check.name for check in verify(release) if not check.ok]


@pytest.mark.parametrize("name", ["build.json", "provenance.json"])
@pytest.mark.parametrize(
    "damage", [lambda data: data[:99], lambda data: bytes(len(data))], ids=["cut", "zeros"]
)
def test_a_release_with_damaged_facts_is_built_anew_and_they_are_kept(tmp_path, name, damage):
    build([], tmp_path / "komep")
    whole = {p.name: p.read_bytes() for p in (tmp_path / "komep").iterdir() if p.is_file()}
    (tmp_path / "komep" / name).write_bytes(damaged := damage(whole[name]))
    (tmp_path / "komep" / "notes.md").write_text("mine")
    made = build([], tmp_path / "komep")
    assert f"{name} had been edited: kept as {name}.edited" in made.notes
    assert (tmp_path / "komep" / f"{name}.edited").read_bytes() == damaged
    assert (tmp_path / "komep" / "notes.md").read_text() == "mine"
    assert (tmp_path / "komep" / "build.json").read_bytes() == whole["build.json"]
    (tmp_path / "komep" / name).write_bytes(damaged)
    (tmp_path / "komep" / "SHA256SUMS").write_bytes(whole["SHA256SUMS"][:-9])
    with pytest.raises(KomepError, match="left as it is"):
        build([], tmp_path / "komep")
