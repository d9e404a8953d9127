"""Results of an evaluation, a model's card as people write it, and one in the other."""

import yaml
from huggingface_hub import ModelCard

from evaluation.kormedmcqa.scoring import wilson_interval
from evaluation.model_page.card import merge_card
from evaluation.model_page.publishing import (
    TARGETS,
    eval_result_entries,
    merged_index,
)

REPO, FILE = "someone/tuned", ".eval_results/kormedmcqa.yaml"

PROTOCOL = "lm-evaluation-harness kormedmcqa 3.0"

CARD = """---
# chosen by hand
license: apache-2.0   # do not touch
tags: [medical, 'korean']
model-index:
- name: Their name
  results:
  - task:
      type: question-answering
    dataset:
      name: Other
      type: other/data
    metrics:
    - type: f1
      value: 20.0 ± 1.2
      unknown-key: kept
# about the language
language: ko
---

# Their model

Text with --- dashes.
"""


def scores(n: int, right: int) -> dict:
    shares = {"accuracy": right / n, "accuracy_robust": (right + 1) / n, "exact_match_raw": 0.0}
    return {
        "n": n,
        **shares,
        "parse_rate": 0.9,
        "parse_rate_robust": 0.95,
        "interval": wilson_interval(right, n),
    }


def results_of(right: float = 0.4, benchmark: str = "kormedmcqa", shots: int = 5, **config) -> dict:
    sizes = TARGETS["kormedmcqa"].sizes
    subjects = {name: scores(n, int(n * right)) for name, n in sizes.items()}
    n = sum(sizes.values())
    total = {**scores(n, int(n * right)), "subjects": subjects}
    config = {"protocol": PROTOCOL, "chat_template": False, "max_new_tokens": 1024, **config}
    return {"benchmark": benchmark, "model": "results/model", "shots": shots, **total, "config": config}


def index_of(text: str) -> list:
    return ModelCard(text).data.to_dict()["model-index"]


def merged(card: str | None, results: dict) -> str:
    return merge_card(card, lambda index: merged_index(index, results, "tuned"), REPO)


def eval_results_yaml(results: dict) -> str:
    """The text of `.eval_results/kormedmcqa.yaml` with nothing but these results."""
    return yaml.safe_dump(eval_result_entries(results), sort_keys=False, allow_unicode=True, width=1000)
