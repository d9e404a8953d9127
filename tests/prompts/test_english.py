"""The English wording and the Korean one have the same names."""

from komep_dataset.prompts import english, korean

ENGLISH_ALONE = {
    "PAPER_CHECK_SYSTEM",
    "PAPER_CHECK_QUESTION",
    "TRANSLATE_SYSTEM",
    "SECOND_LOOK_SYSTEM",
    "SECOND_LOOK_ASK",
    "SCREEN_SYSTEM",
    "SCREEN_ASK",
}


def test_both_languages_have_the_same_names():
    names = [{name for name in vars(wording) if name.isupper()} for wording in (english, korean)]
    assert names[0] - ENGLISH_ALONE == names[1]
    for name in names[1]:  # as many examples, labels and words, and the same kinds
        assert type(getattr(korean, name)) is type(getattr(english, name))
        if isinstance(getattr(korean, name), tuple):
            assert len(getattr(korean, name)) == len(getattr(english, name))
