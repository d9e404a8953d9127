"""Who is asked, and where from: the parts of pipeline.yaml that every model in it shares."""

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from komep_dataset.config.yaml_records import at_least, choice
from komep_dataset.errors import KomepError

SERVERS = ("transformers", "vllm", "sglang")
EXECUTORS = ("local", "ray", "slurm")
SHORTEST_KEY = 8  # characters (ours)
# What `extra_body` may not set, and its own key where it has one: the texts, and what changes the shape of an answer.
OURS = {"model": "model", "messages": "", "prompt": "", "input": "", "n": ""}
OURS |= {"temperature": "temperature", "top_p": "top_p", "seed": "seed", "max_tokens": "max_new_tokens"}
# What a query in an address may not be: by its name, or by a value that is longer than a version or a region.
_SECRET = re.compile("(?i)key|token|secret|sig|pass|pwd|auth|code|cred|user|session")
_PLAIN = re.compile(r"[\w.:-]{1,24}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Keys that messages name and that `python -m evaluation.run` has as options.
_OPTION = re.compile("`(endpoint|model|api_key_env|concurrency|max_new_tokens)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """Where requests are sent from: `workers` processes here, on a Ray cluster, or as a Slurm array.

    An endpoint's `concurrency` holds for all workers together. `partition`, `time`, `qos` and `setup` (a shell
    line that runs before the worker) are Slurm's; `cpus`, `memory_gb` and `gpus` are what one worker reserves.
    """

    kind: str = "local"
    workers: int = 1
    cpus: int = 1
    memory_gb: int = 2
    gpus: int = 0
    partition: str | None = None
    time: str = "24:00:00"
    qos: str | None = None
    setup: str | None = None

    def problems(self) -> Iterator[tuple[str, str]]:
        yield from choice("kind", self.kind, EXECUTORS)
        for key in ("workers", "cpus", "memory_gb"):
            yield from at_least(key, getattr(self, key), 1)
        yield from at_least("gpus", self.gpus, 0)
        if self.kind == "slurm" and not self.partition:
            yield "partition", "Slurm needs one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How requests are run, whatever they ask; no answer depends on it.

    `budget` is in the currency of the table `prices` (None: the table that ships); `spending` is the folder where
    what was spent is written down, None for nowhere, and then there is no budget.
    """

    executor: Executor = field(default_factory=Executor)
    budget: float | None = None
    prices: Path | None = None
    spending: Path | None = None

    def __post_init__(self) -> None:
        if self.budget is not None and self.spending is None:
            raise ValueError("a budget needs a folder in which is written down what was spent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A model that is asked over the OpenAI protocol: at an endpoint, or at a server that the stage starts.

    `concurrency` is the most requests in flight, `timeout` the seconds that one attempt may take,
    `max_attempts` the tries of one request before its row counts as failed. `tokenizer` is a folder or file
    (`tokenizer.json`) that `--estimate` counts with; `gpus` is what a server of ours spreads the model over.
    `batch_api` sends a stage's requests as files of a batch, at a lower price and within a day (`inference/batch.py`).
    `extra_body` goes into every request as it is. `nulls` are the keys that the file sets to null: sampling values
    among them are left out of every request.
    """

    NOT_KEYS: ClassVar[tuple[str, ...]] = ("policy", "nulls")

    model: str
    endpoint: str | None = None
    server: str | None = None
    api_key_env: str | None = None
    concurrency: int = 64
    timeout: float = 600.0
    max_attempts: int = 8
    tokenizer: str | None = None
    gpus: int = 1
    batch_api: bool = False
    extra_body: Mapping[str, Any] = field(default_factory=dict, hash=False)
    nulls: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)

    def problems(self) -> Iterator[tuple[str, str]]:
        """(key, what is wrong with its value) for every value that has the right type and cannot be used."""
        if not self.model.strip():
            yield "model", "empty"
        if (self.endpoint is None) == (self.server is None):
            yield "endpoint", "give either `endpoint` (a running server) or `server` (one to start)"
        if self.endpoint is not None:
            yield from _url_problems(self.endpoint)
        if self.batch_api and self.server:
            yield "batch_api", "a server that the stage starts has no batches; leave it out"
        yield from choice("server", self.server, SERVERS)
        if self.api_key_env is not None and not _ENV_NAME.fullmatch(self.api_key_env):
            # The value is not shown: it may be the secret itself.
            yield "api_key_env", "this is the name of an environment variable, never the key itself"
        for key in ("concurrency", "max_attempts", "gpus"):
            yield from at_least(key, getattr(self, key), 1)
        if not (self.timeout > 0 and math.isfinite(self.timeout)):
            yield "timeout", f"{self.timeout} is not a number of seconds above 0"
        for name in self.extra_body:
            if name in OURS:
                way = f"; it has a key of its own: `{OURS[name]}`" if OURS[name] else ""
                yield f"extra_body.{name}", f"cannot be set here{way}"
        limit = self.extra_body.get("max_completion_tokens", 1)
        if type(limit) is not int or limit < 1:
            yield "extra_body.max_completion_tokens", f"{limit!r} is no whole number from 1 up"
        try:
            json.dumps(dict(self.extra_body), allow_nan=False)
        except (TypeError, ValueError) as error:
            yield "extra_body", f"no JSON ({error})"

    @property
    def in_flight(self) -> int:
        """The most requests in flight.

        `transformers serve` answers one request after the other, and its seed is one for the process.
        """
        return 1 if self.server == "transformers" else self.concurrency

    @property
    def in_file(self) -> bool:
        """Whether a pipeline.yaml has it; a bare endpoint is an evaluation's, which has options."""
        return type(self) is not Endpoint

    def worded(self, said: str) -> str:
        """A message that names keys of pipeline.yaml, with options in their place where there is no such file.

        >>> Endpoint(model="m").worded("set `api_key_env`")
        'set --api-key-env'
        """
        return said if self.in_file else _OPTION.sub(lambda key: f"--{key[1].replace('_', '-')}", said)

    def workers_for(self, requests: int) -> int:
        """How many workers ask so many requests, at least one."""
        return max(1, min(self.policy.executor.workers, self.in_flight, requests))

    def api_key(self) -> str | None:
        """The secret, read from the environment now; None when no variable is named.

        Raises `KomepError` that names the variable if it is unset, empty, no possible key or too short to be masked.
        """
        if self.api_key_env is None:
            return None
        key = os.environ.get(self.api_key_env, "").strip()
        variable = f"the environment variable {self.api_key_env}"
        if not key:
            raise KomepError(f"{variable} is not set (the key for {self.model})")
        if not re.fullmatch(r"[!-~]+", key):
            raise KomepError(f"{variable} holds blanks or signs that no key has")
        if len(key) < SHORTEST_KEY:
            said = f"{variable} holds fewer than {SHORTEST_KEY} characters: too few to be told from the words of an answer, where "
            hint = "an echo of the key is masked; for a server that wants no key leave `api_key_env` out, else give it a longer key"
            raise KomepError(said + self.worded(hint))
        return key


def _url_problems(url: str) -> Iterator[tuple[str, str]]:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable, parts = False, urlsplit("")
    query = parse_qsl(parts.query, True)
    secret = any(_SECRET.search(name) or not _PLAIN.fullmatch(value) for name, value in query)
    if parts.username or parts.password or secret or parts.fragment:
        # Not shown: it may hold a secret.
        why = "no user name, no key and no long value in the address (such as `?key=…`): the variable that `api_key_env` names "
        yield "endpoint", f"{why}holds the key, which is sent in a header"
    elif not usable:
        yield "endpoint", f"{url!r} is no address such as https://host/v1"
