"""Preference pairs for a recipe: load a release, check it, leave out what does not fit, cut it into tokens."""

import json
from collections import Counter
from pathlib import Path

from datasets import Dataset, load_dataset
from transformers import PreTrainedTokenizerBase

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import write_text
from komep_dataset.schema import Reason, collapse_blanks
from training.errors import explained, said_by

COLUMNS = ("prompt", "chosen", "rejected")


def load_preferences(
    name: str, config: str | None, splits: tuple[str, str]
) -> tuple[Dataset, Dataset | None]:
    """Train and test split of a release.

    Args:
        name: folder of a release, or repository on the Hub.
        config: `ko` or `en`; None for the release's default.
        splits: names of the train and the test split.

    Returns:
        Two datasets with the columns `prompt`, `chosen` and `rejected`, each a list of messages (`role`,
        `content`), and `question_id` where there is one; any other column is left out, for TRL gives many names
        a meaning. The test split is None when it is missing or empty.

    Raises:
        KomepError: the dataset, the config, the train split or a test split with a name of its own is not there, or
            it has other columns.
    """
    try:
        train = load_dataset(name, config, split=splits[0])
    except Exception as error:  # a card's YAML, a script, the Hub: whatever it is, there are no pairs
        raise KomepError(
            f"dataset {name!r}, config {config!r}: cannot be loaded ({said_by(error):.300}); write a release with "
            "`komep build`, or name one with --dataset_name and --dataset_config"
        ) from error
    try:
        test = load_dataset(name, config, split=splits[1])
    except ValueError:  # what `datasets` says of a split that is unknown, or known and without rows
        test = None
    if test is None and splits[1] != "test":
        raise KomepError(
            f"dataset {name!r}, config {config!r}: no split {splits[1]!r}; see --dataset_test_split"
        )
    for dataset in filter(None, (train, test)):
        check_columns(dataset, name)
    return only_pairs(train), only_pairs(test) if test else None


def only_pairs(dataset: Dataset) -> Dataset:
    """The columns that a recipe reads."""
    return dataset.select_columns([c for c in (*COLUMNS, "question_id") if c in dataset.column_names])


def check_columns(dataset: Dataset, name: str) -> None:
    """Raise `KomepError` unless `prompt`, `chosen` and `rejected` are there and hold messages."""
    missing = [column for column in COLUMNS if column not in dataset.column_names]
    if missing:
        raise KomepError(
            f"dataset {name!r}: missing columns {', '.join(missing)}; "
            f"it has {', '.join(dataset.column_names)}"
        )
    for column in COLUMNS:
        first = next(
            (value for value in dataset[column] if value), None
        )  # rows without one are left out later
        if first is None:
            continue
        if not (
            isinstance(first, list) and isinstance(first[0], dict) and {"role", "content"} <= set(first[0])
        ):
            raise KomepError(
                f"dataset {name!r}: column {column} must hold messages, [{{'role': …, 'content': …}}], "
                f"and its first row is {first!r:.60}"
            )
        if not isinstance(first[0]["content"], str | None):
            raise KomepError(
                f"dataset {name!r}: content in {column} must be text, and is {first[0]['content']!r:.60}"
            )


def cut(prompt: list[int], conversation: list[int]) -> int:
    """Where the answer starts in a tokenised conversation: where it parts from its tokenised prompt, as in TRL."""
    differs = (i for i, (a, b) in enumerate(zip(prompt, conversation, strict=False)) if a != b)
    return next(differs, min(len(prompt), len(conversation)))


def count_tokens(row: dict, tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    """Tokens of the longer of a pair's two conversations, under the tokenizer's chat template."""
    ids = (tokenizer.apply_chat_template(row["prompt"] + row[side])["input_ids"] for side in COLUMNS[1:])
    return {"length": max(map(len, ids))}


def fault_of(row: dict) -> tuple[str, str] | None:
    """(reason, detail) of a pair that nothing can be learnt from: an empty text, or two equal answers."""
    texts = {column: collapse_blanks(text_of(row[column])) for column in COLUMNS}
    for column, text in texts.items():
        if not text:
            return Reason.BAD_VALUE.value, f"{column} is empty"
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
    kept, rejects = [], []
    for split, dataset in (("train", train), ("test", test)):
        if dataset is not None:
            faults = [fault_of(row) for row in dataset.select_columns(list(COLUMNS))]
            dataset, faulty = without(dataset, faults, split)
            dataset, overlong = without_overlong(dataset, tokenizer, max_length, split)
            rejects += faulty + overlong
        kept.append(dataset or None)
    if kept[0] is None:
        overlong = sum(row["reason"] == "overlong" for row in rejects if row["detail"].startswith("train"))
        if overlong == len(train):
            raise KomepError(
                f"all {len(train)} train pairs have more than {max_length} tokens; raise --max_length"
            )
        raise KomepError(f"none of {len(train)} train pairs can be trained on: {count_rejects(rejects)}")
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
    """How many pairs are trained on, held out and left out, in one line."""
    left_out = f"left out: {count_rejects(rejects)}; see rejects.jsonl" if rejects else "none left out"
    return f"pairs: {len(train)} to train on, {len(test or ())} held out; {left_out}"


def without_overlong(
    dataset: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int | None, split: str
) -> tuple[Dataset, list[dict[str, str]]]:
    """The same for pairs of more than `max_length` tokens; those that fit get their `length`."""
    if not len(dataset):
        return dataset, []
    with explained(f"{split}: the tokenizer's chat template refuses a conversation"):
        dataset = dataset.map(
            count_tokens, fn_kwargs={"tokenizer": tokenizer}, desc=f"Counting tokens of {split}"
        )
    limit = float("inf") if max_length is None else max_length
    faults = [
        ("overlong", f"{length} tokens, max_length {max_length}") if length > limit else None
        for length in dataset["length"]
    ]
    return without(dataset, faults, split)


def draw(dataset: Dataset | None, limit: int | None, seed: int) -> Dataset | None:
    """At most `limit` rows, drawn at random without replacement; all of them where there is no limit."""
    if limit == 0:
        return None
    if dataset is None or limit is None or limit >= len(dataset):
        return dataset
    return dataset.shuffle(seed=seed).select(range(limit))


def write_rejects(path: Path, rejects: list[dict[str, str]]) -> None:
    """Write reject rows as JSONL; an empty list gives an empty file."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rejects))
