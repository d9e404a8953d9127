"""KorFactScore: lists of atoms; about whom they are, the file beside says."""

import json

from komep_dataset.judge.sets.korfactscore import LABEL
from komep_dataset.judge.sets.registry import read_set

# Written for this project.
ATOMS = ["홍길동은 의사이다.", "그는 서울에서 태어났다.", "그는 상을 받았다."]


def test_atoms_with_the_name_that_the_file_beside_has(tmp_path):
    gold = tmp_path / "gen_bio-x-gold.jsonl"
    rows = [
        dict(zip(("atom", LABEL), row, strict=True)) for row in zip(ATOMS, (True, False, None), strict=True)
    ]
    gold.write_text(json.dumps(rows[:2]) + "\n" + json.dumps(rows[2:]) + "\n")
    read, left_out = read_set("korfactscore", tmp_path)
    assert [(s.label, s.language, s.question) for s in read] == [(True, "ko", None), (False, "ko", None)]
    assert left_out == 1
    sentence = {"text": "…", "model-atomic-facts": [{"text": ATOMS[0]}]}
    whole = {
        "topic": "홍길동",
        "output": "…",
        "annotations": [sentence, {"text": "…", "model-atomic-facts": None}],
    }
    (tmp_path / "gen_bio-x.jsonl").write_text(json.dumps(whole) + "\n")
    assert {s.question for s in read_set("korfactscore", gold)[0]} == {"홍길동의 생애를 알려 주세요."}
    gold.write_text(json.dumps(rows) + "\n")  # a single biography
    assert len(read_set("korfactscore", gold)[0]) == 2
