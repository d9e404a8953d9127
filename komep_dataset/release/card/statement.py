"""The data statement of a release (Bender and Friedman, TACL 6, 2018): who made its parts, under which terms, and one row of it.

What is not recorded is called so; nothing is guessed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from komep_dataset.schema import Origin
from komep_dataset.scores.sources import verdicts_path
from komep_dataset.translation.evidence import translations_path

# Terms of what the ready-made responders write, as their makers publish them; they go with the model's name.
OUTPUT_TERMS = {
    "dolly-v2-3b": "MIT (the model's licence)",
    "mpt-7b": "Apache-2.0 (the model's licence)",
    "mpt-7b-instruct": "Apache-2.0 (the model's licence)",
    "gpt-4o": "OpenAI's terms of use, which restrict training models that compete",
    "qwen2-7b": "Apache-2.0 (the model's licence)",
    "qwen2-7b-instruct": "Apache-2.0 (the model's licence)",
    "llama-3-8b": "Meta Llama 3 Community License, which restricts training others on its output",
    "llama-3-8b-instruct": "Meta Llama 3 Community License, which restricts training others on its output",
}
KOMEP = "KoMeP: Korean Medical Preference"
OF_SAMPLE = "Apache-2.0: written for the KoMeP project, no model's output"
UNRECORDED = "not recorded"


def title_of(facts: Mapping[str, Any], folder: str) -> str:
    """What the card calls a release: the name it was given, else that of its folder; the sample is KoMeP's."""
    return facts["options"].get("name") or (KOMEP if facts["is_sample"] else folder)


def is_komep(facts: Mapping[str, Any]) -> bool:
    """Whether a release is KoMeP, or says by its name that it derives from it: the paper of KoMeP is about no other."""
    return bool(facts["is_sample"] or re.match(r"komep\b", facts["options"].get("name") or "", re.IGNORECASE))


def makers_of(tables: Sequence[Path]) -> dict[str, list[str]]:
    """`checker` and `translator` -> models, by the evidence that stages left beside their tables; no key where there is none."""
    found: dict[str, set[str]] = {}
    for role, place in (("checker", verdicts_path), ("translator", translations_path)):
        for path in filter(Path.is_file, map(place, tables)):
            try:
                with pq.ParquetFile(path) as source:  # `pq.read_table` imports pandas where that is installed
                    names = source.read([role])[role].unique().to_pylist()
            except (pa.ArrowException, OSError, LookupError):
                continue  # of somebody else's
            found.setdefault(role, set()).update(name for name in names if name)
    return {role: sorted(names) for role, names in found.items() if names}


