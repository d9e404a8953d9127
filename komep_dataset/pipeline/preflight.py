"""What can be checked of a run before its first call is paid for: keys, addresses, model names, tokenizers, prices.

The models of a configuration enter, all that is wrong with any of them leaves as one error. A model that passed before and has
answered in the work folder is passed over: a run goes on from its replies although endpoint and key may be gone.
"""

import asyncio
import difflib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from komep_dataset.config.config import Config, Endpoint
from komep_dataset.errors import KomepError, require
from komep_dataset.evidence.readiness import faults_of
from komep_dataset.evidence.vectors import SUFFIX
from komep_dataset.files.outputs import json_with, read_own_json, write_json
from komep_dataset.inference.costs import load_prices
from komep_dataset.inference.reply_log import logs_of
from komep_dataset.pipeline.screening import STAGE as SCREEN
from komep_dataset.pipeline.tokens import token_counter
from komep_dataset.progress import tell
from komep_dataset.responses import responder_folder
from komep_dataset.scores.scoring import STAGE as SCORE
from komep_dataset.system import run_async
from komep_dataset.translation.checks.second_look import SECOND_LOOK
from komep_dataset.translation.stage import STAGE as TRANSLATE

PASSED, PASSED_MARK = "preflight.json", json_with("passed")  # in the work folder: who was found right there


@dataclass(frozen=True, slots=True)
class Role:
    """What a model of the configuration is there for, and where its replies are kept."""

    name: str
    endpoint: Endpoint
    folder: Path

    @property
    def identity(self) -> str:
        one = self.endpoint
        return " ".join(map(str, (self.name, one.endpoint or one.server, one.model, one.api_key_env)))

    def has_answered(self) -> bool:
        kept = (*logs_of(self.folder), *self.folder.glob(f"*{SUFFIX}"))
        return any(path.is_file() and path.stat().st_size for path in kept)


def roles_of_run(config: Config) -> Iterator[Role]:
    """Every model that `komep run` asks."""
    for responder in (config.responder(one.name) for one in config.responders):
        yield Role(f"responder {responder.name}", responder, responder_folder(config, responder))
    yield from roles_of_score(config)
    if config.translator:
        yield from roles_of_translate(config)
    if config.screener:
        yield from roles_of_screen(config)


def roles_of_screen(config: Config) -> Iterator[Role]:
    """The model that `komep screen` asks; `KomepError` where what finds the items near a question is not installed."""
    require("evidence", "tantivy", "kiwipiepy")
    yield Role("screener", config.judge("screener"), config.work / SCREEN)


def roles_of_score(config: Config) -> Iterator[Role]:
    """The models that `komep score` asks."""
    yield Role("splitter", config.judge("splitter"), config.work / SCORE / "split")
    yield from roles_of_judges(config, config.work / SCORE / "check")


def roles_of_judges(config: Config, folder: Path) -> Iterator[Role]:
    """The checkers, whose replies are kept in a folder, and whatever finds their passages."""
    judges = list(config.judges().values())
    for place, judge in enumerate(judges):
        name = f"checker[{place}]" if len(judges) > 1 else "checker"
        yield Role(name, judge, folder)
        if (evidence := judge.evidence) and evidence.embeddings:
            yield Role(f"{name}.evidence.embeddings", evidence.embeddings, evidence.kept)


def roles_of_translate(config: Config) -> Iterator[Role]:
    """The models that `komep translate` asks."""
    translator, folder = config.judge("translator"), config.work / TRANSLATE
    yield Role("translator", translator, folder)
    if look := translator.second_look:
        yield Role("translator.second_look", look, folder / SECOND_LOOK.name)


