"""The `komep` command. Heavy imports wait inside the commands, so that `--help` answers at once."""

from __future__ import annotations

import sys

from komep_dataset.errors import interruptible

if __name__ == "__main__" or sys.argv[0].endswith(("komep", "komep.exe")):
    interruptible()

from typing import Annotated, NoReturn

import typer

from komep_dataset import __version__
from komep_dataset.commands import asking, publishing, quality, releases
from komep_dataset.commands.manner import ASKS, READS, WRITES, add, new_app, start

HELP = """Build, check and read KoMeP, the Korean Medical Preference dataset.

Training (recipes/) and evaluation (python -m evaluation.run) run from a clone of the project; pip installs this command alone.

Examples:
  komep build                 a release of the sample that komep brings, in ./komep
  komep report                its page: report.html
"""
app = new_app(HELP, no_args_is_help=True)
review = new_app(quality.REVIEW, no_args_is_help=True)
# In the order of the work, which is the order of `komep --help`.
for command, kept, lists in (
    (releases.init, WRITES, None),
    (releases.questions, WRITES, None),
    (asking.respond, ASKS, asking.PRESETS),
    (asking.score, ASKS, None),
    (asking.calibrate, ASKS, None),
    (asking.models, READS, None),
    (asking.translate, ASKS, None),
    (asking.screen, ASKS, None),
    (releases.build, WRITES, releases.LISTS),
    (asking.preview, ASKS, None),
    (asking.run, ASKS, asking.PRESETS),
    (releases.report, WRITES, None),
    (quality.bias, READS, None),
    (releases.verify, READS, None),
    (releases.diff, READS, None),
    (releases.export, WRITES, None),
    (publishing.publish, publishing.KEPT, None),
    (publishing.install, WRITES, None),
):
    more = {"context_settings": {"allow_extra_args": True}} if command is quality.bias else {}
    add(app, command, kept=kept, lists=lists, **more)
for command, name in ((quality.sample, "sample"), (quality.import_, "import"), (quality.apply, "apply")):
    add(review, command, name)
app.add_typer(review, name="review")


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


def main() -> NoReturn:
    """Run the command that this process was started as."""
    start(app, "komep")


if __name__ == "__main__":
    main()
