"""What a training and an evaluation will take, from stated rates, with the arithmetic to read.

Two kinds of rates. Measured ones: tokens a second of each method on this machine (`training`), which is what a CPU run
states. Derived ones: parameters x operations a token / (devices x `flops` x `utilisation`), which is what is stated
where nothing was measured; `measured` names a file like docs/gpu/rates.yaml, which has `flops` and `utilisation` of a
card and its seconds a question. A training of n pairs sees n x `pair_tokens[language]` tokens an epoch (both answers,
each with its prompt; SFT sees half of them), an evaluation reads `question_tokens` and writes `reply_tokens` a question.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from komep_dataset.config.yaml_records import build_record, read_yaml
from komep_dataset.errors import KomepError

# Operations a parameter and token: forward 2, backward 4, forward again for activation checkpointing 2; DPO asks the
# reference once more (2). With LoRA a backward pass has no gradients of the weights (2 less).
OPERATIONS = {"dpo": 10, "orpo": 8, "sft": 8}
SIDES = {"dpo": 1.0, "orpo": 1.0, "sft": 0.5}  # share of a pair's tokens that a method trains on


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates and sizes that an estimate rests on; every one is stated in the experiment file, with its source."""

    source: str = "not stated"
    measured: str = ""  # a file of measured rates, beside the experiment file or in the current folder
    devices: int = 1
    gpus: bool = False
    flops: float = 0.0  # peak operations a second of a device
    utilisation: float = 0.35  # share of it that training reaches
    utilisation_of: str = ""  # what it was measured on, where it was
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
        method = min(seen.utilisation, key=seen.utilisation.get)
        filled["utilisation"] = seen.utilisation[method]
        filled["utilisation_of"] = f"{method}, {seen.lever.get(method, 'lever not told')}"
    if batches := {int(size): rate for size, rate in seen.questions_a_second.items()}:
        size = max((size for size in batches if size <= rates.batch), default=min(batches))
        filled["seconds_per_question"] = {"ko": 1 / batches[size] / rates.devices}
    levers = "; ".join(f"{method}: {lever}" for method, lever in seen.lever.items())
    source = f"measured on one {seen.card}, {seen.date} ({rates.measured}; {levers}); {rates.source}"
    return replace(rates, source=source, **{k: v for k, v in filled.items() if k not in stated})


def training_cost(
    rates: Rates, method: str, training: Mapping[str, Any], parameters: float
) -> tuple[float, str]:
    """Seconds of a training as a cell's config defines it, and the sum as text; `parameters` in 10^9."""
    language, flags = training["language"], training["flags"]
    limit, held = flags.get("max_train_pairs"), flags.get("max_test_pairs")
    pairs = rates.pairs if limit is None else min(int(limit), rates.pairs or int(limit))
    test = rates.test_pairs if held is None else min(int(held), rates.test_pairs or int(held))
    tokens, times = rates.pair_tokens.get(language, 0.0), epochs(training)
    lora = setting(training, "use_peft", False) is True
    per_second, shown = training_speed(rates, method, language, parameters, lora)
    # The held-out pairs are read twice, forward alone: a third of what training on them takes.
    seconds = rates.startup + (times * pairs * SIDES[method] + 2 * test / 3) * tokens / per_second
    side = "" if SIDES[method] == 1 else f" x {SIDES[method]:g} (one answer)"
    return seconds, (
        f"{method} {language}: {rates.startup:.0f} s start + ({times:g} epoch(s) x {pairs:,} pairs x "
        f"{tokens:,.0f} tokens{side} + "
        f"2 x {test:,} held-out pairs x {tokens:,.0f} / 3) / {per_second:,.0f} tokens/s{shown} = {seconds:,.0f} s"
    )


def epochs(training: Mapping[str, Any]) -> float:
    """`num_train_epochs` of a training; the trainers' default is 3."""
    return float(setting(training, "num_train_epochs", 3))


def setting(training: Mapping[str, Any], name: str, default: Any) -> Any:
    """A flag of a training: the experiment's, else the recipe's, else the default."""
    return training["flags"].get(name, (read_yaml(Path(training["recipe"])) or {}).get(name, default))


def training_speed(
    rates: Rates, method: str, language: str, parameters: float, lora: bool = False
) -> tuple[float, str]:
    """Tokens a second of all devices together, and how that follows from the rates."""
    for name in (f"{method}.{language}", method):
        if name in rates.training:
            return rates.training[name], ""
    if not (rates.flops and parameters):
        return 1000.0, " (no rate stated: a guess)"
    operations = OPERATIONS[method] - 2 * lora
    speed = rates.devices * rates.flops * rates.utilisation / (operations * parameters * 1e9)
    measured = rates.utilisation_of and f" (measured: {rates.utilisation_of})"
    return speed, (
        f" (= {rates.devices} x {rates.flops / 1e12:.0f} TFLOP/s x {rates.utilisation:g}{measured} / "
        f"({operations} x {parameters:g} x 10^9){', LoRA' * lora or ', all weights'})"
    )


def evaluation_cost(rates: Rates, title: str, n: int, language: str, parameters: float) -> tuple[float, str]:
    """Seconds of one evaluation of n questions, and the sum as text; `parameters` in 10^9."""
    start = rates.evaluation_startup
    if language in rates.seconds_per_question:
        each = rates.seconds_per_question[language]
        return (
            start + n * each,
            f"{title}: {start:.0f} s start + {n:,} questions x {each:.4g} s = {start + n * each:,.0f} s",
        )
    if not (rates.flops and parameters):
        return start + n, f"{title}: {start:.0f} s start + {n:,} questions x 1 s (no rate stated: a guess)"
    # Prompts run at half of training's share of the peak; a token of a reply waits for one pass over the weights.
    reading = (
        2 * parameters * 1e9 * rates.question_tokens / (rates.devices * rates.flops * rates.utilisation / 2)
    )
    writing = rates.reply_tokens * rates.decode_step / rates.batch / rates.devices
    seconds = start + n * (reading + writing)
    return seconds, (
        f"{title}: {start:.0f} s start + {n:,} questions x (2 x {parameters:g} x 10^9 x "
        f"{rates.question_tokens:.0f} tokens / ({rates.devices} x {rates.flops / 1e12:.0f} TFLOP/s x "
        f"{rates.utilisation / 2:g}) + {rates.reply_tokens:.0f} tokens x {rates.decode_step:g} s / {rates.batch} / "
        f"{rates.devices}) = {seconds:,.0f} s"
    )


def duration(seconds: float) -> str:
    """Seconds as `50 s`, `12 min` or `3.4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
