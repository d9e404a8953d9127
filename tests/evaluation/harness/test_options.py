"""The options of a run: what `results.json` keeps of them, and values that contradict one another."""

import inspect

import pytest
import typer

from evaluation.harness.options import Options


def test_all_but_places_is_recorded_and_begins_as_ever(tmp_path):
    options = Options(model="m", benchmark="medqa", output=tmp_path, data=tmp_path, publish="org/m", limit=3)
    recorded = options.recorded()
    assert list(recorded)[:9] == [
        "model", "benchmark", "data", "shots", "subjects", "limit", "prompt", "scoring", "chat_template",
    ]  # fmt: skip
    assert {"output", "publish", "plan", "texts"} == inspect.signature(
        Options
    ).parameters.keys() - recorded.keys()
    assert (
        recorded["data"] == str(tmp_path) and recorded["limit"] == 3 and recorded["backend"] == "transformers"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"subjects": " , "}, "name at least one subject"),
        ({"endpoint": "http://127.0.0.1/v1"}, "only --backend openai asks an endpoint"),
        ({"revision": "v1", "backend": "openai"}, "an endpoint serves what it serves"),
        ({"revision": "v1", "model": "."}, "is a folder here, without revisions"),
    ],
)
def test_values_that_contradict_one_another_are_refused(tmp_path, given, message):
    with pytest.raises(typer.BadParameter, match=message):
        Options(**{"model": "m", "benchmark": "medqa", "output": tmp_path} | given)
