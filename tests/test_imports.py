"""How the modules of the project hang together: no circle, wherever an import stands."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("komep_dataset", "evaluation")


def modules(root: Path) -> dict[str, Path]:
    """Every module of the packages by its dotted name."""
    found = {}
    for path in (path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules among `known` that a file imports: at its top, in functions, and for types alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inside = {f"{node.module}.{name.name}" for name in node.names}
            # A package that a module is taken from is not depended on for that.
            found |= inside if inside <= known.keys() else {node.module, *(inside & known.keys())}
    return (found & known.keys()) - {name for name, at in known.items() if at == path}


def circle(root: Path) -> list[str]:
    """A circle of modules, if there is one."""
    known = modules(root)
    try:
        TopologicalSorter({name: imports(path, known) for name, path in known.items()}).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_module_needs_itself_by_way_of_others():
    assert len(modules(ROOT)) > 100 and circle(ROOT) == []


@pytest.mark.parametrize(
    "line", ["from {} import a", "def f():\n    import {}", "if TYPE_CHECKING:\n    import {}"]
)
def test_a_circle_is_seen_wherever_its_imports_stand(line, tmp_path):
    for name, other in (("one", "two"), ("two", "one"), ("three", "one")):
        (tmp_path / "evaluation").mkdir(exist_ok=True)
        (tmp_path / "evaluation" / f"{name}.py").write_text(line.format(f"evaluation.{other}"))
    assert set(circle(tmp_path)) == {"evaluation.one", "evaluation.two"}
