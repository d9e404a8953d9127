"""What a model says before and after: kept over a resumed run, and never the end of a run."""

import json
import shutil

import pytest

from tests.recipes.tiny_runs import as_killed, of_finished, read, train

pytest.importorskip("trl", reason="needs the extra [recipes]")

from training import answers
from training.answers import PROMPTS, Answers


def told(folder):
    return json.loads((folder / "answers.json").read_text("utf-8"))


@pytest.mark.parametrize("method", ("dpo", "orpo", "sft"))
def test_the_same_prompts_before_and_after(method, finished):
    found, summary = told(finished(method)), read(finished(method))
    count = min(PROMPTS, summary["pairs"]["test"])
    assert len(found["prompts"]) == len(found["before"]) == len(found["after"]) == count > 0
    assert found["max_new_tokens"] == answers.TOKENS and found["why_not"] is None
    card = (finished(method) / "README.md").read_text("utf-8")
    assert card.count("| before training | ") == card.count("| after training | ") == count


@pytest.mark.slow
def test_a_resumed_run_keeps_what_was_said_before_it(finished, tiny_model, release, tmp_path):
    folder = as_killed(finished("dpo"), tmp_path / "out")
    shutil.rmtree(folder / "checkpoint-2")
    marked = told(folder) | {"before": ["as it was"] * len(told(folder)["prompts"])}
    (folder / "answers.json").write_text(json.dumps(marked))
    assert train("dpo", of_finished("dpo", tiny_model, release, folder)) == 0
    assert (
        told(folder)["before"] == marked["before"] and told(folder)["after"] == told(finished("dpo"))["after"]
    )


class _Trainer:
    """Of what is asked of a trainer, what fails."""

    class args:
        deepspeed_plugin, fsdp = None, None

    class accelerator:
        is_main_process = True

        @staticmethod
        def unwrap_model(model):
            raise RuntimeError("out of memory")

    model = None

    def add_callback(self, callback):
        self.callback = callback


def test_a_model_that_cannot_be_asked_does_not_end_a_run(tmp_path, capsys, pairs_of_messages):
    answers = Answers(_Trainer(), pairs_of_messages, tmp_path)
    answers.ask("before")
    assert "out of memory" in told(tmp_path)["why_not"] and "before" not in told(tmp_path)
    assert "no answers before training (RuntimeError: out of memory)" in capsys.readouterr().out
    answers.split = True
    answers.ask("after")
    assert told(tmp_path)["why_not"] == "the weights are split over processes"


@pytest.fixture
def pairs_of_messages():
    from datasets import Dataset

    row = {"prompt": [{"role": "user", "content": "Q?"}], "chosen": [], "rejected": []}
    return Dataset.from_list([row] * 5)
