"""KorMedMCQA metric: accuracy of generations by the paper's answer extraction, with parse rates beside it."""

import datasets
import evaluate

# `evaluate` copies the siblings that this file itself imports, so all are named here, `scoring`'s own too.
from .choices import marked
from .extraction import gold_letter
from .pieces import lines
from .robust import extract_robust
from .rules import table
from .scoring import check_predictions, gold_letters, score

__all__ = ["KorMedMCQA", "extract_robust", "gold_letter", "lines", "marked", "score", "table"]

_DESCRIPTION = """\
Scores generations for KorMedMCQA, multiple-choice questions of Korean licensing examinations for doctors,
nurses, pharmacists and dentists. `accuracy` reads the letter by the cascade of the paper's Appendix B, as the
task `kormedmcqa` 3.0 of lm-evaluation-harness does, so the numbers compare. `accuracy_robust` reads it by
rules that know Korean particles, circled digits, corrections and hedges. Parse rates tell how many replies gave
a letter.
"""

_KWARGS_DESCRIPTION = """\
Args:
    predictions (list of str): raw generations, or letters.
    references (list of int or str): gold answers, 1 to 5 or A to E.
    subjects (list of str, optional): subject of each question; gives the scores per subject and the macro averages.
    options (list of list of str, optional): the 2 to 5 option texts of each question; lets the robust reading
        accept a reply that states an option's own text, and no reading accept a letter beyond them.
    thoughts (str): "apart" (default): what a reasoning model thinks is no part of its reply; "harness": the cascade
        reads it, too, as lm-evaluation-harness does without `think_end_token`.
    think_end_token (str, optional): a text that ends thoughts, in place of the marks that komep knows; all before it is
        thought.

Returns:
    n (int): number of questions.
    accuracy (float): share right by the paper's cascade, 0 to 1.
    accuracy_robust (float): share right by the robust reading.
    accuracy_macro, accuracy_robust_macro (float): unweighted means of the two over the subjects.
    exact_match_raw (float): share of replies that are the bare gold letter.
    parse_rate, parse_rate_robust (float): share of replies that gave a letter.
    interval, interval_robust (list of two floats): 95% Wilson intervals of `accuracy` and `accuracy_robust`.
    cut_thinking (int): number of replies that end within their thoughts; they hold no answer.
    subjects (dict): the same per subject.

Examples:

    >>> metric = evaluate.load("evaluation/kormedmcqa")
    >>> results = metric.compute(predictions=["정답: B", "정답은 C이다", "3"], references=[2, 3, 3])
    >>> round(results["accuracy"], 3), results["accuracy_robust"], round(results["exact_match_raw"], 3)
    (0.333, 1.0, 0.0)
"""

_CITATION = """\
@article{kweon2024kormedmcqa,
  title   = {KorMedMCQA: Multi-Choice Question Answering Benchmark for Korean Healthcare Professional
             Licensing Examinations},
  author  = {Kweon, Sunjun and Choi, Byungjin and Kim, Minkyu and Park, Rae Woong and Choi, Edward},
  journal = {arXiv preprint arXiv:2403.01469},
  year    = {2024}
}
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class KorMedMCQA(evaluate.Metric):
    """Accuracy on KorMedMCQA; `scoring.score` does the work."""

    def _info(self):
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features(
                {"predictions": datasets.Value("string"), "references": datasets.Value("string")}
            ),
            homepage="https://huggingface.co/datasets/sean0042/KorMedMCQA",
            reference_urls=["https://arxiv.org/abs/2403.01469"],
            license="Apache-2.0",
        )

    def add_batch(self, *, predictions=None, references=None, **kwargs):
        """Add replies and gold answers; `ValueError`, with the index, for a reply or an answer that is none."""
        predictions = [] if predictions is None else list(predictions)
        references = [] if references is None else list(references)
        check_predictions(predictions)
        super().add_batch(predictions=predictions, references=gold_letters(references), **kwargs)

    def add(self, *, prediction=None, reference=None, **kwargs):
        """Add one reply and its gold answer; see `add_batch`."""
        self.add_batch(predictions=[prediction], references=[reference], **kwargs)

    def _compute(
        self, predictions, references, subjects=None, options=None, thoughts="apart", think_end_token=""
    ):
        return score(list(predictions), list(references), subjects, options, thoughts, think_end_token)
