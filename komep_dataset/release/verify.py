"""`komep verify`: is a release what it says, row by row, and does every pair follow from its evidence?

A file that its checksum does not vouch for is named and not opened. What the other checks find is found in the
data themselves, so that a change is seen although the checksums were written anew. Two gates are taken at their word,
line by line of rejects.jsonl, where they were on: contamination, since a release has no benchmark in it, and
near-duplicates. What the others rejected is derived again. Memory is bounded: rows are
read in ranges of question ids.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from komep_dataset.build_options import CARD_OPTIONS, GATE_OPTIONS, Options
from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import REJECTS
from komep_dataset.gates.trial.recorded import Recorded
from komep_dataset.gates.trial.registry import GATES, OF_REASON
from komep_dataset.pairs.lengths import Tokenizer, same_tokenizer
from komep_dataset.pairs.options import PAIR_OPTIONS, left_to_data, rule_problem
from komep_dataset.pairs.rules import Tally, derive
from komep_dataset.pairs.utility import PRECISION, units_wanted
from komep_dataset.progress import progress_bar
from komep_dataset.release.card.card import card_header
from komep_dataset.release.facts import SCHEMA_VERSION, read_facts, read_quality
from komep_dataset.release.row_checks import (
    check_gaps,
    check_order,
    check_scores,
    check_scripts,
    check_splits,
    check_tokens,
    compare_rows,
    count_scripts,
    without_nulls,
)
from komep_dataset.release.rows import (
    FILE_NAME,
    ROW,
    SPLIT,
    ConfigFiles,
    Range,
    config_files,
    data_files,
    id_ranges,
)
from komep_dataset.release.sums import content_hash, faults
from komep_dataset.schema import (
    BUILD_FILE,
    CARD_FILE,
    CONFIGS,
    EVIDENCE,
    F1_AT_K,
    PROVENANCE_FILE,
    QUALITY_FILE,
    RESPONSE_TOKENS,
    SPLITS,
    SUMS_FILE,
    Reason,
    Reject,
    arrow_schema,
    column_types,
    records_of,
)
from komep_dataset.tables.problems import Check, compare_values, text_lines
from komep_dataset.translation.checks.registry import wordings
from komep_dataset.translation.evidence import WARNINGS, Warnings

# Reasons that follow from the rows of `scored`; the others are of rows that are not in the release.
_OF_PAIRS = (
    *(Reason.TOO_FEW_RESPONSES, Reason.TIE, Reason.BELOW_MARGIN, Reason.IDENTICAL_TEXT),
    *(Reason.LENGTH_GAP, Reason.UNTRANSLATED, Reason.OTHER_ORIGIN),
)
DERIVED = {*(reason.value for reason in _OF_PAIRS), *OF_REASON}
# Besides these, rejects.jsonl may hold those of translations.
REASONS = {*(reason.value for reason in Reason), *OF_REASON}

CHECKS = {
    "files": f"every file of the release against {SUMS_FILE}",
    "facts": f"{BUILD_FILE} and {PROVENANCE_FILE} are readable and of schema {SCHEMA_VERSION}",
    "columns": "columns, types and null rules of every data file against the schema",
    "keys": "rows are sorted by key (in a release that grew, those of each shard), and no key stands twice",
    "splits": "every row is in the split that its question id gives",
    "scores": "scores and states of `scored` against its units, and its tokens where their tokenizer is given",
    "pairs": "every cell of `en` and `ko` against the pairs that follow from `scored` and pass the gates",
    "rejects": "rejects.jsonl against the questions without a pair, and what the gates rejected",
    "counts": f"every count of {BUILD_FILE}, and the warned translations of {QUALITY_FILE}, against the data",
    "card": f"configs, their languages, counts and sizes in the YAML of {CARD_FILE} against the data",
}


@dataclass
class _Seen:
    """What is known while a release is checked."""

    folder: Path
    checks: dict[str, Check]
    facts: dict[str, Any] = field(default_factory=dict)
    options: Options | None = None
    files: dict[str, ConfigFiles] = field(default_factory=dict)  # configs whose rows can be read
    unreadable: list[str] = field(default_factory=list)  # configs that have files whose rows cannot
    tally: Tally = field(default_factory=Tally)
    rejects: list[Reject] = field(default_factory=list)
    gates: Recorded | None = None
    tokenizers: Sequence[Tokenizer] = ()
    told: Mapping[str, Any] = field(default_factory=dict)  # of warned translations, by quality.json
    warnings: Warnings | None = None
    scripts: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    last_rows: Counter = field(default_factory=Counter)  # file -> row that was read last
    optional: set[str] = field(default_factory=set)  # columns of `scored` besides those of every release

    @property
    def records(self) -> dict[str, type]:
        """The row types of the configs."""
        return records_of(self.optional)


def verify(folder: Path = Path("komep"), length_tokenizer: Path | None = None) -> list[Check]:
    """Check a release.

    Args:
        folder: what `komep build` wrote.
        length_tokenizer: that of its build, to count the tokens of the answers again; None: they are taken as they stand.

    Returns:
        the checks in the order in which they were made; the release is sound if all are `ok`.

    Raises:
        KomepError: the folder is no release, or of a newer schema; another tokenizer (exit code 2).
    """
    folder = Path(folder)
    if not (folder / BUILD_FILE).is_file():
        read_facts(folder)  # says what the folder is instead
    seen = _Seen(folder, {name: Check(name, compared) for name, compared in CHECKS.items()})
    damaged = faults(seen.folder)
    for file, detail in damaged:
        seen.checks["files"].add(file, 0, "", detail)
    _check_facts(seen)
    rejects = _read_rejects(seen)
    if seen.options is not None:
        decided = {one.key: (one.reason, one.detail) for one in rejects if one.reason in OF_REASON}
        seen.gates = Recorded(asdict(seen.options), decided)
        if units_wanted(seen.options.utility):
            seen.optional.add(F1_AT_K)
        if named := seen.options.length_tokenizer:
            seen.optional.add(RESPONSE_TOKENS)
        seen.tokenizers = same_tokenizer(named, length_tokenizer)
    _read_warnings(seen)
    for config in CONFIGS:
        _check_columns(seen, config, {file for file, _ in damaged})
    _check_rows(seen)
    for config, counts in seen.scripts.items():
        check_scripts(seen.checks["card"], config, counts)
    _check_rejects(seen, rejects)
    counted = _counted(seen)
    _check_counts(seen, counted)
    _check_card(seen, counted)
    return list(seen.checks.values())


def _check_facts(seen: _Seen) -> None:
    check = seen.checks["facts"]
    try:
        seen.facts = read_facts(seen.folder)
    except KomepError as error:
        if _newer_schema(seen.folder):
            raise
        check.add(BUILD_FILE, 0, "", str(error))
        return
    if seen.facts["schema"] != SCHEMA_VERSION:
        older = f"{seen.facts['schema']} is older: build it again from its `scored`"
        check.add(BUILD_FILE, 0, "schema", older)
    try:
        seen.options = _read_options(seen.facts["options"])
    except (KeyError, TypeError, ValueError) as error:
        check.add(PROVENANCE_FILE, 0, "options", f"not the options of a build ({error})")
    rounds = seen.facts.get("rounds", {})
    if isinstance(rounds, dict) and all(type(n) is int and n > 0 for n in rounds.values()):
        seen.tally.rounds = rounds
    else:
        check.add(PROVENANCE_FILE, 0, "rounds", "not responders, each with its round from 1")
    inputs = seen.facts.get("inputs")
    if not isinstance(inputs, list) or not all(_is_input(one) for one in inputs):
        check.add(PROVENANCE_FILE, 0, "inputs", "not a list of name, bytes and sha256")


def _newer_schema(folder: Path) -> bool:
    try:
        schema = json.loads((folder / BUILD_FILE).read_text("utf-8")).get("schema")
    except (OSError, ValueError, AttributeError):
        return False
    return isinstance(schema, int) and schema > SCHEMA_VERSION


def _read_options(options: Mapping[str, Any]) -> Options:
    read = Options(**options)
    for option in PAIR_OPTIONS:
        value = getattr(read, option.name)
        if not (value is None and option.default is None) and not option.allows(value):
            raise ValueError(f"{option.name}: {value}")
    if problem := rule_problem(read) or [f"{name}: no value" for name in left_to_data(read)]:
        raise ValueError(problem)
    for option in GATE_OPTIONS + CARD_OPTIONS:
        if options.get(option.name) is not None and not option.allows(options[option.name]):
            raise ValueError(f"{option.name}: {option.wanted}")
    return read


def _is_input(one: Any) -> bool:
    kinds = {"name": str, "bytes": int, "sha256": str}
    return isinstance(one, dict) and all(isinstance(one.get(name), kind) for name, kind in kinds.items())


def _read_warnings(seen: _Seen) -> None:
    try:
        seen.told = (read_quality(seen.folder) or {}).get(WARNINGS, {})
        seen.warnings = Warnings.recorded(seen.told) if seen.told["checked"] + 0 else None
    except KeyError:
        return  # no texts that were tried
    except (KomepError, AttributeError, TypeError) as error:
        seen.checks["counts"].add(QUALITY_FILE, 0, WARNINGS, f"not what a build writes ({error})")


def _check_columns(seen: _Seen, config: str, damaged: set[str]) -> None:
    """Schema and shard numbers of a config's files; keeps those whose rows can be read."""
    folder = seen.folder / config
    if not folder.exists():
        return
    before, readable = len(seen.checks["columns"].findings), True
    for split in SPLITS:
        files = data_files(seen.folder, config, split)
        for index, path in enumerate(files):
            if path.name != f"{split}-{index:05d}-of-{len(files):05d}.parquet":
                detail = f"one of {len(files)} shards of {split}; a shard is missing, or has another name"
                seen.checks["columns"].add(f"{config}/{path.name}", 0, "", detail)
            name = path.relative_to(seen.folder).as_posix()
            readable &= name not in damaged and _check_schema(seen, name, config)
    try:
        files = config_files(seen.folder, config) if readable else None
    except (pa.ArrowException, OSError):
        files = None
    if files:
        seen.files[config] = files
    else:
        seen.unreadable.append(config)
        if before == len(seen.checks["columns"].findings):
            seen.checks["columns"].skipped = "files that are damaged"


