"""The quick look at a column of answers never passes over an abstention."""

import re

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from komep_dataset import dahl
from komep_dataset.pairs.generations import complete
from komep_dataset.schema import ScoredGeneration, polars_schema

ALL = st.from_regex(re.compile(dahl._ABSTENTION.pattern, re.VERBOSE | re.ASCII), fullmatch=True)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.lists(ALL, min_size=1, max_size=20),
    st.sampled_from(["{}", "Sorry. {}!", "“{}”", "I'{}"]),
    st.booleans(),
)
def test_every_abstention_is_seen(texts, form, upper):
    texts = [form.format(t.upper() if upper else t).replace("dont", "don't") for t in texts]
    columns = {"question": "What?", "category": "c", "model": "m", "units": []}
    rows = [columns | {"response": text} for text in texts]
    frame = pl.DataFrame(rows, schema=polars_schema(ScoredGeneration)).with_columns(
        _file=pl.lit(0), _line=pl.lit(1)
    )
    done, problems = complete(frame, ["f"])
    assert not problems
    expected = ["abstained" if dahl.is_abstention(text) else "empty" for text in texts]
    assert done["status"].to_list() == expected
