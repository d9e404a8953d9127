"""Which pairs of a release the page holds, and their texts: plain frames, narrow columns read first.

`en` and `ko` are two languages of one list of pairs. A pair that is in one of them alone (untranslated, or asked in
Korean) is listed in that language alone.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import polars as pl

from komep_dataset.errors import KomepError
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import data_files
from komep_dataset.schema import EVIDENCE, SPLITS, CitedGeneration, KoreanRow, Origin, Pair, polars_schema
from komep_dataset.scores.split_quality import SplitQuality, quality_of

LANGUAGES = ("ko", "en")  # as the page offers them: the first that has rows is shown first
SIDES = ("chosen", "rejected")
KEY = list(Pair.KEY)
ANSWER = ["question_id", "model"]
SPLITS_RATED = 5_000  # answers whose split is rated for a page: some five seconds
EXAMPLE_LENGTH = 800  # characters of a pair on the first screen; half as many of one text
EXAMPLE_UNITS = 6  # of an answer there
_NARROW = [field.name for field in fields(KoreanRow) if field.name not in ("prompt", *SIDES)]


@dataclass(frozen=True, slots=True)
class PageRows:
    """The pairs of a page.

    `pairs`: the columns of `Pair`, `split`, `origin` (empty without `ko`), and for each language whether the pair is
    in it. `questions`: `question_id`, `ko`, `en`. `answers`: `question_id`, `model`, `ko`, `en`, `units`,
    `unit_evidence`. Texts that a language lacks are null. `total`: pairs of the release; `pairs` holds all of them, or a sample.
    """

    languages: tuple[str, ...]
    pairs: pl.DataFrame
    questions: pl.DataFrame
    answers: pl.DataFrame
    total: int


def pair_configs(folder: Path) -> tuple[str, ...]:
    """The configs of a release that hold pairs. Raises `KomepError` if it is no release or has no pairs."""
    rows = read_facts(folder)["rows"]
    found = tuple(name for name in LANGUAGES if name in rows)
    if not found:
        why = "its rejects.jsonl says why, question by question"
        raise KomepError(f"{folder}: no pairs to report on ({why})")
    return found


def page_rows(folder: Path, limit: int) -> PageRows:
    """Read the pairs of a page.

    Args:
        folder: a release.
        limit: how many pairs the page may hold. Of more, those are taken whose question ids end lowest: ids are
            hashes, so this is a sample by chance, over both splits, and the same every time.

    Raises:
        KomepError: the folder is no release or has no pairs.
    """
    languages = pair_configs(folder)
    pairs = every = _union({name: _narrow(folder, name) for name in languages})
    if every.height > limit:
        pairs = every.sort(pl.col("question_id").str.slice(8), *KEY).head(limit).sort(KEY)
    keys = {name: pairs.lazy().filter(pl.col(name)).select(KEY) for name in languages}
    texts = {name: pair_texts(folder, name, wanted) for name, wanted in keys.items()}
    prompts = {n: t.select("question_id", text="prompt") for n, t in texts.items()}
    sides = {
        name: pl.concat(t.select("question_id", model=f"{side}_model", text=side) for side in SIDES)
        for name, t in texts.items()
    }
    scored = scan(folder, "scored")
    if EVIDENCE not in scored.collect_schema():
        scored = scored.with_columns(pl.lit(None).alias(EVIDENCE))
    units = (
        scored.select(*ANSWER, "units", pl.col(EVIDENCE).cast(polars_schema(CitedGeneration)[EVIDENCE]))
        .join(pairs.lazy().select("question_id").unique(), on="question_id", how="semi")
        .collect()
        .unique(ANSWER, keep="first")
    )
    answers = _by_language(sides, ANSWER).join(units, on=ANSWER, how="left", maintain_order="left")
    return PageRows(languages, pairs, _by_language(prompts, ["question_id"]), answers, every.height)


def split_qualities(folder: Path) -> dict[str, SplitQuality]:
    """How well each model's answers were split, of `SPLITS_RATED` answers at the most, drawn by the hash in their ids."""
    units = pl.col("units").list.eval(pl.element().struct.field("text"))
    rows = scan(folder, "scored").filter(pl.col("units").list.len() > 0)
    rows = rows.select(*ANSWER, "response", units).sort(pl.col("question_id").str.slice(8), *ANSWER)
    found: dict[str, SplitQuality] = {}
    for _, model, answer, texts in rows.head(SPLITS_RATED).collect().iter_rows():
        found[model] = found.get(model, SplitQuality()) + quality_of(answer, texts)
    return dict(sorted(found.items()))


