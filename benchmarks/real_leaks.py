"""The contamination gate on real texts: `python -m benchmarks.leaks --real FOLDER`.

The folder is laid out as the texts that docs/contamination.md names: `kormedmcqa`, `gemini_replies`, `korfactscore`,
`medqa`, `pubmedqa`, `expertqa`, `kqa`, `dahl`; nothing of them is in this project. Every question, answer and item is of
one of two halves, by the first byte of its SHA-256: rule and threshold were chosen on half 0, half 1 was not looked at before they stood.

Repeats: training questions that ask a test question of KorMedMCQA again, labelled by reading in `repeats.csv`, by row: `same`:
the same question in nearly the same words; `words`: in other words; `varied`: something else is asked about the same. What
is not listed there is a clean question. docs/contamination.md says who read what, and when. The training questions of
doctors and pharmacists have a table of their own, and are measured where the folder holds `kormedmcqa/doctor/train.csv`,
`kormedmcqa/pharm/train.csv` and `gemini_replies/distillation_pharm.jsonl` (an explanation for each row of the latter), in
the columns of the other splits; where it does not, that is said, and the rest is measured.
Copies: items altered by a program (`leaks.ALTERATIONS`), as prompts, and in the middle of real explanations.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.leaks import ALTERATIONS, pair, rate, shares
from komep_dataset.gates.contamination import THRESHOLD, Index
from komep_dataset.gates.trial.benchmark_files import Benchmark, Item, read_benchmark
from komep_dataset.languages import language_of

FOLDERS = ("kormedmcqa", "gemini_replies", "korfactscore", "medqa", "pubmedqa", "expertqa", "kqa", "dahl")
LABELS = Path(__file__).with_name("repeats.csv")
SUBJECTS = ("dentist", "doctor", "nurse", "pharm")
COPIES = 200  # of each alteration and half
SHOWN = (0.4, 0.45, 0.5, THRESHOLD, 0.6, 0.65, 0.7, 0.8)  # of the report on worked examples
THRESHOLDS = (0.45, 0.5, THRESHOLD, 0.6, 0.62, 0.65)
TRAINING = (
    "kormedmcqa/doctor/train.csv",
    "kormedmcqa/pharm/train.csv",
    "gemini_replies/distillation_pharm.jsonl",
)
Groups = dict[str, list[dict]]


def half(text: str) -> int:
    return hashlib.sha256(text.encode()).digest()[0] % 2


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]


def table(path: Path) -> list[dict]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def row(question: str, one: str = "", other: str = "") -> dict:
    """A pair as the gate sees it, its texts in the columns of their language."""
    texts = pair([question], ("", "", ""), ("", "", ""))
    for column, text in (("chosen", one), ("rejected", other)):
        texts[column if language_of(text) == "en" else f"{column}_ko"] = text
    return texts


def korean_questions(folder: Path) -> list[dict]:
    """Training questions: `id`, `question`, `options`, `answer` (an explanation of it, or "")."""
    found = []
    for subject in ("dentist", "nurse"):
        for number, one in enumerate(lines(folder / f"gemini_replies/distillation_{subject}.jsonl"), 1):
            text = one["question"].replace("정답:", "").strip().removeprefix("질문:").strip()
            question, *options = text.split("\n- ")
            options = [option.partition(": ")[2].strip() for option in options]
            name = f"gemini_replies/{subject} {number}"
            found.append(
                {"id": name, "question": question.strip(), "options": options, "answer": one["answer"]}
            )
    for subject in SUBJECTS:
        for split in ("valid", "fewshot"):
            for number, one in enumerate(table(folder / f"kormedmcqa/{subject}/{split}.csv"), 1):
                found.append(asked(one, f"{subject}/{split} {number}", one["cot"] or ""))
    return found


def asked(one: dict, name: str, answer: str) -> dict:
    """A row of KorMedMCQA as a question with an explanation."""
    options = [one[letter] for letter in "ABCDE"]
    return {"id": name, "question": one["question"], "options": options, "answer": answer}


def training_questions(folder: Path) -> list[dict]:
    """The training questions of doctors, without explanations, and of pharmacists, as `korean_questions` gives the others."""
    doctor, pharm = (table(folder / path) for path in TRAINING[:2])
    explained = [one["answer"] for one in lines(folder / TRAINING[2])]
    found = [asked(one, f"doctor/train {number}", "") for number, one in enumerate(doctor, 1)]
    rows = enumerate(zip(pharm, explained, strict=True), 1)
    return found + [asked(one, f"pharm/train {number}", answer) for number, (one, answer) in rows]


def copies(items: list[Item], which: int) -> Groups:
    """Altered copies of the items of a half, as prompts."""
    rng, found = random.Random(which), {}
    own = [item for item in items if half(item.questions[0]) == which]
    for name, alter in ALTERATIONS.items():
        fit = [item for item in rng.sample(own, len(own)) if alter(item, rng)][:COPIES]
        if fit:
            found[f"copy, {name}"] = [pair(alter(item, rng), ("",) * 3, ("",) * 3) for item in fit]
    return found


def repeats(mine: list[dict]) -> tuple[Groups, list[dict]]:
    """Questions by their label in `repeats.csv`, and those that have none."""
    labels = {one["text"]: one["label"] for one in table(LABELS)}
    found: Groups = {}
    for label in ("same", "words", "varied"):
        some = [one for one in mine if labels.get(one["id"]) == label]
        found[f"repeat, {label}"] = [row(one["question"]) for one in some]
        if label == "same":
            listed = ["\n".join(map(". ".join, zip("ABCDE", one["options"], strict=False))) for one in some]
            found["repeat, same, options"] = [
                row(f"{one['question']}\n{text}") for one, text in zip(some, listed, strict=True)
            ]
    return found, [one for one in mine if one["id"] not in labels]


def unlisted(clean: list[dict], rng: random.Random) -> Groups:
    """Clean explanations, questions, and pairs: a question with two explanations, its own one among them if it has one."""
    answers = [one["answer"] for one in clean if one["answer"]]
    return {
        "clean explanation": [row("", answer) for answer in answers],
        "clean question": [row(one["question"]) for one in clean],
        "clean pair": [
            row(one["question"], one["answer"] or rng.choice(answers), rng.choice(answers)) for one in clean
        ],
    }


def training(folder: Path, items: list[Item], which: int) -> Groups:
    found, clean = repeats([one for one in training_questions(folder) if half(one["question"]) == which])
    return found | unlisted(clean, random.Random(which))


def korean(folder: Path, items: list[Item], which: int) -> Groups:
    found, clean = repeats([one for one in korean_questions(folder) if half(one["question"]) == which])
    found |= copies(items, which)
    answers, rng = [one["answer"] for one in clean if one["answer"]], random.Random(which)
    found["copy in an explanation"] = []
    for name in ("particles", "word order", "digits", "together"):
        for copy in found[f"copy, {name}"][: COPIES // 4]:
            around = rng.choice(answers).split("\n")
            middle = len(around) // 2
            text = "\n".join([*around[:middle], copy["question_ko"] or copy["question"], *around[middle:]])
            found["copy in an explanation"].append(row("", text))
    found |= unlisted(clean, rng)
    lives = [
        one["output"]
        for kind in ("fr", "kr")
        for one in lines(folder / f"korfactscore/gen_bio-gpt_4-{kind}-all.jsonl")
    ]
    found["clean biography"] = [row("", life) for life in lives if half(life) == which]
    return found


def english(folder: Path, items: list[Item], which: int) -> Groups:
    found, known = copies(items, which), {item.questions[0] for item in items}
    pairs: dict[str, list[str]] = {}
    for one in lines(folder / "expertqa/expert_build_input.jsonl"):
        pairs.setdefault(one["question"], []).append(one["response"])
    clean = {
        "expertqa": [(question, *texts[:2]) for question, texts in pairs.items()],
        "kqa": [
            (one["Question"], one["Free_form_answer"])
            for one in lines(folder / "kqa/questions_w_answers.jsonl")
        ],
        "dahl": [(one["question"],) for one in table(folder / "dahl/questions.csv")],
        "pubmedqa": [
            (one["question"], one["long_answer"]) for one in lines(folder / "pubmedqa/questions.jsonl")
        ],
        "medqa": [(one["question"],) for one in lines(folder / "medqa/test.jsonl")],
    }
    for name, some in clean.items():
        own = [row(*texts) for texts in some if half(texts[0]) == which and texts[0] not in known]
        if own:
            found[f"clean, {name}"] = own
    return found


def measured(folder: Path) -> Iterator[str]:
    """The tables, benchmark by benchmark and half by half, as lines of Markdown."""
    tests = [folder / f"kormedmcqa/{subject}/test.csv" for subject in SUBJECTS]
    kormedmcqa = [item for path in tests for item in read_benchmark("kormedmcqa", path).items]
    measures = [("kormedmcqa", "", kormedmcqa, korean)]
    if missing := [path for path in TRAINING if not (folder / path).is_file()]:
        yield f"not measured: the training questions of doctors and pharmacists, as {folder} has no {', '.join(missing)}"
    else:
        measures.append(
            ("kormedmcqa", ", training questions of doctors and pharmacists", kormedmcqa, training)
        )
    for name, path in (("medqa", "medqa/test.jsonl"), ("pubmedqa", "pubmedqa/questions.jsonl")):
        measures.append((name, "", list(read_benchmark(name, folder / path).items), english))
    for name, what, items, groups in measures:
        index = Index([Benchmark(name, tuple(items))])
        yield f"\n{name}{what}: {len(items)} items, {index.too_short[name]} of them too short\n"
        head = [f"{threshold}{' (shipped)' if threshold == THRESHOLD else ''}" for threshold in THRESHOLDS]
        yield f"| half | texts | n | {' | '.join(head)} |\n{'|---' * (len(head) + 3)}|"
        for which in (0, 1):
            for group, rows in groups(folder, items, which).items():
                found = shares(index, rows)
                rates = " | ".join(rate(found, threshold) for threshold in THRESHOLDS)
                yield f"| {which} | {group} | {len(found)} | {rates} |"


def reported(folder: Path) -> Iterator[str]:
    """Which rows of KorMedMCQA's train and valid `evaluation.run` calls nearly a question of the test, against `repeats.csv`.

    `folder` holds SUBJECT/test.csv and train.csv, valid.csv or both. Lines of Markdown, a row a split and threshold; what
    has no label counts as something else.
    """
    from evaluation.harness.near_duplicates import near_duplicates
    from evaluation.harness.questions import KORMEDMCQA, as_questions, from_folders, read_rows

    labels = {one["text"]: one["label"] for one in table(LABELS)}
    tests = from_folders(folder)
    yield "| split | threshold | reported | asked again, found | in other words, found | about the same | something else |"
    yield "|---|---" + "|---:" * 5 + "|"
    for split in ("train", "valid"):
        files = [folder / s.name / f"{split}.csv" for s in tests]
        rows = [as_questions(read_rows(one, KORMEDMCQA.columns)) if one.is_file() else () for one in files]
        subjects = [replace(s, fewshot=own) for s, own in zip(tests, rows, strict=True)]
        own = [
            labels.get(labelled(s.name, split, row), "") for s in subjects for row in range(len(s.fewshot))
        ]
        found = near_duplicates(subjects, 0, SHOWN[0]) if own else []
        for threshold in SHOWN if own else ():
            read = [
                labels.get(labelled(one["subject"], split, one["row"]), "")
                for one in found
                if one["similarity"] >= threshold
            ]
            shares = (f"{read.count(label)} of {own.count(label)}" for label in ("same", "words"))
            head = f"{threshold}{' (used)' if threshold == THRESHOLD else ''}"
            yield f"| {split} | {head} | {len(read)} | {' | '.join(shares)} | {read.count('varied')} | {read.count('')} |"


def labelled(subject: str, split: str, row: int) -> str:
    """How `repeats.csv` names a row, from 0 here: the training questions of nurses and dentists by the replies to them."""
    if split == "train" and subject in ("dentist", "nurse"):
        return f"gemini_replies/{subject} {row + 1}"
    return f"{subject}/{split} {row + 1}"
