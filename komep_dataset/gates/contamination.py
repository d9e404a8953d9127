"""Whether a pair holds an item of a benchmark: how much alike the item and a passage of one of its texts are.

A passage is a run of whole sentences of about the item's weight. Alike is Dice's coefficient of n-grams, twice what
both have by what they have together, so that a text that only names an item's subject does not hold it, and a sentence
in front of a copied question hides nothing. It is taken twice, with n-grams weighed by how few items have them and with
all the same, and the lower one counts: neither a term alone nor `에 대한 설명으로 옳은 것은` makes a copy. A text far
longer than the item has many passages, one of which is like it by chance: what it takes rises with its length (`ROOM`),
and an answer takes more than a question (`ANSWER`).

An item counts by its question; where that has fewer than `FEWEST` n-grams ("다음 중 옳은 것은?"), its options count,
too; an item that is still shorter cannot be told from chance and is left out, and counted. Every language of an item is
an item of its own: a copy may keep one alone. n-grams are of two words in English and of two characters in Korean,
whose words lose their particles and Latin words all but their first letters (a term given in both scripts would
weigh more than what is asked of it); numbers are all the same number, in Korean with their units, and a list of measured
values there is one, too (the same panel stands under every second case). Which items are compared with a text at all is
found by n-grams that few items have (`RARE`, `COMMON`).

What this does not find, an item asked in other words or a case told anew, a model may: `komep screen` asks it about the
questions and the items nearest to them (`--screened`). Then it has the last word on a question: the pairs of what it takes
for a repeat go, and what it takes for none is excused, unless it is a `COPY`; answers are compared as ever.

The figures were chosen on one half of real texts and measured on the other: docs/contamination.md, and
`python -m benchmarks.leaks --real FOLDER`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from operator import itemgetter
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from komep_dataset.errors import KomepError
from komep_dataset.gates.trial.gate import TEXTS, PairGate, Watch
from komep_dataset.gates.trial.ngrams import Grams, grams, normal, tokens, without_particles
from komep_dataset.languages import HANGUL, language_of
from komep_dataset.options import Option, Range
from komep_dataset.progress import counted, tell
from komep_dataset.system import late

if TYPE_CHECKING:
    from komep_dataset.gates.trial.benchmark_files import Benchmark
    from komep_dataset.gates.trial.screened import Screening

np, pl = late("numpy"), late("polars")

THRESHOLD = 0.55
WORDS, CHARACTERS = 2, 2  # in an n-gram
RARE = {"en": 2, "ko": 3}  # the same, of those by which items are found
COMMON = (20, 0.01)  # one in more items than this, and than this share of them, finds none
CANDIDATE = 0.2  # of an item's n-grams of that kind
NEAR_CANDIDATE = 0.02  # the same, where a model has the last word
FEWEST = {"en": 4, "ko": 6}  # of them, in an item that can be told from chance
# A text of up to `ROOM` times an item's weight is taken as it is; with each doubling it loses a share, up to `MOST`.
ROOM, DOUBLING, MOST = 6, 0.12, 0.3
ANSWER = 1.18  # what differs counts so often in an answer: it names what it is about, asked or not
COPY = 0.8  # a share from which on a question is a copy, whatever a model says of it
QUESTIONS = TEXTS[:2]  # of a pair
UNIT = 1000  # weight of an n-gram that one item has, or none
RUN_SHOWN = 40  # characters of the longest shared run that a reject quotes
AT_ONCE, NEAR_AT_ONCE = 5_000, 500  # texts that are compared at once
_NAME = re.compile(r"[\w.-]+")  # of a benchmark
_SCRIPT = {"en": r"[A-Za-z]", "ko": HANGUL}
_END = re.compile(r"[!?\uff1f\u3002\n:;]+|(?<!\d)\.|\.(?!\d)")  # of a sentence
_LATIN = re.compile(r"([a-z]{3})[a-z]+")
_MEASURED = re.compile(r"0(?: ?[a-z]{1,4}(?![a-z]))+")  # a value and its unit
_MARK = "\u02d0"  # stands for it: a letter to `normal`, and in no word of either language
# Four values and more, one behind the other, each behind up to four words that say of what it is.
_LETTER = rf"[^\W\d_{_MARK}]"
_LISTED = re.compile(rf"(?<!{_LETTER})(?:(?:{_LETTER}+ ){{0,3}}{_LETTER}+ ?(?:0(?:회 분|초)?(?: |$))+){{4,}}")


OVERLAP = (
    "{benchmark}, {split} row {item}: {share} of the n-grams in common with a passage of {column}; "
    'longest shared run ({n} characters) "{run}"'
)


@dataclass(frozen=True, slots=True)
class Overlap:
    """An item of a benchmark that stands in a text of a pair: the evidence of a rejection."""

    row: int  # of the pair
    column: str
    benchmark: str
    split: str
    item: int  # row in the split, from 1
    share: float  # of n-grams that it and a passage of the text have in common (Dice), 0 to 1
    longest: str  # longest run of words or characters that both have
    excused: bool = False  # a screening says that its question is no repeat of any item that is like it

    def __str__(self) -> str:
        # Shortened: a release must not carry the benchmark itself.
        run = self.longest if len(self.longest) <= RUN_SHOWN else f"{self.longest[: RUN_SHOWN - 1]}…"
        facts = {name: getattr(self, name) for name in ("benchmark", "split", "item", "column")}
        return OVERLAP.format(**facts, share=f"{self.share:.2f}", n=len(self.longest), run=run)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One language of an item."""

    benchmark: str
    split: str
    row: int
    sha256: str  # of the item
    parts: tuple[str, ...]  # sentences, as they are compared