def scan(folder: Path, config: str) -> pl.LazyFrame:
    files = {split: data_files(folder, config, split) for split in SPLITS}
    if not any(files.values()):
        raise KomepError(f"{folder}: no data files for config {config!r}")
    return pl.concat(pl.scan_parquet(f).with_columns(split=pl.lit(s)) for s, f in files.items() if f)


def _narrow(folder: Path, config: str) -> pl.DataFrame:
    """Every column but the texts; a release of the first schema has no `origin`: all of it was translated."""
    rows = scan(folder, config)
    if "origin" not in rows.collect_schema():
        rows = rows.with_columns(origin=pl.lit(Origin.TRANSLATED.value if config == "ko" else ""))
    return rows.select(*_NARROW, "split").collect()


def _union(configs: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """The pairs of all configs, each once, by id and models, with a Boolean column a language."""
    every = pl.concat(configs.values()).unique(KEY, keep="first", maintain_order=True)
    for name in LANGUAGES:
        keys = configs.get(name, every.clear()).select(*KEY, pl.lit(True).alias(name))
        every = every.join(keys, on=KEY, how="left")
    return every.with_columns(pl.col(*LANGUAGES).fill_null(False)).sort(KEY)


def pair_texts(folder: Path, config: str, wanted: pl.LazyFrame) -> pl.DataFrame:
    """Key, `prompt`, `chosen`, `rejected` as plain text, of the pairs with these keys."""
    texts = [pl.col(name).list.first().struct.field("content").alias(name) for name in ("prompt", *SIDES)]
    return scan(folder, config).select(*KEY, *texts).join(wanted, on=KEY, how="semi").collect()


def _by_language(frames: dict[str, pl.DataFrame], key: list[str]) -> pl.DataFrame:
    """One row a key, sorted, with a text column a language (null where a language has no text for it)."""
    keys = pl.concat(frame.select(key) for frame in frames.values()).unique().sort(key)
    for name in LANGUAGES:
        own = frames.get(name, keys.select(*key, text=pl.lit(None, pl.String)))
        own = own.unique(key, keep="first", maintain_order=True).rename({"text": name})
        keys = keys.join(own, on=key, how="left", maintain_order="left")
    return keys


def example(rows: PageRows, language: str) -> dict[str, Any]:
    """The pair that stands on the first screen: of those in `language`, or else in any, one with units on both sides and
    little to read, of a margin about the upper quartile; texts that are too long for a screen end in `…`.

    Returns:
        `language`, `question`, `category`, `margin`, `key` (of the pair) and `sides`: `side`, `model`, `score`, `text`, `units`.
    """
    language = language if language in rows.languages else rows.languages[0]
    answers = rows.answers.select(*ANSWER, "units", text=language)
    questions = rows.questions.select("question_id", question=language)
    found = rows.pairs.filter(pl.col(language)).join(questions, on="question_id")
    for side in SIDES:
        own = f"{side}_answer" if f"{side}_answer" in found.columns else f"{side}_model"
        texts = answers.rename({"model": own, "text": f"{side}_text", "units": f"{side}_units"})
        found = found.join(texts, on=["question_id", own])
    long = pl.sum_horizontal(pl.col("question", "chosen_text", "rejected_text").str.len_chars())
    bare = pl.min_horizontal(pl.col("chosen_units", "rejected_units").list.len().fill_null(0)) < 2
    margin = pl.col("score_margin")
    order = [long > EXAMPLE_LENGTH, bare, (margin - margin.quantile(0.75)).abs().fill_null(0), long, *KEY]
    one = found.sort(order).row(0, named=True)
    return {
        "language": language,
        "question": _start(one["question"]),
        "category": one["category"],
        "margin": one["score_margin"],
        "key": "/".join(one[name] or "" for name in KEY),
        "sides": [
            {
                "side": side,
                "model": one[f"{side}_model"],
                "score": one[f"{side}_score"],
                "text": _start(one[f"{side}_text"]),
                "units": (one[f"{side}_units"] or [])[:EXAMPLE_UNITS],
            }
            for side in SIDES
        ],
    }


def _start(text: str) -> str:
    return text if len(text) <= EXAMPLE_LENGTH // 2 else text[: EXAMPLE_LENGTH // 2].rstrip() + " …"
