"""Rows of a stage that came to nothing: how many, what that is likeliest due to, and which setting mends it.

A table of rows without an answer, a verdict or Korean is no success. From a fifth of them on people are told; where
nothing is left the command fails, and the table stays to be looked at.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from komep_dataset.config.config import APPEAL, Config, Judge, Responder, Translator
from komep_dataset.languages import is_foreign, is_korean
from komep_dataset.pipeline.screening import ScreenedTable
from komep_dataset.replies.faults import advice_for
from komep_dataset.replies.garbled import is_blank
from komep_dataset.responses import Responded
from komep_dataset.schema import Response, Status, Verdict, WhyUnknown
from komep_dataset.scores.agreement import PANEL
from komep_dataset.scores.checking import CHECK_TOKENS, CITING_TOKENS, TOLD_FROM
from komep_dataset.scores.repeats import repeated
from komep_dataset.scores.scoring import NO_RESPONSE, Scored, VerdictRow, verdicts_path
from komep_dataset.tables.reading import read_table
from komep_dataset.translation.checks.truncated import TRUNCATED
from komep_dataset.translation.stage import COPIED, TranslatedTable

SHOWN = 60  # characters of a reply that a message shows
_BOUNDS = (
    "`selection.unknown_units: bounds` (`komep build --unknown-units bounds`) needs no verdict on every unit"
)
_PASSAGES = "give another corpus or more `passages`"
_BLANK = pl.col("response").map_elements(is_blank, pl.Boolean)
# A parameter that an endpoint speaks of -> its setting.
_SETTINGS = {r"max_(?:\w+_)?tokens": "max_new_tokens"}
_SETTINGS |= {name: name for name in ("temperature", "top_p", "seed")}


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What a stage did not come to: a sentence, empty where all is well; `nothing`: no row is of use."""

    text: str = ""
    nothing: bool = False


NONE = Shortfall()


def _shortfall(bad: int, good: int, what: str, why: str) -> Shortfall:
    rows = bad + good
    if not rows or bad < TOLD_FROM * rows:
        return NONE
    return Shortfall(f"{bad:,} of {rows:,} {what}; likeliest cause: {why}", good == 0)


def of_responses(made: Responded, responder: Responder) -> Shortfall:
    """What is missing among the answers of a responder."""
    if made.rows and made.failures == made.rows:
        return Shortfall(f"no question got an answer; the first: {_advised(made.reason)}", True)
    answered = read_table(made.path, Response).filter(pl.col("finish_reason") != Status.FAILED.value)
    by_refusal = pl.col("finish_reason") == Status.REFUSED.value
    blank, refused = answered.filter(_BLANK & ~by_refusal), answered.filter(by_refusal)
    bad, why = made.failures + blank.height + refused.height, _advised(made.reason)
    if refused.height > max(made.failures, blank.height):
        said = refused["response"][0][:SHOWN]
        why = _advised(f"the model refused: {said}") if said else "the endpoint filters these questions"
    elif blank.height > made.failures:
        why = f"the model ends at once: look at `protocol` ({responder.protocol}) and `format`"
    refusing = f", {refused.height:,} refused" if refused.height else ""
    what = f"questions got no answer ({made.failures:,} failed, {blank.height:,} empty{refusing})"
    short = _shortfall(bad, made.rows - bad, what, why)
    text = "; ".join(filter(None, (short.text, *_strange(answered.filter(~_BLANK), responder))))
    return Shortfall(text, short.nothing)


def _strange(answered: pl.DataFrame, responder: Responder) -> Iterator[str]:
    """What is strange about answers that are there: one text for many questions, another language than theirs."""
    for text, why in repeated(answered.select("question", "response").iter_rows()).items():
        yield (
            f"{why}, {text[:SHOWN]!r}; likeliest cause: a cache or a mock in the model's place: look at `endpoint`, and turn "
            "the cache off"
        )
    korean = answered.filter(is_korean("question"))
    foreign = korean.filter(is_foreign("response")).height
    if foreign and foreign >= TOLD_FROM * korean.height:
        yield (
            f"{foreign:,} of {korean.height:,} answers to Korean questions are not Korean, so that their pairs are not in `ko`; "
            f"likeliest cause: `protocol` ({responder.protocol}; chat asks in Korean), or a model that has little Korean"
        )


def of_scores(made: Scored, config: Config) -> Shortfall:
    """What is missing among scores; who abstains answers honestly, and counts where nobody else answered."""
    counts = Counter(made.statuses)
    scored, abstained = counts.pop(Status.SCORED.value, 0), counts.pop(Status.ABSTAINED.value, 0)
    if abstained and not scored:
        counts[Status.ABSTAINED.value] = abstained
        abstained = 0
    listed = ", ".join(f"{n:,} {status}" for status, n in counts.most_common())
    why = _why_unscored(counts.most_common(1)[0][0], made, config) if counts.total() else ""
    return _shortfall(counts.total(), scored + abstained, f"responses have no score ({listed})", why)


def of_screening(made: ScreenedTable, screener: Judge) -> Shortfall:
    """What is missing among the replies about questions and items near them."""
    bad = made.failures + len(made.unread)
    why = (
        _advised(made.reason)
        if made.failures > len(made.unread)
        else (
            f"{screener.model} does not keep to numbers or None ({(made.unread or ('',))[0][:SHOWN]!r}): take another "
            "`screener.model`, or raise its `max_new_tokens`"
        )
    )
    what = "questions have no verdict, and stay"
    return _shortfall(bad, made.asked - bad, what, why)