class Index:
    """The n-grams of some benchmarks, of so many words in English and characters in Korean, looked up from n-gram to item."""

    def __init__(self, benchmarks: Sequence[Benchmark], words: int = WORDS, characters: int = CHARACTERS):
        self.n = {"en": words, "ko": characters}
        self.too_short: dict[str, int] = {one.name: 0 for one in benchmarks}
        entries: dict[str, list[_Entry]] = {"en": [], "ko": []}
        for benchmark in sorted(benchmarks, key=lambda one: one.name):
            self._add(benchmark, entries)
        self.of = {
            language: _Postings(some, language, self.n[language])
            for language, some in entries.items()
            if some
        }

    def _add(self, benchmark: Benchmark, entries: dict[str, list[_Entry]]) -> None:
        for item in benchmark.items:
            found = False
            for text in item.questions:
                language = language_of(text)
                parts = sentences(text, language)
                if _size(parts, language) < FEWEST[language]:
                    parts += [part for option in item.options for part in sentences(option, language)]
                if _size(parts, language) >= FEWEST[language]:
                    entries[language].append(
                        _Entry(benchmark.name, item.split, item.row, item.sha256, tuple(parts))
                    )
                    found = True
            self.too_short[benchmark.name] += not found

    def overlaps(
        self,
        pairs: pl.DataFrame,
        threshold: float = THRESHOLD,
        excused: Collection[tuple[str, str]] = (),
    ) -> Iterator[Overlap]:
        """The item that is most like a passage of each pair, for the pairs that have at least this share of n-grams in common.

        `excused`: (question id, `Item.sha256`) of what a question is no repeat of, unless it is a `COPY`; a pair in which nothing
        else is found has an overlap that says so.
        """
        found = [table for table in self._shares(pairs, threshold) if table.height]
        if not found:
            return
        order = ["row", "share", "column", "language", "entry"]
        best = pl.concat(found).sort(order, descending=[False, True, False, False, False])
        for row, some in groupby(best.iter_rows(named=True), itemgetter("row")):
            tried = [(self._is_excused(one, pairs, excused), one) for one in some]
            goes, one = min(tried, key=itemgetter(0))  # the first that does not
            column, entry = TEXTS[one["column"]], self.of[one["language"]].entries[one["entry"]]
            longest = longest_run(entry.parts, pairs[column][row], one["language"])
            yield Overlap(row, column, entry.benchmark, entry.split, entry.row, one["share"], longest, goes)

    def _is_excused(
        self, one: Mapping[str, Any], pairs: pl.DataFrame, excused: Collection[tuple[str, str]]
    ) -> bool:
        if not excused or TEXTS[one["column"]] not in QUESTIONS or one["share"] >= COPY:
            return False
        item = self.of[one["language"]].entries[one["entry"]].sha256
        return (pairs["question_id"][one["row"]], item) in excused

    def nearest(self, questions: pl.DataFrame, least: float) -> dict[int, list[tuple[float, str]]]:
        """The items that are most like each question (columns `question` and `question_ko`), by its row: (share, `Item.sha256`) of
        the first one, and of any other with a share of `least`, best first. A question that is like none is left out."""
        found: dict[int, dict[str, float]] = {}
        for first in range(0, questions.height, NEAR_AT_ONCE):
            part = questions.slice(first, NEAR_AT_ONCE)
            for table in self._shares(part, 0.0, QUESTIONS, NEAR_CANDIDATE):
                for row, language, entry, share in table.select(
                    "row", "language", "entry", "share"
                ).iter_rows():
                    shares, item = found.setdefault(first + row, {}), self.of[language].entries[entry].sha256
                    shares[item] = max(share, shares.get(item, 0.0))
        near = {}
        for row, some in found.items():
            best = sorted(some.items(), key=lambda one: (-one[1], one[0]))
            near[row] = [(share, item) for n, (item, share) in enumerate(best) if not n or share >= least]
        return near

    def _shares(
        self,
        pairs: pl.DataFrame,
        threshold: float,
        columns: Sequence[str] = TEXTS,
        candidate: float = CANDIDATE,
    ) -> Iterator[pl.DataFrame]:
        """Tables (row, share, column, language, entry) of what reaches a threshold."""
        for language, postings in self.of.items():
            for place, column in enumerate(columns):
                rows = pairs[column].str.contains(_SCRIPT[language]).fill_null(False).arg_true()
                differs = 1.0 if column in QUESTIONS else ANSWER
                for part in (rows.slice(first, AT_ONCE) for first in range(0, len(rows), AT_ONCE)):
                    texts = [sentences(text, language) for text in pairs[column].gather(part)]
                    shares = postings.shares(texts, candidate).with_columns(
                        share=1 - differs * (1 - pl.col("share"))
                    )
                    shares = shares.filter(pl.col("share") >= threshold)
                    if shares.height:
                        yield shares.select(
                            pl.Series("row", part.gather(shares["text"]), pl.Int64),
                            "share",
                            pl.lit(place).alias("column"),
                            pl.lit(language).alias("language"),
                            "entry",
                        )


