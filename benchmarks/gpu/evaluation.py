"""The steps of evaluation: our runner and `lm_eval --model hf` on the same questions, and whether they read the same."""

from __future__ import annotations

import json
import time

from benchmarks.gpu.setting import Say, Setting, peak


def shared_attention(setting: Setting, say: Say) -> None:
    """Our attention over a shared prefix against PyTorch's over a copy a row: the largest difference, by type."""
    import torch

    from evaluation.backends.local.shared_prefix import attend, attend_by_terms

    torch.manual_seed(0)
    types = ("bfloat16", "float32") if setting.device == "cuda" else ("float32",)
    for name in types:
        query, key, value = (
            torch.randn(2, 4, 96, 64, device=setting.device, dtype=getattr(torch, name)) for _ in range(3)
        )
        for causal in (False, True):
            mask = torch.zeros(96, 96, device=setting.device)
            if causal:
                mask = torch.full_like(mask, -torch.inf).triu(1)
            ours, sums = attend(query, key, value, 0.125, causal=causal)
            exact, exact_sums = attend_by_terms(query.double(), key.double(), value.double(), 0.125, mask)
            wrong = (ours - exact).abs().max().item(), (sums - exact_sums).abs().max().item()
            say(
                {
                    "dtype": name,
                    "causal": causal,
                    "values_differ": round(wrong[0], 6),
                    "sums_differ": round(wrong[1], 6),
                }
            )


def evaluation_sizes(setting: Setting) -> tuple[int, int, int]:
    """Questions, worked examples and new tokens of the evaluation steps."""
    return (6, 1, 4) if setting.tiny else (256, 5, 32)


def runner(
    setting: Setting, say: Say, model: str, dtype: str, batches: tuple[int, ...], questions: int | None = None
) -> None:
    """Our runner on a model; one line a batch size, and the replies beside."""
    import torch

    from benchmarks.evaluation_speed import one_subject, ours
    from evaluation.backends.local.loading import load_generator

    most, shots, tokens = evaluation_sizes(setting)
    subject = one_subject(min(most, questions or most), shots)
    started = time.perf_counter()
    generator = load_generator(str(setting.made(model)), dtype)
    loading = time.perf_counter() - started
    generator.generate([[1] * 64] * 2, (), 2, 2)  # warm
    for batch in batches:
        if setting.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        generator.largest = None
        folder = setting.scratch / f"runner-{model}-{dtype}-{batch}"
        replies, (seconds, cpu), read = ours(generator, subject, folder, tokens, batch, False)
        keep_replies(setting, "ours", model, dtype, batch, replies)
        say(
            {
                "model": model, "dtype": dtype, "batch_size": batch, "batch_size_reached": generator.largest or batch,
                "questions": len(replies), "shots": shots, "new_tokens": tokens, "prompt_tokens": read // len(replies),
                "seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2),
                "questions_a_second": round(len(replies) / seconds, 2), "loading": round(loading, 1),
                "one_prefix": generator.share_attention, "peak": peak(setting),
            }
        )  # fmt: skip


def harness(
    setting: Setting, say: Say, model: str, dtype: str, batches: tuple[int, ...], questions: int | None = None
) -> None:
    """The same by `lm_eval --model hf`; a batch size that does not fit into memory is a line that says so."""
    import torch

    from benchmarks.evaluation_speed import harness_pass, load_harness, one_subject

    most, shots, tokens = evaluation_sizes(setting)
    subject = one_subject(min(most, questions or most), shots)
    loaded, tokenizer = load_harness(str(setting.made(model)), dtype)
    for batch in batches:
        folder = setting.scratch / f"harness-{model}-{dtype}-{batch}"
        folder.mkdir()
        line = {
            "model": model,
            "dtype": dtype,
            "batch_size": batch,
            "questions": len(subject.test),
            "shots": shots,
        }
        if setting.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        try:
            replies, _, (seconds, _) = harness_pass(loaded, tokenizer, subject, folder, tokens, batch, False)
        except torch.OutOfMemoryError:
            say(line | {"failed": "out of memory"})
            continue
        keep_replies(setting, "harness", model, dtype, batch, replies)
        say(
            line | {"new_tokens": tokens, "seconds": round(seconds, 2),
                    "questions_a_second": round(len(replies) / seconds, 2), "peak": peak(setting)}
        )  # fmt: skip


def keep_replies(setting: Setting, side: str, model: str, dtype: str, batch: int, replies: list[str]) -> None:
    name = f"replies-{model}-{dtype}-{side}-{batch}.json"
    (setting.work / name).write_text(json.dumps(replies, ensure_ascii=False), "utf-8")


def letters(setting: Setting, say: Say) -> None:
    """Letters and replies of ours against the harness's, for every pair of runs of a model in the same type."""
    from evaluation.kormedmcqa.extraction import extract_paper

    found: dict[tuple[str, str, str], list[tuple[int, list[str]]]] = {}
    for path in sorted(setting.work.glob("replies-*.json")):
        model, dtype, side, batch = path.stem.removeprefix("replies-").split("-")
        found.setdefault((model, dtype, side), []).append((int(batch), json.loads(path.read_text("utf-8"))))
    for (model, dtype, side), runs in found.items():
        # The harness against itself at another batch size: what of a difference is the padding's alone.
        others = found.get((model, dtype, "harness"), []) if side == "ours" else runs[1:]
        for batch, mine in runs if side == "ours" else runs[:1]:
            for other, theirs in others:
                pairs = list(zip(mine, theirs, strict=True))
                read = [(extract_paper(a), extract_paper(b)) for a, b in pairs]
                say(
                    {
                        "model": model, "dtype": dtype, "side": side, "batch_size": batch, "harness_batch_size": other,
                        "questions": len(pairs), "letters_equal": sum(a == b for a, b in read) / len(pairs),
                        "letters_read": sum(a != "" for a, _ in read) / len(pairs),
                        "replies_equal": sum(a == b for a, b in pairs) / len(pairs),
                    }
                )  # fmt: skip
