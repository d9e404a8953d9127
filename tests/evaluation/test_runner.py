"""The whole run against lm-evaluation-harness: its own task file, prompts, generation, extraction and score.

The task is the harness's `kormedmcqa` template; only the place of the data and the length of replies are set here.
"""

import json
from pathlib import Path

import pytest

from evaluation.backends.local.generation import Generator
from evaluation.backends.local.loading import load_generator
from evaluation.benchmarks import kormedmcqa, kormedmcqa_sample
from evaluation.harness.prompts import PromptEncoder, prompt_text, subject_prompts
from evaluation.harness.questions import Subject, from_folders
from evaluation.runner import likeliest, read_reply
from komep_dataset.errors import KomepError

BENCHMARK = kormedmcqa.BENCHMARK
STYLE = BENCHMARK.styles["direct"]


def harness_task(folder: Path, data: Path, *, shots: int, max_new_tokens: int):
    """The harness's task over `data/{fewshot,test}.jsonl`, by the name `kormedmcqa_here`."""
    import lm_eval.tasks.kormedmcqa.utils as shipped
    from lm_eval.tasks import TaskManager

    template = Path(shipped.__file__).parent / "_template_yaml"
    files = {split: str(data / f"{split}.jsonl") for split in ("fewshot", "test")}
    (folder / "here.yaml").write_text(
        f"include: {template}\ntask: kormedmcqa_here\ndataset_path: json\nnum_fewshot: {shots}\n"
        f"dataset_kwargs: {json.dumps({'data_files': files, 'cache_dir': str(folder / 'cache')})}\n",
        encoding="utf-8",
    )
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    task = manager.load("kormedmcqa_here")["tasks"]["kormedmcqa_here"]
    task.config.generation_kwargs["max_gen_toks"] = max_new_tokens
    return task


