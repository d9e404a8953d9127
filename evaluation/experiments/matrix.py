"""What an experiment file says: models x methods x languages x seeds x benchmarks, and variants of them.

Keys of a file (`smoke.yaml` shows most of them); an unknown one is an error that names the nearest known one:

- `name`; `results`: the folder of everything that is written (default `results/NAME`).
- `models`: list of {`name`, `path`: folder or id on the Hub, `recipes`: folder that holds METHOD.yaml, `parameters`:
  10^9, for the estimates alone}.
- `methods`: of base, dpo, orpo, sft. `languages`: the config that is trained on, of ko, en. `seeds`: whole numbers.
- `benchmarks`: list of {`name`: as `evaluation.run` has it, `language`: ko or en, and any of `label`, `data`, `shots`,
  `prompt`, `limit`, `max_new_tokens`, `chat_template`, `batch_size`, `questions` (for the estimates alone)}.
- `release`: {`path`: a folder or an id on the Hub}, or {`scored`: files, `build`: options of `komep build`}; with
  neither `path` nor `scored`, the shipped sample.
- `launch`: an accelerate config. `processes`: for --num_processes. `recipe`: flags over every recipe's YAML.
- `variants`: list of {`name`, `methods`, `languages`, `models`, `seeds`: a part of each axis, `build`, `recipe`,
  `evaluation`: overrides of this variant}. The variant that needs no name, with no override, always comes first,
  unless `variants_only: true`.
- `estimate`: rates (see `estimates.Rates`). `slurm`: {`time`, `gpus`, `cpus`, `memory`, `partition`, `account`}.
- `published`: list of {`text`, `value`, and `model`, `method`, `language`, `tested` where a cell of ours answers it}:
  figures of others to print beside ours. `caution`: printed above every table.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from evaluation.experiments.estimates import Rates, with_measured
from evaluation.harness.registry import BENCHMARKS
from komep_dataset.config.yaml_records import build_record, nearest, read_yaml
from komep_dataset.errors import KomepError
from komep_dataset.gates.trial.registry import LISTED
from komep_dataset.pairs.options import PAIR_OPTIONS

BASE = "base"
METHODS = (BASE, "dpo", "orpo", "sft")
LANGUAGES = ("ko", "en")
# Options of `komep build` that change which pairs a release has, but for those that need a file.
BUILD_OPTIONS = (
    *(option.name for option in PAIR_OPTIONS),
    *(o.name for gate in LISTED if not any(o.read for o in gate.options) for o in gate.options),
    "on_error",
)
EVALUATION_FLAGS = (
    "shots",
    "prompt",
    "scoring",
    "limit",
    "chat_template",
    "max_new_tokens",
    "batch_size",
    "dtype",
)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
NAME_RULE = "letters, digits, '-', '_' and single dots, beginning with a letter or digit"


@dataclass(frozen=True, slots=True)
class Model:
    """A model: `path` as `--model_name_or_path` takes it, `recipes` the folder of its METHOD.yaml."""

    name: str
    path: str
    recipes: Path
    parameters: float = 0.0  # 10^9; 0 where the rates do not need it

    def problems(self):
        if not NAME.fullmatch(self.name):
            yield "name", f"{self.name!r} must be {NAME_RULE}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One benchmark as it is asked; `label` names it in folders and tables, its own name by default."""

    name: str
    language: str
    label: str = ""
    data: str | None = None
    shots: int | None = None
    prompt: str | None = None
    limit: int | None = None
    max_new_tokens: int | None = None
    chat_template: bool = False
    batch_size: int | None = None
    questions: int = 0

    @property
    def title(self) -> str:
        return self.label or self.name

    def problems(self):
        if self.name not in BENCHMARKS:
            yield "name", f"no benchmark {self.name!r}; {nearest(self.name, list(BENCHMARKS))}"
        if self.language not in LANGUAGES:
            yield "language", f"{self.language!r} is none of {', '.join(LANGUAGES)}"
        if not NAME.fullmatch(self.title):
            yield "label", f"{self.title!r} must be {NAME_RULE}"
        if self.data is not None and not Path(self.data).exists():
            yield "data", f"{self.data}: no such file or folder (paths start at the root of the clone)"

    def flags(self) -> dict[str, Any]:
        """Flags of `evaluation.run` besides model, benchmark and output, those that are set."""
        names = ("data", "shots", "prompt", "limit", "max_new_tokens", "batch_size")
        found = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return found | ({"chat_template": True} if self.chat_template else {})


