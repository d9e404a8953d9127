"""What a release says of itself, and what is none."""

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.hub.install import install
from komep_dataset.hub.load import load
from komep_dataset.komep import Komep
from komep_dataset.release.facts import read_facts
from komep_dataset.release.verify import verify


def test_a_file_is_told_from_a_folder_that_is_not_there(tmp_path, capsys):
    """Every command that takes a release said `no such folder` of a file that is there."""
    table = tmp_path / "scored.jsonl"
    table.write_text("{}")
    (tmp_path / "komep").mkdir()
    for name in ("build.json", "rejects.jsonl"):
        (tmp_path / "komep" / name).write_text("{}")
    with pytest.raises(KomepError, match=r"nowhere: no such folder; `komep build` makes a release"):
        read_facts(tmp_path / "nowhere")
    with pytest.raises(KomepError, match=r"kome: no such folder; the nearest is .*komep; `komep build`"):
        read_facts(tmp_path / "kome")
    with pytest.raises(KomepError, match=rf"is a file of a release; give its folder, {tmp_path / 'komep'}"):
        read_facts(tmp_path / "komep" / "rejects.jsonl")
    with pytest.raises(KomepError, match=r"scored.jsonl: is a file, no folder"):
        Komep(data_dir=str(table))
    wanted = rf"is a file, and what is wanted is a release, the folder that `komep build {table}` writes"
    for call in (read_facts, verify, install, load):
        with pytest.raises(KomepError, match=wanted):
            call(table)


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
