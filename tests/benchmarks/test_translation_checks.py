"""Real translations as the measurement reads them."""

import pytest

from benchmarks.translation_checks import HALVES, descriptions, good_rows, half_of

ENGLISH = """Package: fever-chart
Description-md5: 0a1b
Description-en: charts of fever
 The chart shows the temperature of a
 patient by the hour.
 .
  * a list
 .
 Its pages are kept at https://charts.example for a year.

Package: other
Description-md5: 2c3d
Description-en: another
 Nobody has translated this paragraph into Korean.
"""
KOREAN = """Package: fever-chart
Description-md5: 0a1b
Description-ko: 열 도표
 이 도표는 환자의 체온을 시간마다 보여 주는데 한 줄이 꽉 차면 낱말의 가운데에서 줄이 바
 뀐다.
 그다음 줄은 빈칸으로 이어진다.
 .
  * 목록
 .
 그 쪽은 일 년 동안 https://charts.example 에 있다.
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "Translation-en").write_text(ENGLISH, "utf-8")
    (tmp_path / "Translation-ko").write_text(KOREAN, "utf-8")
    return tmp_path


def test_paragraphs_of_two_languages_are_paired_and_their_lines_joined(folder):
    (row,) = descriptions(folder, "both")
    assert row.source == "The chart shows the temperature of a patient by the hour."
    assert row.target.endswith("줄이 바뀐다. 그다음 줄은 빈칸으로 이어진다.")
    other = next(half for half in HALVES if half != half_of(row.source))
    assert descriptions(folder, other) == []


def test_files_of_a_translation_a_line_are_a_material(tmp_path):
    (tmp_path / "ward.en").write_text("One.\nTwo.\nThree.\nFour.\n", "utf-8")
    (tmp_path / "ward.ko").write_text("하나.\n둘.\n셋.\n넷.\n", "utf-8")
    rows = good_rows(tmp_path, "both")
    assert [row.material for row in rows] == ["ward lines"] * 4 + ["ward passages"]
    assert rows[-1].target == "하나. 둘. 셋. 넷."
