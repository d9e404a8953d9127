"""Korean from the start: the language of a text, Korean prompts, sentences, verdicts, and a run to a release."""

import json
import re
import unicodedata
from pathlib import Path

import polars as pl
import pytest
import yaml
from datasets import load_dataset
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from komep_dataset import samples
from komep_dataset.cli import app
from komep_dataset.config.config import load_config
from komep_dataset.dahl import is_abstention, parse_batch, parse_verdict
from komep_dataset.errors import KomepError
from komep_dataset.languages import is_korean, is_native, language_of
from komep_dataset.pipeline.run import run
from komep_dataset.prompts import english as prompts
from komep_dataset.prompts import korean as korean_prompts
from komep_dataset.release.build import build
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import read_rows
from komep_dataset.release.sums import write_sums
from komep_dataset.schema import CONFIGS, Response, ScoredGeneration, question_id
from komep_dataset.scores.scoring import count_sentences, drop_fragment
from komep_dataset.tables.reading import read_table
from tests.loopback import Loopback, last_text, loopback

FACTS = Path(samples.__file__).parent / "facts.jsonl"  # written for this project

# --- which language a text is in ------------------------------------------------------------------------

KOREAN = [
    "패혈증이란?",
    unicodedata.normalize("NFD", "패혈증이란?"),
    "COPD 환자에서 FEV1/FVC는?",
    "hydroxychloroquine sulfate의 적응증은?",
    "ㄱ",
]
ENGLISH = [
    "What is sepsis?",
    "What does the Korean word 감기 mean?",
    "",
    "  ",
    "敗血症とは",
    "12 mg",
    "β-blocker",
]
MIXED = st.text(st.sampled_from("가나ㄱ\u1100a B1.,?\n\t\u00a0\x1f\u2028敗é"), max_size=30)


@pytest.mark.parametrize(("text", "language"), [(t, "ko") for t in KOREAN] + [(t, "en") for t in ENGLISH])
def test_language_of(text, language):
    assert language_of(text) == language


@given(st.lists(st.one_of(MIXED, st.text(max_size=20)), min_size=1))
@example(KOREAN + ENGLISH)
def test_the_expression_says_the_same(texts):
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})
    assert frame.select(is_korean("text")).to_series().to_list() == [language_of(t) == "ko" for t in texts]


@pytest.mark.parametrize(
    ("changes", "native"),
    [
        ({}, True),
        ({"response": "ACE", "response_ko": "ACE"}, True),  # what is Korean is decided by the question
        ({"question": "What?", "question_ko": "What?"}, False),
        ({"question_ko": None}, False),
        ({"response_ko": None}, False),
        ({"response_ko": "답 "}, False),
    ],
)
def test_is_native(changes, native):
    row = {"question": "질문은?", "question_ko": "질문은?", "response": "답", "response_ko": "답"} | changes
    assert pl.DataFrame([row], schema=dict.fromkeys(row, pl.String)).select(is_native()).item() is native


# --- prompts --------------------------------------------------------------------------------------------


def test_the_text_decides_the_language_of_a_prompt():
    korean = prompts.responder_prompt("통풍이란?", "chat")["messages"][0]["content"]
    assert korean == f"{korean_prompts.INSTRUCTION}\n\n통풍이란?"
    assert korean_prompts.INSTRUCTION in prompts.responder_prompt("통풍이란?", "chat", "dolly")["prompt"]
    for text in ("통풍은 관절염이다.", "Gout is arthritis."):
        conversations = [
            prompts.split_messages(text),
            prompts.check_messages(text, "strict"),
            prompts.check_messages(text, "strict", "통풍이란?"),
            prompts.check_messages(text, "strict", delimited=False),
            prompts.batch_messages([text, text], "통풍이란?"),
        ]
        for messages in conversations:
            assert language_of(messages[0]["content"]) == language_of(text)
            for message in messages[1:-1]:  # worked examples
                assert language_of(message["content"]) == language_of(text)


def test_the_published_words_stay_english():
    user = prompts.check_messages("통풍은 관절염이다.", "paper")[1]
    assert user["content"] == "Is this true or false? Answer in one word.\n통풍은 관절염이다."
    for protocol in ("dahl-gpt", "dahl-hf"):
        prompt = prompts.responder_prompt("통풍이란?", protocol)
        assert prompts.INSTRUCTION in json.dumps(prompt) and "통풍이란?" in last_text(prompt)


def test_korean_worked_examples_repeat_the_subject():
    for _, facts in korean_prompts.SPLIT_EXAMPLES:
        lines = facts.split("\n")
        assert len(lines) >= 2 and all(line.endswith("다.") for line in lines)
        # every fact of an example is about the same thing, and every line names it
        assert any(all(word in line for line in lines) for word in ("이부프로펜", "통풍", "인슐린"))


