"""The vLLM backend without vLLM: what it is handed, by a stand-in; `test_vllm.py` runs vLLM itself."""

import sys
import types

from tests.evaluation.runs import command, predictions, run


def test_vllm_without_vllm_is_explained(tiny_model, question_folder, tmp_path, capsys):
    assert run(*command(tiny_model, question_folder, tmp_path / "out", "--backend", "vllm")) == 1
    assert "vLLM is not installed" in capsys.readouterr().err


def test_what_is_handed_to_vllm(tiny_model, question_folder, tmp_path, monkeypatch):
    """A stand-in shows what vLLM is asked for; vLLM itself is run by `make test-vllm` (test_vllm.py)."""
    from evaluation.backends import vllm as vllm_backend
    from evaluation.backends.local.loading import load_generator

    generator, made, asked = load_generator(str(tiny_model)), [], []

    class LLM:
        def __init__(self, **options):
            made.append(options)
            model_config = types.SimpleNamespace(max_model_len=4096, dtype="torch.bfloat16")
            device = types.SimpleNamespace(device_config=types.SimpleNamespace(device_type="cuda"))
            self.llm_engine = types.SimpleNamespace(model_config=model_config, vllm_config=device)

        def generate(self, prompts, sampling, use_tqdm):
            asked.append((len(prompts), sampling))
            texts = generator.generate(
                [p["prompt_token_ids"] for p in prompts], (), sampling["max_tokens"], 4
            )
            ids = generator.tokenizer(texts, add_special_tokens=False)["input_ids"]
            return [types.SimpleNamespace(outputs=[types.SimpleNamespace(token_ids=one)]) for one in ids]

    monkeypatch.setitem(
        sys.modules, "vllm", types.SimpleNamespace(LLM=LLM, SamplingParams=lambda **values: values)
    )
    monkeypatch.setattr(vllm_backend, "find_spec", lambda name: True)
    assert (
        run(
            *command(
                tiny_model, question_folder, tmp_path / "vllm", "--backend", "vllm", "--tensor-parallel", "2"
            )
        )
        == 0
    )
    assert run(*command(tiny_model, question_folder, tmp_path / "here")) == 0
    assert predictions(tmp_path / "vllm") == predictions(tmp_path / "here")
    (options,) = made
    assert options["enable_prefix_caching"] is True and options["tensor_parallel_size"] == 2
    assert options["trust_remote_code"] is False and options["load_format"] == "safetensors"
    ((count, sampling),) = asked
    assert (
        count == 12
        and sampling["temperature"] == 0.0
        and sampling["stop"] == ["Q:", "</s>", "<|im_end|>", ".", "\n\n"]
    )
