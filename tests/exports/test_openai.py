"""By https://developers.openai.com/api/docs/guides/direct-preference-optimization"""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from komep_dataset.exports.openai import FORMAT


def test_a_row_has_the_documented_keys_alone():
    prompt = [{"role": "user", "content": "통풍이란?"}]
    assert FORMAT.row(prompt, "요산", "균") == {
        "input": {"messages": prompt},
        "preferred_output": [{"role": "assistant", "content": "요산"}],
        "non_preferred_output": [{"role": "assistant", "content": "균"}],
    }


@pytest.mark.parametrize("splits", [["train"], ["train", "test"]])
def test_the_job_uploads_both_files_and_asks_for_dpo(splits, tmp_path, monkeypatch, capsys):
    for split in splits:
        (tmp_path / f"{split}.jsonl").write_text("{}")
    asked = []
    files = SimpleNamespace(create=lambda file, purpose: SimpleNamespace(id=f"{file.name}/{purpose}"))
    jobs = SimpleNamespace(create=lambda **job: asked.append(job) or SimpleNamespace(id="job-1"))
    client = SimpleNamespace(files=files, fine_tuning=SimpleNamespace(jobs=jobs))
    stand_in = ModuleType("openai")
    stand_in.OpenAI = lambda: client
    monkeypatch.setitem(sys.modules, "openai", stand_in)
    monkeypatch.chdir(tmp_path)
    name, text = FORMAT.settings(splits)
    exec(compile(text, name, "exec"), {})
    assert asked[0]["method"]["type"] == "dpo" and asked[0]["training_file"] == "train.jsonl/fine-tune"
    assert asked[0].get("validation_file") == ("test.jsonl/fine-tune" if "test" in splits else None)
    assert capsys.readouterr().out == "job-1\n"
