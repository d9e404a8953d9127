"""The TRL lines on a release's card build a trainer from the release as it is."""

import re

from komep_dataset.release.build import build


def test_the_trainer_of_the_card_is_built(tiny_model, tmp_path, monkeypatch, capsys):
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
    monkeypatch.chdir(tmp_path)  # the snippet loads `komep`, and writes into `tuned`
    exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    rows, parameters = capsys.readouterr().out.split()[-2:]
    assert int(rows) == facts["rows"]["ko"]["train"] and int(parameters) > 0
