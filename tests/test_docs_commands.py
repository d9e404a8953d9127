"""README and docs: every command within a line runs, or its reason why not stands here.

A command runs in a folder in which the names that the docs use exist (`docs_workspace.py`), in the order of its page: what
one writes the next may read. Words that stand for something are replaced (`WORDS`); a benchmark that takes minutes as the page
has it takes a few seconds (`SMALLER`). What is no whole command (`komep score`, `komep build --base`) is a name, and a whole
command that has all of it must run, on any page.
"""

import shlex
import shutil

import pytest

from komep_dataset.samples import SAMPLE_INPUT
from tests.docs_pages import BLOCK, CALL, PAGES, ROOT, apps, blocks, commands
from tests.docs_sheets import filled
from tests.docs_workspace import clone, copied, environment, fill, reply, run
from tests.loopback import Loopback, loopback
from tests.real_data import DATA, needs_data

WORDS = {
    "kormedmcqa=PATH": "kormedmcqa=komep_dataset/samples/kormedmcqa",
    "NAME=PATH": "kormedmcqa=komep_dataset/samples/kormedmcqa",
    "factbench PATH": "factbench factbench.jsonl",
    "build …": "build scored.jsonl",
    "--pairs RULE --utility SCORE": "--pairs all --utility f1",
    "[MORE…]": "",
    "TOKENIZER.json …": "models/smollm2-135m/tokenizer.json",
    # The Hub has these questions; the sample's have their shape.
    "--benchmark kormedmcqa ": "--benchmark kormedmcqa --data komep_dataset/samples/kormedmcqa --limit 1 --max-new-tokens 4 ",
}
FOLDERS = {  # of a command; else where the texts of others lie
    "python -m benchmarks.leaks --examples FOLDER": str(DATA / "kormedmcqa"),
    "python -m evaluation.run --model models/smollm2-135m --benchmark kormedmcqa --data FOLDER --output OUT --plan": "komep_dataset/samples/kormedmcqa",
}
BEFORE = {  # a command that would find what it writes
    "komep score responses.parquet --config pipeline.yaml --output scored.parquet": "rm scored.parquet; ",
}
SMALLER = {  # what follows a command, for less of it
    "python -m benchmarks.retrieval --generated 2000000": " --generated 2000",
    "python -m benchmarks.verdict_rules": " --studies 2 --questions 50",
}
# They run where the texts of others are at hand.
OF_DATA = ("token_guess", "leaks --examples")
AFTER_REVIEW = (
    "komep build … --judge review_judge.json",
    "komep bias komep --judge review_judge.json",
    "komep calibrate --config pipeline.yaml --labels review_statements.jsonl",
)
NOT_RUN = {
    "minutes; by hand before a release": ("make quickstart", "make rounds", "make smoke"),
    "it is what runs this": ("make test",),
    "it installs from a network: tests/test_setup.py builds what is installed, tests/test_docs.py looks the extras up": (
        "pip install .",
        'pip install ".[llm]"',
        'pip install "komep[evidence]"',
        'pip install "komep[llm]"',
        'pip install "komep[quality]"',
        'pip install -e ".[evaluation]"',
        'pip install -e ".[recipes]"',
        "pip install liger-kernel",
        "make gpu-wheels",
    ),
    "eight billion parameters: tests/recipes/test_distributed.py and test_slurm.py, of a tiny model": (
        "accelerate launch --config_file accelerate_configs/zero3.yaml recipes/dpo.py --config "
        "recipes/llama-3.1-8b-instruct/dpo.yaml",
        "sbatch recipes/multi_node.slurm recipes/dpo.py --config recipes/llama-3.1-8b-instruct/dpo.yaml",
    ),
    "it writes to the real Hub: tests/hub/test_publish.py, of a stand-in": (
        "komep publish komep --repo-id ORG/komep",
    ),
    "it writes models/ or the page itself: tests/recipes/smollm2_135m/test_export.py, tests/test_docs.py": (
        "python recipes/smollm2-135m/export.py --output models/smollm2-135m",
        "python docs/tables.py >docs/tables.md",
    ),
    "a GPU; `--tiny --device cpu` in tests/benchmarks/gpu/test_check.py": tuple(
        line for line in commands(ROOT / "docs" / "gpu.md") if "benchmarks.gpu.check" in line
    ),
    "minutes, or several seconds at its smallest; its parts in the test of its name in tests/benchmarks or of what it measures": (
        "python -m benchmarks.architectures",
        "python -m benchmarks.batch_run",
        "python -m benchmarks.cited_run --data FOLDER",
        "python -m benchmarks.evaluation_speed",
        "python -m benchmarks.evaluation_speed --model models/smollm2-135m --dtype float32 --data FOLDER --subject S --questions 60",
        "python -m benchmarks.evaluation_speed --model models/smollm2-135m --dtype float32 --data FOLDER --subject S "
        "--questions N --shots K",
        "python -m benchmarks.judge_panels --hidden 0.1 0.2 --wrong 0.05 0.1 --draws 10",
        "python -m benchmarks.label_noise",
        "python -m benchmarks.leaks --real FOLDER",
        "python -m benchmarks.letters --curve",
        "python -m benchmarks.letters FOLDER",
        "python -m benchmarks.losses",
        "python -m benchmarks.pair_rules --data FOLDER",
        "python -m benchmarks.screening FOLDER [--config pipeline.yaml]",
        "python -m benchmarks.split_quality --faults",
        "python -m benchmarks.translation_checks [--data FOLDER] [--half seen|unseen|both] [--alarms] [--misses KIND]",
        "python -m benchmarks.translation_checks --data FOLDER --half unseen",
        "python -m benchmarks.two_at_once",
        "python -m benchmarks.unknown_units --wrong 0 0.05 0.1",
        "python -m evaluation.run --model models/smollm2-135m --benchmark kormedmcqa --data FOLDER --dtype float32 "
        "--batch-size 32 --max-new-tokens 16 --output OUT",
    ),
    "it needs what nobody has beside a checkout: an old commit, a mirror's files": (
        "python -m benchmarks.letters FOLDER --before CHECKOUT",
        "python -m benchmarks.translation_checks --debian FOLDER",
    ),
    "it reads what the review left: test_the_five_commands_of_the_blind_review_run": AFTER_REVIEW,
    "no command: an option, the beginning of some, or what one says": (
        "accelerate launch --quiet",
        "pip install --no-deps",
        "python -OO",
        "python -m evaluation.run runs from a clone",
        "python -m benchmarks.…",
        "python -m evaluation.…",
        "python recipes/dpo.py",
    ),
}
REASONS = {line: reason for reason, lines in NOT_RUN.items() for line in lines}
IN_BLOCKS = {  # run by tests/test_docs.py, with all that a command within a line has
    line.partition("  #")[0].strip()
    for page in PAGES
    for language, text in blocks(page)
    if language == "sh"
    for line in text.splitlines()
}
OTHERS = ("README.ko.md", "log.md")  # the same commands, in Korean; history
WHERE: dict[str, str] = {}  # the command -> the page that has it first
for page in PAGES:
    if page.name not in OTHERS:
        for line in commands(page):
            WHERE.setdefault(line, page.name)


