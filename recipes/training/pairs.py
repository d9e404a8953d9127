"""Preference pairs for a recipe: a release or another dataset, in whichever shape it has them."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, Value, get_dataset_config_names, load_dataset, load_from_disk
from datasets.fingerprint import Hasher

from komep_dataset.errors import KomepError, said_by
from komep_dataset.inference.weights import no_folder
from komep_dataset.preferences.columns import COMPLETIONS, KNOWN, completions_in, known_as
from komep_dataset.preferences.conversations import OLD, SYSTEMS, conversation, missing, turns
from komep_dataset.preferences.reading import with_input
from komep_dataset.tables.columns import (
    constants,
    crossed,
    no_such_column,
    of_file,
    parse_map,
    renames,
    with_constants,
)
from komep_dataset.tables.rows import read_rows
from komep_dataset.tables.values import stands_for_none
from training.base_model import SETTINGS, TOOLS

COLUMNS = ("prompt", "chosen", "rejected")
IMAGES = ("images", "image")
FAULT = "fault"  # a column of what `conversation` says of a row, where it says anything
LANGUAGES = ("ko", "en")
READERS = {
    "jsonl": "json",
    "ndjson": "json",
    "jsonlines": "json",
    "json": "json",
    "parquet": "parquet",
    "csv": "csv",
    "tsv": "csv",
}
PACKED = ("gz", "zst", "bz2", "xz")


def load_preferences(
    name: str,
    config: str | None,
    splits: tuple[str, str],
    mapped: Sequence[str] | None = None,
    limit: int | None = None,
) -> tuple[Dataset, Dataset | None]:
    """Train and test split of a release, or of another dataset in any shape that `conversations.py` takes.

    Args:
        name: folder of a release, repository on the Hub, or a file, all of which is then the train split.
        config: `ko` or `en`, or `en,ko` for the first of them that is there; None for the release's default. One that is not there gives way to the only one there is,
            which is said; another language than the one that was asked for does not.
        splits: names of the train and the test split.
        mapped: what --map gives: the set's own names of columns for the known ones.
        limit: only the first so many pairs of each are taken, which is said.

    Returns:
        Two datasets with the columns `prompt`, `chosen` and `rejected`, each a list of messages (`role`,
        `content`), and where there are any `question_id`, `tools`, `chat_template_kwargs` and `fault`; any other column
        is left out, for TRL gives many names a meaning. The test split is None when it is missing or empty.

    Raises:
        KomepError: the dataset, the config, the train split or a test split with a name of its own is not there, or
            it has other columns.
    """
    columns = parse_map(mapped or (), KNOWN)
    if what := crossed(columns):
        say(f"warning: {what}")
    load = finder(name, config, splits[0], columns)
    try:
        train = load(splits[0])
    except KomepError:
        raise
    except Exception as error:  # a card's YAML, a script, the Hub: whatever it is, there are no pairs
        if Path(name).is_file():
            for _ in read_rows(Path(name)):  # names the line
                pass
        # `datasets` says of a file only that it could not be read; what is wrong with it is the cause.
        what = f"cannot be loaded ({said_by(error.__cause__ or error):.300})"
        if Path(name).is_file():
            raise KomepError(f"--dataset_name {name}: {what}") from error
        raise KomepError(
            f"dataset {name!r}, config {config!r}: {what}; write a "
            "release with `komep build`, or name one with --dataset_name and --dataset_config"
        ) from error
    try:
        test = load(splits[1])
    except ValueError:  # what `datasets` says of a split that is unknown, or known and without rows
        test = None
    if test is None and splits[1] != "test":
        raise KomepError(
            f"dataset {name!r}, config {config!r}: no split {splits[1]!r}; see --dataset_test_split"
        )
    others = sorted({*(train.info.splits or ())} - {*splits})
    if not test and others:
        say(
            f"warning: dataset {name!r}: no split {splits[1]!r}, so nothing is held out; it has {', '.join(others)} beside it "
            "(--dataset_test_split)"
        )
    if limit is not None:
        of = [
            f"{min(limit, len(part)):,} of {len(part):,} of {part.split or 'train'}"
            for part in (train, test)
            if part
        ]
        say(f"--limit {limit}: the first pairs alone are taken, {', '.join(of)}")
        train, test = (part and part.select(range(min(limit, len(part)))) for part in (train, test))
    train, test = (dataset and with_our_names(with_map(dataset, columns)) for dataset in (train, test))
    for dataset in filter(None, (train, test)):
        check_columns(dataset, name)
    return in_turns(train), in_turns(test) if test else None


def finder(name: str, config: str | None, train: str, columns: Mapping[str, str]) -> Callable[[str], Dataset]:
    """What loads a split of a file, a folder or a repository, under the config that is wanted or the only one."""
    path = Path(name)
    if path.is_file():
        ends = [end.lstrip(".").lower() for end in path.suffixes]
        kind = next((end for end in reversed(ends) if end not in PACKED), "")
        if kind not in READERS:
            raise KomepError(
                f"--dataset_name {name}: a file must end in one of .{', .'.join(READERS)}, or be a folder"
            )
        if not path.stat().st_size:
            raise KomepError(f"--dataset_name {name}: is empty")
        if READERS[kind] == "csv":
            return lambda split: load_csv(path, columns) if split == train else None
        return lambda split: load_dataset(READERS[kind], data_files={train: str(path)}, split=split)

    if lost := no_folder(name, "dataset"):
        raise KomepError(f"--dataset_name {name}: {lost}")
    if (path / "state.json").is_file():  # one split, by `save_to_disk`
        return lambda split: load_from_disk(name) if split == train else None

    def load(split: str) -> Dataset:
        nonlocal config
        if config and "," in config:
            there, wanted = get_dataset_config_names(name), [one.strip() for one in config.split(",")]
            config = next((one for one in wanted if one in there), wanted[0])
            if config != wanted[0]:
                say(f"dataset {name!r}: no config {wanted[0]!r}; {config!r} is taken")
        try:
            return load_dataset(name, config, split=split)
        except ValueError:  # of a config or a split
            there = get_dataset_config_names(name)
            other_language = config in LANGUAGES and there[0] in LANGUAGES
            if config is None or config in there or len(there) > 1 or other_language:
                raise
        say(f"dataset {name!r}: no config {config!r}; the only one there is is taken, {there[0]!r}")
        config = there[0]
        return load_dataset(name, config, split=split)

    return load


def load_csv(path: Path, columns: Mapping[str, str]) -> Dataset:
    """A CSV file in any encoding and with any separator of spreadsheets; a cell without text is None."""
    wanted = (*COLUMNS, *SYSTEMS, TOOLS, "question_id", *columns)
    rows = [
        {
            name: None if name in (TOOLS, SETTINGS) and stands_for_none(cell) else cell or None
            for name, cell in row.items()
        }
        for _, row in read_rows(path, wanted)
    ]
    if not rows:
        raise KomepError(f"--dataset_name {path}: no rows")
    table = Dataset.from_list(rows)
    return Dataset(table.data, info=table.info, fingerprint=Hasher.hash(rows))


def say(note: str) -> None:
    """Print a line, in the first process alone."""
    if os.environ.get("RANK", "0") == "0":
        print(note)


def with_map(dataset: Dataset, columns: Mapping[str, str]) -> Dataset:
    """The dataset under the names of a map of columns, with its constants; `KomepError` where it does not fit."""
    if not columns:
        return dataset
    there = dataset.column_names
    own, fixed = of_file(there, columns, dataset.split or "train"), constants(columns)
    for new, known in renames(columns).items():
        if new not in there and known not in own.values():
            raise no_such_column(new, columns, there)
    dataset = dataset.rename_columns(own)
    how = Hasher.hash((dataset._fingerprint, "constants, 1", sorted(fixed.items())))
    if not fixed:
        return dataset
    return dataset.map(
        lambda row, n: with_constants(row, fixed, f"row {n + 1}"), with_indices=True, new_fingerprint=how
    )


def with_our_names(dataset: Dataset) -> Dataset:
    """The dataset with our names for the columns that it calls otherwise, where each is the only one of its meaning."""
    part = dataset.split or "train"
    if "prompt" not in dataset.column_names and {"instruction", "input"} <= {*dataset.column_names}:
        say(f"{part}: columns instruction and input are taken as prompt, one line behind the other")
        how = Hasher.hash((dataset._fingerprint, "instruction and input, 1"))
        dataset = dataset.map(lambda row: {"prompt": with_input(row)}, new_fingerprint=how)
    if ranked := completions_in(dataset.column_names):
        say(f"{part}: the best and the worst of {ranked} are taken as chosen and rejected")
    for side in (*COLUMNS[1:], "prompt"):  # whether a prompt is missing shows in the answers
        old = known_as(side, dataset.column_names)
        if old and old != side and side in missing(dataset.column_names, dataset):
            say(f"{part}: column {old} is taken as {side}")
            dataset = dataset.rename_column(old, side)
    return dataset


def check_columns(dataset: Dataset, name: str) -> None:
    """Raise `KomepError` unless both answers are there, and a prompt in a column of its own or in them."""
    there = dataset.column_names
    if lacking := missing(there, dataset):
        file, kind = Path(name).is_file(), READERS.get(Path(name).suffix.removeprefix("."), "json")
        source = f'"{kind}", data_files={name!r}' if file else repr(name)
        made = ", ".join(f'"{column}": row["…"]' for column in COLUMNS)
        raise KomepError(
            f"dataset {name!r}: missing columns {', '.join(lacking)}; it has {', '.join(there)}. Wanted are prompt, chosen "
            "and rejected, or chosen and rejected as whole conversations. Under other names: --map NEW=prompt. Of answers that "
            "have scores or verdicts `komep build` makes pairs. "
            + (
                ""  # which `datasets` may not read as it is
                if file and kind == "csv"
                else "Else make them of what is there, in Python: from datasets import load_dataset; "
                f"load_dataset({source}, split='train').map(lambda row: {{{made}}})"
                '.to_json("pairs.jsonl"); then --dataset_name pairs.jsonl'
            )
        )
    for images in {*IMAGES} & {*there}:
        if any(value.as_py() for value in dataset.data.column(images)):
            raise KomepError(
                f"dataset {name!r}: column {images}: text alone can be trained on; where it stands without them, drop the "
                "column (remove_columns of `datasets`)"
            )
    if SETTINGS in there and isinstance(dataset.features[SETTINGS], Value):
        kind = dataset.features[SETTINGS].dtype
        if kind != "null":
            raise KomepError(f"dataset {name!r}: column {SETTINGS} must hold objects, and is {kind}")


def in_turns(dataset: Dataset) -> Dataset:
    """The columns that a recipe reads, in messages; a dataset that has them so is left as it is."""
    used = [c for c in (TOOLS, SETTINGS) if any(value for value in column(dataset, c))]
    kept = [c for c in ("question_id", *used) if c in dataset.column_names]
    systems = [c for c in SYSTEMS if any(value for value in column(dataset, c))]
    ranked = completions_in(dataset.column_names)
    given = [c for c in (*COLUMNS, *systems, ranked) if c in dataset.column_names]
    dataset = dataset.select_columns([*given, *kept])
    found, held, outdone = [], Counter(), Counter()
    for row in dataset.select_columns(given):
        made, fault = conversation(row)
        found.append((made == row, fault))
        for name in systems if made["prompt"] else ():
            wanted = turns(row[name], "system")
            held[name] += bool(wanted)
            outdone[name] += bool(wanted) and made["prompt"][0] not in wanted
    for name in systems:
        use = "is used as the system message" if outdone[name] < held[name] else "is not used"
        but = (
            f"; {outdone[name]} of {held[name]} pairs have another one, which stays" if outdone[name] else ""
        )
        say(f"{dataset.split or 'train'}: column {name} {use}{but}")
    unset = SETTINGS in used and any(value is None for value in dataset[SETTINGS])
    if all(same for same, _ in found) and not unset:
        return dataset

    def shape(row: dict[str, Any]) -> dict[str, Any]:
        settings = {SETTINGS: row[SETTINGS] or {}} if unset else {}  # TRL takes no None for them
        return {**conversation(row)[0], **settings}

    features = Features({column: [message_type(dataset, given)] for column in COLUMNS})
    features |= {name: dataset.features[name] for name in kept}
    shaped = dataset.map(
        shape,
        features=Features(features),
        remove_columns=[*systems, *filter(None, (ranked,))],
        new_fingerprint=Hasher.hash((dataset._fingerprint, "in turns, 1")),
    )
    faults = [fault for _, fault in found]
    return shaped.add_column(FAULT, faults, feature=Value("string")) if any(faults) else shaped


def column(dataset: Dataset, name: str) -> Any:
    """A column's values; none where it is missing."""
    return dataset[name] if name in dataset.column_names else ()


