"""The templates of the card, its figures, the report and the review sheet, and the environment that they are written for."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache  # compiling a template takes as long as a small build
def environment(escape: bool = True) -> Environment:
    """Where templates are found by name; a value that is missing is an error.

    Args:
        escape: for HTML and SVG, in which every text of the data must be shown, never run.
    """
    return Environment(
        loader=PackageLoader("komep_dataset"),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
