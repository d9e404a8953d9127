"""The phrases by which a reply states, denies or doubts a choice, as patterns over the normal form of `choices.py`.

Plain Python, no dependencies. `robust.py` says how they work together. Every pattern is bounded, so that a long
reply takes linear time. Names: a cue stands before its choice, a predicate after it.
"""

from __future__ import annotations

import re

CUE = re.compile(  # "정답은", "answer:", "I'd go with"
    r"(?:정\s?답|해답|답안|(?<![가-힣])답(?![가-힣]|$)|(?<![가-힣])답(?=[은는이을])|(?<![가-힣])답변(?=[은:\s])"
    r"|결론|(?:선택|결정|판단|번호|고른\s답)(?=\s?:))(?:\s?(?:번호|선지|보기|선택지))?(?:은|는|이|을|를|으?로)?요?[\s:=)\],-]*"
    r"|(?:\b|(?<=_))(?:answers?|ans\.?|(?:correct|choice|pick|option|selection|conclusion|verdict|decision|response|prediction|predicted|label|result|output|letter|index|idx)(?=\s?[:=])"
    r"|(?:correct|right|best|appropriate|suitable|final|my|likely)\s(?:option|choice|response|one|answer|selection|pick))(?:_\w{1,12})?(?!\w)"
    r"(?:\s(?:here|below|overall|among\s\w+(?:\s\w+)?|in\sthis\s(?:case|scenario|patient)|to\s(?:this|the)\squestion))?"
    r"(?:\s(?:is|was|remains|becomes|(?:would|should|must|will|has\sto|can\sonly)\sbe))?[\s:=,-]*"
    r"|\b(?:choos(?:e|ing)|chose|select(?:ed|ing|s)?|pick(?:ed|ing)?|(?:go|goes|going|stick|sticking|left)\swith|must\sbe|say|said|guess|has\sto\sbe"
    r"|(?:settle[ds]?|settling|decided?)\son|opt(?:ed|ing)?\sfor|points?\s(?:\w+\s)?to(?:wards?)?|lean(?:ing|s)?\sto(?:wards?)?|leav(?:es|ing)(?:\s(?:us|me))?(?:\s(?:with|only))?"
    r"|narrow(?:s|ed)?\s(?:it\s)?down\sto|(?:change|revise|correct|update|switch)\s(?:\w+\s){0,3}to|conclude\sthat(?:\sit\sis)?)\s",
    re.IGNORECASE,
)
FILLER = re.compile(  # words between a cue or a lead and its choice
    r"(?:(?:바로|역시|당연히|결국|아마도?|분명히|확실히|명확히|다음과\s같(?:습니다|다|이)\.?|보기|선택지|선지|옵션|문항|항목|번호|위의?|제시된|나는|저는|전|내|제|최종적?으?로?"
    r"|[가-힣]{1,10}(?:은|는|로)|남는\s것은|남은\s것은|남은|남는|정답은|답은|actually|hmm+|most\slikely|likely|probably|clearly|definitely|therefore|either|both|indeed|simply|only"
    r"|the|i|it|its|that|this|we|is|be|should|would|must|have\sto|say|choose|pick|correct|right|best|option|choice|letter|answer|number)"
    r"(?=[\s:,(A-E1-5])[\s:,]*){1,6}",
    re.IGNORECASE,
)
IN_WORDS = re.compile(  # "정답은 급성 충수염(D)입니다", "정답은 급성 충수염인 D입니다"
    r"[^.!?\n()]{1,60}?(?:\(\s*([A-E1-5])\s*\)|인\s([A-E](?=번|입니|이다|임|예요|이)|[1-5](?=번)))"
)
LEAD = re.compile(  # a conclusion or a correction; the choice after it must end its clause
    r"(?:따라서|그러므로|그래서|그러니까?|그렇다면|고로|결국|종합하면|결론적으로|최종적으로|(?<![가-힣])즉|중에서는?|중에(?=\s)|가운데(?=\s)|(?<=\s)중(?=\s)"
    r"|(?<=[가-힣])(?:므로|니까|으나|지만|는데|다가|면(?=,)|어서(?=,)|해서(?=,))(?=[\s,])|(?<=\s):(?=\s)"
    r"|(?<![가-힣])아니(?=[,.\s!])|아니다|아니요|아닙니다|아니네요?|잠깐만?|정정(?:합니다|하면|하자면|:|\))|수정(?:합니다|하면|:|\))"
    r"|(?:고르|선택하|택하|꼽|찍)(?:자면|으?라면)|(?:고른|선택한|택한|꼽는|찍는)다면|(?:골라|선택해|택해)야\s(?:한|하|된)다?면"
    r"|\bif\s(?:i\s)?(?:(?:had|have|were)\s)?(?:to|forced\sto|asked\sto|i\smust|must)\s(?:choose|pick|guess|select|decide)(?:\s(?:just\s|only\s)?one)?"
    r"|\b(?:therefore|thus|hence|so|in\sconclusion|in\ssummary|overall|finally|actually|wait|no|but|correction|rather|instead|sorry|oops|(?:it|that|this)\s(?:is|should\sbe|must\sbe|would\sbe)|scratch\sthat|on\ssecond\sthought|make\sthat)\b)"
    r"[\s,.:!-]*(?:다시\s*(?:보니|생각하면|생각해\s?보[면니]|보면|검토하면|확인하[니면])[\s,]*|more\slikely\s)?",
    re.IGNORECASE,
)
COPULA = (
    r"(?:입니다|이다|임|이?[에예]요|이야|이?지요?|이?죠|이?네요?|이?군요|뿐(?:이다|입니다|임)?|임을|다|요|이?[랍람]니다|이?라네요?|같습니다|이?겠|이?었|였"
    r"|인\s(?:것\s|거\s)?같|인\s?듯|이?라고\s(?:할|볼)\s수\s있|(?:이|가)?\s?되(?:겠|네요?)|일\s?(?:것|겁|거)(?:\s같(?:습니다|아요?|다|음)|니다|입니다|이다|임|예요|야)?)"
)
IS_COPULA = re.compile(rf"\s?번?\s?{COPULA}")
CLAUSE_END = re.compile(
    rf"\s?번?\s?{COPULA}?\s*(?:[.!,;:\n)]|$)|\s?번?(?:의\s[^.,\n]{{1,30}}[을를]\s|밖에\s)"
)
IS_PREDICATE = re.compile(
    rf"\s?번?\s?(?:{COPULA}|[.!)\n]|$)|\s?번의?\s[가-힣]|\s?\([가-힣]|이?(?:고|며|므로|니까|지만|나)(?![가-힣])|\s[a-z]{{2,14}}s\b|\sto\sme\b"
)

