"""The rates that an estimate rests on: stated in an experiment file, or measured by the GPU check."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from komep_dataset.config.yaml_records import build_record, read_yaml
from komep_dataset.errors import KomepError


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates and sizes that an estimate rests on; every one is stated in the experiment file, with its source."""

    source: str = "not stated"
    measured: str = ""  # a file of measured rates, beside the experiment file or in the current folder
    devices: int = 1
    gpus: bool = False
    flops: float = 0.0  # peak operations a second of a device
    utilisation: float = 0.35  # share of it that training reaches
    startup: float = 30.0  # seconds that a training spends besides its steps: imports, loading, saving
    evaluation_startup: float = 15.0
    # `dpo.ko` or `dpo` -> tokens a second, measured
    training: Mapping[str, float] = field(default_factory=dict)
    pairs: int = 0  # of the train split, unless max_train_pairs limits them
    test_pairs: int = 0
    pair_tokens: Mapping[str, float] = field(default_factory=lambda: {"en": 400.0, "ko": 800.0})
    seconds_per_question: Mapping[str, float] = field(
        default_factory=dict
    )  # language of a benchmark, measured
    question_tokens: float = 400.0  # not shared with other questions
    reply_tokens: float = 16.0
    decode_step: float = 0.03  # seconds of one token of a batch
    batch: int = 8
    bytes_per_parameter: float = 2.0  # of a saved model
    checkpoint_bytes_per_parameter: float = 14.0  # of the one checkpoint that a training keeps

    def problems(self):
        if not 0 < self.utilisation <= 1:
            yield "utilisation", f"{self.utilisation} is not between 0 and 1"
        for name in ("devices", "batch"):
            if getattr(self, name) < 1:
                yield name, f"{getattr(self, name)} is below 1"


@dataclass(frozen=True, slots=True)
class Measured:
    """Rates of one GPU with a model of 8B, as `benchmarks.gpu.render` writes them."""

    card: str
    date: str
    source: str  # the lines that they are made of
    flops: float
    lever: Mapping[str, str]  # method -> which run its rates are of
    tokens_a_second: Mapping[str, float]
    utilisation: Mapping[str, float]
    questions_a_second: Mapping[str, float]  # by batch size, of KorMedMCQA's kind

    def problems(self):
        if self.flops <= 0:
            yield "flops", f"{self.flops} is not above 0"
        for name in ("utilisation", "questions_a_second"):
            yield from (
                (name, f"{value} is not above 0") for value in getattr(self, name).values() if value <= 0
            )
        yield from (
            ("questions_a_second", f"{n!r} is no batch size")
            for n in self.questions_a_second
            if not n.isdecimal()
        )


def with_measured(rates: Rates, stated: Collection[str], file: Path) -> Rates:
    """Rates with what their `measured` file has, where the experiment file states nothing itself.

    The lowest utilisation of any method stands for all; questions a second are those of the largest measured batch that
    is no larger than `batch`.

    Raises:
        KomepError: there is no such file, or it is none of measured rates.
    """
    if not rates.measured:
        return rates
    places = [folder / rates.measured for folder in (file.parent, Path())]
    if not (found := [place for place in places if place.is_file()]):
        raise KomepError(f"{file}: estimate.measured: {rates.measured}: no such file")
    seen = build_record(Measured, read_yaml(found[0]), str(found[0]), "")
    filled: dict[str, object] = {"flops": seen.flops}
    if seen.utilisation:
        filled["utilisation"] = min(seen.utilisation.values())
    if batches := {int(size): rate for size, rate in seen.questions_a_second.items()}:
        size = max((size for size in batches if size <= rates.batch), default=min(batches))
        filled["seconds_per_question"] = {"ko": 1 / batches[size] / rates.devices}
    levers = "; ".join(f"{method}: {lever}" for method, lever in seen.lever.items())
    source = f"measured on one {seen.card}, {seen.date} ({rates.measured}; {levers}); {rates.source}"
    return replace(rates, source=source, **{k: v for k, v in filled.items() if k not in stated})
