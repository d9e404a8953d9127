"""Which questions a run asks: too few, repeated ones and none are refused; a hash covers every text."""

import json
from dataclasses import replace

import pytest

from evaluation.benchmarks import kormedmcqa
from evaluation.harness.benchmark import check_subjects, duplicates, fingerprint, load_questions
from evaluation.harness.options import Options
from evaluation.harness.output import read_evaluation
from evaluation.harness.questions import (
    Question,
    Subject,
    UnfitError,
    from_folders,
    read_subjects,
)
from komep_dataset.errors import KomepError
from tests.evaluation.benchmarks.english_rows import write
from tests.evaluation.runs import command, run


def refused(capsys, data, *more: str) -> list[str]:
    given = ("--model", "m", "--data", str(data), "--output", str(data.parent / "out"), "--plan", *more)
    assert run(*given) == 1
    return capsys.readouterr().err.splitlines()


COPIED = {"question": "Which?", "options": {"A": "x"}, "meta_info": "step1", "answer_idx": "A"}


def test_data_of_another_benchmark_are_told_as_that_first(tmp_path, jsonl, capsys):
    rows = [COPIED | {"answer": f"the words of {n}"} for n in range(30)]
    first, _, *others = refused(capsys, jsonl(tmp_path / "test.jsonl", rows), "--benchmark", "kormedmcqa")
    assert first == (
        f"error: none of the 30 rows from {tmp_path}/test.jsonl:1 on fits --benchmark kormedmcqa, which needs the columns "
        "subject, question, A, B, C, D, answer (found: question, options, meta_info, answer_idx, answer); no other "
        "--benchmark (python -m evaluation.run --list) reads them"
    )
    assert len(others) == 1 and "no column subject, A, B, C, D (found" in others[0]


@pytest.mark.parametrize("name", ["medqa", "medmcqa", "pubmedqa"])
def test_the_benchmark_that_reads_the_data_is_named(name, tmp_path, jsonl, capsys):
    folder = write(tmp_path / "data", name, jsonl)
    assert f"; --benchmark {name} reads them" in refused(capsys, folder, "--benchmark", "kormedmcqa")[0]


def test_a_fault_of_some_rows_is_no_other_benchmark(tmp_path, jsonl, rows_of, capsys):
    rows = rows_of(8)
    path = jsonl(tmp_path / "test.jsonl", [*rows[:6], *({**row, "answer": 9} for row in rows[6:])])
    lines = refused(capsys, path, "--benchmark", "kormedmcqa")
    assert lines[0] == "error: cannot use these questions:" and len(lines) == 2
    path = jsonl(tmp_path / "all.jsonl", [{**row, "answer": n + 6} for n, row in enumerate(rows)])
    first, _, *others = refused(capsys, path, "--benchmark", "kormedmcqa")
    assert not any("is empty" in line for line in others)
    assert "none of the 8 rows from" in first and "no other --benchmark" in first and len(others) == 8
    assert "fits --benchmark kormedmcqa: answer is 6, not a whole number" in first


@pytest.mark.parametrize("content", ["", "\n"])
def test_data_without_a_question_are_refused(tmp_path, content):
    path = tmp_path / "empty.jsonl"
    path.write_text(content)
    with pytest.raises(KomepError, match="no question in the split `test`"):
        check_subjects(read_subjects(path), 0)


def test_a_file_of_examples_alone_has_no_question(tmp_path, jsonl, rows_of):
    path = jsonl(tmp_path / "all.jsonl", [{**row, "split": "fewshot"} for row in rows_of(3)])
    with pytest.raises(KomepError, match="no question in the split `test`"):
        check_subjects(read_subjects(path), 0)


def test_duplicates_and_empty_subjects(question_folder, jsonl, rows_of):
    rows = rows_of(4)
    again = {**rows[1], "q_number": 99, "question": rows[1]["question"].replace(" ", "  ") + " "}
    jsonl(question_folder / "doctor" / "test.jsonl", [*rows, again])
    subjects = from_folders(question_folder)
    assert duplicates(subjects[0].test) == [(4, 1)]
    with pytest.raises(KomepError, match="doctor: row 4 of `test` repeats row 1"):
        check_subjects(subjects, 5)
    assert check_subjects(subjects, 5, allow_duplicates=True) == 1
    same_stem = {**rows[1], "A": "다른 보기"}
    jsonl(question_folder / "doctor" / "test.jsonl", [*rows, same_stem])
    assert check_subjects(from_folders(question_folder), 5) == 0
    (question_folder / "doctor" / "test.jsonl").write_text("")
    with pytest.raises(KomepError, match="doctor: no question in the split `test`"):
        check_subjects(from_folders(question_folder), 5)


def test_fingerprint_covers_every_text(question_folder):
    first = from_folders(question_folder)[0]
    whole = fingerprint([first], "test")
    assert fingerprint([first], "test") == whole != fingerprint([first], "fewshot")
    q = first.test[0]
    for other in (
        Question(q.question + " ", q.options, q.answer),
        Question(q.question, (*q.options[:4], "다름"), q.answer),
        Question(q.question, q.options, "A" if q.answer != "A" else "B"),
    ):
        assert fingerprint([Subject(first.name, first.fewshot, (other, *first.test[1:]))], "test") != whole


def test_a_solution_first(tiny_model, question_folder, tmp_path):
    for file in question_folder.rglob("fewshot.jsonl"):
        rows = [
            json.loads(line) | {"cot": f"풀이 {n}."} for n, line in enumerate(file.open(encoding="utf-8"))
        ]
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    assert (
        run(*command(tiny_model, question_folder, tmp_path / "out", "--prompt", "cot", "--shots", "2")) == 0
    )
    config = read_evaluation(tmp_path / "out").results["config"]
    assert (
        config["prompt"] == "cot"
        and config["protocol"] == "KoMeP kormedmcqa cot 1"
        and "." not in config["stops"]
    )


def test_without_data_no_other_benchmark_is_loaded_to_be_named(tmp_path):
    """Each would load its own questions, of the Hub or of the package, and read them."""
    unfit = UnfitError("nothing")
    unfit.why = "none of the rows fits NAME"

    def load(data, subjects):
        raise unfit

    changed = replace(kormedmcqa.BENCHMARK, load=load)
    with pytest.raises(KomepError, match=r"\Anone of the rows fits --benchmark kormedmcqa\nnothing\Z"):
        load_questions(changed, Options(model="m", benchmark="kormedmcqa", output=tmp_path))
