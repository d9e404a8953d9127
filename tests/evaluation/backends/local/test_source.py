"""Where weights come from: commits of the Hub, files of folders, the base beneath an adapter."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.backends.local.source import Source, find_source
from komep_dataset.errors import KomepError
from tests.hub_server import client_environment, serve

ROOT = Path(__file__).resolve().parents[4]


def adapter(folder: Path, **config) -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def test_a_folder_is_known_by_its_files(tiny_model, tmp_path):
    source = find_source(str(tiny_model))
    assert source.facts() == {"commit": None} and source.base is None
    over = find_source(str(adapter(tmp_path / "over", base_model_name_or_path=str(tiny_model))))
    assert over.facts() == {"commit": None, "base": str(tiny_model), "base_commit": None}
    before = over.fingerprint
    assert before.endswith(f" over {source.fingerprint}")
    (tmp_path / "over" / "adapter_model.safetensors").write_bytes(b"other weights")
    assert find_source(str(tmp_path / "over")).fingerprint != before
    assert Source("org/name", "a1").fingerprint != Source("org/name", "b2").fingerprint


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "adapter_config.json names no base"),
        ({"base_model_name_or_path": None}, "adapter_config.json names no base"),
        ({"base_model_name_or_path": "/nowhere/x"}, "its base /nowhere/x: neither a model folder"),
        ({"base_model_name_or_path": "BENEATH"}, "its base .* is an adapter too; merge"),
    ],
)
def test_an_adapter_without_a_whole_base_is_told(config, said, tiny_model, tmp_path):
    beneath = adapter(tmp_path / "beneath", base_model_name_or_path=str(tiny_model))
    config = json.loads(json.dumps(config).replace("BENEATH", str(beneath)))
    folder = adapter(tmp_path / "adapter", **config)
    with pytest.raises(KomepError, match=f"--model {folder}: {said}"):
        find_source(str(folder))


RUNS = """
import sys
from evaluation.run import main
asked, revisions = sys.argv[2:], sys.argv[1].split(",")
for number, revision in enumerate(revisions):
    try:
        main([*asked, "--output", f"{sys.argv[-1]}/{number}", *(["--revision", revision] if revision else [])])
    except SystemExit as done:
        print("ended with", done.code)
"""


@pytest.mark.slow
def test_a_revision_of_the_hub_is_what_is_evaluated_and_recorded(tiny_model, question_folder, tmp_path):
    """Two commits of one model: a tag and a hash give the first, the branch the second."""
    files = {file.name: file.read_bytes() for file in tiny_model.iterdir()}
    with serve() as hub:
        repo = hub.create("org/tiny", {})
        first = repo.commit(files | {"README.md": b"first"})
        repo.refs["v1"] = first
        second = repo.commit(files)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_"))}
        environment |= client_environment(hub.address, tmp_path / "home", None)
        asked = [
            "--model",
            "org/tiny",
            "--benchmark",
            "kormedmcqa",
            "--data",
            str(question_folder),
            "--limit",
            "1",
        ]
        asked += ["--max-new-tokens", "2", "--shots", "0", "--output", str(tmp_path)]
        done = subprocess.run(
            [sys.executable, "-c", RUNS, f"v1,,{first},none", *asked],
            cwd=ROOT, env=environment, capture_output=True, text=True,
        )  # fmt: skip
    assert [line[-1] for line in done.stdout.splitlines() if line.startswith("ended")] == list("0001")
    assert "org/tiny: neither" in done.stderr and "no config.json at revision none" in done.stderr
    configs = [json.loads((tmp_path / str(n) / "results.json").read_text())["config"] for n in range(3)]
    assert [config["revision"] for config in configs] == ["v1", None, first]
    assert [config["commit"] for config in configs] == [first, second, first]