def preflight(config: Config, roles: Iterable[Role]) -> None:
    """Check what a run needs of its models, before it asks any of them.

    Raises:
        KomepError: all that is wrong, one line a role: a key variable that is not set, a tokenizer that is not there, a
            budget without the model's price; an address that nobody answers at within 5 s, that refuses the key, or whose
            list of models has no such model; texts of evidence that cannot be read.
    """
    known = read_own_json(config.work / PASSED)
    known = known["passed"] if isinstance(known, dict) and "passed" in known else None
    named = {role.identity: role for role in roles}
    new = set() if known is None else named.keys() - known
    roles = [role for identity, role in named.items() if identity in new or not role.has_answered()]
    faults = [f"{role.name}: {fault}" for role in roles for fault in _at_home(role.endpoint)]
    for role in named.values():  # texts may be others than before
        evidence = getattr(role.endpoint, "evidence", None)
        faults += [f"{role.name}: {fault}" for fault in faults_of(evidence)] if evidence else []
    asked: dict[tuple[str, str | None], list[Role]] = {}
    for role in [] if faults else roles:
        endpoint = role.endpoint
        if endpoint.endpoint and endpoint.policy.executor.kind == "local":
            asked.setdefault((endpoint.endpoint, endpoint.api_key_env), []).append(role)
    if asked:
        require("llm", "datatrove", "aiohttp")
        faults += run_async(_asked(asked.values()))
    if faults:
        raise KomepError("before anything was asked or paid for:\n" + "\n".join(faults))
    passed = sorted({*(known or ()), *named})
    if passed != known:
        config.work.mkdir(parents=True, exist_ok=True)
        write_json(config.work / PASSED, {"passed": passed}, PASSED_MARK)


def _at_home(endpoint: Endpoint) -> Iterator[str]:
    """What is wrong on this machine."""
    try:
        endpoint.api_key()
        budget, prices = endpoint.policy.budget, endpoint.policy.prices
        if budget is not None and load_prices(prices).price_of(endpoint) is None:
            yield f"`budget` needs the price of {endpoint.model!r}; name a table that has it as `prices:`, or leave `budget` out"
    except KomepError as error:
        yield str(error)
    if endpoint.tokenizer:
        try:
            token_counter(endpoint)
        except KomepError as error:
            yield str(error)


async def _asked(groups: Iterable[list[Role]]) -> list[str]:
    return [fault for found in await asyncio.gather(*map(_faults_of, groups)) for fault in found]


async def _faults_of(roles: list[Role]) -> list[str]:
    """What is wrong with one address and key, for every role that has them."""
    from komep_dataset.inference.wire.reach import UnreachedError, models_at, session_at

    endpoint = roles[0].endpoint
    secret, url = endpoint.api_key(), endpoint.endpoint
    names, for_batches = ", ".join(dict.fromkeys(role.name for role in roles)), 0
    async with session_at(url, secret) as got:
        try:
            status, content = await models_at(got)
        except UnreachedError as error:
            return [f"{names}: {url} cannot be reached {error}"]
        if by_batch := [role.name for role in roles if role.endpoint.batch_api]:
            with suppress(Exception):
                for_batches, _ = await got("/batches")
    if status == 401:
        key = f"the key in {endpoint.api_key_env}" if secret else "a request without a key; set `api_key_env`"
        return [f"{names}: {url} refuses {key}"]
    if for_batches in (404, 405, 501):
        what = f"has no batches (HTTP {for_batches}); leave `batch_api` out"
        return [f"{', '.join(by_batch)}: {url} {what}"]
    if status == 403:
        tell(
            f"note: {names}: {url} shows this key no list of models (HTTP 403); whether it may ask them shows at the first "
            "request"
        )
    known = _models_in(content) if status == 200 else []
    wanted = ((role.name, role.endpoint.model) for role in roles if known)
    lost = ((name, model) for name, model in wanted if not any(_same_model(model, one) for one in known))
    return [f"{name}: {url} has no model {model!r}; {_nearest(model, known)}" for name, model in lost]


def _models_in(content: bytes) -> list[str]:
    """The names in a list of models; [] where it is none."""
    try:
        return [one["id"] for one in json.loads(content)["data"] if isinstance(one["id"], str)]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []


def _same_model(wanted: str, listed: str) -> bool:
    """Whether an endpoint that lists a name may take another for it: an alias of a dated version, a pattern of a gateway."""
    wanted, listed = wanted.casefold(), listed.casefold()
    return fnmatchcase(wanted, listed) or wanted.startswith(listed) or listed.startswith(wanted)


def _nearest(model: str, known: list[str]) -> str:
    close = difflib.get_close_matches(model, known, n=1)
    shown = ", ".join(known[:10]) + (", …" if len(known) > 10 else "")
    return f"did you mean {close[0]!r}?" if close else f"it has {shown}"