NOUN = r"(?:\s?번)?(?:\s?쪽)?(?:\s?\((?![A-E1-5]\))[^()\n]{1,40}\))?(?:\s(?:보기|선택지|선지|항목|문항|옵션)|의\s[가-힣]{1,6}?)?(?:이|가|은|는|만|야말로|이?라는\s(?:것|답|보기|선택지)(?:이|은))?\s?(?:바로\s|역시\s)?(?:가장\s|더\s|제일\s|유일하게\s)?"
BE = r"\s(?:is|was|would\sbe|must\sbe|should\sbe|has\sto\sbe|remains|seems|appears|looks)\s(?:(?:to\sbe|the|most|clearly|definitely|indeed|therefore|more|a|my|single|only)\s)*"
IS_ANSWER = re.compile(
    rf"{NOUN}(?:정\s?답|(?:(?:적절|적합|올바|옳|맞|알맞|타당)[은는한른]\s)?답(?!변))"
    r"|(?:\s?번)?(?:\s(?:보기|선택지|선지|항목|옵션))?(?:을|를)\s(?:(?:정답|답|최종\s?답)으로|최종\s?선택|선택|고르|고른|고를|고릅|골라|골랐|택|꼽|찍|제출)"
    r"|(?:\s?번)?(?:이?라고|으?로)\s(?:생각|판단|봅|보겠|보인|결정|선택|바꾸|바꾼|바꿉|변경|수정|정정|하겠|할게|합니|갈게|가겠|갑니|답하|답합|정하|정했|확정|추정|사료|최종|고쳤|고칩|고치|적[었습겠]|썼|표시|표기|체크|제출|간주|이해)"
    rf"|{BE}(?:(?:correct|right|best|final)\s)?(?:answer|choice|option|pick)|\sshould\sbe\s(?:selected|chosen)|\sit\s(?:is|must|has)\b",
    re.IGNORECASE,
)
IS_RIGHT = re.compile(
    r"\s?번?일\s(?:가능성|확률)[이은도]?\s(?:가장\s|제일\s|더\s|매우\s|훨씬\s)?(?:높|크|큼|큽|유력)"
    rf"|{NOUN}(?:맞|옳|적절|적합|올바|타당|정확|알맞|합당|유력|확실|분명|명확|합리|바람직|최선|우선|(?:이에\s|여기에\s)?(?:부합|해당[하되된됩한합]|일치)|(?<=가장\s)[가-힣]|(?<=제일\s)[가-힣])"
    r"|(?:\s?번)?(?:에|와|과|이|가)\s(?:가장\s|더\s|이에\s|여기에\s)?(?:해당[하되된됩한합]|부합|합당|일치|가깝|가까)"
    rf"|{BE}(?:correct|right|best|better|appropriate|likely|preferred|suitable|indicated|accurate|one\b|remaining|left\b|option|consistent|compatible|plausible|effective|logical|reasonable|safe|ideal|superior|recommended|true|valid|right|answer|what\b)"
    r"|\s(?:best|most\sclosely|clearly|correctly|better|the\s(?:best|correct|right|most|only|one))\s\w+|\sfits\b|\smatches\b|\sexplains\b|\smakes\s(?:the\smost\s|more\s)?sense",
    re.IGNORECASE,
)
DENIED = re.compile(
    r"[가-힣]{0,4}(?:\s[될볼]\s수는?)?\s?(?:아니|아닌|아님|아닙|않|못|없)|[^.,\n]{0,12}\b(?:not|isnt)\b"
)
IS_NOT = re.compile(
    r"\s?번?(?:도\s[A-E1-5]번?)*(?:이|가|은|는|도)?\s?(?:아니[라고며]|아닌|말고|에서(?=\s))[\s,]*"
)
REFUSED = re.compile(  # after a cue, or as the whole reply: "정답은 A가 아니다"; "A가 아니라 C" and "아닐까" are not
    r"\s?번?(?:이|가|은|는|도|을|를|으?로)?\s(?:(?:정답|답)[이은]\s)?(?:될|볼|할|보기는)?\s?수(?:는|가|도)?\s없|\s?번?(?:이|가)?일\s수(?:는|가|도)?\s없"
    r"|\s?번?(?:이|가|은|는|도)?\s?(?:(?:정답|답)[이은]?\s?)?(?:아니(?![라고며면]|겠)|아닙|아님|아닌\s)"
    r"|\s?번?일\s(?:가능성|확률)[이은도]?\s(?:가장\s|제일\s|더\s|매우\s)?(?:낮|적|없|희박|작)"
    r"|\s(?:(?:is|was|would\sbe)\s?(?:not|nt)|(?:can|could|would)\s?(?:not|nt)\sbe|cant\sbe)"
    r"(?:\s(?:the|a|an|my|really|quite)){0,2}(?:\s(?:correct|right|answer|best|true|valid|appropriate|option|choice|it)\b|[.!,]|$)"
    r"|\s(?:is|was|would\sbe|will\sbe)\s(?:\w+\s){0,2}(?:mistakes?|errors?|trap|pitfall|wrong|incorrect|inappropriate|false|untrue)\b",
    re.IGNORECASE,
)
WRONG = re.compile(r"\s?번?(?:은|는)?\s(?:오답(?:이|입|임|[.!,]|$)|틀렸|틀립|틀림|틀리다)")
NOT_CHOSEN = re.compile(  # after "A를 고르", "A라고 생각": "…면 안 된다", "…기 쉽다", "… 학생은 틀렸다"
    r"(?:(?!나머지|다른|[.!?,\n()A-E1-5]).){0,24}?"
    r"(?:면\s?(?:안|틀|오답|곤란|실수|잘못|감점|위험)|기\s?(?:쉽|쉬|십상)|지\s?(?:마|말|않)|서는?\s안|수도?\s있(?:지만|으나|는데|겠)"
    r"|오답|틀[리렸린립]|잘못|실수|착각|혼동|함정|학생|수험생|응시자)"
)
CUE_DENIED = re.compile(
    r"\b(?:not|dont|never|avoid|shouldnt|cannot|cant|wouldnt|(?:wrong|incorrect|mistake|error|tempting|tempted)\sto)\s(?:be\s)?$",
    re.IGNORECASE,
)
OTHERS = re.compile(  # what other people choose: "많은 학생이 A를", "many would choose A"
    r"(?:(?:(?:많은|일부|대부분의?|여러|몇몇)\s(?:학생|수험생|응시자|사람|의사)[가-힣]{0,3}|(?:학생|수험생|응시자|사람)들[은이]|흔히|자칫|무심코)\s(?:(?!지만|으나|정답).){0,20}"
    r"|\b(?:(?:many|some|most|few)\s(?:\w+\s)?(?:would|might|may|will|choose|pick|select|go)|(?:students|people|candidates|examinees|test-?takers|others|beginners|trainees|residents))\b"
    r"(?:(?!\bbut\b|\banswer\b).){0,40})$",
    re.IGNORECASE,
)
SUPPOSED = re.compile(  # another case than the one asked about: "만약 임신부라면", "if the patient were"
    r"(?:만약|만일|(?<![르하으])(?<!이\s경우)(?<!이\s환자)(?<![저나])라면|[였했았었]다면|(?<!수\s)[있없]다면|\bif\s(?!i\b|we\b|you\b|forced|asked|so\b|not\b|only\sone)|\bhad\sthe\s)"
    r"(?:(?!지만|으나|\bbut\b|\bhowever\b).){0,120}$",
    re.IGNORECASE,
)
SUPPOSED_AFTER = re.compile(r"\)? (?:only )?if (?!i\b|we\b)", re.IGNORECASE)
_READ = ("문제", "보기", "선지", "선택지", "질문", "답", "조건", "내용", "증례", "지문", "소견")
# A question is read again in a second thought; "혈압을 다시 확인하면" is medicine.
_NO_TEST = "(?:" + "|".join([r"(?<![을를]\s)", *(f"(?<={word}[을를] )" for word in _READ)]) + ")"
REVISION = re.compile(  # a second thought: what is stated next replaces what was stated
    rf"{_NO_TEST}(?:다시|재차)\s?(?:[가-힣]{{1,6}}\s){{0,3}}?(?:생각|보(?=[니면])|본|봐|살펴|검토|확인|계산|풀|따져|읽|고려|판단|정리|분석|점검|고민)"
    rf"[가-힣\s]{{0,10}}?(?:면|니|니까|결과|건대|자|도|습니다|네요)(?=[\s,:.])"
    rf"|{_NO_TEST}(?:재검토|재고|재확인|재계산|재점검|검산)(?:\s?[가-힣]{{1,6}}){{0,2}}"
    r"|(?<![가-힣])(?:앗|아차|이런|어라|헉|잠깐만?|잠시만요?|아니지|(?:실수|착각)[가-힣]{1,6}|죄송합니다)(?![가-힣])"
    r"|\b(?:wait|sorry|oops|apologies|my\s(?:mistake|bad)|scratch\sthat|i\s(?:now|meant|mean)|let\sme\s(?:double|correct|re-?\w{3,12})"
    r"|re-?(?:check|consider|think|read)\w{0,4}|(?:upon|on|after)\s(?:\w+\s)?(?:review|reflection|(?:re)?consideration|re-?examination|(?<=second\s)thought|(?<=further\s)thought|(?:(?<=closer\s)|(?<=further\s)|(?<=careful\s))(?:inspection|look|analysis|reading)))\b",
    re.IGNORECASE,
)
REVISED = re.compile(
    r"(?:^|[.!?\n:]\s?|\b(?:its|is|be|to|meant|mean)\s)(?:option\s|letter\s|choice\s)?$", re.IGNORECASE
)
CONTRAST = re.compile(
    r"(?:(?<![가-힣])(?:그러나|하지만|그런데|그렇지만)|\b(?:but|however))[\s,]+", re.IGNORECASE
)
LIMITED = re.compile(  # a praise with a condition or a doubt: "적절하다고 볼 수도 있다", "better in children"
    r"[^.,\n]{0,16}(?:수도?\s있|주장|오해|착각|생각하|경우|때)|[^.,\n]{0,24}\s(?:in|for|when|if|after|during|with)\s",
    re.IGNORECASE,
)
NOT_BUT = re.compile(r"\bnot\s(?:option\s)?(?=[A-E(])", re.IGNORECASE)
BUT = re.compile(r"[\s,;]*(?:but|rather|it\sis)\s(?:rather\s)?(?:option\s)?", re.IGNORECASE)
MAYBE = re.compile(
    r"\s?번?\s?(?:일\s?(?:수|지|까|듯)|인지)|\s?번?일\s(?:가능성|확률)[이은도]\s(?:더\s)?있(?!지만|으나|는데|었)|\s(?:might|may|could)\sbe(?!\s\w+(?:ed|en)\b)|\sis\s(?:also\s)?possible",
    re.IGNORECASE,
)
MAYBE_BEFORE = re.compile(r"\b(?:could|might|may)\s(?:also\s)?be\s(?:option\s)?\(?$", re.IGNORECASE)
AND_OR = r"\s?\(?(?:,|/|·|&|\+|~|또는|혹은|아니면|및|그리고|이?거나|내지|vs)"
JOINT = re.compile(
    rf"\s?번?(?:\s?(?:이나|나|와|과|이랑|랑|하고)(?=\s)|{AND_OR}|\s?(?:\(|(?<=\s))(?:and/or|or|and)(?=\s))\s*(?:(?:possibly|perhaps|maybe)\s)?(?:(?:option|choice|보기)\s)?",
    re.IGNORECASE,
)
JOINED_BEFORE = re.compile(
    rf"(?<![A-Za-z0-9])([A-E1-5])\)?\s?번?(?:\s?(?:이나|나|와|과|이랑|랑|하고)|{AND_OR}|[\s(](?:and/or|or|and))\s?(?:(?:possibly|perhaps|maybe)\s)?$"
)
SUBJECT = re.compile(r"\s?번?(?:은|는|이|가)\s|[:)]")

