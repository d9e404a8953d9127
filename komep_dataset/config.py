"""pipeline.yaml as typed, frozen dataclasses: who is asked, how, and where the work lies.

Every key is known and typed. A secret is never in the file: `api_key_env` names the environment variable that
holds it, and the variable is read at the moment of a call.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, get_args, get_origin
from urllib.parse import urlsplit

from komep_dataset.dahl import MODES
from komep_dataset.errors import KomepError
from komep_dataset.schema import LANGUAGES, column_types

PROTOCOLS = ("dahl-gpt", "dahl-hf", "chat")
SERVERS = ("transformers", "vllm", "sglang")
EXECUTORS = ("local", "ray", "slurm")
PAIR_RULES = ("best-worst", "all")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A model that is asked over the OpenAI protocol: at an endpoint, or at a server that the stage starts.

    `concurrency` is the most requests in flight, `timeout` the seconds that one attempt may take,
    `max_attempts` the tries of one request before its row counts as failed.
    """

    model: str
    endpoint: str | None = None
    server: str | None = None
    api_key_env: str | None = None
    concurrency: int = 64
    timeout: float = 600.0
    max_attempts: int = 8

    def problems(self) -> Iterator[tuple[str, str]]:
        """(key, what is wrong with its value) for every value that has the right type and cannot be used."""
        if not self.model.strip():
            yield "model", "empty"
        if (self.endpoint is None) == (self.server is None):
            yield "endpoint", "give either `endpoint` (a running server) or `server` (one to start)"
        if self.endpoint is not None:
            yield from _url_problems(self.endpoint)
        yield from _choice("server", self.server, SERVERS)
        if self.server in ("vllm", "sglang"):
            yield "server", f"{self.server} cannot be started yet: start it yourself and give its `endpoint`"
        if self.api_key_env is not None and not _ENV_NAME.fullmatch(self.api_key_env):
            # The value is not shown: it may be the secret itself.
            yield "api_key_env", "this is the name of an environment variable, never the key itself"
        for key in ("concurrency", "max_attempts"):
            yield from _at_least(key, getattr(self, key), 1)
        if not (self.timeout > 0 and math.isfinite(self.timeout)):
            yield "timeout", f"{self.timeout} is not a number of seconds above 0"

    def api_key(self) -> str | None:
        """The secret, read from the environment now; None when no variable is named.

        Raises `KomepError` that names the variable if it is unset, empty or no possible key.
        """
        if self.api_key_env is None:
            return None
        key = os.environ.get(self.api_key_env, "").strip()
        if not key:
            raise KomepError(
                f"the environment variable {self.api_key_env} is not set (the key for {self.model})"
            )
        if not re.fullmatch(r"[!-~]+", key):
            raise KomepError(
                f"the environment variable {self.api_key_env} holds blanks or signs that no key has"
            )
        return key


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder(Endpoint):
    """A model that answers the questions; sampling values default to those that DAHL gives for open models.

    `max_new_tokens: null` sends no limit, as DAHL did for GPT models. Without a `seed` the pipeline's counts.
    """

    name: str
    protocol: str = "chat"
    temperature: float = 0.6
    top_p: float = 0.9
    max_new_tokens: int | None = 256
    seed: int | None = None

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from Endpoint.problems(self)
        if not self.name.strip() or not self.name.isprintable():
            yield "name", f"{self.name!r} cannot be a model name"
        yield from _choice("protocol", self.protocol, PROTOCOLS)
        if not (0 <= self.temperature < math.inf):
            yield "temperature", f"{self.temperature} is not a number from 0 up"
        if not 0 < self.top_p <= 1:
            yield "top_p", f"{self.top_p} is not above 0 and at most 1"
        if self.max_new_tokens is not None:
            yield from _at_least("max_new_tokens", self.max_new_tokens, 1)
        elif self.server:
            yield "max_new_tokens", "a server that the stage starts needs a number"
        if self.seed is not None:
            yield from _at_least("seed", self.seed, 0)

    @property
    def folder(self) -> str:
        """The name as a folder: `meta/llama` and `meta_llama` stay apart."""
        return _folder(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge(Endpoint):
    """A model that works on texts: splitter, checker or translator; at temperature 0 unless it is told otherwise.

    A judge that gives one verdict whatever it is asked gives others when it is sampled; they are worth no more.
    """

    max_new_tokens: int | None = None
    temperature: float = 0.0

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from Endpoint.problems(self)
        if not (0 <= self.temperature < math.inf):
            yield "temperature", f"{self.temperature} is not a number from 0 up"
        if self.max_new_tokens is not None:
            yield from _at_least("max_new_tokens", self.max_new_tokens, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSource:
    """Where a chained run takes its questions from (ours): a file that `komep questions` reads."""

    input: Path
    language: str = "en"
    limit: int | None = None

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from _choice("language", self.language, LANGUAGES)
        if self.limit is not None:
            yield from _at_least("limit", self.limit, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """How pairs are chosen."""

    min_margin: float = 0.0
    pairs: str = "best-worst"

    def problems(self) -> Iterator[tuple[str, str]]:
        if not 0 <= self.min_margin <= 1:
            yield "min_margin", f"{self.min_margin} is not from 0 to 1"
        yield from _choice("pairs", self.pairs, PAIR_RULES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """Where the LLM stages run."""

    kind: str = "local"

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from _choice("kind", self.kind, EXECUTORS)
        if self.kind in ("ray", "slurm"):
            yield "kind", f"{self.kind} is not supported yet: the stages run in one local process"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """pipeline.yaml. Relative paths are relative to the folder of the file; `file` is its name, and no key."""

    NOT_KEYS: ClassVar[tuple[str, ...]] = ("file",)

    file: str = "the configuration"
    work: Path = Path("work")
    seed: int = 0
    mode: str = "strict"  # how `komep run` scores (ours); `komep score --mode` says it for itself
    questions: QuestionSource | None = None
    responders: tuple[Responder, ...] = ()
    splitter: Judge | None = None
    checker: Judge | None = None
    translator: Judge | None = None
    selection: Selection = field(default_factory=Selection)
    executor: Executor = field(default_factory=Executor)

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from _at_least("seed", self.seed, 0)
        yield from _choice("mode", self.mode, MODES)
        seen: set[str] = set()
        for index, responder in enumerate(self.responders):
            if responder.name in seen:
                yield (
                    f"responders[{index}].name",
                    f"{responder.name!r} stands twice; a name is the table's key",
                )
            seen.add(responder.name)

    def responder(self, name: str) -> Responder:
        """The responder of a name, with its seed filled in; `KomepError` names the nearest one."""
        for responder in self.responders:
            if responder.name == name:
                return replace(responder, seed=self.seed if responder.seed is None else responder.seed)
        names = [responder.name for responder in self.responders]
        raise KomepError(f"{self.file}: no responder {name!r}; {_nearest(name, names)}", exit_code=2)

    def judge(self, role: str) -> Judge:
        """The `splitter`, `checker` or `translator`; `KomepError` if the file does not name one."""
        judge = getattr(self, role)
        if judge is None:
            raise KomepError(f"{self.file}: `{role}:` is missing; give it an `endpoint` and a `model`")
        return judge


def load_config(path: Path) -> Config:
    """Read and check pipeline.yaml.

    Raises:
        KomepError: the file cannot be read, is not YAML, or a key is unknown (the nearest one is named),
            missing, of the wrong type or out of range; the message gives the file and the path of the key.
    """
    raw = _read_yaml(path)
    config = _build(Config, {} if raw is None else raw, str(path), "")
    base = path.resolve().parent
    config = replace(config, work=base / config.work, file=str(path))
    if config.questions:
        config = replace(config, questions=replace(config.questions, input=base / config.questions.input))
    return _resolve_models(config, base)


def _resolve_models(config: Config, base: Path) -> Config:
    """Turn the model of a server to start into a full path where it is a folder beside the file."""

    def resolved(endpoint):
        if endpoint is None or not endpoint.server or not (base / endpoint.model).is_dir():
            return endpoint
        return replace(endpoint, model=str((base / endpoint.model).resolve()))

    return replace(
        config,
        responders=tuple(resolved(r) for r in config.responders),
        splitter=resolved(config.splitter),
        checker=resolved(config.checker),
        translator=resolved(config.translator),
    )


def _read_yaml(path: Path) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """SafeLoader that refuses a key that stands twice, where YAML would silently take the last."""

    def mapping(loader, node, deep=False):
        keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
        for index, key in enumerate(keys):
            if key in keys[:index]:
                line = node.value[index][0].start_mark.line + 1
                raise KomepError(f"{path}:{line}: the key {key!r} stands twice")
        return yaml.SafeLoader.construct_mapping(loader, node, deep=True)

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        return yaml.load(path.read_text("utf-8"), Loader)  # Loader is a SafeLoader
    except OSError as error:
        raise KomepError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise KomepError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise KomepError(f"{place}: not YAML ({getattr(error, 'problem', None) or 'unreadable'})") from error


def _build(cls: type, raw: Any, file: str, where: str) -> Any:
    """A mapping as a dataclass; `where` is the path of its key, with a dot at the end unless empty."""
    if not isinstance(raw, dict):
        raise KomepError(
            f"{file}: {where.rstrip('.') or 'the file'}: expected keys and values, got {_kind(raw)}"
        )
    types, values = column_types(cls), {}
    for name in getattr(cls, "NOT_KEYS", ()):
        del types[name]
    for key in raw:
        if key not in types:
            raise KomepError(f"{file}: {where}{key}: unknown key; {_nearest(str(key), list(types))}")
    for item in fields(cls):
        if item.name in raw and item.name in types:
            hint, nullable = types[item.name]
            values[item.name] = _value(hint, nullable, raw[item.name], file, f"{where}{item.name}")
        elif item.default is MISSING and item.default_factory is MISSING:
            raise KomepError(f"{file}: {where}{item.name}: missing")
    built = cls(**values)
    for key, problem in built.problems():
        raise KomepError(f"{file}: {where}{key}: {problem}")
    return built


def _value(hint: Any, nullable: bool, raw: Any, file: str, where: str) -> Any:
    if raw is None and nullable:
        return None
    if is_dataclass(hint):
        return _build(hint, raw, file, f"{where}.")
    if get_origin(hint) is tuple:
        if not isinstance(raw, list):
            raise KomepError(f"{file}: {where}: expected a list, got {_kind(raw)}")
        return tuple(_build(get_args(hint)[0], one, file, f"{where}[{i}].") for i, one in enumerate(raw))
    wanted = {Path: str, float: (int, float)}.get(hint, hint)
    if not isinstance(raw, wanted) or isinstance(raw, bool):
        name = {str: "text", Path: "a path", int: "a whole number", float: "a number"}[hint]
        shown = "" if "key" in where or not isinstance(raw, (str, int, float)) else f" ({raw!r})"
        raise KomepError(f"{file}: {where}: expected {name}, got {_kind(raw)}{shown}")
    return hint(raw)


def _kind(raw: Any) -> str:
    """What a YAML value is, in the reader's words."""
    names = {dict: "keys and values", list: "a list", str: "text", bool: "yes/no", type(None): "nothing"}
    names |= {int: "a number", float: "a fraction"}
    return names.get(type(raw), f"a {type(raw).__name__}")


def _nearest(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
    return f"did you mean {close[0]!r}?" if close else "none is configured"


def _choice(key: str, value: str | None, known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if value is not None and value not in known:
        yield key, f"{value!r} is none of {', '.join(known)}; {_nearest(value, list(known))}"


def _at_least(key: str, value: int, least: int) -> Iterator[tuple[str, str]]:
    if value < least:
        yield key, f"{value} is below {least}"


def _url_problems(url: str) -> Iterator[tuple[str, str]]:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable, parts = False, urlsplit("")
    if parts.username or parts.password or parts.query or parts.fragment:
        # Not shown: it may hold a secret.
        yield (
            "endpoint",
            "no user name, password or query in the address; a key goes where `api_key_env` says",
        )
    elif not usable:
        yield "endpoint", f"{url!r} is no address such as https://host/v1"


def _folder(name: str) -> str:
    import hashlib

    safe = re.sub(r"[^A-Za-z0-9.-]", "_", name).strip(".") or "_"
    return safe if safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
