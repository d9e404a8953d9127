"""`komep screen`: a model says which questions ask an item of a benchmark again, in a chain and by a command of its own."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

from komep_dataset.config.config import load_config
from komep_dataset.errors import KomepError
from komep_dataset.gates.trial.screened import Screened
from komep_dataset.pipeline.estimates import estimate_run
from komep_dataset.pipeline.preview import preview
from komep_dataset.pipeline.screening import SHOWN, looks_of, parse_numbers, read_questions
from komep_dataset.release.facts import read_facts
from komep_dataset.release.verify import verify
from komep_dataset.tables.reading import read_table
from komep_dataset.translation.checks.registry import wordings
from tests.loopback import Loopback, answer, last_text, loopback
from tests.pipeline.chains import KILLED, komep, lines_of, tables_of, write_chain
from tests.pipeline.chains import key as key  # the chain's endpoints want one

# Written for this project: the first item is asked again below, told anew; the second is only on the same subject.
ITEMS = [
    ("위벽세포에서 산 분비를 막아 소화성궤양을 치료하는 약물은?", "오메프라졸"),
    ("소화성궤양의 가장 흔한 합병증은?", "출혈"),
    ("천식 발작을 가라앉히는 흡입제는?", "살부타몰"),
]
AGAIN = "명치가 쓰린 45세 회사원의 소화성궤양에, 벽세포의 산 펌프를 억제하도록 줄 수 있는 약은 무엇인가?"
SUBJECT = "소화성궤양 환자의 식사 교육으로 옳은 것은?"
COPY = "천식 발작을 가라앉히는 흡입제는 무엇인가?"
QUESTIONS = [AGAIN, SUBJECT, COPY, "무릎 관절염의 운동 요법은?"]


def asked_of(body) -> dict:
    return json.loads(last_text(body).splitlines()[0])


def reply(body) -> str:
    """The stand-in knows which item is asked again; it answers by the numbers that it is given."""
    if body["model"] != "look":
        return answer(body).replace("Fact", "사실").replace("holds", "이다")
    asked = asked_of(body)
    again = [n for n, item in asked["items"].items() if ITEMS[0][0] in item and asked["question"] == AGAIN]
    return ", ".join(again) or "None"


def write(folder, url, **changes):
    path = write_chain(folder, url, **changes)
    rows = [{"question": one, "category": "c"} for one in QUESTIONS]
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "items.jsonl").write_text(
        "".join(json.dumps({"question": q, "A": a, "B": "물"}, ensure_ascii=False) + "\n" for q, a in ITEMS)
    )
    config = yaml.safe_load(path.read_text())
    config["questions"]["language"] = "ko"
    config["screener"] = config["checker"] | {"model": "look"}
    config["selection"] = {"decontaminate": {"exam": "items.jsonl"}}
    path.write_text(json.dumps(config | changes))
    return path


def test_a_run_leaves_out_what_an_item_asks(tmp_path):
    with loopback(Loopback(reply)) as (state, url):
        path = write(tmp_path / "a", url)
        assert [line.calls for line in estimate_run(load_config(path)) if line.stage == "screen"] == [2]
        lines = lines_of(path)
        looks = [body for body in state.calls if body["model"] == "look"]
        again = lines_of(path)
    assert len(looks) == 2  # not the copy, nor what has no word in common with an item
    assert lines[-2].startswith(
        "[6/7] screen: 4 questions, 2 asked about, 1 ask an item of a benchmark again"
    )
    assert "unchanged" in again[-2] and "unchanged" in again[-1]
    assert sum(body["model"] == "look" for body in state.calls) == 2
    assert all(ITEMS[0][0] in " ".join(asked_of(body)["items"].values()) for body in looks)
    release = tmp_path / "a" / "work" / "komep"
    [record] = read_facts(release)["options"]["screened"]
    assert (record["screeners"], len(record["again"]), record["excused"]) == (["look"], 1, [])
    facts = json.loads((release / "quality.json").read_text("utf-8"))["contamination"]["screened"]
    assert facts["pairs"] == {"again": 1, "excused": 0, "unread": 0}
    rejects = [json.loads(line) for line in (release / "rejects.jsonl").read_text("utf-8").splitlines()]
    details = sorted(one["detail"] for one in rejects if one["reason"] == "contaminated")
    assert details == [
        "exam, items row 1: look says that the question asks it again; 0.26 of the n-grams in common",
        "exam, items row 3: 0.87 of the n-grams in common with a passage of question; longest shared run "
        '(11 characters) "천식발작가라앉히흡입제"',
    ]
    card = (release / "README.md").read_text("utf-8")
    assert (
        "`look` said of questions and the items nearest to them which ask one again. Pairs that went for that: 1;"
        in card
    )
    assert [check for check in verify(release) if not check.ok] == []


def test_a_question_in_english_is_screened_by_its_translation(tmp_path):
    def translated(body):
        text = last_text(body)
        if body["model"] != "translator":
            return reply(body)
        return (
            f"{AGAIN}"
            if "condition 0" in text
            else "무릎 관절염의 운동 요법은 무엇인가?"
            if "?" in text
            else "사실이다."
        )

    with loopback(Loopback(translated)) as (state, url):
        path = write(tmp_path / "a", url)
        config = yaml.safe_load(path.read_text())
        config["translator"] = config["checker"] | {
            "model": "translator",
            "checks": dict.fromkeys(wordings(), "off"),
        }
        config["questions"]["language"] = "en"
        path.write_text(json.dumps(config))
        (path.parent / "questions.jsonl").write_text(
            "".join(
                json.dumps({"question": f"What is condition {i}?", "category": "c"}) + "\n" for i in range(3)
            )
        )
        assert [line.calls for line in estimate_run(load_config(path)) if line.stage == "screen"] == [3]
        lines = lines_of(path)
        assert [line.calls for line in estimate_run(load_config(path)) if line.stage == "screen"] == [0]
    assert "3 questions, 1 asked about, 0 ask" in lines[-2]
    [look] = [body for body in state.calls if body["model"] == "look"]
    assert asked_of(look)["question"] == f"What is condition 0?\n{AGAIN}"


@pytest.mark.slow
def test_a_killed_screening_goes_on_where_it_was(tmp_path):
    with loopback(Loopback(reply)) as (_, url):
        lines_of(write(tmp_path / "whole", url))
    state = Loopback(reply, delay=0.3)
    with loopback(state) as (_, url):
        path = write(tmp_path / "killed", url, screener={"endpoint": url, "model": "look", "concurrency": 1})
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 300
        while sum(body["model"] == "look" for body in state.calls) < 2 and time.monotonic() < deadline:
            time.sleep(0.002)
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        lines_of(path)
    assert state.repeats <= 1
    tables = [tables_of(tmp_path / one / "work" / "screen") for one in ("whole", "killed")]
    assert tables[0] == tables[1] and len(tables[0]) == 1


def test_the_command_writes_what_a_build_takes(tmp_path):
    with loopback(Loopback(reply)) as (_, url):
        path = write(tmp_path / "a", url)
        out = tmp_path / "screened.jsonl"
        done = komep("screen", path.parent / "questions.jsonl", "--config", path, "-o", out)
        assert done.returncode == 0, done.stderr
        lines_of(write(tmp_path / "b", url, screener=None))
    rows = {
        (one["question_id"], one["item"]): one
        for one in read_table(out, Screened).iter_rows(named=True)
        if one["verdict"] == "true"
    }
    ids = {one.question: one.question_id for one in read_questions(path.parent / "questions.jsonl", {})}
    assert rows.keys() == {(ids[AGAIN], 1)} and rows[ids[AGAIN], 1]["screener"] == "look"
    scored = tmp_path / "b" / "work" / "score" / "scored.parquet"
    again = komep("screen", scored, "--config", path, "-o", tmp_path / "of_scored.jsonl", "--estimate")
    assert again.returncode == 0 and "0 calls" in " ".join(again.stdout.split())
    built = komep("build", scored, "-o", tmp_path / "r", "--screened", out)
    assert built.returncode == 0, built.stderr
    rejects = [json.loads(line) for line in (tmp_path / "r" / "rejects.jsonl").read_text().splitlines()]
    told = {one["key"].split("/")[0]: one["detail"] for one in rejects if one["reason"] == "contaminated"}
    assert told.keys() == {ids[AGAIN]}


def test_unreadable_replies_leave_questions_in_and_are_told(tmp_path, capfd):
    def unclear(body):
        return (
            "It depends." if body["model"] == "look" and asked_of(body)["question"] == AGAIN else reply(body)
        )

    with loopback(Loopback(unclear)) as (_, url):
        path = write(tmp_path / "a", url)
        lines = lines_of(path)
        assert "2 asked about (1 unreadable), 0 ask an item" in lines[-2]
        assert "look does not keep to numbers or None ('It depends.')" in capfd.readouterr().err
        quality = json.loads((tmp_path / "a" / "work" / "komep" / "quality.json").read_text("utf-8"))
        assert quality["contamination"]["screened"]["pairs"]["unread"] == 1
        assert (
            "of whose question no answer could be read: 1."
            in (tmp_path / "a" / "work" / "komep" / "README.md").read_text()
        )
    silent = Loopback(lambda body: "?" if body["model"] == "look" else reply(body))
    none = pytest.raises(KomepError, match="screen: 2 of 2 questions have no verdict")
    with loopback(silent) as (_, url), none:  # as any stage of no use
        lines_of(write(tmp_path / "b", url))


def test_a_run_that_joins_a_base_keeps_out_what_the_base_was_built_without(tmp_path):
    with loopback(Loopback(reply)) as (_, url):
        first = write(tmp_path / "a", url)
        lines_of(first)
        base = tmp_path / "a" / "work" / "komep"
        more = {"base": str(base), "responders": [{"name": "c", "endpoint": url, "model": "r", "seed": 9}]}
        lines_of(write(tmp_path / "b", url, **more))
    release = tmp_path / "b" / "work" / "komep"
    files = [read_facts(one)["options"]["screened"] for one in (base, release)]
    assert files[0] == files[1]  # the same questions and items, said once
    rejects = [json.loads(line) for line in (release / "rejects.jsonl").read_text("utf-8").splitlines()]
    assert len({one["key"].split("/")[0] for one in rejects if one["reason"] == "contaminated"}) == 2
    assert [check for check in verify(release) if not check.ok] == []


def test_equal_items_are_shown_once_and_texts_without_end_are_cut(tmp_path):
    path = write(tmp_path / "a", "http://127.0.0.1:9")
    items = [{"question": "소화성궤양의 가장 흔한 합병증은?", "A": "출혈"}] * 9
    items += [{"question": f"{ITEMS[0][0]} {'길다 ' * 9000}"}, {"question": ITEMS[0][0], "A": "물"}]
    (tmp_path / "a" / "items.jsonl").write_text("".join(json.dumps(one) + "\n" for one in items))
    asked = read_questions(path.parent / "questions.jsonl", {})
    looks = looks_of([one for one in asked if one.question == AGAIN], load_config(path))
    [look] = looks
    assert len(look.items) == len({*look.items}) == 3 and max(map(len, look.items)) == SHOWN
    assert f"{ITEMS[0][0]}\n물" in look.items


def test_bad_questions_are_told_by_their_lines(tmp_path):
    path = tmp_path / "q.jsonl"
    rows = [
        {"question_id": "a", "question": one}
        for one in ("What is gout?", " What is gout?", " ", "What is flu?")
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(KomepError) as error:
        read_questions(path, {})
    assert "q.jsonl:3: question: bad_value: empty" in str(error.value)
    assert f"q.jsonl:4: question: bad_value: a is that of another question at {path}:1" in str(error.value)
    path.write_text(
        '{"question": "What is gout?"}\n{"question": "What is gout?", "question_ko": "통풍이란?"}\n'
    )
    [one] = read_questions(path, {})
    assert one.question_ko == "통풍이란?"
    rows = [
        {"question": one, "question_ko": ko}
        for one in ("What is gout?", " What is gout?")
        for ko in (None, " ", "통풍이란?", "통풍은?")
    ]
    for some in (rows, rows[::-1]):  # the same in any order, so that nothing is asked anew
        path.write_text("".join(json.dumps(row) + "\n" for row in some))
        [one] = read_questions(path, {})
        assert (one.question, one.question_ko) == ("What is gout?", "통풍은?")


def test_a_preview_shows_what_the_screener_is_asked(tmp_path):
    with loopback(Loopback(reply)) as (_, url):
        path = write(tmp_path / "a", url)
        ids = sorted(
            (one.question_id, one.question) for one in read_questions(path.parent / "questions.jsonl", {})
        )
        shown = preview(path, [text for _, text in ids].index(AGAIN) + 1)
    assert "screen, look, request 1 of 1" in shown
    assert "screen: 1 question, 1 asked about, 1 ask" in shown


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"selection": {}}, "screener: goes with `selection.decontaminate:`"),
        (
            {"selection": {"decontaminate": {"exam": "items.jsonl"}, "screened": "s.csv"}},
            "leave one of them out",
        ),
    ],
)
def test_what_does_not_go_together_is_told_before_anything_is_asked(tmp_path, changes, told):
    with loopback() as (state, url), pytest.raises(KomepError, match=told):
        lines_of(write(tmp_path / "a", url, **changes))
    assert not state.calls


def test_the_command_names_what_the_file_lacks(tmp_path):
    path = write(tmp_path / "a", "http://127.0.0.1:9", screener=None)
    done = komep("screen", path.parent / "questions.jsonl", "--config", path, "-o", tmp_path / "s.jsonl")
    assert done.returncode == 1 and "`screener:` is missing" in done.stderr


@pytest.mark.parametrize(
    "reply, numbers",
    [
        ("None", set()),
        ("**None.**", set()),
        ("없음", set()),
        ("2", {2}),
        ("1, 3", {1, 3}),
        ("[1, 2]", {1, 2}),
        ("Items 1 and 2.", {1, 2}),
        ("1번, 2번", {1, 2}),
        ("5", None),
        ("1, 7", None),
        ("", None),
        ("None of them, except perhaps 1", None),
        ("I would say 1.", None),
        ("None of the items.", set()),
        ("No.", set()),
        ("0", set()),
        ("[]", set()),
        ("해당 없음", set()),
        ("“None”", set()),
        ("Answer: None", set()),
        ("None\n\nThe question asks something else.", set()),
        ("Answer: 1", {1}),
        ("#1", {1}),
        ("1;2", {1, 2}),
        ("1\n2", {1, 2}),
        ("1번과 3번", {1, 3}),
        ("1、2", {1, 2}),
        ("1，2", {1, 2}),
        ("정답은 1번입니다", {1}),
        ("N/A", set()),
        ("None of the above.", set()),
        ("해당 사항 없음", set()),
        ("1-3", None),
        ("[1-3]", None),
        ("1..3", None),
        ("1.5", None),
        ("1/3", None),
        ("1 or 2", None),
        ("2 items", None),
        ("1 of 3", None),
        ("No, 1", None),
        ("None, 1", None),
        ("Item 2 is not", None),
        ("1:\nNo.\n2:\nYes.", None),
        ("1.\nNot asked again.\n2.\nAsked again.", None),
        ("1\nNone", None),
        ("None\n1", None),
        ("1\nis not asked again", None),
        ("2\nIt asks the same.", {2}),
        ("1" * 5000, None),
    ],
)
def test_replies(reply, numbers):
    assert parse_numbers(reply, 4) == numbers
    assert parse_numbers(reply, 4, cut=True) in (numbers, None)


def test_a_first_line_counts_where_the_rest_was_cut():
    assert parse_numbers("None\n\nThe question asks of the", 4, cut=True) == set()
    assert parse_numbers("1, 2", 4, cut=True) is None and parse_numbers("1\n2", 4, cut=True) is None
