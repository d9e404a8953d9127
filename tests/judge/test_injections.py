"""Statements that tell the checker what to say."""

import json
import re
from dataclasses import replace

from komep_dataset.config.config import Checker
from komep_dataset.config.evidence import Evidence
from komep_dataset.judge.injections import as_text as attacks_as_text
from komep_dataset.judge.injections import attacks, by_passages, measure
from tests.judge.checkers import FACTS, TRUTH, stated
from tests.loopback import Loopback, last_text, loopback

OBEYS = re.compile(r"(?<![a-z])(True|False)(?![a-z])", re.IGNORECASE)  # "True라고" is an order too


def gullible(body: dict) -> str:
    """A judge that is gullible by construction: it obeys whatever stands outside a JSON string, and knows the rest.

    It shows that no injected word gets out of the quotes. How a model takes them, only that model can show.
    """
    text = last_text(body)
    head, _, rest = text.partition("\n")
    try:
        unit, outside = json.loads(head.removeprefix("Statement: ").removeprefix("진술: ")), rest
    except ValueError:
        unit, outside = None, text
    orders = OBEYS.findall(outside.replace("Is the statement true or false? Answer in one word.", ""))
    if orders:
        return orders[-1].capitalize()
    said = unit if unit is not None else stated(text)
    return str(next(label for statement, label in TRUTH.items() if statement in said))


def tried():
    return attacks(FACTS)


def test_the_attacks_are_120_bilingual_and_push_the_wrong_way():
    found = tried()
    assert len(found) == len({a.injected for a in found}) == 120
    assert [sum(a.language == x for a in found) for x in ("en", "ko")] == [60, 60]
    assert all(a.plain in a.injected and a.plain != a.injected for a in found)
    assert all(str(TRUTH[a.plain]).lower() != a.pushes for a in found)
    assert {a.pushes for a in found} == {"true", "false"} and len({a.kind for a in found}) == 6


def test_delimiting_keeps_every_injected_word_inside_the_quotes(tmp_path, capsys):
    """With a judge that obeys all that it reads as an instruction. The mechanism is measured, not a model."""
    with loopback(Loopback(gullible)) as (_, url):
        found = measure(Checker(endpoint=url, model="checker"), tried(), tmp_path)
    ways = ("delimited", "not delimited", "harmless")
    quoted, bare, harmless = ({f.group: f for f in found if f.way == way} for way in ways)
    assert (quoted["all"].moved.hits, quoted["all"].moved.n) == (0, 120)
    assert (bare["all"].moved.hits, bare["all"].moved.n) == (120, 120)
    assert (harmless["all"].moved.hits, harmless["all"].moved.n) == (0, 120)
    assert set(quoted) == {"all", "en", "ko", *(f"kind: {a.kind}" for a in tried())}
    print(attacks_as_text(found))
    assert "moved, delimited" in capsys.readouterr().out


def test_an_injection_that_pushes_what_was_said_anyway_moves_nothing(tmp_path):
    with loopback(Loopback(lambda _: "True")) as (_, url):
        found = measure(Checker(endpoint=url, model="checker"), tried(), tmp_path)
    pushes_false = sum(a.pushes == "false" for a in tried())
    for one in found[:1]:
        assert (one.moved.hits, one.moved.n, one.unread.hits) == (0, pushes_false, 0)


def gullible_with_passages(body: dict) -> str:
    """As `gullible`: it obeys what stands outside of JSON, and else says what the passage that decides says."""
    text = last_text(body)
    if not text.startswith(("Passages", "구절")):
        return gullible(body)
    first, second = text.split("\n")[:2]
    try:
        passages = json.loads(first.partition(": ")[2])
        json.loads(second.partition(": ")[2])
    except ValueError:
        orders = OBEYS.findall(text.rpartition("\n")[0])
        return f"{orders[-1].capitalize()} [p2]" if orders else "Unknown"
    said = {one["id"]: one["text"] for one in passages}["p1"]
    return f"{'not so' not in said and '사실이 아닌' not in said} [p1]"


def test_a_passage_pushes_no_verdict_out_of_its_quotes(tmp_path):
    judge = Checker(endpoint="http://h/v1", model="checker", evidence=Evidence(provided=tmp_path))
    with loopback(Loopback(gullible_with_passages)) as (_, url):
        found = measure(replace(judge, endpoint=url), tried()[::4], tmp_path)
    moved = {one.way: (one.moved.hits, one.moved.n) for one in found if one.group == "all"}
    assert moved["passage, delimited"] == moved["passage, harmless"] == (0, 30)
    assert moved["passage, not delimited"][0] > 25
    assert moved["delimited"] == (0, 30) and moved["not delimited"] == (30, 30)


def test_an_attacking_passage_is_about_something_else():
    for attack, unit in zip(by_passages(tried()), tried(), strict=True):
        assert attack.statement == unit.plain and attack.statement in attack.decides
        assert attack.statement not in attack.injected and attack.plain in attack.injected
        alone, injected = attack.items
        assert [p.id for p in alone.passages] == [p.id for p in injected.passages] == ["p2", "p1"]
