"""A pair in any of the field's shapes as one of ours: prompt, chosen and rejected as messages, each turn looked at.

Taken are messages (`role`, `content`, or ShareGPT's `from`, `value`), their content as text or as parts of text, and plain
text; a prompt of its own, one that both answers repeat, or one that only they have. TRL takes most of these and looks at
the first row alone, so that a question goes in twice, or a turn of the user is learnt as an answer.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from komep_dataset.preferences.columns import Unfit, completions_in, pair_of
from komep_dataset.schema import collapse_blanks
from komep_dataset.tables.values import stands_for_none, written

SIDES = ("chosen", "rejected")
# Names of the speakers in ShareGPT and its kin, under those that chat templates know.
ROLES = {"human": "user"} | dict.fromkeys(("gpt", "bot", "chatgpt", "model"), "assistant")
KNOWN = ("system", "developer", "user", "assistant", "tool")
LEADING = ("system", "developer")
OLD = ("from", "value")
TRANSCRIPT = re.compile(r"\s*\n\r?\n(Human|Assistant): ?")  # of Anthropic's hh-rlhf
WRITTEN = re.compile(r"\s*\[?\s*\{\s*(['\"])(role|content|from|value)\1\s*:")  # messages as a CSV has them
# A prompt whose answers have columns of their own.
OPEN = re.compile(r"\s*Human:.*\S(\s*\n\r?\nAssistant:\s*)", re.DOTALL)
SYSTEMS = ("system", "system_prompt")  # columns beside prompt, chosen and rejected, as in Orca's pairs
Turns = list[dict[str, Any]]


def missing(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Which of both answers a set lacks, and the prompt, unless it stands in them: by its first row that has both."""
    ranked = completions_in(columns)
    needed = (ranked,) if ranked else SIDES
    answers = next((row for row in rows if all(map(row.get, needed))), None)
    found = conversation({name: value for name, value in (answers or {}).items() if name in (ranked, *SIDES)})
    plain = answers is not None and not found[0]["prompt"] and not found[1]
    lacking = [side for side in SIDES if side not in columns and not ranked]
    return ["prompt"] * ("prompt" not in columns and bool(lacking or plain)) + lacking


def conversation(row: Mapping[str, Any]) -> tuple[dict[str, Turns], str | None]:
    """({"prompt", "chosen", "rejected"} as messages, what is wrong with the row or None).

    An empty text is no fault of the shape, and stays one.
    """
    faults, given = [], {}
    if ranked := completions_in([name for name, value in row.items() if value]):
        try:
            row = {**row, **pair_of(row[ranked])}
        except Unfit as fault:
            faults.append(f"{ranked}: {fault}")
    speakers = {"prompt": "user", **dict.fromkeys(SYSTEMS, "system")}
    for name in ("prompt", *SIDES, *SYSTEMS):
        try:
            given[name] = turns(row.get(name), speakers.get(name, "assistant"))
        except Unfit as fault:
            faults.append(f"{name}: {fault}")
    if not faults:
        try:
            answers = [given[side] for side in SIDES]
            if isinstance(row.get("prompt"), str) and OPEN.fullmatch(row["prompt"]):
                answers = [
                    [m | {"content": m["content"] and m["content"].lstrip()} for m in a] for a in answers
                ]
            prompt, *answers = split(given["prompt"], *answers)
            faults = [*faults_of_prompt(prompt), *faults_of_answers(answers)]
            if prompt and prompt[0]["role"] not in LEADING:
                prompt = [*next((given[name] for name in SYSTEMS if given[name]), ()), *prompt]
        except Unfit as fault:
            faults = [str(fault)]
    if faults:
        return {name: [] for name in ("prompt", *SIDES)}, "; ".join(faults)
    return {"prompt": prompt, **dict(zip(SIDES, answers, strict=True))}, None


def turns(value: Any, speaker: str) -> Turns:
    """What a column holds as messages: as it is, or text that `speaker` says, or a transcript; empty for nothing.

    Raises:
        Unfit: neither text nor messages, an unknown role, or content that is no text.
    """
    if isinstance(value, str):
        if WRITTEN.match(value):
            try:
                value = written(value)
            except ValueError as error:
                raise Unfit(f"messages written as text that is {error}") from None
            return turns(value, speaker)
        if speaker == "user" and (asked := OPEN.fullmatch(value)):
            value = value[: asked.start(1)]
        spoken = TRANSCRIPT.split("\n\n" + value.lstrip()) if value.lstrip().startswith("Human:") else ()
        if len(spoken) > 1:
            said = zip(spoken[1::2], spoken[2::2], strict=True)
            return [{"role": ROLES.get(who.lower(), who.lower()), "content": text} for who, text in said]
        if stands_for_none(value.strip()):
            if speaker == "system":
                return []
            raise Unfit(f"is {value.strip()!r}, which is written where a text is missing")
        return [{"role": speaker, "content": value}] if value.strip() else []
    if isinstance(value, dict) and "messages" in value:  # OpenAI's column `input`
        if value.get("tools"):
            raise Unfit("tools inside a prompt; give them as a column tools")
        value = value["messages"]
    messages = [value] if isinstance(value, dict) else value or []
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise Unfit(f"neither text nor messages: {value!r:.60}")
    return [turn(message) for message in messages]


