"""Which language a text is in, and which pairs are native."""

import unicodedata

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from komep_dataset.languages import (
    KOREAN_FONTS,
    is_foreign,
    is_foreign_text,
    is_korean,
    is_native,
    korean_texts,
    language_of,
    plot_fonts,
)

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


FOREIGN = [
    "Aspirin relieves pain.",
    "Organ failure.",
    "Pain and fever.",
    "English x a",
    "What is it?",
    "English text a",
    "This patient has 충수염 and needs urgent surgery.",
    "敗血症とは何ですか",
    "Аспирин снимает боль",
]
# Names, numbers, abbreviations and terms are the same in both languages.
UNDECIDED = [
    "Metformin 500 mg",
    "metformin",
    "metformin, glipizide",
    "ECG",
    "acute appendicitis",
    "type 2 diabetes mellitus",
    "activated partial thromboplastin time(aPTT)",
    "10 gtt/min",
    "12 mg",
    "12.5 mg/kg",
    "pH 7.4, pCO2 40 mmHg",
    "β-blocker",
    "i.v. heparin",
    "Staphylococcus aureus",
    "carcinoma in situ",
    "Tetralogy of Fallot",
    "Chest X-ray and ECG",
    "Metformin 500 mg PO bid 투여",
    "약물: metformin 500 mg bid, empagliflozin 10 mg daily, aspirin 100 mg daily",
    "답 Answer a tf b",
    "=1+1 </script><img src=x onerror=alert(1)> 왜?",
    "변형근치경부청소술(modified radical neck dissection)",
    "",
    " ",
]


@pytest.mark.parametrize(
    ("text", "foreign"), [(t, True) for t in FOREIGN] + [(t, False) for t in UNDECIDED + KOREAN]
)
def test_a_text_is_foreign_where_more_than_names_is_in_it(text, foreign):
    assert is_foreign_text(text) is foreign


@given(st.lists(st.one_of(MIXED, st.text(max_size=20)), min_size=1))
@example(FOREIGN + UNDECIDED + KOREAN)
def test_the_expression_of_foreign_texts_says_the_same(texts):
    frame = pl.DataFrame({"text": [*texts, None]}, schema={"text": pl.String})
    assert frame.select(is_foreign("text")).to_series().to_list() == [*map(is_foreign_text, texts), None]


@pytest.mark.parametrize("text", ["cef" * 300_000 + "-", "a" * 1_000_000 + "A", "a-" * 500_000 + "1"])
def test_a_text_of_a_megabyte_is_read_in_a_moment(text):
    """Without quadratic time, which would last for hours."""
    is_foreign_text(f"{text} {text}")


@pytest.mark.parametrize(
    ("question", "response", "given", "korean"),
    [
        ("질문은?", "답입니다", (None, None), ("질문은?", "답입니다")),
        ("질문은?", "ECG", (None, None), ("질문은?", "ECG")),
        ("질문은?", "It is an answer.", (None, None), ("질문은?", None)),
        ("질문은?", " ", ("", ""), ("질문은?", None)),
        ("질문은?", "Metformin 500 mg", ("물음은?", None), ("물음은?", "Metformin 500 mg")),
        ("What?", "ECG", (None, None), (None, None)),
        ("What?", "답입니다", (None, None), (None, "답입니다")),
        ("What?", "ECG", ("Was?", "EKG"), ("Was?", "EKG")),  # as it is given
    ],
)
def test_the_korean_texts_of_a_row(question, response, given, korean):
    row = dict(
        zip(("question", "response", "question_ko", "response_ko"), (question, response, *given), strict=True)
    )
    frame = pl.DataFrame([row], schema=dict.fromkeys(row, pl.String))
    assert frame.select(korean_texts(names=True)).row(0) == korean
    by_script = korean if korean[1] in (given[1], "답입니다") else (korean[0], None)
    assert frame.select(korean_texts()).row(0) == by_script  # as a table that `komep build` reads


@pytest.mark.parametrize(
    ("changes", "native"),
    [
        ({}, True),
        ({"response": "ACE", "response_ko": "ACE"}, True),  # names are in the language of their question
        ({"response": "It is a cold.", "response_ko": "It is a cold."}, False),
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
