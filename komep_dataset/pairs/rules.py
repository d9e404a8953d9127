"""Preference pairs, and everything else that a release says of some generations: one way for all.

`komep build` writes what `derive` gives, `komep verify` compares a release with it. Frames have rows that are complete
`ScoredGeneration`s (see `generations.complete`). The paper ranks the answers to a question by DAHL score, and pairs the
best with the worst; the tie-breaks and thresholds are ours, since it does not give them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import polars as pl

from komep_dataset import dahl
from komep_dataset.languages import HANGUL, is_foreign, is_foreign_text, is_korean
from komep_dataset.pairs.candidates import NOT_BLANK
from komep_dataset.pairs.generations import units_with
from komep_dataset.pairs.lengths import unit
from komep_dataset.pairs.options import PairRules
from komep_dataset.pairs.strategies.registry import RULES
from komep_dataset.pairs.utility import UNKNOWN_UNITS, with_bounds
from komep_dataset.schema import (
    EVIDENCE,
    RESPONSE_TOKENS,
    Origin,
    Pair,
    Reason,
    Reject,
    ScoredGeneration,
    Status,
    Verdict,
    WhyUnknown,
    column_types,
    listed_statuses,
    question_id,
)

STAGE = "build"
COLUMNS = tuple(column_types(Pair))
KOREAN_TEXTS = ("question_ko", "chosen_ko", "rejected_ko")
# What the gates say of some pairs: reason and detail of those that go, None of those that stay; [] = all stay.
Gate = Callable[[pl.DataFrame], Sequence[tuple[str, str] | None]]

# Python's white space (what `str.split()` splits at), for texts that are compared with blanks collapsed.
_BLANKS = r"[\s\x1c-\x1f]+"
# So many first characters of a text, if they are ASCII with single blanks, stay as they are when it is normalised, but
# for the last: a mark behind it may combine with it.
_HEAD = 16
_PLAIN_HEAD = "^[!-~](?: ?[!-~])* ?$"
# How a pair's scores stand to a rule that does not go by them: the chosen answer's is higher, equal, lower.
AGREEMENT = "agrees", "equal", "contradicts"
SOURCES_NAMED = 10  # places that passages come from which `build.json` names, the most cited first (ours)
_DEFAULT = PairRules()
# Why a candidate is no pair, in the order in which it is tried.
_STAGES = [r.value for r in (Reason.TIE, Reason.BELOW_MARGIN, Reason.IDENTICAL_TEXT, Reason.LENGTH_GAP)]
_IS_NATIVE = pl.col("origin") == Origin.NATIVE.value
COUNTS = {
    "_true": units_with(Verdict.TRUE),
    "_false": units_with(Verdict.FALSE),
    "_units": pl.col("units").list.len(),
}
_RANKS = COUNTS | {"_length": pl.col("response").str.len_chars()}


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from some complete generations: rows of `en` and `ko`, and what has none, sorted by key."""

    pairs: pl.DataFrame
    en: pl.DataFrame
    ko: pl.DataFrame
    rejects: list[Reject]


