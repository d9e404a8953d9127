"""Agreement of two reviewers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from komep_dataset.review.agreement import kappa


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_kappa_is_that_of_scikit_learn(answers):
    ours = kappa(answers)
    if ours is None:
        assert len(set(answers)) == 1 and answers[0][0] == answers[0][1]
    else:
        first, second = zip(*answers, strict=True)
        assert ours == pytest.approx(cohen_kappa_score(first, second))
