"""The tables of the PCPartPicker data set (github.com/docyx/pc-part-dataset): one row per listing, US dollars, undated, mostly unpriced.

Names are not keys: a card's name is its board's, and the chipset says which GPU it is; one drive name stands for every capacity,
one memory name for every kit.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from app.catalogue.facts import ItemFact
from app.catalogue.imports.formats import product_lines
from app.catalogue.imports.formats.format import Format
from app.catalogue.imports.formats.values import number, required, size_name, slug
from app.catalogue.imports.profiles import Profile
from app.catalogue.imports.rows import Cells, as_text
from app.catalogue.imports.statements import Naming, RowProblem, Statement, reason_of
from app.hardware import PartKind

SOURCE = "PCPartPicker listings (docyx/pc-part-dataset)"
_INTERFACES: dict[str, tuple[str, int | None]] = {
    "SATA 6.0 Gb/s": ("sata", None),
    "SATA 3.0 Gb/s": ("sata", None),
    "M.2 PCIe 3.0 X4": ("m2", 3),
    "M.2 PCIe 4.0 X4": ("m2", 4),
    "M.2 PCIe 5.0 X4": ("m2", 5),
    "U.2": ("u2", None),
}
_MEMORY_TYPES = {4: "DDR4", 5: "DDR5"}
LARGEST_MISMATCH = Decimal("0.05")
"""By how much the file's own price per GB may differ from price / capacity: it is rounded to a tenth of a cent."""


def _video_card(cells: Cells, profile: Profile) -> Iterator[Statement]:
    chipset, memory = as_text(cells["chipset"]), number(cells, "memory")
    yield Statement(
        label=f"{as_text(cells['name'])} ({chipset})",
        naming=Naming(kind="gpu", names=(chipset,), traits=() if memory is None else (float(memory),)),
        price=_price(cells, profile, _listing(cells, "color", "length", unit=" mm")),
        no_item_because="a list of prices does not tell a GPU's bandwidth and compute; add the GPU first",
    )


def _memory(cells: Cells, profile: Profile) -> Iterator[Statement]:
    name, listing = as_text(cells["name"]), _listing(cells, "color", "cas_latency", prefix="CL")
    if number(cells, "price") is None:
        yield Statement(label=name)
        return
    (generation, speed), (modules, module_gb) = _pair(cells, "speed"), _pair(cells, "modules")
    memory_type, cas = _MEMORY_TYPES.get(generation), number(cells, "cas_latency")
    if memory_type is None:
        raise RowProblem("no platform of the catalogue takes memory before DDR4")
    _same_size(name, modules * module_gb)
    kit = f"{name} {memory_type}-{speed} {modules}x{module_gb}GB" + (f" CL{cas:g}" if cas else "")
    yield Statement(
        label=kit,
        naming=Naming(kind="ram", names=(kit,), traits=(memory_type, speed, modules, module_gb, int(cas) if cas else None)),
        item=_kit(kit, memory_type, speed, modules, module_gb, profile) if product_lines.is_desktop_memory(name) else None,
        no_item_because="the row does not tell desktop, laptop and server memory apart, and the name is no line of desktop memory only",
        price=_price(cells, profile, listing, capacity_gb=modules * module_gb),
    )


def _kit(name: str, memory_type: str, speed: int, modules: int, module_gb: int, profile: Profile) -> ItemFact:
    spec = {
        "memory_type": memory_type, "form": "UDIMM", "modules": modules, "module_gb": module_gb, "speed_mt_s": speed, "ecc": False,
    }  # fmt: skip
    return _item("ram", name, spec, profile, "desktop modules without ECC, as every kit of this product line")


def _drive(cells: Cells, profile: Profile) -> Iterator[Statement]:
    name, capacity = as_text(cells["name"]), int(required(cells, "capacity"))
    called = f"{name} {size_name(capacity)}"
    price = _price(cells, profile, _listing(cells, "form_factor", "interface", "cache"), capacity_gb=capacity)
    if price is None:
        yield Statement(label=called)
        return
    spec = _drive_spec(cells, capacity)
    yield Statement(
        label=called,
        naming=Naming(kind="drive", names=(called,), traits=(float(capacity), spec["medium"], spec["interface"], spec["rotation_rpm"])),
        item=_item("drive", called, spec, profile, "rates and endurance are not stated by the source", _drive_id(called, spec)),
        price=price,
    )


def _drive_id(name: str, spec: Mapping[str, Any]) -> str:
    """One name stands for SSDs and hard disks of several speeds: the id says which."""
    return slug(name, spec["medium"], spec["interface"], str(spec["rotation_rpm"] or ""))


