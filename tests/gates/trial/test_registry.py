"""A gate is one file: plugged into a copy of the package, it is in every place where a gate has to be."""

import json

import pytest

from komep_dataset.gates.trial.registry import GATES, LISTED
from komep_dataset.release.sums import write_sums
from tests.gates.gated import rejects, two
from tests.gates.plugged import komep, plug, python

TEXTS = """
from komep_dataset.gates.trial.gate import Found, TextGate, switch_option


def find(text):
    if "snake oil" in text:
        yield Found("a remedy that is none", "snake oil")


GATE = TextGate(
    name="quack_remedies", reason="quack_remedy", order=35,
    options=(switch_option("remedies", "off", "remedies that are none."),),
    hint="snake oil", find=find, sought=("quack remedies", "by one name"),
)
"""
SUBSET = """
from komep_dataset.gates.trial.gate import SubsetGate
from komep_dataset.options import Option, Range

GATE = SubsetGate(
    name="wide_margins", reason="narrow_margin", order=55,
    options=(Option("wide", float, None, "Least margin.", range=Range(0.0, 1.0)),),
    keep=lambda pairs, least: pairs["score_margin"] >= least,
    why=lambda least: f"not as wide as {least}",
    note=lambda record: "" if record["switch"] == "off" else "Margins are wide.",
)
"""
WORDS = """
from pathlib import Path

from komep_dataset.gates.trial.gate import PairGate, Watch
from komep_dataset.options import Option


class Words:
    def __init__(self, path):
        self.words = path.read_text("utf-8").split()

    def record(self):
        return {"words": self.words}


class Banned(Watch):
    def __init__(self, scratch, banned):
        self.words, self.facts = [word for one in banned for word in one.words], {}

    def look(self, pairs):
        for row, text in enumerate(pairs["rejected"]):
            yield from ((row, f"the word {word}", ()) for word in self.words if word in text)


GATE = PairGate(
    name="banned_words", reason="banned_word", order=37, watch=Banned,
    options=(Option("banned", Path, None, "Words, a file of them.", read=lambda path: [Words(path)]),),
)
"""
ROWS = [
    *two("What helps against cough?", "Honey and tea.", "Buy snake oil, says kim.minsu@hospital-mail.kr."),
    *two("What is the heart?", "A pump.", "A stone."),
    *two("What is a bruise?", "Blood under the skin.", "Treat it with snake oil."),
]


@pytest.fixture(scope="module")
def plugged(tmp_path_factory):
    """The copy with two more gates, and a release of three pairs that it built with the first."""
    folder = plug(tmp_path_factory.mktemp("plugged"), remedies=TEXTS, margins=SUBSET)
    for name, rows in (("scored", ROWS), ("more", two("What is a rib?", "A bone.", "Snake oil, snake oil."))):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    komep(folder, "build", "scored.jsonl", "-o", "komep", "--remedies", "reject", "--personal-data", "reject")
    return folder


def read(path):
    return json.loads(path.read_text("utf-8"))


@pytest.mark.slow
def test_the_command_and_pipeline_yaml_take_its_option(plugged):
    text = komep(plugged, "build", "--help")
    assert "remedies that are none. off: not looked for" in " ".join(text.split())
    assert "--remedies x: give one of off" in komep(plugged, "build", "--remedies", "x", fails=True)
    code = "from pathlib import Path; from komep_dataset.config.config import load_config as load; print(load(Path('p.yaml')).selection)"
    for value, said in [
        ("remedies: report", "remedies='report'"),
        ("remedys: report", "did you mean 'remedies'?"),
        ("remedies: refuse", "'refuse' is none of off, report, reject; did you mean 'reject'?"),
    ]:
        (plugged / "p.yaml").write_text(f"selection: {{{value}}}\n", "utf-8")
        assert said in python(plugged, "-c", code, fails="did you" in said)


@pytest.mark.slow
def test_a_release_shows_it_everywhere(plugged):
    folder = plugged / "komep"
    lines = {reject["key"]: reject for reject in rejects(folder) if reject["reason"] != "untranslated"}
    # A pair has the reason of the first gate: personal data come before it.
    assert sorted(one["reason"] for one in lines.values()) == ["personal_data", "quack_remedy"]
    assert "a remedy that is none in rejected: snake oil" in str(lines)
    quality = read(folder / "quality.json")
    assert list(quality)[3:6] == ["unsafe_directives", "quack_remedies", "near_duplicates"]
    assert [quality["quack_remedies"][name] for name in ("checked", "found", "rejected")] == [3, 2, 1]
    assert read(folder / "provenance.json")["options"]["remedies"] == "reject"
    card = (folder / "README.md").read_text("utf-8")
    assert "| quack remedies | reject | 3 | 2 | 1 |" in card
    assert "by a short list of wordings, quack remedies by one name: what is not found may be there." in card
    komep(plugged, "report", "komep", "-o", "report.html")
    assert "quack remedies" in (plugged / "report.html").read_text("utf-8").replace("quack_", "quack ")


