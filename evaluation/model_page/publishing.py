"""An evaluation as the Hub wants it: the model card's `model-index` and `.eval_results/kormedmcqa.yaml`.

Both formats are the Hub's: `model-index` (github.com/huggingface/hub-docs, modelcard.md) is shown on the model's page;
files under `.eval_results/` (hub-docs, docs/hub/eval-results.md) also feed a benchmark's leaderboard, where its
dataset has one. Shares stay from 0 to 1. The task ids are ours: the dataset names none.

What others wrote is kept: the card's other metadata and text stay as they are, byte by byte where its YAML allows,
and of former results only those are replaced that this project published under the same settings.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from huggingface_hub import (
    EvalResult,
    EvalResultEntry,
    eval_result_entries_to_yaml,
    parse_eval_result_entries,
)
from huggingface_hub.errors import HFValidationError
from huggingface_hub.repocard_data import eval_results_to_model_index
from huggingface_hub.utils import validate_repo_id

from evaluation.harness.prompts import lost_shots
from evaluation.model_page.card import merge_card
from komep_dataset.errors import KomepError
from komep_dataset.hub.client import HubUnreachable, Repository

CARD = "README.md"
EVALUATOR = "komep"  # marks what this project published
TASK = {"task_type": "multiple-choice", "task_name": "Multiple-choice question answering"}
METRICS = (  # key in results.json, the Hub's metric type, its name
    ("accuracy", "accuracy", "Accuracy (letters read by the paper's cascade)"),
    ("accuracy_robust", "accuracy", "Accuracy (letters read by robust rules)"),
    ("parse_rate", "parse_rate", "Share of replies that gave a letter (paper's cascade)"),
    ("parse_rate_robust", "parse_rate", "Share of replies that gave a letter (robust rules)"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a benchmark's results belong; `sizes` are its published test questions, a subject each."""

    dataset_id: str
    name: str
    sizes: dict[str, int] | None
    split: str = "test"

    @property
    def task_id(self) -> str:
        return self.dataset_id.rpartition("/")[2].lower()

    @property
    def file(self) -> str:
        return f".eval_results/{self.task_id}.yaml"


SAMPLE = "kormedmcqa-sample"
TARGETS = {
    "kormedmcqa": Target(
        "sean0042/KorMedMCQA", "KorMedMCQA", {"doctor": 435, "nurse": 878, "pharm": 885, "dentist": 811}
    ),
    SAMPLE: Target(f"komep/{SAMPLE}", "sample in the shape of KorMedMCQA, no benchmark", None),
}


@dataclass(frozen=True, slots=True)
class Publication:
    """What a publication changes: the files in full, and where they went (None: nowhere)."""

    files: dict[str, str]
    url: str | None = None
    note: str = ""  # what a reader of a dry run must know


def target_of(results: dict[str, Any]) -> Target:
    """Where results belong; `KomepError` for a benchmark without a place on the Hub."""
    target = TARGETS.get(results["benchmark"])
    if target is None:
        places = ", ".join(name for name in TARGETS if name != SAMPLE)
        raise KomepError(f"results on {results['benchmark']} are not published; those on {places} are")
    return target


def refusal(results: dict[str, Any]) -> str | None:
    """All that keeps results from a model's page, or None: a sample or a part is no benchmark result."""
    sizes = target_of(results).sizes
    found = {name: subject["n"] for name, subject in results["subjects"].items()}
    lacking = [(name, size) for name, size in (sizes or {}).items() if found.get(name) != size]
    reasons = [
        f"{results['benchmark']} has {size} test questions for {name}, these results have "
        f"{found.get(name, 0)}: a part of a benchmark is not published"
        for name, size in lacking[:1]
    ]
    if sizes is None:
        reasons.append(
            f"{results['benchmark']} is a sample: its score is no benchmark result and is not published"
        )
    if fewer := results.get("config", {}).get("prompts_with_fewer_shots"):
        reasons.append(lost_shots(fewer, results["n"], results["shots"]))
    return "; ".join(reasons) or None


def check_before(benchmark: str, sizes: dict[str, int], repo_id: str) -> None:
    """Raise `KomepError` where results on so many questions of each subject could not be published under this id."""
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise KomepError(f"--publish {repo_id}: {' '.join(str(error).split())}", exit_code=2) from None
    reason = refusal({"benchmark": benchmark, "subjects": {name: {"n": n} for name, n in sizes.items()}})
    if reason:
        raise KomepError(f"--publish {repo_id}: {reason}", exit_code=2)


