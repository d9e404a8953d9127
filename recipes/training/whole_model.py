"""The base model as it is loaded: whole, of a kind that writes, and with every token of the pairs.

TRL loads the model, and the reference, inside its trainers; what transformers reports of it ends in a table in the log, and
random numbers are trained on. So each loading in the block below is looked at, in every process at the same place.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from accelerate.utils import gather_object
from datasets import Dataset
from transformers import GenerationConfig, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from komep_dataset.errors import KomepError, said_by
from komep_dataset.inference.weights import check_whole, without_text_model
from training.base_model import render
from training.pairs import say

ANSWERS = ("chosen", "completion", "rejected")


@contextmanager
def whole_models(tokenizer: PreTrainedTokenizerBase, *datasets: Dataset | None) -> Iterator[None]:
    """While the block runs, a model that is loaded is checked; every process raises what one of them finds.

    Args:
        tokenizer: with its chat template.
        datasets: pairs as messages, whose tokens the model must know.
    """
    plain, said = PreTrainedModel.from_pretrained.__func__, set()

    def checked(cls, name, *args, **kwargs):
        model, found = plain(
            cls, name, *args, **kwargs | {"output_loading_info": True, "ignore_mismatched_sizes": True}
        )
        refusal = []
        try:
            named = f"--model_name_or_path {name}"
            if model.config.is_encoder_decoder:
                raise KomepError(
                    f"{named}: a {type(model).__name__}, an encoder-decoder; the recipes train causal language models "
                    "(…ForCausalLM)"
                )
            for note in (*check_whole(model, found, named), *make_savable(model, named)):
                if note not in said:
                    say(f"note: {note}")
                said.add(note)
            check_tokens(model, tokenizer, datasets)
        except KomepError as error:
            refusal = [str(error)]
        if refusals := gather_object(refusal):
            raise KomepError(refusals[0])
        return model

    PreTrainedModel.from_pretrained = classmethod(checked)
    try:
        yield
    except ValueError as error:
        if kind := without_text_model(error):
            raise KomepError(
                f"{tokenizer.name_or_path}: {kind}; recipes/dpo.py and recipes/sft.py train its text part, or take the text "
                "model of its family"
            ) from None
        raise
    except ImportError as error:
        if not PretrainedConfig.get_config_dict(tokenizer.name_or_path)[0].get("quantization_config"):
            raise
        raise KomepError(
            f"{tokenizer.name_or_path}: is quantised, which cannot be read here ({said_by(error)}); take the full model that "
            "it was made of, which --load_in_4bit quantises as it is loaded"
        ) from error
    finally:
        PreTrainedModel.from_pretrained = classmethod(plain)


def make_savable(model: PreTrainedModel, named: str) -> list[str]:
    """Mend a generation config that transformers loads and refuses to save, after the work; returns what was done."""
    config = model.generation_config
    for change, done in (({}, None), ({"do_sample": True}, "do_sample true, which its other values mean")):
        try:
            config.update(**change)
            config.validate(strict=True)
            return [f"{named}: its generation_config.json is saved with {done}"] if done else []
        except (ValueError, TypeError) as error:
            reason = " ".join(str(error).split())
    ends = {name: getattr(config, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    model.generation_config = GenerationConfig(**ends)
    return [
        f"{named}: its generation_config.json cannot be saved, and one of its tokens alone is ({reason:.200})"
    ]


def check_tokens(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, datasets: tuple[Dataset | None, ...]
) -> None:
    """Raise `KomepError` for a token of the pairs, or of padding, that the model does not know.

    Many tokenizers know more tokens than their model, which no text has; so the pairs are looked at.
    """
    known = model.get_input_embeddings().num_embeddings
    if len(tokenizer) <= known:
        return
    used = {tokenizer.pad_token_id}
    for dataset in filter(None, datasets):
        sides = [side for side in ANSWERS if side in dataset.column_names]
        for row in dataset:
            used.update(*(render(row, row["prompt"] + row[side], tokenizer) for side in sides))
    if max(used) >= known:
        word = tokenizer.convert_ids_to_tokens(max(used))
        raise KomepError(
            f"{tokenizer.name_or_path}: its tokenizer makes token {max(used)} ({word!r}) of the pairs, and the model knows "
            f"{known}; take the tokenizer that the model was trained with, or resize its embeddings first "
            "(model.resize_token_embeddings) and save both"
        )
