"""A release and its page."""

import pytest

from komep_dataset.explorer.report import write_report
from komep_dataset.release.build import build


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """The release of the shipped sample with every pair, and its page."""
    folder = tmp_path_factory.mktemp("sample")
    build([], folder / "komep", pairs="all")
    return folder / "komep", write_report(folder / "komep", folder / "report.html").read_text("utf-8")
