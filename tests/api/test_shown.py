"""What functions return shows itself as the command prints it, and is what it was."""

import pickle

import pytest
from typer.testing import CliRunner

import komep_dataset as komep
from komep_dataset.api.shown import Text
from komep_dataset.cli import app


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return komep.build(None, tmp_path_factory.mktemp("shown") / "komep").folder


@pytest.mark.parametrize("name", ["verify", "models"])
def test_a_list_shows_what_the_command_prints(name, release):
    found = getattr(komep, name)(release)
    assert isinstance(found, list) and found[0]
    assert repr(found) + "\n" == CliRunner().invoke(app, [name, str(release)]).output
    assert list(pickle.loads(pickle.dumps(found))) == list(found)


def test_figures_show_their_tables(release):
    found = komep.bias(release)
    assert isinstance(found, dict) and found["pairs"] == 58
    assert repr(found).startswith("58 pairs of the config ko") and "longer wins" in repr(found)


def test_scored_generations_come_without_the_place_of_each(release):
    assert not [name for name in komep.read_scored(release).columns if name.startswith("_")]


def test_a_text_shows_its_lines():
    assert repr(Text("a\nb")) == "a\nb" and Text("a").upper() == "A"
