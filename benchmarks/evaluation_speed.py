"""The evaluation runner against lm-evaluation-harness: same model, same questions, same letters, how many times as fast.

    python -m benchmarks.evaluation_speed --model models/smollm2-135m --questions 40
    python -m benchmarks.evaluation_speed --model models/smollm2-135m --questions 40 --chat-template

The questions are those of the sample in the shape of KorMedMCQA, as one subject under one set of five worked
examples: the longer a subject, the less its shared examples weigh. Both sides run in this process, one after the
other, on the same loaded weights; loading is not counted. Prints one line of JSON; `ratio_cpu` compares CPU seconds,
which other work on the machine disturbs less.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Annotated

import torch
import typer

from evaluation.backends import Job
from evaluation.backends.transformers_backend import TransformersBackend
from evaluation.benchmarks import BENCHMARKS
from evaluation.generation import Generator, load_generator
from evaluation.kormedmcqa.extraction import extract_paper
from evaluation.processes import Processes
from evaluation.prompts import subject_prompts
from evaluation.questions import Question, Subject

SHOTS = 5
STYLE = BENCHMARKS["kormedmcqa"].styles["direct"]


def one_subject(questions: int) -> Subject:
    """The sample's questions as one subject, with the worked examples of its first one."""
    subjects = BENCHMARKS["kormedmcqa-sample"].load(None, None)
    tests = tuple(question for subject in subjects for question in subject.test)[:questions]
    return Subject("doctor", subjects[0].fewshot, tests)


def as_row(question: Question) -> dict:
    """A question in KorMedMCQA's columns."""
    options = dict(zip("ABCDE", question.options, strict=True))
    return {"question": question.question, **options, "answer": "ABCDE".index(question.answer) + 1}


def ours(generator: Generator, subject: Subject, folder: Path, limit: int, batch: int, chat: bool):
    """(replies, (seconds, CPU seconds), tokens of all prompts)."""
    job = Job("transformers", "model", folder / "out", STYLE.stops, limit, batch, "auto", chat, True, False)
    backend = TransformersBackend(job, Processes(), generator)
    started, cpu = time.perf_counter(), time.process_time()
    prompts = subject_prompts(STYLE, subject, backend.encode, SHOTS, None)
    (answers,) = backend.answer([prompts], "ours")
    spent = time.perf_counter() - started, time.process_time() - cpu
    return [answer.text for answer in answers], spent, sum(len(p.token_ids) for p in prompts)


def harness(generator: Generator, subject: Subject, folder: Path, limit: int, batch: int, chat: bool):
    """(replies, (seconds, CPU seconds)) of the harness's own task file over the same questions."""
    import lm_eval
    import lm_eval.tasks.kormedmcqa.utils as shipped
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    files = {}
    for split, questions in (("fewshot", subject.fewshot), ("test", subject.test)):
        files[split] = str(folder / f"{split}.jsonl")
        text = "".join(json.dumps(as_row(q), ensure_ascii=False) + "\n" for q in questions)
        Path(files[split]).write_text(text, encoding="utf-8")
    template = Path(shipped.__file__).parent / "_template_yaml"
    arguments = json.dumps({"data_files": files, "cache_dir": str(folder / "cache")})
    (folder / "here.yaml").write_text(
        f"include: {template}\ntask: here\ndataset_path: json\nnum_fewshot: {SHOTS}\ndataset_kwargs: {arguments}\n",
        encoding="utf-8",
    )
    task = TaskManager(include_path=str(folder), include_defaults=False).load("here")["tasks"]["here"]
    task.config.generation_kwargs["max_gen_toks"] = limit
    model = HFLM(pretrained=generator.model, tokenizer=generator.tokenizer, batch_size=batch)
    started, cpu = time.perf_counter(), time.process_time()
    result = lm_eval.evaluate(
        lm=model, task_dict={"here": task}, log_samples=True, bootstrap_iters=0, apply_chat_template=chat
    )
    spent = time.perf_counter() - started, time.process_time() - cpu
    samples = sorted(result["samples"]["here"], key=lambda sample: sample["doc_id"])
    return [sample["resps"][0][0] for sample in samples], spent


def main(
    model: Annotated[str, typer.Option(help="Folder of a model.")],
    questions: Annotated[int, typer.Option(help="Questions, at most 60.")] = 40,
    chat_template: Annotated[bool, typer.Option("--chat-template")] = False,
    batch_size: Annotated[int, typer.Option(help="Questions that run together, ours.")] = 8,
    harness_batch_size: Annotated[int, typer.Option(help="The same for the harness.")] = 1,
    max_new_tokens: Annotated[int, typer.Option()] = 32,
    dtype: Annotated[str, typer.Option()] = "auto",
) -> None:
    """Compare letters and times."""
    generator, subject = load_generator(model, dtype), one_subject(questions)
    generator.generate([[1] * 64] * 2, (), 2, 2)  # warm
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mine, my_time, tokens = ours(generator, subject, folder, max_new_tokens, batch_size, chat_template)
        theirs, their_time = harness(
            generator, subject, folder, max_new_tokens, harness_batch_size, chat_template
        )
    letters = [(extract_paper(a), extract_paper(b)) for a, b in zip(mine, theirs, strict=True)]
    print(
        json.dumps(
            {
                "model": Path(model).name,
                "chat_template": chat_template,
                "dtype": str(generator.model.dtype).removeprefix("torch."),
                "device": generator.device.type,
                "threads": torch.get_num_threads(),
                "questions": len(mine),
                "prompt_tokens": tokens // len(mine),
                "letters_equal": sum(a == b for a, b in letters),
                "letters_read": sum(a != "" for a, _ in letters),
                "replies_equal": sum(a == b for a, b in zip(mine, theirs, strict=True)),
                "seconds_ours": round(my_time[0], 1),
                "seconds_harness": round(their_time[0], 1),
                "ratio": round(their_time[0] / my_time[0], 2),
                "ratio_cpu": round(their_time[1] / my_time[1], 2),
            }
        )
    )


if __name__ == "__main__":
    typer.run(main)
