"""What endpoints say of a batch, in the spellings that they have."""

import asyncio
import json

import pytest

from komep_dataset.config.config import Endpoint
from komep_dataset.inference.wire.answers import Refused
from komep_dataset.inference.wire.batches import CANCELLED, BatchCalls, State
from tests.batches import Batches
from tests.loopback import Fault, Loopback, loopback


def asked(fault, call):
    """What a call comes to where every answer is one fault."""
    state = Loopback()
    state.batches = Batches(state, faults=lambda *_: fault)

    async def run(url):
        async with BatchCalls(Endpoint(model="m", endpoint=url, max_attempts=1), url, None) as calls:
            return await call(calls)

    with loopback(state) as (_, url):
        return asyncio.run(run(url))


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (
            {"status": "IN_PROGRESS", "request_counts": {"completed": 3, "failed": 1}},
            State("in_progress", 4, ()),
        ),
        (
            {"status": "canceled", "output_file_id": "f1", "error_file_id": None},
            State(CANCELLED, 0, ("f1",)),
        ),
        (
            {"status": "failed", "errors": {"data": [{"message": "x"}]}},
            State("failed", 0, (), '{"message": "x"}'),
        ),
        ({"status": "failed", "errors": "no model"}, State("failed", 0, (), "no model")),
        ({"status": "failed", "error": ["no file"]}, State("failed", 0, (), "no file")),
    ],
)
def test_a_state_is_read_in_any_spelling(said, state):
    assert asked(Fault(200, json.dumps(said)), lambda calls: calls.look("b")) == state


def test_the_id_of_a_batch_may_be_wrapped():
    wrapped = Fault(200, '{"job": {"id": "b7", "status": "VALIDATING"}, "warning": null}')
    assert asked(wrapped, lambda calls: calls.create("f", "/chat/completions", perhaps=False)) == "b7"


def test_answers_that_never_end_are_refused(tmp_path):
    endless = Fault(200, "x" * 5000)
    with pytest.raises(Refused, match="more than 4,000 bytes"):
        asked(endless, lambda calls: calls.download("f", tmp_path / "a", 4000))
