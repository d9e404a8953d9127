#!/usr/bin/env bash
# Two rounds of answering, pairing and training with SmolLM2-135M, on two CPU cores in some seven minutes. Every step is the command
# that a user would type; one that is done is passed over, so that after a kill the same command goes on.
#   bash examples/rounds.sh            from a clone with .venv (make install) and models/smollm2-135m (make rounds makes both)
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH" HF_HUB_OFFLINE=1
OUT=results/rounds ROUNDS=${ROUNDS:-2}

python examples/rule_judge.py & # in the place of a judge; it ends with this script
judge=$!
trap 'kill $judge 2>/dev/null || true' EXIT

[ -f $OUT/komep-0/build.json ] || komep build --pairs all --output $OUT/komep-0
model=models/smollm2-135m
for round in $(seq "$ROUNDS"); do
  if [ ! -f $OUT/model-$round/training_summary.json ]; then
    komep run examples/rounds.yaml --round "$round"
    komep verify $OUT/komep-$round
    accelerate launch --quiet --config_file accelerate_configs/cpu.yaml recipes/dpo.py \
      --config recipes/smollm2-135m/dpo.yaml --model_name_or_path $model --dataset_name $OUT/komep-$round \
      --max_train_pairs 16 --max_test_pairs 16 --seed "$round" --output_dir $OUT/model-$round
  fi
  model=$OUT/model-$round
done
python examples/rounds_figures.py $OUT "$ROUNDS"