def check_results(results: dict[str, Any]) -> None:
    """Raise `KomepError` unless results have every score that is published, all together and for each subject."""
    for subject, scores in [(None, results), *results.get("subjects", {None: {}}).items()]:
        missing = [key for key in ("n", "interval", *(m[0] for m in METRICS)) if key not in scores]
        if missing:
            of = f" of {subject}" if subject else ""
            raise KomepError(f"the results{of} lack {', '.join(missing)}; run the evaluation again")


def settings(results: dict[str, Any]) -> dict[str, Any]:
    """What makes results comparable; with them a former publication is recognised as the same one."""
    config = results["config"]
    return {
        "num_few_shot": results["shots"],
        "prompt": config.get("prompt") or "direct",
        "scoring": config.get("scoring") or "generate",
        "chat_template": bool(config.get("chat_template")),
        "max_new_tokens": config.get("max_new_tokens") or "not recorded",
        "protocol": config.get("protocol") or "not recorded",
        "evaluator": EVALUATOR,
    }


def _scores(results: dict[str, Any]) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """(None, scores of all questions), then (subject, its scores)."""
    yield None, results
    yield from results["subjects"].items()


def _interval(scores: dict[str, Any], key: str) -> dict[str, list[float]]:
    """The 95% interval that goes with a score, where the results have one."""
    name = {"accuracy": "interval", "accuracy_robust": "interval_robust"}.get(key)
    return {"interval_95": [round(end, 6) for end in scores[name]]} if name in scores else {}


def model_index(results: dict[str, Any], name: str | None = None) -> dict[str, Any]:
    """Results as card metadata, `{"model-index": [...]}`: one entry in total and one a subject.

    Args:
        results: the content of `results.json`.
        name: the model's name; by default as in the results.
    """
    target = target_of(results)
    entries = []
    for subject, scores in _scores(results):
        for key, kind, title in METRICS:
            entry = EvalResult(
                **TASK,
                dataset_type=target.dataset_id,
                dataset_name=f"{target.name} ({subject})" if subject else target.name,
                dataset_config=subject,
                dataset_split=target.split,
                dataset_args=settings(results),
                metric_type=kind,
                metric_name=title,
                metric_value=round(scores[key], 6),
                metric_args={"n": scores["n"], **_interval(scores, key)},
            )
            entries.append(entry)
    return {"model-index": eval_results_to_model_index(name or results["model"], entries)}


def _mark(results: dict[str, Any]) -> str:
    """How the notes of our entries begin; the same for the same settings."""
    s = settings(results)
    template = "chat template" if s["chat_template"] else "no chat template"
    return (
        f"{EVALUATOR}, {s['num_few_shot']}-shot, {s['prompt']}, {s['scoring']}, {template}, "
        f"max_new_tokens {s['max_new_tokens']}, {s['protocol']}; "
    )


def eval_result_entries(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Results as entries of `.eval_results/*.yaml`: accuracy by the paper's cascade, in total and by subject."""
    target = target_of(results)
    entries = []
    for subject, s in _scores(results):
        low, high = s["interval"]
        notes = (
            f"{_mark(results)}share of {s['n']} questions, 95% interval {low:.4f} to {high:.4f}; robust reading "
            f"{s['accuracy_robust']:.4f}; replies read {s['parse_rate']:.4f}, robustly {s['parse_rate_robust']:.4f}"
        )
        task = subject or target.task_id
        entries.append(EvalResultEntry(target.dataset_id, task, round(s["accuracy"], 6), notes=notes))
    return eval_result_entries_to_yaml(entries)


def _dump(content: Any) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)


def check_eval_results(entries: Any) -> None:
    """Raise `ValueError` unless entries are as the schema of `.eval_results/*.yaml` has them."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("not a list of entries")
    try:
        parsed = parse_eval_result_entries(entries)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"an entry lacks {error}") from None
    for entry in parsed:
        if not isinstance(entry.dataset_id, str) or entry.dataset_id.count("/") != 1:
            raise ValueError(f"dataset id {entry.dataset_id!r} is not of the form ORG/NAME")
        if not isinstance(entry.task_id, str) or not entry.task_id:
            raise ValueError(f"task_id {entry.task_id!r} is no name")
        if type(entry.value) not in (int, float) or not math.isfinite(entry.value):
            raise ValueError(f"value {entry.value!r} is no finite number")


def _replaced(former: list[Any], ours: list[Any], is_ours) -> list[Any]:
    """`former` with our entries in place of those that are ours, at the first one's place or at the end."""
    places = [i for i, entry in enumerate(former) if is_ours(entry)]
    kept = [entry for i, entry in enumerate(former) if i not in places]
    at = places[0] if places else len(kept)
    return [*kept[:at], *ours, *kept[at:]]


