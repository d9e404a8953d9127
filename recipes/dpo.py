r"""Align a model with KoMeP by Direct Preference Optimization (arXiv 2305.18290), through TRL's `DPOTrainer`.

One process on the CPU, SmolLM2-135M, a few minutes:

    accelerate launch --quiet --config_file accelerate_configs/cpu.yaml recipes/dpo.py \
        --config recipes/smollm2-135m/dpo.yaml

8 GPUs, another model, LoRA: any flag of `DPOConfig` and `ModelConfig` goes over the file:

    accelerate launch --config_file accelerate_configs/zero3.yaml recipes/dpo.py \
        --config recipes/smollm2-135m/dpo.yaml --model_name_or_path Qwen/Qwen2.5-7B-Instruct --bf16 true \
        --use_peft --lora_target_modules all-linear --output_dir results/qwen2.5-7b-dpo

Any loss of TRL's goes with it, alone or in a sum (docs/losses.md): `--loss_type ipo`, `--loss_type sigmoid sft --loss_weights
1.0 0.5`, `--loss_type robust --label_smoothing_from_release true`.

The output folder gets the model, its tokenizer, a model card, curves, `training_summary.json`, and `rejects.jsonl`
with the pairs that were left out. The same command again goes on from the last checkpoint.
"""

import os
import sys

if __name__ == "__main__":  # before what takes its time
    sys.path.append(os.path.realpath(__file__).rsplit(os.sep, 2)[0])  # a clone that is not installed
    from komep_dataset.errors import interruptible

    interruptible("recipes")

from dataclasses import dataclass, field
from pathlib import Path

from accelerate import PartialState
from trainers.dpo import PairwiseDPOTrainer
from trainers.label_noise import settle_losses
from trainers.log_lines import use_log_lines
from trainers.losses import Objective
from trainers.pair_metrics import PairFigures, evaluation_before
from training.answers import Answers
from training.base_model import load_tokenizer, model_settings
from training.checkpoints import describe_interruption, find_checkpoint
from training.flags import RecipeParser, TemplateArguments
from training.model_card import write_report
from training.output_folder import SETTINGS, SUMMARY, check_space, push
from training.pairs import draw, load_preferences
from training.run_record import (
    check_same_run,
    compare_evaluations,
    describe_batch,
    describe_dataset,
    describe_settings,
    summarise,
    write_json,
)
from training.startup import prepare_cpu, run, set_up_logging
from training.unfit import describe_pairs, drop_unfit, write_rejects
from training.whole_model import whole_models
from transformers import set_seed
from trl import DPOConfig, ModelConfig, get_peft_config, get_quantization_config

from komep_dataset.errors import KomepError, explained


@dataclass
class DPOArguments(TemplateArguments):
    """`TemplateArguments`, whether the two answers of a pair share its prompt, and where the label smoothing is from."""

    share_prompts: bool | None = field(
        default=None,
        metadata={
            "help": "Run a pair as one row, its prompt once: fewer tokens, the same loss but for the order of sums. "
            "Default: on the CPU, if the model and the topology allow it."
        },
    )
    label_smoothing_from_release: bool = field(
        default=False,
        metadata={
            "help": "Take label_smoothing from the release: the share of its train pairs that its judge, as calibrated, is "
            "expected to have the wrong way round (`komep build --judge`; docs/losses.md)."
        },
    )


ARGUMENTS = (DPOArguments, DPOConfig, ModelConfig)


