"""`komep build NEW… --base OLD`: a release grows; what its inputs do not touch stays as it is.

The base's config `scored` is read as a further input. A row of the base and one of the new files with the same key
are one row if they are equal; otherwise the new row stands, and the old one is a reject with the reason `replaced`.
No row moves between the splits: the split rule looks at the question's id alone. A pair is always the one that the
rules give for the rows of its question, so that `komep verify` can derive it; `komep diff` says why one changed.

As a set, the rows are those of a build of all inputs at once. Their order is another: the rows of a question that
the base has stay in the layer of shards in which they lie there, and those of new questions make a layer behind it.
So a shard in which no row changes keeps its bytes (as long as the same versions of polars and pyarrow write it; with the
first verdicts by passages, every shard of `scored` gets their column),
and a store that knows files by their sums, as the Hub does, takes none of it again. A row that changes or is added
to an old question changes its own shard of each config and no other.

The gates of the base go on (`gates`): those that look at one pair at a time say the same of old pairs as before,
and its benchmarks must be given again. A base built with a gate that looks at all pairs at once (near-duplicates at
`reject`, length control, balance) does not grow: new rows would change old pairs. Nor does one that was built with
a gate that this installation lacks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from komep_dataset.build_options import OPTIONS, Options
from komep_dataset.errors import KomepError
from komep_dataset.gates.trial.registry import GATES
from komep_dataset.gates.trial.run import needs_all
from komep_dataset.pairs.generations import resolve_duplicates
from komep_dataset.pairs.rules import STAGE
from komep_dataset.pairs.utility import same_utility
from komep_dataset.release.card.statement import grown_from
from komep_dataset.release.facts import read_facts, read_quality
from komep_dataset.release.rows import data_files
from komep_dataset.release.shards import LAYER, Cuts, Key
from komep_dataset.release.sums import check_whole
from komep_dataset.schema import (
    CONFIGS,
    RECORDS,
    SPLITS,
    CitedGeneration,
    Reason,
    Reject,
    ScoredGeneration,
    column_types,
)
from komep_dataset.tables.problems import FILE, LINE, Problem
from komep_dataset.translation.evidence import WARNINGS, Warnings

_RECORDED = (
    "komep_version",
    "commit",
    "sources_sha256",
    "inputs",
    "base",
    "judge",
    "seeds",
    "judges",
    "evidence",
    "makers",
    "columns",
    "left_out",
)


@dataclass(frozen=True, slots=True)
class Base:
    """A release that is to grow: its scored generations, how its shards lie, and what it says of itself."""

    folder: Path
    files: tuple[Path, ...]  # of `scored`
    layers: tuple[int, ...]  # of each of these files
    cuts: Cuts
    facts: Mapping[str, Any]
    quality: Mapping[str, Any]  # what the gates found; {} in a release of an earlier version

    def layers_by_question(self, frame: pl.DataFrame) -> pl.DataFrame:
        """`question_id` and `_layer` of the questions of the base in a frame with `_file`, the base's files first."""
        old = frame.filter(pl.col(FILE) < len(self.files)).select("question_id", FILE)
        layer = pl.col(FILE).replace_strict(range(len(self.files)), self.layers, return_dtype=pl.Int32)
        return old.group_by("question_id").agg(layer.min().alias(LAYER))

    def all_tried(self, warnings: Warnings) -> bool:
        """Add the base's warnings to those of the new tables; whether all its translated texts were tried."""
        record = self.quality.get(WARNINGS, {})
        for text, checks in Warnings.recorded(record).found.items():
            warnings.add(text, checks)
        return bool(record) and record["checked"] == record["texts"]

    def sources(self) -> Iterator[Mapping[str, Any]]:
        """What passages come from by which it was judged, and the releases that it grew from (`scores.sources.sources_of`)."""
        return (one for part in grown_from(self.facts) for one in part.get("evidence", ()))

    def record(self) -> dict[str, Any]:
        """What the provenance of the grown release keeps of this one."""
        kept = {name: self.facts[name] for name in _RECORDED if name in self.facts}
        return {"content_hash": self.facts["content_hash"], **kept}


