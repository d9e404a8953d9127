"""The exception that carries a signal up to the command's exit code."""


class Stopped(Exception):
    """The command was told to stop; `signal` is the number of the signal."""

    def __init__(self, signal: int):
        super().__init__(f"signal {signal}")
        self.signal = signal
