"""JSON, lists of ticks and arrows as text."""

import pytest

from evaluation.kormedmcqa.layouts import json_as_text, lists_as_text


@pytest.mark.parametrize(
    ("reply", "stated"),
    [
        ('{"answer": "B", "others": [{"option": "C"}]}', "정답: B"),
        ('{"answer_letter": "B", "answer_text": "수액"}', "정답: B"),
        ('{"first_answer": "A", "final_answer": "C"}', "정답: C"),
        ('답:\n```json\n[{"no": 1, "correct": false}, {"no": 2, "correct": true}]\n```', "정답: 2"),
        ('{"A": false, "B": true}', "정답: B"),
        ('{"answer": null, "considered": ["A"]}', ""),
        ('[{"no": 1, "correct": true}, {"no": 2, "correct": true}]', ""),
    ],
)
def test_the_answer_of_json(reply, stated):
    assert json_as_text(reply).strip().rpartition("\n")[2] == stated


@pytest.mark.parametrize(
    "reply", ['{"option": "B"', '{"considered": ["A", "B"]}', "{A}", "[" * 100_000, "정답: B"]
)
def test_what_is_no_json_with_an_answer_stays(reply):
    assert json_as_text(reply) == reply


@pytest.mark.parametrize(
    ("reply", "verdicts"),
    [
        ("A ❌ B ✅ C ❌", "XOX"),
        ("❌ A ✅ B ❌ C", "XOX"),
        ("☐ A ☑ B ☐ C", "XOX"),
        ("[ ] A [x] B [ ] C", "XOX"),
        ("○ A ● B ○ C", "XOX"),
        ("A ✕\nB ○\n\nC ✕", "XOX"),
        ("| A | ✗ | 빈맥 |\n| B | ✓ | 서맥 |\n| C | ✗ | 발열 |", "XOX"),
        ("A ✅ B ✅ C ❌", "OOX"),
    ],
)
def test_a_list_of_ticks_has_one_verdict_a_line(reply, verdicts):
    lines = lists_as_text(reply).split("\n")
    assert [(line[0], line[-2]) for line in lines] == list(zip("ABC", verdicts, strict=True))


@pytest.mark.parametrize(
    "reply", ["A ✅ B ✅ C ✅", "A ✅ B ✅ C ❌ D ❌", "C ✅ A ❌", "2 × 3 × 4", "A형 ❌ B형 ✅", "A ✅"]
)
def test_what_singles_no_option_out_stays(reply):
    assert lists_as_text(reply) == reply


def test_an_arrow_behind_an_option_is_a_field():
    assert "정답: B" in lists_as_text("A. 위염\nB. 장염 ← 정답\nC. 천식")
    for reply in ("B. 장염 ← 오답", "B. 장염 → 정답이 아님", "정답 → B", "A → 정답은 C"):
        assert lists_as_text(reply) == reply
