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
- `raw: true`: beside the readings of replies by the paper and by the robust rules a third one, of replies that are a bare letter.
- `launch`: an accelerate config. `processes`: for --num_processes. `recipe`: flags over every recipe's YAML.
- `variants`: list of {`name`, `methods`, `languages`, `models`, `seeds`: a part of each axis, `build`, `recipe`,
  `evaluation`: overrides of this variant, `release`: one of its own, such as that of a later round}. The variant that needs no name, with no override, always comes first,
  unless `variants_only: true`.
- `estimate`: rates (see `estimates.Rates`). `slurm`: {`time`, `gpus`, `cpus`, `memory`, `partition`, `account`}.
- `published`: list of {`text`, `value`, and `model`, `method`, `language`, `tested` where a cell of ours answers it}:
  figures of others to print beside ours. `caution`: printed above every table.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evaluation.experiments.estimates import Rates, with_measured
from evaluation.harness.registry import BENCHMARKS
from evaluation.statistics.comparison import READINGS
from komep_dataset.config.yaml_records import at_least, build_record, choice, nearest, read_yaml
from komep_dataset.errors import KomepError
from komep_dataset.gates.trial.registry import LISTED
from komep_dataset.pairs.options import PAIR_OPTIONS
from komep_dataset.tables.values import Scalar

BASE = "base"
METHODS = (BASE, "dpo", "orpo", "sft")
LANGUAGES = ("ko", "en")
# Options of `komep build` that change which pairs a release has, but for those of gates that need a file.
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
Problems = Iterator[tuple[str, str]]  # key, what is wrong with its value
NAME_RULE = "letters, digits, '-', '_' and single dots, beginning with a letter or digit"


@dataclass(frozen=True, slots=True)
class Model:
    """A model: `path` as `--model_name_or_path` takes it, `recipes` the folder of its METHOD.yaml."""

    name: str
    path: str
    recipes: Path
    parameters: float = 0.0  # 10^9; 0 where the rates do not need it

    def problems(self) -> Problems:
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

    def problems(self) -> Problems:
        if self.name not in BENCHMARKS:
            yield "name", f"no benchmark {self.name!r}; {nearest(self.name, list(BENCHMARKS))}"
        yield from choice("language", self.language, LANGUAGES)
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

    def problems(self) -> Problems:
        if bool(self.model) != bool(self.method):
            yield "method" if self.model else "model", "missing: a figure of ours needs `model` and `method`"
        for name, known in (("method", METHODS), ("language", LANGUAGES), ("tested", LANGUAGES)):
            yield from choice(name, getattr(self, name) or None, known)


@dataclass(frozen=True, slots=True)
class Slurm:
    """What a cell's job asks of the cluster."""

    time: str = "12:00:00"
    gpus: int = 8
    cpus: int = 0
    memory: str = ""
    partition: str = ""
    account: str = ""

    def problems(self) -> Problems:
        if not re.fullmatch(r"(\d+-)?\d+(:\d{2}){0,2}", self.time):
            yield "time", f"{self.time!r} is no time such as 12:00:00 or 1-00:00:00"
        for name in ("memory", "partition", "account"):
            if not re.fullmatch(r"[\w.,-]*", getattr(self, name)):
                yield name, f"{getattr(self, name)!r} has a character that no such name has"


def _axis(key: str, values: Sequence[Any], known: Sequence[Any]) -> Problems:
    """What is wrong with values of which each is one of `known`, once."""
    for i, value in enumerate(values):
        yield from choice(key, str(value), tuple(map(str, known)))
        if value in values[:i]:
            yield key, f"{value!r} stands twice"


def _options(key: str, options: Mapping[str, Scalar], known: Sequence[str]) -> Problems:
    return ((f"{key}.{o}", f"unknown option; {nearest(o, known)}") for o in options if o not in known)


@dataclass(frozen=True, slots=True)
class Release:
    """Where the pairs come from: a finished release, or scored generations and options to build it with."""

    path: str | None = None
    scored: tuple[str, ...] = ()
    build: Mapping[str, Scalar] = field(default_factory=dict)

    def problems(self) -> Problems:
        for path in self.scored:
            if not Path(path).exists():
                yield "scored", f"{path}: no such file or folder (paths start at the root of the clone)"
        if self.path is not None and (self.scored or self.build):
            yield "path", "a finished release cannot be built as well: drop `scored` and `build`"
        yield from _options("build", self.build, BUILD_OPTIONS)