def _size(parts: Sequence[str], language: str) -> int:
    return sum(max(0, len(tokens(part, language)) - RARE[language] + 1) for part in parts)


class _Postings:
    """One language of some benchmarks: which n-gram stands in which entry, and what it weighs."""

    def __init__(self, entries: list[_Entry], language: str, n: int):
        self.entries, self.language, self.n = entries, language, n
        rare, limit = self._grams(RARE[language]), max(COMMON[0], COMMON[1] * len(entries))
        rare = rare.select("gram", "entry").unique().filter(pl.len().over("gram") <= limit)
        self.rare = rare.with_columns(of=pl.len().over("entry"))
        # `UNIT` for an n-gram of one item, less the more items have it; whole numbers, whose sums are exact. Of few items
        # none says how common one is.
        by_part = self._grams(n)
        rarity = 1 - pl.col("entry").n_unique().over("gram").log() / math.log(max(1000, len(entries)) + 1)
        by_part = by_part.with_columns(weight=(UNIT * rarity).round().cast(pl.Int64))
        self.grams = by_part.select("gram", "entry", "weight").unique()
        self.weights = by_part.select("gram", "weight").unique()
        self.sizes = by_part.group_by("entry").agg(pl.col("weight").sum(), size=pl.len().cast(pl.Int64))

    def _grams(self, n: int) -> pl.DataFrame:
        """Table (gram, part, entry), each n-gram once a part."""
        made = grams([part for entry in self.entries for part in entry.parts], self.language, n)
        owners = _repeated([len(entry.parts) for entry in self.entries], made)
        parts = np.repeat(np.arange(len(made.offsets) - 1), np.diff(made.offsets))
        return pl.DataFrame({"gram": made.hashes, "part": parts, "entry": owners}).unique()

    def shares(self, texts: Sequence[Sequence[str]], candidate: float = CANDIDATE) -> pl.DataFrame:
        """Table (text, entry, share) of the items that a text may hold, texts as sentences.

        A passage begins with any sentence of the text and ends with the last one with which it weighs no more than the
        item, or with the one behind that.
        """
        pairs = self._candidates(texts, candidate).join(self.sizes, on="entry").sort("text", "entry")
        pairs = pairs.with_row_index("pair")
        numbers = pairs["text"].unique().sort()  # most texts are like none
        pairs = pairs.with_columns(text=pl.Series(np.searchsorted(numbers, pairs["text"]), dtype=pl.Int64))
        texts = [texts[number] for number in numbers]
        count = np.array([len(text) for text in texts], np.int64)
        first = _summed(count)  # sentence of each text
        flat = [sentence for text in texts for sentence in text]
        made = grams(flat, self.language, self.n)
        held = pl.DataFrame(
            {
                "gram": made.hashes,
                "text": _repeated(count, made),
                "sentence": np.repeat(np.arange(len(flat)), np.diff(made.offsets)),
            }
        ).unique()  # n-grams count once a sentence, as in the item
        own = held.join(self.weights, on="gram", how="left", maintain_order="left")["weight"].fill_null(UNIT)
        weighed = _summed(np.bincount(held["sentence"], own, len(flat)))  # up to each sentence
        counted = _summed(np.bincount(held["sentence"], minlength=len(flat)))
        hits = (
            pairs.select("pair", "text", "entry")
            .join(self.grams, on="entry")
            .join(held, on=["text", "gram"])
            .group_by("pair", "sentence")
            .agg(pl.col("weight").sum(), size=pl.len().cast(pl.Int64))
        )
        # From here on a place is a sentence of the text of a pair, pair by pair.
        text, item, whole = (pairs[name].to_numpy() for name in ("text", "weight", "size"))
        base = _summed(count[text])
        pair = np.repeat(np.arange(len(text)), count[text])
        shift = (first[text] - base[:-1])[pair] if len(pair) else pair
        start = np.arange(base[-1]) + shift
        at = (base[hits["pair"]] + hits["sentence"].to_numpy() - first[text[hits["pair"]]]).astype(np.int64)
        last = np.searchsorted(weighed, weighed[start] + item[pair], side="right") - 1
        best = np.zeros(len(text))
        for end in (np.clip(last + more, start + 1, first[text[pair] + 1]) for more in (0, 1)):
            like = np.ones(len(pair))
            for name, sums, size in (("weight", weighed, item), ("size", counted, whole)):
                of_place = np.zeros(base[-1], np.int64)
                of_place[at] = hits[name].to_numpy()
                shared = _summed(of_place)
                there = sums[end] - sums[start]
                both = np.minimum(shared[end - shift] - shared[start - shift], np.minimum(there, size[pair]))
                like = np.minimum(like, 2 * both / (size[pair] + there))
            np.maximum.at(best, pair, like)
        times = (weighed[first[text + 1]] - weighed[first[text]]) / (ROOM * item)
        lost = np.clip(DOUBLING * np.log2(np.maximum(times, 1)), 0, MOST)
        share = pl.Series(best * (1 - lost), dtype=pl.Float64)
        return pairs.select(numbers.gather(pairs["text"]).alias("text"), "entry", share=share)

    def _candidates(self, texts: Sequence[Sequence[str]], candidate: float) -> pl.DataFrame:
        """Table (text, entry) of what has enough rare n-grams in common."""
        flat = [sentence for text in texts for sentence in text]
        made = grams(flat, self.language, RARE[self.language])
        held = pl.DataFrame({"text": _repeated([len(text) for text in texts], made), "gram": made.hashes})
        hits = held.join(self.rare, on="gram").unique().group_by("text", "entry")
        enough = hits.agg(n=pl.len(), of=pl.col("of").first()).filter(pl.col("n") >= candidate * pl.col("of"))
        return enough.select("text", "entry")


