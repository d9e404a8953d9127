"""KoMeP, the Korean Medical Preference dataset: build it, check it, load it.

>>> import komep_dataset as komep
>>> release = komep.build(["scored.jsonl"], "komep", min_margin=0.2)  # doctest: +SKIP
>>> komep.load("komep")["train"]  # doctest: +SKIP

Every command of `komep` has a function here, with its options as arguments; `help(komep.build)` says what it takes,
returns and raises. A name is imported when it is first asked for, so that the package itself costs no time.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Name -> module, and what bears the name there; the modules `dahl` and `schema` are themselves of use.
_FACE = {
    "KomepError": ("errors", "KomepError"),
    "bias": ("audit.bias", "measure"),
    "build": ("release.build", "build"),
    "calibrate": ("judge.calibration", "calibrate_file"),
    "dahl": ("dahl", None),
    "diff": ("release.diff", "diff"),
    "export": ("exports.writing", "export"),
    "init": ("pipeline.start", "init"),
    "install": ("hub.install", "install"),
    "load": ("hub.load", "load"),
    "load_config": ("config.config", "load_config"),
    "make_questions": ("questions", "make_questions"),
    "models": ("scores.models", "model_reports"),
    "preview": ("pipeline.preview", "preview"),
    "publish": ("hub.publish", "publish"),
    "read_scored": ("pairs.generations", "read_scored"),
    "report": ("explorer.report", "write_report"),
    "respond": ("responses", "respond"),
    "run": ("pipeline.run", "run"),
    "schema": ("schema", None),
    "score": ("scores.scoring", "score"),
    "translate": ("translation.stage", "translate"),
    "verify": ("release.verify", "verify"),
}
__all__ = ["__version__", *_FACE]


def __getattr__(name: str) -> Any:
    if name not in _FACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, inside = _FACE[name]
    found = import_module(f"{__name__}.{module}")
    return getattr(found, inside) if inside else found


def __dir__() -> list[str]:
    return sorted({*globals(), *_FACE})
