"""A local encoder-decoder model as translator (Marian, NLLB, M2M100, mBART, T5), in this process.

`transformers serve` cannot serve these, and they follow no instruction: they are sent the bare text of a piece.
Replies are kept as they come in the same log as those of an endpoint, batch by batch, so that a kill costs one
batch. The model is a folder on this machine, or in the Hub's cache: safetensors, no code of its own.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from komep_dataset.config.config import Translator
from komep_dataset.errors import KomepError, require
from komep_dataset.inference.ask import Body, Key, keys_of
from komep_dataset.inference.reply_log import REPLIES, Reply, no_reply, open_log
from komep_dataset.inference.weights import check_whole, weights_fault
from komep_dataset.progress import progress_bar

WINDOW = 512  # tokens of a model whose configuration gives no number (ours)
# The part of the window that a piece may fill: Korean may take more tokens than English (ours).
WINDOW_SHARE = 0.5
_WINDOW_KEYS = ("max_position_embeddings", "n_positions", "max_source_positions")


@lru_cache
def model_config(model: str) -> dict[str, Any]:
    """The `config.json` of a model folder, or of a name in the Hub's cache; {} where there is none."""
    path = Path(model) / "config.json"
    if not Path(model).is_dir():
        from huggingface_hub import try_to_load_from_cache

        with suppress(ValueError):  # no name that the Hub could have
            found = try_to_load_from_cache(model, "config.json")
            path = Path(found) if isinstance(found, str) else path
    with suppress(OSError, ValueError):
        config = json.loads(path.read_text("utf-8"))
        return config if isinstance(config, dict) else {}
    return {}


def is_seq2seq(translator: Translator) -> bool:
    """Whether a translator is an encoder-decoder model that runs in this process."""
    config = model_config(translator.model) if translator.server == "transformers" else {}
    return bool(config.get("is_encoder_decoder"))