def open_base(folder: Path) -> Base:
    """A release that may be grown, itself grown or not.

    Raises `KomepError` for a folder that is no release, one of a newer schema, one whose data are not those of its
    SHA256SUMS, and one whose shards cannot be read.
    """
    folder = Path(folder)
    facts = read_facts(folder)
    check_whole(folder)
    files = tuple(path for split in SPLITS for path in data_files(folder, "scored", split))
    if not files:
        raise KomepError(f"--base {folder}: it has no config `scored`, which is what grows")
    layers, cuts = _layout(folder)
    return Base(folder, files, layers, cuts, facts, read_quality(folder) or {})


def _layout(folder: Path) -> tuple[tuple[int, ...], Cuts]:
    """The layer of each file of `scored`, and where the shards of each layer of every config begin.

    Only `scored` has a row of every question, so it alone says how many layers there are. A shard of another config
    lies in the layer of the question of its first row.
    """
    keys = {
        (config, split): [
            (path, _ends(path, RECORDS[config].KEY)) for path in data_files(folder, config, split)
        ]
        for config in CONFIGS
        for split in SPLITS
    }
    layers: dict[Path, int] = {}
    for shards in (keys["scored", split] for split in SPLITS):
        # Another layer begins where the keys do not go on ascending. One that happens to lie wholly above the one before
        # is taken for a part of it, which does no harm: its shards are kept apart by the keys at which they begin.
        begins = (after[0] <= before[1] for (_, before), (_, after) in pairwise(shards))
        numbers = accumulate(map(int, begins), initial=0)
        layers |= dict(zip((path for path, _ in shards), numbers, strict=False))
    firsts = {first[0] for (config, _), some in keys.items() for _, (first, _) in some if config != "scored"}
    of_question = _layers_of_questions(folder, layers, firsts)
    cuts: dict[tuple[str, str], list[list[Key]]] = {}
    for (config, split), some in keys.items():
        of_layer: list[list[tuple[Key, Key]]] = [[] for _ in range(max(layers.values()) + 1)]
        for path, ends in some:
            of_layer[layers[path] if config == "scored" else of_question[ends[0][0]]].append(ends)
        # A shard begins with a question, unless it parts one with the shard before.
        cuts[config, split] = [
            [first if last[0] == first[0] else first[:1] for (_, last), (first, _) in pairwise(shards)]
            for shards in of_layer
        ]
    return tuple(layers.values()), cuts


def _ends(path: Path, key: Sequence[str]) -> tuple[Key, Key]:
    """First and last key of a shard."""
    try:
        with pq.ParquetFile(path) as file:
            first, last = (file.read_row_group(n, columns=list(key)) for n in (0, file.num_row_groups - 1))
        rows = (first.select(key).slice(0, 1), last.select(key).slice(last.num_rows - 1))
        ends = tuple(tuple(row.to_pylist()[0].values()) for row in rows)
    except (pa.ArrowException, OSError, LookupError) as error:
        raise _unreadable(path, error) from error
    if not all(isinstance(value, str) for end in ends for value in end):
        raise _unreadable(path, f"a key that is no text: {ends}")
    return ends


def _unreadable(path: Path, error: object) -> KomepError:
    detail = (str(error).splitlines() or [""])[0]
    return KomepError(f"{path}: not a data file of a release ({detail}); `komep verify` says more")


def _layers_of_questions(folder: Path, layers: Mapping[Path, int], questions: set[str]) -> dict[str, int]:
    """Question id -> layer; of some questions of a release."""
    scan = pl.scan_parquet(list(layers), include_file_paths="_path").select("question_id", "_path")
    found = scan.filter(pl.col("question_id").is_in(sorted(questions))).unique().collect()
    of_file = {str(path): layer for path, layer in layers.items()}
    of_question = {question: of_file[path] for question, path in found.iter_rows()}
    if missing := questions - of_question.keys():
        raise KomepError(
            f"{folder}: {min(missing)} has a pair, but no row in `scored`; `komep verify {folder}` says more"
        )
    return of_question


