"""The paper's cascade and exact match, against lm-evaluation-harness's own code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.api.metrics import exact_match_hf_evaluate
from lm_eval.tasks.kormedmcqa.utils import extract_choice

from evaluation.kormedmcqa.extraction import exact_match, extract_paper, gold_letter

LISTED = [
    ("정답: B", "B"),
    ("정답：B. 이는 A. 와 다르다", "A"),  # the full-width colon is missed: a defect that is kept
    ("정답은 B 입니다", "B"),
    ("정답은 B이다", ""),
    ("정답은 B번", ""),
    ("B입니다", ""),
    ("needs a biopsy", "A"),
    ("비타민 D 결핍", "D"),
    ("정답: A 정답: c", "C"),
    ("A. 폐렴 B. 천식", "B"),
    ("", ""),
]
PIECES = [
    "정답",
    "정답:",
    "정답：",
    "정답은",
    "입니다",
    " ",
    "\n",
    ".",
    "A",
    "b",
    "C.",
    "d",
    "E",
    "F",
    "가",
    "번",
    "(",
    ")",
    "1",
]
TEXT = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
HARNESS = {"regexes_to_ignore": [" ", "\n"], "ignore_case": True, "ignore_punctuation": True}


@pytest.mark.parametrize(("text", "letter"), LISTED)
def test_cascade_on_known_replies(text, letter):
    assert extract_paper(text) == letter == extract_choice(text)


@given(TEXT)
def test_cascade_is_the_harness_own(text):
    assert extract_paper(text) == extract_choice(text)


@given(
    TEXT.filter(lambda text: "\0" not in text), st.sampled_from("ABCDE")
)  # numpy strings drop trailing NULs
def test_exact_match_is_the_harness_own(text, answer):
    harness = exact_match_hf_evaluate(np.array([text]), np.array([answer]), **HARNESS)
    assert exact_match(text, answer) == bool(harness["exact_match"])


@pytest.mark.parametrize(
    ("reference", "letter"), [(1, "A"), (5, "E"), ("2", "B"), ("c", "C"), (" D ", "D"), (np.int64(3), "C")]
)
def test_gold_letter(reference, letter):
    assert gold_letter(reference) == letter


@pytest.mark.parametrize("reference", [0, 6, "F", "", "AB", "12", None, True, 2.0])
def test_gold_letter_refuses(reference):
    with pytest.raises(ValueError, match="A to E or a number 1 to 5"):
        gold_letter(reference)
