"""Regular expressions that are compiled when they are first used.

Python compiles some hundred of them in a third of a second, and a command that reads a few rows needs few.
"""

import re
from typing import Any

_METHODS = ("search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn", "groups")


class Pattern:
    r"""What `re.compile(pattern, flags)` gives, compiled when a method is first asked for; from then on as fast.

    Args:
        pattern: also the attribute `pattern`.
        flags: also the attribute `flags`, without those that are written in the pattern.
        at: says where a match can begin at all, as `\b` does. It changes no match, and saves trying each of many
            alternatives at each sign of a text.

    >>> Pattern("[aeiou]").findall("gout")
    ['o', 'u']
    """

    def __init__(self, pattern: str, flags: int = 0, at: str = ""):
        self.pattern, self.flags, self.at = pattern, flags, at

    def __getattr__(self, name: str) -> Any:
        if name not in _METHODS:
            raise AttributeError(name)
        compiled = re.compile(f"{self.at}(?:{self.pattern})" if self.at else self.pattern, self.flags)
        vars(self).update((method, getattr(compiled, method)) for method in _METHODS)
        return vars(self)[name]