class Seq2Seq:
    """An encoder-decoder model; tokenizer and weights are loaded when they are first needed."""

    def __init__(self, translator: Translator):
        require("serve", "torch", "transformers")
        self._translator = translator
        config = model_config(translator.model)
        self.window = next((config[key] for key in _WINDOW_KEYS if isinstance(config.get(key), int)), WINDOW)

    @cached_property
    def tokenizer(self):
        """The tokenizer, told the source language where it has languages."""
        from transformers import AutoTokenizer

        tokenizer = _loaded(AutoTokenizer, self._translator.model)
        source, model = self._translator.source_language, self._translator.model
        if source is not None:
            if not hasattr(tokenizer, "src_lang"):
                raise KomepError(f"{model}: `source_language`: its tokenizer has no languages")
            self._language_id(tokenizer, source, "source_language")
            tokenizer.src_lang = source
        return tokenizer

    @cached_property
    def target(self) -> tuple[int | None, str]:
        """(token that a translation must begin with, text in front of the source), by `target_language`."""
        wanted, tokenizer = self._translator.target_language, self.tokenizer
        if wanted is None:
            if hasattr(tokenizer, "src_lang"):
                raise KomepError(
                    f"{self._translator.model}: translates into many languages; set `target_language`, such as "
                    "kor_Hang (NLLB) or ko (M2M100), and `source_language`"
                )
            return None, ""
        if not hasattr(tokenizer, "src_lang") and f">>{wanted}<<" in tokenizer.get_vocab():
            return None, f">>{wanted}<< "  # Marian models of many targets
        return self._language_id(tokenizer, wanted, "target_language"), ""

    def _language_id(self, tokenizer, language: str, key: str) -> int:
        vocabulary = tokenizer.get_vocab()
        for name in (language, f"__{language}__"):
            if name in vocabulary:
                return vocabulary[name]
        raise KomepError(f"{self._translator.model}: `{key}`: its tokenizer does not know {language!r}")

    def share_of_window(self, text: str) -> float:
        """How much of what a piece may fill a text fills; above 1 it is too long."""
        room = max(1.0, WINDOW_SHARE * self.window - 4)  # special tokens, language tokens
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"]) / room

    def body(self, source: str, beams: int) -> dict[str, Any]:
        """A request, in the keys that an estimate and the log know; it has everything that the answer depends on."""
        translator = self._translator
        limit = min(translator.max_new_tokens or self.window - 1, self.window - 1)
        languages = {"source": translator.source_language, "target": translator.target_language}
        return {"prompt": source, "languages": languages, "beams": beams, "max_tokens": limit}

    def ask(
        self, bodies: Mapping[Key, Body], translator: Translator, folder: Path, *, label: str
    ) -> dict[Key, Reply]:
        """Translate what the folder's log does not hold, in batches of `concurrency`, the longest first.

        Raises:
            KomepError: the model cannot be loaded, or does not know a language. A text that does not fit into
                the window has a failed reply.
        """
        keys = keys_of(bodies, translator)
        with open_log(folder / REPLIES) as log, progress_bar(label, len(keys), "texts") as advance:
            todo = {keys[id]: body for id, body in bodies.items() if keys[id] not in log.rows}
            advance(len(keys) - len(todo))
            failed: dict[str, Reply] = {}
            for batch in _batches(todo, translator.concurrency):
                replies = self._translate([body for _, body in batch])
                rows = {key: reply for (key, _), reply in zip(batch, replies, strict=True)}
                failed |= {key: reply for key, reply in rows.items() if reply.failure}
                log.add([(key, reply) for key, reply in rows.items() if not reply.failure])
                advance(len(batch))
            return {id: log.rows.get(key) or failed[key] for id, key in keys.items()}

    @cached_property
    def _model(self):
        import torch
        from transformers import AutoModelForSeq2SeqLM
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # there is one already
        name, whole = self._translator.model, {"output_loading_info": True, "ignore_mismatched_sizes": True}
        if Path(name).is_dir() and (fault := weights_fault(Path(name), "AutoModelForSeq2SeqLM")):
            raise KomepError(f"model {name}: {fault}")
        model, found = _loaded(AutoModelForSeq2SeqLM, name, use_safetensors=True, **whole)
        check_whole(model, found, f"model {name}")
        return model.eval().to("cuda" if torch.cuda.is_available() else "cpu")

    def _translate(self, bodies: Sequence[dict[str, Any]]) -> list[Reply]:
        """One batch of requests with the same beams and limit."""
        import torch

        start, prefix = self.target
        inputs = self.tokenizer([prefix + b["prompt"] for b in bodies], return_tensors="pt", padding=True)
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        if max(lengths) > self.window:  # each alone, so that one that does not fit fails no other
            return [
                no_reply(f"{length:,} tokens do not fit into the window of {self.window:,}")
                if length > self.window
                else self._translate([body])[0]
                for body, length in zip(bodies, lengths, strict=True)
            ]
        options = {"num_beams": bodies[0]["beams"], "max_new_tokens": bodies[0]["max_tokens"]}
        if start is not None:
            options["forced_bos_token_id"] = start
        arguments = {name: inputs[name].to(self._model.device) for name in ("input_ids", "attention_mask")}
        with torch.inference_mode():
            tokens = self._model.generate(**arguments, **options, do_sample=False).cpu()
        ends = self._model.generation_config.eos_token_id
        ends = set(ends if isinstance(ends, list) else [ends])
        replies = []
        texts = self.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        for text, row, prompt_tokens in zip(texts, tokens, lengths, strict=True):
            made = row.tolist()[1:]  # behind the decoder's first token; without an end they were cut off
            length = next((place for place, token in enumerate(made, 1) if token in ends), 0)
            replies.append(Reply(text, "stop" if length else "length", prompt_tokens, length or len(made)))
        return replies


def _batches(todo: dict[str, dict[str, Any]], size: int) -> list[list[tuple[str, dict[str, Any]]]]:
    """Requests that are generated alike, of like length, at most `size` together."""
    groups: dict[tuple[int, int], list[tuple[str, dict[str, Any]]]] = {}
    for key, body in sorted(todo.items(), key=lambda row: (-len(row[1]["prompt"]), row[0])):
        groups.setdefault((body["beams"], body["max_tokens"]), []).append((key, body))
    return [group[i : i + size] for group in groups.values() for i in range(0, len(group), size)]


def _loaded(auto: Any, model: str, **options: Any):
    """A tokenizer or model from this machine; whatever is wrong with its files is named."""
    try:
        return auto.from_pretrained(model, local_files_only=True, trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise KomepError(f"model {model}: cannot be loaded ({str(error).splitlines()[0]})") from error
