"""The page of `komep report` in a real browser: the system's Chromium, headless, driven by Playwright.

The page is opened from a file, as a reader does. Nothing here asserts a time: other work on the machine would decide.
"""

from __future__ import annotations

import json
import time
import unicodedata

import pytest

from komep_dataset.explorer.report import write_report
from komep_dataset.release.build import build
from tests.explorer.pages import ATTACK, RIGHT_TO_LEFT, hostile_rows, write_jsonl
from tests.preferences import sets
from tests.release.test_cited import WHO, cited
from tests.scored_rows import write

DOM_ROWS = 50  # the list shows so many at a time, whatever the release's size


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The page of the shipped sample, every pair of it."""
    folder = tmp_path_factory.mktemp("sample")
    build([], folder / "komep", pairs="all")
    return write_report(folder / "komep", folder / "report.html")


def count(page) -> int:
    """The number that the page announces."""
    return int(page.locator("#count").inner_text().split()[0].replace(",", ""))


def focused(page) -> str:
    return page.evaluate("document.activeElement.id || document.activeElement.className")


def test_search_filter_sort_and_languages(opened, sample):
    page = opened(sample, "#pairs?lang=ko")
    assert count(page) == 478 and page.locator("#rows tr").count() == DOM_ROWS
    assert page.locator("#count").get_attribute("aria-live") == "polite"
    assert page.locator("#rows .open").first.get_attribute("lang") == "ko"

    page.fill("#q", "치아우식증 sample-90")  # all words, Korean and English
    some = count(page)
    assert 0 < some < 478
    assert all("치아우식증" in text for text in page.locator("#rows .open").all_inner_texts())
    page.fill("#q", unicodedata.normalize("NFD", "치아우식증 sample-90"))
    assert count(page) == some  # decomposed Hangul finds the same
    page.fill("#q", "no such word anywhere")
    assert page.locator("#count").inner_text() == "No pair matches, of 478 in Korean"
    page.click("#reset")

    page.select_option("#category", "dental")
    page.select_option("#chosenModel", "sample-90")
    page.fill("#min", "0.5")
    margins = [float(text.split()[0]) for text in page.locator("#rows td.n").all_inner_texts()]
    assert margins and min(margins) >= 0.5 and count(page) == len(margins)
    address = page.url
    page.click("[data-sort=margin] button")
    margins = [float(text.split()[0]) for text in page.locator("#rows td.n").all_inner_texts()]
    assert margins == sorted(margins, reverse=True)
    assert page.locator("[data-sort=margin]").get_attribute("aria-sort") == "descending"

    page.click("#languages [data-lang=en]")
    assert page.locator("#rows .open").first.get_attribute("lang") == "en"
    assert page.locator("#rows .open").first.inner_text().isascii()
    again = opened(sample, "#" + address.split("#")[1])  # a link opens the same list
    assert count(again) == len(margins) and again.input_value("#category") == "dental"


@pytest.mark.slow
def test_a_pair_by_keyboard_alone(opened, sample):
    page = opened(sample)
    page.keyboard.press("Tab")
    page.locator(".views a[href='#pairs']").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("/")
    page.keyboard.type("sample-45")
    page.locator("#q").blur()
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    assert focused(page) == "open"
    second = page.evaluate("document.activeElement.closest('tr').dataset.row")
    page.keyboard.press("Enter")
    assert page.locator("#pair").is_visible()
    assert page.locator("#pair-name").inner_text().startswith("Pair 2 of ")
    for verdict in page.locator("#pair .units li").all():  # a word and a sign, not a colour alone
        assert verdict.get_attribute("class") == verdict.locator(".verdict").inner_text().split()[1]
    assert page.locator("#pair .prompt").get_attribute("lang") == "en"  # as the page
    page.keyboard.press("l")
    assert page.locator("#pair .prompt").get_attribute("lang") == "ko"
    page.keyboard.press("l")
    address = lambda: page.evaluate("location.href")  # noqa: E731 - `page.url` is told of a change later
    link = address()
    page.keyboard.press("ArrowRight")
    assert page.locator("#pair-name").inner_text().startswith("Pair 3 of ")
    page.keyboard.press("ArrowLeft")
    assert address() == link
    page.keyboard.press("Escape")
    assert not page.locator("#pair").is_visible() and "pair=" not in address()
    assert page.evaluate("document.activeElement.closest('tr').dataset.row") == second
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")

    again = opened(sample, "#" + link.split("#")[1])
    assert again.locator("#pair").is_visible() and again.locator("#pair-name").inner_text().startswith(
        "Pair 2 of "
    )


def test_the_back_button_closes_a_pair(opened, sample):
    page = opened(sample, "#pairs")
    page.locator("#rows .open").first.click()
    assert page.locator("#pair").is_visible()
    page.go_back()
    assert not page.locator("#pair").is_visible() and page.locator("#pairs").is_visible()


def test_hostile_text_is_shown_and_never_run(opened, tmp_path):
    nasty = f"{ATTACK}\x00</script><svg onload=alert(3)>"
    build([write_jsonl(tmp_path / "in.jsonl", hostile_rows(nasty))], tmp_path / "komep")
    page = opened(write_report(tmp_path / "komep", tmp_path / "report.html"), "#pairs")
    elements = page.evaluate(
        "document.querySelectorAll('script, img, svg[onload], a[href^=javascript]').length"
    )
    page.locator("#rows .open").first.click()
    shown = page.locator("#pair-body").text_content()
    for mark in (
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(2)>",
        "<!--",
        "javascript:x",
        "U+202E",
        "U+0000",
        "<svg onload",
    ):
        assert mark in shown
    assert "\u202e" not in page.locator("body").text_content()
    assert (
        elements
        == 2
        == page.evaluate("document.querySelectorAll('script, img, svg[onload], a[href^=javascript]').length")
    )


def test_two_releases(opened, tmp_path):
    lines = [{"question": f"Q{n}?", "category": "c", "model": m, "response": f"{m} {n}", "units": [{"text": "u", "verdict": v}]}
             for n in range(4) for m, v in (("a", "true"), ("b", "false"))]  # fmt: skip
    build([write_jsonl(tmp_path / "old.jsonl", lines)], tmp_path / "old")
    new = [*lines[2:6], {**lines[6], "response": "better"}, lines[7], *hostile_rows("new")]
    build([write_jsonl(tmp_path / "new.jsonl", new)], tmp_path / "new")
    page = opened(write_report(tmp_path / "new", tmp_path / "page.html", compare=tmp_path / "old"))
    assert "1 added, 1 removed, 1 changed" in page.locator("#figure-changes").inner_text()
    page.click(".views a[href='#pairs']")
    assert count(page) == 4  # removed pairs are listed when they are asked for
    for change, question in (("added", "Q? new"), ("removed", "Q0?"), ("changed", "Q3?")):
        page.select_option("#change", change)
        assert page.locator("#rows .open").all_inner_texts() == [question]
    page.locator("#rows .open").first.click()
    assert "differs in chosen" in page.locator("#pair .notice").inner_text()
    assert "response replaced" in page.locator("#pair .notice").inner_text()
    assert page.locator("#pair .differs del").all_inner_texts() == ["a 3"]
    assert page.locator("#pair .differs ins").all_inner_texts() == ["better"]


def test_the_words_of_a_changed_text_are_told_apart(opened, tmp_path):
    """What is not inserted is the text before, what is not deleted the text now; common words are neither."""
    before, now = "Rest, drink\nand  see a doctor at once.", "Rest and see\na nurse, at once, if you can."
    for name, text in (("old", before), ("new", now)):
        rows = [row | {"response": text} if row["model"] == "b" else row for row in hostile_rows("")]
        build([write_jsonl(tmp_path / f"{name}.jsonl", rows)], tmp_path / name)
    page = opened(write_report(tmp_path / "new", tmp_path / "page.html", compare=tmp_path / "old"), "#pairs")
    page.locator("#rows .open").first.click()
    parts = page.locator("#pair .differs p > *").evaluate_all(
        "all => all.map((e) => [e.localName, e.textContent])"
    )
    assert "".join(text for kind, text in parts if kind != "ins") == before
    assert "".join(text for kind, text in parts if kind != "del") == now
    both = " ".join(text for kind, text in parts if kind == "span").split()
    assert both == ["and", "see", "a", "at"]


@pytest.mark.slow
def test_a_link_opens_the_filtered_list_and_back_undoes_a_filter(opened, sample):
    page = opened(sample, "#overview")
    page.locator("#figure-categories a").first.click()  # a bar leads to its pairs
    page.wait_for_selector("#rows tr")
    category = page.input_value("#category")
    assert category == "biochemistry" and 0 < count(page) < 478
    page.select_option("#sort", "-margin")
    page.select_option("#chosenModel", "sample-90")
    fewer, address = count(page), page.evaluate("location.href")
    assert page.locator("#link").evaluate("(a) => a.href") == address
    again = opened(sample, "#" + address.split("#")[1])
    assert count(again) == fewer and again.input_value("#sort") == "-margin"
    page.locator("#rows .open").first.click()
    page.go_back()
    assert not page.locator("#pair").is_visible() and count(page) == fewer
    page.go_back()
    page.wait_for_function("document.getElementById('chosenModel').value === ''")
    assert page.input_value("#category") == category and count(page) > fewer
    page.go_forward()
    page.wait_for_function("document.getElementById('chosenModel').value === 'sample-90'")
    assert count(page) == fewer
    page.click("a[href='#overview']")
    wins = page.locator("#figure-wins td a").last
    share, pairs = (
        wins.inner_text().split("\n")[0].split()[0],
        int(wins.locator(".sr").text_content().split()[2]),
    )
    wins.click()
    page.wait_for_function("document.getElementById('rejectedModel').value !== ''")
    assert round(100 * count(page) / pairs) == int(share)


def test_what_the_search_found_is_marked(opened, sample):
    page = opened(sample, "#pairs?lang=en")
    page.fill("#q", "FLUORIDE sample-90")
    marked = {text.lower() for text in page.locator("#rows mark").all_inner_texts()}
    assert marked == {"fluoride", "sample-90"}
    for row in page.locator(
        "#rows tr"
    ).all():  # where the question has no hit, the place in an answer is shown
        assert row.locator("mark", has_text="luoride").count() > 0
    page.locator("#rows .open").first.click()
    assert page.locator("#pair .sides mark").count() > 0
    page.keyboard.press("Escape")
    page.fill("#q", "(.*)+[")  # signs of patterns are letters like others
    assert page.locator("#rows tr").count() == 0


def test_text_from_right_to_left_has_its_own_direction(opened, tmp_path):
    rows = [
        row | {"question": RIGHT_TO_LEFT, "response": f"{RIGHT_TO_LEFT} {row['response']}"}
        for row in hostile_rows("א")
    ]
    build([write_jsonl(tmp_path / "in.jsonl", rows)], tmp_path / "komep")
    page = opened(write_report(tmp_path / "komep", tmp_path / "page.html"))
    way = "(e) => getComputedStyle(e).direction"
    assert (
        page.locator(".example .prompt").evaluate(way) == "rtl"
        and page.locator("h1").first.evaluate(way) == "ltr"
    )
    page.click(".example .all")
    for name in (".prompt", ".answer"):
        assert page.locator(f"#pair {name}").first.evaluate(way) == "rtl"
    assert page.locator("#pair-name").evaluate(way) == "ltr"


def test_the_theme_can_be_chosen(opened, sample):
    page = opened(sample, color_scheme="light")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.click("#theme")  # light, as the system has it
    assert page.evaluate(colour) == light
    page.click("#theme")
    assert page.inner_text("#theme") == "Theme: dark" and page.evaluate(colour) != light
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    assert not page.locator(".bar").is_visible()


def test_without_a_script_the_overview_is_there(chromium, sample):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(sample.as_uri())
    assert page.locator("#figure-wins").is_visible() and page.locator("noscript").is_visible()
    context.close()


@pytest.mark.slow
def test_six_thousand_rows(opened, sample, tmp_path):
    """The rows of the list stay few; the time to filter is printed beside that of a list without rows."""
    from benchmarks.explorer import write_rows

    build([write_rows(tmp_path / "rows.jsonl", 6000, scale=0.3)], tmp_path / "komep")
    page = opened(write_report(tmp_path / "komep", tmp_path / "page.html"), "#pairs")
    assert count(page) == 6000 and page.locator("#rows tr").count() == DOM_ROWS
    word = page.locator("#rows .open").first.inner_text().split()[1]

    def seconds(text: str) -> float:
        started = time.perf_counter()
        page.fill("#q", text)
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return time.perf_counter() - started

    first = seconds(word)
    page.select_option("#split", "test")
    page.select_option("#split", "")
    full = min(seconds(text) for text in (word[:1], word[:2], word, ""))
    page.fill("#min", "1")
    page.fill("#max", "0")
    assert page.locator("#rows tr").count() == 0
    empty = min(seconds(text) for text in (word[:1], word[:2], word, ""))
    page.click("#reset")
    page.click("#page-on")
    assert page.locator("#rows tr").count() == DOM_ROWS and count(page) == 6000
    print(
        json.dumps(
            {
                "first_search_s": round(first, 3),
                "filter_s": round(full, 3),
                "ratio_to_empty": round(full / empty, 2),
            }
        )
    )


def test_sources_stand_beside_their_statements_and_only_web_addresses_are_links(opened, tmp_path):
    build([write(tmp_path / "s.jsonl", cited())], tmp_path / "komep")
    page = opened(write_report(tmp_path / "komep", tmp_path / "report.html"), "#pairs")
    page.locator("#rows .open").first.click()
    page.wait_for_selector(".cited blockquote")
    quoted = page.locator("#pair .side.rejected .units li").first.locator("blockquote")
    assert [text.split("\n")[0] for text in quoted.all_inner_texts()] == [
        "Sepsis kills.",
        "Sepsis is an infection…",
    ]
    links = page.locator(".cited a")
    assert set(links.evaluate_all("all => all.map((a) => a.getAttribute('href'))")) == {WHO["url"]}
    assert links.first.get_attribute("rel") == "noopener noreferrer"


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "models"), [("plain strings", []), ("UltraFeedback", ["x", "y"])])
def test_a_set_of_others_is_read_pair_by_pair(shape, models, opened, tmp_path):
    """Without names of models, scores or categories nothing stands in their place, and their filters are hidden."""
    page = opened(write_report(sets.write(tmp_path / "set.jsonl", shape), tmp_path / "report.html"), "#pairs")
    assert page.locator("#rows tr").count() == len(sets.PAIRS)
    for name in ("chosenModel", "rejectedModel", "min"):
        assert page.locator(f"#{name}").is_visible() == bool(models), name
    assert (
        not page.locator("#category").is_visible() and "undefined" not in page.locator("#rows").inner_text()
    )
    page.locator("#rows tr .open").first.click()
    box = page.locator("#pair-body")
    assert sets.PAIRS[0][1] in box.inner_text() and sets.PAIRS[0][2] in box.inner_text()
    told = box.inner_text()
    assert "undefined" not in told and "null" not in told and "DAHL" not in told
    assert ("score 8.00" in told) == ("margin 5.50" in told.replace("\n", " ")) == bool(models)
