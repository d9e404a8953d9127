"""Folders of lm-evaluation-harness as sides of a comparison: one that it wrote itself, and made ones."""

import json
import shutil
from pathlib import Path

import pytest

from evaluation.benchmarks.kormedmcqa import BENCHMARK
from evaluation.harness.output import UNKNOWN, read_evaluation
from evaluation.harness.prompts import prompt_text
from evaluation.harness.questions import from_folders
from evaluation.lm_eval_results import read_lm_eval, runs_of
from komep_dataset.errors import KomepError
from tests.evaluation.runs import command, run
from tests.evaluation.statistics.made import run as compared

STYLE, TIME = BENCHMARK.styles["direct"], "_2026-06-30T10-00-00.000000"


def rows_of(data: Path, subject: str, split: str) -> list[dict]:
    return [json.loads(line) for line in (data / subject / f"{split}.jsonl").read_text("utf-8").splitlines()]


def made(data: Path, folder: Path, letter: str = "A", shots: int = 5, **changes) -> Path:
    """A folder as the harness writes it: the same letter to every question."""
    folder.mkdir(parents=True)
    found = {
        "configs": {},
        "n-shot": {},
        "versions": {},
        "config": {"model": "hf", "model_dtype": "torch.float32"},
    }
    found |= {
        "model_name": "org/m",
        "chat_template": None,
        "fewshot_as_multiturn": None,
        "system_instruction": None,
    }
    for subject in from_folders(data):
        task = f"kormedmcqa_{subject.name}"
        until = {"until": list(STYLE.stops), "do_sample": False, "temperature": 0.0, "max_gen_toks": 6}
        found["configs"][task] = {"generation_kwargs": until}
        found["n-shot"][task], found["versions"][task] = shots, 3.0
        lines = [
            {
                "doc_id": index,
                "doc": row,
                "target": question.answer,
                "arguments": {"gen_args_0": {"arg_0": prompt_text(STYLE, subject.fewshot[:shots], question)}},
                "resps": [[f" {letter}"]],
                "filtered_resps": [letter],
                "filter": "extract_answer",
            }
            for index, (row, question) in enumerate(
                zip(rows_of(data, subject.name, "test"), subject.test, strict=True)
            )
        ]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in reversed(lines))
        (folder / f"samples_{task}{TIME}.jsonl").write_text(text, encoding="utf-8")
    (folder / f"results{TIME}.json").write_text(json.dumps(found | changes), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def once(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("ours") / "ours"


@pytest.fixture()
def ours(once, tiny_model, question_folder, capsys) -> Path:
    """An evaluation of ours on the same questions, which are the same in every test."""
    if not once.exists():
        assert run(*command(tiny_model, question_folder, once)) == 0
        capsys.readouterr()
    return once


def test_what_the_harness_wrote_is_read(question_folder, tmp_path):
    found = read_lm_eval(made(question_folder, tmp_path / "out", "D"))
    subjects = from_folders(question_folder)
    expected = [
        (s.name, i, q.answer, " D", "D", "D", q.sha256) for s in subjects for i, q in enumerate(s.test)
    ]
    assert [
        (p.subject, p.index, p.answer, p.generation, p.paper, p.robust, p.question_sha256)
        for p in found.predictions
    ] == expected
    assert (found.results["benchmark"], found.results["model"], found.results["shots"]) == (
        "kormedmcqa",
        "org/m",
        5,
    )
    config = found.results["config"]
    assert config["protocol"] == STYLE.protocol and config["stops"] == list(STYLE.stops)
    assert config["chat_template"] is False and config["dtype"] == "float32" and config["bos"] == UNKNOWN


def test_either_side_may_be_the_harness(capsys, ours, question_folder, tmp_path):
    made(question_folder, tmp_path / "out" / "org__m")
    for sides in ((ours, tmp_path / "out"), (tmp_path / "out" / "org__m", ours)):
        code, out, err = compared(capsys, *map(str, sides), "--json")
        assert (code, err) == (0, "")
        found = json.loads(out)
        assert found["n"] == 12 and found["paper"]["test"] == "mcnemar"
        assert any("lm-evaluation-harness hf" in caution for caution in found["cautions"])
        assert "one side does not record bos, prompts_with_fewer_shots, generation" in found["cautions"]
        accuracy = {found["paper"]["base"], found["paper"]["tuned"]}
        assert read_evaluation(ours).results["accuracy"] in accuracy and 4 / 12 in accuracy


def test_seeds_of_both_kinds_are_all_read(capsys, ours, question_folder, tmp_path):
    shutil.copytree(ours, tmp_path / "tuned" / "seed-0")
    made(question_folder, tmp_path / "tuned" / "seed-1" / "m")
    code, out, err = compared(capsys, str(ours), str(tmp_path / "tuned"), "--json")
    assert (code, err) == (0, "") and json.loads(out)["seeds_tuned"] == 2


def test_seeds_and_later_runs(question_folder, tmp_path, capsys):
    for seed in ("seed-0", "seed-1"):
        made(question_folder, tmp_path / "seeds" / seed / "m")
    assert [path.parent.name for path in runs_of(tmp_path / "seeds")] == ["seed-0", "seed-1"]
    folder = made(question_folder, tmp_path / "out")
    for path in sorted(folder.iterdir()):
        path.with_name(path.name.replace("06-30", "07-01")).write_text(
            path.read_text("utf-8").replace("org/m", "new")
        )
    assert read_lm_eval(folder).results["model"] == "new"
    assert "2 runs; the newest is read, results_2026-07-01T10" in capsys.readouterr().err
    (path := folder / f"results{TIME}.json").rename(path.with_name(f"mine{TIME}.json"))
    (folder / f"results{TIME.replace('06-30', '07-01')}.json").unlink()
    assert read_lm_eval(folder).results["model"] == "org/m"  # of --output_path mine.json
    made(question_folder, tmp_path / "several" / "a")
    made(question_folder, tmp_path / "several" / "b")
    with pytest.raises(KomepError, match="several models; give one of a, b"):
        runs_of(tmp_path / "several")
    assert runs_of(tmp_path / "none") == runs_of(question_folder) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shots": 4}, "different shots: 5 in"),
        ({"chat_template": "x"}, "different chat_template: False in"),
        ({"chat_template": "x", "fewshot_as_multiturn": True}, "each worked example as a turn"),
        ({"system_instruction": "x"}, "behind a system message"),
        ({"versions": {"kormedmcqa_doctor": 2.0, "kormedmcqa_nurse": 2.0}}, "kormedmcqa 3.0 in"),
        (
            {"versions": {"kormedmcqa_doctor": 2.0, "kormedmcqa_nurse": 3.0}},
            "asked in different ways (protocol)",
        ),
        ({"configs": {"mmlu": {}}}, "no task of KorMedMCQA (found: mmlu)"),
        ({"n-shot": {}}, "kormedmcqa_doctor does not say how it was asked"),
        ({"configs": None}, "no results of lm-evaluation-harness"),
    ],
)
def test_what_was_asked_otherwise_is_refused(capsys, ours, question_folder, tmp_path, changes, message):
    made(question_folder, tmp_path / "out", **changes)
    code, _, err = compared(capsys, str(ours), str(tmp_path / "out"))
    assert code == 1 and message in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda line: {**line, "filter": "none"}, "no letters were read out of its replies (filters: none)"),
        (lambda line: {**line, "filtered_resps": ["X"]}, ":1: its letter is 'X'"),
        (
            lambda line: {**line, "target": "B" if line["target"] == "A" else "A"},
            "is not the answer of its question",
        ),
        (lambda line: {**line, "doc": {**line["doc"], "answer": 7}}, ":1: answer is 7"),
        (lambda line: {**line, "resps": []}, ":1: not a sample of lm-evaluation-harness"),
        (
            lambda line: {**line, "arguments": {"gen_args_0": {"arg_0": "x"}}},
            ":1: asked otherwise than by the task's own",
        ),
        (lambda line: {k: v for k, v in line.items() if k != "doc"}, ":1: not a sample"),
        (lambda line: [line], ":1: not a JSON object"),
        (None, "run lm_eval with --log_samples"),
    ],
)
def test_samples_that_are_none_are_named(question_folder, tmp_path, change, message):
    folder = made(question_folder, tmp_path / "out")
    path = folder / f"samples_kormedmcqa_doctor{TIME}.jsonl"
    if change is None:
        path.unlink()
    else:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        path.write_text("".join(json.dumps(change(line)) + "\n" for line in lines), encoding="utf-8")
    with pytest.raises(KomepError) as error:
        read_lm_eval(folder)
    assert message in str(error.value) and str(path) in str(error.value)


