"""What a sheet must not tell, and how it comes back: which of two answers the release chose.

The names of pairs and the sides of answers are keyed hashes (HMAC-SHA-256). Their key is the release's content hash, which
stands on no sheet: whoever has the release can look up everything anyway, nobody else can un-blind, and there is no file of
keys that could be lost, or be sent along with a sheet.
"""

import hmac
import re
from dataclasses import dataclass

ANSWERS = ("chosen", "rejected")
_CODE = re.compile(r"s(\d{1,18})-(\d{1,9})-[0-9a-f]{10}")


@dataclass(frozen=True, slots=True)
class Blinding:
    """One sheet of one draw.

    `release` is the content hash, `seed` that of the draw, `sheet` the number of the sheet, from 1.
    """

    release: str
    seed: int
    sheet: int

    @property
    def code(self) -> str:
        """What stands in a sheet's column `sheet`: seed, number, and a check that the release is this one."""
        return f"s{self.seed}-{self.sheet}-{self._hash('sheet', self.sheet)[:10]}"

    def name(self, pair: str) -> str:
        """The name of a pair on the sheets of this seed; `p` in front, as a spreadsheet may take 12e34 for a number."""
        return f"p{self._hash('pair', pair)[:16]}"

    def sides(self, pair: str) -> dict[str, str]:
        """Letter -> which answer of a pair stands there; every sheet draws its own."""
        straight = int(self._hash("side", self.sheet, pair)[:8], 16) % 2 == 0
        return dict(zip("ab", ANSWERS if straight else ANSWERS[::-1], strict=True))

    def _hash(self, *of: object) -> str:
        text = "\x1f".join(map(str, (self.seed, *of)))
        return hmac.digest(self.release.encode(), text.encode(), "sha256").hex()


def blinding_of(code: str, release: str) -> Blinding | None:
    """What a sheet's code says, if the sheet is one of this release; else None."""
    if not (found := _CODE.fullmatch(code)):
        return None
    one = Blinding(release, int(found[1]), int(found[2]))
    return one if hmac.compare_digest(one.code, code) else None
