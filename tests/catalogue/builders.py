"""Facts for tests: one line each, everything that does not matter filled in."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from app.catalogue.facts import ItemFact, PriceFact, RateFact, RevisionKind
from app.catalogue.revisions import Occasion
from app.hardware import PartKind

SPECS: dict[PartKind, dict[str, object]] = {
    "gpu": {
        "segment": "consumer", "architecture": "Ampere", "memory_gb": 24, "memory_type": "GDDR6X", "visible_mib": 24000,
        "visible_source": "a test", "bandwidth_gb_s": 936, "form_factor": "pcie", "slots": 3, "power_w": 350,
        "supports_bf16": True, "supports_fp8": False, "purchasable": True, "lifecycle": "used",
    },
    "ram": {"memory_type": "DDR5", "form": "UDIMM", "modules": 2, "module_gb": 16, "speed_mt_s": 6000, "ecc": False},
    "drive": {"medium": "ssd", "grade": "consumer", "capacity_gb": 2000, "interface": "m2"},
    "platform": {
        "platform_class": "desktop", "cpu_sockets": 1, "cpu_cores": 8, "memory_type": "DDR5", "memory_form": "UDIMM",
        "memory_channels": 2, "dimm_slots": 4, "max_memory_gb": 192, "ecc": False, "gpu_slots": 1, "m2_slots": 2,
        "sata_bays": 4, "u2_bays": 0,
    },
    "cloud": {"provider": "Somewhere", "gpu_quantity": 1, "provisioning": "on-demand"},
}  # fmt: skip


def item(kind: PartKind, id_: str, **changes: Any) -> ItemFact:
    """An item; keywords set fields of the item or of its specification."""
    common = {"id": id_, "name": id_.upper(), "source": "a test", "as_of": "2026-11-20", "confidence": "high"}
    return ItemFact.read(kind, {**common, **SPECS[kind], **changes})


def price(item_id: str, amount: str, on: str = "2026-11-01", **changes: Any) -> PriceFact:
    """A price seen in a shop on a day."""
    common = {"currency": "USD", "condition": "new", "kind": "retail", "source": "a shop", "observed_on": on}
    return PriceFact.model_validate({**common, "item": item_id, "amount": amount, **changes})


def rate(currency: str, per_euro: str, on: str = "2026-10-30") -> RateFact:
    """An exchange rate of a day."""
    return RateFact(currency=currency, per_euro=Decimal(per_euro), as_of=date.fromisoformat(on), source="a bank")


def occasion(kind: RevisionKind = "edit", *, at: str = "2026-11-20T12:00:00", actor: str = "ada") -> Occasion:
    """Somebody changes the catalogue."""
    return Occasion(at=datetime.fromisoformat(at).replace(tzinfo=UTC), actor=actor, kind=kind, reason="for a test")