def _summed(values: np.ndarray) -> np.ndarray:
    """The sums of what stands before each value, and of all."""
    return np.concatenate([[0], np.cumsum(values)]).astype(np.int64)


def _repeated(count: Sequence[int], made: Grams) -> np.ndarray:
    """For each n-gram of some parts, whose part it is, where the first owner has `count[0]` parts, and so on."""
    return np.repeat(np.repeat(np.arange(len(count)), count), np.diff(made.offsets)).astype(np.int64)


def sentences(text: str, language: str) -> list[str]:
    """The sentences and lines of a text as they are compared.

    >>> sentences("Give 2.5 mg, NOW! And then?", "en")
    ['give 0 mg now', 'and then']
    """
    parts = compared(_END.sub(f" {_MARK} ", text), language).split(_MARK)
    return [part.strip() for part in parts if part.strip()]


def compared(text: str, language: str) -> str:
    """A text as items and pairs are compared.

    >>> compared("패혈증(sepsis)의 치료는? 2.5 mg/dL", "ko")
    '패혈증 sep 의 치료 0'
    >>> compared("혈색소 9.1 g/dL, 백혈구 3,100/mm^3, 칼륨 4.1 meq/L, 알부민 4.0 g/dL, 소변은 맑다.", "ko")
    '0 소변 맑다'
    """
    text = without_particles(normal(text, any_number=True))
    return (
        text if language == "en" else _LISTED.sub("0 ", _LATIN.sub(r"\1", _MEASURED.sub("0", text))).strip()
    )


