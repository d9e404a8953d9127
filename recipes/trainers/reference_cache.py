"""Where the reference's log-probabilities are cached: TRL keeps them as columns in the cache of `datasets`.

They are found again by two fingerprints, of the model and of the pairs, and both of TRL's own are wrong for that: they are
replaced here.
"""

import torch
import trl.trainer.dpo_trainer
import xxhash
from accelerate.utils import gather_object
from datasets import Dataset
from datasets.fingerprint import Hasher
from trl import DPOConfig


def hash_weights(model: torch.nn.Module) -> str:
    """A fingerprint of a model's names, types and weights, by which cached reference log-probabilities are found.

    Of the weights as they lie in the processes: under ZeRO-3 each has a share, and the tensors themselves are empty.
    """
    found = xxhash.xxh3_128()  # as `datasets` makes its own; SHA-256 takes six times as long
    for name, weight in model.state_dict(keep_vars=True).items():
        held = getattr(weight, "ds_tensor", weight).detach().cpu()
        found.update(repr((name, str(held.dtype), tuple(held.shape))).encode())
        found.update(held.flatten().view(torch.uint8).numpy())
    shares = list(dict.fromkeys(gather_object([found.hexdigest()])))  # one, where all processes have all
    return Hasher.hash(shares)


# TRL's own makes float32 of all weights first, and reads the empty tensors under ZeRO-3: all models of a shape are the same
# there, so that one would be trained against the reference of another.
trl.trainer.dpo_trainer.hash_module = hash_weights


def use_known_fingerprint(
    prepared: Dataset, dataset: Dataset, processing_class, args: DPOConfig, passes: tuple
) -> Dataset:
    """Tokenised pairs with a fingerprint that a second run meets again.

    `passes` is whatever else says how a batch is computed: in bfloat16 another way gives sums that differ by whole nats.

    TRL's own covers the trainer, output folder included, and is another one in every run.
    """
    how = (args.max_length, args.truncation_mode, args.bf16, args.fp16, passes)
    prepared._fingerprint = Hasher.hash((dataset._fingerprint, processing_class, how))
    return prepared
