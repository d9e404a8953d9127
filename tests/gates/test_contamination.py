"""Benchmark items in pairs: planted copies are found, clean pairs are not, the evidence names the item."""

import json

import polars as pl
import pytest

from benchmarks import leaks, real_leaks
from komep_dataset.errors import KomepError
from komep_dataset.gates.contamination import THRESHOLD, Index, parse_named_paths
from komep_dataset.gates.trial.benchmark_files import Benchmark, Item, read_benchmark
from komep_dataset.gates.trial.gate import TEXTS
from komep_dataset.release.build import build
from komep_dataset.release.diff import changed_rows
from komep_dataset.release.verify import verify
from komep_dataset.schema import question_id
from tests.gates.gated import two
from tests.real_data import DATA, needs_data

WORDS = ["날씨", "음식", "여행", "책", "노래", "운동", "바다", "산"]


def test_planted_copies_are_found_and_clean_pairs_are_not():
    found = leaks.measure(leaks.shipped_items(), 2, 2, 100, [])
    for name in leaks.ALTERATIONS:
        assert len(found[name]) == 100
        assert sum(share >= THRESHOLD for share in found[name]) >= 99, name
    assert max(found["clean"]) < THRESHOLD - 0.1
    assert len(found["clean"]) > 400


def likeness(items, *texts, options=(), column="chosen_ko"):
    """Highest share that each text has with one of some items, as a column of a pair."""
    index = Index([Benchmark("b", tuple(Item("t", n, (one,), options) for n, one in enumerate(items, 1)))])
    frame = pl.DataFrame([dict.fromkeys(TEXTS, "") | {column: text} for text in texts])
    found = {one.row: one.share for one in index.overlaps(frame, 0.01)}
    return [round(found.get(row, 0.0), 3) for row in range(len(texts))]


def test_the_share_is_of_both_and_the_evidence_names_the_item():
    question = "Which drug first treats status epilepticus in an adult without venous access?"
    index = Index([Benchmark("b", (Item("test", 7, (question,), ()),)), Benchmark("a", ())])
    row = dict.fromkeys(TEXTS, "")
    half = " ".join(question.split()[:6])
    rows = [row | {"chosen": f"Long ago. {question.upper()} Never mind."}, row | {"question": half}, row]
    found = list(index.overlaps(pl.DataFrame(rows), 0.4))
    assert [(o.row, o.column, o.split, o.item, round(o.share, 3)) for o in found] == [
        (0, "chosen", "test", 7, 1.0),
        (1, "question", "test", 7, round(2 * 5 / (11 + 5), 3)),
    ]
    assert found[1].longest == half.casefold()
    assert "1.00 of the n-grams in common with a passage of chosen" in str(found[0])
    short = Index([Benchmark("s", (Item("test", 1, ("옳은 것은?",), ("간", "폐")),))])
    assert short.too_short == {"s": 1}


def test_a_text_on_the_subject_is_no_copy_of_a_short_item():
    """An explanation names the subject of a short question in its words, here written for this project."""
    explained = (
        "압력이 오래 가해진 피부는 피가 통하지 않아 손상됩니다. 욕창 발생에는 여러 위험 요인이 있으며, 특히 부동과 영양 "
        "부족이 중요합니다. 두 시간마다 체위를 바꾸고, 피부를 건조하게 유지해야 합니다. 수분을 섭취하게 합니다."
    )
    text, copy, within = likeness(
        ["욕창 발생의 위험요인은?"],
        explained,
        "욕창 발생 위험 요인이?",
        f"{explained} 욕창 발생의 위험요인은? 부동입니다.",
    )
    assert text < THRESHOLD <= min(copy, within)


def test_a_phrase_that_many_items_have_makes_no_copy():
    """`에 대한 설명으로 옳은 것은` stands in hundreds of items; what differs is the subject."""
    subjects = ["협상", "천식", "간경변", "고혈압", "협심증", "백내장", "녹내장", "빈혈", "통풍", "담석증"]
    items = [f"{one}에 대한 설명으로 옳은 것은?" for one in subjects * 3]
    other, same = likeness(items, "성과급에 대한 설명으로 옳은 것은?", "통풍에 대한 설명 중 옳은 것은?")
    assert other < THRESHOLD <= same
    (term,) = likeness(["협심증에 대한 설명으로 옳은 것은?"], "협심증")
    assert term < THRESHOLD


def test_a_long_latin_term_and_the_units_of_values_make_no_copy():
    """Both were most of the characters of these items, here written for this project."""
    named, asked = likeness(
        ["큰볼기근(gluteus maximus muscle)이 닿는 곳은?"],
        "엉덩이에서 가장 큰 근육은 큰볼기근(gluteus maximus muscle)입니다. 골반을 폅니다.",
        "큰볼기근(gluteus maximus m.)이 닿는 곳은 어디인가?",
    )
    assert named < THRESHOLD <= asked
    (other,) = likeness(
        ["여과율이 28 mL/min/1.73 m^2인 노인이 피할 약은?"],
        "여과율은 90 mL/min/1.73 m^2보다 높은 것이 정상이다.",
    )
    assert other < THRESHOLD


