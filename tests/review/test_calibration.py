"""Marks of statements as a calibration of the judge, and a blind review there and back with reviewers whose errors are known."""

import json
import random

import pytest
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.judge.record import read_record
from komep_dataset.judge.statements import read_statements
from komep_dataset.release.build import build
from komep_dataset.review.agreement import Judgement
from komep_dataset.review.calibration import of_marks
from komep_dataset.review.sheet import read_material, write_sheets
from komep_dataset.review.words import Mark
from tests.review.sheets import blinded_answers, pair_of, rows_of, save
from tests.scored_rows import write

krippendorff = pytest.importorskip("krippendorff", reason="comes with the extra [dev]")

JUDGE_ERRS, REVIEWERS_ERR = 0.2, (0.1, 0.25)


def says(pair: str, reviewer: str, *marks: Mark) -> Judgement:
    return Judgement(pair, reviewer, None, None, "", "", "", "", marks=marks)


def test_a_label_is_what_most_say_and_where_they_contradict_each_other_there_is_none(material, release):
    pair = next(id for id, p in material.pairs.items() if p.origin == "translated")
    verdicts = [unit["verdict"] for unit in material.beside[pair].units["rejected"]]
    assert verdicts[0] == "true" and verdicts[-1] == "false"
    yes, no, open_ = (lambda n, label=label: Mark("rejected", n, label) for label in (True, False, None))
    said = [
        says(pair, "a", yes(0), no(3), yes(2)),
        says(pair, "b", yes(0), no(3), no(2)),
        says(pair, "c", no(0), open_(1)),
    ]
    found, record, statements = of_marks(said, material, release)
    assert (found["marks"], found["cannot_say"], found["contradicted"], found["labelled"]) == (8, 1, 1, 2)
    assert [(one.text, one.label, one.language) for one in statements] == [
        (material.beside[pair].units["rejected"][n]["text"], n == 0, "en") for n in (0, 3)
    ]
    assert record.groups[0].accuracy.hits == 2 and record.requests == 0 and record.ranking.pairs == 20
    assert of_marks([says(pair, "a", open_(0))], material, release)[1:] == (None, [])


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    """300 pairs whose truth is known, a judge that errs on a fifth of their statements, and what two reviewers say, blind."""
    folder, dice, rows, truth = tmp_path_factory.mktemp("trip"), random.Random(11), [], {}
    for n in range(300):
        for model in "ab":
            labels = [dice.random() < (0.8 if model == "ab"[n % 2] else 0.3) for _ in range(5)]
            units = []
            for i, label in enumerate(labels):
                text = f"{model}{i} of {n}"
                truth[text] = label
                units.append(
                    {"text": text, "verdict": str(label if dice.random() > JUDGE_ERRS else not label).lower()}
                )
            rows.append(
                {
                    "question": f"Q{n}?",
                    "category": "c",
                    "model": model,
                    "response": f"{model} {n}",
                    "units": units,
                }
            )
    release = build([write(folder / "s.jsonl", rows)], folder / "komep").folder
    material, sheets = read_material(release), []
    folders = write_sheets(release, folder / "sheets", n=250, reviewers=2, shared=200)
    for place, error, own in zip(folders, REVIEWERS_ERR, (random.Random(1), random.Random(2)), strict=True):
        filled = []
        for row in rows_of(place / "review.csv"):
            units = material.beside[pair_of(row, material)].units
            said = {"better": "rejected" if own.random() < error else "chosen"}
            for side, all_of in units.items():
                labels = [truth[unit["text"]] is not (own.random() < error) for unit in all_of]
                said[f"{side}_marks"] = " ".join("XO"[label] for label in labels)
            if own.random() < 0.1:
                said["better"] = own.choice(["같음", "모름"])
            filled.append(row | blinded_answers(row, material, said))
        sheets.append(save(place / "review.csv", filled, delimiter=";"))
    command = [
        "review",
        "import",
        *map(str, sheets),
        "--release",
        str(release),
        "--output",
        str(folder / "review.json"),
    ]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    return folder, sheets, json.loads((folder / "review.json").read_text("utf-8")), done.output, truth


def test_the_reviewers_errors_are_found_in_the_agreement_with_the_release(reviewed):
    _, _, record, shown, _ = reviewed
    said = record["preference"]
    for (name, one), error in zip(said["by_reviewer"].items(), REVIEWERS_ERR, strict=True):
        assert one["low"] < 1 - error < one["high"], name
    agreed = said["agreement"]
    assert agreed["low"] < 1 - sum(REVIEWERS_ERR) / 2 < agreed["high"] and agreed["pairs"] > 200
    assert said["place"]["low"] < 0.5 < said["place"]["high"]
    assert 20 < said["same"] + said["unsure"] < 80
    assert (
        f"{said['same']} same, {said['unsure']} unsure" in shown and "agreement with the release: " in shown
    )


def test_alpha_is_what_these_errors_give(reviewed):
    """Both right or both wrong: 0.9 × 0.75 + 0.1 × 0.25 = 0.7, where a coin gives 0.5: alpha 0.4. Of statements, of which
    `true` and `false` are no names for two like things, it is that of the package."""
    _, _, record, _, _ = reviewed
    one = record["alpha"]["preference"]
    assert one["low"] < 0.4 < one["high"] and 150 < one["items"] <= 200
    assert record["alpha"]["statements"]["items"] == 200 * 10


def test_the_alpha_of_statements_is_that_of_the_package(reviewed):
    folder, sheets, record, _, _ = reviewed
    material = read_material(folder / "komep")
    said: dict = {}
    for sheet in sheets:
        text = sheet.read_text("utf-8-sig").replace(";", ",")
        (folder / "comma.csv").write_text(text, "utf-8-sig")
        for row in rows_of(folder / "comma.csv"):
            for letter in "ab":
                for unit, mark in zip(
                    row[f"{letter}_units"].split("\n"), row[f"{letter}_marks"].split(), strict=True
                ):
                    said.setdefault((pair_of(row, material), unit), []).append(mark)
    counts = [[marks.count("O"), marks.count("X")] for marks in said.values()]
    theirs = krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
    assert record["alpha"]["statements"]["alpha"] == pytest.approx(theirs)


def test_the_marks_become_a_calibration_that_a_build_takes(reviewed, tmp_path):
    """The judge errs on 20% of the statements. Of the 100 pairs that one reviewer had alone, and of two who say the same, the
    labels err too: a part e of the labels wrong gives 0.8 (1 - e) + 0.2 e."""
    folder, _, record, _, truth = reviewed
    statements = read_statements(folder / "review_statements.jsonl")
    wrong = sum(one.label != truth[one.text] for one in statements) / len(statements)
    expected = (1 - JUDGE_ERRS) * (1 - wrong) + JUDGE_ERRS * wrong
    judge = read_record(folder / "review_judge.json")
    accuracy = judge["groups"][0]["accuracy"]
    assert accuracy["low"] < expected < accuracy["high"] and 0 < wrong < 0.1
    assert (
        record["statements"]["judge"]["accuracy"] == accuracy
        and accuracy["n"] == len(statements) == judge["n"]
    )
    done = CliRunner().invoke(
        app,
        [
            "build",
            str(folder / "s.jsonl"),
            "--judge",
            str(folder / "review_judge.json"),
            "-o",
            str(tmp_path / "komep"),
        ],
    )
    assert done.exit_code == 0, done.output
    card = (tmp_path / "komep" / "README.md").read_text("utf-8")
    assert "`komep review import` compared the checker with what people said" in card
    assert "marked by 2 reviewers who saw no verdict" in card and f"| all | {len(statements)} |" in card