def harness_run(task, model, tokenizer, *, chat: bool = False) -> dict:
    """The harness's result of a task on a loaded model, one question at a time."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM

    lm = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=1)
    return lm_eval.evaluate(
        lm=lm,
        task_dict={"kormedmcqa_here": task},
        log_samples=True,
        bootstrap_iters=0,
        apply_chat_template=chat,
    )


def ours(
    subject: Subject, generator, *, shots: int, max_new_tokens: int, chat: bool = False
) -> tuple[list[str], dict]:
    encode = PromptEncoder(generator.tokenizer, generator.model.config.model_type, chat_template=chat)
    prompts = subject_prompts(STYLE, subject, encode, shots, None)
    replies = generator.generate([p.token_ids for p in prompts], STYLE.stops, max_new_tokens, batch_size=4)
    readings = [BENCHMARK.read(r, q.answer, q.options) for r, q in zip(replies, subject.test, strict=True)]
    return replies, BENCHMARK.summarize(readings, [subject.name] * len(readings))


def assert_same(result: dict, replies: list[str], scores: dict) -> None:
    samples = sorted(result["samples"]["kormedmcqa_here"], key=lambda s: s["doc_id"])
    assert [s["resps"][0][0] for s in samples] == replies
    assert result["results"]["kormedmcqa_here"]["exact_match,extract_answer"] == pytest.approx(
        scores["accuracy"]
    )


@pytest.mark.parametrize("shots", [0, 5])
def test_prompts_are_the_harness_own(tmp_path, question_folder, shots):
    task = harness_task(tmp_path, question_folder / "doctor", shots=shots, max_new_tokens=8)
    subject = from_folders(question_folder)[0]
    assert subject.name == "doctor"
    for doc, question in zip(task.test_docs(), subject.test, strict=True):
        assert prompt_text(STYLE, subject.fewshot[:shots], question) == task.fewshot_context(doc, shots)
    assert list(STYLE.stops) == task.config.generation_kwargs["until"]
    assert STYLE.protocol == f"lm-evaluation-harness kormedmcqa {task.VERSION}"


def test_protocol_defaults_are_the_harness_own(tmp_path, question_folder):
    import lm_eval.tasks.kormedmcqa.utils as shipped
    import yaml

    text = (Path(shipped.__file__).parent / "_template_yaml").read_text(encoding="utf-8")
    template = yaml.safe_load(text.replace("!function ", ""))
    assert template["generation_kwargs"]["max_gen_toks"] == STYLE.max_new_tokens
    assert template["fewshot_config"]["sampler"] == "first_n"
    assert template["dataset_path"] == "sean0042/KorMedMCQA"


def test_generations_are_the_harness_own_on_a_tiny_model(tmp_path, question_folder, tiny_model):
    task = harness_task(tmp_path, question_folder / "doctor", shots=2, max_new_tokens=24)
    generator = load_generator(str(tiny_model), "float32")
    replies, scores = ours(from_folders(question_folder)[0], generator, shots=2, max_new_tokens=24)
    assert len(set(replies)) > 1
    assert_same(harness_run(task, generator.model, generator.tokenizer), replies, scores)


def test_generations_are_the_harness_own_under_a_chat_template(
    tmp_path, question_folder, make_llama, make_tokenizer
):
    """The whole few-shot prompt as one user message, the template's own BOS alone in front."""
    tokenizer = make_tokenizer(bos=True)
    tokenizer.chat_template = (
        "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    tokenizer.save_pretrained(tmp_path / "chat")
    make_llama().save_pretrained(tmp_path / "chat")
    task = harness_task(tmp_path, question_folder / "doctor", shots=2, max_new_tokens=24)
    generator = load_generator(str(tmp_path / "chat"), "float32")
    subject = from_folders(question_folder)[0]
    replies, scores = ours(subject, generator, shots=2, max_new_tokens=24, chat=True)
    assert len(set(replies)) > 1
    assert replies != ours(subject, generator, shots=2, max_new_tokens=24)[0]
    assert_same(harness_run(task, generator.model, generator.tokenizer, chat=True), replies, scores)


@pytest.mark.slow
def test_generations_and_accuracy_are_the_harness_own_on_smollm2(tmp_path, smollm2):
    """Two questions of the shipped sample, one shot, float32; with and without the cached prefix."""
    sample = next(s for s in kormedmcqa_sample.BENCHMARK.load(None, None) if s.name == "doctor")
    rows = {"fewshot": sample.fewshot, "test": sample.test[:2]}
    for split, questions in rows.items():
        lines = [
            {
                "question": q.question,
                **dict(zip("ABCDE", q.options, strict=True)),
                "answer": "ABCDE".index(q.answer) + 1,
            }
            for q in questions
        ]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (tmp_path / f"{split}.jsonl").write_text(text, encoding="utf-8")
    task = harness_task(tmp_path, tmp_path, shots=1, max_new_tokens=8)
    generator = load_generator(str(smollm2), "float32")
    subject = Subject("doctor", sample.fewshot, sample.test[:2])
    replies, scores = ours(subject, generator, shots=1, max_new_tokens=8)
    assert scores["parse_rate"] > 0  # a real model in this format answers with letters
    assert_same(harness_run(task, generator.model, generator.tokenizer), replies, scores)
    without = Generator(generator.model, generator.tokenizer, reuse_prefix=False)
    assert ours(subject, without, shots=1, max_new_tokens=8) == (replies, scores)


@pytest.mark.slow
def test_thoughts_as_the_harness_reads_them(tmp_path, question_folder, make_tokenizer):
    """Without its `think_end_token`: cut at the first stop, wherever it stands, and read."""
    from evaluation.harness.backend import Stops
    from tests.evaluation.scripted import thinker

    generator = load_generator(str(thinker(tmp_path / "thinker", make_tokenizer(bos=False))))
    task = harness_task(tmp_path, question_folder / "doctor", shots=0, max_new_tokens=30)
    theirs = harness_run(task, generator.model, generator.tokenizer, chat=True)
    subject = from_folders(question_folder)[0]
    encode = PromptEncoder(generator.tokenizer, chat_template=True)
    ids = [p.token_ids for p in subject_prompts(STYLE, subject, encode, 0, None)]
    replies = generator.generate(ids, Stops(STYLE.stops, apart=False), 30, batch_size=4)
    readings = [
        read_reply(BENCHMARK, r, q, thoughts="harness") for r, q in zip(replies, subject.test, strict=True)
    ]
    assert_same(theirs, replies, BENCHMARK.summarize(readings, [subject.name] * len(readings)))
    assert {(reading.paper, reading.robust) for reading in readings} == {("A", "")}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_letters_without_a_probability_are_not_ranked(value):
    assert likeliest((-2.0, -1.0, -3.0)) == "B"
    with pytest.raises(KomepError, match="NaN or infinite"):
        likeliest((value, -1.0, -3.0))