def test_a_list_of_laboratory_values_makes_no_copy_of_another_case():
    """The same panel stands under every second case: written for this project, as is the case asked again below."""
    panel = "혈색소 {} g/dL, 백혈구 {},100/mm^3, 혈소판 {}1,000/mm^3, 나트륨 13{} meq/L, 칼륨 4.{} meq/L, 총빌리루빈 0.{} mg/dL"
    end = (
        f"검사 결과는 다음과 같다. 진단은? {panel}, 알부민 {{}}.0 g/dL, 프로트롬빈시간 1{{}}초(참고치, 12~15)"
    )
    case = "41세 남자가 한 달 전부터 팔다리에 쉽게 멍이 든다며 왔다. "
    other, again = likeness(
        [case + end.format(*"93491741")],
        "27세 여자가 어젯밤부터 옆구리가 아프고 소변이 붉다며 왔다. " + end.format(*"84298632"),
        case.replace("41세", "44세") + end.format(*"84298632"),
    )
    assert other < THRESHOLD <= again


def test_a_repeat_with_a_few_words_changed_is_found_where_it_is_asked():
    item = "「야간약국법」에 따라 심야에 문을 여는 약국이 갖추어야 할 표지에 해당하는 것은?"
    text = "「야간약국법」상 심야 약국이 갖추어야 할 표지는?"
    (asked,), (answered,) = likeness([item], text, column="question_ko"), likeness([item], text)
    assert answered < THRESHOLD <= asked


def test_a_copy_in_a_long_text_is_found_and_what_else_is_compared_changes_nothing():
    item = "68세 여자가 어제부터 오른쪽 사타구니에 통증을 동반한 덩이가 만져져 왔다. 진단은?"
    filler = [f"{n}번째 줄에는 {word} 이야기가 적혀 있다." for n, word in enumerate(WORDS * 20)]
    long = "\n".join([*filler[:80], item.replace("68세", "71세"), *filler[80:]])
    (alone,) = likeness([item], long)
    assert alone >= THRESHOLD
    assert likeness([item], *filler, long, *filler)[len(filler)] == alone


@pytest.mark.slow
@needs_data("kormedmcqa", "gemini_replies", "korfactscore")
def test_real_repeats_are_found_and_real_explanations_are_not_accused():
    """The half of the texts on which the rule was chosen; docs/contamination.md has the other."""
    files = [DATA / f"kormedmcqa/{subject}/test.csv" for subject in real_leaks.SUBJECTS]
    items = [item for file in files for item in read_benchmark("k", file).items]
    groups, index = real_leaks.korean(DATA, items, 0), Index([Benchmark("k", tuple(items))])

    def rate(name):
        found = leaks.shares(index, groups[name])
        return sum(share >= THRESHOLD for share in found) / len(found)

    assert rate("repeat, same") >= 0.78
    assert rate("clean explanation") <= 0.01 and rate("clean pair") <= 0.01
    assert rate("copy, word order") >= 0.99


def test_arguments_of_decontaminate():
    for bad in (["kormedmcqa"], ["=x"], ["a="], ["a b=x"], ["a=x", "a=y"]):
        with pytest.raises(KomepError, match="--decontaminate") as caught:
            parse_named_paths(bad)
        assert caught.value.exit_code == 2


# Written for this project: the copy, the same in other words, something else on the subject.
ITEM = "위벽세포에서 산 분비를 막아 소화성궤양을 치료하는 약물은?"
TOLD = {
    "copied": ITEM,
    "again": "명치가 쓰린 회사원의 소화성궤양에 산 펌프를 억제하도록 줄 약은 무엇인가?",
    "varied": "소화성궤양에 쓰며 위벽세포에서 산 분비를 막는 약물의 부작용은?",
    "answered": "무릎이 아픈 까닭은?",
}


