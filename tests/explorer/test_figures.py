"""What is drawn of a release's figures."""

import html
import json
import re
from pathlib import Path
from urllib.parse import parse_qs

import polars as pl
import pytest

import komep_dataset
from komep_dataset.explorer.plots import BOTTOM, TOP, nice_ceiling
from komep_dataset.explorer.report import write_report
from komep_dataset.release.build import build
from komep_dataset.release.rows import read_rows
from tests.audit.records import record, written
from tests.explorer.pages import seen, write_jsonl


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


def test_the_matrix_is_the_pairs_counted(sample):
    """Oracle: the pairs of `ko`, the config that figures are of, by polars; the model that wins most is the first row."""
    rows = read_rows(sample[0], "ko")
    counts = dict(
        ((a, b), n) for a, b, n in rows.group_by("chosen_model", "rejected_model").len().iter_rows()
    )
    figure = seen(sample[1]).split('id="figure-wins"')[1].split("</article>")[0]
    names = re.findall(r'<bdi class="name">([^<]*)</bdi>', figure)
    lines = figure.split("<tbody>")[1].split("</tbody>")[0].split("<tr>")[1:]
    for a, line in zip(names, lines, strict=True):
        cells = re.findall(r'<td class="(\w+)">(?:<a href="([^"]*)">)?([\d·]+)', line)
        for b, (level, link, shown) in zip(names, cells, strict=True):
            won, all_pairs = counts.get((a, b), 0), counts.get((a, b), 0) + counts.get((b, a), 0)
            if not all_pairs:
                assert (level, link, shown) == ("none", "", "·")
                continue
            assert shown == f"{100 * won / all_pairs:.0f}" and level == f"h{round(5 * won / all_pairs)}"
            query = parse_qs(html.unescape(link).partition("?")[2])
            assert not won or query == {"chosenModel": [a], "rejectedModel": [b]}
    share = {m: rows.filter(pl.col("chosen_model") == m).height / rows.filter(
        (pl.col("chosen_model") == m) | (pl.col("rejected_model") == m)).height for m in names}  # fmt: skip
    assert names == sorted(names, key=lambda m: -share[m])


def test_the_histogram_of_margins_is_the_pairs_counted(sample):
    rows = read_rows(sample[0], "ko").with_columns(
        ((pl.col("score_margin").round(9) * 10).ceil() - 1).clip(0).alias("bin")
    )
    counts = dict(rows.group_by("bin").len().iter_rows())
    figure = seen(sample[1]).split('id="figure-margins"')[1].split("</article>")[0]
    drawn = re.findall(
        r'y="([\d.]+)" width="[\d.]+" height="([\d.]+)" rx="1.5"><title>([\d.]+) to [\d.]+: (\d+) pairs',
        figure,
    )
    assert [int(n) for *_, n in drawn] == [counts.get(n, 0) for n in range(10)]
    top = nice_ceiling(max(counts.values()))
    for y, height, _, n in drawn:
        assert float(height) == pytest.approx((BOTTOM - TOP) * int(n) / top, abs=0.02)
        assert float(y) + float(height) == pytest.approx(BOTTOM, abs=0.02)
