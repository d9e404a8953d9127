"""`komep publish`: what is planned, what is refused, and the whole flow against a stand-in of the Hub.

The stand-in proves the client's flow, not that the Hub itself accepts the content.
"""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from komep_dataset.errors import KomepError
from komep_dataset.gates.personal_data import SECRET_KINDS
from komep_dataset.hub import changelog
from komep_dataset.hub.card_merge import merge_card, sections
from komep_dataset.hub.client import Remote, RemoteFile
from komep_dataset.hub.leaks import find_leaks, patterns
from komep_dataset.hub.publish import make_plan, next_version, read_release, script_files
from komep_dataset.release.build import build, sample_input
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import read_rows
from komep_dataset.release.sums import file_sha256, write_sums
from komep_dataset.schema import CONFIGS
from tests.clients import Client, rows_hash
from tests.hub_server import client_environment, serve

REPO = "org/komep"
ID = ("--repo-id", REPO)


@pytest.fixture(scope="module")
def releases(tmp_path_factory) -> dict[str, Path]:
    """Releases of the sample: `small` from half of its lines, `whole` from all, `grown` from `small` and the rest."""
    folder = tmp_path_factory.mktemp("releases")
    lines = sample_input().read_text("utf-8").splitlines(keepends=True)
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


# The whole flow


def test_publish_load_grow_and_load_again(hub, komep, running, releases):
    load = running[1].load
    code, out, err = komep("publish", releases["small"], *ID, "--dry-run", token=None)
    assert (code, writes(hub), hub.repos) == (0, [], {}), err
    assert (
        f"would publish v0.1.0 of org/komep: {count(releases['small'])} files" in out
        and "new       README.md" in out
    )

    code, out, err = komep("publish", releases["small"], *ID, "--private", "--gated", "manual")
    assert code == 0 and 'load_dataset("org/komep", revision="v0.1.0")' in out, err
    repo = hub.repos["dataset", REPO]
    assert repo.settings == {"private": True, "gated": "manual"}
    order = [p.rsplit("/org/komep", 1)[-1] for _, p in writes(hub) if not p.startswith("/lfs/")]
    assert order.index("/settings") < order.index("/commit/main")  # never public, not for a moment
    assert len(sent(hub)) == 6 and [c["ref"] for c in repo.log] == ["main", "main", "script"]
    assert repo.tags == {"v0.1.0"} and repo.refs["v0.1.0"] == repo.refs["main"]
    assert set(repo.files("script")) == {".gitattributes", "README.md", "komep.py"}
    assert not [path for path in repo.files() if path.endswith(".py")]
    check_sums(repo.files())

    assert komep("publish", releases["small"], *ID)[1] == "org/komep has this release already, as v0.1.0\n"
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

    assert komep("publish", releases["whole"], *ID)[1].endswith("has this release already, as v0.2.0\n")
    assert writes(hub) == []
    assert komep("publish", releases["small"], *ID, "--tag", "v0.1.0")[1].endswith("already, as v0.1.0\n")
    assert writes(hub) == [] and b'REVISION = "v0.2.0"' in repo.files("script")["komep.py"]
    code, _, err = komep("publish", releases["whole"], *ID, "--tag", "v0.1.0")
    assert code == 1 and "v0.1.0 exists with another content" in err and writes(hub) == []
    code, _, err = komep("publish", releases["small"], *ID, "--tag", "v0.1.5")
    assert code == 2 and "the newest version is v0.2.0" in err and writes(hub) == []


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


