"""Offers of rented GPUs as gpuhunt and SkyPilot's catalogue list them: one row per instance and region, US dollars per hour.

The files name no provider: the profile does. Prices of a fraction of a cent are rounded to cents, and the note keeps the exact figure.
"""

import json
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from pydantic import ValidationError

from app.catalogue.facts import ItemFact
from app.catalogue.imports.formats.format import Format
from app.catalogue.imports.formats.values import number, slug
from app.catalogue.imports.profiles import Profile
from app.catalogue.imports.rows import Cells, as_text
from app.catalogue.imports.statements import Naming, RowProblem, Statement, reason_of

_CENT = Decimal("0.01")
_MIB_PER_GB = 1024
_TRUE = frozenset({"true", "1", "yes"})


def _gpuhunt(cells: Cells, profile: Profile) -> Iterator[Statement]:
    spot = as_text(cells.get("spot")).lower() in _TRUE
    yield _offer(
        profile,
        gpu=as_text(cells["gpu_name"]),
        quantity=number(cells, "gpu_count"),
        gpu_memory_gb=number(cells, "gpu_memory"),
        price=number(cells, "price"),
        details={
            "provisioning": "spot" if spot else "on-demand",
            "region": as_text(cells["location"]),
            "instance": as_text(cells["instance_name"]),
            "vcpus": as_text(cells.get("cpu")),
            "ram_gb": as_text(cells.get("memory")),
        },
    )


def _skypilot(cells: Cells, profile: Profile) -> Iterator[Statement]:
    prices = {"on-demand": number(cells, "Price"), "spot": number(cells, "SpotPrice")}
    for provisioning, price in prices.items():
        if price is None and any(prices.values()):
            continue
        yield _offer(
            profile,
            gpu=as_text(cells["AcceleratorName"]),
            quantity=number(cells, "AcceleratorCount"),
            gpu_memory_gb=_memory_in(as_text(cells.get("GpuInfo"))),
            price=price,
            details={
                "provisioning": provisioning,
                "region": as_text(cells.get("AvailabilityZone")) or as_text(cells.get("Region")),
                "instance": as_text(cells["InstanceType"]),
                "vcpus": as_text(cells.get("vCPUs")).removesuffix(".0"),
                "ram_gb": as_text(cells.get("MemoryGiB")),
            },
        )


def _memory_in(info: str) -> Decimal | None:
    """The memory of one GPU in SkyPilot's GpuInfo, a Python or JSON object with MiB in it."""
    try:
        (gpu,) = json.loads(info.replace("'", '"'))["Gpus"]
        return Decimal(round(gpu["MemoryInfo"]["SizeInMiB"] / _MIB_PER_GB))
    except (ValueError, KeyError, TypeError):
        return None


def _offer(
    profile: Profile, *, gpu: str, quantity: Decimal | None, gpu_memory_gb: Decimal | None, price: Decimal | None, details: dict[str, str]
) -> Statement:
    if not gpu or not quantity:
        raise RowProblem("the offer has no GPU; the catalogue keeps offers of GPUs only")
    if quantity != int(quantity):
        raise RowProblem(f"the offer is of {quantity} GPUs: a share of one cannot be planned with")
    provider = profile.constants.get("provider", "")
    if not provider:
        raise RowProblem("the file does not name the provider; give it as a constant of the source: provider=Lambda")
    label = f"{provider} {int(quantity)}x {gpu}"
    id_ = slug(provider, gpu, str(int(quantity)), details["provisioning"], details["region"], details["instance"])
    return Statement(
        label=label,
        naming=Naming(kind="cloud", names=(id_,), by_id=True),
        gpu=Naming(kind="gpu", names=(gpu,), traits=() if gpu_memory_gb is None else (float(gpu_memory_gb),)),
        item=_item(profile, id_, label, {**details, "provider": provider, "gpu_quantity": int(quantity)}),
        price=_price(profile, price),
    )


def _item(profile: Profile, id_: str, name: str, spec: dict[str, Any]) -> ItemFact:
    """The offer without its GPU, which is put in where one is found for the name."""
    try:
        return ItemFact.read("cloud", {
            **spec, "id": id_, "name": name, "vendor": spec["provider"], "source": profile.source or f"price list of {spec['provider']}",
            "as_of": profile.observed_on, "confidence": "medium",
        })  # fmt: skip
    except ValidationError as error:
        raise RowProblem(reason_of(error)) from None


def _price(profile: Profile, amount: Decimal | None) -> dict[str, Any] | None:
    if amount is None:
        return None
    cents = amount.quantize(_CENT, rounding=ROUND_HALF_EVEN)
    constants = {name: value for name, value in profile.constants.items() if name != "provider"}
    return {
        "amount": cents, "currency": "USD", "condition": "new", "kind": "rental", "observed_on": profile.observed_on,
        "source": profile.source or f"price list of {profile.constants['provider']}",
        "note": "" if cents == amount else f"{amount} per hour, rounded to cents",
        **constants,
    }  # fmt: skip


FORMATS = (
    Format(
        name="gpuhunt", title="gpuhunt, offers of one provider", read=_gpuhunt, dated=False,
        columns=frozenset({"instance_name", "location", "price", "gpu_count", "gpu_name", "spot"}),
    ),
    Format(
        name="skypilot", title="SkyPilot, catalogue of one provider", read=_skypilot, dated=False,
        columns=frozenset({"InstanceType", "AcceleratorName", "AcceleratorCount", "Price"}),
    ),
)  # fmt: skip
