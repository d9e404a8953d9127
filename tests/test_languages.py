"""Which language a text is in, and which pairs are native."""

import unicodedata

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from komep_dataset.languages import KOREAN_FONTS, is_korean, is_native, language_of, plot_fonts

KOREAN = [
    "패혈증이란?",
    unicodedata.normalize("NFD", "패혈증이란?"),
    "COPD 환자에서 FEV1/FVC는?",
    "hydroxychloroquine sulfate의 적응증은?",
    "ㄱ",
]
ENGLISH = [
    "What is sepsis?",
    "What does the Korean word 감기 mean?",
    "",
    "  ",
    "敗血症とは",
    "12 mg",
    "β-blocker",
]
MIXED = st.text(st.sampled_from("가나ㄱ\u1100a B1.,?\n\t\u00a0\x1f\u2028敗é"), max_size=30)


@pytest.mark.parametrize(("text", "language"), [(t, "ko") for t in KOREAN] + [(t, "en") for t in ENGLISH])
def test_language_of(text, language):
    assert language_of(text) == language


@given(st.lists(st.one_of(MIXED, st.text(max_size=20)), min_size=1))
@example(KOREAN + ENGLISH)
def test_the_expression_says_the_same(texts):
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})
    assert frame.select(is_korean("text")).to_series().to_list() == [language_of(t) == "ko" for t in texts]


@pytest.mark.parametrize(
    ("changes", "native"),
    [
        ({}, True),
        ({"response": "ACE", "response_ko": "ACE"}, True),  # what is Korean is decided by the question
        ({"question": "What?", "question_ko": "What?"}, False),
        ({"question_ko": None}, False),
        ({"response_ko": None}, False),
        ({"response_ko": "답 "}, False),
    ],
)
def test_is_native(changes, native):
    row = {"question": "질문은?", "question_ko": "질문은?", "response": "답", "response_ko": "답"} | changes
    assert pl.DataFrame([row], schema=dict.fromkeys(row, pl.String)).select(is_native()).item() is native


def test_a_font_that_was_installed_since_matplotlib_looked_is_found(monkeypatch):
    font_manager = pytest.importorskip(
        "matplotlib.font_manager", reason="needs the extra [recipes] or [evaluation]"
    )
    manager = font_manager.fontManager
    plot_fonts()
    there = [font for font in manager.ttflist if font.name in KOREAN_FONTS]
    files = {font.fname for font in there}  # one file has faces of several names
    monkeypatch.setattr(manager, "ttflist", [font for font in manager.ttflist if font.fname not in files])
    assert plot_fonts() == [
        "DejaVu Sans",
        *[name for name in KOREAN_FONTS if name in {f.name for f in there}][:1],
    ]
