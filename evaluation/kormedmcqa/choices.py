"""The normal form of a reply, in which every choice is one sign, however it was written.

Plain Python, no dependencies. "(B)", "B번", "②", "보기 2", "Option B", "B(이부프로펜)" all become the sign of B, choices
that are joined ("B 또는 C", "A, B와 D") one sign for several. A letter is no choice when it is an article ("needs a
biopsy") or part of a name ("비타민 D", "B형 간염", "C-반응단백", "E. coli") or of an abbreviation ("e.g."); a digit is none
when it is a quantity ("3일", "5 mg", "4℃").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import partial

LETTERS = "ABCDE"
any_case = partial(re.compile, flags=re.IGNORECASE)


def begun(letters: str, pattern: str) -> re.Pattern[str]:
    """`any_case` of a pattern of many alternatives, all of which begin with one of the letters: a search passes over every other
    place at once, where it would try each alternative."""
    return any_case(f"(?=[{letters}])(?:{pattern})")


# Signs of the private use area: A to E, A to E where only an answer may make it a choice ("2", "b"), and sets of
# several, one bit a letter. `X` and `V` are what patterns call a choice, and one that may be weak.
FIRM, WEAK, SETS = 0xE000, 0xE008, 0xE010
X, V = "[\ue000-\ue004\ue010-\ue02f]", "[\ue000-\ue00c\ue010-\ue02f]"
_SIGNS = re.compile("[\ue000-\ue02f]")

_CIRCLED = {base + i: f"({i + 1})" for base in (0x2460, 0x2776, 0x2780, 0x278A) for i in range(5)}  # ①❶➀➊
_CIRCLED |= {
    base + i: f"({letter})" for base in (0x24B6, 0x24D0, 0x1F170) for i, letter in enumerate(LETTERS)
}  # Ⓐⓐ
_MARKS = str.maketrans("[]{}<>〈〉《》【】〔〕‐‑–—−", "()()()()()()()-----")
_DROPPED = str.maketrans("|", " ", "*`$\"'“”‘’「」『』◆◇◈❖★☆\u200b\u200c\u200d\ufeff")
# Tokens of chat templates.
_SPECIAL = re.compile(r"<\|[^|>\n]{1,30}\|>|</?s>|<eos>|\[/?INST\]|<(?:end|start)_of_turn>")
_JSON = (
    (  # an object with an option and its verdict
        r"\{\s*[\"'](?:option|choice|label|letter|id|no|보기|선지|선택지|번호)[\"']\s*:\s*[\"']?([A-Ea-e1-5])[\"']?\s*,(?:[^{}]{0,80},)?"
        r"\s*[\"']\w{1,20}[\"']\s*:\s*[\"']?(true|false|(?:in)?correct|right|wrong|정답|오답|[OX])\b[^{}]*\},?",
        r"\n\1. (\2)\n",
    ),
    (  # the last field of the answer, whatever follows it
        r"\A((?:[^{\[]*\n)?(?:```\w*\n)?[{\[](?s:.*)[\"'](?:\w+[_ ])?(?:answer|choice|정답|답)(?:_\w+)?[\"']\s?:\s*[\[\"' ]{0,3}\(?([A-Ea-e1-5])(?=\)?\s*[\"'}\]\n]|,\s*[\"'\n]|[.:)])(?s:.*))\Z",
        r"\1\n정답: \2",
    ),
)
_REWRITTEN = tuple(
    (re.compile(pattern, re.MULTILINE), new)
    for pattern, new in (
        (r"^[ \t]*(?:>[ \t]?)+", ""),
        (r"([1-5])\u20e3", r"(\1)"),
        (
            r"(첫|[두둘]|[세셋]|[네넷]|다섯)\s?번?째\s?(?:보기|선택지|선지|옵션|항목)",
            lambda found: f"{'첫_두둘세셋네넷다섯'.index(found[1]) // 2 + 1}번",
        ),
        (r"\\[\"']", '"'),
        *_JSON,
        (r",\s*(?=[\"'][^\"'\n]{1,30}[\"']\s*:)", "\n"),  # fields of JSON
        (r"\\n(?![A-Za-z])", "\n"),  # a line break that was written out
        (r"\\[dt]?frac\s?\{([^{}\n]{0,60})\}\s?\{([^{}\n]{0,60})\}", r"\1/\2"),
        (r"_\{([^{}\n]{0,60})\}", r"_\1"),
        (r"\\(?:text|textbf|mathrm|mathbf|bf|rm)\s?\{([^{}\n]{0,80})\}", r"\1"),
        (r"\\f?boxed\s*\{([^{}\n]{0,80})\}", r" 정답: \1 "),
        (r"\\([A-Za-z]+)\{([^{}\n]{0,60})\}", r"\\\1 \2 "),  # an argument is no choice in brackets
        (r"\\[()\[\]]", " "),
        ("☐", "( )"),
        (r"^[ \t]*[-*]?[ \t]*[☑✅✔]\s", "정답: "),  # a ticked box
        (r"(?<=\S)[ \t]*[☑✅✔][ \t]*$", " (O)"),
        (r"<br\s?/?>|</p>|</div>|</li>", "\n"),
        (r"</?(?:[a-z][a-z_]{1,20}|[biup])(?:\s[^<>\n]{0,60})?\s?/?>", ""),
        (r"(?:=>|-+>|<-+|[→⇒➡➜➔▶☞👉✅✔←⇐◀👈])+", " ⇒ "),
        (
            r"^ ?\(?([A-E1-5])(?![A-E1-5])([^\n⇒]{0,200})⇒ *(?:따라서 )?(?:이게 |이것이 )?(?:정?답|선택|(?:correct )?answer|correct)(?:입니다|이다)?\W*$",
            r"\1\2\n정답: \1\n",
        ),
        ("∴", "따라서 "),
        (r"([은이을와])\((?:는|가|를|과)\)|\(([이으])\)(?=[가-힣])", r"\1\2"),  # "정답은(는)"
    )
)
_TICKS = ("☐□❌✗✘✕✖❎☒×", "○◯", "☑✅✔✓⭕●■◉")  # of two kinds the stronger one ticks, which is the later
_TICK = f"[{''.join(_TICKS)}]"
_TICK_ITEM = rf"[ |>*_•·,;/()-]*(?:[A-E]|[1-5])(?:번(?![째지호])|(?![A-Za-z0-9가-힣]))(?:(?!{_TICK})[^\n])*"
_TICKED = re.compile(
    rf"^[ |>*_•·-]*(?P<first>{_TICK}{_TICK_ITEM})+$|^(?:{_TICK_ITEM}{_TICK})+(?:(?!{_TICK})[^\n])*$",
    re.MULTILINE,
)
_UNDERLINED = re.compile(r"(?<![A-Za-z0-9_])_{1,3}([^_\s](?:[^_\n]{0,80}[^_\s])?)_{1,3}(?![A-Za-z0-9_])")
# More marks on one sign than UAX #15 has, whose order would take quadratic time.
_LONG_RUN = re.compile(r"([^\w\s]{30})[^\w\s]+")
_BLANKS = re.compile(r"[^\S\n]+")
_BREAKS = re.compile(r" ?\n[ \n]*")
END = 8_000  # characters read at either end of a reply; what is between them in a longer one states no answer


def normal_form(reply: str) -> str:
    """The reply as NFKC text without markdown, ornaments or quotes, of which the ends are left if it is long.

    What is after a special token of a chat template is left out; thoughts are taken off before.
    """
    text = next((part for part in _SPECIAL.split(reply) if part.strip()), "")
    text = _LONG_RUN.sub(r"\1", _ends(text, 4 * END).translate(_CIRCLED))  # decomposed Hangul is longer
    text = _ends(unicodedata.normalize("NFKC", text), 4 * END)
    text = _BLANKS.sub(" ", _SIGNS.sub(" ", text)).replace("\ufe0f", "").replace("[ ]", "☐")
    text = _ticked(re.sub(r"\[[xXvV✓✔]\]", "☑", text))
    for pattern, new in _REWRITTEN:
        text = pattern.sub(new, text)
    text = _UNDERLINED.sub(r"\1", text.translate(_DROPPED)).translate(_MARKS)
    text = _BLANKS.sub(" ", text)
    return _ends(_BREAKS.sub("\n", text).strip(), END)


def _ticked(text: str) -> str:
    """A text whose lines of ticked and crossed options give each with its verdict: "❌ A ✅ B" is "A (X)", "B (O)"."""
    kinds = [kind for kind in _TICKS if set(kind) & set(text)]

    def verdicts(line: re.Match[str]) -> str:
        signs, names = re.findall(_TICK, line[0]), re.split(_TICK, line[0])
        pairs = zip(names[1:] if line["first"] else names, signs, strict=False)
        return "".join(
            f"\n{name.strip(' ,;/|*()')} ({'O' if sign in kinds[-1] else 'X'})" for name, sign in pairs
        )

    return _TICKED.sub(verdicts, text) if len(kinds) > 1 else text


def _ends(text: str, end: int) -> str:
    return text if len(text) <= 2 * end else f"{text[:end]}\n{text[-end:]}"


_CANDIDATE = re.compile(r"\(\s*[A-Ea-e1-5]\s*(?:번\s*)?\)|(?<![A-Za-z0-9°_^])(?<![A-Za-z0-9]-)[A-Ea-e1-5]")
_BRACKETED = re.compile(
    r"(?<!\b[A-Za-z])(?<!\d)(?<!ln)(?<!log)(?<!exp)(?<!√)\(\s*([A-Ea-e1-5])\s*(?:번\s*)?\)(?![A-Za-z△∪∩°^])"
)
_LETTER = re.compile(
    r"[A-Ea-e](?![A-Za-z0-9+%]|/[F-Zf-z]|/[A-E][가-힣]|\s?[=≈](?!\s?(?:[OXox](?![\w^])|[○×✗✓✔정오맞틀]))|\s?\+\s?\d|\s?[△∪∩°^×]|-\S|\.[A-Za-z](?![A-Za-z])|_|\(-?\d[\d.+*/ -]{0,12},\s?-?\d)"
)  # not "B12", "e.g.", "C-반응", "B_1", "C(4, 2)"
_DIGIT = re.compile(r"(?<!\d[.,/])[1-5](?![A-Za-z0-9%]|\s?[.,/:~×^+*=-]\s?\d|-[A-Za-z]|[.)]? +[A-E](?:\s|$))")
_ATTACHED = re.compile(  # what Korean may attach to a choice; "형", "군", "일" (days) and the like are not
    r"번(?![째지])|쪽(?=[이을은도으\s])|일\s(?:가능성|확률)|입니|임(?![가-힣])|임[을이은]|이[다며고라므기에예었지니자거나란네죠든던야외듯군]|[예에]요|였|겠|인(?![가-힣])|인[데지듯가것]"
    r"|일\s?[수지까듯것거]|일는지|라[고는면서며도네]|[랍람]니|란|이?[죠지네]|뿐|[임]다|또는|혹은|및|보다|까지|부터|처럼|마저|조차"
    r"|(?:이|가|은|는|을|를|로|으로|와|과|도|만|의|나|이나|야|요|다|라|에|에서|로서|로써|만이|만을|만은|만의|밖에|로는|로도|이랑|랑|하고)(?![가-힣])"
)
_NAME_AFTER = re.compile(  # what makes a choice before it part of a name: "B 세포", "C 언어", "4번 뇌신경", "E. coli"
    r"\s(?:세포|림프|형|군|간염|반응|단백|펩|섬유|수용체|항원|항체|그룹|등급|병동|연쇄|바이러스|독소|언어|선생님|다항식|회사|기업|은행)"
    r"|번\s?(?:질문|문제|뇌신경|염색체|요추|경추|흉추|천추|척추|갈비|늑골|치아|대구치|소구치|유치|손가락|발가락|이상|반복|씩|투여|복용|측정|정도|연속)"
    r"|\s(?:환자|간호사|병원|의사|약사|보호자|학생|국가|지역|기관|학교)[.!]?\s*$"
    r"|\.\s?(?:coli|diff|albicans|cereus|burgdorferi|pertussis|fragilis|anthracis|perfringens|tetani|botulinum"
    r"|trachomatis|pneumoniae|psittaci|jejuni|neoformans|baumannii|fumigatus|faec|cloacae|aerogenes|histolytica"
    r"|henselae|quintana|melitensis|abortus|glabrata|auris|burnetii|bovis|canis|dermatitidis|subtilis|melanogaster)"
)
_NAME_BEFORE = begun(  # words before a letter that make it part of a name: "비타민 D", "type A", "hepatitis B and C"
    "acdfghiklmnprstvwz간검격구균그글뇌단독등매문물바백병보비사수시암약용유인점주증질집카코타표프하항행헤혈형환효",
    r"(?:(?:비타민|바이타민|혈액형|유형|타입|형|그룹|등급|단계|병기)[은는이가]?|프로테인|간염|헤모글로빈|혈색소|글로불린|단백질?|독소"
    r"|인자|병동|백신|효소|균주|검체|병원|용기|용액|물체|시약|보체|시토크롬|암포테리신|사이클로스포린|코엔자임|인플루엔자|독감|뇌염|혈우병|항원|항체|수용체"
    r"|바이러스|구균|약물|약제|환자|카테고리|(?:질문|문제)(?:\s?\(question\))?|점|행렬|집합|표|그림|사례|증례|집단|하루|하루에|매일|격일로|주"
    r"|vitamins?|vit\.?|hepatitis|types?|groups?|class|grade|stage|ha?emoglobin|protein|factor|influenza|lipoprotein"
    r"|categor(?:y|ies)|levels?|section|part|table|figure|phase|child|pugh|killip|serotype|complement|cytochrome"
    r"|immunoglobulin|amphotericin|polymyxin|mitomycin|toxin|coenzyme|plan|case|room|patients?|drug|asa|nyha|rh|hb|hla|ig|apo|cox|cd|anti|antigen|virus|streptococc(?:us|al)|cyclosporin|subtype|strain|arm|ward|lobe|zone|tanner|mallampati|gleason|dukes?|gcs|score)"
    r"\s*:?\s*(?:\(?(?:(?<![A-Za-z])[A-Za-z]\d{0,2}|[1-5])\)?(?:형|군)?\s?(?:,|/|와|과|및|또는|나|이나|and|or|&)\s?)*$",
)
_NAME_BEFORE_BRACKET = any_case(r"(?:비타민|바이타민|\bvitamins?|\bvit\.?|\brh)\s?$")
_CALLED = begun("clno보선옵", r"(?:\boption|\bchoice|\bletter|\bnumber|보기|선택지|선지|옵션)\s?$")
# What a choice that stands apart comes after.
_APART = re.compile(r"(?:^|[^A-Za-z0-9가-힣.°\-]|정답|또는|혹은)$")
_GOES_ON = any_case(  # English words that may follow a chosen letter; another one makes it an article
    r"\s(?:is|was|are|because|since|as|for|due|which|and|or|but|given|based|here|would|must|(?:no|yes)(?=[,;.])|seems|should|fits|by|in"
    r"|not|option|choice|instead|it|remains|explains|matches|represents|appears|makes|looks|might|may|could|can|has\sto|also"
    r"|best\s\w+s|correctly|clearly|most\sclosely|on|with|over|rather|after|if|then|therefore|so|that|from|when|while|at|to|were|the|vs|versus|alone|will|has|does|only|better|best)\b"
)
_VERB = re.compile(  # after B to E, which are no articles, any other verb in -s will do
    r"\s(?!cells?\b|symptoms\b|vitamins\b|fib(?:er|re)s\b|waves?\b|antigens\b|virus|streptococcus|lymphocytes\b|diagnosis|lesions\b)[a-z]{2,14}s\b"
)
_ENGLISH_WORD = re.compile(r" ([A-Za-zα-ω]|\d{1,3}[- ]?(?:year|month|week|day|hour|y|세|개월|mg|m))")
_UNIT = any_case(
    r"\s?(?:mg|ml|g|kg|mcg|µg|l|cm|mm|m|meq|mmol|units?|days?|weeks?|months?|years?|hours?|times|steps?|patients?"
    r"|일|주|개|회|시간|분|초|년|세|명|가지|차|기|도|단계|배|단위|알|정|병|형|급|점|살|번째|번지|월|리터|대|장|건|갑|회차|퍼센트|mmhg|iu|bpm|kcal|cc|ppm|mv|ma|°(?:\s?[CF])?|x|th|nd|rd)(?![A-Za-z])"
)
_DEGREE = re.compile(  # "2도 화상", "3도입니다"; in "2도 정답이다" it is a particle
    r"\s?도(?!\s?(?:아니|아닙|아닌|아님|정답|답|오답|맞|옳|틀|가능|마찬|될|되|적절|적합|부적|타당|해당|제외|배제|고려|역시|같|함께|모두|있|없))"
)
_OWN_WORDS = re.compile(r"(?:\s?번(?![째지호]))?(?:\s(?:보기|선택지|선지|항목|문항|옵션))?")
_GLOSS = any_case(  # "(이부프로펜)" after a choice; a verdict in brackets is none
    rf"({V})\s?\((?!\s?(?:또는|혹은|or\b|and\b|정답|오답|맞|옳|틀|not\b|correct|right|wrong|true|false|[OXox○✓⭕×✗✘❌]\)))[^()\n\ue000-\ue02f]{{1,40}}\)"
)


def marked(text: str, options: Sequence[str] = ()) -> str:
    """A normal form in which every choice is a sign and joined ones are one; see the top of the module.

    A digit counts as the option of that number unless an option's own text is that digit.
    """
    return "\n".join(_marked(line, options) for line in text.split("\n"))


def _marked(text: str, options: Sequence[str]) -> str:
    parts, place = [], 0
    for found in _CANDIDATE.finditer(text):
        start = found.start()
        if start < place or not (choice := _choice(text, start, options)):
            continue
        called = _CALLED.search(text, max(place, start - 8), start)
        apart = called or found[0][0] == "(" or _APART.search(text[max(0, start - 2) : start])
        firm = bool(apart and (called or choice[2]))
        parts += [text[place : called.start() if called else start], sign(choice[0], firm)]
        place = _OWN_WORDS.match(text, choice[1]).end()
    text = "".join([*parts, text[place:]])
    return _JOINED.sub(_joined, _GLOSS.sub(r"\1", text))


def sign(letter: str, firm: bool = True) -> str:
    """The sign of a letter."""
    return chr((FIRM if firm else WEAK) + LETTERS.index(letter))


def several(signs: Sequence[str]) -> str:
    """One sign for those of several choices: of a set of letters, or of the one that all are."""
    letters = {letter_of(one) for one in signs}
    return min(signs) if len(letters) == 1 else chr(SETS + sum(1 << LETTERS.index(one) for one in letters))


def letters_of(one: str) -> str:
    """The letters of a sign."""
    code = ord(one)
    return (
        "".join(x for i, x in enumerate(LETTERS) if code - SETS >> i & 1)
        if code >= SETS
        else LETTERS[code & 7]
    )


def letter_of(one: str) -> str:
    """The letter of a sign; "" of one for several."""
    return "" if ord(one) >= SETS else letters_of(one)


def _choice(text: str, start: int, options: Sequence[str]) -> tuple[str, int, bool] | None:
    """(letter, end, whether it is one without a cue) of the choice that begins at a place, or None."""
    before = text[max(0, start - 40) : start]
    if found := _BRACKETED.match(text, start):
        return None if _NAME_BEFORE_BRACKET.search(before[-12:]) else (_letter(found[1]), found.end(), True)
    mark, end = text[start], start + 1
    letter, attached = _LETTER.match(text, start), _ATTACHED.match(text, end)
    if not (letter or _DIGIT.match(text, start)) or (not attached and "가" <= text[end : end + 1] <= "힣"):
        return None
    named = _NAME_BEFORE.search(before) or _NAME_AFTER.match(text, end)
    if letter and (_CALLED.search(before) or (not named and _stands_alone(text, end))):
        return mark.upper(), end, mark.isupper()
    if letter or named or _DEGREE.match(text, end) or (_UNIT.match(text, end) and not attached):
        return None
    numbered = text.startswith("번", end)
    as_text = [letter for letter, option in zip(LETTERS, options, strict=False) if option == mark]
    return (as_text[0] if as_text and not numbered else _letter(mark)), end, numbered


def _letter(mark: str) -> str:
    return LETTERS[int(mark) - 1] if mark.isdigit() else mark.upper()


def _stands_alone(text: str, end: int) -> bool:
    """Whether a letter that ends here stands as an answer does, not as an article."""
    word, is_article = _ENGLISH_WORD.match(text, end), text[end - 1] not in "BCDE"
    if not word or _GOES_ON.match(text, end) or (not is_article and _VERB.match(text, end)):
        return True
    return word[1].isupper() and (not is_article or word[1] == "B")


_JOINT = (
    r"(?:\s?(?:이나|나|와|과|이랑|랑|하고)\s|이?거나\s|\s?\(?(?:,|/|·|&|\+|~|또는|혹은|아니면|및|그리고|내지|vs)\s?(?:and\s|or\s|또는\s|혹은\s)?"
    r"|\s?\(?(?:and/or|or|and)\s|)(?:(?:possibly|perhaps|maybe)\s)?"
)
_JOINED = any_case(rf"{V}\)?(?:{_JOINT}\(?{V}\)?)+")
_ANSWERS = re.compile(r"(?:^|답|is|are|[은는을를:=])[\s:=(]*$")
_SUBJECT = re.compile(r"(?:은|는|이|가)\s|\s(?:is|was|are)\s|\s?[:)]")


def _joined(found: re.Match[str]) -> str:
    """One sign for choices that are joined; a subject after a comma ("정답은 B, A는 …") or one named again is not."""
    text, signs = found[0], _SIGNS.findall(found[0])
    if len({one >= chr(WEAK) for one in signs}) > 1 and "번" not in text:  # "D: b - a + c"
        return text
    first, comma, last = text.rpartition(",")
    answers = _ANSWERS.search(found.string, max(0, found.start() - 8), found.start())
    apart = answers if len(signs) == 2 else not re.fullmatch(rf"{V}(?:,\s?{V})*", first)
    subject = apart and _SUBJECT.match(found.string, found.end())
    if comma and len(_SIGNS.findall(last)) == 1 and (subject or signs[-1] in signs[:-1]):
        return f"{several(signs[:-1])},{last}"
    return several(signs)
