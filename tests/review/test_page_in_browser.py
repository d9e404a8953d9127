"""The reviewer's page in a real browser, opened from a file, as from a memory stick."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from komep_dataset.cli import app
from komep_dataset.release.build import build
from komep_dataset.review.reading import read_sheets
from komep_dataset.review.sheet import read_material, write_sheets
from tests.explorer.test_every_size import OF_DARK, OF_LIGHT
from tests.review.sheets import blinded_answers, pair_of, rows_of
from tests.scored_rows import write

NO_STORAGE = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError'); } });"
LONG = "가나다 abc " * 500  # 5,000 characters and more
HEBREW = "שלום \u202e(abc)"


@pytest.fixture
def opened(chromium):
    """A function that opens a page; afterwards: no error, no warning, no request but for the file itself."""
    troubles, requests, contexts = [], [], []

    def open_page(file: Path, *, script: str = "", context=None, **options):
        if context is None:
            context = chromium.new_context(
                **{"viewport": {"width": 1200, "height": 900}, "locale": "ko-KR"} | options
            )
            contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        if script:
            page.add_init_script(script)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles
    assert all(url.startswith("file:") or url.startswith("blob:") for url in requests), requests


@pytest.fixture(scope="module")
def sheets(tmp_path_factory):
    """A release whose texts attack, run from right to left or are long, and the sheets of two reviewers."""
    folder, rows = tmp_path_factory.mktemp("pages"), []
    attack = "<script>document.title = 'run'</script><img src=x onerror=alert(1)>"
    for n, text in enumerate((attack, HEBREW, LONG, "=1+1", "plain", "'-quoted\"")):
        for model, verdicts in (("a", "tt"), ("b", "tf")):
            rows.append({
                "question": f"Question {n}? {text}", "category": ("심장", "lung")[n % 2], "model": model, "response": f"{text} {model}",
                "question_ko": f"질문 {n}? {text}", "response_ko": f"{text} 답 {model}",
                "units": [{"text": f"{text[:99]} {i} {model}", "verdict": {"t": "true", "f": "false"}[v]} for i, v in enumerate(verdicts)],
            })  # fmt: skip
    release = build([write(folder / "s.jsonl", rows)], folder / "komep").folder
    return release, write_sheets(release, folder / "sheets", n=6, seed=1)


def saved(page, key="w") -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.keyboard.press(key)
    text = download.value.path().read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def pressed(page) -> list[str]:
    return page.eval_on_selector_all(
        "[data-better][aria-pressed=true]", "all => all.map(b => b.dataset.better)"
    )


def test_the_keyboard_alone_judges_and_the_csv_is_read(opened, sheets, tmp_path):
    release, folders = sheets
    page = opened(folders[0] / "review.html")
    ids = [row["pair_id"] for row in rows_of(folders[0] / "review.csv")]
    page.keyboard.press("1")
    assert pressed(page) == ["A"]
    page.keyboard.press("m")
    for key in ("o", "x", "ArrowDown", "d"):
        page.keyboard.press(key)
    page.keyboard.press("6")
    page.keyboard.press("c")
    page.keyboard.type('1 comment, "quoted"; j')
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    assert page.inner_text("h1") == "쌍 2 / 6" and pressed(page) == []
    # as a keyboard in Hangul mode sends it
    page.evaluate("dispatchEvent(new KeyboardEvent('keydown', { key: 'ㅏ', code: 'KeyK' }))")
    assert page.inner_text("h1") == "쌍 1 / 6"
    page.keyboard.press("n")
    page.keyboard.press("2")
    page.keyboard.press("n")
    page.keyboard.press("3")
    page.keyboard.press("n")
    page.keyboard.press("4")
    page.keyboard.press("0")
    assert page.inner_text("#done") == "3 / 6 판단함"
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible() and page.locator("#keys dt").count() == 14
    page.keyboard.press("2")  # no verdict while help is open
    page.keyboard.press("Escape")
    rows = saved(page)
    assert [row["pair_id"] for row in rows] == ids
    assert [row["better"] for row in rows] == ["A", "B", "same", "", "", ""]
    first = rows[0]
    assert (first["a_marks"], first["b_marks"]) == ("1:true 2:false", "2:unsure")
    assert (first["translation_ok"], first["comment"]) == ("no", '1 comment, "quoted"; j')
    path = tmp_path / "back.csv"
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "review-1.csv"
    download.value.save_as(path)
    judgements, notes = read_sheets([path], read_material(release))
    assert len(judgements) == 3 and notes == ["1: 3 of 6 pairs have an answer to `better`"]


def test_the_verdict_is_always_in_sight_and_the_focus_too(opened, sheets):
    page = opened(sheets[1][0] / "review.html", viewport={"width": 400, "height": 700})
    name, help_ = (page.locator(one).bounding_box() for one in ("#reviewer", "#help"))
    assert name["y"] + name["height"] + 4 <= help_["y"]  # neither touches the other
    for _ in range(6):
        for place in (0, 10**6):
            page.evaluate("y => scrollTo(0, y)", place)
            box = page.locator("[data-better=A]").bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= 700
        page.keyboard.press("j")
    page.keyboard.press("m")
    box = page.locator(".three:focus-within").bounding_box()
    bar = page.locator(".verdict").bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= bar["y"]
    outline = page.evaluate("getComputedStyle(document.querySelector('.three:focus-within')).outlineStyle")
    assert outline == "solid"


def test_a_closed_page_loses_nothing(opened, sheets):
    page = opened(sheets[1][0] / "review.html")
    context = page.context
    page.keyboard.press("2")
    page.fill("#comment", "half a sen")
    page.locator("section.b .fixing button").click()
    page.keyboard.type(" 고침")
    page.fill("#reviewer", "김 의사")
    page.close(run_before_unload=False)
    page = opened(sheets[1][0] / "review.html", context=context)
    assert page.inner_text("h1") == "쌍 2 / 6"  # the first without a verdict
    page.keyboard.press("k")
    assert pressed(page) == ["B"] and page.input_value("#comment") == "half a sen"
    assert page.locator("section.b textarea").input_value().endswith("고침")
    assert page.input_value("#reviewer") == "김 의사" and not page.locator("#storage").is_visible()
    with page.expect_download() as download:
        page.keyboard.press("w")
    assert download.value.suggested_filename == "review-김-의사.csv"
    twin = opened(sheets[1][0] / "review.html", context=context)  # two tabs of one sheet know of each other
    twin.keyboard.press("1")
    page.get_by_text("2 / 6 판단함").wait_for()
    page.keyboard.press("3")
    page.keyboard.press("j")
    assert pressed(page) == ["A"]
    other = opened(sheets[1][1] / "review.html", context=context)
    assert (
        pressed(other) == [] and other.inner_text("#done") == "0 / 6 판단함"
    )  # another sheet, nothing of this one


@pytest.mark.parametrize(
    "how", ["utf-8-sig", *(pytest.param(one, marks=pytest.mark.slow) for one in ("semicolon", "cp949"))]
)
def test_where_the_browser_keeps_nothing_files_do(opened, sheets, tmp_path, how):
    page = opened(sheets[1][0] / "review.html", script=NO_STORAGE)
    assert "저장하지 못합니다" in page.inner_text("#storage")
    asked = []
    page.on("dialog", lambda dialog: asked.append(dialog.type) or dialog.accept())
    for _ in range(4):
        page.keyboard.press("1")
        page.keyboard.press("m")
        page.keyboard.press("o")
        page.keyboard.press("j")
    page.keyboard.press("1")
    with page.expect_download() as download:
        page.keyboard.press("2")  # the tenth change
    path = tmp_path / "auto.csv"
    download.value.save_as(path)
    page.fill("#comment", "later")
    with page.expect_event("close"):
        page.close(run_before_unload=True)
    assert asked == ["beforeunload"]
    if how != "utf-8-sig":
        rows = rows_of(path)
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), delimiter=";", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
        path.write_bytes(text.getvalue().encode("cp949" if how == "cp949" else "utf-8", "replace"))
    page = opened(sheets[1][0] / "review.html", script=NO_STORAGE)
    page.set_input_files("#load", path)
    page.get_by_text("5 / 6 판단함").wait_for()
    assert "5쌍을 불러왔습니다" in page.inner_text("#storage")
    page.evaluate("scrollTo(0, 0)")
    assert [row["better"] for row in saved(page)] == ["A", "A", "A", "A", "B", ""]
    page.set_input_files("#load", sheets[1][1] / "review.csv")
    page.get_by_text("이 검토지의 CSV가 아닙니다").wait_for()


FULL = """() => { const box = "x".repeat(1024); let n = 0;
    try { for (;;) localStorage.setItem(`other ${n++}`, box.repeat(64)); } catch { /* no room for as much */ }
    try { for (;;) localStorage.setItem(`more ${n++}`, "x"); } catch { /* nor for a letter */ } }"""


def test_a_browser_whose_storage_is_full_says_so_and_the_file_has_everything(opened, sheets, tmp_path):
    """Pages of other people, opened from files, share what room there is."""
    release, folders = sheets
    page = opened(folders[0] / "review.html")
    page.keyboard.press("1")
    assert not page.locator("#storage").is_visible()
    page.evaluate(FULL)
    asked = []
    page.on("dialog", lambda dialog: asked.append(dialog.type) or dialog.accept())
    page.locator("#comment").press_sequentially("가슴 통증; =1+1")  # said while it is written
    assert "저장하지 못합니다" in page.inner_text("#storage")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("2")
    path = tmp_path / "review.csv"
    with page.expect_download() as download:
        page.keyboard.press("w")
    download.value.save_as(path)
    said, _ = read_sheets([path], read_material(release))
    assert [(one.letter, one.comment) for one in said] == [("A", "가슴 통증; =1+1"), ("B", "")]
    page.locator("#comment").press_sequentially("늦은 글")
    with page.expect_event("close"):
        page.close(run_before_unload=True)
    assert asked == ["beforeunload"]
    again = opened(
        folders[0] / "review.html", context=page.context
    )  # what was kept before it was full, and the file
    assert again.inner_text("#done") == "1 / 6 판단함"
    again.set_input_files("#load", path)
    again.get_by_text("2 / 6 판단함").wait_for()
    told = again.inner_text("#storage")
    assert "2쌍을 불러왔습니다" in told and "저장하지 못합니다" in told
    again.evaluate("localStorage.clear()")
    again.keyboard.press("n")
    again.keyboard.press("3")  # there is room again
    assert not again.locator("#storage").is_visible()
    again.close(run_before_unload=False)
    last = opened(folders[0] / "review.html", context=page.context)
    assert last.inner_text("#done") == "3 / 6 판단함" and not last.locator("#storage").is_visible()


def test_changes_go_to_a_file_that_was_chosen_once(opened, sheets):
    """The dialog of the system cannot be worked from here: a stand-in for the handle that it gives."""
    stand_in = """window.written = []; window.showSaveFilePicker = async () => ({ name: 'kept.csv', createWritable: async () =>
        ({ write: async (text) => { window.written.push(text); }, close: async () => {} }) });"""
    page = opened(sheets[1][0] / "review.html", script=NO_STORAGE + stand_in)
    page.keyboard.press("?")
    page.click("#keep")
    page.get_by_text("kept.csv 파일에 저장하고 있습니다").wait_for()
    page.keyboard.press("2")
    page.wait_for_timeout(200)
    assert '"B"' not in page.evaluate("window.written[0]") and '"B"' in page.evaluate("window.written[1]")


def test_texts_are_data(opened, sheets):
    page = opened(sheets[1][0] / "review.html")
    seen = ""
    for _ in range(6):
        seen += page.inner_text("#pair")
        assert page.evaluate("document.querySelectorAll('#pair script, #pair img, #pair svg').length") == 0
        page.keyboard.press("j")
    assert page.title() == "KoMeP 검토 1" and "<img src=x onerror=alert(1)>" in seen and "U+202E" in seen
    assert LONG.strip() in seen.replace("\n", " ")


def test_both_languages(opened, sheets):
    page = opened(sheets[1][0] / "review.html", locale="en-US")
    assert page.get_attribute("html", "lang") == "en" and page.inner_text("h1") == "Pair 1 of 6"
    assert page.locator("[data-better=A]").inner_text().startswith("A better")
    page.click("[data-language=ko]")
    assert page.inner_text("[data-better=A]").startswith("A가 나음") and page.inner_text("h1") == "쌍 1 / 6"
    again = opened(sheets[1][0] / "review.html", context=page.context)
    assert again.get_attribute("html", "lang") == "ko"  # remembered
    empty = page.eval_on_selector_all(
        "[data-word]", "all => all.filter(e => !e.textContent).map(e => e.dataset.word)"
    )
    assert empty == []


@pytest.mark.slow
def test_accessibility_and_nothing_wider_than_the_screen(opened, sheets):
    from axe_playwright_python.sync_playwright import Axe

    found = []
    for language in ("ko-KR", "en-US"):
        for scheme in ("light", "dark"):
            page = opened(sheets[1][0] / "review.html", locale=language, color_scheme=scheme)
            for width in (400, 1024, 1400):
                page.set_viewport_size({"width": width, "height": 900})
                for view in ("pair", "help"):
                    page.keyboard.press("?" if view == "help" else "1")
                    options = OF_DARK if scheme == "dark" else OF_LIGHT
                    violations = Axe().run(page, options=options).response["violations"]
                    found += [
                        (language, scheme, width, view, v["id"], [n["html"] for n in v["nodes"]])
                        for v in violations
                    ]
                    sizes = page.evaluate(
                        "[...document.querySelectorAll('html, dialog[open], .side, .asked, .verdict, .bar')]"
                        ".filter(e => e.scrollWidth > e.clientWidth).map(e => e.className || e.tagName)"
                    )
                    assert sizes == [], (language, width, view)
                    page.keyboard.press("Escape")
                page.keyboard.press("j")
    assert found == []


@pytest.mark.slow
def test_fifty_clicks_on_a_agree_by_half_and_a_reviewer_who_errs_is_measured(opened, tmp_path):
    """Really clicked: one who always takes A, one who takes what is right but for a tenth."""
    dice = random.Random(6)
    rows = [
        {"question": f"Q{n}?", "category": "c", "model": model, "response": f"Text {dice.random()}",
         "units": [{"text": f"{dice.random()}", "verdict": v} for v in verdicts]}
        for n in range(50)
        for model, verdicts in dice.sample([("a", ("true", "true")), ("b", ("true", "false"))], 2)
    ]  # fmt: skip
    release = build([write(tmp_path / "s.jsonl", rows)], tmp_path / "komep").folder
    material, paths = read_material(release), []
    for number, folder in enumerate(write_sheets(release, tmp_path / "sheets", n=50), 1):
        page = opened(folder / "review.html", locale="en-US")
        for row in rows_of(folder / "review.csv"):
            right = "rejected" if dice.random() < 0.1 else "chosen"
            better = blinded_answers(row, material, {"better": right})["better"]
            page.click("[data-better=A]" if number == 1 else f"[data-better={better}]")
            page.click("#on") if not page.is_disabled("#on") else None
        assert page.inner_text("#done") == "50 of 50 judged"
        with page.expect_download() as download:
            page.click("#save")
        paths.append(tmp_path / f"{number}.csv")
        download.value.save_as(paths[-1])
    output = tmp_path / "review.json"
    done = CliRunner().invoke(
        app, ["review", "import", *map(str, paths), "--release", str(release), "-o", str(output)]
    )
    assert done.exit_code == 0, done.output
    record = json.loads(output.read_text("utf-8"))
    coin, other = (record["preference"]["by_reviewer"][name] for name in "12")
    assert (coin["yes"], coin["n"]) == (25, 50)
    assert other["low"] < 0.9 < other["high"]
    alpha = record["alpha"]["preference"]
    assert alpha["low"] < 0 < alpha["high"] and alpha["items"] == 50
    assert {pair_of(row, material) for row in rows_of(paths[0])} == set(material.pairs)
