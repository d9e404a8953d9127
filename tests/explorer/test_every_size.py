"""Every page in a real browser at every size, theme and language: nothing is cut, and axe-core has nothing to say."""

import ast
import re
import shutil
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

import komep_dataset
from komep_dataset.audit.baselines import BASELINES
from komep_dataset.explorer.report import write_report
from komep_dataset.gates.trial.registry import GATES
from komep_dataset.judge.risk_coverage import Answer, risk_coverage
from komep_dataset.pairs.strategies.registry import RULES
from komep_dataset.release.build import build
from komep_dataset.release.diff import REASONS, SHORT
from komep_dataset.schema import Origin, Reason, Status, Verdict
from komep_dataset.templates import words
from tests.audit.records import record, written
from tests.explorer.firefox import firefox
from tests.explorer.pages import MODELS, crowded_rows, hostile_rows, write_jsonl
from tests.preferences import sets

# What is wider than its box, or leaves the window to the right. Elements for screen readers are one pixel wide.
CUT = """[...document.querySelectorAll("body *")].filter((e) => e.clientWidth > 1 && (
  (getComputedStyle(e).overflowX !== "visible" && !e.matches("select, input") && e.scrollWidth > e.clientWidth)
  || e.getBoundingClientRect().right > innerWidth + 1)).map((e) => e.outerHTML.slice(0, 200))"""

# Options of axe-core: all rules, and those of the dark alone where the rest was looked at in the light. Without what passes,
# which would be a megabyte a look.
OF_LIGHT = {"resultTypes": ["violations"]}
OF_DARK = OF_LIGHT | {"runOnly": ["color-contrast", "link-in-text-block"]}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Name -> page, made when it is asked for: of the sample, of a crowded release beside another, of a set, of one pair."""
    folder = tmp_path_factory.mktemp("pages")

    def crowded():
        votes = [Answer(n % 3 > 0, "true", (1 + n % 4) / 4) for n in range(60)]
        judge = written(replace(record(190, 10, 40, 160), curve=risk_coverage(votes)), folder)
        for name, altered in (("old", False), ("new", True)):
            rows = write_jsonl(folder / f"{name}.jsonl", crowded_rows(altered))
            build([rows], folder / name, pairs="all", judge=judge)
        return folder / "new", {"compare": folder / "old"}

    bare = [  # scores without units, and one model always wins
        {"question": f"Q{n}?", "category": "c", "model": m, "response": m, "dahl_score": s, "units": []}
        for n in range(3)
        for m, s in (("a", 0.9), ("b", 0.1))
    ]
    sources = {
        "sample": lambda: (build([], folder / "sample", pairs="all").folder, {}),
        "crowded": crowded,
        "set": lambda: (sets.write(folder / "set.jsonl", "UltraFeedback"), {}),
        "bare": lambda: (build([write_jsonl(folder / "bare.jsonl", bare)], folder / "bare").folder, {}),
        "one": lambda: (
            build([write_jsonl(folder / "one.jsonl", hostile_rows())], folder / "one").folder,
            {},
        ),
    }

    class Pages(dict):
        def __missing__(self, name):
            source, options = sources[name]()
            self[name] = write_report(source, folder / f"{name}.html", **options)
            return self[name]

    return Pages()


def views(page):
    """Each view of a page in turn, all that can be unfolded unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    yield "overview"
    page.click(".views a[href='#pairs']")
    page.evaluate("document.getElementById('more').open = true")
    page.wait_for_selector("#rows .open")
    yield "list"
    page.fill("#q", "zzz no such")
    yield "nothing found"
    page.fill("#q", "")
    for place in {0, min(3, page.locator("#rows .open").count() - 1)}:
        page.locator("#rows .open").nth(place).click()
        yield f"pair {place}"
        page.keyboard.press("Escape")
    page.locator("#q").blur()
    page.keyboard.press("?")
    yield "keys"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sample", "crowded", "set", "one", "bare"])
