"""Wheels that travel in two parts, and the pins that name them."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from benchmarks.gpu import wheels

ROOT = Path(__file__).resolve().parents[3]


def test_parts_put_together_are_the_wheels_that_were_packed(tmp_path, monkeypatch):
    """One wheel too big for a part among small ones, through install.sh's own joining."""
    monkeypatch.setattr(wheels, "LARGEST", 300_000)
    source, files = (
        tmp_path / "wheels",
        {"big": os.urandom(400_000), "small": os.urandom(5000), "tiny": b"x" * 9000},
    )
    source.mkdir()
    made = []
    for name, content in files.items():
        made.append(source / f"{name}-1.0-py3-none-any.whl")
        with zipfile.ZipFile(made[-1], "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr(f"{name}/__init__.py", b"")
            wheel.writestr(f"{name}/data", content)
            wheel.writestr(
                f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            )
            wheel.writestr(
                f"{name}-1.0.dist-info/WHEEL",
                "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            )
            wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")
    wheels.pack(made, tmp_path)
    parts = [tmp_path / "part-1", tmp_path / "part-2"]
    assert all(0 < sum(path.stat().st_size for path in part.iterdir()) <= 300_000 for part in parts)
    settings = os.environ | {"KOMEP_GPU_SITE": str(tmp_path / "home"), "PYTHON": sys.executable}
    for part, there in zip(
        parts, ({"small", "tiny"}, set(files)), strict=True
    ):  # in two calls, as they travel
        done = subprocess.run(
            ["bash", "benchmarks/gpu/install.sh", str(part)],
            cwd=ROOT,
            env=settings,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert {name for name in files if (tmp_path / "home" / "site" / name / "data").is_file()} == there
    for name, content in files.items():
        assert (tmp_path / "home" / "site" / name / "data").read_bytes() == content


def test_pins_are_versions_and_every_wheel_has_one():
    pinned = wheels.pins((ROOT / "benchmarks" / "gpu" / "wheels.txt").read_text("utf-8"))
    assert len(dict(pinned)) == len(pinned) > 20 and all(version[:1].isdecimal() for _, version in pinned)
    assert dict(pinned)["trl"] == "1.16.0" and "torch" not in dict(pinned)
