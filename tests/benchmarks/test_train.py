"""What the comparison with `trl dpo` computes."""

import pytest

pytest.importorskip("torch", reason="needs the extra [recipes]")

from benchmarks.train import utilisation


def test_utilisation_counts_six_operations_a_weight_and_four_where_it_is_frozen():
    summary = {"use_peft": False, "tokens_seen": 100, "seconds": 2.0}
    assert utilisation(summary, 1000, 1e6) == pytest.approx(6 * 1000 * 100 / 2 / 1e6)
    assert utilisation(summary | {"use_peft": True}, 1000, 1e6) == pytest.approx(4 * 1000 * 100 / 2 / 1e6)
    assert utilisation(summary | {"prompts_shared": True}, 1000, 1e6) is None
