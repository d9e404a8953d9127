"""The one record of what a build may be told."""

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.release.build import build
from tests.gates.gated import run


def test_values_that_no_option_allows_are_wrong_usage(tmp_path):
    for name, value in [("unsafe", "delete"), ("balance_models", 0.0), ("overlap_threshold", 1.5)]:
        with pytest.raises(KomepError, match=f"--{name.replace('_', '-')}") as caught:
            build([], tmp_path / "komep", **{name: value})
        assert caught.value.exit_code == 2
    assert run("build", "-o", str(tmp_path / "k"), "--decontaminate", "nothing") == 2
