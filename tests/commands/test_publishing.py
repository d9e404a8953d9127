"""`komep publish` and `komep install`: what the user is told."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.commands.publishing import as_text
from komep_dataset.errors import KomepError
from komep_dataset.hub.publish import Change, Plan


@pytest.mark.parametrize(
    ("more", "dry_run", "said"),
    [
        (
            {"published": True},
            False,
            "ORG/komep has this release already, as v1.0.0; access: private, as it was",
        ),
        (
            {},
            True,
            "would publish v1.0.0 of ORG/komep: 2 files, 12 bytes, 1 renamed, 1 deleted; access: private, as it was",
        ),
        ({}, False, 'access: private, as it was\nload_dataset("ORG/komep", revision="v1.0.0")'),
    ],
)
def test_a_plan_in_words(more, dry_run, said):
    changes = [Change("a", "new", 7), Change("b", "changed", 5), Change("c", "renamed", 9)]
    plan = Plan(
        "ORG/komep",
        "v1.0.0",
        {"a": Path("a")},
        ["d"],
        changes,
        ["kept: e"],
        access="private, as it was",
        **more,
    )
    text = as_text(plan, dry_run=dry_run)
    assert said in text and text.startswith("note: kept: e")


def test_uninstall_takes_no_folder():
    done = CliRunner().invoke(app, ["install", "komep", "--uninstall"])
    assert isinstance(done.exception, KomepError) and done.exception.exit_code == 2
