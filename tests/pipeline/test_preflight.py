"""What is told before the first paid call: every model of a configuration, all faults at once."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.config.config import load_config
from komep_dataset.errors import KomepError
from komep_dataset.inference.wire import reach
from komep_dataset.pipeline.preflight import preflight, roles_of_run
from tests import scored_rows
from tests.batches import Batches
from tests.loopback import Loopback, loopback, nobodys_address

QUESTIONS = "question,category\nWhat does aspirin inhibit?,c\n"


@pytest.fixture
def nobody() -> str:
    return nobodys_address()


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(reach, "SECONDS", 1.0)


def write(folder, url, **roles):
    (folder / "q.csv").write_text(QUESTIONS)
    of = lambda name: {"endpoint": url, "model": name} | roles.get(name, {})  # noqa: E731
    config = {
        "work": str(folder / "work"),
        "questions": {"input": str(folder / "q.csv")},
        "responders": [{"name": "a"} | of("responder")],
        **{name: of(name) for name in ("splitter", "checker", "translator")},
    }
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(config))
    return folder / "pipeline.yaml"


def look(path) -> None:
    config = load_config(path)
    preflight(config, roles_of_run(config))


def fault_of(path) -> list[str]:
    with pytest.raises(KomepError) as error:
        look(path)
    first, *faults = str(error.value).splitlines()
    assert first == "before anything was asked or paid for:"
    return faults


def test_keys_and_tokenizers_of_every_role_are_told_at_once(tmp_path, nobody, monkeypatch):
    monkeypatch.delenv("KOMEP_TEST_KEY", raising=False)
    path = write(
        tmp_path,
        nobody,
        checker={"api_key_env": "KOMEP_TEST_KEY"},
        translator={"tokenizer": str(tmp_path / "none")},
    )
    assert fault_of(path) == [
        "checker: the environment variable KOMEP_TEST_KEY is not set (the key for checker)",
        f"translator: `tokenizer`: {tmp_path}/none is not there",
    ]


@pytest.mark.parametrize("what", ["calibrate", "adversarial", "translate"])
def test_the_last_of_several_models_is_looked_at_before_the_first_is_asked(tmp_path, nobody, what):
    state = Loopback()
    state.models = 200
    state.models_body = json.dumps({"data": [{"id": "first"}]})
    with loopback(state) as (_, url):
        one = {"endpoint": url, "model": "first"}
        other = one | {"model": "second"}
        config = {"checker": [one, other], "translator": one | {"second_look": other}}
        (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(config))
        given = {
            "calibrate": ["calibrate", "--limit", "4"],
            "adversarial": ["calibrate", "--adversarial", "--limit", "4"],
            "translate": [
                "translate",
                str(scored_rows.write(tmp_path / "s.jsonl", scored_rows.GOOD)),
                "-o",
                str(tmp_path / "t.parquet"),
            ],
        }
        done = CliRunner().invoke(app, [*given[what], "--config", str(tmp_path / "pipeline.yaml")])
    role = "translator.second_look" if what == "translate" else "checker[1]"
    assert f"{role}: {url} has no model 'second'" in str(done.exception)
    assert done.exit_code == 1 and not state.calls


def test_an_address_where_nobody_is_ends_a_run_before_the_first_call(tmp_path, nobody):
    with loopback(Loopback()) as (state, url):
        path = write(tmp_path, url, checker={"endpoint": nobody}, translator={"endpoint": nobody})
        done = CliRunner().invoke(app, ["run", str(path)])
    [fault] = str(done.exception).splitlines()[1:]
    assert done.exit_code == 1 and not state.calls
    assert (
        fault.startswith(f"checker, translator: {nobody} cannot be reached (") and "start its server" in fault
    )


@pytest.mark.parametrize(
    ("listed", "fault"),
    [
        (["responder", "splitter", "checkers", "translator-2026-01-01"], None),
        (["splitter", "checker", "translator", "respond"], None),  # an alias, as far as one can tell
        (
            ["splitter", "checker", "translator", "other"],
            "responder a: URL has no model 'responder'; it has splitter, checker, translator, other",
        ),
        (
            ["splitter", "checker", "translator", "respnder"],
            "responder a: URL has no model 'responder'; did you mean 'respnder'?",
        ),
        ([5, None], None),
        (["openai/*", "*"], None),
        ([], None),
        (None, None),
    ],
)
def test_a_model_that_an_endpoint_does_not_have_is_named(tmp_path, listed, fault):
    with loopback(Loopback()) as (state, url):
        state.models = 200 if listed is not None else 404
        state.models_body = json.dumps({"data": [{"id": name} for name in listed or ()]})
        path = write(tmp_path, url)
        if fault is None:
            look(path)
        else:
            assert fault_of(path)[0].startswith(fault.replace("URL", url))
        assert not state.calls


def test_a_key_that_is_refused_is_named_by_its_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("KOMEP_TEST_KEY", "wrong-key-123")
    with loopback(Loopback()) as (state, url):
        state.models = 401
        faults = fault_of(write(tmp_path, url, checker={"api_key_env": "KOMEP_TEST_KEY"}))
    assert faults == [
        f"responder a, splitter, translator: {url} refuses a request without a key; set `api_key_env`",
        f"checker: {url} refuses the key in KOMEP_TEST_KEY",
    ]


def test_an_endpoint_without_batches_is_told_before_anything_is_asked(tmp_path):
    with loopback(Loopback()) as (state, url):
        fault = f"checker: {url} has no batches (HTTP 404); leave `batch_api` out"
        state.models = 404
        assert fault_of(write(tmp_path, url, checker={"batch_api": True})) == [fault]
        state.batches = Batches(state)
        look(write(tmp_path, url, checker={"batch_api": True}))
    assert not state.calls


def test_a_key_that_is_shown_no_models_is_told(tmp_path, capsys):
    with loopback(Loopback()) as (state, url):
        state.models = 403
        look(write(tmp_path, url))
    assert "translator: " in (said := capsys.readouterr().err) and "no list of models (HTTP 403)" in said


def test_a_model_that_has_answered_is_not_asked_again(tmp_path):
    with loopback(Loopback()) as (_, url):
        path = write(tmp_path, url)
        config = yaml.safe_load(path.read_text())
        del config["translator"]
        path.write_text(yaml.safe_dump(config))
        first = CliRunner().invoke(app, ["run", str(path)])
        assert first.exit_code == 0, first.output
    again = CliRunner().invoke(app, ["run", str(path)])  # the server is gone
    assert again.exit_code == 0 and again.output.count("unchanged") >= 3


def test_a_model_that_was_changed_is_looked_at_although_another_has_answered(tmp_path, nobody):
    with loopback(Loopback()) as (state, url):
        path = write(tmp_path, url)
        config = yaml.safe_load(path.read_text())
        del config["translator"]
        path.write_text(yaml.safe_dump(config))
        assert CliRunner().invoke(app, ["run", str(path)]).exit_code == 0
        state.models, state.models_body = 200, json.dumps({"data": [{"id": "checker"}, {"id": "splitter"}]})
        config["checker"]["model"] = "chekcer"
        path.write_text(yaml.safe_dump(config))
        calls = len(state.calls)
        assert fault_of(path) == [f"checker: {url} has no model 'chekcer'; did you mean 'checker'?"]
        assert len(state.calls) == calls
    config["checker"] = {"endpoint": nobody, "model": "checker"}
    path.write_text(yaml.safe_dump(config))
    assert fault_of(path)[0].startswith(f"checker: {nobody} cannot be reached")


def test_evidence_that_cannot_be_read_is_told_before_anything_is_paid_for(tmp_path):
    with loopback(Loopback()) as (state, url):
        path = write(tmp_path, url, checker={"evidence": {"corpus": "texts"}})
        (fault,) = fault_of(path)
        assert fault.startswith("checker: evidence: ") and "texts: no such file" in fault
        (tmp_path / "texts").mkdir()
        (tmp_path / "texts" / "a.txt").write_text("Aspirin inhibits cyclooxygenase.")
        look(path)
        (tmp_path / "texts" / "b.pdf").write_text("%PDF")
        assert any("b.pdf" in line for line in fault_of(path))  # although the model passed before
        assert state.calls == []


def test_a_model_of_embeddings_is_looked_at_as_any_other(tmp_path, nobody):
    (tmp_path / "c.txt").write_text("Aspirin inhibits cyclooxygenase.")
    with loopback(Loopback()) as (_, url):
        embeddings = {"endpoint": nobody, "model": "m"}
        evidence = {"corpus": "c.txt", "retriever": "dense", "embeddings": embeddings}
        (fault,) = fault_of(write(tmp_path, url, checker={"evidence": evidence}))
        assert fault.startswith("checker.evidence.embeddings: ") and "cannot be reached" in fault
