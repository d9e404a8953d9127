"""KoMeP, the Korean Medical Preference dataset: build it, check it, load it.

>>> import komep_dataset as komep
>>> komep.build(rows, "komep", min_margin=0.2)  # doctest: +SKIP
>>> komep.load("komep")["train"]  # doctest: +SKIP

Every command of `komep` has a function here, with its options as arguments; `help(komep.build)` says what it takes,
returns and raises, docs/python.md shows them by task. Where a command reads tables, a function takes rows as well: dicts, or
a table of polars, pandas, pyarrow or `datasets`. A name is imported when it is first asked for, so that the package itself
costs no time.
"""

__version__ = "0.1.0"

# Name -> module, what bears the name there, how its arguments are taken (`api.calls`), how what it returns shows itself
# (`api.shown`). The error and the modules `dahl` and `schema` are themselves of use; `pairs` is `make_pairs` when it is called.
_FACE = {
    "KomepError": ("errors", "KomepError"),
    "ask": ("responses", "respond", {"questions": "table", "config": "config"}),
    "bias": ("audit.bias", "measure", {"folder": "table"}, "bias"),
    "build": ("release.build", "build", {"inputs": "tables"}),
    "calibrate": ("judge.calibration", "calibrate_file", {"config": "config", "scored": "tables"}),
    "dahl": ("dahl", None),
    "diff": ("release.diff", "diff", {}),
    "export": ("exports.writing", "export", {}),
    "init": ("pipeline.start", "init", {}),
    "install": ("hub.install", "install", {}),
    "load": ("hub.load", "load", {}),
    "load_config": ("config.config", "load_config", {}),
    "make_pairs": ("api.pairs", "make_pairs", {"scored": "tables"}),
    "make_questions": ("questions", "make_questions", {"path": "table"}),
    "models": ("api.pairs", "models", {"scored": "tables"}, "models"),
    "pairs": ("pairs", None),
    "preview": ("pipeline.preview", "preview", {"config": "config"}, "Text"),
    "publish": ("hub.publish", "publish", {}),
    "read_scored": ("pairs.generations", "read_scored", {"paths": "tables"}, "rows"),
    "report": ("explorer.report", "write_report", {"folder": "table"}),
    "respond": ("responses", "respond", {"questions": "table", "config": "config"}),
    "review_apply": ("review.corrections", "apply", {"scored": "tables"}),
    "review_import": ("review.report", "import_sheets", {}),
    "review_sample": ("review.sheet", "write_sheets", {}),
    "run": ("pipeline.run", "run", {"config": "config"}),
    "schema": ("schema", None),
    "score": ("scores.scoring", "score", {"responses": "tables", "config": "config"}),
    "score_units": ("api.pairs", "score_units", {}),
    "screen": ("pipeline.screening", "screen", {"questions": "table", "config": "config"}),
    "translate": ("translation.stage", "translate", {"scored": "table", "config": "config"}),
    "verify": ("release.verify", "verify", {}, "checks"),
}
__all__ = ["__version__", *_FACE]


def __getattr__(name: str) -> object:
    if name not in _FACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, inside, *how = _FACE[name]
    found = import_module(f"{__name__}.{module}")
    if inside:
        found = getattr(found, inside)
    if how:
        calls, shown = (import_module(f"{__name__}.api.{one}") for one in ("calls", "shown"))
        found = calls.callable_with(found, name, how[0], getattr(shown, how[1] if how[1:] else "as_is"))
    return globals().setdefault(name, found)


def __dir__() -> list[str]:
    return sorted({*globals(), *_FACE})
