"""What `/embeddings` of different servers answer, and what is no vector."""

import base64
import json

import numpy as np
import pytest

from komep_dataset.inference.wire.answers import Again, Barred, Refused
from komep_dataset.inference.wire.vectors import read_vectors, vectors_of

ROWS = np.array([[1, 2], [3, 4.5]], "<f4")


def body(rows, **more):
    return json.dumps(
        {
            "data": [{"index": i, "embedding": row} for i, row in enumerate(rows)],
            "usage": {"prompt_tokens": 9},
        }
        | more
    )


@pytest.mark.parametrize(
    "answer",
    [
        body(ROWS.tolist()),
        body([base64.b64encode(row.tobytes()).decode() for row in ROWS]),
        json.dumps({"data": json.loads(body(ROWS.tolist()))["data"][::-1]}),
    ],
)
def test_lists_and_base64_are_read_in_the_order_of_the_texts(answer):
    reply, usage = read_vectors(200, None, answer, 2, sent=30)
    assert vectors_of(reply.text).tolist() == ROWS.tolist() and not reply.failure
    assert (usage.paid_prompt, usage.paid_completion) == ((9, 0) if "usage" in answer else (10, 0))


@pytest.mark.parametrize(
    "rows", [[[1, 2]], [[1, 2], [3]], [[1, 2], [0, 0]], [[1, 2], [float("nan"), 1]], [[], []]]
)
def test_another_number_of_vectors_and_what_is_no_direction_is_refused(rows):
    with pytest.raises(Refused, match="vectors of"):
        read_vectors(200, None, body(rows), 2)


@pytest.mark.parametrize("answer", ["", "{", '{"choices": []}', '{"data": [{}]}', body(["?"]), body([["a"]])])
def test_what_holds_no_vectors_is_asked_again(answer):
    with pytest.raises(Again, match="no vectors"):
        read_vectors(200, None, answer, 1)


def test_a_status_is_judged_as_that_of_a_completion():
    with pytest.raises(Barred, match="HTTP 401"):
        read_vectors(401, None, "no key", 1)
    with pytest.raises(Again, match="HTTP 503"):
        read_vectors(503, None, "", 1)
