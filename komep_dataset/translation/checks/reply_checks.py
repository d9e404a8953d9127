"""What goes wrong when a language model translates: a preamble, a refusal, an answer, a cut, a loop."""

from __future__ import annotations

import bisect
import re
import unicodedata
from collections import Counter
from itertools import pairwise

# --- Preamble and trailing notes ------------------------------------------------------------------

# What speaks of the act of translating; "번역" stands in medicine for translation alone.
_META = re.compile(
    r"번역|(?:직역|의역)(?:[:：]|하[면자])|역주|역자\s?주|원문|\b(?:translat(?:ion|ed|or)|in korean)\b|^\W{0,4}(?:korean|한국어|한글)\W{0,4}[:：\n]",
    re.IGNORECASE,
)
_META_REFUSED = re.compile(
    r"번역[^\n.]{0,24}(?:없|않|못|어렵|불가|거부|한계|제한)|(?:번역(?:할|하실|될|이\s?필요한|을\s?원하시는)|원문)[^\n.]{0,30}(?:입력|제공|보내|없|않|비어)|"
    r"(?:cannot|can't|unable to|won't|not able to) translate",
    re.IGNORECASE,
)
_SURE = re.compile(r"(?:sure|certainly|of course|absolutely|okay|ok)\b[!,.:]", re.IGNORECASE)
_AGREEING = re.compile(
    r"(?:물론(?:입니다|이죠|이지요|이에요)?|알겠습니다|알겠어요|좋습니다|기꺼이[^\n.]{0,20})\s?[,.!:]|"
    r"(?:네|예)\s?[,.!]\s?(?:알겠|물론|아래|다음|요청|도와|바로)"
)
_INTRODUCING = re.compile(
    r"(?:다음은|아래는|여기)[^\n]{0,60}(?:입니다|이다|드립니다|있습니다)[.:]?\s*\n|"
    r"(?:here(?:'s| is| are)|below is|the following is)\b[^\n]{0,60}[:\n]",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"\W{0,4}(answer|output|result|response|target|translation|ko|kr|text)\W{0,4}[:：>]", re.IGNORECASE
)
_OPENING = re.compile(
    r"\W{0,4}(?:안녕하세요|안녕하십니까|반갑습니다|이\s?(?:문장|글|텍스트)[은는을]|한국어로|우리말로|[^\n.]{0,20}옮기면)"
)
_SOURCE_OPENS = re.compile(
    r"\b(?:hello|hi|dear|greetings|good (?:morning|day|afternoon|evening)|sentence|text|passage|article|korean)\b",
    re.IGNORECASE,
)
_OFFER = re.compile(
    r"도움이\s?(?:되었|되셨|되길|되기를|되면|됐)|(?:추가|더\s|다른|혹시|또)[^\n.]{0,24}(?:궁금|질문|문의|필요|원하)[^\n.]{0,34}"
    r"(?:말씀|문의|알려|주세요|주십시오)|궁금한\s?(?:점|사항)|언제든지?[^\n.]{0,18}(?:말씀|문의|알려|질문|연락)|"
    r"let me know|i hope this|feel free|hope this helps|^(?:note|p\.?s\.?)\s?:\s|"
    r"의학적\s?조언(?:이\s?아니|을\s?대(?:체|신))|(?:전문의|전문가|의료진|의사)[와과에게]{0,2}\s?(?:반드시\s?)?(?:상담|상의|문의)하",
    re.IGNORECASE | re.MULTILINE,
)
_SOURCE_AGREES = re.compile(
    r"\W{0,4}(?:sure|certainly|of course|yes|okay|ok|absolutely|great|good|understood|here)\b", re.IGNORECASE
)
_SOURCE_INTRODUCES = re.compile(
    r"\b(?:here (?:is|are)|here's|the following|below (?:is|are)|these are|this is|as follows|:\s*$)",
    re.IGNORECASE | re.MULTILINE,
)
_SOURCE_OFFERS = re.compile(
    r"\b(?:hope|questions?|help|let me know|feel free|ask|contact|note|advice|consult|see|call|talk|"
    r"speak|doctor|physician|"
    r"professional|pharmacist|provider|specialist|tell|discuss|inform|seek|refer)",
    re.IGNORECASE,
)
_SOURCE_TRANSLATES = re.compile(r"translat|korean|original text|source text", re.IGNORECASE)
_ENDING = 260  # characters at the end in which an offer or a disclaimer is looked for


