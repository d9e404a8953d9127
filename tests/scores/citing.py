"""A judge that reads the passages it is shown: it stands for a model that judges by them, and answers as it is told."""

import json

from tests.loopback import answer, last_text

MARKS = ("Passages: ", "구절: ")


def shown(body: dict) -> list[dict]:
    """The passages of a request, as the judge gets them."""
    line = next((x for x in last_text(body).split("\n") if x.startswith(MARKS)), ": []")
    return json.loads(line.partition(": ")[2])


def statement(body: dict) -> str:
    line = next(x for x in last_text(body).split("\n") if x.startswith(("Statement: ", "진술: ")))
    return json.loads(line.partition(": ")[2])


def judged(body: dict) -> str:
    """True by a passage that holds the statement, False by one that denies it, contradictory by both, else unknown."""
    if body["model"].startswith("splitter"):
        return answer(body)
    unit = statement(body).rstrip(".")
    for_it = [p["id"] for p in shown(body) if unit in p["text"] and f"not so that {unit}" not in p["text"]]
    against = [p["id"] for p in shown(body) if f"not so that {unit}" in p["text"]]
    verdict = "Unknown" if bool(for_it) == bool(against) else "True" if for_it else "False"
    reason = {"Unknown": "contradictory" if for_it else "not_addressed"}.get(verdict, "")
    return json.dumps(
        {"verdict": verdict, "ids": [*for_it, *against], "reason": reason}
        if len(unit) % 2
        else {"verdict": verdict, "ids": [*for_it, *against], "why": reason}
    )
