"""Whether a response refuses to answer: it says that it will not or may not, sends the reader elsewhere, and no more.

Every sentence counts, cut at "but" and "지만": a response refuses where one clause does and all others only go with
it (an apology, what the speaker is, rules, whom to ask instead, an offer). An answer with a caution in it, or one that
begins with a disclaimer and goes on to say something, answers.
"""

import re
import unicodedata
from collections.abc import Sequence
from itertools import compress
from operator import not_, or_

from komep_dataset.replies import asides
from komep_dataset.replies.nonanswers import HINTS, NON_ANSWER_CHARACTERS, says_nothing, states
from komep_dataset.replies.patterns import Pattern

REFUSAL_CHARACTERS, KOREAN_CHARACTERS = 1200, 500  # a longer response says something (ours)
OTHER_CHARACTERS = 0.4  # share of a refusal that may be of no known kind: reasons that it gives (ours)

# Verbs that a speaker can only refuse by them, and such that need something general behind them.
_ACT = (
    r"(?:help|assist|answer|respond|reply|discuss|comply|fulfil+|engage|participate|continue|proceed|accommodate|"
    r"do (?:that|this|so|what)|go (?:into|ahead|there)|talk about|speak (?:about|on|to)|comment|weigh in|complete|process|be of (?:help|assistance)|"
    r"entertain|address|tackle|handle|touch (?:on|this)|get into|oblige|speculate|guess|judge|opine|substitute for|replace (?:a|your)|(?:perform|carry out|execute|satisfy|meet|honou?r|grant|undertake) (?:[\w'-]+ ){0,3}?(?:requests?|tasks?|that|this|it)|(?:making|giving|providing|offering|sharing) (?:[\w'-]+ ){0,2}?(?:diagnos\w+|advice|recommendations?|information|opinions?|answers?|instructions?|help)|(?:answer|discuss|help|assist|engag|comment|respond|comply|advis|diagnos|prescrib)ing|(?:diagnose|treat|prescribe) (?:(?:any|medical|specific|your) )*(?:conditions?|patients?|illness\w*|diseases?|symptoms?|medications?|medicines?|drugs?|people|problems?))"
)
_GIVE = (
    r"(?:provide|give|offer|share|generate|create|write|produce|supply|recommend|suggest|advise|tell|explain|describe|"
    r"make|diagnose|prescribe|interpret|evaluate|assess|support|facilitate|encourage|endorse|promote|disclose|reveal|"
    r"determine|access|verify|review|teach|instruct|guide|show|say|present|list|be)"
)
_GENERAL = (
    r"(?:advice|advise|information|info|answers?|response|reply|content|instructions?|guidance|diagnos\w+|recommendations?|"
    r"details|opinions?|help|assistance|medical|health ?care|health|legal|professional|personali[sz]ed|personal|"
    r"(?:that|this|it|these|those|such)(?=\W*$)|(?:that|this|these|those|such) (?:kinds?|types?|sorts?|things?|matters?|services?|requests?|material)|"
    r"(?:treatments?|medications?|medicines?|drugs?|doses?|dosages?|diagnos[ei]s)(?=\W*$)|anything|you|your|requests?|questions?|quer(?:y|ies)|topics?|task|prompt|how to|steps|substitute|"
    r"treatment (?:plan|advice|recommend\w+)|prescription|doctor|explanation)"
)
_NOT = (
    r"(?:can(?:not|'?t| not)|could(?:n'?t| not)|won'?t|will not|wouldn'?t|would not|shouldn'?t|should not|may not|must not|"
    r"do(?:n'?t| not)|am (?:not |un)able to|'?m (?:not |un)able to|(?:am|'?m) (?:currently |simply |still |just )?(?:not (?:able|allowed|permitted|authori[sz]ed|equipped|qualified|comfortable|"
    r"programmed|designed|trained|built|in a position|going|willing|supposed|licensed|capable|meant|intended)|unable|prohibited|forbidden|restricted|limited|unwilling)\s?(?:to|from|of|with|in)?|"
    r"is not (?:able|allowed|permitted|designed) to|is unable to|refuse to|decline to|have to (?:decline|refuse)(?: to)?|must (?:decline|refuse)(?: to)?|"
    r"choose not to|prefer not to|would (?:rather|prefer) not(?: to)?|'?d (?:rather|prefer) not(?: to)?|(?:(?:have|'?ve) been|was|were) (?:instructed|programmed|told|asked|designed|trained|built) not to|"
    r"was(?: not|n'?t) (?:designed|able|trained|programmed) to|(?:have|has) no (?:way|ability|permission|right) (?:to|of)|lack the (?:ability|qualifications?|expertise) to)"
)
# To tell somebody of something, by verbs that no treatment has.
_TELL = r"(?:say|tell|explain|describe|detail|discuss|disclose|reveal|share|specify|outline|go (?:into|over|through)|get into|walk you|talk|speak|provide|give (?:you |out )?(?:any |the |more )?(?:specifics|details|instructions|information|numbers|figures|steps))"
_ADVERB = r"(?:(?:really|just|simply|currently|unfortunately|therefore|also|not|ever|even|be|to|safely|ethically|responsibly|legally|in good conscience|respectfully|regrettably|directly|possibly|hereby|personally|actually|here|able),? )*"
_SPEAKER = r"\b(?:i|we|this (?:assistant|model|ai|system|chatbot|service|tool)|the (?:assistant|model|ai|system))\b,? ?"
_ACT, _GIVE, _GENERAL, _NOT, _TELL, _ADVERB, _SPEAKER = (
    part.replace(" ", r"\ ") for part in (_ACT, _GIVE, _GENERAL, _NOT, _TELL, _ADVERB, _SPEAKER)
)
_REFUSES = Pattern(
    rf"""{_SPEAKER}{_ADVERB}{_NOT},?\ {_ADVERB}(?:{_ACT}\b|{_GIVE}\b(?:\ [\w'-]+){{0,5}}?\ {_GENERAL}\b)
    |{_SPEAKER}(?:must|have\ to|need\ to|will\ have\ to|would\ rather|(?:am|'?m)\ going\ to|'?ll\ have\ to|should|do|respectfully|politely|will)\ {_ADVERB}(?:decline|refuse|pass|refrain|abstain|opt\ out)\b
    |{_SPEAKER}(?:decline|refuse)\b
    |{_SPEAKER}(?:(?:(?:would|'?d)\ (?:rather|prefer)|prefer|choose|'?m\ choosing|am\ choosing)\ not|won't|will\ not)(?:\ to)?\ {_ADVERB}{_TELL}\b
    |\bi(?:'m|\ am)\ not\ (?:sharing|telling|discussing|providing|giving\ (?:you|out)|answering|explaining|describing|disclosing|revealing)\b
    |\btoo\ \w+\ for\ (?:me|us|an\ ai)\b|^to\ (?:decline|refuse)\b|\baccess\ to\ (?:this|that|the\ requested)\b.{{0,30}}\b(?:restricted|denied|limited|blocked)\b
    |\b(?:not\ something|isn't\ something|nothing|not\ a\ \w+|not\ an?\ area)\ (?:that\ )?(?:i|we)(?:'m|\ am|'re|\ are|\ can|\ could|'ll|\ will)\ {_ADVERB}(?:able|help|assist|discuss|answer|do|provide|willing|comfortable|allowed|share)
    |\b(?:beyond|outside(?:\ of)?|exceeds?|not\ (?:within|in|part\ of))\ (?:the\ scope\ of\ )?(?:my|our|(?:what|the\ (?:topics?|areas?|things?|kinds?\ of\ \w+|range\ of\ \w+))\ (?:that\ )?i\b|this\ (?:assistant|service))\b
    |\b(?:against|violates?|in\ violation\ of|goes\ against|contrary\ to|conflicts?\ with|prohibited\ by|not\ allowed\ (?:by|under)|restricted\ by)\ (?:my|our|openai|anthropic|google|(?:the\ |our\ |my\ |its\ )?(?:usage|content|safety|community|ethical|company)\ (?:polic|guideline|standard|rule|term))
    |\b(?:not\ appropriate|inappropriate|irresponsible|unethical|unsafe|wrong|not\ right|not\ safe|not\ ethical|not\ responsible|dangerous|improper)\ for\ (?:me|us|an\ ai|this\ assistant)\b
    |\bi(?:'m|\ am)\ (?:going\ to\ have\ to|afraid\ i\ (?:can|must|have\ to|won))
    |^(?:cannot|can't|could\ not)\ be\ (?:generated|displayed|fulfilled)\b
    |\b(?:request|response|prompt|content|message|question|query|input|output|answer)\ (?:has\ been|was|is|cannot\ be|can't\ be|could\ not\ be)\ (?:blocked|flagged|denied|declined|refused|rejected|filtered|redacted|withheld|removed|restricted|prohibited|fulfilled|processed|completed|provided|not\ (?:allowed|permitted|available|supported))
    |\b(?:unable|not\ able|not\ possible\ for\ me|cannot|can't)\ to\ (?:help|assist|comply|answer|fulfil+|process|respond|provide|discuss|complete|offer|give|generate)\b
    |\b(?:my|our)\ (?:programming|guidelines?|training|polic(?:y|ies)|instructions|design|developers?|creators?|rules)\b.{{0,30}}\b(?:prevents?|prohibits?|forbids?|not\ (?:allow|permit)|(?:doesn|don)'t\ (?:allow|permit|let)|restricts?|limits?|bars?|stops?)\b
    |\b(?:request|question|prompt|query)\b.{{0,20}}\bagainst\ (?:them|my|our|the\ (?:rules|guidelines|polic))
    |^(?:(?:no|nope|nah|sorry|apologies|well)[,.!]?\ )*(?:i\ )?(?:cannot|can't|can\ not|won't|will\ not|unable\ to|not\ able\ to)\ (?:{_ACT}\b|{_GIVE}\ (?:[\w'-]+\ ){{0,3}}?{_GENERAL}\b)
    |^(?:request|access|content|response)\ (?:denied|refused|blocked|withheld|declined|filtered)\b|^(?:no\ comment|redacted|refused|declined)$
    |\b(?:i|we)\ (?:do\ not|don't)\ (?:have|possess|hold)\ (?:the\ |any\ |a\ )?(?:necessary\ |required\ |proper\ |medical\ )*(?:qualifications?|expertise|licen[sc]e|authority|permission|credentials|training|capability|ability)\b
    |\b(?:i|we)\ (?:do\ not|don't)\ (?:feel\ comfortable|think\ i\ (?:can|should)|want\ to\ (?:answer|discuss|give|provide)|wish\ to)\b
    |\blet's\ not\ (?:go\ (?:there|into)|do\ (?:that|this)|discuss|talk|get\ into)\b|\blet's\ (?:talk|chat|discuss|focus\ on|change)\ (?:about\ )?(?:something|the\ subject|another|a\ different)""",
    re.VERBOSE | re.IGNORECASE,
    at=r"\b(?=\w)",
)  # fmt: skip
# Said to the one who asks, by its honorific or because nobody else can be meant.
_REFUSES_KO = Pattern(
    r"""드릴\s?수\s?(?:가|는|도)?\s?없|드리기(?:가|는|에는|에|도)?\s?(?:어렵|곤란|힘들|조심스[럽러]|부적절|적절하지)|드리지\s?(?:못|않(?:습|겠|고|도록))
    |도(?:와|울)\s?(?:줄\s?)?수\s?없|(?:도와|알려|가르쳐|말해|답해|대답해)\s?(?:줄|드릴)\s?수(?:가|는)?\s?없|(?:도와|알려|가르쳐|말해|답해)\s?(?:주|드리)지\s?(?:못|않)|들어\s?(?:줄|드릴)\s?수(?:가|는)?\s?없
    |(?:답변|대답|응답|답|요청|요구|질문)(?:을|를|은|는|에|에는)?\s?(?:거절|거부|사양|삼가)(?:합|하겠|할게|해요|함|됩|하고자|겠|$)|(?:거절|거부|사양)(?:하겠|할게|하고자|할\s?수밖에|드립)
    |(?:답변|대답|안내|조언)(?:은|는|이|가|을|를)?\s?(?:불가|제한됩|제한되어|제한하|어렵습|어려워|곤란)
    |(?:답변|대답|응답|답)하지\s?않(?:겠|습니다|아요|기로|도록)|응하지\s?(?:않(?:겠|습니다)|못)|응할\s?수(?:가|는)?\s?없|말하지\s?않겠|답(?:변|)할\s?수(?:가|는)?\s?없(?:습|어|네|음)
    |(?:제|저의|제가\s?(?:할|도울|답할)|본\s?서비스의|본\s?모델의)[^.]{0,12}(?:능력|권한|역할|범위|한계|분야)[^.]{0,12}(?:벗어|밖|넘|아닙|없)
    |(?:저|제|나|AI|인공지능|챗봇)[는가인]?\b[^.]{0,40}(?:자격|권한)(?:이|을)?\s?(?:없|갖추고\s?있지|가지고\s?있지)|(?:부적절한|적절하지\s?않은|민감한|허용되지\s?않는)\s?(?:요청|질문|주제|내용)(?:입니다|이므로|이라서?|이기|이어서|이에요|에는|에\s?(?:대|관))""",
    re.VERBOSE,
)  # fmt: skip
# Of these, textbooks speak as well ("cannot be diagnosed by X-ray alone"): they refuse where the speaker says so of
# itself or of the question, or where no other word stands there.
_MAY_REFUSE_KO = Pattern(
    r"""(?:답변|대답|응답|도움|정보|조언|자문|진단|진찰|처방|상담|안내|설명|의견|내용|요청|요구|질문|말씀|제공|지원|대화|수행|진행|판단|추천|권고|권장|방법(?![은이]\s)|지시|작성|생성|이야기|논의|언급|공유|처리|이행|다루|다룰|따르|따를|평가|해석|대신)
        [가-힣\s]{0,12}?(?:수(?:가|는|도)?\s?없|기(?:가|는|에는|에|도)?\s?(?:어렵|힘들|곤란|불가|조심스럽|부적절|적절하지)|지\s?(?:못|않)|불가(?:능|합|입|$)|(?:어렵|곤란|힘들)(?:습|겠|네|다|음)|제한(?:되|하|됩)|금지(?:되|됩)|허용되지|거부|거절)
    |적절하지\s?않|부적절(?:하|합)|(?:정보|지식|자료|데이터|내용|기록|맥락)(?:를|을|가|이|는|은|도)?\s?(?:충분히\s?)?(?:가지고\s?있지\s?않|갖고\s?있지\s?않|보유하고\s?있지\s?않|없(?:습|어|네|음)|부족|충분하지\s?않)""",
    re.VERBOSE,
)  # fmt: skip
_ITSELF_KO = Pattern(
    r"(?:^|\s)(?:저(?=[는도의로희]|\s)|제가|나는|본\s?(?:모델|서비스|시스템|AI)|AI(?![A-Za-z])|인공지능|챗봇|언어\s?모델|어시스턴트)"
    r"|(?:^|\s)(?:이|그|해당|이런|그런|이러한|그러한|요청하신|말씀하신|문의하신|질문하신|관련)\s?(?:질문|요청|내용|주제|정보|사항|부분|문제|문의|요구)"
)
_GENERIC_KO = Pattern(
    r"(?:의학|의료|건강|법률|전문|개인|구체|정확|직접|개별|맞춤|특정|관련|질문|요청|답변|대답|응답|도움|정보|조언|자문|진단|처방|상담|안내|설명|의견|내용|말씀|제공|"
    r"지원|대화|수행|진행|판단|추천|권고|권장|방법|지시|작성|생성|이야기|논의|언급|공유|처리|이행|수가?|없|있|어렵|곤란|불가|할|하|해|드|되|될|안전|정책|지침|규정|윤리|위배|위반|"
    r"이$|그$|이것|그것|그건|이건|현재|아쉽|죄송|유감|안타깝|미안|주제|사항|대한|대해|대하|것|치료|법적|따라|더|이상|민감|때문|적절|부적절|않|못|내릴|내리|줄|요구|다루|다룰|따를|따르|이러|그러|이런|그런|해당|여기|대신|평가|해석)"
)


