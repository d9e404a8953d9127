"""The reviewer's sheet: the sample, the CSV there and back, the page, agreement, and corrections into a release."""

import csv
import io
import json
import math
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from typer.testing import CliRunner

from komep_dataset.cli import app, main
from komep_dataset.errors import KomepError
from komep_dataset.release.build import build
from komep_dataset.release.rows import read_rows
from komep_dataset.review.corrections import apply, read_corrections
from komep_dataset.review.sampling import ReviewPair, allocate, draw, kappa, margin_terciles
from komep_dataset.review.sheet import COLUMNS, escape, read_pairs, read_sheets, unescape, write_sheets
from komep_dataset.schema import ScoredGeneration
from komep_dataset.tables.reading import read_table

HOSTILE = {  # texts that a spreadsheet or a browser might run
    "question": '<script>alert(1)</script>, "why"?',
    "question_ko": "=1+1 </script><img src=x onerror=alert(1)> 왜?",
}


def generations() -> list[dict]:
    """Twenty questions, some native, two answers each; one with hostile texts."""
    rows = []
    for i in range(20):
        native = i % 4 == 0
        question = f"질문 {i}은?" if native else f"Question {i}?"
        for model, verdicts in (("a", ["true"] * 4), ("b", ["true"] * (i % 4) + ["false"] * (4 - i % 4))):
            response = f"{'답' if native else 'Answer'} {i} {model}"
            row = {
                "question": question, "category": ("심장", "lung")[i % 2], "model": model, "response": response,
                "units": [{"text": "t", "verdict": v} for v in verdicts],
                "question_ko": question if native else f"질문 {i}?", "response_ko": response if native else f"답 {i} {model}",
            }  # fmt: skip
            if i == 7:
                row |= HOSTILE | {
                    "response": f"-{model}\nsecond",
                    "response_ko": f"'+첫 줄\n둘째; {model}\t끝",
                }
            rows.append(row)
    return rows


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("review")
    source = folder / "scored.jsonl"
    source.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in generations()), "utf-8")
    build([source], folder / "komep")
    return folder / "komep"


# --- the sample -----------------------------------------------------------------------------------------

SIZES = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(1, 40), min_size=1, max_size=9)


def largest_remainders(sizes: dict, n: int) -> dict:
    """Hamilton's method, as textbooks have it."""
    total = sum(sizes.values())
    places = {name: n * size // total for name, size in sizes.items()}
    left = sorted(sizes, key=lambda name: (-(n * sizes[name] % total), name))
    for name in left[: n - sum(places.values())]:
        places[name] += 1
    return places


@given(SIZES, st.integers(1, 300))
def test_places_are_proportional_and_every_stratum_has_one(sizes, n):
    places = allocate(sizes, n)
    n = min(n, sum(sizes.values()))
    assert sum(places.values()) == n
    assert all(0 <= places[name] <= size for name, size in sizes.items())
    plain = largest_remainders(sizes, n)
    if n < len(sizes) or all(plain.values()):
        assert places == plain
    else:
        assert all(places.values())
        # what the first places cost is taken from strata that have more, never to make one poorer than another
        assert all(
            places[name] <= max(1, math.ceil(n * size / sum(sizes.values()))) for name, size in sizes.items()
        )


@given(st.lists(st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0]), min_size=1))
def test_terciles_keep_equal_margins_together_and_rise(margins):
    found = margin_terciles(margins)
    of = dict(zip(margins, found, strict=True))
    assert [of[m] for m in margins] == found
    assert [of[m] for m in sorted(of)] == sorted(of.values(), key=("low", "middle", "high").index)


def test_terciles_of_distinct_margins_are_thirds():
    assert margin_terciles([0.9, 0.1, 0.5, 0.2, 0.6, 0.8]) == [
        "high",
        "low",
        "middle",
        "low",
        "middle",
        "high",
    ]


def some_pairs(n: int) -> list[ReviewPair]:
    strata = [("x", "native", "low"), ("x", "translated", "high"), ("y", "translated", "low")]
    return [ReviewPair(f"p{i:04}", *strata[min(i % 7, 2)], *[""] * 6) for i in range(n)]


