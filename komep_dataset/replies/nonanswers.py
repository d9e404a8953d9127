"""Whether a short response speaks of answering and of nothing else: who speaks, what was asked, what it lacks, whom to ask.

No wordings are listed here: a response says nothing of the world where hardly a word of it lies outside a closed
vocabulary of asking and answering, and something in it denies, asks back, greets or tells a fault. So "I was given no
records that would let me reply" is seen, and "Doctors have no information on safety in pregnancy" is an answer.
"""

import re
from collections.abc import Sequence

from komep_dataset.replies.patterns import Pattern

NON_ANSWER_CHARACTERS = 400  # a longer response says something (ours)
# Words of a clause that may lie outside the vocabulary (what it will not speak of), as a share, and of all (ours).
OTHER_WORDS, MOST_OTHERS = 0.25, 4
LEAST_OTHERS = 3  # words of a statement (ours)

# Who answers and what answering is about: without one of these, nothing is said of it.
_TALK = """
answer answered answering answers question questions query queries request requests requested prompt prompts ask asked asking
topic topics subject matter matters information info details context data knowledge records record sources input message content
respond responding response reply replying comment commenting assist assisting assistance help helping advise advising advice
discuss discussing clarify elaborate rephrase access model assistant ai chatbot service server system api limit guidance opinion
refrain refuse decline abstain speculate hello hi retry guidelines policy policies guideline
picture image photo file attachment passage options choices
"""
_OTHER = """
a an the this that these those such it its it's there there's here here's and or but nor so as of on in to for from with without about by at
than then if when what which who whom whose how any some all one ones more most less enough sufficient insufficient adequate too very
much many other another else anything something nothing none everything
i i'm i've i'd i'll me my myself we we're we've us our you you're you'd you've your yourself he she they them their
am is isn't are aren't was wasn't were be been being do don't does doesn't did didn't done have haven't has hasn't had having can can't cannot could couldn't
will won't would wouldn't shall should shouldn't may might must need needs needed needing want wish like going able unable not no never neither yet still
already just only simply merely also even really actually currently presently now today moment time later again soon please thank
thanks sorry apologize apologise apologies unfortunately regret regrettably regretfully afraid hello hi hey good welcome however although though while because since due
okay well let let's feel free hope glad happy kindly great
provide providing provided give giving given get getting find finding found know knowing known understand see share sharing say saying tell telling told
speak speaking talk talking write writing offer offering offered make making made possess possessing lack lacks lacking cover covers covered
extend extends include included contain contains consult consulting contact seek visit refer reach out left call try trying retry wait take use using
accurate accurately reliable reliably relevant related specific specifically certain sure confident accuracy certainty confidence safe safety safely reasons reason cause
appropriate proper properly necessary required require requires permitted permit allowed allow authorized qualified supposed designed programmed
trained training permission authority capacity ability capability possible impossible difficult hard beyond outside within scope limits limited limitations
last update updated cutoff knowledge date search searched results result available unavailable temporarily overloaded busy error failed failure
timed timeout rate limit exceeded minutes few seconds empty missing blank unclear vague ambiguous incomplete
doctor doctors physician physicians professional professionals healthcare health medical medicine clinician clinicians pharmacist specialist
specialists expert experts provider providers practitioner care licensed human qualified person someone judgement judgment own place best better
personal individual case situation condition conditions concern concerns
mean means sense particular kind sort type nature way ways thing things part role job purpose position person language machine bot virtual digital large
look looks looking seem seems appear appears got come came through full whole complete finish finished listed attach attached send sent resend upload uploaded
cut off truncated garbled corrupted end ended load loaded figure table chart diagram list link text wording
encourage recommend suggest urge bring take rely relying instead rather willing suited equipped meant support supported feature function redirect direct
trouble understanding reword retype paste rewrite mention mentioned interpret open display determine decide choose pick select narrow based alone comfortable add adding added mind sending once
"""
_VOCABULARY, _TALKS = frozenset(f"{_TALK} {_OTHER}".split()), frozenset(_TALK.split())
_SPEAKERS = frozenset(["i", "i'm", "my", "me", "we", "our", "us", "you", "your"])
_SPEAKS = _TALKS | _SPEAKERS
_HELP = frozenset(["help", "helping", "assist", "assisting", "assistance", "advice"])
_HANGUL = Pattern("[가-힣]")
_SENTENCES = Pattern(r"[^.!?。…\n]*[가-힣](?=[^가-힣]*(?:[.!?。…\n]|$))")
_WORD = Pattern(r"[a-z]+(?:'[a-z]+)*|\d+|[^\W\d_]+", re.IGNORECASE)
_OPTION, _YEAR = Pattern(r"\bA(?=$|[^\w\s/]| [^a-z])"), Pattern(r"(?:19|20)\d\d")
# What somebody must say who does not answer: that there is a lack, or something asked back.
_LACKS = Pattern(
    r"""\b(?:i|we|me|us|my|our|myself)\b.{0,160}?\b(?:not|no|nothing|never|cannot|un(?:able|available)|refrain\w*|abstain\w*|decline\w*|refuse|lack\w*|without|impossible|beyond|outside|limited)\b
    |\b(?:i|we|this\ (?:model|assistant|service|system|chatbot))\b.{0,60}(?:n't|\bnot)\b|\b(?:i|we)\ can\ only\b|\b(?:not|no|nothing|insufficient|impossible|beyond|outside|without|lack\w*)\b.{0,100}\b(?:i|me|my|we|us|our)\b|n't\b.{0,100}\b(?:i|i'm|me|us)\b|n't\b.{0,40}\b(?:question|request|prompt|message)\b
    |\b(?:encourage|recommend|suggest|urge|advise)\b.{0,12}\byou\b.{0,40}\b(?:question|to\ (?:a|an|your))\b|\btrouble\ understanding\b|\bonly\ (?:part|half|some)\ of\ (?:your|the)\ (?:question|message|prompt|request)\b|\btell\ me\ (?:what|how|more)\b|\bplease\ add\b
    |^(?:not|no|there\ (?:is|was)\ (?:not|no)|there\ (?:isn't|wasn't)|(?:the\ )?(?:in|un)[a-z]+)\ (?:[a-z]+\ ){0,3}?(?:information|context|data|details?|knowledge|answer|response)\b(?:\ (?:is|was|are|can\ be))?(?:$|\ (?:to|for|found|provided|given)\b)
    |\b(?:question|request|query|prompt|input|message|picture|image|photo|file|attachment|passage|options|choices)\b.{0,40}\b(?:not|no|missing|empty|blank|unclear|vague|ambiguous|incomplete|provided|included|truncated|garbled|corrupted|cut\ off)\b|\bno\ (?:question|request|query|prompt|input|message)\b
    |\b(?:could|can|would|will|please)\b.{0,20}\b(?:provide|clarify|share|rephrase|specify|elaborate|repeat|reword|retype|paste|rewrite|resend|send|attach|upload|include|finish)\b
    |\b(?:how|what)\ (?:else\ )?(?:can|may|could|do)\ i\ (?:do|help|assist)\b|\b(?:ask\ me|help\ you|assist\ you)\b
    |\b(?:model|server|service|system|api|request|connection)\b.{0,30}\b(?:overloaded|unavailable|busy|timed\ out|timeout|error|failed)\b|\btry\ again\b|\blimit\ exceeded\b|\bretry\b|\brate\ limit\b|^error\b
    |\b(?:best|left|better)\b.{0,20}\bto\ (?:a|an|your|the)\b|\bplease\ (?:consult|see|ask|contact|seek|speak|talk|visit|refer)\b|\byou\b.{0,20}\b(?:need|should|have)\b.{0,10}\b(?:ask|consult|see)\b""",
    re.VERBOSE | re.IGNORECASE,
)  # fmt: skip
_PLACEHOLDER = Pattern(
    r"\W*(?:n/?a|null|nil|nan|undefined|tbd|not applicable|no (?:answer|response|reply|output|comment|content)(?: (?:provided|given|available|generated))?|empty response|해당\s?없음|답변\s?없음|응답\s?없음)\W*"
    r"|[\[(<{*]+[^\[\](){}<>]{0,60}\b(?:remov|delet|redact|block|filter|withh|censor|unavailabl|moderat|omit|no (?:answer|response))[^\[\](){}<>]{0,60}[\])>}*]+\.?",
    re.IGNORECASE,
)
# The same in other languages, by what only a speaker says of itself or of its service.
_ELSEWHERE = Pattern(
    r"""(?:我|本(?:模型|助手|系统|系統))[^。]{0,16}(?:无法|無法|不能|不便|不会|不會|没有|沒有|没办法|不可以|拒绝|拒絕)|(?:根据|依照|按照).{0,20}(?:法律|法规|政策|规定).{0,60}(?:未予|不予|无法|不能|屏蔽|显示)|(?:内容|信息|请求|问题).{0,16}(?:违反|违规|敏感).{0,16}(?:屏蔽|显示|删除|规定|拦截)|(?:服务器|系统|服务).{0,4}(?:繁忙|忙|维护)|请稍[后候]|换个话题|^(?:抱歉|对不起|對不起|很遗憾|很抱歉)|(?:お答え|回答|お手伝い|対応|提供|お応え|ご案内|お力に)[^。]{0,10}(?:できません|できかね|致しかね|いたしかね|しかねます|なれません|控え)|^(?:申し訳|すみません)
    |\bno\ (?:puedo|podemos|me\ es\ posible|estoy\ (?:autorizad|capacitad|en\ condiciones)|tengo\ (?:acceso|informaci|suficiente))|^lo\ siento\b|\bne\ (?:peux|pouvons|suis|dispose)\b.{0,8}\ pas\b|\bje\ (?:suis\ )?(?:d[ée]sol|regrette)|m'est\ impossible
    |\b(?:ich|wir)\ (?:kann|darf|k[öo]nnen|bin|habe)\b.{0,60}\b(?:nicht|keine[nr]?)\b|\b(?:kann|darf)\ ich\b.{0,60}\b(?:nicht|keine[nr]?)\b|^es\ tut\ mir\ leid|\bn[ãa]o\ (?:posso|podemos|consigo|tenho)\b|^(?:desculpe|sinto\ muito)\b|\bnon\ (?:posso|possiamo|sono\ in\ grado)\b|\bmi\ dispiace\b
    |\bя\ не\ (?:могу|имею)\b|^(?:извините|к\ сожалению)|لا\ (?:أستطيع|يمكنني)|\b(?:saya|kami)\ tidak\ (?:dapat|bisa)\b|\btôi\ không\ thể\b|^xin\ lỗi|ik\ kan\b.{0,40}\bniet\b""",
    re.VERBOSE | re.IGNORECASE,
    at=r"(?:\b|(?=[im]|[^\x00-\x7f]))",
)  # fmt: skip
_ELSEWHERE_WORDS = 25  # words, of a language without blanks 60 signs (ours)
_KOREAN = Pattern(
    r"^안녕[^.!?]*[.!?\s]*(?:무엇을\s?|어떻게\s?)?도와\s?드릴까요|(?:서버|모델|시스템|서비스)[^.]{0,16}(?:과부하|혼잡|오류|점검|이용할\s?수\s?없)|잠시\s?(?:후|뒤)[^.]{0,6}다시\s?(?:시도|이용)"
    r"|(?:주어지|제공되|제시되|포함되|첨부되|나와\s?있|적혀\s?있)지\s?않[^.]{0,12}(?:답|정답|판단|선택|계산|고를|풀)[^.]{0,12}\s(?:수(?:가|는)?\s?없|어렵|못하)"
    r"|질문(?:이|을|은)\s?(?:없|비어|명확하지|입력|다시|포함되)|(?:질문|요청)[^.]{0,10}(?:구체적으로|자세히|다시)\s?(?:말씀|알려|입력|작성)"
)
# The vocabulary of asking and answering in Korean, by how words begin: of what is asked, what is done with it, who and how.
_TALK_KO = "질문 문의 요청 요구 답변 대답 응답 정답 확답 답을 답이 답은 보기 선택지 문항 문제 지문 이미지 사진 그림 도표 그래프 첨부 파일 자료 정보 내용 설명 안내 도움 조언 상담 의견 주제 대화"
_OTHER_KO = """
제공 포함 전달 공유 업로드 추가 필요 확인 파악 판단 선택 고르 고를 골라 이해 처리 생성 작성 표시 입력 전송 보이 보내 올려 올리 알려 말씀 부탁 양해 바랍 다시 함께
바로 조금 다소 먼저 현재 아직 지금 일부 전체 모두 누락 빠져 빠진 잘려 잘린 끊긴 끊겨 중간 제대로 불완전 모호 불분명 명확 구체 자세 정확 충분 부족 의도
종류 방법이 문장 미완성 나머지 영역 부분 사항 범위 항목 아니 아닙 언급 피하 삼가 계산 표가 표를 표는 결정 정하 정할 지원 저의 저도 저로 잘 관련 관한 관해 대한 대해 위해 위한 통해 따라 이와 만으로 시스템 서비스 모델 인공지능 AI 챗봇 어시스턴트 언어 텍스트 기반 직접 전문가 전문의 의료진 상의 의학 의료 건강 개인 상태 상황 모르
민감 감지 위반 위배 차단 제한 안전 정책 규정 지침 이용 있 없 않 못 어렵 어려 곤란 힘들 불가 가능 같 드리 드릴 주시 주세 주십 주신 되지 되어 된 됩 다루 다룰 찾
죄송 감사 미안 아쉽 안타깝 다른 궁금 언제든 편하 계속 시작 새 풀 보아 봐야 제가 저희 이런 이러한 해당 어떤 무엇 무슨 어느 받으 받을
"""
# Such as other words begin with, too: pronouns, what is counted, forms of "do".
_SHORT_KO = r"(?:저|제|이|그|본|한|더|좀|수|것|점|듯|속|할|볼|글)(?:[는은이가을를도의로에만]|인지|에서)?$|하(?:[지는고여기려면시신게겠십세니]|였)|해(?:$|[요주드서야줄보])"
_VOCABULARY_KO = Pattern("|".join([*f"{_TALK_KO} {_OTHER_KO}".split(), _SHORT_KO]))
_TALKS_KO = Pattern("|".join(_TALK_KO.split()))
# It denies, or asks to be sent something, and speaks to somebody: a textbook's plain style does not.
_LACKS_KO = Pattern(
    r"(?:않|없|(?<!잘)못|어렵|어려|부족|곤란|힘들|불가|빠[져진]|끊[긴겨]|잘[려린]|누락|모호|불분명|불완전|미완성|모르|피하겠|삼가)"
)
_POLITE_KO = Pattern(r"(?:니다|[요죠오]|니까|게요|세요)$")
MOST_KOREAN, WORDS_TO_ONE_OTHER = 200, 8  # signs; words for each that may lie outside the vocabulary (ours)
HINTS = (_LACKS, _PLACEHOLDER, _ELSEWHERE, _KOREAN, _LACKS_KO)


