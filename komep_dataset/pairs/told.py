"""What a release's facts say of how its pairs were made, for the terminal, the card and the page of `komep report`."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from unicodedata import normalize

import polars as pl

from komep_dataset.pairs.options import PAIR_OPTIONS
from komep_dataset.pairs.rules import AGREEMENT, Tally
from komep_dataset.pairs.settling import MEDIAN_K
from komep_dataset.pairs.strategies.registry import RULES
from komep_dataset.pairs.utility import units_wanted
from komep_dataset.progress import counted
from komep_dataset.schema import CONFIGS, SPLITS, TEST_PERCENT, Reason
from komep_dataset.templates import heard, say

# Why a question has no pair -> what that means, and which setting or data change it.
_WITHOUT_PAIR = {
    Reason.TOO_FEW_RESPONSES: "fewer than two answers have a score: give answers of more models, each with units or dahl_score (`komep "
    "models` shows whose have none); where verdicts are unknown, --unknown-units bounds",
    Reason.TIE: "the best and the worst answer score the same: give more answers, or --utility f1, which counts true units too",
    Reason.BELOW_MARGIN: "scores are not further apart than --min-margin: lower it",
    Reason.IDENTICAL_TEXT: "both answers have the same text: give other answers",
    Reason.LENGTH_GAP: "answers differ in length by more than --length-gap: raise it",
}
# The settings that may leave no pair without naming themselves in the above -> the reasons that come of it.
_OF_SETTING = {
    "utility": (Reason.TOO_FEW_RESPONSES, Reason.TIE),
    "trim_below": (Reason.TOO_FEW_RESPONSES,),
    "order": (Reason.TOO_FEW_RESPONSES,),
}
FEW = 10  # answers from which on it is strange that most are of a model of their own
_ALWAYS = ("pairs", "min_margin", "origin")
_TOLD_ELSEWHERE = ("unknown_units", "length_tokenizer")


def score_name(options: Mapping[str, Any]) -> str:
    """What the scores of the pairs are: `DAHL score`, or `F1@12`."""
    utility = options.get("utility") or ""
    return f"F1@{utility.partition('@')[2]}" if units_wanted(utility) else "DAHL score"


def goes_by_score(options: Mapping[str, Any]) -> bool:
    """Whether the chosen answer of every pair has the higher score; one of an unknown rule has."""
    rule = RULES.get(options["pairs"])
    return rule is None or rule.by_score


def chosen_by(options: Mapping[str, Any]) -> str:
    """By what one answer is chosen and another rejected."""
    return score_name(options) if goes_by_score(options) else "the model that wrote them"


def flags(options: Mapping[str, Any]) -> list[str]:
    """The options of pairs as the command has them: those that are always told, and others where they say something."""
    told = []
    for option in PAIR_OPTIONS:
        value = options.get(option.name, option.default)
        if option.name in _ALWAYS or (option.name not in _TOLD_ELSEWHERE and value != option.default):
            told.append(f"{option.flag} {value}")
    return sorted(told, key=lambda flag: not flag.startswith("--pairs"))


def warned(facts: Mapping[str, Any], reasons: Mapping[str, int], tally: Tally) -> list[str]:
    """What whoever builds must know before they use it: strange models, no pair, none to hold out or to train on, Korean in `en`,
    other languages where Korean is said to be.

    Taken are `build.json` with the `options` of `provenance.json`, reason -> rejects, and the counts of the build.
    """
    torn, shared, models = tally.torn, tally.shared, facts.get("models", {}).items()
    told = strange_models({model: sum(figures["statuses"].values()) for model, figures in models})
    if torn:
        told.append(
            f"{counted(torn, 'question')} of more than one category: a pair has that of its chosen answer; write one for all "
            "answers to a question"
        )
    if shared:
        told.append(
            f"{counted(shared, 'id')} {'stands' if shared == 1 else 'stand'} for more than one question, so that answers to several "
            "make one pair: give each question an id of its own, or leave the column question_id out"
        )
    if not facts["pairs"]:
        return [*told, _without_pairs(facts.get("options", {}), reasons)]
    for config, rows in facts["rows"].items():
        empty = next((split for split in SPLITS if not rows[split]), None) if any(rows.values()) else None
        if empty and config != CONFIGS[-1]:
            use = "hold out" if empty == SPLITS[-1] else "train on"
            told.append(
                f"no pair of `{config}` is in `{empty}`, so there is nothing to {use}: {TEST_PERCENT} questions in 100 go to "
                f"`{SPLITS[-1]}`, by their ids, which no setting changes; more questions do, or recipes/dpo.py --dataset_test_split"
            )
    return [*told, *of_languages(tally)]


def of_languages(tally: Tally) -> Iterator[str]:
    """What of the pairs is in another language than their config, or their column, is for."""
    if n := tally.mixed:
        yield (
            f"{counted(n, 'pair')} of `en` {_have(n)} a Korean question, by its script, but an answer that is not: give the Korean text "
            "of such an answer in response_ko, or leave it out"
        )
    if n := tally.korean:
        yield (
            f"{counted(n, 'pair')} of `en` {'is' if n == 1 else 'are'} Korean by {'its' if n == 1 else 'their'} script, for question_ko "
            "or response_ko has another text: leave those columns out, or write the same texts into them"
        )
    if n := tally.foreign:
        yield (
            f"{counted(n, 'pair')} {_have(n)} a text in question_ko or response_ko that is not Korean by its script, and "
            f"{'is' if n == 1 else 'are'} not in `ko`: write the Korean text there, or nothing (`komep translate` fills what is "
            "empty); rejects.jsonl names the texts"
        )


def _have(n: int) -> str:
    return "has" if n == 1 else "have"


def strange_models(answers: Mapping[str, int]) -> list[str]:
    """What is strange about the names of models, given with how many answers each has: names that differ in case or blanks alone,
    and a column that seems to hold no names."""
    alike, rows = defaultdict(list), sum(answers.values())
    for model in sorted(answers):
        alike["".join(normalize("NFKC", model).casefold().split())].append(model)
    told = [
        f"the models {', '.join(map(repr, names))} differ in case or blanks alone and count as {len(names)}: write one name if they are one"
        for names in alike.values()
        if len(names) > 1
    ]
    if rows >= FEW and len(answers) > rows / 2:
        told.append(
            f"{rows:,} answers are of {len(answers):,} models: does the column model hold their names, or are two columns the wrong way "
            "round?"
        )
    return told


def swapped(texts: pl.DataFrame) -> str:
    """That responses seem to stand as questions, and questions as responses, or "".

    `texts` has `question`, `response` (or what stands for them) and `model`, a row an answer. Models that answer the same questions
    share the texts of these; where most rows share the text of their response, and fewer that of their question, it is the reverse.
    """
    shared = {
        name: texts.filter(pl.col("model").n_unique().over(name) > 1).height
        for name in ("question", "response")
    }
    if shared["response"] <= max(shared["question"], texts.height / 2):
        return ""
    return (
        f"of {texts.height:,} rows {shared['response']:,} have the response of another model, word for word, and {shared['question']:,} "
        "the question of one: are the columns question and response the wrong way round?"
    )


def _without_pairs(options: Mapping[str, Any], reasons: Mapping[str, int]) -> str:
    """That no pair passed, under which settings, and how many questions each reason took."""
    set_ = {
        option.name: f"{option.flag} {options[option.name]}"
        for option in PAIR_OPTIONS
        if not option.read and options.get(option.name, option.default) != option.default
    }
    why = []
    for reason, n in sorted(reasons.items(), key=lambda one: -one[1]):
        by = [set_[name] for name, causes in _OF_SETTING.items() if name in set_ and reason in causes]
        hint = ", or ".join([*by, *([_WITHOUT_PAIR[reason]] if reason in _WITHOUT_PAIR else [])])
        why.append(f"{reason} {n:,}" + (f" ({hint})" if hint else ""))
    under = f" under {' '.join(set_.values())}" if set_ else ""
    return f"no pair passed{under}: {'; '.join(why)}; rejects.jsonl says why, question by question"


def pairing(facts: Mapping[str, Any]) -> list[str]:
    """A sentence for each thing in which these pairs are not the paper's, by `build.json` and `provenance.json`."""
    options = facts["options"]
    name, from_data = options["pairs"], facts.get("from_data", {})
    rule, told = RULES.get(name), []
    if name != next(iter(RULES)):
        told.append(
            say("Rule `{name}`: {help}.", name=name, help=say(rule.help))
            if rule
            else say("Rule `{name}`.", name=name)
        )
    if k := units_wanted(options.get("utility") or ""):
        told.append(
            say(
                "Pairs go by {score}, the harmonic mean of precision and of true units / {k}, at most 1 (Wei et al. 2024, arXiv "
                "2403.18802); {given}. `scored` has both scores.",
                score=score_name(options),
                k=f"{k:g}",
                given=heard(from_data.get("utility") or say("K was given"), [MEDIAN_K]),
            )
        )
    for option in rule.options if rule else ():
        value = options.get(option.name)
        if value is not None:
            left = f", {say(from_data[option.name])}" if option.name in from_data else ""
            told.append(f"`{option.flag}`: {value}{left}.")
    if (n := options.get("length_gap")) is not None:
        [counted] = options.get("length_tokenizer") or [None]
        told.append(
            say(
                "The two answers of a pair differ by at most {n} tokens of {name} in length (`response_tokens` in `scored`; SHA-256 of its "
                "tokenizer.json: `{sum}…`).",
                n=n,
                name=counted["name"],
                sum=counted["sha256"][:12],
            )
            if counted
            else say("The two answers of a pair differ by at most {n} characters in length.", n=n)
        )
    if said := facts.get("score_agreement"):
        agrees, equal, contradicts = (said[way] for way in AGREEMENT)
        told.append(
            say(
                "The score was not asked: it agrees with {agrees} of {n} pairs, is equal in {equal} and contradicts {contradicts}.",
                agrees=agrees,
                n=sum(said.values()),
                equal=equal,
                contradicts=contradicts,
            )
        )
    if others := facts.get("left_out_models"):
        told.append(say("In no pair, for the order does not name them: {models}.", models=", ".join(others)))
    return told
