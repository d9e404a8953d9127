"""The templates of the card, its figures, the report and the review sheet, and the environments that they are written for.

A template is found by its name; a value that is missing is an error.
"""

from jinja2 import Environment, PackageLoader, StrictUndefined

# For HTML and SVG: every text of the data is shown, never run. Compiling a template takes as long as a small build:
# each environment keeps what it compiled.
MARKUP = Environment(
    loader=PackageLoader("komep_dataset"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEXT = MARKUP.overlay(autoescape=False)
