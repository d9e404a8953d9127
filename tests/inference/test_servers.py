"""Servers of our own: how they are started, how they sample, when they end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from komep_dataset.config.config import Endpoint, Judge, load_config
from komep_dataset.errors import KomepError
from komep_dataset.inference.ask import ask
from komep_dataset.inference.servers import MERGED, serve_command
from komep_dataset.inference.weights import write_merged
from tests import warm
from tests.pipeline.chains import KILLED, lines_of, model_of_its_own, processes_serving, real_chain


@pytest.mark.slow
def test_an_adapter_is_served_merged_into_its_base_and_sampled_as_it_is_told(tmp_path, smollm2, monkeypatch):
    """`transformers serve` itself ends over a folder with an adapter, and would answer every one of these greedily."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    words = AutoTokenizer.from_pretrained(smollm2)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(words), initializer_range=0.5, **sizes))
    for part in (model, words):
        part.save_pretrained(tmp_path / "base")
    model = LlamaForCausalLM.from_pretrained(tmp_path / "base")  # whose folder becomes the adapter's base
    model = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear", use_dora=True))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    model.save_pretrained(tmp_path / "adapter")

    question = [{"role": "user", "content": "What does insulin do?"}]
    ids = words.apply_chat_template(
        question, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    wanted = words.decode(
        model.eval().generate(**ids, max_new_tokens=8, do_sample=False)[0][ids["input_ids"].shape[1] :]
    )

    def body(**sampling):
        return {"messages": question, "max_tokens": 8} | sampling

    asked = {
        "greedy": body(temperature=0.0),
        "seed 1": body(temperature=1.0, top_p=0.95, seed=1),
        "seed 2": body(temperature=1.0, top_p=0.95, seed=2),
        "hot": body(temperature=50.0, top_p=1.0, seed=1),
        "hot, but only the first token may be drawn": body(temperature=50.0, top_p=1e-6, seed=1),
    }
    judge = Judge(server="transformers", model=str(tmp_path / "adapter"))
    monkeypatch.setattr(sys, "executable", warm.python())
    replies = ask(asked, judge, tmp_path / "work", label="test")
    texts = {id: reply.text for id, reply in replies.items()}
    assert not any(reply.failure for reply in replies.values())
    assert texts["greedy"] == words.decode(words(wanted)["input_ids"], skip_special_tokens=True)
    assert len({texts[id] for id in ("greedy", "seed 1", "seed 2", "hot")}) == 4
    assert texts["hot, but only the first token may be drawn"] == texts["greedy"]
    assert not (tmp_path / "work" / MERGED).exists()

    text = (tmp_path / "adapter" / "adapter_config.json").read_text()
    (tmp_path / "adapter" / "adapter_config.json").write_text(
        text.replace(str(tmp_path / "base"), "/no/base")
    )
    with pytest.raises(
        KomepError, match=r"(?s)PEFT adapter whose base cannot be loaded .*/no/base.*base_model"
    ):
        write_merged(str(tmp_path / "adapter"), tmp_path / "merged")


@pytest.mark.slow
def test_a_server_ends_with_the_run_that_started_it(tmp_path, smollm2):
    model = model_of_its_own(smollm2, tmp_path / "model")
    path = real_chain(tmp_path / "a", model)
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not processes_serving(model) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_serving(model)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    deadline = time.monotonic() + 10
    while processes_serving(model) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_serving(model) == []


@pytest.mark.slow
def test_a_server_that_cannot_start_shows_the_end_of_its_log(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    path = real_chain(tmp_path / "a", model)
    assert load_config(path).responder("one").model == str(model)
    with pytest.raises(
        KomepError, match=r"(?s)ended while starting; .*server\.log ends:\n  .*model"
    ) as caught:
        lines_of(path)
    assert "Traceback" not in str(caught.value).splitlines()[0]


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (
            "vllm",
            "-m vllm.entrypoints.openai.api_server --model org/model --served-model-name org/model "
            "--tensor-parallel-size 2 --max-num-seqs 64 --host 127.0.0.1 --port 8123",
        ),
        (
            "sglang",
            "-m sglang.launch_server --model-path org/model --served-model-name org/model --tp-size 2 "
            "--max-running-requests 64 --host 127.0.0.1 --port 8123",
        ),
        ("transformers", "-m transformers.cli.transformers serve org/model --host 127.0.0.1 --port 8123"),
    ],
)
def test_the_command_that_starts_a_server(server, said):
    """As documented; of the three only `transformers serve` is started by a test."""
    place = Endpoint(model="org/model", server=server, gpus=2, api_key_env="SOME_KEY")
    assert serve_command(place, 8123) == said.split()
    merged = said.replace(" org/model", " /merged", 1).split()  # an adapter's weights, under its own name
    assert serve_command(place, 8123, Path("/merged")) == merged


def test_a_server_that_is_not_installed_is_named(tmp_path, monkeypatch):
    import komep_dataset.inference.servers as serving
    from komep_dataset.errors import KomepError

    monkeypatch.setattr(serving, "find_spec", lambda name: None)
    with serving.local_servers() as servers, pytest.raises(KomepError, match="needs vllm; install it with"):
        servers.address(Endpoint(model="m", server="vllm"), Path(tmp_path))