def build_with(folder, verdicts, **options):
    """Rejects of a build by reason, and its record of the gate: each text of `TOLD` is a question, judged so."""
    (folder / "items.jsonl").write_text(json.dumps({"question": ITEM}) + "\n", "utf-8")
    rows, sheet = [], ["question_id,benchmark,split,item,verdict,item_sha256"]
    for name, text in TOLD.items():
        chosen = f"{ITEM} 답은 오메프라졸이다." if name == "answered" else "잘 쉬는 것이다."
        rows += [one | {"category": "c"} for one in two(text, chosen, "비타민이 가장 좋다.")]
        item = Item("", 0, (ITEM,), ()).sha256  # wherever it stands
        sheet += [f"{question_id(text)},exam,items,9,{verdicts[name]},{item}"] if name in verdicts else []
    (folder / "scored.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (folder / "sheet.csv").write_text("\n".join(sheet) + "\n", "utf-8")
    build([folder / "scored.jsonl"], folder / "r", **options)
    rejects = [json.loads(line) for line in (folder / "r" / "rejects.jsonl").read_text("utf-8").splitlines()]
    names = {question_id(text): name for name, text in TOLD.items()}
    gone = {names[one["key"].split("/")[0]] for one in rejects if one["reason"] == "contaminated"}
    return gone, json.loads((folder / "r" / "quality.json").read_text("utf-8"))["contamination"]


def test_a_screening_has_the_last_word_on_questions_that_are_no_copies(tmp_path):
    named = {"decontaminate": {"exam": tmp_path / "items.jsonl"}}
    alone, _ = build_with(tmp_path, {}, **named)
    assert alone == {"copied", "varied", "answered"}
    (tmp_path / "r").rename(tmp_path / "alone")
    no = dict.fromkeys(("copied", "varied", "answered"), "false")
    gone, record = build_with(tmp_path, no | {"again": "true"}, **named, screened=tmp_path / "sheet.csv")
    assert gone == {"copied", "again", "answered"}
    assert record["screened"] == {
        "files": ["sheet.csv"],
        "screeners": [],
        "pairs": {"again": 1, "excused": 1, "unread": 0},
    }
    assert record["found"] == record["rejected"] == 3
    assert [check for check in verify(tmp_path / "r") if not check.ok] == []
    card = (tmp_path / "r" / "README.md").read_text("utf-8")
    assert "Somebody said of questions" in card and "enough n-grams in common with an item: 1." in card
    changed = {one for change in changed_rows(tmp_path / "alone", tmp_path / "r") for one in change.reasons}
    assert changed == {"rule_changed"}
    by_sheet, _ = build_with(
        tmp_path, {"again": "true"}, screened=tmp_path / "sheet.csv"
    )  # no benchmark at hand
    assert by_sheet == {"again"}


def test_a_release_that_grows_goes_on_with_what_it_was_screened_by(tmp_path, capfd):
    named = {"decontaminate": {"exam": tmp_path / "items.jsonl"}}
    first, _ = build_with(
        tmp_path, {"again": "true", "varied": "false"}, **named, screened=tmp_path / "sheet.csv"
    )
    assert first == {"again", "copied", "answered"}
    (tmp_path / "r").rename(tmp_path / "base")
    gone, _ = build_with(tmp_path, {}, **named, base=tmp_path / "base")
    assert gone == first
    gone, _ = build_with(
        tmp_path, {"answered": "true"}, **named, base=tmp_path / "base", screened=tmp_path / "sheet.csv"
    )
    assert gone == first
    records = json.loads((tmp_path / "r" / "provenance.json").read_text("utf-8"))["options"]["screened"]
    assert len(records) == 2 and "note: --screened" not in capfd.readouterr().err
    otherwise = {"again": "false", "varied": "true"}  # what was mended since counts
    gone, _ = build_with(
        tmp_path, otherwise, **named, base=tmp_path / "base", screened=tmp_path / "sheet.csv"
    )
    assert gone == {"varied", "copied", "answered"}
    assert "of 1 question of the base sheet.csv says otherwise" in capfd.readouterr().err


def test_a_screening_of_other_questions_is_told(tmp_path, capfd):
    (tmp_path / "other.csv").write_text("question_id,benchmark,split,item,verdict\n0f,exam,items,1,true\n")
    gone, _ = build_with(tmp_path, {}, screened=tmp_path / "other.csv")
    assert gone == set() and "of a question that other.csv judges" in capfd.readouterr().err


@needs_data("kormedmcqa")
def test_the_nearest_item_of_a_repeat_is_the_one_that_it_repeats():
    """Of the labelled repeats in nearly the same words whose texts lie here, one in fifty is nearest to another item."""
    labels = [one for one in real_leaks.table(real_leaks.LABELS) if one["label"] == "same"]
    of_splits = {}
    for name in ("test", "valid"):
        for subject in real_leaks.SUBJECTS:
            for row, one in enumerate(real_leaks.table(DATA / f"kormedmcqa/{subject}/{name}.csv"), 1):
                of_splits[f"{subject}/{name} {row}"] = one["question"]
    some = [one for one in labels if one["text"] in of_splits and one["item"] in of_splits]
    items = {one: text for one, text in of_splits.items() if "/test " in one}
    index = Index([Benchmark("k", tuple(Item(one, 1, (text,), ()) for one, text in items.items()))])
    texts = [of_splits[one["text"]] for one in some]
    frame = pl.DataFrame({"question": texts, "question_ko": None}, schema=dict.fromkeys(TEXTS[:2], pl.String))
    nearest = index.nearest(frame, 1.0)
    ids = {one: Item(one, 1, (text,), ()).sha256 for one, text in items.items()}
    right = sum(nearest[row][0][1] == ids[one["item"]] for row, one in enumerate(some))
    assert len(some) >= 20 and right >= 0.98 * len(some)