def message_type(dataset: Dataset, columns: list[str]) -> Any:
    """The type of a message: role and content as text, and what else messages hold in these columns."""
    types = [dataset.features[name] for name in columns if name not in COMPLETIONS]
    types = [getattr(kind, "feature", kind[0] if isinstance(kind, list) else kind) for kind in types]
    free = next((kind for kind in types if not isinstance(kind, dict | Value)), None)
    if free is not None:  # JSON of any shape, which `datasets` takes where messages of a file differ
        return free
    more = {
        key: kind for keys in types if isinstance(keys, dict) for key, kind in keys.items() if key not in OLD
    }
    return {**more, "role": Value("string"), "content": Value("string")}


def draw(dataset: Dataset | None, limit: int | None, seed: int) -> Dataset | None:
    """At most `limit` rows, drawn at random without replacement; all of them where there is no limit."""
    if limit == 0:
        return None
    if dataset is None or limit is None or limit >= len(dataset):
        return dataset
    return dataset.shuffle(seed=seed).select(range(limit))


def rows_hash(dataset: Dataset) -> str:
    """SHA-256 of all rows, whatever file they came from."""
    digest = hashlib.sha256()
    for batch in dataset.with_format("arrow").iter(batch_size=1000):
        digest.update(json.dumps(batch.to_pylist(), sort_keys=True, default=str).encode())
    return digest.hexdigest()
