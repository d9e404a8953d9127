"""Rows of a batch: joined parts are what one batch would have been, and dropping rows leaves the others alone."""

from itertools import pairwise

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import DynamicCache

from evaluation.backends.local.rows import join, lay_out, plan_reading, shifted_cache
from evaluation.backends.local.shared_prefix import RestLayer, rest_cache

CPU = torch.device("cpu")
SHARED = (7, 8, 9)


@st.composite
def parts_of_prompts(draw):
    """Prompts that begin alike, in parts."""
    token = st.integers(1, 99)
    behind = st.lists(token, min_size=1, max_size=5).map(lambda rest: (*SHARED, *rest))
    return draw(st.lists(st.lists(behind, min_size=1, max_size=3), min_size=1, max_size=4))


def read(rows, columns: int):
    """A cache as a model leaves it, here of the token ids themselves, keys positive and values negative."""
    table = (
        rows.ids[:, None, columns:, None].float().expand(-1, 2, -1, 3) * rows.mask[:, None, columns:, None]
    )
    rows.cache = DynamicCache([(table.clone(), -table)]) if not columns else rest_cache([(table, -table)])
    if columns:
        rows.cache.layers = [RestLayer(columns)]
        rows.cache.layers[0].update(table.clone(), -table)
    return rows


@given(parts_of_prompts(), st.sampled_from([0, len(SHARED)]))
@settings(deadline=None, max_examples=60)
def test_joined_parts_are_laid_out_as_one_batch(parts, before):
    prompts = [prompt for part in parts for prompt in part]
    whole = read(lay_out(range(len(prompts)), prompts, before, CPU), before)
    first, pieces = 0, []
    for part in parts:
        numbers = range(first, first := first + len(part))
        pieces.append(read(lay_out(numbers, part, before, CPU), before))
    joined = join(pieces)
    assert joined.numbers == whole.numbers and joined.start == whole.start and joined.said == 0
    assert torch.equal(joined.ids, whole.ids) and torch.equal(joined.mask, whole.mask)
    layer, expected = joined.cache.layers[0], whole.cache.layers[0]
    assert torch.equal(layer.keys, expected.keys) and torch.equal(layer.values, expected.values)
    assert layer.get_seq_length() == joined.start


@given(parts_of_prompts(), st.data())
@settings(deadline=None, max_examples=60)
def test_dropped_rows_are_gone_and_the_others_go_on(parts, data):
    prompts = [prompt for part in parts for prompt in part]
    rows = read(lay_out(range(len(prompts)), prompts, len(SHARED), CPU), len(SHARED))
    rows.extend(torch.cat([rows.ids, rows.ids[:, -1:]], 1))
    assert rows.replies() == [[prompt[-1]] for prompt in prompts] and rows.said == 1
    gone = data.draw(st.sets(st.sampled_from(range(len(prompts)))))
    table = rows.cache.layers[0].keys
    rows.drop(gone)
    kept = [number for number in range(len(prompts)) if number not in gone]
    assert rows.numbers == kept and rows.ids.shape[0] == rows.mask.shape[0] == len(kept)
    assert rows.replies() == [[prompts[number][-1]] for number in kept]
    if kept:
        layer = rows.cache.layers[0]
        assert torch.equal(layer.keys, table[kept])
        token = torch.ones(len(kept), 2, 1, 3)
        layer.update(token, token)
        assert torch.equal(layer.keys, torch.cat([table[kept], token], 2))


@given(st.lists(st.integers(1, 50), max_size=20), st.integers(1, 120))
def test_prompts_are_read_in_order_as_many_as_are_allowed(lengths, most):
    parts = plan_reading(lengths, most)
    assert [place for part in parts for place in part] == list(range(len(lengths)))
    padded = [len(part) * max(lengths[i] for i in part) for part in parts]
    assert all(size <= most or len(part) == 1 for size, part in zip(padded, parts, strict=True))
    for part, following in pairwise(parts):  # a part takes the next prompt where it can
        assert (len(part) + 1) * max(lengths[i] for i in (*part, following[0])) > most


def test_padding_repeats_a_token_of_the_row():
    rows = lay_out([4, 5], [(1, 2, 3), (1, 2, 3, 4, 5)], 2, CPU)
    assert rows.ids.tolist() == [[1, 2, 1, 1, 3], [1, 2, 3, 4, 5]]
    assert rows.mask.tolist() == [[1, 1, 0, 0, 1], [1, 1, 1, 1, 1]]
    assert rows.pads == [2, 0]


def test_parts_without_a_row_left_are_passed_over():
    full, empty = (lay_out([number], [(1, 2)], 0, CPU) for number in (0, 1))
    empty.drop([0])
    assert join([empty, full]) is full
    assert join([empty]).numbers == []


@given(st.lists(st.integers(0, 6), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_shifted_cache_is_the_prefix_moved_by_the_padding(pads):
    keys = torch.arange(1.0, 41.0).reshape(1, 2, 5, 4)
    layer = shifted_cache([(keys, -keys)], pads).layers[0]
    assert layer.keys.shape == (len(pads), 2, 5, 4)
    for row, pad in enumerate(pads):
        assert torch.equal(layer.keys[row, :, pad:], keys[0, :, : max(0, 5 - pad)])
        assert not layer.keys[row, :, :pad].any()
    assert torch.equal(layer.values, -layer.keys)