@pytest.mark.slow
def test_a_server_that_dies_half_way(hub, komep, releases):
    def fails(message: str) -> None:
        code, out, err = komep("publish", releases["small"], *ID)
        assert (code, out, err.count("\n")) == (1, "", 1) and message in err, err

    def refuse_one(method: str, path: str, status: int) -> None:
        hub.faults = {(method, path): status}

    [shard] = (releases["small"] / "en").glob("train-*")
    digest = next(
        line.split("  ")[0]
        for line in (releases["small"] / "SHA256SUMS").read_text().splitlines()
        if line.endswith(f"en/{shard.name}")
    )
    refuse_one("PUT", f"/lfs/{digest}", 403)  # storage refuses one file
    fails("may not write here (403)")
    repo = hub.repos["dataset", REPO]
    there = len(hub.blobs)
    assert set(repo.files()) == {".gitattributes"} and repo.tags == set() and there < 6
    refuse_one("POST", "/commit/", 0)  # the server dies when all is sent but the commit
    fails("the Hub cannot be reached")
    assert len(sent(hub)) == 6 - there and set(repo.files()) == {".gitattributes"}
    for status, message in ((429, "run the command again later"), (500, "cannot answer now (status 500)")):
        refuse_one("POST", "/commit/", status)
        fails(message)
    refuse_one("POST", "/tag/", 500)  # the commit is made, its name is not
    fails("cannot answer now (status 500)")
    assert sent(hub) == [] and len(repo.files()) == count(releases["small"]) + 1 and repo.tags == set()
    hub.faults = {}
    code, out, err = komep("publish", releases["small"], *ID)
    assert code == 0 and "published v0.1.0: 0 files" in out, err
    assert [p.split("/")[4] for _, p in writes(hub)][:2] == ["komep", "komep"] and sent(hub) == []
    assert repo.tags == {"v0.1.0"} and [c["ref"] for c in repo.log].count("main") == 2
    assert "komep.py" in repo.files("script")


@pytest.mark.slow
def test_somebody_else_pushes_meanwhile(hub, komep, releases):
    repo = hub.create(REPO, {"README.md": b"# Theirs\n"}, "dataset")
    meanwhile = {"README.md": b"# Theirs\n\nnew line\n"}
    hub.before_commit = lambda h: repo.commit(meanwhile, title="theirs") if len(repo.log) == 1 else None
    code, out, err = komep("publish", releases["small"], *ID)
    assert code == 1 and "somebody has changed the repository meanwhile; run the command again" in err
    assert repo.files() == meanwhile and repo.tags == set()
    code, out, err = komep("publish", releases["small"], *ID)
    assert code == 0 and "was not made by komep; its text stands below ours" in out, err
    assert repo.files()["README.md"].decode().rstrip().endswith("# Theirs\n\nnew line")


def test_refusals_are_one_line_and_write_nothing(hub, komep, releases, tmp_path):
    def refused(message: str, *more, folder=releases["small"], repo=REPO, code: int = 1, **environment):
        found, out, err = komep("publish", folder, "--repo-id", repo, *more, **environment)
        assert (found, out, err.count("\n")) == (code, "", 1) and message in err, err
        assert [w for w in writes(hub) if w[1] != "/api/repos/create"] == [] and hub.repos == {}

    refused("no token for the Hub: set HF_TOKEN", token=None)
    refused("refuses the token (401)", token="hf_wrong")
    refused("may not write here (403); it needs write access to 'elsewhere'", repo="elsewhere/komep")
    for name in ("komep", "a/b/c", "org/bad name", "org/..", ""):
        refused("is no id of a dataset", repo=name, code=2)
    refused("give a version as v1.2.3", "--tag", "1.2.3", code=2)
    refused("--gated maybe: give one of auto, manual", "--gated", "maybe", code=2)
    refused("no such folder", folder=tmp_path / "none")
    refused("not a KoMeP release", folder=tmp_path)
    hub.faults = {("POST", "/validate-yaml"): 503}
    refused("cannot answer now (status 503)")


# What may not be published


@pytest.fixture
def copy(releases, tmp_path) -> Path:
    return Path(shutil.copytree(releases["small"], tmp_path / "komep"))


def test_a_folder_that_is_not_whole(copy):
    assert len(read_release(copy).names) == len([p for p in copy.rglob("*") if p.is_file()]) - 1
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


