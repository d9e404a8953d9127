"""A translator that refuses, apologises, or answers the text instead of translating it."""

import re
import unicodedata

from komep_dataset.translation.checks.registry import Check
from komep_dataset.translation.sentence_ends import ASKS, is_question, sentence_ends

REFUSAL = re.compile(
    r"""(?:죄송|미안|유감스럽|안타깝|양해)[^\n.]{0,60}(?:없습니다|어렵습니다|않습니다|못합니다|없어요|없네요|안\s?됩니다|불가)
    |죄송(?:합니다|하지만|해요|스럽)
    |(?:번역|답변|도움|도와|제공|응답|처리|수행|진단|조언|요청)[^\n.]{0,22}(?:수\s?(?:가\s?)?없(?:습니다|어요|음|네요|다\b)|드릴\s?수\s?없|
      불가능합니다|어렵습니다|거부|제한됩니다)
    |(?:저는|나는|본\s?모델은|AI로서|인공지능|언어\s?모델)[^\n.]{0,40}(?:AI|인공지능|언어\s?모델|의사가\s?아니|전문가가\s?아니|의료인이\s?아니)
    |(?:AI|인공지능)\s?(?:언어\s?)?(?:모델|비서|어시스턴트)?(?:로서|이므로|이기\s?때문)
    |(?:i'?m|i\ am)\ (?:very\ )?(?:sorry|afraid|unable|not\ able)|i\ apologi[sz]e|(?:i\ )?(?:can'?t|
      cannot|can\ not|won'?t)\ (?:help|assist|provide|translate|fulfil|do|comply|answer)
    |as\ an?\ (?:ai|large\ language)|unable\ to\ (?:translate|assist|help|provide)
    |(?:텍스트|문장|원문|내용|글|본문)(?:을|를)\s?(?:제공|입력|보내|제시|공유)[^\n.]{0,12}(?:주세요|주십시오|주시면|바랍니다|주시겠)
    |(?<!기꺼이\ )(?:답변|설명|도와|조언)(?:해)?\s?드리(?:겠|도록)
    |(?:저는|제가|저로서는|나는)\s[^\n.]{0,50}(?:수\s?(?:가\s?|는\s?)?없|못\s?합니다)
    |미안(?:해요|합니다|하지만)
    |(?:저는|제가|저로서는)\s[^\n.]{0,50}(?:어렵|적절하지\s?않|부적절|곤란|삼가)
    |드(?:릴\s?수\s?(?:가\s?|는\s?)?없|리기(?:가|는)?\s?(?:어렵|곤란|힘들)|리지\s?(?:않|못)|릴까요)  # said to the one who asks
    |(?:다루|다룰|진행할|수행할|생성할|작성할|이어갈|응할|따를|처리할|공개할|공유할)\s?수\s?(?:가\s?|는\s?)?없습니다
    |i\ (?:must|have\ to|need\ to|would\ rather)\ (?:decline|refuse)|(?:against|violates?)\ (?:my|our|the)\ (?:\w+\ )?(?:polic|guideline)
    |(?:무엇을|어떻게|어떤\s?것을)\s?도와\s?드릴
    |(?:상담\s?전화|상담\s?센터|긴급\s?전화|위기\s?상담|핫라인)[^\n]{0,40}(?:연락|전화|도움|문의)
    |번역\s?(?:불가|거부|대상이?\s?아)
    |(?:원문|번역할\s?(?:내용|문장|텍스트|글))[^\n.]{0,25}(?:없|비어|제공되지|보이지|누락)
    |정책(?:상|에\s?따라|에\s?위배)[^\n.]{0,40}(?:없|불가|어렵|제한)
    |(?:전문의?|의사|의료진|의료\s?전문가)[^\n.]{0,15}(?:상담|문의)하(?:시|세)[^\n]{0,40}(?:번역|답변|제공)""",
    re.IGNORECASE | re.VERBOSE,
)
_SOURCE_REFUSES = re.compile(
    r"\b(?:sorry|apolog|unable|cannot|can't|can not|won't|not able|don't know|do not know|not sure|"
    r"as an ai|language model|not a doctor|unfortunately|afraid|not possible|impossible|regret|"
    r"provide (?:me|the|more)|hotlines?|helplines?|lifelines?)",
    re.IGNORECASE,
)
# What a speaker is not willing to do; and a question to the one who asks, for a source that asks nothing.
_WILL_NOT = re.compile(
    r"지\s?않겠습니다|not\ comfortable|(?:번역|작업|요청|응답)[이가은는을를]?\s?(?:중단|차단|취소)"
)
_SOURCE_SPEAKS = re.compile(r"\b(?:i|i'm|we|me|us|my|our|will|won't|would|comfortable)\b", re.IGNORECASE)
_ASKS_BACK = re.compile(
    r"[^\n.?!]{0,60}(?:시겠어요|시겠습니까|실래요|드릴까요|할까요|하신가요|인가요|시나요)\s?\?"
)
_TASK = re.compile(
    r"(?:name|list|describe|explain|discuss|define|outline|enumerate|compare|summari[sz]e|tell me|"
    r"briefly)\b[^.!?\n]*[.]?$",
    re.IGNORECASE,
)


def refusal(source: str, target: str) -> str:
    """The words with which a translator refuses, or why the target seems to answer the source, or ""."""
    text = unicodedata.normalize("NFC", target)
    if not _SOURCE_REFUSES.search(source) and (match := REFUSAL.search(text)):
        return match[0][:80]
    if (match := _WILL_NOT.search(text)) and not _SOURCE_SPEAKS.search(source):
        return match[0][:80]
    if "?" not in source and (match := _ASKS_BACK.search(text)):
        return f"a statement has become a question: {match[0][:60]}"
    asked = is_question(source) or _TASK.match(source.strip())
    # What is no Korean at all has no Korean question either.
    stated = asked and re.search("[가-힣]", text) and not ASKS.search(text.strip())
    if stated and sentence_ends(text) >= sentence_ends(source):
        return f"a question has become a statement: {text.strip()[:60]}"
    return ""


_TOLD = "it refused to translate, apologised, or answered the text instead"
CHECKS = (Check("refused", refusal, _TOLD, order=50, rank=20),)