def test_korean_verdicts_can_be_asked_for_and_read():
    schema = prompts.verdict_format("통풍은 관절염이다.")["json_schema"]["schema"]
    words = schema["properties"]["verdict"]["enum"]
    assert [parse_verdict(json.dumps({"verdict": w}, ensure_ascii=False)).value for w in words] == [
        "true", "false", "unknown",
    ]  # fmt: skip
    assert parse_batch("1: 참\n2: 거짓입니다.\n3: 모름\n4: 참이 아닙니다", 4) == [
        "true", "false", "unknown", "unknown",
    ]  # fmt: skip


# --- abstentions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "이 질문에 대해서는 잘 모르겠습니다.", "죄송합니다만 정확한 답을 알지 못합니다.", "정답이 무엇인지 모릅니다.",
        "안타깝게도 이 문제의 정답은 알 수가 없습니다.", "이 질문에 대한 답변을 드릴 수 없습니다.", "저는 잘 모르겠어요.",
        "확실하지 않습니다.", "제가 모르는 내용입니다.", "죄송합니다. 이 질문에는 대답할 수 없습니다.", "정답을 알고 있지 않습니다",
    ],
)  # fmt: skip
def test_korean_abstentions(text):
    assert is_abstention(text)


@pytest.mark.parametrize(
    "text",
    [
        "원인은 알려지지 않았습니다.", "정확한 원인은 알 수 없습니다.", "알려지지 않았습니다.", "기전은 아직 확실하지 않습니다.",
        "모르는 사이에 진행됩니다.", "용량은 모르지만 헤파린은 항응고제입니다.", "환자는 통증을 모릅니다.", "치료법이 없습니다.",
    ],
)  # fmt: skip
def test_korean_answers_that_are_none(text):
    assert not is_abstention(text)


# --- sentences ------------------------------------------------------------------------------------------


@pytest.mark.slow  # loads the analyser
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("혈당을 낮춘다. 인슐린은 췌장에서 만들어", "혈당을 낮춘다."),
        ("혈당을 낮춘다. 인슐린은 췌장에서 만들어진다", "혈당을 낮춘다. 인슐린은 췌장에서 만들어진다"),
        ("치료는 항생제입니다 추가로 수액을", "치료는 항생제입니다"),  # no mark, and yet an end
        ("혈당을 낮춤. 열을 내리는 작용을 함", "혈당을 낮춤. 열을 내리는 작용을 함"),
        ("열을 내리는 작용을 함으로써", ""),
        ("통증에 좋아요 열에는", "통증에 좋아요"),
        ("하루 3.5 mg을 투여합니다. 이후 2.5", "하루 3.5 mg을 투여합니다."),
        ("원인은 다음과 같습니다. 1. 흡연 2.", "원인은 다음과 같습니다."),
        ("- 발열\n- 기", "- 발열"),
        ("투여합니다(단, 예외가", "투여합니다"),
        ("증상이 나타나", ""),
    ],
)
def test_a_korean_fragment_is_dropped(text, kept):
    assert drop_fragment(text) == kept


@pytest.mark.slow
def test_korean_sentences_are_counted_without_marks():
    assert count_sentences("인슐린이 혈당을 낮춘다 인슐린은 주사로 투여한다") == 2


@pytest.mark.slow
@settings(max_examples=40)
@given(
    st.lists(
        st.sampled_from(["혈당을 낮춘다. ", "주사로 투여한다 ", "췌장에서 만들", "\n", "ACE ", "2. "]),
        max_size=8,
    )
)
def test_what_is_kept_is_a_beginning_and_nothing_whole_is_dropped(parts):
    text = "".join(parts)
    kept = drop_fragment(text)
    assert text.startswith(kept)
    assert not re.search(r"다\.|\n", text[len(kept) :].strip())  # nothing that has an end is dropped


def test_without_kiwipiepy_the_message_says_what_to_install(monkeypatch):
    from komep_dataset.scores import sentences as korean_sentences

    monkeypatch.setattr(
        korean_sentences, "_kiwi", korean_sentences._kiwi.__wrapped__
    )  # not the one that is loaded
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(KomepError, match=r"kiwipiepy.*komep\[llm\]"):
        drop_fragment("혈당을 낮춘다. 인슐")


# --- from questions to a release ------------------------------------------------------------------------


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


def write_chain(folder: Path, url: str, questions: list[str], **changes) -> Path:
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
    korean = [json.loads(line)["question_ko"] for line in FACTS.read_text("utf-8").splitlines()][:6]
    with loopback(Loopback(korean_answers)) as (state, url):
        path = write_chain(folder, url, [*korean, "What is sepsis?", "What is gout?"])
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


