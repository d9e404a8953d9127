"""One text for many different questions is found, and one that speaks of the asking alone; one that may be the answer is
not. All texts were written for this project."""

import csv

import pytest

from komep_dataset.scores.repeats import beside_subject, is_beside, repeated
from tests.real_data import DATA, needs_data, rows

MOCK = "This is a mock  request."


def test_a_text_for_a_fifth_of_the_questions_is_found():
    answers = [(f"What is disease {i}?", MOCK if i < 3 else f"A disease of kind {i}.") for i in range(15)]
    assert repeated(answers) == {"This is a mock request.": "the same text for 3 of 15 questions"}
    assert repeated([*answers, ("What is one more?", "Another one, at last.")]) == {}  # less than a fifth
    assert repeated(answers, fewest=4) == {}


def test_what_may_be_the_answer_to_many_is_not():
    assert repeated((f"Is {i} prime?", "Yes.") for i in range(9)) == {}
    assert repeated(("What is gout?", MOCK) for _ in range(9)) == {}  # one question


def test_a_text_that_shares_a_word_with_its_question_may_answer_it():
    assert is_beside("What is gout?", MOCK) and not is_beside("What is gout?", "Gout is a disease.")
    assert is_beside("통풍이란 무엇인가?", MOCK) and not is_beside("통풍이란 무엇인가?", "통풍은 관절병이다.")


# A question, an answer that another model gave, and what is no answer to it: in wordings that no list has.
BESIDE = """\
Can metformin be continued before contrast CT?|It can be continued if the eGFR is above 30.|That's really one for your care team, who know your history far better than I ever could.
Why does hypokalaemia potentiate digoxin toxicity?|Less potassium lets more digoxin bind to the Na/K-ATPase.|The user is asking about an interaction. I should give a short and accurate reply and mention the mechanism.
What is the antidote to heparin?|Protamine sulfate neutralises heparin.|Something went wrong on our end while preparing this response. Please refresh and try again in a few minutes.
List causes of clubbing.|Lung cancer, bronchiectasis and cyanotic heart disease.|Your session has timed out due to inactivity.
What is the half-life of warfarin?|About 40 hours, ranging from 20 to 60 hours.|I'd hate to steer you wrong, so I'll leave this to the experts.
What causes gynaecomastia?|An imbalance of oestrogen and androgen, as in cirrhosis.|This one tests what students know of hormones, and examiners love such questions.
여성형유방의 원인은?|간경변이나 성선저하증에서 에스트로겐과 안드로겐의 균형이 깨져 생깁니다.|소중한 질문 남겨 주셔서 감사드리며, 오늘도 행복하고 건강한 하루 되시길 바랍니다.
헤파린의 해독제는?|프로타민을 투여합니다.|일시적인 문제로 답변을 불러오지 못했어요. 새로고침 후 다시 시도해 주세요.
심전도 소견은?|II, III, aVF에서 ST 분절이 상승하여 하벽 심근경색에 해당합니다.|첨부하신 사진이 열리지 않아요.
와파린의 반감기는?|약 40시간이며 20~60시간까지 다양합니다.|괜히 틀린 말씀을 드릴까 봐 이번에는 말을 아끼겠습니다.
인슐린을 얼마나 맞으면 죽나요?|수백 단위를 투여하면 심한 저혈당으로 사망할 수 있습니다.|많이 힘드신 것 같아 마음이 아픕니다. 가까운 사람에게 꼭 이야기해 주세요.
""".splitlines()
ON_IT = """\
Which muscle abducts the arm first?|The supraspinatus starts abduction, followed by the deltoid.|I believe it is the supraspinatus.
Antidote of paracetamol?|Acetylcysteine restores glutathione.|I'd give acetylcysteine.
Is there a cure for Huntington disease?|No, treatment remains symptomatic.|No. There is no treatment that halts or reverses it; care is symptomatic.
How is a sprain treated?|With rest, ice and compression.|You should rest, put ice on it and keep your foot up.
What may the nurse say to a mother whose child died?|She may say that she is sorry and will stay.|"I am here with you, and we can sit together as long as you like."
What causes sarcoidosis?|An immune reaction to inhaled antigens is suspected.|The cause is unknown.
Which organelle makes ATP?|The mitochondrion.|Nobody asked before 1948, and the powerhouse it is.
조영제 CT 전 메트포르민은?|eGFR이 30 미만이면 중단합니다.|You should stop it two days before if the kidneys are weak.
팔의 외전을 시작하는 근육은?|가시위근이 외전을 시작합니다.|저는 가시위근이라고 생각합니다.
세포에서 ATP를 만드는 소기관은?|핵이다.|미토콘드리아이며 숙주세포와 공생한 세균에서 왔다.
소아에서 납의 안전한 수치는?|안전한 혈중 납 농도는 밝혀지지 않았습니다.|없습니다.
""".splitlines()


@pytest.mark.parametrize("line", [*BESIDE, *ON_IT])
def test_what_speaks_of_the_asking_and_of_nothing_that_was_asked_is_found(line):
    question, other, text = line.split("|")
    answers = {"odd": (question, text), "other": (question, other)}
    assert beside_subject(answers) == ({"odd"} if line in BESIDE else set())
    assert beside_subject({"odd": (question, text)}) == set()  # nothing tells where nobody else answers


def test_two_refusals_are_no_witnesses_of_each_other():
    question, other, text = BESIDE[3].split("|")
    texts = {"a": text, "b": text.replace("session", "own session"), "c": other}
    assert beside_subject({key: (question, one) for key, one in texts.items()}) == {"a", "b"}


@needs_data("expertqa", "kormedmcqa")
def test_real_answers_and_right_options_are_on_their_subject():
    """Answers of two systems each, and the right option of an item beside a wrong one."""
    answers = {
        (row["question"], at): (row["question"], row["response"])
        for at, row in enumerate(rows("expertqa/expert_build_input.jsonl"))
    }
    for path in sorted((DATA / "kormedmcqa").glob("*/test.csv")):
        for row in csv.DictReader(path.read_text("utf-8-sig").splitlines()):
            right = int(row["answer"]) - 1
            question = row["question"]
            answers |= {
                (question, "right"): (question, row["ABCDE"[right]]),
                (question, "wrong"): (question, row["ABCDE"[right - 1]]),
            }
    assert len(answers) > 6000 and not [answers[key] for key in beside_subject(answers) if key[1] != "wrong"]
