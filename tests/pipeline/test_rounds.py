"""Rounds with a model of one's own: its answers join the others', held-out questions stay held out, the release says of which
round a pair is."""

import json
import re
import sys
from pathlib import Path

import pytest

from komep_dataset.cli import main
from komep_dataset.config.config import load_config
from komep_dataset.errors import KomepError
from komep_dataset.gates.near_duplicates import SIMILAR, Shingled
from komep_dataset.release.build import build
from komep_dataset.release.diff import diff
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import read_rows
from komep_dataset.release.verify import verify
from komep_dataset.schema import question_id, split_of
from tests.loopback import last_text, loopback
from tests.pipeline.chains import KEY_ENV, lines_of, write_chain
from tests.pipeline.chains import key as key  # the chain's endpoints want one

ROOT = Path(__file__).resolve().parents[2]


def one_of(split: str, template: str) -> str:
    """A question of a split; `{}` in the template is where a number goes."""
    return next(q for n in range(1000) if split_of(question_id(q := template.format(n))) == split)


def chain(folder: Path, url: str, questions=None, **changes) -> Path:
    """`write_chain` with the model of round 1 and that of round 2 behind the two that are there, or alone beside a `base`."""
    place = {"endpoint": url, "api_key_env": KEY_ENV, "concurrency": 4, "max_attempts": 1}
    own = [place | {"name": f"own-{n}", "model": f"own-{n}", "round": n, "seed": n} for n in (1, 2)]
    others = [place | {"name": name, "model": "r", "seed": n} for n, name in enumerate("ab")]
    path = write_chain(
        folder, url, n=40, responders=[*([] if "base" in changes else others), *own], **changes
    )
    if questions:
        rows = ({"question": one, "category": "c"} for one in questions)
        (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def sides_of(release: Path) -> dict[str, set[str]]:
    """Split -> questions of its pairs in every config, as texts."""
    return {
        split: {row["prompt"][0]["content"] for row in read_rows(release, "en", split).iter_rows(named=True)}
        for split in ("train", "test")
    }


@pytest.mark.slow
def test_the_answers_of_a_round_join_the_others_and_held_out_questions_stay_held_out(tmp_path):
    with loopback() as (state, url):
        path = chain(tmp_path / "a", url)
        first = lines_of(path, round=1)
        calls = len(state.calls)
        asked = [body for body in state.calls if body["model"].startswith("own")]
        assert {body["model"] for body in asked} == {"own-1"} and "respond own-2" not in "".join(first)
        second = lines_of(path, round=2)
        before = len(state.calls)
        lines_of(path, round=2), lines_of(path, round=1)
        assert len(state.calls) == before  # nothing is asked twice, whichever round is made again
        own = {last_text(body).splitlines()[-1] for body in state.calls if body["model"].startswith("own")}
        assert len(own) * 2 == sum(body["model"].startswith("own") for body in state.calls)
        assert not any("respond a: " in line and "unchanged" not in line for line in second)
        assert all(body["model"] not in ("r",) for body in state.calls[calls:])
    releases = [tmp_path / "a" / "work" / f"komep-{n}" for n in (1, 2)]
    questions = {f"What is condition {n}?" for n in range(40)}
    held_out = {one for one in questions if split_of(question_id(one)) == "test"}
    assert len(held_out) > 1 and own == questions - held_out  # no test question is asked for training
    for release in releases:
        assert all(check.ok for check in verify(release)), verify(release)
        sides = sides_of(release)
        assert not sides["train"] & held_out and sides["test"] <= held_out
        text = read_rows(release, "en", "train").write_json()
        assert not any(json.dumps(question) in text for question in held_out)
    pairs = [read_rows(release, "en", "test") for release in releases]
    assert pairs[0].equals(pairs[1]) and pairs[0].height  # the held-out pairs of both rounds are the same
    assert not [m for m in ("chosen_model", "rejected_model") if pairs[1][m].str.starts_with("own").any()]


@pytest.mark.slow
def test_a_release_says_of_which_round_its_pairs_are(tmp_path):
    with loopback() as (_, url):
        path = chain(tmp_path / "a", url, selection={"pairs": "all"})
        lines_of(path, round=1), lines_of(path, round=2)
    one, two = (tmp_path / "a" / "work" / f"komep-{n}" for n in (1, 2))
    facts = read_facts(two)
    assert facts["rounds"] == {"own-1": 1, "own-2": 2} and read_facts(one)["rounds"] == {"own-1": 1}
    counted = {str(n): {"pairs": 0, "chosen": 0, "rejected": 0} for n in range(3)}
    for split in ("train", "test"):
        for pair in read_rows(two, "en", split).iter_rows(named=True):
            rounds = {side: facts["rounds"].get(pair[f"{side}_model"], 0) for side in ("chosen", "rejected")}
            counted[str(max(rounds.values()))]["pairs"] += 1
            for side, round in rounds.items():
                counted[str(round)][side] += 1
    assert facts["pairs_by_round"] == counted and all(n["pairs"] for n in counted.values())
    n = counted["2"]
    assert f"| 2 | {n['pairs']} | {n['chosen']} | {n['rejected']} |" in (two / "README.md").read_text()
    assert "own-1 (round 1), own-2 (round 2)" in (two / "README.md").read_text()
    assert diff(one, two).facts["rounds.own-2"] == (None, 2)

    for name, content in (("rounds", {"own-1": 1, "own-3": 2}), ("rounds", {"own-1": 0}), ("rounds", {})):
        provenance = json.loads((two / "provenance.json").read_text())
        (two / "provenance.json").write_text(json.dumps(provenance | {name: content}))
        assert {check.name for check in verify(two) if not check.ok} & {"facts", "counts"}, content


@pytest.mark.slow
def test_answers_join_a_base_and_its_held_out_pairs_stay(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with loopback() as (state, url):
        lines_of(write_chain(tmp_path / "old", url, n=40))
        base = tmp_path / "old" / "work" / "komep"
        path = chain(tmp_path / "new", url, base=str(base))
        lines_of(path, round=1)
        lines_of(path, round=2)
        calls = len(state.calls)
        other = chain(tmp_path / "other", url, base=str(base), selection={"min_margin": 0.5})
        with pytest.raises(
            KomepError,
            match=r"selection.min_margin 0.5: the base .* was built with selection.min_margin 0.0; .*komep build .* --min-margin 0.5",
        ):
            lines_of(other, round=1)
        with pytest.raises(KomepError, match=r"--round 3: no responder of that round; there are 1, 2"):
            lines_of(path, round=3)
        assert len(state.calls) == calls  # before anything is asked
    grown = tmp_path / "new" / "work" / "komep-2"
    assert all(check.ok for check in verify(grown))
    facts = read_facts(grown)
    assert facts["rounds"] == {"own-1": 1, "own-2": 2} and facts["base"]
    assert read_rows(grown, "en", "test").equals(read_rows(base, "en", "test"))

    scored = tmp_path / "new" / "work" / "score" / "scored.parquet"
    again = tmp_path / "again"
    build([scored], again, base=grown)  # what the base says of its rounds goes on
    assert read_facts(again)["rounds"] == facts["rounds"]
    for given, said in (
        ("own-1=3", "own-1=3: in the base .* it is 1"),
        ("own-9=3", "no answer is of 'own-9'; the models are b, meta/small, own-1, own-2"),
        ("own-1=0", "rounds count from 1"),
        ("own-1", "give MODEL=N, such as own-1=1"),
    ):
        monkeypatch.setattr(
            sys, "argv", ["komep", "build", str(scored), "--base", str(grown), "-o", "no", "--round", given]
        )
        with pytest.raises(SystemExit) as stopped:
            main()
        err = " ".join(capsys.readouterr().err.split())
        assert stopped.value.code == 2 and re.search(said, err), err
        assert not (tmp_path / "no").exists()


@pytest.mark.slow
def test_a_question_in_almost_the_words_of_a_held_out_one_trains_in_no_round(tmp_path):
    long = "A patient of {} years has had chest pain at rest since this morning, and the first ECG shows"
    held_out = one_of("test", f"{long} raised segments: what now?")
    age = held_out.split()[3]
    nearly = one_of("train", long.replace("{}", age) + " raised segments: what now, in step {}?")
    with loopback() as (state, url):
        questions = [held_out, nearly, *(f"What is condition {n}?" for n in range(20))]
        options = {"near_duplicates": "reject", "min_margin": 0.0}
        path = chain(tmp_path / "a", url, questions, selection=options)
        for round in (1, 2):
            lines_of(path, round=round)
            release = tmp_path / "a" / "work" / f"komep-{round}"
            sides = sides_of(release)
            texts = Shingled(tmp_path / f"{round}.shingles")
            texts.add({question: question for side in sides.values() for question in side})
            assert not texts.clusters(), SIMILAR
            assert {held_out, nearly} - sides["train"] - sides["test"]  # one of the two had to go
            assert all(check.ok for check in verify(release))
        # What looks at all pairs does not go with a base that only grows, which is told before anything is asked.
        calls = len(state.calls)
        beside = chain(tmp_path / "b", url, base=str(release), selection=options)
        with pytest.raises(KomepError, match="it looks at all pairs at once"):
            lines_of(beside, round=1)
        assert len(state.calls) == calls


def test_what_is_no_round_is_named(tmp_path):
    with loopback() as (_, url):
        path = chain(tmp_path / "a", url, [one_of("test", "Question {}?")])
        with pytest.raises(
            KomepError, match=r"no question of the train split for own-1, which has a `round`"
        ):
            lines_of(path, round=1)
        text = path.read_text()
        path.write_text(text.replace("round: 1", "round: 0"))
        with pytest.raises(KomepError, match=r"responders\[2\]\.round: 0 is below 1"):
            load_config(path)
        path.write_text(text + f"base: x\ntranslator: {{endpoint: '{url}', model: t}}\n")
        with pytest.raises(KomepError, match=r"translator\.scope: .*set `scope: all`"):
            load_config(path)


def test_the_example_is_a_configuration_and_its_rule_reads_what_komep_asks(monkeypatch):
    from komep_dataset.prompts.messages import check_messages, split_messages

    config = load_config(ROOT / "examples" / "rounds.yaml")
    assert config.rounds() == {"own-1": 1, "own-2": 2} and config.up_to(1).release.name == "komep-1"
    monkeypatch.syspath_prepend(ROOT / "examples")
    import rule_judge

    said = "Insulin is a hormone. It lowers blood"
    assert rule_judge.reply({"messages": split_messages(said)}, {}) == "Insulin is a hormone."
    for question, row in list(rule_judge.Handler.facts.items())[:5]:
        for label in ("true", "false"):
            for one in row[label]:
                asked = {"messages": check_messages(one["en"], "strict", question)}
                assert rule_judge.reply(asked, rule_judge.Handler.facts) == f"{label.title()}."
        asked = {"messages": check_messages("Bread is baked.", "strict", question)}
        assert rule_judge.reply(asked, rule_judge.Handler.facts) == "False."