def test_other_questions_and_other_examples_are_refused(capsys, ours, question_folder, tmp_path):
    test, shown = question_folder / "nurse" / "test.jsonl", question_folder / "nurse" / "fewshot.jsonl"
    text = test.read_text("utf-8")
    test.write_text(text.replace("106 mg", "106 ml"), encoding="utf-8")
    made(question_folder, tmp_path / "questions")
    test.write_text(text, encoding="utf-8")
    shown.write_text(shown.read_text("utf-8").replace("102 mg", "102 ml"), encoding="utf-8")
    made(question_folder, tmp_path / "examples")
    for name, message in (
        ("questions", "different questions: the text of nurse, row 1, is not the same in"),
        ("examples", "different few-shot examples: what stands before the questions of nurse"),
    ):
        code, _, err = compared(capsys, str(ours), str(tmp_path / name))
        assert code == 1 and message in err


@pytest.mark.slow
def test_a_folder_that_the_harness_wrote_itself(tmp_path, question_folder, tiny_model, capsys):
    """Its own task, its own files: the same letters as ours, and an exact test that finds no difference."""
    import lm_eval
    import lm_eval.tasks.kormedmcqa.utils as shipped
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    template = Path(shipped.__file__).parent / "_template_yaml"
    for subject in ("doctor", "nurse"):
        files = {split: str(question_folder / subject / f"{split}.jsonl") for split in ("fewshot", "test")}
        (tmp_path / f"{subject}.yaml").write_text(
            f"include: {template}\ntask: kormedmcqa_{subject}\ndataset_path: json\n"
            f"dataset_kwargs: {json.dumps({'data_files': files, 'cache_dir': str(tmp_path / 'cache')})}\n",
            encoding="utf-8",
        )
    tracker = EvaluationTracker(output_path=str(tmp_path / "out"))
    found = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": str(tiny_model), "dtype": "float32"},
        tasks=["kormedmcqa_doctor", "kormedmcqa_nurse"],
        task_manager=TaskManager(include_path=str(tmp_path), include_defaults=False),
        num_fewshot=5,
        batch_size=1,
        device="cpu",
        gen_kwargs={"max_gen_toks": 6},
        apply_chat_template=False,
        fewshot_as_multiturn=False,
        bootstrap_iters=0,
        log_samples=True,
        evaluation_tracker=tracker,
    )
    samples = found.pop("samples")
    tracker.save_results_aggregated(found, samples)
    for task, some in samples.items():
        tracker.save_results_samples(task, some)
    assert run(*command(tiny_model, question_folder, tmp_path / "ours")) == 0
    capsys.readouterr()
    code, out, err = compared(capsys, str(tmp_path / "ours"), str(tmp_path / "out"), "--json")
    assert (code, err) == (0, "")
    assert [json.loads(out)["paper"][k] for k in ("gained", "lost", "p_value")] == [0, 0, 1.0]
    theirs = read_lm_eval(next((tmp_path / "out").iterdir())).predictions
    ours = read_evaluation(tmp_path / "ours").predictions
    assert [(p.generation, p.paper) for p in theirs] == [(p.generation, p.paper) for p in ours]
