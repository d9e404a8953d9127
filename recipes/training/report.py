"""What a run leaves for people to look at, beside its model: curves, a model card, and both on the Hub if wanted."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from transformers import Trainer

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import set_aside, write_text
from training.curves import CURVES, draw_curves
from training.model_card import CARD, public_command, render_card
from training.output_folder import SUMMARY
from training.startup import said_by


def with_start(history: list[dict], before: dict[str, Any] | None) -> list[dict]:
    """Log entries of a run, with the figures of the untrained model at step 0 where no entry has them."""
    if not before or any("eval_loss" in entry and entry["step"] == 0 for entry in history):
        return history
    return [{"step": 0, **{f"eval_{name}": value for name, value in before.items()}}, *history]


def write_report(
    output: Path, summary: dict[str, Any], settings: dict[str, Any], history: list[dict]
) -> None:
    """Write `curves.png` (where matplotlib is installed) and `README.md` into the folder of a run.

    Args:
        summary, settings: content of `training_summary.json` and `run.json`; the summary gets the digest of the card.
        history: `log_history` of the trainer's state.
    """
    entries = with_start(history, summary["evaluation"]["before"])
    drawn = draw_curves(entries, output / CURVES, title=f"{output.resolve().name}: {summary['method']}")
    if not drawn:
        print(f"no {CURVES}: matplotlib is not installed, or nothing was logged")
    many = summary["world_size"] > 1
    launcher = ["accelerate", "launch", "--num_processes", str(summary["world_size"])] if many else ["python"]
    command = public_command([*launcher, *sys.argv])
    text = render_card(summary, settings, output.resolve().name, command, CURVES if drawn else None)
    keep_edited(output)
    write_text(output / CARD, text)
    summary["card_sha256"] = hashlib.sha256(text.encode()).hexdigest()


def keep_edited(output: Path) -> None:
    """Move a card out of the way that is not as the run before this one wrote it, by the digest in its summary."""
    card, summary = output / CARD, output / SUMMARY
    written = json.loads(summary.read_text("utf-8")).get("card_sha256") if summary.is_file() else None
    if card.is_file() and hashlib.sha256(card.read_bytes()).hexdigest() != written:
        print(f"{card} had been edited: kept as {set_aside(card).name}")


def push(trainer: Trainer) -> None:
    """Upload the output folder without its checkpoints to the Hub.

    Raises:
        KomepError: the Hub refused, or cannot be reached; the model is saved all the same.
    """
    try:
        trainer.push_to_hub()
    except (
        Exception
    ) as error:  # huggingface_hub, and the HTTP client below it: the run is complete all the same
        folder = trainer.args.output_dir
        raise KomepError(
            f"{folder} is complete, and was not pushed ({said_by(error):.300}); try again with: "
            f"hf upload {trainer.hub_model_id} {folder} --exclude 'checkpoint-*/*'"
        ) from error
