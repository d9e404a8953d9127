"""The GPU check without a GPU: its real command, steps that go wrong, its pairs, and what is rendered of its lines."""

import json
import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import psutil
import pytest
import yaml

pytest.importorskip("torch", reason="needs the extra [train]")

from benchmarks.gpu import check, pairs, render, wheels
from benchmarks.gpu.clocks import kinds
from benchmarks.gpu.pairs import write_pairs
from benchmarks.gpu.setting import DONE, Setting

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "docs" / "gpu").glob("*.jsonl"))
# Steps that end in every way there is; the process that others are forked from imports this file.
STEPS = """
import os, subprocess, sys, time
from pathlib import Path
from benchmarks.gpu import check
from benchmarks.gpu.setting import Setting

def fine(setting, say):
    say({"value": 1})

def wrong(setting, say):
    say({"value": 2})
    raise ValueError("two\\nlines")

def refused(setting, say):
    print("error: --beta: no such value")
    sys.stdout.flush()
    raise RuntimeError("recipe ended with 1")

def slow(setting, say):
    say({"value": 3})
    time.sleep(600)

def killed(setting, say):
    os._exit(9)

def careless(setting, say):
    left = subprocess.Popen(["sleep", "600"], start_new_session=True)  # as torchrun's workers are
    say({"pid": left.pid})

STEPS = {f.__name__: check.step(f, 3 if f is slow else 60) for f in (fine, wrong, refused, slow, killed, careless)}
check.all_steps = lambda tiny: STEPS

if __name__ == "__main__":
    output, seconds, names = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    print(check.run_steps(names, Setting("cpu", True, output), output, seconds))
"""


def python(*words: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def run_steps(folder: Path, seconds: float, *names: str) -> tuple[list[dict], str]:
    """(lines, what was printed) of some of the steps above."""
    (folder / "small_steps.py").write_text(STEPS, "utf-8")
    start = "import runpy, small_steps; runpy.run_module('small_steps', run_name='__main__', alter_sys=True)"
    done = python("-c", start, folder, seconds, *names, PYTHONPATH=f"{folder}:{ROOT}")
    assert not done.returncode, done.stderr
    return lines_of(folder / check.LINES), done.stdout


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_every_step_has_its_line_however_it_ends(tmp_path):
    lines, said = run_steps(tmp_path, 500, "wrong", "refused", "slow", "killed", "fine")
    ends = [(line["step"], line.get("failed", line.get("value"))) for line in lines]
    assert [(step, re.sub(r"after \d+ s", "after 3 s", str(end))) for step, end in ends] == [
        ("wrong", "2"),
        ("wrong", "ValueError: two lines"),
        ("refused", "error: --beta: no such value"),
        ("slow", "3"),
        ("slow", "ended after 3 s"),
        ("killed", "the process ended with 9"),
        ("fine", "1"),
    ]
    assert said.split()[-1] == "4" and said.count("FAILED") == 4 and said.count("done") == 1
    assert "Traceback" in (tmp_path / check.LOG).read_text("utf-8")


def test_what_a_step_leaves_running_is_ended(tmp_path):
    (line,), _ = run_steps(tmp_path, 500, "careless")
    left = psutil.Process(line["pid"]) if psutil.pid_exists(line["pid"]) else None
    assert left is None or left.status() == psutil.STATUS_ZOMBIE  # where nobody collects what is dead


def test_an_interrupted_check_ends_its_step_and_keeps_its_lines(tmp_path):
    """SIGTERM, as a scheduler sends it, in the middle of the first step."""
    words = ["--device", "cpu", "--tiny", "--only", "card", "--output", str(tmp_path / "check")]
    command = [sys.executable, "-m", "benchmarks.gpu.check", *words, "--work", str(tmp_path / "work")]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "check" / check.LINES).is_file():
        time.sleep(0.1)
    running.terminate()
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130 and said.splitlines()[-1].startswith("interrupted; ")
    assert "Traceback" not in said and lines_of(tmp_path / "check" / check.LINES)[0]["step"] == "begin"


