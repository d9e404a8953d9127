"""How every recipe starts and ends: TRL's own flags with KoMeP's defaults, logging, errors and exit codes."""

import atexit
import math
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

import datasets
import torch
import transformers
import yaml
from transformers import TrainingArguments
from trl import ScriptArguments, TrlParser

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import resolved
from komep_dataset.system import end_with_parent, keep_freed_memory
from training.output_folder import held_output


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
    compile_layers: bool = field(
        default=False,
        metadata={
            "help": "Compile the model's layers (`torch.compile`): a minute at the start, and fewer, larger kernels."
        },
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
            return tuple(map(check_types, super().parse_args_and_config(args)))
        except KomepError:
            raise
        except Exception as error:  # whatever a dataclass of TRL's says of a value that it cannot use
            raise KomepError(said_by(error), exit_code=2) from error

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
            raise KomepError(f"--config: no such file as {after[0] if after else 'nothing'}", exit_code=2)
    return words


def run(main: Callable[..., None], parser: RecipeParser) -> int:
    """Parse, hold the output folder, run a recipe's `main`, and turn errors into one line and an exit code."""
    code = _run(main, parser)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        # All is written. At the interpreter's own end, torch's threads now and then abort one of several processes
        # (SIGABRT), and the launcher calls a finished run a failed one.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _run(main: Callable[..., None], parser: RecipeParser) -> int:
    warnings.simplefilter("ignore", FutureWarning)  # what libraries say of one another is not for the user
    end_with_launcher()
    try:
        script_args, training_args, model_args = parser.parse_args_and_config()
        check_launch(script_args, training_args, model_args.model_name_or_path)
        with held_output(training_args):
            main(script_args, training_args, model_args)
    except KomepError as error:
        if os.environ.get("RANK", "0") == "0":  # every process fails alike; one message is enough
            print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


def check_types(arguments: Any) -> Any:
    """The dataclass instance; `KomepError` for a value of a YAML file that is no number or no text where one is due."""
    for name, hint in get_type_hints(type(arguments)).items():
        allowed = set(get_args(hint)) if get_origin(hint) in (Union, UnionType) else {hint}
        value = getattr(arguments, name, None)
        if not allowed <= {int, float, str, NoneType}:
            continue
        if isinstance(value, bool) or not isinstance(
            value, tuple({*allowed, int} if float in allowed else allowed)
        ):
            wanted = " or ".join(sorted("nothing" if kind is NoneType else kind.__name__ for kind in allowed))
            raise KomepError(f"--{name} {value!r}: {wanted} is needed", exit_code=2)
    return arguments


def end_with_launcher() -> None:
    """Take SIGTERM where `accelerate launch` is ended, which does not hand it on to the only process it started.

    That process would go on alone, and the same command would then start a second one in its folder. Linux only; a
    launcher of several processes hands signals on itself.
    """
    alone = "ACCELERATE_MIXED_PRECISION" in os.environ and "RANK" not in os.environ
    if alone:
        end_with_parent(signal.SIGTERM)


def said_by(error: Exception) -> str:
    """What an error says, in one line; with its kind where that is part of what it says."""
    text = " ".join(str(error).split())[:400]
    return text if text and isinstance(error, OSError | ValueError) else f"{type(error).__name__}: {text}"


@contextmanager
def explained(what: str, kinds: tuple[type[Exception], ...] = (Exception,)) -> Iterator[None]:
    """Turn what a library says of a bad path or a bad setting into a `KomepError` that begins with `what`.

    `kinds`: errors that are turned; by default all, for steps in which whatever fails is the user's to mend.
    """
    try:
        yield
    except KomepError:
        raise
    except kinds as error:
        raise KomepError(f"{what}: {said_by(error)}") from error


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


def check_numbers(script_args: RecipeArguments, args: TrainingArguments) -> None:
    """Raise `KomepError` for a number with which there is nothing to do."""
    least = {"max_train_pairs": 1, "max_test_pairs": 0}
    least |= {f"per_device_{name}_batch_size": 1 for name in ("train", "eval")}
    least |= {"gradient_accumulation_steps": 1, "max_length": 1}
    for name, minimum in least.items():
        value = getattr(script_args, name, getattr(args, name, None))
        if value is not None and (value < minimum or value != int(value)):
            raise KomepError(f"--{name} {value}: a whole number from {minimum} is needed", exit_code=2)
    if args.max_steps <= 0 and args.num_train_epochs <= 0:
        raise KomepError(f"--num_train_epochs {args.num_train_epochs}: nothing would be trained", exit_code=2)
    if args.learning_rate is not None and not args.learning_rate >= 0:
        raise KomepError(f"--learning_rate {args.learning_rate}: no learning rate", exit_code=2)


def check_launch(script_args: RecipeArguments, args: TrainingArguments, model: str | None) -> None:
    """Raise `KomepError` for a launch that would not be the run that is meant.

    Several processes that each believe to be alone would train on all of the data and overwrite each other's output;
    with a batch of another size than the stated one every learning rate means something else; a token on the command
    line can be read by every user of the machine, and would be saved with the arguments.
    """
    check_numbers(script_args, args)
    if script_args.dataset_streaming:
        raise KomepError(
            "--dataset_streaming: pairs are checked and counted before the first step; drop it", 2
        )
    place = resolved(Path(args.output_dir), "--output_dir")
    if model is not None and place == resolved(Path(model), "--model_name_or_path"):
        raise KomepError(f"--output_dir {args.output_dir} is the model that is started from; take another", 2)
    if script_args.compile_layers and args.activation_checkpointing:  # which takes the layers apart again
        raise KomepError("--compile_layers goes with --activation_checkpointing false", 2)
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
