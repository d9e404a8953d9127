"""Pairs and scores without a release: those of a release of the same rows."""

import inspect
import json

import pytest

import komep_dataset as komep
from komep_dataset.build_options import OPTIONS
from komep_dataset.dahl import score_response
from komep_dataset.samples import SAMPLE_INPUT
from komep_dataset.schema import Unit
from tests.scored_rows import GOOD, row

SAMPLE = [json.loads(line) for line in SAMPLE_INPUT.read_text("utf-8").splitlines()[:100]]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pairs": "all", "balance_models": 0.5},
        {"min_margin": 0.2, "utility": "f1"},
        {"near_duplicates": "reject"},
    ],
    ids=str,
)
def test_they_are_the_rows_of_a_release(options, tmp_path):
    built = komep.build(SAMPLE, tmp_path / "komep", **options)
    for config in ("ko", "en"):
        assert komep.pairs(SAMPLE, config, **options).equals(komep.load(built.folder, config, to="polars"))
    assert komep.pairs(SAMPLE, **options).height == built.facts["pairs"]


def test_as_sets_they_are_what_a_release_loads_as(tmp_path):
    built = komep.build(SAMPLE, tmp_path / "komep")
    loaded, made = komep.load(built.folder), komep.pairs(SAMPLE, "ko", to="datasets")
    assert {s: r.features for s, r in made.items()} == {s: r.features for s, r in loaded.items()}
    assert {s: r.to_list() for s, r in made.items()} == {s: r.to_list() for s, r in loaded.items()}
    assert komep.pairs(SAMPLE, to="datasets")["train"].column_names[-3:] == [
        "question_ko",
        "chosen_ko",
        "rejected_ko",
    ]


def test_none_and_bad_ones_are_told():
    with pytest.warns(UserWarning, match=r"^note: no pair in ko; 1 reject \(untranslated 1\)$"):
        assert komep.pairs(GOOD, "ko").is_empty()
    with pytest.warns(UserWarning, match=r"^note: no pair; 1 reject \(too_few_responses 1\)$"):
        assert komep.pairs(GOOD[:1]).is_empty()
    with pytest.raises(
        komep.KomepError, match=r'(?s)row 3: units: wrong_type.*leave them out: on_error="reject" writes them'
    ):
        komep.pairs([*GOOD, row("bad", units=1)])
    with pytest.warns(UserWarning, match="bad rows that are left out: 1, first row 3: units: wrong_type"):
        assert komep.pairs([*GOOD, row("bad", units=1)], on_error="reject").height == 1
    for wrong in ({"to": "pandas"}, {"config": "scored"}, {"on_error": "go on"}):
        with pytest.raises(komep.KomepError, match=rf"^{next(iter(wrong))}\b.*give"):
            komep.pairs(GOOD, **wrong)
    with pytest.raises(komep.KomepError, match=r"^scored: an empty list; give a table or rows"):
        komep.pairs([])


def test_columns_of_other_names():
    """One map for both, in rows that are written in Korean."""
    given = [{"질문" if name == "question" else name: value for name, value in one.items()} for one in SAMPLE]
    assert komep.pairs(given, columns={"질문": "question"}).equals(komep.pairs(SAMPLE))
    assert komep.models(given, columns={"질문": "question"}) == komep.models(SAMPLE)
    with pytest.raises(komep.KomepError, match="there is no column '물음'"):
        komep.pairs(given, columns={"물음": "question"})


def test_the_package_of_the_name_is_called_like_the_function():
    assert inspect.signature(komep.pairs) == inspect.signature(komep.make_pairs)
    assert {option.name for option in OPTIONS} < set(inspect.signature(komep.pairs).parameters)


@pytest.mark.parametrize("mode", ["strict", "paper"])
@pytest.mark.parametrize("verdicts", [["true", "false"], ["true", "unknown"], [], ["false"]], ids=str)
def test_units_are_scored_as_the_stage_scores_them(verdicts, mode):
    for response in ("An answer.", "I don't know."):
        score, status = score_response(response, [Unit("", verdict) for verdict in verdicts], mode)
        assert komep.score_units(verdicts, response, mode=mode) == (status, score)
        assert komep.score_units([{"text": "", "verdict": v} for v in verdicts], response, mode=mode) == (
            status,
            score,
        )


def test_verdicts_in_other_words_and_what_is_none():
    assert komep.score_units([True, "거짓", Unit("", "True"), "참"]) == ("scored", 0.75)
    with pytest.raises(
        komep.KomepError, match=r"give true, false, unknown:\n  unit 1: 'maybe'\n  unit 3: None$"
    ):
        komep.score_units(["maybe", "true", None])
    for wrong in ("true", {"text": "a", "verdict": "true"}, 5):
        with pytest.raises(komep.KomepError, match="give a list of verdicts or units"):
            komep.score_units(wrong)
    with pytest.raises(komep.KomepError, match="mode papr: give one of strict, paper"):
        komep.score_units([], mode="papr")
