"""The model card of a run: `README.md` beside the model, from what `training_summary.json` says, and its curves."""

import hashlib
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCardData, metadata_load, model_info
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from transformers import Trainer

from komep_dataset.files.outputs import set_aside, write_text
from komep_dataset.schema import LANGUAGES
from komep_dataset.templates import code, inline, one_line
from training.answers import ANSWERS
from training.curves import CURVES, TABLE, draw_curves, with_start, write_table
from training.output_folder import SUMMARY

CARD = "README.md"
TITLES = {"dpo": "DPO", "orpo": "ORPO", "sft": "instruction tuning"}
# Figure of the held-out pairs in the card's model-index -> its name there.
RESULTS = {
    "loss": "Loss",
    "reward_accuracy": "Reward accuracy",
    "gain_accuracy": "Gain accuracy",
    "policy_accuracy": "Share of pairs whose chosen answer is the likelier",
}
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


def base_card(model: str, revision: str | None = None) -> dict[str, Any]:
    """What the card of a base model says in its YAML: of a folder its README.md, else the Hub's; {} where there is none.

    The Hub is asked for three seconds and not at all under HF_HUB_OFFLINE: a run does not fail for it.
    """
    try:
        if Path(model).is_dir():
            return metadata_load(Path(model) / CARD) or {}
        card = model_info(model, revision=revision, timeout=3).card_data
        return card.to_dict() if card else {}
    except Exception:  # no card, one that is no YAML, no network, a model that is gated
        return {}


def metadata(summary: dict[str, Any], name: str, base: dict[str, Any]) -> dict[str, Any]:
    """The card's YAML, as the Hub's schema has it; what is not known is left out, and a licence `unknown`.

    Args:
        summary: content of `training_summary.json`.
        name: of the model.
        base: from `base_card`.
    """
    data, after = summary["dataset"], summary["evaluation"]["after"] or {}
    before = summary["evaluation"]["before"] or {}
    # A folder of this machine is no model on the Hub; its card may say of which one it is.
    origin = summary["model"] if is_on_hub(summary["model"]) else base.get("base_model")
    given = {
        key: base[key]
        for key in ("license_name", "license_link")
        if base.get("license") == "other" and key in base
    }
    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=data["name"] if is_on_hub(data["name"]) else "preference-pairs",
            dataset_name=f"{shown_name(data['name'])}, held-out pairs",
            dataset_config=data["config"],
            dataset_split=data.get("test_split") or "test",
            metric_type=key,
            metric_name=f"{title}, after training",
            metric_value=round(after[key], 6),
            metric_args={"pairs": after.get("pairs"), "before_training": before.get(key)},
        )
        for key, title in RESULTS.items()
        if isinstance(after.get(key), int | float)
    ]
    card = ModelCardData(
        base_model=origin,
        datasets=[data["name"]] if is_on_hub(data["name"]) else None,
        license=base.get("license") or "unknown",
        language=[data["config"]] if data["config"] in LANGUAGES else None,
        library_name="peft" if summary["use_peft"] else "transformers",
        pipeline_tag="text-generation",
        tags=["trl", summary["method"], "komep", "medical"],
        model_name=name,
        eval_results=results or None,
        **({"base_model_relation": "adapter" if summary["use_peft"] else "finetune"} if origin else {}),
        **given,
    )
    return card.to_dict()


def is_on_hub(name: str) -> bool:
    """Whether a name is one of a repository, ORG/NAME, and no folder here."""
    return bool(re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII)) and not Path(name).exists()


def shown_name(name: str) -> str:
    """A model's or a dataset's name for a title: of a folder its last part."""
    return name if is_on_hub(name) else Path(name).resolve().name


