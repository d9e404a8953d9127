"""Tiny runs of the recipes: pairs that can be learnt, a release of them, and the recipes as modules."""

import json
import math
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from zlib import crc32

from tests.recommended import as_command
from tests.warm import environment_kept

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
sys.path.insert(0, str(RECIPES))  # a recipe is run as a script: its folder is the first on the path
os.environ.setdefault("ACCELERATE_USE_CPU", "true")  # also where the tests meet a GPU

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WORDS = [
    "fever",
    "cough",
    "aspirin",
    "insulin",
    "heart",
    "kidney",
    "혈압",
    "당뇨병",
    "is",
    "not",
    "of",
    "treats",
]

# Flags of a tiny run, the same for every method.
TINY = {
    "max_length": 64,
    "learning_rate": 1e-3,
    "per_device_train_batch_size": 4,
    "per_device_eval_batch_size": 2,
    "gradient_accumulation_steps": 2,
    "activation_checkpointing": "false",
    "bf16": "false",
    "dataloader_pin_memory": "false",
    "save_strategy": "no",
    "logging_steps": 1,
    "report_to": "none",
    "lr_scheduler_type": "constant",
}
METHODS = ("dpo", "orpo", "sft")
BETA = 0.5
OWN = {
    "dpo": {"beta": BETA, "report_to": "tensorboard"},
    "orpo": {
        "beta": BETA,
        "per_device_eval_batch_size": 1,
    },  # TRL's means over a batch are then those of a pair
    "sft": {"per_device_eval_batch_size": 1, "global_batch_size": 8},
}
SAVED = {"max_steps": 2, "save_strategy": "steps", "save_steps": 1}
FOUR_STEPS = {"max_steps": 4, "save_strategy": "steps", "save_steps": 2}  # an epoch and a third of the data


def flags(model: Path, release: Path, output: Path, **changes) -> list[str]:
    """Command line of a tiny run."""
    settings = {"model_name_or_path": model, "dataset_name": release, "output_dir": output, **TINY, **changes}
    return [word for key, value in settings.items() for word in (f"--{key}", str(value))]


def of_finished(method: str, model: Path, release: Path, output: Path, **changes) -> list[str]:
    """The command line of the fixture `finished`, for another folder or with changes."""
    return flags(model, release, output, **{**SAVED, **OWN[method], **changes})


def as_killed(run: Path, folder: Path) -> Path:
    """A copy of a run as a kill leaves it: with checkpoints and without an end."""
    shutil.copytree(run, folder)
    for name in ("training_summary.json", "model.safetensors"):
        (folder / name).unlink()
    return folder


PICTURES: dict[tuple, bytes] = {}


@contextmanager
def one_picture_a_form() -> Iterator[None]:
    """A third of a tiny run is the drawing of its curves: each form of a figure is drawn once, and then is that picture.

    The form is the panels, the lines in each, their numbers of points and which of their values are finite.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError:
        yield
        return
    draw = FigureCanvasAgg.print_png

    def draw_once(canvas, path) -> None:
        form = tuple(
            (
                axes.get_title("left"),
                *((line.get_label(), *map(math.isfinite, line.get_ydata())) for line in axes.lines),
            )
            for axes in canvas.figure.axes
        )
        if form not in PICTURES:
            draw(canvas, path)
            PICTURES[form] = Path(path).read_bytes()
        Path(path).write_bytes(PICTURES[form])

    FigureCanvasAgg.print_png = draw_once
    try:
        yield
    finally:
        FigureCanvasAgg.print_png = draw


def train(method: str, arguments: list[str]) -> int:
    """Run a recipe in this process, as its `__main__` does; returns the exit code."""
    from training.flags import RecipeParser
    from training.startup import run

    recipe, argv = import_module(method), sys.argv[:]
    sys.argv[1:] = arguments
    try:
        with (
            environment_kept(),
            one_picture_a_form(),
            as_command("python", f"recipes/{method}.py", *arguments),
        ):
            return run(recipe.main, RecipeParser(recipe.ARGUMENTS))
    finally:
        sys.argv[:] = argv


def read(output: Path, name: str = "training_summary.json") -> dict:
    """A JSON file of a run, which may hold no NaN."""

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads((output / name).read_text("utf-8"), parse_constant=refuse)


def losses(output: Path) -> list[float]:
    return [entry["loss"] for entry in read(output, "trainer_state.json")["log_history"] if "loss" in entry]


def weights(folder: Path) -> dict:
    """Name -> parameter of a saved model."""
    from transformers import AutoModelForCausalLM

    return dict(AutoModelForCausalLM.from_pretrained(folder).named_parameters())


def forward(folder: Path, conversation: list[dict], prompt: list[dict]) -> tuple:
    """(log-probabilities of all tokens but the first [tokens - 1], index of the answer's first one) of a saved model."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = (
        AutoTokenizer.from_pretrained(folder),
        AutoModelForCausalLM.from_pretrained(folder).eval(),
    )
    ids = tokenizer.apply_chat_template(conversation)["input_ids"]
    start = len(tokenizer.apply_chat_template(prompt, add_generation_prompt=True)["input_ids"])
    with torch.no_grad():
        logps = model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
    return logps[range(len(ids) - 1), ids[1:]], start - 1


def messages(role: str, text: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def pair(index: int, words: int = 8) -> dict:
    """A pair that can be learnt: the chosen answer speaks of one half of the vocabulary, the rejected of the other."""
    half = len(WORDS) // 2
    question = f"Question {index}: {' '.join(WORDS[(index + k) % len(WORDS)] for k in range(3))}?"
    sides = [" ".join(WORDS[side * half + (index * 3 + k) % half] for k in range(words)) for side in (0, 1)]
    return {
        "prompt": messages("user", question),
        "chosen": messages("assistant", sides[0]),
        "rejected": messages("assistant", sides[1]),
        "question_id": f"{index:016x}",
    }


def write_release(folder: Path, splits: dict[str, list[dict]]) -> Path:
    """A release folder with the one config `ko`: a card with YAML, one Parquet file a split."""
    from datasets import Dataset

    files = []
    for split, rows in splits.items():
        (folder / "ko").mkdir(parents=True, exist_ok=True)
        Dataset.from_list(rows or [pair(0)]).select(range(len(rows))).to_parquet(
            folder / "ko" / f"{split}.parquet"
        )
        files.append(f"  - split: {split}\n    path: ko/{split}.parquet\n")
    # As in a real release: `datasets` would else take the rows of another folder with this card from its cache.
    version = f"1.0.{crc32(json.dumps(splits).encode())}"
    card = (
        f"---\nconfigs:\n- config_name: ko\n  version: {version}\n  data_files:\n" + "".join(files) + "---\n"
    )
    (folder / "README.md").write_text(card, "utf-8")
    return folder


def write_tiny_release(folder: Path) -> Path:
    """25 train pairs, the last of them overlong for 64 tokens, and 5 test pairs, so that a batch is short."""
    rows = [pair(i, words=5 + i % 4) for i in range(24)] + [pair(24, words=90)]
    return write_release(folder, {"train": rows, "test": [pair(i) for i in range(30, 35)]})


def write_tiny_model(folder: Path) -> Path:
    """A random Llama of 2 layers and 16 dimensions with a tokenizer of its own and ChatML."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    inner.train_from_iterator(
        [json.dumps(pair(i), ensure_ascii=False) for i in range(40)],
        trainers.BpeTrainer(
            vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token=special[1], eos_token=special[2], pad_token=special[0]
    )
    tokenizer.chat_template = CHATML
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=256,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