@dataclass
class Tally:
    """Counts that grow while parts of a release pass; each number is counted here and nowhere else."""

    rows: int = 0
    questions: int = 0
    pairs: int = 0
    native: int = 0
    native_foreign: int = 0
    mixed: int = 0  # in `en`, and the question is Korean, but not both answers
    korean: int = 0  # in `en`, and question and answers are Korean
    foreign: int = 0  # not in `ko`, for a text that was given as Korean is not
    torn: int = 0  # questions of more than one category
    shared: int = 0  # ids of more than one question
    own_scores: int = 0
    identical_korean: int = 0
    unknown_questions: int = 0
    unknown_pairs: Counter = field(default_factory=Counter)  # of these, by what becomes of unknown units
    agreement: Counter = field(default_factory=Counter)  # of the score with a rule that does not go by it
    statuses: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    scores: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))  # model -> score -> rows
    evidence: Counter = field(default_factory=Counter)  # of units that were judged by passages
    sources: Counter = field(default_factory=Counter)  # where what they cite comes from -> units
    rounds: dict[str, int] = field(default_factory=dict)  # responder -> round in which it answers
    of_rounds: dict[int, Counter] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, frame: pl.DataFrame, pairs: pl.DataFrame, rules: PairRules) -> None:
        """Count the generations of some questions and the pairs that they gave; and what other `unknown_units` give."""
        partly = (pl.col("status") == Status.UNPARSED.value) & (pl.col("units").list.len() > 0)
        if (open_ := frame.filter(partly.any().over("question_id"))).height:
            self.unknown_questions += open_["question_id"].n_unique()
            for choice in UNKNOWN_UNITS:
                pairs_by_choice, _ = select_pairs(open_, replace(rules, unknown_units=choice))
                self.unknown_pairs[choice] += pairs_by_choice.height
        self.rows += frame.height
        self.questions += frame["question_id"].n_unique()
        varied = frame.group_by("question_id").agg(pl.col("category", "question").n_unique())
        self.torn += varied.filter(pl.col("category") > 1).height
        doubtful = frame.join(varied.filter(pl.col("question") > 1), on="question_id", how="semi")
        texts = doubtful.group_by("question_id").agg(pl.col("question").unique())["question"]
        self.shared += sum(len(set(map(question_id, some))) > 1 for some in texts)
        self.pairs += pairs.height
        native = pairs.filter(_IS_NATIVE)
        self.native += native.height
        self.native_foreign += native.filter(~(is_korean("chosen_ko") & is_korean("rejected_ko"))).height
        asked = pl.when(~_IS_NATIVE & pl.col("question").str.contains(HANGUL)).then(pl.col("question"))
        asked_in_korean = pairs.filter(is_korean(asked))
        self.mixed += (mixed := asked_in_korean.filter(is_foreign("chosen") | is_foreign("rejected")).height)
        self.korean += asked_in_korean.height - mixed
        self.foreign += pairs.filter(~_IS_NATIVE & pl.any_horizontal(map(is_foreign, KOREAN_TEXTS))).height
        self.identical_korean += pairs.filter(pl.col("chosen_ko") == pl.col("rejected_ko")).height
        if not RULES[rules.pairs].by_score:
            margins = pairs["score_margin"]
            said = (margins > 0).sum(), (margins == 0).sum(), (margins < 0).sum()
            self.agreement.update(dict(zip(AGREEMENT, said, strict=True)))
        if EVIDENCE in frame.columns:
            self._add_evidence(frame)
        scored = frame.filter(pl.col("status") == Status.SCORED.value)
        self.own_scores += scored.filter(pl.col("units").list.len() == 0).height
        for sides in pairs.select("chosen_model", "rejected_model").iter_rows() if self.rounds else ():
            chosen, rejected = (self.rounds.get(model, 0) for model in sides)
            self.of_rounds[max(chosen, rejected)]["pairs"] += 1
            self.of_rounds[chosen]["chosen"] += 1
            self.of_rounds[rejected]["rejected"] += 1
        for model, status, n in frame.group_by("model", "status").len().iter_rows():
            self.statuses[model][status] += n
        for model, score, n in scored.group_by("model", "dahl_score").len().iter_rows():
            self.scores[model][score] += n

    def _add_evidence(self, frame: pl.DataFrame) -> None:
        """Count units that were judged by passages: those that cite one, by where it comes from, and why others have no
        verdict."""
        cited = frame.filter(pl.col(EVIDENCE).list.len() > 0).select(*ScoredGeneration.KEY, EVIDENCE)
        entries = cited.explode(EVIDENCE).unnest(EVIDENCE)
        unit = [*ScoredGeneration.KEY, "unit"]
        resting = entries.filter(pl.col("id") != "")
        self.evidence["units"] += entries.select(unit).n_unique()
        self.evidence["cited"] += resting.select(unit).n_unique()
        reasons = entries.filter(pl.col("reason") != "").unique([*unit, "reason"])
        self.evidence.update(dict(reasons.group_by("reason").len().iter_rows()))
        host = pl.col("url").str.extract(r"^[a-z]+://(?:[^/?#@]*@)?([^/?#:]+)").str.to_lowercase()
        place = pl.coalesce(host, pl.when(pl.col("title") != "").then("title"), pl.lit("")).alias("place")
        self.sources.update(dict(resting.unique([*unit, "id"]).group_by(place).len().iter_rows()))

    def facts(self, cites: bool | None = None) -> dict[str, Any]:
        """The counts as `build.json` has them; `cites`: whether rows have the column of what verdicts cite."""
        models, listed = {}, listed_statuses(set().union(*self.statuses.values()))
        for model in sorted(self.statuses):
            score = dahl.model_score_of_counts(self.scores[model])
            statuses = {status: self.statuses[model][status] for status in listed}
            models[model] = {"dahl": asdict(score) if score else None, "statuses": statuses}
        given = {"questions": self.unknown_questions, "pairs": dict(self.unknown_pairs)}
        unknown = {"unknown_units": given} if self.unknown_questions else {}
        if self.evidence["units"] if cites is None else cites:
            names = ("units", "cited", *(why.value for why in WhyUnknown))
            most = sorted(self.sources.items(), key=lambda one: (-one[1], one[0]))[:SOURCES_NAMED]
            evidence = {name: self.evidence[name] for name in names} | {"from": dict(most)}
            unknown[EVIDENCE] = evidence | {"sources": len(self.sources)}
        if self.agreement:
            unknown["score_agreement"] = {name: self.agreement[name] for name in AGREEMENT}
        if self.rounds:
            names, all_rounds = ("pairs", "chosen", "rejected"), sorted({0, *self.rounds.values()})
            counts = {str(n): {name: self.of_rounds[n][name] for name in names} for n in all_rounds}
            unknown["pairs_by_round"] = counts
        return {
            "generations": self.rows,
            "questions": self.questions,
            "pairs": self.pairs,
            "native": self.native,
            "native_foreign": self.native_foreign,
            "scores_without_units": self.own_scores,
            "identical_korean": self.identical_korean,
            "models": models,
        } | unknown


