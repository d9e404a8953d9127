"""How good a split is, by its words alone: what it covers of the answer, and what its units lack to stand for themselves.

Pure; English and Korean. No figure says that a unit is right. Each is a count that a program can make of every run, and that
moves where splitting goes wrong (`python -m benchmarks.split_quality` plants such faults; docs/splitting.md has the figures).
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

from komep_dataset.languages import language_of
from komep_dataset.replies.patterns import Pattern
from komep_dataset.scores.conditions import Condition, conditions, content, sentences_of
from komep_dataset.templates import say

SHOWN = 80  # characters of a sentence that a message shows
LOOKED = 400  # characters of a unit, at its beginning or its end, that are looked at (ours)


@dataclass(frozen=True, slots=True)
class SplitQuality:
    """Counts over any number of answers, which add up; shares of nothing are None.

    Attributes:
        answers: those that have units.
        words, covered: stems of their content, and how many of them any unit has, one that holds nothing to check included.
        units, pronouns, fragments: units, those that point to something outside, and those without a predicate.
        conditions, lost: what sentences make their facts depend on, and what no unit of theirs keeps.
        unverifiable: sentences that hold nothing to check.
    """

    answers: int = 0
    words: int = 0
    covered: int = 0
    units: int = 0
    pronouns: int = 0
    fragments: int = 0
    conditions: int = 0
    lost: int = 0
    unverifiable: int = 0

    def __add__(self, other: "SplitQuality") -> "SplitQuality":
        return SplitQuality(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def shares(self) -> dict[str, float | None]:
        """`covered` of the words, `pronouns` and `fragments` of the units, `lost` of the conditions, `unverifiable` of all."""
        parts = {
            "covered": (self.covered, self.words),
            "pronouns": (self.pronouns, self.units),
            "fragments": (self.fragments, self.units),
            "lost": (self.lost, self.conditions),
            "unverifiable": (self.unverifiable, self.units + self.unverifiable),
        }
        return {name: part / whole if whole else None for name, (part, whole) in parts.items()}

    def __str__(self) -> str:
        said = {name: f"{share:.1%}" for name, share in self.shares().items() if share is not None}
        return "; ".join(say(words, share=said[name]) for name, words in _SAID.items() if name in said)


_SAID = {
    "covered": "{share} of the answers' content words are in units",
    "pronouns": "{share} of units point outside themselves (a pronoun)",
    "fragments": "{share} have no predicate",
    "lost": "{share} of conditions, numbers and populations are in no unit of their sentence",
}


def quality_of(answer: str, units: Sequence[str], unverifiable: Sequence[str] = ()) -> SplitQuality:
    """The counts of one answer's split; none where it has no units."""
    if not units:
        return SplitQuality(unverifiable=len(unverifiable))
    words = frozenset().union(*map(content, sentences_of(answer)))
    said = frozenset().union(*map(content, (*units, *unverifiable)))
    asked, lost = conditions(answer, units)
    of_units = len(units), sum(map(points_outside, units)), sum(map(is_fragment, units))
    return SplitQuality(1, len(words), len(words & said), *of_units, len(asked), len(lost), len(unverifiable))


def lost_conditions(answer: str, units: Sequence[str]) -> list[Condition]:
    """What the sentences of an answer make their facts depend on, and no unit of theirs keeps."""
    return conditions(answer, units)[1]


def rated(splits: Iterable[tuple[str, Sequence[str], Sequence[str]]]) -> tuple[SplitQuality, str]:
    """The counts of (answer, units, unverifiable) of many answers, and a line about them for people, with an example."""
    total, example = SplitQuality(), ""
    for answer, units, unverifiable in splits:
        total += (own := quality_of(answer, units, unverifiable))
        if own.lost and not example:
            first = lost_conditions(answer, units)[0]
            example = f", first {first.word!r} of {' '.join(first.sentence.split())[:SHOWN]!r}"
    return total, f"split: {total}{example}" if total.units else ""


# --- Words that point to something outside the unit

