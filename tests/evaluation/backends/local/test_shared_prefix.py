"""Attention over a shared prefix equals ordinary attention; models with another attention are left alone."""

import types

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.backends.local.generation import Generator
from evaluation.backends.local.shared_prefix import (
    NAME,
    attend,
    attend_by_terms,
    attending_to,
    can_share,
    shared_prefix_attention,
)

WIDTH = 8


@given(
    rows=st.integers(1, 3), queries=st.integers(1, 5), cached=st.integers(0, 4), prefix=st.integers(1, 9),
    groups=st.sampled_from([1, 3]), pad=st.integers(0, 4), seed=st.integers(0, 99),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_it_is_the_attention_over_prefix_and_rest(rows, queries, cached, prefix, groups, pad, seed):
    """Against torch's own attention over one table a row, padding of the first row between prefix and rest."""
    torch.manual_seed(seed)
    heads, rest = 2 * groups, cached + queries
    query = torch.randn(rows, heads, queries, WIDTH) * 3
    tables = [torch.randn(1, 2, prefix, WIDTH) for _ in range(2)]
    key, value = (torch.randn(rows, 2, rest, WIDTH) * 3 for _ in range(2))
    column, row = torch.arange(prefix + rest), prefix + cached + torch.arange(queries)
    mask = (column <= row[:, None]).expand(rows, 1, queries, prefix + rest).clone()
    mask[0, :, :, prefix : prefix + pad] = False
    module = types.SimpleNamespace(layer_idx=0, training=False)
    with attending_to([tables], [min(pad, rest)] + [0] * (rows - 1)):
        ours, _ = shared_prefix_attention(module, query, key, value, mask, scaling=WIDTH**-0.5)
    whole = [
        torch.cat([t.expand(rows, -1, -1, -1), own], 2) for t, own in zip(tables, (key, value), strict=True)
    ]
    whole = [table.repeat_interleave(groups, 1) for table in whole]
    expected = torch.nn.functional.scaled_dot_product_attention(query, *whole, attn_mask=mask).transpose(1, 2)
    real = row - prefix >= pad  # queries that are no padding
    torch.testing.assert_close(ours[0, real], expected[0, real], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours[1:], expected[1:], atol=1e-5, rtol=1e-4)
    assert ours.isfinite().all()


def test_it_is_used_where_it_is_known_and_nowhere_else(make_llama, make_tokenizer):
    from transformers import Gemma2Config, MistralConfig, MistralForCausalLM
    from transformers.models.gemma2.modeling_gemma2 import Gemma2ForCausalLM

    size = {"vocab_size": 400, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    size |= {"num_key_value_heads": 1, "intermediate_size": 16, "head_dim": 8}
    llama = Generator(make_llama(), make_tokenizer(bos=True))
    assert llama.share_attention and llama.model.config._attn_implementation == NAME
    assert not can_share(Gemma2ForCausalLM(Gemma2Config(**size)))  # windows and capped scores
    assert not can_share(MistralForCausalLM(MistralConfig(**size, sliding_window=8)))
    assert can_share(MistralForCausalLM(MistralConfig(**size, sliding_window=None)))
    eager = make_llama()
    eager.set_attn_implementation("eager")
    assert not can_share(eager)
    assert not Generator(make_llama(), make_tokenizer(bos=True), reuse_prefix=False).share_attention


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("cached", [0, 3])
def test_half_precision_is_joined_in_single(dtype, cached):
    """The two attentions and their log-sum-exp come in different types; the result has the queries' own."""
    torch.manual_seed(0)
    query = torch.randn(2, 4, 2, WIDTH).to(dtype)
    tables = [torch.randn(1, 2, 7, WIDTH).to(dtype) for _ in range(2)]
    key, value = (torch.randn(2, 2, cached + 2, WIDTH).to(dtype) for _ in range(2))
    column, row = torch.arange(7 + cached + 2), 7 + cached + torch.arange(2)
    mask = (column <= row[:, None]).expand(2, 1, 2, 7 + cached + 2)
    module = types.SimpleNamespace(layer_idx=0, training=False)
    with attending_to([tables], [0, 0]):
        ours, _ = shared_prefix_attention(module, query, key, value, mask, scaling=WIDTH**-0.5)
    whole = [
        torch.cat([t.expand(2, -1, -1, -1), own], 2) for t, own in zip(tables, (key, value), strict=True)
    ]
    whole = [table.repeat_interleave(2, 1).float() for table in whole]
    expected = torch.nn.functional.scaled_dot_product_attention(query.float(), *whole, attn_mask=mask)
    assert ours.dtype == dtype
    torch.testing.assert_close(ours.float(), expected.transpose(1, 2), atol=0.03, rtol=0.03)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_models_in_half_precision_reply(dtype, make_llama, make_tokenizer):
    model, tokenizer = make_llama().to(dtype), make_tokenizer(bos=True)
    prompts = [[1, 5, 6, 7, 8, *range(20, 20 + n)] for n in (3, 9, 4)]
    generator = Generator(model, tokenizer)
    assert generator.share_attention
    assert all(generator.generate(prompts, (), 6, 3))


def test_models_that_build_their_own_masks_are_run_without_a_cached_prefix(make_tokenizer):
    """Falcon and MPT take no attention of another's and no cache that is longer than what they have seen."""
    from transformers import FalconConfig, FalconForCausalLM, MptConfig, MptForCausalLM

    torch.manual_seed(0)
    falcon = FalconConfig(vocab_size=400, hidden_size=32, num_hidden_layers=2, num_attention_heads=4)
    mpt = MptConfig(vocab_size=400, d_model=32, n_layers=2, n_heads=4, expansion_ratio=2)
    prompts = [[1, 5, 6, 7, 8, *range(20, 20 + n)] for n in (3, 9, 4)]
    for model in (FalconForCausalLM(falcon).eval(), MptForCausalLM(mpt).eval()):
        tokenizer, generator = make_tokenizer(bos=True), Generator(model, make_tokenizer(bos=True))
        assert not generator.reuse_prefix
        alone = [
            model.generate(torch.tensor([p]), max_new_tokens=6, do_sample=False)[0, len(p) :].tolist()
            for p in prompts
        ]
        assert generator.generate(prompts, (), 6, 1) == tokenizer.batch_decode(
            alone, skip_special_tokens=True
        )


@pytest.mark.parametrize("share", [True, False])
def test_both_ways_give_what_generate_gives(share, make_llama, make_tokenizer):
    model, tokenizer = make_llama(), make_tokenizer(bos=True)
    torch.manual_seed(2)
    shared = torch.randint(3, 400, (30,)).tolist()
    prompts = [[1, *shared, *torch.randint(3, 400, (n,)).tolist()] for n in (1, 40, 7, 9, 23)]
    alone = [model.generate(torch.tensor([p]), max_new_tokens=9)[0, len(p) :].tolist() for p in prompts]
    generator = Generator(model, tokenizer)
    generator.share_attention = share
    if not share:
        model.set_attn_implementation("sdpa")
    assert generator.generate(prompts, (), 9, 5) == tokenizer.batch_decode(alone, skip_special_tokens=True)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("kind", ["free", "causal", "masked"])
def test_every_kernel_gives_the_attention_and_its_sums(device, kind):
    """Against the terms themselves in double precision; on a GPU each type has a kernel of its own."""
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    torch.manual_seed(0)
    hidden = torch.zeros(40, 40, device=device)
    if kind == "causal":
        hidden = torch.full_like(hidden, -torch.inf).triu(1)
    elif kind == "masked":
        hidden[:, 30:] = -torch.inf
    for dtype, near in ((torch.float32, 1e-5), (torch.bfloat16, 3e-2)):
        query, key, value = (torch.randn(2, 3, 40, 16, device=device, dtype=dtype) for _ in range(3))
        mask = hidden.to(dtype) if kind == "masked" else None
        values, sums = attend(query, key, value, 0.25, mask, causal=kind == "causal")
        exact, exact_sums = attend_by_terms(
            query.double(), key.double(), value.double(), 0.25, hidden.double()
        )
        torch.testing.assert_close(values.double(), exact, rtol=near, atol=near)
        torch.testing.assert_close(sums.double(), exact_sums.double(), rtol=1e-4, atol=1e-4)
