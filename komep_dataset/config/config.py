"""pipeline.yaml as typed, frozen dataclasses: who is asked, how, and where the work lies.

Every key is known and typed. A secret is never in the file: `api_key_env` names the environment variable that
holds it, and the variable is read at the moment of a call.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from komep_dataset.config.endpoint import Endpoint, Executor, Policy
from komep_dataset.config.evidence import OF_QUESTIONS, Evidence
from komep_dataset.config.presets import fill_in
from komep_dataset.config.selection import Selection
from komep_dataset.config.yaml_records import as_yaml, at_least, build_record, choice, nearest, read_yaml
from komep_dataset.dahl import MODES
from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import no_place
from komep_dataset.pairs.strategies.registry import RULES
from komep_dataset.prompts.formats import FORMATS
from komep_dataset.schema import LANGUAGES
from komep_dataset.tables.columns import KNOWN, OF_CORPUS, OF_EVIDENCE, map_problem, renames
from komep_dataset.tables.formats import JSON, format_of, nearest_told

ALL, MAJORITY, APPEAL = AGREEMENTS = "all", "majority", "first-then-appeal"
PROTOCOLS = ("dahl-gpt", "dahl-hf", "chat")
TRANSLATION_SCOPES = ("pairs", "all")
MODELS_INSIDE = ("second_look", "evidence", "embeddings")  # keys of a judge that lead to another model
EVIDENCE = "evidence"  # in the work folder: indexes of corpora, and vectors
NEEDS_LIMIT = "a server that the stage starts needs a number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder(Endpoint):
    """A model that answers the questions; sampling values default to those that DAHL gives for open models.

    A value that is null is not sent, as DAHL sent no limit to GPT models. Without a `seed` the pipeline's counts. A `round`
    says that it is one's own model, on its way through rounds of answering and training, and in which it answers: it is
    asked the questions of the train split alone.
    `preset` names an entry of `responders.py`, which fills in what the file leaves out; `format` (of
    `prompts/formats.py`) is the plain-text prompt of a model that has no chat template.
    """

    FILL_IN: ClassVar = staticmethod(fill_in)

    name: str
    preset: str | None = None
    protocol: str = "chat"
    format: str | None = None
    temperature: float | None = 0.6
    top_p: float | None = 0.9
    max_new_tokens: int | None = 256
    seed: int | None = None
    round: int | None = None

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from Endpoint.problems(self)
        if not self.name.strip() or not self.name.isprintable():
            yield "name", f"{self.name!r} cannot be a model name"
        yield from choice("protocol", self.protocol, PROTOCOLS)
        yield from choice("format", self.format, tuple(FORMATS))
        if self.format is not None and self.protocol != "chat":
            yield "format", f"goes with the protocol chat, not with {self.protocol}, which has its own prompt"
        yield from _sampling_problems(self)
        if self.max_new_tokens is None and self.server:
            yield "max_new_tokens", NEEDS_LIMIT
        yield from at_least("round", self.round, 1)

    @property
    def folder(self) -> str:
        """The name as a folder: `meta/llama` and `meta_llama` stay apart."""
        safe = re.sub(r"[^A-Za-z0-9.-]", "_", self.name).strip(".") or "_"
        return safe if safe == self.name else f"{safe}-{hashlib.sha256(self.name.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge(Endpoint):
    """A model that works on texts: splitter, checker, translator, screener; at temperature 0 unless it is told otherwise.

    A judge that gives one verdict whatever it is asked gives others when it is sampled; they are worth no more.
    Without `max_new_tokens` the stage says how many. `top_p` and a seed, which the text and `seed` decide, are sent
    where it is sampled. In the file, null sends none.
    """

    max_new_tokens: int | None = None
    temperature: float | None = 0.0
    top_p: float | None = 1.0
    seed: int | None = None

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from Endpoint.problems(self)
        yield from _sampling_problems(self)
        if "max_new_tokens" in self.nulls and self.server:
            yield "max_new_tokens", NEEDS_LIMIT

    def limit(self, tokens: int) -> int | None:
        """The limit of a reply for which the stage has one; None where none is sent."""
        return None if "max_new_tokens" in self.nulls else self.max_new_tokens or tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Splitter(Judge):
    """The model that breaks answers up. `instruction: short` (ours) leaves conditions, marks and their worked example out, for a model
    that is too small to follow them: it repeats itself, and marks what can be checked."""

    instruction: str = "full"

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from Judge.problems(self)
        yield from choice("instruction", self.instruction, ("full", "short"))

    def keeps(self, mode: str) -> bool:
        """Whether it is told to keep conditions, and to mark what holds nothing to check."""
        return mode != "paper" and self.instruction == "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker(Judge):
    """The judge of single units; every option is ours, off by default, and none goes with the mode `paper`.

    `context: question` shows it the question; `votes` asks it so often, with other seeds, and takes the verdict
    of more than half; `structured` asks for JSON of a fixed schema where the endpoint knows that; `batch` asks
    about so many units of one response in one call; `evidence` shows it passages, by which alone it judges.
    """

    context: str | None = None
    votes: int = 1
    structured: bool = False
    batch: int = 1
    evidence: Evidence | None = None

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from Judge.problems(self)
        yield from choice("context", self.context, ("question",))
        for key in ("votes", "batch"):
            yield from at_least(key, getattr(self, key), 1)
        if self.votes > 1 and self.temperature == 0:
            yield "votes", "at temperature 0 every vote is the same; set `temperature`, such as 0.7"
        if self.votes > 1 and "seed" in self.nulls:
            yield "votes", "votes differ by their seed, which `seed: null` leaves out"
        if self.batch > 1 and (self.votes > 1 or self.structured or self.evidence):
            yield "batch", "goes neither with `votes` nor with `structured` nor with `evidence`"

    @property
    def options(self) -> tuple[str, ...]:
        """The names of the options that are on."""
        off = {"context": None, "votes": 1, "structured": False, "batch": 1, "evidence": None}
        return tuple(name for name, value in off.items() if getattr(self, name) != value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Translator(Judge):
    """The model that puts questions and answers into Korean; every key of its own is ours.

    `scope: all` translates every response, `pairs` those alone that the pair selection picks. A text of more than
    `segment_characters` goes in pieces. `glossary` is a TSV of terms (None: the one that ships). `context:
    question` shows the question with each response. `checks` gives checks of a translation, by name, the severity
    `reject`, `warn` or `off` (`translation.checks.registry` has the names). The other keys are for a local encoder-decoder model
    (`server: transformers`): the names that its tokenizer has for the two languages, and how many `beams` it
    searches with; `concurrency` is then the texts in a batch. `second_look` is a model that is asked about every
    translation that the checks let pass (`translation/second_look.py`).
    """

    scope: str = "pairs"
    segment_characters: int = 2600
    glossary: Path | None = None
    context: str | None = None
    checks: Mapping[str, Any] = field(default_factory=dict, hash=False)
    source_language: str | None = None
    target_language: str | None = None
    beams: int = 1
    second_look: Judge | None = None

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from Judge.problems(self)
        yield from choice("scope", self.scope, TRANSLATION_SCOPES)
        yield from choice("context", self.context, ("question",))
        yield from at_least("segment_characters", self.segment_characters, 20)
        yield from at_least("beams", self.beams, 1)
        if self.second_look is None and self.checks.get("second_look", "off") != "off":
            yield "checks.second_look", "there is no second look; name its model as `second_look:`"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSource:
    """Where a chained run takes its questions from (ours): a file that `komep questions` reads."""

    input: Path
    language: str = "en"
    limit: int | None = None

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from choice("language", self.language, LANGUAGES)
        yield from at_least("limit", self.limit, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """pipeline.yaml. Relative paths are relative to the folder of the file; no keys are its name, `file`, and `spending`,
    where what is spent is written down other than in the work folder. `checker` may be a list in the file: then it is the first
    here, `panel` has them all, and `agreement` says what their verdicts come to (`scores/agreement.py`). `columns` are the
    names that the user's tables have for the known ones, such as `질문: question`, and constants, such as `category: =내과`. `base` is a release
    that the answers join; `round` (no key) the last of which responders are asked."""

    NOT_KEYS: ClassVar[tuple[str, ...]] = ("file", "spending", "panel", "round")

    file: str = "the configuration"
    spending: Path | None = None
    work: Path = Path("work")
    seed: int | None = 0  # of responders that have none of their own
    mode: str = "strict"  # how `komep run` scores (ours); `komep score --mode` says it for itself
    questions: QuestionSource | None = None
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    responders: tuple[Responder, ...] = ()
    splitter: Splitter | None = None
    checker: Checker | None = None
    panel: tuple[Checker, ...] = ()
    agreement: str = APPEAL  # docs/judges.md measures them
    translator: Translator | None = None
    screener: Judge | None = None  # says which questions ask an item of a benchmark again (ours)
    selection: Selection = field(default_factory=Selection)
    base: Path | None = None
    round: int | None = None
    executor: Executor = field(default_factory=Executor)
    budget: float | None = None
    prices: Path | None = None

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from at_least("seed", self.seed, 0)
        if problem := map_problem(self.columns, KNOWN | {*OF_CORPUS}):
            yield f"columns.{problem[0]}", problem[1]
        if self.budget is not None and not (0 < self.budget < math.inf):
            yield "budget", f"{self.budget} is not an amount above 0"
        yield from choice("mode", self.mode, MODES)
        yield from choice("agreement", self.agreement, AGREEMENTS)
        names = [responder.name for responder in self.responders]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield f"responders[{index}].name", f"{name!r} stands twice; a name is the table's key"
        named = () if self.base or not names else RULES[self.selection.pairs].models(self.selection)
        for name in (one for one in named if one not in names):
            yield f"selection.pairs: {self.selection.pairs}", f"no responder {name!r}; {nearest(name, names)}"
        if self.base and self.translator and self.translator.scope == "pairs":
            why = "which answers pair is not known before they have joined `base`; set `scope: all`"
            yield "translator.scope", why

    @property
    def release(self) -> Path:
        """Where a chained run builds."""
        return self.work / (f"komep-{self.round}" if self.round else "komep")

    def rounds(self) -> dict[str, int]:
        """Responder -> its round, of those that have one."""
        return {one.name: one.round for one in self.responders if one.round}

    def up_to(self, round: int | None) -> "Config":
        """The same without the responders of later rounds; `KomepError` if none is of this one."""
        if round is None:
            return self
        if round not in (known := sorted({*self.rounds().values()})):
            raise KomepError(
                f"{self.file}: --round {round}: no responder of that round; there are {', '.join(map(str, known)) or 'none'}",
                exit_code=2,
            )
        kept = tuple(one for one in self.responders if (one.round or 0) <= round)
        return replace(self, round=round, responders=kept)

    def responder(self, name: str) -> Responder:
        """The responder of a name, with its seed filled in; `KomepError` names the nearest one."""
        named = {responder.name: responder for responder in self.responders}
        if responder := named.get(name):
            own = responder.seed is not None or "seed" in responder.nulls
            return replace(responder, seed=responder.seed if own else self.seed, policy=self.policy())
        raise KomepError(f"{self.file}: no responder {name!r}; {nearest(name, named)}", exit_code=2)

    def judge(self, role: str) -> Judge:
        """The `splitter`, `checker`, `translator` or `screener`; `KomepError` if the file does not name one."""
        judge = getattr(self, role)
        if judge is None:
            raise KomepError(f"{self.file}: `{role}:` is missing; give it an `endpoint` and a `model`")
        return _under(self.policy(), judge)

    def judges(self) -> dict[str, Checker]:
        """Every checker, in the order of the file, by its name: that of its model, with a number where another has the same."""
        found: dict[str, Checker] = {}
        for one in self.panel or (self.judge("checker"),):
            same = sum(known.model == one.model for known in found.values())
            found[f"{one.model} ({same + 1})" if same else one.model] = _under(self.policy(), one)
        return found

    def policy(self) -> Policy:
        """How this configuration wants requests to be run."""
        spending = self.spending or self.work / "spending"
        return Policy(executor=self.executor, budget=self.budget, prices=self.prices, spending=spending)


def load_config(source: Path | str | Mapping[str, Any] | Config) -> Config:
    """Read and check pipeline.yaml, or the same keys as a dict, whose relative paths are relative to where Python runs.

    Raises:
        KomepError: the file cannot be read, is not YAML, or a key is unknown (the nearest one is named),
            missing, of the wrong type or out of range; the message gives the file and the path of the key.
    """
    if isinstance(source, Config):
        return source
    if not isinstance(source, (str, Path, Mapping)):
        raise KomepError(
            f"config: give the path of a pipeline.yaml, or its keys as a dict, not {source!r:.60}", 2
        )
    of_file = not isinstance(source, Mapping)
    path = Path(source).expanduser() if of_file else Path("config")
    if of_file and not path.is_file():
        what = "is a folder; name the file in it" if path.is_dir() else f"no such file{nearest_told(path)}"
        raise KomepError(f"{path}: {what}; `komep init` writes a pipeline.yaml")
    if of_file and format_of(path) not in (None, JSON):
        told = "`komep build` reads one of scored answers, `questions: {input: …}` in a pipeline.yaml names one of questions"
        raise KomepError(
            f"{path}: is a table, and what is wanted is a pipeline.yaml (`komep init` writes one); {told}"
        )
    raw = read_yaml(path) if of_file else as_yaml(source)
    raw, panel = _panel_of({} if raw is None else raw, str(path))
    config = build_record(Config, raw, str(path), "")
    base = path.resolve().parent

    def placed(record: Any, **changed: Any) -> Any:
        """A part of the configuration with its paths, and a model that a server is to load from a folder, in full."""
        for key in ("work", "base", "prices", "input", "glossary", "corpus", "provided"):
            if given := getattr(record, key, None):
                if key == "provided" and str(given) == OF_QUESTIONS:
                    given = config.questions and config.questions.input
                    if not given:
                        raise KomepError(
                            f"{path}: evidence: provided: there is no `questions.input` whose column it could mean; name "
                            "a file, as `evidence: {provided: PATH}`"
                        )
                if what := no_place(given):
                    raise KomepError(f"{path}: {key}: {given}: {what}")
                changed[key] = base / given
        if getattr(record, "server", None) and (base / record.model).is_dir():
            changed["model"] = str((base / record.model).resolve())
        if isinstance(record, Evidence):
            changed["kept"] = base / config.work / EVIDENCE
            texts = OF_EVIDENCE if record.provided else OF_CORPUS
            columns = renames(config.columns).items()
            changed["columns"] = {new: name for new, name in columns if name in texts}
        changed |= {key: placed(inner) for key in MODELS_INSIDE if (inner := getattr(record, key, None))}
        return record and replace(record, **changed)

    roles = ("questions", "splitter", "checker", "translator", "screener")
    parts = {one: placed(getattr(config, one)) for one in roles}
    parts |= {"responders": tuple(map(placed, config.responders)), "panel": tuple(map(placed, panel))}
    return placed(config, file=str(path), selection=config.selection.placed(base), **parts)


def _panel_of(raw: Any, file: str) -> tuple[Any, tuple[Checker, ...]]:
    """A file's content with its first checker alone, and all of them where it has a list of several."""
    given = raw.get("checker") if isinstance(raw, dict) else None
    if not isinstance(given, list):
        return raw, ()
    if not given:
        raise KomepError(f"{file}: checker: an empty list; name at least one")
    panel = tuple(build_record(Checker, one, file, f"checker[{i}].") for i, one in enumerate(given))
    for index, one in enumerate(panel):
        if one in panel[:index]:
            raise KomepError(
                f"{file}: checker[{index}]: the same as checker[{panel.index(one)}]: a judge agrees with itself; name another"
            )
    return raw | {"checker": given[0]}, panel if len(panel) > 1 else ()


def _under(policy: Policy, record: Any) -> Any:
    """A judge, and whatever it asks itself, under a policy."""
    changed = {key: _under(policy, inner) for key in MODELS_INSIDE if (inner := getattr(record, key, None))}
    return replace(record, **changed | ({"policy": policy} if isinstance(record, Endpoint) else {}))


def _sampling_problems(endpoint: Responder | Judge) -> Iterator[tuple[str, str]]:
    if endpoint.temperature is not None and not (0 <= endpoint.temperature < math.inf):
        yield "temperature", f"{endpoint.temperature} is not a number from 0 up"
    if endpoint.top_p is not None and not 0 < endpoint.top_p <= 1:
        yield "top_p", f"{endpoint.top_p} is not above 0 and at most 1"
    yield from at_least("max_new_tokens", endpoint.max_new_tokens, 1)
    yield from at_least("seed", endpoint.seed, 0)
