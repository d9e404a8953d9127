"""What a screener is worth, over files made here and over the real questions with the replies that are kept."""

import json

from benchmarks import screening
from benchmarks.real_leaks import SUBJECTS
from komep_dataset.config.config import load_config
from komep_dataset.prompts.messages import screen_messages
from tests.benchmarks.test_real_leaks import write
from tests.loopback import Loopback, last_text, loopback
from tests.real_data import DATA, needs_data

ITEM = "우체통이 빨간색으로 칠해진 까닭으로 옳은 것은?"
AGAIN = "우편물을 넣는 통은 왜 빨간 빛깔인가? 우체통의 빛깔을 묻는다."
SUBJECT = "우체통을 처음 세운 도시로 옳은 것은?"


def test_a_screener_is_asked_and_measured_against_the_labels(tmp_path, monkeypatch, capfd):
    for subject in SUBJECTS:
        write(tmp_path / f"kormedmcqa/{subject}/test.csv", [AGAIN, SUBJECT] if subject == "nurse" else [])
        write(
            tmp_path / f"kormedmcqa/{subject}/valid.csv", [ITEM] if subject == "nurse" else ["등대의 높이는?"]
        )
    (tmp_path / "screened_pairs.csv").write_text(
        "text,item,first_reader,second_reader,read\n"
        "nurse/test 1,nurse/valid 1,words,same,first\nnurse/test 2,nurse/valid 1,varied,other,first\n"
    )
    (tmp_path / "screener_replies.csv").write_text("text,options,named\nnurse/test 1,,\nnurse/test 2,,\n")
    monkeypatch.setattr(screening, "HERE", tmp_path)
    kept = list(screening.measured(tmp_path, None))
    assert kept[-1].startswith("\nnot measured: train")
    assert [line.split(" | ")[1:5] for line in kept if line.startswith("| other words")] == [
        ["1", "100.0% (20.7-100.0)", "0.0% (0.0-79.3)", "0.0% (0.0-79.3)"]
    ]

    def reply(body):
        asked = json.loads(last_text(body).splitlines()[0])
        again = [n for n, item in asked["items"].items() if ITEM in item and asked["question"] == AGAIN]
        return ", ".join(again) or "None"

    with loopback(Loopback(reply)) as (state, url):
        config = load_config({"work": str(tmp_path / "work"), "screener": {"endpoint": url, "model": "m"}})
        lines = list(screening.measured(tmp_path, config))
    assert {body["messages"][0]["content"] for body in state.calls} == {
        screen_messages("?", ["?"])[0]["content"]
    }
    told = {line.split(" | ")[0]: line.split(" | ")[1:5] for line in lines if line.startswith("| ")}
    assert told["| other words"] == ["1", *["100.0% (20.7-100.0)"] * 3]
    assert told["| about the same"] == ["1", "", "", "0.0% (0.0-79.3)"]
    with loopback(Loopback(lambda body: "It depends.")) as (_, url):
        silent = load_config({"work": str(tmp_path / "other"), "screener": {"endpoint": url, "model": "m"}})
        lines = list(screening.measured(tmp_path, silent))
    assert not any(line.startswith("| ") for line in lines)  # none is taken for a no
    assert "2 of 2 texts are left out" in capfd.readouterr().err


@needs_data("kormedmcqa")
def test_repeats_of_real_questions_are_among_the_items_shown_and_the_kept_replies_name_them():
    tables = "\n".join(screening.measured(DATA, None)).split("\n\ntest questions ")
    for told, found in zip(tables[-2:], (90, 100), strict=True):
        rows = {line.split(" | ")[0]: line.split(" | ")[1:5] for line in told.splitlines()}
        assert rows["| other words"][:2] == ["29", "100.0% (88.3-100.0)"]
        assert float(rows["| other words"][2].partition("%")[0]) >= found
        assert rows["| nearly the same words"][2] == "100.0% (70.1-100.0)"
