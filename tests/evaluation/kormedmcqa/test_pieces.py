"""What a reply is cut into: lines and items, sentences, clauses."""

import pytest

from evaluation.kormedmcqa import pieces
from evaluation.kormedmcqa.choices import marked, normal_form


def cut(reply: str) -> list[pieces.Line]:
    return pieces.lines(marked(normal_form(reply)))


@pytest.mark.parametrize(
    ("reply", "items"),
    [
        ("정답: B\n\n*   **A: 위염** - 아니다.\n*   **C: 장염** - 아니다.", ["", "A", "C"]),
        ("A. 위염\nB. 장염", ["A", "B"]),
        ("B. 장염\n\nA. 위염은 아니다.", ["", ""]),
        ("A\nB\nD", ["", "", ""]),
        ("1. 병력 청취\n2. 신체 진찰\n정답: B", ["A", "B", ""]),
    ],
)
def test_labels_that_go_up_make_a_list(reply, items):
    assert [line.item for line in cut(reply)] == items


@pytest.mark.parametrize(
    ("reply", "n"),
    [("### 정답\n\nC", 1), ("**정답:**\nC\n\n해설", 2), ("정답은 다음과 같습니다.\n\nC", 1), ("정답은 다음과 같습니다.\n\n1. 병력", 2), ("해설\nC", 2), ("제 답입니다.\n\nC: 천식", 1),
     ("Here is my answer:\n\nC: asthma", 1), ("The answer to this question is as follows.\nC", 1), ("제 답입니다.\n\nA: 위염, B: 장염", 2), ("제 답입니다.\n\nA: 위염\nB:", 3),
     ("Rounded to one decimal place, the closest option is:\n\nC: 3 mL", 1), ("하나를 고르면:\nB", 1), ("제 답입니다.\n\n질문 3: 위염", 2)],
)  # fmt: skip
def test_a_label_is_joined_to_what_follows_it(reply, n):
    assert len(cut(reply)) == n


@pytest.mark.parametrize(
    ("line", "parts"),
    [("그렇지 않다. 다음을 본다! 끝", 3), ("잠깐, 다시 본다", 1), ("아니다. 다음이다.", 2), ("값은 2.5 mg이다.", 1), ("3. 다음", 1)],
)  # fmt: skip
def test_sentences(line, parts):
    assert len(pieces.sentences(line)) == parts


def test_a_sentence_turns_to_another_clause():
    assert list(pieces.clauses("처음에는 그랬지만, 이제는 아니다")) == [
        ("처음에는 그랬지만", False),
        ("이제는 아니다", True),
    ]
    assert [turned for _, turned in pieces.clauses("first, but then; last")] == [False, True, True]


@pytest.mark.parametrize(
    ("line", "is_list"),
    [("① 위염 ② 장염 ③ 천식", True), ("보기: A. 위염 B. 장염 C. 천식", True), ("A는 위염, B는 장염, C는 천식", False), ("A. 위염", False), ("C. 천식 A. 위염 B. 장염", False),
     ("A: 위염, B: 장염", True), ("A: 위염, B", True), ("다음 중 옳은 것은? A. 위염 B. 장염 C.", True), ("A: 위염 (B: 장염은 아님)", False), ("A: 옳은 설명, B: 틀린 설명", False), ("A: 주식 1/2", False)],
)  # fmt: skip
def test_a_line_that_only_lists_options(line, is_list):
    assert pieces.lists_options(marked(normal_form(line))) is is_list
