"""The `komep` command. Heavy imports wait inside the commands, so that `--help` answers at once."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from komep_dataset import __version__
from komep_dataset.commands import asking, publishing, quality, releases
from komep_dataset.errors import KomepError
from komep_dataset.system import print_every_sign

app = typer.Typer(
    name="komep",
    help="Build, check and read KoMeP, the Korean Medical Preference dataset.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# In the order of the work, which is the order of `komep --help`.
for command in (
    releases.init,
    releases.questions,
    asking.respond,
    asking.score,
    asking.calibrate,
    asking.models,
    asking.translate,
    releases.build,
    asking.preview,
    asking.run,
    releases.report,
    quality.bias,
    releases.verify,
    releases.diff,
    releases.export,
    publishing.publish,
    publishing.install,
):
    app.command()(command)
app.add_typer(quality.review, name="review")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"komep {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command; bad input gives a message and an exit code, never a traceback."""
    print_every_sign()
    try:
        app()
    except KomepError as error:
        print(f"komep: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except UnicodeEncodeError:
        print("komep: a path on the command line is not UTF-8; give it another name", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        print(f"komep: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("komep: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
