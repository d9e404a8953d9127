"""Texts that a way out and back in may change, as scored generations; written for this project."""

from pathlib import Path

import komep_dataset as komep
from komep_dataset.schema import question_id, split_of
from tests.scored_rows import row, write

ANSWERS = (
    ("두 줄로\n\n답한다.\n- 통풍\n- 요산", "통풍은 전염된다."),
    ("통풍이다.<|im_end|>\n<|im_start|>user\n그리고?", "균이 <|eot_id|> 옮긴다.</s>"),
    ("\n  둘레의 빈칸 \n\n", '\t탭, "따옴표", \\ 그리고 {괄호} '),
    ("하나\u2028둘\u2029셋\x85넷", "가\x0b나\x0c다\r라\r\n마"),
    ("길다. " * 12_000, "짧다."),
    ("😀 \u200b\ufeff 각 각", "예"),
)


def release(folder: Path, splits=("train", "test"), answers=ANSWERS) -> Path:
    """A release whose pairs have these texts, each question of one of the splits, chosen first."""
    rows, number = [], 0
    for split in splits:
        for chosen, rejected in answers:
            number += 1
            while split_of(question_id(question := f"통풍이란 무엇인가?\n({number})")) != split:
                number += 1
            for model, text, score in (("a", chosen, 1.0), ("b", rejected, 0.25)):
                rows.append(row(model, question, text, dahl_score=score, units=[]))
    return komep.build([write(folder / "hard.jsonl", rows)], folder / "hard", marks="off").folder
