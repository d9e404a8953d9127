"""Each loss of TRL's DPO trainer on real pairs: is the shared-prompt path TRL's own in value and gradients, and what is saved?

    python -m benchmarks.losses [--model models/smollm2-135m] [--pairs 2]

One batch of the sample's English pairs, forward and backward, by TRL's `DPOTrainer` and by the recipes' trainer, on one
thread in float32. The reference is given: the model's own log-probabilities moved by a normal of 5 nats (a seed), so that no
loss stands where it starts. `apart` is the norm of the difference of the gradients over the norm of TRL's. Seconds are the
process's own, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "recipes"))  # as when a recipe is the script

import torch
from datasets import Dataset
from trainers.dpo import PairwiseDPOTrainer
from trainers.losses import LOSSES
from training.pairs import load_preferences
from transformers import AutoTokenizer
from trl import DPOConfig, DPOTrainer

from komep_dataset.release.build import build


def trainer_of(kind: type, model: str, pairs: Dataset, folder: str) -> DPOTrainer:
    """A trainer that takes the reference's log-probabilities from its batches."""
    off = {"bf16": False, "gradient_checkpointing": False, "use_cpu": True, "report_to": "none"}
    args = DPOConfig(output_dir=folder, max_length=512, model_init_kwargs={"dtype": "float32"}, **off)
    made = kind(
        model=model, args=args, train_dataset=pairs, processing_class=AutoTokenizer.from_pretrained(model)
    )
    made.ref_model, made.precompute_ref_logps = None, True
    return made


def step(trainer: DPOTrainer, batch: dict) -> tuple[float, torch.Tensor, float]:
    """Loss, all gradients in one vector, seconds of the process."""
    trainer.model.train()
    trainer.model.zero_grad()
    began = time.process_time()
    loss = trainer.compute_loss(trainer.model, dict(batch))
    loss.backward()
    seconds = time.process_time() - began
    return loss.item(), torch.cat([w.grad.flatten() for w in trainer.model.parameters()]), seconds


def main(model: str, pairs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        build([], Path(folder) / "komep")
        rows, _ = load_preferences(f"{folder}/komep", "en", ("train", "test"))
        sides = [
            trainer_of(kind, model, rows.select(range(pairs)), folder)
            for kind in (DPOTrainer, PairwiseDPOTrainer)
        ]
        theirs, ours = sides
        print(ours.passes)
        batch = theirs.data_collator([theirs.train_dataset[i] for i in range(pairs)])
        labels = batch["input_ids"].masked_fill(batch["completion_mask"] == 0, -100)
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
        with torch.no_grad():
            sums = theirs.model(**inputs, labels=labels, fused_lm_head=True).log_probs.sum(1)
        moved = sums + 5 * torch.randn(len(sums), generator=torch.Generator().manual_seed(0))
        batch["ref_chosen_logps"], batch["ref_rejected_logps"] = moved.chunk(2)
        print(f"{pairs} pairs, {int(inputs['attention_mask'].sum())} tokens in two rows a pair")
        print("| loss | TRL | shared prompt | apart | seconds, TRL | seconds, shared | ratio |")
        print("|---|---:|---:|---:|---:|---:|---:|")
        for name, loss in LOSSES.items():
            for trainer in sides:
                trainer.loss_types, trainer.label_smoothing = [name], 0.1 if loss.smoothing else 0.0
            (value, wanted, long), (found, got, short) = (step(trainer, batch) for trainer in sides)
            apart = (got - wanted).norm() / wanted.norm()
            figures = (
                f"{value:.6f} | {found:.6f} | {apart:.1e} | {long:.1f} | {short:.1f} | {short / long:.2f}"
            )
            print(f"| `{name}` | {figures} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="models/smollm2-135m")
    parser.add_argument("--pairs", type=int, default=2)
    main(**vars(parser.parse_args()))
