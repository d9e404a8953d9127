"""Refusals, and answers instead of translations."""

import pytest

from komep_dataset.translation.checks.refused import refusal, unlike


@pytest.mark.parametrize(
    ("source", "target", "refused"),
    [
        ("Aspirin inhibits platelets.", "아스피린은 혈소판을 억제한다.", False),
        ("The pain was unbearably strong that night.", "그날 밤 통증은 참을 수 없게 심했다.", False),
        ("In a sad way they need each other.", "그들은 어쩔 수 없이 서로를 필요로 한다.", False),
        ("Anyone who saw it should call the ward.", "그것을 본 사람은 병동에 연락해 주시기 바랍니다.", False),
        ("The leaflet is printed in Bulgarian.", "그 안내문은 불가리아어로 인쇄되어 있다.", False),
        ("The clinic keeps starfish in its aquarium.", "그 의원은 수족관에 불가사리를 기른다.", False),
        ("Fluids are an indispensable part of care.", "수액은 간호에 불가결한 부분이다.", False),
        ("Blood is red.", "지금은 번역이 불가합니다.", True),
        ("State funding withheld by law", "법으로 보류된 주 정부 지원금", False),  # no task
        ("Aspirin inhibits platelets.", "죄송합니다. 도와드릴 수 없습니다.", True),
        ("Aspirin inhibits platelets.", "I'm sorry, I cannot help.", True),
        ("I'm sorry, I don't know.", "죄송합니다. 모르겠습니다.", False),
        ("What does aspirin inhibit?", "아스피린은 혈소판을 억제한다.", True),  # answered
        ("What does aspirin inhibit?", "아스피린은 무엇을 억제하는가?", False),
        ("Describe aspirin.", "아스피린은 진통제이다.", True),
        ("Describe aspirin.", "아스피린을 설명하시오.", False),
        ("Aspirin inhibits platelets.", "아스피린을 번역해 드릴까요?", True),
        ("What does aspirin inhibit?", "Platelets.", False),  # no Korean is another check's matter
        (
            "What does aspirin inhibit?",
            "아스피린은 무엇을 억제하는가? 혈소판이다.",
            True,
        ),  # translated and answered
        ("Aspirin inhibits ___.", "혈소판", True),
        ("Name two salicylates.", "아스피린, 살살레이트", True),
        ("Blood is red.", "지금은 그 일을 할 수 없습니다.", True),  # nothing is denied in the source
        ("Blood cannot clot.", "혈액은 응고될 수 없다.", False),
        ("Blood is red.", "다른 문장을 보내 주시겠어요?", True),  # nobody is spoken to in the source
        ("It is hoped that the ward opens soon.", "병동이 곧 열리기를 바랍니다.", False),
        ("State Hospital nurses voted for a strike.", "주립병원 간호사들은 파업에 찬성했다.", False),
        ("I kept asking, will it ever heal?", "나는 그것이 과연 나을까 하고 계속 물었다.", False),
        ("Could you send another sentence?", "다른 문장을 보내 주시겠어요?", False),
    ],
)
def test_refusals(source, target, refused):
    assert bool(refusal(source, target)) is refused


def test_a_text_that_has_nothing_of_its_source_is_no_translation():
    source = "In 2014 the WHO counted 28,600 cases, 11,300 deaths and 881 infected nurses."
    other = "그 극장은 지난주에 새로운 연극을 무대에 올려 관객에게서 큰 호응을 얻었다고 한다."
    assert "next to nothing" in unlike(source, other)
    korean = "2014년에 WHO는 28,600건, 사망 11,300명, 감염된 간호사 881명을 집계하였다."
    assert unlike(source, korean) == unlike("It rains today.", other) == unlike(source, "") == ""


def test_a_question_that_its_translation_asks_or_tells_is_no_refusal():
    for source, target in (
        ("If it was the flu, wouldnt the syrup have helped?", "독감이었다면 시럽이 효과가 있지 않았을까요?"),
        ("Any thoughts on ginger tea for a cold?", "감기에 생강차를 마시는 것은 어떨까요?"),
        ("I am writing to check if a dry nose is a sign of a cold?", "코가 마르는 것이 감기의 증상인지 확인하려고 씁니다."),
        ("Is it a cold? Could be since my son has one but I dont know?", "감기일까요? 아들이 걸려서 그럴 수도 있는데 잘 모르겠어요."),
    ):  # fmt: skip
        assert refusal(source, target) == "", target
    assert refusal("Which drug helps in a cold?", "아세트아미노펜이 도움이 된다.")
    assert refusal("Which drug helps in a cold?", "어떤 문장을 옮겨 드릴까요?")
