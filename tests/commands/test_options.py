"""What several commands share: the options of a build in a command."""

from typing import get_args

from komep_dataset.build_options import OPTIONS
from komep_dataset.commands.options import with_build_options


def test_a_command_takes_every_option_of_a_build_the_named_ones_first():
    def command(scored: list, *, output: str = "komep", **options) -> None: ...

    parameters = with_build_options(command, ("output", "pairs")).parameters
    assert list(parameters)[:2] == ["output", "pairs"]
    assert set(parameters) == {"scored", "output", *(option.name for option in OPTIONS)}
    for option in OPTIONS:
        declared = get_args(parameters[option.name].annotation)[1]
        assert parameters[option.name].default is None and declared.help.startswith(option.help)
