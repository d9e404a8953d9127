"""An experiment file: what is wrong in it is named by its key."""

import re

import pytest

from evaluation.experiments.matrix import read_matrix
from komep_dataset.errors import KomepError
from tests.evaluation.experiments.files import experiment

pytestmark = pytest.mark.usefixtures("from_the_root")  # where the paths of experiment files start


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"modles": []}, "modles: unknown key; did you mean 'models'?"),
        ({"methods": ["base", "dop"]}, "methods: 'dop' is none of base, dpo, orpo, sft; did you mean 'dpo'?"),
        ({"methods": ["base"]}, "base alone is not trained: a training language contradicts it"),
        ({"languages": []}, "languages: none, but dpo, orpo, sft must be trained with some"),
        ({"seeds": [0, 0]}, "seeds: 0 stands twice"),
        ({"seeds": [-1]}, "seeds: -1 is below 0"),
        ({"benchmarks": [{"name": "medqaa", "language": "en"}]}, "no benchmark 'medqaa'; did you mean 'medqa'?"),
        ({"benchmarks": [{"name": "medqa", "language": "english"}]}, "'english' is none of ko, en"),
        ({"benchmarks": [{"name": "medqa", "language": "en", "data": "nowhere"}]}, "nowhere: no such file"),
        ({"benchmarks": []}, "benchmarks: none"),
        ({"seeds": "0"}, 'seeds: expected a list, got "0"'),
        ({"seeds": [True]}, "seeds[0]: expected a whole number, got true"),
        ({"processes": 0}, "processes: 0 is below 1"),
        ({"variants_only": 1}, "variants_only: expected true or false, got 1"),
        ({"variants_only": True}, "variants_only: there are no variants"),
        ({"recipe": {"beta": [1]}}, "recipe.beta: expected a plain value, got a list"),
        ({"models": [{"name": "../x", "path": "m", "recipes": "recipes/smollm2-135m"}]}, "'../x' must be letters"),
        ({"models": [{"name": "x", "path": "m", "recipes": "recipes/none"}]}, "recipes/none/dpo.yaml: no such recipe"),
        ({"release": {"build": {"min_margn": 1}}}, "release.build.min_margn: unknown option; did you mean 'min_margin'?"),
        ({"release": {"build": {"decontaminate": "b=x"}}}, "release.build.decontaminate: unknown option; did you mean"),
        ({"release": {"path": "komep", "build": {"pairs": "all"}}}, "a finished release cannot be built as well"),
        ({"variants": [{"name": "v"}]}, "variants[0].name: 'v' overrides nothing"),
        ({"variants": [{"name": "v", "recipe": {"beta": 1}}] * 2}, "variants: 'v' stands twice"),
        ({"variants": [{"name": "v", "seeds": [7], "recipe": {"beta": 1}}]}, "variants[0].seeds: '7' is none of 0, 1"),
        ({"variants": [{"name": "v", "evaluation": {"shot": 1}}]}, "variants[0].evaluation.shot: unknown option; did"),
        ({"variants": [{"name": "v", "methods": ["base"], "recipe": {"beta": 1}}]}, "base is not trained"),
        ({"variants": [{"name": "v", "release": {"path": "a"}, "build": {"pairs": "all"}}]}, "is a finished one"),
        ({"published": [{"text": "x", "value": "1", "model": "y", "method": "dpo"}]}, "published[0].model: 'y' is none of smollm2-135m"),
        ({"published": [{"text": "x", "value": "1", "method": "dpo"}]}, "a figure of ours needs `model` and `method`"),
        ({"launch": "none.yaml"}, "none.yaml: no such file"),
        ({"slurm": {"time": "1h; rm"}}, "is no time such as"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_named(tmp_path, changes, said):
    with pytest.raises(KomepError, match=re.escape(said)):
        read_matrix(experiment(tmp_path, **changes))
