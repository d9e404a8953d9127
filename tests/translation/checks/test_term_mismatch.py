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
