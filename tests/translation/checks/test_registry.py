"""The checks of a translation: how much they catch, and that no text breaks them."""

import json
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.prompts.messages import fingerprint
from komep_dataset.tables.reading import read_table
from komep_dataset.translation import checks
from komep_dataset.translation.checks.registry import all_checks, check_translation, checks_of, wordings
from komep_dataset.translation.evidence import WARNINGS, TranslationRow, translations_path
from komep_dataset.translation.glossary import read_glossary
from tests.growth import TIMES, grows_with_its_size
from tests.loopback import Loopback, last_text, loopback
from tests.translation.checks import confusion
from tests.translation.loopback_translator import (
    BAD,
    five_answers,
    korean,
    rejects_of,
    source_in,
    write_config,
    write_rows,
)

GLOSSARY = read_glossary()
ROWS = confusion.read_set()


def reasons(source, target, **options):
    return [failure.reason for failure in check_translation(source, target, **options)]


@pytest.mark.slow
def test_recall_and_false_alarms():
    """At least 95% of what is wrong is found and at most 2% of what is right is accused, in each check."""
    table = confusion.measure(confusion.run_checks(ROWS))
    print("\n" + confusion.render(table))
    assert sum(not row["expected"] for row in ROWS) >= 220
    for measured in table:
        assert measured.faulty >= 30, measured
        assert measured.recall >= 0.95, measured
        assert measured.false_alarms <= 0.02, measured
        assert measured.false_alarms_good <= 0.02, measured


@pytest.mark.slow
def test_no_false_alarm_in_pairs_that_were_written_for_something_else():
    """The shipped sample: bilingual, and not written for the checks, though its first false alarms were mended."""
    pairs = [pair for pair in confusion.good_pairs()][sum(not row["expected"] for row in ROWS) :]
    accused = [(s, t, reasons(s, t, glossary=GLOSSARY)) for s, t in pairs]
    accused = [row for row in accused if row[2]]
    print(f"{len(accused)} of {len(pairs)} accused")
    assert len(pairs) > 600
    assert len(accused) <= 0.02 * len(pairs), accused


def test_echo_empty_and_nothing():
    source = "Aspirin inhibits the aggregation of platelets."
    assert reasons(source, source) == ["untranslated", "not_korean"]
    assert reasons(source, " \n") == ["untranslated"]
    assert reasons("", "") == []


def test_decomposed_hangul_is_korean():
    for row in [row for row in ROWS if not row["expected"]][::10]:
        target = unicodedata.normalize("NFD", row["target"])
        composed = reasons(row["source"], row["target"], glossary=GLOSSARY)
        assert reasons(row["source"], target, glossary=GLOSSARY) == composed


SHOUTING = """
from komep_dataset.translation.checks.registry import Check

def added_marks(source, target):
    return "" if "!" in source else target.strip(".")[-1:] * ("!" in target)

CHECKS = (Check("shouting", added_marks, "it raised its voice", order=35, rank=5),)
"""


@pytest.fixture
def shouting(tmp_path, monkeypatch):
    """A check in a file of its own, in a folder that the package looks for checks in, and nowhere else."""
    file = tmp_path / "checks" / "shouting.py"
    file.parent.mkdir()
    file.write_text(SHOUTING)
    monkeypatch.setattr(checks, "__path__", [*checks.__path__, str(file.parent)])
    all_checks.cache_clear()
    yield file
    all_checks.cache_clear()
    sys.modules.pop(f"{checks.__name__}.shouting", None)