def _check_schema(seen: _Seen, name: str, config: str) -> bool:
    """Compare one file with the schema; returns whether its rows can be compared at all."""
    check = seen.checks["columns"]
    try:
        found = pq.read_schema(seen.folder / name).remove_metadata()
        known = seen.options is not None  # then they say whether there are F1@K and tokens
        seen.optional |= {EVIDENCE, *(() if known else (F1_AT_K, RESPONSE_TOKENS))} & {*found.names}
        wanted = arrow_schema(seen.records[config])
    except (pa.ArrowException, OSError) as error:
        check.add(name, 0, "", f"not a readable Parquet file ({str(error).splitlines()[0]})")
        return False
    same = found.names == wanted.names
    for column in wanted.names:
        if column not in found.names:
            check.add(name, 0, column, "missing")
        elif not found.field(column).equals(wanted.field(column)):
            check.add(name, 0, column, f"is {found.field(column)}, not {wanted.field(column)}")
            types = {str(some.field(column).type).replace(" not null", "") for some in (found, wanted)}
            same &= len(types) == 1
    for column in found.names:
        if column not in wanted.names:
            check.add(name, 0, column, "no column of this config")
    if found.names != wanted.names and sorted(found.names) == sorted(wanted.names):
        check.add(name, 0, "", f"columns in another order: {', '.join(found.names)}")
    return same


