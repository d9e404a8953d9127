"""A release as `datasets` objects, from its folder or from the Hub."""

from pathlib import Path

import datasets

from komep_dataset.errors import KomepError
from komep_dataset.hub.client import Repository
from komep_dataset.release.facts import read_facts


def load(folder_or_repo: str | Path, config: str = "ko") -> datasets.DatasetDict:
    """The rows of one config, as `datasets.load_dataset` gives them.

    Args:
        folder_or_repo: what `komep build` wrote, or the id of such a dataset on the Hub, ORG/NAME.
        config: `ko` or `en`, the pairs in TRL's conversational format; `scored`, every answer with its verdicts.

    Returns:
        split (`train`, `test`) -> rows, with the columns of `schema.RECORDS[config]`.

    Raises:
        KomepError: a folder that is no release, a config without rows, a dataset that is not there, or no Hub.
    """
    if Path(folder_or_repo).is_dir():
        there = read_facts(Path(folder_or_repo))["rows"]
        if config not in there:
            raise KomepError(f"{folder_or_repo}: no rows in config {config!r} (it has {', '.join(there)})")
        return datasets.load_dataset(str(folder_or_repo), config)
    repository = Repository(str(folder_or_repo))
    repository.check_id()
    with repository.errors_in_words():
        return datasets.load_dataset(repository.id, config)
