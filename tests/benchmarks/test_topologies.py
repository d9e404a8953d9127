"""What the comparison of topologies computes."""

import json

import pytest

pytest.importorskip("torch", reason="needs the extra [recipes]")

from benchmarks.topologies import loss_difference, row


def test_a_topology_is_compared_step_by_step_with_the_first():
    first = {"losses": [0.5, 0.4], "seconds_per_step": 2.0}
    found = {
        "losses": [0.5, 0.44], "seconds_per_step": 4.0, "distributed_type": "DEEPSPEED", "world_size": 2,
        "effective_batch": 4, "tokens_per_second": 100.4, "peak_memory_gib": {"host": 1.0, "device": None},
    }  # fmt: skip
    assert loss_difference(found["losses"], first["losses"]) == pytest.approx(0.1)
    assert row("cpu_zero2", found, first) | {"topology": "cpu_zero2"} == {
        "topology": "cpu_zero2", "distributed_type": "DEEPSPEED", "processes": 2, "pairs_a_step": 4,
        "loss_difference": 0.1, "seconds_a_step": 4.0, "ratio": 0.5, "tokens_a_second": 100,
        "peak_gib": {"host": 1.0, "device": None},
    }  # fmt: skip
    assert json.dumps(row("x", found, found))
