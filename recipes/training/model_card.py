"""The model card of a run: `README.md` beside the model, from what `training_summary.json` says, and its curves."""

import hashlib
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from komep_dataset.files.outputs import set_aside, write_text
from training.curves import CURVES, draw_curves, with_start
from training.output_folder import SUMMARY

CARD = "README.md"
TITLES = {"dpo": "DPO", "orpo": "ORPO", "sft": "instruction tuning"}
SECRET = re.compile(r"token$|key$|password|secret", re.IGNORECASE)
# What is no hyperparameter among the settings of a run, or said elsewhere in the card.
ELSEWHERE = ("method", "model", "dataset")


def public_command(words: list[str]) -> str:
    """A command line for a shell, without the value of any flag that may be a secret."""
    shown, hide = [], False
    for word in words:
        flag, equals, _ = word.partition("=")
        secret = flag.startswith("--") and bool(SECRET.search(flag))
        if secret and equals:
            word = f"{flag}=HIDDEN"
        elif hide and not word.startswith("--"):
            word = "HIDDEN"
        shown.append(shlex.quote(word))
        hide = secret and not equals
    return " ".join(shown)


def metadata(summary: dict[str, Any]) -> dict[str, Any]:
    """The card's YAML. Base model and dataset only where they are names on the Hub; no licence, which is the user's."""
    found = {
        "library_name": "peft" if summary["use_peft"] else "transformers",
        "pipeline_tag": "text-generation",
    }
    if not Path(summary["model"]).exists() and summary["model"].count("/") == 1:
        found["base_model"] = summary["model"]
    if not Path(summary["dataset"]["name"]).exists() and summary["dataset"]["name"].count("/") == 1:
        found["datasets"] = [summary["dataset"]["name"]]
    return found | {"tags": ["trl", summary["method"], "komep", "medical"]}


def short(value: Any) -> str:
    """A setting or figure as a card shows it."""
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def render_card(
    summary: dict[str, Any], settings: dict[str, Any], name: str, command: str, curves: str | None
) -> str:
    """The card's text.

    Args:
        summary: content of `training_summary.json`.
        settings: content of `run.json`.
        name: of the model.
        command: from `public_command`.
        curves: file name of the picture, if there is one.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["short"] = short
    front = yaml.safe_dump(metadata(summary), sort_keys=False, allow_unicode=True)
    before, after = summary["evaluation"]["before"] or {}, summary["evaluation"]["after"] or {}
    figures = [
        (k, before.get(k), after[k]) for k in after if k not in ("pairs", "seconds") and after[k] is not None
    ]
    return environment.get_template("model_card.md.j2").render(
        front=front,
        name=name,
        method=TITLES[summary["method"]],
        summary=summary,
        figures=figures,
        held_out=after.get("pairs"),
        hyperparameters={k: v for k, v in settings.items() if k not in ELSEWHERE and v is not None},
        command=command,
        curves=curves,
    )


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