# What goes with a refusal and is none by itself: who speaks, whom to ask, why not, what else.
_IDENTITY = Pattern(
    r"\bas an? (?:\w+ ){0,3}?(?:ai|a\.i\.|language model|chatbot|virtual assistant|assistant|llm)\b|\b(?:i'?m|i am|we are) (?:just |only |merely |simply )?(?:an? |not )(?:\w+ ){0,4}?"
    r"(?:ai|language model|assistant|chatbot|doctor|physician|professional|lawyer|pharmacist|clinician|nurse|expert|human|substitute|machine|model|bot|provider|qualified|licensed|trained)\b"
    r"|(?:(?<![A-Za-z])AI(?![A-Za-z])|인공지능|언어\s?모델|챗봇|어시스턴트)[^.]{0,12}(?:로서|이므로|이기|입니다|일\s?뿐|이라|로써|이어서|여서)|(?:의사|의료인|전문가|의료진|약사|전문의)(?:가|는|은)?\s?아니",
    re.IGNORECASE,
)
_ALONGSIDE = Pattern(
    r"""^(?:(?:i\s?am|i'?m|we'?re|so|very|really|deeply|truly)\ )*(?:sorry|apolog\w+|unfortunately|regret\w*|afraid|thank(?:s|\ you)|i\ (?:apologi[sz]e|understand|appreciate|hear|see|know|realize|respect|recognize)|we\ apologi[sz]e|my\ apologies|hello|hi|oh|no|nope|pardon|forgive)\b
    |\b(?:doctor|physician|professional|specialist|pharmacist|expert|provider|clinician)s?\b.{0,40}\b(?:best|right|better|appropriate|help|advise|answer|ask|person|qualified|able)\b
    |\b(?:best|only|better)\b.{0,30}\b(?:doctor|physician|professional|specialist|pharmacist|expert|provider|clinician)s?\b
    |\b(?:consult(?:ing)?|speak(?:ing)?|talk(?:ing)?|contact|see|seek|reach\ out|refer|visit|call|discuss|check|ask|follow\ up|get\ in\ touch|turn)\b.{0,60}\b(?:doctor|physician|professional|provider|pharmacist|clinician|specialist|expert|hospital|emergency|lawyer|hotline|lifeline|helpline|services?|help|care|advice|attorney|911|988|119|poison|therapist|counsel\w*|authorit\w+|someone|resources?|sources?|nurse|team|practitioner)\b
    |\b(?:for|get|obtain|need|receive)\b.{0,30}\b(?:medical|professional|personali[sz]ed|accurate|proper|legal|emergency|expert)\b.{0,20}\b(?:advice|help|care|attention|guidance|assistance|diagnosis|information|assistance)\b
    |\b(?:happy|glad|pleased|here|willing|able|ready|free|love|try|do\ my\ best|available)\ to\ (?:help|assist|answer|provide|discuss|support|offer|chat|share|talk|explain)|\b(?:can|could|may|would|will)\ (?:i|we)\ (?:help|assist|do|answer)
    |\b(?:feel\ free|let\ me\ know|please\ (?:ask|try|let|rephrase|provide|reach|share|note|understand|refrain|be\ aware|feel|contact|consult|seek|don't)|if\ you(?:'re|\ are|'d|\ have|\ need|\ would|\ want|\ feel|\ or)|is\ there\ (?:anything|something|another)|how\ (?:else\ )?(?:can|may)\ i|what\ else|(?:do|would)\ you\ (?:have|like|want)|anything\ else|another\ (?:question|topic)|different\ (?:question|topic)|i\ (?:can|could|would|will)\ (?:only|instead|still|offer|try)|instead,?\ i|in\ general\ terms|general\ (?:information|advice)|i\ hope|your\ (?:understanding|health|safety|well-?being))\b
    |\b(?:i|we)\ (?:do\ not|don't)\ (?:have|hold|possess)\b.{0,30}\b(?:opinions?|feelings?|experience|access|information|details|records?)\b
    |\bno\ choice\b
    |(?=.*\b(?:information|requests?|content|advice|topics?|questions?|instructions?|providing|sharing|discussing|giving|answering|my|me|i|i'm)\b).*\b(?:harmful|illegal|unethical|dangerous|unsafe|inappropriate|misuse|harm|safety|policy|policies|guidelines?|ethic\w*|privacy|sensitive|legal|law|regulations?|terms\ of\ (?:use|service)|qualified|licensed|responsib\w+|misinformation|well-?being|controlled|confidential\w*|prohibited|purpose|intended|programmed|designed|trained|not\ a\ substitute|substitute\ for)\b
    |^(?:(?:provid|giv|shar|explain|describ|discuss|detail|outlin|disclos|answer|teach|post)ing|doing\ so)\b(?!.*\b(?:patients?|findings?)\b).{0,80}\b(?:could|would|might|may|can|risks?|is|be)\b.{0,40}\b(?:harm\w*|danger\w*|unsafe|risk\w*|abuse|misuse|hurt|irresponsible|unethical|illegal)\b
    |^(?:this|that|it|such|these|your|the)\ (?:is|are|request|question|topic|would|could|may|type|kind|information|sort|content|advice|requires?|needs?|depends?|should|must)\b.{0,80}\b(?:professional|doctor|medical|expert|advice|individual|person|request|harm|risk|serious|scope|capabilit\w+|abilit\w+|policy|evaluat\w+|exam\w*|assist|help|answer|sensitive)""",
    re.VERBOSE | re.IGNORECASE,
)  # fmt: skip
_ALONGSIDE_KO = Pattern(
    r"""^(?:대단히\s|정말\s|매우\s)?(?:죄송|미안|유감|안타깝|아쉽|양해|감사|이해(?:합|하지|해)|송구|실례|안녕)
    |(?:의사|전문의|의료진|전문가|병원|약사|의료\s?기관|응급실|보건소|상담\s?(?:전화|센터|기관)|변호사|119|109|1393|주치의|의료인|한의사|핫라인|기관)[^.]{0,40}(?:상담|상의|문의|진료|방문|찾|연락|가시|가세|도움|받으|받아|이용|확인|권|바랍|진찰|필요|좋)
    |(?:다른|추가|더|일반적인|또|그\s?외)[^.]{0,16}(?:질문|궁금|도움|정보|문의|필요|주제)|(?:궁금한|필요한)\s?(?:점|것|사항|내용)|무엇을\s?도와|도와\s?드릴(?:까요|\s?수\s?있)|도움이\s?(?:필요|되)|기꺼이|말씀해\s?주|양해|부탁드|알려\s?주(?:시|세)
    |(?=.*(?:요청|정보|내용|질문|조언|답변|제공|저는|제가|주제|상담|진단|판단)).*(?:위험|해로|유해|불법|비윤리|안전|정책|지침|규정|윤리|법적|개인\s?정보|민감|책임|오해|오용|악용|피해|전문적인|개인마다|개인에\s?따라|정확한\s?(?:진단|판단)|목적)""",
    re.VERBOSE,
)  # fmt: skip
_ELSEWHERE = Pattern(
    r"^(?:so,? |therefore,? |instead,? )*(?:please|i(?:'d| would)? (?:strongly |highly )?(?:recommend|suggest|advise|encourage|urge)|for (?:medical|any|personal))\b.*"
    r"\b(?:doctor|physician|professional|provider|pharmacist|clinician|specialist)s?\b"
    r"|(?:의사|전문의|의료진|전문가|약사|주치의|의료인)[^.]{0,15}(?:상담|상의|문의|진료)[^.]{0,12}(?:바랍|주세요|주십|하십시오|하세요|받으세요|받으십|받아|권)|^(?:죄송|미안)",
    re.IGNORECASE,
)
# Where a sentence ends, and where it turns: "but" may lead to an answer.
_CLAUSES = Pattern(
    r"(?<=[.!?。…])[\"'”’)*_]*\s+|\n+|[;:]\s+|,?\s+(?:but|however|though|although|nevertheless|yet)\b,?\s*|\s—\s|\s+and\s+(?=(?:i\s|we\s)?(?:can['no]|won't|do\snot|don't|am\s|will\snot|must\s))|(?<=[가-힣]지만)[,\s]+|(?<=[가-힣]나)[,]\s*|(?:^|\s)(?:하지만|다만|그러나|그렇지만|그럼에도)\s?,?\s+|(?<=다)만[,\s]+|(?<=[가-힣]며),\s*|(?<=model),\s+|(?<=istant),\s+|(?<=atbot),\s+|(?<=\bAI),\s+|(?:(?<=로서|므로|으니)|(?<=때문에))[,\s]+",
    re.IGNORECASE,
    at=r"(?:(?=[\s\"'”’)*_;:,만])|^)",
)
# "While I am not a doctor, …": what is said before the comma is a clause of its own.
_LEADS = Pattern(
    r"\b((?:while|although|though|as|since|because)\s+(?:i|we)\b[^,.!?\n]{1,80}),\s+", re.IGNORECASE
)
_MARKDOWN = Pattern(r"[*_`#>~]+|^\s*(?:[-•]|\d{1,2}[.)])\s+", re.MULTILINE)
HANGUL = Pattern("[\u1100-\u11ff가-힣]")
_QUOTED = Pattern(r"\"[^\"\n]+\"|“[^”\n]+”|(?<!\w)'[^'\n]+'(?!\w)")
WORDS_BESIDE_A_QUOTE = 3  # ours
_APOSTROPHE = Pattern("[’ʼ`´‘]")


