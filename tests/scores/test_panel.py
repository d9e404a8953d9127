"""Several judges over a loopback endpoint, through `komep score`, to the release."""

import json

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.config.config import load_config
from komep_dataset.errors import KomepError
from komep_dataset.pipeline.estimates import estimate_score
from komep_dataset.pipeline.preflight import roles_of_score
from komep_dataset.pipeline.run import translate_stage
from komep_dataset.release.build import build
from komep_dataset.release.facts import read_facts
from komep_dataset.release.verify import verify
from komep_dataset.scores.agreement import PANEL, as_record, disagreements
from komep_dataset.scores.scoring import score, verdicts_path
from komep_dataset.tables.formats import table_files
from tests.loopback import Fault, Loopback, answer, last_text, loopback
from tests.scored_rows import write
from tests.scores.responses import response, sent, write_responses
from tests.translation.loopback_translator import five_answers, korean, write_config, write_rows

ROWS = [
    response("It is right. So is the right one.", model="a"),
    response("It is right. This is odd.", model="b"),
    response("It is wrong. This is strange.", model="c"),
]


def judges(body: dict) -> str:
    """A splitter; a judge to whom what is odd is true and what is strange unclear; others to whom both are false."""
    if body["model"] == "splitter":
        return answer(body)
    text = last_text(body)
    if "right" in text or "wrong" in text:
        return str("right" in text)
    if body["model"] != "first":
        return "False"
    return "True" if "odd" in text else "Perhaps"


def configured(folder, url, *names, agreement="all", **options):
    base = {"endpoint": url, "max_attempts": 1}
    content = {
        "splitter": base | {"model": "splitter"},
        "checker": [base | {"model": n} | options for n in names],
    }
    content |= {"agreement": agreement} if agreement else {}
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(content))
    return load_config(folder / "pipeline.yaml")


def scored(folder, *names, agreement="all", state=None, rows=ROWS):
    with loopback(state or Loopback(judges)) as (state, url):
        config = configured(folder, url, *names, agreement=agreement)
        done = score([write_responses(folder, *rows)], config, folder / "s.parquet")
    frame = done.frame.sort("model")
    units = {m: [u["verdict"] for u in own] for m, own in frame.select("model", "units").iter_rows()}
    return state, done, units


@pytest.mark.parametrize(
    ("names", "agreement", "odd", "strange"),
    [
        (("first", "second"), "all", "unknown", "unknown"),
        (("first", "second"), None, "unknown", "false"),  # the default: first-then-appeal
        (("first", "second", "third"), "majority", "false", "false"),
        (("first", "second", "third"), "first-then-appeal", "false", "false"),
        (("first",), None, "true", "unknown"),
    ],
)
def test_what_judges_agree_on(tmp_path, names, agreement, odd, strange):
    _, done, units = scored(tmp_path, *names, agreement=agreement)
    assert units == {"a": ["true", "true"], "b": ["true", odd], "c": ["false", strange]}
    rows = pl.read_parquet(verdicts_path(done.path))
    said = rows.filter(pl.col("unit") == "This is odd.").select("checker", "vote", "verdict").rows()
    known = [("first", 0, "true"), ("second", 0, "false"), ("third", 0, "false")]
    assert said == known[: len(names)]
    assert ("judges (" in done.told) is (len(names) > 1)


def test_the_second_is_asked_where_the_first_is_unsure_or_a_pair_hangs_on_it(tmp_path):
    state, _, _ = scored(tmp_path, "first", "second", agreement="first-then-appeal")
    asked = " ".join(sent(state, "second"))
    assert (
        "strange" in asked and "odd" in asked
    )  # b is the best if what is odd is true, and then it ties with a
    far = [
        response("It is right.", model="a"),
        response("It is wrong. It was wrong. It is all wrong.", model="b"),
    ]
    (tmp_path / "far").mkdir()
    state, _, _ = scored(tmp_path / "far", "first", "second", agreement="first-then-appeal", rows=far)
    record = json.loads((tmp_path / "far" / "s.judges.json").read_text())
    assert record["groups"][0]["several"] == len(sent(state, "second"))


def test_what_was_asked_is_not_asked_again_whatever_the_order(tmp_path):
    with loopback(Loopback(judges)) as (state, url):
        path = write_responses(tmp_path, *ROWS)
        one = score([path], configured(tmp_path, url, "first", "second"), tmp_path / "s.parquet")
        before = len(state.calls)
        other = score([path], configured(tmp_path, url, "second", "first"), tmp_path / "t.parquet")
    assert len(state.calls) == before and one.frame.equals(other.frame)


def test_a_judge_whose_request_fails_fails_the_response_and_is_asked_again(tmp_path):
    def faults(body, _):
        return Fault(500, "broken") if body["model"] == "second" and "odd" in last_text(body) else None

    _, done, _ = scored(tmp_path, "first", "second", state=Loopback(judges, faults=faults))
    assert done.failures == 1 and done.reason.startswith("checker: second: no answer after 1")