@pytest.mark.slow
def test_verify_derives_what_it_rejects(plugged):
    assert komep(plugged, "verify", "komep").count("ok") >= 10
    path, before = (
        plugged / "komep" / "rejects.jsonl",
        (plugged / "komep" / "rejects.jsonl").read_text("utf-8"),
    )
    try:
        for after in (
            "".join(line for line in before.splitlines(True) if "quack_remedy" not in line),
            before.replace("quack_remedy", "unsafe_directive"),
        ):
            path.write_text(after, "utf-8")
            write_sums(plugged / "komep")
            assert "quack_remedy: 1 missing" in komep(plugged, "verify", "komep", fails=True)
    finally:
        path.write_text(before, "utf-8")
        write_sums(plugged / "komep")


@pytest.mark.slow
def test_a_release_that_grows_keeps_it(plugged):
    said = komep(
        plugged, "build", "more.jsonl", "-o", "g", "--base", "komep", "--remedies", "off", fails=True
    )
    assert "--remedies off: the base komep was built with --remedies reject" in said
    komep(plugged, "build", "more.jsonl", "-o", "grown", "--base", "komep")
    assert read(plugged / "grown" / "provenance.json")["options"]["remedies"] == "reject"
    assert read(plugged / "grown" / "quality.json")["quack_remedies"]["rejected"] == 2
    komep(plugged, "verify", "grown")


@pytest.mark.slow
def test_a_base_of_a_gate_that_is_not_there_does_not_grow(plugged, tmp_path):
    plain = plug(tmp_path)
    grow = ("build", str(plugged / "more.jsonl"), "-o", "grown", "--base")
    said = komep(plain, *grow, str(plugged / "komep"), fails=True)
    assert "it was built with the gate quack_remedies, which this komep does not have" in said
    assert "build anew: komep build" in said
    komep(plugged, "build", "scored.jsonl", "-o", "without")  # there it was, and off
    komep(plain, *grow, str(plugged / "without"))


@pytest.mark.slow
def test_a_gate_that_reads_a_file_takes_its_path_from_the_folder_of_pipeline_yaml(tmp_path):
    folder, inner = plug(tmp_path, banned=WORDS), tmp_path / "inner"
    inner.mkdir()
    (inner / "words.txt").write_text("stone\n", "utf-8")
    checker = "checker: {endpoint: 'http://127.0.0.1:9/v1', model: m}"
    (inner / "p.yaml").write_text(f"selection: {{banned: words.txt}}\nwork: w\n{checker}\n", "utf-8")
    (folder / "scored.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    code = (
        "from pathlib import Path; from komep_dataset.config.config import load_config\n"
        "from komep_dataset.pipeline.run import build_stage\n"
        "c = load_config(Path('inner/p.yaml')); s = build_stage(c, Path('scored.jsonl'))\n"
        "s.run(); print(s.inputs, s.settings['banned'])"
    )
    assert f"{inner / 'words.txt'}" in python(folder, "-c", code)
    release = inner / "w" / "komep"
    assert "banned_word" in {reject["reason"] for reject in rejects(release)}
    assert read(release / "provenance.json")["options"]["banned"] == [{"words": ["stone"]}]
    komep(folder, "verify", str(release))
    grow = ("build", "scored.jsonl", "-o", "grown", "--base", str(release))
    assert "was built with other files; give the same again" in komep(folder, *grow, fails=True)
    komep(folder, *grow, "--banned", str(inner / "words.txt"))


@pytest.mark.slow
def test_one_that_keeps_a_subset_comes_last_and_does_not_grow(plugged):
    komep(plugged, "build", "scored.jsonl", "-o", "wide", "--wide", "1", "--remedies", "report")
    quality = read(plugged / "wide" / "quality.json")
    assert (quality["wide_margins"]["pairs_before"], quality["wide_margins"]["pairs_after"]) == (3, 3)
    assert "Margins are wide." in (plugged / "wide" / "README.md").read_text("utf-8")
    komep(plugged, "verify", "wide")
    assert "looks at all pairs at once" in komep(plugged, "build", "more.jsonl", "--base", "wide", fails=True)


@pytest.mark.slow
def test_a_release_of_another_komep_is_told_from_this_one(plugged, tmp_path):
    """What an unknown gate did is not passed over; that a gate is missing in an older release is no fault."""
    plain = plug(tmp_path)
    assert "unexpected keyword argument" in komep(plain, "verify", str(plugged / "komep"), fails=True)
    komep(plain, "build", "-o", "sample")
    komep(plugged, "verify", str(plain / "sample"))


def test_a_name_that_is_taken_is_refused(tmp_path):
    folder = plug(tmp_path)
    for word, taken, what in [
        ("quack_remedies", "contamination", "more: another module has the gate 'contamination'"),
        ("quack_remedy", "tie", "the reason 'tie' is taken"),
        ('"remedies"', '"pairs"', "the option 'pairs' is taken"),
    ]:
        (folder / "komep_dataset" / "gates" / "more.py").write_text(TEXTS.replace(word, taken), "utf-8")
        said = python(folder, "-c", "import komep_dataset.cli", fails=True)
        assert what in said


def test_the_order_in_which_a_pair_is_tried_and_that_in_which_gates_are_listed():
    assert [gate.name for gate in GATES] == [
        *("contamination", "personal_data", "template_marks", "unsafe_directives"),
        *("near_duplicates", "length_control", "balance_models"),
    ]
    assert [gate.name for gate in LISTED] == [
        *("contamination", "near_duplicates", "personal_data", "template_marks", "unsafe_directives"),
        *("length_control", "balance_models"),
    ]
