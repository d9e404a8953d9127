"""The patterns take no longer than the text is long."""

import time

import pytest

from evaluation.kormedmcqa.robust import extract_robust

LOOPS = ("정답은 ", "A는 ", "( ", "(", "the answer is ", "B 또는 ", "아니, ", "\n", ".", "A, ", "A 아니고 ", "B로 생각했지만 ", "?\n", " : ",
         "다시 보니 ", "그러나 C가 맞다 ", "A(X), ", "A(", "A=", "(1) 위염 ", "_", "비타민 K와 ", "if the patient ", "많은 학생이 ", "A를 고르면 ")  # fmt: skip


@pytest.mark.parametrize("piece", LOOPS)
def test_long_text_takes_linear_time(piece):
    """Patterns must not blow up on what a looping model writes: 100 kB."""
    start = time.perf_counter()
    extract_robust(
        piece * (100_000 // len(piece)) + "x", ["헤파린", "인슐린", "와파린", "아스피린", "디곡신"]
    )
    assert time.perf_counter() - start < 10
