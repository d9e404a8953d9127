"""The evaluation runner against lm-evaluation-harness: same model, same questions, same letters, how many times as fast.

    python -m benchmarks.evaluation_speed --model models/smollm2-135m --questions 60
    python -m benchmarks.evaluation_speed --model models/smollm2-135m --questions 60 --chat-template

    python -m benchmarks.evaluation_speed --model models/smollm2-135m --dtype float32 --questions 100 \
        --data ../shared/data/kormedmcqa --subject nurse         # real questions, of files as they are

    python -m benchmarks.random_model --shape llama-8b --output models/random-llama-8b    # with a GPU
    python -m benchmarks.evaluation_speed --model models/random-llama-8b --questions 435 --batch-size 128 \
        --harness-batch-size 16 --harness-batch-size 64 --harness-batch-size 128

The questions are those of the sample in the shape of KorMedMCQA, again from the first where more are asked for, as one
subject under one set of five worked examples: the longer a subject, the less its shared examples weigh. With --data they
are the first ones of SUBJECT/test.csv there, and each side reads the files by itself, the harness with `datasets`. Each side
runs in a process of its own, one after the other, as a user would start it; loading is not counted. Of several batch
sizes of the harness the fastest is its time. Prints one line of JSON; `ratio_cpu` compares CPU seconds, which other work
on the machine disturbs less.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from evaluation.backends.local.generation import Generator
from evaluation.backends.local.loading import load_generator
from evaluation.backends.transformers import TransformersBackend
from evaluation.benchmarks import kormedmcqa, kormedmcqa_sample
from evaluation.harness.options import Options
from evaluation.harness.processes import Processes
from evaluation.harness.prompts import subject_prompts
from evaluation.harness.questions import Question, Subject
from evaluation.kormedmcqa.extraction import extract_paper

STYLE = kormedmcqa.BENCHMARK.styles["direct"]


def one_subject(questions: int, shots: int = 5) -> Subject:
    """The sample's questions as one subject, with so many worked examples of its first one."""
    subjects = kormedmcqa_sample.BENCHMARK.load(None, None)
    tests = [question for subject in subjects for question in subject.test]
    return Subject("doctor", subjects[0].fewshot[:shots], tuple(islice(cycle(tests), questions)))


def real_subject(data: Path, name: str, questions: int, shots: int = 5) -> Subject:
    """The first questions of a subject in a folder SUBJECT/{test,fewshot}.csv, as `evaluation.run` reads them."""
    (subject,) = (one for one in kormedmcqa.BENCHMARK.load(data, None) if one.name == name)
    return replace(subject, fewshot=subject.fewshot[:shots], test=subject.test[:questions])


def as_row(question: Question) -> dict:
    """A question in KorMedMCQA's columns."""
    options = dict(zip("ABCDE", question.options, strict=True))
    return {"question": question.question, **options, "answer": "ABCDE".index(question.answer) + 1}


def ours(generator: Generator, subject: Subject, folder: Path, limit: int, batch: int, chat: bool):
    """(replies, (seconds, CPU seconds), tokens of all prompts)."""
    options = Options(
        model="model", benchmark="kormedmcqa", output=folder / "out", max_new_tokens=limit, batch_size=batch,
        chat_template=chat,
    )  # fmt: skip
    backend = TransformersBackend(options, STYLE, Processes(), generator)
    started, cpu = time.perf_counter(), time.process_time()
    prompts = subject_prompts(STYLE, subject, backend.encode, len(subject.fewshot), None)
    (answers,), _ = backend.answer([prompts], "ours")
    spent = time.perf_counter() - started, time.process_time() - cpu
    return [answer.text for answer in answers], spent, sum(len(p.token_ids) for p in prompts)


def harness_task(subject: Subject, folder: Path, limit: int, data: Path | None = None):
    """The harness's own task file over the same questions: written for it, or the files of a subject as they are."""
    import lm_eval.tasks.kormedmcqa.utils as shipped
    from lm_eval.tasks import TaskManager

    splits = {"fewshot": subject.fewshot, "test": subject.test}
    if data is None:
        files = {split: str(folder / f"{split}.jsonl") for split in splits}
        for split, questions in splits.items():
            text = "".join(json.dumps(as_row(q), ensure_ascii=False) + "\n" for q in questions)
            Path(files[split]).write_text(text, encoding="utf-8")
    else:
        files = {split: str(data / subject.name / f"{split}.csv") for split in splits}
    how = {"keep_default_na": False} if data else {}  # else pandas takes an option `NA` for an empty cell
    template = Path(shipped.__file__).parent / "_template_yaml"
    arguments = json.dumps({"data_files": files, "cache_dir": str(folder / "cache"), **how})
    (folder / "here.yaml").write_text(
        f"include: {template}\ntask: here\ndataset_path: {'csv' if data else 'json'}\nnum_fewshot: {len(subject.fewshot)}\ndataset_kwargs: {arguments}\n",
        encoding="utf-8",
    )
    task = TaskManager(include_path=str(folder), include_defaults=False).load("here")["tasks"]["here"]
    task.config.generation_kwargs["max_gen_toks"] = limit
    return task


