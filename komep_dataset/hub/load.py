"""A release as `datasets` objects, from its folder or from the Hub."""

import sys
from pathlib import Path

import datasets
import polars as pl

from komep_dataset.errors import KomepError
from komep_dataset.hub.client import Repository
from komep_dataset.release.facts import pair_config, read_facts
from komep_dataset.release.rows import DATASETS, POLARS, check_target, read_rows


def load(
    folder_or_repo: str | Path = "komep", config: str | None = None, *, to: str = DATASETS
) -> datasets.DatasetDict | pl.DataFrame:
    """The rows of one config, as `datasets.load_dataset` gives them.

    Args:
        folder_or_repo: what `komep build` wrote, or the id of such a dataset on the Hub, ORG/NAME.
        config: `ko` or `en`, the pairs in TRL's conversational format; `scored`, every answer with its verdicts; None = the
            default one: `ko` where it has rows, else `en`.
        to: `datasets`, or `polars` for one frame.

    Returns:
        split (`train`, `test`) -> rows, with the columns of `schema.RECORDS[config]`; of polars, all rows with their `split`.

    Raises:
        KomepError: a folder that is no release, a config without rows, a dataset that is not there, or no Hub.
    """
    check_target(to)
    if Path(folder_or_repo).exists():
        there = read_facts(Path(folder_or_repo))["rows"]
        if config is None:
            config = pair_config(Path(folder_or_repo), {"rows": there}, None)
        if config not in there:
            raise KomepError(f"{folder_or_repo}: no rows in config {config!r} (it has {', '.join(there)})")
        if to == POLARS:
            return read_rows(Path(folder_or_repo), config)
        return _loaded(str(folder_or_repo), config)
    repository = Repository(str(folder_or_repo))
    try:
        repository.check_id()
    except KomepError as error:
        raise KomepError(f"{folder_or_repo}: no such folder; and {error}", error.exit_code) from None
    with repository.errors_in_words():
        found = _loaded(repository.id, config)
    if to == DATASETS:
        return found
    return pl.concat(rows.to_polars().with_columns(split=pl.lit(split)) for split, rows in found.items())


def _loaded(name: str, config: str | None) -> datasets.DatasetDict:
    """What `load_dataset` gives, without its bars where there is no terminal."""
    hide = not (sys.stderr.isatty() or datasets.utils.are_progress_bars_disabled())
    if hide:
        datasets.disable_progress_bars()
    try:
        return datasets.load_dataset(name, config)
    finally:
        if hide:
            datasets.enable_progress_bars()