def test_a_check_in_a_file_of_its_own_is_seen_wherever_checks_are(shouting, tmp_path):
    """In the order of trial, the second request, the evidence, the rejects, the report, and what makes a stage stale."""
    names = [check.name for check in all_checks()]
    assert names.index("numbers_changed") + 1 == names.index("shouting") == names.index("preamble") - 1
    assert fingerprint(wordings()) != fingerprint({k: v for k, v in wordings().items() if k != "shouting"})
    table = write_rows(tmp_path / "s.jsonl", *five_answers())
    loud = lambda body: korean(body).replace(".", " 999!") if source_in(body) == BAD else korean(body)  # noqa: E731
    with loopback(Loopback(loud)) as (state, url):
        command = ["translate", str(table), "--config", str(write_config(tmp_path, url))]
        done = CliRunner().invoke(app, [*command, "--output", str(tmp_path / "t.parquet")])
    assert done.exit_code == 0 and "rejected: shouting 1; 4 calls, 1 text asked twice" in done.output
    [again] = [last_text(body) for body in state.calls if "was refused" in last_text(body)]
    assert '- "it did not keep the numbers: 999 is not in the source"\n- "it raised its voice: !"\n' in again
    assert list(rejects_of(tmp_path).values()) == ["shouting"]  # whose rank is lower
    evidence = read_table(translations_path(tmp_path / "t.parquet"), TranslationRow)
    [refused] = evidence.filter(evidence["reason"] == "shouting").to_dicts()
    assert (refused["detail"], refused["attempts"]) == ("!", 2)
    assert [one["reason"] for one in refused["refused"]] == ["numbers_changed", "shouting"] * 2


def test_a_check_that_warns_is_seen_from_the_evidence_to_the_card(shouting, tmp_path):
    shouting.write_text(SHOUTING.replace("rank=5", "rank=5, severity='warn'"))
    table = write_rows(tmp_path / "s.jsonl", *five_answers())
    loud = lambda body: korean(body).replace(".", "!") if source_in(body) == BAD else korean(body)  # noqa: E731
    with loopback(Loopback(loud)) as (_, url):
        command = ["translate", str(table), "--config", str(write_config(tmp_path, url))]
        done = CliRunner().invoke(app, [*command, "--output", str(tmp_path / "t.parquet")])
    assert "rejected: none; warned: shouting 1; 3 calls, 0 texts asked twice" in done.output
    evidence = read_table(translations_path(tmp_path / "t.parquet"), TranslationRow)
    assert evidence.explode("warnings")["warnings"].drop_nulls().to_list() == [
        {"name": "shouting", "detail": "!"}
    ]
    done = CliRunner().invoke(app, ["build", str(tmp_path / "t.parquet"), "-o", str(tmp_path / "komep")])
    said = "Of 3 translated texts 3 were tried by the checks of `komep translate`; 1 of them, in 1 pairs, have a warning (`shouting` 1)"
    assert said[:60] in done.output and said in (tmp_path / "komep" / "README.md").read_text("utf-8")
    assert json.loads((tmp_path / "komep" / "quality.json").read_text("utf-8"))[WARNINGS]["kinds"] == {
        "shouting": 1
    }


def test_of_a_name_with_a_check_of_each_severity_what_rejects_is_told(shouting):
    line = SHOUTING.splitlines()[-1]
    doubtful = line.replace("order=35", "order=5, severity='warn'").removeprefix("CHECKS = ")
    shouting.write_text(
        SHOUTING + "CHECKS = " + doubtful.removesuffix(",)") + "," + line.removeprefix("CHECKS = (")
    )
    [failure] = check_translation("It is so.", "그렇다!")
    assert (failure.reason, failure.check.severity) == ("shouting", "reject")
    assert [c.severity for c in checks_of({"shouting": "warn"}) if c.name == "shouting"] == ["warn"] * 2


def test_a_name_that_is_taken_is_refused(shouting):
    shouting.write_text(SHOUTING.replace('"shouting"', '"preamble"'))
    with pytest.raises(ValueError, match="shouting: another module has a check named 'preamble'"):
        all_checks()


def test_one_name_has_one_wording_and_one_rank():
    named = {check.name: (check.told, check.rank) for check in all_checks()}
    assert all(named[check.name] == (check.told, check.rank) for check in all_checks())
    assert len({rank for _, rank in named.values()}) == len(named)
    assert len({check.order for check in all_checks()}) == len(all_checks())


PIECES = [
    "\x00", "\u200b", "😀", "<b>", "</p>", "&nbsp;", "((", "]", "1/0", "0분의 1", "10^99", "10^-99", "1e99",
    "９" * 50,
    "½",
    "Ⅳ", "①", "mg/", "천만억조", "하루", "\n", "\t", "~", "−5", "“", "**", "```", "| a |", "번역", "죄송", "the", "가",
    "か",
    "\ufffd", "\u0301", "ﬁ", "٣", "²", "㎎", "...", "?", "10**9", "1,2,3", ",", "'", "...",
]  # fmt: skip


