"""What counts as English that was left over, and what as a name that stays."""

import pytest

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