def longest_run(parts: Sequence[str], text: str, language: str) -> str:
    """The longest run of words or characters that a text shares with a part of an item."""
    there, best = tokens(compared(text, language), language), []
    for part in parts:
        own = tokens(part, language)
        match = SequenceMatcher(None, own, there, autojunk=False).find_longest_match()
        run = own[match.a : match.a + match.size]
        best = run if len(run) > len(best) else best
    return (" " if language == "en" else "").join(best)


class Comparison(Watch):
    """The pairs of a build against its benchmarks, and against what a model said of their questions."""

    def __init__(
        self,
        scratch: Path,
        decontaminate: Sequence[Benchmark],
        overlap_threshold: float,
        screened: Sequence[Screening],
    ):
        self.index, self.threshold = Index(decontaminate), overlap_threshold
        self.again = {id: told for one in reversed(screened) for id, told in one.again.items()}
        self.excused = frozenset(pair for one in screened for pair in one.excused)
        self.unread = frozenset(id for one in screened for id in one.unread) - self.again.keys()
        self.facts = {
            "threshold": overlap_threshold,
            "ngrams": {"en": f"{WORDS} words", "ko": f"{CHARACTERS} characters"},
            "benchmarks": [b.record() | {"too_short": self.index.too_short[b.name]} for b in decontaminate],
        }
        self.counts = dict.fromkeys(
            ("again", "excused", "unread"), 0
        )  # pairs, by what was said of their questions
        if screened:
            screeners = sorted({name for one in screened for name in one.screeners})
            files = [one.file for one in screened]
            self.facts["screened"] = {"files": files, "screeners": screeners, "pairs": self.counts}
        self.ids = {id for one in screened for id in (*one.judged, *one.again, *one.unread)}
        self.met = not self.ids  # whether a pair is of one of them

    def look(self, pairs: pl.DataFrame) -> Iterator[tuple[int, str, tuple[str, ...]]]:
        ids = pairs["question_id"].to_list() if self.ids else []
        self.met = self.met or not self.ids.isdisjoint(ids)
        told = {row: self.again[id] for row, id in enumerate(ids) if id in self.again}
        self.counts["again"] += len(told)
        self.counts["unread"] += sum(id in self.unread for id in ids)
        for row, (benchmark, why) in told.items():
            yield row, why, (benchmark,)
        for one in self.index.overlaps(pairs, self.threshold, self.excused):
            if one.row in told:
                continue
            if one.excused:
                self.counts["excused"] += 1
            else:
                yield one.row, str(one), (one.benchmark,)

    def settle(self) -> Mapping[str, str]:
        if not self.met:
            files = ", ".join(self.facts["screened"]["files"])
            tell(f"note: --screened: no pair is of a question that {files} judges: is it of other questions?")
        return {}


