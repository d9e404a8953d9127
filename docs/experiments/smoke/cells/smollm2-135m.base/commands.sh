#!/bin/sh
# smollm2-135m.base: from the root of the clone
set -e
python -m evaluation.run --model models/smollm2-135m --benchmark kormedmcqa-sample --limit 6 --max-new-tokens 32 --output results/smoke/cells/smollm2-135m.base/kormedmcqa-sample
python -m evaluation.run --model models/smollm2-135m --benchmark medqa --data evaluation/experiments/sample_medqa.jsonl --max-new-tokens 32 --output results/smoke/cells/smollm2-135m.base/medqa-sample
