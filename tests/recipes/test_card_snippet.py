"""The TRL lines on a release's card build a trainer from the release as it is."""

import os
import re
import subprocess
import sys

import pytest

from komep_dataset.release.build import build


@pytest.mark.slow
def test_the_trainer_of_the_card_is_built(tiny_model, tmp_path):
    facts = build([], tmp_path / "komep").facts
    card = (tmp_path / "komep" / "README.md").read_text("utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", card, re.DOTALL))
    code, models = re.subn(r'"HuggingFaceTB/[^"]+"', repr(str(tiny_model)), code)
    code, trains = re.subn(
        r"trainer\.train\(\)", "print(trainer.train_dataset.num_rows, trainer.model.num_parameters())", code
    )
    # What its comment says for a CPU.
    code, cpu = re.subn(r'output_dir="tuned"\)  # on a CPU: (.+)', r'output_dir="tuned", \1)', code)
    assert models == trains == cpu == 1
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "home"),
        "ACCELERATE_USE_CPU": "true",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    rows, parameters = done.stdout.split()[-2:] if done.returncode == 0 else ("0", "0")
    assert int(rows) == facts["rows"]["ko"]["train"] and int(parameters) > 0, done.stderr[-3000:]
