"""Nothing on a sheet tells model, score or which answer was chosen."""

import json
import random
import re
from itertools import pairwise
from statistics import mean

import pytest

from komep_dataset.release.build import build
from komep_dataset.review.blinding import Blinding, blinding_of
from komep_dataset.review.sheet import read_material, write_sheets
from tests.review.sheets import pair_of, rows_of
from tests.scored_rows import write

RELEASE = "5" * 64
MODELS = ("zebrafish-7b", "quokka-70b")


def test_a_code_is_of_one_release_and_names_seed_and_sheet():
    one = Blinding(RELEASE, 7, 2, 30)
    assert blinding_of(one.code, RELEASE) == one
    assert blinding_of(one.code, "6" * 64) is None
    for changed in (
        one.code.replace("s7", "s8"),
        one.code.replace("-2-", "-3-"),
        one.code.replace("-30-", "-31-"),
        one.code[:-1],
        "",
        "s1-1-0-é",
    ):
        assert blinding_of(changed, RELEASE) is None


def test_sides_are_a_coin_for_every_pair_seed_and_sheet():
    pairs = [f"p{n:016x}" for n in range(2000)]
    first = [[Blinding(RELEASE, seed, sheet).sides(p)["a"] == "chosen" for p in pairs]
             for seed, sheet in ((0, 1), (0, 2), (1, 1))]  # fmt: skip
    for sides in first:
        assert abs(mean(sides) - 0.5) < 0.05  # 4.5 standard deviations
        runs = [a == b for a, b in pairwise(sides)]
        assert abs(mean(runs) - 0.5) < 0.05  # nor does the pair before tell
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert abs(mean(a == b for a, b in zip(first[one], first[other], strict=True)) - 0.5) < 0.05


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A release of 400 pairs whose texts say nothing of who wrote them or how true they are, and its sheets."""
    folder, rows, dice = tmp_path_factory.mktemp("told"), [], random.Random(5)
    for n in range(400):
        best = dice.randrange(2)
        for which, model in enumerate(MODELS):
            true = 6 if which == best else 2
            verdicts = dice.sample(["true"] * true + ["false"] * (7 - true), 7)
            said = [f"statement {dice.randrange(10**6)}" for _ in verdicts]
            rows.append({
                "question": f"Question {n}?", "question_ko": f"질문 {n}?", "category": "c", "model": model,
                "response": f"Text {dice.randrange(10**6):06}.", "response_ko": f"글 {dice.randrange(10**6):06}.",
                "units": [{"text": text, "verdict": v} for text, v in zip(said, verdicts, strict=True)],
            })  # fmt: skip
    release = build([write(folder / "s.jsonl", rows)], folder / "komep").folder
    write_sheets(release, folder / "sheets", n=400, seed=3)
    return release, folder / "sheets"


def test_no_name_no_score_no_hash_that_could_be_tried_stands_on_a_sheet(told):
    release, sheets = told
    material = read_material(release)
    files = [path for path in sheets.rglob("*") if path.is_file()]
    assert sorted(path.name for path in files) == ["review.csv", "review.csv", "review.html", "review.html"]
    for path in files:
        text = path.read_text("utf-8-sig")
        for model in MODELS:
            assert model not in text and model not in str(path.relative_to(release.parent))
        for score in ("0.857", "0.8571", "0.285", "0.571", "0.5714", "6/7", "2/7"):
            assert score not in text
        assert material.facts["content_hash"][:8] not in text
        assert not any(
            id in text for id in material.pairs
        )  # a plain hash of the key: who guesses models could try it
        assert not re.search("chosen|rejected|score|dahl", text, re.I) and text.count("{") == text.count("}")
        data = text if path.suffix == ".csv" else re.search(r'id="data">(.*?)</script>', text)[1]
        assert not re.search("margin|verdict", data, re.I)
        assert not re.search(r'"(true|false)"', data.replace('"filled"', ""))


def test_nothing_that_can_be_counted_tells_the_side(told):
    """Place on the sheet, order of the name, of the texts, of the statements: each tells the chosen side as a coin does."""
    release, sheets = told
    material = read_material(release)
    for sheet in sheets.rglob("review.csv"):
        rows = rows_of(sheet)
        chosen_a = [
            blinding_of(row["sheet"], material.facts["content_hash"]).sides(pair_of(row, material))["a"]
            == "chosen"
            for row in rows
        ]
        assert sum(chosen_a) in range(198, 203)
        guesses = {
            "every other": [n % 2 == 0 for n, _ in enumerate(rows)],
            "first half": [n < 200 for n, _ in enumerate(rows)],
            "name is even": [int(row["pair_id"][1:], 16) % 2 == 0 for row in rows],
            "name is low": [row["pair_id"] < "p8" for row in rows],
            "A sorts first": [row["a_korean"] < row["b_korean"] for row in rows],
            "A is longer": [len(row["a_units"]) > len(row["b_units"]) for row in rows],
            "first statement": [row["a_units"] < row["b_units"] for row in rows],
        }
        for name, guess in guesses.items():
            hits = mean(a == b for a, b in zip(guess, chosen_a, strict=True))
            assert abs(hits - 0.5) < 0.12, name  # 4.8 standard deviations


def test_the_page_and_the_sheet_hold_the_same_pairs_in_the_same_order(told):
    _, sheets = told
    for folder in sheets.iterdir():
        text = (folder / "review.html").read_text("utf-8")
        data = json.loads(re.search(r'id="data">(.*?)</script>', text)[1])
        assert [one["row"]["pair_id"] for one in data["pairs"]] == [
            r["pair_id"] for r in rows_of(folder / "review.csv")
        ]
        for one in data["pairs"]:
            assert (
                set(one) == {"row", "units", "passages"}
                and list(one["units"]) == ["a", "b"]
                and len(one["row"]) == 22
            )