def preamble(source: str, target: str) -> str:
    """What a translator says around the translation, or "".

    Words about translating count anywhere unless the source has them; "물론입니다" counts unless the source opens
    in the same way, and an offer of help or a disclaimer at the end unless the source makes one.
    """
    text = unicodedata.normalize("NFC", target).strip()
    if refusal(source, target):
        return ""  # nothing is translated, so nothing stands around it
    return _around(source, text) or _added_note(source.strip(), text)


_NOTE = re.compile(
    r"\W{0,4}(?:참고(?:로|\s?사항)?|주의?|비고|설명|용어(?:\s?설명|\s?해설)?|해설|부연|덧붙|보충|이\s?(?:문장|글|표현|용어|텍스트)|"
    r"위\s?(?:문장|글|내용|텍스트)|여기서|note|hinweis)"
    r"[^\n]{0,300}$",
    re.IGNORECASE,
)


def _added_note(source: str, text: str) -> str:
    """A last paragraph that opens like a note and is one paragraph more than the source has, or ""."""
    theirs, ours = ([p for p in t.split("\n") if p.strip()] for t in (text, source))
    if len(theirs) > len(ours) and _NOTE.match(theirs[-1]) and not _NOTE.match(ours[-1]):
        return theirs[-1].strip()[:80]
    return _added_paragraph(source, text)


def _added_paragraph(source: str, text: str) -> str:
    """The first and the last paragraph where a source of one line has become several, with a sentence more, or ""."""
    blocks = [block.strip() for block in re.split(r"\n\s*\n", text) if block.strip()]
    if "\n" in source or len(blocks) < 2 or repetition(source, text):
        return ""
    announced = blocks[0].endswith((":", "：")) and ":" not in source
    if announced or _ends(text) > _ends(source):
        return f"{blocks[0][:40]} … {blocks[-1][:40]}"
    return ""


def _around(source: str, text: str) -> str:
    """Words at the beginning or the end that speak to the one who asked for the translation, or ""."""
    if not _SOURCE_TRANSLATES.search(source):
        for match in _META.finditer(text):
            if not _META_REFUSED.search(text[max(0, match.start() - 40) : match.end() + 40]):
                return text[max(0, match.start() - 30) : match.end() + 30].strip()
    if (match := _SURE.match(text) or _AGREEING.match(text)) and not _SOURCE_AGREES.match(source.strip()):
        return match[0]
    if (match := _LABEL.match(text)) and match[1].lower() not in source.lower():
        return match[0][:80]
    if (match := _OPENING.match(text)) and not _SOURCE_OPENS.search(source):
        return match[0][:80]
    if (match := _INTRODUCING.match(text)) and not _SOURCE_INTRODUCES.search(source):
        return match[0].strip()[:80]
    if (
        (match := _OFFER.search(text[-_ENDING:]))
        and not _SOURCE_OFFERS.search(source)
        and not _REFUSAL.search(text)
    ):
        return match[0].strip()[:80]
    if text.startswith(("```", '"""')) and not source.strip().startswith(("```", '"""')):
        return text[:20]
    return ""


# --- Refusals, and answers instead of translations ------------------------------------------------

