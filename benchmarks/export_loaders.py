"""What other trainers read of an export: `python -m benchmarks.export_loaders RELEASE [--config en] [--formats axolotl …]`.

Each project's own loader is given the folder that `komep export` writes, under the settings that lie in it, with the
tokenizer of SmolLM2-135M and, for axolotl, a template that trims texts as well. What it would train on is compared with the release, pair by pair:
the answers' text between the marks of the template, and the prompt. A format whose project is not installed is named and
passed over. docs/export.md says which versions were tried, and how they were installed beside this project's torch.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

import komep_dataset as komep
from komep_dataset.exports.registry import DATA, formats
from komep_dataset.release.facts import pair_config, read_facts
from komep_dataset.release.rows import read_rows

MODEL = Path(__file__).resolve().parents[1] / "models" / "smollm2-135m"
# Llama 3's way with texts: blanks at either end are trimmed.
TRIMMING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
Texts = tuple[str, str, str]  # prompt, chosen, rejected


def tokenizer(template: str | None = None) -> Any:
    from transformers import AutoTokenizer

    found = AutoTokenizer.from_pretrained(MODEL)
    found.chat_template = template or found.chat_template
    return found


def said(rendered: str, answer: bool = False) -> str:
    """What the last turn says in a text that ChatML's template made; of an answer, which has no beginning."""
    end = rendered.removeprefix("<|im_start|>assistant\n").rstrip("\n").removesuffix("<|im_end|>")
    return (
        end
        if answer
        else end.rsplit("<|im_start|>user\n", 1)[1].split("<|im_end|>\n<|im_start|>assistant")[0]
    )


def axolotl(split: str, template: str | None = None) -> Iterator[Texts]:
    from axolotl.prompt_strategies.dpo import load
    from axolotl.utils.data.shared import load_dataset_with_config
    from axolotl.utils.dict import DictDefault

    own = yaml.safe_load(Path("axolotl.yaml").read_text("utf-8"))
    assert own["rl"] == "dpo"
    datasets = own["datasets" if split == "train" else "test_datasets"]
    config = DictDefault({"datasets": datasets, "chat_template": "tokenizer_default"})
    rows = load_dataset_with_config(config.datasets[0], False)
    shape, _ = load(config.datasets[0].type, config, dataset_idx=0)
    for row in rows:
        made = shape(row, tokenizer=tokenizer_of(template))
        yield said(made["prompt"]), said(made["chosen"], True), said(made["rejected"], True)


def axolotl_trimming(split: str) -> Iterator[Texts]:
    return axolotl(split, TRIMMING)


_TOKENIZERS: dict[str | None, Any] = {}


def tokenizer_of(template: str | None) -> Any:
    return _TOKENIZERS.setdefault(template, tokenizer(template))


def llama_factory(split: str) -> Iterator[Texts]:
    os.environ["DISABLE_VERSION_CHECK"] = "1"
    from llamafactory.data.loader import _load_single_dataset
    from llamafactory.data.parser import get_dataset_list
    from llamafactory.hparams import DataArguments, ModelArguments

    own = yaml.safe_load(Path("llama-factory.yaml").read_text("utf-8"))
    name = own["dataset" if split == "train" else "eval_dataset"]
    data = DataArguments(dataset_dir=own["dataset_dir"], dataset=name)
    (described,) = get_dataset_list([name], own["dataset_dir"])
    training = SimpleNamespace(local_process_index=0, should_log=True, seed=0)
    model = ModelArguments(model_name_or_path=str(MODEL))
    for row in _load_single_dataset(described, model, data, training):
        (asked,), (chosen, rejected) = row["_prompt"], row["_response"]
        yield asked["content"], chosen["content"], rejected["content"]


def openrlhf(split: str) -> Iterator[Texts]:
    import shlex

    from openrlhf.datasets.reward_dataset import RewardDataset
    from openrlhf.datasets.utils import blending_datasets

    text = Path("openrlhf.sh").read_text("utf-8")
    words = shlex.split(
        "".join(line for line in text.splitlines(True) if not line.startswith("#")).replace("\\\n", " ")
    )
    flags = {w: words[i + 1] if i + 1 < len(words) else "" for i, w in enumerate(words) if w.startswith("--")}
    keys = {name: flags[f"--data.{name}"] for name in ("prompt_key", "chosen_key", "rejected_key")}
    assert "--data.apply_chat_template" in words
    strategy = SimpleNamespace(
        args=SimpleNamespace(data=SimpleNamespace(**keys, apply_chat_template=True), use_ms=False),
        print=lambda *a: None, is_rank_0=lambda: False,
    )  # fmt: skip
    file, part = (
        ("--data.dataset", "--data.dataset_split") if split == "train" else ("--eval.dataset", "--eval.split")
    )
    rows = blending_datasets(flags[file], None, strategy, dataset_split=flags[part])
    made = RewardDataset(rows, tokenizer_of(None), 1 << 20, strategy, is_dpo=True, num_processors=None)
    for prompt, chosen, rejected in zip(made.prompts, made.chosens, made.rejects, strict=True):
        yield said(prompt), said(chosen, True), said(rejected, True)


