"""`--retry-failed`: a finished table with failed rows is left alone until somebody asks for them."""

import pytest

from komep_dataset.questions import make_questions
from tests.loopback import Fault, Loopback, last_text, loopback
from tests.pipeline.chains import key as key  # the chain's endpoints want one
from tests.pipeline.chains import komep, write_chain


@pytest.mark.slow
def test_respond_and_score_ask_failed_rows_again_only_when_told(tmp_path):
    broken = {"r", "checker"}  # the models that fail on condition 1, in turn

    def plan(body: dict, _: int) -> Fault | None:
        mine = body["model"] in broken and "condition 1?" in last_text(body)
        unit = body["model"] in broken and body["model"] == "checker" and state.unit in last_text(body)
        return Fault(400, "refused") if mine or unit else None

    state = Loopback(faults=plan)
    state.unit = "nothing is sent that says this"
    with loopback(state) as (_, url):
        config = ["--config", write_chain(tmp_path, url, n=3)]
        questions = tmp_path / "questions.parquet"
        make_questions(tmp_path / "questions.jsonl", questions)
        table = tmp_path / "r.parquet"
        respond = ["respond", questions, *config, "--model", "b", "--output", table]
        done = komep(*respond)
        assert done.returncode == 0 and "1 row failed, first: HTTP 400: refused" in done.stderr
        before, calls = table.read_bytes(), len(state.calls)
        done = komep(*respond)
        assert done.stdout.startswith("unchanged: 3 responses") and "--retry-failed" in done.stderr
        assert len(state.calls) == calls and table.read_bytes() == before
        broken.discard("r")
        done = komep(*respond, "--retry-failed")
        assert done.returncode == 0 and done.stderr == "" and len(state.calls) == calls + 1
        # A unit that the checker refuses: one row failed, and only that unit is asked again.
        score = ["score", table, *config, "--output", tmp_path / "s.parquet"]
        state.unit = next(unit_of(state))
        done = komep(*score)
        assert "1 row failed, first: checker: HTTP 400" in done.stderr
        broken.clear()
        calls = len(state.calls)
        assert komep(*score).stdout.startswith("unchanged: ") and len(state.calls) == calls
        done = komep(*score, "--retry-failed")
        assert "(scored 3)" in done.stdout and done.stderr == "" and len(state.calls) == calls + 1


def unit_of(state: Loopback):
    """The first unit of every answer that a responder gave."""
    return (state.reply(body).split(". ")[0] for body in state.calls if body["model"] == "r")


@pytest.mark.slow
def test_another_output_or_another_question_is_another_table(tmp_path):
    with loopback(Loopback(faults=lambda body, _: Fault(400) if "1?" in last_text(body) else None)) as (
        _,
        url,
    ):
        config = ["--config", write_chain(tmp_path, url, n=3), "--model", "b"]
        questions = tmp_path / "questions.parquet"
        make_questions(tmp_path / "questions.jsonl", questions)
        komep("respond", questions, *config, "--output", tmp_path / "r.parquet")
        done = komep("respond", questions, *config, "--output", tmp_path / "other.parquet")
        assert "3 responses of b" in done.stdout and "unchanged" not in done.stdout
        (tmp_path / "r.parquet").unlink()
        assert (
            "unchanged" not in komep("respond", questions, *config, "--output", tmp_path / "r.parquet").stdout
        )
