"""What came of a review: out of the sheets, figures into `review.json`, texts into `corrections.jsonl`, and from marks of
statements what the judge is worth.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import check_file, json_with, resolved, table_of, write_json
from komep_dataset.judge.record import RECORD as JUDGE_RECORD
from komep_dataset.judge.record import write_record
from komep_dataset.progress import counted, tell
from komep_dataset.review.agreement import QUESTIONS, summarise
from komep_dataset.review.better import SAME, UNSURE, A
from komep_dataset.review.blinding import ANSWERS
from komep_dataset.review.calibration import STATEMENTS, of_marks, write_statements
from komep_dataset.review.corrections import Correction, corrections_of
from komep_dataset.review.reading import read_sheets
from komep_dataset.review.sheet import read_material
from komep_dataset.tables.writing import write_rows

RECORD = json_with("release", "reviewers", "pairs", "agreement", "corrections", "conflicts")
REVIEW = "review.json"
# What lies beside it.
CORRECTIONS, JUDGE, LABELLED = "corrections.jsonl", "review_judge.json", "review_statements.jsonl"
OWN = {CORRECTIONS: table_of(Correction), JUDGE: JUDGE_RECORD, LABELLED: STATEMENTS}
PARTS = ("reviewer", "category", "origin", "margin", "warning")


def import_sheets(
    sheets: Sequence[Path],
    release: Path,
    output: Path = Path(REVIEW),
    columns: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], list[Path]]:
    """Read filled-in sheets and write their figures and corrections.

    Args:
        sheets: CSV files.
        release: the release that was sampled.
        output: JSON of the result, or a folder for `review.json`. Beside it go `corrections.jsonl` and, where statements were marked, `review_judge.json` for
            `komep build --judge` and `review_statements.jsonl` for `komep calibrate`.
        columns: a sheet's own name of a column -> the one that it had.

    Returns:
        (the content of the JSON, the files: it and those beside it).

    Raises:
        KomepError: what `read_sheets` raises, or nothing was judged.
    """
    output = output / REVIEW if resolved(output).is_dir() else output
    beside = {name: output.parent / name for name in OWN}
    if taken := next((place for place in beside.values() if resolved(output) == resolved(place)), None):
        what = "the corrections are" if taken.name == CORRECTIONS else f"{taken.name} is"
        raise KomepError(f"--output {output}: {what} written there; name another file", exit_code=2)
    check_file(output, *RECORD)
    for name, mark in OWN.items():
        check_file(beside[name], *mark)
    material = read_material(release)
    judgements, notes = read_sheets(sheets, material, columns or {})
    if not judgements:
        raise KomepError(f"{', '.join(map(str, sheets))}: nothing is filled in yet")
    corrections, conflicts = corrections_of(judgements, material.pairs, material.keys)
    marked, judge, statements = of_marks(judgements, material, release)
    shown = ("question_id", "model", "reviewer", "after")
    record = {
        "release": material.facts["content_hash"],
        **summarise(judgements, material.pairs, material.warned),
        "statements": marked,
        "corrections": len(corrections),
        "conflicts": [{name: getattr(one, name) for name in shown} for one in conflicts],
    }
    write_rows(corrections, beside[CORRECTIONS], Correction)
    written = [output, beside[CORRECTIONS]]
    if judge:
        write_record(judge, beside[JUDGE])
        write_statements(statements, beside[LABELLED])
        written += [beside[JUDGE], beside[LABELLED]]
    write_json(output, record, RECORD)
    for note in notes:
        tell(f"note: {note}")
    return record, written


def as_text(record: Mapping[str, Any]) -> str:
    """The figures for a terminal; strata of single pairs are in the JSON alone."""
    reviewers = ", ".join(f"{name} ({n})" for name, n in record["reviewers"].items())
    lines = [f"{counted(record['pairs'], 'pair')} judged; reviewers (pairs): {reviewers}"]
    alike = "95% Wilson intervals over answers; two of one pair are not independent: see each reviewer's own"
    lines += [alike] * (len(record["reviewers"]) > 1) + _blind(record)
    for question in QUESTIONS:
        summary = record[question]
        lines.append(f"{question:<16} {_shown(summary['all'])}")
        if "weighted" in summary:
            lines.append(f"  {summary['weighted']:.1%} of the release: pairs with a warning were drawn first")
        for part in PARTS:
            shares = summary.get(f"by_{part}", {})
            lines += [f"  {part} {name:<20} {_shown(share)}" for name, share in shares.items()]
    for one in record["agreement"]:
        kappa = "undefined" if one["kappa"] is None else f"{one['kappa']:.2f}"
        names = " and ".join(one["reviewers"])
        agree = f"agree on {one['same']} of {counted(one['n'], 'pair')}, kappa {kappa}"
        lines.append(f"{one['question']}: {names} {agree}")
    lines.append(counted(record["corrections"], "corrected text"))
    if record["conflicts"]:
        places = {"/".join(filter(None, (c["question_id"], c["model"]))) for c in record["conflicts"]}
        what = f"{len(record['conflicts'])} corrections of the same texts differ and are left out"
        lines.append(f"{what}: {', '.join(sorted(places))}")
    return "\n".join(lines)


def _blind(record: Mapping[str, Any]) -> list[str]:
    """What blind judgements say, and how far reviewers agree on what."""
    lines, said = [], record["preference"]
    if total := sum(said[name] for name in (*ANSWERS, SAME, UNSURE)):
        agreed, place = said["agreement"], said["place"]
        lines.append(
            f"blind: of {counted(total, 'answer')} {said['chosen']} are for the chosen one, {said['rejected']} for the rejected one, {said[SAME]} same, "
            f"{said[UNSURE]} unsure"
        )
        if agreed["pairs"]:
            share = f"{agreed['share']:.1%} ({agreed['low']:.1%} to {agreed['high']:.1%})"
            of = f"{counted(agreed['pairs'], 'pair')} on which one was better"
            lines.append(f"agreement with the release: {share} of {of}")
            lines += [f"  reviewer {name:<20} {_shown(one)}" for name, one in said["by_reviewer"].items()]
            lines.append(f"  the better one stood at {A} in {_shown(place)}")
    for what, one in record["alpha"].items():
        if one["items"]:
            known = one["alpha"] is not None
            alpha = "{alpha:.2f} ({low:.2f} to {high:.2f})".format(**one) if known else "undefined"
            lines.append(f"Krippendorff's alpha, {what}: {alpha} over {one['items']} that several judged")
    marked = record["statements"]
    if marked["marks"]:
        lines.append(
            f"{counted(marked['marks'], 'mark')} of statements, {marked['cannot_say']} of them cannot say; {counted(marked['labelled'], 'statement')} labelled, "
            f"{marked['contradicted']} left out, on which reviewers contradict each other"
        )
        shares = marked.get("judge", {}).items()
        lines += [f"  judge: {name:<12} {_shown(one | {'yes': one['hits']})}" for name, one in shares]
    return lines


def _shown(share: Mapping[str, Any]) -> str:
    if not share["n"]:
        return "not judged"
    return "{yes} of {n}: {share:.1%} ({low:.1%} to {high:.1%})".format(**share)