def _check_rows(seen: _Seen) -> None:
    """Every check that looks at rows, range by range."""
    for config in seen.unreadable:
        for name in ("keys", "splits", "pairs", *(("scores",) if config == "scored" else ())):
            seen.checks[name].skipped = f"`{'`, `'.join(seen.unreadable)}`, whose files cannot be read"
    if "scored" not in seen.files:
        seen.checks["pairs"].skipped = seen.checks["pairs"].skipped or "there is no `scored`"
    ranges = id_ranges(sum(sum(files.rows) for files in seen.files.values()))
    with progress_bar("checking", len(ranges), "ranges") as advance:
        for ids in ranges:
            _check_range(seen, ids)
            advance(1)


def _check_range(seen: _Seen, ids: Range) -> None:
    frames: dict[str, pl.DataFrame] = {}
    for config, files in seen.files.items():
        try:
            frame = files.read(ids)
        except (pl.exceptions.PolarsError, OSError) as error:
            seen.checks["columns"].add(config, 0, "", f"rows cannot be read ({str(error).splitlines()[0]})")
            continue
        record = seen.records[config]
        check_gaps(seen.checks["keys"], frame, seen.last_rows)
        frame = without_nulls(seen.checks["columns"], frame, record)
        # Without readable provenance the looser rule holds: what is not known is not held against the rows.
        grew = seen.facts.get("base") is not None or not seen.facts
        check_order(seen.checks["keys"], frame, record.KEY, FILE_NAME if grew else SPLIT)
        check_splits(seen.checks["splits"], frame)
        frames[config] = frame
        if config != "scored":
            seen.scripts[config].update(count_scripts(frame, config))
    if "scored" not in frames:
        return
    utility = seen.options.utility if seen.options else PRECISION
    sound = check_scores(seen.checks["scores"], frames["scored"], utility)
    check_tokens(seen.checks["scores"], frames["scored"], seen.tokenizers)
    if seen.options is None:
        seen.checks["pairs"].skipped = "options of the build are not known"
        return
    derived = derive(sound, seen.options, seen.gates, seen.tally)
    seen.rejects += derived.rejects
    if seen.warnings:
        seen.warnings.look(derived.pairs, derived.ko)
    for config, expected in (("en", derived.en), ("ko", derived.ko)):
        if config in frames or config not in seen.unreadable:
            nowhere = {FILE_NAME: pl.lit(""), ROW: pl.lit(0), SPLIT: pl.lit("")}
            found = frames.get(config, expected.clear().with_columns(**nowhere))
            compare_rows(seen.checks["pairs"], config, found, expected, seen.records[config])


