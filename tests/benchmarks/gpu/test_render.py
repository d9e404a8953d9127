"""What is rendered of the check's lines: docs/gpu.md, the planner's rates, the measured part of docs/memory.md."""

import json
from pathlib import Path

import pytest
import yaml

from tests.benchmarks.gpu.written_lines import lines_of

pytest.importorskip("torch", reason="needs the extra [recipes]")


from benchmarks.gpu import check, render

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "docs" / "gpu").glob("*.jsonl"))
CARD = {"step": "card", "python": "3.12", "card": "X1", "matrix_tflops": 100.0, "versions": {"torch": "2"}}
TRAINED = {
    "lever": "plain", "method": "dpo", "model": "8b", "config": "real", "lora": True, "pairs_a_step": 8,
    "steps_timed": 9, "seconds_a_step": 1.0, "tokens_a_second": 1000, "tokens_a_step": 1000, "operations": 2e13,
    "peak": None, "flags": [], "losses": [0.6931],
}  # fmt: skip


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
            off.append(abs(taken / (estimated / 2**30 + 0.75) - 1))
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
        assert value == pytest.approx(expected, rel=2e-3, abs=1e-3) if values else value is None
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
