"""The one exception that a user may meet; the command turns it into a message and an exit code."""


class KomepError(Exception):
    """Something the user can mend: the message names the file, the line, the value and what to do.

    `exit_code` is 1 when the data or the environment is at fault, 2 for wrong usage.
    """

    def __init__(self, message: str, exit_code: int = 1):
        super().__init__(message)
        self.exit_code = exit_code


def require(extra: str, *modules: str) -> None:
    """Raise `KomepError` unless every module of an optional extra can be imported.

    Args:
        extra: name of the extra in setup.cfg, for example ``"llm"``.
        modules: top-level module names that the extra brings.
    """
    from importlib.util import find_spec

    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise KomepError(
            f"this command needs the extra [{extra}] (not installed: {', '.join(missing)}); "
            f'install it with: pip install "komep[{extra}]"'
        )
