"""The files of one evaluation: `predictions.jsonl`, a line a question, and `results.json`, the scores."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evaluation.kormedmcqa.extraction import LETTERS, exact_match
from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import (
    check_file,
    check_folder,
    check_writable,
    json_with,
    lines_with,
    write_text,
)
from komep_dataset.inference.reply_log import is_log

PREDICTIONS, RESULTS = "predictions.jsonl", "results.json"
JOURNAL, RANKS = "replies", "rank-*.jsonl"  # folder of replies that are in, and the logs of our own processes
LOGS = (RANKS, "replies*.log")
MARKS = {
    PREDICTIONS: lines_with("subject", "index", "answer", "generation", "paper", "robust"),
    RESULTS: json_with("benchmark", "model", "shots", "n", "config"),
}
LETTERS_OR_NONE = ("", *"ABCDE")
UNKNOWN = "not recorded"  # a setting that the files of another evaluator do not hold


@dataclass(frozen=True, slots=True)
class Prediction:
    """A line of `predictions.jsonl`: one question, in file order."""

    subject: str
    index: int  # row in the subject's test split, from 0
    answer: str  # gold letter
    generation: str  # raw text
    paper: str  # letter by the paper's cascade, or ""
    robust: str  # letter by the robust rules, or ""
    logprobs: tuple[float, ...] | None = (
        None  # of the letters as first token, in nats; only with --scoring logits
    )
    question_sha256: str | None = None  # `Question.sha256`; None in files of former versions
    question: str | None = None  # only with --texts, as `options`
    options: tuple[str, ...] | None = None

    @property
    def raw(self) -> str:
        """The letter of a reply that is nothing else, or "": what lm-evaluation-harness read before version 3.0 of the task."""
        return next((letter for letter in LETTERS if exact_match(self.generation, letter)), "")


REQUIRED = ("subject", "index", "answer", "generation", "paper", "robust")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation as it lies on disk."""

    folder: Path
    results: dict[str, Any]
    predictions: tuple[Prediction, ...]


def check_output(folder: Path) -> Path:
    """The place of an evaluation's folder, which may be filled: it is new, empty, or an evaluation's already.

    Other files in a folder of ours stay. Raises `KomepError` for what is somebody else's, and for what is no folder.
    """
    place = check_folder(folder, _is_ours, f"{RESULTS} of an evaluation")
    check_writable(place)
    for name, mark in MARKS.items():
        check_file(place / name, *mark)
    return place


def _is_ours(folder: Path) -> bool:
    """Whether both files of an evaluation lie there, or the replies of one that has not ended, or nothing else."""
    if all((folder / name).is_file() and owned(folder / name) for name, (owned, _) in MARKS.items()):
        return True
    lock = folder / f".{RESULTS}.lock"
    others = {entry.name for entry in folder.iterdir()} - {lock.name}
    logs = [log for name in LOGS for log in (folder / JOURNAL).glob(name)]
    held = lock.is_file() and not lock.stat().st_size  # a run was killed, perhaps before its first reply
    begun = (bool(logs) or (held and (folder / JOURNAL).is_dir())) and all(map(is_log, logs))
    return not others or (begun and (held or others == {JOURNAL} or any(log.stat().st_size for log in logs)))


def write_evaluation(
    folder: Path, predictions: Sequence[Prediction], results: dict[str, Any]
) -> dict[str, Any]:
    """Write both files, then remove the logs of replies; the hash of the predictions in `config` ties the scores to them.

    Returns the results as written.
    """
    rows = ({k: v for k, v in asdict(p).items() if v is not None} for p in predictions)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    config = {**results["config"], "predictions_sha256": hashlib.sha256(lines.encode()).hexdigest()}
    results = {**results, "config": config}
    texts = {PREDICTIONS: lines, RESULTS: json.dumps(results, ensure_ascii=False, indent=2) + "\n"}
    for name, text in texts.items():
        write_text(folder / name, text, *MARKS[name])
    clear_replies(folder)
    return results


def clear_replies(output: Path) -> None:
    """Remove the logs of replies of a run whose results are written, and their folder if nothing else is in it."""
    folder = output / JOURNAL
    for file in filter(is_log, folder.glob(RANKS)):
        file.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        is_file = isinstance(error, NotADirectoryError)
        raise KomepError(
            f"{f'{path.parent}: is a file' if is_file else f'{path}: cannot be read ({error.strerror})'}; give a folder that "
            "python -m evaluation.run or lm_eval --output_path has written"
        ) from None


def _prediction(path: Path, number: int, line: bytes) -> Prediction:
    types = {name: int if name == "index" else str for name in REQUIRED}
    try:
        row = json.loads(line.decode("utf-8"))
        values = {name: row[name] for name in types}
    except (ValueError, KeyError, TypeError) as error:
        raise KomepError(f"{path}:{number}: not a prediction ({error!r})") from None
    for name, kind in types.items():
        if type(values[name]) is not kind:
            raise KomepError(f"{path}:{number}: {name} is {values[name]!r}, not of type {kind.__name__}")
    for name in ("paper", "robust"):
        if values[name] not in LETTERS_OR_NONE:
            raise KomepError(
                f"{path}:{number}: {name} is {values[name]!r}, not a letter from A to E or empty"
            )
    logprobs = row.get("logprobs")
    if logprobs is not None and not isinstance(logprobs, list):
        raise KomepError(f"{path}:{number}: logprobs is {logprobs!r}, not a list")
    known = row.get("question_sha256")
    if known is not None and not isinstance(known, str):
        raise KomepError(f"{path}:{number}: question_sha256 is {known!r}, not of type str")
    return Prediction(**values, logprobs=None if logprobs is None else tuple(logprobs), question_sha256=known)


def read_evaluation(folder: Path) -> Evaluation:
    """Read what `write_evaluation` wrote.

    Raises:
        KomepError: a file is missing or broken, or the scores are not those of the predictions.
    """
    results_path, predictions_path = folder / RESULTS, folder / PREDICTIONS
    try:
        results = json.loads(_read(results_path))
    except ValueError as error:
        raise KomepError(f"{results_path}: not JSON ({error})") from None
    types = {"benchmark": str, "model": str, "shots": int, "n": int, "config": dict}
    bad = [
        k for k, kind in types.items() if not isinstance(results, dict) or type(results.get(k)) is not kind
    ]
    if bad:
        raise KomepError(
            f"{results_path}: {', '.join(bad)} missing or of a wrong type; run the evaluation again"
        )
    content = _read(predictions_path)
    recorded = results["config"].get("predictions_sha256")
    if recorded is not None and recorded != hashlib.sha256(content).hexdigest():
        raise KomepError(
            f"{folder}: {RESULTS} and {PREDICTIONS} are of different runs; run the evaluation again"
        )
    lines = content.split(b"\n")
    predictions = tuple(
        _prediction(predictions_path, n, line) for n, line in enumerate(lines, 1) if line.strip()
    )
    if len(predictions) != results["n"]:
        raise KomepError(
            f"{folder}: {RESULTS} counts {results['n']} questions, {PREDICTIONS} {len(predictions)}"
        )
    return Evaluation(folder, results, predictions)


def read_arm(folder: Path) -> list[Evaluation]:
    """The evaluation in a folder, or those in its sub-folders: one model's seeds, in order of their names.

    Raises `KomepError` where there is neither, or where a file is broken.
    """
    runs = [] if (folder / RESULTS).exists() else sorted(path.parent for path in folder.glob(f"*/{RESULTS}"))
    return [read_evaluation(run) for run in runs or [folder]]
