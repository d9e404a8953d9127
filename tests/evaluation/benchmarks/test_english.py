"""MedQA, MedMCQA, PubMedQA: their published columns are read, and the harness's own tasks agree."""

import json
from importlib import import_module
from pathlib import Path

import pytest

from evaluation.backends.local.loading import load_generator
from evaluation.backends.transformers import TransformersBackend
from evaluation.harness.benchmark import Benchmark
from evaluation.harness.options import Options
from evaluation.harness.processes import Processes
from evaluation.harness.prompts import subject_prompts
from evaluation.harness.registry import BENCHMARKS
from evaluation.run import main
from evaluation.runner import likeliest
from komep_dataset.errors import KomepError

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


def test_a_dataset_as_datasets_saves_it(tmp_path):
    from datasets import Dataset, DatasetDict

    splits = {"train": range(8), "test": range(30, 33), "validation": range(20, 26)}
    data = DatasetDict({k: Dataset.from_list([medmcqa(n) for n in rows]) for k, rows in splits.items()})
    data.save_to_disk(tmp_path / "saved")
    (subject,) = declared("medmcqa").load(tmp_path / "saved", None)
    assert [q.question for q in subject.test] == [
        f"Stand-in {n}?" for n in range(20, 26)
    ]  # its test has no answers


def test_bad_rows_are_named(tmp_path, jsonl):
    rows = [medqa(n) for n in range(3)]
    rows[0]["label"], rows[1]["ending2"] = 4, " "
    del rows[2]["ending3"]
    path = jsonl(tmp_path / "test.jsonl", rows)
    with pytest.raises(KomepError) as error:
        declared("medqa").load(tmp_path, None)
    message = str(error.value)
    assert f"{path}:1: answer is 5, not a whole number from 1 to 4" in message
    assert f"{path}:2: C is empty" in message and f"{path}:3: no column D" in message
    bad = jsonl(tmp_path / "pub" / "test.jsonl", [pubmedqa(1) | {"final_decision": "perhaps"}])
    with pytest.raises(KomepError, match="answer is 'perhaps'") as error:
        declared("pubmedqa").load(bad, None)
    with pytest.raises(KomepError, match="this benchmark has the one subject medqa"):
        declared("medqa").load(tmp_path, ["doctor"])


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


@pytest.mark.parametrize(
    ("change", "message"),
    [({"question": None}, "question is empty"), ({"question": " "}, "question is empty")],
)
def test_pubmedqa_needs_a_question(tmp_path, jsonl, change, message):
    bad = jsonl(tmp_path / "test.jsonl", [pubmedqa(1) | change])
    with pytest.raises(KomepError, match=message):
        declared("pubmedqa").load(bad, None)
