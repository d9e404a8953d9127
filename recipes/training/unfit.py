"""Pairs that cannot be learnt from: faulty, rendered already, or longer than what a model is trained on; and their record."""

import json
import re
from collections import Counter
from pathlib import Path

from datasets import Dataset
from datasets.fingerprint import Hasher
from transformers import PreTrainedTokenizerBase

from komep_dataset.errors import KomepError, said_by
from komep_dataset.files.outputs import write_text
from komep_dataset.gates.template_marks import special_tokens, template_heading
from komep_dataset.preferences.conversations import LEADING
from komep_dataset.schema import Reason, collapse_blanks
from training.base_model import lost_call, render, takes, turn_marks, unshown
from training.pairs import COLUMNS, FAULT, LANGUAGES, column, say

# Special tokens that an answer may hold: thoughts, which are learnt, and words in brackets.
KEPT = re.compile(r"think|thought|reason|solution|^\[[A-Z]+\]$", re.IGNORECASE)


def fold_systems(dataset: Dataset | None, tokenizer: PreTrainedTokenizerBase, split: str) -> Dataset | None:
    """Pairs whose system message stands before the question, where the chat template has no place for one."""
    heads = [prompt[0]["role"] if prompt else None for prompt in column(dataset, "prompt")] if dataset else []
    refused = {role for role in {*heads} & {*LEADING} if not takes(tokenizer, role)}
    if not refused:
        return dataset
    count = sum(role in refused for role in heads)
    say(
        f"{split}: the chat template takes no message of {' or '.join(sorted(refused))}: in {count} of {len(heads)} pairs it "
        "is put before the question"
    )
    how = Hasher.hash((dataset._fingerprint, "systems folded, 1", sorted(refused)))
    return dataset.map(lambda row: {"prompt": folded(row["prompt"], refused)}, new_fingerprint=how)


def folded(prompt: list[dict], roles: set[str]) -> list[dict]:
    """A prompt whose first message, if it is of one of these roles, begins the second one."""
    if len(prompt) < 2 or prompt[0]["role"] not in roles:
        return prompt
    first, second, *rest = prompt
    texts = [message["content"] for message in (first, second) if message["content"]]
    return [{**second, "content": "\n\n".join(texts)}, *rest]


