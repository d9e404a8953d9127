"""What lm-evaluation-harness wrote with `--output_path DIR --log_samples`, as evaluations of ours, for comparisons.

Letters for `paper` are the harness's own, `robust` is read here. Of the settings that its files do not hold the values
are `UNKNOWN`; worked examples are known where no chat template stands around the prompt.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.benchmarks.kormedmcqa import BENCHMARK
from evaluation.harness.options import APART, DIRECT, GENERATE, HARNESS
from evaluation.harness.output import LETTERS_OR_NONE, RESULTS, UNKNOWN, Evaluation, Prediction, read_arm
from evaluation.harness.prompts import prompt_text, text_sha256
from evaluation.harness.questions import Question, as_questions
from evaluation.kormedmcqa import scoring
from komep_dataset.errors import KomepError
from komep_dataset.replies.thoughts import answer_of, opened_in_prompt
from komep_dataset.tables.formats import json_lines
from komep_dataset.tables.rows import parse_object

BENCHMARK_NAME, TASK = "kormedmcqa", re.compile(r"kormedmcqa_(\w+)")
FILTER = "extract_answer"  # of the task since its version 3.0
STYLE = BENCHMARK.styles[DIRECT]


def results_files(folder: Path) -> list[Path]:
    """The files of results in a folder, oldest first: their names end in the time of their run, as those of its samples.

    They are called `results` unless `--output_path` named a file.
    """
    if not folder.is_dir():
        return []
    sampled = {_time(path) for path in folder.glob("samples_*.jsonl")} - {""}
    files = [path for path in folder.glob("*.json") if _time(path)]
    return sorted((p for p in files if p.name.startswith("results_") or _time(p) in sampled), key=_time)


def _time(path: Path) -> str:
    found = re.search(r"_\d{4}-\d\d-\d\dT[\d.-]+$", path.stem)
    return found[0] if found else ""


def runs_of(folder: Path) -> list[Path]:
    """The folders of the harness behind a path: itself, that of its only model, or those of several seeds; else none.

    Raises `KomepError` for a folder of several models.
    """
    if not folder.is_dir():
        return []
    if results_files(folder):
        return [folder]
    below = sorted(path for path in folder.iterdir() if path.is_dir())
    models = [path for path in below if results_files(path)]
    if len(models) > 1:
        raise KomepError(
            f"{folder}: results of lm-evaluation-harness for several models; give one of {', '.join(p.name for p in models)}"
        )
    return models or [run for path in below for run in runs_of(path)]


def read_side(folder: Path) -> list[Evaluation]:
    """The evaluations of one model in a folder, ours and the harness's: one, or those of several seeds."""
    runs = [] if (folder / RESULTS).exists() else runs_of(folder)
    ours = read_arm(folder) if not runs or any(folder.glob(f"*/{RESULTS}")) else []
    return [*ours, *map(read_lm_eval, runs)]


def read_lm_eval(folder: Path) -> Evaluation:
    """The newest run in a folder of the harness.

    Raises `KomepError` where its files are broken, hold no samples or no task of KorMedMCQA, asked otherwise than by the
    task's own prompt, or gave another number of worked examples to each subject.
    """
    *older, path = results_files(folder)
    if older:
        print(f"note: {folder}: {len(older) + 1} runs; the newest is read, {path.name}", file=sys.stderr)
    found = parse_object(path.read_bytes())
    if not isinstance(found, dict) or not all(
        isinstance(found.get(k), dict) for k in ("configs", "n-shot", "versions")
    ):
        raise KomepError(f"{path}: no results of lm-evaluation-harness")
    tasks = {task: match[1] for task in found["configs"] if (match := TASK.fullmatch(task))}
    if not tasks:
        raise KomepError(
            f"{path}: no task of KorMedMCQA (found: {', '.join(found['configs'])}); those of other benchmarks are not "
            "compared here"
        )
    settings = [_settings(path, found, task) for task in tasks]
    for name in settings[0]:
        if any(one[name] != settings[0][name] for one in settings):
            raise KomepError(f"{path}: its tasks were asked in different ways ({name})")
    files = {task: folder / f"samples_{task}{_time(path)}.jsonl" for task in tasks}
    samples = {tasks[task]: _samples(file, settings[0]["shots"]) for task, file in files.items()}
    predictions = [one for name, rows in samples.items() for one in _predictions(name, rows)]
    thinks = any(answer_of(p.generation).thoughts or answer_of(p.generation).unfinished for p in predictions)
    shots = settings[0].pop("shots")
    config = {
        **settings[0],
        "prompt": DIRECT,
        "scoring": GENERATE,
        "thoughts": HARNESS if thinks else APART,  # without thoughts both are one
        "fewshot_prompt_sha256": {name: _examples(name, rows, settings[0]) for name, rows in samples.items()},
    }
    return Evaluation(
        folder,
        {
            "benchmark": BENCHMARK_NAME,
            "model": str(found.get("model_name") or folder.name),
            "shots": shots,
            "n": len(predictions),
            "config": config,
        },
        tuple(predictions),
    )