@dataclass(frozen=True, slots=True)
class Published:
    """A figure of somebody else's, with its source in the text.

    With `model` and `method`, the report prints ours beside it: trained on `language`, the first benchmark of `tested`.
    """

    text: str
    value: str
    model: str = ""
    method: str = ""
    language: str = "ko"
    tested: str = "ko"

    def problems(self):
        if bool(self.model) != bool(self.method):
            yield "method" if self.model else "model", "missing: a figure of ours needs `model` and `method`"
        for name, known in (("method", ("", *METHODS)), ("language", LANGUAGES), ("tested", LANGUAGES)):
            if getattr(self, name) not in known:
                yield name, f"{getattr(self, name)!r} is none of {', '.join(filter(None, known))}"


@dataclass(frozen=True, slots=True)
class Slurm:
    """What a cell's job asks of the cluster."""

    time: str = "12:00:00"
    gpus: int = 8
    cpus: int = 0
    memory: str = ""
    partition: str = ""
    account: str = ""

    def problems(self):
        if not re.fullmatch(r"(\d+-)?\d+(:\d{2}){0,2}", self.time):
            yield "time", f"{self.time!r} is no time such as 12:00:00 or 1-00:00:00"
        for name in ("memory", "partition", "account"):
            if not re.fullmatch(r"[\w.,-]*", getattr(self, name)):
                yield name, f"{getattr(self, name)!r} has a character that no such name has"


@dataclass(frozen=True, slots=True)
class Release:
    """Where the pairs come from: a finished release, or scored generations and options to build it with."""

    path: str | None = None
    scored: tuple[str, ...] = ()
    build: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Variant:
    """A part of the axes under overrides; the one without a name has none."""

    name: str = ""
    methods: tuple[str, ...] = METHODS
    languages: tuple[str, ...] = LANGUAGES
    models: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    build: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Matrix:
    """A whole experiment file; the module's docstring has the meaning of each key."""

    name: str
    models: tuple[Model, ...]
    methods: tuple[str, ...]
    languages: tuple[str, ...]
    seeds: tuple[int, ...]
    benchmarks: tuple[Measure, ...]
    release: Release
    results: Path
    launch: Path
    processes: int | None
    recipe: Mapping[str, Any]
    variants: tuple[Variant, ...]
    estimate: Rates
    slurm: Slurm
    published: tuple[Published, ...]
    caution: str

    def model(self, name: str) -> Model:
        return next(m for m in self.models if m.name == name)


