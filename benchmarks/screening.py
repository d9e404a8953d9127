"""What a screener is worth: repeats that `komep screen` shows to a model and that the model names, and what it accuses besides.

    python -m benchmarks.screening FOLDER                           with the replies that are kept here
    python -m benchmarks.screening FOLDER --config pipeline.yaml    ask the `screener` of that file

FOLDER has KorMedMCQA as `benchmarks.real_leaks` names it (`kormedmcqa/SUBJECT/{test,valid}.csv`, and for the training questions
`gemini_replies` and `kormedmcqa/{doctor,pharm}/train.csv`); nothing of it is in this project. The items are the 1,059 questions
of validation. The texts, without and with their options, are the test questions and, where they are there, the training ones; of
the latter the half 1 of `real_leaks.half`. `screened_pairs.csv` has the labels of two readers for pairs of a text and an item, by
row (`same`, `words`, `varied`, `other`: docs/contamination.md); a repeat is one for both, of those that were read first: before the
replies were looked at. `screener_replies.csv` has which items a large language model named, for each text that it was asked about.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from benchmarks.leaks import rate
from benchmarks.real_leaks import SUBJECTS, TRAINING, asked, half, korean_questions, table, training_questions
from komep_dataset.config.config import Config, load_config
from komep_dataset.errors import KomepError
from komep_dataset.gates.contamination import COPY, Index, Overlap
from komep_dataset.gates.trial.benchmark_files import read_benchmark
from komep_dataset.gates.trial.gate import TEXTS
from komep_dataset.gates.trial.screened import Screened
from komep_dataset.inference.ask import ask
from komep_dataset.inference.servers import local_servers
from komep_dataset.pipeline.screening import Asked, Look, looks_of, numbers_in
from komep_dataset.progress import tell

HERE = Path(__file__).parent
REPEAT = {"same", "words"}
GROUPS = ("nearly the same words", "other words", "about the same", "something else", "not read")
# Of a config without an endpoint, which nobody asks.
NOBODY = {"endpoint": "http://127.0.0.1:9/v1", "model": "nobody"}


def texts_of(folder: Path) -> dict[str, tuple[str, str]]:
    """Questions, without and with their options, by their place."""
    found = [
        asked(one, f"{subject}/test {row}", "")
        for subject in SUBJECTS
        for row, one in enumerate(table(folder / f"kormedmcqa/{subject}/test.csv"), 1)
    ]
    if all((folder / path).is_file() for path in TRAINING):
        training = [one for one in korean_questions(folder) if "gemini" in one["id"]] + training_questions(
            folder
        )
        found += [one for one in training if half(one["question"]) == 1]
    listed = lambda one: map(". ".join, zip("ABCDE", one["options"], strict=False))  # noqa: E731
    return {one["id"]: (one["question"], "\n".join([one["question"].strip(), *listed(one)])) for one in found}


def place(row: Screened | Overlap) -> str:
    return f"{row.split.removesuffix('/valid')}/valid {row.item}"


def group(labels: list[set[str]]) -> str:
    """Of the labels of each pair of a text by both readers; a set is empty where nobody read it."""
    if not any(labels):
        return GROUPS[-1]
    if {"same"} in labels:
        return GROUPS[0]
    if any(one and one <= REPEAT for one in labels):
        return GROUPS[1]
    return GROUPS[2] if any("varied" in one or one & REPEAT for one in labels) else GROUPS[3]


def named_by(looks: Mapping[str, Look], config: Config, work: Path) -> dict[str, set[str]]:
    """Text -> the items that the screener of a configuration names; without those whose reply failed or cannot be read, which are
    told."""
    screener, found = config.judge("screener"), {}
    with local_servers():
        replies = ask({id: look.body(screener) for id, look in looks.items()}, screener, work, label="screen")
    for id, look in looks.items():
        numbers = numbers_in(replies[id], len(look.rows))
        if numbers is not None:
            found[id] = {place(look.rows[number - 1]) for number in numbers}
    if lost := len(looks) - len(found):
        tell(f"note: {lost:,} of {len(looks):,} texts are left out: their reply failed or cannot be read")
    return found


def measured(folder: Path, config: Config | None) -> Iterator[str]:
    """Lines of Markdown: for each material, without and with options, and each group of texts, in how many the repeated item is
    shown, the screener names it or any, and rule 4 alone would reject the text; then what it named besides."""
    texts = texts_of(folder)
    read: dict[str, dict[str, set[str]]] = defaultdict(dict)
    first: dict[str, dict[str, set[str]]] = defaultdict(dict)  # before the screener's replies were looked at
    for one in table(HERE / "screened_pairs.csv"):
        if one["second_reader"]:
            read[one["text"]][one["item"]] = {one["first_reader"], one["second_reader"]}
            if one["read"] == "first":
                first[one["text"]][one["item"]] = read[one["text"]][one["item"]]
    replies = table(HERE / "screener_replies.csv")
    for with_options in (False, True):
        kept = {
            one["text"]: {*filter(None, one["named"].split("; "))}
            for one in replies
            if bool(one["options"]) == with_options and one["text"] in texts
        }
        shown, accused, copied, named = shown_and_named(
            folder, {id: texts[id][with_options] for id in texts}, kept, config
        )
        for material in ("test", "train"):
            own = [
                id
                for id in texts
                if ("/test " in id) == (material == "test") and (id in named or id in copied)
            ]
            own = [
                id
                for id in own
                if id in named or not with_options or any(one <= REPEAT for one in first[id].values())
            ]
            if not own:
                yield f"\nnot measured: {material}, as {folder} lacks {', '.join(TRAINING)}"
                continue
            yield f"\n{material} questions {'with' if with_options else 'without'} options against those of validation\n"
            yield "| | n | item shown | item named | any named | rule 4 alone |\n|---|---:|---:|---:|---:|---:|"
            groups: dict[str, list[str]] = {name: [] for name in GROUPS}
            for id in own:
                groups[group(list(first[id].values())) if first[id] else GROUPS[-1]].append(id)
            for name, ids in groups.items():
                again = {id: {item for item, labels in first[id].items() if labels <= REPEAT} for id in ids}
                cells = [
                    rate([bool(again[id] & found[id]) for id in ids], 1) for found in (shown, named | copied)
                ]
                cells = cells if name in GROUPS[:2] else ["", ""]
                cells += [
                    rate([bool((named | copied)[id]) for id in ids], 1),
                    rate([id in accused for id in ids], 1),
                ]
                yield f"| {name} | {len(ids)} | {' | '.join(cells)} |"
            besides = [id for name in GROUPS[3:] for id in groups[name] if named.get(id)]
            told = Counter(group([read[id].get(item, set()) for item in named[id]]) for id in besides)
            yield f"named of the last two: {len(besides)}; read afterwards: {dict(told)}"


def shown_and_named(
    folder: Path, texts: Mapping[str, str], kept: Mapping[str, set[str]], config: Config | None
) -> tuple[dict[str, set[str]], set[str], dict[str, set[str]], dict[str, set[str]]]:
    """Text -> the items that are shown with it; the texts that rule 4 accuses; of copies, which are not asked about, their item; text
    -> the items that the screener names."""
    ids = list(texts)
    with tempfile.TemporaryDirectory() as work:
        for subject in SUBJECTS:
            (Path(work) / f"{subject}.csv").symlink_to((folder / f"kormedmcqa/{subject}/valid.csv").resolve())
        items = load_config({"selection": {"decontaminate": {"valid": work}}, "screener": NOBODY})
        looks = {
            one.question.question_id: one
            for one in looks_of([Asked(id, texts[id], None) for id in ids], items)
        }
        frame = pl.DataFrame([dict.fromkeys(TEXTS, "") | {"question_ko": texts[id]} for id in ids])
        accused = {ids[one.row]: one for one in Index([read_benchmark("valid", Path(work))]).overlaps(frame)}
    copied = {id: {place(one)} for id, one in accused.items() if one.share >= COPY}
    shown = {id: {place(row) for row in look.rows} for id, look in looks.items()}
    of_kept = {id: looks[id] for id in kept if id in looks}
    named = kept if config is None else named_by(of_kept, config, config.work / "screening")
    return {id: set() for id in ids} | shown | copied, {*accused}, copied, dict(named)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of real texts")
    parser.add_argument("--config", type=Path, help="pipeline.yaml with a `screener`, which is asked")
    given = parser.parse_args()
    needed = [
        given.folder / f"kormedmcqa/{one}/{split}.csv" for one in SUBJECTS for split in ("test", "valid")
    ]
    if missing := [str(path) for path in needed if not path.is_file()]:
        parser.error(f"no {', '.join(missing)}")
    try:
        for line in measured(given.folder, given.config and load_config(given.config)):
            print(line, flush=True)
    except KomepError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