def count_tokens(row: dict, tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    """Tokens of the longer of a pair's two conversations; -1 where the chat template refuses one, or leaves out a call."""
    try:
        if lost_call(row, tokenizer):
            return {"length": -1}
        return {"length": max(len(render(row, row["prompt"] + row[side], tokenizer)) for side in COLUMNS[1:])}
    except Exception:  # whatever a template raises; `refusal` has the words
        return {"length": -1}


def refusal(row: dict, tokenizer: PreTrainedTokenizerBase) -> str:
    """What the chat template says of a pair that it refuses."""
    try:
        if lost := lost_call(row, tokenizer):
            return lost
        for side in COLUMNS[1:]:
            render(row, row["prompt"] + row[side], tokenizer)
    except Exception as error:
        return f"the chat template refuses it: {said_by(error):.200}"
    return "the chat template refuses it"


def fault_of(row: dict, marks: set[str]) -> tuple[str, str] | None:
    """(reason, detail) of a pair that nothing can be learnt from: no conversation, an empty text, equal answers, or text
    that a chat template made, with one of `marks` or one of another family, which would be put into the template again.
    """
    if row.get(FAULT):
        return Reason.BAD_VALUE.value, row[FAULT]
    texts = {column: collapse_blanks(text_of(row[column])) for column in COLUMNS}
    for name, text in texts.items():
        if not text:
            return Reason.BAD_VALUE.value, f"{name} is empty"
        others = (mark for mark in special_tokens(text) if not KEPT.search(mark))
        said = (row[name][-1]["content"] or "") if row[name] else ""
        mark = next((mark for mark in sorted(marks) if mark in text), next(others, None))
        if mark := mark or template_heading(said, name == "prompt"):
            return (
                Reason.BAD_VALUE.value,
                f"{name}: holds {mark}, a mark of a chat template: already rendered; give the messages, or their text alone",
            )
    if texts["chosen"] == texts["rejected"]:
        return Reason.IDENTICAL_TEXT.value, "chosen and rejected are the same text"
    return None


def text_of(messages: list[dict] | None) -> str:
    """All that is said in a list of messages; nothing where there is none."""
    return " ".join(message["content"] or "" for message in messages or ())


def drop_unfit(
    train: Dataset, test: Dataset | None, tokenizer: PreTrainedTokenizerBase, max_length: int | None
) -> tuple[Dataset, Dataset | None, list[dict[str, str]]]:
    """Both splits without the pairs that cannot be learnt from, or of more than `max_length` tokens.

    TRL would cut the latter silently.

    Returns:
        Train and test split with the column `length` (tokens of the longer side), by which the trainer can
        batch pairs of like length; None for a test split of which nothing is left; a reject row for each pair.

    Raises:
        KomepError: no train pair is left.
    """
    kept, rejects, marks = [], [], turn_marks(tokenizer)
    for split, dataset in (("train", train), ("test", test)):
        if dataset is not None:
            faults = [fault_of(row, marks) for row in dataset]
            dataset, faulty = without(dataset, faults, split)
            if FAULT in dataset.column_names:
                dataset = dataset.remove_columns(FAULT)
            dataset = fold_systems(dataset, tokenizer, split)
            dataset, overlong = without_overlong(dataset, tokenizer, max_length, split)
            if names := unshown(dataset, tokenizer):
                say(
                    f"warning: {split}: the chat template shows nothing of {', '.join(names)}, and the pairs are trained on without"
                )
            rejects += faulty + overlong
        kept.append(dataset or None)
    if kept[0] is None:
        overlong = sum(row["reason"] == "overlong" for row in rejects if row["detail"].startswith("train"))
        if overlong == len(train):
            raise KomepError(
                f"all {len(train)} train pairs have more than {max_length} tokens; raise --max_length"
            )
        first = next(row["detail"] for row in rejects if row["detail"].startswith("train"))
        raise KomepError(
            f"none of {len(train)} train pairs can be trained on: {count_rejects(rejects)}; {first}"
        )
    return *kept, rejects


def without(
    dataset: Dataset, faults: list[tuple[str, str] | None], split: str
) -> tuple[Dataset, list[dict[str, str]]]:
    """(rows without a fault, a `komep_dataset.schema.Reject` row for each other one).

    `faults`: (reason, detail) or None, a row; `overlong` is the one reason that only recipes have.
    """
    rejects = [
        {
            "stage": "recipe",
            "key": dataset[i].get("question_id") or f"{split}:{i}",
            "reason": fault[0],
            "detail": f"{split}: {fault[1]}",
        }
        for i, fault in enumerate(faults)
        if fault
    ]
    kept = [i for i, fault in enumerate(faults) if not fault]
    return (dataset.select(kept) if rejects else dataset), rejects


def count_rejects(rejects: list[dict[str, str]]) -> str:
    """How many pairs were left out for which reason, and the first of each, in one line."""
    first = {row["reason"]: row["key"] for row in reversed(rejects)}
    counts = Counter(row["reason"] for row in rejects)
    return ", ".join(f"{count} {reason} (first: {first[reason]})" for reason, count in counts.items())


def describe_pairs(train: Dataset, test: Dataset | None, rejects: list[dict[str, str]]) -> str:
    """How many pairs, and of which config, are trained on, held out and left out, in one line."""
    left_out = f"left out: {count_rejects(rejects)}; see rejects.jsonl" if rejects else "none left out"
    config = f", config {train.info.config_name}" if train.info.config_name in LANGUAGES else ""
    return f"pairs: {len(train)} to train on, {len(test or ())} held out{config}; {left_out}"


def without_overlong(
    dataset: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int | None, split: str
) -> tuple[Dataset, list[dict[str, str]]]:
    """The same for pairs of more than `max_length` tokens, or that the template refuses; others get their `length`."""
    if not len(dataset):
        return dataset, []
    dataset = dataset.map(
        count_tokens, fn_kwargs={"tokenizer": tokenizer}, desc=f"Counting tokens of {split}"
    )
    limit = float("inf") if max_length is None else max_length
    faults: list[tuple[str, str] | None] = []
    for place, length in enumerate(dataset["length"]):
        if length < 0:
            faults.append((Reason.BAD_VALUE.value, refusal(dataset[place], tokenizer)))
        else:
            over = length > limit
            faults.append(("overlong", f"{length} tokens, max_length {max_length}") if over else None)
    return without(dataset, faults, split)


def write_rejects(path: Path, rejects: list[dict[str, str]]) -> None:
    """Write reject rows as JSONL; an empty list gives an empty file."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rejects))
