"""Backends: kill and resume, several processes, an endpoint over HTTP, letters by logits, other styles."""

import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from evaluation.backends.openai import request_body
from evaluation.harness.backend import Answer
from evaluation.harness.journal import keep, open_journal
from evaluation.harness.output import read_evaluation
from evaluation.harness.prompts import Prompt
from evaluation.run import main
from komep_dataset.errors import KomepError
from tests.loopback import Fault, Loopback, loopback

ROOT = Path(__file__).resolve().parents[3]
TINY = ["--benchmark", "kormedmcqa", "--max-new-tokens", "6"]


def command(model: Path, data: Path, output: Path, *more: str) -> list[str]:
    return ["--model", str(model), "--data", str(data), "--output", str(output), *TINY, *more]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as done:
        main(list(arguments))
    return done.value.code


def predictions(folder: Path) -> bytes:
    return (folder / "predictions.jsonl").read_bytes()


# --- kill and resume -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_killed_run_goes_on_from_the_questions_that_are_done(tiny_model, question_folder, tmp_path):
    long = ["--batch-size", "1", "--max-new-tokens", "300"]
    assert run(*command(tiny_model, question_folder, tmp_path / "whole", *long)) == 0
    arguments = command(tiny_model, question_folder, tmp_path / "out", *long)
    started = [sys.executable, "-m", "evaluation.run", *arguments]
    process = subprocess.Popen(
        started, cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    journal = tmp_path / "out" / "replies" / "rank-0.jsonl"
    deadline = time.monotonic() + 120
    while not (journal.is_file() and journal.read_bytes().count(b"\n") >= 2):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out" / "results.json").exists()
    done = journal.read_bytes().count(b"\n")
    assert done < 12
    with journal.open("ab") as file:
        file.write(b'{"key": "cut sho')  # what a kill in the middle of a write leaves
    assert run(*arguments) == 0
    assert read_evaluation(tmp_path / "out").results["config"]["resumed_questions"] == done
    assert predictions(tmp_path / "out") == predictions(tmp_path / "whole")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["predictions.jsonl", "results.json"]


def test_replies_of_other_settings_are_not_taken_over(tiny_model, question_folder, tmp_path):
    with open_journal(tmp_path / "out") as journal:
        keep(journal, "of another run", Answer("B"))
    assert run(*command(tiny_model, question_folder, tmp_path / "out")) == 0
    assert read_evaluation(tmp_path / "out").results["config"]["resumed_questions"] == 0


def test_a_folder_serves_one_run_at_a_time(tmp_path):
    with open_journal(tmp_path), pytest.raises(KomepError, match="another evaluation is at work here"):
        open_journal(tmp_path).__enter__()
    with open_journal(tmp_path, rank=0) as first, open_journal(tmp_path, rank=1) as second:
        keep(second, "b", Answer("C", (0.1, 0.2)))
        assert "b" not in first.rows
    with open_journal(tmp_path, rank=0) as first:
        assert first.rows["b"] == ("C", [0.1, 0.2])  # every process reads what the others left


# --- several processes -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_processes_write_the_same_file(lettered_model, question_folder, tmp_path):
    more = ["--batch-size", "2", "--scoring", "logits"]
    assert run(*command(lettered_model, question_folder, tmp_path / "one", *more)) == 0
    launch = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--main_process_port",
        "0",
        "--num_processes",
        "2",
    ]
    launch += ["--config_file", "accelerate_configs/ddp.yaml", "-m", "evaluation.run"]
    environment = {k: v for k, v in os.environ.items() if k != "ACCELERATE_USE_CPU"} | {
        "OMP_NUM_THREADS": "1"
    }
    done = subprocess.run(
        [*launch, *command(lettered_model, question_folder, tmp_path / "two", *more)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert read_evaluation(tmp_path / "two").results["config"]["world_size"] == 2
    assert predictions(tmp_path / "two") == predictions(tmp_path / "one")
    assert not (tmp_path / "two" / "replies").exists()


def test_processes_that_do_not_see_each_other_are_refused(
    tiny_model, question_folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("WORLD_SIZE", "2")  # what a launcher sets; this process is alone all the same
    alone = types.SimpleNamespace(num_processes=1)
    monkeypatch.setattr("accelerate.PartialState", lambda **_: alone)
    assert run(*command(tiny_model, question_folder, tmp_path / "out")) == 1
    assert "2 processes were launched and do not see each other" in capsys.readouterr().err


# --- an endpoint -----------------------------------------------------------------------------------------------


@pytest.fixture()
def served(question_folder, tmp_path):
    """(state of a server that answers "정답은 C입니다.", a function that evaluates it)."""
    state = Loopback(reply=lambda body: " C입니다\n\nQ: 다음")
    with loopback(state) as (_, url):

        def evaluate(*more: str, output: str = "out") -> int:
            return run(
                *command(
                    "any/model",
                    question_folder,
                    tmp_path / output,
                    "--backend",
                    "openai",
                    "--endpoint",
                    url,
                    *more,
                )
            )

        yield state, evaluate


def test_an_endpoint_is_asked_once_and_concurrently(served, tmp_path):
    state, evaluate = served
    state.delay = 0.2
    assert evaluate("--concurrency", "6") == 0
    assert len(state.calls) == 12 and 2 <= state.most_in_flight <= 6
    results = read_evaluation(tmp_path / "out").results
    assert {p.generation for p in read_evaluation(tmp_path / "out").predictions} == {
        " C입니다"
    }  # cut at the stop
    assert results["parse_rate_robust"] == 1.0 and results["config"]["backend"] == "openai"
    first = predictions(tmp_path / "out")
    assert evaluate("--concurrency", "6") == 0
    assert len(state.calls) == 12  # every answer was kept
    assert predictions(tmp_path / "out") == first


def test_requests_are_plain_text_or_one_chat_message(served, question_folder):
    state, evaluate = served
    assert evaluate() == 0 and set(state.paths) == {"/v1/completions"}
    body = state.calls[0]
    assert body["prompt"].endswith("정답：") and body["temperature"] == 0 and body["max_tokens"] == 6
    assert len(body["stop"]) == 4 and body["stop"][:3] == ["Q:", ".", "\n\n"]  # OpenAI takes four
    state.paths.clear()
    assert evaluate("--chat-template", output="chat") == 0 and set(state.paths) == {"/v1/chat/completions"}
    assert state.calls[-1]["messages"][0]["role"] == "user" and len(state.calls[-1]["messages"]) == 1


def test_questions_without_an_answer_stop_the_run_and_are_asked_again(served, tmp_path, capsys):
    state, evaluate = served
    state.faults = lambda body, attempt: Fault(400, "too long") if "문항 7." in body["prompt"] else None
    assert evaluate() == 1
    error = capsys.readouterr().err
    assert "1 of 12 questions got no answer" in error and "too long" in error and "Traceback" not in error
    assert not (tmp_path / "out" / "results.json").exists()
    state.faults, before = None, len(state.calls)
    assert evaluate() == 0 and len(state.calls) == before + 1
    assert read_evaluation(tmp_path / "out").results["config"]["resumed_questions"] == 11


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(served, tmp_path, monkeypatch, capsys):
    state, evaluate = served
    assert evaluate("--api-key-env", "NO_SUCH_KEY") == 1
    assert "NO_SUCH_KEY is not set" in capsys.readouterr().err
    monkeypatch.setenv("TEST_KEY", "sk-very-secret-and-long")
    assert evaluate("--api-key-env", "TEST_KEY") == 0
    assert set(state.authorizations) == {"Bearer sk-very-secret-and-long"}
    written = b"".join(p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert b"very-secret" not in written and b"TEST_KEY" in written


def test_what_an_endpoint_cannot_do_is_refused(served, capsys):
    _, evaluate = served
    assert evaluate("--scoring", "logits") == 2
    assert "--scoring logits needs --backend transformers" in capsys.readouterr().err


def test_stop_strings_made_of_text_go_first():
    options = types.SimpleNamespace(chat_template=False, max_new_tokens=1)
    stops = ("<|im_end|>", "a", "</s>", "b", "c")
    assert request_body(Prompt("x", None, 0, 5), options, stops)["stop"] == ["a", "b", "c", "<|im_end|>"]


# --- vLLM ------------------------------------------------------------------------------------------------------


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


@pytest.fixture()
def lettered_model(make_llama, make_tokenizer, tmp_path) -> Path:
    """A tiny model whose tokenizer has a token for " A" to " E", as those of real models have."""
    tokenizer = make_tokenizer(bos=True)
    tokenizer.add_tokens([f" {letter}" for letter in "ABCDE"])
    tokenizer.save_pretrained(tmp_path / "lettered")
    make_llama(vocab_size=len(tokenizer)).save_pretrained(tmp_path / "lettered")
    return tmp_path / "lettered"


# --- letters by logits, solutions first ------------------------------------------------------------------------


def test_logits_pick_the_likeliest_letter(lettered_model, question_folder, tmp_path):
    import torch

    from evaluation.backends.local.loading import load_generator
    from evaluation.benchmarks import kormedmcqa
    from evaluation.harness.prompts import prompt_text
    from evaluation.harness.questions import from_folders

    assert run(*command(lettered_model, question_folder, tmp_path / "out", "--scoring", "logits")) == 0
    evaluation = read_evaluation(tmp_path / "out")
    generator, style = load_generator(str(lettered_model)), kormedmcqa.BENCHMARK.styles["direct"]
    expected = []
    for subject in from_folders(question_folder):
        for question in subject.test:
            text = prompt_text(style, subject.fewshot, question)
            ids = [generator.tokenizer(f"{text} {letter}")["input_ids"] for letter in "ABCDE"]
            logits = generator.model(torch.tensor([ids[0][:-1]])).logits[0, -1]
            expected.append("ABCDE"[int(logits[[row[-1] for row in ids]].argmax())])
    assert [p.paper for p in evaluation.predictions] == expected == [p.robust for p in evaluation.predictions]
    assert len(set(expected)) > 1
    assert all(len(p.logprobs) == 5 and max(p.logprobs) < 0 for p in evaluation.predictions)
    results = evaluation.results
    assert results["parse_rate"] == 1.0 and results["config"]["scoring"] == "logits"
    assert run(*command(lettered_model, question_folder, tmp_path / "generated")) == 0
    generated = read_evaluation(tmp_path / "generated").predictions
    assert [p.generation for p in generated] == [p.generation for p in evaluation.predictions]
    for reading in ("paper", "robust"):
        same = sum(getattr(p, reading) == letter for p, letter in zip(generated, expected, strict=True))
        assert results["agreement"][reading] == pytest.approx(same / 12)


def test_a_repetition_penalty_does_not_enter_the_logits(lettered_model, question_folder, tmp_path):
    from evaluation.backends.local.loading import load_generator

    generator = load_generator(str(lettered_model))
    generator.model.generation_config.repetition_penalty = 5.0
    generator.model.save_pretrained(tmp_path / "model")
    generator.tokenizer.save_pretrained(tmp_path / "model")
    for name, model in (("plain", lettered_model), ("penalised", tmp_path / "model")):
        assert run(*command(model, question_folder, tmp_path / name, "--scoring", "logits")) == 0
    plain, penalised = (read_evaluation(tmp_path / name).predictions for name in ("plain", "penalised"))
    assert [p.logprobs for p in plain] == [p.logprobs for p in penalised]
    assert [p.generation for p in plain] != [p.generation for p in penalised]


def test_a_tokenizer_without_letters_is_explained(tiny_model, question_folder, tmp_path, capsys):
    assert run(*command(tiny_model, question_folder, tmp_path / "out", "--scoring", "logits")) == 1
    assert "no single token for the answer 'A'; use --scoring generate" in capsys.readouterr().err


def test_a_solution_first(tiny_model, question_folder, tmp_path):
    for file in question_folder.rglob("fewshot.jsonl"):
        rows = [
            json.loads(line) | {"cot": f"풀이 {n}."} for n, line in enumerate(file.open(encoding="utf-8"))
        ]
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    assert (
        run(*command(tiny_model, question_folder, tmp_path / "out", "--prompt", "cot", "--shots", "2")) == 0
    )
    config = read_evaluation(tmp_path / "out").results["config"]
    assert (
        config["prompt"] == "cot"
        and config["protocol"] == "KoMeP kormedmcqa cot 1"
        and "." not in config["stops"]
    )
