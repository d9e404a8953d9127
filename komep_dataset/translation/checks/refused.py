"""A translator that refuses, answers the text instead of translating it, or writes of something else."""

import re
import unicodedata
from functools import lru_cache

from komep_dataset.replies.patterns import Pattern
from komep_dataset.translation.alignment import aligned, likeness
from komep_dataset.translation.checks.registry import Check
from komep_dataset.translation.glossary import Glossary
from komep_dataset.translation.latin_words import HANGUL
from komep_dataset.translation.sentence_ends import ASKS, is_question, sentences

# Somebody speaks to somebody: the pronouns, humble verbs, requests and formulas of Korean that stand for an I, a you or a
# please; in English these themselves. What they are excused by in the source is the same words, and quotes.
_SPEAKS = Pattern(
    r"(?<![가-힣])(?:저는|제가|저희)|(?<![두떨])드리(?:겠|지|기|는|니|도록|려)|드릴(?:까|게|\s?수)|드립니|주(?:세요|십시오|시[겠면기]|[실신]\s)|"
    r"바랍니다|부탁\s?(?:드|합)|시겠(?:어요|습니까)|(?:시나|셨나|신가)요|까요\s?\?|죄송|미안|감사(?:합|드)|안녕하|알겠(?:습|어)|"
    r"물론(?:입니다|이죠|이지요|이에요)|(?<![-\w])(?:i|i['’]m|me|my|you|your|sorry|sure)\b",
    re.IGNORECASE,
)
_SPOKEN = Pattern(
    r"\b(?:i|i'm|i've|i'd|me|my|mine|we|us|our|you|your|yours|please|let's|sorry|thanks?|hello|hi|dear|welcome|of course|"
    r"sure|yes|okay|agreed?|hope\w*|wish\w*|regret\w*|apolog\w+|should (?:contact|call|visit|write|e-?mail)|(?:asked|urged) to)\b|[\"“”]",
    re.IGNORECASE,
)
# What is not possible or not allowed, where the source denies nothing.
_CANNOT = Pattern(
    r"수\s?(?:가\s|는\s)?없(?![는게을이])|불가(?=능|[하한할합함해입이]|[^가-힣]|$)|지\s?않겠|어렵습니다|제한(?:됩|되었)|\b(?:cannot|can['’]t|unable|won['’]t)\b",
    re.IGNORECASE,
)
_DENIED = Pattern(
    r"\b(?:no|not|non|never|neither|nor|none|nothing|nobody|cannot|without|unable|impossib\w+|difficult\w*|hard\w*|fail\w*|lack\w*|"
    r"refus\w*|den(?:y|ie)\w*|limit\w*|restrict\w*|reject\w*|stop\w*|avoid\w*|absen\w*|un[a-z]{4,}|in(?:ab|cap|op|com)\w+|"
    r"ir{2}\w+|im\w+bl[ey]|in\w+bl[ey]|rare\w*|resist\w*|contraindicated|prohibit\w*|illegal|prevent\w*)\b|n['’]t\b",
    re.IGNORECASE,
)
_ACT = Pattern(
    r"번역|(?:직|의)역|한국어|우리말|(?<![a-z<\/])translat|"
    r"(?<![가-힣])(?:요청하신|제공하신|(?:해당|이|본|위)\s(?:내용|요청|문장|글|텍스트|표현|주제|응답))",
    re.IGNORECASE,
)
_OF_THE_ACT = Pattern(
    r"translat|korean|languages?\b|original|\b(?:text|sentences?|passage|article|content|request|this|these|transfer|move|convey|carr)",
    re.IGNORECASE,
)
_TASK = Pattern(
    r"(?:(?:name|list|state)(?= (?:the|an?|all|any|some|each|its|one|two|three|four|five|at|\d|(?-i:[a-z])[\w-]* [\w-]*s\b))|describe|explain|discuss|define|outline|enumerate|compare|calculate|arrange|summari[sz]e|tell me|briefly)"
    r"\s\w[^.!?\n]*[.]?$",
    re.IGNORECASE,
)
# What a task asks for, as a statement that translates it says it too: "두 값을 비교한다".
_DONE = Pattern("(?:비교|나열|열거|설명|기술|서술|논의|정의|요약|계산|배열|정렬)(?:한다|합니다|하고|하여|해)")
_SAID = Pattern(
    r"[\"'”’]$|\b(?:how are|why (?:not|don['’]t)|(?:how|what) about)\b", re.IGNORECASE
)  # no exam asks so
_ASKED_WITHIN = Pattern(r"(?:까|냐|는지|은지)\s?(?:하고|하는|라고|고|라는|는)\s")  # "무엇일까 하고 생각했다"
_BLANK = Pattern("_{3}")
_PART = Pattern(r"[:：][*_`]*\s")
# "Help the child" is "아이를 도와주십시오": one sentence for one that is surely its translation may ask for what it says, and a
# question asks.
_REQUESTS, _TRANSLATED = Pattern(r"주(?:세요|십시오)|바랍니다|(?:시나|셨나|신가)요"), 0.9
_QUESTIONS = Pattern(r"(?<!릴)까요\s?\?|(?<!으)(?:시나|셨나|신가)요")
# An English question: with a word that asks, or the verb before its subject. "I wonder if it is so?" may become a statement.
_INTERROGATIVE = Pattern(
    r"\b(?:what|which|who|whom|whose|why|how|when|where)\b|(?:^|[,;:.?!]\s+|\b(?:and|but|so|or|then)\s)"
    r"(?:is|are|was|were|am|do|does|did|can|could|may|might|must|shall|should|will|would|has|have|had)(?:n['’]?t)?\s(?!be\b)|,\s(?:right|correct)\?",
    re.IGNORECASE,
)
_SAYS = _SPEAKS, _ACT, _CANNOT
LEAST = 0.25  # letters of a translation for one of the source (ours)
UNLIKE = -6.0  # of `likeness`: below that was none of 888 real translations


