"""`komep run`: one chain over a loopback endpoint, killed anywhere and resumed, and once over a real small
model.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from komep_dataset import samples
from komep_dataset.config.config import load_config
from komep_dataset.errors import KomepError
from komep_dataset.inference import batch
from komep_dataset.inference.costs import spent_in
from komep_dataset.judge.calibration import calibrate_file
from komep_dataset.languages import language_of
from komep_dataset.pipeline.run import run
from komep_dataset.release.build import build
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import read_rows
from komep_dataset.release.verify import verify
from komep_dataset.schema import Response, ScoredGeneration, question_id
from komep_dataset.scores.scoring import CUT_OFF, score
from komep_dataset.tables.reading import read_table
from tests.batches import Batches
from tests.inference.prices import expensive, priced
from tests.loopback import Fault, Loopback, answer, last_text, loopback
from tests.pipeline.chains import (
    FAULTS,
    KILLED,
    SECRET,
    lines_of,
    model_of_its_own,
    processes_serving,
    real_chain,
    tables_of,
    write_chain,
)
from tests.pipeline.chains import key as key  # the chain's endpoints want one


def test_a_chain_runs_every_stage_and_a_second_run_asks_nothing(tmp_path):
    with loopback() as (state, url):
        path = write_chain(tmp_path / "a", url)
        lines = lines_of(path)
        calls = len(state.calls)
        assert calls == 2 * 12 + 2 * 12 + 3 * 24  # answers, splits, three units an answer
        again = lines_of(path)
        assert len(state.calls) == calls
    assert [line.split(":")[0] for line in lines] == [
        "[1/6] questions",
        "[2/6] respond meta/small",
        "[3/6] respond b",
        "[4/6] score",
        "[5/6] translate",
        "[6/6] build",
    ]
    assert "24 generations: 24 scored" in lines[3] and "no `translator:` is configured" in lines[4]
    assert sum("unchanged" in line for line in again) == 5
    assert "; 72 units by 72 requests -> " in lines[3] and len(lines[3]) < 120 + len(str(tmp_path))
    kept = json.loads((tmp_path / "a" / "work" / "score" / "done.json").read_text("utf-8"))
    assert [kept["figures"][name] for name in ("units", "requests", "unverifiable")] == [72, 72, 0]
    assert kept["figures"]["split"] == {
        "covered": 1, "pronouns": 0, "fragments": 0, "lost": 0, "unverifiable": 0,
    }  # fmt: skip
    assert (tmp_path / "a" / "work" / "komep" / "README.md").is_file()


def test_what_the_checker_is_worth_goes_into_the_card(tmp_path):
    with loopback() as (_, url):
        path = write_chain(tmp_path / "a", url, n=3)
        assert "never calibrated" in lines_of(path)[-1]
        calibrate_file(load_config(path), limit=8)
        (line,) = [line for line in lines_of(path) if "unchanged" not in line and "build" in line]
        assert "never calibrated" not in line
        assert "unchanged" in lines_of(path)[-1]
        card = (tmp_path / "a" / "work" / "komep" / "README.md").read_text("utf-8")
        config = yaml.safe_load(path.read_text())
        config["checker"]["model"] = "checker-2"  # another checker: the record says nothing of it
        path.write_text(yaml.safe_dump(config))
        assert "never calibrated" in lines_of(path)[-1]
    assert "checker `checker`, mode `strict`" in card


def test_no_file_of_a_run_holds_the_key(tmp_path, capfd):
    state = Loopback(lambda body: "True" if body["model"] == "checker" else f"key {SECRET}.")
    with loopback(state) as (_, url):
        lines_of(write_chain(tmp_path / "a", url, n=2))
    assert set(state.authorizations) == {f"Bearer {SECRET}"}
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert len(files) > 15
    assert not [p for p in files if SECRET.encode() in p.read_bytes()]
    texts = read_table(tmp_path / "a" / "work" / "respond" / "b" / "responses.parquet", Response)["response"]
    assert set(texts) == {"key ***."}  # Parquet is compressed: look inside too
    out = capfd.readouterr()
    assert SECRET not in out.out + out.err


def test_a_change_runs_what_depends_on_it_and_nothing_else(tmp_path):
    with loopback() as (state, url):
        path = write_chain(tmp_path / "a", url, n=3)
        lines_of(path)
        calls = len(state.calls)
        config = yaml.safe_load(path.read_text())
        config["checker"]["concurrency"] = 2  # how it is asked, not what it answers
        path.write_text(yaml.safe_dump(config))
        assert sum("unchanged" in line for line in lines_of(path)) == 5
        config["selection"] = {"pairs": "all"}
        path.write_text(yaml.safe_dump(config))
        lines = lines_of(path)
        assert sum("unchanged" in line for line in lines) == 4 and "unchanged" not in lines[-1]
        assert len(state.calls) == calls
        config["checker"]["model"] = "checker-2"
        path.write_text(yaml.safe_dump(config))
        lines = lines_of(path)
        assert [i for i, line in enumerate(lines) if "unchanged" not in line] == [3, 4, 5]
    assert {body["model"] for body in state.calls[calls:]} == {"checker-2"}


@pytest.mark.parametrize("translated", [False, True])
@pytest.mark.parametrize("judges", [{"checker": "checker-2"}, {"agreement": "majority"}])
def test_the_release_names_who_judged_although_the_verdicts_are_the_same(tmp_path, judges, translated):
    def same(body: dict) -> str:
        return "True." if body["model"].startswith("checker") else answer(body)

    with loopback(Loopback(same)) as (_, url):
        path = write_chain(tmp_path / "a", url, n=3)
        config = yaml.safe_load(path.read_text())
        one = config["checker"]
        config |= {"checker": [one, one | {"model": "checker-b"}], "agreement": "all"}
        config |= {"translator": one | {"model": "translator"}} if translated else {}
        path.write_text(yaml.safe_dump(config))
        lines_of(path)
        config |= judges | ({"checker": one | {"model": "checker-2"}} if "checker" in judges else {})
        path.write_text(yaml.safe_dump(config))
        lines_of(path)
    told = json.loads((tmp_path / "a" / "work" / "komep" / "provenance.json").read_text())
    if "checker" in judges:
        assert told["makers"]["checker"] == ["checker-2"]
    else:
        assert [one["agreement"] for one in told["judges"]] == ["majority"]


def test_a_table_that_was_damaged_is_made_again_without_asking(tmp_path):
    with loopback() as (state, url):
        path = write_chain(tmp_path / "a", url, n=3)
        lines_of(path)
        before, calls = tables_of(tmp_path / "a"), len(state.calls)
        table = tmp_path / "a" / "work" / "score" / "scored.parquet"
        table.write_bytes(b"damaged")
        said = lines_of(path)[3]
        assert (
            "unchanged" not in said
            and "scored.parquet had been changed: kept as scored.parquet.edited" in said
        )
        assert tables_of(tmp_path / "a") == before and len(state.calls) == calls
    assert table.with_name("scored.parquet.edited").read_bytes() == b"damaged"


def test_a_failed_row_is_left_alone_until_it_is_asked_for_again(tmp_path):
    broken = [True]

    def plan(body, _):
        return (
            Fault(400, "refused")
            if broken[0] and body["model"] == "r" and "condition 1?" in last_text(body)
            else None
        )

    with loopback(Loopback(faults=plan)) as (state, url):
        path = write_chain(tmp_path / "a", url, n=3)
        lines = lines_of(path)
        assert "3 responses, 1 failed (HTTP 400: refused)" in lines[1]
        assert lines[1].endswith("; --retry-failed asks the 1 failed again")
        assert "2 failed" in lines[3]
        broken[0], calls = False, len(state.calls)
        assert sum("unchanged" in line for line in lines_of(path)) == 5
        assert len(state.calls) == calls
        lines = lines_of(path, retry_failed=True)
        assert not [line for line in lines if " failed" in line]
        assert [body["model"] for body in state.calls[calls:]].count("r") == 2
        # The same as a run that never failed.
        lines_of(write_chain(tmp_path / "b", url, n=3))
    assert tables_of(tmp_path / "a") == tables_of(tmp_path / "b")


def test_a_run_without_one_answer_stops_and_says_why(tmp_path):
    with loopback(Loopback(faults=lambda *_: Fault(400, "no such parameter"))) as (_, url):
        path = write_chain(tmp_path / "a", url, n=3)
        with pytest.raises(
            KomepError, match="no question got an answer; the first: HTTP 400: no such parameter"
        ):
            lines_of(path)


NOBODY = {"endpoint": "http://127.0.0.1:9/v1", "model": "m"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"questions": None}, "`questions.input:` is missing"),
        ({"responders": []}, "`responders:` is missing"),
        ({"checker": None}, "`checker:` is missing"),
        ({"mode": "paper", "checker": NOBODY | {"context": "question"}}, r"checker\.context: the mode paper"),
        (
            {"mode": "paper", "checker": [NOBODY, NOBODY | {"model": "n"}]},
            "the mode paper has DAHL's one checker",
        ),
        ({"translator": NOBODY | {"glossary": "none.tsv"}}, r"none\.tsv: cannot be read"),
    ],
)
def test_what_a_chain_needs_is_asked_for_before_it_starts(tmp_path, changes, said):
    path = write_chain(tmp_path / "a", "http://127.0.0.1:9/v1", **changes)
    with pytest.raises(KomepError, match=said):
        lines_of(path)
    assert not (tmp_path / "a" / "work").exists()


def test_the_folder_of_all_responses_can_be_scored_as_it_is(tmp_path):
    with loopback() as (state, url):
        path = write_chain(tmp_path / "a", url, n=3)
        lines_of(path)
        calls = len(state.calls)
        work = tmp_path / "a" / "work"
        done = score([work / "respond"], load_config(path), tmp_path / "s.parquet")
    assert done.rows == 6 and len(state.calls) == calls
    assert (tmp_path / "s.parquet").read_bytes() == (work / "score" / "scored.parquet").read_bytes()


def test_a_limit_takes_the_first_questions_by_id(tmp_path):
    with loopback() as (state, url):
        path = write_chain(tmp_path / "a", url, questions={"input": "questions.jsonl", "limit": 2})
        lines = lines_of(path)
    assert "2 questions" in lines[0]
    assert sum(body["model"] == "r" for body in state.calls) == 4


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        ("komep_dataset.cli", "datatrove polars pyarrow aiohttp torch scipy rich yaml jinja2 datasets"),
        ("komep_dataset.pipeline.run, komep_dataset.judge.calibration", "datatrove aiohttp torch rich"),
    ],
)
def test_importing_the_stages_loads_nothing_heavy(modules, unwanted):
    """`komep --help` must answer at once, and a stage starts no engine before it is needed."""
    code = f"import sys, {modules}\nprint(set({unwanted.split()}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def sometimes(body: dict, attempt: int) -> Fault | None:
    """Every sixth request fails at its first attempt, in one of six ways."""
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()
    return FAULTS[digest[1] % 6] if attempt == 1 and digest[0] % 6 == 0 else None


@pytest.mark.slow
def test_killed_anywhere_with_faults_the_same_command_ends_with_the_same_tables(tmp_path):
    """Three kills at random moments. What the endpoint answered twice is at most what was in flight then."""
    command = [sys.executable, "-c", KILLED]
    seed = random.randrange(10**6)
    print(f"seed of the moments: {seed}")
    with loopback() as (state, url):
        whole = write_chain(tmp_path / "whole", url)
        lines_of(whole)
        needed = len(state.calls)
    state = Loopback(delay=0.03, faults=sometimes)
    with loopback(state) as (_, url):
        path = write_chain(tmp_path / "killed", url, max_attempts=4)
        for kill in range(3):
            moment = needed * (kill + random.Random(seed + kill).uniform(0.1, 0.9)) / 3
            child = subprocess.Popen([*command, str(path)], stdout=subprocess.DEVNULL)
            deadline = time.monotonic() + 300
            while len(state.calls) < moment and time.monotonic() < deadline:
                time.sleep(0.002)
            os.kill(child.pid, signal.SIGKILL)
            assert child.wait() == -signal.SIGKILL
        assert not (tmp_path / "killed" / "work" / "komep").exists()
        subprocess.run([*command, str(path)], check=True, timeout=300, stdout=subprocess.DEVNULL)
    assert tables_of(tmp_path / "killed") == tables_of(tmp_path / "whole")
    assert state.repeats <= 3 * 4 and len(state.answered) == needed
    assert state.most_in_flight <= 4 + 4  # a killed client's requests may still be answered


@pytest.mark.slow
def test_a_real_model_answers_splits_and_judges_behind_one_server(tmp_path, smollm2):
    """SmolLM2 is no medical expert: what is tested is that its real output passes every stage."""
    model = model_of_its_own(smollm2, tmp_path / "model")
    lines = lines_of(real_chain(tmp_path / "a", model))
    assert "build" in lines[-1]
    work = tmp_path / "a" / "work"
    assert len(list(work.rglob("server.log"))) == 1  # one start for three responders, splitter and checker
    assert processes_serving(model) == []
    tables = {
        n: read_table(work / "respond" / n / "responses.parquet", Response)
        for n in ("one", "again", "greedy")
    }
    texts = {name: list(table["response"]) for name, table in tables.items()}
    assert all(text.strip() for answers in texts.values() for text in answers)
    assert texts["one"] == texts["again"]  # the seed is honoured
    for table in tables.values():
        assert all(n > 20 for n in table["prompt_tokens"])
        expected = ["length" if n == 64 else "stop" for n in table["completion_tokens"]]
        assert list(table["finish_reason"]) == expected and max(table["completion_tokens"]) <= 64
    scored = read_table(work / "score" / "scored.parquet", ScoredGeneration)
    assert scored.height == 3 and "scored" in set(scored["status"])
    rejects = map(json.loads, (work / "score" / "rejects.jsonl").read_text("utf-8").splitlines())
    failed = [row["detail"] for row in rejects if row["reason"] == "request_failed"]
    assert all(why.endswith(CUT_OFF) for why in failed)  # so small a splitter may repeat itself without end


def test_the_mode_of_scoring_reaches_the_checker(tmp_path):
    with loopback() as (state, url):
        lines_of(write_chain(tmp_path / "a", url, n=1, mode="paper"))
        asked = [last_text(body) for body in state.calls if body["model"] == "checker"]
    assert asked and all(text.startswith("Is this true or false? Answer in one word.\n") for text in asked)
    with pytest.raises(KomepError, match="mode: "):
        run(write_chain(tmp_path / "b", "http://127.0.0.1:9/v1", mode="lenient"))


FOREIGN = {
    "komep/thesis.txt": "komep",
    "score/done.json": "done.json",
    "score/scored.parquet": "scored.parquet",
    "score/scored.verdicts.parquet": "scored.verdicts.parquet",
    "respond/b/responses.parquet": "responses.parquet",
    "questions/questions.parquet": "questions.parquet",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_lies_in_the_work_folder_and_is_not_ours_is_told_before_anybody_is_asked(tmp_path, name):
    with loopback() as (state, url):
        path = write_chain(tmp_path / "a", url, n=3)
        mine = tmp_path / "a" / "work" / name
        mine.parent.mkdir(parents=True)
        mine.write_text("years of work")
        with pytest.raises(KomepError, match="left as it is") as caught:
            lines_of(path)
    assert FOREIGN[name] in str(caught.value)
    assert mine.read_text() == "years of work" and not state.calls


@pytest.mark.slow
def test_two_runs_in_one_work_folder_one_is_refused(tmp_path):
    with loopback(Loopback(delay=0.2)) as (_, url):
        path = write_chain(tmp_path / "a", url)
        words = [sys.executable, "-m", "komep_dataset.cli", "run", str(path)]
        both = [
            subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        said = [process.communicate()[1] for process in both]
        assert sorted(process.returncode for process in both) == [0, 1], said
        assert "another run is at work here; wait until it ends" in "".join(said)
        assert all("unchanged" in line for line in lines_of(path)[:4])


def test_the_line_of_the_build_names_what_people_put_into_the_release(tmp_path):
    with loopback() as (_, url):
        path = write_chain(tmp_path / "a", url, n=3)
        lines_of(path)
        (tmp_path / "a" / "work" / "komep" / "notes.md").write_text("mine")
        assert "kept, though not of the release: notes.md" in lines_of(path)[-1]


def korean_answers(body: dict) -> str:
    """A model that speaks the language of what it is sent; it answers in three sentences, the last cut off."""
    text, model = last_text(body), body["model"]
    korean = language_of(text) == "ko"
    if model == "checker":
        wrong = "거짓" if korean else "False"
        return wrong if "나쁜" in text or "bad" in text else ("참" if korean else "True")
    if model == "splitter":
        return text.split("\n")[1].replace("다. ", "다.\n").replace(". ", ".\n")
    name = (
        "나쁜 약"
        if korean and model == "worse"
        else "좋은 약"
        if korean
        else "A bad drug"
        if model == "worse"
        else "A drug"
    )
    return (
        f"{name}은 열을 내린다. {name}은 통증을 줄인다" if korean else f"{name} lowers fever. {name} helps."
    )


def write_korean_chain(folder: Path, url: str, questions: list[str], **changes) -> Path:
    rows = [{"question": q, "category": "c", "source": "written for this project"} for q in questions]
    (folder / "questions.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    place = {"endpoint": url, "max_attempts": 1}
    config = {
        "questions": {"input": "questions.jsonl", "language": "ko"},
        "responders": [place | {"name": n, "model": n} for n in ("better", "worse")],
        "splitter": place | {"model": "splitter"},
        "checker": place | {"model": "checker"},
    }
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(config | changes))
    return folder / "pipeline.yaml"


@pytest.fixture(scope="module")
def korean_run(tmp_path_factory):
    """The sample's Korean questions and two English ones, from questions to a release."""
    folder = tmp_path_factory.mktemp("native")
    korean = [
        json.loads(line)["question_ko"]
        for line in (Path(samples.__file__).parent / "facts.jsonl").read_text("utf-8").splitlines()
    ][:6]
    with loopback(Loopback(korean_answers)) as (state, url):
        path = write_korean_chain(folder, url, [*korean, "What is sepsis?", "What is gout?"])
        run(path, lambda line: None)
    return folder, korean, state.calls


