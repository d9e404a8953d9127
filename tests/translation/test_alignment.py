"""Sentences of a text and its translation, found for each other. The texts were written for this project."""

import pytest

from komep_dataset.translation.alignment import aligned, beside, english_sound
from komep_dataset.translation.glossary import read_glossary
from tests.growth import grows_with_its_size

SOURCE = [
    "Mr. Carter, a retired teacher from Boston, came to the clinic in March with a cough that had lasted six weeks.",
    "Dr. Helen Novak ordered a CT scan and found a nodule of 12 mm in the upper lobe.",
    "He had smoked for 30 years, but stopped when his first grandchild was born.",
    "The biopsy showed no cancer, and the family was relieved.",
    "She recommended another scan after 3 months.",
]
TARGET = [
    "보스턴에 사는 은퇴한 교사 카터 씨는 6주 동안 계속된 기침으로 3월에 진료소를 찾았다.",
    "헬렌 노박 박사는 CT를 찍게 했고 위엽에서 12 mm 크기의 결절을 발견했다.",
    "그는 30년간 담배를 피웠지만 첫 손주가 태어났을 때 끊었다.",
    "조직검사에서 암은 나오지 않았고 가족은 안도했다.",
    "박사는 3개월 뒤에 다시 촬영하라고 권했다.",
]


def beads(source, target):
    return aligned(" ".join(source), " ".join(target), read_glossary())


def test_whole():
    found = beads(SOURCE, TARGET)
    assert [(bead.source, bead.target) for bead in found] == [
        ((s,), (t,)) for s, t in zip(SOURCE, TARGET, strict=True)
    ]
    assert all(bead.surety > 0.5 for bead in found)


@pytest.mark.parametrize("lost", [1, 2])
def test_lost(lost):
    found = beads(SOURCE, TARGET[:lost] + TARGET[lost + 1 :])
    assert [bead.source for bead in found if not bead.target] == [(SOURCE[lost],)]
    assert all(bead.surety > 0.5 for bead in found)


def test_added():
    added = "이 번역은 참고용이며 정확하지 않을 수 있으니 원문을 확인하시기 바랍니다."
    found = beads(SOURCE, [*TARGET, added])
    assert [bead.target for bead in found if not bead.source] == [(added,)]


def test_one_sentence_in_two_and_two_in_one():
    split = [
        *TARGET[:1],
        "헬렌 노박 박사는 CT를 찍게 했다.",
        "그리고 위엽에서 12 mm 크기의 결절을 발견했다.",
        *TARGET[2:],
    ]
    assert [len(bead.target) for bead in beads(SOURCE, split)] == [1, 2, 1, 1, 1]
    joined = [*TARGET[:3], TARGET[3].replace("안도했다.", "안도했지만,") + " " + TARGET[4]]
    assert [len(bead.source) for bead in beads(SOURCE, joined)] == [1, 1, 1, 2]


def test_a_refusal_is_no_translation_and_nothing_is_nothing():
    refusal = "죄송하지만 이 요청은 도와드릴 수 없습니다."
    [bead] = [bead for bead in aligned(SOURCE[1], refusal) if bead.source]
    assert not bead.target or bead.surety < 0.5
    assert aligned("", "") == []
    assert [bead.source for bead in aligned("", refusal)] == [()]


@pytest.mark.parametrize(
    ("name", "korean"),
    [("Trump", "트럼프"), ("Carter", "카터"), ("Washington", "워싱턴"), ("Cambridge", "케임브리지"), ("Smith", "스미스"), ("Philadelphia", "필라델피아")],
)  # fmt: skip
def test_names_sound_alike(name, korean):
    [bead] = aligned(f"Yesterday {name} left.", f"어제 {korean}가 떠났다.")
    assert bead.surety > aligned(f"Yesterday {name} left.", "어제 고래가 떠났다.")[0].surety, english_sound(
        name
    )


def test_a_long_text_in_the_time_of_its_length():
    assert grows_with_its_size(lambda times: beads(SOURCE * times, TARGET * times), 10)


def test_a_sentence_more_at_an_end_is_told_from_one_that_is_split():
    source = "Aspirin inhibits the aggregation of platelets in most adults."
    korean = "아스피린은 대부분의 성인에서 혈소판의 응집을 억제한다."
    first, last = beside(source, f"{korean} 위장에 부담을 주는 일은 드물다고 알려져 있다.")
    assert last > 2.5 and last > first
    assert max(beside(source, "아스피린은 혈소판의 응집을 억제한다. 대부분의 성인에서 그렇다.")) < 0
    assert beside(source, korean) == beside("", "") == (-99.0, -99.0)