_POINTING = (
    r"(?:it|its|they|their|them|he|his|him|she|her|(?:this|these)(?! (?-i:[A-Z]))|those|such(?! as)|the (?:latter|former)"
    r"|that (?:is|was|means|drug|study|condition))\b"
)
# "It is important to …" points to nothing, and "those who …" says whom; but "It is used to …" does.
_BE = r"it(?: is|['’]s| was| has been| (?:may|can|might|will|would|should) be)"
_EXPLETIVE = (
    rf"(?:(?:{_BE}|it (?:seems|appears|turns out|follows))\b[^.;,]{{0,40}}?\b(?:that|whether|how|what)\b|it (?:takes|took|depends on (?:the|how|what))\b"
    rf"|{_BE} (?:considered )?(?:\w+ly |also |always |often |very |most |not |more |a )*(?!(?:used|able|unable|similar|due|prone|likely|unlikely|ready|resistant|close"
    r"|sensitive|subject|equal|superior|inferior|specific|unique|toxic|harmful|said|known|thought|set|given|sent|made|meant)\b)"
    r"(?:[a-z]+(?<!ed)|good idea|recommended|advised|needed)(?: for [a-z ]{3,30}?)? to\b|{_BE} (?:important|worth|best|common|normal|unclear|up to)\b"
    r"|those (?:who|whom|whose|with|without|in|aged|taking|having|at|over|under|of|that|living|affected)\b|th(?:is|ese) (?:year|century|days)\b)"
).replace("{_BE}", _BE)
_LEAD = (
    r"(?:(?:in|on|at|after|before|during|for|by|from|with|as|since|until|through|despite|due to|because of|according to|to|while|when|if)\b[^,]{1,60},\s+"
    r"|(?:however|additionally|moreover|furthermore|also|then|thus|therefore|finally|similarly|consequently|instead|and|but|so),?\s+"
    r"|(?:if|when|whenever|because|while|although|though|since|after|before|unless|until|once|whether|as|that|both|for|in|of|to|with|by|from)\s+"
    r"|(?:one|some|many|most|all|both|each|either|neither|none|several|any|two|three|examples?|symptoms|treatment|the \w+) (?:of|for) )?"
)
_ENGLISH = Pattern(rf"\W*{_LEAD}(?!{_EXPLETIVE}){_POINTING}", re.IGNORECASE)
_KOREAN = Pattern(
    r"[^\w]*(?:(?:이것|그것|저것|이들|그들|그녀|그분|이분|이곳|그곳)(?:[은는이가을를의도과와]|에게|에서|들|으로|로)?,?"
    r"|이[는를에]|그[는가의를]|그에게|이로써|이와|이러한|그러한|이런|그런|해당|상기|전자[는의가]|후자[는의가]|[이그])"
)
_KOREAN_SUBJECT = Pattern(r".+[은는이가의]$")
LEADING = 8  # words before a Korean subject that are looked at (ours)


def points_outside(unit: str) -> bool:
    """Whether the first thing that a unit names is a word that only another sentence could explain.

    "It lowers fever.", "In 1918, he was born.", "이 약은 열을 내린다."; not "It is important to rest." and not "Aspirin thins
    blood when it is taken." The splitter is told to write none. Such a unit is still checked: what it means is not for us to guess.
    """
    unit = unit[:LOOKED]
    if language_of(unit) != "ko":
        return bool(_ENGLISH.match(unit))
    for word in unit.split()[:LEADING]:
        if _KOREAN.fullmatch(word) or _KOREAN_SUBJECT.match(word):
            return bool(_KOREAN.fullmatch(word))
    return False


# --- Units without a predicate

