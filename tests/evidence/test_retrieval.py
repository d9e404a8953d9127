"""The passages for a unit, wherever they come from."""

import json

import pytest

from komep_dataset.config.evidence import Embeddings, Evidence
from komep_dataset.evidence.retrieval import Wanted, fused, passages_for
from komep_dataset.schema import question_id
from tests.evidence.loopback_encoder import encoder
from tests.evidence.texts import TEXTS, corpus, rows_of
from tests.loopback import loopback
from tests.real_data import needs_data, rows


def test_provided_texts_are_found_by_the_id_or_by_the_question(tmp_path):
    path = tmp_path / "e.jsonl"
    rows = [
        {"question_id": "0123456789abcdef", "evidence": "By its id."},
        {"question": "What is fever?", "evidence": "By its question."},
    ]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    wanted = [
        Wanted("u", "0123456789abcdef", "Whatever?"),
        Wanted("u", question_id("What is fever?"), "what is Fever?"),
        Wanted("u", "77", "What is fever?"),
        Wanted("u", "78", "Not there?"),
    ]
    found = passages_for(Evidence(provided=path), wanted, tmp_path / "work")
    assert [[one.text for one in passages] for passages in found] == [
        ["By its id."],
        ["By its question."],
        ["By its question."],
        [],
    ]


def found(evidence, folder, *units):
    wanted = [Wanted(unit, "0" * 16, "?") for unit in units]
    return [[one.id for one in passages] for passages in passages_for(evidence, wanted, folder / "work")]


def test_passages_of_a_corpus_are_found_by_the_words_of_a_unit_in_either_language(tmp_path):
    evidence = Evidence(corpus=corpus(tmp_path / "c.jsonl"), passages=2)
    units = [
        "Aspirin blocks thromboxane synthesis.",
        "고혈압 환자가 소금을 줄이면 혈압이 오른다.",
        "Nothing of it?!",
    ]
    best = found(evidence, tmp_path, *units)
    assert best[0][0] == "asa" and best[1][0] == "고혈압" and best[2] == []
    assert best == found(evidence, tmp_path, *units)
    assert found(evidence, tmp_path) == []


def test_where_a_unit_leaves_it_open_the_question_says_what_it_is_about(tmp_path):
    rows = [
        {"id": name, "text": f"{name} is taken once a day."} for name in ("aspirin", "warfarin", "metformin")
    ]
    evidence = Evidence(corpus=corpus(tmp_path / "c.jsonl", rows), passages=1)
    wanted = [
        Wanted(unit, "-", f"How is {name} taken?")
        for name in ("warfarin", "metformin")
        for unit in ("It is taken once a day.", "Aspirin is taken once a day.", "?!")
    ]
    best = [[one.id for one in own] for own in passages_for(evidence, wanted, tmp_path / "work")]
    assert best == [["warfarin"], ["aspirin"], [], ["metformin"], ["aspirin"], []]


def test_of_equal_texts_one_is_shown_and_others_take_the_place(tmp_path):
    rows = [{"id": str(n), "text": "Fever is a sign."} for n in range(60)] + [
        {"id": "other", "text": "A sign of malaria is chills with fever and sweat."}
    ]
    evidence = Evidence(corpus=corpus(tmp_path / "c.jsonl", rows), passages=2)
    assert found(evidence, tmp_path, "fever sign") == [["0", "other"]]


def test_of_many_provided_texts_those_nearest_to_the_unit_are_shown(tmp_path):
    path = tmp_path / "e.jsonl"
    texts = [text for _, text in TEXTS.values()]
    rows = [{"question": "Q one?", "evidence": texts}, {"question": "Q two?", "evidence": texts[:2]}]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    wanted = [Wanted(unit, "-", q) for q in ("Q one?", "Q two?") for unit in ("Metformin and glucose", "INR")]
    found = passages_for(Evidence(provided=path, passages=3), wanted, tmp_path / "work")
    assert [len(one) for one in found] == [3, 3, 2, 2]
    assert found[0][0].text == texts[2] and found[1][0].text == texts[1] and found[2][0].text == texts[0]


def test_rankings_are_fused_by_their_ranks():
    assert fused([[3, 1, 2], [1, 4]]) == [1, 3, 4, 2]
    assert fused([[2, 1], [1, 2]]) == [1, 2] and fused([[], []]) == []


@pytest.mark.parametrize("retriever", ["dense", "both"])
def test_passages_are_found_by_meaning_and_nothing_is_asked_twice(tmp_path, retriever):
    with loopback(encoder()) as (state, url):
        evidence = Evidence(
            corpus=corpus(tmp_path / "c.jsonl"),
            passages=2,
            retriever=retriever,
            embeddings=Embeddings(endpoint=url, model="m", batch=4),
        )
        units = ["Aspirin inhibits thromboxane.", "Warfarin is measured by the INR."]
        best = found(evidence, tmp_path, *units)
        assert [one[0] for one in best] == ["asa", "war"] and {len(one) for one in best} == {2}
        assert len(state.calls) == 3  # six texts, two units
        corpus(evidence.corpus, [{"id": "new", "text": "Something else."}, *rows_of(evidence.corpus)])
        assert [one[0] for one in found(evidence, tmp_path, *units)] == ["asa", "war"]
        assert [body["input"] for body in state.calls[3:]] == [["Something else."]]


@needs_data("kqa")
def test_statements_of_physicians_lead_to_the_answers_that_they_were_taken_from(tmp_path):
    read = rows("kqa/questions_w_answers.jsonl")
    path = corpus(
        tmp_path / "c.jsonl", [{"id": str(i), "text": r["Free_form_answer"]} for i, r in enumerate(read)]
    )
    claims = [
        (str(i), Wanted(claim, "-", r["Question"]))
        for i, r in enumerate(read)
        for claim in r["Must_have"][:2]
    ]
    best = passages_for(Evidence(corpus=path), [one for _, one in claims], tmp_path / "work")
    hits = [id in {p.id.split("#")[0] for p in own} for (id, _), own in zip(claims, best, strict=True)]
    assert sum(hits) / len(hits) > 0.98
