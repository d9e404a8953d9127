"""Finding a choice in a text: its normal form, and whether a letter or digit at a place names an option.

Plain Python, no dependencies. A letter is no choice when it is an article ("needs a biopsy") or part of a
name ("비타민 D", "B형 간염", "C-반응단백", "E. coli") or of an abbreviation ("e.g."); a digit is none when it is a
quantity ("3일", "5 mg", "4℃").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

LETTERS = "ABCDE"


class Choice(NamedTuple):
    """A choice as it stands in a text: its letter, where it ends, and whether brackets or "번" mark it."""

    letter: str
    end: int
    marked: bool


_DIGIT_SIGNS = (0x2460, 0x2776, 0x2780, 0x278A)  # ①, ❶, ➀, ➊
_LETTER_SIGNS = (0x24B6, 0x24D0)  # Ⓐ, ⓐ
_CIRCLED = {base + i: f"({i + 1})" for base in _DIGIT_SIGNS for i in range(5)}
_CIRCLED |= {base + i: f"({letter})" for base in _LETTER_SIGNS for i, letter in enumerate(LETTERS)}
_BRACKETS = str.maketrans("[]{}<>〈〉《》【】〔〕", "()()()()()()()")
_DASHES = str.maketrans("‐‑–—−", "-----")
_DROPPED = str.maketrans("|", " ", "*`$\"'“”‘’「」『』◆◇◈❖★☆\u200b\u200c\u200d\ufeff")
_BOXED = re.compile(
    r"\\boxed\s*\{\s*(?:\\(?:text|textbf|mathrm|mathbf)\s*\{\s*)?\(?([A-Ea-e1-5])\)?[^{}]*\}{1,2}"
)
_NEW_LINE = re.compile(r"<br\s?/?>|</p>")
_UNDERLINED = re.compile(r"(?<![A-Za-z0-9_])_{1,3}([^_\s](?:[^_\n]{0,80}[^_\s])?)_{1,3}(?![A-Za-z0-9_])")
_TAG = re.compile(r"</?(?:[a-z][a-z_]{1,20}|[biup])(?:\s[^<>\n]{0,60})?\s?/?>")
_ARROW = re.compile(r"(?:=>|->|[→⇒➡▶☞👉✅✔])\ufe0f?")
_SPECIAL = re.compile(
    r"<\|[^|>\n]{1,30}\|>|</?s>|<eos>|\[/?INST\]|<(?:end|start)_of_turn>"
)  # of chat templates
_LINE_MARK = re.compile(r"^[ \t]*(?:#+|>|[-•·▪](?=\s))[ \t]*", re.MULTILINE)
_BLANKS = re.compile(r"[^\S\n]+")
_BREAKS = re.compile(r" ?\n[ \n]*")


def normal_form(generation: str) -> str:
    """The reply as NFKC text without markdown, ornaments or quotes; a circled or boxed choice becomes "(2)".

    What is before `</think>` or after a special token of a chat template is left out.
    """
    text = generation.rsplit("</think>", 1)[-1]
    text = next((part for part in _SPECIAL.split(text) if part.strip()), "").translate(_CIRCLED)
    text = unicodedata.normalize("NFKC", text)
    text = _CHECKED.sub("정답: ", _LATEX.sub(r"\1", text.replace('\\"', '"')))
    text = _BOXED.sub(r" 정답: (\1) ", text)
    text = _ARROW.sub(" : ", _TAG.sub("", _NEW_LINE.sub("\n", text))).replace("∴", "따라서 ")
    text = _BOTH_FORMS.sub(lambda found: found[1] or found[2], text)
    text = _UNDERLINED.sub(r"\1", text.translate(_DROPPED))
    text = _LINE_MARK.sub("", text).translate(_BRACKETS).translate(_DASHES)
    text = _BLANKS.sub(" ", _DOUBLED.sub(r"\1", text))
    return _BREAKS.sub(lambda found: "\n" * min(2, found[0].count("\n")), text).strip()


_BRACKETED = re.compile(r"\(\s*([A-Ea-e1-5])\s*(?:번\s*)?\)")
_LETTER = re.compile(r"([A-Ea-e])(?![A-Za-z0-9+%]|/[F-Zf-z])")
_DIGIT = re.compile(r"(?<!\d[.,])([1-5])(?![A-Za-z0-9%]|[.,/:~-]\s?\d|-[A-Za-z]|[.)]? +[A-E](?:\s|$))")
_ATTACHED = re.compile(  # what Korean may attach to a choice; "형", "군", "일" (days) and the like are not
    r"번(?![째지])|쪽(?=[이을은도으\s])|일\s(?:가능성|확률)|입니|임(?![가-힣])|임[을이은]|이[다며고라므기에예었지니자거나란네죠든던야외듯군]|[예에]요|였|겠|인(?![가-힣])|인[데지듯가것]"
    r"|일\s?[수지까듯것거]|일는지|라[고는면서며도네]|[랍람]니|란|이?[죠지네]|뿐|[임]다|또는|혹은|및|보다|까지|부터|처럼|마저|조차"
    r"|(?:이|가|은|는|을|를|로|으로|와|과|도|만|의|나|이나|야|요|다|라|에|에서|로서|로써|만이|만을|만은|만의|밖에|로는|로도|이랑|랑|하고)(?![가-힣])"
)
_NAME_AFTER = re.compile(  # words after a choice that make it part of a name: "B 세포", "C 반응 단백", "4번 뇌신경"
    r"\s(?:세포|림프|형|군|간염|반응|단백|펩|섬유|수용체|항원|항체|그룹|등급|병동|연쇄|바이러스|독소)"
    r"|번\s?(?:뇌신경|염색체|요추|경추|흉추|천추|척추|갈비|늑골|치아|대구치|소구치|유치|손가락|발가락|이상|반복|씩|투여|복용|측정|정도|연속)"
)
_NAME_BEFORE = re.compile(  # words before a letter that make it part of a name: "비타민 D", "type A", "hepatitis B and C"
    r"(?:(?:비타민|바이타민|혈액형|유형|타입|형|그룹|등급|단계|병기)[은는이가]?|프로테인|간염|헤모글로빈|혈색소|글로불린|단백|독소"
    r"|인자|병동|백신|효소|균주|검체|병원|시약|보체|시토크롬|암포테리신|사이클로스포린|코엔자임|인플루엔자|독감|뇌염|혈우병|항원|항체|수용체"
    r"|바이러스|구균|약물|약제|환자|카테고리|표|그림|사례|증례|집단|하루|하루에|매일|격일로|주"
    r"|vitamins?|vit\.?|hepatitis|types?|groups?|class|grade|stage|ha?emoglobin|protein|factor|influenza|lipoprotein"
    r"|categor(?:y|ies)|level|section|part|table|figure|phase|child|pugh|killip|serotype|complement|cytochrome"
    r"|immunoglobulin|amphotericin|polymyxin|mitomycin|toxin|coenzyme|plan|case|room|patients?|drug|asa|nyha|rh|hb|hla|ig|apo|cox|cd|anti|antigen|virus|streptococc(?:us|al)|cyclosporin|subtype|strain|arm|ward|lobe|zone|tanner|mallampati|gleason|dukes?|gcs|score)"
    r"\s*:?\s*(?:\(?(?:(?<![A-Za-z])[A-Za-z]\d{0,2}|[1-5])\)?(?:형|군)?\s?(?:,|/|와|과|및|또는|나|이나|and|or|&)\s?)*$",
    re.IGNORECASE,
)
_NAME_BEFORE_BRACKET = re.compile(  # "비타민(D)", "Rh(D)"
    r"(?:비타민|바이타민|\bvitamins?|\bvit\.?|\brh)\s?$", re.IGNORECASE
)
_ABBREVIATION = re.compile(r"\.[A-Za-z](?![A-Za-z])")  # "e.g.", "b.i.d.", "D.W."
_CALLED_OPTION = re.compile(r"(?:\boption|\bchoice|보기|선택지|선지|옵션)\s$", re.IGNORECASE)
_SPECIES = re.compile(  # "E. coli" is a germ, not an answer
    r"\.\s?(?:coli|diff|albicans|cereus|burgdorferi|pertussis|fragilis|anthracis|perfringens|tetani|botulinum"
    r"|trachomatis|pneumoniae|psittaci|jejuni|neoformans|baumannii|fumigatus|faec|cloacae|aerogenes|histolytica"
    r"|henselae|quintana|melitensis|abortus|glabrata|krusei|auris|lumbricoides|duodenale|granulosus|immitis"
    r"|multilocularis|vermicularis|burnetii|bovis|canis|elegans|dermatitidis|hominis|cepacia|divergens|microti"
    r"|subtilis|melanogaster|thuringiensis|malayi|anthropi|parapsilosis|tropicalis|rerio)"
)
_GOES_ON = re.compile(  # English words that may follow a chosen letter; another one makes it an article
    r"\s(?:is|was|are|because|since|as|for|due|which|and|or|but|given|based|here|would|must|seems|should|fits|by|in"
    r"|not|option|choice|instead|it|remains|explains|matches|represents|appears|makes|looks|might|may|could|can|has\sto|also"
    r"|best\s\w+s|correctly|clearly|most\sclosely|on|with|over|rather|after|if|then|therefore|so|that|from|when|while|at|to|were|the|vs|versus|alone|will|has|does|only|better|best)\b",
    re.IGNORECASE,
)
_VERB = re.compile(  # after B to E, which are no articles, any other verb in -s will do
    r"\s(?!cells?\b|symptoms\b|vitamins\b|fib(?:er|re)s\b|waves?\b|antigens\b|virus|streptococcus|lymphocytes\b|diagnosis|lesions\b)[a-z]{2,14}s\b"
)
_ENGLISH_WORD = re.compile(r" ([A-Za-zα-ω]|\d{1,3}[- ]?(?:year|month|week|day|hour|y|세|개월|mg|m))")
_BOTH_FORMS = re.compile(r"([은이을와])\((?:는|가|를|과)\)|\(([이으])\)(?=[가-힣])")  # "정답은(는)"
_DOUBLED = re.compile(r"\(\s?(\([A-E1-5]\))\s?\)")
_CHECKED = re.compile(r"^[ \t]*[-*]?[ \t]*(?:\[[xXvV✓✔]\]|[☑✅✔])\s", re.MULTILINE)  # a ticked box
_LATEX = re.compile(r"\\(?:text|textbf|mathrm|mathbf|bf|rm)\s?\{([^{}\n]{0,80})\}")
_UNIT = re.compile(
    r"\s?(?:mg|ml|g|kg|mcg|µg|l|cm|mm|m|meq|mmol|units?|days?|weeks?|months?|years?|hours?|times|steps?|patients?"
    r"|일|주|개|회|시간|분|초|년|세|명|가지|차|기|도|단계|배|단위|알|정|병|형|급|점|살|번째|번지|월|리터|대|장|건|갑|회차|퍼센트|mmhg|iu|bpm|kcal|cc|ppm|mv|ma|°(?:\s?[CF])?|x|th|nd|rd)(?![A-Za-z])",
    re.IGNORECASE,
)
_DEGREE = re.compile(  # "2도 화상", "3도입니다"; in "2도 정답이다" it is a particle
    r"\s?도(?!\s?(?:아니|아닙|아닌|아님|정답|답|오답|맞|옳|틀|가능|마찬|될|되|적절|적합|부적|타당|해당|제외|배제|고려|역시|같|함께|모두|있|없))"
)


def named_before(text: str) -> bool:
    """Whether a text ends in a word that turns a letter after it into part of a name ("비타민", "비타민 B12와")."""
    return _ends_in_name(text[-40:])


@lru_cache(maxsize=4096)  # every rule asks about the same places
def _ends_in_name(text: str) -> bool:
    return bool(_NAME_BEFORE.search(text))


def choice_at(text: str, position: int, options: Sequence[str] = ()) -> Choice | None:
    """The choice that begins at a position of a normal form, or None.

    A digit counts as the option of that number unless an option's own text is that digit.
    """
    before = text[max(0, position - 40) : position]
    found = _BRACKETED.match(text, position)
    if found:
        return (
            None
            if _NAME_BEFORE_BRACKET.search(before[-12:])
            else Choice(_letter(found[1]), found.end(), True)
        )
    if before[-1:] == "(" and _NAME_BEFORE_BRACKET.search(before[-12:-1]):
        return None
    if before[-1:] == "°" or (before[-1:].isalnum() and not _is_hangul(before[-1])):
        return None
    found = _LETTER.match(text, position)
    if found and _CALLED_OPTION.search(before) and _joins(text, found.end()):
        return Choice(found[1].upper(), found.end(), False)
    if found:
        part_of_name = named_before(before) or not _stands_alone(text, found.end(), found[1])
        return None if part_of_name else Choice(found[1].upper(), found.end(), False)
    found = _DIGIT.match(text, position)
    if found and _joins(text, found.end()) and not _is_quantity(text, found.end()):
        if _NAME_AFTER.match(text, found.end()) or named_before(before):
            return None
        numbered = text.startswith("번", found.end())
        as_text = [letter for letter, option in zip(LETTERS, options, strict=False) if option == found[1]]
        return Choice(as_text[0] if as_text and not numbered else _letter(found[1]), found.end(), numbered)
    return None


def _letter(mark: str) -> str:
    return LETTERS[int(mark) - 1] if mark.isdigit() else mark.upper()


def _is_hangul(sign: str) -> bool:
    return "가" <= sign <= "힣"


def _joins(text: str, end: int) -> bool:
    """Whether what follows a choice without a blank may follow it so."""
    return not _is_hangul(text[end : end + 1]) or bool(_ATTACHED.match(text, end))


def _is_quantity(text: str, end: int) -> bool:
    """Whether a unit follows a digit; "5도 아니다" and "3일 것이다" have particles that look like one."""
    if _DEGREE.match(text, end):
        return True
    return bool(_UNIT.match(text, end)) and not _ATTACHED.match(text, end)


def _stands_alone(text: str, end: int, letter: str) -> bool:
    """Whether a letter that ends here stands as an answer does, not as an article or part of a name."""
    if not _joins(text, end) or any(p.match(text, end) for p in (_SPECIES, _ABBREVIATION, _NAME_AFTER)):
        return False
    if re.match(r"-\S", text[end : end + 2]):
        return False
    word = _ENGLISH_WORD.match(text, end)
    if not word or _GOES_ON.match(text, end) or (letter in "BCDE" and _VERB.match(text, end)):
        return True
    return word[1].isupper() and letter in "BCDE"