def _check_gates(seen: _Seen, counts: Mapping[str, int]) -> None:
    """What the gates keep of all pairs, and quality.json's counts of rejects."""
    if seen.gates is None:
        return
    if not seen.checks["pairs"].skipped:
        for key, detail in seen.gates.subset_problems():
            seen.checks["pairs"].add(REJECTS, 0, "reason", f"{key}: {detail}")
    # A gate that was not there when the release was built has no option, no record and no reject in it.
    told = seen.facts["options"]
    try:
        quality = read_quality(seen.folder)
        known = {
            gate.name: gate.reason
            for gate in GATES
            if gate.options[0].name in told or gate.name in (quality or ()) or counts.get(gate.reason)
        }
        said = {gate: {"rejected": quality[gate]["rejected"]} for gate in known} if quality else {}
    except (KomepError, KeyError, TypeError) as error:
        seen.checks["rejects"].add(QUALITY_FILE, 0, "", f"not what a build writes ({error})")
        return
    given = {name: {"rejected": counts.get(reason, 0)} for name, reason in known.items()}
    if quality is not None or any(counts.get(reason) for reason in OF_REASON):
        compare_values(seen.checks["rejects"], QUALITY_FILE, given, said)


def _read_rejects(seen: _Seen) -> list[Reject]:
    """The lines of rejects.jsonl; one that is none is a finding."""
    found, fields, check = [], set(column_types(Reject)), seen.checks["rejects"]
    for number, line in enumerate(text_lines(check, seen.folder / REJECTS), 1):
        try:
            reject = json.loads(line)
            sound = set(reject) == fields and all(isinstance(v, str) for v in reject.values())
            sound = sound and (reject["reason"] in REASONS or reject["reason"] in wordings())
        except (ValueError, TypeError):
            sound = False
        if sound:
            found.append(Reject(**reject))
        else:
            check.add(REJECTS, number, "", "not a reject with stage, key, a known reason and detail")
    return found


