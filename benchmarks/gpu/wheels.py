"""Fetch the wheels of wheels.txt and pack them in two parts, to carry to a GPU machine that has no network.

    python -m benchmarks.gpu.wheels                                              # .gpu/part-1 and .gpu/part-2
    python -m benchmarks.gpu.wheels --python 3.11 --output .gpu-rehearsal

The machine is x86-64 Linux. The first part holds every package but the one that is too big for a part, in one archive
(wheels.tar.xz: compressed together they take less than half the room); that one is split over both. install.sh puts
all of it together. What only exists as source is built here, which for DeepSpeed takes an environment that has torch.
Wheels are kept in OUTPUT/wheels, and are not fetched again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PINS = Path(__file__).with_name("wheels.txt")
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in (34, 31, 28, 27, 24, 17)] + ["manylinux2014_x86_64"]
MIB = 2**20
LARGEST = 56 * MIB  # of a part
ARCHIVE = "wheels.tar.xz"
BUILD = {"DS_BUILD_OPS": "0", "DS_SKIP_CUDA_CHECK": "1"}  # DeepSpeed without compiled operations


def pins(text: str) -> list[tuple[str, str]]:
    """(name, version) of each line that is not a comment."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return [(name, version) for name, _, version in (line.partition("==") for line in lines if line)]


def find_wheel(folder: Path, name: str, version: str, python: str) -> Path | None:
    """A pin's wheel in a folder, if it is there and is one for that version of Python."""
    plain = name.lower().replace("-", "_")
    for path in sorted(folder.glob("*.whl")):
        found, number, *_, tag, abi, _ = path.stem.split("-")
        fits = abi != "none" or not tag.startswith("py3") or tag in ("py3", f"py{python.replace('.', '')}")
        fits = fits and (abi in ("none", "abi3") or tag == f"cp{python.replace('.', '')}")
        if (found.lower().replace("-", "_"), number) == (plain, version) and fits:
            return path
    return None


def pip(*words: str, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "pip", *words], env=os.environ | BUILD, cwd=cwd, capture_output=True, text=True
    )


def fetch(folder: Path, name: str, version: str, python: str) -> Path:
    """The wheel of a pin, fetched or built into a folder unless it is there.

    Raises:
        SystemExit: it cannot be had, or what was built is bound to this machine's version of Python.
    """
    if there := find_wheel(folder, name, version, python):
        return there
    pin = f"{name}=={version}"
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        words = ["--only-binary=:all:", "--python-version", python, "--implementation", "cp"]
        words += [word for platform in PLATFORMS for word in ("--platform", platform)]
        done = pip("download", "--no-deps", *words, "--dest", scratch, pin, cwd=folder)
        if done.returncode:
            done = pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", scratch, pin, cwd=folder)
            if any(not path.stem.endswith("-none-any") for path in Path(scratch).glob("*.whl")):
                raise SystemExit(f"error: {pin}: the wheel that is built of it is for this machine alone")
        if done.returncode:
            raise SystemExit(f"error: {pin}: {(done.stderr.strip().splitlines() or ['pip failed'])[-1]}")
        (wheel,) = Path(scratch).glob("*.whl")
        wheel.replace(folder / wheel.name)
    if there := find_wheel(folder, name, version, python):
        return there
    raise SystemExit(f"error: {pin}: pip brought {wheel.name}, which is not it")


def stored(wheel: Path, target: Path) -> None:
    """A copy of a wheel with nothing compressed in it, for the archive to compress them all as one."""
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w") as copy:
        for entry in source.infolist():
            copy.writestr(entry, source.read(entry), zipfile.ZIP_STORED)


def pack(wheels: list[Path], output: Path) -> None:
    """Write both parts, unless they hold just these wheels.

    Raises:
        SystemExit: several wheels are too big for a part.
    """
    content = "".join(f"{path.name} {path.stat().st_size}\n" for path in wheels)
    parts, listing = [output / "part-1", output / "part-2"], output / "packed.txt"
    if listing.is_file() and listing.read_text("utf-8") == content and all(part.is_dir() for part in parts):
        return
    big = [path for path in wheels if path.stat().st_size > LARGEST]
    if len(big) > 1:
        raise SystemExit(f"error: too big for a part: {', '.join(path.name for path in big)}")
    listing.unlink(missing_ok=True)
    for part in parts:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
    with (
        tempfile.TemporaryDirectory(dir=output) as scratch,
        tarfile.open(parts[0] / ARCHIVE, "w:xz") as archive,
    ):
        for path in wheels:
            if path not in big:
                stored(path, Path(scratch, path.name))
                archive.add(Path(scratch, path.name), path.name)
    for path in big:
        data, used = path.read_bytes(), (parts[0] / ARCHIVE).stat().st_size
        cut = max(len(data) - LARGEST, (len(data) - used) // 2)
        for part, letter, piece in zip(parts, "ab", (data[:cut], data[cut:]), strict=True):
            (part / f"{path.name}.part-{letter}").write_bytes(piece)
    listing.write_text(content, "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--python", default="3.12", help="the machine's version of Python")
    parser.add_argument("--output", type=Path, default=Path(".gpu"), help="folder to write")
    arguments = parser.parse_args()
    output = arguments.output.resolve()
    (output / "wheels").mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(fetch, output / "wheels", name, version, arguments.python)
            for name, version in pins(PINS.read_text("utf-8"))
        ]
        wheels = [job.result() for job in jobs]
    pack(wheels, output)
    for path in wheels:
        print(f"{path.stat().st_size / MIB:8.2f} MiB  {path.name}")
    refused = False
    for part in (output / "part-1", output / "part-2"):
        sizes = {path.name: path.stat().st_size for path in sorted(part.iterdir())}
        holds = ", ".join(f"{name} {size / MIB:.2f}" for name, size in sizes.items())
        print(f"{sum(sizes.values()) / MIB:8.2f} MiB  {arguments.output / part.name}: {holds}")
        refused |= sum(sizes.values()) > LARGEST
    if refused:
        print(f"error: a part holds more than {LARGEST // MIB} MiB", file=sys.stderr)
    return int(refused)


if __name__ == "__main__":
    sys.exit(main())
