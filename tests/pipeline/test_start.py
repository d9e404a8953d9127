"""What `komep init` writes is a configuration that loads, questions that are read and answers that make a pair."""

import shutil

import pytest

from komep_dataset.config.config import load_config
from komep_dataset.errors import KomepError
from komep_dataset.pipeline.start import init
from komep_dataset.questions import make_questions
from komep_dataset.release.build import build


def test_what_is_written_is_of_use_and_nothing_is_overwritten(tmp_path):
    made = init(tmp_path / "new")
    assert [path.name for path in made] == ["pipeline.yaml", "questions.csv", "scored.csv", "scored.jsonl"]
    config = load_config(made[0])
    assert config.questions.input == made[1] and len(config.responders) == 2
    assert make_questions(made[1], tmp_path / "q.parquet").questions == 2
    built = [build([path], tmp_path / "komep").facts for path in made[2:]]
    assert built[0]["content_hash"] == built[1]["content_hash"] and built[0]["pairs"] == 1
    assert made[2].read_bytes().startswith(b"\xef\xbb\xbf")  # by which Excel knows UTF-8
    made[0].write_text(made[0].read_text().replace("# columns:", "columns:"))
    assert load_config(made[0]).columns == {"질문": "question", "분야": "category"}
    with pytest.raises(KomepError, match=r"pipeline\.yaml, .*scored\.jsonl: there already"):
        init(tmp_path / "new")
    with pytest.raises(
        KomepError, match=r"questions\.csv: is a file, .* a folder .*: komep init FOLDER; `komep build"
    ):
        init(made[1])


def test_ctrl_c_between_two_files_leaves_nothing_in_the_way(tmp_path, monkeypatch):
    def stopped(source, path):
        if source.suffix == ".jsonl":
            raise KeyboardInterrupt
        return copy(source, path)

    copy = shutil.copyfile
    with monkeypatch.context() as context:
        context.setattr(shutil, "copyfile", stopped)
        with pytest.raises(KeyboardInterrupt):
            init(tmp_path)
    assert len(init(tmp_path)) == 4
