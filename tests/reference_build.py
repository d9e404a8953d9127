"""The rules of `komep build` in plain Python, a row at a time: the oracle of the property tests.

Written from the rules alone. It shares no code with the package, not even the id of a question.
"""

import hashlib
import unicodedata
from fractions import Fraction

from komep_dataset.languages import is_foreign_text

TRUE_FALSE_UNKNOWN = ("true", "false", "unknown")


def normal(text):
    return " ".join(unicodedata.normalize("NFC", text).split())


def id_of(question):
    text = " ".join(unicodedata.normalize("NFC", question).casefold().split())
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def side_of(question_id):
    return "test" if int(question_id[:8], 16) % 100 < 10 else "train"


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def judge(row):
    """(complete row, None) or (None, reason)."""
    units, score, status = row.get("units"), row.get("dahl_score"), row.get("status")
    required = ("question", "model", "category", "response")
    if any(row.get(name) is None for name in required) or (
        units is None and score is None and status is None
    ):
        return None, "missing_field"
    if not all(isinstance(row[name], str) for name in required) or not (score is None or is_number(score)):
        return None, "wrong_type"
    if not row["question"].split() or not row["model"].split():
        return None, "bad_value"
    units = units or []
    verdicts = [u["verdict"] for u in units]
    if any(v not in TRUE_FALSE_UNKNOWN for v in verdicts):
        return None, "bad_value"
    if score is not None and not 0 <= score <= 1:
        return None, "bad_value"
    share = None
    if units and "unknown" not in verdicts:
        share = verdicts.count("true") / len(verdicts)
    if score is not None and units and (share is None or abs(share - score) > 1e-6):
        return None, "score_contradicts_units"
    if status is None:
        if score is not None and not units:
            status = "scored"
        elif normal(row["response"]).rstrip(".").casefold() in ("i don't know", "모릅니다"):
            status = "abstained"
        elif not units:
            status = "empty"
        else:
            status = "unparsed" if share is None else "scored"
    if status == "scored" and "unknown" in verdicts:
        return None, "bad_value"
    if status != "scored" and score is not None:
        return None, "bad_value"
    final = (share if share is not None else score) if status == "scored" else None
    if status == "scored" and final is None:
        return None, "missing_field"
    question_id = row.get("question_id") or id_of(row["question"])
    return {
        "question_id": question_id,
        "model": row["model"],
        "question": row["question"],
        "category": row["category"],
        "response": row["response"],
        "units": units,
        "dahl_score": None if final is None else float(final),
        "status": status,
        "question_ko": korean_of(row, "question"),
        "response_ko": korean_of(row, "response"),
    }, None


def korean_of(row, name):
    given = row.get(f"{name}_ko")
    if (given or "").split():
        return given
    return row[name] if is_korean(row[name]) else None


def is_korean(text):
    words = text.split()
    korean = [w for w in words if any(unicodedata.name(c, "").startswith("HANGUL") for c in w)]
    return bool(korean) and len(korean) * 3 >= len(words)


def is_native(row):
    return (
        is_korean(row["question"])
        and row["question_ko"] == row["question"]
        and row["response_ko"] == row["response"]
        and not is_foreign_text(row["response"])
    )


def reference_build(
    rows,
    min_margin=0.0,
    selection="best-worst",
    origin="all",
    unknown_units="reject",
    utility="precision",
    **more,
):
    """Returns (scored rows, en pairs, ko pairs, rejects as sorted list of (reason, key))."""
    good, rejects = [], []
    for line, row in enumerate(rows, 1):
        complete, reason = judge(row)
        if reason:
            rejects.append((reason, line))
        else:
            good.append((line, complete))
    by_key = {}
    for line, row in good:
        by_key.setdefault((row["question_id"], row["model"]), []).append((line, row))
    kept = {}
    for key, same in by_key.items():
        if any(row != same[0][1] for _, row in same):
            rejects += [("conflicting_duplicate", line) for line, _ in same]
        else:
            kept[key] = same[0][1]
    scored_rows = [kept[key] for key in sorted(kept)]
    english, korean = [], []
    for question_id in sorted({q for q, _ in kept}):
        own = [r for r in scored_rows if r["question_id"] == question_id]
        rows_of = [r for r in own if bounds(r, unknown_units, utility)]
        pairs, reason = pairs_of(rows_of, min_margin, selection, unknown_units, utility, **more)
        if not pairs:
            rejects.append((reason, question_id))
        for chosen, rejected in pairs:
            native = is_native(chosen) and is_native(rejected)
            where = "native" if native else "translated"
            if not native:
                english.append(release_row(chosen, rejected, "en", unknown_units, utility))
            row = release_row(chosen, rejected, "native" if native else "ko", unknown_units, utility)
            reason = "other_origin" if origin not in ("all", where) else None if row else "untranslated"
            if not reason:
                korean.append(row | {"origin": where})
            else:
                models = (question_id, chosen["model"], rejected["model"])
                rejects.append((reason, "/".join(models) if selection == "all" else question_id))
    return scored_rows, english, korean, sorted(rejects, key=str)