[REVIEW] = (
    text for note, _, text in BLOCK.findall((ROOT / "docs" / "quality.md").read_text("utf-8")) if note
)


def is_name(line: str) -> bool:
    """Whether a command has no argument, or not all that it needs."""
    words = shlex.split(line)
    for n in (4, 3, 2):
        if found := apps().get(" ".join(words[:n])):
            if hasattr(found, "commands") or len(words) <= n:
                return True
            try:
                found.make_context(line, words[n:])
            except Exception as error:  # of click, or of what typer has taken over of it
                return type(error).__name__ in ("MissingParameter", "BadOptionUsage", "NoSuchOption")
            return False
    return False


def covers(whole: str, part: str) -> bool:
    """Whether a command has all of another and does what that does."""
    more, words = set(whole.split()), set(part.split())
    return words <= more and not (more - words) & {"--estimate", "--plan", "--dry-run"}


RUN = [
    line
    for line in WHERE
    if line not in REASONS and not is_name(line) and not any(covers(one, line) for one in IN_BLOCKS)
]


@pytest.fixture(scope="module")
def place(tmp_path_factory, smollm2):
    """(a folder filled, the environment, the address of the server)."""
    with loopback(Loopback(reply)) as (_, url):
        folder = clone(tmp_path_factory.mktemp("docs") / "clone")
        own = environment(folder)
        (folder / "pipeline.yaml").unlink()
        model = folder.parent / "model"
        done = run(
            f"python -m benchmarks.random_model --shape tiny --tokenizer {smollm2} --output {model}",
            folder,
            own,
        )
        assert done.returncode == 0, done.stderr
        fill(folder, url, model)
        yield folder, own, url


