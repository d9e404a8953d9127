"""The one record of what a build may be told."""

import inspect

import pytest

from komep_dataset.build_options import OPTIONS, Options, of_no_list, read_options
from komep_dataset.errors import KomepError
from komep_dataset.release.build import build
from tests.gates.gated import run


def test_values_that_no_option_allows_are_wrong_usage(tmp_path):
    for name, value in [("unsafe", "delete"), ("balance_models", 0.0), ("overlap_threshold", 1.5)]:
        with pytest.raises(KomepError, match=f"--{name.replace('_', '-')}") as caught:
            build([], tmp_path / "komep", **{name: value})
        assert caught.value.exit_code == 2
    assert run("build", "-o", str(tmp_path / "k"), "--decontaminate", "nothing") == 2


@pytest.mark.parametrize(
    "value",
    ["x", b"x", -1, 2.5, True, ["x"], [5], {"a": 1}, object(), float("nan")],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_a_value_of_another_type_is_wrong_usage(option, value):
    try:
        read_options({option.name: value})
    except KomepError as error:
        assert str(error).startswith(option.flag) or option.read  # a file that is not there
    else:
        kind = {bool: bool, float: (float, int), int: int, str: str}.get(option.type, object)
        assert isinstance(value, kind) and (option.type is bool) == (value is True)


def test_an_option_that_there_is_not_is_no_argument_of_a_build(tmp_path):
    with pytest.raises(TypeError, match="unexpected keyword argument 'min_margn'"):
        build([], tmp_path / "komep", min_margn=0.5)
    own = [
        "inputs",
        "output",
        "on_error",
        "judge",
        "base",
        "seeds",
        "left_out",
        "rounds",
        "makers",
        "columns",
    ]
    assert list(inspect.signature(build).parameters) == own + [option.name for option in OPTIONS]


def test_what_is_read_is_recorded_and_all_else_has_its_default():
    assert Options() == Options(**{option.name: option.unsaid for option in OPTIONS})
    assert read_options({"unsafe": "reject"}) == {"length_tokenizer": [], "decontaminate": [], "screened": []}


@pytest.mark.parametrize(
    ("given", "told"), [("apache", 1), ("llama3.1", 1), ("cc-by-4.0", 0), ("unknown", 0), (None, 0)]
)
def test_a_licence_of_no_list_is_said(given, told):
    """`apache` went onto the card as it was, where the Hub knows `apache-2.0` alone."""
    assert len(list(of_no_list(given))) == told