def parse_named_paths(given: Iterable[str]) -> dict[str, Path]:
    """`NAME=PATH` arguments by name.

    >>> parse_named_paths(["kormedmcqa=data/k=1"])
    {'kormedmcqa': PosixPath('data/k=1')}
    """
    named: dict[str, Path] = {}
    for one in given:
        name, sign, path = one.partition("=")
        if not sign or not path or not _NAME.fullmatch(name):
            raise KomepError(
                f"--decontaminate {one}: give NAME=PATH, such as kormedmcqa=data/kormedmcqa", exit_code=2
            )
        if name in named:
            raise KomepError(f"--decontaminate {one}: the name {name} stands twice", exit_code=2)
        named[name] = Path(path)
    return named


def _read(paths: Mapping[str, Path]) -> list[Benchmark]:
    from komep_dataset.gates.trial.benchmark_files import read_benchmark

    return [read_benchmark(name, path) for name, path in sorted(paths.items())]


def _read_screened(path: Path) -> list[Screening]:
    from komep_dataset.gates.trial.screened import read_screened

    return read_screened(path)


def _names_files(given: Any) -> bool:
    """Whether it is a dict of names and paths, or what provenance keeps of one: a list of records."""
    if isinstance(given, Mapping):
        return all(isinstance(path, (str, PathLike)) for path in given.values())
    return _are_records(given)


def _are_records(given: Any) -> bool:
    return isinstance(given, (list, tuple)) and all(isinstance(one, Mapping) for one in given)


def names_a_screening(given: Any) -> bool:
    """Whether it is a path, or what provenance keeps of one."""
    return _are_records(given) or (isinstance(given, (str, PathLike)) and bool(str(given)))


def _conflict(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]] | None) -> str | None:
    """A base that grows is compared with the same items; if by another rule, that is said, and all is compared anew."""
    was, now = ({one["name"]: one["sha256"] for one in some or ()} for some in (old, new))
    if was != now:
        names = ", ".join(sorted(was)) or "no benchmark"
        return (
            f"was compared with {names}; give the same benchmarks, with the same items, again (--decontaminate "
            "NAME=PATH), so that old and new pairs keep to one rule"
        )
    if any(one.get("rule", 1) != other["rule"] for one, other in zip(old, new or (), strict=True)):
        anew = f"; its threshold gives way to {THRESHOLD}, unless --overlap-threshold names another"
        tell(
            "note: --decontaminate: the base was compared by an earlier rule of this gate; old and new pairs are compared "
            "by the present one: some that it rejected may be pairs again, and the other way round (`komep diff`)"
            + anew
            * any(one.get("rule", 1) == 1 for one in old)
        )
    return None