def test_a_korean_run_speaks_korean_to_every_model(korean_run):
    _, _, calls = korean_run
    line = {
        "better": -1,
        "worse": -1,
        "splitter": 1,
        "checker": 0,
    }  # of the last message: what is asked about
    seen = {
        (
            body["model"],
            language_of(last_text(body).split("\n")[line[body["model"]]]),
            language_of(body["messages"][0]["content"].split("\n")[0]),
        )
        for body in calls
    }
    assert seen == {(model, language, language) for model in line for language in ("ko", "en")}


def test_a_korean_run_ends_in_native_pairs(korean_run, tmp_path):
    folder, korean, _ = korean_run
    scored = read_table(folder / "work" / "score" / "scored.parquet", ScoredGeneration)
    ids = {question_id(q) for q in korean}
    for row in scored.iter_rows(named=True):
        native = row["question_id"] in ids
        assert row["question_ko"] == (row["question"] if native else None)
        assert row["response_ko"] == (row["response"] if native else None)
        assert row["status"] == "scored" and len(row["units"]) == 2
    release = folder / "work" / "komep"
    facts = read_facts(release)
    assert (facts["pairs"], facts["native"], facts["rejects"]) == (8, 6, {"untranslated": 2})
    ko, en = read_rows(release, "ko"), read_rows(release, "en")
    assert set(ko["question_id"]) == ids and set(ko["origin"]) == {"native"} and ko.height == 6
    assert en.height == 2 and "origin" not in en.columns
    assert "6 of the pairs are native" in (release / "README.md").read_text("utf-8")
    assert "2 pairs lack the Korean" in (release / "README.md").read_text("utf-8")