class Keys:
    """A mapping of a YAML file that is read key by key, each mistake named by file and key."""

    def __init__(self, raw: Any, file: str, where: str, known: Sequence[str]):
        if not isinstance(raw, dict):
            raise KomepError(f"{file}: {where or 'the file'}: expected keys and values, got {raw!r}")
        self.raw, self.file, self.where = raw, file, f"{where}." if where else ""
        for key in raw:
            if key not in known:
                self.refuse(str(key), f"unknown key; {nearest(str(key), list(known))}")

    def refuse(self, key: str, problem: str) -> None:
        raise KomepError(f"{self.file}: {self.where}{key}: {problem}")

    def text(self, key: str, default: str | None = None) -> str | None:
        value = self.raw.get(key, default)
        if value is not None and not isinstance(value, str):
            self.refuse(key, f"expected text, got {value!r}")
        return value

    def items(self, key: str, default: Sequence[Any] = ()) -> tuple[Any, ...]:
        value = self.raw.get(key, list(default))
        if not isinstance(value, list):
            self.refuse(key, f"expected a list, got {value!r}")
        return tuple(value)

    def axis(self, key: str, known: Sequence[Any], default: Sequence[Any]) -> tuple[Any, ...]:
        """Distinct values of an axis, each one of `known`."""
        values = self.items(key, default)
        for value in values:
            self.one_of(key, value, known)
        self.distinct(key, values)
        return values

    def one_of(self, key: str, value: Any, known: Sequence[Any]) -> None:
        if value not in known:
            self.refuse(key, f"{value!r} is not there; {nearest(str(value), [str(k) for k in known])}")

    def whole(self, key: str, default: Sequence[int]) -> tuple[int, ...]:
        values = self.items(key, default)
        for value in values:
            if type(value) is not int or value < 0:
                self.refuse(key, f"{value!r} is no whole number from 0")
        self.distinct(key, values)
        return values

    def mapping(self, key: str, known: Sequence[str] | None = None) -> dict[str, Any]:
        """Names and plain values; `known` names, or any."""
        value = self.raw.get(key, {})
        if not isinstance(value, dict):
            self.refuse(key, f"expected names and values, got {value!r}")
        for name, one in value.items():
            if known is not None and name not in known:
                self.refuse(f"{key}.{name}", f"unknown option; {nearest(str(name), list(known))}")
            if not isinstance(one, str | int | float | bool):
                self.refuse(f"{key}.{name}", f"expected a plain value, got {one!r}")
        return value

    def records(self, key: str, cls: type) -> tuple[Any, ...]:
        where = f"{self.where}{key}"
        return tuple(
            build_record(cls, one, self.file, f"{where}[{i}].") for i, one in enumerate(self.items(key))
        )

    def distinct(self, key: str, values: Sequence[Any]) -> None:
        twice = [value for i, value in enumerate(values) if value in values[:i]]
        if twice:
            self.refuse(key, f"{twice[0]!r} stands twice")


def _release(keys: Keys) -> Release:
    inner = Keys(keys.raw.get("release", {}), keys.file, "release", ("path", "scored", "build"))
    found = Release(inner.text("path"), inner.items("scored"), inner.mapping("build", BUILD_OPTIONS))
    for path in found.scored:
        if not isinstance(path, str) or not Path(path).exists():
            inner.refuse("scored", f"{path}: no such file or folder (paths start at the root of the clone)")
    if found.path is not None and (found.scored or found.build):
        inner.refuse("path", "a finished release cannot be built as well: drop `scored` and `build`")
    return found


VARIANT_KEYS = tuple(f.name for f in fields(Variant))


def _variant(raw: Any, index: int, file: str, matrix: dict[str, Any]) -> Variant:
    keys = Keys(raw, file, f"variants[{index}]", VARIANT_KEYS)
    name = keys.text("name") or ""
    if not NAME.fullmatch(name):
        keys.refuse("name", f"{name!r} must be {NAME_RULE}")
    variant = Variant(
        name,
        keys.axis("methods", matrix["methods"], matrix["methods"]),
        keys.axis("languages", matrix["languages"], matrix["languages"]),
        keys.axis("models", [m.name for m in matrix["models"]], [m.name for m in matrix["models"]]),
        keys.axis("seeds", matrix["seeds"], matrix["seeds"]),
        keys.mapping("build", BUILD_OPTIONS),
        keys.mapping("recipe"),
        keys.mapping("evaluation", EVALUATION_FLAGS),
    )
    if variant.build and matrix["release"].path is not None:
        keys.refuse("build", "the release of this file is a finished one (release.path): nothing is built")
    if not (variant.build or variant.recipe or variant.evaluation):
        keys.refuse("name", f"{name!r} overrides nothing: it would repeat the cells that are there")
    if (variant.build or variant.recipe) and not variant.evaluation and BASE in (raw.get("methods") or ()):
        keys.refuse("methods", "base is not trained: build and recipe options change nothing of it")
    return variant


