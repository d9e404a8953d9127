"""Stages as Python calls them: rows, dicts and text in; no print; the same release as the command's."""

import asyncio
import inspect
import json
import subprocess
import sys
import warnings
from pathlib import Path

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

import komep_dataset as komep
from komep_dataset.api.calls import in_python
from komep_dataset.cli import app
from komep_dataset.samples import SAMPLE_INPUT
from tests.loopback import loopback
from tests.pipeline.chains import key as key  # the chain's endpoints want one
from tests.pipeline.chains import write_chain
from tests.scored_rows import GOOD, row

# Of so few rows, none is in `test`, which a build says.
pytestmark = pytest.mark.filterwarnings("ignore:warning. no pair of")
ROOT = Path(__file__).parents[2]
SAMPLE = [json.loads(line) for line in SAMPLE_INPUT.read_text("utf-8").splitlines()[:100]]


@pytest.mark.slow
def test_the_release_of_rows_is_byte_for_byte_the_one_of_a_file_that_holds_them(tmp_path):
    """Also provenance and card: the file is `rows.jsonl`, a line a row, without nulls."""
    file, (ours, theirs) = tmp_path / "rows.jsonl", [tmp_path / by / "komep" for by in ("python", "command")]
    file.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in SAMPLE), "utf-8")
    done = CliRunner().invoke(app, ["build", str(file), "-o", str(theirs), "--min-margin", "0.2"])
    built = komep.build(pl.DataFrame(SAMPLE), str(ours), min_margin=0.2)
    made, wanted = (
        {path.relative_to(one): path.read_bytes() for path in one.rglob("*") if path.is_file()}
        for one in (ours, theirs)
    )
    assert made == wanted and repr(built).replace("python", "command") + "\n" == done.output
    assert komep.verify(ours).ok
    assert repr(komep.diff(ours, theirs)) == "no difference"
    (ours / "note.txt").write_text("kept")
    again = komep.build(SAMPLE[:50], ours)
    assert again.notes == ("kept, though not of the release: note.txt",) and again.facts["generations"] == 50
    grown = komep.build(SAMPLE[50:], tmp_path / "grown", base=str(ours))
    assert grown.facts["generations"] == len(SAMPLE) and komep.verify(tmp_path / "grown").ok


def test_bad_rows_are_named_by_their_row_all_at_once(tmp_path):
    bad = [row(None), row("bad", units=5), row("bad", dahl_score=float("nan")), "text"]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in [*GOOD, *bad]))
    told = []
    for given in (file, [*GOOD, *bad]):
        with pytest.raises(komep.KomepError) as caught:
            komep.build(given, tmp_path / "komep")
        told.append(str(caught.value).replace(f"{file}:", "row "))
    assert (
        told[0] == told[1]
        and told[1].count("\n  row ") == 4
        and 'leave them out: on_error="reject"' in told[1]
    )
    komep.build([*GOOD, *bad], tmp_path / "komep", on_error="reject")
    rejects = [json.loads(line) for line in (tmp_path / "komep/rejects.jsonl").read_text().splitlines()]
    assert [one["key"] for one in rejects][:4] == ["row 3", "row 4", "row 5", "row 6"]
    assert komep.verify(tmp_path / "komep").ok
    with pytest.raises(komep.KomepError, match=r"table 2, row 1: model: missing_field"):
        komep.build([GOOD, bad[:1]], tmp_path / "komep")


@pytest.mark.slow
def test_nothing_is_printed_and_notes_are_warnings_of_the_line_that_called(tmp_path, capfd):
    komep.build(SAMPLE, tmp_path / "komep")
    komep.verify(tmp_path / "komep"), komep.bias(tmp_path / "komep"), komep.load(str(tmp_path / "komep"))
    komep.report(tmp_path / "komep", str(tmp_path / "report.html")), komep.models(tmp_path / "komep")
    korean = tmp_path / "korean.csv"
    korean.write_bytes("question,category\n이 질환의 원인과 치료는 무엇인가?,내과\n".encode("cp949"))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        komep.make_questions(korean, tmp_path / "q.parquet")
    assert capfd.readouterr() == ("", "")
    assert {one.filename for one in heard} == {__file__}
    assert "CP949" in str(heard[0].message)


