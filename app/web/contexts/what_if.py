"""What the job would need at other sizes: one drawing with its table for each size that it can grow in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.estimation.host_memory import KIT_SIZES_GB
from app.estimation.what_if import Curve, Point
from app.hardware import Catalogue
from app.units import GIB, format_binary
from app.web.charts.curve import CurveChart, Sample, curve_chart
from app.web.charts.memory_bar import CARD_SIZES_GB
from app.web.contexts.values import Document
from app.web.formats import tick

LABELS = {
    "micro_batch_size": ("Batch per GPU", "a batch of {}"),
    "sequence_length": ("Sequence length", "{} tokens"),
    "context_length": ("Context length", "{} tokens of context"),
    "concurrent_sequences": ("Users at once", "{} users"),
    "batch_size": ("Inputs at once", "{} at once"),
    "rows": ("Rows", "{} rows"),
}
LinkTo = Callable[[Sequence[Document]], str]  # from changes of the job to the address of the form with them made


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRow:
    """One size, what it needs, and the smallest card that holds it; a link makes the change."""

    size: str
    href: str
    need: str
    likely: str
    card: str
    asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveView:
    """Memory against one size."""

    name: str
    label: str
    chart: CurveChart
    rows: tuple[SizeRow, ...]
    ends: tuple[tuple[str, str], ...]  # a card, and the largest job that fits it


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfView:
    """Context of partials/_what_if.html. `curves` is None where they are still to be worked out, for the request in `request_json`."""

    curves: tuple[CurveView, ...] | None
    of_gpu: bool
    request_json: str


def rooms_of(catalogue: Catalogue, *, of_gpu: bool) -> dict[int, int]:
    """Bytes that programs can use on cards of each common size (of cards of one size the least), or in RAM as it is sold."""
    if not of_gpu:
        return {size: size * GIB for size in KIT_SIZES_GB}
    cards: dict[int, int] = {}
    for gpu in catalogue.gpus.values():
        if gpu.memory_gb in CARD_SIZES_GB and not gpu.unified_memory:
            cards[gpu.memory_gb] = min(gpu.visible_bytes, cards.get(gpu.memory_gb, gpu.visible_bytes))
    return cards


def what_if_view(curves: Sequence[Curve], rooms: Mapping[int, int], link_to: LinkTo, request_json: str, *, of_gpu: bool) -> WhatIfView:
    """The view of curves that were worked out."""
    return WhatIfView(curves=tuple(_curve(one, rooms, link_to) for one in curves), of_gpu=of_gpu, request_json=request_json)


def _curve(curve: Curve, rooms: Mapping[int, int], link_to: LinkTo) -> CurveView:
    label, words = LABELS[curve.name]
    samples = [_sample(point, words) for point in curve.points]
    ends = dict(sorted(curve.ends.items()))
    marked = {f"{sold} GB": (rooms[sold], end) for sold, end in ends.items()}
    return CurveView(
        name=curve.name,
        label=label,
        chart=curve_chart(samples, curve.asked, marked),
        rows=tuple(_row(point, curve, rooms, link_to) for point in curve.points),
        ends=tuple((f"{sold} GB", words.format(f"{end:,}")) for sold, end in ends.items()),
    )


def _sample(point: Point, words: str) -> Sample:
    title = f"{words.format(f'{point.size:,}')}: {format_binary(point.required)}, likely {_likely(point)}"
    return Sample(size=point.size, need=point.required, low=point.low, high=point.high, label=_short(point.size), title=title)


def _short(size: int) -> str:
    """A size on the axis: "4k" for 4,096 tokens, "5M" for five million rows."""
    return f"{size // 1024}k" if size % 1024 == 0 else tick(size)


def _row(point: Point, curve: Curve, rooms: Mapping[int, int], link_to: LinkTo) -> SizeRow:
    card = next((f"{sold} GB" for sold, room in sorted(rooms.items()) if point.required <= room), "several")
    return SizeRow(
        size=f"{point.size:,}",
        href=link_to([{"path": f"workload.{curve.name}", "value": point.size}]),
        need=format_binary(point.required),
        likely=_likely(point),
        card=card,
        asked=point.size == curve.asked,
    )


def _likely(point: Point) -> str:
    return f"{format_binary(point.low)} to {format_binary(point.high)}"
