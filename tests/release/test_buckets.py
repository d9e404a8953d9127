"""Buckets of a build: one split each, and their order is that of the ids, whatever the ids."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from komep_dataset.release.buckets import BUCKET_BYTES, Spill, bucket_count
from komep_dataset.schema import split_of

HEX = "0123456789abcdefABCDEF"
IDS = st.lists(st.text(HEX, min_size=8, max_size=9), min_size=1, max_size=60)


@settings(max_examples=100, deadline=None)
@given(IDS, st.sampled_from([1, 2, 16, 64, 256]))
def test_buckets_are_of_one_split_and_in_the_order_of_the_ids(tmp_path_factory, ids, count):
    spill = Spill(tmp_path_factory.mktemp("spill"), count * BUCKET_BYTES)
    frame = pl.DataFrame({"question_id": ids})
    spill.add(frame[: len(ids) // 2])
    spill.add(frame[len(ids) // 2 :])
    for split in ("test", "train"):
        own = [spill.read(bucket)["question_id"] for bucket in spill.names() if bucket.split == split]
        assert {split_of(one) for part in own for one in part} <= {split}
        in_order = [one for part in own for one in sorted(part)]
        assert in_order == sorted(one for one in ids if split_of(one) == split)


@pytest.mark.parametrize(
    ("megabytes", "count"), [(0, 1), (31, 1), (32, 2), (298, 16), (2977, 128), (10**6, 256)]
)
def test_more_input_has_more_buckets(megabytes, count):
    assert bucket_count(megabytes << 20) == count


def test_ids_of_a_build_fill_all_buckets_alike(tmp_path):
    spill = Spill(tmp_path, 16 * BUCKET_BYTES)
    spill.add(
        pl.DataFrame({"question_id": [f"{number * 7919 % 2**32:08x}" for number in range(0, 10**7, 97)]})
    )
    sizes = [spill.read(bucket).height for bucket in spill.names()]
    assert len(sizes) == 2 + 16 and max(sizes[2:]) < 1.5 * min(sizes[2:])
