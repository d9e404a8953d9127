"""What an option of a build is: declared once, beside the rule or gate that it steers.

From its declaration the command, the key `selection:` of pipeline.yaml, `release.build.build`, provenance, growth and
`komep verify` take it; `build_options.py` holds them all.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field, make_dataclass
from importlib import import_module
from numbers import Integral, Real
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T")


def declared(package: ModuleType, name: str, kind: type[T]) -> dict[str, T]:
    """What the modules of a package declare as `name` (`GATE`, `RULE`), by the name that each gives itself: nothing lists them.

    Raises `ValueError` where two have one.
    """
    found: dict[str, T] = {}
    for file in iter_modules(package.__path__):
        one = getattr(import_module(f"{package.__name__}.{file.name}"), name, None)
        if isinstance(one, kind) and found.setdefault(one.name, one) is not one:
            raise ValueError(f"{file.name}: another module has the {name.lower()} {one.name!r}")
    return found


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`; with `above`, without `low` itself."""

    low: float
    high: float
    above: bool = False

    def __contains__(self, value: float) -> bool:
        return self.low < value <= self.high if self.above else self.low <= value <= self.high

    def __str__(self) -> str:
        low, high = f"{self.low:g}", f"{self.high:g}"
        return f"above {low}, at most {high}" if self.above else f"from {low} to {high}"

    def problem(self, value: float) -> str:
        """What is wrong with a value outside, as pipeline.yaml has it."""
        inside = f"above {self.low:g} and at most {self.high:g}" if self.above else str(self)
        return f"{value} is not {inside}"


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that a build may be told.

    Args:
        name: of the argument, the key and the entry in `provenance.json`.
        type: of its value in pipeline.yaml and as an argument.
        default: where nothing is said; None: the rule behind it is off.
        help: of the flag, one line.
        choices: the values that it may have.
        range: the numbers that it may be.
        check: whether it may have a value, where neither choices nor a range say so.
        want: what a user has to give then, as a part of a sentence.
        metavar: of the flag.
        nullable: pipeline.yaml may say `null` for the default, and records what is not said as that.
        harmless: values between which no pair changes: a grown release may go from one to another.
        parse: from the words of the command line to a value; for an option that may be repeated.
        read: from a value to what the gate works with, a list of objects whose `record()` provenance keeps.
        conflict: for a base that was built with `old` and is to grow with `new`, both as provenance has them: why it
            must not; by default, any other value is refused.
        carry: of what a base was built with, as provenance has it, and what was read now: what a release that grows goes on with
            besides.
        stale: for a base that was built with such options: whether its value means something else by now, so that what is
            given or the default takes its place.
    """

    name: str
    type: Any
    default: Any
    help: str
    _: KW_ONLY
    choices: tuple[str, ...] = ()
    range: Range | None = None
    check: Callable[[Any], bool] | None = None
    want: str = ""
    metavar: str | None = None
    nullable: bool = False
    harmless: tuple[Any, ...] = ()
    parse: Callable[[list[str]], Any] | None = None
    read: Callable[[Any], list[Any]] | None = None
    conflict: Callable[[Any, Any], str | None] | None = None
    carry: Callable[[list[Any], list[Any]], list[Any]] | None = None
    stale: Callable[[Mapping[str, Any]], bool] | None = None

    @property
    def flag(self) -> str:
        return f"--{self.name.replace('_', '-')}"

    @property
    def unsaid(self) -> Any:
        """What `provenance.json` has where nothing was said."""
        return [] if self.read else self.default

    @property
    def wanted(self) -> str:
        """What a user has to give, as a part of a sentence."""
        if self.choices:
            return f"give one of {', '.join(self.choices)}"
        if self.type is bool:
            return "give true or false"
        return self.want or f"give a number {self.range}"

    def allows(self, value: Any) -> bool:
        """Whether a value may be given, of whatever type: Python's callers are not asked for theirs before."""
        if self.check:
            return self.check(value)
        if self.type is bool:
            return isinstance(value, bool)
        if self.range:
            number = isinstance(value, Integral if self.type is int else Real) and not isinstance(value, bool)
            return number and value in self.range
        return not self.choices or value in self.choices


def record_of(name: str, options: Iterable[Option], *bases: type) -> type:
    """A frozen dataclass of the values of options, and of `bases`; what is read (a benchmark) is there as its records."""
    values = [(o.name, Any, field(default_factory=list) if o.read else o.default) for o in options]
    return make_dataclass(name, values, bases=bases, frozen=True, slots=True)
