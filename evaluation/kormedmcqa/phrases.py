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
    r"|\b(?:therefore|thus|hence|so|in\sconclusion|in\ssummary|overall|finally|actually|wait|no|but|correction|rather|instead|sorry|oops|(?:it|that|this)\s(?:is|should\sbe|must\sbe|would\sbe)|scratch\sthat|on\ssecond\sthought|make\sthat)\b)"
    r"[\s,.:!-]*(?:다시\s*(?:보니|생각하면|생각해\s?보[면니]|보면|검토하면|확인하[니면])[\s,]*|more\slikely\s)?",
    re.IGNORECASE,
)
COPULA = (
    r"(?:입니다|이다|임|이?[에예]요|이야|이?지요?|이?죠|이?네요?|이?군요|뿐(?:이다|입니다|임)?|임을|다|요|이?[랍람]니다|이?라네요?|같습니다|이?겠|이?었|였"
    r"|인\s(?:것\s|거\s)?같|인\s?듯|이?라고\s(?:할|볼)\s수\s있|(?:이|가)?\s?되겠|일\s?(?:것|겁|거)(?:\s같(?:습니다|아요?|다|음)|니다|입니다|이다|임|예요|야)?)"
)
IS_COPULA = re.compile(rf"\s?번?\s?{COPULA}")
CLAUSE_END = re.compile(
    rf"\s?번?\s?{COPULA}?\s*(?:[.!,;:\n)]|$)|\s?번?(?:의\s[^.,\n]{{1,30}}[을를]\s|밖에\s)"
)
IS_PREDICATE = re.compile(
    rf"\s?번?\s?(?:{COPULA}|[.!)\n]|$)|\s?번의?\s[가-힣]|\s?\([가-힣]|이?(?:고|며|므로|니까|지만|나)(?![가-힣])|\s[a-z]{{2,14}}s\b|\sto\sme\b"
)

NOUN = r"(?:\s?번)?(?:\s?\((?![A-E1-5]\))[^()\n]{1,40}\))?(?:\s(?:보기|선택지|선지|항목|문항|옵션)|의\s[가-힣]{1,6}?)?(?:이|가|은|는|만|야말로|이?라는\s(?:것|답|보기|선택지)(?:이|은))?\s?(?:바로\s|역시\s)?(?:가장\s|더\s|제일\s|유일하게\s)?"
BE = r"\s(?:is|was|would\sbe|must\sbe|should\sbe|has\sto\sbe|remains|seems|appears|looks)\s(?:(?:to\sbe|the|most|clearly|definitely|indeed|therefore|more|a|my|single|only)\s)*"
IS_ANSWER = re.compile(
    rf"{NOUN}(?:정\s?답|(?:(?:적절|적합|올바|옳|맞|알맞|타당)[은는한른]\s)?답(?!변))"
    r"|(?:\s?번)?(?:\s(?:보기|선택지|선지|항목|옵션))?(?:을|를)\s(?:(?:정답|답|최종\s?답)으로|최종\s?선택|선택|고르|고른|고를|고릅|골라|골랐|택|꼽|찍|제출)"
    r"|(?:\s?번)?(?:이?라고|으?로)\s(?:생각|판단|봅|보겠|보인|결정|선택|바꾸|바꾼|바꿉|변경|수정|정정|하겠|할게|합니|갈게|가겠|갑니|답하|답합|정하|정했|확정|추정|사료|최종|고쳤|고칩|고치|적[었습겠]|썼|표시|표기|체크|제출|간주|이해)"
    rf"|{BE}(?:(?:correct|right|best|final)\s)?(?:answer|choice|option|pick)|\sshould\sbe\s(?:selected|chosen)|\sit\s(?:is|must|has)\b",
    re.IGNORECASE,
)
IS_RIGHT = re.compile(
    rf"{NOUN}(?:맞|옳|적절|적합|올바|타당|정확|알맞|합당|유력|확실|분명|명확|합리|바람직|최선|우선|(?:이에\s|여기에\s)?(?:부합|해당[하되된됩한합]|일치)|(?<=가장\s)[가-힣]|(?<=제일\s)[가-힣])"
    r"|(?:\s?번)?(?:에|와|과|이|가)\s(?:가장\s|더\s|이에\s|여기에\s)?(?:해당[하되된됩한합]|부합|합당|일치|가깝|가까)"
    rf"|{BE}(?:correct|right|best|better|appropriate|likely|preferred|suitable|indicated|accurate|one\b|remaining|left\b|option|consistent|compatible|plausible|effective|logical|reasonable|safe|ideal|superior|recommended|true|valid|right|answer|what\b)"
    r"|\s(?:best|most\sclosely|clearly|correctly|better|the\s(?:best|correct|right|most|only|one))\s\w+|\sfits\b|\smatches\b|\sexplains\b|\smakes\s(?:the\smost\s|more\s)?sense",
    re.IGNORECASE,
)
DENIED = re.compile(
    r"[가-힣]{0,4}(?:\s[될볼]\s수는?)?\s?(?:아니|아닌|아님|않|못|없)|[^.,\n]{0,12}\b(?:not|isnt)\b"
)
IS_NOT = re.compile(
    r"\s?번?(?:도\s[A-E1-5]번?)*(?:이|가|은|는|도)?\s?(?:아니[라고며]|아닌|말고|에서(?=\s))[\s,]*"
)
NOT_BUT = re.compile(r"\bnot\s(?:option\s)?(?=[A-E(])", re.IGNORECASE)
BUT = re.compile(r"[\s,;]*(?:but|rather|it\sis)\s(?:rather\s)?(?:option\s)?", re.IGNORECASE)
MAYBE = re.compile(
    r"\s?번?\s?(?:일\s?(?:수|지|까|듯)|인지)|\s(?:might|may|could)\sbe(?!\s\w+(?:ed|en)\b)|\sis\s(?:also\s)?possible",
    re.IGNORECASE,
)
MAYBE_BEFORE = re.compile(r"\b(?:could|might|may)\s(?:also\s)?be\s(?:option\s)?\(?$", re.IGNORECASE)
AND_OR = r"\s?\(?(?:,|/|·|&|\+|~|또는|혹은|아니면|및|그리고|이?거나|내지|vs)"
JOINT = re.compile(
    rf"\s?번?(?:\s?(?:이나|나|와|과|이랑|랑|하고)(?=\s)|{AND_OR}|\s(?:or|and)(?=\s))\s*(?:(?:option|choice|보기)\s)?",
    re.IGNORECASE,
)
JOINED_BEFORE = re.compile(
    rf"(?<![A-Za-z0-9])([A-E1-5])\)?\s?번?(?:\s?(?:이나|나|와|과|이랑|랑|하고)|{AND_OR}|\s(?:or|and))\s?$"
)
SUBJECT = re.compile(r"\s?번?(?:은|는|이|가)\s|[:)]")

