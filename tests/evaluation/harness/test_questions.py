"""Reading questions from every layout, and what is refused."""

import csv
import gzip
from pathlib import Path

import pytest

from evaluation.harness.benchmark import check_subjects
from evaluation.harness.questions import (
    Layout,
    Question,
    Subject,
    as_questions,
    from_folders,
    load_configs,
    read_subjects,
)
from komep_dataset.errors import KomepError
from tests.real_data import DATA, needs_data

CARD = "---\nconfigs:\n{}---\n# stand-in\n"
CONFIG = "- config_name: {0}\n  data_files:\n  - {{split: fewshot, path: {0}/fewshot.jsonl}}\n  - {{split: test, path: {0}/test.jsonl}}\n"  # fmt: skip


def write_csv(path: Path, rows: list) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_parquet(path: Path, rows: list) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.fixture()
def splits(rows_of):
    """Rows of two subjects: five examples and six questions each."""
    rows = {"doctor": rows_of(11), "nurse": rows_of(11, "nurse", 100)}
    return {name: {"fewshot": r[:5], "test": r[5:]} for name, r in rows.items()}


@pytest.fixture()
def expected(splits):
    return [
        Subject(name, *(tuple(
            Question(row["question"], tuple(row[k] for k in "ABCDE"), "ABCDE"[row["answer"] - 1]) for row in parts[split]
        ) for split in ("fewshot", "test")))
        for name, parts in splits.items()
    ]  # fmt: skip


def single_file_rows(splits: dict) -> list:
    return [
        {**row, "split": split} for parts in splits.values() for split, rows in parts.items() for row in rows
    ]


def test_folders(question_folder, expected):
    assert read_subjects(question_folder) == from_folders(question_folder) == expected


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_folders_of_other_formats(tmp_path, splits, expected, suffix):
    write = {"csv": write_csv, "parquet": write_parquet}[suffix]
    for name, parts in splits.items():
        for split, rows in parts.items():
            write(tmp_path / name / f"{split}.{suffix}", rows)
    assert read_subjects(tmp_path) == expected


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_single_file(tmp_path, splits, expected, jsonl, suffix):
    write = {"csv": write_csv, "parquet": write_parquet, "jsonl": jsonl}[suffix]
    assert read_subjects(write(tmp_path / f"all.{suffix}", single_file_rows(splits))) == expected


def test_file_without_splits_is_all_test(tmp_path, splits, expected, jsonl):
    rows = [row for parts in splits.values() for row in parts["test"]]
    found = read_subjects(jsonl(tmp_path / "t.jsonl", rows))
    assert found == [Subject(s.name, (), s.test) for s in expected]
    assert check_subjects(found, 0) == 0
    with pytest.raises(KomepError, match="0 examples in the split `fewshot`, but --shots is 5"):
        check_subjects(found, 5)


def test_flat_folder_and_saved_dataset_group_by_subject(tmp_path, splits, expected, jsonl):
    import datasets

    rows = {split: [r for parts in splits.values() for r in parts[split]] for split in ("fewshot", "test")}
    for split, group in rows.items():
        jsonl(tmp_path / "flat" / f"{split}.jsonl", group)
    assert read_subjects(tmp_path / "flat") == expected
    saved = datasets.DatasetDict({s: datasets.Dataset.from_list(g) for s, g in rows.items()})
    saved.save_to_disk(tmp_path / "saved")
    assert read_subjects(tmp_path / "saved") == expected


def test_card_names_the_subjects_and_edits_are_seen(question_folder, expected, jsonl, rows_of):
    """A local folder's key in the datasets cache does not cover its content; a changed file must be read."""
    (question_folder / "README.md").write_text(CARD.format(CONFIG.format("nurse")), encoding="utf-8")
    assert read_subjects(question_folder) == expected[1:]
    jsonl(question_folder / "nurse" / "test.jsonl", rows_of(3, "nurse", 500))
    found = read_subjects(question_folder)
    assert [q.question for q in found[0].test] == [row["question"] for row in rows_of(3, "nurse", 500)]


