"""One set of pairs in the field's shapes; the texts are written for this project."""

import json
from pathlib import Path

QUESTIONS = [f"통풍의 원인 {i}은 무엇인가?\n짧게." for i in range(24)]
PAIRS = [(q, f"요산이다. ({i})", f"균이다. ({i})" + " 아마도." * (i % 3)) for i, q in enumerate(QUESTIONS)]


def user(text):
    return {"role": "user", "content": text}


def says(text):
    return {"role": "assistant", "content": text}


def ranked(chosen, rejected, **keys):
    return [{"text": text, **{k: v[i] for k, v in keys.items()}} for i, text in ((1, rejected), (0, chosen))]


# Name of a shape -> a row of it.
SHAPES = {
    "messages": lambda q, a, b: {"prompt": [user(q)], "chosen": [says(a)], "rejected": [says(b)]},
    "plain strings": lambda q, a, b: {"prompt": q, "chosen": a, "rejected": b},
    "implicit prompt": lambda q, a, b: {"chosen": [user(q), says(a)], "rejected": [user(q), says(b)]},
    "transcript": lambda q, a, b: {side: f"\n\nHuman: {q}\n\nAssistant: {t}" for side, t in zip(("chosen", "rejected"), (a, b), strict=True)},
    "ShareGPT ranking": lambda q, a, b: {
        "conversations": [{"from": "human", "value": q}],
        "chosen": {"from": "gpt", "value": a},
        "rejected": {"from": "gpt", "value": b},
    },
    "Alpaca ranking": lambda q, a, b: {
        **dict(zip(("instruction", "input"), q.split("\n"), strict=True)), "chosen": a, "rejected": b
    },
    "OpenAI": lambda q, a, b: {
        "input": {"messages": [user(q)], "tools": [], "parallel_tool_calls": True},
        "preferred_output": [says(a)],
        "non_preferred_output": [says(b)],
    },
    "NeMo RL": lambda q, a, b: {
        "context": [user(q)],
        "completions": [{"rank": 1, "completion": [says(b)]}, {"rank": 0, "completion": [says(a)]}],
    },
    "Nectar": lambda q, a, b: {
        "prompt": f"\n\nHuman: {q}\n\nAssistant: ",
        "answers": [{"answer": a, "rank": 1.0}, {"answer": "둘 다 아니다.", "rank": 2.0}, {"answer": b, "rank": 3.0}],
    },
    "UltraFeedback": lambda q, a, b: {
        "source": "s",
        "instruction": q,
        "models": ["x", "y"],
        "completions": [
            {"model": "x", "response": b, "overall_score": 2.5, "annotations": {"helpfulness": {"Rating": "1"}}},
            {"model": "y", "response": a, "overall_score": 8.0, "annotations": {"helpfulness": {"Rating": "5"}}},
        ],
    },
    "UltraFeedback, binarized": lambda q, a, b: {
        "prompt": q, "prompt_id": "0", "chosen": [user(q), says(a)], "rejected": [user(q), says(b)],
        "messages": [user(q), says(a)], "score_chosen": 8.0, "score_rejected": 2.5,
    },
    "Argilla": lambda q, a, b: {
        "instruction": q, "chosen_response": a, "rejected_response": b, "chosen_model": "y", "rejected_model": "x",
        "chosen_avg_rating": 8.0, "rejected_avg_rating": 2.5,
    },
}  # fmt: skip
SCORED = ("UltraFeedback", "UltraFeedback, binarized", "Argilla")
NAMED = ("UltraFeedback", "Argilla")


def write(path: Path, shape: str, pairs=PAIRS) -> Path:
    """The set as JSONL."""
    lines = [json.dumps(SHAPES[shape](*pair), ensure_ascii=False) + "\n" for pair in pairs]
    path.write_text("".join(lines), "utf-8")
    return path
