"""`komep report`: the page holds what the release holds, and runs nothing of it. tests/explorer/test_page.py opens it."""

import json
import re
from pathlib import Path

import pytest

import komep_dataset
from komep_dataset.errors import KomepError
from komep_dataset.explorer.comparison import pair_changes
from komep_dataset.explorer.page import HIDDEN, prose, visible
from komep_dataset.explorer.payload import packed, unpacked
from komep_dataset.explorer.plots import Figure, curve, heat, nice_ceiling
from komep_dataset.explorer.report import write_report
from komep_dataset.release.build import build
from komep_dataset.release.facts import read_facts
from komep_dataset.release.rows import read_rows
from komep_dataset.schema import CONFIGS

ATTACK = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> \"' {{ 7 * 7 }} </details><!-- javascript:x \u202e"
)


def hostile_rows(attack=ATTACK):
    for model, verdict in ((f"a{attack}", "true"), ("b", "false")):
        yield {
            "question": f"Q? {attack}", "category": attack, "model": model, "response": f"{model} {attack}",
            "units": [{"text": attack, "verdict": verdict}],
        }  # fmt: skip


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def data_of(page):
    return unpacked(
        re.search(r'<script type="application/octet-stream" id="data">([\w+/=]+)</script>', page)[1]
    )


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The release of the shipped sample with every pair, and its page."""
    folder = tmp_path_factory.mktemp("sample")
    build([], folder / "komep", pairs="all")
    return folder / "komep", write_report(folder / "komep", folder / "report.html").read_text("utf-8")


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
    import base64
    import hashlib

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


def test_every_pair_is_in_the_block_as_it_is_released(sample):
    release, page = sample
    data = data_of(page)
    columns, scored = data["columns"], read_rows(release, "scored")
    units = {(q, m): u for q, m, u in scored.select("question_id", "model", "units").iter_rows()}
    places = {}
    for n, question in enumerate(columns["id"]):
        models = (data["models"][columns[f"{side}Model"][n]] for side in ("chosen", "rejected"))
        places[(question, *models)] = n
    for config, bit in (("ko", 1), ("en", 2)):
        rows = read_rows(release, config)
        assert sum(bool(flag & bit) for flag in columns["languages"]) == rows.height == 478
        for row in rows.iter_rows(named=True):
            n = places[row["question_id"], row["chosen_model"], row["rejected_model"]]
            assert data["questions"][config][columns["question"][n]] == row["prompt"][0]["content"]
            assert data["splits"][columns["split"][n]] == row["split"]
            assert columns["margin"][n] == pytest.approx(row["score_margin"], abs=1e-4)
            for side in ("chosen", "rejected"):
                english, verdicts, *texts = data["english"][columns[side][n]]
                text = data["korean"][columns[side][n]] if config == "ko" else english
                assert text == row[side][0]["content"]
                told = units[row["question_id"], row[f"{side}_model"]]
                assert [(t, v[0]) for t, v in zip(texts, verdicts, strict=True)] == [
                    (u["text"], u["verdict"][0]) for u in told
                ]


def test_same_release_same_page(sample, tmp_path):
    assert write_report(sample[0], tmp_path / "again.html").read_text("utf-8") == sample[1]


def test_of_a_large_release_a_sample_over_both_splits_is_shown(sample, tmp_path):
    page = write_report(sample[0], tmp_path / "few.html", max_pairs=100).read_text("utf-8")
    splits = data_of(page)["columns"]["split"]
    assert len(splits) == 100 and set(splits) == {0, 1}
    assert "100 of the release’s 478 pairs" in page
    with pytest.raises(KomepError, match="at least one pair"):
        write_report(sample[0], tmp_path / "none.html", max_pairs=0)


def test_releases_of_little(tmp_path):
    """One pair, English alone, scores given without units; and Korean alone, asked in Korean."""
    given = [
        {"question": "Q?", "category": "c", "model": m, "response": m, "dahl_score": s, "units": []}
        for m, s in (("a", 0.9), ("b", 0.1))
    ]
    build([write_jsonl(tmp_path / "given.jsonl", given)], tmp_path / "given")
    data = data_of(write_report(tmp_path / "given", tmp_path / "given.html").read_text("utf-8"))
    assert data["languages"] == ["en"] and data["english"] == [["a", ""], ["b", ""]] and data["korean"] == []
    native = [
        {"question": "열이 나는가?", "category": "c", "model": m, "response": f"그렇다 {m}", "units": [{"text": "열이 난다.", "verdict": v}],
         "question_ko": "열이 나는가?", "response_ko": f"그렇다 {m}"}
        for m, v in (("a", "true"), ("b", "false"))
    ]  # fmt: skip
    build([write_jsonl(tmp_path / "native.jsonl", native)], tmp_path / "native")
    assert set(read_facts(tmp_path / "native")["rows"]) & set(CONFIGS) == {"ko", "scored"}
    data = data_of(write_report(tmp_path / "native", tmp_path / "native.html").read_text("utf-8"))
    assert data["languages"] == ["ko"] and data["origins"] == ["native"]
    assert data["english"][0] == [None, "t", "열이 난다."] and data["korean"][0] == "그렇다 a"


def test_two_releases_against_a_plain_comparison(tmp_path):
    """Oracle: the two tables of pairs as dicts by question."""
    sample_file = Path(komep_dataset.__file__).parent / "samples" / "scored_generations.jsonl"
    source = [json.loads(line) for line in sample_file.read_text("utf-8").splitlines()]
    questions = list(dict.fromkeys(row["question"] for row in source))
    altered = [
        row | ({"response": row["response"] + " More."} if row["question"] == questions[9] else {})
        for row in source
        if row["question"] not in questions[:2] and not (row["question"] == questions[5] and row["model"] == "sample-90")
    ]  # fmt: skip
    build([write_jsonl(tmp_path / "old.jsonl", source)], tmp_path / "old")
    build([write_jsonl(tmp_path / "new.jsonl", [*altered, *hostile_rows("new")])], tmp_path / "new")
    old, new = (
        {r["question_id"]: r for r in read_rows(tmp_path / n, "en").to_dicts()} for n in ("old", "new")
    )
    changes = pair_changes(tmp_path / "old", tmp_path / "new")
    told = {
        name: {key[0] for key, c in changes.items() if c["change"] == name}
        for name in ("added", "removed", "changed")
    }
    assert told["added"] == new.keys() - old.keys() and told["removed"] == old.keys() - new.keys()
    assert told["changed"] == {q for q in old.keys() & new.keys() if old[q] != new[q]}
    page = write_report(tmp_path / "new", tmp_path / "page.html", compare=tmp_path / "old").read_text("utf-8")
    data = data_of(page)
    assert len(data["columns"]["id"]) == len(new) + len(told["removed"])
    gone = {data["columns"]["id"][int(n)] for n, c in data["changes"].items() if c["change"] == "removed"}
    assert gone == told["removed"] and "Both releases, side by side" in page


def test_a_block_packs_any_text():
    from hypothesis import given
    from hypothesis import strategies as st

    @given(st.lists(st.text(st.characters(codec="utf-8"))))
    def check(texts):
        block = packed(texts)
        assert re.fullmatch(r"[\w+/=]+", block) and unpacked(block) == texts
        assert not HIDDEN.search(visible("".join(texts)))
        assert not re.search("<(?!/?code>)", prose("".join(texts)))

    check()


def test_what_a_judge_and_the_gates_say_is_drawn(tmp_path):
    """A release with a calibrated judge and planted findings: the curve and the table stand in the page."""
    from tests.audit.test_label_noise import record, written

    sample_file = Path(komep_dataset.__file__).parent / "samples" / "scored_generations.jsonl"
    rows = [json.loads(line) for line in sample_file.read_text("utf-8").splitlines()]
    for row in rows[:5]:
        row["response"] += " Call 010-1234-5678. Stop taking your insulin at once."
    source = write_jsonl(tmp_path / "in.jsonl", rows)
    build(
        [source], tmp_path / "komep", judge=written(record(190, 10, 40, 160), tmp_path), length_control=True
    )
    page = write_report(tmp_path / "komep", tmp_path / "report.html").read_text("utf-8")
    points = re.search('class="curve" points="([^"]*)"', page)[1].split()
    assert len(points) >= 3 and float(points[0].split(",")[1]) < float(points[-1].split(",")[1])  # falls
    findings = page[page.index('id="figure-gates"') :]
    quality = json.loads((tmp_path / "komep" / "quality.json").read_text("utf-8"))
    for gate in ("personal_data", "unsafe_directives"):
        assert quality[gate]["found"]
        assert quality[gate]["examples"][0]["question_id"][:8] in findings
    assert "010-1234-5678" not in page and "3 of 6 gates were on" in findings


def test_geometry():
    assert [nice_ceiling(n) for n in (0, 1, 3, 18, 21, 501)] == [1, 1, 5, 20, 50, 1000]
    cells = heat(["a", "b"], [[0, 3], [1, 0]])["cells"]
    assert [[cell["share"] for cell in row] for row in cells] == [[None, 0.75], [0.25, None]]
    found = curve([(0.0, 0.0, 0.0, 0.1), (1.0, 0.5, 0.4, 0.6)], 1.0)
    assert found["points"] == [(44, 150), (384, 81)] and found["band"].split()[0] == "44.0,136.2"


def test_a_release_without_pairs_no_release_and_a_bad_quality_file(sample, tmp_path):
    build([write_jsonl(tmp_path / "in.jsonl", list(hostile_rows())[:1])], tmp_path / "komep")
    with pytest.raises(KomepError, match="no pairs to report on"):
        write_report(tmp_path / "komep", tmp_path / "report.html")
    with pytest.raises(KomepError, match="not a KoMeP release"):
        write_report(tmp_path, tmp_path / "report.html")
    with pytest.raises(KomepError, match="is a folder"):
        write_report(sample[0], tmp_path)
    with pytest.raises(KomepError, match="not a KoMeP release"):
        write_report(sample[0], tmp_path / "report.html", compare=tmp_path)
    broken = tmp_path / "broken"
    build([], broken)
    next((broken / "en").glob("*.parquet")).write_bytes(b"PAR1")
    with pytest.raises(KomepError, match="not whole by its SHA256SUMS"):
        write_report(broken, tmp_path / "report.html")
    build([], tmp_path / "gates")
    (tmp_path / "gates" / "quality.json").write_text("{")
    with pytest.raises(KomepError, match=r"quality.json: cannot be read"):
        write_report(tmp_path / "gates", tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_which_columns_hold_numbers_is_found_once_a_figure():
    """The page asks for every cell: of a square table of models, the whole table was read again each time."""
    figure = Figure("k", "t", "r", rows=(("a", "1,024", "50% to 60%", "–"), ("b", "+0.5", "same", "none")))
    assert figure.numeric == (False, True, True, False)
    assert figure.numeric is figure.numeric