TOPIC = re.compile(
    r"(\S{0,30}[가-힣])[은는]\s(?:보기\s|선택지\s|바로\s)?|\b(?:step|diagnosis|treatment|therapy|cause|finding|drug|agent|test|management|statement|organism|explanation|intervention|action|(?:looks|seems|sounds)\slike|(?<!not\s)only)(?:\s(?:is|would\sbe))?\s(?:option\s|choice\s)?",
    re.IGNORECASE,
)
NO_TOPIC = re.compile(r"(?:또|혹|혈액형|유형|형|등급|타입|군|병기|단계|점수|비타민|그룹|독소)$")

SENTENCE = re.compile(r"(?:^|[.!?\n])\s*")
SENTENCE_BREAK = re.compile(r"(?<![A-E1-5\s(.])\.{1,9}(?=\s|$)|(?<=[!?])\s|\n")
REJECTED = re.compile(  # a predicate that turns a choice, or an option's text, down
    r"\s?번?(?:만|까지)?(?:이|가|은|는|도|을|를)?\s?(?:정답이\s|답이\s)?(?:아니(?!면)|아닌|아님|아닙|틀|제외|배제|오답|금기|부적|거리가|잘못|탈락|보다|말고|대신|못|없)"
    r"|\s?번?(?:까지|부터|~|-)|\s?번?(?:와|과)\s(?:달리|다르|구별|감별)|\s?번?(?:은|는|이|가|도|을|를)\s[^.,\n]{0,30}(?:않|없|아니|아닙|아닌|못\s?하|어렵|제외|배제|금기|부적절|떨어진|낮다|낮습)"
    r"|\s(?:is|are|was|were|can\sbe|would\sbe)\s(?:\w+\s)?(?:not|wrong|incorrect|contraindicated|unlikely|inappropriate|excluded|ruled|eliminated|false|less)\b",
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

TURN = re.compile(  # in a sentence that states a choice and then turns to another
    r"(?<=[가-힣])(?:지만|으나|는데|은데|다만|다가)(?=[,\s])|\b(?:but|however|although|yet)\b", re.IGNORECASE
)