_VERBS = """
is are was were be been being am has have had having do does did done can could may might must shall should will would cannot
isn't aren't wasn't weren't doesn't don't didn't can't won't couldn't shouldn't hasn't haven't hadn't wouldn't it's he's she's that's there's they're
became become began begin begun born bore bought brought built came come chose cut drew drank drove ate fell felt found fought gave give given
go goes went grew grown held hit hurt kept knew known laid led left let lost made make meant met paid put ran read rose run said sang sat saw seen
sent set shot show shown spent spoke stood sung swam taken taught thought threw told took understood won wore wrote written
include cause contain occur help need require involve remain take use treat prevent reduce increase affect lead result work act provide allow
depend differ vary seem appear keep feel belong exist live tend play produce block kill lower raise improve develop experience suffer receive
consist stem arise come last begin end cover carry represent form follow support suggest indicate recommend say states see know want like
"""
_VERB = Pattern(
    r"\b(?:" + "|".join(map(re.escape, _VERBS.split())) + r")\b|(?<=\w)['’](?:s|re|ve|ll|d) (?=\w)",
    re.IGNORECASE,
)
_NO_VERB = (
    "of|for|with|and|or|nor|from|in|on|at|to|by|as|such|like|including|between|among|amongst|that|who|which|due|per|than|via|after|before|during|not|but|about"
    "|into|onto|over|under|above|below|without|within|toward|towards|through|throughout|across|along|around|against|behind|beyond|near|off|out|up|down|despite|plus"
    "|minus|both|all|half|only|even|just|also|what|where|when|while|because|since|until|upon|versus|except|concerning|regarding|its|their|his|her|our|your|these|those"
)
# A verb by its form: -ed behind a word; -s behind a word and before what is no part of a noun's phrase; any word between a
# plural and another, or before an article, that no noun's phrase has there; whatever follows a pronoun.
_INFLECTED = Pattern(
    rf"(?<=[\w-][ -])(?!(?:based|advanced|related|need|so-called)\b)[a-z]{{2,}}ed\b"
    rf"|(?<=[\w)\]\"”’%,] )(?!(?:us|this|its|his|across|plus|versus|various|less|as|always|thus|perhaps)\b)[a-z]{{2,}}(?<!ss)(?<!us)s (?!(?:of|for|with|and|or|from|such|like|including|between|among|that|who|which|due)\b)(?=\S)"
    rf"|(?<=s )(?!(?:{_NO_VERB})\b)[a-z]{{3,}}(?<!ing)(?<!ed) (?=\S)"
    rf"|\b(?!(?:{_NO_VERB})\b)[A-Za-z][a-z]{{2,}}(?<!ing) (?:the|a|an|your|any|them|it)\b"
    r"|\b(?i:it|he|she|they|we|you|this|people|children|men|women|patients|bacteria|fungi|mice|teeth|feet|nuclei|mitochondria|data|I|who|which) (?!(?:with|of|in|and|or|at|on|from|under|over)\b)[a-z]"
    r"|\b(?:stands|comes|consists|ranges|belongs|refers|leads|results|depends|occurs|dies|lives|works|differs|suffers|arises|begins|ends|starts|varies|serves|acts) ",
)
# In what is closed by a stop like a sentence, an -s at the end or before any other small word may well be a verb ("extends from the liver.").
_CLOSED = Pattern(
    r"(?<=\w )[a-z]{3,}(?<!ss)(?<!us)s(?: (?!(?:of|and|or|like|such|including)\b)\S+ \S.*)?\.\W*$"
)
_IMPERATIVE = Pattern(
    r"(?:\W*|.*,\s)(?:(?:please|always|never|also|then|do not|don't)\s)*(?:take|avoid|consult|drink|eat|talk|seek|call|ask|contact|make|try|consider|ensure|check|apply|get|stop|start|rest|wash|limit|monitor|discuss|wear|visit|speak|store|stay|look|place|add|maintain|choose|remember|note|let)\b",
    re.IGNORECASE,
)
# How a Korean sentence ends: a final ending, or the note style of 음, 함, 됨; and nouns that end like one.
_FINAL = Pattern(r"(?:[다요죠까네라]|시오|\u11b7)$")
_NOUN = Pattern(
    r"(?:마음|처음|다음|얼음|책임|게임|그림|기침|아침|점심|사람|바람|이름|여름|기름|구름|얼룩|캐나다|바다|판다|수요|필요|중요|주요|개요|소요|마다|보다)$"
)


def is_fragment(unit: str) -> bool:
    """Whether a unit has no predicate: "Side effects of aspirin", "오심과 구토". Where forms leave it open, it has one."""
    text = unicodedata.normalize("NFC", unit[:LOOKED] + unit[LOOKED:][-LOOKED:]).strip()
    if language_of(text) == "ko":
        bare = re.sub(r"(?:\([^()]*\)|[\W_])+$", "", text[-LOOKED:])
        apart = bare[:-1] + unicodedata.normalize("NFD", bare[-1:])
        return bool(_NOUN.search(bare)) or not (_FINAL.search(apart) or _FINAL.search(bare))
    said = _VERB.search(text) or _INFLECTED.search(text) or _IMPERATIVE.match(text)
    return not (said or _CLOSED.search(text))