def terms_of(facts: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(part, who made it, its terms) of everything in a release; a part that nobody told about is under the release's licence."""
    sample, options = facts["is_sample"], facts["options"]
    given = options.get("license")
    told = f"{given}, as whoever built this says" if given not in (None, "unknown") else UNRECORDED
    files = [file["name"] for part in grown_from(facts) for file in part.get("inputs", ())]
    makers, ours = _makers(facts), ("the KoMeP project", OF_SAMPLE) if sample else ()
    rows = [(f"questions in {name}", *(ours or (UNRECORDED, told))) for name in files]
    for name in facts["models"]:
        by = ("as named", OUTPUT_TERMS.get(name.casefold(), told))
        by = ("the KoMeP project, under a made-up name", OF_SAMPLE) if sample else by
        rows.append((f"answers of {name}", *by))
    rows.append(("verdicts", *(ours or (makers.get("checker", UNRECORDED), told))))
    if translated := translated_pairs(facts):
        by = ours or (makers.get("translator", UNRECORDED), told)
        rows.append((f"Korean of the {translated:,} translated pairs", *by))
    if facts.get("unit_evidence"):
        rows.append(("quotations in unit_evidence", "the texts that they are taken from", UNRECORDED))
    return rows


def unrecorded(facts: Mapping[str, Any]) -> list[str]:
    """The parts of a release whose terms nobody recorded."""
    return [part for part, _, terms in terms_of(facts) if terms == UNRECORDED]


def _makers(facts: Mapping[str, Any]) -> dict[str, str]:
    """Role -> names of models, of a release and of those that it grew from; the checker by its calibration where nothing else says."""
    found: dict[str, list[str]] = {}
    for part in grown_from(facts):
        for role, names in part.get("makers", {}).items():
            found[role] = sorted({*found.get(role, ()), *names})
    if judge := facts.get("judge"):
        found.setdefault("checker", [judge["checker"]])
    return {role: ", ".join(names) for role, names in found.items()}


def grown_from(facts: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What is recorded of a release, and of each that it grew from."""
    part: Mapping[str, Any] | None = facts
    while part:
        yield part
        part = part.get("base")


def translated_pairs(facts: Mapping[str, Any]) -> int:
    """Pairs of `ko` whose Korean is a translation."""
    native = facts.get("native", 0) if facts.get("options", {}).get("origin") != Origin.TRANSLATED else 0
    return sum(facts["rows"].get("ko", {}).values()) - native


def headings(facts: Mapping[str, Any], chosen_by: str) -> list[tuple[str, str]]:
    """Bender and Friedman's headings with what is known of a release under each; texts are plain."""
    sample = facts["is_sample"]
    pairs = {c: sum(n.values()) for c, n in facts["rows"].items() if c != "scored"}
    korean, translated = pairs.get("ko", 0), translated_pairs(facts)
    language = [
        f"Korean in {korean:,} pair{'s' * (korean != 1)} ({korean - translated:,} written in Korean, {translated:,} translated from English)"
    ] * bool(korean)
    language += [f"English in {pairs['en']:,} pair{'s' * (pairs['en'] != 1)}"] if pairs.get("en") else []
    who, makers = "the KoMeP project" if sample else UNRECORDED, _makers(facts)
    return [
        ("Curation rationale", f"Preference tuning: of the answers to a question, pairs by {chosen_by}. Why these questions: "
         + ("to show and test the machinery." if sample else f"{UNRECORDED}.")),
        ("Language variety", f"{'; '.join(language) or 'no pairs'}. Variety and register: {UNRECORDED}."),
        ("Who asked and who answered", f"Questions: {who}. Answers: {'the KoMeP project' if sample else 'the responders below'}."),
        ("Who judged", f"{who if sample else makers.get('checker', UNRECORDED)}"
         + ("." if sample or "checker" not in makers else ", a model.")),
        ("Speech situation", "Written question and answer, one turn; "
         + ("made up for this project." if sample else f"where and when: {UNRECORDED}.")),
        ("Text characteristics", f"{facts['questions']:,} questions, {facts['generations']:,} answers; genre: "
         + ("short statements of textbook medicine." if sample else f"{UNRECORDED}; the column category has what the input said.")),
        ("Provenance", "The files under \"How it was made\", with their SHA-256."),
    ]  # fmt: skip


def example(folder: Path, facts: Mapping[str, Any], limit: int = 400) -> dict[str, Any] | None:
    """The first short pair of the default config, or the first; None in a release without pairs.

    Returns:
        `config`, the `row`, and its `prompt`, `chosen` and `rejected` as texts of at most about `limit` characters: two answers
        that begin alike are cut before they part.
    """
    config = next((name for name in facts["rows"] if name != "scored"), None)
    files = sorted(folder.glob(f"{config}/*.parquet"), key=lambda p: (p.name.startswith("test"), p.name))
    if not files:
        return None
    with pq.ParquetFile(files[0]) as table:
        rows = next(table.iter_batches(batch_size=200)).to_pylist()
    texts = [[row[side][0]["content"] for side in ("prompt", "chosen", "rejected")] for row in rows]
    short = [max(map(len, three)) <= limit for three in texts]
    at = short.index(True) if any(short) else 0
    prompt, *answers = texts[at]
    differs = (i for i, (a, b) in enumerate(zip(*answers, strict=False)) if a != b)
    alike = next(differs, 0)
    if not any(short) and alike > limit // 2:
        answers = [f"…{answer[alike - limit // 4 :]}" for answer in answers]
    shown = [text if len(text) <= limit else f"{text[:limit]}…" for text in (prompt, *answers)]
    return {
        "config": config,
        "row": rows[at],
        "is_short": any(short),
        **dict(zip(("prompt", "chosen", "rejected"), shown, strict=True)),
    }
