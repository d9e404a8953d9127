"""Estimates are the arithmetic that is shown."""

import pytest

from evaluation.experiments.cells import choose
from evaluation.experiments.estimates import Rates, training_cost, with_measured
from evaluation.experiments.plan import cell_cost
from tests.evaluation.experiments.files import SMOKE, cells_of

pytestmark = pytest.mark.usefixtures("from_the_root")  # where the paths of experiment files start


def test_estimates_are_the_shown_arithmetic():
    matrix, cells = cells_of(SMOKE)
    cell = choose(cells, ["smollm2-135m.dpo.en.seed-0"])[0]
    rates = matrix.estimate
    by_hand = 35 + (8 * 400 + 2 * 4 * 400 / 3) / rates.training["dpo.en"]
    assert cell_cost(matrix, cell).training == pytest.approx(by_hand)
    assert cell_cost(matrix, cell).evaluation == pytest.approx(8 + 24 * 2.2 + 8 + 12 * 0.4)
    assert cell_cost(matrix, cell).disk == pytest.approx(0.135e9 * 4)


def test_lora_and_full_fine_tuning_are_told_apart(tmp_path):
    """Fewer operations with LoRA; and what a utilisation was measured on stands beside it."""
    (tmp_path / "rates.yaml").write_text(
        "{card: A, date: d, source: s, flops: 1.0e+15, lever: {dpo: 'recipe, LoRA'}, tokens_a_second: {}, "
        "utilisation: {dpo: 0.5}, questions_a_second: {}}"
    )
    rates = with_measured(Rates(measured="rates.yaml", pairs=100), (), tmp_path / "x.yaml")
    times, said = {}, {}
    for kind in ("dpo", "dpo-lora"):
        training = {"language": "en", "recipe": f"recipes/qwen3-8b/{kind}.yaml", "flags": {}}
        times[kind], said[kind] = training_cost(rates, "dpo", training, 8.0)
    assert (times["dpo"] - 30) / (times["dpo-lora"] - 30) == pytest.approx(10 / 8)
    assert "x 0.5 (measured: dpo, recipe, LoRA) / (10 x 8 x 10^9), all weights)" in said["dpo"]
    assert "/ (8 x 8 x 10^9), LoRA)" in said["dpo-lora"]
    times["flag"], _ = training_cost(rates, "dpo", training | {"flags": {"use_peft": False}}, 8.0)
    assert times["flag"] == times["dpo"]
