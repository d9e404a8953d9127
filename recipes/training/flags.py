"""The flags of the recipes: TRL's own with KoMeP's defaults, and what is checked of them before anything is loaded."""

import math
import os
import sys
from argparse import SUPPRESS, Action, ArgumentParser, RawDescriptionHelpFormatter
from copy import copy
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

import torch
import yaml
from transformers import TrainingArguments
from trl import ScriptArguments, TrlParser

from komep_dataset.commands.manner import Quiet, Verbose
from komep_dataset.errors import KomepError, said_by
from komep_dataset.files.outputs import resolved
from komep_dataset.progress import counted

PRECISION = "ACCELERATE_MIXED_PRECISION"  # where `accelerate launch` hands on what its config file says


class Extended(Action):
    """A flag that may be given several times, each with one value or more; the first takes the place of what a file says."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        before = getattr(namespace, self.dest, None)
        setattr(namespace, self.dest, values if before is self.default else [*(before or ()), *values])


@dataclass
class RecipeArguments(ScriptArguments):
    """TRL's `ScriptArguments`, with a KoMeP release as the default dataset and a limit for short runs."""

    dataset_name: str = field(
        default="komep",
        metadata={
            "help": "Folder that `komep build` wrote, repository on the Hub, or a file of pairs (JSONL, Parquet, CSV)."
        },
    )
    dataset_config: str | None = field(
        default="ko",
        metadata={
            "help": "Config of the release: `ko` or `en`; of several (`en,ko`) the first that is there. A recipe's file may name another."
        },
    )
    map: list[str] | None = field(
        default=None,
        metadata={
            "help": "NEW=known: read the column NEW of a set that others made as prompt, chosen or rejected, such as 질문=prompt; "
            "known==TEXT is that text in every row. May be given several times.",
            "action": Extended,
        },
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
    limit: int | None = field(
        default=None, metadata={"help": "Take only the first N pairs of each split, to try things out."}
    )
    quiet: bool = field(default=False, metadata={"help": get_args(Quiet)[1].help})
    verbose: bool = field(default=False, metadata={"help": get_args(Verbose)[1].help})


@dataclass
class TemplateArguments(RecipeArguments):
    """`RecipeArguments`, and TRL's flag of instruction tuning, for the methods whose config in TRL lacks it."""

    chat_template_path: str | None = field(
        default=None,
        metadata={
            "help": "File of Jinja (.jinja, .j2), or folder or repository of a tokenizer, whose chat template is taken: for "
            "a base model that has none."
        },
    )


class RecipeParser(TrlParser):
    """`TrlParser` that explains wrong usage in one line and never with a traceback.

    `use_cpu` is the default where there is no accelerator: without it, processes that are launched together on
    such a machine do not see each other, neither under DDP nor under DeepSpeed (world size 1, no warning).
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, allow_abbrev=False, **kwargs)
        self.set_defaults(use_cpu=not torch.accelerator.is_available())
        for short, name in (("-o", "--output_dir"), ("-q", "--quiet"), ("-v", "--verbose")):
            action = self._option_string_actions[short] = self._option_string_actions[name]
            action.option_strings.insert(0, short)

    def format_help(self) -> str:
        """The recipe's examples, the flags that are ours or that nobody can do without, then the hundreds of TRL's."""
        own = ArgumentParser(add_help=False)
        own.add_argument(
            "--config", metavar="FILE", help="File of settings: YAML of flags; the command line goes over it."
        )
        inherited = {one.name for one in fields(ScriptArguments)}
        ours = [one.name for one in fields(self.dataclass_types[0]) if one.name not in inherited]
        ours = ["model_name_or_path", "dataset_name", "dataset_config", "output_dir", *ours]
        known = {action.dest: shown(action) for action in self._actions if action.help != SUPPRESS}
        rest = [action for name, action in known.items() if name not in ours]
        text = RawDescriptionHelpFormatter(f"recipes/{Path(self.prog).name}", max_help_position=34, width=100)
        text.add_usage("%(prog)s --config FILE [--flag VALUE ...]", [], [])
        text.add_text(self.description)
        for title, actions in (
            ("the recipe's own flags", [*own._actions, *(known[name] for name in ours)]),
            ("flags of TRL, transformers and accelerate", rest),
        ):
            text.start_section(title)
            text.add_arguments(actions)
            text.end_section()
        return text.format_help()

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
            keys = read_keys(Path(path))
            if {"responders", "splitter", "checker"} & {*keys}:
                raise KomepError(
                    f"{path}: is a pipeline, which `komep run {path}` reads; settings of a recipe are as in recipes/smollm2-135m/",
                    exit_code=2,
                )
            self._refuse_unknown(str(path), keys)
        _, unknown = self.parse_known_args([word for word in args if word not in ("--config", path)])
        self._refuse_unknown("command line", unknown[:1])
        launched = os.environ.get(PRECISION, "no")
        if launched in (
            "bf16",
            "fp16",
        ):  # of the launch: `--bf16` and `--fp16` decide, as where it says nothing
            os.environ[PRECISION] = "no"
        try:
            found = tuple(map(check_types, super().parse_args_and_config(args)))
        except KomepError:
            raise
        except Exception as error:  # whatever a dataclass of TRL's says of a value that it cannot use
            raise KomepError(said_by(error), exit_code=2) from error
        say_precision(launched, found[1])
        return found

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


HELP = {
    "model_name_or_path": "Folder of a model, or an id on the Hub.",
    "output_dir": "File or folder to write: the model with its card, curves and checkpoints.",
}
FEW = 6  # choices that a line of help has place for


def shown(action: Action) -> Action:
    """A flag as the help has it: once, with underscores, and with its default where that says something."""
    one = copy(action)
    one.option_strings = [name for name in action.option_strings if "-" not in name.lstrip("-")]
    one.help = HELP.get(one.dest, one.help)
    if one.default not in (None, False, [], {}, "", SUPPRESS) and one.help:
        one.help += " [default: %(default)s]"
    if one.const is True and one.default is False:
        one.nargs, one.choices = 0, None  # typed without a value
    if one.nargs != 0 and (one.choices is None or len(one.choices) > FEW):
        one.metavar, one.choices = "VALUE", None
    return one


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
            f"--global_batch_size {stated}, and {counted(sizes[0], 'process')} x {counted(sizes[1], 'pair')} x {sizes[2]} accumulated = "
            f"{math.prod(sizes)}; change --gradient_accumulation_steps, or the number of processes",
            exit_code=2,
        )
    if args.hub_token is not None:
        raise KomepError("--hub_token would be saved with the arguments; give it as HF_TOKEN, or log in", 2)


def say_precision(launched: str, args: TrainingArguments) -> None:
    """Tell that a run computes in another precision than its launch was given."""
    run_in = "fp16" if args.fp16 else "bf16" if args.bf16 else "no"
    if launched not in ("no", run_in) and os.environ.get("RANK", "0") == "0":
        print(
            f"the launch is given mixed_precision {launched}, the recipe --bf16 {args.bf16} and --fp16 {args.fp16}: the "
            f"recipe decides, {run_in if run_in != 'no' else 'float32'}"
        )


def check_numbers(script_args: RecipeArguments, args: TrainingArguments) -> None:
    """Raise `KomepError` for a number with which there is nothing to do."""
    least = {"limit": 1, "max_train_pairs": 1, "max_test_pairs": 0}
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
