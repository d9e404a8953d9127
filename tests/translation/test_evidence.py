"""The evidence of a translated table: warnings in it, that of earlier versions, and what a release says of the warnings."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.config.config import load_config
from komep_dataset.files.outputs import check_file, table_of
from komep_dataset.pairs.generations import read_scored
from komep_dataset.pipeline.run import build_stage, translate_stage
from komep_dataset.release.build import build
from komep_dataset.release.verify import verify
from komep_dataset.review.corrections import apply
from komep_dataset.review.report import as_text, import_sheets
from komep_dataset.review.sheet import read_material, write_sheets
from komep_dataset.schema import ScoredGeneration
from komep_dataset.tables.reading import read_table
from komep_dataset.tables.writing import frame_of, write_table
from komep_dataset.translation.checks.registry import all_checks
from komep_dataset.translation.evidence import WARNINGS, TranslationRow, translations_path
from komep_dataset.translation.stage import translate
from komep_dataset.translation.translator import Doubt
from tests.loopback import Loopback, last_text, loopback
from tests.review.sheets import judged, pair_of, rows_of
from tests.translation.loopback_translator import (
    BAD,
    GOOD,
    five_answers,
    korean,
    rejects_of,
    row,
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

    assert settings() == settings(layout_changed="reject") and settings(refused=False) == settings(
        refused="off"
    )
    kinds = [settings(numbers_changed=severity) for severity in ("reject", "warn", "off")]
    assert all(kinds.count(one) == 1 for one in kinds)
    checker = {"endpoint": "http://127.0.0.1:9/v1", "model": "c"}
    config = load_config(write_config(tmp_path, "http://127.0.0.1:9/v1", checker=checker))
    assert tmp_path / "t.translations.parquet" in build_stage(config, tmp_path / "t.parquet").inputs


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


def answers_of(questions: int) -> list[dict]:
    """Two answers each, with their Korean."""
    rows = []
    for i in range(questions):
        question = f"Which organ does hypertension harm after {i + 20} years?"
        good, bad = (f"It harms the {one} most after {i + 20} years." for one in ("kidneys", "nails"))
        rows += [row(question, "a", good, 1.0), row(question, "b", bad, 0.0)]
        for one, text in zip(
            rows[-2:], (f"{i + 20}년이 지나면 콩팥을 가장 해친다.", "손톱을 해친다."), strict=True
        ):
            one |= {"question_ko": f"고혈압은 {i + 20}년이 지나면 어떤 장기를 해치는가?", "response_ko": text}
    return rows


def write_pairs(folder, name: str, rows: list[dict], doubtful: int) -> Path:
    """A translated table with its evidence, in which the chosen answers of the first few questions are in doubt."""
    table = write_rows(folder / name, *rows)
    frame = read_scored([table])
    texts, wrong = {}, {one["response"] for one in rows[: 2 * doubtful : 2]}
    for one in frame.iter_rows(named=True):
        texts[one["question_id"], "question", ""] = (one["question"], one["question_ko"])
        texts[one["question_id"], "response", one["model"]] = (one["response"], one["response_ko"])
    doubts = {True: [Doubt("term_mismatch", "kidney: no 신장"), Doubt("layout_changed", "1 line")], False: []}
    evidence = [
        TranslationRow(*key, *text, "", "", 1, 1, [], "t", doubts[text[0] in wrong])
        for key, text in texts.items()
    ]
    write_table(frame_of(evidence, TranslationRow), translations_path(table), TranslationRow)
    return table


def quality_of(folder) -> dict:
    return json.loads((folder / "quality.json").read_text("utf-8"))


def said_by(checks) -> dict[str, list[str]]:
    return {check.name: [str(one) for one in check.findings] for check in checks if not check.ok}


def test_a_release_counts_the_warnings_of_its_texts_and_verify_holds_it_to_them(tmp_path):
    table = write_pairs(tmp_path, "t.jsonl", answers_of(12), 3)
    release = tmp_path / "komep"
    done = CliRunner().invoke(app, ["build", str(table), "-o", str(release)])
    one = quality_of(release)[WARNINGS]
    assert {n: one[n] for n in ("texts", "checked", "found", "pairs")} == {
        "texts": 36, "checked": 36, "found": 3, "pairs": 3
    }  # fmt: skip
    assert one["kinds"] == {"layout_changed": 3, "term_mismatch": 3} and len(one["warned"]) == 3
    assert one["examples"][0]["evidence"] == "layout_changed: 1 line; term_mismatch: kidney: no 신장"
    told = "Of 36 translated texts 36 were tried by the checks of `komep translate`; 3 of them, in 3 pairs, have a warning "
    told += "(`layout_changed` 3, `term_mismatch` 3). A warned text may be right: it stays"
    assert told in (release / "README.md").read_text("utf-8") and told[:80] in done.output
    assert said_by(verify(release)) == {}
    report = tmp_path / "report.html"
    CliRunner().invoke(app, ["report", str(release), "-o", str(report)])
    assert "translation warnings" in report.read_text("utf-8")
    for change, said in (
        ({"checked": 40}, "translation_warnings.checked"),
        ({"found": 2}, "translation_warnings.found: 2, but the data give 3"),
        ({"warned": one["warned"][1:]}, "translation_warnings.found: 3, but the data give 2"),
        ({"warned": "x"}, "not what a build writes"),
    ):
        (release / "quality.json").write_text(json.dumps(quality_of(release) | {WARNINGS: one | change}))
        [found] = [texts for name, texts in said_by(verify(release)).items() if name == "counts"]
        assert any(said in text for text in found), (change, found)


def test_a_release_without_evidence_of_its_texts_says_nothing_of_warnings(tmp_path):
    rows = answers_of(6)
    plain = build([write_rows(tmp_path / "plain.jsonl", *rows)], tmp_path / "plain")
    old = write_pairs(tmp_path, "old.jsonl", rows, 2)
    evidence = translations_path(old)
    pl.read_parquet(evidence).drop("warnings").write_parquet(evidence)
    table = write_pairs(
        tmp_path,
        "t.jsonl",
        [one | {"response_ko": "나중에 고쳤다.", "question_ko": "고쳤는가?"} for one in rows],
        2,
    )
    write_rows(table, *rows)  # corrected since: it is not the text that was tried
    assert WARNINGS not in plain.quality
    for given in (old, table):
        made = build([given], tmp_path / "made")
        assert made.quality == plain.quality and made.facts["content_hash"] == plain.facts["content_hash"]
    assert (
        build([write_pairs(tmp_path, "all.jsonl", rows, 0)], tmp_path / "all").quality[WARNINGS]["found"] == 0
    )
    card = (tmp_path / "all" / "README.md").read_text("utf-8")
    assert (
        "Of 18 translated texts 18 were tried by the checks of `komep translate`; none has a warning." in card
    )


def test_a_release_that_grows_keeps_its_warnings_but_those_of_texts_that_were_replaced(tmp_path):
    rows = answers_of(12)
    build([write_pairs(tmp_path, "one.jsonl", rows[:12], 2)], tmp_path / "base")
    again = [rows[0] | {"response_ko": "20년 뒤에는 콩팥을 가장 심하게 해친다."}, rows[1]]
    more = write_pairs(tmp_path, "two.jsonl", again + rows[12:], 0)
    grown = build([more], tmp_path / "grown", base=tmp_path / "base")
    one = grown.quality[WARNINGS]
    assert (one["texts"], one["checked"], one["found"]) == (36, 36, 1)
    assert said_by(verify(tmp_path / "grown")) == {}
    untried = write_rows(tmp_path / "three.jsonl", *answers_of(13)[24:])
    one = build([untried], tmp_path / "wider", base=tmp_path / "grown").quality[WARNINGS]
    assert (one["texts"], one["checked"], one["found"]) == (39, 36, 1)


def test_a_sample_for_review_has_the_pairs_in_doubt_first_and_the_sheet_does_not_tell(tmp_path):
    release = tmp_path / "komep"
    build([write_pairs(tmp_path, "t.jsonl", answers_of(40), 5)], release)
    [folder] = write_sheets(release, tmp_path / "sheets", n=10, reviewers=1)
    sheet = (folder / "review.csv").read_text("utf-8-sig")
    doubtful = {one["question_id"] for one in quality_of(release)[WARNINGS]["warned"]}
    material = read_material(release)
    keys = material.keys
    drawn = [keys[pair_of(row, material)][0] for row in rows_of(folder / "review.csv")]
    assert len(drawn) == 10 and doubtful <= set(drawn)
    assert not any(
        word in sheet + (folder / "review.html").read_text("utf-8") for word in ("term_mismatch", "layout_ch")
    )
    answers = {
        id: {"translation_ok": "no" if keys[id][0] in doubtful else "yes", "better": "chosen"} for id in keys
    }
    answers[min(id for id in keys if keys[id][0] in doubtful)]["corrected_chosen"] = "새로 쓴 답이다."
    filled = judged(folder / "review.csv", material, answers)
    record, *_ = import_sheets([filled], release, tmp_path / "review.json")
    summary = record["translation_ok"]
    assert summary["all"]["share"] == 0.5 and summary["weighted"] == pytest.approx(35 / 40)
    assert {name: one["yes"] for name, one in summary["by_warning"].items()} == {"with": 0, "without": 5}
    table, _, changed = apply(
        [tmp_path / "t.jsonl"], tmp_path / "corrections.jsonl", tmp_path / "mended.parquet"
    )
    one = build([table], tmp_path / "mended").quality[WARNINGS]
    assert (changed, one["texts"], one["checked"], one["found"]) == (1, 120, 119, 4)
    assert "  87.5% of the release: pairs with a warning were drawn first" in as_text(record)