def test_an_answer_that_was_cut_off_loses_its_korean_fragment():
    from komep_dataset.scores.scoring import text_to_split

    row = Response(
        "00000000ffffffff",
        "m",
        "질문은?",
        "c",
        "치료는 항생제입니다 추가로 수액을",
        "chat",
        0.6,
        0.9,
        8,
        0,
        "length",
        1,
        8,
    )
    assert text_to_split(row) == "치료는 항생제입니다"
    assert text_to_split(row, "paper") == row.response


# --- the release ----------------------------------------------------------------------------------------


def generations(question: str, korean: str | None, answers: dict[str, str]) -> list[dict]:
    return [
        {
            "question": question, "category": "c", "model": m, "response": f"{question} {m}",
            "units": [{"text": "t", "verdict": v}], "question_ko": korean, "response_ko": korean and f"{korean} {m}",
        }
        for m, v in answers.items()
    ]  # fmt: skip


def write_input(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


VERDICTS = {"a": "true", "b": "false"}
NATIVE = generations("고유한 질문은?", "고유한 질문은?", VERDICTS)
TRANSLATED = generations("What?", "무엇인가?", VERDICTS)


@pytest.mark.parametrize(
    ("origin", "ko", "en", "rejects"),
    [
        ("all", ["native", "translated"], 1, {}),
        ("native", ["native"], 1, {"other_origin": 1}),
        ("translated", ["translated"], 1, {"other_origin": 1}),
    ],
)
def test_origin_selects_what_ko_takes(tmp_path, origin, ko, en, rejects):
    source = write_input(tmp_path / "s.jsonl", NATIVE + TRANSLATED)
    output = tmp_path / "komep"
    done = CliRunner().invoke(app, ["build", str(source), "-o", str(output), "--origin", origin])
    assert done.exit_code == 0, done.output
    assert sorted(read_rows(output, "ko")["origin"]) == ko
    assert read_rows(output, "en").height == en
    facts = read_facts(output)
    assert (facts["rejects"], facts["native"], facts["options"]["origin"]) == (rejects, 1, origin)


def test_a_wrong_origin_is_refused(tmp_path):
    source = write_input(tmp_path / "s.jsonl", NATIVE)
    with pytest.raises(KomepError, match="--origin both: give one of all, translated, native") as error:
        build([source], tmp_path / "komep", origin="both")
    assert error.value.exit_code == 2
    (tmp_path / "p.yaml").write_text("selection: {origin: both}")
    with pytest.raises(KomepError, match=r"selection\.origin"):
        load_config(tmp_path / "p.yaml")


def test_a_release_of_native_pairs_alone_loads(tmp_path, monkeypatch):
    from komep_dataset.komep import Komep

    build([write_input(tmp_path / "s.jsonl", NATIVE)], tmp_path / "komep")
    assert not (tmp_path / "komep" / "en").exists()
    cache = str(tmp_path / "cache")
    loaded = load_dataset(str(tmp_path / "komep"), cache_dir=cache)
    [row] = [row for split in loaded.values() for row in split]
    assert (row["prompt"][0]["content"], row["origin"]) == ("고유한 질문은?", "native")
    builder = Komep(data_dir=str(tmp_path / "komep"), cache_dir=cache)
    builder.download_and_prepare()
    assert sum(split.num_rows for split in builder.as_dataset().values()) == 1
    with pytest.raises(KomepError, match="no rows in config 'en'"):
        english = Komep(config_name="en", data_dir=str(tmp_path / "komep"), cache_dir=cache)
        english.download_and_prepare()


def test_a_release_of_the_first_schema_is_still_read(tmp_path):
    """Before native pairs there was no column `origin`: every pair was translated."""
    from komep_dataset.explorer.report import write_report
    from komep_dataset.komep import Komep

    folder = tmp_path / "komep"
    build([], folder)
    facts = json.loads((folder / "build.json").read_text("utf-8"))
    provenance = json.loads((folder / "provenance.json").read_text("utf-8"))
    del facts["native"], provenance["options"]["origin"]
    facts |= provenance  # which had no file of its own
    (folder / "provenance.json").unlink()
    facts["schema"] = 1
    (folder / "build.json").write_text(json.dumps(facts))
    for file in (folder / "ko").glob("*.parquet"):
        pl.read_parquet(file).drop("origin").write_parquet(file)
    write_sums(folder)
    write_report(folder, tmp_path / "report.html")
    builder = Komep(data_dir=str(folder), cache_dir=str(tmp_path / "cache"))
    builder.download_and_prepare()
    assert set(builder.as_dataset("train")["origin"]) == {"translated"}


def test_the_default_config_is_the_first_that_has_rows(tmp_path):
    build([write_input(tmp_path / "s.jsonl", TRANSLATED)], tmp_path / "komep", origin="native")
    assert list(read_facts(tmp_path / "komep")["rows"]) == [c for c in CONFIGS if c != "ko"]
