"""The Korean wording: a name for each of the English ones, and worked examples that stand alone."""

from komep_dataset.prompts import english, korean

ENGLISH_ALONE = {"PAPER_CHECK_SYSTEM", "PAPER_CHECK_QUESTION", "TRANSLATE_SYSTEM"}


def test_both_languages_have_the_same_names():
    names = [{name for name in vars(wording) if name.isupper()} for wording in (english, korean)]
    assert names[0] - ENGLISH_ALONE == names[1]
    for name in names[1]:  # as many examples, labels and words, and the same kinds
        assert type(getattr(korean, name)) is type(getattr(english, name))
        if isinstance(getattr(korean, name), tuple):
            assert len(getattr(korean, name)) == len(getattr(english, name))


def test_korean_worked_examples_repeat_the_subject():
    for _, facts in korean.SPLIT_EXAMPLES:
        lines = facts.split("\n")
        assert len(lines) >= 2 and all(line.endswith("다.") for line in lines)
        # every fact of an example is about the same thing, and every line names it
        assert any(all(word in line for line in lines) for word in ("이부프로펜", "통풍", "인슐린"))
