"""YAML as records: unknown keys, wrong types and missing values are named by file and key, with the nearest one."""

import pytest

from komep_dataset.config.config import load_config
from komep_dataset.config.yaml_records import closest, nearest, read_yaml
from komep_dataset.errors import KomepError
from tests.config.pipeline_files import fail, with_responder


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("responder: []", ["responder: unknown key", "'responders'"]),
        (with_responder(temprature=1), ["responders[0].temprature: unknown key", "'temperature'"]),
        ("selection: {margin: 0}", ["selection.margin: unknown key", "'min_margin'"]),
        ("file: x", ["file: unknown key"]),
        ("seed: zero", ['seed: expected a whole number, got "zero"']),
        ("seed: true", ["seed: expected a whole number, got true"]),
        ("seed: 1.5", ["seed: expected a whole number, got 1.5"]),
        ("responders: {}", ["responders: expected a list, got keys and values"]),
        ("responders: [x]", ['responders[0]: expected keys and values, got "x"']),
        ("- 1", ["the file: expected keys and values, got a list"]),
        ("responders: [{name: a}]", ["responders[0].model: missing"]),
        ("responders: [{model: m}]", ["responders[0].name: missing"]),
        ("executor: {kind: slum}", ["executor.kind", "did you mean 'slurm'"]),
        ("budget: much", ['budget: expected a number, got "much"']),
        ("questions: {language: en}", ["questions.input: missing"]),
        ("seed: 1\nseed: 2", [":2: the key 'seed' stands twice"]),
        ("seed: [", [":1: not YAML"]),
    ],
)
def test_a_mistake_is_named_by_its_key(tmp_path, text, fragments):
    message = fail(tmp_path, text)
    for fragment in fragments:
        assert fragment in message


def test_a_file_that_is_no_text_or_not_there(tmp_path):
    (tmp_path / "pipeline.yaml").write_bytes(b"seed: \xff")
    with pytest.raises(KomepError, match="is a folder; name the file in it"):
        read_yaml(tmp_path)
    with pytest.raises(KomepError, match="not UTF-8"):
        load_config(tmp_path / "pipeline.yaml")
    with pytest.raises(KomepError, match="no such file; the nearest is"):
        load_config(tmp_path / "none.yaml")


def test_the_nearest_name_however_far():
    assert closest("qwen", ["gpt-4o", "qwen2-7b"]) == "qwen2-7b"
    assert nearest("xyz", ("ko",)) == "did you mean 'ko'?"
    assert closest("a", []) is None and nearest("a", {}) == "none is configured"