def test_disagreement_reaches_provenance_and_card_and_the_release_verifies(tmp_path):
    _, done, _ = scored(tmp_path, "first", "second", "third", agreement="majority")
    built = build([done.path.parent / "s.parquet"], tmp_path / "komep")
    [record] = read_facts(tmp_path / "komep")["judges"]
    assert (record["input"], record["judges"]) == ("s.parquet", ["first", "second", "third"])
    every, category = record["groups"]
    assert (every["several"], every["differ"], every["contradict"]) == (6, 2, 1) and category[
        "group"
    ] == "category: c"
    card = (tmp_path / "komep" / "README.md").read_text()
    assert "| all | 6 | 6 | 2 (33.3%) | 1 |" in card
    assert verify(tmp_path / "komep") is not None and built.facts["pairs"]


def test_judges_that_never_agree_are_an_error_that_says_so(tmp_path):
    def contrary(body):
        return answer(body) if body["model"] == "splitter" else str(body["model"] == "first")

    with loopback(Loopback(contrary)) as (_, url):
        configured(tmp_path, url, "first", "second")
        path = write_responses(tmp_path, *ROWS)
        arguments = [
            "score",
            str(path),
            "--config",
            str(tmp_path / "pipeline.yaml"),
            "-o",
            str(tmp_path / "s.parquet"),
        ]
        done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1 and isinstance(done.exception, KomepError)
    assert "the judges first, second differ on 6 of 6 units" in str(done.exception)


@pytest.mark.parametrize(
    ("checker", "more", "said"),
    [
        ([], {}, "checker: an empty list"),
        ([{"model": "a", "endpoint": "http://x/v1"}] * 2, {}, r"checker\[1\]: the same as checker\[0\]"),
        ([{"model": "a", "endpoint": "http://x/v1"}, {"model": "b", "end": 1}], {}, r"checker\[1\]\.end: unknown key"),
        ([{"model": "a", "endpoint": "http://x/v1"}], {"agreement": "most"}, "agreement: 'most' is none of all, majority"),
    ],
)  # fmt: skip
def test_a_list_that_is_none_of_judges(tmp_path, checker, more, said):
    (tmp_path / "p.yaml").write_text(yaml.safe_dump({"checker": checker} | more))
    with pytest.raises(KomepError, match=said):
        load_config(tmp_path / "p.yaml")


def test_preflight_and_estimate_know_every_judge(tmp_path):
    config = configured(tmp_path, "http://127.0.0.1:9/v1", "first", "second", agreement="first-then-appeal")
    assert [(r.name, r.endpoint.model) for r in roles_of_score(config)][1:] == [
        ("checker[0]", "first"),
        ("checker[1]", "second"),
    ]
    lines = estimate_score([write_responses(tmp_path, *ROWS)], config, "strict")
    assert [line.stage for line in lines] == [
        "score: split",
        "score: check by first",
        "score: check by second",
    ]
    assert "as if every unit came to it" in lines[2].assumed and lines[1].calls == lines[2].calls
    with pytest.raises(KomepError, match="the mode paper has DAHL's one checker"):
        score([tmp_path / "responses.jsonl"], config, tmp_path / "s.parquet", mode="paper")


def test_two_judges_of_one_model_have_names_of_their_own(tmp_path):
    endpoint = {"endpoint": "http://127.0.0.1:9/v1", "model": "m"}
    (tmp_path / "p.yaml").write_text(
        yaml.safe_dump({"checker": [endpoint, endpoint | {"context": "question"}]})
    )
    assert list(load_config(tmp_path / "p.yaml").judges()) == ["m", "m (2)"]


def test_judges_that_are_shown_passages_cite_together_and_say_why_they_do_not_agree(tmp_path):
    texts = [{"id": "a", "text": "One text."}, {"id": "b", "text": "Another text."}]
    said = {  # what the first and the second say of each unit
        "both": ("True [a]", "True [b]"), "odds": ("True [a]", "False [b]"), "nobody": ("Unknown", "Unknown"),
        "strange": ("True [x]", "Unknown"),
    }  # fmt: skip

    def reply(body):
        if body["model"] == "splitter":
            return answer(body)
        return next(words for name, words in said.items() if name in last_text(body))[
            body["model"] == "second"
        ]

    row = response(" ".join(f"Fact of {name} holds." for name in said))
    write(tmp_path / "texts.jsonl", [{"question": row["question"], "evidence": texts}])
    with loopback(Loopback(reply)) as (_, url):
        config = configured(tmp_path, url, "first", "second", evidence={"provided": "texts.jsonl"})
        done = score([write_responses(tmp_path, row)], config, tmp_path / "s.parquet")
    [row] = pl.read_parquet(done.path).to_dicts()
    assert [unit["verdict"] for unit in row["units"]] == ["true", "unknown", "unknown", "unknown"]
    found = [(one["unit"], one["reason"], one["id"]) for one in row["unit_evidence"]]
    assert found == [
        (0, "", "a"),
        (0, "", "b"),
        (1, "disagreed", ""),
        (2, "not_addressed", ""),
        (3, "disagreed", ""),
    ]