def grown_options(base: Base, given: Mapping[str, Any]) -> Options:
    """The base's options; `given` are those of the user by name, None where one is left to the base.

    Raises:
        KomepError: one differs, which would change old pairs; the base was built with a gate or an option that this
            installation lacks, or with one that looks at all pairs at once (exit code 2).
    """
    old, present = asdict(Options()) | dict(base.facts["options"]), asdict(Options())
    stale = {o.name for o in OPTIONS if o.stale and o.stale(old)}
    old |= {name: present[name] if given.get(name) is None else given[name] for name in stale}
    anew = f"build anew: komep build {base.folder / 'scored'} NEW…"
    switches = {name: one.get("switch") for name, one in base.quality.items() if isinstance(one, dict)}
    strange = switches.keys() - {gate.name for gate in GATES}
    unknown = [f"gate {name}" for name in strange if _on(switches[name])]
    unknown += [f"option {name}" for name in old.keys() - {o.name for o in OPTIONS} if _on(old[name])]
    if unknown:
        raise KomepError(
            f"--base {base.folder}: it was built with the {min(unknown)}, which this komep does not have: what it did "
            f"to old pairs would not be done to new ones. Grow it with a komep that has it, or {anew}",
            exit_code=2,
        )
    for gate in needs_all(old):
        flag = gate.options[0].flag
        raise KomepError(
            f"{flag}: the base {base.folder} was built with it, and it looks at all pairs at once: new rows would "
            f"change old pairs. A base that is to grow is built without it; {anew} {flag} …",
            exit_code=2,
        )
    if same_utility(given.get("utility"), old["utility"]):
        given = {**given, "utility": None}
    for option in sorted(OPTIONS, key=lambda option: option.conflict is None):
        was, value = old[option.name], given.get(option.name)
        if option.conflict:
            if said := option.conflict(was, value):
                raise KomepError(f"{option.flag}: the base {base.folder} {said}, or {anew}", exit_code=2)
        elif option.read and (value or []) != was:
            raise KomepError(
                f"{option.flag}: the base {base.folder} was built with other files; give the same again, or {anew}",
                exit_code=2,
            )
        elif value is not None and value != was and not {value, was} <= {*option.harmless}:
            raise KomepError(
                f"{option.flag} {value}: the base {base.folder} was built with {option.flag} {was}; another rule would "
                f"change pairs whose inputs did not. Leave it out, or {anew} {option.flag} {value}",
                exit_code=2,
            )
    # What does not hinder growth is recorded as it is now: a switch, benchmarks with the rule of comparison.
    looks = {o.name: given[o.name] for o in OPTIONS if (o.harmless or o.conflict) and given.get(o.name)}
    return Options(**{option.name: old[option.name] for option in OPTIONS} | looks)


def joined_rounds(base: Base | None, given: Mapping[str, int]) -> dict[str, int]:
    """Responder -> round, of a base and of what is said of new answers.

    Raises `KomepError` for a round below 1, and one that differs from what the base says.
    """
    for model, round in given.items():
        if round < 1:
            raise KomepError(f"--round {model}={round}: rounds count from 1", exit_code=2)
    known = base.facts.get("rounds", {}) if base else {}
    for model in known.keys() & given.keys():
        if known[model] != given[model]:
            raise KomepError(
                f"--round {model}={given[model]}: in the base {base.folder} it is {known[model]}; give the answers of another "
                "round another name",
                exit_code=2,
            )
    return dict(sorted({**known, **given}.items()))


def _on(value: Any) -> bool:
    return bool(value) and value != "off"


def joined(
    frame: pl.DataFrame, files: Sequence[str], of_base: int
) -> tuple[pl.DataFrame, list[Problem], list[Reject]]:
    """Rows of the base and new rows of the same questions as one table, one row a key.

    Args:
        frame: complete generations with `_file`, the place in `files`, of which the first `of_base` are the base's, and `_line`.

    Returns:
        (one row a key, sorted; `conflicting_duplicate` problems among the new rows, whose old row then stays;
        `replaced` rejects).
    """
    old, stale = resolve_duplicates(frame.filter(pl.col(FILE) < of_base), files)
    new, conflicts = resolve_duplicates(frame.filter(pl.col(FILE) >= of_base), files)
    key = list(ScoredGeneration.KEY)
    content = [name for name in column_types(CitedGeneration) if name not in key]
    both = old.select(*key, *content).join(new, on=key, suffix="_new")
    differs = [pl.when(pl.col(name).ne_missing(pl.col(f"{name}_new"))).then(pl.lit(name)) for name in content]
    what = pl.concat_str(differs, separator=", ", ignore_nulls=True)
    changed = both.select(*key, FILE, LINE, what=what).filter(pl.col("what") != "").sort(key)
    replaced = [
        Reject(
            STAGE,
            f"{question}/{model}",
            Reason.REPLACED.value,
            f"{what}: the row of {files[file]}:{line} stands",
        )
        for question, model, file, line, what in changed.iter_rows()
    ]
    kept = old.join(new.select(key), on=key, how="anti")
    return pl.concat([kept, new]).sort(key), stale + conflicts, replaced
