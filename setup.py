"""Beside setup.cfg: what `python -m evaluation.run` is outside of a clone.

An editable installation finds the clone's `evaluation` from any folder. A wheel gets `evaluation/run.py` and its
neighbours, which only say that they run from a clone. They have no `__init__.py`: the real package, or anybody's package
of that name, goes before them wherever it stands on the path.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

COMMANDS = ("compare", "experiment", "publish", "quickstart", "run")
SAYS = '''"""Only says where this runs: the package `komep` of pip holds the command `komep` alone."""

import sys

WHERE = (
    "python -m {name} runs from a clone of KoMeP, not from the installed package: "
    'in the clone, type pip install -e ".[evaluation]" and the same command (docs/evaluate.md there)'
)
if __name__ != "__main__":
    raise ModuleNotFoundError(WHERE, name=__name__)
print(f"error: {{WHERE}}", file=sys.stderr)
sys.exit(2)
'''


class BuildEvaluation(build_py):
    """`build_py` that adds the modules to a wheel, or the package to what an editable installation finds."""

    def run(self):
        super().run()
        if self.editable_mode:
            self.distribution.packages.append("evaluation")
            return
        for name in COMMANDS:
            path = Path(self.build_lib, "evaluation", f"{name}.py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(SAYS.format(name=f"evaluation.{name}"))


setup(cmdclass={"build_py": BuildEvaluation})