def openai(split: str) -> Iterator[Texts]:
    """No loader is published: the messages by the types of `openai`, a file that names no key but the documented ones."""
    import json

    from openai.types.chat import ChatCompletionAssistantMessageParam, ChatCompletionUserMessageParam
    from pydantic import ConfigDict, TypeAdapter
    from typing_extensions import TypedDict

    compile(Path("openai_job.py").read_text("utf-8"), "openai_job.py", "exec")

    class Turns(TypedDict):
        __pydantic_config__ = ConfigDict(extra="forbid")
        messages: list[ChatCompletionUserMessageParam]

    class Line(TypedDict):
        __pydantic_config__ = ConfigDict(extra="forbid")
        input: Turns
        preferred_output: list[ChatCompletionAssistantMessageParam]
        non_preferred_output: list[ChatCompletionAssistantMessageParam]

    known = TypeAdapter(Line)
    for line in Path(DATA[split]).read_bytes().splitlines():
        row = known.validate_python(json.loads(line))
        texts = (row["input"]["messages"], row["preferred_output"], row["non_preferred_output"])
        yield tuple(next(iter(messages))["content"] for messages in texts)


def nemo_rl(split: str) -> Iterator[Texts]:
    from nemo_rl.data.utils import setup_preference_data

    own = yaml.safe_load(Path("nemo-rl.yaml").read_text("utf-8"))["data"] | {"max_input_seq_length": 1 << 20}
    train, held_out = setup_preference_data(tokenizer_of(None), own)
    dataset = train if split == "train" else held_out["default"]
    for i in range(len(dataset)):
        row = dataset[i]
        sides = [row[f"message_log_{side}"] for side in ("chosen", "rejected")]
        yield said(sides[0][0]["content"]), *(said(side[-1]["content"], True) for side in sides)


LOADERS: dict[str, list[Callable[[str], Iterator[Texts]]]] = {
    "axolotl": [axolotl, axolotl_trimming],
    "llama-factory": [llama_factory],
    "openrlhf": [openrlhf],
    "openai": [openai],
    "nemo-rl": [nemo_rl],
}


def released(folder: Path, config: str, split: str) -> list[Texts]:
    """The texts of a release's pairs, in the order of its files."""
    rows = read_rows(folder, config, split)
    return [
        tuple(row[side][0]["content"] for side in ("prompt", "chosen", "rejected"))
        for row in rows.iter_rows(named=True)
    ]


def unlike(read: list[Texts], wanted: list[Texts], name: str) -> list[int]:
    """Numbers of the pairs that a loader reads otherwise; blanks at the ends of axolotl's answers do not count."""

    def plain(texts: Texts) -> list[str]:
        return [text.strip() if name.startswith("axolotl") else text for text in texts]

    if len(read) != len(wanted):
        return list(range(max(len(read), len(wanted))))
    return [i for i, (a, b) in enumerate(zip(read, wanted, strict=True)) if plain(a) != plain(b)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("release", type=Path)
    parser.add_argument("--config")
    parser.add_argument("--formats", nargs="*", default=list(formats()))
    given = parser.parse_args()
    release = given.release.resolve()
    try:
        config = pair_config(release, read_facts(release), given.config)
    except komep.KomepError as error:
        parser.error(str(error))
    wrong = 0
    for name in given.formats:
        with tempfile.TemporaryDirectory() as scratch:
            done = komep.export(release, name, Path(scratch, "export"), config)
            for loader in LOADERS[name]:
                with contextlib.chdir(done.folder):
                    try:
                        read = {split: list(loader(split)) for split in done.rows}
                    except ImportError as error:
                        print(f"{loader.__name__:<18} not tried: {error}")
                        continue
                bad = {s: unlike(texts, released(release, config, s), name) for s, texts in read.items()}
                wrong += sum(map(len, bad.values()))
                told = ", ".join(f"{s} {len(read[s])} pairs, {len(bad[s])} read otherwise" for s in read)
                print(f"{loader.__name__:<18} {told}")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
