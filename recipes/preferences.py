"""Preference pairs for a recipe: load a release, check it, and leave out what does not fit."""

import json
from pathlib import Path

from datasets import Dataset, load_dataset
from datasets.exceptions import DatasetsError
from transformers import PreTrainedTokenizerBase

from komep_dataset.errors import KomepError

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
        Two datasets with at least the columns `prompt`, `chosen` and `rejected`, each a list of messages
        (`role`, `content`). The test split is None when it is missing or empty.

    Raises:
        KomepError: the dataset, the config or the train split is not there, or has other columns.
    """
    try:
        train = load_dataset(name, config, split=splits[0])
    except (DatasetsError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise KomepError(
            f"dataset {name!r}, config {config!r}: cannot be loaded ({reason:.300}); write a release with "
            "`komep build`, or name one with --dataset_name and --dataset_config"
        ) from error
    try:
        test = load_dataset(name, config, split=splits[1])
    except ValueError:  # what `datasets` says of a split that is unknown, or known and without rows
        test = None
    for dataset in filter(None, (train, test)):
        check_columns(dataset, name)
    return train, test or None


def check_columns(dataset: Dataset, name: str) -> None:
    """Raise `KomepError` unless `prompt`, `chosen` and `rejected` are there and hold messages."""
    missing = [column for column in COLUMNS if column not in dataset.column_names]
    if missing:
        raise KomepError(
            f"dataset {name!r}: missing columns {', '.join(missing)}; "
            f"it has {', '.join(dataset.column_names)}"
        )
    for column in COLUMNS:
        first = dataset[0][column]
        if not (isinstance(first, list) and first and {"role", "content"} <= set(first[0])):
            raise KomepError(
                f"dataset {name!r}: column {column} must hold messages, [{{'role': …, 'content': …}}], "
                f"and its first row is {first!r:.60}"
            )


def count_tokens(row: dict, tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    """Tokens of the longer of a pair's two conversations, under the tokenizer's chat template."""
    ids = (tokenizer.apply_chat_template(row["prompt"] + row[side])["input_ids"] for side in COLUMNS[1:])
    return {"length": max(map(len, ids))}


def drop_overlong(
    train: Dataset, test: Dataset | None, tokenizer: PreTrainedTokenizerBase, max_length: int | None
) -> tuple[Dataset, Dataset | None, list[dict[str, str]]]:
    """Both splits without the pairs of more than `max_length` tokens, which TRL would cut silently.

    Returns:
        Train and test split with the column `length` (tokens of the longer side), by which the trainer can
        batch pairs of like length; None for a test split of which nothing is left; a reject row for each pair.

    Raises:
        KomepError: the tokenizer has no chat template, or every train pair is too long.
    """
    if tokenizer.chat_template is None:
        raise KomepError(f"{tokenizer.name_or_path}: no chat template; take an instruction-tuned model")
    kept, rejects = [], []
    for split, dataset in (("train", train), ("test", test)):
        fits, out = split_overlong(dataset, tokenizer, max_length, split) if dataset else (None, [])
        kept.append(fits or None)
        rejects += out
    if kept[0] is None:
        raise KomepError(
            f"all {len(train)} train pairs have more than {max_length} tokens; raise --max_length"
        )
    return *kept, rejects


def split_overlong(
    dataset: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int | None, split: str
) -> tuple[Dataset, list[dict[str, str]]]:
    """(pairs that fit, with their `length`; a `komep_dataset.schema.Reject` row for each that does not)."""
    dataset = dataset.map(
        count_tokens, fn_kwargs={"tokenizer": tokenizer}, desc=f"Counting tokens of {split}"
    )
    limit = float("inf") if max_length is None else max_length
    lengths = list(dataset["length"])
    overlong = [i for i, length in enumerate(lengths) if length > limit]
    if not overlong:
        return dataset, []
    rejects = [
        {
            "stage": "recipe",
            "key": dataset[i].get("question_id") or f"{split}:{i}",
            "reason": "overlong",
            "detail": f"{split}: {lengths[i]} tokens, max_length {max_length}",
        }
        for i in overlong
    ]
    return dataset.select([i for i, length in enumerate(lengths) if length <= limit]), rejects


def draw(dataset: Dataset | None, limit: int | None, seed: int) -> Dataset | None:
    """At most `limit` rows, drawn at random without replacement; all of them where there is no limit."""
    if dataset is None or limit is None or limit >= len(dataset):
        return dataset
    return dataset.shuffle(seed=seed).select(range(limit))


def write_rejects(path: Path, rejects: list[dict[str, str]]) -> None:
    """Write reject rows as JSONL, beside and then renamed; an empty list gives an empty file."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rejects), "utf-8")
    temporary.replace(path)
