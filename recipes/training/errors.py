"""What a library says of a bad path or a bad setting, as one line for the user."""

from collections.abc import Iterator
from contextlib import contextmanager

from komep_dataset.errors import KomepError


def said_by(error: Exception) -> str:
    """What an error says, in one line; with its kind where that is part of what it says."""
    text = " ".join(str(error).split())[:400]
    return text if text and isinstance(error, OSError | ValueError) else f"{type(error).__name__}: {text}"


@contextmanager
def explained(what: str, kinds: tuple[type[Exception], ...] = (Exception,)) -> Iterator[None]:
    """Turn what a library says of a bad path or a bad setting into a `KomepError` that begins with `what`.

    `kinds`: errors that are turned; by default all, for steps in which whatever fails is the user's to mend.
    """
    try:
        yield
    except KomepError:
        raise
    except kinds as error:
        raise KomepError(f"{what}: {said_by(error)}") from error