def test_wrong_usage(tmp_path):
    for none in ([], ()):  # what a filter left; the sample would be taken if nothing were given
        with pytest.raises(
            komep.KomepError, match=r"^inputs: an empty list; give a table or rows, or leave it out$"
        ):
            komep.build(none, tmp_path / "komep")
    with pytest.raises(TypeError, match=r"^build\(\) got an unexpected keyword argument 'min_margn'$"):
        komep.build(GOOD, tmp_path / "komep", min_margn=0.5)
    with pytest.raises(komep.KomepError, match=r"^min_margin 3: give a number from 0 to 1$"):
        komep.build(GOOD, tmp_path / "komep", min_margin=3)
    with pytest.raises(komep.KomepError, match=r"^folder: give a path, not int$"):
        komep.verify(5)
    for columns in ("question", {"question": 5}, {5: "question"}):
        with pytest.raises(komep.KomepError, match=r"^columns: give a dict of the rows' own name"):
            komep.models(GOOD, columns=columns)
    with pytest.raises(
        komep.KomepError, match=r"""^columns={"question": "qestion"}: .*did you mean 'question'"""
    ):
        komep.models(GOOD, columns={"question": "qestion"})
    with pytest.raises(
        komep.KomepError, match=r"""category is 'medicine' here, and columns={"category": "=surgery"} says"""
    ):
        komep.models(GOOD, columns={"category": "=surgery"})
    with pytest.raises(komep.KomepError, match=r"^folder: 2 tables; give one$"):
        komep.bias([GOOD, GOOD])


def arguments():
    """Every argument of every function with values that it does not take."""
    for name in komep._FACE:
        function = getattr(komep, name)
        if not callable(function) or inspect.isclass(function) or name == "pairs":
            continue
        given = inspect.signature(function).parameters.values()
        needed = {one.name: "x/y" for one in given if one.default is one.empty}
        for one in given:
            for value in (None, object(), 5, b"x", [object()], {"a": object()}, True):
                if value is not None or one.default is not None:
                    yield function, needed | {one.name: value}


def test_an_argument_of_another_type_is_an_error_and_no_traceback(tmp_path, monkeypatch):
    """`komep.verify(None)` and `komep.build(rows, None)` were tracebacks."""
    monkeypatch.chdir(tmp_path)
    tracebacks = []
    for function, given in arguments():
        try:
            function(**given)
        except komep.KomepError:  # of this argument, or of what another lacks
            pass
        except Exception as error:
            tracebacks.append((function.__name__, given, error))
    assert tracebacks == []


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: komep.verify(None), "folder: give a path, not None"),
        (lambda: komep.build(GOOD, None), "output: give a path, not None"),
        (lambda: komep.build(GOOD, 5), "output: give a path, not int"),
        (lambda: komep.models(None), "scored: give a table or rows, not None"),
        (lambda: komep.bias(None), "folder: give a table or rows, not None"),
        (lambda: komep.run(None), "config: give the path of a pipeline.yaml, or its keys as a dict, not None"),
        (lambda: komep.load(None), "folder_or_repo: give a path or text, not None"),
        (lambda: komep.export("komep", 5), "format: give text, not int"),
        (lambda: komep.publish("komep", None), "repo_id: give text, not None"),
        (lambda: komep.report(GOOD, "r.html", max_pairs="9"), "max_pairs: give a whole number, not str"),
        (lambda: komep.report(GOOD, "r.html", max_pairs=True), "max_pairs: give a whole number, not bool"),
        (lambda: komep.review_import(None, "komep"), "sheets: give a path or a list of them, not None"),
        (lambda: komep.review_import([None], "komep"), "sheets: give a path or a list of them, not None in it"),
        (lambda: komep.build(GOOD, "komep", seeds=[5]), "seeds: give a dict, not list"),
        (lambda: komep.build(GOOD, "komep", seeds={"a": "b"}), "seeds: give a whole number, not str, for 'a'"),
        (lambda: komep.bias("komep", purities=[0.8, "b"]), "purities: give a number, not str, for 1"),
        (lambda: komep.run({}, say="text"), "say: give a function, not str"),
        (lambda: komep.score_units(None), "units: give a list of verdicts or units, not None"),
    ],
)  # fmt: skip
def test_the_argument_is_named_with_what_it_takes(call, said):
    with pytest.raises(komep.KomepError) as caught:
        call()
    assert str(caught.value) == said and caught.value.exit_code == 2


