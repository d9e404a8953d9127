r"""Align a model with KoMeP by Direct Preference Optimization (arXiv 2305.18290), through TRL's `DPOTrainer`.

One process on the CPU, SmolLM2-135M, a few minutes:

    accelerate launch --quiet --config_file accelerate_configs/cpu.yaml recipes/dpo.py \
        --config recipes/smollm2-135m/dpo.yaml

8 GPUs, another model, LoRA: any flag of `DPOConfig` and `ModelConfig` goes over the file:

    accelerate launch --config_file accelerate_configs/zero3.yaml recipes/dpo.py \
        --config recipes/smollm2-135m/dpo.yaml --model_name_or_path Qwen/Qwen2.5-7B-Instruct --bf16 true \
        --use_peft --lora_target_modules all-linear --output_dir results/qwen2.5-7b-dpo

The output folder gets the model, its tokenizer, `training_summary.json`, and `rejects.jsonl` with the pairs
that are too long. The same command again goes on from the last checkpoint.
"""

import sys
from pathlib import Path

from accelerate import PartialState
from pair_metrics import PairwiseDPOTrainer, compute_metrics_for, evaluation_before
from preferences import draw, drop_overlong, load_preferences, write_rejects
from run_record import (
    SETTINGS,
    SUMMARY,
    check_same_run,
    compare_evaluations,
    describe_batch,
    describe_dataset,
    describe_settings,
    find_checkpoint,
    summarise,
    write_json,
)
from startup import (
    RecipeArguments,
    RecipeParser,
    check_launch,
    explained,
    prepare_cpu,
    run,
    set_up_logging,
)
from transformers import AutoTokenizer, TrainerState, set_seed
from trl import DPOConfig, ModelConfig, get_peft_config, get_quantization_config

from komep_dataset.errors import KomepError

ARGUMENTS = (RecipeArguments, DPOConfig, ModelConfig)


def main(script_args: RecipeArguments, training_args: DPOConfig, model_args: ModelConfig) -> None:
    """Train, evaluate before and after on the test split, save the model and the summary.

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
    check_launch(training_args)
    if training_args.device.type == "cpu":
        prepare_cpu()

    ####################
    # Model and tokenizer
    ####################
    model = model_args.model_name_or_path
    if model is None:
        raise KomepError("--model_name_or_path is missing", exit_code=2)
    if training_args.ld_alpha is not None and training_args.precompute_ref_log_probs:
        raise KomepError("--ld_alpha changes the sums that precompute_ref_log_probs keeps; drop one", 2)
    training_args.model_init_kwargs = {
        "revision": model_args.model_revision,
        "attn_implementation": model_args.attn_implementation,
        "dtype": model_args.dtype,
        "trust_remote_code": training_args.trust_remote_code,
        "use_safetensors": True,  # a pickle can run code when it is opened
        **(training_args.model_init_kwargs or {}),
    }
    found = "cannot be read" if Path(model).is_dir() else "is no folder here, and cannot be fetched"
    with explained(f"model {model!r} {found}"):
        tokenizer = AutoTokenizer.from_pretrained(
            model, revision=model_args.model_revision, trust_remote_code=training_args.trust_remote_code
        )

    ####################
    # Dataset
    ####################
    splits = (script_args.dataset_train_split, script_args.dataset_test_split)
    with training_args.main_process_first():
        train, test = load_preferences(script_args.dataset_name, script_args.dataset_config, splits)
        source, loaded = describe_dataset(script_args, train), len(train) + len(test or ())
        train, test, rejects = drop_overlong(train, test, tokenizer, training_args.max_length)
        train = draw(train, script_args.max_train_pairs, seed=training_args.seed)
        test = draw(test, script_args.max_test_pairs, seed=0)  # not --seed: runs must stay comparable
    process.print(
        f"pairs: {len(train)} to train on, {len(test or ())} held out, {len(rejects)} overlong dropped"
    )

    ####################
    # Last checkpoint
    ####################
    settings = describe_settings("dpo", training_args, model_args, source)
    if check_same_run(output, settings):
        process.print(f"{output} holds this run already; remove the folder to train again")
        return
    checkpoint = find_checkpoint(output, training_args.resume_from_checkpoint)
    resumed = TrainerState()
    if checkpoint:
        resumed = TrainerState.load_from_json(f"{checkpoint}/trainer_state.json")
    process.wait_for_everyone()  # nobody may read the settings of this run as those of an earlier one
    if process.is_main_process:
        output.mkdir(parents=True, exist_ok=True)
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
    with explained("these settings cannot be trained with"):
        trainer = PairwiseDPOTrainer(
            model=model,
            args=training_args,
            train_dataset=train,
            eval_dataset=test,
            processing_class=tokenizer,
            compute_metrics=compute_metrics_for(training_args.beta),
            quantization_config=get_quantization_config(model_args),
            peft_config=get_peft_config(model_args),
        )

    ####################
    # Train
    ####################
    process.print(describe_batch(training_args))
    process.print(f"going on from {checkpoint}" if checkpoint else "starting from the base model")
    set_seed(training_args.seed)  # again: whether the reference came from the cache must not change the order
    result = trainer.train(resume_from_checkpoint=checkpoint)
    trainer.save_state()

    ####################
    # Save
    ####################
    trainer.model.config.use_cache = True  # training switched it off
    trainer.save_model()

    ####################
    # Evaluate
    ####################
    after = trainer.evaluate() if test is not None else None
    before = evaluation_before(trainer) if test is not None else None
    summary = summarise(trainer, settings, loaded, rejects, result.metrics, before, after, resumed)
    if process.is_main_process:
        write_json(output / SUMMARY, summary)
    process.print(compare_evaluations(summary["evaluation"]))
    process.print(f"{output}: model and {SUMMARY} written")

    ####################
    # Push
    ####################
    if training_args.push_to_hub:
        trainer.push_to_hub(dataset_name=script_args.dataset_name)
    trainer.end()


if __name__ == "__main__":
    sys.exit(run(main, RecipeParser(ARGUMENTS)))
