"""What speaks of answering alone, and what says something. All texts were written for this project."""

import pytest

from komep_dataset.replies.refusals import is_refusal
from tests.replies.test_refusals import quickly

NON_ANSWERS = """\
Sorry, but discussing doses of digoxin is not something that I am permitted to do.
I don't have access to enough information to answer that accurately.
Insufficient information to answer the question about digoxin.
For safety reasons I refrain from answering medical questions.
As of my last update in 2023, I do not possess reliable information on this subject.
There isn't enough context for me to answer this.
I'm just an AI, and this question needs a physician's judgement. Please see one.
Please consult a healthcare professional for this question.
It looks like no question was included. Could you share it?
Hello! How can I assist you today?
The model is overloaded, please try again later.
[Content removed by safety filter]
N/A
No puedo ayudar con esa solicitud.
Je ne peux pas répondre à cette question.
对不起，我无法回答这个问题。
その質問にはお答えできません。
제가 알기로는 이 질문에 대한 정보를 가지고 있지 않습니다.
""".splitlines()
# Written before the rule, and tried once: 28 of 30 were seen, 1 of 30 answers was taken for none; then mended.
HELD_BACK = """\
I lack the data needed to give a reliable reply here.
Nothing in my knowledge covers this question.
My knowledge does not extend to this matter.
This is a topic on which I am unable to comment; a pharmacist might know more.
I was unable to find any information related to your query.
Your query is unclear. Could you provide more details?
Could you please clarify what you mean by the question?
Hi there! What can I do for you today?
Hello, I'm your virtual assistant. Feel free to ask me anything.
Service temporarily unavailable. Please retry in a few minutes.
Error: request timed out.
Rate limit exceeded, please wait and try again.
[This response was withheld]
(no answer)
Not applicable.
No response.
null
Such questions are best left to your own doctor.
You would need to ask a qualified clinician about that.
I have not been given access to the necessary records, so I have nothing to say on this.
I have to abstain from commenting on medical matters.
It is not my place to advise on this.
Il m'est impossible de répondre à cette demande.
Lo siento, pero no me es posible responder a eso.
Es tut mir leid, aber dabei kann ich nicht helfen.
很抱歉，作为一个人工智能，我不便提供医疗建议。
すみませんが、お手伝いできません。
해당 질문에 대해 제가 아는 정보가 없습니다.
안녕하세요! 무엇을 도와드릴까요?
현재 서버가 혼잡합니다. 잠시 후 다시 시도해 주세요.
""".splitlines()
ANSWERS = """\
While I'm not a doctor, digoxin slows the heart and it comes from foxglove.
Digoxin slows the heart. I cannot provide dosing for you; ask your doctor.
Sorry, the premise is wrong: digoxin slows the heart, it does not speed it up.
A (the question is incomplete)
""".splitlines()
ANSWERS_HELD_BACK = """\
No information on safety in pregnancy is available.
There is insufficient evidence to recommend screening in adults over 75.
Patients with limited access to information do worse.
I don't have enough insulin means that the pancreas has failed.
The request for a CT must be made by a physician.
See your doctor if the fever lasts three days.
Please call an ambulance: this is a stroke.
Ask the patient to answer the question about chest pain.
A doctor should be consulted when the lesion bleeds.
None of the above.
Unknown.
No.
I have no doubt that it is malaria.
The information bias arises when data are not collected the same way.
The question assumes that statins cause dementia, which is not so.
Without context, a fever means little.
The model of the disease does not answer why it spreads.
I'm not an expert, however metformin is the first choice.
As I am no physician, take this with care: colchicine relieves gout.
Not being a doctor, I'd say that it is shingles.
I can't give you a dose, yet paracetamol lowers fever.
The usual dose is 500 mg; please ask your pharmacist.
Doctors do not have enough information on long-term effects.
Access to the vein is not possible in shock, so use an intraosseous needle.
질문에 답하면, 정보가 없는 것이 아니라 인슐린이 부족한 것이다.
이 약의 안전성에 대한 정보가 부족하다.
의사와 상담하기 전에는 약을 끊지 마세요.
임상 자료가 충분하지 않아 임부에게 권하지 않는다.
El paciente no puede respirar por edema de glotis.
患者不能回答问题时应检查意识。
""".splitlines()


@pytest.mark.parametrize("text", [*NON_ANSWERS, *HELD_BACK])
def test_what_speaks_of_answering_alone_is_no_answer(text):
    assert is_refusal(text) and is_refusal(f"**{text}**\n") and all(quickly([text, f"**{text}**\n"]))


@pytest.mark.parametrize("text", [*ANSWERS, *ANSWERS_HELD_BACK])
def test_what_says_something_of_the_world_is_an_answer(text):
    assert not is_refusal(text)