def test_options_are_named_as_python_has_them_but_not_those_of_a_command():
    assert in_python("--min-margin 3: see `komep build --marks reject`; --on-error stop") == (
        'min_margin 3: see `komep build --marks reject`; on_error="stop"'
    )


def test_a_chain_by_dicts_and_rows(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with loopback() as (_, url):
        config = yaml.safe_load(write_chain(tmp_path / "c", url, n=4).read_text())
        config["questions"]["input"] = tmp_path / "c/questions.jsonl"
        with pytest.warns(UserWarning, match="asked once: 1"):
            asked = komep.ask([{"question": "What is 0?", "category": "c"}] * 2, config, "b", "other.parquet")
        assert asked.frame["response"].to_list() and asked.path == Path("other.parquet")
        questions = komep.make_questions(
            [{"question": f"What is {i}?", "category": "c"} for i in range(4)], "q.parquet"
        )
        asked = komep.ask(questions.frame, config, "b")
        assert asked.frame.height == 4 and asked.path.is_relative_to(tmp_path / "work")
        scored = komep.score(asked.frame, komep.load_config(config), mode="paper")
        assert scored.frame.height == 4 and komep.score(str(asked.path), config).rows == 4
        assert "cost of this question" in komep.preview(config)
        lines: list[str] = []
        folder = komep.run(config | {"work": "run"}, lines.append)
        assert len(lines) == 6 and komep.verify(folder).ok
    assert capfd.readouterr().out == ""
    with pytest.raises(
        komep.KomepError, match=r"config: model is missing; the responders are: meta/small, b"
    ):
        komep.ask(questions.path, config)
    with pytest.raises(komep.KomepError, match=r"^config: spliter: unknown key; did you mean 'splitter'\?"):
        komep.run({"spliter": {}})
    with pytest.raises(
        komep.KomepError, match=r"give the path of a pipeline\.yaml, or its keys as a dict, not 5"
    ):
        komep.score(asked.path, 5)
    with pytest.raises(komep.KomepError, match="`translator:` is missing"):
        komep.translate(scored.frame, config)


def test_a_notebook_has_a_loop_of_its_own_and_asks_all_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    async def cell():
        with loopback() as (_, url):
            config = yaml.safe_load(write_chain(tmp_path / "c", url, n=1).read_text())
            return komep.score(komep.ask(tmp_path / "c/questions.jsonl", config, "b").frame, config).rows

    assert asyncio.run(cell()) == 1


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(komep.KomepError, match=r"needs the extra \[llm\].*pip install \"komep\[llm\]\""):
        komep.run({})


@pytest.mark.slow
def test_what_needs_neither_torch_nor_datasets_imports_none(tmp_path):
    code = (
        "import sys, komep_dataset as komep\n"
        f"komep.build(None, {str(tmp_path / 'komep')!r}); komep.verify({str(tmp_path / 'komep')!r})\n"
        "komep.pairs([dict(question='a', category='b', model=m, response=m, dahl_score=s) for m, s in zip('ab', (0, 1))])\n"
        "print({'torch', 'datasets'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n" and not done.stderr