def _why_unscored(status: str, made: Scored, config: Config) -> str:
    splitter = config.judge("splitter").model
    if status == Status.UNPARSED.value:
        return _why_unparsed(made, config)
    if status == Status.FAILED.value:
        lacking = f"{NO_RESPONSE}: `komep run --retry-failed` asks it again, or `komep respond` with the same option"
        return _advised(made.reason) if made.reason else lacking
    if status == Status.EMPTY.value and made.unverifiable:
        return (
            f"the splitter {splitter} marks what the answers say as nothing to check: look at the evidence beside the "
            "table, and take another splitter where that is wrong"
        )
    if status == Status.EMPTY.value:
        blank = made.frame.filter(_BLANK & (pl.col("status") == status)).height
        if 2 * blank >= made.statuses[status]:
            return (
                "the responses are empty: raise their responder's `max_new_tokens`, or look at its `protocol`"
            )
    if status in (Status.ABSTAINED.value, "refused"):
        return "the responders do not answer: look at their `protocol`, or take others"
    return (
        f"the splitter {splitter} gives no units of the answers, or a limit ends them within their first sentence: raise "
        "`max_new_tokens` of the responder or the splitter, or take another splitter"
    )


def _why_unparsed(made: Scored, config: Config) -> str:
    checker, apart = config.judge("checker"), PANEL.read(made.path)
    bounds = [_BOUNDS] if config.selection.unknown_units == "reject" else []
    verdicts = (unit["verdict"] for units in made.frame["units"] for unit in units)
    unknown = sum(verdict == Verdict.UNKNOWN for verdict in verdicts)
    if apart and 2 * (differ := apart["groups"][0]["differ"]) >= unknown:
        appeal = ["`agreement: first-then-appeal` asks the others only where it matters"]
        units = f"{differ:,} of {apart['groups'][0]['several']:,} units"
        said = [f"the judges {', '.join(apart['judges'])} differ on {units}"]
        said += ["`komep calibrate` says which of them is right"]
        return "; ".join(said + (appeal if config.agreement != APPEAL else []) + bounds)
    evidence = read_table(verdicts_path(made.path), VerdictRow)
    unread = evidence.filter(pl.col("verdict") == Verdict.UNKNOWN.value)
    limit = checker.limit(CITING_TOKENS if checker.evidence else CHECK_TOKENS)
    cut = unread.filter(pl.col("finish_reason") == "length").height
    if limit and cut and 2 * cut >= unread.height:
        return f"the limit of the checker {checker.model} cuts its replies off: raise `checker.max_new_tokens` ({limit})"
    if checker.evidence and (why := _why_undecided(unread)):
        return "; ".join([why, *(bounds if why.endswith(_PASSAGES) else [])])
    replies = Counter(unread["reply"].to_list()).most_common(1)
    said = replies[0][0][:SHOWN] if replies else ""
    what = "names no passage that it was shown" if checker.evidence else "says neither true nor false"
    return f"the checker {checker.model} {what}, most often {said!r}: set `checker.structured: true`, or take another"


def _why_undecided(unread: pl.DataFrame) -> str:
    """Why a checker with passages says true or false of so little, by the reason that most units have; "" for replies that
    are no verdicts at all."""
    [(reason, n)] = Counter(unread["reason"].to_list()).most_common(1) or [("", 0)]
    unfound = unread.filter(pl.col("passages").list.len() == 0).height
    if 2 * unfound > unread.height:
        return f"{unfound:,} units have no passage and were not asked about: look at `checker.evidence`"
    if reason == WhyUnknown.CONTRADICTORY:
        return f"of {n:,} units the passages contradict each other"
    undecided = "the passages do not decide them: look at what stands in the evidence beside the table, and"
    return f"of {n:,} units {undecided} {_PASSAGES}" if reason == WhyUnknown.NOT_ADDRESSED else ""


def of_translations(made: TranslatedTable, translator: Translator) -> Shortfall:
    """What is missing among the texts that were to be translated, and the second looks that said nothing."""
    if made.failures and not made.answered:
        return Shortfall(f"no text got an answer; the first: {_advised(made.reason)}", True)
    outcomes = Counter()
    for (_, outcome), n in made.outcomes.items():
        outcomes[outcome] += n
    reason, times = next(iter(made.rejected.most_common(1)), ("", 0))
    more = ", or raise `translator.max_new_tokens`" if reason == TRUNCATED.name else ""
    evidence = f"{times:,} texts; the evidence beside the table has the replies"
    why = f"{reason} ({evidence}): take another `translator.model`{more}"
    if made.failures >= times:
        why = _advised(made.reason)
    what = f"texts have no Korean ({outcomes['rejected']:,} rejected, {outcomes['failed']:,} failed)"
    bad = outcomes["rejected"] + outcomes["failed"]
    short = _shortfall(bad, outcomes["translated"] + outcomes[COPIED], what, why)
    if not made.unread:
        return short
    [(said, _)] = Counter(made.unread).most_common(1)
    unread = (
        f"{len(made.unread):,} of {made.looks:,} second looks by {translator.second_look.model} say neither Yes nor No, most "
        f"often {said[:SHOWN]!r}: their texts stay; take another `translator.second_look.model`, or raise its `max_new_tokens`"
    )
    return Shortfall("; ".join(filter(None, (short.text, unread))), short.nothing)


def _advised(reason: str) -> str:
    """What a failed request said, and the setting that it is likeliest about."""
    advice = advice_for(reason)
    if advice == advice_for("HTTP 400"):
        for name, key in reversed(_SETTINGS.items()):
            if re.search(rf"(?<![a-z0-9_]){name}(?![a-z0-9_])", reason):
                advice = f"`{key}` sets it; null leaves it out"
    return f"{reason}{advice and '; '}{advice}"
