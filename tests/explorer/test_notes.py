"""What stands in quality.json and build.json in English is said in the language of the page, whatever its figures are."""

import re
from pathlib import Path

import pytest

from komep_dataset.explorer.notes import evidence_told
from komep_dataset.explorer.report import write_report
from komep_dataset.gates import personal_data, template_marks, unsafe_directives
from komep_dataset.gates.contamination import Overlap
from komep_dataset.gates.near_duplicates import ANSWERS_ALIKE
from komep_dataset.gates.trial.gate import TEXTS, Found
from komep_dataset.gates.trial.run import shown
from komep_dataset.release.build import build
from komep_dataset.templates import heard, speaking, words
from tests.explorer.pages import seen, write_jsonl

OVERLAP = Overlap(0, "question_ko", "KorMedMCQA", "test", 12, 0.934, 'a "run"; of\ntwo lines')
FOUND = {
    Found("phone number", "01… (13 characters)"): "chosen",
    Found("stops a treatment", "Stop it; now in chosen: at once."): "rejected_ko",
}
SAID = {
    str(OVERLAP): 'KorMedMCQA, test 12행: 문항(한국어)의 한 구절과 n-그램 0.93이 같음; 가장 긴 공통 구간(21자) "a "run"; of\ntwo lines"',
    ANSWERS_ALIKE.format(similar="0.86"): "두 답변이 서로 거의 같음(자카드 0.86)",
    shown(FOUND): "선택의 전화번호: 01… (13자); 거부(한국어)의 치료를 끊게 하는 문장: Stop it; now in chosen: at once.",
    "words of nobody": "words of nobody",
}  # fmt: skip


@pytest.mark.parametrize("english", SAID)
def test_evidence_is_said_in_the_language_of_the_page(english):
    assert evidence_told(english) == english
    with speaking("ko"):
        assert evidence_told(english) == SAID[english]


def test_every_kind_that_a_gate_finds_has_its_korean():
    kinds = {kind for kind, *_ in personal_data._FORMS} | {rule.kind for rule in unsafe_directives.RULES}
    source = re.findall(r'Found\("([^"]+)"', Path(template_marks.__file__).read_text("utf-8"))
    assert len(source) > 4 and {*kinds, *source, *TEXTS} - words().keys() == set()


def test_no_note_of_a_build_is_left_in_english_on_the_korean_page(tmp_path):
    names = [
        "fever",
        "cough",
        "rash",
        "pain",
        "edema",
        "chills",
        "ataxia",
        "tremor",
        "anemia",
        "icterus",
        "vertigo",
    ]
    rows = [
        {
            "question": f"How are {names[n]} and {names[n - 4]} told apart?", "category": "c", "model": model,
            "response": f"{model}: write to kim{n}@hospital.co.kr. Stop taking your insulin at once. [INST]",
            "units": [{"text": f"U{i}", "verdict": "true" if i < true else "false"} for i in range(5)],
        }
        for n in range(len(names)) for model, true in (("a", 4), ("b", 1))
    ]  # fmt: skip
    item = write_jsonl(tmp_path / "bench.jsonl", [{"question": rows[0]["question"], "answer": "A"}])
    made = build(
        [write_jsonl(tmp_path / "in.jsonl", rows)], tmp_path / "komep", utility="f1", pairs="trimmed",
        near_duplicates="report", decontaminate={"bench": item},
    )  # fmt: skip
    page = write_report(made.folder, tmp_path / "report.html").read_text("utf-8")
    english, korean = (seen(page, language) for language in ("en", "ko"))
    sentences = (
        "K is the median number of units of 22 answers", "the mean score of all answers minus", "e-mail address in chosen",
        "row 1: 1.00 of the n-grams", "near-duplicates of each other", "stops a treatment in",
    )  # fmt: skip
    assert (
        [one for one in sentences if one not in english] == [one for one in sentences if one in korean] == []
    )


def test_a_sentence_is_taken_apart_where_it_was_put_together():
    with speaking("ko", {"{a}.*{b} (x)": "{b}{a}", "red": "빨강"}):
        assert heard("red.*red (x)", ["no", "{a}.*{b} (x)"], ["b"]) == "빨강red"
        assert heard("{a} red (x)", ["{a}.*{b} (x)"]) == "{a} red (x)"
