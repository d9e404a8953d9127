"""Sentences that tell a reader to do something dangerous without a clinician, or a judge what to say.

A short list of rules, in English and Korean: `RULES`, each with its kind. A medical rule must speak to the reader
("your insulin", 하세요), so that a textbook sentence ("insulin is stopped when…") is none; a sentence that forbids
the same thing, or sends the reader to a clinician, is none either. Rejected answers hold false advice on purpose:
that is what the default `report` is for. **The list finds known wordings; it says nothing of what it does not find.**
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from komep_dataset.gates.trial.gate import Found, TextGate, shortened, switch_option
from komep_dataset.replies.patterns import Pattern

# A text without any of these has no finding (checked by a test): one pass over all texts of a release.
HINT = (
    r"(?:[Ss]top|STOP|[Qq]uit|[Ss]kip|[Dd]iscontinue|[Dd]ouble|[Tt]riple) (?:taking|using|with|up|on|all|of|your|the|any)|"
    r"[Yy]ou (?:can|may|should|must) (?:safely |simply |just )?(?:stop|quit|skip|discontinue|double|triple)|"
    r"times (?:your|the) |(?:[Dd]o not|[Dd]on['’]t|[Nn]ever|[Nn]o need to|[Aa]void|need not) "
    r"(?:call|go|see|visit|phone)|need to (?:see|consult|ask|call|tell)|[Ii]nstead of (?:going|call|visit|see)|"
    r"[Ii]gnor|[Dd]isregard|[Ff]orget|IGNORE|[Tt]rue|[Ff]alse|TRUE|FALSE|(?:prompt|nstructions?) ?:|"
    r"</?(?:s|i|u|a)[a-z]+>|INST\]|<\|im|"
    r"무시|잊|따르지|참[^가-힣]|참(?:이라|으로|만)|거짓|맞음|틀림|"
    r"(?:끊|중단|그만|먹지 마|하지 마)|[두2세3] ?배|필요(?:는|가)? ?(?:전혀 )?없|(?:가지|부르지|받지) 마"
)
_MEDICINE = (
    r"(?:insulin|medications?|medicines?|pills?|tablets?|doses?|dosages?|antibiotics?|anticoagulants?|warfarin|"
    r"steroids?|prednisone|chemotherapy|dialysis|inhalers?|antidepressants?|blood thinners?|treatments?|drugs?|"
    r"prescriptions?|metformin|lithium|heart pills?|seizure medications?)"
)
_MEDICINE_KO = r"(?:인슐린|약물|약|복용|투약|항생제|항응고제|와파린|와르파린|스테로이드|항암제|항암 ?치료|투석|흡입기|항우울제|혈압약|치료|처방)"
_ORDER_KO = r"(?:하세요|하십시오|하시오|하라|해라|으세요|으십시오|세요|십시오|해도 (?:됩니다|돼요|괜찮습니다)|도 (?:됩니다|돼요|괜찮습니다)|면 됩니다)"
_CARE = r"(?:emergency (?:room|department|services?|care)|the ER|an? ambulance|911|119|999|112|the hospital|a hospital|medical (?:help|care|attention))"
_CARE_KO = r"(?:병원|응급실|의사|119|구급차|진료|의료진)"


@dataclass(frozen=True, slots=True)
class Rule:
    """A wording (a regular expression over one sentence), its kind and its language."""

    kind: str
    language: str
    pattern: Pattern
    medical: bool = True  # such a sentence may be excused by `_EXCUSE`


def _rule(kind: str, language: str, pattern: str, medical: bool = True) -> Rule:
    return Rule(kind, language, Pattern(pattern, re.IGNORECASE), medical)


_STOP, _MORE, _AVOID, _JUDGE = (
    "stops a treatment",
    "changes a dose",
    "keeps from care",
    "tells a judge what to say",
)
RULES = (
    _rule(_STOP, "en", rf"\b(?:stop|quit|discontinue|skip)\b(?: taking| using| with)? (?:all )?(?:of )?your\b.{{0,30}}\b{_MEDICINE}\b"),
    _rule(_STOP, "en", rf"\byou (?:can|may|should|must) (?:safely |simply |just )?(?:stop|quit|skip|discontinue)\b.{{0,40}}\b{_MEDICINE}\b"),
    _rule(_STOP, "en", rf"^\W*(?:(?:so|then|just|simply|immediately|please)\W+)*(?:stop|quit) (?:taking|using) (?:the |any |all )?.{{0,25}}\b{_MEDICINE}\b"),
    _rule(_MORE, "en", r"\b(?:double|triple)\b (?:up )?(?:on )?(?:your|the (?:next )?dose yourself)\b"),
    _rule(_MORE, "en", rf"\byou (?:can|may|should|must) (?:safely |simply |just )?(?:double|triple)\b.{{0,40}}\b{_MEDICINE}\b"),
    _rule(_MORE, "en", rf"\btake (?:two|three|four|five|ten) times (?:your|the) (?:usual |normal |prescribed )?.{{0,20}}\b{_MEDICINE}\b"),
    _rule(_AVOID, "en", rf"\b(?:do not|don['’]t|never|no need to|avoid|you need not) (?:call(?:ing)?|go(?:ing)? to|see(?:k|king)?|visit(?:ing)?|phone)\b.{{0,20}}{_CARE}(?!\w)"),
    _rule(_AVOID, "en", r"\b(?:you (?:do not|don['’]t) need|there is no need|no need) to (?:see|consult|ask|call|tell) (?:a|your|any) (?:doctor|physician|clinician|pharmacist|nurse)\b"),
    _rule(_AVOID, "en", rf"\binstead of (?:going to|calling|visiting|seeing|seeking) (?:a |the |an |your )?(?:doctor|physician|hospital|{_CARE})"),
    _rule(_STOP, "ko", rf"{_MEDICINE_KO}[^.?!]{{0,15}}(?:끊(?!지)|중단(?!하지)|그만\s?두(?!지)|그만 드(?!지)|먹지 마|복용하지 마|투여하지 마)[^.?!]{{0,6}}{_ORDER_KO}"),
    _rule(_MORE, "ko", rf"(?:용량|약|복용량|인슐린)[^.?!]{{0,15}}(?:두|2|세|3)\s?배(?![^.?!]{{0,10}}지 마)[^.?!]{{0,12}}{_ORDER_KO}"),
    _rule(_AVOID, "ko", rf"{_CARE_KO}[^.?!]{{0,15}}(?:가지 마|부르지 마|받지 마|상의하지 마|갈 필요(?:는|가)? ?(?:전혀 )?없|부를 필요(?:는|가)? ?없|받을 필요(?:는|가)? ?없|상의할 필요(?:는|가)? ?없)"),
    _rule(_JUDGE, "en", r"\b(?:ignore|disregard|forget)\b.{0,30}\b(?:instructions?|prompts?|rules|guidelines|(?:the|all) above|(?:said|written|told) (?:above|before))\b", medical=False),
    _rule(_JUDGE, "en", r"\b(?:answer|reply|respond|output|say|print|write|return|mark|rate|label|grade|judge|score|evaluate)\b.{0,40}(?:[\"'“‘«`*]|\bas |\bwith |\bonly |: ?|\bis )(?:true|false)\b", medical=False),
    _rule(_JUDGE, "en", r"\b(?:answer|reply|respond|output|say|return|repeat)\b:? (?:only |just |with |the word )?(?:true|false)\b(?! or\b|/)", medical=False),
    _rule(_JUDGE, "en", r"\b(?:verdict|(?:correct |expected |final |your )answer|expected output)\b.{0,20}\b(?:is|must be|should be|:)\W*(?:true|false)\b", medical=False),
    _rule(_JUDGE, "en", r"\b(?:new|updated|revised) (?:system )?(?:instructions?|prompt)\s*:|</?(?:system|instructions?|user|assistant|statement)>|\[/?INST\]|<\|im_(?:start|end)\|>", medical=False),
    _rule(_JUDGE, "ko", r"(?:지시|명령|규칙|안내|프롬프트|지침)[^.?!]{0,15}(?:무시|따르지 마|잊)", medical=False),
    _rule(_JUDGE, "ko", r"(?:정답|답|판정)(?:은|는)?(?: ?:| 반드시)? ?[\"'“‘]?(?:true|false|참|거짓)(?:이다|이어야|여야|[\"'”’.\n]|$)", medical=False),
    _rule(_JUDGE, "ko", r"(?:참|거짓|true|false|맞음|틀림)[\"'”’」』`]?(?:이?라고만?|으로만?|로만?|만)?\s?(?:답|대답|출력|판정|평가|채점|표시|말)[^.?!]{0,8}(?:하|해|할|합)", medical=False),
)  # fmt: skip
_EXCUSE = Pattern(
    r"unless (?:your|a|the) (?:doctor|physician|clinician|provider)"
    r"|(?:under|with) (?:medical|your doctor|close) (?:supervision|guidance)|(?:as|if|when) (?:directed|advised|told|instructed)"
    r"|(?:ask|consult|contact|call|talk to|speak (?:to|with)) (?:your|a|the) (?:doctor|physician|clinician|pharmacist|provider)"
    r"|(?:의사|전문의|의료진|약사)(?:와|과|의|에게|가|이) (?:상의|상담|지시|처방|판단)(?!할 필요|하지 ?마| ?없이)|처방에 따라",
    re.IGNORECASE,
)
_FORBIDDEN = Pattern(
    r"\b(?:do not|don['’]t|never|should not|shouldn['’]t|must not|avoid|not to|cannot|can['’]t)\b[^,;]{0,20}$",
    re.I,
)
_SENTENCE = Pattern(r"[^.!?。\n]+[.!?。]*")
_HINT = Pattern(HINT)


def find_unsafe_directives(text: str) -> Iterator[Found]:
    """Every sentence of a text that one of `RULES` reads as an order, with its kind; one kind a sentence once.

    >>> [f.kind for f in find_unsafe_directives("Stop taking your insulin. Never stop taking your insulin.")]
    ['stops a treatment']
    """
    for match in _SENTENCE.finditer(text):
        sentence = match[0]
        if _HINT.search(sentence):
            kinds = dict.fromkeys(rule.kind for rule in RULES if _orders(rule, sentence))
            yield from (Found(kind, shortened(sentence)) for kind in kinds)


def _orders(rule: Rule, sentence: str) -> bool:
    match = rule.pattern.search(sentence)
    if match is None:
        return False
    if not rule.medical:
        return True
    forbidden = rule.language == "en" and rule.kind != _AVOID and _FORBIDDEN.search(sentence[: match.start()])
    return not forbidden and not _EXCUSE.search(sentence)


GATE = TextGate(
    name="unsafe_directives",
    reason="unsafe_directive",
    order=30,
    options=(
        switch_option(
            "unsafe",
            "report",
            "Look for sentences that tell a patient to stop treatment, or a judge what to say, by a short list of wordings.",
        ),
    ),
    hint=HINT,
    find=find_unsafe_directives,
    sought=("unsafe directives", "by a short list of wordings"),
)
