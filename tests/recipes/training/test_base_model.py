"""How a recipe loads its base model: EXAONE-3.5 as it was published, without the code that it was published with."""

import json

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("trl", reason="needs the extra [train]")

from safetensors.torch import save_file  # noqa: E402
from training.base_model import model_settings  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForCausalLM,
    ExaoneConfig,
    LlamaConfig,
    LlamaForCausalLM,
    TrainingArguments,
    set_seed,
)
from trl import ModelConfig  # noqa: E402

from benchmarks.gpu.memory import SHAPES  # noqa: E402

SIZES = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 24}
# The names that EXAONE's own code gives its tensors, for those that LlamaForCausalLM gives them.
PUBLISHED = {
    "model.embed_tokens": "transformer.wte",
    "model.layers": "transformer.h",
    "model.norm": "transformer.ln_f",
    "self_attn.o_proj": "attn.attention.out_proj",
    "self_attn": "attn.attention",
    "input_layernorm": "ln_1",
    "post_attention_layernorm": "ln_2",
    "gate_proj": "c_fc_0",
    "up_proj": "c_fc_1",
    "down_proj": "c_proj",
}
CODE = "raise SystemExit('code from the model folder was run')\n"


def published_name(name: str) -> str:
    for ours, theirs in PUBLISHED.items():
        name = name.replace(ours, theirs)
    return name


@pytest.fixture
def llama() -> LlamaForCausalLM:
    set_seed(0)
    more = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    return LlamaForCausalLM(LlamaConfig(**SIZES, **more, rms_norm_eps=1e-5, rope_theta=1e6)).eval()


@pytest.fixture
def exaone(llama, tmp_path) -> str:
    """A folder with the weights of `llama` as EXAONE-3.5 has them on the Hub: its keys, its names, its code."""
    config = {
        "model_type": "exaone",
        "architectures": ["ExaoneForCausalLM"],
        "auto_map": {
            "AutoConfig": "configuration_exaone.ExaoneConfig",
            "AutoModelForCausalLM": "modeling_exaone.ExaoneForCausalLM",
        },
        **SIZES,
        "num_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "layer_norm_epsilon": 1e-5,
        "activation_function": "silu",
        "rope_theta": 1e6,
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    for name in ("configuration_exaone.py", "modeling_exaone.py"):
        (tmp_path / name).write_text(CODE, "utf-8")
    tensors = {published_name(name): value.contiguous() for name, value in llama.state_dict().items()}
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    return str(tmp_path)


def load(folder: str, output) -> LlamaForCausalLM:
    """A model as the recipes ask for it; remote code is off by default."""
    settings = model_settings(ModelConfig(), _arguments(output))
    assert settings["trust_remote_code"] is False
    return AutoModelForCausalLM.from_pretrained(folder, **settings).eval()


def _arguments(output) -> TrainingArguments:
    args = TrainingArguments(output_dir=str(output), use_cpu=True)
    args.trust_remote_code, args.model_init_kwargs = False, None
    return args


def test_no_tensor_keeps_a_name_of_llamas(llama):
    """The fixture is what it says."""
    names = {published_name(name) for name in llama.state_dict()}
    assert "transformer.h.1.attn.attention.out_proj.weight" in names
    assert not any("model." in name or "self_attn" in name or "layernorm" in name for name in names)


def test_exaone_is_loaded_without_its_code(exaone, llama, tmp_path):
    loaded = load(exaone, tmp_path / "out")
    ids = torch.arange(12).reshape(1, 12)
    with torch.no_grad():
        torch.testing.assert_close(loaded(ids).logits, llama(ids).logits)
    assert loaded.config.model_type == "exaone"


def test_exaone_that_was_trained_is_loaded_again(exaone, tmp_path):
    """What a recipe saves has every tensor that changed, under names that load again."""
    model = load(exaone, tmp_path / "out")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01)
    model.save_pretrained(tmp_path / "saved")
    again = load(str(tmp_path / "saved"), tmp_path / "out")
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value)


def test_the_shape_that_memory_is_estimated_with_is_transformers_default():
    config, shape = ExaoneConfig(), SHAPES["exaone-3.5-7.8b-instruct"]
    assert (shape.layers, shape.hidden, shape.mlp, shape.vocabulary, shape.tied) == (
        config.num_hidden_layers,
        config.hidden_size,
        config.intermediate_size,
        config.vocab_size,
        config.tie_word_embeddings,
    )
    assert (shape.heads, shape.kv_heads) == (config.num_attention_heads, config.num_key_value_heads)
