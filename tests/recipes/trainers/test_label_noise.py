"""Label smoothing of a release's judge: that of `komep bias` on the pairs that are trained on, or a refusal with what to do."""

import pytest

from benchmarks.label_noise import JUDGES, WORLDS, outcome, simulate
from komep_dataset.audit.bias import measure
from komep_dataset.errors import KomepError
from komep_dataset.release.build import build
from tests.audit.records import record, written
from tests.recipes.tiny_runs import flags, read, train

pytest.importorskip("trl", reason="needs the extra [recipes]")

from trainers.label_noise import noise_of_release


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The sample, all pairs, with a judge that calls 95% of true and 20% of false statements true."""
    folder = tmp_path_factory.mktemp("judged")
    build([], folder / "komep", pairs="all", judge=written(record(190, 10, 40, 160), folder))
    return folder / "komep"


@pytest.fixture(scope="module")
def unjudged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unjudged") / "komep"
    build([], folder)
    return folder


def test_it_is_the_share_that_bias_expects(judged):
    whole = measure(judged, "ko")["label_noise"]
    train, test = (noise_of_release(str(judged), None, split) for split in ("train", "test"))
    assert train["pairs"] + test["pairs"] == whole["pairs"]
    mean = sum(side["label_smoothing"] * side["pairs"] for side in (train, test)) / whole["pairs"]
    assert mean == pytest.approx(whole["flipped"], abs=1e-4)
    assert 0 < train["range"][0] < train["label_smoothing"] < train["range"][1] < 0.5
    assert (train["checker"], train["sensitivity"], train["specificity"]) == ("stand-in", 0.95, 0.8)


@pytest.mark.slow
@pytest.mark.parametrize("judge", ["good", "fair"])
def test_it_is_the_true_share_where_the_truth_is_known(judge, tmp_path):
    """Not less so for pairs that were picked by the verdicts themselves: best against worst."""
    rates = JUDGES[judge]
    scored = simulate(WORLDS["as modelled"], rates, 800, 0)
    scored.drop("question_id").write_ndjson(tmp_path / "scored.jsonl")
    hits, right = round(2000 * rates.sensitivity), round(2000 * rates.specificity)
    one = written(record(hits, 2000 - hits, 2000 - right, right), tmp_path)
    build([tmp_path / "scored.jsonl"], tmp_path / "komep", judge=one)
    found = noise_of_release(str(tmp_path / "komep"), "en")
    true = outcome(WORLDS["as modelled"], rates, questions=800, seed=0).true.mean()
    assert found["label_smoothing"] == pytest.approx(true, abs=0.02)


def test_what_cannot_give_it_is_refused_with_what_to_do(unjudged, release, tmp_path):
    (tmp_path / "pairs.jsonl").write_text("{}\n")
    with pytest.raises(
        KomepError, match=r"no calibration of its judge: `komep calibrate`, then `komep build --judge`"
    ):
        noise_of_release(str(unjudged), "ko")
    for name, words in (
        (release, "not a KoMeP release"),
        (tmp_path / "pairs.jsonl", "is a file, not a release"),
    ):
        with pytest.raises(KomepError, match=f"--label_smoothing_from_release: .*{words}.*--label_smoothing"):
            noise_of_release(str(name), "ko")
    chance = written(record(100, 100, 100, 100), tmp_path)
    build([], tmp_path / "komep", judge=chance)
    with pytest.raises(KomepError, match=r"no better than chance|not told from chance"):
        noise_of_release(str(tmp_path / "komep"), "ko")


@pytest.mark.slow
def test_a_run_says_and_keeps_it(judged, tiny_model, tmp_path, capsys):
    words = flags(
        tiny_model,
        judged,
        tmp_path / "out",
        max_steps=1,
        max_length=2048,
        max_train_pairs=8,
        max_test_pairs=2,
    )
    words += ["--loss_type", "robust", "--label_smoothing_from_release", "true"]
    assert train("dpo", words) == 0
    summary, noise = read(tmp_path / "out"), noise_of_release(str(judged), "ko")
    assert summary["label_smoothing"] == noise["label_smoothing"] > 0 and summary["label_noise"] == noise
    assert (
        f"label smoothing {noise['label_smoothing']:.4f}: of {noise['pairs']:,} pairs"
        in capsys.readouterr().out
    )
    assert "stand-in" in (tmp_path / "out" / "README.md").read_text("utf-8")


def test_two_shares_or_a_loss_that_reads_none_are_refused(unjudged, tmp_path, capsys):
    for more, words in (
        (["--loss_type", "robust", "--label_smoothing", "0.1"], "two shares; drop one"),
        (["--loss_type", "sigmoid"], "--label_smoothing_from_release: sigmoid would not read it"),
        (["--loss_type", "robust"], "no calibration of its judge"),
    ):
        given = flags("no/such-model", unjudged, tmp_path / "out", max_steps=1)
        assert train("dpo", [*given, *more, "--label_smoothing_from_release", "true"]) in (1, 2)
        assert words in capsys.readouterr().err