def main(script_args: DPOArguments, training_args: DPOConfig, model_args: ModelConfig) -> None:
    """Train, evaluate before and after on the test split, save the model, the summary and the card.

    Raises:
        KomepError: data, model, checkpoint or settings that the user can mend.
    """
    output = Path(training_args.output_dir)
    process = PartialState()

    ####################
    # Seed and logging
    ####################
    set_seed(training_args.seed)
    set_up_logging(training_args)
    if training_args.device.type == "cpu":
        prepare_cpu()

    ####################
    # Model and tokenizer
    ####################
    noise = settle_losses(script_args, training_args)
    if training_args.ld_alpha is not None and training_args.precompute_ref_log_probs:
        raise KomepError("--ld_alpha changes the sums that precompute_ref_log_probs keeps; drop one", 2)
    training_args.model_init_kwargs = model_settings(model_args, training_args)
    tokenizer = load_tokenizer(model_args, training_args, script_args.chat_template_path)

    ####################
    # Dataset
    ####################
    splits = (script_args.dataset_train_split, script_args.dataset_test_split)
    with training_args.main_process_first():
        train, test = load_preferences(
            script_args.dataset_name,
            script_args.dataset_config,
            splits,
            script_args.map,
            script_args.limit,
        )
        source, loaded = describe_dataset(script_args, train), len(train) + len(test or ())
        train, test, rejects = drop_unfit(train, test, tokenizer, training_args.max_length)
        train = draw(train, script_args.max_train_pairs, seed=training_args.seed)
        test = draw(test, script_args.max_test_pairs, seed=0)  # not --seed: runs must stay comparable
    process.print(describe_pairs(train, test, rejects))

    ####################
    # Last checkpoint
    ####################
    more = {"chat_template_path": script_args.chat_template_path}
    settings = describe_settings("dpo", training_args, model_args, source, **more)
    if check_same_run(output, settings):
        process.print(f"{output} holds this run already; remove the folder to train again")
        return
    checkpoint, resumed = find_checkpoint(output, training_args)
    process.wait_for_everyone()  # nobody may read the settings of this run as those of an earlier one
    if process.is_main_process:
        write_json(output / SETTINGS, settings)
        write_rejects(output / "rejects.jsonl", rejects)

    ####################
    # Trainer
    ####################
    training_args.include_num_input_tokens_seen = "non_padding"
    known = test is None or training_args.precompute_ref_log_probs  # no forward pass needed before training
    training_args.eval_on_start = checkpoint is None and not known
    if test is None:
        training_args.eval_strategy = "no"
    of_pairs = PairFigures(
        Objective.of(training_args), None, output, checkpoint, moving=training_args.sync_ref_model
    )
    with explained("these settings cannot be trained with"), whole_models(tokenizer, train, test):
        trainer = PairwiseDPOTrainer(
            model=model_args.model_name_or_path,
            args=training_args,
            train_dataset=train,
            eval_dataset=test,
            processing_class=tokenizer,
            compute_metrics=of_pairs,
            quantization_config=get_quantization_config(model_args),
            peft_config=get_peft_config(model_args),
            prompts_shared=script_args.share_prompts,
        )
    use_log_lines(trainer)
    answers = Answers(trainer, test, output)
    check_space(trainer, adapter=model_args.use_peft)

    ####################
    # Train
    ####################
    process.print(describe_batch(training_args), trainer.passes, trainer.objective.remark(), sep="\n")
    process.print(f"going on from {checkpoint}" if checkpoint else "starting from the base model")
    set_seed(training_args.seed)  # again: whether the reference came from the cache must not change the order
    with explained("training stopped", (ValueError, KeyError, ImportError)):
        result = trainer.train(resume_from_checkpoint=checkpoint)
    trainer.save_state()
    if trainer.watch.interrupted:
        process.print(describe_interruption(training_args, trainer.state.global_step))
        return trainer.end()

    ####################
    # Save
    ####################
    trainer.model.config.use_cache = True  # training switched it off
    trainer.save_model(_internal_call=True)  # without a push, which waits for the card

    ####################
    # Evaluate
    ####################
    after = trainer.evaluate() if test is not None else None
    before = evaluation_before(trainer)
    answers.ask("after")
    result.metrics["train_runtime"] -= answers.seconds
    summary = summarise(trainer, settings, loaded, rejects, result.metrics, before, after, resumed)
    summary |= {"prompts_shared": trainer.prompts_shared, "label_noise": noise}
    summary |= trainer.objective.describe()
    if process.is_main_process:
        write_report(output, summary, settings, trainer.state.log_history, trainer)
        write_json(output / SUMMARY, summary)  # last: it says that the run is complete
    process.print(compare_evaluations(summary["evaluation"]))
    process.print(f"{output}: model and {SUMMARY} written")

    ####################
    # Push
    ####################
    if training_args.push_to_hub:
        push(trainer)
    trainer.end()


if __name__ == "__main__":
    sys.exit(run(main, RecipeParser(ARGUMENTS, description=__doc__)))
