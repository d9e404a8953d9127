"""The glossary: its file, and which of its terms a text uses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from komep_dataset.errors import KomepError
from komep_dataset.translation.glossary import Glossary, read_glossary

SHIPPED = read_glossary()


def test_the_shipped_glossary():
    assert len(SHIPPED) >= 320
    assert SHIPPED.accepted("myocardial infarction") == ("심근경색", "심근경색증")
    assert SHIPPED.accepted("no such term") == ()
    for term, forms in SHIPPED.forms.items():
        assert SHIPPED.terms_in(term) == {term: forms[0]}


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Portal hypertension and HYPERTENSION", ["portal hypertension", "hypertension"]),
        ("portal\nhypertension", ["portal hypertension"]),
        ("portal, hypertension", ["hypertension"]),
        ("Hearing aids are not AIDS.", ["AIDS"]),
        ("biopsies, metastases, beta blockers and MRIs", ["biopsy", "metastasis", "beta-blocker", "MRI"]),
        ("Crohn’s disease", ["Crohn's disease"]),
        ("prehypertension, hypertensions-free", ["hypertension"]),
        ("CT를 보고 edema가 있다", ["edema"]),
        ("stroke volume", ["stroke volume"]),
        ("", []),
    ],
)
def test_terms_in(text, terms):
    assert list(SHIPPED.terms_in(text)) == terms


@given(
    st.lists(st.sampled_from(sorted(SHIPPED.forms)), min_size=1, max_size=5),
    st.sampled_from([". ", ", ", "; ", "\n\n", " 및 "]),
    st.sampled_from([str, str.upper, str.capitalize]),
)
@settings(max_examples=100, deadline=None)
def test_terms_are_found_wherever_they_stand(terms, between, written):
    text = between.join(term if term.isupper() else written(term) for term in terms)
    assert list(SHIPPED.terms_in(text)) == list(dict.fromkeys(terms))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"fever\n", "g.tsv:1: 1 column(s) in 'fever'"),
        ("# note\nfever\t열\t발열\tx\n".encode(), "g.tsv:2: 4 column(s)"),
        (b"fever\t\n", "g.tsv:1: an empty English term or Korean form"),
        ("\t열\n".encode(), "g.tsv:1: an empty English term"),
        ("fever\t열\t발열||\n".encode(), "g.tsv:1: an empty English term or Korean form"),
        (
            "fever\t열\n\nFever\t발열\n".encode(),
            "g.tsv:3: 'Fever' is translated '발열' here and '열' in line 1",
        ),
        (b"a\t\xff\n", "g.tsv:1: not UTF-8 (byte 2)"),
        (b"# nothing\n", "g.tsv: no term"),
    ],
)
def test_a_bad_glossary_names_file_and_line(tmp_path, content, message):
    path = tmp_path / "g.tsv"
    path.write_bytes(content)
    with pytest.raises(KomepError) as error:
        read_glossary(path)
    assert message in str(error.value)


def test_other_files(tmp_path):
    path = tmp_path / "g.tsv"
    with pytest.raises(KomepError, match=r"g\.tsv: cannot be read"):
        read_glossary(path)
    path.write_bytes("\ufeff# x\r\nfever\t열\t발열\r\nfever\t열\t발열\r\n".encode())
    assert read_glossary(path) == Glossary.of({"fever": ("열", "발열")})


@pytest.mark.parametrize(
    ("source", "target", "term", "carried"),
    [
        ("Headache is common.", "두통은 흔하다.", "headache", True),
        ("Headache is common.", "편두통은 흔하다.", "headache", False),
        ("Migraine headache is common.", "편두통은 흔하다.", "headache", True),
        ("Eclampsia is rare.", "전자간증은 드물다.", "eclampsia", False),
        ("Take your blood pressure pill.", "끊지 않고 혈압약을 복용한다.", "blood pressure", True),
        ("Blood pressure is measured.", "고혈압을 측정한다.", "blood pressure", False),
        ("Chickenpox is mild.", "수두증은 가볍다.", "chickenpox", False),
        ("The trachea is narrow.", "기관지가 좁다.", "trachea", False),
        ("The trachea and the bronchi", "기관과 기관지", "trachea", True),
    ],
)
def test_a_form_inside_another_word_does_not_count(source, target, term, carried):
    assert SHIPPED.carries(source, target, term) is carried