def turn(message: dict[str, Any]) -> dict[str, Any]:
    """A message with its role as chat templates know it, and its content as text; what else it holds stays."""
    new = zip(("role", "content"), OLD, strict=True)
    role, content = (message.get(name, message.get(old)) for name, old in new)
    role = ROLES.get(role, role) if isinstance(role, str) else role
    if role not in KNOWN:
        raise Unfit(f"role {role!r} is none of {', '.join(KNOWN)}")
    if isinstance(content, list):
        parts = [part if isinstance(part, dict) else {"type": type(part).__name__} for part in content]
        other = sorted({str(part.get("type")) for part in parts if not isinstance(part.get("text"), str)})
        if other:
            raise Unfit(f"content in parts of type {', '.join(other)}; text alone can be trained on")
        content = "".join(part["text"] for part in parts)
    if not isinstance(content, str | None):
        raise Unfit(f"content must be text, and is {content!r:.60}")
    rest = {name: value for name, value in message.items() if name not in OLD}
    return rest | {"role": role, "content": content}


def split(prompt: Turns, chosen: Turns, rejected: Turns) -> tuple[Turns, Turns, Turns]:
    """Prompt and answers, whatever of the prompt the answers repeat; a prompt that only they have is what they share.

    Raises:
        Unfit: they answer different prompts.
    """
    if not (chosen and rejected):
        return prompt, chosen, rejected
    if not prompt:
        shared = common(chosen, rejected)
        if min(len(chosen), len(rejected)) > 1 and not shared:
            raise Unfit("chosen and rejected begin with different turns, and there is no prompt beside them")
        return chosen[:shared], chosen[shared:], rejected[shared:]
    answers = chosen, rejected
    text = prompt[-1]["content"] or ""
    if text and all(len(answer) == 1 and (answer[0]["content"] or "").startswith(text) for answer in answers):
        cut = [[{**answer[0], "content": answer[0]["content"][len(text) :].lstrip()}] for answer in answers]
        if all(answer[0]["content"] for answer in cut):  # both repeat the question, and go on
            return prompt, *cut
    ends = [repeated(prompt, answer) for answer in answers]
    rest = [message["role"] for answer, end in zip(answers, ends, strict=True) for message in answer[end:]]
    if "user" in rest and (shared := common(chosen, rejected)):  # the prompt is one turn of theirs
        heads, own = [m for m in prompt if m["role"] in LEADING], chosen[0]["role"] in LEADING
        asked, places = [m for m in prompt if m not in heads], range(shared - len(prompt) + len(heads) + 1)
        told = not (heads and own) or same(heads[0], chosen[0])
        if told and asked and any(all(map(same, asked, chosen[i:shared])) for i in places):
            return [*(() if own else heads), *chosen[:shared]], chosen[shared:], rejected[shared:]
    before = [a[:end] if end > len(prompt) else prompt for a, end in zip(answers, ends, strict=True)]
    if len(before[0]) != len(before[1]) or not all(map(same, *before)):
        raise Unfit("chosen and rejected answer different prompts")
    return before[0], chosen[ends[0] :], rejected[ends[1] :]


def common(chosen: Turns, rejected: Turns) -> int:
    """How many turns at the beginning of both are the same; the last of each is an answer."""
    limit = min(len(chosen), len(rejected)) - 1
    return next((i for i in range(limit) if not same(chosen[i], rejected[i])), limit)


def repeated(prompt: Turns, answer: Turns) -> int:
    """How many turns at the beginning of an answer are the prompt's: all of it, perhaps behind a system message that it
    lacks, or its last ones.
    """
    for start in range(len(answer) - len(prompt)):
        before, rest = answer[:start], answer[start:]
        if all(map(same, prompt, rest)) and all(message["role"] in LEADING for message in before):
            return start + len(prompt)
    counts = range(min(len(prompt), len(answer) - 1), 0, -1)
    return next((n for n in counts if all(map(same, prompt[-n:], answer))), 0)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two messages say the same, but for blanks."""
    texts = (collapse_blanks(message["content"] or "") for message in (one, other))
    return one["role"] == other["role"] and len({*texts}) == 1


def faults_of_prompt(prompt: Turns) -> list[str]:
    """What is wrong with the turns of a prompt."""
    if not prompt or prompt[-1]["role"] in ("user", "tool"):
        return []
    return [f"prompt: ends with a turn of {prompt[-1]['role']}, and user or tool must speak before an answer"]


def faults_of_answers(answers: list[Turns]) -> list[str]:
    """What is wrong with the turns of chosen and rejected: the assistant begins and ends, and tools may come between."""
    faults = []
    for side, answer in zip(SIDES, answers, strict=True):
        roles = [message["role"] for message in answer]
        ends = (*roles[:1], *roles[-1:])
        other = [r for r in roles if r not in ("assistant", "tool")] or [r for r in ends if r == "tool"]
        if other:
            faults.append(f"{side}: a turn of {other[0]} where the assistant answers")
    return faults
