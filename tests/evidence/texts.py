"""Small corpora, written for this project."""

import json
from pathlib import Path

TEXTS = {
    "asa": ("Aspirin", "Aspirin inhibits cyclooxygenase and thereby the synthesis of thromboxane."),
    "war": ("Warfarin", "Warfarin is a vitamin K antagonist; its effect is measured by the INR."),
    "met": ("Metformin", "Metformin lowers blood glucose mainly by less gluconeogenesis in the liver."),
    "sta": ("Statins", "Atorvastatin 80 mg lowers LDL cholesterol by about half."),
    "열": ("발열", "발열은 체온 조절 중추의 기준점이 올라가 체온이 상승하는 것이다."),
    "고혈압": ("고혈압", "고혈압 환자는 하루 소금 섭취를 줄이면 혈압이 내려간다."),
}


def corpus(path: Path, rows: list[dict] | None = None) -> Path:
    """A corpus as JSONL."""
    rows = rows or [{"id": id, "title": title, "text": text} for id, (title, text) in TEXTS.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def rows_of(path: Path) -> list[dict]:
    """The rows of such a corpus."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
