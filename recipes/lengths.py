"""How long the pairs of a release are under a model's tokenizer and chat template: what `max_length` to train with.

    python recipes/lengths.py --model_name_or_path models/smollm2-135m --dataset_name komep --dataset_config en
    python recipes/lengths.py --model_name_or_path Qwen/Qwen2-7B-Instruct --output lengths.json

Recipes leave out the pairs whose longer conversation (`pair`) has more tokens than `max_length`; the second table says
what share that is. Lengths are also the first thing that a model can learn from pairs instead of content: the third
table says how much longer the chosen answers are.
"""

import os
import sys

if __name__ == "__main__":  # before what takes its time
    sys.path.append(os.path.realpath(__file__).rsplit(os.sep, 2)[0])  # a clone that is not installed
    from komep_dataset.errors import interruptible

    interruptible("recipes")

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from training.base_model import cut, render, turn_marks
from training.pairs import load_preferences
from training.unfit import count_tokens, fault_of, fold_systems
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from komep_dataset.commands.manner import READS, add, new_app, start
from komep_dataset.commands.options import Json, Limit, Map, as_json
from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import check_file, json_with, write_json
from komep_dataset.inference.weights import no_folder

COLUMNS = ("prompt", "chosen", "rejected", "pair")
LIMITS = (256, 512, 1024, 2048, 4096)
MARK = json_with("model", "dataset", "splits")  # of --output


def measure(row: dict, tokenizer: PreTrainedTokenizerBase) -> tuple[int, int, int, int]:
    """Tokens of prompt, chosen answer, rejected answer, and of the longer of the two conversations."""
    prompt = render(row, row["prompt"], tokenizer, add_generation_prompt=True)
    sides = [render(row, row["prompt"] + row[side], tokenizer) for side in COLUMNS[1:3]]
    start = min(cut(prompt, ids) for ids in sides)
    return start, *(len(ids) - start for ids in sides), max(map(len, sides))


def summarise(lengths: np.ndarray, limits: tuple[int, ...] = LIMITS) -> dict[str, Any]:
    """Figures of one split.

    Args:
        lengths: [pairs, 4], tokens in the order of `COLUMNS`; at least one pair.
        limits: lengths to count the longer pairs of.

    Returns:
        `pairs`; `tokens`, per column `min`, `median`, `p95`, `max` and `total`; `share_over`, per limit the share of
        pairs with more tokens (0 to 1); `chosen_to_rejected`, the ratio of their lengths: that of the totals, the
        median over pairs, and the share of pairs whose chosen answer is the longer one.
    """
    tokens = {
        name: {
            "min": int(column.min()),
            "median": float(np.median(column)),
            "p95": float(np.percentile(column, 95)),
            "max": int(column.max()),
            "total": int(column.sum()),
        }
        for name, column in zip(COLUMNS, lengths.T, strict=True)
    }
    _, chosen, rejected, pair = lengths.T
    return {
        "pairs": len(lengths),
        "tokens": tokens,
        "share_over": {str(limit): float(np.mean(pair > limit)) for limit in limits},
        "chosen_to_rejected": {
            "total": float(chosen.sum() / rejected.sum()),
            "median": float(np.median(chosen / rejected)),
            "share_chosen_longer": float(np.mean(chosen > rejected)),
        },
    }