TOPIC = re.compile(
    r"(\S{0,30}[가-힣])[은는]\s(?:보기\s|선택지\s|바로\s)?|\b(?:step|diagnosis|treatment|therapy|cause|finding|drug|agent|test|management|statement|organism|explanation|intervention|action|(?:looks|seems|sounds)\slike|(?<!not\s)only)(?:\s(?:is|would\sbe))?\s(?:option\s|choice\s)?",
    re.IGNORECASE,
)
NO_TOPIC = re.compile(r"(?:또|혹|혈액형|유형|형|등급|타입|군|병기|단계|점수|비타민|그룹|독소)$")

SENTENCE = re.compile(r"(?:^|[.!?\n])\s*")
SENTENCE_BREAK = re.compile(r"(?<![A-E1-5\s(.])(?<![Vv]it)\.{1,9}(?=\s|$)|(?<=[!?])\s|\n")
SENTENCE_STOP = re.compile(  # also after a choice: "정답은 B. 만약 …"
    rf"{SENTENCE_BREAK.pattern}|(?<=[A-E1-5])\.{{1,9}}(?=\s)"
)
REJECTED = re.compile(  # a predicate that turns a choice, or an option's text, down
    r"\s?번?(?:만|까지)?(?:이|가|은|는|도|을|를)?\s?(?:정답이\s|답이\s)?(?:아니(?!면)|아닌|아님|아닙|틀|제외|배제|오답|금기|부적|거리가|잘못|탈락|보다|말고|대신|못|없)"
    r"|\s?번?(?:까지|부터|~|-)|\s?번?(?:와|과)\s(?:달리|다르|구별|감별)|\s?번?(?:은|는|이|가|도|을|를)\s[^.,\n]{0,30}(?:않|없|아니|아닙|아닌|못\s?하|어렵|제외|배제|금기|부적절|떨어진|낮다|낮습)"
    r"|\s(?:cannot|cant|isnt|can\snot|could\snot)\b|\s(?:is|are|was|were|can\sbe|would\sbe)\s(?:\w+\s)?(?:not|wrong|incorrect|contraindicated|unlikely|inappropriate|excluded|ruled|eliminated|false|less)\b",
    re.IGNORECASE,
)
REJECTED_BEFORE = re.compile(
    r"\b(?:not|than|of|over|unlike|except|exclude[sd]?|excluding|eliminat(?:e[sd]?|ing)|rul(?:e[sd]?|ing)\sout|against)\s(?:option\s|choice\s)?\(?$",
    re.IGNORECASE,
)
DESCRIBED = re.compile(  # what marks a choice as merely described: "C는 이뇨제이다", "the A 의 경우", "B requires …"
    r"\s?번?(?:은|는|의|도|에서|와|과|인가요?|일까요?)(?![가-힣])|\s?\?|\s(?:is|was|are|for|works|would|may|might|can|could|has|does)\b|\s[a-z]{2,14}s\b",
    re.IGNORECASE,
)
OPEN = re.compile(  # what may stand before a choice in such a sentence; another word makes it part of a name
    r"(?:^|[,.:;!?(]|[은는로면서고게써에히여라도만의한된인할될때국이가임중번나래든안]|(?<![가-힣])[가-힣]{1,2}\s|(?:보기|선택지|선지|옵션|답|정답|것|바로|역시|결국|가장)"
    r"|\b(?:to|with|is|be|by|that|as|for|so|thus|option|choice|answer|only|select|say|prefer|favou?rs?|supports?|and|on|mean|meant|but|remains|makes|leaves|just|its?|\w{1,10}(?:ly|en|ed|ct|se)))\s*\(?$",
    re.IGNORECASE,
)

