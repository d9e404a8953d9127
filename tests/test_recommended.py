"""An error recommends only options that its command has: in every text that is shipped, and in those of several commands."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.chains import komep
from tests.recommended import (
    OTHERS,
    RECIPES,
    ROOT,
    check,
    command_of,
    options_of,
    owners,
    typer_commands,
    unknown_options,
)

# Options in our texts of what is not ours, by the file that has them; `…` is what it fills in.
FOREIGN = {
    "komep_dataset/cli.py": {"--version"},  # of `komep` itself
    "komep_dataset/errors.py": {"--multiprocessing-fork"},  # of Python's workers
    "komep_dataset/exports/openrlhf.py": {"--eval", "--module"},
    "komep_dataset/gates/contamination.py": {"--real"},  # of benchmarks.leaks
    "komep_dataset/inference/servers.py": {
        *("--host", "--port", "--tensor-parallel-size", "--max-num-seqs", "--served-model-name"),
        *("--model-path", "--tp-size", "--max-running-requests"),
    },
    "komep_dataset/system.py": {"--bind"},  # of mount
    "evaluation/compare.py": {"--output_path", "--log_samples"},  # of lm_eval
    "evaluation/lm_eval_results.py": {"--output_path", "--log_samples", "--fewshot_as_multiturn"},
    "evaluation/experiments/commands.py": {"--config_file", "--num_processes", "--requeue", "--dependency"},
    "evaluation/experiments/matrix.py": {"--num_processes"},  # of accelerate
    "recipes/training/flags.py": {"--flag"},
    "recipes/training/model_card.py": {"--num_processes"},
}


def texts(path: Path):
    """(line, text) of every string of a module, docstrings too; what an f-string fills in is `…`."""
    tree = ast.parse(path.read_text("utf-8"))
    joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    inside = {id(value) for node in joined for value in node.values}
    for node in joined:
        parts = (value.value if isinstance(value, ast.Constant) else "…" for value in node.values)
        yield node.lineno, "".join(parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value


def test_every_option_in_a_text_is_one_of_the_command_that_the_text_names_or_of_some_command():
    pytest.importorskip("trl", reason="needs the extra [recipes]")
    ours = [*typer_commands(), *(f"python recipes/{name}.py" for name in (*RECIPES, "lengths"))]
    every = frozenset().union(*map(options_of, ours))
    wrong, seen = [], {name: set() for name in FOREIGN}
    for path in (
        p for folder in ("komep_dataset", "evaluation", "recipes") for p in (ROOT / folder).rglob("*.py")
    ):
        place = path.relative_to(ROOT).as_posix()
        for line, text in texts(path):
            for option, owner in owners(text):
                if owner.split()[:1] and owner.split()[0] in OTHERS:
                    continue
                if option in FOREIGN.get(place, ()) and not owner:
                    seen[place].add(option)
                elif option not in (options_of(owner) if owner else every):
                    wrong.append(f"{place}:{line}: {option} {owner and 'of ' + owner}")
    assert wrong == [] and seen == FOREIGN


def test_every_option_of_a_command_in_the_docs_is_one_that_it_has():
    pytest.importorskip("trl", reason="needs the extra [recipes]")
    wrong = [
        f"{page.relative_to(ROOT)}:{number}: {option} of {owner}"
        for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
        for number, line in enumerate(page.read_text("utf-8").splitlines(), 1)
        for option, owner in owners(line)
        if owner and owner.split()[0] not in OTHERS and option not in options_of(owner)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["python", "-m", "komep_dataset.cli", "review", "import", "x.csv"], "komep review import"),
        (["/x/bin/komep", "build", "a", "b"], "komep build"),
        (["python", "-m", "evaluation.run", "--model", "m"], "python -m evaluation.run"),
        (["accelerate", "launch", "/x/recipes/dpo.py", "--config", "c"], "python recipes/dpo.py"),
        (["python", "work.py"], ""),
    ],
)
def test_a_command_line_is_known_by_its_words(words, command):
    assert command_of(words) == command


def test_an_option_of_another_command_is_found_unless_the_sentence_names_that_command():
    line = "error: no pair: lower --min-margin"
    assert unknown_options(line, "komep build") == []
    assert unknown_options(line, "komep verify") == ["--min-margin of komep verify"]
    assert unknown_options("no pair: `komep build --min-margin 0`", "komep verify") == []
    assert unknown_options("this komep does not have --purity", "komep verify") == [
        "--purity of komep verify"
    ]
    assert unknown_options("no model; accelerate launch --num_processes 2", "komep verify") == []
    assert unknown_options("evaluation.run --plan, or --limit", "komep build") == []
    with pytest.raises(AssertionError, match="komep verify: recommends --min-margin"):
        check(f"note\n{line}", ["komep", "verify"])
    check(line, ["komep", "verify", "--min-margin", "2"])  # what was typed


def test_a_command_in_a_process_of_its_own_is_read_too(tmp_path):
    (tmp_path / "komep_dataset").mkdir()
    (tmp_path / "komep_dataset" / "cli.py").write_text("raise SystemExit('error: give --min-margin')")
    with pytest.raises(AssertionError, match="recommends --min-margin of komep verify"):
        subprocess.run(
            [sys.executable, "komep_dataset/cli.py", "verify"], cwd=tmp_path, capture_output=True, text=True
        )


def of_several():
    """(a message that is made below several commands, these)."""
    from evaluation.harness.prompts import lost_shots
    from komep_dataset.pairs import told
    from komep_dataset.pairs.rules import Tally
    from komep_dataset.tables import columns

    yield lost_shots(1, 2, 5), ("python -m evaluation.run", "python -m evaluation.publish")
    yield columns._OTHERS_TOO, ("komep questions", "komep build", "komep models")
    facts = {"pairs": 1, "rows": {"ko": {"train": 1, "test": 0}}}
    (nothing_held_out,) = told.warned(facts, {}, Tally())
    yield nothing_held_out, ("komep build", "komep run")


def test_a_message_of_several_commands_names_no_option_that_one_of_them_lacks():
    for message, commands in of_several():
        for command in commands:
            assert unknown_options(message, command) == [], message


PIPELINE = """
work: w
questions: {input: q.jsonl}
responders: [{name: a, endpoint: 'http://127.0.0.1:9/v1', model: m}, {name: b, endpoint: 'http://127.0.0.1:9/v1', model: m}]
splitter: {endpoint: 'http://127.0.0.1:9/v1', model: m}
checker: {endpoint: 'http://127.0.0.1:9/v1', model: m}
"""


@pytest.mark.parametrize(
    ("more", "rows", "words"),
    [
        ("selection: {trim_below: 0.5}", [], "selection.trim_below 0.5: it goes with selection.pairs trimmed"),
        ("", [{"question": "", "category": "c"}, {"question": "A?", "category": 1}], "`komep questions --on-error reject`"),
        ("", [{"quest": "A?", "category": "c"}], "columns: {quest: question}"),
    ],
)  # fmt: skip
def test_a_run_from_a_file_of_settings_names_its_keys(more, rows, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(PIPELINE + more)
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = komep("run", "p.yaml", "--estimate")
    assert done.returncode in (1, 2) and words in done.stderr, done.stderr


def test_what_lies_in_the_way_of_a_run_is_named_without_an_option(tmp_path):
    from komep_dataset.config.selection import in_settings

    said = "--output w/x.parquet: holds a file; --base old: it was built with --min-margin 0.2; komep build old NEW… --min-margin 0"
    assert in_settings(said, chained=True) == (
        "w/x.parquet: holds a file; base old: it was built with selection.min_margin 0.2; komep build old NEW… --min-margin 0"
    )
    assert in_settings("`komep build --pairs all`, not --pairs-all or --output x") == (
        "`komep build --pairs all`, not --pairs-all or --output x"
    )
    assert not re.search("--[a-z]", in_settings("--trim-below and --near-duplicates"))