def test_one_budget_holds_for_all_stages_of_a_run(tmp_path):
    with loopback(expensive()) as (state, url):
        prices = priced(tmp_path / "a", "r", "splitter", "checker")
        path = write_chain(tmp_path / "a", url, n=3, prices=prices.name)
        with pytest.raises(KomepError, match="score: split: the budget is reached"):
            run(path, lambda _: None, budget=8)
        asked = len(state.calls)
        assert asked == 8
        run(path, lambda _: None, budget=1000)
        assert state.repeats == 0
    assert spent_in(tmp_path / "a" / "work" / "spending")[0] == len(state.calls)


@pytest.mark.parametrize("damage", [b"\0" * 30, b'{"fingerprint": "', b'{"a": "\xff'])
def test_a_damaged_record_of_a_stage_is_kept_and_the_stage_run_again(tmp_path, capsys, damage):
    with loopback() as (state, url):
        path = write_chain(tmp_path, url, n=2)
        lines_of(path)
        calls = len(state.calls)
        record = tmp_path / "work" / "respond" / "b" / "done.json"
        record.write_bytes(damage)
        lines = lines_of(path)
    assert len(state.calls) == calls and sum("unchanged" in line for line in lines) >= 4
    assert f"{record}: damaged; kept as done.json.edited" in capsys.readouterr().err
    assert json.loads(record.read_bytes())["outputs"]