def _check_rejects(seen: _Seen, rejects: Sequence[Reject]) -> None:
    """Lines of rejects.jsonl: those that follow from the data are the ones that are there."""
    check, counts = seen.checks["rejects"], Counter(one.reason for one in rejects)
    given = Counter((one.key, one.reason) for one in rejects if one.reason in DERIVED)
    _check_gates(seen, counts)
    compare_values(check, BUILD_FILE, {"rejects": dict(counts)}, {"rejects": seen.facts.get("rejects")})
    if not seen.checks["pairs"].skipped:
        derived = Counter((reject.key, reject.reason) for reject in seen.rejects)
        for (key, reason), n in sorted((derived - given).items()):
            check.add(REJECTS, 0, "", f"{key}: {reason}: {n} missing")
        for (key, reason), n in sorted((given - derived).items()):
            check.add(REJECTS, 0, "", f"{key}: {reason}: {n} too many")


def _counted(seen: _Seen) -> dict[str, Any]:
    """What `build.json` and the card must say of the data; {} where some cannot be read."""
    if not seen.facts or not seen.files or seen.unreadable:
        return {}
    rows = {config: dict.fromkeys(SPLITS, 0) for config in CONFIGS if config in seen.files}
    for config, splits in rows.items():
        for split, n in zip(seen.files[config].splits, seen.files[config].rows, strict=True):
            splits[split] += n
    return {"content_hash": content_hash(seen.folder), "rows": rows}


def _check_counts(seen: _Seen, counted: dict[str, Any]) -> None:
    check = seen.checks["counts"]
    if not counted or "scored" not in seen.files or seen.options is None:
        check.skipped = "files that cannot be read"
        return
    compare_values(check, BUILD_FILE, counted | seen.tally.facts(EVIDENCE in seen.optional), seen.facts)
    if bool(seen.tally.rounds) != ("pairs_by_round" in seen.facts):
        check.add(BUILD_FILE, 0, "pairs_by_round", f"does not go with `rounds` of {PROVENANCE_FILE}")
    for model in sorted(seen.tally.rounds.keys() - seen.tally.statuses.keys()):
        check.add(PROVENANCE_FILE, 0, f"rounds.{model}", "no answer is of this responder")
    _check_warnings(seen)
    if not isinstance(seen.facts.get("is_sample"), bool):
        check.add(BUILD_FILE, 0, "is_sample", "not true or false")


def _check_warnings(seen: _Seen) -> None:
    """Every warned text is one of a pair, and is counted; how many were tried stands in the evidence alone."""
    if not seen.warnings:
        return
    check, told = seen.checks["counts"], seen.told
    found = seen.warnings.facts() | {"checked": told["checked"]}
    compare_values(check, QUALITY_FILE, {WARNINGS: found}, {WARNINGS: told})
    if not found["found"] <= told["checked"] <= found["texts"]:
        detail = f"{told['checked']}, but of {found['texts']} texts {found['found']} are warned of"
        check.add(QUALITY_FILE, 0, f"{WARNINGS}.checked", detail)


def _check_card(seen: _Seen, counted: dict[str, Any]) -> None:
    check = seen.checks["card"]
    if not counted:
        check.skipped = "files that cannot be read"
        return
    lines = text_lines(check, seen.folder / CARD_FILE)
    try:
        end = lines.index("---", 1) if lines and lines[0] == "---" else 0
        header = yaml.load("\n".join(lines[1:end]), yaml.CSafeLoader)
        if not end or not isinstance(header, dict):
            raise ValueError("no YAML between two lines of ---")
    except (yaml.YAMLError, ValueError) as error:
        check.add(CARD_FILE, 1, "", f"its YAML cannot be read ({str(error).splitlines()[0]})")
        return
    try:
        known = {"arrow_bytes": seen.facts["arrow_bytes"]} | {name: {} for name in seen.optional}
        wanted = card_header(seen.folder, counted | known)
    except (KeyError, TypeError) as error:
        check.add(BUILD_FILE, 0, "arrow_bytes", f"not the sizes of the splits ({error})")
        return
    compare_values(check, CARD_FILE, {n: wanted[n] for n in ("configs", "dataset_info")}, header)
