r"""Align a model with KoMeP by ORPO (arXiv 2403.07691), which needs no reference model, through TRL's `ORPOTrainer`.

One process on the CPU, SmolLM2-135M, a few minutes:

    accelerate launch --quiet --config_file accelerate_configs/cpu.yaml recipes/orpo.py \
        --config recipes/smollm2-135m/orpo.yaml

Another model and release, and a loss on the answer alone:

    python recipes/orpo.py --model_name_or_path Qwen/Qwen2.5-0.5B-Instruct --dataset_name my-release \
        --nll_on completion --output_dir results/qwen2.5-0.5b-orpo

TRL's likelihood term covers the prompt as well as the chosen answer; `--nll_on completion` takes the answer alone. Any
flag of `ORPOConfig` and `ModelConfig` goes over the file. The output is that of `recipes/dpo.py`.
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
from trainers.log_lines import use_log_lines
from trainers.orpo import NLL_ON, ORPOConfig, PairwiseORPOTrainer
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
from trl import ModelConfig, get_peft_config, get_quantization_config

from komep_dataset.errors import explained


@dataclass
class ORPOArguments(TemplateArguments):
    """`TemplateArguments`, and what the likelihood term of ORPO covers."""

    nll_on: str = field(
        default="all",
        metadata={
            "choices": NLL_ON,
            "help": "Tokens of the chosen conversation that the likelihood term covers: `all` as in TRL, the prompt "
            "included, or the `completion` alone.",
        },
    )


ARGUMENTS = (ORPOArguments, ORPOConfig, ModelConfig)


def main(script_args: ORPOArguments, training_args: ORPOConfig, model_args: ModelConfig) -> None:
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
    more = {"nll_on": script_args.nll_on, "chat_template_path": script_args.chat_template_path}
    settings = describe_settings("orpo", training_args, model_args, source, **more)
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
    training_args.eval_on_start = checkpoint is None and test is not None  # of the base model
    if test is None:
        training_args.eval_strategy = "no"
    with explained("these settings cannot be trained with"), whole_models(tokenizer, train, test):
        trainer = PairwiseORPOTrainer(
            model=model_args.model_name_or_path,
            args=training_args,
            train_dataset=train,
            eval_dataset=test,
            processing_class=tokenizer,
            compute_metrics=PairFigures("odds", training_args.beta, output, checkpoint),
            quantization_config=get_quantization_config(model_args),
            peft_config=get_peft_config(model_args),
            nll_on=script_args.nll_on,
        )
    use_log_lines(trainer)
    answers = Answers(trainer, test, output)
    check_space(trainer, adapter=model_args.use_peft)

    ####################
    # Train
    ####################
    process.print(describe_batch(training_args))
    process.print(f"going on from {checkpoint}" if checkpoint else "starting from the base model")
    set_seed(training_args.seed)
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
