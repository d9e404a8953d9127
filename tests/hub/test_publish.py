"""`komep publish`: what is planned, what is refused, and the whole flow against a stand-in of the Hub.

The stand-in proves the client's flow, not that the Hub itself accepts the content.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from komep_dataset.errors import KomepError
from komep_dataset.hub import changelog
from komep_dataset.hub.client import Remote, RemoteFile
from komep_dataset.hub.publish import make_plan, next_version, read_release, script_files
from komep_dataset.release.build import build
from komep_dataset.release.facts import read_facts
from komep_dataset.release.sums import file_sha256, write_sums
from komep_dataset.schema import CONFIGS
from tests.hub.publications import ID, REPO, check_sums, count, local, sent, writes
from tests.hub.test_leaks import SECRETS


@pytest.mark.slow
def test_publish_load_grow_and_load_again(hub, komep, running, releases):
    load = running[1].load
    code, out, err = komep("publish", releases["small"], *ID, "--dry-run", token=None)
    assert (code, writes(hub), hub.repos) == (0, [], {}), err
    assert (
        f"would publish v0.1.0 of org/komep: {count(releases['small'])} files" in out
        and "new       README.md" in out
    )

    code, out, err = komep("publish", releases["small"], *ID, "--gated", "manual")
    assert code == 0 and 'load_dataset("org/komep", revision="v0.1.0")' in out, err
    repo = hub.repos["dataset", REPO]
    assert repo.settings == {"private": True, "gated": "manual"}
    order = [p.rsplit("/org/komep", 1)[-1] for _, p in writes(hub) if not p.startswith("/lfs/")]
    assert order.index("/settings") < order.index("/commit/main")
    assert len(sent(hub)) == 6 and [c["ref"] for c in repo.log] == ["main", "main", "script"]
    assert repo.tags == {"v0.1.0"} and repo.refs["v0.1.0"] == repo.refs["main"]
    assert set(repo.files("script")) == {".gitattributes", "README.md", "komep.py"}
    assert not [path for path in repo.files() if path.endswith(".py")]
    check_sums(repo.files())

    assert komep("publish", releases["small"], *ID)[1] == (
        "org/komep has this release already, as v0.1.0; access: private, as it was\n"
    )
    assert writes(hub) == []

    edited = dict(repo.files())  # by a person, on the Hub
    card = edited["README.md"].decode().replace("license: other", "license: mit\npapers: 2503.1")
    edited["README.md"] = (
        card.replace("## Citation", "## Odd\n\nkept\n\n## Citation").encode() + b"\nBelow.\n"
    )
    repo.commit(edited, title="by hand")
    code, out, err = komep("publish", releases["whole"], *ID, "--message", "twice the questions")
    assert code == 0 and f"published v0.2.0: {count(releases['whole']) - 1} files" in out, err
    assert "'license' on the Hub (mit) replaced by apache-2.0" in out and "kept below it: Odd" in out
    card = repo.files()["README.md"].decode()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["papers"] == 2503.1 and front["license"] == "apache-2.0"
    assert card.index("## Citation") < card.index("## Odd\n\nkept") < card.index("Below.")
    assert 'load_dataset("org/komep"' in card and 'load_dataset("komep"' not in card
    assert "Run this beside" not in card and "`pairs.info.version` is `1.0." in card
    log = repo.files()["CHANGELOG.md"].decode()
    assert changelog.entries(log) == ["v0.2.0", "v0.1.0"] and "twice the questions" in log
    now, before = (read_facts(releases[name])["rows"]["ko"]["train"] for name in ("whole", "small"))
    assert f"| `ko` | train | {now} | +{now - before} |" in log and "Option" not in log and now > before
    assert {c["ref"] for c in repo.log[-2:]} == {"main", "script"} and repo.settings["private"]
    check_sums(repo.files())

    whole = {split: local(releases["whole"], "ko", split) for split in ("train", "test")}
    assert load(REPO) == whole
    for config in CONFIGS:
        assert load(REPO, config, split="test") == {"test": local(releases["whole"], config, "test")}
    assert load(REPO, "en", split="train", streaming=True) == {
        "train": local(releases["whole"], "en", "train")
    }
    former = {split: local(releases["small"], "ko", split) for split in ("train", "test")}
    assert load(REPO, revision="v0.1.0") == former != whole
    assert load(REPO, revision="v0.2.0") == whole

    assert komep("publish", releases["whole"], *ID)[1].endswith(
        "already, as v0.2.0; access: private, as it was\n"
    )
    assert writes(hub) == []
    assert komep("publish", releases["small"], *ID, "--tag", "v0.1.0")[1].endswith(
        "already, as v0.1.0; access: private, as it was\n"
    )
    assert writes(hub) == [] and b'REVISION = "v0.2.0"' in repo.files("script")["komep.py"]
    code, _, err = komep("publish", releases["whole"], *ID, "--tag", "v0.1.0")
    assert code == 1 and "v0.1.0 exists with another content" in err and writes(hub) == []
    code, _, err = komep("publish", releases["small"], *ID, "--tag", "v0.1.5")
    assert code == 2 and "the newest version is v0.2.0" in err and writes(hub) == []


@pytest.mark.slow
def test_who_may_see_it(hub, komep, releases):
    """Private unless it is said; never public before all of it is there; a repository that is there is not changed silently."""
    private, public = {"private": True, "gated": False}, {"private": False, "gated": False}
    code, out, err = komep("publish", releases["whole"], *ID, "--dry-run")
    assert code == 0 and out.endswith("access: private\n"), err
    assert komep("publish", releases["whole"], *ID, "--public", "--private")[0] == 2
    for flags, code, said in (
        ((), 0, "; access: private\n"),
        (("--public", "--dry-run"), 0, "; access: public, and was private\n"),
    ):
        done = komep("publish", releases["whole"], *ID, *flags)
        assert done[0] == code and said in done[1], done
        assert hub.repos["dataset", REPO].settings == private
    hub.repos.clear()
    code, out, err = komep("publish", releases["whole"], *ID, "--public")
    assert code == 0 and "; access: public\n" in out, err
    order = [path.rsplit("/org/komep", 1)[-1] for _, path in writes(hub)]
    assert order[-1] == "/settings" and hub.repos["dataset", REPO].settings == public
    assert (
        komep("publish", releases["whole"], *ID)[1].endswith("access: public, as it was\n")
        and writes(hub) == []
    )
    code, out, _ = komep("publish", releases["whole"], *ID, "--private")
    assert (
        code == 0
        and "access: private, and was public" in out
        and hub.repos["dataset", REPO].settings == private
    )
    code, out, _ = komep("publish", releases["whole"], *ID, "--public")
    assert (
        code == 0
        and "access: public, and was private" in out
        and hub.repos["dataset", REPO].settings == public
    )


@pytest.mark.slow
def test_what_nobody_stated_the_terms_of_does_not_become_public(hub, komep, releases, tmp_path):
    for flags in (("--public",), ("--public", "--dry-run")):
        code, out, err = komep("publish", releases["small"], *ID, *flags)
        assert (code, out, hub.repos, writes(hub)) == (1, "", {}, [])
        for part in (
            "no licence",
            "questions in half.jsonl",
            "answers of sample-30",
            "--license ID` (as cc-by-4.0; unknown,",
        ):
            assert part in err
    komep("publish", releases["whole"], *ID, "--public")
    code, _, err = komep("publish", releases["small"], *ID)  # where everybody looks already
    assert code == 1 and "org/komep is public: " in err and writes(hub) == []
    half = releases["small"].parent / "half.jsonl"
    for licence, noted in (("cc-by-4.0", False), ("unknown", True)):
        build([half], tmp_path / licence, license=licence)
        code, out, err = komep("publish", tmp_path / licence, *ID)
        assert code == 0 and ("the terms of these are unknown: questions in half.jsonl" in out) == noted, err
        front = yaml.safe_load(hub.repos["dataset", REPO].files()["README.md"].decode().split("---\n")[1])
        assert front["license"] == licence and "license_name" not in front


@pytest.mark.parametrize("offline", [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}])
def test_a_dry_run_needs_no_network(offline, releases, monkeypatch, tmp_path):
    """In a process without any socket."""
    code = "import socket, sys; from komep_dataset.cli import main\n"
    code += "def none(*_, **__): raise OSError(101, 'Network is unreachable')\n"
    code += "socket.socket.connect = socket.create_connection = socket.getaddrinfo = none; main()"
    arguments = ["publish", str(releases["small"]), *ID, "--dry-run"]
    environment = (
        {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        | {"HF_HOME": str(tmp_path)}
        | offline
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "shown as for a repository that is not there yet" in done.stdout
    assert done.stdout.endswith("access: private\n") and "new       README.md" in done.stdout


def test_a_grown_release_sends_its_new_shards_alone(hub, komep, running, releases):
    komep("publish", releases["small"], *ID)
    old = {file_sha256(path) for path in releases["small"].rglob("*.parquet")}
    assert {path.rpartition("/")[2] for path in sent(hub)} == old
    hub.calls.clear()
    code, out, err = komep("publish", releases["grown"], *ID, "--dry-run")
    assert code == 0 and out.count("  renamed ") == len(old), (out, err)
    hub.calls.clear()
    code, out, err = komep("publish", releases["grown"], *ID)
    assert code == 0, err
    now = {path.rpartition("/")[2] for path in sent(hub)}
    assert len(now) == len(old) and not now & old
    assert running[1].load(REPO) == {s: local(releases["grown"], "ko", s) for s in ("train", "test")}


@pytest.fixture
def copy(releases, tmp_path) -> Path:
    return Path(shutil.copytree(releases["small"], tmp_path / "komep"))


def test_a_folder_that_is_not_whole(copy):
    assert len(read_release(copy).sums) == len([p for p in copy.rglob("*") if p.is_file()]) - 1
    (copy / "notes.txt").write_text("mine")
    [shard] = (copy / "ko").glob("train-*")
    shard.write_bytes(shard.read_bytes()[:-1] + b"!")
    (copy / "rejects.jsonl").unlink()
    with pytest.raises(KomepError) as error:
        read_release(copy)
    for part in ("notes.txt: not listed", f"ko/{shard.name}: SHA-256", "rejects.jsonl: listed in SHA256SUMS"):
        assert part in str(error.value)
    shutil.rmtree(copy)
    build([], copy)
    (copy / "komep.py").write_text("")
    write_sums(copy)
    with pytest.raises(KomepError, match=r"komep\.py: is a script"):
        read_release(copy)


def test_a_secret_inside_compressed_parquet_stops_a_publication(tmp_path):
    rows = [
        {"question": "Q?", "category": "c", "model": m, "response": f"{m} {SECRETS['Hugging Face token']}",
         "units": [{"text": "t", "verdict": v}]}
        for m, v in (("a", "true"), ("b", "false"))
    ]  # fmt: skip
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    build([tmp_path / "in.jsonl"], tmp_path / "komep")
    with pytest.raises(KomepError, match=r"parquet: holds what looks like a secret") as error:
        read_release(tmp_path / "komep")
    assert "aB3aB3" not in str(error.value) and "Hugging Face token" in str(error.value)


@pytest.mark.parametrize(
    ("tags", "log", "data_changed", "version"),
    [
        ((), "", True, "v0.1.0"),
        (("v0.1.0",), "", True, "v0.2.0"),
        (("v0.1.0",), "", False, "v0.1.1"),
        (("v0.9.0", "v0.10.3", "draft", "v1"), "", True, "v0.11.0"),
        (("v0.1.0",), "## v1.2.3 (day)\n## notes\n## v1.0.0\n", True, "v1.3.0"),
    ],
)
def test_versions(tags, log, data_changed, version):
    remote = Remote("c", tags=dict.fromkeys(tags, "x"), texts={"CHANGELOG.md": log})
    assert next_version(remote, data_changed) == version
    assert next_version(None, data_changed) == "v0.1.0"


def test_files_of_the_former_release_go_and_those_of_others_stay(releases):
    release = read_release(releases["small"])
    names = ("README.md", "old/train-0.parquet", "figures/by-hand.png", ".gitattributes", "SHA256SUMS")
    there = {name: RemoteFile(1, "0", None) for name in names}
    texts = {
        "SHA256SUMS": "0  README.md\n0  old/train-0.parquet\n0  not-there\n",
        "CHANGELOG.md": "# Mine\n\nText.\n",
    }
    plan = make_plan(release, Remote("c", files=there, texts=texts), REPO, date="2026-01-01")
    assert plan.gone == ["old/train-0.parquet"] and plan.version == "v0.1.0"
    assert {c.path: c.what for c in plan.changes}["README.md"] == "changed"
    assert plan.files["CHANGELOG.md"].startswith(b"# Mine\n\nText.\n\n## v0.1.0 (2026-01-01)")


def test_the_lines_that_load_it_name_the_repository_alone(tmp_path):
    rows = [
        {"question": 'load_dataset("x")', "category": "c", "model": m, "response": 'pairs = load_dataset("y")' + m,
         "units": [{"text": "t", "verdict": v}]}
        for m, v in (("a", "true"), ("b", "false"))
    ]  # fmt: skip
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    build([tmp_path / "in.jsonl"], tmp_path / 'my "set", 한국어')
    plan = make_plan(read_release(tmp_path / 'my "set", 한국어'), None, REPO)
    assert 'pairs = load_dataset("org/komep", split="train")  # default config\n' in plan.card
    assert 'scored = load_dataset("org/komep", "scored", split="train")  # the evidence' in plan.card
    assert plan.card.count('load_dataset("org/komep"') == 2 and 'load\\_dataset\\("x"\\)' in plan.card


@pytest.mark.slow
def test_the_script_has_the_name_that_datasets_3_looks_for():
    files = script_files("org/medical-pairs", "v1.2.3")
    assert files.keys() == {"medical-pairs.py", "README.md"}
    text = files["medical-pairs.py"].decode()
    assert text.count('\nREVISION = "v1.2.3"\n') == 1 and 'REVISION = "main"' not in text
    compile(text, "script", "exec")