def _carried(records: Sequence[Mapping[str, Any]], own: Sequence[Screening]) -> list[Screening]:
    """What a base was screened by, but for the questions of which what was read now says something."""
    from komep_dataset.gates.trial.screened import Screening

    base = [Screening.recorded(one) for one in records if one["sha256"] not in {some.sha256 for some in own}]
    judged = {id for one in own for id in one.judged}
    again = {id for one in own for id in one.again}
    if other := {id for one in base for id in one.again.keys() & judged if id not in again}:
        files = ", ".join(one.file for one in own)
        tell(
            f"note: --screened: of {counted(len(other), 'question')} of the base {files} says otherwise, and counts"
        )
    return [one.without(judged) for one in base]


def _by_share(base: Mapping[str, Any]) -> bool:
    """Whether a base was compared by the first rule, whose threshold was a share of the item's n-grams alone."""
    return any(one.get("rule", 1) == 1 for one in base["decontaminate"] or ())


def _note(record: Mapping[str, Any]) -> str:
    if record["switch"] == "off":
        return (
            "No benchmark was given (`--decontaminate NAME=PATH`): "
            "whether a pair holds an item of one was not checked."
        )
    said = ""
    if screened := record.get("screened"):
        who, pairs = ", ".join(f"`{one}`" for one in screened["screeners"]) or "Somebody", screened["pairs"]
        said = (
            f"\n{who} said of questions and the items nearest to them which ask one again. Pairs that went for that: "
            f"{pairs['again']:,}; that did not go here although the question has enough n-grams in common with an item: "
            f"{pairs['excused']:,}"
        )
        said += (
            f"; of whose question no answer could be read: {pairs['unread']:,}." if pairs["unread"] else "."
        )
    if not record["benchmarks"]:
        return said.strip()
    named = ", ".join(
        f"{one['name']} ({one['items']} items, {one['too_short']} of them too short to be told from chance; "
        f"SHA-256 `{one['sha256'][:12]}…`)"
        for one in record["benchmarks"]
    )
    what = f"({record['ngrams']['en']}, {record['ngrams']['ko']})"
    if record["benchmarks"][0].get("rule", 1) == 1:
        held = f"if one of its texts holds at least {record['threshold']} of an item's n-grams {what}."
    else:
        held = (
            f"if an item and a passage of one of its texts have at least {record['threshold']} of their n-grams {what}, "
            "weighed by how rare they are, in common."
        )
    return f"Compared with {named}: a pair goes\n{held}{said}"


GATE = PairGate(
    name="contamination",
    reason="contaminated",
    order=10,
    options=(
        Option(
            "decontaminate",
            Mapping[str, Path],
            {},
            "Leave out pairs that contain a question of this benchmark: its name, and a file or folder of all its splits. "
            "May be given several times.",
            metavar="NAME=PATH",
            parse=parse_named_paths,
            read=_read,
            check=_names_files,
            want="give a dict of names and paths",
            conflict=_conflict,
        ),
        Option(
            "overlap_threshold",
            float,
            THRESHOLD,
            "With --decontaminate: a pair contains a question if a passage of it shares at least this part of the question's "
            "word sequences; lower finds more, and more that is none.",
            range=Range(0.0, 1.0, above=True),
            nullable=True,
            stale=_by_share,
        ),
        Option(
            "screened",
            Path,
            None,
            "What `komep screen` wrote: leave out pairs of the questions that ask an item of a benchmark again, as the model says that it "
            "asked, and let questions that are none pass although they have n-grams in common with one.",
            metavar="FILE",
            read=_read_screened,
            check=names_a_screening,
            want="give the path of what `komep screen` wrote",
            conflict=lambda was, now: None,
            carry=_carried,
        ),
    ),
    watch=Comparison,
    note=_note,
)
