"""The bounds of length, which come from good pairs, and what is unfinished within them."""

import pytest

from komep_dataset.translation.checks import truncated
from tests.real_data import needs_data
from tests.translation.checks import confusion


@needs_data("ntrex_en_ko", "openehr_en_ko", "tico19_terms")
def test_the_length_bounds_are_those_of_the_rule():
    table = confusion.bounds()
    print("\n" + confusion.render_bounds())
    assert [row[2] for row in table] == list(truncated.LOWEST)
    assert [row[3] for row in table] == list(truncated.HIGHEST)


SOURCE = "Aspirin inhibits platelets (thrombocytes). It is a drug. It is given by mouth."
GOOD = "아스피린은 혈소판(트롬보사이트)을 억제한다. 그것은 약이다. 입으로 투여한다."


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (GOOD, ""),
        ("약.", "1 letters for"),
        (GOOD[:-4] + "을", "its last sentence is unfinished"),
        (GOOD[:-1] + "...", "it ends in"),
        (GOOD.replace(")", ""), "a bracket stays open"),
        (GOOD.replace("다. ", "고, "), ""),  # three sentences in one
    ],
)
def test_what_is_cut(target, said):
    assert truncated.truncation(SOURCE, target).startswith(said)
    assert bool(truncated.truncation(SOURCE, target)) == bool(said)


@pytest.mark.parametrize(
    ("source", "target", "cut"),
    [
        (
            "Used to record the day on which the form was signed.",
            "서식에 서명한 날을 기록하는 데 사용",
            False,
        ),
        (
            "How the result of the test is shown to the reader.",
            "검사 결과를 독자에게 어떻게 보여 줄 것인가",
            False,
        ),
        (
            "A note of the ward, clinic or state that keeps the file.",
            "파일을 보관하는 병동, 의원 또는 주의 기록",
            False,
        ),
        (
            "The form can be exported into these formats: XM, MOD, and WAV.",
            "서식은 다음 형식으로 내보낼 수 있습니다: XM, MOD, WAV",
            False,
        ),
        (
            "The kit includes metformin, glipizide and acarbose.",
            "다음 약이 들어 있습니다: metformin, glipizide, acarbose",
            False,
        ),
        (
            "The form can be exported into these formats: XM, MOD, and WAV.",
            "서식은 다음 형식으로 내보낼 수 있습니다: XM, MOD",
            True,
        ),
        (
            "The clinic plans to rebuild its old ward this year.",
            "그 의원은 올해 오래된 병동을 다시 지으려고",
            True,
        ),
        ("The clinic rebuilt the ward and closed the old one.", "그 의원은 병동을 다시 지은 다음", True),
        ("The toxin blocks the release of the transmitter.", "그 독소는 전달물질의 방출을 차", True),
    ],
)
def test_a_noun_ends_a_definition_and_no_sentence(source, target, cut):
    assert bool(truncated.truncation(source, target)) == cut


def test_lists_and_lines_and_the_question_at_the_end():
    listed = "Signs:\n- fever of some days\n- cough at night"
    assert truncated.truncation(listed, "징후:\n- 밤의 기침") == "nothing stands for '- fever of some days'"
    asked = "A man has had fever for two days. What is the cause?"
    assert (
        truncated.truncation(asked, "한 남자가 지난 이틀 동안 계속 열이 났다고 한다.")
        == "nothing stands for 'What is the cause?'"
    )


def test_ends_that_the_source_has_too():
    source = "fever of more than 39 degrees that lasts for three days or longer in spite of treatment; or"
    assert truncated.truncation(source, "치료에도 불구하고 3일 이상 지속되는 39도를 넘는 열; 또는") == ""
    source = "A survey of sleep in Busan from 8 March to 9 May 2020, using the number of hours per night."
    assert (
        truncated.truncation(
            source, "2020년 3월 8일에서 5월 9일까지 하룻밤 시간 수를 사용한 부산의 수면 조사"
        )
        == ""
    )


def test_what_ends_as_its_source_does_and_what_stands_beside_its_original_are_whole():
    whole = [
        ("Its plans for failures are described at https://example.org/plans.", "장애 계획은 다음에서 볼 수 있다: https://example.org/plans"),
        ("Two tools were built: White Rabbit, and Brown-Hare.", "두 도구가 만들어졌다: White Rabbit과 Brown-Hare"),
        (
            "If one of these happens these must be renewed: the manual, the software for the pump, and the tests and the charts.",
            "이 중 하나라도 일어나면 다음을 새로 해야 한다: 설명서, 펌프 소프트웨어, 그리고 시험과 도표",
        ),
        ("Long period: 365 days before and up to and including the day of entry.", "긴 기간: 등록일을 포함하여 365일 이전까지"),
        (
            "It is best to assume case-sensitive comparisons, and to say so where one is unsure. For example, instead of",
            "대소문자를 구분하는 비교를 가정하고 확실하지 않으면 그렇게 말하는 것이 좋다. 예를 들어,",
        ),
        ("Is only the first visit of a person counted?", "한 사람의 첫 방문만 셉니까? Is only the first visit of a person counted?"),
    ]  # fmt: skip
    for source, target in whole:
        assert truncated.truncation(source, target) == "", target