def load_harness(model: str, dtype: str):
    """(model, tokenizer) as the harness gets them, warm."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    placed = {"device_map": {"": device}} if device == "cuda" else {}
    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, dtype), **placed).eval()
    loaded.generate(torch.ones((2, 64), dtype=torch.long, device=loaded.device), max_new_tokens=2)
    return loaded, AutoTokenizer.from_pretrained(model)


def harness_pass(
    loaded,
    tokenizer,
    subject: Subject,
    folder: Path,
    limit: int,
    batch: int,
    chat: bool,
    data: Path | None = None,
):
    """(replies, letters, (seconds, CPU seconds)) of the harness at one batch size."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM

    task = harness_task(subject, folder, limit, data)
    peer = HFLM(pretrained=loaded, tokenizer=tokenizer, batch_size=batch)
    started, cpu = time.perf_counter(), time.process_time()
    result = lm_eval.evaluate(
        lm=peer, task_dict={"here": task}, log_samples=True, bootstrap_iters=0, apply_chat_template=chat,
        limit=len(subject.test),
    )  # fmt: skip
    spent = time.perf_counter() - started, time.process_time() - cpu
    samples = sorted(result["samples"]["here"], key=lambda sample: sample["doc_id"])
    return (
        [sample["resps"][0][0] for sample in samples],
        [sample["filtered_resps"][0] for sample in samples],
        spent,
    )


def harness(
    model: str,
    dtype: str,
    subject: Subject,
    folder: Path,
    limit: int,
    batches: list[int],
    chat: bool,
    data: Path | None,
):
    """What `harness_pass` gives for each batch size; for a process of its own, which has no setting of ours."""
    loaded, tokenizer = load_harness(model, dtype)
    return {
        batch: harness_pass(loaded, tokenizer, subject, folder, limit, batch, chat, data) for batch in batches
    }


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def main(
    model: Annotated[str, typer.Option(help="Folder of a model.")],
    questions: Annotated[int, typer.Option(help="Questions; the sample has 60.")] = 40,
    chat_template: Annotated[bool, typer.Option("--chat-template")] = False,
    batch_size: Annotated[int, typer.Option(help="Questions whose replies are written together, ours.")] = 32,
    harness_batch_size: Annotated[
        list[int] | None,
        typer.Option(help="The same for the harness; may be given several times. [default: 1]"),
    ] = None,
    shots: Annotated[int, typer.Option(help="Worked examples; the harness's own default is 0.")] = 5,
    max_new_tokens: Annotated[int, typer.Option()] = 32,
    dtype: Annotated[str, typer.Option()] = "auto",
    data: Annotated[
        Path | None, typer.Option(help="Folder with SUBJECT/{test,fewshot}.csv. [default: the sample]")
    ] = None,
    subject_name: Annotated[str, typer.Option("--subject", help="Which subject of --data.")] = "doctor",
) -> None:
    """Compare letters and times."""
    generator = load_generator(model, dtype)
    subject = real_subject(data, subject_name, questions, shots) if data else one_subject(questions, shots)
    generator.generate([[1] * 64] * 2, (), 2, 2)  # warm
    name = str(generator.model.dtype).removeprefix("torch.")
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        mine, my_time, tokens = ours(generator, subject, folder, max_new_tokens, batch_size, chat_template)
        device = generator.device.type
        del generator
        torch.cuda.empty_cache()
        batches = harness_batch_size or [1]
        peers = alone(harness, model, name, subject, folder, max_new_tokens, batches, chat_template, data)
    best = min(peers, key=lambda batch: peers[batch][2][0])
    theirs, read, their_time = peers[best]
    letters = [(extract_paper(a), b) for a, b in zip(mine, read, strict=True)]
    print(
        json.dumps(
            {
                "model": Path(model).name,
                "subject": subject.name if data else "sample",
                "chat_template": chat_template,
                "max_new_tokens": max_new_tokens,
                "dtype": name,
                "device": torch.cuda.get_device_name() if device == "cuda" else device,
                "threads": torch.get_num_threads(),
                "shots": len(subject.fewshot),
                "questions": len(mine),
                "prompt_tokens": tokens // len(mine),
                "letters_equal": sum(a == b for a, b in letters),
                "letters_read": sum(a != "" for a, _ in letters),
                "replies_equal": sum(a == b for a, b in zip(mine, theirs, strict=True)),
                "seconds_ours": round(my_time[0], 1),
                "seconds_harness": round(their_time[0], 1),
                "seconds_harness_by_batch": {
                    batch: round(spent[0], 1) for batch, (_, _, spent) in peers.items()
                },
                "ratio": round(their_time[0] / my_time[0], 2),
                "ratio_cpu": round(their_time[1] / my_time[1], 2),
            }
        )
    )


if __name__ == "__main__":
    typer.run(main)
