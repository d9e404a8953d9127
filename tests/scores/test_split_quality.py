"""The figures of a split, and what they say of planted faults. All sentences are written for this project."""

import pytest

from komep_dataset.scores.split_quality import (
    SplitQuality,
    is_fragment,
    lost_conditions,
    points_outside,
    quality_of,
    rated,
)
from tests.growth import grows_with_its_size

ANSWER = (
    "In type 2 diabetes, metformin comes first unless the eGFR is below 30. It is started at 500 mg a day. "
    "Nausea is common. Ask your doctor."
)
UNITS = [
    "In type 2 diabetes, metformin comes first unless the eGFR is below 30.",
    "Metformin is started at 500 mg a day.",
    "Nausea is common with metformin.",
]
KOREAN = (
    "이부프로펜은 성인에서만 하루 1200 mg까지 쓴다. 위궤양이 있는 경우에는 쓰지 않는다. 흔히 속쓰림이 생긴다."
)
KOREAN_UNITS = [
    "이부프로펜은 성인에서만 하루 1200 mg까지 쓴다.",
    "이부프로펜은 위궤양이 있는 경우에는 쓰지 않는다.",
    "이부프로펜을 쓰면 흔히 속쓰림이 생긴다.",
]


@pytest.mark.parametrize(
    ("answer", "units", "nothing"), [(ANSWER, UNITS, ["Ask your doctor."]), (KOREAN, KOREAN_UNITS, [])]
)
def test_a_good_split_covers_all_and_loses_nothing(answer, units, nothing):
    found = quality_of(answer, units, nothing)
    assert found.covered == found.words > 8 and found.conditions >= 3
    assert (found.answers, found.units, found.unverifiable) == (1, 3, len(nothing))
    assert (found.pronouns, found.fragments, found.lost) == (0, 0, 0)


def test_each_fault_moves_its_own_figure():
    good = quality_of(ANSWER, UNITS)
    dropped = quality_of(ANSWER, UNITS[:2])
    assert dropped.covered < good.covered and dropped.lost == 0
    bare = quality_of(ANSWER, [UNITS[0].replace(" unless the eGFR is below 30", ""), *UNITS[1:]])
    assert (bare.lost, bare.pronouns) == (3, 0)  # unless, below, 30
    pointing = quality_of(ANSWER, [UNITS[0], UNITS[1].replace("Metformin", "It"), UNITS[2]])
    assert (pointing.pronouns, pointing.lost, pointing.fragments) == (1, 0, 0)
    cut = quality_of(ANSWER, [*UNITS[:2], "Nausea of metformin"])
    assert (cut.fragments, cut.pronouns) == (1, 0)
    assert [one.kind for one in lost_conditions(KOREAN, [KOREAN_UNITS[0].replace("만", "")])] == ["만"]


def test_many_answers_are_told_in_a_line_with_the_first_condition_that_is_lost():
    total, told = rated(
        [(ANSWER, UNITS, []), (KOREAN, ["이부프로펜은 흔히 속쓰림이 생긴다."], []), ("", [], [])]
    )
    assert total.answers == 2 and total == quality_of(ANSWER, UNITS) + quality_of(
        KOREAN, ["이부프로펜은 흔히 속쓰림이 생긴다."]
    )
    assert told.startswith("split: ") and "% of conditions, numbers and populations are" in told
    total, told = rated([(ANSWER, ["Metformin is started at a dose a day."], [])])
    assert told.endswith(", first '500' of 'It is started at 500 mg a day.'") and total.lost == 1
    assert rated([]) == (SplitQuality(), "")


def test_counts_add_up_and_shares_of_nothing_are_none():
    one, two = quality_of(ANSWER, UNITS), quality_of(KOREAN, KOREAN_UNITS)
    both = one + two
    assert (both.answers, both.units, both.words) == (2, 6, one.words + two.words)
    assert both.shares()["pronouns"] == 0 and set(SplitQuality().shares().values()) == {None}
    assert quality_of(ANSWER, []) == SplitQuality() and str(SplitQuality()) == ""
    assert str(both).startswith("95.2% of the answers' content words are in units; 0.0% of units")


@pytest.mark.parametrize(
    ("unit", "points"),
    [
        ("It lowers glucose.", True),
        ("  they are given by mouth", True),
        ("This drug lowers fever.", True),
        ("Its side effects are rare.", True),
        ("In 1918, he was born in Seoul.", True),
        ("When it is taken early, pain ends.", True),
        ("Some of them are toxic.", True),
        ("However, they may bleed.", True),
        ("It is used to treat gout.", True),
        ("Such exposure is harmful.", True),
        ("이것은 호르몬이다.", True),
        ("그 약은 안전하다.", True),
        ("1918년에 그는 태어났다.", True),
        ("또한, 그녀의 작품은 유명하다.", True),
        ("해당 인물은 의사이다.", True),
        ("이는 통증을 줄인다.", True),
        ("이뇨제는 소변량을 늘린다.", False),
        ("Itraconazole treats fungal infections.", False),
        ("Hepatitis B is a viral disease.", False),
        ("Iron is a metal.", False),
        ("It is important to rest.", False),
        ("It's illegal to sell it.", False),
        ("It takes two weeks to heal.", False),
        ("Those with asthma should avoid aspirin.", False),
        ("Aspirin thins blood when it is taken.", False),
        ("This Mortal Coil was a band.", False),
        ("Such as it was, no.", False),
        ("이식은 수술이다.", False),
        ("그람음성균은 세균이다.", False),
        ("이부프로펜은 그 자체로 안전하다.", False),
        ("", False),
    ],
)
def test_units_that_point_outside_themselves(unit, points):
    assert points_outside(unit) is points


@pytest.mark.parametrize(
    ("unit", "fragment"),
    [
        ("Side effects of aspirin", True),
        ("Nausea and vomiting", True),
        ("Hillary Scott.", True),
        ("Patients with severe asthma", True),
        ("A suite of tools for managing data", True),
        ("오심과 구토", True),
        ("이부프로펜의 부작용.", True),
        ("다음", True),
        ("", True),
        ("Insulin lowers blood glucose.", False),
        ("Antibiotics kill bacteria.", False),
        ("Penicillin was discovered in 1928.", False),
        ("Fleming discovered penicillin.", False),
        ("Statins work in the liver.", False),
        ("The drug stays in the body.", False),
        ("Take it with food.", False),
        ("It hurts.", False),
        ("Gout hurts.", False),
        ("The omentum extends from the stomach to the bladder.", False),
        ("Oral bacteria ferment sugar into acid.", False),
        ("If bleeding continues, seek help.", False),
        ("Factor V and factor VIII permit the clot to form.", False),
        ("인슐린은 혈당을 낮춘다.", False),
        ("아스피린을 복용하세요.", False),
        ("흔한 부작용은 오심임", False),
        ("부작용은 오심이다 (흔함).", False),
    ],
)
def test_units_without_a_predicate(unit, fragment):
    assert is_fragment(unit) is fragment


@pytest.mark.parametrize("sign", ["\n", " ", "(", "()", ", ", "a", "가 ", "as it ", "ss ", "it is "])
def test_time_grows_with_the_length_of_a_unit(sign):
    def work(size):
        text = (sign * size)[:size]
        points_outside(text), is_fragment(text), quality_of("Gout hurts.", [text])

    assert grows_with_its_size(work, 2_000)
