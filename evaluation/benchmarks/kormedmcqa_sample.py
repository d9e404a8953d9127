"""The sample of KorMedMCQA's format that ships with the package: written for this project, no exam questions.

It shows that the evaluation works and how its outputs look; its scores say nothing about medical knowledge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

from evaluation.benchmarks import kormedmcqa
from evaluation.harness.questions import Subject, from_folders
from komep_dataset.errors import KomepError


def load(
    data: Path | None, subjects: Sequence[str] | None, columns: Mapping[str, str] | None = None
) -> list[Subject]:
    """The shipped sample, or a file or folder in its place; `columns` is a map of names."""
    if data is not None:
        return kormedmcqa.load(data, subjects, columns)
    with as_file(files("komep_dataset") / "samples" / "kormedmcqa") as folder:
        if not folder.is_dir():
            raise KomepError(
                "the sample of KorMedMCQA is missing from komep_dataset/samples; install komep again"
            )
        return from_folders(folder, names=kormedmcqa.SUBJECTS)


BENCHMARK = replace(kormedmcqa.BENCHMARK, load=load, keeps_duplicates=False)
