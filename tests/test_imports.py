"""How the modules hang together: a package imports lower floors alone, nothing needs itself, no private name travels."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# What each floor holds, from the ground up; docs/architecture.md says what each folder is for.
FLOORS = {
    "komep_dataset": (
        "errors languages options progress replies schema system templates",
        "files samples",
        "dahl prompts tables",
        "pairs preferences questions",
        "gates",
        "build_options",
        "config",
        "inference",
        "evidence",
        "responses scores translation",
        "judge",
        "release",
        "audit exports komep pipeline review",
        "explorer hub",
        "api commands",
        "cli",
    ),
    "evaluation": (
        "dahl kormedmcqa",
        "harness",
        "backends benchmarks model_page statistics",
        "lm_eval_results runner",
        "experiments publish quickstart",
        "compare experiment run",
    ),
}


def modules(root: Path) -> dict[str, Path]:
    """Every module of the packages by its dotted name."""
    found = {}
    for path in (path for package in FLOORS for path in sorted((root / package).rglob("*.py"))):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, known: dict[str, Path]) -> set[tuple[str, str]]:
    """(module among `known`, name taken from it or "") of a file's imports: at its top, in functions, for types alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {(name.name, "") for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in node.names:
                inside = f"{node.module}.{name.name}"
                # A package that a module is taken from is not depended on for that.
                found.add((inside, "") if inside in known else (node.module, name.name))
    return {(name, taken) for name, taken in found if name in known and known[name] != path}


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules among `known` that a file imports."""
    return {name for name, _ in imported(path, known)}


def circle(root: Path) -> list[str]:
    """A circle of modules, if there is one."""
    known = modules(root)
    try:
        TopologicalSorter({name: imports(path, known) for name, path in known.items()}).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def place(module: str) -> tuple[str, str, int]:
    """(package, its part, the floor of that part) of a module; the package itself stands under all."""
    package, _, rest = module.partition(".")
    part = rest.partition(".")[0]
    return package, part, next((i for i, floor in enumerate(FLOORS[package]) if part in floor.split()), -1)


def faults(root: Path) -> list[str]:
    """Imports that go up or sideways, and private names that one part takes from another."""
    found, known = [], modules(root)
    for name, path in known.items():
        package, part, floor = place(name)
        for other, taken in sorted(imported(path, known)):
            other_package, other_part, other_floor = place(other)
            if (package, part) == (other_package, other_part):
                continue
            upward = other_floor >= floor if package == other_package else package == "komep_dataset"
            if upward or (taken.startswith("_") and not taken.endswith("__")):
                found.append(f"{name} takes {taken or 'all'} of {other}")
    return found


def test_no_module_needs_itself_by_way_of_others():
    assert len(modules(ROOT)) > 100 and circle(ROOT) == []


def test_imports_go_to_lower_floors_and_take_no_private_name():
    assert faults(ROOT) == []
    listed = [part for floors in FLOORS.values() for floor in floors for part in floor.split()]
    there = {place(name)[:2] for name in modules(ROOT) if "." in name}
    assert len(listed) == len(
        {(p, part) for p, floors in FLOORS.items() for f in floors for part in f.split()} & there
    )
    assert all(place(name)[2] >= 0 for name in modules(ROOT) if "." in name)


def test_the_page_of_the_architecture_names_every_part():
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    parts = [part for floors in FLOORS.values() for floor in floors for part in floor.split()]
    assert [part for part in parts if f"{part}/" not in page and f"{part}.py" not in page] == []


def test_no_folder_is_a_pile_of_modules():
    """At most 12 modules beside each other in a package, 15 where a folder holds commands as well."""
    for package in (*FLOORS, "recipes"):
        for folder in {path.parent for path in (ROOT / package).rglob("*.py")}:
            beside = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
            assert len(beside) <= 12, folder


def test_the_test_of_a_module_is_found_by_its_name():
    """tests/ mirrors the code; a metric's `tests.py` holds cases in the form of the Hub and is run by its metric's test."""
    missing = []
    for folder, tests in (
        ("komep_dataset", "tests"),
        ("evaluation", "tests/evaluation"),
        ("recipes", "tests/recipes"),
    ):
        for path in sorted((ROOT / folder).rglob("*.py")):
            place = path.relative_to(ROOT / folder)
            if place.name not in ("__init__.py", "tests.py"):
                test = ROOT / tests / place.parent.as_posix().replace("-", "_") / f"test_{place.name}"
                missing += [] if test.is_file() else [str(test.relative_to(ROOT))]
    assert missing == []


@pytest.mark.parametrize(
    "line", ["from {} import a", "def f():\n    import {}", "if TYPE_CHECKING:\n    import {}"]
)
def test_a_circle_is_seen_wherever_its_imports_stand(line, tmp_path):
    for name, other in (("run", "compare"), ("compare", "run"), ("publish", "run")):
        (tmp_path / "evaluation").mkdir(exist_ok=True)
        (tmp_path / "evaluation" / f"{name}.py").write_text(line.format(f"evaluation.{other}"))
    assert set(circle(tmp_path)) == {"evaluation.run", "evaluation.compare"}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("komep_dataset/dahl.py", "from komep_dataset.cli import main"),
        ("komep_dataset/dahl.py", "def f():\n    import evaluation.run"),
        ("evaluation/compare.py", "from evaluation.run import main"),
        ("komep_dataset/cli.py", "from komep_dataset.dahl import _secret"),
    ],
)
def test_an_import_of_the_wrong_kind_is_seen(name, line, tmp_path):
    empty = dict.fromkeys(("komep_dataset/dahl.py", "komep_dataset/cli.py", "evaluation/run.py"), "")
    for path, text in (empty | {name: line}).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    assert len(faults(tmp_path)) == 1
