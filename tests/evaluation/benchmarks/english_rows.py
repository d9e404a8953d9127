"""Rows of the English benchmarks in the columns that they have on the Hub; nonsense, made here."""

from importlib import import_module
from pathlib import Path

from evaluation.harness.benchmark import Benchmark
from evaluation.harness.registry import BENCHMARKS

WORDS = ("heparin", "insulin", "warfarin", "aspirin", "digoxin", "morphine", "naloxone")


def declared(name: str) -> Benchmark:
    return import_module(BENCHMARKS[name]).BENCHMARK


def options(n: int, count: int = 4) -> list[str]:
    return [f"{WORDS[(n + k) % len(WORDS)]} {n}" for k in range(count)]


def medqa(n: int) -> dict:
    endings = {f"ending{k}": text for k, text in enumerate(options(n))}
    return {"id": n, "sent1": f"Stand-in {n}: which drug?", "sent2": "", **endings, "label": n % 4}


def medmcqa(n: int) -> dict:
    named = dict(zip(("opa", "opb", "opc", "opd"), options(n), strict=True))
    return {
        "id": str(n),
        "question": f"Stand-in {n}?",
        **named,
        "cop": n % 4,
        "exp": f"Because {n}.",
        "subject_name": "x",
    }


def pubmedqa(n: int) -> dict:
    return {
        "pubid": n,
        "question": f"Does stand-in {n} help?",
        "context": {"contexts": [f"First {n}.", f"Second {n}."], "labels": ["A", "B"], "meshes": []},
        "long_answer": f"Long {n}.",
        "final_decision": ("yes", "no", "maybe")[n % 3],
    }


ROWS = {"medqa": medqa, "medmcqa": medmcqa, "pubmedqa": pubmedqa}
SPLITS = {"medqa": ("train", "test"), "medmcqa": ("train", "validation"), "pubmedqa": ("train", "train")}


def write(folder: Path, name: str, jsonl) -> Path:
    """A folder with the splits that the set has on the Hub: 8 rows to learn from, 6 to answer."""
    learn, test = SPLITS[name]
    if learn == test:
        jsonl(folder / f"{test}.jsonl", [ROWS[name](n) for n in range(14)])
    else:
        jsonl(folder / f"{learn}.jsonl", [ROWS[name](n) for n in range(8)])
        jsonl(folder / f"{test}.jsonl", [ROWS[name](n) for n in range(20, 26)])
    return folder
