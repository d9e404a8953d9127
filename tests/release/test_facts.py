"""What a release says of itself, and what is none."""

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.release.facts import read_facts


def test_a_folder_that_is_no_release(tmp_path):
    with pytest.raises(KomepError, match="no such folder"):
        read_facts(tmp_path / "none")
    with pytest.raises(KomepError, match="not a KoMeP release"):
        read_facts(tmp_path)
    (tmp_path / "build.json").write_text('{"schema": 99}')
    with pytest.raises(KomepError, match="schema 99"):
        read_facts(tmp_path)
    (tmp_path / "build.json").write_text("{")
    with pytest.raises(KomepError, match="cannot be read"):
        read_facts(tmp_path)
