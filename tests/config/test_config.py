"""pipeline.yaml: every mistake is named by file and key, and no secret gets into the configuration."""

import pytest
import yaml

from komep_dataset.config.config import load_config
from komep_dataset.errors import KomepError
from tests.config.pipeline_files import ONE, fail, load, with_responder

DESIGN = """
work: work
seed: 0
responders:
  - name: gpt-4o
    endpoint: https://host/v1
    model: gpt-4o
    api_key_env: OPENAI_API_KEY
    protocol: dahl-gpt
    temperature: 0.6
    top_p: 0.9
    max_new_tokens: 256
    concurrency: 64
splitter:   {endpoint: https://host/v1, model: s, api_key_env: OPENAI_API_KEY, concurrency: 64}
checker:    {endpoint: https://host/v1, model: c, api_key_env: OPENAI_API_KEY, concurrency: 256}
translator: {endpoint: https://host/v1, model: t, api_key_env: OPENAI_API_KEY, concurrency: 64}
selection:  {min_margin: 0.0, pairs: best-worst}
executor:   {kind: local}
"""


def test_the_documented_file_is_read_as_documented(tmp_path):
    config = load(tmp_path, DESIGN)
    responder = config.responder("gpt-4o")
    assert (responder.protocol, responder.temperature, responder.top_p, responder.max_new_tokens) == (
        "dahl-gpt",
        0.6,
        0.9,
        256,
    )
    assert config.judge("checker").concurrency == 256
    assert config.selection.pairs == "best-worst" and config.executor.kind == "local"


def test_defaults_cover_everything_but_name_place_and_model(tmp_path):
    responder = load(tmp_path, with_responder()).responder("a")
    assert (responder.protocol, responder.concurrency, responder.max_new_tokens) == ("chat", 64, 256)


def test_paths_are_relative_to_the_file_not_to_the_caller(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    (tmp_path / "m").mkdir()
    text = yaml.safe_dump(
        {"work": "w", "questions": {"input": "q.csv"}, "checker": {"server": "transformers", "model": "m"}}
    )
    config = load(tmp_path, text)
    assert config.work == tmp_path / "w"
    assert config.questions.input == tmp_path / "q.csv"
    assert config.judge("checker").model == str(tmp_path / "m")


def test_a_home_folder_is_filled_in_and_what_is_no_place_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(tmp_path, "work: ~/komep\n").work == tmp_path / "komep"
    for work in ("s3://bucket/x", "$HOME/x", "~nosuchuser/x"):
        with pytest.raises(KomepError, match=r"work: .*(an address|the shell has not)"):
            load(tmp_path, f"work: {work}\n")


def test_a_responder_without_a_seed_takes_the_pipelines(tmp_path):
    text = yaml.safe_dump({"seed": 7, "responders": [ONE, ONE | {"name": "b", "seed": 3}]})
    config = load(tmp_path, text)
    assert (config.responder("a").seed, config.responder("b").seed) == (7, 3)


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        (with_responder(temperature=-1), ["responders[0].temperature"]),
        (with_responder(temperature=float("nan")), ["responders[0].temperature"]),
        (with_responder(top_p=0), ["responders[0].top_p"]),
        (with_responder(concurrency=0), ["responders[0].concurrency"]),
        (with_responder(timeout=float("inf")), ["responders[0].timeout"]),
        (with_responder(protocol="dahl-gtp"), ["responders[0].protocol", "'dahl-gpt'"]),
        (with_responder(name=" "), ["responders[0].name"]),
        (with_responder(model=""), ["responders[0].model: empty"]),
        (with_responder(endpoint="host/v1"), ["responders[0].endpoint", "no address"]),
        (with_responder(endpoint=None), ["responders[0].endpoint", "either"]),
        (with_responder(server="transformers"), ["responders[0].endpoint", "either"]),
        (
            yaml.safe_dump({"responders": [{"name": "a", "server": "vllm", "model": "m", "gpus": 0}]}),
            ["responders[0].gpus", "0 is below 1"],
        ),
        (yaml.safe_dump({"responders": [{**ONE, "policy": {}}]}), ["responders[0].policy: unknown key"]),
        (
            yaml.safe_dump(
                {
                    "responders": [
                        {"name": "a", "server": "transformers", "model": "m", "max_new_tokens": None}
                    ]
                }
            ),
            ["responders[0].max_new_tokens"],
        ),
        (yaml.safe_dump({"responders": [ONE, ONE]}), ["responders[1].name", "stands twice"]),
        ("executor: {kind: slurm}", ["executor.partition", "Slurm needs one"]),
        ("executor: {workers: 0}", ["executor.workers", "0 is below 1"]),
        ("budget: 0", ["budget", "not an amount above 0"]),
        ("selection: {min_margin: 2}", ["selection.min_margin"]),
        ("selection: {pairs: best}", ["selection.pairs", "'best-worst'"]),
        ("questions: {input: q, limit: 0}", ["questions.limit"]),
        ("questions: {input: q, language: fr}", ["questions.language"]),
    ],
)
def test_a_mistake_is_named_by_its_key(tmp_path, text, fragments):
    message = fail(tmp_path, text)
    for fragment in fragments:
        assert fragment in message


