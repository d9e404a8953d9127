"""What the process that all steps are forked from has imported, as far as it can be; none of it may touch the card."""

import contextlib
import importlib

for _name in (
    "torch",
    "transformers.trainer",
    "transformers.models.llama.modeling_llama",
    "datasets",
    "peft",
    "trl.trainer.dpo_trainer",
    "trl.trainer.sft_trainer",
    "evaluation.backends.transformers",
    "lm_eval.models.huggingface",
    "benchmarks.gpu.evaluation",
    "benchmarks.gpu.training",
):
    with contextlib.suppress(Exception):  # the step that needs it says what is wrong with it
        importlib.import_module(_name)