def test_a_sample_is_drawn_by_stratum_and_by_seed():
    pairs = some_pairs(700)
    sample = draw(pairs, 70, seed=1)
    assert Counter(p.stratum for p in sample) == {
        pairs[0].stratum: 10,
        pairs[1].stratum: 10,
        pairs[2].stratum: 50,
    }
    assert sample == sorted(set(sample), key=lambda p: p.pair_id)
    assert sample == draw(pairs, 70, seed=1) != draw(pairs, 70, seed=2)
    assert draw(pairs, 9999, seed=1) == pairs
    hits = Counter(p.pair_id for seed in range(300) for p in draw(pairs[:70], 7, seed))
    assert len(hits) == 70 and max(hits.values()) < 70  # 30 expected: no pair is preferred


# --- agreement ------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_kappa_is_that_of_scikit_learn(answers):
    ours = kappa(answers)
    if ours is None:
        assert len(set(answers)) == 1 and answers[0][0] == answers[0][1]
    else:
        first, second = zip(*answers, strict=True)
        assert ours == pytest.approx(cohen_kappa_score(first, second))


# --- the CSV there and back -----------------------------------------------------------------------------

CELLS = st.text(st.sampled_from("=+-@'\t\r\n\";,가a "), max_size=8)


@given(CELLS)
def test_no_cell_is_a_formula_and_nothing_is_lost(text):
    assert not re.match(r"[=+\-@\t\r]", escape(text))
    assert unescape(escape(text)) == text


@pytest.fixture
def sheet(release, tmp_path) -> list[dict[str, str]]:
    """The rows of an empty sheet, cells as they stand in the file."""
    [folder] = write_sheets(release, tmp_path / "out", n=99, reviewers=1)
    text = (folder / "review.csv").read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 20
    return rows


def save(
    path: Path,
    rows: list[dict],
    delimiter=",",
    encoding="utf-8-sig",
    newline="\r\n",
    before="",
    columns=COLUMNS,
):
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=delimiter, lineterminator=newline, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes((before + text.getvalue()).encode(encoding))
    return path


@pytest.mark.parametrize(
    "saved",
    [
        {},
        {"delimiter": ";", "before": "sep=;\r\n"},
        {"delimiter": ";", "encoding": "utf-8", "newline": "\n"},
        {"delimiter": "\t", "encoding": "utf-16"},
        {"delimiter": ",", "encoding": "cp949"},
    ],
    ids=str,
)
def test_a_sheet_comes_back_however_a_spreadsheet_saved_it(release, sheet, tmp_path, saved):
    pairs = {pair.pair_id: pair for pair in read_pairs(release)[0]}
    hostile = next(r for r in sheet if r["prompt_korean"].startswith("'="))
    assert hostile["chosen_korean"].startswith("''+") and hostile["chosen_source"].startswith("'-")
    hostile |= {"translation_ok": " 예 ", "corrected_chosen": "'-고친\n글", "comment": 'a;b,c\td "e"'}
    translated = next(r for r in sheet if r["origin"] == "translated" and r is not hostile)
    translated |= {"translation_ok": "NO", "preference_ok": "아니오"}
    path = save(tmp_path / "kim.csv", sheet, **saved)
    judgements, notes = read_sheets([path], pairs)
    found = {j.pair_id: j for j in judgements}
    assert len(found) == 2
    one, other = found[hostile["pair_id"]], found[translated["pair_id"]]
    assert (one.translation_ok, one.preference_ok, one.corrected_chosen) == (True, None, "-고친\n글")
    assert (one.comment, one.reviewer) == ('a;b,c\td "e"', "1")
    assert (other.translation_ok, other.preference_ok) == (False, False)
    assert ["CP949" in note for note in notes] == [True] * (saved.get("encoding") == "cp949")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("pair_id", "p123", r"review\.csv:2: pair_id: 'p123' is no pair of the release"),
        ("translation_ok", "maybe", r"review\.csv:2: translation_ok: 'maybe' is none of yes, no, 예, 아니오"),
        ("preference_ok", "1", r"preference_ok: '1' is none of"),
        (
            "chosen_korean",
            "고침",
            r"chosen_korean: '고침' is not what the release has; write .*corrected_chosen",
        ),
        ("category", "brain", r"category: 'brain' is not what the release has; leave it"),
    ],
)
def test_a_bad_cell_is_named(release, sheet, tmp_path, column, value, message):
    pairs = {pair.pair_id: pair for pair in read_pairs(release)[0]}
    first, *rest = sheet
    path = save(tmp_path / "review.csv", [first | {column: value}, *rest])
    with pytest.raises(KomepError, match=message):
        read_sheets([path], pairs)


