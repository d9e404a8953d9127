"""What is drawn of a release's figures."""

import json
import re
from pathlib import Path

import komep_dataset
from komep_dataset.explorer.report import write_report
from komep_dataset.release.build import build
from tests.audit.records import record, written
from tests.explorer.pages import write_jsonl


def test_what_a_judge_and_the_gates_say_is_drawn(tmp_path):
    """A release with a calibrated judge and planted findings: the curve and the table stand in the page."""
    sample_file = Path(komep_dataset.__file__).parent / "samples" / "scored_generations.jsonl"
    rows = [json.loads(line) for line in sample_file.read_text("utf-8").splitlines()]
    for row in rows[:5]:
        row["response"] += " Call 010-1234-5678. Stop taking your insulin at once."
    source = write_jsonl(tmp_path / "in.jsonl", rows)
    build(
        [source], tmp_path / "komep", judge=written(record(190, 10, 40, 160), tmp_path), length_control=True
    )
    page = write_report(tmp_path / "komep", tmp_path / "report.html").read_text("utf-8")
    noise = page[page.index('id="figure-noise"') :]
    points = re.search('class="curve" points="([^"]*)"', noise)[1].split()
    assert len(points) >= 3 and float(points[0].split(",")[1]) < float(points[-1].split(",")[1])  # falls
    findings = page[page.index('id="figure-gates"') :]
    quality = json.loads((tmp_path / "komep" / "quality.json").read_text("utf-8"))
    for gate in ("personal_data", "unsafe_directives"):
        assert quality[gate]["found"]
        assert quality[gate]["examples"][0]["question_id"][:8] in findings
    assert "010-1234-5678" not in page and "4 of 7 gates were on" in findings


def test_how_answers_were_split_is_told_by_model(tmp_path):
    rows = [
        {"question": "Gout?", "category": "c", "model": model, "response": f"Gout hurts unless it is {end}.",
         "units": [{"text": text, "verdict": verdict}]}
        for model, end, text, verdict in (
            ("a", "treated", "Gout hurts unless it is treated.", "true"),
            ("b", "cured", "It hurts.", "false"),
        )
    ]  # fmt: skip
    build([write_jsonl(tmp_path / "in.jsonl", rows)], tmp_path / "komep")
    page = write_report(tmp_path / "komep", tmp_path / "report.html").read_text("utf-8")
    figure = page[page.index('id="figure-split"') :].split("</table>")[0]
    cells = [
        re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row)
        for row in re.sub("</?bdi>", "", figure).split("<tr")[2:]
    ]
    assert [row[0] for row in cells] == ["a", "b", "all"]
    assert cells[0][3:] == ["100.0%", "0.0%", "0.0%", "0.0%"] and cells[1][4:] == ["100.0%", "0.0%", "100.0%"]
    assert "50.0% of units point outside themselves" in figure