def says_nothing(text: str, clauses: Sequence[str]) -> bool:
    """Whether a response speaks of answering alone. It is in NFC, with plain apostrophes and no Markdown.

    >>> [says_nothing(one, [one]) for one in ("I was given no records that would let me reply.", "I have no gout.")]
    [True, False]
    """
    text = text.strip()
    if len(text) > NON_ANSWER_CHARACTERS:
        return False
    if _PLACEHOLDER.fullmatch(text):
        return True
    if _HANGUL.search(text):
        return (len(text) <= 80 and bool(_KOREAN.search(text))) or _says_nothing_in_korean(text, clauses)
    words = [word.casefold() for word in _WORD.findall(text)]
    foreign = re.search("[\u3040-\u30ff\u4e00-\u9fff]", text)
    short = len(text) <= 60 if foreign else len(words) <= _ELSEWHERE_WORDS
    if short and _ELSEWHERE.search(text):
        return True
    talks = _TALKS.intersection(words)
    called = talks <= _HELP and not _SPEAKERS.intersection(words)  # help may be called by anybody
    if called or not talks or not any(map(_LACKS.search, clauses)):
        return False
    others = [other_words(clause) for clause in clauses]
    return sum(map(len, others)) <= MOST_OTHERS and all(
        len(other) <= OTHER_WORDS * len(clause.split())
        and not any(len(word) == 1 or word.isdigit() for word in other)
        for other, clause in zip(others, clauses, strict=True)
    )


