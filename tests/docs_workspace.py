"""A folder in which the names that the docs use exist, and the programs that their commands name, which begin warm.

It holds what a clone holds, and what a reader would have brought or made: answers, questions, releases, results, a model, a
`pipeline.yaml` whose endpoints are a server on this machine. All texts are the sample's or written for this project.
"""

import csv
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import polars as pl
import yaml

import komep_dataset as komep
from evaluation.harness.output import write_evaluation
from komep_dataset.samples import SAMPLE_INPUT
from komep_dataset.translation.checks.registry import all_checks
from tests import warm
from tests.docs_pages import ROOT
from tests.evaluation.statistics.made import evaluation
from tests.loopback import answer
from tests.real_data import DATA

MADE = {".git", "komep", "results", "report.html"}  # in a clone, by commands
NEVER = ("make", "pip", "pip3", "sbatch", "uv")  # what would change this machine
OF_TORCH = "*recipes/[dos]*.py* | *recipes/lengths.py* | *evaluation.run* | *benchmarks.losses* | *benchmarks.architectures* | *benchmarks.random_model*"
KOREAN = "열이 나면 물을 자주 마시고 쉬어야 한다."


def reply(body: dict) -> str:
    """What the server says: as in tests/loopback.py, Korean for whoever wants a translation, a letter as the model M."""
    return {"translator": KOREAN, "M": "A", "screener": "None"}.get(body["model"]) or answer(body)


def clone(folder: Path, without: set[str] = MADE) -> Path:
    """What a clone holds, as links."""
    folder.mkdir()
    for one in ROOT.iterdir():
        if one.name not in without:
            (folder / one.name).symlink_to(one)
    (folder / "docs").unlink()
    shutil.copytree(
        ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("images", "log.md")
    )  # some write there
    return folder


def environment(folder: Path) -> dict[str, str]:
    """In which `komep`, `python` and `accelerate` are warm, and the cache of `datasets` is a new one.

    Programs with torch keep the cache of the session: what reads where it is was loaded before they begin.
    """
    programs = folder.parent / "programs"
    programs.mkdir(exist_ok=True)
    light = f"exec '{warm.python('project')}'"
    with_torch = f"exec env HF_HOME={shlex.quote(os.environ['HF_HOME'])} '{warm.python()}'"
    for name, script in (
        ("komep", f'{light} -m komep_dataset.cli "$@"'),
        ("python", f'case "$*" in {OF_TORCH}) {with_torch} "$@";; *) {light} "$@";; esac'),
        ("accelerate", f'{with_torch} -m accelerate.commands.accelerate_cli "$@"'),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        (programs / name).chmod(0o755)
    for name in NEVER:
        (programs / name).write_text(
            f"#!/bin/sh\necho 'no test of the docs may start {name}' >&2; exit 1\n", "utf-8"
        )
        (programs / name).chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    own = {"HF_HOME": str(folder.parent / "hf"), "PATH": path, "PYTHONPATH": str(ROOT)}
    return os.environ | own | {"KOMEP_REAL_DATA": str(DATA), "PYTHON_EXEC": warm.python()}


def run(text: str, folder: Path, own: dict[str, str], python: bool = False) -> subprocess.CompletedProcess:
    """A command, a few of them, or a snippet of Python, in a folder."""
    program = ["bash", "-euo", "pipefail", "-c", text]
    if python:
        (folder.parent / "snippet.py").write_text(f"import sys; sys.path[0] = ''\n{text}", "utf-8")
        program = [warm.python("project"), str(folder.parent / "snippet.py")]
    return subprocess.run(program, cwd=folder, env=own, capture_output=True, text=True)


def pipeline(url: str) -> dict:
    """Two responders, of which one is in training, and whoever else takes part."""
    place = {"endpoint": url, "concurrency": 4}
    return {
        "questions": {"input": "questions.csv"},
        "responders": [place | {"name": name, "model": name} for name in ("gpt-4o", "a")]
        + [place | {"name": "own-1", "model": "own-1", "round": 1}],
        "splitter": place | {"model": "splitter"},
        "checker": place | {"model": "checker"},
        # It says one sentence of Korean, whatever it is asked to translate.
        "translator": place | {"model": "translator", "checks": {one.name: "off" for one in all_checks()}},
        "screener": place | {"model": "screener"},
        "selection": {"decontaminate": {"kormedmcqa": "komep_dataset/samples/kormedmcqa"}},
    }


def fill(folder: Path, url: str, model: Path) -> None:
    """What a reader would have brought or made, beside what a clone holds."""
    rows = [json.loads(line) for line in SAMPLE_INPUT.read_text("utf-8").splitlines()]
    questions = list({row["question"]: row for row in rows}.values())
    some = {row["question"] for row in questions[:24]}
    scored = [row for row in rows if row["question"] in some]
    mine = [row | {"model": "own-1"} for row in scored[::10]]
    (folder / "scored.jsonl").write_text("".join(json.dumps(row) + "\n" for row in scored), "utf-8")
    (folder / "new.jsonl").write_text(
        "".join(json.dumps(row | {"model": "new"}) + "\n" for row in scored[::12]), "utf-8"
    )
    pl.DataFrame([*scored, *mine], infer_schema_length=None).write_parquet(folder / "scored.parquet")
    komep.build(None, folder / "komep")
    komep.build(scored, folder / "OLD")
    for name in ("NEW", "RELEASE"):
        (folder / name).symlink_to("komep")
    with (folder / "questions.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("question", "category"), *((q["question"], q["category"]) for q in questions[:6])]
        )
    statements = [unit | {"category": q["category"]} for q in questions[:6] for unit in q["units"]]
    with (folder / "mine.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [
                ("text", "label", "language", "category"),
                *((s["text"], s["verdict"], "en", s["category"]) for s in statements),
            ]
        )
    claims = [{"claim": s["text"], "label": s["verdict"] == "true"} for s in statements]
    (folder / "factbench.jsonl").write_text("".join(json.dumps(row) + "\n" for row in claims), "utf-8")
    pairs = [
        {"prompt": q["question"], "chosen": q["response"], "rejected": q["response"][::-1]}
        for q in questions
        if q["response"]
    ]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in pairs), "utf-8")
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(pipeline(url), allow_unicode=True), "utf-8")
    (folder / "M").symlink_to(model)
    for name, letters in (("BASE", "ABCDAB"), ("TUNED", "AACDAA")):
        made = evaluation(list(letters), ["doctor"] * 6, name)
        write_evaluation(folder / "results" / name, made.predictions, made.results)


def copied(template: Path, folder: Path) -> Path:
    """The folder for another page."""
    return Path(shutil.copytree(template, folder, symlinks=True))
