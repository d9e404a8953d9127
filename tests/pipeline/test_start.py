"""What `komep init` writes is a configuration that loads, questions that are read and answers that make a pair."""

import pytest

from komep_dataset.config.config import load_config
from komep_dataset.errors import KomepError
from komep_dataset.pipeline.start import init
from komep_dataset.questions import make_questions
from komep_dataset.release.build import build


def test_what_is_written_is_of_use_and_nothing_is_overwritten(tmp_path):
    made = init(tmp_path / "new")
    assert [path.name for path in made] == ["pipeline.yaml", "questions.csv", "scored.jsonl"]
    config = load_config(made[0])
    assert config.questions.input == made[1] and len(config.responders) == 2
    assert make_questions(made[1], tmp_path / "q.parquet").questions == 2
    assert build([made[2]], tmp_path / "komep").facts["pairs"] == 1
    with pytest.raises(KomepError, match=r"pipeline\.yaml, .*scored\.jsonl: there already"):
        init(tmp_path / "new")