INVENTED = re.compile(  # where a reply runs on into a question of its own making
    r"\n\s*(?:\(?(?:다음\s|새로운\s|추가\s)?(?:질문|문제|문항|예제|예시)\s?(?:\d*\s?[:.)]|\d+번?\s*\n)|(?:q|question|problem|exercise)\s?\d*\s?[:.)]"
    r"|(?:human|user|assistant|instruction|input|response)\s?:|다음\s?중[^\n]{1,200}\?|[^\n]{4,300}\?\s*\n+\s*(?:a|1)[.)]\s)",
    re.IGNORECASE,
)

_RIGHT = r"정답|맞음|옳음|적절함?|맞다|옳다|맞습니다|옳습니다|적절합니다|적절하다|일치(?:함|한다|합니다)?|correct|right|true|yes|o"
_WRONG = r"오답|틀림|부적절함?|틀렸다|틀렸습니다|아니다|아니오|아님|않음|않다|않는다|않습니다|불일치|배제|제외|아닙니다|incorrect|wrong|false|no|x"
VERDICT = re.compile(  # a line on one option that begins or ends with whether it is right
    r"^\s?(?:보기\s|option\s)?(\(?[A-E1-5]\)?)\s?(?:번\s?)?[.):,-]?\s?"
    rf"(?:(?:(?P<first>{_RIGHT})|(?:{_WRONG}))\s?(?:[-:,.(][^\n]{{0,300}})?|[^\n]{{0,200}}?[\s(:,-](?:(?P<last>{_RIGHT})|(?:{_WRONG}))\s?\)?[.!]?\s?)$",
    re.IGNORECASE | re.MULTILINE,
)

