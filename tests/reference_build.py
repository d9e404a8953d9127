"""The rules of `komep build` in plain Python, a row at a time: the oracle of the property tests.

Written from the rules alone. It shares no code with the package, not even the id of a question.
"""

import hashlib
import unicodedata

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
    if any(row.get(name) is None for name in required):
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
    return row[name] if given is None and is_korean(row[name]) else given


def is_korean(text):
    words = text.split()
    korean = [w for w in words if any(unicodedata.name(c, "").startswith("HANGUL") for c in w)]
    return bool(korean) and len(korean) * 3 >= len(words)


def is_native(row):
    return (
        is_korean(row["question"])
        and row["question_ko"] == row["question"]
        and row["response_ko"] == row["response"]
    )


def reference_build(rows, min_margin=0.0, selection="best-worst", origin="all", unknown_units="reject"):
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
        rows_of = [r for r in scored_rows if r["question_id"] == question_id and bounds(r, unknown_units)]
        pairs, reason = pairs_of(rows_of, min_margin, selection, unknown_units)
        if not pairs:
            rejects.append((reason, question_id))
        for chosen, rejected in pairs:
            native = is_native(chosen) and is_native(rejected)
            where = "native" if native else "translated"
            if not native:
                english.append(release_row(chosen, rejected, "en", unknown_units))
            row = release_row(chosen, rejected, "native" if native else "ko", unknown_units)
            reason = "other_origin" if origin not in ("all", where) else None if row else "untranslated"
            if not reason:
                korean.append(row | {"origin": where})
            else:
                models = (question_id, chosen["model"], rejected["model"])
                rejects.append((reason, question_id if selection == "best-worst" else "/".join(models)))
    return scored_rows, english, korean, sorted(rejects, key=str)


def count(row, verdict):
    return sum(u["verdict"] == verdict for u in row["units"])


def bounds(row, unknown_units):
    """The lowest and the highest score of an answer, or None where it can be in no pair."""
    if row["status"] == "scored":
        return row["dahl_score"], row["dahl_score"]
    true, false, n = count(row, "true"), count(row, "false"), len(row["units"])
    if unknown_units == "reject" or row["status"] != "unparsed" or true + false == 0:
        return None
    return (true / (true + false),) * 2 if unknown_units == "drop" else (true / n, (n - false) / n)


def pairs_of(rows, min_margin, selection, unknown_units):
    if len(rows) < 2:
        return [], "too_few_responses"
    low, high = (lambda r, side=side: bounds(r, unknown_units)[side] for side in (0, 1))
    best = min(rows, key=lambda r: (-low(r), -count(r, "true"), len(r["response"]), r["model"]))
    worst = min(rows, key=lambda r: (high(r), -count(r, "false"), -len(r["response"]), r["model"]))
    if selection == "best-worst":
        candidates = [(best, worst)]
    else:
        both = [(a, b) for a in rows for b in rows if a["model"] < b["model"]]
        candidates = [(b, a) if low(b) > high(a) else (a, b) for a, b in both]
    if all(low(a) == high(b) for a, b in candidates):
        return [], "tie"
    candidates = [(a, b) for a, b in candidates if low(a) - high(b) > min_margin]
    if not candidates:
        return [], "below_margin"
    if not candidates:
        return [], "below_margin"
    candidates = [(a, b) for a, b in candidates if normal(a["response"]) != normal(b["response"])]
    if not candidates:
        return [], "identical_text"
    return sorted(candidates, key=lambda p: (p[0]["model"], p[1]["model"])), None


def release_row(chosen, rejected, language, unknown_units="reject"):
    if language in ("en", "native"):
        texts = (chosen["question"], chosen["response"], rejected["response"])
    else:
        questions = [r["question_ko"] for r in (chosen, rejected) if (r["question_ko"] or "").split()]
        texts = (questions[0] if questions else None, chosen["response_ko"], rejected["response_ko"])
        if any(not (t or "").split() for t in texts):
            return None
    chosen_score, rejected_score = bounds(chosen, unknown_units)[0], bounds(rejected, unknown_units)[1]
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