def short(value: Any) -> str:
    """A setting or figure as a card shows it."""
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def render_card(
    summary: dict[str, Any],
    settings: dict[str, Any],
    place: str,
    command: str,
    curves: str | None,
    answers: dict[str, Any] | None = None,
) -> str:
    """The card's text.

    Args:
        summary: content of `training_summary.json`.
        settings: content of `run.json`.
        place: what `from_pretrained` is given: the folder, or the repository on the Hub.
        command: from `public_command`.
        curves: file name of the picture, if there is one.
        answers: content of `answers.json`, if there is one.
    """
    name = shown_name(place)
    base = base_card(summary["model"], summary.get("model_revision"))
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"short": short, "inline": inline, "code": code}
    front = yaml.safe_dump(metadata(summary, name, base), sort_keys=False, allow_unicode=True, width=1000)
    before, after = summary["evaluation"]["before"] or {}, summary["evaluation"]["after"] or {}
    figures = [
        (k, before.get(k), after[k]) for k in after if k not in ("pairs", "seconds") and after[k] is not None
    ]
    return environment.get_template("model_card.md.j2").render(
        front=front,
        name=name,
        place=json.dumps(place, ensure_ascii=False),
        question=json.dumps(question_of(answers, summary["dataset"]["config"]), ensure_ascii=False),
        answers=answers,
        base=base,
        data_licence=base_card(summary["dataset"]["name"]).get("license")
        if Path(summary["dataset"]["name"]).is_dir()
        else None,
        method=TITLES[summary["method"]],
        summary=summary,
        figures=figures,
        worse=[
            k
            for k, a, b in figures
            if a is not None and k[:4] != "logp" and (a < b if k == "loss" else b < a)
        ],
        held_out=after.get("pairs"),
        hyperparameters={k: v for k, v in settings.items() if k not in ELSEWHERE and v is not None},
        command=command,
        curves=curves,
    )


def question_of(answers: dict[str, Any] | None, language: str | None) -> str:
    """What the snippet of a card asks: the first held-out prompt, if it is short."""
    asked = next((p for p in (answers or {}).get("prompts", ()) if len(p) <= 200), None)
    return asked or ("혈압은 왜 재는가?" if language == "ko" else "Why is blood pressure measured?")


def write_report(
    output: Path,
    summary: dict[str, Any],
    settings: dict[str, Any],
    history: list[dict],
    trainer: Trainer | None = None,
) -> None:
    """Write `curves.csv`, `curves.png` (where matplotlib is installed) and `README.md` into the folder of a run.

    Args:
        summary, settings: content of `training_summary.json` and `run.json`; the summary gets the digest of the card.
        history: `log_history` of the trainer's state.
        trainer: tells the repository that the model will be pushed to, if it will be.
    """
    entries = with_start(history, summary["evaluation"]["before"])
    place = getattr(trainer, "hub_model_id", None) or str(output)
    title = f"{shown_name(place)}: {shown_name(summary['model'])} after {TITLES[summary['method']]}"
    title += f" on {shown_name(summary['dataset']['name'])}"
    batch = summary["effective_batch"]
    write_table(entries, output / TABLE, batch)
    drawn = draw_curves(entries, output / CURVES, one_line(title), batch)
    if not drawn:
        print(f"no {CURVES}: matplotlib is not installed, or nothing was logged")
    many = summary["world_size"] > 1
    launcher = ["accelerate", "launch", "--num_processes", str(summary["world_size"])] if many else ["python"]
    command = public_command([*launcher, *sys.argv])
    told = json.loads((output / ANSWERS).read_text("utf-8")) if (output / ANSWERS).is_file() else None
    text = render_card(summary, settings, place, command, CURVES if drawn else None, told)
    keep_edited(output)
    write_text(output / CARD, text)
    summary["card_sha256"] = hashlib.sha256(text.encode()).hexdigest()


def keep_edited(output: Path) -> None:
    """Move a card out of the way that is not as the run before this one wrote it, by the digest in its summary."""
    card, summary = output / CARD, output / SUMMARY
    written = json.loads(summary.read_text("utf-8")).get("card_sha256") if summary.is_file() else None
    if card.is_file() and hashlib.sha256(card.read_bytes()).hexdigest() != written:
        print(f"{card} had been edited: kept as {set_aside(card).name}")
