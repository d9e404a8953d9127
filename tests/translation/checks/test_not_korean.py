"""Scripts that a Korean text does not have, and how much of it must be Hangul."""

import pytest

from komep_dataset.translation.checks.not_korean import no_hangul, wrong_script

LONG = "The patient has a human immunodeficiency virus infection."


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("Fever is common.", "열은 흔하다.", ""),
        ("Fever is common.", "発熱はよくある。", "'発熱はよくある' is no Hangul"),
        ("Fever is common.", "열(熱)은 흔하다.", ""),  # Hanja behind its word
        ("The sign 熱 means fever.", "熱이라는 글자는 열을 뜻한다.", ""),
        ("Fever is common.", "Yeoreun heunhada.", "no Hangul, and 'Yeoreun heunhada' is not in the source"),
        ("Fever is common.", "Fever is common.", "0% of its letters are Hangul"),
        ("Give HIV drugs.", "HIV: AZT, 3TC", ""),  # abbreviations count for nothing
    ],
)
def test_scripts(source, target, said):
    assert wrong_script(source, target) == said


def test_a_text_of_some_length_has_some_hangul():
    assert no_hangul(LONG, "HIV") == "it has no Hangul"
    assert no_hangul("HIV infection", "HIV") == ""
    assert no_hangul(LONG, "환자: HIV") == ""
    assert no_hangul(LONG, LONG) == "" != wrong_script(LONG, LONG)  # which says more


def test_a_name_in_small_letters_that_stands_alone_is_no_english():
    assert wrong_script("Can I mix paracod and flunix?", "paracod와 flunix를 섞어도 되나요?") == ""
    assert wrong_script("fever, rash, paracod, flunix, kolmex", "fever, rash, paracod, flunix, kolmex 등")
    assert wrong_script("Can I mix honey and water?", "honey와 water를 mix 해도 되나요?")