_SIGN = r"[OXox○✓⭕×✗✘❌]"
_WORD = rf"(?i:(?!{_SIGN}(?![A-Za-z]))(?:{_RIGHT}|{_WRONG}))"
_MARKED = rf"(?<![A-Za-z0-9])(?:\(?[A-E1-5]\)?|\(?[a-e]\))\s?번?(?:\s?[-:=.(]{{1,2}}\s?(?:{_WORD}|{_SIGN})|\s{_WORD})\)?(?=[\s,./;]|$)"
SHEET = re.compile(  # options and verdicts in one line: "A(X), B(O)", "A - 오답, B - 정답"
    rf"{_MARKED}(?:\s?[,./;]?\s?{_MARKED}){{1,9}}"
)
MARKED_RIGHT = re.compile(
    rf"([A-E1-5]|[a-e](?=\)))\)?\s?번?\s?[-:=.(]{{0,2}}\s?(?:(?i:{_RIGHT})|[○✓⭕])(?![A-Za-z가-힣])"
)
LIST_TITLE = re.compile(r"(?:보기|선택지|선지|options|choices)\s?:?\s*", re.IGNORECASE)
LIST_MARK = re.compile(
    r"\(([A-E1-5])\)|(?:^|(?<=[\s,/;]))(?:([A-E1-5])(?:[.):]|번)|([A-E])(?=\s))|^([1-5])(?=\s)", re.MULTILINE
)

TURN = re.compile(  # in a sentence that states a choice and then turns to another
    r"(?<=[가-힣])(?:지만|으나|는데|은데|다만|다가)(?=[,\s])|\b(?:but|however|although|yet)\b", re.IGNORECASE
)
