"""A specification as people read it: what each figure is called, its unit, and the source that it is known from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

from app.web.contexts.findings import sentence
from app.web.contexts.values import Document
from app.web.formats import day

# Fields as they are shown: label and unit. What has no entry is shown by its own name.
FIGURES: Mapping[str, tuple[str, str]] = {
    "memory_gb": ("Memory", "GB"),
    "memory_type": ("Memory type", ""),
    "visible_mib": ("Visible to programs", "MiB"),
    "bandwidth_gb_s": ("Bandwidth", "GB/s"),
    "fp32_tflops": ("FP32", "TFLOP/s"),
    "fp16_tflops": ("FP16, dense, FP32 accumulate", "TFLOP/s"),
    "bf16_tflops": ("BF16, dense, FP32 accumulate", "TFLOP/s"),
    "fp8_tflops": ("FP8, dense", "TFLOP/s"),
    "int8_tops": ("INT8, dense", "TOP/s"),
    "power_w": ("Power", "W"),
    "form_factor": ("Form", ""),
    "pcie_gen": ("PCIe generation", ""),
    "pcie_lanes": ("PCIe lanes", ""),
    "link_gb_s": ("Link between cards", "GB/s"),
    "supports_bf16": ("Computes in BF16", ""),
    "supports_fp8": ("Computes in FP8", ""),
    "purchasable": ("Sold on its own", ""),
    "lifecycle": ("In shops", ""),
    "speed_mt_s": ("Speed", "MT/s"),
    "module_gb": ("Each module", "GB"),
    "total_gb": ("In all", "GB"),
    "capacity_gb": ("Capacity", "GB"),
    "read_mb_s": ("Reads", "MB/s"),
    "write_mb_s": ("Writes", "MB/s"),
    "read_iops": ("Random reads", "IOPS"),
    "endurance_tbw": ("Endurance", "TBW"),
    "rotation_rpm": ("Rotation", "rpm"),
    "cpu": ("Processor", ""),
    "cpu_sockets": ("Processors", ""),
    "cpu_cores": ("Cores", ""),
    "dimm_slots": ("Memory slots", ""),
    "gpu_slots": ("GPU slots", ""),
    "m2_slots": ("M.2 slots", ""),
    "sata_bays": ("SATA bays", ""),
    "u2_bays": ("U.2 bays", ""),
    "max_memory_gb": ("Most memory", "GB"),
    "psu_w": ("Power supply", "W"),
    "included_gpu": ("GPU included", ""),
    "included_gpu_quantity": ("GPUs included", ""),
    "included_ram_gb": ("RAM included", "GB"),
    "included_ssd_gb": ("SSD included", "GB"),
    "ram_gb": ("RAM", "GB"),
    "vcpus": ("Virtual processors", ""),
    "gpu": ("GPU", ""),
    "gpu_quantity": ("GPUs", ""),
    "platform_class": ("Class", ""),
    "ecc": ("ECC", ""),
}
WORDS = {"lifecycle": {"new": "new", "used": "second-hand only", "eol": "second-hand only, support ended"}}
PARTS = frozenset({"gpu", "included_gpu"})  # figures that name another item of the catalogue
UNKNOWN = "\N{EN DASH}"
UNKNOWN_AS_ZERO = frozenset(
    {"power_w", "psu_w", "slots", "pcie_lanes", "rotation_rpm", "link_gb_s", "included_gpu_quantity", "included_ram_gb", "included_ssd_gb"}
)
NOT_GROUPED = frozenset({"pcie_gen", "launched"})  # numbers that are names

# Fields that say where other figures come from, and those figures; every other figure comes from the item's own source.
ORIGINS: Mapping[str, frozenset[str]] = {
    "visible_source": frozenset({"visible_mib"}),
    "rate_basis": frozenset({"fp32_tflops", "fp16_tflops", "bf16_tflops", "fp8_tflops", "int8_tops"}),
}
RULES = ("rule", "derived")  # how the origin of a figure begins that was worked out, not read


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """One figure of a specification; `mark` is the letter of its source, `part_id` the item that it names, if any."""

    label: str
    text: str
    mark: str
    part_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceNote:
    """Where figures come from, and how far that can be trusted."""

    mark: str
    text: str
    url: str  # the address that the text begins with, if any
    confidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """Every known figure of an item with its source."""

    figures: tuple[FigureRow, ...]
    sources: tuple[SourceNote, ...]


def specification(item: Document) -> Specification:
    """The specification of an item document."""
    spec = item["spec"]
    origins = [name for name in ORIGINS if spec.get(name)]
    marks = {figure: ascii_lowercase[index] for index, name in enumerate(origins, start=1) for figure in ORIGINS[name]}
    figures = tuple(_figure(key, value, marks.get(key, ascii_lowercase[0])) for key, value in _known(spec))
    noted = [_source(ascii_lowercase[0], _own_source(item), f"{item['confidence']} confidence")]
    noted += [_source(ascii_lowercase[index], sentence(spec[name]), _how(spec[name])) for index, name in enumerate(origins, start=1)]
    shown_marks = {figure.mark for figure in figures}
    return Specification(figures=figures, sources=tuple(note for note in noted if note.mark in shown_marks))


def label(key: str) -> str:
    """What a figure is called."""
    return FIGURES[key][0] if key in FIGURES else key.replace("_", " ").capitalize()


def shown(key: str, value: Any) -> str:
    """A figure with its unit; a dash where it is not known."""
    if value is None or value == "" or (value == 0 and key in UNKNOWN_AS_ZERO):
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key in WORDS:
        return WORDS[key].get(value, str(value))
    unit = FIGURES.get(key, ("", ""))[1]
    text = f"{value:,.6g}" if isinstance(value, int | float) and key not in NOT_GROUPED else str(value)
    return f"{text} {unit}".strip()


def number_in(spec: Document, key: str) -> float | None:
    """A number of a specification, the size of a whole kit of memory among them."""
    if key == "total_gb":
        return float(spec["modules"] * spec["module_gb"]) if "modules" in spec else None
    value = spec.get(key)
    return None if value is None else float(value)


def _known(spec: Document) -> Iterator[tuple[str, Any]]:
    for key, value in spec.items():
        if key not in ORIGINS and shown(key, value) != UNKNOWN:
            yield key, value


def _figure(key: str, value: Any, mark: str) -> FigureRow:
    return FigureRow(label=label(key), text=shown(key, value), mark=mark, part_id=str(value) if key in PARTS else "")


def _own_source(item: Document) -> str:
    source = item["source"] if item["source"].startswith("http") else sentence(item["source"])
    return f"{source.rstrip('.')}, read on {day(item['as_of'])}."


def _how(text: str) -> str:
    return "worked out by a rule" if text.startswith(RULES) else "read from a source"


def _source(mark: str, text: str, confidence: str) -> SourceNote:
    first, _, rest = text.partition(" ")
    has_address = first.startswith(("https://", "http://"))
    return SourceNote(mark=mark, text=rest if has_address else text, url=first.rstrip(",") if has_address else "", confidence=confidence)
