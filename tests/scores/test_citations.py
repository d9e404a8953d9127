"""Reading verdicts that cite passages: what is one, what is none, and why."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from komep_dataset.scores.citations import Said, read_reply
from tests.growth import grows_with_its_size

SHOWN = ("p1", "p2", "Harrison, ch. 3", "https://example.org/a?b=1", "7")
UNREAD = ("unknown", (), "unread")


def said(reply: str, shown=SHOWN, cut=False) -> tuple:
    found = read_reply(reply, shown, cut=cut)
    return found.verdict.value, found.cited, found.reason


@pytest.mark.parametrize(
    "reply, expected",
    [
        ('{"verdict": "True", "ids": ["p1"], "reason": ""}', ("true", ("p1",), "")),
        ('{"verdict": "거짓", "ids": ["p2", "p1", "p2"]}', ("false", ("p2", "p1"), "")),
        ('```json\n{"verdict": true, "ids": [7]}\n```', ("true", ("7",), "")),
        ('{"Verdict": "False", "Sources": [{"id": "P1"}]}', ("false", ("p1",), "")),
        ('{"verdict": "True", "ids": "Harrison, ch. 3"}', ("true", ("Harrison, ch. 3",), "")),
        ('p1 does not say so, but p2 does. {"verdict": "True", "ids": ["p2"]}', ("true", ("p2",), "")),
        ('{"verdict": "True", "ids": ["p1"], "reason": "p1 says so"}', ("true", ("p1",), "")),
        ('{"verdict": "Unknown", "ids": [], "reason": "not_addressed"}', ("unknown", (), "not_addressed")),
        ('{"verdict": "모름", "ids": ["p1", "p2"], "reason": "contradictory"}', ("unknown", ("p1", "p2"), "contradictory")),
        ('{"verdict": "contradictory", "ids": ["p1", "p2"]}', ("unknown", ("p1", "p2"), "contradictory")),
        ('{"verdict": "Unknown"}', ("unknown", (), "not_addressed")),
        ("True [p1, p2]", ("true", ("p1", "p2"), "")),
        ("**False** (p2).", ("false", ("p2",), "")),
        ("Verdict: True\nSources: Harrison, ch. 3; https://example.org/a?b=1", ("true", SHOWN[2:4], "")),
        ("참 [구절 p1]", ("true", ("p1",), "")),
        ("True [p1]. It says that insulin lowers glucose.", ("true", ("p1",), "")),
        ("Unknown.", ("unknown", (), "not_addressed")),
        ("Not addressed. Ids: none", ("unknown", (), "not_addressed")),
        ('{"result": {"Verdict": "True", "ids": ["[p1]"]}}', ("true", ("p1",), "")),
        ('[{"answer": "False", "ids": ["p2: The trial found none."]}]', ("false", ("p2",), "")),
        ("True. Sources: p1, p2", ("true", ("p1", "p2"), "")),
        ("**Verdict:** False\n**IDs:** `p2`\n**Reason:** It says so.", ("false", ("p2",), "")),
        ("<verdict>True</verdict>\n<ids>p1, p2</ids>", ("true", ("p1", "p2"), "")),
        ("Contradictory [p1] [p2]", ("unknown", ("p1", "p2"), "contradictory")),
    ],
)  # fmt: skip
def test_verdicts_and_what_they_cite(reply, expected):
    assert said(reply) == expected


@pytest.mark.parametrize(
    "reply",
    [
        "True", "False.", '{"verdict": "True", "ids": []}', '{"verdict": "False", "reason": "common knowledge"}',
        '{"verdict": "True", "ids": ["p9"]}', '{"verdict": "True", "ids": ["p1", "p9"]}', "True [p9]", "True (p9)",
        '{"verdict": "Unknown", "ids": ["p9"], "reason": "not_addressed"}',
        '{"verdict": "True", "ids": ["p1"], "reason": "contradictory"}',
        '{"verdict": "True", "ids": ["p1"]} {"verdict": "False", "ids": ["p1"]}',
        '{"verdict": "True", "ids": ["p1"]} But this holds in adults only.',
        '{"verdict": "hardly true", "ids": ["p1"]}', '{"verdict": "True", "ids": ["p1"', "maybe [p1]", "", "{" * 9000, '{"a":' * 1800,
        '{"verdict": "True", "ids": ["p1"]}' + " " * 10_000,
    ],
)  # fmt: skip
def test_a_reply_that_is_no_verdict_by_passages_is_unread(reply):
    assert said(reply) == UNREAD


DIGITS = ("p1", "p2", "doc/3#4")


@pytest.mark.parametrize(
    "reply, expected",
    [
        ("True. Supported by passage p1 and p2.", ("true", ("p1", "p2"), "")),
        ("True, see above [see passage p1]", UNREAD),  # "see above" may take it back
        ("True [see passage p1]", ("true", ("p1",), "")),
        ("True [p1]\nEvidence: the trial says so in plain words.", ("true", ("p1",), "")),
        ("False. Passage doc/3#4 says otherwise.", ("false", ("doc/3#4",), "")),
        ("False. Passage doc/3#5 says otherwise.", UNREAD),
        ("True [p1, and the unseen p7]", UNREAD),
    ],
)
def test_words_around_ids_are_no_ids(reply, expected):
    assert said(reply, DIGITS) == expected


def test_what_was_not_shown_is_told():
    assert read_reply("True [p1, p9]", SHOWN) == Said(read_reply("", SHOWN).verdict, (), "unread", ("p9",))
    assert said("False [p1]", ("p2", "p1x")) == UNREAD


@given(st.text(), st.lists(st.text(min_size=1).filter(str.strip), min_size=1, unique=True))
def test_nothing_is_cited_but_what_was_shown(reply, shown):
    found = read_reply(reply, shown)
    assert set(found.cited) <= set(shown) and bool(found.reason) == (found.verdict == "unknown")
    ids = shown[: len(shown) // 2 + 1]
    assert said(json.dumps({"verdict": "True", "ids": ids}), shown) == ("true", tuple(ids), "")


@pytest.mark.parametrize(
    "part", [".", "- ", "<id>", "[p1", "(p1", "; ", "source: ", "passage p1, ", '{"a":', "```json "]
)
def test_a_reply_takes_the_time_of_its_length(part):
    assert grows_with_its_size(lambda size: read_reply((part * size)[:size], SHOWN), 1_250)
