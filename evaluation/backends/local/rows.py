"""The rows of a batch: prompts laid out at equal length, read in parts, joined, and taken out as their replies end.

A row is padded before its own tokens, either at the left end or, where a batch attends to one copy of its prefix,
behind that prefix. Reading many prompts at once gains nothing, because their tokens keep the processor busy
by themselves; a token of a reply costs a pass over all weights whatever the number of rows. So prompts are
read a few at a time and replies go on together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from transformers import DynamicCache

from evaluation.backends.local.shared_prefix import Layers, RestLayer


@dataclass(slots=True)
class Rows:
    """Prompts and their replies so far.

    Attributes:
        numbers: what the caller knows each row by.
        ids: token ids, [rows, columns]; a row is padded with a token of its own, so that a repetition penalty, which
            looks at all of it, finds nothing that its prompt does not have.
        mask: 0 where there is padding, [rows, columns].
        start: the column at which replies begin.
        before: columns before the padding.
        pads: padding of each row in columns, until rows are joined.
        cache: keys and values of what the model has seen.
    """

    numbers: list[int]
    ids: torch.Tensor
    mask: torch.Tensor
    start: int
    before: int
    pads: list[int] = field(default_factory=list)
    cache: DynamicCache | None = None

    @property
    def said(self) -> int:
        """Tokens of each reply."""
        return self.ids.shape[1] - self.start

    def replies(self) -> list[list[int]]:
        """The new tokens of each row."""
        return self.ids[:, self.start :].tolist()

    def extend(self, ids: torch.Tensor) -> None:
        """Take what the model made of the rows: the same columns and some new ones."""
        new = ids.shape[1] - self.ids.shape[1]
        self.ids, self.mask = ids, torch.nn.functional.pad(self.mask, (0, new), value=1)

    def drop(self, places: Iterable[int]) -> None:
        """Take out the rows at these places, and with them their part of the cache."""
        gone = set(places)
        kept = [place for place in range(len(self.numbers)) if place not in gone]
        if not gone:
            return
        self.numbers = [self.numbers[place] for place in kept]
        index = torch.tensor(kept, dtype=torch.long, device=self.ids.device)
        self.ids, self.mask = self.ids[index], self.mask[index]
        if not kept:
            self.cache = None
        elif self.cache is not None:
            self.cache.batch_select_indices(index)


def plan_reading(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Places of prompts, in their order, that are read together: padded, they are `most` tokens, or it is one prompt."""
    parts: list[list[int]] = []
    longest = 0
    for place, length in enumerate(lengths):
        longest = max(longest, length)
        if parts and (len(parts[-1]) + 1) * longest <= most:
            parts[-1].append(place)
        else:
            parts.append([place])
            longest = length
    return parts


def lay_out(
    numbers: Sequence[int], prompts: Sequence[Sequence[int]], before: int, device: torch.device
) -> Rows:
    """Prompts, whose first `before` tokens are the same, as rows; nothing of them has been read."""
    length = max(map(len, prompts))
    pads = [length - len(prompt) for prompt in prompts]
    ids = [
        [*prompt[:before], *prompt[:1] * pad, *prompt[before:]]
        for prompt, pad in zip(map(list, prompts), pads, strict=True)
    ]
    mask = [[1] * before + [0] * pad + [1] * (length - before - pad) for pad in pads]
    return Rows(
        list(numbers),
        torch.tensor(ids, device=device),
        torch.tensor(mask, device=device),
        length,
        before,
        pads,
    )


def join(parts: Sequence[Rows]) -> Rows:
    """The rows of all parts, whose replies are equally long, as those of one batch; the parts are used up."""
    parts = [part for part in parts if part.numbers] or list(parts[:1])
    if len(parts) == 1:
        return parts[0]
    start = max(part.start for part in parts)
    joined = Rows(
        [number for part in parts for number in part.numbers],
        torch.cat([_widen(part.ids, part, start, part.ids[:, :1]) for part in parts]),
        torch.cat([_widen(part.mask, part, start, part.mask.new_zeros(1, 1)) for part in parts]),
        start,
        parts[0].before,
        cache=DynamicCache(),
    )
    while parts[0].cache.layers:  # layer by layer, so that no more than one is held twice
        layers = [part.cache.layers.pop(0) for part in parts]
        wider = [start - part.start for part in parts]
        keys, values = (
            _stack([getattr(layer, name) for layer in layers], wider) for name in ("keys", "values")
        )
        joined.cache.layers.append(RestLayer(joined.before, keys, values))
    return joined


def _widen(table: torch.Tensor, part: Rows, start: int, padding: torch.Tensor) -> torch.Tensor:
    """A part's ids or mask with its padding made wider, so that its replies begin at a later column."""
    more = padding.expand(table.shape[0], start - part.start)
    return torch.cat([table[:, : part.before], more, table[:, part.before :]], 1)


def _stack(tables: Sequence[torch.Tensor], wider: Sequence[int]) -> torch.Tensor:
    """Keys or values of all parts, [rows, heads, columns, width], with zeros where the padding is wider."""
    rows, columns = sum(len(table) for table in tables), tables[0].shape[2] + wider[0]
    stacked = tables[0].new_zeros((rows, tables[0].shape[1], columns, tables[0].shape[3]))
    row = 0
    for table, more in zip(tables, wider, strict=True):
        stacked[row : row + len(table), :, more:] = table
        row += len(table)
    return stacked


def shifted_cache(prefix: Layers, pads: Sequence[int]) -> DynamicCache:
    """The prefix for a left-padded batch: each row's copy is moved right by its padding and cut at the same column.

    A row with padding so has fewer cached tokens; `generate` runs the rest with its question. The columns of the
    padding hold zeros, which the attention mask hides.
    """
    layers = []
    for keys, values in prefix:
        rows = []
        for table in (keys, values):
            moved = table.new_zeros((len(pads), *table.shape[1:]))
            for row, pad in enumerate(pads):
                kept = max(0, table.shape[2] - pad)
                moved[row, :, table.shape[2] - kept :] = table[0, :, :kept]
            rows.append(moved)
        layers.append(tuple(rows))
    return DynamicCache(layers)
