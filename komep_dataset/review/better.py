"""Which of two answers a reviewer calls better, in the words of who types into a cell: Korean, English, signs.

A cell is cut into words that are known here; one with any other word is not read. What is left is grammar: a cell that names
one side, and nothing against it, is that side; what is put below a side (`A보다`, than A), or called worse or less accurate,
makes it the other one. A denial, a doubt, praise and blame at once, and a side that is only called wrong, for the other may
be wrong as well, decide nothing.
"""

import re
import unicodedata
from collections.abc import Iterator

A, B, SAME, UNSURE = "A", "B", "same", "unsure"
ACCEPTED = "A, B, same, unsure (A가 나음, B가 나음, 같음, 모름)"


def plain(cell: str) -> str:
    """A cell without capitals, wide letters, the variation that makes a sign a picture, blanks around it and a full stop."""
    text = unicodedata.normalize("NFKC", cell).replace("\ufe0f", "").casefold()
    return " ".join(text.replace("’", "'").split()).rstrip(".!").strip()


def better(cell: str) -> str | None:
    """`A`, `B`, `same`, `unsure`, or None where a cell is empty. Raises `ValueError` for anything else."""
    if not (said := plain(cell)):
        return None
    words = list(_words(said))
    kinds = {kind for kind, _ in words}
    if None not in kinds and (found := _decided(words, kinds)):
        return found
    raise ValueError(f"none of {ACCEPTED}")


def _decided(words: list[tuple[str, str]], kinds: set[str]) -> str | None:
    """What words of known kinds say together."""
    sides = [kind for kind, _ in words if kind in (A, B)]
    if "open" in kinds or kinds - {"filler"} == {"doubt"}:
        return UNSURE if len({*sides}) != 1 and not kinds & {"alike", "than", "above", "below"} else None
    if "doubt" in kinds:
        return None
    if kinds & {"alike", "both"}:
        kept = {A, B, "alike", "both", "praise", "blame", "passable", "filler", "joint"}
        return SAME if len({*sides}) != 1 and kinds <= kept else None
    if kinds & {"joint", "passable"}:
        return None
    if kinds & {"above", "below"}:
        order = "".join(kind[0] for kind, text in words if text.strip())
        return {"AaB": A, "BbA": A, "BaA": B, "AbB": B}.get(order)
    under = {A if re.search(_SIDES[A], text) else B for kind, text in words if kind == "than"}
    if len({*sides}) != 1 or not under <= {_other(sides[0])}:
        return None
    praised, blamed = "praise" in kinds, "blame" in kinds
    if "less" in kinds:
        praised, blamed = blamed, praised
        clear = praised != blamed
    else:
        clear = not blamed or bool(kinds & {"more", "than"})  # who is only wrong need not be the worse one
    below = blamed or "worse" in kinds
    if not clear or (praised and below):
        return None
    return _other(sides[0]) if below else sides[0]


def _words(said: str) -> Iterator[tuple[str | None, str]]:
    """(kind, text) of the words from left to right, each as long as may be; None for what is no word of these."""
    place = 0
    while place < len(said):
        fits = ((kind, form.match(said, place)) for kind, forms in _KINDS.items() for form in forms)
        ends = ((found.end(), kind) for kind, found in fits if found)
        end, kind = max(ends, key=lambda one: one[0], default=(len(said), None))
        yield kind, said[place:end]
        place = max(end, place + 1)


def _other(side: str) -> str:
    return B if side == A else A


def _korean(stems: str, endings: str = "") -> str:
    """Stems, each with any of the endings, one of which may be none (`-`); `_` is a blank or none."""
    stems = "|".join(sorted(stems.split(), key=len, reverse=True))
    ends = "|".join(sorted((one.strip("-") for one in endings.split()), key=len, reverse=True))
    return rf"(?:{stems})(?:{ends})".replace("_", " ?")


def _english(phrases: str) -> str:
    return rf"(?<![a-z'])(?:{'|'.join(sorted(phrases.split(','), key=len, reverse=True))})(?![a-z'])"