BAD_ROWS = [
    ({"question": None}, "question is empty"),
    ({"C": "  "}, "C is empty"),
    ({"E": 5}, "E is 5, not a string"),
    ({"answer": 0}, "answer is 0"),
    ({"answer": 6}, "answer is 6"),
    ({"answer": "F"}, "answer is 'F', not a whole number from 1 to 5 or a letter from A to E"),
    ({"answer": -1}, "answer is -1"),
    ({"answer": ""}, "answer is ''"),
    ({"answer": "헤파린"}, "answer is '헤파린'"),
    ({"answer": "12"}, "answer is '12'"),
    ({"answer": float("nan")}, "answer is nan"),
    ({"answer": 0}, "if they count from 0, add 1"),
    ({"D": "", "E": ""}, "D is empty"),
    (
        {"E": "", "answer": 5},
        "answer is 5, not a whole number from 1 to 4 or a letter from A to D, and E is empty",
    ),
    ({"answer": True}, "answer is True"),
    ({"answer": 2.5}, "answer is 2.5"),
    ({"A": "\ud800"}, "half of a surrogate pair"),
]


@pytest.mark.parametrize(("change", "message"), BAD_ROWS)
def test_bad_rows_are_named(rows_of, change, message):
    rows = rows_of(3)
    rows[1] |= change
    with pytest.raises(KomepError, match="here:2: ") as error:
        as_questions([(f"here:{n}", row) for n, row in enumerate(rows, 1)])
    assert message in str(error.value)
    assert "here:1" not in str(error.value)


def test_all_faults_of_a_row_are_named(rows_of):
    with pytest.raises(KomepError) as error:
        as_questions([("f:1", rows_of(1)[0] | {"question": "", "B": 3, "answer": 9})])
    assert [line.strip() for line in str(error.value).splitlines()[1:]] == [
        "f:1: question is empty",
        "f:1: B is 3, not a string",
        "f:1: answer is 9, not a whole number from 1 to 5 or a letter from A to E",
    ]


@pytest.mark.parametrize("answers", ["12345", "ABCDE", "abcde", "①②③④⑤", "ＡＢＣＤＥ", [1.0, 2.0, 3.0, 4.0, 5.0],
                                     ["1.0", " 2 ", "3", "D ", "e"]])  # fmt: skip
def test_answers_as_files_have_them(rows_of, answers):
    rows = [row | {"answer": answer} for row, answer in zip(rows_of(5), answers, strict=True)]
    assert [q.answer for q in as_questions(("f:1", row) for row in rows)] == [*"ABCDE"]


@pytest.mark.parametrize("empty", ["", "  ", None, float("nan"), "no column"])
def test_the_last_option_may_be_missing(rows_of, empty):
    rows = rows_of(4)
    for row in rows[1:]:
        row["E"] = empty
        if empty == "no column":
            del row["E"]
    found = as_questions(("f:1", row) for row in rows)
    assert [q.options for q in found] == [
        tuple(row[x] for x in letters) for row, letters in zip(rows, ("ABCDE", *["ABCD"] * 3), strict=True)
    ]


@pytest.mark.parametrize("change", [str.upper, str.lower, lambda name: f" {name.title()} "])
def test_names_of_columns_in_capitals_or_not(tmp_path, splits, expected, jsonl, change):
    rows = [{change(k): v for k, v in row.items()} for row in single_file_rows(splits)]
    assert read_subjects(write_csv(tmp_path / "all.csv", rows)) == expected
    assert read_subjects(jsonl(tmp_path / "all.jsonl", rows)) == expected


def test_missing_columns_are_named_with_those_found(rows_of):
    row = rows_of(1)[0]
    del row["D"], row["answer"]
    with pytest.raises(KomepError, match=r"no column D, answer \(found: subject, year"):
        as_questions([("f:1", row)])


