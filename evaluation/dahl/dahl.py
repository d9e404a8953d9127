"""DAHL metric: the share of a response's atomic statements that a checker calls true, averaged over responses."""

import datasets
import evaluate

# `evaluate` copies the siblings that this file itself imports.
from .scoring import score, verdict_texts

__all__ = ["Dahl", "score", "verdict_texts"]

_DESCRIPTION = """\
DAHL (Seo et al., 2024) measures hallucination in long answers to biomedical questions: an answer is split into atomic
statements, a checker calls each true or false, and the answer's score is the share of true ones. A model's score is
the mean over the answers all of whose statements have a verdict. This metric takes the checker's verdicts; it asks no
model itself. It is the code by which KoMeP's pipeline scores.
"""

_KWARGS_DESCRIPTION = """\
Args:
    predictions (list of list): for each response, the verdicts of its units as the checker gave them ("True.", "참",
        "Not true"), or its units as {"text": ..., "verdict": ...}. An empty list: nothing to check.
    references: not used; DAHL has none.
    mode (str): "strict" (default; whole words, English and Korean, a negation is unknown) or "paper" (as DAHL's
        reference code: substrings, an empty response scores 0, abstentions are not special).
    responses (list of str, optional): the responses' texts; strict mode finds abstentions and refusals in them.
    categories (list of str, optional): category of each response; gives the scores by category.

Returns:
    dahl_score (float or None): mean over scored responses, 0 to 1.
    interval (list of two floats or None): its 95% interval (Student's t, cut to 0 and 1); None below two scores.
    n, n_scored (int): responses, and those with a score.
    good_share (float): n_scored / n.
    statuses (dict): how many responses are scored, unparsed, abstained, empty, and refused where any is.
    verdicts (dict): how many units are true, false, unknown.
    scores (list): the score of each response, None where it has none.
    categories (dict): the same, without scores, per category.

Examples:

    >>> metric = evaluate.load("evaluation/dahl")
    >>> results = metric.compute(predictions=[["True.", "거짓"], ["참입니다", "True"], ["Not true."]])
    >>> results["dahl_score"], results["scores"], results["statuses"]["unparsed"]
    (0.75, [0.5, 1.0, None], 1)
"""

_CITATION = """\
@article{seo2024dahl,
  title   = {DAHL: Domain-specific Automated Hallucination Evaluation of Long-Form Text through a Benchmark Dataset
             in Biomedicine},
  author  = {Seo, Jean and Lim, Jongwon and Jang, Dongjun and Shin, Hyopil},
  journal = {arXiv preprint arXiv:2411.09255},
  year    = {2024}
}
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class Dahl(evaluate.Metric):
    """The DAHL score; `scoring.score` does the work."""

    def _info(self):
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features({"predictions": datasets.Sequence(datasets.Value("string"))}),
            homepage="https://github.com/seemdog/DAHL",
            reference_urls=["https://arxiv.org/abs/2411.09255"],
            license="Apache-2.0",
        )

    def add_batch(self, *, predictions=None, references=None, **kwargs):
        """Add responses' verdicts or units; `ValueError` for a prediction that is neither."""
        predictions = [] if predictions is None else list(predictions)
        texts = [verdict_texts(units, row) for row, units in enumerate(predictions)]
        super().add_batch(predictions=texts, **kwargs)

    def add(self, *, prediction=None, reference=None, **kwargs):
        """Add one response; see `add_batch`."""
        self.add_batch(predictions=[prediction], **kwargs)

    def _compute(self, predictions, references=None, mode="strict", responses=None, categories=None):
        return score([list(units) for units in predictions], mode, responses, categories)
