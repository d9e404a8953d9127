"""How every recipe starts and ends: the output folder held, logging, signals, errors and exit codes."""

import atexit
import os
import signal
import sys
import warnings
from collections.abc import Callable

import datasets
import transformers
from transformers import TrainingArguments

from komep_dataset.errors import KomepError
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
    # Batches differ in length, and blocks of memory cut for one fit no other: without it a card of 80 GB that 46 are
    # used of is full, and each step waits until some are given back.
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
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


def end_with_launcher() -> None:
    """Take SIGTERM where `accelerate launch` is ended, which does not hand it on to the only process it started.

    That process would go on alone, and the same command would then start a second one in its folder. Linux only; a
    launcher of several processes hands signals on itself.
    """
    alone = "ACCELERATE_MIXED_PRECISION" in os.environ and "RANK" not in os.environ
    if alone:
        end_with_parent(signal.SIGTERM)


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