def test_judges_of_two_corpora_that_share_an_id_are_told_apart_by_what_each_was_shown(tmp_path):
    row, texts = (
        response("Colchicine eases gout."),
        ("It eases gout, says one.", "It eases gout, says another."),
    )
    for name, text in zip(("first", "second"), texts, strict=True):
        write(
            tmp_path / f"{name}.jsonl",
            [{"question": row["question"], "evidence": [{"id": "g", "text": text}]}],
        )
    with loopback(Loopback(lambda b: answer(b) if b["model"] == "splitter" else "True [g]")) as (_, url):
        configured(tmp_path, url, "first", "second")
        content = yaml.safe_load((tmp_path / "pipeline.yaml").read_text())
        for checker in content["checker"]:
            checker["evidence"] = {"provided": f"{checker['model']}.jsonl"}
        (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(content))
        config = load_config(tmp_path / "pipeline.yaml")
        done = score([write_responses(tmp_path, row)], config, tmp_path / "s.parquet")
    [scored] = pl.read_parquet(done.path)["unit_evidence"].to_list()
    assert [(one["id"], one["quotation"]) for one in scored] == [("g", texts[0]), ("g-2", texts[1])]
    evidence = pl.read_parquet(tmp_path / "s.verdicts.parquet").sort("checker")
    assert evidence["cited"].to_list() == [["g"], ["g"]]
    assert [[one["text"] for one in own] for own in evidence["passages"].to_list()] == [
        [text] for text in texts
    ]


def test_the_figures_go_through_translation_and_a_folder_of_tables_does_not_take_them_for_one(tmp_path):
    (tmp_path / "in").mkdir()
    table = write_rows(tmp_path / "in" / "s.jsonl", *five_answers())
    record = as_record(["a", "b"], "all", disagreements([("c", ["true", "false"])]))
    PANEL.keep(table, record)
    with loopback(Loopback(korean)) as (_, url):
        stage = translate_stage(
            load_config(write_config(tmp_path, url)), table, tmp_path / "in" / "ko.parquet"
        )
        stage.run()
    assert PANEL.read(next(iter(stage.outputs))) == record
    assert [path.name for path in table_files([tmp_path / "in"])] == ["ko.parquet", "s.jsonl"]


def test_where_a_judge_is_down_the_next_run_asks_it_alone(tmp_path):
    down = [True]

    def faults(body, _):
        return Fault(500, "down") if down[0] and body["model"] == "second" else None

    with loopback(Loopback(judges, faults=faults)) as (state, url):
        path = write_responses(tmp_path, *ROWS)
        config = configured(tmp_path, url, "first", "second")
        assert score([path], config, tmp_path / "s.parquet").statuses == {"failed": 3}
        asked, down[0] = len(sent(state, "first")), False
        done = score([path], config, tmp_path / "s.parquet")
        assert len(sent(state, "first")) == asked and "failed" not in done.statuses


def test_a_judge_with_passages_beside_one_without(tmp_path):
    (tmp_path / "e.jsonl").write_text(
        json.dumps(
            {
                "question": "What is gout?",
                "evidence": [{"id": "p1", "title": "", "text": "Gout is right.", "url": ""}],
            }
        )
    )

    def reply(body):
        text = last_text(body)
        if body["model"] == "by_text":
            return json.dumps({"verdict": "True", "passages": ["p1"], "reason": ""})
        return judges(body | {"messages": [{"role": "user", "content": text}]})

    with loopback(Loopback(reply)) as (_, url):
        config = configured(tmp_path, url, "first", "by_text")
        raw = yaml.safe_load((tmp_path / "pipeline.yaml").read_text())
        raw["checker"][1]["evidence"] = {"provided": "e.jsonl"}
        (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(raw))
        config = load_config(tmp_path / "pipeline.yaml")
        done = score([write_responses(tmp_path, ROWS[1])], config, tmp_path / "s.parquet")
    rows = pl.read_parquet(verdicts_path(done.path)).filter(pl.col("unit") == "It is right.")
    assert {c: (v, cited, p and p[0]["id"]) for c, v, cited, p in rows.select("checker", "verdict", "cited", "passages").rows()} == {
        "first": ("true", None, None),
        "by_text": ("true", ["p1"], "p1"),
    }  # fmt: skip
    [row] = done.frame.to_dicts()
    assert row["units"][0]["verdict"] == "true" and row["unit_evidence"][0]["id"] == "p1"
