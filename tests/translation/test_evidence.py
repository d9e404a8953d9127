"""The evidence of a translated table: warnings in it, and that of earlier versions."""

import json

import polars as pl
import pytest
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.config.config import load_config
from komep_dataset.files.outputs import check_file, table_of
from komep_dataset.pipeline.run import translate_stage
from komep_dataset.schema import ScoredGeneration
from komep_dataset.tables.reading import read_table
from komep_dataset.translation.checks.registry import all_checks
from komep_dataset.translation.evidence import TranslationRow, translations_path
from komep_dataset.translation.stage import translate
from tests.loopback import Loopback, last_text, loopback
from tests.translation.loopback_translator import (
    BAD,
    GOOD,
    five_answers,
    korean,
    rejects_of,
    source_in,
    write_config,
    write_rows,
)

NUMBER = " 999."  # that the source has not


def shifted(body: dict) -> str:
    return korean(body) + NUMBER if source_in(body) in (GOOD, BAD) else korean(body)


@pytest.fixture
def chain(tmp_path):
    """A command that translates the table; told of severities, it says (exit code, what it printed, requests so far)."""
    table = write_rows(tmp_path / "s.jsonl", *five_answers())
    with loopback(Loopback(shifted)) as (state, url):

        def run(**checks: object) -> tuple[int, str, list[dict]]:
            config = write_config(tmp_path, url, {"checks": checks})
            command = ["translate", str(table), "--config", str(config), "-o", str(tmp_path / "t.parquet")]
            done = CliRunner().invoke(app, command)
            return done.exit_code, f"{done.output}{done.exception or ''}", state.calls

        yield run


def evidence_of(folder) -> pl.DataFrame:
    return read_table(translations_path(folder / "t.parquet"), TranslationRow)


def test_what_warns_is_kept_counted_and_not_asked_again_and_a_changed_severity_asks_nobody(chain, tmp_path):
    code, said, calls = chain(numbers_changed="warn")
    assert (code, len(calls), rejects_of(tmp_path)) == (0, 3, {})
    assert "2 responses in Korean; rejected: none; warned: numbers_changed 2; 3 calls, 0 texts asked" in said
    assert all("was refused" not in last_text(body) for body in calls)
    rows = evidence_of(tmp_path)
    assert rows.filter(rows["kind"] == "question")["warnings"].to_list() == [[]]
    found = [[one["name"] for one in some] for some in rows.filter(rows["kind"] == "response")["warnings"]]
    assert found == [["numbers_changed"]] * 2 and "999" in rows["warnings"][1][0]["detail"]
    table = read_table(tmp_path / "t.parquet", ScoredGeneration)
    assert sum(text.endswith(NUMBER) for text in table["response_ko"].drop_nulls()) == 2
    code, said, _ = chain(numbers_changed=False)  # as YAML reads `off`
    assert (code, "warned" in said, len(calls)) == (0, False, 3)
    code, said, _ = chain()
    assert "rejected: numbers_changed 2; 5 calls, 2 texts asked twice" in said and len(calls) == 5
    assert evidence_of(tmp_path)["warnings"].to_list() == [[], None, None]
    assert "warned: numbers_changed 2; 3 calls" in chain(numbers_changed="warn")[1] and len(calls) == 5


def test_a_changed_severity_makes_a_stage_stale_and_the_default_written_down_does_not(tmp_path):
    def settings(**checks: object) -> dict:
        config = load_config(write_config(tmp_path, "http://127.0.0.1:9/v1", {"checks": checks}))
        return translate_stage(config, tmp_path / "s.jsonl").settings

    assert settings() == settings(numbers_changed="reject") and settings(refused=False) == settings(
        refused="off"
    )
    kinds = [settings(numbers_changed=severity) for severity in ("reject", "warn", "off")]
    assert all(kinds.count(one) == 1 for one in kinds)


def test_a_blank_reply_is_no_translation_whatever_the_severities(tmp_path):
    table = write_rows(tmp_path / "s.jsonl", *five_answers())
    with loopback(Loopback(lambda body: "")) as (_, url):
        off = dict.fromkeys((check.name for check in all_checks()), "off")
        done = translate(
            table, load_config(write_config(tmp_path, url, {"checks": off})), tmp_path / "t.parquet"
        )
    assert done.rejected == {"untranslated": 3}


def test_unknown_checks_and_severities_are_named_at_once_before_anybody_is_asked(chain, tmp_path):
    code, said, calls = chain(number_changed="warn", layout_changed="of", preamble=None, refused=True)
    assert code == 1 and not calls and "Traceback" not in said
    for wrong in (
        "pipeline.yaml: translator.checks.number_changed: unknown check; did you mean 'numbers_changed'?",
        "translator.checks.layout_changed: 'of' is none of reject, warn, off; did you mean 'off'?",
        "translator.checks.preamble: None is none of reject, warn, off",
        "translator.checks.refused: True is none of reject, warn, off",
    ):
        assert wrong in " ".join(said.split())


def test_evidence_of_earlier_versions_is_ours_and_read(chain, tmp_path):
    chain(numbers_changed="warn")
    path = translations_path(tmp_path / "t.parquet")
    pl.read_parquet(path).drop("warnings").write_parquet(path)
    assert evidence_of(tmp_path)["warnings"].null_count() == 3
    check_file(path, *table_of(TranslationRow))
    code, said, calls = chain(numbers_changed="warn")
    assert code == 0 and "warned: numbers_changed 2" in said and len(calls) == 3
    assert evidence_of(tmp_path)["warnings"].null_count() == 0


def test_in_a_text_of_pieces_a_warning_counts_once(tmp_path):
    text = " ".join(f"The kidneys of patient {chr(65 + i)} suffer after {i + 3} days." for i in range(12))
    rows = five_answers()
    rows[0]["response"] = text
    table = write_rows(tmp_path / "s.jsonl", *rows)
    with loopback(Loopback(lambda body: korean(body) + NUMBER)) as (state, url):
        keys = {"checks": {"numbers_changed": "warn"}, "segment_characters": 200}
        done = translate(table, load_config(write_config(tmp_path, url, keys)), tmp_path / "t.parquet")
    assert len(state.calls) > 4 and done.warned == {"numbers_changed": 3}
    assert json.loads(json.dumps(evidence_of(tmp_path)["warnings"].list.len().to_list())) == [1, 1, 1]
