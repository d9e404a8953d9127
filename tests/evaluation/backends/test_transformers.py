"""The transformers backend: kill and resume, letters by logits."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from evaluation.harness.output import read_evaluation
from tests import warm
from tests.evaluation.runs import command, predictions, run

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_a_killed_run_goes_on_from_the_questions_that_are_done(tiny_model, question_folder, tmp_path):
    long = ["--batch-size", "1", "--max-new-tokens", "300"]
    assert run(*command(tiny_model, question_folder, tmp_path / "whole", *long)) == 0
    arguments = command(tiny_model, question_folder, tmp_path / "out", *long)
    started = [warm.python(), "-m", "evaluation.run", *arguments]
    process = subprocess.Popen(
        started, cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    journal = tmp_path / "out" / "replies" / "rank-0.jsonl"
    deadline = time.monotonic() + 300
    while not (journal.is_file() and journal.read_bytes().count(b"\n") >= 2):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(warm.KILL)
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


def test_a_tokenizer_that_knows_more_than_the_model(
    make_llama, make_tokenizer, question_folder, tmp_path, capsys
):
    make_llama(vocab_size=300).save_pretrained(tmp_path / "model")
    make_tokenizer(bos=True).save_pretrained(tmp_path / "model")
    assert run(*command(tmp_path / "model", question_folder, tmp_path / "out")) == 1
    assert "and the model knows 300; take the tokenizer" in capsys.readouterr().err


def test_what_was_overruled_is_said_once_and_recorded(tiny_model, question_folder, tmp_path, capsys):
    shutil.copytree(tiny_model, tmp_path / "model")
    (tmp_path / "model" / "generation_config.json").write_text('{"num_beams": 3, "eos_token_id": 2}')
    assert run(*command(tmp_path / "model", question_folder, tmp_path / "out")) == 0
    assert capsys.readouterr().err.count("whatever its generation_config.json says (num_beams 3)") == 1
    config = read_evaluation(tmp_path / "out").results["config"]
    assert config["generation_overruled"] == {"num_beams": "3"}
    assert run(*command(tiny_model, question_folder, tmp_path / "plain")) == 0
    assert "whatever" not in capsys.readouterr().err
    assert predictions(tmp_path / "out") == predictions(tmp_path / "plain")
