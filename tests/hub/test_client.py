"""What the Hub may refuse, half-way too: one line each, and nothing half-done is visible.

The stand-in proves the client's flow, not that the Hub itself accepts the content.
"""

import pytest

from tests.hub.publications import ID, REPO, count, sent, writes


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
    repo.settings["private"] = True
    meanwhile = {"README.md": b"# Theirs\n\nnew line\n"}
    hub.before_commit = lambda h: repo.commit(meanwhile, title="theirs") if len(repo.log) == 1 else None
    code, out, err = komep("publish", releases["small"], *ID)
    assert code == 1 and "somebody has changed the repository meanwhile; run the command again" in err
    assert repo.files() == meanwhile and repo.tags == set()
    code, out, err = komep("publish", releases["small"], *ID)
    assert code == 0 and "was not made by komep; its text stands below ours" in out, err
    assert repo.files()["README.md"].decode().rstrip().endswith("# Theirs\n\nnew line")


@pytest.mark.slow
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