_REFUSAL = re.compile(
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
_ASKS = re.compile(
    r"[?？]|(?:까|까요|가요|나요|는가|은가|인가|한가|던가|는지|은지|인지|니|느냐|냐|을까|ㄹ까)\s*[.\"'”’)]*\s*$|"
    r"(?:시오|하라|쓰라|고르라|보라|무엇|기술할 것|설명할 것|할 것|것은|것)\s*[.:]?\s*$|"
    r"(?:(?:고르|쓰|말하|답하|설명하|서술하|기술하|선택하|찾|비교하|나열하|열거하|정의하|요약하|제시하)(?:십시오|세요)|"
    r"(?:알려|말(?:씀)?해|설명해|답해|골라|적어|정의해|비교해|요약해|나열해|들어|논의해|가르쳐|추천해)\s?"
    r"(?:주|보)(?:세요|십시오|시겠어요|실래요))\s*[.:]?\s*$",
    re.MULTILINE,
)


# What a speaker is not willing to do; and a question to the one who asks, for a source that asks nothing.
_WILL_NOT = re.compile(
    r"지\s?않겠습니다|not\ comfortable|(?:번역|작업|요청|응답)[이가은는을를]?\s?(?:중단|차단|취소)"
)
_SOURCE_SPEAKS = re.compile(r"\b(?:i|i'm|we|me|us|my|our|will|won't|would|comfortable)\b", re.IGNORECASE)
_ASKS_BACK = re.compile(
    r"[^\n.?!]{0,60}(?:시겠어요|시겠습니까|실래요|드릴까요|할까요|하신가요|인가요|시나요)\s?\?"
)


def refusal(source: str, target: str) -> str:
    """The words with which a translator refuses, or why the target seems to answer the source, or ""."""
    text = unicodedata.normalize("NFC", target)
    if not _SOURCE_REFUSES.search(source) and (match := _REFUSAL.search(text)):
        return match[0][:80]
    if (match := _WILL_NOT.search(text)) and not _SOURCE_SPEAKS.search(source):
        return match[0][:80]
    if "?" not in source and (match := _ASKS_BACK.search(text)):
        return f"a statement has become a question: {match[0][:60]}"
    if not re.search("[가-힣]", text):
        return ""  # what is no Korean at all has no Korean question either
    if (
        (is_question(source) or _TASK.match(source.strip()))
        and not _ASKS.search(text.strip())
        and _ends(text) >= _ends(source)
    ):
        return f"a question has become a statement: {text.strip()[:60]}"
    return ""


_TASK = re.compile(
    r"(?:name|list|describe|explain|discuss|define|outline|enumerate|compare|summari[sz]e|tell me|"
    r"briefly)\b[^.!?\n]*[.]?$",
    re.IGNORECASE,
)


def is_question(source: str) -> bool:
    """Whether an English text is one question and nothing after it."""
    text = source.strip().rstrip("\"')*_ ")
    return text.endswith("?") and len(text) < 2000


# --- Truncation -----------------------------------------------------------------------------------

# Letters of the target for one of the source, as `sizes` counts them, by length of the source. The bounds
# come from good pairs, by the rule that `python -m tests.translation_confusion --bounds` states and prints.
LENGTHS = (40, 80, 160, 400)  # upper ends of all bins but the last, letters of the source
LOWEST_FEWER = (0.35, 0.3, 0.3, 0.32, 0.33)  # where the target has fewer sentences
LOWEST = (0.24, 0.23, 0.24, 0.27, 0.29)
HIGHEST = (1.05, 0.77, 0.67, 0.58, 0.56)
SHORTEST = 12  # below that a ratio says nothing


_KEPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.,/%]*")
_NO_LETTER = re.compile(r"[\W_]+")
_GLOSS = re.compile(r"(?<=[가-힣])\s?\([^()가-힣\n]{1,90}\)")


def sizes(source: str, target: str) -> tuple[int, int]:
    """Letters and digits of both texts that were to be translated, after NFC.

    Not counted: words and numbers that both texts write alike, and English in brackets behind a
    Korean word, which a translator adds for the reader.
    """
    source, target = (unicodedata.normalize("NFC", text) for text in (source, target))
    alike = set(_KEPT.findall(source)) & set(_KEPT.findall(target))
    target = _GLOSS.sub("", target)
    ours, theirs = (
        len(_NO_LETTER.sub("", _KEPT.sub(lambda m: "" if m[0] in alike else m[0], text)))
        for text in (source, target)
    )
    return ours, theirs


def length_bin(characters: int) -> int:
    """Index of the bin of `LENGTHS` into which a source falls."""
    return bisect.bisect_left(LENGTHS, characters)


_ENDED = re.compile(
    r"[.!?。…:;)\]\"'”’」』}*_`|%>~]\s*$|(?:(?<!보)다|요|까|음|함|임|됨|시오|[하시마려]라|죠|것|때문|등)\s*$"
)
_PARTICLE = re.compile(
    r"[가-힣](?:은|는|을|를|와|과|에서|에게|으로|하여|하고|하며|이며|되어|되고|되며|지만|므로|면서|거나|의)\s*$"
)
_DOTS = re.compile(
    r"(?:…|\.{3,}|이하\s?생략|\(생략\)|\(중략\)|\[생략\]|\[truncated\]|\(continued\)|\(계속\))\s*[)\]]?\s*$"
)
_ITEM = re.compile(r"(?m)^[ \t]*(?:[-*•·]|\d{1,2}[.)])\s+\S")


def truncation(source: str, target: str) -> str:
    """Why a translation seems cut (or far too long), or "".

    Its length against the source's, an unfinished end where the source has ended, an open bracket, dots in
    place of the rest, fewer items of a list, fewer paragraphs.
    """
    source, target = source.strip(), unicodedata.normalize("NFC", target).strip()
    if not target:
        return "the translation is empty" if source else ""
    return _bad_length(source, target) or _unfinished(source, target) or _fewer_parts(source, target)


def _bad_length(source: str, target: str) -> str:
    ours, theirs = sizes(source, target)
    if ours < SHORTEST:
        return ""
    ratio, place = theirs / ours, length_bin(ours)
    lowest = LOWEST_FEWER[place] if _ends(target) < _ends(source) else LOWEST[place]
    if lowest <= ratio <= HIGHEST[place]:
        return ""
    return f"{theirs} letters for {ours}: {ratio:.2f} is outside {lowest} to {HIGHEST[place]}"


