"""What reviewers' marks of statements say of the judge: labelled statements, and a record as `komep calibrate` makes one."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from komep_dataset.files.outputs import lines_with, write_text
from komep_dataset.judge.calibration import SHARES, record_of
from komep_dataset.judge.ranking import Sides, simulate
from komep_dataset.judge.record import Record
from komep_dataset.judge.risk_coverage import Answer
from komep_dataset.judge.statements import Statement
from komep_dataset.languages import language_of
from komep_dataset.review.agreement import Judgement
from komep_dataset.review.blinding import ANSWERS
from komep_dataset.review.sheet import Material
from komep_dataset.schema import Verdict

STATEMENTS = lines_with("text", "label", "language", "category")


def of_marks(
    judgements: Iterable[Judgement], material: Material, release: Path
) -> tuple[dict[str, Any], Record | None, list[Statement]]:
    """What was marked, the judge's record by it (None where nothing was), and the statements with their labels.

    A statement's label is what most of those said who said true or false; where as many say either, it has none.
    """
    said: dict[tuple[str, str, int], list[bool]] = defaultdict(list)
    counts: Counter[str] = Counter()
    where: dict[tuple[str, str, int], tuple[str, str]] = {}
    reviewers = set()
    for one in judgements:
        question, *models = material.keys[one.pair_id]
        for mark in one.marks:
            key = question, models[ANSWERS.index(mark.side)], mark.unit
            where[key] = one.pair_id, mark.side
            if mark.label is None:
                counts["cannot_say"] += 1
            else:
                said[key].append(mark.label)
                reviewers.add(one.reviewer)
    statements, answers = [], []
    for key in sorted(said):
        pair_id, side = where[key]
        votes, unit = Counter(said[key]), material.beside[pair_id].units[side][key[2]]
        if votes[True] == votes[False]:
            counts["contradicted"] += 1
            continue
        pair, label = material.pairs[pair_id], votes[True] > votes[False]
        question = pair.prompt_source or pair.prompt_korean
        statements.append(Statement(unit["text"], label, language_of(unit["text"]), pair.category, question))
        answers.append(Answer(label, unit["verdict"], 1.0))
    record, found = None, {}
    if statements:
        told = f"statements of this set's own answers, marked by {len(reviewers)} reviewer{'s' * (len(reviewers) > 1)} who saw no verdict"
        judge = (material.facts.get("judge") or {}).get("checker") or f"the judge of {Path(release).name}"
        record = record_of(judge, {}, statements, answers, "strict", 0)
        sides = [_sides(one.units) for one in material.beside.values() if all(one.units.values())]
        ranking = simulate(sides, record.rates) if record.rates else None
        record = replace(record, statements=told, ranking=ranking, ranked=Path(release).name)
        found = {"judge": {name: asdict(getattr(record.groups[0], name)) for name in SHARES}}
    figures = {name: counts[name] for name in ("cannot_say", "contradicted")}
    marked = {"marks": sum(map(len, said.values())) + counts["cannot_say"], **figures}
    return {**marked, "labelled": len(statements), **found}, record, statements


def _sides(units: Mapping[str, Sequence[Mapping[str, str]]]) -> Sides:
    verdicts = [[unit["verdict"] for unit in units[side]] for side in ANSWERS]
    return Sides(*(of.count(one.value) for of in verdicts for one in (Verdict.TRUE, Verdict.FALSE)))


def write_statements(statements: Sequence[Statement], path: Path) -> None:
    """Write labelled statements as `komep calibrate` reads them."""
    lines = (json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in statements)
    write_text(path, "".join(lines), *STATEMENTS)
