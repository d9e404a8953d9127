"""Pairs as narrow columns, as the gates that keep a subset see them."""

import random

import polars as pl


def pairs_of(rows: list[dict]) -> pl.DataFrame:
    """A narrow frame of pairs; what a row leaves out has a plain value."""
    plain = {"category": "c", "chosen_model": "a", "rejected_model": "b", "chosen_score": 1.0}
    plain |= {"rejected_score": 0.0, "score_margin": 1.0, "chosen_length": 10, "rejected_length": 10}
    return pl.DataFrame([{"question_id": f"{i:016x}"} | plain | row for i, row in enumerate(rows)])


def kept_ids(frame: pl.DataFrame, kept: pl.Series) -> set[str]:
    assert kept.name == "kept" and kept.dtype == pl.Boolean and len(kept) == frame.height
    return set(frame.filter(kept)["question_id"])


def shuffled(frame: pl.DataFrame, seed: int = 1) -> pl.DataFrame:
    return frame[random.Random(seed).sample(range(frame.height), frame.height)]
