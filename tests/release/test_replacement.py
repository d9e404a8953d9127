"""What `komep build --output` may replace, and what stays: nothing goes but what a build wrote and nobody touched."""

import errno
import itertools
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from komep_dataset import system
from komep_dataset.errors import KomepError
from komep_dataset.release import replacement
from komep_dataset.release.build import build
from komep_dataset.release.facts import read_facts
from komep_dataset.release.replacement import MARK, replacing_folder
from komep_dataset.release.sums import content_hash, sum_problems, write_sums
from komep_dataset.release.verify import verify
from tests import warm
from tests.full_disk import may_mount
from tests.release.replaced import add_what_people_add, replace, theirs, two_releases, write

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def releases(tmp_path_factory) -> tuple[Path, Path]:
    return two_releases(tmp_path_factory.mktemp("releases"))


@pytest.fixture
def release(releases, tmp_path) -> Path:
    return Path(shutil.copytree(releases[0], tmp_path / "komep"))


def test_what_people_put_into_a_release_stays_as_it_is(release, tmp_path):
    add_what_people_add(release)
    release.chmod(0o750)
    before, inode = theirs(release), (release / "notes.md").stat().st_ino
    result = build([write(tmp_path / "in.jsonl", "CD")], release)
    assert theirs(release) == before and (release / "notes.md").stat().st_ino == inode
    assert stat.S_IMODE(release.stat().st_mode) == 0o750
    assert read_facts(release)["content_hash"] == result.facts["content_hash"] == content_hash(release)
    [note] = result.notes
    for name in (".git/", "notes.md", "ko/remarks.txt", "drafts/", "pipe", "한글 이름.txt"):
        assert name in note
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "komep"]
    subprocess.run(["git", "-C", release, "fsck"], check=True, capture_output=True)


