"""Drives at work: reads and seeks, waiting for checkpoints, loading, wear, and hard disks that keep GPUs waiting."""

from typing import Any

import pytest

from app.catalogue.seed import catalogue_from_seed
from app.estimation.disk_use import DiskUse, Workplace, disk_samples_per_second, disk_use, read_operations, starved
from app.estimation.estimate import Storage
from app.estimation.ledger import Ledger
from app.estimation.service import prepare
from app.placement import Placement, Sharding, Speed
from app.units import GB, GIB, TB
from app.workloads import parse_workload
from app.workloads.data import Checkpoints, DataSet

CATALOGUE = catalogue_from_seed()
IMAGENET = DataSet(samples=1_281_167, bytes_per_sample=117_000)
SHARDS = DataSet(samples=10**9, bytes_per_sample=2_000)
SSD = CATALOGUE.drives["samsung-990-pro-2tb"]
CARD = CATALOGUE.gpus["rtx-4090"]


def used(**changes: Any) -> DiskUse:
    form = {"checkpoint_bytes": 98 * GB, "model_file_bytes": 14 * GB, "step_seconds": 2.0, "reads": 10**8, "host": 40 * GIB, **changes}
    storage = Storage(
        ledger=Ledger(()), read_bytes_per_second=0, model_file_bytes=form["model_file_bytes"], checkpoint_bytes=form["checkpoint_bytes"]
    )
    placement = Placement(
        sharding=Sharding(), gpu_bytes=0, gpu_bytes_high=0, host_bytes=form["host"], read_bytes_per_second=form["reads"],
        speed=Speed(step_seconds=form["step_seconds"]),
    )  # fmt: skip
    place = Workplace(
        ssd=((SSD, 1),), included_ssd=form.get("included", False), read_bytes_per_second=7e9, gpu=CARD, gpus=1, placement=placement
    )
    return disk_use(storage, IMAGENET, Checkpoints(every_steps=form.get("every", 1000)), place)


def test_a_checkpoint_stops_training_for_as_long_as_it_is_written() -> None:
    assert SSD.write_mb_s is not None
    assert used().checkpoint_stall_seconds == pytest.approx(98 * GB / (SSD.write_mb_s * 10**6))
    assert used(checkpoint_bytes=0).checkpoint_stall_seconds is None


def test_a_model_is_loaded_at_the_rate_of_the_drives() -> None:
    assert used().cold_load_seconds == pytest.approx(2.0)


def test_checkpoints_wear_the_drive_and_fewer_of_them_wear_it_less() -> None:
    often, seldom = used(every=100), used(every=10_000)
    assert often.endurance_years is not None
    assert seldom.endurance_years is not None
    assert often.endurance_years * often.written_bytes_per_day * 365 == pytest.approx((SSD.endurance_tbw or 0) * TB)
    assert seldom.endurance_years > 50 * often.endurance_years
    assert [finding.code for finding in often.findings] == ["drive_wear"]
    assert seldom.findings == ()


def test_nothing_is_said_of_the_wear_of_a_drive_that_is_not_known() -> None:
    assert used(included=True, every=100).endurance_years is None


def test_images_take_a_read_each_and_records_in_shards_one_for_every_mebibyte() -> None:
    assert read_operations(IMAGENET, 117_000 * 1000) == 1000
    assert read_operations(SHARDS, 100 * 2**20) == 100
    assert read_operations(IMAGENET, 0) == 0


def test_a_hard_disk_seeks_for_every_image_and_streams_records() -> None:
    assert 100 < disk_samples_per_second(IMAGENET) < 150
    assert disk_samples_per_second(SHARDS) > 20_000


@pytest.mark.parametrize(("changes", "told"), [({}, 1), ({"location": "ssd"}, 0), ({"loading": "in_memory"}, 0)])
def test_a_disk_that_starves_gpus_is_told_of(changes: dict[str, Any], told: int) -> None:
    data = IMAGENET.model_copy(update={"location": "hdd", **changes})
    assert len(starved(data, 1500.0)) == told
    assert starved(data, 50.0) == ()


def imagenet(location: str) -> Placement:
    document = {
        "kind": "training", "model": {"preset": "resnet50"}, "precision": "amp_fp16", "micro_batch_size": 128, "image_size": [224, 224],
        "data": {"samples": 1_281_167, "bytes_per_sample": 117_000, "location": location, "loader_workers": 16, "epochs": 90},
    }  # fmt: skip
    placed = prepare(parse_workload(document)).place(CARD, 1)
    assert isinstance(placed, Placement)
    return placed


def test_imagenet_on_a_hard_disk_trains_at_the_rate_of_the_disk() -> None:
    ssd, hdd = imagenet("ssd"), imagenet("hdd")
    assert hdd.speed.bottleneck == "disk"
    assert hdd.speed.rate == pytest.approx(disk_samples_per_second(IMAGENET), rel=1e-3)
    assert ssd.speed.rate > 8 * hdd.speed.rate
    assert "disk_starves_gpu" in {finding.code for finding in hdd.findings}
    assert hdd.read_bytes_per_second == 0 < ssd.read_bytes_per_second


def test_rules_of_thumb_for_ram_stand_beside_the_need() -> None:
    verdicts = {rule.name: rule.enough for rule in used(host=40 * GIB).comfort_rules}
    assert verdicts == {"largest GPU + 25 %": False, "twice the memory of all GPUs": True}
