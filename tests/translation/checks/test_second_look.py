"""The check that a model does: its name is among the reasons, its words among those that a translator is told."""

from komep_dataset.translation.checks.registry import check_translation, wordings
from komep_dataset.translation.checks.second_look import SECOND_LOOK


def test_it_is_a_reason_and_no_rule():
    assert wordings()["second_look"] == SECOND_LOOK.told
    assert "second_look" not in [f.reason for f in check_translation("Fever.", "참고로 이 글은 다른 글이다.")]