def test_the_command_names_what_stays_in_one_line(release, tmp_path):
    (release / "notes.md").write_text("mine")
    (release / "README.md").write_text("mine, too")
    command = [
        sys.executable,
        "-m",
        "komep_dataset.cli",
        "build",
        str(write(tmp_path / "in.jsonl")),
        "-o",
        str(release),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "note: kept, though not of the release: notes.md\n" in done.stdout
    assert "note: README.md had been edited: kept as README.md.edited\n" in done.stdout


def test_a_file_of_ours_that_was_edited_is_kept_beside_the_new_one(release, tmp_path):
    (release / "README.md").write_text("my card")
    shard = release / "ko" / "train-00000-of-00001.parquet"
    shard.write_bytes(b"my rows")
    (release / "quality.json").unlink()
    source = write(tmp_path / "in.jsonl", "CD")
    notes = build([source], release).notes
    assert (release / "README.md.edited").read_text() == "my card"
    assert shard.with_name(f"{shard.name}.edited").read_bytes() == b"my rows"
    assert [p for p, _ in sum_problems(release)] == ["README.md.edited", f"ko/{shard.name}.edited"]
    assert len(notes) == 2
    build([source], release)  # once more: nothing was edited since, and what was kept stays
    assert (release / "README.md.edited").read_text() == "my card"
    (release / "README.md").write_text("my second card")
    build([source], release)
    assert (release / "README.md.edited-2").read_text() == "my second card"
    (release / "README.md").write_text("my card")
    build([source], release)
    assert sorted(p.name for p in release.glob("README*")) == [
        "README.md",
        "README.md.edited",
        "README.md.edited-2",
    ]


def test_the_card_of_a_published_release_is_kept_since_people_write_on_it(release, tmp_path):
    card = "above\n<!-- komep: generated (x) -->\nours\n<!-- komep: end of the generated part -->\nbelow"
    (release / "README.md").write_text(card)
    (release / "CHANGELOG.md").write_text("v0.1.0")
    write_sums(release)  # as `komep publish` does
    build([write(tmp_path / "in.jsonl", "CD")], release)
    assert (release / "README.md.edited").read_text() == card
    assert (release / "CHANGELOG.md").read_text() == "v0.1.0"


def test_a_link_to_a_release_stays_one(release, tmp_path):
    link = tmp_path / "latest"
    link.symlink_to("komep")
    new = build([write(tmp_path / "in.jsonl", "CD")], link).facts["content_hash"]
    assert link.is_symlink() and read_facts(release)["content_hash"] == new


def test_an_empty_folder_and_a_new_one_are_filled(tmp_path):
    source = write(tmp_path / "in.jsonl")
    (tmp_path / "empty").mkdir(mode=0o700)
    for name in ("empty", "new", "a/b/c"):
        build([source], tmp_path / name)
        assert all(check.ok for check in verify(tmp_path / name))
    assert stat.S_IMODE((tmp_path / "empty").stat().st_mode) == 0o700


def test_names_that_are_patterns_stand_for_themselves(releases, tmp_path):
    other = tmp_path / ".komep.building-1"
    other.mkdir()
    (other / "mine.txt").write_text("x")
    for name in ("[k]omep", "*", "komep"):
        replace(tmp_path / name, releases[0])
        replace(tmp_path / name, releases[1])
    assert (other / "mine.txt").read_text() == "x"


def test_folders_with_the_name_of_ours_and_without_our_mark_stay(releases, tmp_path):
    for name, mark in (("a", None), ("b", "{}"), ("c", '{"target": "other", "new": 1}'), ("d", "")):
        folder = tmp_path / f".komep.building-{name}"
        folder.mkdir()
        (folder / "thesis.txt").write_text("years")
        if mark is not None:
            (folder / MARK).write_text(mark)
    replace(tmp_path / "komep", releases[0])
    assert len(list(tmp_path.glob(".komep.building-?/thesis.txt"))) == 4


CHANGES = {
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.link",
    "os.mkdir",
    "os.chmod",
    "ctypes.dlsym",
    "shutil.rmtree",
}


def replace_killed(target: Path, new: Path, at: int, exchange: bool) -> int:
    """Exit code of a process that replaces a release and is killed before its `at`-th change of the disk."""
    if process := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    changes = itertools.count(1)

    def kill_at(event, _):
        if event in CHANGES and next(changes) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    try:
        if not exchange:
            system.exchange = lambda *_: False
        with replacing_folder(target) as one:
            shutil.copytree(new, one.folder, dirs_exist_ok=True)
            sys.addaudithook(kill_at)
        code = 0
    finally:
        os._exit(code)


@pytest.mark.slow
@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "no exchange"])
def test_kill_9_at_every_step_of_the_swap_loses_nothing(releases, tmp_path, exchange):
    """SIGKILL before the first change of the disk, before the second, …: the release is one of the two and the files
    of others are there (where names cannot be exchanged, after the next build), and the next build cleans up, also in a
    copy of the folder, in which nothing has its inode."""
    old, new = releases
    killed = 0
    for at in range(1, 500):
        target = Path(shutil.copytree(old, tmp_path / str(at) / "komep"))
        (target / "notes.md").write_text("mine")
        (target / "mine").mkdir()
        (target / "mine" / "deep.txt").write_text("too")
        (target / "README.md").write_text("my card")
        code = replace_killed(target, new, at, exchange)
        assert code in (0, -signal.SIGKILL)
        killed += code != 0
        gone = not exchange and not target.exists()
        if not gone:
            hash_now = json.loads((target / "build.json").read_text())["content_hash"]
            assert hash_now in {read_facts(folder)["content_hash"] for folder in releases}, at
            assert content_hash(target) == hash_now, at
            assert (target / "notes.md").read_text() == "mine" and (
                target / "mine" / "deep.txt"
            ).read_text() == "too"
        copy = Path(shutil.copytree(target.parent, tmp_path / f"{at}-copy", symlinks=True)) / "komep"
        for one in (target, copy):
            replace(one, new)
            assert (one / "notes.md").read_text() == "mine"
            assert (one / "mine" / "deep.txt").read_text() == "too"
            assert (one / "README.md.edited").read_text() == "my card", at
            names = {p.name for p in one.iterdir()} - {p.name for p in new.iterdir()}
            assert names == {"notes.md", "mine", "README.md.edited"}, at
            assert [p.name for p in one.parent.iterdir()] == ["komep"], at
            shutil.rmtree(one.parent)
        if code == 0:
            break
    assert killed > 30 and code == 0


def test_what_comes_into_the_folder_during_a_build_is_kept(release, releases):
    with replacing_folder(release) as one:
        shutil.copytree(releases[1], one.folder, dirs_exist_ok=True)
        (release / "late.md").write_text("late")
        (release / "README.md").write_text("edited meanwhile")
    assert (release / "late.md").read_text() == "late"
    assert (release / "README.md.edited").read_text() == "edited meanwhile"
    assert read_facts(release) == read_facts(releases[1])


def test_two_builds_at_once_one_is_refused(release, releases):
    with replacing_folder(release) as one:
        shutil.copytree(releases[1], one.folder, dirs_exist_ok=True)
        with pytest.raises(KomepError, match="another run is at work here"), replacing_folder(release):
            pytest.fail("two at once")
    assert read_facts(release) == read_facts(releases[1])


