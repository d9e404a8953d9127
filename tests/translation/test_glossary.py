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
        assert [form for form in forms if SHIPPED.missing(term, form)] == []


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
    assert (term not in SHIPPED.missing(source, target)) is carried


@pytest.mark.parametrize(
    ("source", "target", "missing"),
    [
        # another right word, older and newer, spaced and written otherwise, with particles and in compounds
        ("Cardiomyopathy may be inherited.", "심근증은 유전될 수 있다.", []),
        ("He has hemoptysis.", "혈담이 있다.", []),
        ("hyperthyroidism and thyroid gland", "갑상샘기능항진증과 갑상샘", []),
        ("chronic kidney disease", "만성 콩팥 질환에서", []),
        ("rheumatoid arthritis", "류머티즘성 관절염 환자", []),
        ("ischemic stroke in type 2 diabetes", "2형당뇨병환자의 허혈뇌졸중", []),
        ("Thromboses and embolisms", "혈전과 색전", []),
        ("Vertigo and syncope", "어지러움과 기절", []),
        ("She vomits; vomiting is common.", "토하는 일이 흔하다.", []),
        ("The bill was a headache for him.", "그 법안은 그에게 골칫거리였다.", []),
        ("a tropical depression", "열대 저기압", []),
        # as clinicians keep it
        ("HbA1c and MRI", "HbA1c를 재고 MRI를 찍는다", []),
        ("A pheochromocytoma", "크롬세포성 종양(pheochromocytoma)", []),
        ("MRI of the brain", "머리 MRI상 이상이 없다", []),
        # none of them
        ("A pheochromocytoma", "신경모세포종", ["pheochromocytoma"]),
        ("A pheochromocytoma", "그 pheochromocytoma", ["pheochromocytoma"]),
        ("computed tomography", "factor", ["computed tomography"]),
        ("Vomiting is rare.", "이를 검토하였다.", ["vomiting"]),
        ("Pneumonia is common.", "폐렴알균은 흔하다.", ["pneumonia"]),
        ("Hypotension and anemia", "고혈압과 빈혈", ["hypotension"]),
    ],
)
def test_any_right_word_counts_and_no_other(source, target, missing):
    assert SHIPPED.missing(source, target) == missing


@pytest.mark.parametrize(
    ("source", "target", "strange"),
    [
        ("Kidney failure is common.", "간부전은 흔하다.", ["liver failure"]),
        ("Migraine is common.", "편두통은 흔하다.", []),
        ("The incidence of influenza", "독감의 발생", []),
        ("The flu is common.", "사람이 많이 발생한다. 열대에서", []),
        ("It grew.", "심부정맥혈전증이 커졌다.", ["deep vein thrombosis"]),
    ],
)
def test_terms_of_which_the_source_says_nothing(source, target, strange):
    assert SHIPPED.strange(source, target) == strange


def test_a_file_of_ones_own_says_what_holds_a_form_by_chance(tmp_path):
    path = tmp_path / "g.tsv"
    path.write_text("fever\t열\t발열|!열대\ntendon\t건\n", "utf-8")
    read = read_glossary(path)
    assert read.accepted("fever") == ("열", "발열")
    assert (read.missing("a fever", "열대의 밤"), read.missing("a fever", "열이 난다")) == (["fever"], [])
    path.write_text("fever\t!열대\t열\n", "utf-8")
    with pytest.raises(KomepError, match=r"g\.tsv:1: an empty English term or Korean form"):
        read_glossary(path)
