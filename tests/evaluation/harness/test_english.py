"""MedQA, MedMCQA, PubMedQA: their published columns are read, and the harness's own tasks agree."""

import json
from pathlib import Path

import pytest

from evaluation.backends.local.loading import load_generator
from evaluation.backends.transformers import TransformersBackend
from evaluation.harness.options import Options
from evaluation.harness.processes import Processes
from evaluation.harness.prompts import subject_prompts
from evaluation.run import main
from evaluation.runner import likeliest
from tests.evaluation.benchmarks.english_rows import (
    ROWS,
    SPLITS,
    declared,
    options,
    write,
)


@pytest.mark.parametrize("name", ROWS)
def test_published_columns_are_read(name, tmp_path, jsonl):
    (subject,) = declared(name).load(write(tmp_path / name, name, jsonl), None)
    assert subject.name == name and len(subject.fewshot) == 5
    assert len(subject.test) == (9 if name == "pubmedqa" else 6)  # examples are never asked
    assert not set(subject.fewshot) & set(subject.test)
    first = subject.test[0]
    if name == "pubmedqa":
        assert first.options == ("yes", "no", "maybe") and first.answer == "C"
        assert first.question == "Abstract: First 5.\nSecond 5.\nQuestion: Does stand-in 5 help?"
        assert first.cot == "Long 5."
    else:
        assert first.options == tuple(options(20)) and first.answer == "A"


@pytest.fixture()
def lettered(make_llama, make_tokenizer, tmp_path) -> Path:
    tokenizer = make_tokenizer(bos=True)
    tokenizer.add_tokens([f" {letter}" for letter in "ABCDE"])
    tokenizer.save_pretrained(tmp_path / "lettered")
    make_llama(vocab_size=len(tokenizer)).save_pretrained(tmp_path / "lettered")
    return tmp_path / "lettered"


def harness_result(name: str, folder: Path, data: Path, model, tokenizer) -> dict:
    """The harness's own task over our files, no worked examples."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    task = {"medqa": "medqa_4options", "medmcqa": "medmcqa"}[name]
    source = Path(lm_eval.__file__).parent / "tasks" / name / f"{name}.yaml"
    learn, test = SPLITS[name]
    files = {learn: str(data / f"{learn}.jsonl"), test: str(data / f"{test}.jsonl")}
    files |= {"validation": files[test]}
    (folder / "here.yaml").write_text(
        f"include: {source}\ntask: {task}_here\ndataset_path: json\nnum_fewshot: 0\n"
        f"dataset_kwargs: {json.dumps({'data_files': files, 'cache_dir': str(folder / 'cache')})}\n"
    )
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    here = manager.load(f"{task}_here")["tasks"][f"{task}_here"]
    lm = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=1)
    result = lm_eval.evaluate(lm=lm, task_dict={"here": here}, log_samples=True, bootstrap_iters=0)
    (samples,) = result["samples"].values()
    (scores,) = result["results"].values()
    return {"samples": sorted(samples, key=lambda s: s["doc_id"]), "acc": scores["acc,none"]}


@pytest.mark.parametrize("name", ["medqa", "medmcqa"])
def test_logits_are_the_harness_own(name, tmp_path, jsonl, lettered):
    benchmark = declared(name)
    data = write(tmp_path / name, name, jsonl)
    (subject,) = benchmark.load(data, None)
    generator = load_generator(str(lettered), "float32")
    options = Options(
        model=str(lettered),
        benchmark=name,
        output=tmp_path / "out",
        max_new_tokens=1,
        batch_size=4,
        scoring="logits",
    )
    backend = TransformersBackend(options, benchmark.styles["direct"], Processes(), generator)
    prompts = subject_prompts(benchmark.styles["direct"], subject, backend.encode, 0, None)
    (answers,), _ = backend.answer([prompts], name)
    theirs = harness_result(name, tmp_path, data, generator.model, generator.tokenizer)
    right = 0
    for sample, prompt, answer, question in zip(
        theirs["samples"], prompts, answers, subject.test, strict=True
    ):
        assert sample["arguments"][0][0] == prompt.text
        assert answer.logprobs == pytest.approx([float(r[0]) for r in sample["filtered_resps"]], abs=1e-4)
        right += likeliest(answer.logprobs) == question.answer
    assert theirs["acc"] == pytest.approx(right / len(answers))


@pytest.mark.parametrize("name", ROWS)
def test_the_command_runs_on_it(name, tmp_path, jsonl, lettered):
    data = write(tmp_path / name, name, jsonl)
    arguments = [
        "--model",
        str(lettered),
        "--benchmark",
        name,
        "--data",
        str(data),
        "--output",
        str(tmp_path / "out"),
    ]
    for more in ([], ["--scoring", "logits"], ["--prompt", "cot", "--shots", "0"]):
        with pytest.raises(SystemExit) as done:
            main([*arguments, "--max-new-tokens", "4", *more])
        assert done.value.code == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["n"] == (9 if name == "pubmedqa" else 6) and list(results["subjects"]) == [name]
