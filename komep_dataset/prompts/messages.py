"""What a model is sent: a text in the wording of its own language, always as data and never as an instruction.

The text decides: a Korean question gets the Korean instruction, a Korean answer is split and a Korean statement
judged in Korean (`languages.language_of`). Only the published protocols of DAHL, and its question to the checker,
are English whatever they are about.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from itertools import count
from types import ModuleType
from typing import Any

from komep_dataset.languages import language_of
from komep_dataset.prompts import english, korean
from komep_dataset.prompts.formats import FORMATS
from komep_dataset.schema import WhyUnknown

Messages = list[dict[str, str]]
# Why a judge says unknown of a unit and passages.
REASONS = (WhyUnknown.NOT_ADDRESSED.value, WhyUnknown.CONTRADICTORY.value)
WORDINGS = {"en": english, "ko": korean}
# The slash takes the blanks behind it with it: `\s*/?\s*` would try every way to share out a run of blanks.
_TAG = re.compile(r"<(\s*(?:/\s*)?answer\s*)>", re.IGNORECASE)


def _wording(text: str) -> ModuleType:
    return WORDINGS[language_of(text)]


def responder_prompt(question: str, protocol: str, format: str | None = None) -> dict[str, Any]:
    """What a responder is sent: `messages` for the chat protocols, `prompt` where the text is rendered here.

    `dahl-gpt` puts the instruction into the system prompt; `dahl-hf` is DAHL's plain-text layout, with the
    instruction that its code leaves out by mistake; `chat` (ours) sends one user message, because some chat
    templates refuse a system prompt, or, with a `format`, that message in the format of a model that has no
    chat template. The instruction of `chat` is Korean where the question is; DAHL's protocols are sent in the
    English that they are published in, and may get English answers.
    """
    if protocol == "dahl-hf":
        return {"prompt": f"{english.INSTRUCTION}\nQUESTION: {question}\nANSWER:"}
    if protocol == "dahl-gpt":
        return {"messages": _asked(english.INSTRUCTION, question)}
    request = f"{_wording(question).INSTRUCTION}\n\n{question}"
    if format is None:
        return {"messages": [_message("user", request)]}
    layout = FORMATS[format]
    return {"prompt": layout.template.replace("{instruction}", request), "stop": list(layout.ends)}


def split_messages(response: str, *, keeps: bool = True) -> Messages:
    """The splitter's conversation: rules, worked examples, and the response, fenced in as data.

    It is in the language of the response: no wording of it is published. What all splitters are told, and three examples, follow
    the description of DAHL's; one that `keeps` is told to keep conditions, too, and to mark what holds nothing to check.
    """
    wording = _wording(response)
    messages = [_message("system", wording.SPLIT_SYSTEM + wording.SPLIT_KEEPS * keeps)]
    for answer, facts in wording.SPLIT_EXAMPLES + wording.SPLIT_KEEPS_EXAMPLES * keeps:
        messages += [_message("user", _fenced(answer)), _message("assistant", facts)]
    return [*messages, _message("user", _fenced(response))]


def _fenced(text: str) -> str:
    """A text between tags that it cannot close itself: its own tags of that name lose their brackets."""
    return f"<answer>\n{_TAG.sub(lambda tag: '‹' + tag[1] + '›', text)}\n</answer>"


def verdict_format(unit: str, *, cites: bool = False) -> dict[str, Any]:
    """The JSON schema of a verdict, with the words of the unit's language; with ids, and why it is unknown, where it `cites`.

    The ids are any text: a schema for each unit is one that a server must compile for each.
    """
    properties: dict[str, Any] = {"verdict": {"type": "string", "enum": list(_wording(unit).VERDICT_WORDS)}}
    if cites:
        properties["ids"] = {"type": "array", "items": {"type": "string"}}
        properties["why"] = {"type": "string", "enum": ["", *REASONS]}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    schema["additionalProperties"] = False
    return {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": schema}}


def check_messages(unit: str, mode: str, question: str | None = None, *, delimited: bool = True) -> Messages:
    """The checker's conversation about one unit.

    Strict: the unit is a JSON string, which no quote and no line break of its own can end, and what is asked
    comes after it; with a `question`, that is another JSON string before it. Paper: DAHL's system prompt, its
    question, and the bare unit on the next line. `delimited=False` leaves strict's quotes away. Strict speaks the
    language of the unit; paper keeps to DAHL's English.
    """
    if mode == "paper":
        user = f"{english.PAPER_CHECK_QUESTION}\n{unit}"
        return _asked(english.PAPER_CHECK_SYSTEM, user)
    wording = _wording(unit)
    if not delimited:
        return _asked(wording.BARE_SYSTEM, f"{wording.STATEMENT}: {unit}\n{wording.ASK}")
    user = f"{wording.STATEMENT}: {_quoted(unit)}\n{wording.ASK}"
    if question is not None:
        return _asked(wording.CONTEXT_SYSTEM, f"{wording.QUESTION}: {_quoted(question)}\n{user}")
    return _asked(wording.CHECK_SYSTEM, user)


def evidence_messages(
    unit: str, passages: Sequence[Mapping[str, str]], question: str | None = None, *, delimited: bool = True
) -> Messages:
    """The checker's conversation about one unit and passages, in the language of the unit.

    Of each passage `id`, `title` (may be empty) and `text`, as JSON, which nothing in them can end; `delimited=False` leaves
    quotes away, and what is said of them. The question is shown where the checker has `context: question`.
    """
    wording = _wording(unit)
    if not delimited:
        shown = "\n".join(" ".join(filter(None, (f"[{p['id']}]", p["title"], p["text"]))) for p in passages)
        user = f"{wording.PASSAGES}:\n{shown}\n{wording.STATEMENT}: {unit}\n{wording.EVIDENCE_ASK}"
        return _asked(wording.EVIDENCE_TASK + wording.EVIDENCE_FORM, user)
    listed = [{name: text for name, text in one.items() if text} for one in passages]
    lines = [f"{wording.PASSAGES}: {json.dumps(listed, ensure_ascii=False)}"]
    lines += [] if question is None else [f"{wording.QUESTION}: {_quoted(question)}"]
    lines += [f"{wording.STATEMENT}: {_quoted(unit)}", wording.EVIDENCE_ASK]
    about = "" if question is None else wording.EVIDENCE_QUESTION
    system = wording.EVIDENCE_TASK + wording.EVIDENCE_DATA + about + wording.EVIDENCE_FORM
    return _asked(system, "\n".join(lines))


def batch_messages(units: Sequence[str], question: str | None = None) -> Messages:
    """The checker's conversation about several units of one response, numbered from 1, in their language."""
    wording = _wording(" ".join(units))
    numbered = json.dumps({str(i): unit for i, unit in enumerate(units, 1)}, ensure_ascii=False)
    about = "" if question is None else f"{wording.QUESTION}: {_quoted(question)}\n"
    user = f"{about}{wording.STATEMENTS}: {numbered}\n{wording.ASK_EACH}"
    return _asked(wording.BATCH_SYSTEM, user)


