"""What came of a review: out of the sheets, figures into `review.json` and texts into `corrections.jsonl`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import check_file, json_with, resolved, table_of, write_json
from komep_dataset.review.agreement import QUESTIONS, summarise
from komep_dataset.review.corrections import Correction, corrections_of, write_corrections
from komep_dataset.review.sheet import read_pairs, read_sheets, warned_ids

RECORD = json_with("release", "reviewers", "pairs", "agreement", "corrections", "conflicts")
PARTS = ("reviewer", "category", "origin", "margin", "warning")


def import_sheets(
    sheets: Sequence[Path], release: Path, output: Path
) -> tuple[dict[str, Any], Path, list[str]]:
    """Read filled-in sheets and write their figures and corrections.

    Args:
        sheets: CSV files.
        release: the release that was sampled.
        output: JSON of the result; `corrections.jsonl` is written beside it.

    Returns:
        (the content of the JSON, the file of corrections, notes on how sheets were read).

    Raises:
        KomepError: what `read_sheets` raises, or nothing was judged.
    """
    target = output.parent / "corrections.jsonl"
    if resolved(output) == resolved(target):
        raise KomepError(
            f"--output {output}: the corrections are written there; name another file", exit_code=2
        )
    check_file(output, *RECORD)
    check_file(target, *table_of(Correction))
    pairs, keys, facts = read_pairs(release)
    by_id = {pair.pair_id: pair for pair in pairs}
    judgements, notes = read_sheets(sheets, by_id)
    if not judgements:
        raise KomepError(f"{', '.join(map(str, sheets))}: nothing is filled in yet")
    corrections, conflicts = corrections_of(judgements, by_id, keys)
    warned = warned_ids(release, keys)
    record = {"release": facts["content_hash"], **summarise(judgements, by_id, warned)}
    record["corrections"] = len(corrections)
    shown = ("question_id", "model", "reviewer", "after")
    record["conflicts"] = [{name: getattr(one, name) for name in shown} for one in conflicts]
    write_corrections(corrections, target)
    write_json(output, record, RECORD)
    return record, target, notes


def as_text(record: Mapping[str, Any]) -> str:
    """The figures for a terminal; strata of single pairs are in the JSON alone."""
    reviewers = ", ".join(f"{name} ({n})" for name, n in record["reviewers"].items())
    lines = [f"{record['pairs']} pairs judged; reviewers (pairs): {reviewers}"]
    if len(record["reviewers"]) > 1:
        lines.append(
            "95% Wilson intervals over answers; two of one pair are not independent: see each reviewer's own"
        )
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
        lines.append(f"{one['question']}: {names} agree on {one['same']} of {one['n']} pairs, kappa {kappa}")
    lines.append(f"{record['corrections']} corrected texts")
    if record["conflicts"]:
        places = {"/".join(filter(None, (c["question_id"], c["model"]))) for c in record["conflicts"]}
        what = f"{len(record['conflicts'])} corrections of the same texts differ and are left out"
        lines.append(f"{what}: {', '.join(sorted(places))}")
    return "\n".join(lines)


def _shown(share: Mapping[str, Any]) -> str:
    if not share["n"]:
        return "not judged"
    return f"{share['yes']} of {share['n']}: {share['share']:.1%} ({share['low']:.1%} to {share['high']:.1%})"
