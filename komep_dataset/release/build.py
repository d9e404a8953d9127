"""`komep build`: scored generations in, a release out, in bounded memory and with the same bytes every time.

Rows are checked as they stream in and spilled into buckets by split and range of their question id; the buckets are
then worked off in order. Every rule looks at one question at a time, so that memory holds a bucket or two, and the
output is sorted without a sort of the whole.

The same rows give the same bytes, whatever their order. With `--base` (see `growth.py`) the same base and the same
new rows do, and what comes out has the rows of a build of them all, but not its bytes.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from komep_dataset.build_options import OPTIONS, Options, named, of_no_list, read_options
from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import resolved
from komep_dataset.gates.trial.run import Gates, as_text
from komep_dataset.judge.record import read_record
from komep_dataset.pairs.generations import OPTIONAL, Given, read_complete, resolve_duplicates, units_with
from komep_dataset.pairs.lengths import with_tokens
from komep_dataset.pairs.options import check_models, rule_problem
from komep_dataset.pairs.rules import STAGE, Tally, derive
from komep_dataset.pairs.settling import Settling
from komep_dataset.pairs.told import pairing, swapped, warned
from komep_dataset.pairs.utility import units_wanted, with_f1
from komep_dataset.progress import counted, progress_bar, tell
from komep_dataset.release.buckets import Spill
from komep_dataset.release.card.card import write_card
from komep_dataset.release.card.statement import makers_of
from komep_dataset.release.facts import SCHEMA_VERSION, provenance, write_facts
from komep_dataset.release.growth import Base, grown_options, joined, joined_rounds, open_base
from komep_dataset.release.replacement import replacing_folder
from komep_dataset.release.rows import data_files
from komep_dataset.release.shards import Written, written
from komep_dataset.release.sums import data_sums, write_sums
from komep_dataset.samples import SAMPLE_INPUT
from komep_dataset.schema import EVIDENCE, F1_AT_K, RESPONSE_TOKENS, Reject, Verdict, records_of
from komep_dataset.scores.agreement import PANEL
from komep_dataset.scores.sources import in_other_states, read_sources
from komep_dataset.tables.columns import crossed
from komep_dataset.tables.formats import table_files
from komep_dataset.tables.problems import FILE, LINE, Problem, problems_error, rejected, wholly_rejected
from komep_dataset.tables.reading import check_columns
from komep_dataset.tables.writing import write_rejects
from komep_dataset.translation.evidence import Warnings, warnings_told

ON_ERROR = ("stop", "reject")


@dataclass(repr=False)
class BuildResult:
    """What a build did; `facts` is the content of `build.json` and `provenance.json`. It shows itself as the command prints it."""

    folder: Path
    facts: dict[str, Any]
    rejects: Counter = field(default_factory=Counter)
    quality: dict[str, Any] = field(default_factory=dict)  # the content of `quality.json`
    notes: tuple[str, ...] = ()  # what the folder held that is not of the release, and was kept

    def __repr__(self) -> str:
        facts = self.facts
        lines = [
            f"{counted(facts['generations'], 'scored generation')} of {counted(facts['questions'], 'question')} -> {self.folder}"
        ]
        for config, rows in facts["rows"].items():
            lines.append(f"  {config:<7} train {rows['train']:>9,}  test {rows['test']:>8,}")
        lines += [f"  {line}" for line in (*pairing(facts), rejected(self.rejects))]
        lines += [found] if (found := as_text(self.quality)) else []
        lines += [f"  {line}" for line in warnings_told(self.quality)]
        lines += [f"note: {note}" for note in self.notes]
        if unknown := facts.get("unknown_units"):
            choices = ", ".join(f"{name} {n:,}" for name, n in unknown["pairs"].items())
            lines.append(
                f"  units without a verdict: {counted(unknown['questions'], 'question')}; pairs of them by --unknown-units: {choices}"
            )
        for number, n in facts.get("pairs_by_round", {}).items():
            lines.append(
                f"  round {number}: {counted(n['pairs'], 'pair')}; {n['chosen']:,} chosen and {counted(n['rejected'], 'rejected answer')}"
            )
        if facts["is_sample"]:
            lines.append(
                "  input: the shipped sample, written for this project; no model's output, no exam items"
            )
        return "\n".join(lines)


def build(
    inputs: Sequence[Path] = (),
    output: Path = Path("komep"),
    *,
    on_error: str = "stop",
    judge: Path | None = None,
    base: Path | None = None,
    seeds: Mapping[str, int] | None = None,
    left_out: Mapping[str, Sequence[str]] | None = None,
    rounds: Mapping[str, int] | None = None,
    makers: Mapping[str, Sequence[str]] | None = None,
    columns: Mapping[str, str] | None = None,
    **options: Any,
) -> BuildResult:
    """Build a release from scored generations.

    Args:
        inputs: tables, or folders of them, without an output that lies in them; none = the shipped sample. What the
            evidence beside a translated table warns of is counted.
        output: folder of the release; replaced in one step at the end.
        on_error: `stop` raises on bad rows and leaves the old output; `reject` leaves the rows out.
        judge: what `komep calibrate --output` wrote of the checker; goes into `provenance.json` and the card as it is.
        base: a release to grow: its scored generations are read, too, and a new row replaces one of the same key.
            Shards in which no row changes keep their bytes; rows of new questions come in shards behind them.
        seeds: seeds of earlier stages, for `provenance.json`.
        left_out: parameters that an endpoint refused and was asked without, by stage; for `provenance.json`.
        rounds: responder -> the round, from 1, in which one's own model answers under that name; one that is left out has
            none (counted as 0), or that of the base. A pair is of the later round of its two answers.
        columns: a file's own name of a column -> the known one; goes into `provenance.json`.
        makers: `checker` and `translator` -> models, for the data statement; None: what the evidence beside the tables says.
        options: by name, as `build_options.OPTIONS` declares them: the pair rules (`min_margin`, `pairs`, `origin`),
            the gates, and `name` and `license` of the card; one that is left out has its default, or what the base has. `decontaminate` is a mapping of
            name to path.

    What looks at all pairs at once (near-duplicates at `reject`, length control, balance) does not go with `base`.

    Raises:
        KomepError: bad input (exit code 1), wrong options (exit code 2).
    """
    if on_error not in ON_ERROR:
        raise KomepError(f"--on-error {on_error}: give one of {', '.join(ON_ERROR)}", exit_code=2)
    record = None if judge is None else read_record(Path(judge))
    if base is not None and not inputs:
        raise KomepError("--base: give the scored generations that are to be added", exit_code=2)
    loaded, rules, grown = chosen_rules(options, base)
    rounds = joined_rounds(grown, rounds or {})
    new = table_files(inputs or [SAMPLE_INPUT])
    place = resolved(Path(output))
    if any(Path(path).resolve() in place.parents for path in inputs):  # `build . -o komep`, a second time
        new = [path for path in new if place not in path.resolve().parents]
    check_columns(new, Given, OPTIONAL, columns or {})
    with replacing_folder(Path(output)) as replacement, ThreadPoolExecutor(1) as beside:
        folder = replacement.folder
        base_record = grown.record() if grown else None
        judges = [{"input": path.name} | apart for path in new if (apart := PANEL.read(path))]
        sources = [{"input": path.name, **one} for path in new for one in read_sources(path)]
        for name in in_other_states(grown.sources() if grown else (), sources):
            tell(
                f"note: {name} is in another state than when the base was judged by it: old and new verdicts rest on different "
                "texts (`evidence` in provenance.json)"
            )
        early = beside.submit(
            provenance,
            new,
            asdict(rules),
            base=base_record,
            seeds=seeds,
            judge=record,
            left_out=left_out,
            judges=judges,
            rounds=rounds,
            evidence=sources,
            makers=makers_of(new) if makers is None else makers,
            columns=columns,
        )
        tally = Tally(rounds=rounds)
        made = _build_buckets(folder, new, grown, rules, loaded, on_error, tally, columns or {})
        rules, counts, rejects, shards, quality = made
        if strange := sorted(rounds.keys() - counts["models"].keys()):
            raise KomepError(
                f"--round {strange[0]}={rounds[strange[0]]}: no answer is of {strange[0]!r}; the models are "
                f"{', '.join(counts['models'])}",
                exit_code=2,
            )
        sums, content = data_sums(folder)
        reasons = Counter(reject.reason for reject in rejects)
        facts = {
            "schema": SCHEMA_VERSION,
            "content_hash": content,
            "rows": shards.rows,
            "arrow_bytes": shards.arrow_bytes,
            **counts,
            "rejects": dict(sorted(reasons.items())),
            "is_sample": new == [SAMPLE_INPUT] and not grown,
        }
        source = early.result() | {"options": asdict(rules)}
        write_facts(folder, facts, source, quality)
        write_rejects(folder, STAGE, rejects)
        write_card(folder, facts | source | {"quality": quality}, place.name)
        write_sums(folder, sums)
        # Looked for where there is cause, since every text is read once more.
        doubtful = not counts["pairs"] or {"question", "response"} & {*(columns or {}).values()}
        crosswise = _swapped(folder) if doubtful and not crossed(columns) else ""
    for warning in (
        *filter(None, [crosswise]),
        *warned(facts | source, reasons, tally),
        *of_no_list(rules.license),
    ):
        tell(f"warning: {warning}")
    return BuildResult(Path(output), facts | source, reasons, quality, tuple(replacement.notes))


def chosen_rules(
    options: Mapping[str, Any], base: Path | None
) -> tuple[dict[str, list[Any]], Options, Base | None]:
    """Options as a build takes them, looked at, and against those of a base.

    Returns:
        (what is in the files that options name, the rules, the base).

    Raises:
        KomepError: an option that is none, or does not go with the base; a base that cannot grow.
    """
    loaded = read_options(options)
    grown = None if base is None else open_base(base)
    for option in (option for option in OPTIONS if option.carry and grown):
        known = grown.facts["options"].get(option.name) or []
        loaded[option.name] = [*loaded[option.name], *option.carry(known, loaded[option.name])]
    given = options | {name: [one.record() for one in some] or None for name, some in loaded.items()}
    said = {name: value for name, value in given.items() if value is not None}
    rules = grown_options(grown, given) if grown else Options(**said)
    if problem := rule_problem(rules):
        raise KomepError(problem, exit_code=2)
    return loaded, rules, grown


def _swapped(folder: Path) -> str:
    """`told.swapped` of the scored generations of a release."""
    scan = pl.scan_parquet(data_files(folder, "scored", "*"))
    return swapped(scan.select(pl.col("question", "response").hash(), "model").collect())


build.__signature__ = named(build, lambda option: option.type | None)


def _build_buckets(
    folder: Path,
    new: Sequence[Path],
    grown: Base | None,
    rules: Options,
    loaded: Mapping[str, list[Any]],
    on_error: str,
    tally: Tally,
    columns: Mapping[str, str],
) -> tuple[Options, dict[str, Any], list[Reject], Written, dict[str, Any]]:
    """Read the inputs, those of a base first, and write every row of the release.

    Returns:
        (rules with every value, counts as `build.json` has them, rejects, what was written, what the gates found).
    """
    paths = [*(grown.files if grown else ()), *new]
    files = [str(path) for path in paths]
    scratch = folder / ".spill"
    scratch.mkdir()
    spill, problems, cites, models, read = _ingest(paths, scratch, rules.unknown_units, columns)
    left_out, buckets = check_models(rules, models), spill.names()
    settling = Settling(rules)
    for frame in _generations(spill, files, "counting") if settling.needed else ():
        settling.add(frame)
    rules, from_data = settling.settle()
    tokenizers = loaded["length_tokenizer"]
    gates = Gates(asdict(rules) | loaded, scratch)
    if gates.needs_all:
        # Every pair is shown to them before any is written; they keep narrow columns, no texts.
        for frame in _generations(spill, files, "comparing"):
            derive(with_tokens(frame, tokenizers), rules, gates)
        gates.settle()
    rejects, warnings = [], Warnings.beside(new)
    vouched = grown is not None and grown.all_tried(warnings)
    k = units_wanted(rules.utility)
    of = {EVIDENCE: cites, F1_AT_K: k, RESPONSE_TOKENS: tokenizers}
    optional = [name for name, there in of.items() if there]
    with (
        progress_bar("building", len(buckets), "buckets") as advance,
        written(folder, grown.cuts if grown else None, records_of(optional)) as shards,
    ):
        for bucket in buckets:
            spilled, layers = spill.read(bucket), None
            if grown:
                frame, conflicts, replaced = joined(spilled, files, len(grown.files))
                rejects += replaced
                layers = grown.layers_by_question(spilled)
                if vouched:
                    warnings.vouch(spilled.filter(pl.col(FILE) < len(grown.files)))
            else:
                frame, conflicts = resolve_duplicates(spilled, files)
            problems += conflicts
            frame = with_tokens(frame, tokenizers)
            # What takes longest to write comes first.
            scored = with_f1(frame.drop(FILE, LINE), rules.utility, units_with(Verdict.TRUE))
            shards.put("scored", bucket.split, scored, layers)
            derived = derive(frame, rules, gates, tally)
            rejects += derived.rejects
            if warnings.tried:
                warnings.look(derived.pairs, derived.ko)
            shards.put("en", bucket.split, derived.en, layers)
            shards.put("ko", bucket.split, derived.ko, layers)
            advance(1)
        counts = tally.facts(cites)  # while the last rows are written
        told = grown.facts.get("from_data", {}) if grown else from_data
        counts |= {F1_AT_K: {"k": k}} if k else {}
        counts |= {RESPONSE_TOKENS: tokenizers[0].record()} if tokenizers else {}
        counts |= {"from_data": told} if told else {}
        counts |= {"left_out_models": left_out} if left_out else {}
    quality = gates.record() | warnings.record()
    shutil.rmtree(scratch)
    _check_problems(problems, files, on_error, tally.rows)
    for what in wholly_rejected(problems, read):
        tell(f"warning: {what}")
    rejects.sort(key=lambda reject: (reject.key, reject.reason))
    return rules, counts, [p.reject(STAGE) for p in problems] + rejects, shards, quality


def _check_problems(problems: list[Problem], files: Sequence[str], on_error: str, usable: int) -> None:
    """Put what is wrong with rows in their order; `KomepError` where that ends the build, or no row is usable."""
    place = {name: index for index, name in enumerate(files)}
    problems.sort(key=lambda p: (place[p.file], p.line))
    if problems and on_error == "stop":
        raise problems_error(problems, may_reject=True)
    if not usable:
        found = f"{len(problems)} rejected, first {problems[0]}" if problems else "no rows"
        raise KomepError(f"no usable row in {', '.join(files)} ({found})")


def _generations(spill: Spill, files: Sequence[str], label: str) -> Iterator[pl.DataFrame]:
    """The generations of one bucket after the other, each key once, under a progress bar."""
    buckets = spill.names()
    with progress_bar(label, len(buckets), "buckets") as advance:
        for bucket in buckets:
            yield resolve_duplicates(spill.read(bucket), files)[0]
            advance(1)


def _ingest(
    paths: list[Path], folder: Path, unknown_units: str, columns: Mapping[str, str]
) -> tuple[Spill, list[Problem], bool, set[str], Counter]:
    """Check every row and put it into the bucket of its question; returns the buckets, the problems, whether any
    verdict was given by passages, the models, and how many rows each file has."""
    size = sum(path.stat().st_size for path in paths)
    spill = Spill(folder, size)
    problems: list[Problem] = []
    cites, models, read = False, set(), Counter()
    with progress_bar("reading", size, "bytes") as advance:
        for index, path in enumerate(paths):
            for frame, bad in read_complete(paths, index, unknown_units, columns):
                problems += bad
                read[str(paths[index])] += frame.height + len(bad)
                spill.add(frame)
                models.update(frame["model"].unique())
                cites = cites or frame[EVIDENCE].null_count() < frame.height
            advance(path.stat().st_size)
    return spill, problems, cites, models, read
