"""`komep bias` and `komep review`: what is refused before anything is read."""

import pytest
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.errors import KomepError


@pytest.mark.parametrize("purity", ["0", "1.2", "-1", "nan"])
def test_a_purity_is_a_share(tmp_path, purity):
    done = CliRunner().invoke(app, ["bias", str(tmp_path), "--purity", purity])
    assert isinstance(done.exception, KomepError) and done.exception.exit_code == 2
    assert "give a share above 0 to 1" in str(done.exception)


@pytest.mark.parametrize("option", [["--n", "0"], ["--reviewers", "0"], ["--seed", "-1"]])
def test_a_sample_that_cannot_be_drawn_is_wrong_usage(tmp_path, option):
    done = CliRunner().invoke(
        app, ["review", "sample", str(tmp_path), "--output", str(tmp_path / "s"), *option]
    )
    assert done.exit_code == 2 and not (tmp_path / "s").exists()
