"""What counts as English that was left over, and what as a name that stays."""

import pytest

from komep_dataset.translation.checks.registry import check_translation
from komep_dataset.translation.checks.untranslated import leftover

SOURCE = "Insulin improves sleep quality. The drug does not cross the placenta in humans."


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("인슐린은 수면의 질을 개선한다. 이 약은 태반을 통과하지 않는다.", ""),
        ("인슐린은 The drug does not cross 태반", "The drug does not cross"),
        ("인슐린은 sleep quality를 개선하고 drug는 태반을 통과한다.", "sleep … quality … drug"),
        ("인슐린은 태반을 cross하지 않는다.", "cross"),
        (
            "인슐린(insulin, the drug does not cross the placenta)은 약이다.",
            "insulin, the drug does not cross the placenta",
        ),
        ("Streptococcus pneumoniae와 HbA1c, metformin 500 mg", ""),
        ("New England Journal of Medicine에 실린 연구", ""),
        ("Treatment:\n인슐린", "Treatment"),
        (" \n", "the translation is blank"),
    ],
)
def test_leftover(target, said):
    assert leftover(SOURCE, target) == said


def test_english_beside_its_korean_warns_and_in_its_place_rejects():
    def severities(source, target):
        return [f.check.severity for f in check_translation(source, target) if f.reason == "untranslated"]

    source = "We compare two treatment groups with a large propensity model and report the risk of stroke in each of them."
    beside = "두 치료군을 대규모 성향 점수 모형 large propensity model 으로 비교하고 각 군의 뇌졸중 위험을 보고한다."
    place = "두 치료군을 a large propensity model 으로 비교하고 risk of stroke in each of them 을 보고한다."
    assert severities(source, beside) == ["warn"] and severities(source, place) == ["reject"]
    # A sentence that is left in English is in its own place, however long the rest is.
    last = " Take the tablets with food and drink plenty of water."
    assert severities(" ".join([source] * 6) + last, " ".join([beside] * 6) + last) == ["reject"]


def test_titles_and_species_of_the_source_stay():
    source = 'He wrote "The Long Way to Your Own Bed and Pillow". Bacteria such as Salmonella typhi, Vibrio cholerae, and Yersinia pestis.'
    target = '그는 "The Long Way to Your Own Bed and Pillow"를 썼다. Salmonella typhi, Vibrio cholerae, Yersinia pestis 같은 세균.'
    assert leftover(source, target) == ""
    assert leftover(
        'He said "please take the pill with water".', '그는 "please take the pill with water"라고 했다.'
    )