def is_refusal(response: str) -> bool:
    """Whether a response refuses to answer, and says nothing else.

    >>> is_refusal("I'm sorry, but I can't give medical advice. Please see a doctor.")
    True
    >>> is_refusal("I am not a doctor, but gout comes from urate crystals. Please see a doctor.")
    False
    """
    if len(response) > (KOREAN_CHARACTERS if HANGUL.search(response) else REFUSAL_CHARACTERS):
        return False
    text = _MARKDOWN.sub("", _APOSTROPHE.sub("'", unicodedata.normalize("NFC", response)))
    text = _LEADS.sub(r"\1. ", _without_words_of_others(text))
    clauses = [clause.strip(" \t\"'“”‘’().,!") for clause in _CLAUSES.split(text) if clause]
    clauses = [clause for clause in clauses if any(map(str.isalnum, clause))]
    if asides.is_placeholder(text) or says_nothing(text, clauses):
        return True
    refuses = [_refuses(clause) for clause in clauses]
    if len(text) <= NON_ANSWER_CHARACTERS and _states_nothing(clauses, refuses):
        return True
    speaks = [bool(_IDENTITY.search(clause)) for clause in clauses]
    if not (any(refuses) or any(speaks)):
        return False
    # Where nothing is refused in words, nothing but whom to ask instead may stand beside "I am not a doctor".
    besides = (_ALONGSIDE, _ALONGSIDE_KO) if any(refuses) else (_ELSEWHERE,)
    goes_with = [
        any(core) or any(pattern.search(clause) for pattern in besides)
        for clause, *core in zip(clauses, refuses, speaks, strict=True)
    ]
    if any(map(states, compress(clauses, map(not_, goes_with)))):
        return False
    known = sum(map(len, compress(clauses, goes_with)))
    return known >= (1 - OTHER_CHARACTERS * any(refuses)) * sum(map(len, clauses))