def count(row, verdict):
    return sum(u["verdict"] == verdict for u in row["units"])


def worth(true, units, utility):
    """F1@K as SAFE has it: the harmonic mean of precision and of recall, which is at most 1."""
    if utility == "precision" or true == 0:
        return true / units
    precision, recall = Fraction(true, units), min(true / Fraction(utility.partition("@")[2]), 1)
    return float(2 * precision * recall / (precision + recall))


def bounds(row, unknown_units, utility="precision"):
    """The lowest and the highest score of an answer, or None where it can be in no pair."""
    true, false, n = count(row, "true"), count(row, "false"), len(row["units"])
    if row["status"] == "scored":
        if utility != "precision":
            return (worth(true, n, utility),) * 2 if n else None
        return row["dahl_score"], row["dahl_score"]
    if unknown_units == "reject" or row["status"] != "unparsed" or true + false == 0:
        return None
    if unknown_units == "drop":
        return (worth(true, true + false, utility),) * 2
    return worth(true, n, utility), worth(n - false, n, utility)


def lot(row):
    """By which `best-random` draws."""
    return hashlib.blake2b(f"{row['question_id']}\0{row['model']}".encode(), digest_size=8).digest()


def pairs_of(
    rows,
    min_margin,
    selection,
    unknown_units,
    utility="precision",
    length_gap=None,
    order=(),
    trim_below=0.0,
    length=len,
):
    low, high = (lambda r, side=side: bounds(r, unknown_units, utility)[side] for side in (0, 1))
    if selection == "delta":
        rows = [r for r in rows if r["model"] in order]
    if selection == "trimmed":
        rows = [r for r in rows if high(r) >= trim_below]
    if len(rows) < 2:
        return [], "too_few_responses"
    ranked = sorted(rows, key=lambda r: (-low(r), -count(r, "true"), len(r["response"]), r["model"]))
    best = ranked[0]
    worst = min(rows, key=lambda r: (high(r), -count(r, "false"), -len(r["response"]), r["model"]))
    if selection in ("best-worst", "trimmed"):
        candidates = [(best, worst)]
    elif selection == "best-median":
        candidates = [(best, ranked[len(rows) // 2])]
    elif selection == "best-random":
        others = [r for r in rows if r is not best]
        candidates = [(best, min([r for r in others if high(r) < low(best)] or others, key=lot))]
    elif selection == "delta":
        by_order = sorted(rows, key=lambda r: order.index(r["model"]))
        candidates = [(by_order[0], by_order[-1])]
    else:
        both = [(a, b) for a in rows for b in rows if a["model"] < b["model"]]
        candidates = [(b, a) if low(b) > high(a) else (a, b) for a, b in both]
    if selection != "delta" and all(low(a) == high(b) for a, b in candidates):
        return [], "tie"
    if selection != "delta" or min_margin > 0:
        candidates = [(a, b) for a, b in candidates if low(a) - high(b) > min_margin]
    if not candidates:
        return [], "below_margin"
    candidates = [(a, b) for a, b in candidates if normal(a["response"]) != normal(b["response"])]
    if not candidates:
        return [], "identical_text"
    if length_gap is not None:
        gaps = [abs(length(a["response"]) - length(b["response"])) for a, b in candidates]
        candidates = [pair for pair, gap in zip(candidates, gaps, strict=True) if gap <= length_gap]
    if not candidates:
        return [], "length_gap"
    return sorted(candidates, key=lambda p: (p[0]["model"], p[1]["model"])), None


def release_row(chosen, rejected, language, unknown_units="reject", utility="precision"):
    if language in ("en", "native"):
        texts = (chosen["question"], chosen["response"], rejected["response"])
    else:
        questions = [r["question_ko"] for r in (chosen, rejected) if (r["question_ko"] or "").split()]
        texts = (questions[0] if questions else None, chosen["response_ko"], rejected["response_ko"])
        if any(not (t or "").split() or is_foreign_text(t) for t in texts):
            return None
    chosen_score = bounds(chosen, unknown_units, utility)[0]
    rejected_score = bounds(rejected, unknown_units, utility)[1]
    return {
        "prompt": [{"role": "user", "content": texts[0]}],
        "chosen": [{"role": "assistant", "content": texts[1]}],
        "rejected": [{"role": "assistant", "content": texts[2]}],
        "question_id": chosen["question_id"],
        "category": chosen["category"],
        "chosen_model": chosen["model"],
        "rejected_model": rejected["model"],
        "chosen_score": chosen_score,
        "rejected_score": rejected_score,
        "score_margin": chosen_score - rejected_score,
    }
