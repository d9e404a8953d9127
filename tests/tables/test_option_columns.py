"""Options of multiple-choice questions under any names, and columns that are none."""

import pytest

from komep_dataset.tables.option_columns import option_columns, telling_columns

TAKEN = {"question", "category"}


@pytest.mark.parametrize(
    "row",
    [
        {"보기1": "간염", "보기2": "폐렴", "정답": "1"},
        {"①": "간염", "②": "폐렴", "③": "", "정답": "①"},
        {"1": "간염", "2": "폐렴"},
        {"answerA": "a", "answerB": "b"},
        {"Response A": "a", "Response B": "b", "Correct": "1"},
        {"candidate_1": "a", "candidate_2": "b"},
        {"distractor1": "a", "distractor2": "b", "correct_answer": "c"},
        {"ending0": "a", "ending1": "b"},
        {"alternative_a_ko": "가", "alternative_b_ko": "나"},
        {"opa": "a", "opb": "b"},
        {"choices": ["a", "b"]},
        {"endings": ["a", "b"], "label": 0},
        {"candidates": ["a", "b"], "gold": "b"},
        {"candidates": "['a', 'b c']", "answer_idx": "1"},
        {"incorrect_answers": ["a", "b"], "correct_answer": "c"},
        {"mc1_targets": {"choices": ["a", "b"], "labels": [1, 0]}},
        {"alternatives": {"A": "a", "B": "b"}},
        {"answers": [{"text": "a", "is_correct": True}, {"text": "b", "is_correct": False}]},
        {"선지": "① 간염 ② 폐렴", "정답": "2"},
    ],
)
def test_options_are_seen(row):
    row = {"question": "Which?", "category": "c", "id": 7} | row
    found = option_columns(row, TAKEN)
    assert found and not {"question", "category", "id", "label", "정답", "gold"} & set(found)


@pytest.mark.parametrize(
    "row",
    [
        {"id": "a1", "source": "KMLE", "year": 2021, "q_number": 3, "answer": "ECG", "explanation": "Because."},
        {"tags": ["heart", "ecg"], "keywords": "['a', 'b']", "answer": "1"},
        {"source1": "a", "source2": "b", "ref_1": "x", "ref_2": "y", "label_0": "a", "label_1": "b"},
        {"Unnamed: 0": "0", "Unnamed: 1": "x", "Unnamed: 2": "y"},
        {"contexts": ["a", "b"], "labels": ["BACKGROUND", "RESULTS"], "final_decision": "yes"},
        {"Must_have": ["a", "b"], "Free_form_answer": "An answer."},
        {"meta": {"exam": "x", "round": 3}, "answers": {"text": ["a", "b"], "answer_start": [17, 20]}},
        {"question": "Which? ① a ② b", "해설": "① is right, ② is not", "정답": "1"},
        {"H1": "a", "note": "1. first 2. second"},
    ],
)  # fmt: skip
def test_other_columns_are_left_alone(row):
    assert option_columns({"question": "What is it?", "category": "c"} | row, TAKEN) == []


@pytest.mark.parametrize(
    ("one", "other", "telling"),
    [
        ({"context": "환자 갑"}, {"context": "환자 을"}, ["context"]),
        ({"선지들": ["a"]}, {"선지들": ["b"]}, ["선지들"]),
        ({"vignette": "A man."}, {}, ["vignette"]),
        ({"answer": "ECG"}, {"answer": "CT scan"}, ["answer"]),
        (
            {"id": "x", "번호": "1", "year": "2021", "source": "a b", "code": "Q-1", "answer": "1", "tag1": "u"},
            {"id": "y", "번호": "9", "year": "2022", "source": "c d", "code": "Q-2", "answer": "3", "tag1": "v"},
            [],
        ),
        ({"Category": "a"}, {"Category": "b"}, []),
        ({"context": "same"}, {"context": "same"}, []),
        ({"image": "img0.png"}, {"image": "img1.png"}, ["image"]),
        ({"image_url": "https://h/1"}, {"image_url": "https://h/2"}, ["image_url"]),
        ({"images": [{"bytes": b"a"}]}, {"images": [{"bytes": b"b"}]}, ["images"]),
        ({"fig": 1, "Stem_Image": "a1", "그림": "1"}, {"fig": 2, "Stem_Image": "a2"}, ["fig", "Stem_Image", "그림"]),
        ({"link": "https://h/a/1.wav?x=1"}, {"link": "https://h/a/2.wav?x=1"}, ["link"]),
        ({"url": "https://h/a", "config": "a1", "source_url": "x"}, {"url": "https://h/b", "config": "b2"}, []),
    ],
)  # fmt: skip
def test_what_tells_two_rows_of_a_question_apart(one, other, telling):
    assert telling_columns(one, other, TAKEN) == telling
