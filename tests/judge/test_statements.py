"""Statements whose truth is known, from files."""

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.judge.statements import label_of, read_statements, sample_statements


def test_a_bad_question_in_a_file_of_labels_is_named(tmp_path):
    path = tmp_path / "s.jsonl"
    path.write_text('{"text": "a", "label": true, "language": "en", "category": "c", "question": 3}\n')
    with pytest.raises(KomepError, match=r"s\.jsonl:1: .*question is text"):
        read_statements(path)


def test_the_shipped_statements_are_balanced_and_bilingual():
    statements = read_statements(sample_statements())
    for language in ("en", "ko"):
        labels = [s.label for s in statements if s.language == language]
        assert labels.count(True) == labels.count(False) > 0


@pytest.mark.parametrize(
    "line", ['{"text": "a"}', '{"text": "a", "label": "true", "language": "en", "category": "c"}', "3", "{"]
)
def test_a_line_that_is_no_statement_is_named(tmp_path, line):
    (tmp_path / "s.jsonl").write_text(f"\n{line}\n")
    with pytest.raises(KomepError, match=r"s\.jsonl:2: no labelled statement"):
        read_statements(tmp_path / "s.jsonl")


def test_statements_from_a_spreadsheet(tmp_path):
    lines = "text;label;language;category\r\n인슐린은 혈당을 낮춘다.;TRUE;ko;c\r\nInsulin raises it.;false;en;c\r\n"
    (tmp_path / "s.csv").write_bytes(lines.encode("cp949"))
    said = [(s.text, s.label, s.question) for s in read_statements(tmp_path / "s.csv")]
    assert said == [("인슐린은 혈당을 낮춘다.", True, None), ("Insulin raises it.", False, None)]
    (tmp_path / "s.csv").write_text("text,label,language,category\nInsulin raises it.,perhaps,en,c\n")
    with pytest.raises(KomepError, match=r"s\.csv:2: no labelled statement"):
        read_statements(tmp_path / "s.csv")


def test_labels_as_sets_write_them():
    assert [label_of(said) for said in (True, "True", "false", False, None)] == [
        True,
        True,
        False,
        False,
        None,
    ]
    assert label_of("unknown", "unknown") is None
    with pytest.raises(ValueError, match="'perhaps' is no label"):
        label_of("perhaps", "unknown")


def test_statements_under_other_names_and_of_one_language(tmp_path):
    (tmp_path / "s.csv").write_text("문장,정답\n인슐린은 혈당을 낮춘다.,참\n인슐린은 혈당을 높인다.,거짓\n")
    with pytest.raises(
        KomepError,
        match=r"s\.csv:2: no labelled statement \(no column text, label, language, category; .* --map 문장=text; .* --map 정답=label",
    ):
        read_statements(tmp_path / "s.csv")
    columns = {"문장": "text", "정답": "label", "language": "=ko", "category": "=내분비"}
    found = read_statements(tmp_path / "s.csv", columns)
    assert [(s.label, s.language, s.category) for s in found] == [
        (True, "ko", "내분비"),
        (False, "ko", "내분비"),
    ]
