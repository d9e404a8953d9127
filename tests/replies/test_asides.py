"""What states nothing of the subject, alone and within an answer. All texts were written for this project."""

import pytest

from komep_dataset.replies.asides import is_aside
from komep_dataset.replies.faults import fault_in
from komep_dataset.replies.refusals import is_refusal
from tests.replies.test_refusals import quickly

NON_ANSWERS = [
    text.replace("\\n", "\n")
    for text in """\
unsafe\\nS4
[Reply withheld: SAFETY] lupus
이 요청은 보안 정책에 따라 차단되었습니다.
按照相关政策，lupus的内容无法显示。
Could you say which form of lupus you mean? Do you ask about its causes or its treatment?
Good question! Let me walk you through lupus:
I hope this answers your question! Feel free to ask me more about lupus.
Please see a qualified physician about lupus.
User: What is lupus?\\nAssistant:
[Insert text about lupus]
TODO: describe lupus
{{response}}
<tool_call>{"name": "look_up", "arguments": {"term": "lupus"}}</tool_call>
The documents provided do not mention lupus.
검색된 자료에서 루푸스에 대한 정보를 찾을 수 없습니다.
루푸스의 어떤 부분이 궁금하신가요?
lupus의 어떤 부분이 궁금하신가요? 원인인가요, 치료인가요?
루푸스에 대해 원인, 증상 순서로 안내해 드리겠습니다.
""".splitlines()
]
# Written before the rule, and tried once: 40 of 40 were seen, 1 of 40 answers was taken for none; then mended. Of these
# one, a question that is not to the reader, is left: to ask may have been the task.
HELD_BACK = [
    text.replace("\\n", "\n")
    for text in """\
safe\\nO1
unsafe\\nS1,S10
[BLOCKED - policy violation]
Your message was flagged by our moderation system.
이 콘텐츠는 운영 정책에 의해 표시되지 않습니다.
부적절한 내용이 감지되어 응답이 중단되었습니다.
该内容因违反相关规定已被屏蔽。
You have used all of your 20 free questions today. Subscribe to Plus for unlimited answers.
Daily quota exceeded. Resets in 5 hours.
Please log in to continue the conversation.
Your session has expired. Sign in again.
오늘의 무료 이용 횟수를 모두 사용하셨습니다. 프리미엄으로 업그레이드해 주세요.
로그인이 필요한 서비스입니다.
We're experiencing unusually high demand right now. Please check back shortly.
Generating response, please wait...
답변을 준비하고 있습니다. 잠시만 기다려 주세요!
系统繁忙，请稍后再试。
I could not find anything about lupus in the retrieved documents.
The passages given do not mention the dose of warfarin.
Based on the search results, there is no information on this drug.
검색 결과에 루푸스와 관련된 정보가 없습니다.
주어진 문맥만으로는 와파린의 용량을 알 수 없습니다.
Which aspect of lupus would you like to learn about?
Are you asking about the adult form or the childhood form of it?
루푸스의 증상에 대해 여쭤보시는 건가요, 아니면 치료에 대해 여쭤보시는 건가요?
Sure! I'd be glad to walk you through lupus.
In this answer, I will go over the causes, symptoms and treatment of lupus.
Here is a detailed explanation of lupus:
좋은 질문입니다! 루푸스에 대해 자세히 알아보겠습니다.
네, 루푸스의 원인과 치료에 대해 차근차근 설명해 드릴게요.
Thanks for asking! Don't hesitate to reach out if you need anything else.
도움이 되셨기를 바랍니다. 더 궁금한 점이 있으시면 언제든지 문의해 주세요.
It is always best to talk to your doctor about lupus.
For more information on lupus, please visit your healthcare provider.
루푸스에 관해서는 전문의와 상담하시기 바랍니다.
Question: What is lupus?\\nAnswer:
<your answer here>
[여기에 답변을 입력하세요]
{"name": "search_pubmed", "arguments": {"query": "lupus"}}
""".splitlines()
]
ANSWERS_HELD_BACK = """\
Safe in pregnancy.
Unsafe: it crosses the placenta.
Blocked lacrimal duct.
Beta-blockers.
Yes, it is safe.
Please take it with food.
Let the wound heal by secondary intention.
Let me be clear: antibiotics do not treat viruses.
I would start with methotrexate.
I will say that lupus is an autoimmune disease.
See a doctor at once if the pupil is dilated.
Refer the patient to a rheumatologist.
Consult ophthalmology for hydroxychloroquine retinopathy screening every year.
Seek immediate medical attention.
The trial ended early because of excess bleeding.
The plan is to stop warfarin five days before surgery.
Limit salt to 2 g a day.
The document of consent must be signed by the patient.
No information on lupus nephritis was found in the trial.
The study did not mention adverse effects.
Hope and social support improve quality of life.
Thank you for asking; lupus is more common in women.
Here is the order: airway, breathing, circulation.
Is it lupus? Only a biopsy of the kidney tells.
Why does it hurt? Because the capsule is stretched.
Generating heat by shivering is the first defence.
Waiting is safe in mild cases.
Upgrade of the stage follows when nodes are positive.
예, 안전합니다.
임신 중에는 사용하지 않습니다.
혈류가 차단되었습니다.
루푸스는 자가면역 질환이다. 더 궁금한 점이 있으시면 말씀해 주세요.
열이 사흘 이상 지속되면 병원을 방문하세요.
문서화된 동의가 필요합니다.
원인은 아직 밝혀지지 않았습니다.
환자에게 수술 방법을 설명하겠습니다라고 말하고 동의를 받는다.
약을 끊기 전에 의사와 상의해야 재발을 막을 수 있습니다.
하루 한도는 4 g입니다.
잠시 기다린 뒤 혈압을 다시 잰다.
검사 결과에 이상이 없습니다.
""".splitlines()
NOTICES = """\
You've reached your daily message limit. Upgrade to Plus to continue.
Your free trial has ended. Please visit our billing page.
답변을 생성하는 중입니다... 잠시만 기다려 주세요.
The server is busy. Please try again later.
현재 이용자가 많아 응답이 늦어지고 있습니다. 잠시 후 다시 시도해 주세요.
""".splitlines()


@pytest.mark.parametrize("text", [*NON_ANSWERS, *HELD_BACK, *NOTICES])
def test_what_is_of_asides_alone_is_no_answer(text):
    assert is_refusal(text) and is_refusal(f"**{text}**\n") and all(quickly([text, f"**{text}**\n"]))


@pytest.mark.parametrize("text", [*ANSWERS_HELD_BACK, "What raises the risk of lupus in twins?"])
def test_what_states_something_is_an_answer(text):
    assert not is_refusal(text) and not fault_in(text)


@pytest.mark.parametrize("text", NOTICES)
def test_a_notice_of_a_service_is_asked_again(text):
    assert fault_in(text) == "passing"


def test_an_apology_before_a_statement_leaves_it_one():
    assert is_aside("죄송합니다만 양해해 주십시오") and is_aside("죄송합니다")
    assert not is_aside(
        "죄송하지만 그런 증후군은 없으며, 클뤼버-부시 증후군은 양측 측두엽 손상으로 생깁니다", subject=0
    )


def test_a_referral_that_names_its_subject_is_a_unit():
    see = "You should see your doctor about {}".format
    assert is_aside(see("this"), subject=0) and is_aside(see("an anal fissure"))
    assert not is_aside(see("an anal fissure"), subject=0)