def test_an_item_of_a_list_may_be_a_noun():
    source = "See a doctor if:\n-The pain is new.\n-The pain gets worse, or does not go with tablets."
    assert (
        truncated.truncation(
            source,
            "다음의 경우 의사를 찾는다.\n-통증이 새로 생긴 경우\n-통증이 심해지거나 알약으로 가라앉지 않는 경우",
        )
        == ""
    )
    assert truncated.truncation(
        source, "다음의 경우 의사를 찾는다.\n-통증이 새로 생긴 경우\n-통증이 심해지거나 알약으로"
    )


def test_a_short_sentence_that_may_have_gone_into_another_warns():
    source, target = (
        "There will be snow. The rivers will freeze over in winter.",
        "눈이 올 것이고 강은 겨울에 얼어붙을 것이다.",
    )
    assert truncated.truncation(source, target) == ""
    assert truncated.perhaps_cut(source, target) == "nothing stands for 'There will be snow.'"


LESION = (
    "The patient had a fever of 39 degrees for three days. The doctor ordered a blood test and an X-ray of the chest. "
    "The results showed pneumonia in the left lung. He was treated with antibiotics."
)
WHOLE = [
    "환자는 3일 동안 39도의 열이 있었다.",
    "의사는 혈액 검사와 흉부 엑스선 촬영을 지시했다.",
    "결과는 왼쪽 폐의 폐렴을 보여 주었다.",
    "그는 항생제로 치료받았다.",
]


def test_a_sentence_that_is_lost_from_the_middle():
    assert truncated.truncation(LESION, " ".join(WHOLE)) == ""
    lost = truncated.truncation(LESION, " ".join(WHOLE[:1] + WHOLE[2:]))
    assert lost.startswith("nothing stands for 'The doctor ordered")
    replaced = truncated.truncation(
        LESION, " ".join([*WHOLE[:1], "바다는 넓고 푸르며 물고기가 아주 많다.", *WHOLE[2:]])
    )
    assert replaced == ""  # another check's


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("Approximately 24 hours", "약 24시간"),
        ("respiratory distress syndrome", "호흡곤란증후군"),
        ("The name of the organization used for billing.", "청구에 사용하는 기관의 이름"),
        ("Rev. John Smith met Dr. Brown at St. Mary's in the U.S. at 7 p.m. on Monday.",
         "존 스미스(John Smith) 목사는 월요일 오후 7시에 미국 세인트메리 병원에서 브라운(Brown) 박사를 만났다."),
        ("The sound becomes weak.", "소리가 약해진다.(ko)"),
    ],
)  # fmt: skip
def test_what_is_whole(source, target):
    assert truncated.truncation(source, target) == ""


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (
            "Doctors have given the new rule a cool welcome.",
            "의사들, 새 규칙에 미지근한 반응 보여",
        ),  # a headline
        ("The address of an electronic medium of talk.", "전자주소."),
        ("The angle of the joint at the moment of the photograph.", "촬영 당시 관절 각도"),
    ],
)
def test_what_may_be_whole_warns(source, target):
    assert truncated.truncation(source, target) == ""
    assert truncated.perhaps_cut(source, target)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (
            "The surgeon Hana Kim told the court that it was her first case.",
            "외과의 김하나는 법정에서 첫 수술의",
        ),
        ("We've kept the old ward and all of its beds.", "옛 병동과 침상을 모두"),
    ],
)
def test_a_source_that_says_something_does_not_end_in_a_noun(source, target):
    assert truncated.truncation(source, target).startswith("its last sentence is unfinished")


def test_a_noun_at_the_end_of_a_sentence_is_unfinished():
    said = "The patient is told to take the tablets with a glass of water."
    assert truncated.truncation(said, "환자는 물 한 잔과 함께 알약을").startswith(
        "its last sentence is unfinished"
    )
    assert truncated.truncation(said, "환자에게 물 한 잔과 함께 알약 복용").startswith("its last")


@pytest.mark.parametrize("end", ["간호사들이", "환자의", "아파서", "향해"])
def test_no_sentence_ends_so(end):
    source = (
        "The nurses of the old ward came to the aid of the patient, who was in pain and walked to the door."
    )
    assert truncated.truncation(source, f"옛 병동에서 온 이들 가운데 문 쪽에 서 있던 {end}")
    assert not truncated.truncation(
        "The board of the ward met to talk over the rules of the new house.",
        "새 병동의 규칙을 두고 열린 병동 이사회 회의",
    )