def merged_index(former: list[Any] | None, results: dict[str, Any], name: str) -> list[Any]:
    """A card's model-index with these results in it; a name and results that others gave stay."""
    [own] = model_index(results, name)["model-index"]
    if not former:
        return [own]
    target, mark = target_of(results), settings(results)

    def is_ours(entry: dict[str, Any]) -> bool:
        dataset = entry["dataset"]
        return dataset.get("type") == target.dataset_id and dataset.get("args") == mark

    # Another element of the list may hold what an earlier publication wrote: the first element with ours takes it.
    holds = [i for i, model in enumerate(former) if any(map(is_ours, model["results"]))] or [0]
    return [
        {**model, "results": _replaced(model["results"], own["results"], is_ours)} if i == holds[0] else model
        for i, model in enumerate(former)
    ]


def merged_entries(former: list[Any] | None, results: dict[str, Any]) -> list[Any]:
    """The entries of an eval-results file with these results in it; entries of others stay."""
    target, mark = target_of(results), _mark(results)

    def is_ours(entry: dict[str, Any]) -> bool:
        return entry["dataset"]["id"] == target.dataset_id and str(entry.get("notes", "")).startswith(mark)

    return _replaced(former or [], eval_result_entries(results), is_ours)


def merge(files: dict[str, str | None], results: dict[str, Any], repo_id: str) -> dict[str, str]:
    """The files that change, path -> new text; empty where the repository says all of this already.

    Args:
        files: the card and the file of results as they are on the Hub; None where there is none.
        results: the content of `results.json`.
        repo_id: names the files in messages.

    Raises `KomepError` where a file on the Hub is not as its schema wants, for merging could lose content.
    """
    target = target_of(results)
    card, file = files[CARD], files[target.file]
    merged = {
        CARD: merge_card(
            card, lambda index: merged_index(index, results, repo_id.rpartition("/")[2]), repo_id
        ),
        target.file: _merge_entries(file, results, f"{repo_id}: {target.file}"),
    }
    return {path: text for path, text in merged.items() if text != files[path]}


def _merge_entries(text: str | None, results: dict[str, Any], where: str) -> str:
    try:
        former = yaml.safe_load(text) if text else None
        check_eval_results(former or [])
        entries = merged_entries(former, results)
        check_eval_results(entries)
    except (yaml.YAMLError, ValueError) as error:
        raise KomepError(
            f"{where} is not as the Hub's schema has it ({' '.join(str(error).split())})"
        ) from None
    return text if text and entries == former else _dump(entries)


def publish(
    results: dict[str, Any],
    repo_id: str,
    *,
    token_env: str | None = None,
    create_pr: bool = False,
    dry_run: bool = False,
) -> Publication:
    """Write results into a model's repository: both files in one commit, none where nothing changes.

    Args:
        results: the content of `results.json`.
        repo_id: ORG/MODEL on the Hub.
        token_env: environment variable with the token; by default what huggingface_hub finds (HF_TOKEN, login).
        create_pr: open a pull request instead of committing to the main branch.
        dry_run: read and merge, push nothing; shows samples and parts too.

    Raises:
        KomepError: not a result to publish, a token or repository that the Hub refuses, no network, or a card
            that is not as its schema wants.
    """
    check_results(results)
    reason = refusal(results)
    if reason and not dry_run:
        raise KomepError(f"{reason} (evaluation.publish --dry-run shows what it would look like)")
    notes = [reason] if reason else []
    repository = Repository(repo_id, "model", _token_from(token_env))
    paths = (CARD, target_of(results).file)
    try:
        commit, there = repository.read_texts(paths)
    except HubUnreachable as error:
        if not dry_run:
            raise
        notes.append(f"{error}: shown as for a repository without these files")
        commit, there = "", dict.fromkeys(paths)
    files = merge(there, results, repo_id)
    if dry_run or not files:
        return Publication(files, note="; ".join(notes))
    title = f"Add results on {target_of(results).name}, {results['shots']} shots"
    text = f"Accuracy {results['accuracy']:.4f} of {results['n']} questions. {settings(results)['protocol']}."
    contents = {path: content.encode() for path, content in files.items()}
    done = repository.commit(contents, parent=commit, title=title, text=text, create_pr=create_pr)
    return Publication(files, (done.pr_url if create_pr else None) or done.commit_url)


def _token_from(variable: str | None) -> str | None:
    """The token in an environment variable; None without a name: the one that huggingface_hub finds.

    Raises `KomepError` where the variable is not set; its content is never shown.
    """
    if variable is None:
        return None
    token = os.environ.get(variable, "").strip()
    if not token:
        raise KomepError(f"the environment variable {variable} holds no token for the Hub")
    return token