TRIES = 6


@pytest.mark.slow
def test_two_containers_with_the_same_process_ids(releases, tmp_path):
    """Each build is process 1 of a namespace of its own, as in a container; both are in one folder."""
    if not may_mount(tmp_path):
        pytest.skip("no namespaces for a test on this machine (unshare -rm)")
    sources = [releases[0].parent / "old.jsonl", releases[0].parent / "new.jsonl"]
    hashes = {read_facts(folder)["content_hash"] for folder in releases}
    rng = random.Random(0)
    refused = 0
    for _ in range(TRIES):
        target = tmp_path / "komep"
        notes = target / "notes.md"
        words = [warm.python("project"), "tests/in_namespaces.py", "-m", "komep_dataset.cli", "build"]
        both = [
            subprocess.Popen(
                [*words, str(source), "-o", str(target)],
                cwd=ROOT,
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
            )
            for source in sources
        ]
        if rng.random() < 0.5:
            time.sleep(rng.uniform(0.1, 0.5))
            both[0].kill()
        said = [process.communicate()[1] for process in both]
        codes = [process.returncode for process in both]
        assert 0 in codes or -signal.SIGKILL in codes, said
        for code, text in zip(codes, said, strict=True):
            assert code in (0, -signal.SIGKILL) or "another run is at work here" in text, text
            refused += code == 1
        if not target.exists():  # both ended before the first release was there
            continue
        assert read_facts(target)["content_hash"] == content_hash(target)
        assert content_hash(target) in hashes
        if notes.exists():
            assert notes.read_text() == "mine"
        notes.write_text("mine")
    assert refused  # otherwise the two never met
    build(sources[:1], target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["komep", "try"]


@pytest.mark.parametrize("how", ["in place", "renamed", "with its old time"])
def test_an_edit_at_the_last_moment_is_kept(release, releases, monkeypatch, how):
    """After the last look at the folder, and before the swap."""
    swap = replacement._swap

    def edit_and_swap(scratch, target):
        card = target / "README.md"
        before = card.stat()
        text = "x" * before.st_size if how == "with its old time" else "at the last moment"
        if how == "renamed":
            (target / "README.tmp").write_text(text)
            (target / "README.tmp").rename(card)
        else:
            card.write_text(text)
        if how == "with its old time":
            os.utime(card, ns=(before.st_atime_ns, before.st_mtime_ns))
        (target / "late").mkdir()
        (target / "late" / "x.txt").write_text("late")
        swap(scratch, target)

    monkeypatch.setattr(replacement, "_swap", edit_and_swap)
    size = (release / "README.md").stat().st_size
    notes = replace(release, releases[1])
    kept = (release / "README.md.edited").read_text()
    assert kept == ("x" * size if how == "with its old time" else "at the last moment")
    assert (release / "late" / "x.txt").read_text() == "late" and "late/x.txt" in notes[-1]
    assert [p.name for p in release.parent.iterdir()] == ["komep"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_ctrl_c_around_the_swap_loses_nothing(release, releases, monkeypatch, moment):
    (release / "notes.md").write_text("mine")
    exchange = system.exchange

    def interrupted(a, b):
        if moment == "after":
            (release / "late.md").write_text("late")
            assert exchange(a, b)
        raise KeyboardInterrupt

    monkeypatch.setattr(system, "exchange", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace(release, releases[1])
    assert read_facts(release) == read_facts(releases[moment == "after"])
    assert (release / "notes.md").read_text() == "mine"
    assert moment == "before" or (release / "late.md").read_text() == "late"
    assert [p.name for p in release.parent.iterdir()] == ["komep"]


@pytest.mark.slow
def test_json_and_folders_without_end(release, releases, tmp_path):
    (tmp_path / "deep.json").write_text("[" * 100_000)
    shutil.copy(tmp_path / "deep.json", release / "build.json")
    with pytest.raises(KomepError, match="left as it is"):
        replace(release, releases[1])
    shutil.copy(releases[0] / "build.json", release / "build.json")
    here = release
    for _ in range(500):
        here = here / "d"
        here.mkdir()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(450)  # deeper than which the folder is
    try:
        replace(release, releases[1])
    finally:
        sys.setrecursionlimit(limit)
    assert here.is_dir()
    subprocess.run(["rm", "-rf", release], check=True)


def test_without_hard_links_a_file_is_copied(release, releases, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    add_what_people_add(release)
    (release / "pipe").unlink()
    before = theirs(release)
    replace(release, releases[1])
    assert theirs(release) == before
