"""One manner: a flag means one thing wherever it is, help has examples, errors one prefix, and no plain flag a type."""

import re
import shlex
from collections import defaultdict

import pytest

from komep_dataset.cli import app
from komep_dataset.commands.manner import add, new_app, of_the_clone, said, start
from komep_dataset.progress import tell
from tests.recommended import typer_commands

# Flags that say something of the command that has them, with what.
OF_THE_COMMAND = {
    "--base": "a release to grow; the results before",
    "--length-tokenizer": "to count by; the one that a release was counted by",
    "--list": "what there is to choose from",
    "--model": "one of the file of settings; a model to evaluate",
    "--release": "the one that was sampled; the one of the table",
    "--report": "what an experiment writes; the page that the quickstart names",
    "--retry-failed": "rows, or cells",
    "--round": "of a model; the last one of a run",
}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--length-gap", "-o", "x"], "--length-gap: its value is missing; -o, which follows, is an option"),
        (["a.jsonl", "--name", "--pairs", "all"], "--name: its value is missing; --pairs, which follows"),
        (["-o", "-q"], "-o: its value is missing; -q, which follows"),
    ],
)
def test_an_option_is_no_value_of_the_one_before(capsys, given, said):
    """`--name -o x` gave the release the name `-o`, and read x."""
    with pytest.raises(SystemExit) as end:
        start(app, "komep", ["build", *given])
    assert end.value.code == 2 and said in capsys.readouterr().err


@pytest.fixture(scope="module")
def commands():
    """What a user types -> command."""
    return typer_commands()


def flags(command):
    """(flag, its option) of what `--help` shows."""
    for one in command.params:
        if one.param_type_name == "option" and not one.hidden:
            for flag in (*one.opts, *one.secondary_opts):
                yield flag, one


def sentence(option) -> str:
    """What a flag means: the first words of its help, up to a colon, a full stop or a comma."""
    return re.split(r"[.:,]", option.help)[0]


def test_a_shared_flag_means_one_thing(commands):
    meanings = defaultdict(lambda: defaultdict(list))
    for name, command in commands.items():
        found = dict(flags(command))
        assert {"-q", "--quiet", "-v", "--verbose"} <= found.keys(), name
        assert found.get("--output") is found.get("-o"), name
        for flag, option in found.items():
            meanings[flag][sentence(option), option.is_flag].append(name)
    several = {flag: dict(of) for flag, of in meanings.items() if len(of) > 1}
    assert several.keys() == OF_THE_COMMAND.keys(), several
    assert {"--json", "--limit", "--config", "--output", "--plan"} <= meanings.keys()


def test_every_help_has_two_examples_that_its_command_takes(commands):
    for name, command in commands.items():
        examples = command.epilog.splitlines()[2:]
        texts = "\n".join(examples).replace("\n    --", " --").splitlines()
        assert len(texts) >= 2, name
        for text in texts:
            words = shlex.split(text)
            if words[0] == "make":
                continue
            typed = name.split()
            assert words[: len(typed)] == typed, text
            known = {flag for flag, _ in flags(command)}
            used = {word for word in words if word.startswith("-") and word not in typed}
            assert used <= known, text


def test_no_plain_flag_has_a_type_and_every_option_a_sentence(commands):
    for name, command in commands.items():
        text = command.get_help(command.context_class(command, info_name=name))
        assert "<bool>" not in text and "[default: (" not in text, name
        for flag, option in flags(command):
            assert option.help.endswith((".", "]")) and " " in option.help, (name, flag)


def example(wanted: str = "x", number: int = 1) -> None:
    """Do it.

    Examples:
      example --wanted y
      example --number 2
    """
    print("note: done")
    print("warning: not all")
    tell("note: by the way")


def test_the_docstring_is_the_help():
    assert said(example.__doc__) == ("Do it.", "\b\nExamples:\n  example --wanted y\n  example --number 2")
    assert said("Do it.") == ("Do it.", None)


def run(capsys, *words):
    app = new_app()
    add(app, example, lists=("things", lambda: [("a", "first"), ("bc", "second")]))
    with pytest.raises(SystemExit) as ended:
        start(app, "example", words)
    return ended.value.code, *capsys.readouterr()


def test_a_quiet_command_prints_warnings_alone(capsys, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "")
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "")
    monkeypatch.setenv("HF_DATASETS_DISABLE_PROGRESS_BARS", "")
    assert run(capsys) == (0, "note: done\nwarning: not all\n", "note: by the way\n")
    assert run(capsys, "-q") == (0, "", "warning: not all\n")


def test_a_list_and_help_are_answered_at_once(capsys):
    assert run(capsys, "--list", "--number", "x")[:2] == (0, "a   first\nbc  second\n")
    code, out, _ = run(capsys, "-h")
    assert code == 0 and "  example --wanted y\n  example --number 2\n" in out.replace("    ", "  ")


@pytest.mark.parametrize("words", [("--number", "x"), ("--nosuch",), ("more",)])
def test_wrong_usage_is_one_line_and_exit_code_2(capsys, words):
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "") and err.startswith("error: ") and err.count("\n") == 1
    assert err.endswith("; example --help lists what there is\n") and words[-1] in err


def test_the_help_of_a_build_begins_with_what_people_need(commands):
    build = commands["komep build"]
    parts = re.split(
        r"^(\S.*):\n", build.get_help(build.context_class(build, info_name="komep build")), flags=re.M
    )
    shown = {
        title: re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.M)
        for title, text in zip(parts[1::2], parts[2::2], strict=True)
    }
    assert list(shown) == [
        "Arguments", "Options", "Rules for pairs", "Growth and judges", "Gates, which look at the pairs",
    ]  # fmt: skip
    assert shown["Options"] == [
        *(
            "--output",
            "--map",
            "--on-error",
            "--min-margin",
            "--pairs",
            "--decontaminate",
            "--name",
            "--license",
        ),
        *("--quiet", "--verbose", "--list", "--help"),
    ]
    named = {flag for group in shown.values() for flag in group}
    assert named == {flag for flag, _ in flags(build) if flag.startswith("--")} | {"--help"}


@pytest.mark.parametrize(
    ("word", "start_of_it"),
    [
        ("evaluation", "python -m evaluation.run"),
        ("evaluation.compare", "python -m evaluation.compare"),
        ("run.py", "python -m evaluation.run"),
        ("train", "accelerate launch recipes/dpo.py --config recipes/MODEL/dpo.yaml"),
        ("recipes/orpo.py", "accelerate launch recipes/orpo.py --config recipes/MODEL/orpo.yaml"),
        ("quickstart", "make quickstart"),
    ],
)
def test_what_only_a_clone_has_is_no_command_of_komep_and_says_where_it_runs_from(word, start_of_it, capsys):
    from komep_dataset.cli import app

    with pytest.raises(SystemExit) as ended:
        start(app, "komep", [word, "--model", "m"])
    err = capsys.readouterr().err
    assert ended.value.code == 2 and err.count("\n") == 1
    assert err.startswith(f"error: komep has no command {word}: that runs from the root of a clone")
    assert err.endswith(f"cd CLONE, then {start_of_it}\n")


def test_a_command_of_komep_and_a_mistyped_one_mean_nothing_of_a_clone(commands):
    words = {name.split()[-1] for name in commands if name.startswith("komep ")}
    assert [word for word in (*words, "biuld", "") if of_the_clone(word)] == []
