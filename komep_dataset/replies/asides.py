"""Sentences that state nothing of what was asked about: questions, promises, closings, referrals, notices, placeholders.

A reply that is made of these alone is no answer, and within an answer they are no units of it. Each class is known by how
its sentences begin or end, and an English one may hold only a few words outside the vocabulary of asking and answering:
"Let me explain gout" promises, "Let me be clear: antibiotics do not treat viruses" states.
"""

import re
from collections.abc import Iterable

from komep_dataset.replies.nonanswers import NON_ANSWER_CHARACTERS, other_words
from komep_dataset.replies.patterns import Pattern

MOST_SUBJECT = 4  # words of an English aside that may name the subject (ours)
LONGEST_KOREAN = 80  # characters of a Korean one (ours)
LONGEST_NOTICE = 250  # characters of a notice (ours)

# What an answer may be announced to hold.
_WORDS = """
cause causes symptom symptoms sign signs treatment treatments treat diagnosis prevention definition overview background history
management summary basics risk risks factors types effects side key main important points facts aspects aspect steps order following
below first second third next finally end briefly simple terms detailed thorough complete comprehensive short quick brief clear
explain explanation explained define describe outline cover walk through go over look explore dive start begin break down breakdown learn
interested example bit article section post guide great excellent question introduction meaning e g want today topics details hesitate
"""
_CONTENTS = frozenset(_WORDS.split())
_DOCTOR = r"(?:doctors?|physicians?|professionals?|providers?|pharmacists?|specialists?|experts?|clinicians?|practitioners?|advice|guidance|hospital|clinic)"
_IF_URGENT = Pattern(
    r"(?<!^)\bif (?!in doubt|you(?:'re| are) (?:unsure|concerned|worried))|\b(?:when|unless|immediate\w*|urgent\w*|emergency|at once|right away|within|because|since|before|after|while|by)\b|,.*\b(?:should|stop|take)\b",
    re.I,
)
_THAT = Pattern(r"\b(?:that|because|since|not|never)\b", re.I)
_PROMISE = Pattern(
    r"""(?:(?:so|now|first|well|okay|sure|absolutely|certainly|of\ course|(?:in|with)\ (?:this|the\ (?:following|next))\b[^,]{0,30}|to\ (?:answer|address|explain|understand)\b[^,]{0,80}|here|below|today)[,!]?\ )*
    (?:let\ me|let's|let\ us|(?:i|we)(?:\ will|'ll|\ can|\ am\ going\ to|'m\ going\ to|\ are\ going\ to)|(?:i(?:\ would|'d)|i\ am|i'm)\ (?:be\ )?(?:happy|glad|pleased|delighted|love)\ to|allow\ me\ to|(?:happy|glad)\ to)\ 
    (?:(?:now|first|briefly|also|certainly|try\ to|do\ my\ best\ to|help\ you|start\ by|begin\ by)\ )*
    (?:explain|defin|describ|discuss|walk\ you|tell\ you|give\ you|provide|go\ (?:over|through|into)|break|look|explor|dive|delve|start(?:ing)?\ (?:by|with\ the)|begin(?:ning)?\ (?:by|with\ the)|cover|outlin|answer|summari[sz]|help|talk|shar|address|clarif|elaborat|list|introduc|examin|assist|guide)\w*
    |(?:here(?:'s|\ is|\ are)|below\ (?:is|are)|the\ following\ (?:is|are)|this\ (?:article|answer|response|section)\ (?:will|explains|describes|covers|discusses))\b(?=.*\b(?:explanation|overview|answer|summary|information|guide|list|breakdown|response|details|facts|introduction|look|what\ you|everything|causes|explains|covers|discuss\w*|describe\w*)\b)""",
    re.VERBOSE | re.IGNORECASE,
)  # fmt: skip
_CLOSING = Pattern(
    r"""(?:(?:i|we)\ (?:really\ |sincerely\ )?)?hope\ (?:this|that|it|my|the\ (?:above|information|answer)|you)\b|(?:please\ )?(?:let\ me\ know|feel\ free|(?:do\ not|don't)\ hesitate|reach\ out|ask\ me)\b
    |if\ you(?:'d\ like|\ (?:have|need|want|would\ like))\b.{0,20}?\b(?:questions?|else|assistance|clarification|(?:more|further|additional)\ (?:info\w*|details?|help))\b[^,]{0,60}(?:,\ (?:please\ |just\ )*(?:let\ me|feel|don't|do\ not|i'm|i\ am|i'll|i\ can|ask|reach|contact|consult|speak|talk|see)\b.*)?$
    |thank(?:s(?!\ to)|\ you)\b|have\ a\ (?:great|nice|good|lovely)\b|take\ care$|good\ luck|best\ (?:wishes|of\ luck|regards)|get\ well|stay\ (?:safe|healthy|well)|you're\ welcome|(?:happy|glad)\ (?:to\ help|i\ could)|i(?:'m|\ am)\ (?:always\ )?here\ (?:to\ help|if\ you|for\ you)
    |(?:that's|that\ is|what)?\ ?(?:an?\ )?(?:great|good|excellent|interesting|important|wonderful|fantastic)\ question\b""",
    re.VERBOSE | re.IGNORECASE,
)  # fmt: skip
_REFERRAL = Pattern(
    rf"""(?:(?:for\ (?:more|further|any|medical|personali[sz]ed|accurate|specific|additional|professional)\b[^,]{{0,60}}|if\ (?:in\ doubt|you\ are\ (?:unsure|concerned|worried)|you're\ (?:unsure|concerned|worried))[^,]{{0,30}}),\ ?
      |always\ |please\ |kindly\ |you\ (?:should|may\ want\ to|can|could|need\ to)\ |i(?:'d|\ would)?\ (?:strongly\ |highly\ |always\ )?(?:recommend|suggest|advise|encourage|urge)(?:\ that)?(?:\ you)?(?:\ to)?\ 
      |(?:it\ is|it's)\ (?:always\ |very\ |also\ )*(?:best|important|advisable|recommended|essential|crucial|wise|a\ good\ idea)\ (?:for\ you\ )?to\ |(?=\w+\ (?:\w+\ )?your\ ))+
    (?:consult|see|ask|contact|speak|talk|visit|refer|check|seek|reach|discuss|call|get)\w*\b(?:\ [\w-]+){{0,6}}?\ {_DOCTOR}\b(?:\ (?:about|for|regarding|on|concerning|to|in|or)\b.*)?$""",
    re.VERBOSE | re.IGNORECASE,
)  # fmt: skip
# Care for the one who asks, in the place of an answer, with a telephone number or not.
_CARE = Pattern(
    r"(?:it (?:sounds|seems) like |(?:if |when )?you(?:'re| are) |(?:i'm |i am )?(?:so |very )?sorry (?:that |to hear (?:that )?)?you(?:'re| are) )(?:you(?:'re| are) )?(?:going through|feeling|struggling|having (?:a hard|thoughts|suicidal)|not alone|in (?:crisis|distress|pain))\b"
    r"|(?:please )?(?:reach out|call|text|contact|talk|dial)\b.*\b(?:988|116 ?123|lifeline|helpline|hotline|crisis|samaritans|someone you trust|loved ones?)\b",
    re.IGNORECASE,
)
_CARE_KO = Pattern(
    r"(?:힘드신가요|힘드시죠|힘드셨|괴로우신|힘든\s?(?:마음|시간|상황)[^.]{0,12}(?:시|신)|혼자\s?(?:감당하지|견디지|있지|가\s?아니))[^.]{0,20}(?:요|세요|다|죠)$"
    r"|(?<!\d)(?:109|1393|1577|상담\s?전화|생명의\s?전화|핫라인)[^.]{0,20}(?:연락|전화|상담|도움)[^.]{0,10}(?:주세요|하세요|보세요|바랍니다|주십시오)$|언제든[^.]{0,20}도움[^.]{0,12}(?:있습니다|있어요|바랍니다)$"
)
_SPEAKER = Pattern(
    r"""(?:please\ )?(?:note(?:\ that)?:?\ )?(?:i\ (?:can't|cannot|can\ not|don't|do\ not|couldn't|am\ (?:unable|not\ able)\ to)\ (?:\w+ly\ )?(?:see|view|access|open|read|hear|have\ access|browse|receive)\b.*\b(?:images?|pictures?|photos?|files?|attachments?|links?|documents?|videos?|audio|internet|web|records?|scans?)\b
    |my\ (?:knowledge|training(?:\ data)?|information|data)\b|(?:i'm|i\ am|so|very)?\ ?(?:sorry|apologies)\b|i\ (?:apologi[sz]e|understand|appreciate)\b|(?:i\ am|i'm|as)\ (?:just\ |only\ |merely\ )?(?:not\ )?an?\ (?:[\w-]+\ ){0,3}?(?:ai|language\ model|chatbot)\b)""",
    re.VERBOSE | re.IGNORECASE,
)  # fmt: skip
_GIVEN = r"(?:provided|given|supplied|retrieved|attached|uploaded|search|reference|above)"
_SOURCE = r"(?:contexts?|documents?|passages?|excerpts?|sources?|(?:search )?results|snippets?|texts?|files?|articles?|materials?|knowledge base|database)"
_FOUND = r"(?:contain|includ|mention|provid|address|information|discuss|specif|answer|detail|cover|found|find|relevant|anything|nothing|state|say|describe|refer)"
_DENIES = Pattern(
    rf"(?:the |this |these |our |my |your |based on |according to |in |from |, )*(?:{_GIVEN} (?:\w+ )?{_SOURCE}|(?:context|{_SOURCE}) {_GIVEN}|knowledge base)\b(?=.*(?:\bno\b|\bnot\b|n't|\black|nothing|\bfails?\b|without|insufficient))(?=.*\b{_FOUND})"
    rf"|(?=.*(?:\bno\b|\bnot\b|n't|nothing|unable))(?=.*\b{_FOUND}).*\b(?:in|from|within|by) (?:the |this |these |our )*(?:{_GIVEN} (?:\w+ )?{_SOURCE}|(?:context|{_SOURCE}) {_GIVEN}|knowledge base)\b",
    re.IGNORECASE,
)
_QUESTION = Pattern(r"[?？]\W*$|(?:까요|[가나]요)$")
_ASKS = Pattern(
    r"(?:and|so|or|also|for example|e\.g\.|if so)?,? ?(?:what|which|who|how|why|where|when|is|are|do|does|did|can|could|would|will|should|may|have|has|any|anything|want|need|would|shall)\b|[^a-z]",
    re.I,
)
# Of a whole reply, only questions to the one who asked: to ask may have been the task.
_TO_READER = Pattern(
    r"\b(?:you|your|i|me)\b|(?:시|신|실|드릴)\s?(?:나|가|까|건가|는지|지)요?|궁금|원하|건가요", re.I
)
_NOTICE = Pattern(
    r"""\byou(?:'ve|\ have)?\ (?:\w+\ )?(?:reached|exceeded|hit|used|run\ out)\b.*\b(?:limit|quota|messages?|credits?|plan|tokens?|questions?|requests?|cap|allowance)\b
    |(?:your\ |(?:the\ |this\ )?(?=daily|monthly|free|message|usage|rate\ |api|quota|credit))(?:daily\ |monthly\ |free\ |message\ |usage\ |rate\ |current\ |api\ )*(?:trial|subscription|session|account|credits?|quota|limit|plan|token)\ (?:\w+\ )?(?:has\ |have\ |is\ |was\ |been\ )*(?:expired|ended|over|exhausted|suspended|used\ up|run\ out|inactive|exceeded|reached|locked)\b
    |(?:please\ |you\ (?:must|need\ to|can)\ )?(?:upgrade\ (?:to|your|now)|subscribe\ (?:to|now)|log\ ?in\b|sign\ (?:in|up)\b|renew\ your|top\ up|verify\ your|visit\ (?:our|your)\ (?:billing|account|pricing)|check\ back|come\ back|try\ again|resets?\ in)\b
    |(?:the\ |our\ |this\ )?(?:server|service|system|model|site|chatbot|assistant)s?\b.{0,30}\b(?:busy|overloaded|at\ capacity|unavailable|down|maintenance|offline)\b|.{0,40}\b(?:high|heavy)\ (?:demand|traffic|load|volume)\b|.{0,20}\btoo\ many\ (?:users|requests)\b
    |(?:generating|loading|thinking|processing|typing|searching|preparing)\b.{0,40}(?:\.\.|…|wait|moment)|(?:please\ )?(?:wait|hold\ on|one\ moment|just\ a\ moment|stand\ by)\b(?:\ (?:please|a|for\ a|while|moment).*)?$""",
    re.VERBOSE | re.IGNORECASE,
)  # fmt: skip
_NOTICE_KO = Pattern(
    r"""(?:요청|질문|답변|응답|콘텐츠|컨텐츠|내용|메시지|대화|계정)[^.]{0,24}(?:차단|중단|제한|필터링|삭제|검열|표시되지\s?않)(?:되었|됐|습니다)|(?:답변|응답|결과|내용)[을를이가]?[^.]{0,4}\s?(?:생성|준비|작성|처리|로딩)[^.]{0,4}(?:중|있습니다|있어요)
    |(?:이용자|사용자|접속자|요청|트래픽)[가이는]?[^.]{0,6}(?:많아|많습|몰려|폭주|급증)|(?:이용|사용|메시지|질문|무료|요청|일일|대화)\s?[^.]{0,8}(?:한도|횟수|할당량)[^.]{0,8}(?:도달|초과했|초과하|초과되|소진|모두|다\s?사용)|(?:플랜|프로|프리미엄|유료|요금제)[^.]{0,8}(?:업그레이드|전환|가입|구독)
    |(?:로그인|결제|본인\s?인증|충전|구독)[이을]?[^.]{0,4}(?:필요|해\s?주|하세요|하시)|(?:체험|세션|구독|이용권)[^.]{0,8}(?:만료|종료)|^잠시(?:만|\s?후|\s?뒤)[^.]{0,8}(?:기다려|다시)""",
    re.VERBOSE,
)  # fmt: skip
_ASIDE_KO = Pattern(
    r"""(?:설명|안내|소개|말씀|정리|요약|답변|이야기|알아|살펴|알려|다뤄|짚어|찾아|검색|조회|확인)[가-힣\s]{0,6}(?:겠습니다|게요|봅시다|보죠|보도록\s?하죠)$
    |^(?:정말\s|매우\s)?(?:좋은|훌륭한|중요한)\s?질문|^(?:감사합니다|고맙습니다|안녕하)|^(?:죄송|미안)[^A-Z\d]{0,24}$|도움이\s?되[^.]{0,12}(?:바랍니다|좋겠|바라요)|^건강하(?:세요|시)
    |^저는\s[^.]{0,40}(?:챗봇|AI|어시스턴트|도우미|상담사|모델|비서)(?:입니다|이에요|예요)$
    |(?:궁금|추가|다른|필요|더)[^.]{0,24}(?:말씀|문의|질문|알려|물어)[가-힣\s]{0,4}(?:주세요|주십시오|바랍니다|하세요|보세요)$
    |(?:제공된|제공해\s?주신|주어진|검색된|검색|첨부된|첨부하신|업로드|참고|참조|위)\s?(?:된|하신|한)?\s?(?:문서|자료|문맥|컨텍스트|맥락|본문|텍스트|지문|결과|정보|파일|문헌)[^.]{0,40}(?:찾을\s?수\s?없|없습니다|포함되[^.]{0,4}않|나와\s?있지\s?않|언급[^.]{0,6}않|확인할\s?수\s?없|확인되지\s?않|명시[^.]{0,6}않|다루[^.]{0,4}않|알\s?수\s?없|답[^.]{0,4}\s?수\s?없|부족)""",
    re.VERBOSE,
)  # fmt: skip
_ASKS_KO = Pattern(
    r"(?:알려|말씀해|입력해|선택해|골라|질문해|첨부해|업로드해)\s?(?:주세요|주십시오|주시겠어요)$"
)
_REFERRAL_KO = Pattern(
    r"(?:의사|전문의|의료진|전문가|약사|병원|의료\s?기관|주치의)[^.]{0,20}(?:상담|상의|문의|진료|방문|내원)[^.]{0,14}(?:바랍니다|주세요|주십시오|하세요|하십시오|받으세요|권장합니다|권장드립니다|권합니다|좋습니다|좋아요)$"
)
_CONDITION_KO = Pattern(
    r"(?<!하시)(?<!싶으시)(?<!있으시)(?<!있으)(?<!다)면|경우|즉시|바로|응급|전에|지속|악화|심하|에게\s?알려|께\s?알려"
)
_LABEL = Pattern(
    r"(?:user|human|assistant|system|question|answer|response|output|bot|reply|질문|답변|사용자|어시스턴트)\s?[:：]?",
    re.I,
)
# These go with any of the others, and alone they may be an answer: "Certainly."
_FILLER = Pattern(
    r"(?:sure(?: thing)?|certainly|absolutely|of course|okay|ok|yes|hello(?: there)?|hi(?: there)?|hey|no problem|got it|understood|alright|네|예|물론입니다|물론이죠|알겠습니다|안녕하세요)",
    re.I,
)
# The whole of a reply: what a moderator says of it, what nobody filled in, a call of a tool.
_WHOLE = Pattern(
    r"""\W*(?:un)?safe\W*[SO]\d{1,2}(?:\W+[SO]\d{1,2})*\W*
    |\W*(?:(?:finish|block)_?reason\W*)?(?:SAFETY|RECITATION|PROHIBITED_?CONTENT|BLOCKLIST|SPII|content_?filter)\W*
    |[\[(<{]+(?:(?:the|this|your)\ )?(?:(?:response|content|message|answer|output|prompt|reply|request)\ )?(?:was\ |is\ |has\ been\ )?(?:blocked|filtered|flagged|censored|withheld)\b[^\]\n)>}]{0,60}[\])>}]*[^\n]{0,30}
    |[\[<({]{1,3}\s*(?:insert|your|add|put|write|enter|type|fill|place|answer|response|text|content|todo|tbd|output|placeholder|여기에|답변|내용)\b[^\n\]]{0,80}[\])}]{0,3}[^\n]{0,30}
    |(?-i:TODO|TBD|FIXME|XXX)\b[^\n]{0,80}|lorem\ ipsum.*|\$?\{{1,2}\s*\w{1,30}\s*\}{1,2}[^\n]{0,30}
    |<\|?(tool_?calls?|function_?calls?|tool_?use|invoke|function)\b.*>?|\[TOOL_?CALLS?\].*|<function=.*
    |(?:`{3}\w*\s*)?\{\s*"(?:name|tool|function|action|tool_?name|function_?name)"\s*:.*"(?:arguments|parameters|args|input|action_?input|tool_?input)"\s*:.*\}\s*`{0,3}""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)  # fmt: skip
_HANGUL = Pattern("[가-힣]")
_SENTENCE_END = Pattern(r"(?<=[.!?。…])\s+|\n+")
# What any of these must hold, in the syntax of polars too, for a quick look at a column.
HINT = (
    r"(?i:[?？]|(?:까요|[가나]요|지요)|\b(?:let me|let'?s|let us|allow me|going to|(?:i|we)(?: will|'ll| can)|hope|feel free|hesitate|reach out|ask me|questions?|thanks?|take care|good luck|best|get well|stay|welcome|here(?: is| are|'s)|below|following|"
    r"happy|glad|pleased|delighted|love to|this (?:article|answer|response|section)|you(?:'re| are)|988|116 ?123|lifeline|helpline|hotline|crisis|samaritans|trust|loved|doctors?|physicians?|professionals?|providers?|pharmacists?|specialists?|experts?|clinicians?|practitioners?|advice|guidance|hospital|clinic|have a|if you|"
    r"provided|given|supplied|retrieved|attached|uploaded|search|reference|above|knowledge|trial|subscription|session|account|credits?|quota|limit|plan|upgrade|subscribe|log ?in|sign (?:in|up)|renew|top up|verify|check back|come back|try again|resets?|"
    r"busy|overloaded|capacity|unavailable|maintenance|offline|demand|traffic|load|volume|too many|generating|loading|thinking|processing|typing|searching|preparing|wait|hold on|moment|stand by|reached|exceeded|used|"
    r"safety|recitation|prohibited|blocklist|spii|content_?filter|blocked|filtered|flagged|censored|withheld|todo|tbd|fixme|xxx|lorem|tool|function|arguments|parameters|args|input|sorry|apolog|i understand|i appreciate|my (?:training|information|data))"
    r"|safe\W*[so]\d|[\[<({]|(?:user|human|assistant|system|question|answer|response|output|bot|reply)\s?[:：]|겠습니다|게요|봅시다|보죠|질문|감사|고맙|죄송|미안|안녕|도움이|건강하|주세요|주십시오|바랍니다|하세요|보세요|하십시오|받으세요|권장|권합|좋습|좋아요|주시겠"
    r"|없|않|부족|차단|중단|제한|필터링|삭제|검열|중|있습|있어요|많|몰려|폭주|급증|한도|횟수|할당량|업그레이드|로그인|결제|인증|충전|구독|체험|만료|잠시|힘드|괴로|힘든|혼자|언제든|상담|109|1393|1577|답변|사용자|어시스턴트)"
)


def is_aside(clause: str, subject: int = MOST_SUBJECT) -> bool:
    """Whether a sentence is of a class that states nothing; without Markdown and the stop at its end.

    Args:
        clause: the sentence.
        subject: words of a referral that may name what to be seen for; of none, a crisis line may be one, too.

    >>> is_aside("Let me explain gout to you"), is_aside("Gout comes from urate crystals")
    (True, False)
    """
    clause = clause.strip()
    if is_question(clause) or is_notice(clause):
        return True
    if _HANGUL.search(clause):
        return len(clause) <= LONGEST_KOREAN and bool(
            (subject and _CARE_KO.search(clause))
            or _ASIDE_KO.search(clause)
            or ((_ASKS_KO.search(clause) or _REFERRAL_KO.search(clause)) and not _CONDITION_KO.search(clause))
        )
    own = sum(word.casefold() not in _CONTENTS for word in other_words(clause))
    if own > MOST_SUBJECT:
        return False
    refers = own <= subject and _REFERRAL.match(clause) and not _IF_URGENT.search(clause)
    promises = _PROMISE.match(clause) and not _THAT.search(clause)
    classes = (*([_CARE] if subject else []), _CLOSING, _SPEAKER, _DENIES)
    return bool(refers or promises or any(one.match(clause) for one in classes))


def is_question(clause: str) -> bool:
    """Whether a sentence asks."""
    return bool(_QUESTION.search(clause) and (_HANGUL.search(clause) or _ASKS.match(clause)))


def asks_reader(clauses: Iterable[str]) -> bool:
    """Whether one of some questions is to the reader."""
    return any(map(_TO_READER.search, clauses))


def is_notice(text: str) -> bool:
    """Whether every sentence of a text is a notice of a service about itself or an account."""
    if len(text) > LONGEST_NOTICE:
        return False
    stripped = (one.strip(" \t\"'“”‘’()!*_") for one in _SENTENCE_END.split(text))
    sentences = [one for one in stripped if any(map(str.isalnum, one))]
    pattern = _NOTICE_KO.search if _HANGUL.search(text) else _NOTICE.match
    return bool(sentences) and all(pattern(one.rstrip(".") if "..." not in one else one) for one in sentences)


def is_placeholder(text: str) -> bool:
    """Whether the whole of a text stands for an answer that is not there: a moderator's code, a template, a tool call."""
    return len(text) <= NON_ANSWER_CHARACTERS and bool(_WHOLE.fullmatch(text.strip()))


def is_filler(clause: str) -> bool:
    """Whether a sentence is a word of courtesy or the label of a turn, which goes with any other."""
    return bool(_FILLER.fullmatch(clause)) or is_label(clause)


def is_label(clause: str) -> bool:
    """Whether a sentence is the label of a turn."""
    return bool(_LABEL.fullmatch(clause))
