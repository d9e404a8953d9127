"""The report from made result sets whose truth is known: verdicts, tables, missing cells, hostile texts."""

import contextlib
import csv
import json
import re
from pathlib import Path

import pytest
import yaml

import evaluation.experiments
from evaluation.experiments.report import report_values, write_report
from evaluation.experiments.results import Decided
from evaluation.experiments.state import DONE, FAILED, MISSING, RUNNING, STOPPED, write_config, write_state
from evaluation.experiments.verdicts import CONFIRMED, REFUTED, STATEMENTS, UNDECIDED
from evaluation.statistics.comparison import READINGS
from tests.evaluation.experiments.made_results import fill, matrix_of
from tests.explorer.conftest import chromium  # noqa: F401 - a fixture
from tests.explorer.test_every_size import CUT, OF_DARK, OF_LIGHT, untranslated

pytestmark = pytest.mark.usefixtures("from_the_root")  # where the paths of experiment files start


def test_report_of_a_known_truth(tmp_path):
    """DPO gains 20 points everywhere, ORPO gains for one model and loses for the other, one cell failed, the rest is missing."""
    published = [
        {"text": "theirs", "value": "+43.96%", "model": "one", "method": "dpo"},
        {"text": "x", "value": "1"},
    ]
    matrix, cells, path = matrix_of(tmp_path, name="known", published=published)
    titles = [m.title for m in matrix.benchmarks]
    for cell in cells:
        if cell.method == "base":
            for title in titles:
                fill(cell, title, 0.4)
        elif cell.method == "dpo" and cell.language == "ko":
            fill(cell, titles[0], 0.6)
            fill(cell, titles[1], 0.2)
        elif cell.method == "orpo" and cell.language == "ko":
            fill(cell, titles[0], 0.6 if cell.model == "one" else 0.2)
    failed = next(cell for cell in cells if cell.method == "sft")
    write_config(failed)
    write_state(failed, "failed", error="out of memory\n<script>alert(1)</script> | x")
    values, _ = report_values(matrix, cells, path)
    said = [d.verdicts["paper"].outcome for d in values["statements"]]
    assert said == ["confirmed", "confirmed", "undecided", "confirmed", "undecided"]
    own, none = (own for _, own in values["published"])
    assert own.startswith("+20.0 points (") and own.endswith("+50.0% of 40.0%") and none == "–"
    page = write_report(matrix, cells, path)
    html, text = page.read_text("utf-8"), (page.parent / "report.md").read_text("utf-8")
    assert "<script>alert(1)" not in html and "&lt;script&gt;alert(1)" in html and "<script" not in text
    assert "http://" not in html and "https://" not in html  # nothing is fetched
    assert f"{failed.name}: failed" in html and "missing" in html
    with (page.parent / "report.csv").open(encoding="utf-8") as file:
        rows = {
            (r["benchmark"], r["model"], r["method"], r["trained_on"], r["reading"]): r
            for r in csv.DictReader(file)
        }
    row = rows[titles[0], "one", "dpo", "ko", "paper"]
    assert [float(row[name]) for name in ("base", "tuned", "points", "relative_percent")] == pytest.approx(
        [0.4, 0.6, 20, 50]
    )
    assert float(row["low"]) < 20 < float(row["high"]) and float(row["p"]) < float(row["p_holm"]) < 0.001
    assert rows[titles[0], "two", "sft", "en", "paper"]["tuned"] == ""
    for address in html.split('href="')[1:]:
        assert (page.parent / address.split('"')[0]).is_file()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The page of an experiment that is half there, with a cell that failed."""
    folder, published = tmp_path_factory.mktemp("written"), [{"text": "Preference pairs", "value": "1"}]
    with contextlib.chdir(Path(__file__).resolve().parents[3]):
        yield written_page(*matrix_of(folder, name="sizes", published=published))


def written_page(matrix, cells, path) -> Path:
    for cell in cells[::2]:
        for title in (m.title for m in matrix.benchmarks):
            fill(cell, title, 0.4)
    write_state(cells[1], "failed", error="<script>alert(1)</script> " + "x" * 300)
    write_state(cells[3], "stopped", seconds={"build": 1, "train": 2, "evaluate-medqa-sample": 3})
    return write_report(matrix, cells, path)


@pytest.mark.slow
@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
def test_the_page_is_whole_at_every_size(written, chromium, locale):  # noqa: F811
    """A table that does not fit was scrolled sideways, and had no dark colours."""
    from axe_playwright_python.sync_playwright import Axe

    page = chromium.new_page(viewport={"width": 1400, "height": 900}, locale=locale)
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(written.as_uri())
    assert page.locator("html").get_attribute("lang") == locale[:2]
    for width in (400, 1024, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate(CUT) == [], (width, scheme)
            assert page.evaluate("document.documentElement.scrollWidth") == width
            options = OF_DARK if scheme == "dark" else OF_LIGHT
            found = Axe().run(page, options=options).response["violations"]
            assert [(v["id"], [n["html"] for n in v["nodes"]][:3]) for v in found] == [], (width, scheme)
    assert {url.split(":")[0] for url in asked} <= {"file", "data"} and len(
        [u for u in asked if u[0] == "f"]
    ) == 1
    assert [text for text in said if "axe" not in text] == []
    page.close()


@pytest.mark.slow
def test_the_language_comes_from_the_browser_and_a_choice_is_kept(written, chromium):  # noqa: F811
    page = chromium.new_page(locale="ko-KR")
    page.goto(written.as_uri())
    assert (page.inner_text("h1"), page.title()) == ("실험 sizes", "실험 sizes")
    # What is left in English is a name, a path, an address or the text of an error.
    left = page.evaluate("""() => { const copy = document.getElementById("view").cloneNode(true);
        copy.querySelectorAll("code, pre, #speak").forEach((one) => one.remove()); return copy.textContent; }""")
    names = {
        "sizes",
        "one",
        "two",
        "base",
        "dpo",
        "orpo",
        "sft",
        "ko",
        "en",
        "kormedmcqa",
        "medqa",
        "sample",
        "seed",
        "DPO",
        "ORPO",
    }
    error = {"script", "alert", "x" * 174}
    assert {*re.findall("[A-Za-z]{2,}", left)} - names - error == set()
    alts = page.eval_on_selector_all("img", "all => all.map((one) => one.alt)")
    assert alts and all("포인트(" in alt and "points" not in alt for alt in alts)
    page.click("#speak")
    assert (page.inner_text("h1"), page.title()) == ("Experiment sizes", "Experiment sizes")
    page.reload()
    assert page.inner_text("h1") == "Experiment sizes"
    page.focus("#speak")
    page.keyboard.press("Enter")
    assert page.inner_text("h1") == "실험 sizes" and page.evaluate("document.activeElement.id") == "speak"
    page.close()


def test_every_sentence_of_the_page_has_its_korean():
    root = Path(evaluation.experiments.__file__).parent
    known = json.loads((root / "templates" / "report_ko.json").read_text("utf-8"))
    n, *wrong = untranslated(root, (root / "templates").glob("report_view*"), known)
    assert n > 60 and wrong == [set(), set()]
    told = {text for one in STATEMENTS for text in (one.text, Decided(one, "", 0, {}).rule)}
    told |= {
        CONFIRMED,
        REFUTED,
        UNDECIDED,
        RUNNING,
        DONE,
        FAILED,
        STOPPED,
        MISSING,
        "build",
        "train",
        "evaluate",
    }
    told |= {*READINGS.values(), "replies that are the bare letter"}
    for file in root.glob("*.yaml"):  # what the experiments that are here say of themselves
        content = yaml.safe_load(file.read_text("utf-8"))
        told |= {one["text"] for one in content.get("published", ())} | {
            *filter(None, [content.get("caution")])
        }
    assert told - known.keys() == set()
