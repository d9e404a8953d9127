"""The scores, which are the pipeline's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from evaluation.dahl.scoring import score
from komep_dataset.dahl import model_score, parse_verdict, score_response
from komep_dataset.schema import Status, Unit, Verdict

REPLIES = st.sampled_from(
    ["True.", "False", "참", "거짓입니다", "Not true.", "Untrue", "true or false", "", "unknown"]
)


ROWS = st.lists(
    st.tuples(
        st.lists(REPLIES, max_size=4), st.sampled_from(["It is.", "I don't know.", ""]), st.sampled_from("ab")
    ),
    min_size=1,
    max_size=20,
)


@given(ROWS, st.sampled_from(["strict", "paper"]))
def test_scores_are_the_pipelines(rows, mode):
    predictions, responses, categories = map(list, zip(*rows, strict=True))
    found = score(predictions, mode, responses, categories)
    expected = [
        score_response(text, [Unit("", parse_verdict(reply, mode)) for reply in units], mode)
        for units, text, _ in rows
    ]
    assert found["scores"] == [value for value, _ in expected]
    counts = {s.value: sum(status is s for _, status in expected) for s in Status if s is not Status.FAILED}
    assert found["statuses"] == {s: n for s, n in counts.items() if n or s not in ("refused", "unsplit")}
    mean = model_score([value for value, status in expected if status is Status.SCORED])
    assert found["dahl_score"] == (mean and mean.mean)
    assert found["interval"] == ([mean.low, mean.high] if mean and mean.low is not None else None)
    assert sum(found["statuses"].values()) == found["n"] == len(rows)
    assert sum(found["verdicts"].values()) == sum(map(len, predictions))
    for name, group in found["categories"].items():
        chosen = [row for row in rows if row[2] == name]
        alone = score([r[0] for r in chosen], mode, [r[1] for r in chosen])
        assert group == {k: v for k, v in alone.items() if k not in ("scores", "categories")}


def test_interval_by_hand():
    found = score([["True", "False"], ["True"], ["False"], ["True", "True", "False"]])
    mean, half = (0.5 + 1 + 0 + 2 / 3) / 4, None
    deviation = (sum((x - mean) ** 2 for x in (0.5, 1, 0, 2 / 3)) / 3) ** 0.5
    half = t.ppf(0.975, 3) * deviation / 2
    assert found["dahl_score"] == pytest.approx(mean)
    assert found["interval"] == pytest.approx([max(0, mean - half), min(1, mean + half)])
    assert found["interval"][0] == 0 and found["interval"][1] == 1  # cut


def test_modes_differ_where_they_should():
    units = [["Not true."], ["Untrue"], [], ["참"]]
    assert score(units)["scores"] == [None, None, None, 1.0]
    assert score(units, "paper")["scores"] == [1.0, 1.0, 0.0, None]
    assert score([["True"]], "strict", ["I don't know."])["statuses"]["abstained"] == 1
    assert score([["True"]], "paper", ["I don't know."])["dahl_score"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "nothing to score"),
        ((["True."],), "prediction 0 is 'True.'; give a list"),
        (([["True"], None],), "prediction 1 is None"),
        (([[True]],), "neither a verdict"),
        (([[{"text": "x"}]],), "neither a verdict"),
        (([{"verdict": "true"}],), "give a list"),
        (([["True"]], "lenient"), "strict, paper"),
        (([["True"]], "strict", ["a", "b"]), "1 predictions, 2 responses"),
        (([["True"]], "strict", None, []), "0 categories"),
    ],
)
def test_score_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        score(*arguments)


def test_every_verdict_is_one_of_the_schemas():
    assert set(score([["true", "False", "?"]])["verdicts"]) == {v.value for v in Verdict}