def test_names_of_columns(tmp_path):
    assert load(tmp_path, "columns: {질문: question, 답변: response}").columns == {
        "질문": "question",
        "답변": "response",
    }
    for text, fragment in (
        ("{질문: qestion}", "columns.질문: no column 'qestion' is known here; did you mean 'question'?"),
        (
            "{question: 질문}",
            "columns.question: no column '질문' is known here; the file's own name stands first",
        ),
        ("[질문]", "columns: expected names and values"),
    ):
        assert fragment in fail(tmp_path, f"columns: {text}")


@pytest.mark.parametrize(
    "changes",
    [
        {"api_key": "sk-SECRET"},
        {"api_key_env": "sk-SECRET"},
        {"api_key_env": ["sk-SECRET"]},
        {"endpoint": "https://user:sk-SECRET@host/v1"},
        {"endpoint": "https://host/v1?key=sk-SECRET"},
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_and_not_repeated(tmp_path, changes):
    assert "SECRET" not in fail(tmp_path, with_responder(**changes))


def test_unknown_responder_names_the_nearest(tmp_path):
    with pytest.raises(KomepError, match="did you mean 'a'") as caught:
        load(tmp_path, with_responder()).responder("aa")
    assert caught.value.exit_code == 2


def test_a_stage_that_lacks_its_judge_says_so(tmp_path):
    with pytest.raises(KomepError, match=r"pipeline\.yaml: `splitter:` is missing"):
        load(tmp_path, with_responder()).judge("splitter")


def test_folders_of_names_stay_apart(tmp_path):
    names = ["a/b", "a_b", "a b", "..", "가"]
    config = load(tmp_path, yaml.safe_dump({"responders": [ONE | {"name": n} for n in names]}))
    folders = [config.responder(n).folder for n in names]
    assert len(set(folders)) == len(names)
    assert not any("/" in f or f.startswith(".") for f in folders)


def test_a_file_that_is_not_there_is_told_the_nearest_one_and_what_writes_it(tmp_path):
    (tmp_path / "pipeline.yml").touch()
    (tmp_path / "s.csv").touch()
    missing = tmp_path / "pipeline.yaml"
    for path, what in (
        (missing, rf"no such file; the nearest is {tmp_path / 'pipeline.yml'}; `komep init` writes a"),
        (tmp_path / "x", "no such file; `komep init` writes a pipeline.yaml"),
        (
            tmp_path / "s.csv",
            "is a table, and what is wanted is a pipeline.yaml .*; `komep build` reads one of scored",
        ),
        (tmp_path, "is a folder; name the file in it; `komep init`"),
    ):
        with pytest.raises(KomepError, match=what):
            load_config(path)
