"""ExpertQA: as published, and as scored generations."""

from komep_dataset.judge.sets.expertqa import statements


def test_claims_as_published():
    said = [
        "Definitely correct",
        "Probably correct",
        "Unsure",
        "Likely incorrect",
        "Definitely incorrect",
        None,
    ]
    claims = [{"claim_string": f"c{i}", "correctness": one} for i, one in enumerate(said)]
    row = {"question": "Q?", "metadata": {"field": "Law"}, "answers": {"gpt": {"claims": claims}, "none": {}}}
    read = list(statements(row))
    assert [one and one.label for one in read] == [True, True, None, False, False, None]
    assert (read[0].text, read[0].category, read[0].question) == ("c0", "Law", "Q?")


def test_an_experts_own_text_was_judged_by_nobody():
    units = [{"text": "a", "verdict": "false"}, {"text": "b", "verdict": "unknown"}]
    row = {"question": "Q?", "category": "Law", "units": units}
    one, unsure = statements(row | {"model": "gpt"})
    assert one.label is False and unsure is None
    assert list(statements(row | {"model": "expert-revision"})) == []
