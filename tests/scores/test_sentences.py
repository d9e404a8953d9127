"""Where Korean sentences end, and what is dropped of one that was cut off."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from komep_dataset.errors import KomepError
from komep_dataset.languages import language_of
from komep_dataset.schema import Response
from komep_dataset.scores import sentences as korean_sentences
from komep_dataset.scores.scoring import (
    text_to_split,
)
from komep_dataset.scores.sentences import count_sentences, drop_fragment


@pytest.mark.slow  # loads the analyser
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("혈당을 낮춘다. 인슐린은 췌장에서 만들어", "혈당을 낮춘다."),
        ("혈당을 낮춘다. 인슐린은 췌장에서 만들어진다", "혈당을 낮춘다. 인슐린은 췌장에서 만들어진다"),
        ("치료는 항생제입니다 추가로 수액을", "치료는 항생제입니다"),  # no mark, and yet an end
        ("혈당을 낮춤. 열을 내리는 작용을 함", "혈당을 낮춤. 열을 내리는 작용을 함"),
        ("열을 내리는 작용을 함으로써", ""),
        ("통증에 좋아요 열에는", "통증에 좋아요"),
        ("하루 3.5 mg을 투여합니다. 이후 2.5", "하루 3.5 mg을 투여합니다."),
        ("원인은 다음과 같습니다. 1. 흡연 2.", "원인은 다음과 같습니다."),
        ("- 발열\n- 기", "- 발열"),
        ("투여합니다(단, 예외가", "투여합니다"),
        ("증상이 나타나", ""),
        (
            "2. 췌장에서 만들주사로 투여한다 2. 혈당을 낮춘다. 췌장에서 만들",
            "2. 췌장에서 만들주사로 투여한다 2. 혈당을 낮춘다.",
        ),
    ],
)
def test_a_korean_fragment_is_dropped(text, kept):
    assert drop_fragment(text) == kept


@pytest.mark.slow
def test_korean_sentences_are_counted_without_marks():
    assert count_sentences("인슐린이 혈당을 낮춘다 인슐린은 주사로 투여한다") == 2


@pytest.mark.slow
@settings(max_examples=40)
@given(
    st.lists(
        st.sampled_from(["혈당을 낮춘다. ", "주사로 투여한다 ", "췌장에서 만들", "\n", "ACE ", "2. "]),
        max_size=8,
    )
)
def test_what_is_kept_is_a_beginning_and_nothing_whole_is_dropped(parts):
    text = "".join(parts)
    kept = drop_fragment(text)
    assert text.startswith(kept)
    assert not re.search(r"다\.|\n", text[len(kept) :].strip())  # nothing that has an end is dropped


def test_without_kiwipiepy_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(
        korean_sentences, "kiwi", korean_sentences.kiwi.__wrapped__
    )  # not the one that is loaded
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(KomepError, match=r"kiwipiepy.*komep\[llm\]"):
        drop_fragment("혈당을 낮춘다. 인슐")


def test_an_answer_that_was_cut_off_loses_its_korean_fragment():
    row = Response(
        "00000000ffffffff",
        "m",
        "질문은?",
        "c",
        "치료는 항생제입니다 추가로 수액을",
        "chat",
        0.6,
        0.9,
        8,
        0,
        "length",
        1,
        8,
    )
    assert text_to_split(row) == "치료는 항생제입니다"
    assert text_to_split(row, "paper") == row.response


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("One. Two. Thr", "One. Two."),
        ("One. Two.", "One. Two."),
        ("A dose of 3.5 mg. Then 2.5 m", "A dose of 3.5 mg."),
        ('He said "no." And th', 'He said "no."'),
        ("통풍은 관절염이다. 요산이", "통풍은 관절염이다."),
        ("- first\n- sec", "- first"),
        ("no end", ""),
        ("", ""),
    ],
)
def test_drop_fragment(text, kept):
    assert drop_fragment(text) == kept


@given(st.text(max_size=200).filter(lambda text: language_of(text) == "en"))
def test_dropping_a_fragment_gives_a_beginning_and_leaves_no_whole_sentence_behind(text):
    kept = drop_fragment(text)
    assert text.startswith(kept)
    assert not re.search(r"[.!?。…](\s|$)|\n", text[len(kept) :].strip())
