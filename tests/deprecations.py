"""What TRL, transformers and datasets call deprecated, in every process of an environment, as lines of a file.

`tests/floors.py` puts this module into an environment, where a `.pth` file imports it at every start of Python. It looks
at warnings and log records before any filter: recipes keep them from users, and pytest from its own output.
"""

import logging
import os
import sys
import warnings

LIBRARIES = ("trl", "transformers", "datasets")
FILE = "KOMEP_DEPRECATIONS"  # environment variable: where they go

_warn, _record = warnings.warn, logging.getLogRecordFactory()


def _keep(name: str, text: str, asker: str) -> None:
    library = name.partition(".")[0]
    if library in LIBRARIES:
        with open(os.environ[FILE], "a", encoding="utf-8") as file:  # noqa: PTH123 (Python is still starting)
            file.write(f"{library}, used by {asker}: {' '.join(text.split())[:300]}\n")


def _asker(name: str) -> str:
    """The module that used what another one, `name`, warns of."""
    frame = sys._getframe(2)
    between = (name, __name__, "logging", "importlib._bootstrap", "importlib._bootstrap_external")
    while frame and frame.f_globals.get("__name__") in between:
        frame = frame.f_back
    return frame.f_globals.get("__name__", "?") if frame else "?"


def warn(message, category=None, stacklevel=1, source=None, **more):
    kind = type(message) if isinstance(message, Warning) else category or UserWarning
    if issubclass(kind, (DeprecationWarning, FutureWarning, PendingDeprecationWarning)):
        name = sys._getframe(1).f_globals.get("__name__", "")
        _keep(name, str(message), _asker(name))
    _warn(message, category, stacklevel + 1, source, **more)


def record(*arguments, **more):
    made = _record(*arguments, **more)
    if made.levelno >= logging.WARNING and "deprecat" in made.getMessage().lower():
        _keep(made.name, made.getMessage(), _asker(made.name))
    return made


if os.environ.get(FILE):
    warnings.warn = warn
    logging.setLogRecordFactory(record)
