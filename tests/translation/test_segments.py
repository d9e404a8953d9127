"""Cutting texts into pieces: whatever the text, nothing of it is lost, and no piece is too large."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from komep_dataset.translation.checks.layout_changed import layout_changes
from komep_dataset.translation.segments import Kind, pieces_of, relaid, segments_of
from tests.growth import grows_with_its_size

# What texts are made of: Markdown, code, HTML, numbers, sentences, scripts, every kind of line end.
LINE_ENDS = ("\n", "\n\n", "\r\n", "\u2028", " ", "  ", "\t", ". ", "! ", "…”\n", "...")
SIGNS = ("- ", "1. ", "(a) ", "# ", "> ", "**", "__", "`", "```", "~~~\n", "|", "|---|:-:|\n", "| a | b |\n")
HTML = ("<b>", "</b>", "<!--", "&nbsp;", "https://host/a.b?c=d.")
WORDS = ("E. coli", "Dr. Smith", "e.g. sepsis", "5 mg", "37.5 °C", "Sepsis is common.", "Is it? Yes")
STRANGE = (
    "염증은 흔하다.",
    "\u1112\u1161\u11ab",
    "１２",
    "🩺",
    "\ufeff",
    "\x00",
    "x" * 50,
    "word, word; word ",
)
PARTS = st.sampled_from(LINE_ENDS + SIGNS + HTML + WORDS + STRANGE)
TEXTS = st.one_of(st.lists(PARTS, max_size=30).map("".join), st.text(max_size=60))
LIMITS = st.integers(1, 120)


@settings(max_examples=300, deadline=None)
@given(TEXTS, LIMITS, st.booleans())
@example("```\nnever closed\n  ", 5, True)
@example("`a` **b** |c|\r\n| d | `e|f` |", 7, False)
def test_pieces_that_nobody_touches_are_the_text(text, limit, across_lines):
    segments = segments_of(text)
    pieces = pieces_of(text, limit, across_lines=across_lines)
    assert "".join(segment.text for segment in segments) == text
    assert "".join(piece.text for piece in pieces) == text
    assert all(segment.text for segment in segments) and all(piece.text for piece in pieces)
    asked = [piece.text for piece in pieces if piece.translate]
    assert all(len(one) <= limit and one == one.strip() and any(map(str.isalpha, one)) for one in asked)
    if not across_lines:  # what a sentence model is sent has no line break for it to lose
        assert not any(one.splitlines()[1:] for one in asked)


@settings(max_examples=100, deadline=None)
@given(TEXTS, LIMITS)
def test_every_letter_outside_code_and_tags_is_translated(text, limit):
    """An upper-casing translator in either way of cutting; what it leaves are marks, and there are no others."""
    kept = {s.text for s in segments_of(text) if s.kind is not Kind.TEXT}
    for piece in pieces_of(text, limit, across_lines=False):
        letters = any(map(str.isalpha, piece.text))
        assert piece.translate or not letters or any(piece.text in mark for mark in kept)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_a_translation_gets_the_line_ends_markers_and_code_blocks_of_its_source_back(text):
    assert layout_changes(text, text) == "" and relaid(text, text) == text
    loose = "\n".join(line.strip() for line in text.splitlines() if line.strip())  # as a model may write it
    restored = relaid(text, loose)
    assert restored in (text, loose) and (restored == text) >= (layout_changes(text, loose) == "")


TABLE = "# Sepsis\n\n**Signs:** fever; E. coli grew (e.g. in urine). See `x = 1. 2` and <b>this</b>.\n- one. Two.\n"
TABLE += "  1. nested\n| drug | dose |\n|:---|---:|\n| aspirin | 100 mg |\n\n```py\nkeep = 'this. All'\n```\n> quoted\r\n"


def test_what_a_sentence_model_is_sent_of_markdown():
    asked = [p.text for p in pieces_of(TABLE, 500, across_lines=False) if p.translate]
    assert asked == [
        *(
            "Sepsis",
            "Signs:",
            "fever; E. coli grew (e.g. in urine). See",
            "and",
            "this",
            "one. Two.",
            "nested",
        ),
        *("drug", "dose", "aspirin", "100 mg", "quoted"),
    ]
    upper = "".join(
        p.text.upper() if p.translate else p.text for p in pieces_of(TABLE, 500, across_lines=False)
    )
    assert "**SIGNS:**" in upper and "| ASPIRIN | 100 MG |\n" in upper and "keep = 'this. All'" in upper


def test_a_long_text_breaks_between_lines_then_sentences_then_clauses_then_words():
    lines = "First line here.\nSecond line here.\nThird one."
    assert [p.text for p in pieces_of(lines, 36) if p.translate] == [
        "First line here.\nSecond line here.",
        "Third one.",
    ]
    assert [p.text for p in pieces_of("One is here. Two is there. Three.", 19) if p.translate] == [
        *("One is here.", "Two is there.", "Three.")
    ]
    clause = "when the fever is high, the culture is positive"
    assert pieces_of(clause, 30)[0].text == "when the fever is high,"
    assert pieces_of("unbroken" * 4, 10)[0].text == "unbroken"
    assert [p.translate for p in pieces_of("120/80\n- 37.5\n", 3)] == [False] * len(
        pieces_of("120/80\n- 37.5\n", 3)
    )


@pytest.mark.parametrize("part", ["a", ".", "`", "|", "* ", "> ", "<a", "word. ", "[(", "```\n", "\n", "가"])
def test_a_huge_text_takes_the_time_of_its_length(part):
    def cut(size):
        text = (part * size)[:size] + "x"
        for across_lines in (True, False):
            assert "".join(p.text for p in pieces_of(text, 2600, across_lines=across_lines)) == text
        assert layout_changes(text, text) == "" and relaid(text, text) == text

    assert grows_with_its_size(cut, 12_500)
