"""How a training is read, and the two rates that it is held against."""

import pytest

pytest.importorskip("torch", reason="needs the extra [recipes]")

from transformers import LlamaConfig

from benchmarks.random_model import SHAPES
from benchmarks.trainings import layer_weights, matrix_rate, reason

OF_A_LAYER = 64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 128  # queries and output, keys and values, the gated MLP


def test_layer_weights_leave_out_embeddings_and_head(tmp_path):
    LlamaConfig(**SHAPES["tiny"]).save_pretrained(tmp_path)
    assert layer_weights(tmp_path) == 2 * OF_A_LAYER


@pytest.mark.slow
def test_matrix_rate_is_a_rate():
    assert matrix_rate("cpu", "float32") > 1e8


def test_a_failed_topology_says_why():
    text = "python -m launch\nTraceback\ntorch.OutOfMemoryError: CUDA out of memory\nCalledProcessError: exit 1\n"
    assert reason(text) == "torch.OutOfMemoryError: CUDA out of memory"
    assert reason("python -m launch\nerror: --beta: no\n\n") == "error: --beta: no"
    assert reason("python -m launch\nKilled\n") == "Killed"
