"""The formula of memory: the table of docs/memory.md, and parameters as the models' own pages count them."""

import math
import re
from pathlib import Path

import pytest

from benchmarks.gpu.memory import CHECKED, SHAPES, estimate

ROOT = Path(__file__).resolve().parents[3]


def test_memory_table_is_what_the_formula_gives():
    estimated = (ROOT / "docs" / "memory.md").read_text("utf-8").partition("## Measured")[0]
    table = re.findall(r"^\| ([\w.-]+) \| (\d[^|]+)\|(.*)\|$", estimated, re.M)
    assert [row[0] for row in table] == list(SHAPES)
    for model, parameters, rest in table:
        shape, cells = SHAPES[model], [cell.strip() for cell in rest.split("|")]
        assert float(parameters) == pytest.approx(shape.parameters / 1e9, abs=0.01)
        assert float(cells[0]) == pytest.approx(shape.adapters(16) / 1e6, abs=0.1)
        for method, full, adapters in zip(("dpo", "orpo", "sft"), cells[1:4], cells[4:7], strict=True):
            batch = 4 if method == "orpo" else 8
            expected = [math.ceil(estimate(shape, method, gpus, batch, 1024)) for gpus in (4, 8, 16)]
            assert [int(cell) for cell in full.split("/")] == expected, (model, method)
            assert int(adapters) == math.ceil(estimate(shape, method, 8, 4, 1024, 16)), (model, method)


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("llama-3.1-8b-instruct", 8_030_261_248),
        ("gemma-2-9b-it", 9_241_705_984),
        ("qwen2-7b-instruct", 7_615_616_512),
    ],
)
def test_parameters_are_counted(model, parameters):
    """Against the counts that the models' own pages state."""
    assert SHAPES[model].parameters == pytest.approx(parameters, rel=1e-3)


def test_one_gpu_has_nobody_to_share_with():
    """Full fine-tuning on one GPU: 8 bytes a parameter and no buckets; LoRA differs by NCCL alone."""
    small = CHECKED["1b"]
    assert small.parameters == pytest.approx(1_235_814_400, rel=1e-3)  # as its model.num_parameters() has it
    kept, layer = 2 * 64 * small.hidden * small.layers, 4 * 64 * (8 * small.hidden + 4 * small.mlp)
    by_hand = 8 * small.parameters + kept + layer
    assert estimate(small, "dpo", 1, 2, 16) == pytest.approx(by_hand / 2**30 + 0.75)
    assert estimate(small, "dpo", 8, 2, 16, 16) - estimate(small, "dpo", 1, 2, 16, 16) == pytest.approx(
        4 - 0.75
    )


def test_the_shape_that_memory_is_estimated_with_is_transformers_default():
    ExaoneConfig = pytest.importorskip("transformers", reason="needs the extra [recipes]").ExaoneConfig
    config, shape = ExaoneConfig(), SHAPES["exaone-3.5-7.8b-instruct"]
    assert (shape.layers, shape.hidden, shape.mlp, shape.vocabulary, shape.tied) == (
        config.num_hidden_layers,
        config.hidden_size,
        config.intermediate_size,
        config.vocab_size,
        config.tie_word_embeddings,
    )
    assert (shape.heads, shape.kv_heads) == (config.num_attention_heads, config.num_key_value_heads)