def run_all(lines, place, tmp_path) -> None:
    template, own, url = place
    folder = copied(template, tmp_path / "clone")
    failed = []
    for line in lines:
        text = BEFORE.get(line, "") + line + SMALLER.get(line, "")
        for word, stands_for in (WORDS | {"URL": url, "FOLDER": FOLDERS.get(line, str(DATA))}).items():
            text = text.replace(word, stands_for)
        done = run(text, folder, own)
        if done.returncode:
            failed.append(f"{text}: {done.returncode}\n{done.stdout[-500:]}\n{done.stderr[-800:]}")
    assert not failed, "\n\n".join(failed)


def needs_texts(line: str) -> bool:
    return any(f"benchmarks.{name}" in line for name in OF_DATA)


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({WHERE[line] for line in RUN if not needs_texts(line)}))
def test_the_commands_within_the_lines_of_a_page_run(page, place, tmp_path):
    run_all([line for line in RUN if WHERE[line] == page and not needs_texts(line)], place, tmp_path)


@pytest.mark.slow
@needs_data("dahl", "kormedmcqa", "ntrex_en_ko")
def test_the_commands_that_read_the_texts_of_others_run(place, tmp_path):
    lines = [line for line in RUN if needs_texts(line)]
    assert len(lines) >= len(OF_DATA)
    run_all(lines, place, tmp_path)


@pytest.mark.slow
def test_the_five_commands_of_the_blind_review_run(place, tmp_path):
    """Physicians stand between the first and the second."""
    template, own, _ = place
    folder = copied(template, tmp_path / "clone")
    shutil.copy(SAMPLE_INPUT, folder / "scored.jsonl")  # what `komep` was built from
    first, *others = REVIEW.splitlines()
    assert len(others) == 4 and (done := run(first, folder, own)).returncode == 0, done.stderr
    (folder / "returned").mkdir()
    for number, sheet in enumerate(filled(folder / "sheets")):
        sheet.rename(folder / "returned" / f"{number}.csv")
    done = run("\n".join([*others, *AFTER_REVIEW]).replace("build …", WORDS["build …"]), folder, own)
    assert done.returncode == 0, done.stderr


def test_names_belong_to_a_command_that_runs():
    whole = [set(line.split()) for line in (*RUN, *IN_BLOCKS, *REVIEW.splitlines(), *AFTER_REVIEW)]
    for line in WHERE:
        if line not in (*REASONS, *RUN):
            assert any(set(line.split()) <= one for one in whole), line


def test_reasons_are_of_commands_that_the_docs_have():
    assert WHERE.keys() >= REASONS.keys() | SMALLER.keys() | FOLDERS.keys() | BEFORE.keys()


# What the names within a page's calls are; the sheets of reviewers are filled in before they are read.
NAMES = """
import json
from pathlib import Path
from datasets import load_dataset
import komep_dataset as komep
from tests.docs_sheets import filled

rows, more = ([json.loads(line) for line in open(name)] for name in ("scored.jsonl", "new.jsonl"))
old, new, config = "OLD", "NEW", "pipeline.yaml"
questions = [{"question": "What is gout?", "category": "rheumatology"}]
responses = komep.ask(questions, config, "a").frame
scored, corrections = rows[:2], "corrections.jsonl"
"""


@pytest.mark.slow
def test_the_calls_within_the_lines_of_all_pages_run(place, tmp_path):
    """In the order of the pages; what would come from the Hub does not."""
    template, own, _ = place
    folder = copied(template, tmp_path / "clone")
    pages = [page.read_text("utf-8") for page in PAGES if page.name not in OTHERS]
    calls = [one for page in pages for one in CALL.findall(page) if "ORG/" not in one]
    lines = [NAMES]
    for call in dict.fromkeys(calls):
        lines += ['sheets = [*filled(Path("sheets"))]'] * ("(sheets," in call) + [f"print({call!r})", call]
    done = run("\n".join(lines), folder, own, python=True)
    assert done.returncode == 0, f"{done.stdout[-500:]}\n{done.stderr[-2000:]}"
