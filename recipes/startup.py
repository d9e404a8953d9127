"""How every recipe starts and ends: TRL's own flags with KoMeP's defaults, logging, errors and exit codes."""

import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

import datasets
import torch
import transformers
import yaml
from transformers import TrainingArguments
from trl import ScriptArguments, TrlParser

from komep_dataset.allocator import keep_freed_memory
from komep_dataset.errors import KomepError


@dataclass
class RecipeArguments(ScriptArguments):
    """TRL's `ScriptArguments`, with a KoMeP release as the default dataset and a limit for short runs."""

    dataset_name: str = field(
        default="komep",
        metadata={"help": "Folder that `komep build` wrote, or repository of a release on the Hub."},
    )
    dataset_config: str | None = field(
        default="ko", metadata={"help": "Config of the release: `ko` or `en`."}
    )
    max_train_pairs: int | None = field(
        default=None, metadata={"help": "Train on so many pairs, drawn at random by --seed; default: all."}
    )
    max_test_pairs: int | None = field(
        default=None,
        metadata={"help": "Evaluate on so many held-out pairs, always the same ones; default: all."},
    )
    global_batch_size: int | None = field(
        default=None,
        metadata={
            "help": "Pairs per optimiser step that the run is meant to have. The recipe refuses to start unless "
            "it is processes x per_device_train_batch_size x gradient_accumulation_steps; default: not checked."
        },
    )


class RecipeParser(TrlParser):
    """`TrlParser` that explains wrong usage in one line and never with a traceback.

    `use_cpu` is the default where there is no accelerator: without it, processes that are launched together on
    such a machine do not see each other, neither under DDP nor under DeepSpeed (world size 1, no warning).
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.set_defaults(use_cpu=not torch.accelerator.is_available())

    def parse_args_and_config(self, args: list[str] | None = None, **_) -> tuple:
        """Dataclass instances from `--config FILE` and the flags over it.

        Args:
            args: command line without the program; by default that of this process.

        Raises:
            KomepError: (exit code 2) the file cannot be read, a key is unknown, or a value is refused.
        """
        args = split_config_flag(sys.argv[1:] if args is None else args)
        path = args[args.index("--config") + 1] if "--config" in args else None
        # Before TRL builds its dataclasses, whose complaint about a value may come of a misspelt key.
        if path is not None:
            self._refuse_unknown(str(path), read_keys(Path(path)))
        _, unknown = self.parse_known_args([word for word in args if word not in ("--config", path)])
        self._refuse_unknown("command line", unknown[:1])
        try:
            return super().parse_args_and_config(args)
        except (TypeError, ValueError) as error:
            raise KomepError(" ".join(str(error).split()), exit_code=2) from error

    def error(self, message: str) -> NoReturn:
        """What argparse has to say, without the usage, which is 300 lines long."""
        raise KomepError(message, exit_code=2)

    def _refuse_unknown(self, place: str, keys: list[str]) -> None:
        """Raise `KomepError` for a key that no dataclass has, with the known one that is nearest to it."""
        known = {"env", *(action.dest for action in self._actions)}
        for key in (key.lstrip("-").split("=")[0] for key in keys):
            if key not in known:
                near = get_close_matches(key.replace("-", "_"), known, n=1, cutoff=0.4)
                hint = f"; the nearest known one is {near[0]!r}" if near else ""
                raise KomepError(f"{place}: unknown key {key!r}{hint}", exit_code=2)


def read_keys(path: Path) -> list[str]:
    """Keys of a YAML file.

    Raises:
        KomepError: (exit code 2) it is not YAML, or not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise KomepError(f"{path}: not YAML ({' '.join(str(error).split())})", exit_code=2) from error
    if not isinstance(content, dict):
        raise KomepError(f"{path}: not a list of `key: value`", exit_code=2)
    return [str(key) for key in content]


def split_config_flag(args: list[str]) -> list[str]:
    """Command line with `--config=FILE` as two words, the only form that TRL reads.

    Raises:
        KomepError: (exit code 2) `--config` has no file after it, or the file is not there.
    """
    words = [part for arg in args for part in (arg.split("=", 1) if arg.startswith("--config=") else [arg])]
    if "--config" in words:
        after = words[words.index("--config") + 1 :]
        if not after or not Path(after[0]).is_file():
            raise KomepError(f"--config needs a YAML file, not {after[:1]}", exit_code=2)
    return words


def run(main: Callable[..., None], parser: RecipeParser) -> int:
    """Parse, run a recipe's `main`, and turn its errors into one line and an exit code."""
    warnings.simplefilter("ignore", FutureWarning)  # what libraries say of one another is not for the user
    try:
        main(*parser.parse_args_and_config())
    except KomepError as error:
        if os.environ.get("RANK", "0") == "0":  # every process fails alike; one message is enough
            print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what a library says of a bad path or a bad setting into a `KomepError` that begins with `what`."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise KomepError(f"{what}: {' '.join(str(error).split()):.400}") from error


def set_up_logging(args: TrainingArguments) -> None:
    """Progress bars with rate and time left on a terminal, none elsewhere; the lines of `log_lines.py` on both."""
    if sys.stderr.isatty():
        return
    args.disable_tqdm = True
    os.environ["TQDM_DISABLE"] = "1"  # TRL's bar over the reference log-probabilities reads this
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()


def prepare_cpu() -> None:
    """Tell DeepSpeed that there is no accelerator to look for, and glibc to keep freed memory."""
    os.environ.setdefault("DS_ACCELERATOR", "cpu")
    keep_freed_memory()


def check_launch(script_args: RecipeArguments, args: TrainingArguments) -> None:
    """Raise `KomepError` for a launch that would not be the run that is meant.

    Several processes that each believe to be alone would train on all of the data and overwrite each other's output;
    with a batch of another size than the stated one every learning rate means something else; a token on the command
    line can be read by every user of the machine, and would be saved with the arguments.
    """
    launched = int(os.environ.get("WORLD_SIZE", "1"))
    if launched != args.world_size:
        raise KomepError(
            f"{launched} processes were launched and do not see each other (world size {args.world_size}); "
            "on a machine without GPUs leave --use_cpu true"
        )
    sizes = (args.world_size, args.per_device_train_batch_size, args.gradient_accumulation_steps)
    stated = script_args.global_batch_size
    if stated is not None and stated != math.prod(sizes):
        raise KomepError(
            f"--global_batch_size {stated}, and {sizes[0]} processes x {sizes[1]} pairs x {sizes[2]} accumulated = "
            f"{math.prod(sizes)}; change --gradient_accumulation_steps, or the number of processes",
            exit_code=2,
        )
    if args.hub_token is not None:
        raise KomepError("--hub_token would be saved with the arguments; give it as HF_TOKEN, or log in", 2)
