"""Label smoothing from what the judge of a release is worth: the expected share of its pairs that are the wrong way round.

`robust` (arXiv 2403.00409) asks for the probability that a pair's label is flipped. A release that was built with `--judge`
has the calibration of its judge, every verdict and the pairs that were made of them; `komep_dataset.audit.flip_model` says
by the judge's sensitivity and specificity, of each pair, how probable it is that its chosen answer is truly the worse one
(a tie counts half), given all verdicts on the question. The mean over the pairs that are trained on is the smoothing.
"""

from pathlib import Path
from typing import Any

import polars as pl
from huggingface_hub import snapshot_download
from training.pairs import say
from trl import DPOConfig

from komep_dataset.errors import KomepError, explained
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import data_files, read_rows
from komep_dataset.schema import SPLITS, Pair, column_types
from trainers.losses import check_losses

FLAG = "--label_smoothing_from_release"


def noise_of_release(name: str, config: str | None, split: str = SPLITS[0]) -> dict[str, Any]:
    """What a release's judge record makes of the pairs of a split.

    Args:
        name: folder that `komep build` wrote, or its repository on the Hub.
        config: `ko` or `en`; None = `ko` where there is one.
        split: of the pairs that are trained on.

    Returns:
        `label_smoothing` (4 decimals), `range` (by the 95% intervals of the calibration; None where it tells nothing),
        `pairs`, `checker`, `sensitivity`, `specificity`, `statements`.

    Raises:
        KomepError: no release, no calibration of its judge, or one that says too little.
    """
    # Few runs want it, and each would wait for the half second that scipy.stats takes.
    from komep_dataset.audit.label_noise import answer_counts, release_noise

    if Path(name).is_file():
        raise KomepError(f"{FLAG}: {name} is a file, not a release; give the share as --label_smoothing", 2)
    folder = Path(name)
    if not folder.is_dir():
        with explained(f"{FLAG}: {name!r} is no folder here, and cannot be fetched"):
            folder = Path(snapshot_download(name, repo_type="dataset"))
    try:
        facts = read_facts(folder)
    except KomepError as error:
        raise KomepError(f"{FLAG}: {error}; give the share as --label_smoothing") from error
    config = config or next((known for known in ("ko", "en") if (folder / known).is_dir()), "ko")
    pairs = read_rows(folder, config, split).select(*column_types(Pair))
    scored = [path for known in SPLITS for path in data_files(folder, "scored", known)]
    if not scored:
        raise KomepError(
            f"{FLAG}: {folder} has no verdicts (config scored); give the share as --label_smoothing"
        )
    noise, reason = release_noise(facts.get("judge"), answer_counts(pl.scan_parquet(scored)), pairs, ())
    if noise is None:
        raise KomepError(f"{FLAG}: {name}: {reason}; or give the share as --label_smoothing")
    share = round(noise["flipped"], 4)
    if not 0 < share < 0.5:
        raise KomepError(
            f"{FLAG}: {name}: {share:.1%} of {noise['pairs']:,} pairs are expected the wrong way round, and a share above 0 "
            "and below 50% is needed"
        )
    told = {
        name: noise[name]
        for name in ("range", "pairs", "checker", "sensitivity", "specificity", "statements")
    }
    return {"label_smoothing": share, **told}


def settle_losses(script_args: Any, args: DPOConfig) -> dict[str, Any] | None:
    """Check the losses of a run, with their label smoothing from the release where that is asked for; then what it is of.

    Raises:
        KomepError: settings that no loss can be meant with (exit code 2), or what `noise_of_release` raises.
    """
    if not script_args.label_smoothing_from_release:
        return check_losses(args)
    if args.label_smoothing:
        raise KomepError(f"{FLAG} and --label_smoothing {args.label_smoothing}: two shares; drop one", 2)
    args.label_smoothing = 0.25  # any that is allowed: what else is wrong is said before the release is read
    check_losses(args, FLAG)
    with args.main_process_first():
        noise = noise_of_release(
            script_args.dataset_name, script_args.dataset_config, script_args.dataset_train_split
        )
    args.label_smoothing = noise["label_smoothing"]
    say(describe_noise(noise))
    return noise


def describe_noise(noise: dict[str, Any]) -> str:
    """`noise_of_release` as one line."""
    low, high = ("?" if end is None else f"{end:.4f}" for end in noise["range"])
    return (
        f"label smoothing {noise['label_smoothing']:.4f}: of {noise['pairs']:,} pairs so many are expected the wrong way "
        f"round, {low} to {high} by the calibration's intervals (judge {noise['checker']}: sensitivity "
        f"{noise['sensitivity']:.1%}, specificity {noise['specificity']:.1%}, {noise['statements']} statements)"
    )
