"""`python -m evaluation.publish` against a stand-in of the Hub: what it pushes, and what it refuses."""

import copy
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.harness.output import Prediction, write_evaluation
from tests.evaluation.model_page.results import (
    CARD,
    FILE,
    PROTOCOL,
    REPO,
    eval_results_yaml,
    index_of,
    merged,
    results_of,
    scores,
)
from tests.hub_server import Hub, client_environment, serve

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Evaluations on disk: whole ones of two models, a sample, a part."""
    part = copy.deepcopy(results_of())
    part["subjects"] = {"doctor": scores(435, 100)}
    runs = {
        "m": results_of(),
        "better": results_of(0.5),
        "sample": results_of(benchmark="kormedmcqa-sample"),
        "part": part,
    }
    paths = {}
    for name, results in runs.items():
        paths[name] = tmp_path_factory.mktemp("runs") / name
        paths[name].mkdir()
        predictions = [Prediction("doctor", i, "A", "A", "A", "A") for i in range(results["n"])]
        write_evaluation(paths[name], predictions, results)
    return paths


@pytest.fixture()
def hub():
    with serve() as running:
        yield running


def client(hub: Hub | str, home: Path, folder: Path, *arguments: str, token: str | None = "hf_write", **more):
    """(exit code, stdout, stderr) of the command in a process that knows the stand-in alone."""
    env = {
        k: v for k, v in os.environ.items() if not k.startswith("HF_") and not k.startswith("TRANSFORMERS_")
    }
    env |= client_environment(hub if isinstance(hub, str) else hub.address, home, token) | more
    command = [sys.executable, "-m", "evaluation.publish", str(folder), "--repo-id", REPO, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    assert not re.search(r"hf_\w+", done.stdout + done.stderr)  # no token, whatever happens
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_publish_pushes_both_files_in_one_commit_and_only_once(hub, tmp_path, folders):
    repo = hub.create(REPO, {"README.md": CARD.encode(), "model.safetensors": b"weights"})
    code, out, err = client(hub, tmp_path, folders["m"], "--dry-run")
    assert code == 0 and f"would push {FILE}" in out and len(repo.log) == 1, err
    code, out, err = client(hub, tmp_path, folders["m"])
    assert code == 0 and f"pushed README.md, {FILE}: {hub.address}/{REPO}/commit/" in out, err
    assert [sorted(said["paths"]) for said in repo.log[1:]] == [[FILE, "README.md"]]
    assert "5 shots" in repo.log[1]["title"] and PROTOCOL in repo.log[1]["text"]
    files = repo.files()
    assert (
        files["README.md"].decode() == merged(CARD, results_of()) and files["model.safetensors"] == b"weights"
    )
    assert files[FILE].decode() == eval_results_yaml(results_of())
    code, out, _ = client(hub, tmp_path, folders["m"])
    assert code == 0 and "says all of this already" in out and len(repo.log) == 2
    assert client(hub, tmp_path, folders["better"])[0] == 0
    assert len(repo.log) == 3 and len(index_of(repo.files()["README.md"].decode())[0]["results"]) == 1 + 5
    assert repo.files()[FILE].decode() == eval_results_yaml(results_of(0.5))


@pytest.mark.slow
def test_publish_as_a_pull_request_with_a_token_of_its_own_variable(hub, tmp_path, folders):
    repo = hub.create(REPO)  # neither card nor results
    arguments = ("--create-pr", "--token-env", "MY_TOKEN")
    code, _, err = client(hub, tmp_path, folders["m"], *arguments, token=None)
    assert code == 1 and "MY_TOKEN holds no token" in err and hub.calls == []
    code, out, err = client(hub, tmp_path, folders["m"], *arguments, token=None, MY_TOKEN="hf_write")
    assert code == 0 and f"{hub.address}/{REPO}/discussions/1" in out, err
    assert repo.files() == {} and set(repo.files("refs/pr/1")) == {"README.md", FILE}


@pytest.mark.slow
def test_samples_and_parts_are_shown_and_not_pushed(hub, tmp_path, folders):
    repo = hub.create(REPO)
    for name, reason in (("sample", "is a sample"), ("part", "a part of a benchmark")):
        code, _, err = client(hub, tmp_path, folders[name])
        assert code == 1 and reason in err and err.count("\n") == 1
        code, out, _ = client(hub, tmp_path, folders[name], "--dry-run")
        assert code == 0 and reason in out and "would push README.md" in out
    assert len(repo.log) == 1


@pytest.mark.slow
def test_every_refusal_is_one_line(hub, tmp_path, folders):
    def refused(message: str, *arguments: str, code: int = 1, at: Hub | str = hub, **more):
        found, out, err = client(at, tmp_path, folders["m"], *arguments, **more)
        assert found == code and message in err and err.count("\n") == 1 and out == "", (found, out, err)

    refused("no such model on the Hub")
    repo = hub.create(REPO, {"README.md": CARD.encode()})
    refused("the Hub refuses the token (401)", token="hf_wrong")
    refused("the Hub refuses the token (401)", token=None)
    for status, message in (
        (403, "refuses the token (403)"),
        (412, "changed the repository meanwhile"),
        (503, "try again later"),
    ):
        hub.faults = {("POST", "/commit/"): status}
        refused(message)
    hub.faults = {}
    refused("the Hub cannot be reached", at="http://127.0.0.1:9")
    refused("HF_HUB_OFFLINE is set", HF_HUB_OFFLINE="1")
    assert len(repo.log) == 1
    code, out, _ = client("http://127.0.0.1:9", tmp_path, folders["m"], "--dry-run")
    assert code == 0 and "cannot be reached" in out and "would push README.md" in out


def test_a_commit_in_between_is_not_overwritten(hub, tmp_path, folders):
    repo = hub.create(REPO, {"README.md": CARD.encode()})
    hub.before_commit = lambda _: repo.commit({"README.md": b"theirs"}, title="theirs")
    code, _, err = client(hub, tmp_path, folders["m"])
    assert code == 1 and "changed the repository meanwhile" in err
    assert repo.files() == {"README.md": b"theirs"}