def test_a_chain_by_batches_gives_the_tables_of_the_online_way_and_either_goes_on_from_the_other(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(batch, "FIRST_POLL", 0.01)
    state = Loopback()
    state.batches = Batches(state)
    state.faults = lambda body, n: Fault(500, "{}") if "condition 3" in last_text(body) and n == 1 else None
    with loopback(state) as (_, url):
        online, path = (
            write_chain(tmp_path / "a", url, max_attempts=2),
            write_chain(tmp_path / "b", url, max_attempts=2),
        )
        chain = yaml.safe_load(path.read_text())
        for one in (*chain["responders"], chain["splitter"], chain["checker"]):
            one["batch_api"] = True
        path.write_text(yaml.safe_dump(chain))
        lines_of(path)
        calls, batches = len(state.calls), len(state.batches.batches)
        lines_of(online)
        assert tables_of(tmp_path / "a") == tables_of(tmp_path / "b") and batches == 6  # two were sent again
        assert calls == 2 * 12 + 2 * 12 + 3 * 24 + 2
        asked = len(state.calls)
        chain["checker"]["batch_api"] = False
        path.write_text(yaml.safe_dump(chain))
        assert sum("unchanged" in line for line in lines_of(path)) >= 4 and len(state.calls) == asked
    assert not list(tmp_path.rglob("batches"))


def test_a_run_and_a_build_of_its_rows_put_each_pair_into_the_same_config(tmp_path):
    """English answers to Korean questions were native pairs of `ko` in a run, and pairs of `en` in a build."""
    questions = ["약은 무엇인가?", "열은 왜 나는가?", "통증은 왜 있는가?"]

    def answers(body: dict) -> str:
        if body["model"] != "worse" or "통증" in last_text(body):
            return korean_answers(body)
        return "A bad drug lowers fever. A bad drug helps."

    with loopback(Loopback(answers)) as (_, url):
        run(write_korean_chain(tmp_path, url, questions), lambda line: None)
    release, rows = tmp_path / "work" / "komep", tmp_path / "rows.jsonl"
    scored = read_table(tmp_path / "work" / "score" / "scored.parquet", ScoredGeneration)
    scored.select("question", "category", "model", "response", "units").write_ndjson(rows)
    build([rows], tmp_path / "komep")
    for config in ("ko", "en"):
        assert read_rows(release, config).equals(read_rows(tmp_path / "komep", config))
    english, korean = read_rows(release, "en"), read_rows(release, "ko")
    assert set(english["question_id"]) == {question_id(one) for one in questions[:2]}
    assert korean["question_id"].to_list() == [
        question_id(questions[2])
    ]  # a name is in its question's language
    assert any("Korean by their script" in one.detail for check in verify(release) for one in check.findings)
