"""The rules by which one clause states a choice, as a table: name, what it takes, one example, one counter-example.

Plain Python, no dependencies. Patterns are over the text of `choices.marked`, where every choice is one sign; a rule's
group `x` is the choice that it takes. The order and what is not a rule of one clause stand in `robust.py`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .choices import V, X, any_case, begun

_BEFORE = (  # words between a cue and its choice
    r"(?:(?:바로|역시|당연히|결국|아마도?|분명히|확실히|명확히|다음과\s같(?:습니다|다|이)\.?|이렇습니다|번호|위의?|제시된|나는|저는|전|내|제|최종적?으?로?|즉|네|예|음|둘\s중|이\s중|하나만?"
    r"|[가-힣]{1,10}(?:은|는|로|히)|남는\s것은|남은\s것은|남은|남는|실제로는|\(?answer\)?|actually|hmm+|most\slikely|more\slikely|likely|probably|clearly|definitely|therefore|maybe|either|both|indeed|simply|only"
    r"|as\sfollows|the|i|it|its|that|this|we|is|be|should|would|must|have\sto|say|choose|pick|correct|right|best|final|option|choice|letter|answer|number|new)(?![a-z가-힣])[\s:,(⇒.]*){0,6}"
)
COPULA = (
    r"(?:입니다|이다|임|이?[에예]요|이?요|이야|이?지요?|이?죠|이?네요?|이?군요|뿐(?:이다|입니다|임)?|임을|다|이?[랍람]니다|이?라네요?|인데요?|같습니다|같아요|이?겠[가-힣]*|이?었[가-힣]*|였[가-힣]*"
    r"|인\s(?:것|거)\s?같[가-힣]*|인\s?듯[가-힣]*|인\s것(?:입니다|이다)|이?라고\s(?:할|볼)\s수\s?있[가-힣]*|(?:이|가)?\s?되[가-힣]{0,5}|일\s?(?:것|겁|거)(?:\s같(?:습니다|아요?|다|음)|니다|입니다|이다|임|예요|야|으로\s보[가-힣]+)?)"
)
END = rf"(?:\s?{COPULA})?\s?(?:[.!,;:)⇒]|$)"
# How a choice is named with its own words behind it: "E: 200 입니다", "B) 혈전용해제".
_OWN_TEXT = rf"\s?[:)]\s?[^.!?{V[1:-1]}]{{1,80}}?(?:입니다|이다|임)\s?(?:[.!]|$)"
CUE = any_case(
    r"(?:(?:정\s?답|해답|답안|(?<![가-힣])답(?:변|(?![가-힣])|(?=[은는이을]|입니다\s?:))|결론|결과|최종|(?:선택|결정|판단|번호)(?=\s?:))\s?(?:\(?(?:번호|선지|보기|선택지|답안|answer|답)\)?)?(?!\s?(?:이\s)?(?:아닌|아니|없|을\s(?:찾|알|모)))|(?:고르|선택하|택하)(?:자)?면(?=\s?:))"
    r"(?:(?:은|는|이|을|를|으?로|입니다(?=\s?:))?요?[\s:=)\],⇒-]*)"
    r"|(?:\b|(?<=_))(?:answers?|ans\.?|(?:correct|choice|pick|option|selected|selection|conclusion|verdict|decision|response|prediction|predicted|label|result|output|letter|final|index|idx)(?=\s?[:=⇒])"
    r"|(?:correct|right|best|appropriate|suitable|final|my|likely)\s(?:option|choice|response|one|answer|selection|pick))(?:_\w{1,12})?(?!\w)"
    r"(?:,?\s(?:here|below|overall|therefore,?|that\sbest\sfits|choice|among\s\w+(?:\s\w+)?|in\sthis\s(?:case|scenario|patient)|to\s(?:this|the|your)\squestion))?"
    r"(?:(?:s|\s(?:is|was|remains|becomes|(?:would|should|must|will|has\sto|can\sonly)(?:\stherefore)?\sbe)){0,2}[\s:=,⇒-]*)"
)
_CLOSEST = (  # of options that are numbers the one that is next to what was computed
    r"(?:(?:\b(?:closest|nearest)\s(?:\w+\s)?(?:option|choice|answer|value|match|one)(?:\s(?:to|from|based\son|among|in|of)(?:\s[^\s:]+){1,8}?)?\s(?:is|would\sbe)"
    r"|가장\s(?:가까운|근접한|비슷한|유사한)\s(?:값|것|수치|보기|선택지|옵션|답)[은는])[\s:]*)"
)

_NOUN = (
    r"(?:\s?쪽)?(?:의\s[가-힣]{1,6}?)?(?:이|가|은|는|만|야말로|이?라는\s(?:것|답|보기|선택지)(?:이|은))?(?:,\s이것이)?\s?(?:바로\s|역시\s)?"
    r"(?:가장\s|더\s|제일\s|유일하게\s)?"
)
_BE = r"\s(?:is|was|would\sbe|must\sbe|should\sbe|has\sto\sbe|remains|seems|appears|looks)\s(?:(?:to\sbe|the|most|clearly|definitely|indeed|therefore|more|a|my|single|only)\s)*"
_RIGHT_WORD = r"정답|맞음|옳음|적절함?|맞다|옳다|맞습니다|옳습니다|적절합니다|적절하다|일치(?:함|한다|합니다)?|correct|right|true|yes"
_WRONG_WORD = r"오답|틀림|부적절함?|틀렸다|틀렸습니다|틀립니다|아니다|아니오|아님|않음|않다|않는다|않습니다|없음|불일치|배제|제외|아닙니다|incorrect|wrong|false|not?(?:\s(?:correct|right|true))?"
_PRAISE = (
    r"일\s(?:가능성|확률)[이은도]?\s(?:가장\s|제일\s|더\s|매우\s|훨씬\s)*(?:높|크|큼|큽|유력)"
    rf"|{_NOUN}(?:맞|옳|적절|적합|적당|올바|타당|정확|알맞|합당|유력|확실|분명|명확|합리|바람직|최선|우선|(?:이에\s|여기에\s)?(?:부합|해당[하되된됩한합]|일치)|(?<=가장\s)[가-힣]|(?<=제일\s)[가-힣]|그럴듯|낫|나은)"
    r"|(?:에|와|과|이|가)\s(?:가장\s|더\s|이에\s|여기에\s)?(?:해당[하되된됩한합]|부합|합당|일치|가깝|가까)"
    rf"|{_BE}(?:correct|right|best|better|appropriate|likely|preferred|suitable|indicated|accurate|one\b|remaining|left\b|option|consistent|compatible|plausible|effective|logical|reasonable|safe|ideal|superior|recommended|true|valid|what\b)"
    r"|\s(?:best|most\sclosely|clearly|correctly|better|the\s(?:best|correct|right|most|only|one))\s\w+|\sfits\b|\smatches\b|\sexplains\b|\smakes\s(?:the\smost\s|more\s)?sense"
)
_SPEAKING = (  # "if" of the writer's own reasoning, which states no condition
    r"[가-힣]*(?:말씀드리|말하|요약하|정리하|종합하|고려하|감안하|비교하|생각하|분석하|검토하|판단하|추론하|확인하|계산하|소거하|제외하|배제하|빼|지우|따지|보|고르|택하|찍으|꼽으|풀|아니|그러|그렇다|그렇지\s않으"
    r"|자|(?:고르|선택하|택하|찍으|꼽으|하)라|(?:골라|선택해|택해)야\s(?:한|하|된)다|(?:고른|선택한|택한)다|바탕으로\s하|기준으로\s하)면"
)
LEAD = (  # a conclusion or a correction; the choice after it must end its clause
    r"(?:따라서|그러므로|그래서|그러니까?|그렇다면|그러면|고로|결국|종합하면|결론적으로|최종적으로|(?<![가-힣])즉|중에서는?|중에(?=\s)|가운데(?=\s)|(?<=\s)중(?=\s)"
    r"|(?<=[가-힣])(?:므로|니까|으나|지만|는데|다가|(?<!반)면(?=,)|어서(?=,)|해서(?=,))(?=[\s,])"
    r"|(?<![가-힣])아니(?=[,.\s!])|아니다|아니요|아닙니다|아니네요?|잠깐만?|정정(?:합니다|하면|하자면|:|\))?|수정(?:합니다|하면|:|\))|앗|아차|어라|죄송합니다|봤네요"
    r"|(?:고르|선택하|택하|꼽|찍)(?:자면|으?라면)|(?:고른|선택한|택한|꼽는|찍는)다면|(?:골라|선택해|택해)야\s(?:한|하|된)다?면|재?검토\s?결과|(?:말씀드리|말하|요약하|정리하)(?:자)?면"
    r"|\bif\s(?:i\s)?(?:(?:had|have|were)\s)?(?:to|forced\sto|asked\sto|i\smust|must)\s(?:choose|pick|guess|select|decide)(?:\s(?:just\s|only\s)?one)?"
    r"|\b(?:therefore|thus|hence|so|in\sconclusion|in\ssummary|overall|finally|conclusion|actually|wait|no|but|correction|rather|instead|sorry|oops|(?:it|that|this)\s(?:is|should\sbe|must\sbe|would\sbe)|scratch\sthat|its|on\s(?:second\sthought|closer\slook)|make\sthat|i\smeant?|elimination)\b|\b(?:since|because|as)\s[^.,;]{1,40}\snot(?:\s[^.,;]{1,40})?,)"
    r"[\s,.:!…-]*"
)
AGAIN = (  # a second thought on the question; "혈압을 다시 확인하면" is medicine
    r"(?:(?<!을\s)(?<!를\s)|(?<=(?:문제|보기|선지|질문|조건|내용|증례|지문|소견)[을를]\s)|(?<=답을\s))"
    r"(?:(?:다시|재차)(?!\s말)\s?(?:[가-힣]{1,6}\s){0,3}?(?:생각|보|본|봐|살펴|검토|확인|계산|풀|따져|읽|고려|판단|정리|분석|점검|고민)[가-힣\s]{0,10}?(?:면|니|니까|결과|건대|도|네요)"
    r"|(?:재검토|재고|재확인|재계산|재점검|검산)(?:\s?[가-힣]{1,6}){0,2})(?=[\s,:.])"
)


REFUSED = any_case(  # after a choice that a rule takes: "정답은 A가 아니다", "A is not the answer"
    r"(?:이|가|은|는|도|을|를|으?로)?\s(?:(?:정답|답)[이은]\s)?(?:될|볼|할|보기는)?\s?수(?:는|가|도)?\s없|(?:이|가)?일\s수(?:는|가|도)?\s없"
    r"|(?:이|가|은|는|도)?\s?(?:(?:정답|답)[이은]?\s?)?(?:아니(?![라고며면]|겠)|아닙|아님|아닌\s)|(?:이|가)?\s아니(?:라고|라는)|인\s(?:질문|문제|경우)"
    r"|(?:이|가|은|는|도)?\s?(?:아니(?:[며고]|라(?![고는]))|말고)"
    r"|일\s(?:가능성|확률)[이은도]?\s(?:가장\s|제일\s|더\s|매우\s)?(?:낮|적|없|희박|작)"
    r"|\s(?:(?:is|was|would\sbe)\s?(?:not|nt)|(?:can|could|would)\s?(?:not|nt)\sbe|cant\sbe)"
    r"(?:\s(?:the|a|an|my|really|quite)){0,2}(?:\s(?:correct|right|answer|best|true|valid|appropriate|option|choice|it)\b|[.!,]|$)"
    r"|\s(?:is|was|would\sbe|will\sbe)\s(?:\w+\s){0,2}(?:mistakes?|errors?|trap|pitfall|wrong|incorrect|inappropriate|false|untrue)\b"
)
DENIED = re.compile(  # after a rule's match, of which it undoes the praise
    r"[가-힣]{0,4}(?:\s[될볼]\s수는?)?\s?(?:아니|아닌|아님|아닙|않|못|없)|[^.,\n]{0,12}\b(?:not|isnt)\b"
)
UNDONE = re.compile(  # the same of choosing: "A를 고르"면 안 된다, …기 쉽다, … 학생은 틀렸다
    rf"{DENIED.pattern}|(?:(?!나머지|다른|[.!?,()]|{V}).){{0,24}}?"
    r"(?:면\s?(?:안|틀|오답|곤란|실수|잘못|감점|위험)|기\s?(?:쉽|쉬|십상)|지\s?(?:마|말|않)|서는?\s안|수도?\s있(?:지만|으나|는데|겠)?$"
    r"|오답|틀[리렸린립]|잘못|실수|착각|혼동|함정|학생|수험생|응시자|사람|오해|주장|(?:경우|방법)의\s수)"
)
# "활동(정답 A)은 위험하다" names an option.
_LABELLED = re.compile(r"\)(?:은|는|을|를|와|과|도|의)(?![가-힣])")
REVISES = begun(  # a second thought: what is praised after it replaces what was stated
    "abcefhilmnorstuw가검결고골그꼽는니다따말면므봤선수아앗어요으이잠재정종죄중즉지찍최택하해헉",
    rf"(?:{LEAD}|(?<![가-힣])(?:그러나|하지만|그런데|그렇지만)[\s,]+|\b(?:but|however)[\s,]+)$|{AGAIN}|(?<![가-힣])(?:앗|아차|이런|어라|헉|잠깐만?|잠시만요?|아니지|죄송합니다)(?![가-힣])"
    r"|\b(?:wait|sorry|oops|apologies|my\s(?:mistake|bad)|scratch\sthat|i\s(?:now|meant|mean)|let\sme\s(?:double|correct|re-?\w{3,12})"
    r"|re-?(?:check|consider|think|read)\w{0,4}|(?:upon|on|after)\s(?:\w+\s)?(?:review|reflection|(?:re)?consideration|thought|inspection|look|analysis))\b",
)
WRONG = r"(?:은|는)?\s?[-:]?\s?(?:오답|틀렸|틀립|틀림|틀리다|wrong|incorrect)"
AGAINST = begun(  # before a choice, or what is said of it: "not B", "avoid choosing B", "오답은 B", "혈액형은 B"
    "acdeimnorstuw2-5군그단답독둘등또병비셋넷오유점정타혈형혹",
    r"\b(?:not|dont|never|avoid|shouldnt|cannot|cant|wouldnt|(?:wrong|incorrect|mistake|error|tempting|tempted)\sto|than|of|over|unlike|except|exclude[sd]?|excluding"
    r"|eliminat(?:e[sd]?|ing)|rul(?:e[sd]?|ing)\sout|against)\s(?:be\s)?\(?$"
    r"|(?:(?:정답|답)이\s아닌\s\S{1,4}|[2-5]\s?순위|[둘셋넷]째|오답|또|혹|혈액형|유형|형|등급|타입|군|병기|단계|점수|비타민|그룹|독소)[은는]\s$",
)
ASIDE = begun(  # what others choose, and another case than the one asked about
    "bcefhimoprstw경대라만많몇무사수실에여였오응일있자착초학함했흔았었없",
    r"(?:(?:많은|일부|대부분의?|여러|몇몇)\s(?:학생|수험생|응시자|사람|의사)|(?:학생|수험생|응시자|사람|초보자)들?[은이]|흔히|자칫|무심코|(?:함정|실수|오류|오해|착각)[은는이가]\s(?!있|없|발생)"
    r"|\b(?:(?:many|some|most|few)\s(?:\w+\s)?(?:would|might|may|will|choose|pick|select|go)|students|people|candidates|examinees|test-?takers|others|beginners|trainees|residents|tempted)\b"
    r"|(?<!of\s)\b(?:trap|mistake|error|pitfall|temptation)\s(?:here\s)?(?:is|would\sbe)\b"
    r"|만약|만일|(?<![르하으])(?<!이\s경우)(?<!이\s환자)(?<![저나])라면|[였했았었]다면|(?<!수\s)[있없]다면|에서는\s|(?<!이\s)경우에?는?\s"
    r"|\bif\s(?!i\b|we\b|you\b|forced|asked|so\b|not\b|only\sone)|\bhad\s(?:the|this|it|he|she)\s|^when\s(?!i\b|we\b|you\b|\w+ing\b))",
)
CONDITION = rf"(?<![가-힣])(?<!야\s)(?!{_SPEAKING})[가-힣]{{0,8}}[이으라다되나하지기리오가르우크프려시높낮]면(?=[,\s])"  # "폐렴이면"
WHERE = re.compile(rf"{CONDITION}(?!.*(?:므로|따라서|때문|이\s(?:환자|경우|문제|증례)))")
IF = any_case(r"\s(?:only\s)?(?:if|when)\s(?!i\b|we\b)")
LIMITED = any_case(  # a praise with a condition or a doubt: "적절하다고 볼 수도 있다", "better in children"
    r"[^.,\n]{0,16}(?:수도?\s있|주장|오해|착각|생각하|경우|때)|[^.,\n]{0,24}\s(?:in|for|when|if|after|during|with)\s"
)
_MAYBE = r"\s?(?:일\s?(?:수|지|까|듯)|인지)|일\s(?:가능성|확률)[이은도]\s(?:더\s)?있(?!지만|으나|는데|었)|\s(?:might|may|could)\sbe(?!\s\w+(?:ed|en)\b)|\sis\s(?:also\s)?possible"
MAYBE = re.compile(_MAYBE, re.IGNORECASE)
REJECTED = any_case(  # a predicate that turns a choice, or an option's text, down
    r"(?:만|까지)?(?:이|가|은|는|도|을|를)?\s?(?:정답이\s|답이\s)?(?:아니(?!면)|아닌|아님|아닙|틀|제외|배제|오답|금기|부적|거리가|잘못|탈락|보다|말고|대신|못|없)"
    r"|(?:까지|부터|~|-)|(?:와|과)\s(?:달리|다르|구별|감별)|(?:은|는|이|가|도|을|를)\s[^.,\n]{0,30}(?:않|없|아니|아닙|아닌|못\s?하|오답|틀|어렵|제외|배제|금기|부적절|떨어진|낮다|낮습)"
    r"|\s(?:cannot|cant|isnt|can\snot|could\snot)\b|\s(?:is|are|was|were|can\sbe|would\sbe)\s(?:\w+\s)?(?:not|wrong|incorrect|contraindicated|unlikely|inappropriate|excluded|ruled|eliminated|false|less)\b"
)
DESCRIBED = any_case(  # what marks a choice as merely described: "C는 이뇨제이다", "A의 경우", "B requires …"
    r"\s?(?:은|는|의|도|에서|와|과|인가요?|일까요?)(?![가-힣])|\s?\?|\s(?:is|was|are|for|works|would|may|might|can|could|has|does)\b|\s[a-z]{2,14}s\b"
)
OPEN = any_case(  # what may stand before a choice that a sentence is about; another word makes it part of a name
    r"(?:^|[,.:;!?(⇒]|[은는로면서고게써에히여라도만의한된인할될때국이가임중번나래든안]|(?<![가-힣])[가-힣]{1,2}\s|(?:답|정답|것|바로|역시|결국|가장)"
    r"|\b(?:to|with|is|be|by|that|as|for|so|thus|option|choice|answer|only|select|say|prefer|favou?rs?|supports?|and|on|mean|meant|but|remains|makes|leaves|just|its?|\w{1,10}(?:ly|en|ed|ct|se)))\s*\(?$"
)
INVENTED = any_case(  # where a reply runs on into a question of its own making
    r"\n\s*(?:\(?(?:#+\s?)?(?:다음\s|새로운\s|추가\s)?(?:질문|문제|문항|예제|예시|제\s?\d{1,2}\s?문)\s?(?:\d*\s?[:.)]|\d+번?\s*\n)|(?:q|question|problem|exercise)\s?\d*\s?[:.)]"
    r"|(?:human|user|assistant|instruction|input|response)\s?:|다음\s?중[^\n]{1,200}\?|[^\n]{4,300}\?\s*\n+\s*(?:a|1)[.)]\s)"
)
_GOOD = r"옳|맞|적절|적합|올바|바르|바람직|정확|타당|사실|참|correct|right|true|accurate|appropriate|valid"
_BAD = r"틀[린리렸립림]|오답|잘못|부적|거짓|사실과\s다|incorrect|wrong|false|inaccurate|untrue|inappropriate|invalid"
NOT = any_case(r"않|아니|아닌|아님|아닙|(?<!잘)못|없|\bnot\b|nt\b")
JUDGED = any_case(  # a verdict of a sentence on a choice, or on all others; of other words the stem is kept
    rf"(?<!not\s)(?:(?P<choice>{V})\)?|(?:나머지|다른|그\s?외)(?:\s?[가-힣]{{1,3}}?)?들?(?=[은는이가도])|\b(?:the|all)\s(?:of\s)?(?:the\s)?(?:others?|rest|remaining)(?:\s\w+)?)[은는이가만도]?\s"
    rf"(?P<what>(?:(?:are|is|was|were|not|isnt|arent|all|both|the|an?|모두|다|전부|각각)\s)*(?:(?P<bad>{_BAD})|{_GOOD}|(?P<other>[가-힣]{{2}}|[a-z]{{4}}))[^.,;!?{V[1:-1]}]{{0,40}}?)(?=\s?[.,;!?]|$|지만|고\s|며\s|\s(?:and|while|whereas|but)\s)"
)
UNSURE = any_case(rf"{_MAYBE}|{CONDITION}|수도?\s있|[라다]면|\?|\b(?:if|when|not\s(?:all|every))\b")
WRONG_ASKED = any_case(
    r"(?:[가-힣]지\s(?:않[은는]|못한)|사실이\s아닌|틀린|잘못된|부적절한|거리가\s먼)\s(?:것|설명|보기|선지|선택지|문장|내용|진술)|\b(?:incorrect|false|wrong|except)\b"
)
VERDICT = any_case(  # what begins or ends the text of an item: "틀림 - …", "… (정답)", "… (O)"
    rf"(?:({_RIGHT_WORD}|o)|(?:{_WRONG_WORD}|x))\s?(?:[-:,.(].*)?|(?:.*[\s(:,=⇒-])?(?:(?<!not\s)({_RIGHT_WORD}|o)|(?:{_WRONG_WORD}|x))\s?\)?[.!]?"
)
_MARK = rf"{V}\)?\s?[-:=.(]{{0,2}}\s?(?:{_RIGHT_WORD}|{_WRONG_WORD}|(?:(?<=[-:=.(])|(?<=[-:=.(] ))[OX])\)?(?=[\s,./;]|$)"
SHEET = any_case(rf"{_MARK}(?: ?[,./;]? ?{_MARK}){{1,9}}")  # in one line: "A(X), B(O)", "A - 오답, B - 정답"


class Rule(NamedTuple):
    """A row of the table: what the rule takes, an example with its letter, a counter-example; of one clause, by pattern.

    The choice is the last group of the pattern. A firm rule counts before all that are not.
    """

    name: str
    takes: str
    example: str
    letter: str
    counter: str
    pattern: re.Pattern[str] | None = None
    firm: bool = True
    in_items: bool = False
    unless: re.Pattern[str] | None = None


def _clause(row: tuple[str, str, str, str, str], *patterns: str, **settings) -> Rule:
    return Rule(*row, any_case("|".join(patterns)), **settings)


_x, _v, _no_v, _w = f"({X})", f"({V})", f"[^.!?{V[1:-1]}]", f"[^\\w{V[1:-1]}]"
_BUT = r"(?:except(?:ing)?(?:\sfor)?|but|other\sthan|apart\sfrom|aside\sfrom|besides|excluding|with\sthe\sexception\sof)"
CLAUSE = (
    _clause(("field", "a choice after a word for the answer", "정답은 폐렴(B)이다", "B", "오답은 B이다"),
            rf"(?:{CUE.pattern}){_BEFORE}{_v}", rf"(?:{CUE.pattern})(?:(?<=[은는이:⇒]\s)|(?<=is\s))(?:(?!not\b|아니|아닌|없){_no_v}){{1,60}}?{_v}(?=\)?{END}|{COPULA})", rf"{_CLOSEST}{_BEFORE}{_x}", in_items=True, unless=_LABELLED),
    _clause(("chosen", "what the writer chooses", "저는 C를 고르겠습니다", "C", "C를 고른 학생은 틀렸다"),
            rf"{_x}(?:을|를)\s(?:(?:정답|답|답안|최종\s?답)으로|최종\s?선택|선택|고르|고른|고를|고릅|골라|골랐|택|꼽|찍|제출)|{_x}\s?선택(?:$|[.])|{_x}(?:(?:이|가)?\s아니면\s안\s[된됩돼]|일\s수밖에)",
            rf"{_x}(?:이?라고|으?로)\s(?:생각|판단|봅|보겠|보인|보입|결정|선택|바꾸|바꾼|바꿉|변경|수정|정정|하겠|할게|합니|갈게|가겠|갑니|답하|답합|대답|정하|정했|확정|추정|사료|최종|고쳤|고칩|고치|적[었습겠]|썼|표시|표기|체크|제출|간주|이해)",
            r"(?:\b|(?=,))(?:choos(?:e|ing)|chose|select(?:ed|ing|s)?|pick(?:ed|ing)?|(?:go|goes|going|stick|sticking|left)\swith|must\sbe|say|said|guess|has\sto\sbe|vote\sfor|answer"
            r"|(?:settle[ds]?|settling|decided?)\son|opt(?:ed|ing)?\sfor|points?\s(?:\w+\s)?to(?:wards?)?|lean(?:ed|ing|s)?\sto(?:wards?)?|leav(?:es|ing)(?:\s(?:us|me))?(?:\s(?:with|only))?"
            rf"|narrow(?:s|ed)?\s(?:it\s)?down\sto|(?:change|revise|correct|update|switch)\s(?:\w+\s){{0,3}}to|match(?:es)?|corresponds?\sto|,\swhich\sis|conclude\sthat(?:\sit\sis)?|i\s(?:now\s)?(?:think|believe|meant?)(?:\sit\sis|\sits)?)\s(?:the\s)?{_v}(?=[\s.,:!;)]|$)", in_items=True, unless=UNDONE),
    _clause(("named", "a choice that is called the answer", "B번이 정답이다", "B", "B는 정답이 아니다"),
            rf"{_x}{_NOUN}(?:정\s?답|(?:(?:적절|적합|올바|옳|맞|알맞|타당)[은는한른]\s)?답(?!변))", rf"{_x}\s?[-:(=]\s?(?:{_RIGHT_WORD})\)?(?:[.!]|$)",
            rf"{_x}{_BE}(?:(?:correct|right|best|final)\s)?(?:answer|choice|option|pick)", rf"{_x}(?:\sshould\sbe\s(?:selected|chosen)|\sit\s(?:is|must|has)\b|\sis(?=[.!]))", in_items=True, unless=UNDONE),
    _clause(("correction", "what stands against a choice that is denied", "A가 아니라 C이다", "C", "A가 아니라고 할 수 없다"),
            rf"(?:{V}도\s)?{V}\)?(?:이|가|은|는|도)?\s?(?:아니라|아니고|아니며|아닌|말고|에서(?=\s))[\s,]*(?:정답[은이]?\s)?{_BEFORE}(?={_v}(?!까지))",
            rf"\bnot\s{V}[\s,;]*(?:but|rather|it\sis)\s(?:rather\s)?{_v}"),
    _clause(("conclusion", "a choice that ends a clause after a word that concludes or thinks again", "따라서 D", "D", "따라서 D는 금기이다"),
            rf"(?:{LEAD}|{AGAIN}[\s,:]*){_BEFORE}{_x}(?={END}|의\s[^.,]{{1,30}}[을를]\s|밖에\s|{_OWN_TEXT})", rf"^[^⇒]*⇒\s?{_BEFORE}{_x}(?!\s?⇒)(?=(?:으?로|{END})[^⇒]*$)", rf"^{_w}*⇒\s?{_v}{_w}*$"),
    _clause(("whole", "a clause that is a choice with a copula", "네, D입니다.", "D", "D는 이뇨제입니다."),
            rf"^{_w}*(?:(?:네|예|음|그래서|물론입니다|clearly|definitely|choose|pick|its|it\sis|thats?|that\swould\sbe|so|maybe|probably){_w}+)?{_BEFORE}{_x}\s?{COPULA}{_w}*$", rf"^{_w}*(?:its|it\sis|thats?|that\swould\sbe|choose|so)\s{_BEFORE}{_v}{_w}*$"),
    _clause(("case", "a choice for a case; of several cases none is the answer", "기흉이면 D", "D", "기흉이면 D, 폐렴이면 B"),
            rf"{CONDITION},?\s(?:바로\s|정답은\s)?{_x}(?=\)?(?:이|가|을|를|로|이?[고며])?(?:[\s.,;]|$)|\)?{END})"),
    _clause(("maybe", "a choice that may be; beside another one it is no answer", "B일 수도 있다", "B", "B일 수도 있고 C일 수도 있다"),
            rf"{_x}(?={_MAYBE})", rf"\b(?:could|might|may)\s(?:also\s)?be\s{_x}"),
    _clause(("order", "the first of choices in an order", "1순위: D, 2순위: B", "D", "지우면 A → C → D 순이다"),
            rf"(?<!\d)(?:1\s?순위|첫째|첫\s?번째|(?:가장|제일)\s먼저(?:\s[가-힣]{{1,6}}){{0,3}}?)(?:는|은|으?로)?\s?[:,]?\s?{_x}", rf"^(?:(?!낮|적은|지우|제외|배제|소거|탈락)[^⇒{V[1:-1]}])*{_x}(?:\s?⇒\s?{V}){{1,5}}\)?\s?(?:의\s)?(?:순|이므로|로\s)", firm=False, in_items=True),
    _clause(("topic", "a choice that is said of what was asked for", "가장 흔한 원인은 D이다", "D", "혈액형은 A이다"),
            rf"(?:[가-힣](?:은|는)|(?:처치|진단|검사|것|보기|설명|답|선택지|내용|반응|문장|중)(?:이|으로)?)\s{_x}(?=\s?(?:{COPULA}|[.!)]|$)|{_OWN_TEXT}|의\s[가-힣]|\s?\([가-힣])",
            rf"\b(?:step|diagnosis|treatment|therapy|cause|finding|drug|agent|test|management|statement|organism|explanation|intervention|action|here|(?:looks|seems|sounds)\slike|(?<!not\s)only)(?:\s(?:is|would\sbe))?\s{_x}(?=[\s.,:)]|$)", firm=False),
    _clause(("praised", "a choice that is called right", "B가 가장 적절하다", "B", "B가 적절하지 않다"), rf"{_x}(?:{_PRAISE})", firm=False, unless=DENIED),
    _clause(("asked for", "a choice called wrong as what was asked for, or excepted from what all others are", "C가 옳지 않은 것입니다", "C", "C는 옳지 않습니다"),
            rf"{_x}(?:이|가)\s(?:가장\s)?(?:(?:옳지|적절하지|적합하지|맞지|올바르지|해당하지|해당되지|일치하지|바람직하지|바르지)\s(?:않[은는]|못한)|사실이\s아닌|틀린|잘못된|부적절한|거리가\s먼|예외인)\s(?:것|설명|보기|선택지|선지|문장|내용|진술|답|항목)|{_x}(?:이|가)\s사실과\s다른|{_x}만\s(?:틀[리렸린립]|옳지\s않|맞지\s않|적절하지\s않|잘못)", rf"{_x}\sis\sthe\s(?:(?:only|one)\s)?(?:(?:incorrect|false|wrong|untrue)\sstatement|exception|least\s\w+\s(?:option|choice|statement|one))", rf"{_x}\sis\sthe\s(?:only|one)\s(?:\w+\s)?(?:that|which)\sis\s(?:not\s)?(?:{_GOOD}|{_BAD})",
            rf"{_x}(?:을|를|만)?\s?(?:제외|빼|뺀|말고|외에|외의|이외)[가-힣]*,?\s(?:나머지|모두|다|전부|모든|다른)(?:(?!중|[.,]|{V}).){{0,20}}?(?:{_GOOD}|{_BAD})", rf"\b(?:all|every\w*|each)\b(?:(?!not)[^.,;{V[1:-1]}]){{0,30}}?\s{_BUT}\s\(?{_v}\)?\s(?:is|are)\s(?:not\s)?(?:{_GOOD}|{_BAD})",
            rf"\b(?:all|every\w*|each)\b(?:(?!not)[^.,;{V[1:-1]}]){{0,30}}?\s(?:is|are)\s(?:not\s)?(?:{_GOOD}|{_BAD})(?:\s\w+){{0,3}},?\s{_BUT}\s(?:for\s)?\(?{_v}", rf"\ball\sof\sthe\s(?:following|above|options|statements)\sare\s[^.,;{V[1:-1]}]{{1,40}}?,?\s{_BUT}\s(?:for\s)?\(?{_v}", rf"\bwith\sthe\sexception\sof\s{_v},?\s(?:all|every)\s[^.,;]{{0,20}}?(?:{_GOOD}|{_BAD})", firm=False, unless=DENIED),
)  # fmt: skip
PIECES = (
    Rule("alone", "the first or the last line, if it is a choice and nothing else", "발열이 있다.\n\nC", "C", "A\nB\nD"),
    Rule("opening", "the choice that begins the reply, unless it begins a list", "D: 4 : 1", "D", "A. 위염\nB. 장염"),
    Rule("verdicts", "the one option that is called right, or judged otherwise than all others", "A(X), B(O)", "B", "A(O), B(O)", firm=False),
    Rule("last word", "the choice that ends the last line", "급성 충수염 (D)", "D", "비타민 (D)", firm=False),
    Rule("remaining", "the one choice that the last line does not turn down", "남은 것은 C뿐이라 하겠다", "C", "C도 금기이다", firm=False),
)  # fmt: skip


def table() -> str:
    """The rules in their order, as the table of the metric's page."""

    def code(text: str) -> str:
        return "`" + text.replace("\n\n", "\n").replace("\n", " ⏎ ") + "`"

    head = "| rule | firm | takes | example | gives | no answer |\n|---|---|---|---|---|---|\n"
    rows = (
        f"| {r.name} | {'yes' if r.firm else ''} | {r.takes} | {code(r.example)} | {r.letter} | {code(r.counter)} |\n"
        for r in CLAUSE + PIECES
    )
    return head + "".join(rows)