def _drive_spec(cells: Cells, capacity: int) -> dict[str, Any]:
    """The specification that the row states. Raises RowProblem where it states none that the catalogue can keep."""
    kind, interface, form = as_text(cells["type"]), as_text(cells["interface"]), as_text(cells["form_factor"])
    if kind != "SSD" and not kind.isdecimal():
        raise RowProblem(f"type is '{kind}': neither an SSD nor the speed of a hard disk")
    if interface not in _INTERFACES or form in {"PCIe", "mSATA"}:
        raise RowProblem(f"the catalogue keeps no drives with the interface '{interface}' ({form or 'no form factor'})")
    plug, generation = _INTERFACES[interface]
    return {
        "medium": "ssd" if kind == "SSD" else "hdd",
        "grade": product_lines.grade_of(as_text(cells["name"])),
        "capacity_gb": capacity,
        "interface": plug,
        "pcie_gen": generation,
        "rotation_rpm": 0 if kind == "SSD" else int(kind),
    }


def _processor(cells: Cells, profile: Profile) -> Iterator[Statement]:
    yield _part_of_a_platform(cells, profile, "a processor")


def _motherboard(cells: Cells, profile: Profile) -> Iterator[Statement]:
    yield _part_of_a_platform(cells, profile, "a board")


def _part_of_a_platform(cells: Cells, profile: Profile, what: str) -> Statement:
    name = as_text(cells["name"])
    return Statement(
        label=name,
        naming=Naming(kind="platform", names=(name,)),
        price=_price(cells, profile, name),
        no_item_because=f"{what} alone is not a machine: the catalogue prices platforms as a whole; price the platform that has it",
    )


def _item(kind: PartKind, name: str, spec: Mapping[str, Any], profile: Profile, note: str, id_: str = "") -> ItemFact:
    """The item that the row describes; its price brings it into the catalogue."""
    try:
        return ItemFact.read(kind, {
            **spec, "id": id_ or slug(name), "name": name, "vendor": product_lines.vendor_of(name), "source": profile.source,
            "as_of": profile.observed_on, "confidence": "medium", "notes": note,
        })  # fmt: skip
    except ValidationError as error:
        raise RowProblem(reason_of(error)) from None


def _price(cells: Cells, profile: Profile, listing: str, *, capacity_gb: int | None = None) -> dict[str, Any] | None:
    """The price that the row tells, with the listing in its source; None where it tells none, which is not the same as 0."""
    amount = number(cells, "price")
    if amount is None:
        return None
    per_gb = number(cells, "price_per_gb")
    if per_gb and capacity_gb and abs(per_gb * capacity_gb - amount) > LARGEST_MISMATCH * amount + capacity_gb * Decimal("0.0005"):
        raise RowProblem(f"{amount} for {capacity_gb} GB is not {per_gb} per GB: a slip of GB and TB, or of kit and module?")
    return {
        "amount": amount, "currency": "USD", "condition": "new", "kind": "retail", "region": "US", "tax_included": False,
        "observed_on": profile.observed_on, "source": f"{profile.source}: {listing}"[:400],
        **profile.constants,
    }  # fmt: skip


def _listing(cells: Cells, *columns: str, prefix: str = "", unit: str = "") -> str:
    """What tells this listing from others of the same item."""
    *others, last = (as_text(cells.get(column)) for column in columns)
    details = [*others, f"{prefix}{last}{unit}".strip() if last else ""]
    return " ".join((as_text(cells["name"]), f"({', '.join(part for part in details if part)})"))


def _pair(cells: Cells, column: str) -> tuple[int, int]:
    """Two numbers in one cell: "5,6000"; memory of the first generation has one, its speed."""
    parts = as_text(cells[column]).split(",")
    if column == "speed" and len(parts) == 1 and parts[0].isdecimal():
        parts = ["1", *parts]
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise RowProblem(f"{column}: '{as_text(cells[column])[:40]}' is not two whole numbers such as 2,16")
    return int(parts[0]), int(parts[1])


def _same_size(name: str, total_gb: int) -> None:
    stated = product_lines.size_in(name)
    if stated is not None and stated != total_gb:
        raise RowProblem(f"the name says {stated:g} GB, the modules {total_gb} GB: is one the kit and the other a module?")


def _format(name: str, title: str, columns: set[str], read: Callable[[Cells, Profile], Iterator[Statement]]) -> Format:
    known_by = frozenset(columns)
    return Format(name=f"pcpartpicker-{name}", title=f"PCPartPicker, {title}", columns=known_by, read=read, dated=False, source=SOURCE)


FORMATS = (
    _format("video-card", "graphics cards", {"name", "price", "chipset", "memory", "boost_clock"}, _video_card),
    _format("memory", "memory", {"name", "price", "speed", "modules", "cas_latency"}, _memory),
    _format("internal-hard-drive", "drives", {"name", "price", "capacity", "type", "interface", "form_factor"}, _drive),
    _format("cpu", "processors", {"name", "price", "core_count", "core_clock", "tdp"}, _processor),
    _format("motherboard", "motherboards", {"name", "price", "socket", "max_memory", "memory_slots"}, _motherboard),
)
