"""What a sentence makes its facts depend on, and whether the units made of it still say so. Pure; English and Korean.

A class of conditions counts once a sentence. It is kept where any unit of that sentence has a word of the class, be it another
one ("if" may become "when"), or says the clause in other words ("in asthma"); a number where it stands in any of them, in digits or
in words.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from komep_dataset.replies.patterns import Pattern
from komep_dataset.scores.splitting import content_of

CLAUSE_WORDS = 3  # of a Korean clause, before the word that makes it a condition (ours)
LONGEST = 20_000  # characters of an answer that are looked at (ours): the work is sentences times units
_CITED = Pattern(r"https?://\S+|\[\d{1,3}(?:\s*[,–-]\s*\d{1,3})*\]|\^\d{1,3}\b")
_LISTED = Pattern(
    r"(?:(?<=^)|(?<=[.!?:]\s)|(?<=\n))[ \t]*[(\[]?\d{1,3}[.)](?:\s+(?=\D)|(?=[A-Z가-힣]))", re.MULTILINE
)
_ABBREVIATED = "".join(
    rf"(?<!\b{word}\.)"
    for word in (r"e\.g", r"i\.e", "Dr", "Mr", "Mrs", "St", "vs", "No", "approx", r"U\.S", "[A-Z]")
)
_BETWEEN = Pattern(rf"(?<=[.!?。])[\"'”’)\]]*{_ABBREVIATED}\s+(?=[A-Z가-힣\"“‘(\[*•\d-])|\n")
_DIGITS = Pattern(r"(?<![\w.])(?<![A-Za-z]-)\d+(?:,\d{3})*(?:\.\d+)?(?![A-Za-z]*\d)")
_WORDS_OF_NUMBERS = """
0 zero; 0.5 half; 1 one once 한; 2 two twice 두; 3 three thrice 세; 4 four 네; 5 five 다섯; 6 six 여섯; 7 seven 일곱; 8 eight 여덟; 9 nine 아홉;
10 ten 열; 11 eleven; 12 twelve
"""
_NUMBER_OF = {word: one.split()[0] for one in _WORDS_OF_NUMBERS.split(";") for word in one.split()[1:]}
_WORDS = Pattern(r"[a-z]+|[가-힣]+")

_IF = (
    r"\b(?:if|when|whenever|unless|provided|providing|in case|in the event|as long as|so long as|once|until|while|during"
    r"|after|upon|without|except|depend\w*|people (?:who|with)|those (?:who|with)|patients (?:who|with))\b"
)
# What ends in 면 and 만 and is no condition: nouns (반면, 조직면; 분만, 미만) and turns of phrase.
_MYEON = r"(?<=[가-힣])(?<![반측표화수방장단평국전정외안직서최당접설협합근])(?<!그러)(?<!말하)(?<!보)(?<!예를 들)(?<!따르)(?<!가능하)면(?=[\s,은]|$)"
_MAN = r"(?:(?<=\d분)|(?<=[가-힣])(?<![지비불충산교다거랜뿐대동투분미팽]))만(?=[\s,.의은을이]|$)"
# Class -> (what asks for it, what keeps it).
_CLASSES = {
    "if": (r"\b(?:if|when|whenever|provided that|in case|as long as)\b", _IF),
    "unless": (r"\b(?:unless|except(?!ion)|other than)\b", r"\b(?:unless|except\w*|exclud\w*|other than|if|without|until|not|but)\b"),
    "only": (
        r"(?<!not )\bonly\b(?! if)|\b(?:solely|exclusively)\b",
        r"\b(?:only|solely|exclusively|just|alone|sole|single|limited|restricted|unless|except|nothing but|no other|if|when)\b",
    ),
    "until": (r"\b(?:until|till)\b", r"\b(?:until|till|up to|before|by|when)\b"),
    "bound": (
        r"\b(?:at least|at most|more than|less than|fewer than|no more than|up to|(?:over|under|above|below|exceed\w*) (?=\$?\d))|[<>≤≥]\s?(?=\d)",
        r"\b(?:least|most|more|less|fewer|up to|over|under|above|below|exceed\w*|older|younger|greater|higher|lower|maximum|minimum"
        r"|within|or longer)\b|[<>≤≥+]",
    ),
    "comparison": (r"(?<!rather )(?<!other )\bthan\b|\b(?:compared (?:to|with)|versus)\b", r"\b(?:than|compar\w+|versus|vs|while|equal\w*|exceed\w*|over|above|below|under)\b|[<>≤≥]"),
    "경우": (
        rf"(?<![가-힣])경우(?=[\s,:에는만도]|$)|(?<=[가-힣] )때(?=[는에만도,.\s]|$)|{_MYEON}|않는 한",
        rf"경우|때|{_MYEON}|시(?=에|[\s,.]|$)|않는 한|조건|중에|동안|후에|(?:는|은|ㄴ|인|된|한|ㄹ|을) (?:환자|사람)",
    ),
    "만": (_MAN, rf"{_MAN}|오직|유일|뿐|한정|국한|단독|전용|단지"),
    "이상": (
        r"(?<=\d)[^\s\d.,]{0,6}\s?(?:이상|이하|미만|초과|이내)(?!한|하게|증)|(?<![가-힣])최[소대]한?\s?(?=\d)|[<>≤≥]\s?(?=\d)",
        r"이상|이하|미만|초과|이내|넘|최소|최대|까지|적어도|보다|안에|[<>≤≥]",
    ),
    "보다": (r"(?<=[가-힣])(?<!기)보다(?=[\s는도])|(?:에|와|과) 비해", r"보다|비해|비교|더|덜"),
    "제외": (r"제외하|(?<=을 )빼고|외에는", r"제외|빼|외에|않|아닌|없"),
}  # fmt: skip
_PEOPLE = (
    r"child|infant|newborn|neonat|toddler|adolescen|teen|adult|elder|pregnan|breastfe|lactat|women|men\b|female|male\b|smoker|diabetic"
    r"|소아|어린이|영아|유아|신생아|청소년|성인|고령|노인|임신|임산|수유|여성|남성|흡연자"
)
_KEEPS = {name: Pattern(keeps, re.IGNORECASE) for name, (_, keeps) in _CLASSES.items()}
_HANGUL = Pattern("[가-힣]")
# By whether a sentence has Hangul: one pattern, whose groups are the classes.
_ASKS = {
    korean: Pattern(
        "|".join(
            f"(?P<{name}>{asks})"
            for name, (asks, _) in _CLASSES.items()
            if bool(_HANGUL.match(name)) == korean
        ),
        re.IGNORECASE,
    )
    for korean in (False, True)
}
_CLAUSES = ("if", "until", "경우")  # classes whose word introduces a clause, in Korean behind it
_PAUSE = Pattern(r"[,;:()]")
_PERSONS = Pattern(rf"\b(?:{_PEOPLE})", re.IGNORECASE)


content = lru_cache(1024)(content_of)  # of the sentences and units of one answer, asked for twice


@dataclass(frozen=True, slots=True)
class Condition:
    """What a sentence makes its facts depend on: a number, the people it holds for, or the word of a class; and its sentence.

    `clause` is the content of what such a word introduces, where that may be said without it: "if you have asthma" as "in asthma".
    """

    kind: str
    word: str
    sentence: str
    clause: frozenset[str] = frozenset()


def sentences_of(text: str) -> list[str]:
    """Sentences of an answer by marks and line ends, without list numbers, citations and addresses."""
    text = _LISTED.sub(" ", _CITED.sub(" ", unicodedata.normalize("NFKC", text[:LONGEST])))
    return [one for part in _BETWEEN.split(text) if (one := part.strip(" \t*#-•>|_"))]


def conditions_of(sentence: str) -> list[Condition]:
    """The conditions of one sentence, each word and number once."""
    found = [Condition("number", number, sentence) for number in dict.fromkeys(_numbers(sentence))]
    people = dict.fromkeys(_PERSONS.findall(sentence))
    found += [Condition("people", person.casefold(), sentence) for person in people]
    korean = bool(_HANGUL.search(sentence))
    asked: dict[str, re.Match] = {}
    for match in _ASKS[korean].finditer(sentence):
        asked.setdefault(match.lastgroup, match)
    for kind, match in asked.items():
        clause = ""
        if kind in _CLAUSES and korean:
            clause = " ".join(_PAUSE.split(sentence[: match.start()])[-1].split()[-CLAUSE_WORDS:])
        elif kind in _CLAUSES:
            clause = _PAUSE.split(sentence[match.end() :])[0]
        found.append(Condition(kind, match[0].strip(), sentence, content(clause)))
    return found


def conditions(answer: str, units: Sequence[str]) -> tuple[list[Condition], list[Condition]]:
    """The conditions of those sentences of an answer that have units, and which of them no unit of theirs keeps.

    A unit is of the sentence with most of its content, or of several that share as much with it. What has no unit lost all that
    it says, not its conditions: the share of words covered tells that.
    """
    sentences = sentences_of(answer)
    asked, lost = [], []
    for sentence, own in zip(sentences, _shared(sentences, units), strict=True):
        of_sentence = conditions_of(sentence) if own else []
        asked += of_sentence
        lost += [one for one in of_sentence if not _keeps(own, one)]
    return asked, lost


def _shared(sentences: Sequence[str], units: Sequence[str]) -> list[list[str]]:
    """The units of each sentence."""
    contents, own = list(map(content, sentences)), [[] for _ in sentences]
    for unit in units:
        said = content(unit)
        shares = [len(said & other) for other in contents]
        most = max(shares, default=0)
        for at, share in enumerate(shares):
            if share == most > 0:
                own[at].append(unit)
    return own


def _keeps(units: Sequence[str], condition: Condition) -> bool:
    """Whether units of its sentence keep a condition: by its words, or half of its clause in a unit with something of the rest."""
    text = unicodedata.normalize("NFKC", "\n".join(units))
    if condition.kind == "number":
        return condition.word in _numbers(text, words=True)
    if condition.kind == "people":
        return condition.word in text.casefold()
    clause, rest = condition.clause, content(condition.sentence) - condition.clause
    return bool(_KEEPS[condition.kind].search(text)) or any(
        2 * len(clause & said) >= len(clause) > 0 and rest & said for said in map(content, units)
    )


def _numbers(text: str, words: bool = False) -> list[str]:
    """Numbers in digits, and, where they only have to be found, in words."""
    found = [f"{float(digits.replace(',', '')):.12g}" for digits in _DIGITS.findall(text)]
    if words:
        found += [_NUMBER_OF[word] for word in _WORDS.findall(text.casefold()) if word in _NUMBER_OF]
    return found
