"""Regular expressions that are compiled when they are first used.

Python compiles some hundred of them in a third of a second, and a command that reads a few rows needs few.
"""

import re
from typing import Any

_METHODS = ("search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn", "groups")


class Pattern:
    """What `re.compile(pattern, flags)` gives, compiled when a method is first asked for; from then on as fast.

    `flags` are those that were given, without the ones that are written in the pattern.

    >>> Pattern("[aeiou]").findall("gout")
    ['o', 'u']
    """

    def __init__(self, pattern: str, flags: int = 0):
        self.pattern, self.flags = pattern, flags

    def __getattr__(self, name: str) -> Any:
        if name not in _METHODS:
            raise AttributeError(name)
        compiled = re.compile(self.pattern, self.flags)
        vars(self).update((method, getattr(compiled, method)) for method in _METHODS)
        return vars(self)[name]