@dataclass(frozen=True, slots=True)
class Variant:
    """A part of the axes under overrides; the one without a name has none. An axis of None is the whole one."""

    name: str = ""
    methods: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None
    build: Mapping[str, Scalar] = field(default_factory=dict)
    recipe: Mapping[str, Scalar] = field(default_factory=dict)
    evaluation: Mapping[str, Scalar] = field(default_factory=dict)
    release: Release | None = None

    def problems(self) -> Problems:
        if not NAME.fullmatch(self.name):
            yield "name", f"{self.name!r} must be {NAME_RULE}"
        yield from _options("build", self.build, BUILD_OPTIONS)
        yield from _options("evaluation", self.evaluation, EVALUATION_FLAGS)
        trains = self.build or self.recipe or self.release
        if not (trains or self.evaluation):
            yield "name", f"{self.name!r} overrides nothing: it would repeat the cells that are there"
        if trains and not self.evaluation and BASE in (self.methods or ()):
            yield "methods", "base is not trained: build and recipe options change nothing of it"


@dataclass(frozen=True, slots=True)
class Matrix:
    """A whole experiment file; the module's docstring has the meaning of each key."""

    name: str
    models: tuple[Model, ...] = ()
    methods: tuple[str, ...] = METHODS
    languages: tuple[str, ...] = LANGUAGES
    seeds: tuple[int, ...] = (0,)
    benchmarks: tuple[Measure, ...] = ()
    release: Release = Release()
    results: Path = Path("results")
    launch: Path = Path("accelerate_configs/cpu.yaml")
    processes: int | None = None
    recipe: Mapping[str, Scalar] = field(default_factory=dict)
    variants: tuple[Variant, ...] = ()
    variants_only: bool = False
    estimate: Rates = field(default_factory=Rates)
    slurm: Slurm = Slurm()
    published: tuple[Published, ...] = ()
    caution: str = ""
    raw: bool = False

    @property
    def readings(self) -> dict[str, str]:
        """How replies are read in the report: name -> what it is."""
        return ({"raw": "replies that are the bare letter"} if self.raw else {}) | READINGS

    def release_of(self, variant: Variant) -> Release:
        return variant.release or self.release

    def model(self, name: str) -> Model:
        return next(m for m in self.models if m.name == name)

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        names = tuple(m.name for m in self.models)
        return {"methods": self.methods, "languages": self.languages, "models": names, "seeds": self.seeds}

    def problems(self) -> Problems:
        """What is wrong with each value, and axes that contradict one another."""
        if not NAME.fullmatch(self.name):
            yield "name", f"{self.name!r} must be {NAME_RULE}"
        benchmarks, trained = [b.title for b in self.benchmarks], [m for m in self.methods if m != BASE]
        for key, values in {**self.axes, "benchmarks": benchmarks}.items():
            yield from _axis(key, values, {"methods": METHODS, "languages": LANGUAGES}.get(key, values))
            if not values and key not in ("languages", "seeds"):
                yield key, "none"
            elif not values and trained:
                yield key, f"none, but {', '.join(trained)} must be trained with some"
        for seed in self.seeds:
            yield from at_least("seeds", seed, 0)
        for model in self.models:
            for recipe in (model.recipes / f"{method}.yaml" for method in trained):
                if not recipe.is_file():
                    yield "models", f"{recipe}: no such recipe; drop {recipe.stem}, or write it"
        if not self.launch.is_file():
            yield "launch", f"{self.launch}: no such file (paths start at the root of the clone)"
        yield from at_least("processes", self.processes, 1)
        for i, one in enumerate(self.published):
            yield from choice(f"published[{i}].model", one.model or None, self.axes["models"])
            yield from choice(f"published[{i}].method", one.method or None, self.methods)
        yield from _axis("variants", names := [v.name for v in self.variants], names)
        for i, variant in enumerate(self.variants):
            for key, values in self.axes.items():
                yield from _axis(f"variants[{i}].{key}", getattr(variant, key) or (), values)
            if variant.build and self.release_of(variant).path is not None:
                yield (
                    f"variants[{i}].build",
                    "the release of this file is a finished one (release.path): drop it",
                )
        if self.variants_only and not self.variants:
            yield "variants_only", "there are no variants"


def read_matrix(path: Path) -> Matrix:
    """Read an experiment file.

    Raises:
        KomepError: it cannot be read, has unknown keys, or axes that contradict one another; named by file and key.
    """
    raw = read_yaml(path)
    if isinstance(raw, dict):
        raw = {"name": path.stem} | {key: value for key, value in raw.items() if value not in (None, "")}
        if raw.get("methods") == [BASE] and raw.setdefault("languages", []):
            contradiction = "base alone is not trained: a training language contradicts it; drop the key"
            raise KomepError(f"{path}: languages: {contradiction}")
    said = build_record(Matrix, raw, str(path), "")

    def whole(variant: Variant) -> Variant:
        return replace(variant, **{a: v for a, v in said.axes.items() if getattr(variant, a) is None})

    return replace(
        said,
        results=said.results / said.name if "results" not in raw else said.results,
        variants=(*(() if said.variants_only else (whole(Variant()),)), *map(whole, said.variants)),
        estimate=with_measured(said.estimate, raw.get("estimate", {}), path),
    )
