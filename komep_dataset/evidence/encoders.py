"""Texts as vectors of length 1: by a model at an endpoint, or by one in a folder here (a sentence encoder)."""

import json
import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from komep_dataset.config.evidence import Embeddings
from komep_dataset.errors import KomepError, require
from komep_dataset.inference.ask import Body, ask, request
from komep_dataset.inference.reply_log import REPLIES
from komep_dataset.inference.wire.vectors import FORMAT, vectors_of

LABEL = "evidence: embed"
MOST_TOKENS = 512  # of a text, where the model's folder sets no limit
POOLING = ("pooling_mode_cls_token", "pooling_mode_lasttoken", "pooling_mode_mean_tokens")
Encoder = Callable[[Sequence[str]], np.ndarray]


def bodies_of(texts: Sequence[str], embeddings: Embeddings, query: bool) -> list[Body]:
    """The requests for texts, `batch` of them in each; `query` says that they are what is looked for."""
    prefix = embeddings.query_prefix if query else embeddings.passage_prefix
    extra = embeddings.query_body if query else embeddings.passage_body
    size = embeddings.batch
    return [
        request({"input": [prefix + text for text in texts[i : i + size]]}, FORMAT, embeddings) | dict(extra)
        for i in range(0, len(texts), size)
    ]


def encode(texts: Sequence[str], embeddings: Embeddings, folder: Path, query: bool) -> np.ndarray:
    """Texts, at least one, as float32 vectors of length 1, a row a text; `query`: whether they are what is looked for, rather
    than what is found. The folder keeps answers until the vectors are kept (`forget`).

    Raises:
        KomepError: what `inference.ask.ask` raises, or a request that came to nothing, or a folder that holds no encoder.
    """
    if embeddings.server:
        prefix = embeddings.query_prefix if query else embeddings.passage_prefix
        found = _local(embeddings.model, embeddings.batch)([prefix + text for text in texts])
    else:
        replies = ask(dict(enumerate(bodies_of(texts, embeddings, query))), embeddings, folder, label=LABEL)
        if failed := next((reply.failure for reply in replies.values() if reply.failure), ""):
            raise KomepError(
                f"{LABEL}: {embeddings.model} gave no vectors for some texts ({failed}); what was answered is kept, and the same "
                "command asks for the rest"
            )
        parts = [vectors_of(reply.text) for reply in replies.values()]
        if len({part.shape[1] for part in parts}) > 1:
            raise KomepError(f"{LABEL}: {embeddings.model} gave vectors of different lengths; name one model")
        found = np.concatenate(parts)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def forget(folder: Path) -> None:
    """Drop the answers of an endpoint whose vectors are kept."""
    (folder / REPLIES).unlink(missing_ok=True)


@cache
def _local(model: str, batch: int) -> Encoder:
    """The encoder in a folder as sentence-transformers saves it; pooling by the mean where it says nothing."""
    require("serve", "torch", "transformers")
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = Path(model)
    try:
        tokenizer, encoder = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    except (OSError, ValueError) as error:
        raise KomepError(f"{folder}: no encoder that can be loaded ({str(error).splitlines()[0]})") from error
    own = _json(folder / "1_Pooling" / "config.json")
    pooling = next((name for name in POOLING if own.get(name)), POOLING[-1])
    limit = _json(folder / "sentence_bert_config.json").get("max_seq_length") or MOST_TOKENS
    places = getattr(encoder.config, "max_position_embeddings", math.inf)
    limit = min(limit, tokenizer.model_max_length, places)
    tokenizer.padding_side = "right"

    @torch.inference_mode()
    def vectors(texts: Sequence[str]) -> np.ndarray:
        rows = np.empty((len(texts), encoder.config.hidden_size), np.float32)
        # Texts of a length together, so that little is padded.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), batch):
            numbers = order[start : start + batch]
            words = [texts[i] for i in numbers]
            inputs = tokenizer(words, return_tensors="pt", padding=True, truncation=True, max_length=limit)
            states = encoder(**inputs).last_hidden_state
            rows[numbers] = _pooled(states, inputs["attention_mask"], pooling).numpy()
        return rows

    return vectors


def _pooled(states: Any, mask: Any, pooling: str) -> Any:
    """The vector of each text from those of its tokens."""
    if pooling == POOLING[0]:
        return states[:, 0].float()
    if pooling == POOLING[1]:
        return states[range(len(states)), mask.sum(1) - 1].float()
    kept = mask.unsqueeze(-1).float()
    return (states * kept).sum(1) / kept.sum(1)


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}
