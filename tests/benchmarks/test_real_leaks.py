"""The measurement on real texts, over files made here: which rows it takes for what, and what it says where some are missing."""

import csv
import json
import re

from benchmarks import leaks, real_leaks
from komep_dataset.gates.contamination import THRESHOLD, Index
from komep_dataset.gates.trial.benchmark_files import Benchmark, read_benchmark

ITEM = "우체통이 빨간색으로 칠해진 까닭으로 옳은 것은?"
ASKED = {
    "doctor": ["우체통이 빨간색으로 칠해진 까닭은?", "강가에서 연을 날릴 때 먼저 살펴볼 것은?"],
    "pharm": ["등대의 불빛이 깜박이는 주기를 정하는 기관은?", "겨울에 배추를 절일 때 쓰는 소금의 굵기는?"],
}
HEAD = ["subject", "question", *"ABCDE", "answer", "cot"]


def write(path, questions):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEAD)
        rows.writerows(["s", one, "하나", "둘", "셋", "넷", "다섯", "1", ""] for one in questions)


def test_training_questions_are_measured_by_their_labels_where_the_files_are(tmp_path, monkeypatch):
    for subject in real_leaks.SUBJECTS:
        write(tmp_path / f"kormedmcqa/{subject}/test.csv", [ITEM])
    said = next(real_leaks.measured(tmp_path))
    assert re.match(r"not measured: the training questions of doctors and pharmacists, as \S+ has no ", said)
    assert said.endswith(", ".join(real_leaks.TRAINING))

    for subject, questions in ASKED.items():
        write(tmp_path / f"kormedmcqa/{subject}/train.csv", questions)
    replies = tmp_path / real_leaks.TRAINING[2]
    replies.parent.mkdir()
    replies.write_text(
        "".join(json.dumps({"answer": f"설명 {n}"}) + "\n" for n in range(len(ASKED["pharm"]))), "utf-8"
    )
    labels = tmp_path / "labels.csv"
    labels.write_text("text,item,label\ndoctor/train 1,doctor/test 1,same\n", "utf-8")
    monkeypatch.setattr(real_leaks, "LABELS", labels)
    monkeypatch.setattr(real_leaks, "half", lambda text: 1)
    items = list(read_benchmark("k", tmp_path / "kormedmcqa/doctor/test.csv").items)
    groups = real_leaks.training(tmp_path, items, 1)
    assert {name: len(rows) for name, rows in groups.items()} == {
        "repeat, same": 1,
        "repeat, same, options": 1,
        "repeat, words": 0,
        "repeat, varied": 0,
        "clean explanation": 2,
        "clean question": 3,
        "clean pair": 3,
    }
    assert [row["chosen_ko"] for row in groups["clean pair"][1:]] == ["설명 0", "설명 1"]  # each with its own
    index = Index([Benchmark("k", tuple(items))])
    assert min(leaks.shares(index, groups["repeat, same"] + groups["repeat, same, options"])) >= THRESHOLD
    assert max(leaks.shares(index, groups["clean pair"])) < THRESHOLD
    assert not any(real_leaks.training(tmp_path, items, 0).values())


def test_labels_name_a_row_once_and_no_text():
    rows = real_leaks.table(real_leaks.LABELS)
    assert len({row["text"] for row in rows}) == len(rows)
    for row in rows:
        assert re.fullmatch(r"(gemini_replies/)?\w+(/\w+)? \d+", row["text"])
        assert re.fullmatch(r"\w+/test \d+", row["item"]) and row["label"] in ("same", "words", "varied")


def test_worked_examples_that_are_reported_are_counted_by_their_labels(tmp_path, monkeypatch):
    for subject in real_leaks.SUBJECTS:
        write(tmp_path / f"{subject}/test.csv", [ITEM if subject == "pharm" else f"{subject}의 역사는?"])
    for subject, questions in ASKED.items():
        write(tmp_path / subject / "train.csv", questions)
    labels = tmp_path / "labels.csv"
    labels.write_text("text,item,label\ndoctor/train 1,pharm/test 1,same\npharm/train 2,,same\n", "utf-8")
    monkeypatch.setattr(real_leaks, "LABELS", labels)
    rows = list(real_leaks.reported(tmp_path))[2:]
    assert f"| train | {THRESHOLD} (used) | 1 | 1 of 2 | 0 of 0 | 0 | 0 |" in rows
    assert len(rows) == len(real_leaks.SHOWN)  # no valid.csv
    assert real_leaks.labelled("nurse", "train", 0) == "gemini_replies/nurse 1"
