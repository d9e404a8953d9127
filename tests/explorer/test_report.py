"""`komep report`: the same release, the same page; and what it refuses."""

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.explorer.report import write_report
from komep_dataset.release.build import build
from tests.explorer.pages import hostile_rows, write_jsonl


def test_same_release_same_page(sample, tmp_path):
    assert write_report(sample[0], tmp_path / "again.html").read_text("utf-8") == sample[1]


@pytest.mark.parametrize("name", ['우리 "선호" <b>', None])
def test_the_heading_and_the_tab_have_the_name_of_the_release(tmp_path, name):
    build([write_jsonl(tmp_path / "in.jsonl", hostile_rows())], tmp_path / "our-set", name=name)
    page = write_report(tmp_path / "our-set", tmp_path / "report.html").read_text("utf-8")
    shown = "our-set" if name is None else "우리 &#34;선호&#34; &lt;b&gt;"
    assert f"<title>{shown} (1 pairs)</title>" in page and f"<h1><bdi>{shown}</bdi></h1>" in page
    assert f'data-title="{shown} (쌍 1개)"' in page
    again = write_report(tmp_path / "our-set", tmp_path / "report.html")  # a page of ours is replaced
    assert again.read_text("utf-8") == page


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
