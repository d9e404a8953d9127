"""How every recipe starts and ends: the topology that was asked for, the output folder held, logging, signals, exit codes."""

import atexit
import os
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import datasets
import transformers
from transformers import TrainingArguments

from komep_dataset.commands.manner import quietly, talk
from komep_dataset.errors import doing, interrupted, say, stopped, told
from komep_dataset.system import end_with_parent, keep_freed_memory, print_every_sign
from training.flags import RecipeParser, check_launch
from training.output_folder import held_output


def run(main: Callable[..., None], parser: RecipeParser) -> int:
    """Parse, hold the output folder, run a recipe's `main`, and turn errors into one line and an exit code."""
    print_every_sign()
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
    if "true" in map(os.environ.get, ("ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_FSDP")):
        # The launch file asks for a topology. With this in the environment accelerate would leave it out without a word,
        # and what the trainer has made for it would meet a plain model; --use_cpu says the same and leaves it in.
        os.environ.pop("ACCELERATE_USE_CPU", None)
    # Batches differ in length, and blocks of memory cut for one fit no other: without it a card of 80 GB that 46 are
    # used of is full, and each step waits until some are given back.
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    try:
        script_args, training_args, model_args = parser.parse_args_and_config()
        check_launch(script_args, training_args, model_args.model_name_or_path)
        doing.kept = lambda: last_checkpoint(Path(training_args.output_dir))
        if script_args.verbose:
            talk()
            transformers.utils.logging.set_verbosity_info()
        if script_args.quiet:
            without_bars(training_args)
        with quietly() if script_args.quiet else nullcontext(), held_output(training_args):
            main(script_args, training_args, model_args)
    except BaseException as error:
        if stopped(error):
            interrupted()
        code, line = told(error)
        if line:
            say(line)
        return code
    return 0


def last_checkpoint(output: Path) -> str:
    """What an interruption leaves of a run, as a part of a sentence."""
    whole = (path.parent for path in output.glob("checkpoint-*[0-9]/trainer_state.json"))  # written last
    found = {int(path.name.rpartition("-")[2]): path for path in whole}
    return f"{found[max(found)]} is kept" if found else "no checkpoint was written yet"


def end_with_launcher() -> None:
    """Take SIGTERM where `accelerate launch` is ended, which does not hand it on to the only process it started.

    That process would go on alone, and the same command would then start a second one in its folder. Linux only; a
    launcher of several processes hands signals on itself.
    """
    alone = "ACCELERATE_MIXED_PRECISION" in os.environ and "RANK" not in os.environ
    if alone:
        end_with_parent(signal.SIGTERM)


def set_up_logging(args: TrainingArguments) -> None:
    """Progress bars with rate and time left on a terminal, none elsewhere; the lines of `trainers/log_lines.py` on both."""
    if not sys.stderr.isatty():
        without_bars(args)


def without_bars(args: TrainingArguments) -> None:
    """No progress bar, of whatever library."""
    args.disable_tqdm = True
    os.environ["TQDM_DISABLE"] = "1"  # TRL's bar over the reference log-probabilities reads this
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()


def prepare_cpu() -> None:
    """Tell DeepSpeed that there is no accelerator to look for, and glibc to keep freed memory."""
    os.environ.setdefault("DS_ACCELERATOR", "cpu")
    keep_freed_memory()
