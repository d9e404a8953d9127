"""The shipped sample is what its README says, and its program still makes it."""

import json
import unicodedata
from collections import Counter
from importlib.resources import files

import pytest

from komep_dataset.release.build import build
from komep_dataset.samples import generate

SAMPLES = files("komep_dataset") / "samples"
FACTS = [json.loads(line) for line in (SAMPLES / "facts.jsonl").read_text("utf-8").splitlines()]
CATEGORIES = [
    "pediatrics", "psychiatry", "anaesthesia", "radiology", "surgery", "dental", "immunology",
    "preventive and social medicine", "statistics", "dermatology", "pharmacology", "cardiology", "biochemistry", "anatomy",
    "forensic medicine", "orthopaedics", "physiology", "microbiology", "ophthalmology", "public health", "bio-statistics",
    "oncology", "ent", "neurology", "community medicine", "pathology", "medicine", "obstetrics gynaecology", "genetics",
]  # fmt: skip
SUBJECTS = ("doctor", "nurse", "pharm", "dentist")
COLUMNS = ["subject", "year", "period", "q_number", "question", "A", "B", "C", "D", "E", "answer", "cot"]


def test_two_questions_for_each_category_of_dahl():
    assert Counter(f["category"] for f in FACTS) == dict.fromkeys(CATEGORIES, 2)
    assert all("written for the KoMeP project" in f["origin"] for f in FACTS)


def test_five_true_and_five_false_statements_in_both_languages():
    statements = [s for f in FACTS for label in ("true", "false") for s in f[label]]
    assert all(len(f[label]) == 5 for f in FACTS for label in ("true", "false"))
    for language in ("en", "ko"):
        texts = [s[language] for s in statements]
        assert len(set(texts)) == 580
        assert all(t == unicodedata.normalize("NFC", " ".join(t.split())) for t in texts)
    assert all(s["en"].endswith(".") and s["ko"].endswith("다.") for s in statements)
    assert all(any("가" <= c <= "힣" for c in s["ko"]) and s["en"].isascii() for s in statements)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_length_does_not_tell_true_from_false(language):
    means = [
        sum(len(s[language]) for f in FACTS for s in f[label]) / (5 * len(FACTS))
        for label in ("true", "false")
    ]
    assert abs(means[0] / means[1] - 1) < 0.1


def test_the_generations_are_what_the_program_makes():
    shipped = [
        json.loads(line) for line in (SAMPLES / "scored_generations.jsonl").read_text("utf-8").splitlines()
    ]
    assert shipped == generate.generate(FACTS)
    assert generate.generate(FACTS, seed=1) != shipped


def test_the_injections_are_balanced_and_hold_a_statement_each():
    rows = [json.loads(x) for x in (SAMPLES / "injections.jsonl").read_text("utf-8").splitlines()]
    assert Counter((r["language"], r["pushes"]) for r in rows) == {
        ("en", True): 15, ("en", False): 5, ("ko", True): 15, ("ko", False): 5,
    }  # fmt: skip
    assert all(r["text"].count("{statement}") == 1 for r in rows) and len({r["text"] for r in rows}) == 40
    assert all("written for the KoMeP project" in r["origin"] for r in rows)


def test_reliability_shows_in_the_scores_and_every_status_occurs(tmp_path):
    models = build([], tmp_path / "komep").facts["models"]
    means = [models[r.name]["dahl"]["mean"] for r in generate.RESPONDERS]
    assert means == sorted(means, reverse=True)
    statuses = Counter()
    for model in models.values():
        statuses.update(model["statuses"])
    assert all(statuses[s] for s in ("scored", "abstained", "empty", "unparsed"))


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize(("split", "n"), [("fewshot", 5), ("test", 15)])
def test_items_in_the_shape_of_kormedmcqa(subject, split, n):
    text = (SAMPLES / "kormedmcqa" / subject / f"{split}.jsonl").read_text("utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    assert len(rows) == n
    assert all(list(row) == COLUMNS for row in rows)
    assert all(row["subject"] == subject and row["year"] == row["period"] == 0 for row in rows)
    assert all(len({row[letter] for letter in "ABCDE"}) == 5 for row in rows)
    assert Counter(row["answer"] for row in rows) == dict.fromkeys(range(1, 6), n // 5)


def test_no_question_stands_in_both_splits():
    for subject in SUBJECTS:
        questions = [
            json.loads(line)["question"]
            for split in ("fewshot", "test")
            for line in (SAMPLES / "kormedmcqa" / subject / f"{split}.jsonl").read_text("utf-8").splitlines()
        ]
        assert len(set(questions)) == 20