def test_a_working_folder_is_used_again_without_what_was_left_in_it(tmp_path):
    setting = Setting("cpu", True, tmp_path)
    setting.start_over()
    (setting.scratch / "journal").write_text("old")
    for name in ("8b", "1b"):
        assert not setting.is_prepared()
        setting.model(name).mkdir(parents=True)
        with pytest.raises(FileNotFoundError, match=f"no model {name}: it could not be made"):
            setting.made(name)
        (setting.model(name) / DONE).touch()
        setting.release.mkdir(exist_ok=True)
    setting.start_over()
    assert setting.is_prepared() and list(setting.scratch.iterdir()) == []
    assert setting.made("1b") == tmp_path / "models" / "1b"


def test_no_step_begins_without_time(tmp_path):
    lines, said = run_steps(tmp_path, 4, "fine", "wrong")
    assert [(line["step"], line["failed"]) for line in lines] == [
        ("fine", "not begun: 4 s were to be used"),
        ("wrong", "not begun: 4 s were to be used"),
    ]
    assert said.split() == ["2"]


@pytest.mark.slow
def test_the_real_command_runs_a_step(tmp_path):
    """Into a file that has lines already, which stay; `pairs` stands for what `prepare` makes."""
    (tmp_path / "work" / "pairs").mkdir(parents=True)
    for name in ("8b", "1b"):
        model = Setting("cpu", True, tmp_path / "work").model(name)
        model.mkdir(parents=True)
        (model / DONE).touch()
    output = tmp_path / "check"
    output.mkdir()
    check.append(output / check.LINES, {"step": "begin"})
    words = ["--device", "cpu", "--tiny", "--only", "card", "shared-attention", "--work", tmp_path / "work"]
    done = python("-m", "benchmarks.gpu.check", *words, "--output", output)
    assert done.returncode == 0, done.stderr + (output / check.LOG).read_text("utf-8")
    kept, begin, card, *attention = lines_of(output / check.LINES)
    assert kept == {"step": "begin"} and begin["rehearsal"] is True and "--only card" in begin["command"]
    assert card["card"] == "CPU" and card["versions"]["trl"]
    assert [line["causal"] for line in attention] == [False, True]
    assert all(line["values_differ"] < 1e-5 for line in attention)


