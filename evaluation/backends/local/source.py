"""Which weights a name stands for: a commit on the Hub or the files of a folder, and the base beneath an adapter."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers.utils import cached_file, find_adapter_config_file
from transformers.utils.hub import extract_commit_hash

from komep_dataset.errors import KomepError
from komep_dataset.inference.servers import model_fingerprint
from komep_dataset.inference.weights import without_text_model

SERVE = "--backend openai --endpoint http://127.0.0.1:8000/v1"
UNLOADABLE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ImportError,
    RuntimeError,
    SafetensorError,
)


@dataclass(frozen=True, slots=True)
class Source:
    """A model by its name, its commit (None: a folder), and what it is an adapter of."""

    name: str
    commit: str | None = None
    base: "Source | None" = None

    @property
    def fingerprint(self) -> str:
        """Another text for other weights: by commits, or by names, sizes and times of files."""
        own = self.commit or model_fingerprint(self.name)
        return own if self.base is None else f"{own} over {self.base.fingerprint}"

    def facts(self) -> dict[str, Any]:
        """What `results.json` says of it."""
        base = {"base": self.base.name, "base_commit": self.base.commit} if self.base else {}
        return {"commit": self.commit, **base}


def find_source(model: str, revision: str | None = None, named: str | None = None) -> Source:
    """Look where a model comes from; of a name on the Hub its config alone is fetched.

    Args:
        model: a folder, or an id on the Hub.
        revision: branch, tag or commit there.
        named: how messages call the model.

    Raises:
        KomepError: there is no such model or revision, or an adapter without a base that can be loaded.
    """
    named = named or f"--model {model}"
    folder = Path(model).is_dir()
    where = {} if folder or revision is None else {"revision": revision}
    try:
        whole = folder and (Path(model) / "config.json").is_file()
        found = None if whole else find_adapter_config_file(model, **where)
        adapter = found and json.loads(Path(found).read_text("utf-8"))
        commit = None
        if not folder:
            commit = extract_commit_hash(found or cached_file(model, "config.json", **where), None)
            if commit is None:
                raise OSError(f"no config.json at revision {revision or 'main'}")
    except UNLOADABLE as error:
        raise unloadable(named, error) from None
    if adapter is None:
        return Source(model, commit)
    if not isinstance(adapter, dict) or not isinstance(base := adapter.get("base_model_name_or_path"), str):
        raise KomepError(
            f"{named}: adapter_config.json names no base (base_model_name_or_path); enter the one it was trained over"
        )
    beneath = find_source(base, adapter.get("revision"), f"{named}: its base {base}")
    if beneath.base is not None:
        raise KomepError(
            f"{named}: its base {base} is an adapter too; merge that one into its model first (peft's merge_and_unload)"
        )
    return Source(model, commit, beneath)


def unloadable(named: str, error: Exception) -> KomepError:
    """The error for a model, as messages call it, that cannot be loaded, with the reason in one line."""
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    if kind := without_text_model(error):
        return KomepError(
            f"{named}: {kind}. Serve it (vllm serve MODEL) and take {SERVE}, or take the text model of its family"
        )
    return KomepError(f"{named}: neither a model folder nor an id on the Hub that can be loaded ({reason})")
