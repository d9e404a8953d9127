"""What a translator says around the translation: a preamble, a note behind it, an offer of help."""

import re
import unicodedata

from komep_dataset.translation.checks.refused import REFUSAL, refusal
from komep_dataset.translation.checks.registry import Check
from komep_dataset.translation.checks.repetition import repetition
from komep_dataset.translation.sentence_ends import sentence_ends

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
    r"\b(?:hope|questions?|help|let me know|feel free|ask|contact|note|advice|consult|see|call|talk|speak|"
    r"doctor|physician|professional|pharmacist|provider|specialist|tell|discuss|inform|seek|refer)",
    re.IGNORECASE,
)
_SOURCE_TRANSLATES = re.compile(r"translat|korean|original text|source text", re.IGNORECASE)
_ENDING = 260  # characters at the end in which an offer or a disclaimer is looked for
_NOTE = re.compile(
    r"\W{0,4}(?:참고(?:로|\s?사항)?|주의?|비고|설명|용어(?:\s?설명|\s?해설)?|해설|부연|덧붙|보충|이\s?(?:문장|글|표현|용어|텍스트)|"
    r"위\s?(?:문장|글|내용|텍스트)|여기서|note|hinweis)"
    r"[^\n]{0,300}$",
    re.IGNORECASE,
)


def preamble(source: str, target: str) -> str:
    """What a translator says around the translation, or "".

    Words about translating count anywhere unless the source has them; "물론입니다" counts unless the source opens
    in the same way, and an offer of help or a disclaimer at the end unless the source makes one.
    """
    text = unicodedata.normalize("NFC", target).strip()
    if refusal(source, target):
        return ""  # nothing is translated, so nothing stands around it
    return _around(source, text) or _added(source.strip(), text)


def _added(source: str, text: str) -> str:
    """A last paragraph that opens like a note and is one paragraph more than the source has, or the first and the
    last paragraph where a source of one line has become several, with a sentence more; or ""."""
    theirs, ours = ([p for p in t.split("\n") if p.strip()] for t in (text, source))
    if len(theirs) > len(ours) and _NOTE.match(theirs[-1]) and not _NOTE.match(ours[-1]):
        return theirs[-1].strip()[:80]
    blocks = [block.strip() for block in re.split(r"\n\s*\n", text) if block.strip()]
    if "\n" in source or len(blocks) < 2 or repetition(source, text):
        return ""
    announced = blocks[0].endswith((":", "：")) and ":" not in source
    more = announced or sentence_ends(text) > sentence_ends(source)
    return f"{blocks[0][:40]} … {blocks[-1][:40]}" if more else ""


def _around(source: str, text: str) -> str:
    """Words at the beginning or the end that speak to the one who asked for the translation, or ""."""
    if not _SOURCE_TRANSLATES.search(source):
        for match in _META.finditer(text):
            if not _META_REFUSED.search(text[max(0, match.start() - 40) : match.end() + 40]):
                return text[max(0, match.start() - 30) : match.end() + 30].strip()
    label, end = _LABEL.match(text), text[-_ENDING:]
    for said, excuse in (
        (_SURE.match(text) or _AGREEING.match(text), _SOURCE_AGREES.match(source.strip())),
        (label, label and label[1].lower() in source.lower()),
        (_OPENING.match(text), _SOURCE_OPENS.search(source)),
        (_INTRODUCING.match(text), _SOURCE_INTRODUCES.search(source)),
        (_OFFER.search(end), _SOURCE_OFFERS.search(source) or REFUSAL.search(text)),
    ):
        if said and not excuse:
            return said[0].strip()[:80]
    quoted = text.startswith(("```", '"""')) and not source.strip().startswith(("```", '"""'))
    return text[:20] if quoted else ""


CHECKS = (Check("preamble", preamble, "it said something besides the translation", order=40, rank=30),)