def test_many_problems_are_counted(rows_of):
    with pytest.raises(KomepError) as error:
        as_questions([(f"f:{n}", {**row, "answer": f"={n}"}) for n, row in enumerate(rows_of(25))])
    assert str(error.value).count("answer is '=") == 20 and "and 5 more" in str(error.value)


def test_an_answer_beyond_the_options_of_a_benchmark_names_no_empty_one(rows_of):
    with pytest.raises(
        KomepError, match=r"answer is 'E', not a whole number from 1 to 4 or a letter from A to D$"
    ):
        as_questions([("f:1", {**rows_of(1)[0], "answer": "E"})], Layout("ABCD"))


def test_every_fault_of_a_row_is_named_and_one_of_all_rows_once(rows_of, tmp_path):
    """A file under other names had one line twenty times, on the subject alone."""
    names = {"문제": "question", **{f"보기{n}": k for n, k in enumerate("ABCDE", 1)}, "정답": "answer"}
    rows = [{new: row[name] for new, name in names.items()} for row in rows_of(30)]
    with pytest.raises(KomepError) as error:
        read_subjects(write_csv(tmp_path / "own.csv", rows))
    [_, line] = str(error.value).splitlines()
    assert "own.csv:2: no column subject, question, A, B, C, D, answer (found: 문제" in line
    assert all(f"--map {new}={name}" in line for new, name in names.items()) and "--map subject==TEXT" in line
    assert line.endswith(
        f"(and 29 more rows: {', '.join(f'{tmp_path}/own.csv:{n}' for n in range(3, 8))}, …)"
    )
    rows = [{"stem": "", "subject": "x", "A": "", **{k: "o" for k in "BCD"}, "answer": "Z"}, {"A": "1"}]
    with pytest.raises(KomepError) as error:
        as_questions([(f"f:{n}", row) for n, row in enumerate(rows)])
    assert [one.strip() for one in str(error.value).splitlines()[1:4]] == [
        'f:0: no column question (found: stem, subject, A, B, C, D, answer); is "stem" the column question? --map stem=question',
        "f:0: A is empty",
        "f:0: answer is 'Z', not a whole number from 1 to 4 or a letter from A to D",
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.jsonl", b'{"question": 1}\n{oops\n', "t.jsonl:2: not JSON"),
        ("t.jsonl", b'"\xff"\n', "t.jsonl:1: not UTF-8"),
        ("t.jsonl", b"[1]\n", "t.jsonl:1: not a JSON object"),
        ("t.jsonl", b'{"question": "x"}\n', "t.jsonl:1: no column subject"),
        ("t.csv", b"question,subject\n\xff,x\n", "t.csv:2: not UTF-8"),
        ("t.csv", b"question,subject\nx,doctor\n", "t.csv:2: no column A, B, C, D, answer"),
        ("t.parquet", b"PAR1", "not a readable Parquet file"),
        ("t.xlsx", b"", "not one of .jsonl"),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(KomepError) as error:
        read_subjects(tmp_path / name)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no questions found; give a file"),
        ({"README.md": "---\nconfigs: [\n---\n"}, "README.md: its YAML cannot be read"),
        ({"README.md": CARD.format(CONFIG.format("doctor"))}, "cannot be loaded as a dataset"),
        ({"dataset_dict.json": "{}"}, "not a saved DatasetDict"),
    ],
)
def test_bad_folders(tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(KomepError) as error:
        read_subjects(tmp_path)
    assert message in str(error.value)


@pytest.mark.parametrize("split", ["Test", "tset", ["test"], 1])
def test_a_row_of_an_unknown_split_is_named(tmp_path, jsonl, rows_of, split):
    rows = rows_of(2)
    path = jsonl(tmp_path / "all.jsonl", [rows[0], {**rows[1], "split": split}])
    with pytest.raises(KomepError, match=r"all.jsonl:2: split is .*, none of .*test"):
        read_subjects(path)


def test_rows_of_other_known_splits_are_passed_over(tmp_path, jsonl, rows_of):
    """KorMedMCQA has `train` and `dev`, too."""
    rows = rows_of(3)
    names = ("test", "train", "dev")
    path = jsonl(tmp_path / "all.jsonl", [{**row, "split": n} for row, n in zip(rows, names, strict=True)])
    assert [len(s.test) for s in read_subjects(path)] == [1]


@pytest.mark.parametrize("subject", [" ", ["doctor"], 3])
def test_a_subject_that_is_no_name_is_refused(tmp_path, jsonl, rows_of, subject):
    path = jsonl(tmp_path / "all.jsonl", [{**row, "subject": subject} for row in rows_of(1)])
    with pytest.raises(KomepError, match=r"all.jsonl:1: subject is (empty|.*, not a string)"):
        read_subjects(path)


def test_one_table_on_the_hub_is_divided_by_its_column_subject(tmp_path, jsonl, rows_of):
    """What `push_to_hub` makes of a DatasetDict: one config, `default`."""
    for split, count in (("fewshot", 2), ("test", 3)):
        rows = [*rows_of(count, "nurse", 50), *rows_of(count)]
        jsonl(tmp_path / f"{split}.jsonl", rows)
    files = "".join(f"  - {{split: {s}, path: {s}.jsonl}}\n" for s in ("fewshot", "test"))
    (tmp_path / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  data_files:\n{files}---\n")
    found = read_subjects(tmp_path)
    assert [(s.name, len(s.fewshot), len(s.test)) for s in found] == [("nurse", 2, 3), ("doctor", 2, 3)]


def test_a_subject_under_its_other_name(tmp_path, jsonl, rows_of):
    rows = [*rows_of(1, "pharm"), *rows_of(1, "Pharmacy", 9)]
    assert [(s.name, len(s.test)) for s in read_subjects(jsonl(tmp_path / "all.jsonl", rows))] == [
        ("pharm", 2)
    ]


def test_examples_of_another_split_where_there_are_none(tmp_path, jsonl, rows_of):
    jsonl(tmp_path / "doctor" / "test.jsonl", rows_of(2))
    jsonl(tmp_path / "doctor" / "valid.jsonl", rows_of(3, "doctor", 50))
    (found,) = read_subjects(tmp_path)
    assert (len(found.fewshot), found.fewshot_split) == (3, "valid")
    jsonl(tmp_path / "doctor" / "fewshot.jsonl", rows_of(1, "doctor", 90))
    (found,) = read_subjects(tmp_path)
    assert (len(found.fewshot), found.fewshot_split) == (1, "fewshot")


def test_two_sets_in_one_folder(tmp_path, jsonl, rows_of, capsys):
    jsonl(tmp_path / "test.jsonl", rows_of(2))
    jsonl(tmp_path / "medqa.jsonl", rows_of(2))
    assert len(read_subjects(tmp_path)) == 1
    assert f"note: {tmp_path}: medqa.jsonl: no split of this benchmark, not read" in capsys.readouterr().err
    jsonl(tmp_path / "nurse" / "test.jsonl", rows_of(2))
    with pytest.raises(KomepError, match="two sets of questions, its own split `test` and the folders nurse"):
        read_subjects(tmp_path)


@needs_data("kormedmcqa")
def test_the_real_files_as_they_are(capsys):
    found = {
        s.name: (len(s.fewshot), len(s.test), s.fewshot_split) for s in read_subjects(DATA / "kormedmcqa")
    }
    sizes = {"doctor": 435, "nurse": 878, "pharm": 885, "dentist": 811}
    assert found == {name: (5, size, "fewshot") for name, size in sizes.items()}
    assert not capsys.readouterr().err
    for name, size in sizes.items():
        assert [(s.name, len(s.test)) for s in read_subjects(DATA / "kormedmcqa" / name)] == [(name, size)]


def test_no_such_path(tmp_path):
    with pytest.raises(KomepError, match="no such file or folder"):
        read_subjects(tmp_path / "none")


def test_hub_out_of_reach_is_a_clear_error():
    with pytest.raises(KomepError, match=r"KorMedMCQA: cannot be loaded as a dataset .* pass --data"):
        load_configs("sean0042/KorMedMCQA", ["doctor"])


def test_parts_packed_files_and_capitals_are_a_split(tmp_path, splits, expected, jsonl):
    for name, parts in splits.items():
        (tmp_path / name).mkdir()
        write_csv(tmp_path / name / "fewshot.CSV", parts["fewshot"])
        for part, rows in enumerate((parts["test"][:2], parts["test"][2:])):
            text = jsonl(tmp_path / "x.jsonl", rows).read_bytes()
            (tmp_path / name / f"test-{part:05d}-of-00002.jsonl.gz").write_bytes(gzip.compress(text))
    (tmp_path / "x.jsonl").unlink()
    assert read_subjects(tmp_path) == expected


def test_no_subject_is_left_out_in_silence(tmp_path, splits, jsonl):
    for name, parts in splits.items():
        jsonl(tmp_path / name / "test.jsonl", parts["test"])
    jsonl(tmp_path / "dentist" / "tests.jsonl", splits["doctor"]["test"])
    with pytest.raises(KomepError, match=r"dentist: tables, and none is the split `test`"):
        read_subjects(tmp_path)
    (tmp_path / "dentist" / "tests.jsonl").rename(tmp_path / "dentist" / "test.xlsx")
    with pytest.raises(KomepError, match=r"dentist/test\.xlsx"):
        read_subjects(tmp_path)
    (tmp_path / "dentist" / "test.xlsx").rename(tmp_path / "nurse" / "test.json")
    with pytest.raises(KomepError, match=r"test\.json, test\.jsonl are one split twice"):
        read_subjects(tmp_path)


@pytest.mark.parametrize("encoding", ["cp949", "utf-16"])
def test_csv_of_a_korean_spreadsheet(tmp_path, splits, expected, encoding):
    path = write_csv(tmp_path / "all.csv", single_file_rows(splits))
    path.write_bytes(path.read_bytes().decode().replace(",", ";").encode(encoding))
    assert read_subjects(path) == expected


def test_a_part_that_is_missing_is_named(tmp_path, splits, question_folder):
    part = question_folder / "doctor" / "test-00000-of-00002.jsonl"
    (question_folder / "doctor" / "test.jsonl").rename(part)
    for path in (question_folder, part):
        with pytest.raises(KomepError, match=r"missing \(1\):\n  test-00001-of-00002\n"):
            read_subjects(path)


@pytest.mark.parametrize("kind", ["csv", "parquet", "saved"])
def test_columns_of_other_names_are_mapped(rows_of, tmp_path, kind):
    rows = [
        {
            "문제": row["question"],
            **{f"보기{i}": row[k] for i, k in enumerate("ABCDE", 1)},
            "정답": row["answer"],
        }
        for row in rows_of(6)
    ]
    columns = {"문제": "question", "정답": "answer", "subject": "=doctor"}
    columns |= {f"보기{i}": letter for i, letter in enumerate("ABCDE", 1)}
    if kind == "saved":
        import datasets

        path = tmp_path / "saved"
        datasets.DatasetDict({"test": datasets.Dataset.from_list(rows)}).save_to_disk(str(path))
    else:
        path = (write_csv if kind == "csv" else write_parquet)(tmp_path / f"test.{kind}", rows)
    (subject,) = read_subjects(path, columns=columns)
    assert subject.name == "doctor" and len(subject.test) == 6
    assert subject.test[0].question == rows[0]["문제"]
    with pytest.raises(KomepError, match="--map 답=answer: there is no column '답'"):
        read_subjects(path, columns={"답": "answer"})