def _unfinished(source: str, target: str) -> str:
    end = target[-30:]
    if _DOTS.search(end) and not _DOTS.search(source[-30:]):
        return f"it ends in {end[-12:]!r}"
    ended = bool(re.search(r"[.!?][\"')\]*_`]*$", source))
    if ended and not _ENDED.search(end):
        return f"its last sentence is unfinished: {end!r}"
    if _PARTICLE.search(end) and (ended or len(source) > 60) and not source.endswith((":", ",")):
        return f"it ends in a particle: {end!r}"
    for left, right in ("()", "[]"):
        if source.count(left) == source.count(right) and target.rfind(left) > target.rfind(right):
            return f"a bracket stays open: {target[target.rfind(left) :][:30]!r}"
    return ""


def _fewer_parts(source: str, target: str) -> str:
    ours, theirs = len(_ITEM.findall(source)), len(_ITEM.findall(target))
    if theirs < ours:
        return f"{theirs} items of a list instead of {ours}"
    paragraphs = [sum(bool(p.strip()) for p in text.split("\n")) for text in (source, target)]
    if paragraphs[1] < paragraphs[0] * 0.7:
        return f"{paragraphs[1]} lines instead of {paragraphs[0]}"
    sentences = [_ends(text) for text in (source, target)]
    if sentences[0] >= 3 and sentences[1] <= sentences[0] * 0.5:
        return f"{sentences[1]} sentences instead of {sentences[0]}"
    if is_question(source) and sentences[1] < sentences[0] and not _ASKS.search(target):
        return "the question at the end is missing"
    return ""


_SENTENCE_END = re.compile(r"(?<![\s\d][A-Z])(?<!^\d)(?<!\s\d)(?<!vs)[.!?。](?=[\s\"')*\]]|$)", re.MULTILINE)


def _ends(text: str) -> int:
    """How many sentences of a text have an end; marks of lists are none."""
    return len(_SENTENCE_END.findall(text.strip()))


# --- Repetition -----------------------------------------------------------------------------------

_SENTENCE = re.compile(r"(?<=[.!?。])\s+|\n+")
_MANY = 30  # longest loop, in words, that is looked for


def sentences_of(text: str) -> list[str]:
    """Sentences and lines of a text, without what marks a list, long enough to be more than a heading."""
    parts = (re.sub(r"^[\s>#*•\-\d.)(]+", "", part) for part in _SENTENCE.split(text))
    ended = (
        re.sub(r"(?<![\s.*_])[\s.*_]+$", "", part) for part in parts
    )  # without the look behind, it is quadratic
    return [" ".join(part.split()) for part in ended if len(part) >= 8]


def repetition(source: str, target: str) -> str:
    """What a translation repeats and its source does not, or "": a sentence, or a loop of words or syllables."""
    source, target = (unicodedata.normalize("NFC", text).casefold() for text in (source, target))
    theirs = Counter(sentences_of(target))
    parts = sentences_of(target)
    tails = [b for a, b in pairwise(parts) if len(b) >= 10 and a != b and a.endswith(" " + b)]
    if tails and tails[0] not in source:
        return f"again: {tails[0][:60]}"
    most = max(Counter(sentences_of(source)).values(), default=1)
    for sentence, times in theirs.items():
        if times > max(most, 1) and (len(sentence) >= 12 or times > most + 2):
            return f"{times} times: {sentence[:60]}"
    twice = [a for a, b in pairwise(parts) if a == b]
    if twice and _ends(target) > _ends(source):
        return f"twice in a row: {twice[0][:60]}"
    looped, words = _longest_loop(target)
    if looped > max(2, _longest_loop(source)[0]):
        return f"{looped} times in a row: {words[:60]}"
    if (match := _SYLLABLES.search(target)) and not _SYLLABLES.search(source):
        return f"in a row: {match[0][:40]}"
    return ""


_SYLLABLES = re.compile(r"([가-힣]{2,8}?)\1{3,}|([가-힣])\2{5,}")


def _longest_loop(text: str) -> tuple[int, str]:
    """How often in a row the most repeated group of words stands, and the group; linear in the text."""
    words = [w for w in (w.strip(".,;:!?*-|") for w in text.split()) if any(map(str.isalpha, w))]
    best, group = 1, ""
    for period in range(1, min(_MANY, len(words) // 2) + 1):
        same = 0
        for i in range(period, len(words)):
            same = same + 1 if words[i] == words[i - period] else 0
            if same // period + 1 > best:
                best, group = same // period + 1, " ".join(words[i - period + 1 : i + 1])
    return best, group
