"""The list of real replies on which readings disagree: that it is true where the replies lie, and how it is made."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from benchmarks import letters
from tests.real_data import DATA, needs_data, rows

READ = {*"ABCDE", "none", "several", "unclear"}
HELD = {  # of the first two materials: replies whose SHA-256 begins with an odd digit
    "gemini_replies/distillation_dentist.jsonl": "answer",
    "gemini_replies/distillation_nurse.jsonl": "answer",
    "korean_mcq_replies/replies.jsonl": "response",
}


def labels():
    return json.loads(letters.LABELS.read_text("utf-8"))


def test_the_list_and_the_letters_say_the_same():
    known = labels()
    for row in letters.listed():
        label = known[row["file"]][row["row"]]
        assert re.fullmatch(r"[0-9a-f]{16}", row["reply"])
        assert row["judgement"] == letters.judgement(label, row["first"], row["now"])
        readers = {one for name in ("reader_1", "reader_2") if (one := row[name])}
        assert readers <= READ
        stated = {{"none": "-", "several": "-", "unclear": "?"}.get(one, one) for one in readers}
        assert not stated or label == (stated.pop() if len(stated) == 1 else "?"), row
    assert all(set(own.values()) <= {*"ABCDE-?"} for own in known.values())


@needs_data("gemini_replies", "korean_mcq_replies")
def test_the_list_is_true_of_the_replies_that_are_here():
    _, said = letters.compared(DATA)
    assert not said, "python -m benchmarks.letters FOLDER --write, then read what is new:\n" + "\n".join(said)


@needs_data("gemini_replies", "korean_mcq_replies")
def test_all_replies_that_were_held_back_have_a_letter():
    known = labels()
    for name, column in HELD.items():
        texts = [row[column] for row in rows(name)]
        held = [n for n, t in enumerate(texts, 1) if int(hashlib.sha256(t.encode()).hexdigest()[0], 16) % 2]
        assert sorted(map(int, known[name])) == held


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two files of replies made here, with labels and a list of their own."""
    question = "질문: 무엇인가?\n- A: 하나\n- B: 둘\n- C: 셋\n- D: 넷\n- E: 다섯\n"
    told = [("정답: **B**", "B"), ("셋이다.", "C"), ("모르겠다.", "A")]
    texts = [json.dumps({"question": question, "answer": a, "label": b}) for a, b in told]
    (tmp_path / "gemini_replies").mkdir()
    (tmp_path / "gemini_replies/distillation_x.jsonl").write_text("\n".join(texts) + "\n", "utf-8")
    (tmp_path / "results").mkdir()
    (tmp_path / "results/m.csv").write_text('answer,pred,response\nA,A,"A\n이유"\nB,,D입니다\n', "utf-8")
    found = {
        "gemini_replies/distillation_x.jsonl": {"1": "B", "2": "C", "3": "-"},
        "results/m.csv": {"1": "A", "2": "E"},
        "results/elsewhere.csv": {"1": "A"},
    }
    for name, value in (("LABELS", "letters.json"), ("LIST", "letters.csv")):
        monkeypatch.setattr(letters, name, tmp_path / value)
    letters.LABELS.write_text(json.dumps(found), "utf-8")
    letters.write([])
    return tmp_path


def test_a_reading_that_is_not_on_the_list_is_said_and_added(folder, monkeypatch):
    added, said = letters.compared(folder)
    assert said == ["results/m.csv, row 2: now D, cascade -, listed E, -; it states E"]
    letters.write(added)
    assert letters.compared(folder)[1] == []
    (row,) = letters.listed()
    assert (row["given"], row["first"], row["now"], row["judgement"]) == ("", "E", "D", "wrong")
    monkeypatch.setattr(letters, "read", lambda reply: "E" if reply.text == "D입니다" else "")
    changed = [line.split(";")[0] for line in letters.compared(folder)[1]]
    assert "results/m.csv, row 2: now E, cascade -, listed D, -" in changed and len(changed) == 4


def test_a_reply_that_is_another_one_is_said(folder):
    letters.write(letters.compared(folder)[0])
    (folder / "results/m.csv").write_text("answer,pred,response\nA,A,A\nB,,C입니다\n", "utf-8")
    letters.replies.cache_clear()
    assert "another reply" in letters.compared(folder)[1][0]


def test_tables_count_what_is_read_as_it_is_stated(folder):
    lines = list(letters.tables(folder, Path(letters.__file__).parents[1]))
    assert "| all | 3 | 3 | 3 | 2 |" in lines and "| states none | 1 | 1 | 1 | 1 |" in lines
    assert "| all | 2 | 1 | 1 | 1 |" in lines and "| both | 1 | 0 | 0 | 0 |" in lines


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("정답: **C**\n열이 있다.", {"begins with a letter, ends otherwise", "Korean"}),
        ("열이 있다.\n따라서 C입니다.", {"ends with a letter, begins otherwise", "Korean"}),
        ("C", {"both", "English, or letters alone"}),
        ("열이 있으므로", {"neither", "Korean", "cut off"}),
        ("So \\boxed{C}", {"ends with a letter, begins otherwise", "LaTeX, boxed", "English, or letters alone"}),
        ("보기\nA: 하나\nB: 둘\nC: 셋이다.", {"neither", "three options and more listed", "Korean"}),
    ],
)  # fmt: skip
def test_kinds_of_replies(text, kinds):
    assert {kind for kind, holds in letters.KINDS.items() if holds(text)} == kinds


def test_the_curve_has_a_row_a_pattern_and_waits_for_no_peer(monkeypatch):
    monkeypatch.setattr(letters, "CURVE", (100, 1_000, 2_000))
    marks = "two combining marks"
    monkeypatch.setattr(letters, "PATTERNS", {"`A`": "A", marks: letters.PATTERNS[marks]})
    _, one, other = letters.curve()
    assert re.fullmatch(r"\| `A` \| (\d+\.\d{3} \| ){5}[\d.–]+ \|", one) and other.startswith(f"| {marks} | ")


def test_the_command_names_what_is_not_there(folder, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["letters", str(folder)])
    letters.main()
    assert "not there: results/elsewhere.csv" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["letters", str(folder / "nothing")])
    with pytest.raises(SystemExit) as stopped:
        letters.main()
    assert stopped.value.code == 2 and "none of the materials is here" in capsys.readouterr().err