def test_other_bad_sheets_are_named(release, sheet, tmp_path):
    pairs = {pair.pair_id: pair for pair in read_pairs(release)[0]}
    native = next(r for r in sheet if r["origin"] == "native")
    path = save(tmp_path / "a.csv", [native | {"corrected_prompt": "새 질문"}])
    with pytest.raises(KomepError, match="corrected_prompt: '새 질문': a native text is no translation"):
        read_sheets([path], pairs)
    with pytest.raises(KomepError, match=r"b\.csv:3: reviewer: '1' judged this pair at .*b\.csv:2 too"):
        read_sheets([save(tmp_path / "b.csv", [native | {"preference_ok": "yes"}] * 2)], pairs)
    path = save(tmp_path / "c.csv", sheet, columns=[c for c in COLUMNS if c not in ("comment", "margin")])
    with pytest.raises(KomepError, match=r"c\.csv:1: missing columns margin, comment"):
        read_sheets([path], pairs)
    for data, message in (
        (b"PK\x03\x04", "a workbook"),
        (b"\xff\xff\xff", "neither UTF-8 nor CP949"),
        (b"", "missing"),
    ):
        (tmp_path / "d.csv").write_bytes(data)
        with pytest.raises(KomepError, match=message):
            read_sheets([tmp_path / "d.csv"], pairs)
    with pytest.raises(KomepError, match="cannot be read"):
        read_sheets([tmp_path / "none.csv"], pairs)


# --- the page -------------------------------------------------------------------------------------------


class Page(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.tags: Counter = Counter()
        self.scripts: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def test_the_page_stands_alone_and_shows_hostile_text_as_text(release, tmp_path):
    [folder] = write_sheets(release, tmp_path / "out", n=99, reviewers=1)
    text = (folder / "review.html").read_text("utf-8")
    page = Page(text)
    assert page.tags["article"] == 20 and page.tags["script"] == 2 and not page.tags["img"]
    assert not page.addresses and not re.search(r"https?://|@import|url\(", text)
    assert "default-src 'none'" in text and 'lang="ko"' in text
    rows = json.loads(page.scripts[0])
    assert {row["prompt_korean"] for row in rows} == {pair.prompt_korean for pair in read_pairs(release)[0]}
    assert HOSTILE["question_ko"] in {row["prompt_korean"] for row in rows}
    # one fieldset for a native pair, which has no translation, and two for another
    assert page.tags["fieldset"] == 5 * 1 + 15 * 2


# --- the command, to a release with corrections ---------------------------------------------------------


def command(*words) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def judged(path: Path, answers: dict[str, dict[str, str]]) -> Path:
    """Fill in a sheet as a reviewer would."""
    rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))
    return save(path, [row | answers.get(row["pair_id"], {}) for row in rows], delimiter=";")


