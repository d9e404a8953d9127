"""What the training benchmarks compute, and the random model they run where the real one is not at hand."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("torch", reason="needs the extra [train]")

from benchmarks.random_model import SHAPES, write_random_model
from benchmarks.topologies import loss_difference, row
from benchmarks.train import utilisation
from benchmarks.trainings import layer_weights, matrix_rate, reason

TINY = SHAPES["tiny"]
OF_A_LAYER = 64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 128  # queries and output, keys and values, the gated MLP


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tokenizer")
    words = Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1, "one": 2}, unk_token="<s>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tiny_folder(tokenizer_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    count = write_random_model("tiny", tokenizer_folder, folder)
    assert count == 2 * OF_A_LAYER + 5 * 64 + 2 * 64 * TINY["vocab_size"]
    return folder


def test_a_random_model_loads_and_answers(tiny_folder):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = (kind.from_pretrained(tiny_folder) for kind in (AutoModelForCausalLM, AutoTokenizer))
    assert model.dtype == torch.bfloat16 and not list(tiny_folder.glob("*.bin"))
    assert model.config.eos_token_id == tokenizer.eos_token_id == 1
    ids = tokenizer("one one", return_tensors="pt")["input_ids"]
    assert model(ids).logits.shape == (1, 2, TINY["vocab_size"])


def test_a_tokenizer_larger_than_the_shape_is_refused(tokenizer_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(SHAPES, "two", TINY | {"vocab_size": 2})
    with pytest.raises(ValueError, match="3 tokens, and two has 2 rows"):
        write_random_model("two", tokenizer_folder, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_random_model_goes_into_a_folder_of_its_own(tokenizer_folder, tmp_path):
    (tmp_path / "config.json").write_text("mine")
    command = [sys.executable, "-m", "benchmarks.random_model", "--shape", "tiny", "--output", str(tmp_path)]
    done = subprocess.run([*command, "--tokenizer", str(tokenizer_folder)], capture_output=True, text=True)
    assert done.returncode == 1 and "holds config.json" in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "config.json").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


def test_the_shape_of_llama_has_its_published_parameters():
    """8.03e9, as the config headers have it; nothing of that size is made."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.device("meta"):
        assert round(LlamaForCausalLM(LlamaConfig(**SHAPES["llama-8b"])).num_parameters() / 1e9, 2) == 8.03


def test_layer_weights_leave_out_embeddings_and_head(tiny_folder):
    assert layer_weights(tiny_folder) == 2 * OF_A_LAYER


def test_utilisation_counts_six_operations_a_weight_and_four_where_it_is_frozen():
    summary = {"use_peft": False, "tokens_seen": 100, "seconds": 2.0}
    assert utilisation(summary, 1000, 1e6) == pytest.approx(6 * 1000 * 100 / 2 / 1e6)
    assert utilisation(summary | {"use_peft": True}, 1000, 1e6) == pytest.approx(4 * 1000 * 100 / 2 / 1e6)
    assert utilisation(summary | {"prompts_shared": True}, 1000, 1e6) is None


def test_matrix_rate_is_a_rate():
    assert matrix_rate("cpu", "float32") > 1e8


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


def test_a_failed_topology_says_why():
    text = "python -m launch\nTraceback\ntorch.OutOfMemoryError: CUDA out of memory\nCalledProcessError: exit 1\n"
    assert reason(text) == "torch.OutOfMemoryError: CUDA out of memory"
    assert reason("python -m launch\nerror: --beta: no\n\n") == "error: --beta: no"
    assert reason("python -m launch\nKilled\n") == "Killed"