def translate_messages(
    text: str, terms: Mapping[str, str], question: str | None = None, refused: Sequence[str] = ()
) -> Messages:
    """The translator's conversation about one text, or one piece of a long one.

    Args:
        text: what is translated, between tags of a name that it does not hold, so that it cannot close them.
        terms: English term -> Korean, for the question and its answers alike.
        question: shown where the translator has `context: question`; it is not translated.
        refused: what was wrong with an earlier translation of this text.
    """
    tag = next(name for number in count() if (name := f"text{number or ''}") not in text.casefold())
    parts = []
    if terms:
        parts.append(f"Use these translations of terms: {json.dumps(dict(terms), ensure_ascii=False)}")
    if question is not None:
        parts.append(f"The question that the text answers, only to understand it: {_quoted(question)}")
    if refused:
        listed = "\n".join(f"- {_quoted(one)}" for one in refused)
        parts.append(f"An earlier translation of this text was refused:\n{listed}\nAvoid that.")
    parts.append(f"Translate into Korean:\n<{tag}>\n{text}\n</{tag}>")
    return _asked(english.TRANSLATE_SYSTEM.format(tag=tag), "\n\n".join(parts))


def second_look_messages(source: str, target: str) -> Messages:
    """The conversation about one translation; both texts are JSON strings, which nothing in them can end."""
    user = f"Text: {_quoted(source)}\nTranslation: {_quoted(target)}\n{english.SECOND_LOOK_ASK}"
    return _asked(english.SECOND_LOOK_SYSTEM, user)


def screen_messages(question: str, items: Sequence[str]) -> Messages:
    """The conversation about a question and the items of a benchmark that resemble it, numbered from 1."""
    given = {"question": question, "items": {str(number): item for number, item in enumerate(items, 1)}}
    return _asked(english.SCREEN_SYSTEM, f"{json.dumps(given, ensure_ascii=False)}\n{english.SCREEN_ASK}")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _asked(system: str, user: str) -> Messages:
    return [_message("system", system), _message("user", user)]


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def fingerprint(wordings: Mapping[str, str]) -> str:
    """A hash of every prompt: a stage that was run with other wording is not taken for done.

    Args:
        wordings: what a translator is told of a translation that failed a check, by the check's name.
    """
    sample = [responder_prompt("?", protocol) for protocol in ("dahl-gpt", "dahl-hf", "chat")]
    for text in ("?", "가?"):  # one of each language
        sample += [responder_prompt(text, "chat", format) for format in (None, *FORMATS)]
        sample += [split_messages(text), split_messages(text, keeps=False)]
        sample += [check_messages(text, "strict"), check_messages(text, "paper")]
        sample += [check_messages(text, "strict", "?"), check_messages(text, "strict", delimited=False)]
        sample += [batch_messages([text], "?"), verdict_format(text), verdict_format(text, cites=True)]
        shown = [{"id": "?", "title": "?", "text": text}]
        sample += [evidence_messages(text, shown, "?"), evidence_messages(text, shown, delimited=False)]
    sample += [
        translate_messages("?", {"?": "?"}, "?", ["?"]),
        second_look_messages("?", "?"),
        screen_messages("?", ["?"]),
        dict(wordings),
    ]
    return hashlib.sha256(json.dumps(sample, sort_keys=True).encode()).hexdigest()[:16]