def said_beside(source: str, target: str, glossary: Glossary | None = None) -> list[str]:
    """The first and the last sentence of a target where they speak to somebody, or of translating, and what they translate
    does not."""
    beads, found = [bead for bead in aligned(source, target, glossary) if bead.target], {}
    for bead, near in ((beads[0], beads[:2]), (beads[-1], beads[-2:])) if beads else ():
        theirs = " ".join(sentence for one in near for sentence in one.source)
        excused = [words.search(theirs) for words in (_SPOKEN, _OF_THE_ACT, _DENIED)]
        for part in (part for sentence in bead.target for part in _PART.split(sentence)):
            translated = len(bead.source) == len(bead.target) == 1 and bead.surety > _TRANSLATED
            own = _REQUESTS.sub("", part) if translated else part
            own = _QUESTIONS.sub("", own) if "?" in theirs else own
            said = (words.search(own) for words in _SAYS)
            if any(a and not b for a, b in zip(said, excused, strict=True)):
                found[part] = None
    return list(found)


@lru_cache(maxsize=2)
def refusal(source: str, target: str, glossary: Glossary | None = None) -> str:
    """The words with which a translator refuses, or why the target seems to answer the source or to be of another, or ""."""
    text = unicodedata.normalize("NFC", target)
    beside = said_beside(source, text, glossary)
    rest = _letters(text) - sum(map(_letters, beside))
    refusing = [said for said in beside if _CANNOT.search(said) or rest < LEAST * _letters(source)]
    return refusing[0][:80] if refusing else _answer(source.strip(), text.strip())


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _answer(source: str, text: str) -> str:
    if _BLANK.search(source) and not _BLANK.search(text):
        return f"a blank is filled in: {text[:60]}"
    task = _TASK.match(source)
    # What is no Korean at all has no Korean question either.
    spoken = [sentence for sentence in sentences(text) if HANGUL.search(sentence)]
    asks = is_question(source) and " " in source and not _SAID.search(source)
    asks = asks and _INTERROGATIVE.search("".join(sentences(source)[-1:]))
    if not spoken or not (task or asks) or _ASKED_WITHIN.search(text) or (task and _DONE.search(spoken[-1])):
        return ""
    # A question with its answer behind it ends in a statement, as a quoted one may do.
    last = text if task or '"' in source else spoken[-1]
    return "" if ASKS.search(last) else f"a question has become a statement: {text[:60]}"


def unlike(source: str, target: str, glossary: Glossary | None = None) -> str:
    """That hardly anything of the source shows in the target, or ""."""
    text = unicodedata.normalize("NFC", target)
    if not HANGUL.search(text) or _letters(text) < LEAST * _letters(source):
        return ""  # another check's matter
    worth = likeness(source, text, glossary)
    return f"it has next to nothing of the source ({worth:.1f})" if worth < UNLIKE else ""


_TOLD = "it refused to translate, apologised, or answered the text instead"
CHECKS = (
    Check("refused", refusal, _TOLD, order=50, rank=20, uses_glossary=True),
    Check("refused", unlike, _TOLD, order=55, rank=20, uses_glossary=True),
)
