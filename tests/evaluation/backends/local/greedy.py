"""Prompts that share their beginning, and what transformers' own greedy generation says to them."""

import torch

LIMIT = 12


def twelve_prompts() -> list:
    """Twelve prompts of different length that share 40 tokens; one is 1 token longer than these, one 60."""
    generator = torch.Generator().manual_seed(1)
    shared = torch.randint(3, 400, (40,), generator=generator).tolist()
    lengths = [1, 60, *range(5, 45, 4)]
    return [(1, *shared, *torch.randint(3, 400, (n,), generator=generator).tolist()) for n in lengths]


def plain(model, prompts: list, limit: int = LIMIT) -> list:
    """New tokens of `generate` as transformers gives them, one prompt at a time, no cache of ours."""
    return [
        model.generate(torch.tensor([p]), max_new_tokens=limit, do_sample=False)[0, len(p) :].tolist()
        for p in prompts
    ]
