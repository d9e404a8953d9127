"""The worked examples of the Korean wording stand alone."""

from komep_dataset.prompts import korean


def test_korean_worked_examples_repeat_the_subject():
    for _, facts in korean.SPLIT_EXAMPLES:
        lines = facts.split("\n")
        assert len(lines) >= 2 and all(line.endswith("다.") for line in lines)
        # every fact of an example is about the same thing, and every line names it
        assert any(all(word in line for line in lines) for word in ("이부프로펜", "통풍", "인슐린"))
