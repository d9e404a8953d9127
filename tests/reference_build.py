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


def reference_build(rows, min_margin=0.0, selection="best-worst", origin="all"):
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
        rows_of = [r for r in scored_rows if r["question_id"] == question_id and r["status"] == "scored"]
        pairs, reason = pairs_of(rows_of, min_margin, selection)
        if not pairs:
            rejects.append((reason, question_id))
        for chosen, rejected in pairs:
            native = is_native(chosen) and is_native(rejected)
            where = "native" if native else "translated"
            if not native:
                english.append(release_row(chosen, rejected, "en"))
            row = release_row(chosen, rejected, "native" if native else "ko")
            reason = "other_origin" if origin not in ("all", where) else None if row else "untranslated"
            if not reason:
                korean.append(row | {"origin": where})
            else:
                models = (question_id, chosen["model"], rejected["model"])
                rejects.append((reason, question_id if selection == "best-worst" else "/".join(models)))
    return scored_rows, english, korean, sorted(rejects, key=str)


def count(row, verdict):
    return sum(u["verdict"] == verdict for u in row["units"])


def pairs_of(rows, min_margin, selection):
    if len(rows) < 2:
        return [], "too_few_responses"
    best = min(rows, key=lambda r: (-r["dahl_score"], -count(r, "true"), len(r["response"]), r["model"]))
    worst = min(rows, key=lambda r: (r["dahl_score"], -count(r, "false"), -len(r["response"]), r["model"]))
    if selection == "best-worst":
        candidates = [(best, worst)]
    else:
        candidates = [(a, b) for a in rows for b in rows if a["dahl_score"] > b["dahl_score"]]
    if best["dahl_score"] == worst["dahl_score"]:
        return [], "tie"
    candidates = [(a, b) for a, b in candidates if a["dahl_score"] - b["dahl_score"] > min_margin]
    if not candidates:
        return [], "below_margin"
    candidates = [(a, b) for a, b in candidates if normal(a["response"]) != normal(b["response"])]
    if not candidates:
        return [], "identical_text"
    return sorted(candidates, key=lambda p: (p[0]["model"], p[1]["model"])), None


def release_row(chosen, rejected, language):
    if language in ("en", "native"):
        texts = (chosen["question"], chosen["response"], rejected["response"])
    else:
        questions = [r["question_ko"] for r in (chosen, rejected) if (r["question_ko"] or "").split()]
        texts = (questions[0] if questions else None, chosen["response_ko"], rejected["response_ko"])
        if any(not (t or "").split() for t in texts):
            return None
    return {
        "prompt": [{"role": "user", "content": texts[0]}],
        "chosen": [{"role": "assistant", "content": texts[1]}],
        "rejected": [{"role": "assistant", "content": texts[2]}],
        "question_id": chosen["question_id"],
        "category": chosen["category"],
        "chosen_model": chosen["model"],
        "rejected_model": rejected["model"],
        "chosen_score": chosen["dahl_score"],
        "rejected_score": rejected["dahl_score"],
        "score_margin": chosen["dahl_score"] - rejected["dahl_score"],
    }