@given(*[st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map("".join)] * 2)
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_a_check(source, target):
    failures = check_translation(source, target, glossary=GLOSSARY)
    assert all(failure.detail for failure in failures)
    assert len({failure.reason for failure in failures}) == len(failures)


SLOW = [
    "1",
    "1,",
    "1/",
    "(",
    "가(",
    "<a",
    "&a",
    "IV ",
    "세 ",
    "one-hundred-",
    "A1-",
    "mg/",
    "다음은",
    "\n",
    "- a\n",
    "a",
    ". ",
]


@pytest.mark.parametrize("piece", SLOW)
def test_time_grows_no_faster_than_the_text(piece):
    def check(length):
        text = (piece * length)[:length]
        check_translation(text, text, glossary=GLOSSARY)

    assert grows_with_its_size(check, 300)


@pytest.mark.slow
def test_a_long_text():
    """100,000 characters, in the time of a text and not of its square."""
    target = "당뇨병 환자는 하루 두 번 500 mg을 복용하며 혈압이 140 mmHg 이상이면 의사와 상담한다. "
    source = (
        "Patients with diabetes take 500 mg twice daily and consult if the pressure is 140 mmHg or more. "
    )
    assert len(target) * 250 * TIMES > 100_000
    assert grows_with_its_size(lambda n: check_translation(source * n, target * n, glossary=GLOSSARY), 250)


DANGEROUS = [  # written for this project, wrong on purpose
    ("Treat if platelets are below 50,000/µL.", "혈소판이 50,000/µL을 초과하면 치료합니다."),
    ("Blood pressure should be below 140/90 mmHg.", "혈압은 140/90 mmHg보다 높아야 합니다."),
    ("Stop if more than 3/4 of the dose is left.", "용량의 3/4 미만이 남으면 중단합니다."),
    ("Give 5 mg of morphine.", "모르핀 5를 투여합니다."),
    ("Take 5 mg every day.", "매일 5개를 복용하십시오."),
    ("Inject 10 units of insulin.", "인슐린 10개를 주사합니다."),
    ("Give 2 puffs.", "2 mg을 줍니다."),
    ("Take it twice a day.", "하루에 한 번 복용하십시오."),
    ("Put two drops in the eye.", "눈에 한 방울을 넣습니다."),
    ("The pain score was 0.", "통증 점수가 있었다."),
    ("Give the drops at night.", "밤에 20방울을 줍니다."),
    ("Patients with kidney failure should not take metformin.", "신부전 환자는 metformin"),
    (
        "Give 10 mg of the drug and wait. Do not repeat it. Watch the patient closely for one hour.",
        "약 10 mg을 투여하고 기다립니다. 한 시간 동안 환자를 면밀히 관찰합니다.",
    ),
    (
        "Take two tablets every six hours with a full glass of water after meals, but do not exceed the dose.",
        "식사 후 물 한 잔과 함께 여섯 시간마다 두 알씩 복용하되 do not exceed the dose 하셔야 합니다.",
    ),
    ("It works well [3–5].", "효과가 좋다 [6–8]."),
    ("Define hypertension.", "고혈압은 혈압이 높은 상태로 정의된다."),
    ("The diabetes has gotten worse, right?", "당뇨병이 악화되었다."),
]


@pytest.mark.parametrize(("source", "target"), DANGEROUS)
def test_what_would_harm_a_patient_is_rejected(source, target):
    assert "reject" in [
        failure.check.severity for failure in check_translation(source, target, read_glossary())
    ]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("Give aspirin 75 mg in the morning and 300 mg in the evening.", "아스피린을 아침에 300 mg, 저녁에 75 mg 투여한다."),
        ("The dose is 10 mg for adults and 5 mg for children.", "용량은 성인 5 mg, 어린이 10 mg입니다."),
    ],
)  # fmt: skip
def test_doses_in_another_order_warn_at_least(source, target):
    assert check_translation(source, target, read_glossary())


@pytest.mark.parametrize("source", ["? ?", "… ?", '" ?', "😀 ?", "**?** ?", "'" * 20_000, "'a" * 10_000])
def test_signs_alone_break_nothing(source):
    check_translation(source, "가")
    check_translation(source, source)
