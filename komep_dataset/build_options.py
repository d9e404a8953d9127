"""What a build may be told: the one record of its options, those of the pair rules, of each gate, and of the card.

The command, the key `selection:` of pipeline.yaml, `release.build.build`, `provenance.json`, growth and `komep verify`
take their options from here. An option is declared in `pairs/options.py`, in the file of its gate, or, where no pair
depends on it, here.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from komep_dataset.errors import KomepError
from komep_dataset.gates.trial.registry import LISTED
from komep_dataset.options import Option, record_of
from komep_dataset.pairs.options import PAIR_OPTIONS, PairRules

GATE_OPTIONS = tuple(option for gate in LISTED for option in gate.options)
LICENCES = "huggingface.co/docs/hub/repositories-licenses"
CARD_OPTIONS = (
    Option(
        "name",
        str,
        None,
        "What the card calls the release. [default: its folder]",
        metavar="NAME",
        check=lambda name: isinstance(name, str) and name.isprintable() and name.strip() and len(name) <= 100,
        want="give one line of at most 100 characters",
        conflict=lambda was, now: None,
    ),
    Option(
        "license",
        str,
        None,
        "Its licence, by the Hub's identifier, as cc-by-4.0; unknown, if you do not know. `komep publish --public` asks for it.",
        metavar="ID",
        check=lambda text: isinstance(text, str) and bool(re.fullmatch(r"[a-z][a-z0-9.+-]{1,39}", text)),
        want=f"give an identifier of {LICENCES}, as cc-by-4.0, or unknown",
        conflict=lambda was, now: None,
    ),
)
OPTIONS = PAIR_OPTIONS + GATE_OPTIONS + CARD_OPTIONS

# The rules of a build as `provenance.json` has them under `options`.
Options = record_of("Options", GATE_OPTIONS + CARD_OPTIONS, PairRules)


def read_options(given: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Look at options by name, None where one is left out, and read what those of them name that name files.

    Returns:
        Option -> what is in its files, of every option that may name some.

    Raises:
        KomepError: a value that an option does not allow (exit code 2), a file that cannot be read.
        TypeError: a name that no option has.
    """
    if unknown := given.keys() - {option.name for option in OPTIONS}:
        raise TypeError(f"build() got an unexpected keyword argument {min(unknown)!r}")
    for option in OPTIONS:
        value = given.get(option.name)
        if value is not None and not option.allows(value):
            shown = value if str(value).isprintable() and value != "" else repr(value)
            raise KomepError(f"{option.flag} {shown}: {option.wanted}", exit_code=2)
    reading = [option for option in OPTIONS if option.read]
    return {o.name: o.read(given[o.name]) if given.get(o.name) else [] for o in reading}


def of_no_list(license: str | None) -> Iterator[str]:
    """What to say of a licence that is no identifier of SPDX: the Hub has some of its own, and a typo is none."""
    try:
        canonicalize_license_expression(license or "mit")
    except InvalidLicenseExpression:
        if license not in {"unknown", "other"}:
            yield f"--license {license} is no identifier of SPDX (as apache-2.0); it is right if the Hub lists it: {LICENCES}"


def named(function: Callable, annotation: Callable[[Option], Any]) -> inspect.Signature:
    """The signature of a function of `**options`, with each option as a parameter; None: it is left out."""
    signature = inspect.signature(function, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = [
        inspect.Parameter(o.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation(o))
        for o in OPTIONS
    ]
    return signature.replace(parameters=[*own, *options])
