"""A tiny chat model, a tiny release and a finished run of each method, made once for all tests of the recipes."""

import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from tests.recipes.tiny_runs import (
    FOUR_STEPS,
    as_killed,
    flags,
    of_finished,
    train,
    write_tiny_model,
    write_tiny_release,
)


@pytest.fixture(scope="session", autouse=True)
def short_answers():
    """A random model never ends an answer: 64 tokens of them are a sixth of a tiny run."""
    try:
        from training import answers
    except ImportError:  # without the extra [recipes]
        return
    answers.TOKENS = 8


@pytest.fixture(scope="session")
def release(tmp_path_factory) -> Path:
    return write_tiny_release(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture(scope="session")
def finished(tiny_model, release, tmp_path_factory) -> Callable[..., Path]:
    """Method -> folder of a run of two steps with a checkpoint after each, trained when first asked for.

    What it said is in `said.txt` beside the folder. No test writes into it.
    """
    done = {}

    def get(method: str, **changes) -> Path:
        key = (method, *changes.items())
        if key not in done:
            output = tmp_path_factory.mktemp("finished") / f"tiny-{method}"
            with (output.parent / "said.txt").open("w") as said, redirect_stdout(said):
                assert train(method, of_finished(method, tiny_model, release, output, **changes)) == 0
            done[key] = output
        return done[key]

    return get


@pytest.fixture(scope="session")
def dpo_run(finished) -> Path:
    return finished("dpo")


@pytest.fixture(scope="session", params=["all", "completion"])
def orpo_run(request, finished) -> tuple[str, Path]:
    """(what the likelihood term covers, the run)."""
    changes = {} if request.param == "all" else {"nll_on": request.param}
    return request.param, finished("orpo", **changes)


@pytest.fixture(scope="session")
def whole(tiny_model, release, tmp_path_factory) -> Path:
    """A finished run of four steps and its two checkpoints. No test writes into it."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    assert train("dpo", flags(tiny_model, release, folder, **FOUR_STEPS)) == 0
    return folder


@pytest.fixture
def copied(whole, tmp_path) -> Path:
    """That run as a kill leaves it: with checkpoints and without an end."""
    return as_killed(whole, tmp_path / "out")


@pytest.fixture
def with_template(tiny_model, tmp_path):
    """Makes a copy of the model whose chat template begins with more."""

    def make(more: str):
        model = tmp_path / "model"
        shutil.copytree(tiny_model, model)
        template = (model / "chat_template.jinja").read_text("utf-8")
        (model / "chat_template.jinja").write_text(more + template, "utf-8")
        return model

    return make
