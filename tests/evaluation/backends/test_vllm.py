"""vLLM itself, on whatever it finds, a CPU too: its letters against those of transformers, and a server of our own.

`make test-vllm` runs this in an environment of its own, since vLLM wants other versions than the rest. Half a minute to
two minutes pass before vLLM answers.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("vllm", reason="vLLM lives in an environment of its own: make test-vllm")

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.slow


def run(*words: object) -> subprocess.CompletedProcess:
    """A command in a process of its own, as a user starts it."""
    environment = {"VLLM_CPU_KVCACHE_SPACE": "2", **os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done


def replies(output: Path) -> list[tuple[str, str, str]]:
    """(reply, letter by the paper's cascade, letter by ours) of each question."""
    lines = (output / "predictions.jsonl").read_text("utf-8").splitlines()
    return [(row["generation"], row["paper"], row["robust"]) for row in map(json.loads, lines)]


@pytest.mark.parametrize("template", [(), ("--chat-template",)], ids=["plain", "chat"])
def test_letters_are_those_of_transformers(smollm2, tmp_path, template):
    asked = ["-m", "evaluation.run", "--benchmark", "kormedmcqa-sample", "--limit", 3, "--max-new-tokens", 24]
    asked += ["--model", smollm2, "--dtype", "float32", *template]
    run(*asked, "--output", tmp_path / "transformers")
    run(*asked, "--output", tmp_path / "vllm", "--backend", "vllm")
    assert replies(tmp_path / "vllm") == replies(tmp_path / "transformers")
    results = json.loads((tmp_path / "vllm" / "results.json").read_text("utf-8"))
    assert results["n"] == 12 and results["versions"]["vllm"] and results["config"]["dtype"] == "float32"


PIPELINE = """
work: {work}
responders:
  - name: smol
    server: vllm
    model: {model}
    protocol: chat
    temperature: 0
    max_new_tokens: 8
    concurrency: 4
"""


def test_a_stage_starts_a_vllm_server_and_ends_it(smollm2, tmp_path):
    import polars as pl

    (tmp_path / "pipeline.yaml").write_text(PIPELINE.format(work=tmp_path / "work", model=smollm2), "utf-8")
    rows = [{"question": f"What is {n} and {n}?", "category": "sums"} for n in range(1, 6)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    komep = ("-m", "komep_dataset.cli")
    run(*komep, "questions", tmp_path / "q.jsonl", "--output", tmp_path / "q.parquet")
    given = ("--config", tmp_path / "pipeline.yaml", "--model", "smol", "--output", tmp_path / "r.parquet")
    run(*komep, "respond", tmp_path / "q.parquet", *given)
    answers = pl.read_parquet(tmp_path / "r.parquet")
    assert answers.height == 5 and set(answers["finish_reason"]) <= {"stop", "length"}
    assert answers["response"].str.len_chars().min() > 0 and answers["completion_tokens"].max() <= 8
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "vllm.entrypoints" not in listed
