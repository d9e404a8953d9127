"""Versions of a published dataset, and what its change log says of each."""

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.hub.changelog import (
    changelog_entry,
    entries,
    newest_first,
    version_numbers,
    with_entry,
)

FACTS = {
    "content_hash": "a",
    "rows": {"ko": {"train": 90, "test": 10}},
    "options": {"min_margin": 0.0},
    "models": {"m": {}},
}


def test_versions_are_numbers_and_nothing_else():
    assert version_numbers("v1.2.30") == (1, 2, 30)
    assert newest_first(["v0.9.0", "v0.10.0", "draft", "v1"]) == ["v0.10.0", "v0.9.0"]
    for text in ("1.2.3", "v1.2", "v1.2.3-rc1"):
        with pytest.raises(KomepError) as error:
            version_numbers(text)
        assert error.value.exit_code == 2


def test_an_entry_says_what_is_not_as_before():
    first = changelog_entry("v0.1.0", FACTS, {}, "", "2026-01-01")
    assert "| `ko` | train | 90 | – |" in first and "First version." in first
    now = FACTS | {"content_hash": "b", "rows": {"en": {"train": 95}}, "models": {"n": {}}, "options": {}}
    entry = changelog_entry("v0.2.0", now, FACTS, "why", "2026-01-02")
    for part in (
        "## v0.2.0 (2026-01-02)\n\nwhy\n",
        "| `en` | train | 95 | +95 |",
        "The data changed.",
        "Config `ko` is gone.",
        "Option `min_margin`: 0.0 before, now None.",
        "New responders: `n`.",
        "Gone responders: `m`.",
    ):
        assert part in entry
    assert "The data are the same." in changelog_entry("v0.1.1", FACTS, FACTS, "", "2026-01-03")


def test_the_newest_entry_stands_on_top_below_what_people_wrote():
    log = with_entry(None, "## v0.1.0 (a)\n\none\n").decode()
    log = with_entry(f"Mine.\n\n{log}", "## v0.2.0 (b)\n\ntwo\n").decode()
    assert entries(log) == ["v0.2.0", "v0.1.0"] and log.startswith("Mine.\n\n# Changelog")
    assert log.index("## v0.2.0") < log.index("## v0.1.0")


def test_an_option_that_the_former_version_did_not_know_had_its_default():
    now = FACTS | {"options": FACTS["options"] | {"utility": "precision", "length_gap": 300}}
    text = changelog_entry("v0.2.0", now, FACTS, "", "2026-01-02")
    assert "utility" not in text and "Option `length_gap`: None before, now 300." in text
