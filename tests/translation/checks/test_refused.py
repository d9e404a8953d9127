"""Refusals, and answers instead of translations."""

import pytest

from komep_dataset.translation.checks.refused import refusal


@pytest.mark.parametrize(
    ("source", "target", "refused"),
    [
        ("Aspirin inhibits platelets.", "아스피린은 혈소판을 억제한다.", False),
        ("Aspirin inhibits platelets.", "죄송합니다. 도와드릴 수 없습니다.", True),
        ("Aspirin inhibits platelets.", "I'm sorry, I cannot help.", True),
        ("I'm sorry, I don't know.", "죄송합니다. 모르겠습니다.", False),
        ("What does aspirin inhibit?", "아스피린은 혈소판을 억제한다.", True),  # answered
        ("What does aspirin inhibit?", "아스피린은 무엇을 억제하는가?", False),
        ("Describe aspirin.", "아스피린은 진통제이다.", True),
        ("Describe aspirin.", "아스피린을 설명하시오.", False),
        ("Aspirin inhibits platelets.", "아스피린을 번역해 드릴까요?", True),
        ("What does aspirin inhibit?", "Platelets.", False),  # no Korean is another check's matter
    ],
)
def test_refusals(source, target, refused):
    assert bool(refusal(source, target)) is refused