def _without_words_of_others(text: str) -> str:
    """A text without the refusals that it quotes, where more stands around them than the name of who speaks."""
    around = _QUOTED.sub(lambda quote: " … " if _refuses(quote[0].strip("\"“”'.,!")) else quote[0], text)
    return around if len(re.findall(r"[^\W_]+", around)) > WORDS_BESIDE_A_QUOTE else text


def _states_nothing(clauses: Sequence[str], refuses: Sequence[bool]) -> bool:
    """Whether every sentence is of a class that states nothing, and not all of them are courtesy alone."""
    fillers = list(map(asides.is_filler, clauses))
    courtesy = all(map(or_, fillers, map(asides.is_question, clauses)))
    if courtesy and not (asides.asks_reader(clauses) or any(map(asides.is_label, clauses))):
        return False
    return not all(fillers) and all(
        filler or refused or asides.is_aside(clause) or says_nothing(clause, [clause])
        for clause, filler, refused in zip(clauses, fillers, refuses, strict=True)
    )


def _refuses(clause: str) -> bool:
    return _refuses_in_korean(clause) if HANGUL.search(clause) else bool(_REFUSES.search(clause))


def _refuses_in_korean(clause: str) -> bool:
    if _REFUSES_KO.search(clause) or not _MAY_REFUSE_KO.search(clause):
        return bool(_REFUSES_KO.search(clause))
    words = re.findall("[가-힣A-Za-z]+", clause)
    return bool(_ITSELF_KO.search(clause)) or all(map(_GENERIC_KO.match, words))


def _quick(pattern: Pattern) -> str:
    """A pattern in the syntax of polars that finds all that this one finds in a clause, and a little more, in a text."""
    plain = re.sub(r"\(\?<?[=!][^()]*\)|(?<!\[)\^", "", pattern.pattern).replace(r"\w", "[a-z0-9]")
    plain = re.sub(r"\{0,\d+\}\??", "*", plain)  # counting is slow
    if pattern.flags & re.VERBOSE:
        plain = re.sub(r"(?<!\\)\s+", "", plain)
    # Word boundaries of ASCII alone: those of Unicode take Rust ten times as long.
    return f"(?i:{plain})".replace(r"\b", "" if re.search("[가-힣]\\)", plain) else r"(?-u:\b)")


# A quick look for a whole column: a response refuses only if, without the signs of `NOISE` and with plain apostrophes, it
# matches (tests/pairs/test_generations.py).
NOISE, APOSTROPHES = "[*_`#>~]", _APOSTROPHE.pattern
HINT = "|".join([*map(_quick, (_REFUSES, _REFUSES_KO, _MAY_REFUSE_KO, _IDENTITY, *HINTS)), asides.HINT])
