"""Terms of the glossary that a translation must use."""

from komep_dataset.translation.checks.registry import check_translation
from komep_dataset.translation.glossary import Glossary, read_glossary


def reasons(target, glossary):
    return [f.reason for f in check_translation("Beta blockers treat hypertension.", target, glossary)]


def test_terms():
    target = "베타 차단제는 고혈압을 치료한다."
    assert reasons(target, Glossary.of({"hypertension": ("고혈압",)})) == []
    assert reasons(target, Glossary.of({"hypertension": ("높은 혈압",)})) == ["term_mismatch"]
    assert reasons(target, Glossary.of({"hypertension": ("높은 혈압", "고혈압")})) == []
    assert reasons(target, read_glossary()) == []
    assert reasons(target.replace("고혈압", "저혈압"), read_glossary()) == ["term_mismatch"]


def test_what_a_source_says_in_another_word_is_no_exchange():
    source = "Next we join these ACE inhibitor eras to our original cohort and use their end dates."
    target = "다음으로 이 ACE inhibitor 기간을 기존 코호트에 합치고 그 종료 날짜를 쓴다."
    failures = check_translation(source, target, read_glossary())
    assert [f.check.severity for f in failures if f.reason == "term_mismatch"] == ["warn"]


def test_another_term_in_its_place_rejects_and_a_word_that_is_not_known_warns():
    def found(source, target):
        failures = check_translation(source, target, read_glossary())
        return [(f.check.severity, f.detail) for f in failures if f.reason == "term_mismatch"]

    source = "Hypertension harms the kidneys."
    assert found(source, "저혈압은 콩팥을 해친다.") == [
        ("reject", "hypertension: no 고혈압 or 혈압이 높 or 높은 혈압, but 저혈압")
    ]
    assert found(source, "혈관의 긴장은 콩팥을 해친다.") == [
        ("warn", "hypertension: no 고혈압 or 혈압이 높 or 높은 혈압")
    ]
    # What stands in another sentence has not taken its place.
    more = " Many people have the flu in winter, and most of them recover at home within a few days."
    korean = " 겨울에는 많은 사람이 독감에 걸리며, 그 가운데 대부분은 며칠 안에 집에서 낫는다."
    assert [severity for severity, _ in found(source + more, "혈관의 긴장은 콩팥을 해친다." + korean)] == [
        "warn"
    ]