def test_judgements_become_figures_and_corrections_a_release(release, tmp_path):
    out = tmp_path / "sheets"
    command("review", "sample", release, "--output", out, "--n", 12, "--seed", 3)
    sheets = [out / f"reviewer-{i}" / "review.csv" for i in (1, 2)]
    pairs = {pair.pair_id: pair for pair in read_pairs(release)[0]}
    orders = [
        [r["pair_id"] for r in csv.DictReader(s.read_text("utf-8-sig").splitlines()) if r["pair_id"] in pairs]
        for s in sheets
    ]
    assert sorted(orders[0]) == sorted(orders[1]) and orders[0] != orders[1]
    translated = [p for p in orders[0] if pairs[p].origin == "translated"][:4]
    yes, no = (
        {"translation_ok": "yes", "preference_ok": "yes"},
        {"translation_ok": "no", "preference_ok": "yes"},
    )
    first = dict(
        zip(
            translated,
            (yes, yes, no | {"corrected_chosen": "- 고친 답"}, no | {"corrected_prompt": "하나"}),
            strict=True,
        )
    )
    second = dict(
        zip(
            translated,
            (yes, no, no | {"corrected_chosen": "- 고친  답 "}, no | {"corrected_prompt": "둘"}),
            strict=True,
        )
    )
    judged(sheets[0], first), judged(sheets[1], second)
    shown = command("review", "import", *sheets, "--release", release, "--output", tmp_path / "review.json")
    record = json.loads((tmp_path / "review.json").read_text("utf-8"))
    share = record["translation_ok"]["all"]
    assert (share["yes"], share["n"]) == (3, 8) and share["low"] < 3 / 8 < share["high"]
    # Wilson's closed form
    z, p, n = 1.959963984540054, 3 / 8, 8
    half = z * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
    assert share["high"] - share["low"] == pytest.approx(2 * half)
    assert sum(s["n"] for s in record["translation_ok"]["by_stratum"].values()) == 8
    [agreed] = [a for a in record["agreement"] if a["question"] == "translation_ok"]
    assert agreed == {
        "question": "translation_ok",
        "reviewers": ["1", "2"],
        "n": 4,
        "same": 3,
        "kappa": pytest.approx(0.5),
    }
    assert "agree on 3 of 4 pairs, kappa 0.50" in shown and "kappa undefined" in shown
    assert len(record["conflicts"]) == 2 and "differ and are left out" in shown

    [correction] = read_corrections(tmp_path / "corrections.jsonl")
    source = release.parent / "scored.jsonl"
    shown = command(
        "review",
        "apply",
        source,
        "--corrections",
        tmp_path / "corrections.jsonl",
        "--output",
        tmp_path / "new.parquet",
    )
    assert "1 Korean texts replaced in 40" in shown
    before, after = (read_corrected(path) for path in (release, tmp_path / "new.parquet"))
    build([tmp_path / "new.parquet"], tmp_path / "komep")
    row = read_rows(tmp_path / "komep", "ko").filter(pl.col("question_id") == correction.question_id)
    assert row["chosen"][0][0]["content"] == "- 고친 답"
    key = (correction.question_id, correction.model)
    assert {k for k in after if after[k] != before[k]} == {key} and after[key][1] == "- 고친 답"


def read_corrected(path: Path) -> dict:
    table = read_rows(path, "scored").drop("split") if path.is_dir() else read_table(path, ScoredGeneration)
    return {
        (r["question_id"], r["model"]): (r["question_ko"], r["response_ko"], r["response"])
        for r in table.to_dicts()
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question_id": "0" * 16}, "no such row in the table"),
        ({"source": "Another answer"}, "the answer is another than the one that was reviewed"),
        ({"before": "다른 글"}, "its Korean is another than what was reviewed"),
    ],
)
def test_a_correction_that_does_not_fit_is_named_and_nothing_is_written(release, tmp_path, change, message):
    row = (
        read_rows(release, "scored")
        .filter(pl.col("question") == "Question 1?", pl.col("model") == "a")
        .to_dicts()[0]
    )
    fits = {
        "question_id": row["question_id"], "model": "a", "source": row["response"], "before": row["response_ko"],
        "after": "새 답", "reviewer": "kim",
    }  # fmt: skip
    source, path, output = release.parent / "scored.jsonl", tmp_path / "c.jsonl", tmp_path / "new.parquet"
    path.write_text(json.dumps(fits | change))
    with pytest.raises(KomepError, match=message):
        apply([source], path, output)
    assert not output.exists()
    path.write_text(json.dumps(fits))
    assert apply([source], path, output)[1:] == (40, 1)
    assert apply([output], path, output)[1:] == (40, 0)  # a second time changes nothing
    path.write_text(json.dumps(fits) + "\n{}")
    with pytest.raises(KomepError, match=r"c\.jsonl:2: question_id: missing_field"):
        apply([source], path, output)


def test_what_the_command_refuses(release, tmp_path, monkeypatch, capsys):
    write_sheets(release, tmp_path / "out", reviewers=1)
    for words, message in (
        (["sample", str(release), "--output", str(tmp_path / "out"), "--reviewers", "1"], "may be filled in"),
        (["sample", str(tmp_path), "--output", str(tmp_path / "new")], "not a KoMeP release"),
        (
            ["import", str(tmp_path / "out" / "review.csv"), "--release", str(release)],
            "nothing is filled in yet",
        ),
    ):
        monkeypatch.setattr("sys.argv", ["komep", "review", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 1 and message in capsys.readouterr().err