def make_report(
    model: str,
    revision: str | None,
    dataset: str,
    config: str | None,
    splits: tuple[str, str],
    mapped: Sequence[str] | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """`summarise` of each split of a release; pairs that no recipe trains on are counted and left out.

    Raises:
        KomepError: dataset or tokenizer cannot be read, or the tokenizer has no chat template.
    """
    if lost := no_folder(model):
        raise KomepError(f"--model_name_or_path {model}: {lost}")
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, revision=revision)
    except (OSError, ValueError) as error:
        raise KomepError(f"model {model!r}: no tokenizer ({' '.join(str(error).split()):.300})") from error
    if tokenizer.chat_template is None:
        raise KomepError(f"{model}: no chat template; take an instruction-tuned model")
    marks = turn_marks(tokenizer)
    report = {
        "model": model,
        "revision": revision,
        "dataset": dataset,
        "config": config,
        "limit": limit,
        "splits": {},
    }
    for name, rows in zip(splits, load_preferences(dataset, config, splits, mapped, limit), strict=True):
        folded = fold_systems(rows, tokenizer, name) or ()
        fit = [
            row for row in folded if not fault_of(row, marks) and count_tokens(row, tokenizer)["length"] >= 0
        ]
        if fit:
            lengths = np.array([measure(row, tokenizer) for row in fit])
            report["splits"][name] = {**summarise(lengths), "faulty": len(rows) - len(fit)}
    if not report["splits"]:
        raise KomepError(f"dataset {dataset!r}, config {config!r}: no pair to measure")
    return report


def tables(report: dict[str, Any]) -> list[Table]:
    """The report as three tables: tokens, share over each limit, chosen against rejected."""
    tokens = Table("split", "column", *("min", "median", "95%", "max"), title="tokens")
    over = Table("split", "pairs", "faulty", *(f"> {limit}" for limit in LIMITS), title="share of pairs")
    ratio = Table("split", "total", "median", "chosen longer", title="chosen / rejected, in tokens")
    for split, figures in report["splits"].items():
        for name, column in figures["tokens"].items():
            tokens.add_row(split, name, *(f"{column[key]:,.0f}" for key in ("min", "median", "p95", "max")))
        shares = (f"{share:.1%}" for share in figures["share_over"].values())
        over.add_row(split, str(figures["pairs"]), str(figures["faulty"]), *shares)
        side = figures["chosen_to_rejected"]
        ratio.add_row(
            split, f"{side['total']:.2f}", f"{side['median']:.2f}", f"{side['share_chosen_longer']:.1%}"
        )
    for table in (tokens, over, ratio):
        for column in table.columns[2 if table is tokens else 1 :]:
            column.justify = "right"
    return [tokens, over, ratio]


def main(
    model_name_or_path: Annotated[
        str, typer.Option("--model_name_or_path", help="Folder of a model, or an id on the Hub.")
    ],
    model_revision: Annotated[
        str | None, typer.Option("--model_revision", help="Branch, tag or commit of it on the Hub.")
    ] = None,
    dataset_name: Annotated[
        str, typer.Option("--dataset_name", help="Folder that `komep build` wrote, or an id on the Hub.")
    ] = "komep",
    dataset_config: Annotated[
        str, typer.Option("--dataset_config", help="Config of the release: ko or en.")
    ] = "ko",
    dataset_train_split: Annotated[
        str, typer.Option("--dataset_train_split", help="Name of the split to train on.")
    ] = "train",
    dataset_test_split: Annotated[
        str, typer.Option("--dataset_test_split", help="Name of the split that is held out.")
    ] = "test",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File or folder to write: JSON of all.")
    ] = None,
    map: Map = None,
    limit: Limit = None,
    json: Json = False,
) -> None:
    """How long the pairs of a release are under a model's tokenizer: what --max_length to train with.

    Examples:
      python recipes/lengths.py --model_name_or_path models/smollm2-135m --dataset_config en
      python recipes/lengths.py --model_name_or_path Qwen/Qwen2-7B-Instruct --dataset_name komep -o lengths.json
    """
    if output is not None:
        check_file(output, *MARK)
    splits = (dataset_train_split, dataset_test_split)
    report = make_report(model_name_or_path, model_revision, dataset_name, dataset_config, splits, map, limit)
    if output is not None:
        write_json(output, report, MARK)
    if json:
        print(as_json(report))
        return
    console = Console()
    console.print(f"{report['dataset']} ({report['config']}) under {report['model']}")
    for table in tables(report):
        console.print(table)


app = new_app()
add(app, main, kept=READS)


if __name__ == "__main__":
    start(app, "python recipes/lengths.py")
