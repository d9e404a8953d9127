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
        ({"methods": ["base", "dop"]}, "methods: 'dop' is not there; did you mean 'dpo'?"),
        ({"methods": ["base"]}, "base alone is not trained: a training language contradicts it"),
        ({"languages": []}, "languages: none, but dpo, orpo, sft must be trained in some"),
        ({"seeds": [0, 0]}, "seeds: 0 stands twice"),
        ({"seeds": [-1]}, "seeds: -1 is no whole number from 0"),
        ({"benchmarks": [{"name": "medqaa", "language": "en"}]}, "no benchmark 'medqaa'; did you mean 'medqa'?"),
        ({"benchmarks": [{"name": "medqa", "language": "english"}]}, "'english' is none of ko, en"),
        ({"benchmarks": [{"name": "medqa", "language": "en", "data": "nowhere"}]}, "nowhere: no such file"),
        ({"benchmarks": []}, "benchmarks: none"),
        ({"models": [{"name": "../x", "path": "m", "recipes": "recipes/smollm2-135m"}]}, "'../x' must be letters"),
        ({"models": [{"name": "x", "path": "m", "recipes": "recipes/none"}]}, "recipes/none/dpo.yaml: no such recipe"),
        ({"release": {"build": {"min_margn": 1}}}, "release.build.min_margn: unknown option; did you mean 'min_margin'?"),
        ({"release": {"build": {"decontaminate": "b=x"}}}, "release.build.decontaminate: unknown option; did you mean"),
        ({"release": {"path": "komep", "build": {"pairs": "all"}}}, "a finished release cannot be built as well"),
        ({"variants": [{"name": "v"}]}, "'v' overrides nothing"),
        ({"variants": [{"name": "v", "methods": ["base"], "recipe": {"beta": 1}}]}, "base is not trained"),
        ({"published": [{"text": "x", "value": "1", "model": "y", "method": "dpo"}]}, "published: 'y' is not there"),
        ({"published": [{"text": "x", "value": "1", "method": "dpo"}]}, "a figure of ours needs `model` and `method`"),
        ({"launch": "none.yaml"}, "none.yaml: no such file"),
        ({"slurm": {"time": "1h; rm"}}, "is no time such as"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_named(tmp_path, changes, said):
    with pytest.raises(KomepError, match=re.escape(said)):
        read_matrix(experiment(tmp_path, **changes))