def _settings(path: Path, found: Mapping[str, Any], task: str) -> dict[str, Any]:
    """How a task was asked, by the names of our `config`, and `shots`."""
    shots, asked = found["n-shot"].get(task), found["configs"][task].get("generation_kwargs")
    if type(shots) is not int or not isinstance(asked, dict):
        raise KomepError(f"{path}: {task} does not say how it was asked")
    chat: bool | str = bool(found.get("chat_template"))
    if chat and shots and found.get("fewshot_as_multiturn"):
        chat = "each worked example as a turn (--fewshot_as_multiturn)"
    if found.get("system_instruction"):
        chat = f"{chat}, behind a system message"
    model = found.get("config") or {}
    return {
        "shots": shots,
        "protocol": f"lm-evaluation-harness kormedmcqa {found['versions'].get(task)}",
        "chat_template": chat,
        "stops": asked.get("until"),
        "max_new_tokens": asked.get("max_gen_toks"),
        "dtype": str(model.get("model_dtype")).removeprefix("torch."),
        "backend": f"lm-evaluation-harness {model.get('model')}",
        "bos": UNKNOWN,
        "prompts_with_fewer_shots": UNKNOWN,
        "generation": {k: asked[k] for k in ("do_sample", "temperature") if asked.get(k)} or UNKNOWN,
    }


class _Sample:
    """A line of samples: a question, what was asked, what came, and the letter that the harness read."""

    def __init__(self, place: str, row: Mapping[str, Any]):
        try:
            self.index, self.target = row["doc_id"], row["target"]
            self.prompt = row["arguments"]["gen_args_0"]["arg_0"]
            (self.generation,), (self.letter,) = row["resps"][0], row["filtered_resps"]
            (self.question,) = as_questions([(place, row["doc"])])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise KomepError(f"{place}: not a sample of lm-evaluation-harness ({error!r})") from None
        texts = (self.target, self.prompt, self.generation, self.letter)
        if type(self.index) is not int or not all(isinstance(text, str) for text in texts):
            raise KomepError(f"{place}: not a sample of lm-evaluation-harness (a value of a wrong type)")
        if self.letter not in LETTERS_OR_NONE:
            raise KomepError(f"{place}: its letter is {self.letter!r}, not one from A to E or empty")
        if self.target != self.question.answer:
            raise KomepError(
                f"{place}: target {self.target!r} is not the answer of its question, {self.question.answer}"
            )
        self.asked = prompt_text(STYLE, (), self.question)
        if self.asked not in self.prompt:
            raise KomepError(
                f"{place}: asked otherwise than by the task's own prompt, so it does not compare"
            )


def _samples(path: Path, shots: int) -> list[_Sample]:
    if not path.is_file():
        raise KomepError(f"{path}: not there; run lm_eval with --log_samples")
    rows: list[_Sample] = []
    filters = set()
    for number, line in json_lines(path):
        row = parse_object(line)
        if not isinstance(row, dict):
            raise KomepError(f"{path}:{number}: {row}")
        filters.add(str(row.get("filter")))
        if row.get("filter") == FILTER:
            rows.append(_Sample(f"{path}:{number}", row))
    if not rows:
        raise KomepError(
            f"{path}: no letters were read out of its replies (filters: {', '.join(sorted(filters)) or 'none'}); the task "
            "does that since its version 3.0"
        )
    return sorted(rows, key=lambda sample: sample.index)


def _predictions(subject: str, rows: Sequence[_Sample]) -> list[Prediction]:
    opened = any(opened_in_prompt(row.generation) for row in rows)

    def robust(row: _Sample) -> str:
        q: Question = row.question
        return scoring.read_reply(scoring.read, row.generation, q.answer, q.options, opened=opened).robust

    return [
        Prediction(
            *(subject, row.index, row.question.answer, row.generation, row.letter, robust(row)),
            question_sha256=row.question.sha256,
        )
        for row in rows
    ]


def _examples(subject: str, rows: Sequence[_Sample], settings: Mapping[str, Any]) -> str | None:
    """SHA-256 of what stands before the questions of a subject; None where a chat template stands around it."""
    if settings["chat_template"] is not False:
        return None
    heads = {row.prompt[: row.prompt.rindex(row.asked)] for row in rows}
    return text_sha256(heads.pop()) if len(heads) == 1 else "another one for each question"
