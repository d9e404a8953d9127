"""A format is found by being in the folder."""

from types import ModuleType

import pytest

import komep_dataset as komep
from komep_dataset import exports
from komep_dataset.errors import KomepError
from komep_dataset.exports.registry import format_named, formats, line
from tests.exports.hard_texts import ANSWERS, release

TOY = """
from komep_dataset.exports.registry import Format

def row(prompt, chosen, rejected):
    return {"all": [prompt[0]["content"], chosen, rejected]}

FORMAT = Format("toy", "a page", row, lambda splits: ("toy.txt", "toy"))
"""


def test_a_module_in_the_folder_is_a_format(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(TOY)
    formats.cache_clear()
    monkeypatch.setattr(exports, "__path__", [*exports.__path__, str(tmp_path)])
    assert isinstance(exports, ModuleType) and "toy" in formats()
    assert komep.export(release(tmp_path, ("train",), ANSWERS[:1]), "toy", tmp_path / "out").settings == (
        "toy.txt",
        "toy",
    )
    formats.cache_clear()


def test_an_unknown_name():
    with pytest.raises(
        KomepError, match="none of axolotl, llama-factory, nemo-rl, openai, openrlhf; did you"
    ) as told:
        format_named("nemo_rl")
    assert told.value.exit_code == 2


def test_a_line_is_one_line_for_everybody():
    assert line({"a": "가\u2028\u2029\x85\n"}) == '{"a": "가\\u2028\\u2029\\u0085\\n"}\n'