def derive(
    frame: pl.DataFrame, rules: PairRules, gate: Gate | None = None, tally: Tally | None = None
) -> Derived:
    """Pairs and rejects of complete generations, one row a (`question_id`, `model`), of whole questions; the gate says which of
    the selected pairs go all the same (see `gates.trial.run.Gates`), the tally counts generations and the pairs that are left.
    """
    pairs, dropped = select_pairs(frame, rules)
    rejects = [Reject(STAGE, *row) for row in dropped.iter_rows()]
    if gate is not None and any(decisions := gate(pairs)):
        stays = pl.Series([decision is None for decision in decisions], dtype=pl.Boolean)
        gone = zip(pairs.filter(~stays).iter_rows(named=True), filter(None, decisions), strict=True)
        rejects += [Reject(STAGE, pair_key(pair, rules.pairs), *why) for pair, why in gone]
        pairs = pairs.filter(stays)
    wanted = pl.lit(True) if rules.origin == "all" else pl.col("origin") == rules.origin
    korean, untranslated = to_release(pairs.filter(wanted), "ko")
    for pair in untranslated.iter_rows(named=True):
        missing = ", ".join(name for name in KOREAN_TEXTS if not (pair[name] or "").split())
        foreign = ", ".join(name for name in KOREAN_TEXTS if is_foreign_text(pair[name] or ""))
        told = [f"no {missing}"] * bool(missing) + [f"not Korean by its script: {foreign}"] * bool(foreign)
        rejects.append(_reject(pair, rules, Reason.UNTRANSLATED, f"{'; '.join(told)}: in `en` only"))
    for pair in pairs.filter(~wanted).iter_rows(named=True):
        where = "in no config" if pair["origin"] == Origin.NATIVE.value else "not in `ko`"
        detail = f"{pair['origin']}, and --origin wants another: {where}"
        rejects.append(_reject(pair, rules, Reason.OTHER_ORIGIN, detail))
    rejects.sort(key=lambda r: (r.key, r.reason))
    if tally is not None:
        tally.add(frame, pairs, rules)
    return Derived(pairs, to_release(pairs, "en")[0], korean, rejects)


def _reject(pair: dict[str, Any], rules: PairRules, reason: Reason, detail: str) -> Reject:
    return Reject(STAGE, pair_key(pair, rules.pairs), reason.value, detail)


