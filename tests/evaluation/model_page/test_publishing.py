"""Publishing: the Hub's two formats, merging that loses nothing, and the whole flow over HTTP against a stand-in.

The stand-in proves the client's flow, not that the Hub accepts the content.
"""

import copy
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from huggingface_hub import parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results

from evaluation.harness.output import Prediction, write_evaluation
from evaluation.model_page.publishing import (
    check_eval_results,
    eval_result_entries,
    merge,
    merged_entries,
    model_index,
    publish,
    refusal,
)
from komep_dataset.errors import KomepError
from tests.evaluation.model_page.results import (
    CARD,
    FILE,
    PROTOCOL,
    REPO,
    index_of,
    merged,
    results_of,
    scores,
)
from tests.hub_server import Hub, client_environment, serve

ROOT = Path(__file__).resolve().parents[3]


def eval_results_yaml(results: dict) -> str:
    """The text of `.eval_results/kormedmcqa.yaml` with nothing but these results."""
    return yaml.safe_dump(eval_result_entries(results), sort_keys=False, allow_unicode=True, width=1000)


def test_model_index_is_what_huggingface_hub_reads():
    results = results_of()
    name, entries = model_index_to_eval_results(model_index(results)["model-index"])
    assert name == "results/model" and len(entries) == 5 * 4
    first = entries[0]
    assert (first.task_type, first.dataset_type) == ("multiple-choice", "sean0042/KorMedMCQA")
    assert first.dataset_split == "test" and first.dataset_config is None
    assert first.metric_value == round(results["accuracy"], 6)
    assert first.metric_args == {"n": 3009, "interval_95": [round(x, 6) for x in results["interval"]]}
    assert first.dataset_args == {
        "num_few_shot": 5,
        "prompt": "direct",
        "scoring": "generate",
        "chat_template": False,
        "max_new_tokens": 1024,
        "protocol": PROTOCOL,
        "evaluator": "komep",
    }
    assert [e.metric_value for e in entries[:4]] == [
        round(results[k], 6) for k in ("accuracy", "accuracy_robust", "parse_rate", "parse_rate_robust")
    ]
    assert [e.dataset_config for e in entries[4::4]] == ["doctor", "nurse", "pharm", "dentist"]


def test_eval_results_are_what_huggingface_hub_reads():
    entries = yaml.safe_load(eval_results_yaml(results_of()))
    check_eval_results(entries)
    parsed = parse_eval_result_entries(entries)
    assert [e.task_id for e in parsed] == ["kormedmcqa", "doctor", "nurse", "pharm", "dentist"]
    assert {e.dataset_id for e in parsed} == {"sean0042/KorMedMCQA"}
    assert parsed[0].value == round(results_of()["accuracy"], 6)
    for part in (
        "komep, 5-shot, direct, generate",
        "3009 questions",
        "95% interval 0.38",
        "robust reading 0.4001",
        PROTOCOL,
    ):
        assert part in parsed[0].notes


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("text", "not a list"),
        ([{"value": 1}], "lacks 'id'"),
        ([{"dataset": {"id": "a/b"}, "value": 1}], "lacks 'task_id'"),
        ([{"dataset": {"id": "a/b", "task_id": "t"}}], "lacks 'value'"),
        ([{"dataset": {"id": "b", "task_id": "t"}, "value": 1}], "ORG/NAME"),
        ([{"dataset": {"id": "a/b", "task_id": "t"}, "value": float("nan")}], "finite"),
        ([{"dataset": {"id": "a/b", "task_id": "t"}, "value": True}], "finite"),
        ([{"dataset": {"id": "a/b", "task_id": "t"}, "value": 1, "source": {"name": "x"}}], "source_url"),
    ],
)
def test_bad_entries_are_refused(entry, message):
    with pytest.raises(ValueError, match=message):
        check_eval_results(entry)


def test_samples_and_parts_are_no_results():
    assert refusal(results_of()) is None
    assert "is a sample" in refusal(results_of(benchmark="kormedmcqa-sample"))
    part = results_of()
    part["subjects"]["nurse"]["n"] = 10
    assert "878 test questions for nurse, these results have 10" in refusal(part)
    del part["subjects"]["nurse"]
    assert "these results have 0" in refusal(part)
    with pytest.raises(KomepError, match="results on other are not published"):
        refusal(results_of(benchmark="other"))
    with pytest.raises(KomepError, match="lack interval"):
        publish({k: v for k, v in results_of().items() if k != "interval"}, REPO)


def test_a_second_publication_replaces_the_first_and_nothing_else():
    once = merged(CARD, results_of(0.4))
    assert merged(once, results_of(0.4)) == once
    twice = merged(once, results_of(0.5))
    values = [
        r["metrics"][0]["value"]
        for r in yaml.safe_load(twice.split("\n---\n")[0])["model-index"][0]["results"]
    ]
    assert (
        len(values) == 1 + 5 and values[0] == "20.0 ± 1.2" and values[1] == round(int(3009 * 0.5) / 3009, 6)
    )
    other = merged(twice, results_of(0.3, shots=0))  # other settings stand beside
    assert len(yaml.safe_load(other.split("\n---\n")[0])["model-index"][0]["results"]) == 1 + 5 + 5
    assert merged(other, results_of(0.5)) == other


def test_entries_of_others_stay():
    theirs = {
        "dataset": {"id": "sean0042/KorMedMCQA", "task_id": "doctor"},
        "value": 0.9,
        "notes": "by hand",
        "new": 1,
    }
    other = {"dataset": {"id": "cais/hle", "task_id": "hle"}, "value": 20}
    once = merged_entries([theirs, other], results_of(0.4))
    assert once[:2] == [theirs, other] and once[2:] == eval_result_entries(results_of(0.4))
    twice = merged_entries([*once, theirs], results_of(0.5))
    assert twice == [theirs, other, *eval_result_entries(results_of(0.5)), theirs]
    assert len(merged_entries(twice, results_of(0.3, chat_template=True))) == len(twice) + 5
    there = {"README.md": CARD, FILE: "a: 1"}
    with pytest.raises(KomepError, match=r"kormedmcqa.yaml is not as the Hub's schema"):
        merge(there, results_of(), REPO)


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
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    assert not re.search(r"hf_\w+", done.stdout + done.stderr)  # no token, whatever happens
    return done.returncode, done.stdout, done.stderr


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


def test_publish_as_a_pull_request_with_a_token_of_its_own_variable(hub, tmp_path, folders):
    repo = hub.create(REPO)  # neither card nor results
    arguments = ("--create-pr", "--token-env", "MY_TOKEN")
    code, _, err = client(hub, tmp_path, folders["m"], *arguments, token=None)
    assert code == 1 and "MY_TOKEN holds no token" in err and hub.calls == []
    code, out, err = client(hub, tmp_path, folders["m"], *arguments, token=None, MY_TOKEN="hf_write")
    assert code == 0 and f"{hub.address}/{REPO}/discussions/1" in out, err
    assert repo.files() == {} and set(repo.files("refs/pr/1")) == {"README.md", FILE}


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
