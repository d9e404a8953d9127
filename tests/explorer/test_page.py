"""The page runs nothing of the data and needs no network; its data block holds any text. In a browser: test_page_in_browser.py."""

import base64
import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st

from komep_dataset.explorer.page import HIDDEN, packed, prose, visible
from komep_dataset.explorer.report import write_report
from komep_dataset.release.build import build
from tests.explorer.pages import ATTACK, data_of, hostile_rows, unpacked, write_jsonl


def test_text_of_the_data_is_never_markup(tmp_path):
    build([write_jsonl(tmp_path / "in.jsonl", hostile_rows())], tmp_path / "komep")
    page = write_report(tmp_path / "komep", tmp_path / "report.html").read_text("utf-8")
    assert "&lt;script&gt;alert(1)" in page  # the category, in the overview
    assert "{{ 7 * 7 }}" in page
    assert page.count("<script") == page.count("</script>") == 2  # the data block and the page's own script
    assert "<img" not in page and "<!--" not in page
    assert not HIDDEN.search(page)
    assert data_of(page)["english"][0][0] == f"a{ATTACK} {ATTACK}"  # in the block nothing is altered


def test_the_policy_allows_the_own_script_and_style_alone(sample):
    """Hashes as the browser computes them: over the text between the tags."""
    policy = re.search('Content-Security-Policy" content="([^"]*)"', sample[1])[1].replace("&#39;", "'")
    style, script = (re.search(f"<{tag}>(.*?)</{tag}>", sample[1], re.S)[1] for tag in ("style", "script"))
    for name, text in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy  # the own script cannot make markup of text, either
    assert ".innerHTML" not in script and "insertAdjacent" not in script and "eval(" not in script


def test_the_page_needs_no_network(sample):
    assert not re.search(r"""(src=|href="[^#]|https?://|@import|url\()""", sample[1])
    assert "written for the KoMeP project" in sample[1]


def test_a_block_packs_any_text():
    @given(st.lists(st.text(st.characters(codec="utf-8"))))
    def check(texts):
        block = packed(texts)
        assert re.fullmatch(r"[\w+/=]+", block) and unpacked(block) == texts
        assert not HIDDEN.search(visible("".join(texts)))
        assert not re.search("<(?!/?(code|bdi)>)", prose("".join(texts)))

    check()


def test_what_verdicts_cite_is_in_the_block_and_no_page_without_it_has_a_place_for_it(tmp_path):
    cited = {
        "unit": 0,
        "reason": "",
        "id": ATTACK,
        "title": ATTACK,
        "url": "javascript:alert(1)",
        "quotation": ATTACK,
    }
    rows = [row | {"unit_evidence": [cited]} for row in hostile_rows()]
    for name, some in (("cited", rows), ("plain", list(hostile_rows()))):
        build([write_jsonl(tmp_path / f"{name}.jsonl", some)], tmp_path / name)
        page = write_report(tmp_path / name, tmp_path / f"{name}.html").read_text("utf-8")
        assert "javascript:alert(1)" not in page
        found = data_of(page).get("sources")
        assert found == ([[[*cited.values()]]] * 2 if name == "cited" else None)
