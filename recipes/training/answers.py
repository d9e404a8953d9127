"""What the model says to a few held-out prompts, before training and after it: `answers.json` beside the model."""

import json
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import GenerationConfig, Trainer, TrainerCallback

from komep_dataset.errors import said_by
from training.base_model import template_settings
from training.checkpoints import is_sharded
from training.pairs import say
from training.run_record import write_json

ANSWERS = "answers.json"
PROMPTS, TOKENS = 3, 64  # how many of the test split, from its beginning; longest answer


class Answers(TrainerCallback):
    """Asks before the first step, and when it is told to; greedy, in the main process alone, and never the end of a run.

    A run that goes on from a checkpoint keeps what was answered before its first step. Where the weights are split over processes
    (ZeRO-3, FSDP) nothing is asked: every process would have to gather the whole model.
    """

    def __init__(self, trainer: Trainer, test: Dataset | None, output: Path) -> None:
        self.trainer, self.path = trainer, output / ANSWERS
        self.seconds = 0.0  # of asking within the training, which are none of it
        self.rows = test.select(range(min(PROMPTS, len(test)))) if test is not None else []
        stage = getattr(trainer.args.deepspeed_plugin, "zero_stage", 0)
        self.split = stage == 3 or is_sharded(trainer.args)
        trainer.add_callback(self)

    def on_train_begin(self, args, state, control, **_):
        if state.global_step == 0:
            began = time.perf_counter()
            self.ask("before")
            self.seconds = time.perf_counter() - began

    def ask(self, when: str) -> None:
        """Write the answers of the model as it is under `before` or `after`, beside what is there."""
        if not self.trainer.accelerator.is_main_process:
            return
        prompts = [row["prompt"][-1]["content"] for row in self.rows]
        try:
            kept = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            kept = {}
        kept = kept if kept.get("prompts") == prompts and when != "before" else {}
        told: dict[str, Any] = {"prompts": prompts, "max_new_tokens": TOKENS, "why_not": None, **kept}
        try:
            if self.split:
                told["why_not"] = "the weights are split over processes"
            elif prompts:
                told[when] = self._answers()
        except Exception as error:  # a run that took hours does not end for a sample of it
            told["why_not"] = f"{said_by(error):.200}"
            say(f"note: no answers {when} training ({told['why_not']})")
        write_json(self.path, told)

    def _answers(self) -> list[str]:
        model = self.trainer.accelerator.unwrap_model(self.trainer.model)
        tokenizer = self.trainer.processing_class
        texts = [
            tokenizer.apply_chat_template(
                row["prompt"],
                **{"add_generation_prompt": True} | template_settings(row) | {"tokenize": False},
            )
            for row in self.rows
        ]
        inputs = tokenizer(
            texts, add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt"
        )
        ends = model.generation_config.eos_token_id or tokenizer.eos_token_id
        greedy = GenerationConfig(
            max_new_tokens=TOKENS, do_sample=False, pad_token_id=tokenizer.pad_token_id, eos_token_id=ends
        )
        training, cached = model.training, model.config.use_cache
        model.eval()
        model.config.use_cache = True
        try:
            with torch.inference_mode(), self.trainer.accelerator.autocast():
                made = model.generate(**inputs.to(model.device), generation_config=greedy)
        finally:
            model.config.use_cache = cached
            model.train(training)
        width = inputs["input_ids"].shape[1]
        return [text.strip() for text in tokenizer.batch_decode(made[:, width:], skip_special_tokens=True)]
