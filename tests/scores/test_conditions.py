"""What sentences make their facts depend on, and whether units keep it. All sentences are written for this project."""

import pytest

from komep_dataset.scores.conditions import LONGEST, conditions, conditions_of, sentences_of
from tests.growth import grows_with_its_size

# (answer, units that lose something, what is lost; None: nothing is asked for)
LOST = [
    ("If the eGFR falls, metformin is stopped.", ["Metformin is stopped."], "if"),
    ("Metformin comes first unless the kidneys fail.", ["Metformin comes first."], "unless"),
    ("Aspirin is given only after a stroke.", ["Aspirin is given after a stroke."], "only"),
    ("The drug is taken until the fever ends.", ["The drug is taken."], "until"),
    ("Fever of at least three days needs a doctor.", ["Fever needs a doctor."], "bound"),
    ("Statin A lowers LDL more strongly than statin B.", ["Statin A lowers LDL strongly."], "comparison"),
    ("Adults take 400 mg every 8 hours.", ["Adults take the drug every 8 hours."], "number"),
    ("Tetracyclines stain teeth in children.", ["Tetracyclines stain teeth."], "people"),
    ("신장이 나쁘면 메트포르민을 끊는다.", ["메트포르민을 끊는다."], "경우"),
    ("술을 마시는 경우 용량을 줄인다.", ["용량을 줄인다."], "경우"),
    ("열이 날 때 해열제를 쓴다.", ["해열제를 쓴다."], "경우"),
    ("아스피린은 성인에서만 쓴다.", ["아스피린은 성인에서 쓴다."], "만"),
    ("열이 3일 이상 가면 진료를 받는다.", ["열이 3일 가면 진료를 받는다."], "이상"),
    ("프라수그렐은 클로피도그렐보다 빠르게 작용한다.", ["프라수그렐은 빠르게 작용한다."], "보다"),
    ("아스피린은 하루 100 mg을 쓴다.", ["아스피린은 하루 한 번 쓴다."], "number"),
    ("테트라사이클린은 소아에게 쓰지 않는다.", ["테트라사이클린은 쓰지 않는다."], "people"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "units", "kind"), LOST)
def test_a_condition_that_no_unit_keeps_is_lost(answer, units, kind):
    asked, lost = conditions(answer, units)
    assert [one.kind for one in lost] == [kind] and lost[0].sentence == answer
    assert conditions(answer, [answer])[1] == [] and lost[0] in asked


@pytest.mark.parametrize(
    ("answer", "units"),
    [
        ("If a child has a fever, give 10 mg.", ["Give 10 mg when a child has a fever."]),
        ("The drug is taken twice a day for 2 weeks.", ["The drug is taken two times a day for two weeks."]),
        ("It costs 1,200 dollars.", ["The price is 1200 dollars."]),
        ("Do not drive unless you are awake.", ["Drive only if you are awake."]),
        ("Doses above 4 g harm the liver.", ["More than 4 g harm the liver."]),
        ("열이 나는 경우 해열제를 쓴다.", ["열이 날 때 해열제를 쓴다."]),
        ("If you have asthma, avoid aspirin.", ["Patients with asthma should avoid aspirin."]),
        ("2 g 미만으로 줄인다.", ["2 g을 넘지 않게 줄인다."]),
        ("하루 3번 먹는다.", ["하루 세 번 먹는다."]),
    ],
)  # fmt: skip
def test_other_words_of_a_class_keep_a_condition(answer, units):
    asked, lost = conditions(answer, units)
    assert asked and not lost


@pytest.mark.parametrize(
    "sentence",
    [
        "COVID-19 and vitamin B12 are names.",
        "The statement has a source [12] and another [3, 4].",
        "It hurts not only the liver but also the heart.",
        "It is a rule rather than a law.",
        "제왕절개분만이 필요하다.",
        "비만은 위험 인자이다.",
        "하지만 드물다.",
        "간뿐만 아니라 심장도 나빠진다.",
        "반면 조직면은 매끈하다.",
        "심장의 이상 소견이 보인다.",
    ],
)
def test_what_only_looks_like_a_condition(sentence):
    assert conditions_of(sentences_of(sentence)[0]) == []


def test_a_clause_that_became_a_fact_of_its_own_is_no_condition_any_more():
    answer = "If the eGFR falls, metformin is stopped."
    assert [one.kind for one in conditions(answer, ["Metformin is stopped.", "The eGFR falls."])[1]] == ["if"]
    assert conditions(answer, ["A falling eGFR: metformin is stopped."])[1] == []


def test_a_sentence_without_units_is_a_matter_of_coverage():
    assert conditions("Gout hurts. If it is treated, pain goes.", ["Gout hurts."]) == ([], [])


def test_sentences_are_cut_at_marks_and_lines_without_list_numbers_and_sources():
    text = "1. Dr. Kim agrees, e.g. on dose 2.5 mg. It helps [1].\n2) See https://example.org/9 now.\n- 열이 난다. 약을 쓴다."
    assert sentences_of(text) == [
        "Dr. Kim agrees, e.g. on dose 2.5 mg.",
        "It helps  .",
        "See   now.",
        "열이 난다.",
        "약을 쓴다.",
    ]


@pytest.mark.parametrize("sign", ["\n", " ", "1", ". A", "(", "[1", "9,999", "가면 ", "if 1 than ", "1a"])
def test_time_grows_with_the_length_of_an_answer(sign):
    def work(size):
        text = (sign * size)[:size]
        conditions(text, [text[:200]] * 5)

    assert grows_with_its_size(work, LONGEST // 8)