def pair_key(pair: dict[str, Any], selection: str) -> str:
    """The key of a pair in `rejects.jsonl`."""
    return pair["question_id"] if RULES[selection].one_a_question else "/".join(pair[c] for c in Pair.KEY)


def select_pairs(frame: pl.DataFrame, rules: PairRules = _DEFAULT) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pair the answers of each question.

    Args:
        frame: complete generations, one row a (`question_id`, `model`), with `response_tokens` where the rules have a tokenizer.
        rules: what a build may be told of its pairs, with nothing left to the data (see `settling`). `min_margin`:
            `chosen_score - rejected_score` (float64) must lie above it; a rule that does not go by scores looks at it where it
            is above 0. Where units have no verdict, a pair's scores are the lowest of the chosen and the highest of the
            rejected answer; all of them are of `utility`.

    Returns:
        (pairs: the columns of `Pair`, then `origin` (`native` where both generations are, see
        `languages.is_native`), `question`, `chosen`, `rejected` and their `_ko` texts, sorted by key; rejects:
        `question_id`, `reason`, `detail`, one row for each question without a pair, sorted).
    """
    # The units are the widest column; their counts are all that is needed.
    ranked, rule = frame.with_columns(**_RANKS).drop("units"), RULES[rules.pairs]
    ranked = ranked.with_columns(_size=pl.col(RESPONSE_TOKENS if rules.length_tokenizer else "_length"))
    scored = _in_order(with_bounds(ranked, rules.unknown_units, rules.utility))
    usable = rule.eligible(scored, rules) if rule.eligible else scored
    candidates = rule.candidates(usable.filter(pl.len().over("question_id") > 1), rules)
    margin = pl.col("chosen_score") - pl.col("rejected_score")
    fails = (
        (pl.col("chosen_score") == pl.col("rejected_score")) & rule.by_score,
        ~(pl.col("score_margin") > rules.min_margin) & (rule.by_score or rules.min_margin > 0),
        _same_text("chosen", "rejected"),
        _too_far_apart(rules.length_gap),
    )
    reason = pl
    for stage, fail in zip(_STAGES, fails, strict=True):
        reason = reason.when(fail).then(pl.lit(stage))
    candidates = candidates.with_columns(score_margin=margin).with_columns(reason=reason)
    pairs = candidates.filter(pl.col("reason").is_null())
    rejects = pl.concat([_too_few(frame, scored, usable, rules), _without_pair(candidates, pairs, rules)])
    texts = ("question", "chosen", "rejected", *KOREAN_TEXTS)
    return pairs.select(*COLUMNS, "origin", *texts).sort(Pair.KEY), rejects.sort("question_id")


def _too_far_apart(gap: int | None) -> pl.Expr:
    """Whether two answers differ in length by more than so many characters, or tokens."""
    if gap is None:
        return pl.lit(False)
    chosen, rejected = (pl.col(f"{side}_size").cast(pl.Int64) for side in ("chosen", "rejected"))
    return (chosen - rejected).abs() > gap


def _in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows sorted by (`question_id`, `model`); most frames are, and then nothing is moved."""
    question, model = map(pl.col, ScoredGeneration.KEY)
    before = (question > question.shift(1)) | ((question == question.shift(1)) & (model >= model.shift(1)))
    return frame if frame.select(before.all()).item() else frame.sort(ScoredGeneration.KEY)


def _same_text(one: str, other: str) -> pl.Expr:
    """Whether two text columns are equal after NFC and collapsing blanks; only where their first letters may be."""
    heads = [pl.col(name).str.head(_HEAD) for name in (one, other)]
    plain = [(head.str.len_bytes() == _HEAD) & head.str.contains(_PLAIN_HEAD) for head in heads]
    apart = plain[0] & plain[1] & (heads[0].str.head(_HEAD - 1) != heads[1].str.head(_HEAD - 1))
    texts = (pl.when(~apart).then(pl.col(name)).str.normalize("NFC") for name in (one, other))
    first, second = (text.str.replace_all(_BLANKS, " ").str.strip_chars(" ") for text in texts)
    return (first == second).fill_null(False)


