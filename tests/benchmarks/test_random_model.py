"""A model of a known shape with random weights."""

import subprocess

import pytest

from tests import warm

pytest.importorskip("torch", reason="needs the extra [recipes]")

import torch

from benchmarks.random_model import SHAPES, write_random_model

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


@pytest.mark.slow
def test_a_random_model_goes_into_a_folder_of_its_own(tokenizer_folder, tmp_path):
    (tmp_path / "config.json").write_text("mine")
    command = [warm.python(), "-m", "benchmarks.random_model", "--shape", "tiny", "--output", str(tmp_path)]
    done = subprocess.run([*command, "--tokenizer", str(tokenizer_folder)], capture_output=True, text=True)
    assert done.returncode == 1 and "holds config.json" in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "config.json").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


def test_the_shape_of_llama_has_its_published_parameters():
    """8.03e9, as the config headers have it; nothing of that size is made."""
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.device("meta"):
        assert round(LlamaForCausalLM(LlamaConfig(**SHAPES["llama-8b"])).num_parameters() / 1e9, 2) == 8.03