@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
def test_nothing_is_cut_and_axe_is_content(name, locale, pages, opened):
    """axe-core looks at every view of one page, and at its colours in the dark; the others have the same marks and colours."""
    from axe_playwright_python.sync_playwright import Axe

    page, found = opened(pages[name], color_scheme="light", locale=locale), []
    assert page.locator("html").get_attribute("lang") == locale[:2]
    for view in views(page):
        for width in (400, 1400, 1024):
            page.set_viewport_size({"width": width, "height": 900})
            for scheme in ("dark", "light"):
                page.emulate_media(color_scheme=scheme)
                where = (name, locale, width, scheme, view)
                assert page.evaluate(CUT) == [], where
                assert page.evaluate("document.documentElement.scrollWidth") == width, where
        page.evaluate(
            "document.querySelectorAll('#overview details').forEach((one) => { one.open = false; })"
        )
        looks = (("light", OF_LIGHT), ("dark", OF_DARK))
        for scheme, options in looks if (name, locale) == ("crowded", "en-US") else ():
            page.emulate_media(color_scheme=scheme)
            violations = Axe().run(page, options=options).response["violations"]
            found += [(view, scheme, v["id"], [n["html"] for n in v["nodes"]][:3]) for v in violations]
        page.emulate_media(color_scheme="light")
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
def test_nothing_is_cut_in_firefox(language, pages, tmp_path):
    """Its narrowest window has 500 pixels."""
    program = next(filter(None, map(shutil.which, ("firefox", "firefox-esr"))), None)
    if program is None:
        pytest.skip("no Firefox on this machine (firefox or firefox-esr)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with firefox(program, tmp_path / "profile", port, language) as send:

        def run(code):
            return send("ExecuteScript", script=code, args=[])["value"]

        def until(code):
            assert any(run(f"return {code}") or time.sleep(0.1) for _ in range(300)), code

        for name in ("sample", "crowded"):
            send("Navigate", url=pages[name].as_uri() + "#overview")
            until(f"location.href.includes('{name}.html') && document.documentElement?.dataset.ready")
            assert run("return document.documentElement.lang") == language[:2]
            for width in (500, 1024, 1400):
                send("SetWindowRect", width=width, height=900)
                run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
                assert run(f"return {CUT}") == []
                run("location.hash = '#pairs?q=i&lang=en'")
                until("document.querySelectorAll('#rows mark').length")
                assert run(f"return {CUT}") == []
                run("document.querySelector('#rows .open').click()")
                until("document.getElementById('pair').open")
                assert run(f"return {CUT}") == [] and run(
                    "return document.querySelectorAll('#pair .units li').length"
                )
                run("history.back()")
                until("!document.getElementById('pair').open")
                run("location.hash = '#overview'")


@pytest.mark.slow
def test_the_matrix_of_eight_long_names_fits(pages, opened):
    for width in (400, 1400):
        page = opened(pages["crowded"], width=width)
        box = page.locator("#figure-wins").bounding_box()
        table = page.locator("#figure-wins table.heat")
        inner = table.bounding_box()
        assert box["x"] < inner["x"] and inner["x"] + inner["width"] < box["x"] + box["width"]
        assert page.evaluate("(e) => e.scrollWidth <= e.clientWidth", table.element_handle())
        names = page.locator("#figure-wins .name" if width == 1400 else "#figure-wins .legend bdi")
        assert all(names.nth(n).is_visible() for n in range(8)) and sorted(names.all_inner_texts()) == sorted(
            MODELS
        )


@pytest.mark.slow
def test_no_card_is_alone_beside_an_empty_place(pages, opened):
    for name in ("sample", "crowded", "set", "one"):
        page = opened(pages[name], width=1400)
        for group in page.locator(".figures").all():
            boxes = [one.bounding_box() for one in group.locator("> article").all()]
            whole = group.bounding_box()["width"]
            for top in {box["y"] for box in boxes}:
                row = [box for box in boxes if box["y"] == top]
                assert sum(box["width"] for box in row) + 16 * (len(row) - 1) == pytest.approx(whole, abs=1)


@pytest.mark.slow
def test_the_first_screen_shows_a_pair(pages, opened):
    for width, locale in ((1400, "en-US"), (400, "ko-KR")):
        page = opened(pages["sample"], width=width, locale=locale)
        side = page.locator(".example .side").first
        assert side.bounding_box()["y"] + 120 < 900
        assert page.locator(".example .prompt").get_attribute("lang") == locale[:2]
        question = page.locator(".example .prompt").inner_text()
        page.click(".example .all")
        assert page.locator("#pair .prompt").inner_text() == question


@pytest.mark.slow
def test_the_language_comes_from_the_browser_and_a_choice_is_kept(pages, opened):
    page = opened(pages["sample"], locale="ko-KR")
    assert page.locator(".views a").all_inner_texts() == ["개요", "쌍"]
    assert page.title() == "KoMeP: Korean Medical Preference (쌍 478개)"
    page.click("#speak")
    assert page.locator(".views a").all_inner_texts() == ["Overview", "Pairs"]
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.locator(".views a").all_inner_texts() == ["Overview", "Pairs"]
    page.click("#speak")
    page.click(".views a[href='#pairs']")
    page.fill("#q", "sample-90")
    assert page.locator("#count").inner_text().startswith("한국어 쌍 478개 중")
    page.click("#speak")  # the list and its search stay, the texts are read in the other language
    assert (
        page.locator("#count").inner_text().endswith("pairs in English")
        and page.input_value("#q") == "sample-90"
    )
    assert page.locator("#rows .open").first.get_attribute("lang") == "en"
    page.click("#theme")
    assert page.inner_text("#theme") == "Theme: light"
    page.click("#speak")
    assert page.inner_text("#theme") == "테마: 밝게"


LEFT = """(box) => { const texts = [], walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const around = walker.currentNode.parentElement.closest("bdi, code, kbd, noscript, svg title, svg desc, [lang=en], .facts, #rows, "
      + "#category, #chosenModel, #rejectedModel, #split, .answer, .prompt");
    if (!around) texts.push(walker.currentNode.data);
  }
  return texts.join(" ").replace(/[0-9a-f]{12}/g, ""); }"""
NAMES = {
    "KoMeP",
    "komep",
    "report",
    "English",
    "train",
    "test",
    "ko",
    "en",
    "DAHL",
    "AUC",
    "TF",
    "IDF",
    "ID",
    "Enter",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sample", "crowded", "set"])
def test_no_english_is_left_in_the_korean_page(name, pages, opened):
    """Words of the data aside: texts, names of models and categories, what stands as code."""
    page = opened(pages[name], "#overview", locale="ko-KR")
    texts = [page.evaluate(LEFT, page.locator("#view").element_handle())]
    page.click(".views a[href='#pairs']")
    page.locator("#rows .open").first.click()
    texts += [page.evaluate(LEFT, page.locator(f"#{box}").element_handle()) for box in ("pairs", "pair")]
    word = re.compile("[A-Za-z]{2,}")
    data = " ".join([*MODELS, "set.jsonl", *page.locator("#view bdi, select option").all_text_contents()])
    assert set(word.findall(" ".join(texts))) - NAMES - set(word.findall(data)) == set()


def untranslated(root, templates, known):
    """(how many literals `say` is given in the Python and the templates of a folder, those without Korean, and translations
    that have other names in braces)."""
    said = set()
    for file in root.rglob("*.py"):
        calls = [
            one
            for one in ast.walk(ast.parse(file.read_text("utf-8")))
            if isinstance(one, ast.Call) and one.args
        ]
        given = [one.args[0] for one in calls if isinstance(one.func, ast.Name) and one.func.id == "say"]
        said |= {one.value for one in given if isinstance(one, ast.Constant)}
    for file in templates:
        said |= set(re.findall(r'\b(?:say|label)\("([^"]*)"', file.read_text("utf-8")))
    names = re.compile(r"{\w+}")
    odd = {one for one, korean in known.items() if {*names.findall(one)} != {*names.findall(korean)}}
    return len(said), said - known.keys(), odd


def test_every_string_of_the_interface_has_its_korean():
    """Each literal that `say` is given, in Python, templates and scripts; with the same names in braces."""
    root = Path(komep_dataset.__file__).parent
    n, *wrong = untranslated(root, (root / "templates").glob("explorer*.j*"), words())
    assert n > 200 and wrong == [set(), set()]


def test_every_name_that_a_page_may_show_has_its_korean():
    """Rules, baselines, gates, statuses and reasons are data to the page; those of this package it knows."""
    names = {*BASELINES, *(one.label for one in BASELINES.values()), *(one.help for one in RULES.values())}
    names |= {name for gate in GATES for name in (gate.name, gate.reason)}
    names |= {one.value for kind in (Status, Reason, Origin, Verdict) for one in kind} | {
        *REASONS,
        *SHORT[:2],
        *SHORT[4:],
    }
    assert {name.replace("_", " ") for name in names} - words().keys() == set()