def _too_few(
    frame: pl.DataFrame, scored: pl.DataFrame, usable: pl.DataFrame, rules: PairRules
) -> pl.DataFrame:
    """Questions with fewer than two answers that may pair."""
    counts = frame.group_by("question_id").agg(rows=pl.len())
    for name, some in (("n", scored), *([] if usable is scored else [("left", usable)])):
        own = some.group_by("question_id").agg(pl.len().alias(name))
        counts = counts.join(own, on="question_id", how="left").with_columns(pl.col(name).fill_null(0))
    if usable is scored:
        counts = counts.with_columns(left="n")
    of_all = pl.format("{} scored of {} responses", "n", "rows")
    of_rule = pl.format("--pairs {} takes {} of {} scored responses", pl.lit(rules.pairs), "left", "n")
    return counts.filter(pl.col("left") < 2).select(
        "question_id",
        reason=pl.lit(Reason.TOO_FEW_RESPONSES.value),
        detail=pl.when(pl.col("n") < 2).then(of_all).otherwise(of_rule),
    )


def _without_pair(candidates: pl.DataFrame, pairs: pl.DataFrame, rules: PairRules) -> pl.DataFrame:
    """The reason of each question none of whose candidates passed: that of the one that came furthest."""
    failed = candidates.join(pairs.select("question_id").unique(), on="question_id", how="anti").with_columns(
        _stage=pl.col("reason").replace_strict(_STAGES, range(len(_STAGES)), return_dtype=pl.Int64)
    )
    order = ["question_id", "_stage", "score_margin", "chosen_model", "rejected_model"]
    failed = failed.sort(order, descending=[False, True, True, False, False])
    last = failed.unique("question_id", keep="first", maintain_order=True)
    sides = ("chosen_model", "chosen_score", "rejected_model", "rejected_score")
    alike = pl.format("each of its answers has {}", "chosen_score")  # one is the best and the worst
    same = pl.col("chosen_model") == pl.col("rejected_model")
    scores = pl.when(same).then(alike).otherwise(pl.format("{} {} against {} {}", *sides))
    margin = pl.format(", margin {} is not above {}", "score_margin", pl.lit(rules.min_margin))
    told = pl.lit(unit(asdict(rules))), pl.lit(rules.length_gap)
    gap = pl.format(", {} and {} {}: more than {} apart", "chosen_size", "rejected_size", *told)
    more = {Reason.BELOW_MARGIN: margin, Reason.LENGTH_GAP: gap}
    of_reason = pl.coalesce(
        *(pl.when(pl.col("reason") == reason.value).then(text) for reason, text in more.items()), pl.lit("")
    )
    return last.select("question_id", "reason", detail=pl.concat_str(scores, of_reason))


def to_release(pairs: pl.DataFrame, language: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of the config `en` or `ko` from the output of `select_pairs`; a native pair, which has no English text, is in `ko` alone.

    Returns:
        (columns of `ReleaseRow`, for `ko` of `KoreanRow`; for `ko` the pairs that lack a Korean text, or have a foreign one in
        its place, for `en` none).
    """
    if language == "en":
        return _release_rows(pairs.filter(~_IS_NATIVE), ("question", "chosen", "rejected")), pairs.clear()
    blank = (~pl.col(text).str.contains(NOT_BLANK).fill_null(False) for text in KOREAN_TEXTS)
    missing = ~_IS_NATIVE & pl.any_horizontal(*blank, *map(is_foreign, KOREAN_TEXTS))
    return _release_rows(pairs.filter(~missing), KOREAN_TEXTS, "origin"), pairs.filter(missing)


def _release_rows(pairs: pl.DataFrame, texts: Sequence[str], *more: str) -> pl.DataFrame:
    """The messages of (prompt, chosen, rejected), the columns of `Pair`, then more columns."""
    names = {"prompt": "user", "chosen": "assistant", "rejected": "assistant"}
    messages = [
        pl.concat_list(pl.struct(role=pl.lit(role), content=pl.col(text))).alias(name)
        for (name, role), text in zip(names.items(), texts, strict=True)
    ]
    return pairs.select(*messages, *COLUMNS, *more)
