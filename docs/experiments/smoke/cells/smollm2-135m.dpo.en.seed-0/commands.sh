#!/bin/sh
# smollm2-135m.dpo.en.seed-0: from the root of the clone
set -e
komep build --pairs all --output results/smoke/releases/e5c97ac32ac5
accelerate launch --quiet --config_file accelerate_configs/cpu.yaml recipes/dpo.py --config recipes/smollm2-135m/dpo.yaml --model_name_or_path models/smollm2-135m --dataset_name results/smoke/releases/e5c97ac32ac5 --dataset_config en --max_train_pairs 8 --max_test_pairs 4 --per_device_train_batch_size 2 --gradient_accumulation_steps 2 --max_length 1024 --save_strategy no --seed 0 --output_dir results/smoke/cells/smollm2-135m.dpo.en.seed-0/model
python -m evaluation.run --model results/smoke/cells/smollm2-135m.dpo.en.seed-0/model --benchmark kormedmcqa-sample --limit 6 --max-new-tokens 32 --output results/smoke/cells/smollm2-135m.dpo.en.seed-0/kormedmcqa-sample
python -m evaluation.run --model results/smoke/cells/smollm2-135m.dpo.en.seed-0/model --benchmark medqa --data evaluation/experiments/sample_medqa.jsonl --max-new-tokens 32 --output results/smoke/cells/smollm2-135m.dpo.en.seed-0/medqa-sample