def test_no_gpu_is_one_line(tmp_path):
    done = python("-m", "benchmarks.gpu.check", "--output", tmp_path / "check", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: no GPU that PyTorch can use") and done.stderr.count("\n") == 1
    assert not (tmp_path / "check" / check.LINES).exists()


@pytest.mark.parametrize("option", ["--only", "--without"])
def test_an_unknown_step_is_named_with_those_there_are(option, tmp_path):
    with pytest.raises(SystemExit, match=r"^error: no step dpo-trll; there are card, prepare, .*dpo-trl, "):
        check.main(["--output", str(tmp_path / "check"), option, "card", "dpo-trll"])
    assert not list(tmp_path.iterdir())


def test_kernels_are_told_apart_by_name():
    seen = {
        "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn": 0.5, "nvjet_tst_192x192_64x4": 0.25,
        "flash_fwd_kernel<Flash_fwd_kernel_traits<128>>": 0.125, "multi_tensor_apply_kernel<FusedAdam>": 0.0625,
        "Memcpy HtoD (Pinned -> Device)": 0.03125, "vectorized_elementwise_kernel<4>": 0.01,
    }  # fmt: skip
    assert kinds(seen) == {
        "matrix": 0.75, "attention": 0.125, "head": 0.0, "optimiser": 0.0625, "copies": 0.0312,
        "elementwise and other": 0.01,
    }  # fmt: skip


class Words:
    """A tokenizer of one token a word."""

    def __call__(self, text, add_special_tokens):
        return {"input_ids": text.split()}

    def decode(self, ids):
        return " ".join(ids)


def test_pairs_have_their_lengths_and_are_the_same_again(tmp_path):
    write_pairs(Words(), tmp_path / "a", 40, 480)
    for config in ("real", "fixed"):
        rows = lines_of(tmp_path / "a" / config / "train.jsonl")
        assert len(rows) == 40 and len(lines_of(tmp_path / "a" / config / "test.jsonl")) == 2
        prompts = [len(row["prompt"][0]["content"].split()) for row in rows]
        answers = [len(row[side][0]["content"].split()) for row in rows for side in ("chosen", "rejected")]
        if config == "fixed":
            assert set(prompts) == {60} and set(answers) == {480}
        else:
            assert min(prompts) >= 30 and max(prompts) <= 90 and min(answers) >= 150 and max(answers) <= 450
            assert len(set(answers)) > 40 and sum(answers) / len(answers) == pytest.approx(300, rel=0.1)
    write_pairs(Words(), tmp_path / "b", 40, 480)
    write_pairs(Words(), tmp_path / "c", 40, 480, seed=1)
    first, again, other = ((tmp_path / n / "real" / "train.jsonl").read_bytes() for n in "abc")
    assert first == again != other
    write_pairs(Words(), tmp_path / "d", 2, 480, scale=0.1)
    assert len(lines_of(tmp_path / "d" / "fixed" / "train.jsonl")[0]["chosen"][0]["content"].split()) == 48


# What is rendered


def test_the_repository_has_what_its_lines_give():
    calls = render.read_calls(FILES)
    memory = (ROOT / "docs" / "memory.md").read_text("utf-8")
    assert (ROOT / "docs" / "gpu.md").read_text("utf-8") == render.page(calls) == render.page(calls)
    assert (ROOT / "docs" / "gpu" / "rates.yaml").read_text("utf-8") == render.rates(calls)
    assert memory == render.insert(memory, render.memory_table(calls)) and memory.count(render.BEGIN) == 1


def test_goals_are_what_the_lines_say():
    """Worked out anew from the lines: states and activations in bytes by hand, `trl dpo` of one kind of card."""
    states = {
        ("8b", True): 2 * 8.030e9 + 16 * 41.9e6,
        ("1b", True): 2 * 1.236e9 + 16 * 11.3e6,
        ("1b", False): 8 * 1.236e9,
    }
    a_token = {
        "8b": 2 * 4096 * 32 + 4 * (8 * 4096 + 4 * 14336),
        "1b": 2 * 2048 * 16 + 4 * (8 * 2048 + 4 * 8192),
    }
    speeds, trl, topologies, ratios, shares, off = {}, {}, {}, [], [], []
    for line in (line for path in FILES for line in lines_of(path) if "failed" not in line):
        if line["step"] in ("begin", "card"):
            rate = line.get("matrix_tflops", 0) * 1e12
        elif line["step"] in ("runner", "harness"):
            speeds[line["step"]] = max(speeds.get(line["step"], 0), line["questions_a_second"])
        elif line["step"] == "topologies":
            topologies[line["topology"]] = line["losses"]
            first = line["against"]
        elif line.get("lever") == "memory":
            estimated = states[line["model"], line["lora"]] + a_token[line["model"]] * line["tokens_a_step"]
            taken = max(line["peak"]["taken"], line["peak"]["reserved"])
            off.append(abs(taken / (estimated / 2**30 + 4) - 1))
        elif line["step"] == "dpo-trl":
            trl[line["pairs_a_step"], line["lora"]] = line["tokens_a_second"]
        elif line["step"].startswith("dpo-") and "losses" in line and 0.679 < line["losses"][0] < 0.707:
            ratios += [
                line["tokens_a_second"] / one
                for key, one in trl.items()
                if key == (line["pairs_a_step"], line["lora"])
            ]
            shares += [line["operations"] / rate] if rate and not line["prompts_shared"] else []
    losses = [topologies[name] for name in topologies if name != first]
    apart = [max(abs(a / b - 1) for a, b in zip(other, topologies[first], strict=True)) for other in losses]
    found = render.goals(render.read_calls(FILES))
    by_hand = [[speeds["runner"] / speeds["harness"]], ratios, shares, off, apart]
    page = (ROOT / "docs" / "gpu.md").read_text("utf-8")
    for (goal, value, reached), values, bound in zip(found, by_hand, (5, 1.5, 0.5, 0.1, 0.02), strict=True):
        expected = max(values, default=None)
        assert value == pytest.approx(expected, rel=2e-3) if values else value is None
        if values:
            assert reached == (expected >= bound if bound > 0.1 else expected <= bound)
        shown = "not measured" if value is None else f"{value:.2f}" if value > 1 else f"{value:.1%}"
        assert f"| {goal} | {shown} | { ({True: 'yes', False: 'no', None: '–'}[reached]) } |\n" in page


def test_nothing_that_failed_is_hidden():
    page = (ROOT / "docs" / "gpu.md").read_text("utf-8").partition("## What has no figure")[2]
    rows = [row.strip("| ").split(" | ") for row in page.splitlines() if row.startswith("| ")][2:]
    failed = [line for path in FILES for line in lines_of(path) if "failed" in line]
    assert [(row[1].split()[0], row[2]) for row in rows[: len(failed)]] == [
        (f["step"], f["failed"]) for f in failed
    ]
    lines = [line["step"] for path in FILES for line in lines_of(path)]
    assert [row[1] for row in rows[len(failed) :]] == [
        name for name in check.all_steps(False) if name not in lines
    ]


def written(path: Path, *lines: dict) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def begin(rehearsal: bool) -> dict:
    return {
        "step": "begin",
        "date": "2026-01-02",
        "device": "cpu",
        "rehearsal": rehearsal,
        "command": "check",
    }


CARD = {"step": "card", "python": "3.12", "card": "X1", "matrix_tflops": 100.0, "versions": {"torch": "2"}}
TRAINED = {
    "lever": "plain", "method": "dpo", "model": "8b", "config": "real", "lora": True, "pairs_a_step": 8,
    "steps_timed": 9, "seconds_a_step": 1.0, "tokens_a_second": 1000, "tokens_a_step": 1000, "operations": 2e13,
    "peak": None, "flags": [], "losses": [0.6931],
}  # fmt: skip


def test_a_call_stands_beside_its_own_or_such_a_card(tmp_path):
    """`trl dpo` of the same call; else of another call on a card of that name; never of another card."""
    trl = TRAINED | {"step": "dpo-trl", "side": "trl"}
    faster, ours = (
        trl | {"tokens_a_second": 1500},
        TRAINED | {"step": "dpo-plain", "side": "ours", "tokens_a_second": 3000},
    )
    parts = [[CARD, trl, ours], [CARD, faster, ours], [CARD, ours], [CARD | {"card": "X2"}, ours], [ours]]
    lines = [line for part in parts for line in [begin(False), *part]]
    calls = render.read_calls([written(tmp_path / "a.jsonl", *lines)])
    found = [render.to_trl(calls, call, line) for call, line in render.figures(calls, side="ours")]
    assert found == [3.0, 2.0, 2.0, None, None]
    assert [render.mfu(call, ours) for call in calls] == [0.2, 0.2, 0.2, 0.2, None]
    assert render.mfu(calls[0], ours | {"prompts_shared": True}) is None


def test_a_run_with_another_loss_counts_for_no_goal(tmp_path):
    fast = TRAINED | {
        "step": "dpo-liger",
        "lever": "recipe",
        "side": "ours",
        "tokens_a_second": 9000,
        "operations": 9e13,
        "losses": [0.63],
    }
    slow = TRAINED | {"step": "dpo-recipe", "lever": "recipe", "side": "ours"}
    calls = render.read_calls([written(tmp_path / "a.jsonl", begin(False), CARD, fast, slow)])
    assert dict((goal[:3], value) for goal, value, _ in render.goals(calls)[2:3]) == {"DPO": 0.2}
    assert yaml.safe_load(render.rates(calls))["tokens_a_second"] == {"dpo": 1000}
    assert "9000" in render.page(calls)


def test_a_rehearsal_is_marked_and_stays_out_of_docs(tmp_path):
    path, output = written(tmp_path / "a.jsonl", begin(True), CARD | {"card": "CPU"}), tmp_path / "page.md"
    before = [(ROOT / "docs" / name).read_bytes() for name in ("gpu.md", "memory.md", "gpu/rates.yaml")]
    with pytest.raises(SystemExit, match=r"^error: a rehearsal has no figures for docs/; --output names"):
        render.main([str(path)])
    render.main([str(path), "--output", str(output)])
    assert output.read_text("utf-8").startswith("**A rehearsal on a CPU with tiny shapes")
    assert "## Goals" not in output.read_text("utf-8")
    assert before == [
        (ROOT / "docs" / name).read_bytes() for name in ("gpu.md", "memory.md", "gpu/rates.yaml")
    ]


def test_lines_that_cannot_be_rendered_are_named(tmp_path):
    good, rehearsal = (
        written(tmp_path / "good.jsonl", begin(False)),
        written(tmp_path / "r.jsonl", begin(True)),
    )
    cut, early = tmp_path / "cut.jsonl", written(tmp_path / "early.jsonl", CARD)
    cut.write_text(json.dumps(begin(False)) + '\n{"step": "ca', "utf-8")
    empty = written(tmp_path / "empty.jsonl")
    for paths, said in (
        ([good, tmp_path / "none.jsonl"], r"none\.jsonl: cannot be read \(.*No such file"),
        ([cut], r"cut\.jsonl:2: no line of the check$"),
        ([written(tmp_path / "list.jsonl", [1])], r"list\.jsonl:1: no line of the check$"),
        ([good, early], r"early\.jsonl:1: a figure before any line `begin`$"),
        ([good, rehearsal], r"rehearsals and real calls do not go into one table$"),
        ([empty], r"no line in any file$"),
        ([good], r"no call has a line of the step `card`$"),
    ):
        with pytest.raises(SystemExit, match=r"^error: .*" + said):
            render.main([*map(str, paths)])


def test_the_planner_takes_the_measured_rates(tmp_path, monkeypatch):
    """What an experiment file states itself stays; the rest comes from the card, per device."""
    from evaluation.experiments.matrix import read_matrix
    from komep_dataset.errors import KomepError

    monkeypatch.chdir(ROOT)
    smoke = yaml.safe_load((ROOT / "evaluation/experiments/smoke.yaml").read_text("utf-8"))
    seen = yaml.safe_load((ROOT / "docs/gpu/rates.yaml").read_text("utf-8"))
    (tmp_path / "rates.yaml").write_text((ROOT / "docs/gpu/rates.yaml").read_text("utf-8"), "utf-8")

    def rates(**stated):
        path = tmp_path / "experiment.yaml"
        path.write_text(yaml.safe_dump(smoke | {"estimate": {"source": "mine", **stated}}), "utf-8")
        return read_matrix(path).estimate

    found = rates(measured="rates.yaml", devices=8, batch=100)
    assert found.flops == seen["flops"] and found.utilisation == min(seen["utilisation"].values())
    size = max(size for size in seen["questions_a_second"] if size <= 100)
    assert found.seconds_per_question == {"ko": pytest.approx(1 / seen["questions_a_second"][size] / 8)}
    assert found.source.startswith(
        f"measured on one {seen['card']}, {seen['date']}"
    ) and found.source.endswith("; mine")
    assert rates(measured="docs/gpu/rates.yaml").flops == seen["flops"]  # in the current folder
    stated = rates(measured="rates.yaml", flops=1e12, utilisation=0.5, seconds_per_question={"en": 2.0})
    assert (stated.flops, stated.utilisation, stated.seconds_per_question) == (1e12, 0.5, {"en": 2.0})
    assert rates().source == "mine" and rates().utilisation == 0.35
    with pytest.raises(KomepError, match=r"estimate\.measured: none\.yaml: no such file"):
        rates(measured="none.yaml")
    (tmp_path / "rates.yaml").write_text("card: X\n", "utf-8")
    with pytest.raises(KomepError, match=r"rates\.yaml: date: missing"):
        rates(measured="rates.yaml")


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


def test_pairs_of_the_sample_are_its_best_and_its_worst_answer():
    rows = pairs.best_and_worst()
    shares = {row["response"]: [unit["verdict"] == "true" for unit in row["units"]] for row in pairs.sample()}
    assert len(rows) > 40 and len({row["prompt"][0]["content"] for row in rows}) == len(rows)
    for row in rows:
        chosen, rejected = (shares[row[side][0]["content"]] for side in ("chosen", "rejected"))
        assert sum(chosen) / len(chosen) > sum(rejected) / len(rejected)