_DOES = "- 함 하다 하고 하네 하네요 하죠 합니다 해요 한 했음 히 해_보임 해_보여요 해_보입니다 할게요 하겠음 하겠습니다"
_IS = "음 다 습니다 네 네요 고 죠"
_GOOD = "better,best,good,correct,right,more accurate,accurate,factual,safer,superior,stronger,truer,closer,closer to (?:the )?(?:facts?|truth)"
_ANSWER = "(?:answer|response|one|option|choice)"
# NFKC makes ㅁ and ㅠ, the keys of a and b on a keyboard in Hangul mode, letters of another block.
_FIRST = rf"a(?:'s)?(?! (?:{_GOOD.replace(',', '|')}) {_ANSWER})|(?:the )?(?:first|former)|(?:on the |the )?left(?:[ -](?:hand )?side)?"
_SECOND = "b(?:'s)?|(?:the )?(?:second|latter)|on the right|(?:the )?right[ -](?:hand )?side"
_SIDES = {
    A: rf"{_english(_FIRST)}|\u1106(?!\S)|(?<![가-힣])(?:에이(?=가|쪽|$)|첫 ?(?:번 ?)?째|첫 ?번|1(?:번|안)|왼 ?[쪽편])",
    B: rf"{_english(_SECOND)}|\u1172(?!\S)|(?<![가-힣])(?:비(?=가|쪽|$)|(?:둘|두 ?번 ?)째|두 ?번|2(?:번|안)|오른 ?[쪽편])",
}  # fmt: skip
_ANY = "|".join(_SIDES.values())
# Of words that fit equally long, the kind that stands first counts.
_KINDS = {
    kind: tuple(map(re.compile, [words] if isinstance(words, str) else words))
    for kind, words in {
        "than": rf"(?:{_ANY})(?:쪽|안|번)?(?: ?답변?| ?응답)? ?보다(?:는|도)?|{_english('than,over,to,compared (?:to|with)')} (?:the |answer )?(?:{_ANY})",
        **_SIDES,
        "above": ">+",
        "below": "<+",
        "doubt": r"\?+",
        "alike": (
            "=+", _korean("똑같 같", f"{_IS} 아 아요 이 은"), _korean("비슷 비슷비슷 동일 동등", _DOES), _korean("동점 무승부"),
            _korean("차이_없 차이가_없 차이는_없 우열_없", "음 다 습니다 어요"),
            _english("the same,same,ties?,tied,draw,equal,equally,alike,no (?:real )?(?:difference|preference),neither"),
        ),
        "both": (_korean("둘_다 모두 서로 양쪽"), _english("both")),
        "open": (
            _korean("잘_모르겠 모르겠", "음 다 습니다 어요 네요"), _korean("잘_모름 모름 모릅니다 몰라 몰라요"), _korean("글쎄", "- 요"),
            _korean("애매 불확실 보류 판단_못 결정_못", _DOES), _korean("판단 구분 결정 선택", "_불가 _불가능 이_불가 _어려움 이_어려움 하기_어려움"),
            _korean("판단 구분 결정", "_어렵습니다 _어려워요 할_수_없음"),
            _korean("확신_없 확신이_없", "음 다 습니다"), _korean("확실하지_않 확실치_않", _IS),
            _english("unsure,unclear,uncertain,unknown,undecided,idk,not (?:sure|certain),no (?:idea|clue)"),
            _english("(?:can ?not|can't|don't|do not|hard to|unable to) (?:say|tell|know|judge|decide)"),
        ),
        "less": ("덜", _english("less")),
        "more": ("더욱?", "훨씬", _english("more")),
        "worse": _english("worse,worst,inferior,loses"),
        "blame": (
            _korean("나쁘", f"{_IS}"), _korean("나쁨 나쁩니다 나빠요"), _korean("틀", "림 리다 렸음 렸다 렸습니다 렸네요 려요 린"),
            _korean("부정확 부적절 위험 열등 못", _DOES.replace("- ", "")), r"떨어(?:짐|진다|집니다|져요)", _english("inaccurate,incorrect,wrong,bad,poor"),
        ),
        "praise": (
            _korean("낫 좋 맞 옳", f"{_IS} 은 아 아요 는 지요"), _korean("나", "음 은 아요 아_보임 아_보여요 아_보입니다 을"),
            _korean("우세 우수 정확 적절 타당 안전 충실 명확 상세 자세 구체적", f"{_DOES} 임 입니다"), _korean("가깝", _IS), _korean("가까움 가까워요"),
            _korean("이김 이긴다 이깁니다 압승 승 승리"), _english(f"{_GOOD},wins?"),
        ),
        # Of both alone: one that is passable may be the better or the worse one.
        "passable": ("별로", _korean("괜찮", f"{_IS} 아요"), _english("fine,true,false,ok(?:ay)?")),
        "joint": (
            _korean("어느 어떤 무엇 뭐가 나은지 좋은지 맞는지 차이 차이가 차이는 거의 판단 결정"), r"(?<=\S)(?:와|과|랑|하고|인지)",
            _english("which,what,difference,really,honestly,and,or,are"),
        ),
        "filler": (
            r"[\s(),.:;!*\"~-]", r"(?<=\S)(?:이|가|은|는|을|를|로|으로|에|에게|의|요|이요|입니다|임|이다|인|도|이?라고|번)", r"(?<=[ab])안(?=$|[이은을으])",
            _korean("쪽 편 답 답변 응답 것 거 게 사실 사실에 의학적으로 당연히 확실히 분명 분명히 약간 조금 다소 매우 아주 그나마 좀 봄 봅니다"),
            _korean("한_표 선택 선호 추천 생각", _DOES), _korean("하겠 고르겠", "음 습니다 어요"), _korean("할게요 고름"),
            _korean("듯 인_듯", _DOES.replace("- ", "- 싶음 ")), _korean("것_같 거_같 인_것_같 인_거_같", f"{_IS} 아요 아"),
            _english("i,i'd,i'll,i'm,would,will,think,guess,say,believe,choose,pick,picked,pick is,go,going,with,for,my,vote,choice,option,prefer,preferred,select"),
            _english("answer,response,the,one,is,was,it's,that,looks?,seems?,much,slightly,clearly,somewhat,definitely,obviously,certainly,please,pls"),
            _english("a (?:bit|little|lot|tad),bit,by far,far,medically,of the two"),
        ),
    }.items()
}  # fmt: skip