KEYS = (*(f.name for f in fields(Matrix)), "variants_only")


def _check_axes(keys: Keys, values: dict[str, Any]) -> None:
    """Refuse axes that contradict one another."""
    trained = [m for m in values["methods"] if m != BASE]
    if not values["methods"]:
        keys.refuse("methods", f"none; take some of {', '.join(METHODS)}")
    if trained and not values["languages"]:
        keys.refuse("languages", f"none, but {', '.join(trained)} must be trained in some: ko, en")
    if trained and not values["seeds"]:
        keys.refuse("seeds", f"none, but {', '.join(trained)} must be trained with some")
    if not trained and "languages" in keys.raw:
        keys.refuse(
            "languages", "base alone is not trained: a training language contradicts it; drop the key"
        )
    for key in ("models", "benchmarks"):
        names = [getattr(one, "title", None) or one.name for one in values[key]]
        if not names:
            keys.refuse(key, "none")
        keys.distinct(key, names)
    for model in values["models"]:
        for method in trained:
            if not (model.recipes / f"{method}.yaml").is_file():
                keys.refuse(
                    "models",
                    f"{model.recipes / f'{method}.yaml'}: no such recipe; drop {method}, or write it",
                )


def read_matrix(path: Path) -> Matrix:
    """Read an experiment file.

    Raises:
        KomepError: it cannot be read, has unknown keys, or axes that contradict one another; named by file and key.
    """
    file = str(path)
    keys = Keys(read_yaml(path), file, "", KEYS)
    name = keys.text("name") or path.stem
    if not NAME.fullmatch(name):
        keys.refuse("name", f"{name!r} must be {NAME_RULE}")
    methods = keys.axis("methods", METHODS, METHODS)
    trains = any(method != BASE for method in methods)
    values: dict[str, Any] = {
        "models": keys.records("models", Model),
        "methods": methods,
        "languages": keys.axis("languages", LANGUAGES, LANGUAGES if trains else ()),
        "seeds": keys.whole("seeds", (0,)),
        "benchmarks": keys.records("benchmarks", Measure),
        "release": _release(keys),
    }
    _check_axes(keys, values)
    launch = Path(keys.text("launch") or "accelerate_configs/cpu.yaml")
    if not launch.is_file():
        keys.refuse("launch", f"{launch}: no such file (paths start at the root of the clone)")
    published = keys.records("published", Published)
    for one in (p for p in published if p.model):
        keys.one_of("published", one.model, [m.name for m in values["models"]])
        keys.one_of("published", one.method, methods)
    only, processes = keys.raw.get("variants_only", False), keys.raw.get("processes")
    if not isinstance(only, bool):
        keys.refuse("variants_only", f"expected yes/no, got {only!r}")
    if processes is not None and (type(processes) is not int or processes < 1):
        keys.refuse("processes", f"{processes!r} is no whole number from 1")
    named = [_variant(one, i, file, values) for i, one in enumerate(keys.items("variants"))]
    keys.distinct("variants", [v.name for v in named])
    plain = Variant(
        "", methods, values["languages"], tuple(m.name for m in values["models"]), values["seeds"]
    )
    if only and not named:
        keys.refuse("variants_only", "there are no variants")
    stated = keys.raw.get("estimate", {})
    return Matrix(
        name=name,
        **values,
        results=Path(keys.text("results") or f"results/{name}"),
        launch=launch,
        processes=processes,
        recipe=keys.mapping("recipe"),
        variants=tuple(named if only else [plain, *named]),
        estimate=with_measured(build_record(Rates, stated, file, "estimate."), stated, path),
        slurm=build_record(Slurm, keys.raw.get("slurm", {}), file, "slurm."),
        published=published,
        caution=keys.text("caution") or "",
    )