SECRETS = {  # put together here, so that no scanner takes this file for a leak
    "Hugging Face token": "hf_" + "aB3" * 12,
    "OpenAI-style key": "sk-" + "proj-Ab1" * 5,
    "AWS access key": "AKIA" + "ABCDEFGH12345678",
    "GitHub token": "ghp_" + "a1B2" * 9,
    "Google API key": "AIza" + "Ab_-1" * 7,
    "Slack token": "xoxb-" + "1234567890-abc",
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
}


def test_secrets_are_found_and_never_shown(tmp_path):
    assert SECRETS.keys() == SECRET_KINDS.keys()
    given = dict(zip(("a.txt", "b.json"), ("KOMEP_TEST_TOKEN", "OTHER"), strict=True))
    environment = {name: f"value-of-{name}-1234" for name in given.values()} | {"SHORT_TOKEN": "1"}
    for name, variable in given.items():
        (tmp_path / name).write_text(f"x {environment[variable]} 1")
    (tmp_path / "empty").write_text("")
    (tmp_path / "words").write_text(
        "risk-adjusted-mortality-after-surgery task-force hf_hub desk-" + "a" * 30
    )
    names = sorted(path.name for path in tmp_path.iterdir())
    found = list(find_leaks(tmp_path, names, patterns(environment)))
    assert found == [("a.txt", "value of $KOMEP_TEST_TOKEN")]
    for kind, secret in SECRETS.items():
        (tmp_path / "b.json").write_text(f'{{"key": "{secret}"}}')
        assert list(find_leaks(tmp_path, ["b.json"], patterns({}))) == [("b.json", kind)]


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


# The plan


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


def test_the_script_has_the_name_that_datasets_3_looks_for():
    files = script_files("org/medical-pairs", "v1.2.3")
    assert files.keys() == {"medical-pairs.py", "README.md"}
    text = files["medical-pairs.py"].decode()
    assert text.count('\nREVISION = "v1.2.3"\n') == 1 and 'REVISION = "main"' not in text
    compile(text, "script", "exec")


# The card

OURS = (
    "---\nlicense: other\ntags: [a]\n---\n\n# KoMeP\n\n## One\n\n```\n## no heading\n```\n\n## Two\n\ntext\n"
)
prose = st.text(st.sampled_from("ab #-\n`한"), max_size=40).filter(lambda t: "---" not in t)


@settings(max_examples=60, deadline=None)
@given(above=prose, below=prose)
def test_what_people_wrote_around_the_generated_part_stays(above, below):
    once = merge_card(None, OURS, REPO).text
    front, body = once.split("---\n\n", 1)
    edited = f"{front}---\n\n{above}\n\n{body}\n\n{below}\n"
    merged = merge_card(edited, OURS.replace("text", "new text"), REPO)
    assert above.strip("\n") in merged.text and below.strip("\n") in merged.text
    assert "new text" in merged.text and merged.text.count("## Two") == 1 and merged.notes == ()
    again = merge_card(merged.text, OURS.replace("text", "new text"), REPO)
    assert again.text == merged.text


def test_a_card_that_cannot_be_merged_is_left_alone():
    for card, reason in (("---\na: [\n---\n", "no YAML"), ("---\n- a\n---\n", "no mapping")):
        with pytest.raises(KomepError, match=reason):
            merge_card(card, OURS, REPO)


def test_cards_of_other_shapes():
    assert sections(OURS.split("---\n")[2]).keys() == {"", "One", "Two"}
    for card in (
        "",
        "# Only text\n",
        "\ufeff---\r\nlicense: mit\r\nmine: 1\r\n---\r\nText\r\n",
        "---\n---\nText\n",
    ):
        merged = merge_card(card, OURS, REPO)
        assert yaml.safe_load(merged.text.split("---\n")[1])["license"] == "other"
        assert ("mine: 1" in merged.text) == ("mine" in card) and ("Text" in merged.text) == ("Text" in card)
        assert merge_card(merged.text, OURS, REPO).text == merged.text
