"""What a sheet must not tell, and how it comes back: which of two answers the release chose.

The names of pairs and the sides of answers are keyed hashes (HMAC-SHA-256). Their key is the release's content hash, which
stands on no sheet: whoever has the release can look up everything anyway, nobody else can un-blind, and there is no file of
keys that could be lost, or be sent along with a sheet.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

ANSWERS = ("chosen", "rejected")
_CODE = re.compile(r"s(\d{1,18})-(\d{1,9})-(\d{1,9})-[0-9a-f]{10}")


@dataclass(frozen=True, slots=True)
class Blinding:
    """One sheet of one draw.

    `release` is the content hash, `seed` that of the draw, `sheet` the number of the sheet, from 1, `salt` which of its draws of sides
    it has.
    """

    release: str
    seed: int
    sheet: int
    salt: int = 0

    @property
    def code(self) -> str:
        """What stands in a sheet's column `sheet`: seed, number, salt, and a check that the release is this one."""
        check = self._hash("sheet", self.sheet, self.salt)
        return f"s{self.seed}-{self.sheet}-{self.salt}-{check[:10]}"

    def name(self, pair: str) -> str:
        """The name of a pair on the sheets of this seed; `p` in front, as a spreadsheet may take 12e34 for a number."""
        return f"p{self._hash('pair', pair)[:16]}"

    def sides(self, pair: str) -> dict[str, str]:
        """Letter -> which answer of a pair stands there; every sheet draws its own."""
        straight = int(self._hash("side", self.sheet, self.salt, pair)[:8], 16) % 2 == 0
        return dict(zip("ab", ANSWERS if straight else ANSWERS[::-1], strict=True))

    def _hash(self, *of: object) -> str:
        text = "\x1f".join(map(str, (self.seed, *of)))
        return hmac.digest(self.release.encode(), text.encode(), "sha256").hex()


def blinding_of(code: str, release: str) -> Blinding | None:
    """What a sheet's code says, if the sheet is one of this release; else None."""
    if not (found := _CODE.fullmatch(code)):
        return None
    one = Blinding(release, *map(int, found.groups()))
    return one if hmac.compare_digest(one.code, code) else None


def balanced(release: str, seed: int, sheet: int, pairs: Sequence[str]) -> Blinding:
    """A sheet with the chosen answer at A in half of its pairs (in a sheet of 200 and more, to a hundredth)."""
    apart = max(len(pairs) % 2, len(pairs) // 100)

    def is_balanced(one: Blinding) -> bool:
        at_a = sum(one.sides(pair)["a"] == ANSWERS[0] for pair in pairs)
        return abs(2 * at_a - len(pairs)) <= apart

    return next(filter(is_balanced, (Blinding(release, seed, sheet, salt) for salt in count())))