def _says_nothing_in_korean(text: str, clauses: Sequence[str]) -> bool:
    words = re.findall(r"[^\W_]+", text)
    others = [word for word in words if not _VOCABULARY_KO.match(word)]
    return (
        len(text) <= MOST_KOREAN
        and len(others) <= len(words) // WORDS_TO_ONE_OTHER
        and not any(len(word) == 1 or word.isdigit() for word in others)
        and any(map(_TALKS_KO.match, words))
        and not re.search(r"답(?:입니다|이에요|이다)", text)
        and any(map(_LACKS_KO.search, clauses))
        and all(_POLITE_KO.search(sentence) for sentence in _SENTENCES.findall(text))
    )


def states(clause: str) -> bool:
    """Whether an English clause says something of the world alone: most of its words, and none of answering or a speaker."""
    if _HANGUL.search(clause):
        return False
    words, others = _WORD.findall(clause.casefold()), other_words(clause)
    return len(others) >= LEAST_OTHERS and len(others) >= len(words) / 2 and not _SPEAKS.intersection(words)


def other_words(clause: str) -> list[str]:
    """The words of a clause that are of the world: numbers and lone letters (an option) are."""
    words = _WORD.findall(_OPTION.sub("#1", clause) if "A" in clause else clause)
    return [word for word in words if word.casefold() not in _VOCABULARY and not _YEAR.fullmatch(word)]
