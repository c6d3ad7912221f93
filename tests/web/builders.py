"""Documents as the advisor answers them, made by hand: every part of a page can be tested without a search."""

from typing import Any

from app.web.forms.documents import Names
from app.workloads import parse_request

GIB = 2**30
Document = dict[str, Any]
ONE_GPU = {"gpus": 1, "data": 1, "tensor": 1, "pipeline": 1, "zero_stage": 0, "offload": "none"}

NAMES = Names(
    model_id=lambda text: text,
    model_name=lambda preset: preset,
    owned_parts=lambda text: [{"part": part.strip(), "quantity": 1} for part in text.split(",")],
    owned_text=lambda owned: ", ".join(row["part"] for row in owned),
    is_image_model=lambda preset: "resnet" in preset,
)


def money(amount: str, currency: str = "GBP") -> Document:
    """An amount of money."""
    return {"amount": amount, "currency": currency}


def term(key: str, count: int, label: str = "") -> Document:
    """One term of a ledger."""
    return {"key": key, "label": label or key.capitalize(), "bytes": count, "formula": f"{count} B", "inputs": {}, "source": "by hand"}


def interval(low: int, high: int, basis: str = "measured") -> Document:
    """An interval."""
    return {"low_bytes": low, "high_bytes": high, "coverage": 0.95, "basis": basis}


def estimate(**changes: Any) -> Document:
    """A job that needs 24 GiB of GPU memory."""
    terms = [term("weights", 16 * GIB), term("activations", 7 * GIB), term("device_context", GIB)]
    return {
        "parameters": {"total": 8_000_000_000, "trainable": 1, "active": 8_000_000_000},
        "gpu_memory": {
            "peak_allocated_bytes": 23 * GIB,
            "required_bytes": 24 * GIB,
            "interval": interval(23 * GIB, 25 * GIB),
            "peak_phase": "backward",
            "terms": terms,
        },
        "host_memory": {
            "peak_process_bytes": 8 * GIB,
            "required_bytes": 12 * GIB,
            "recommended_gb": 16,
            "interval": interval(7 * GIB, 9 * GIB, "model"),
            "terms": [term("processes", 12 * GIB)],
        },
        "storage": {
            "ssd_bytes": 400 * 10**9,
            "hdd_bytes": 2 * 10**12,
            "read_bytes_per_second": 0,
            "model_file_bytes": 0,
            "checkpoint_bytes": 0,
            "terms": [term("data", 400 * 10**9), term("hdd_archive", 2 * 10**12)],
        },
        "compute": {"flops_per_step": 1, "tokens_or_samples_per_step": 1},
        "findings": [],
        "version": {"estimator": "0.1.0"},
        **changes,
    }


def line(part: str, amount: str, **changes: Any) -> Document:
    """One line of a bill, its price 2 days old."""
    return {
        "part": {"id": part, "name": part.upper()},
        "quantity": 1,
        "unit_price": money(amount),
        "condition": "new",
        "observed_on": "2026-11-18",
        "source": "a shop",
        "age_days": 2,
        **changes,
    }


def machine(name: str = "rtx-5090", total: str = "2540.00", **changes: Any) -> Document:
    """A machine with one card, one kit of RAM and one drive of each sort."""
    card = {"id": name, "name": name.upper(), "memory_gb": 32}
    kit, ssd = {"id": "kit", "name": "Kit", "total_gb": 48}, {"id": "ssd", "name": "SSD", "capacity_bytes": 10**12}
    hdd = {"id": "hdd", "name": "HDD", "capacity_bytes": 4 * 10**12}
    lines = [line("am5", "188.00"), line(name, "1980.00"), line("kit", "210.00"), line("ssd", "74.00"), line("hdd", "88.00")]
    return {
        "id": f"am5+1x{name}",
        "platform": {"id": "am5", "name": "AM5"},
        "gpus": {"part": card, "quantity": 1, "parallelism": ONE_GPU},
        "ram": [{"part": kit, "quantity": 1}],
        "ssd": [{"part": ssd, "quantity": 1}],
        "hdd": [{"part": hdd, "quantity": 1}],
        "price": {"total": money(total), "lines": lines},
        "ram_bytes": 48 * GIB,
        "gpu_memory_utilisation": 0.77,
        "speed": {"samples_or_tokens_per_second": 7900.0, "step_seconds": 2.0, "epoch_seconds": 15480.0},
        "power_watts": 575,
        "findings": [],
        **changes,
    }  # fmt: skip


def advice(*picks: tuple[str, Document], **changes: Any) -> Document:
    """An answer with these picks, which are its whole frontier."""
    machines = {one["id"]: one for _, one in picks}
    return {
        "estimate": estimate(),
        "catalogue_revision": 214,
        "picks": [{"role": role, "machine": one} for role, one in picks],
        "frontier": list(machines.values()),
        "near_misses": [],
        "levers": [],
        "ladder": [],
        "cloud": [],
        "considered": 48211,
        "feasible": len(machines),
        "findings": [],
        **changes,
    }


def request(**limits: Any) -> Document:
    """A fine-tuning job with every default written out."""
    workload = {
        "kind": "training",
        "model": {"preset": "meta-llama/Llama-3.1-8B"},
        "precision": "bf16",
        "micro_batch_size": 4,
        "sequence_length": 4096,
        "tuning": {"method": "lora", "rank": 16},
    }
    return parse_request({"workload": workload, "limits": limits}).model_dump(mode="json")
