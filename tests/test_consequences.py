"""What a change of the catalogue does to the ready-made jobs."""

from dataclasses import replace
from datetime import date

import pytest

from app.catalogue.seed import catalogue_from_seed
from app.consequences import consequences
from app.hardware import Catalogue

TODAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return catalogue_from_seed()


def test_the_same_catalogue_has_none(catalogue: Catalogue) -> None:
    assert consequences(catalogue, catalogue, TODAY) == ()


def test_a_machine_that_is_gone_flips_the_jobs_that_it_was_picked_for(catalogue: Catalogue) -> None:
    picked = {one.before.platform.id for one in consequences(catalogue, replace(catalogue, platforms={}), TODAY) if one.before}
    gone = min(picked)
    without = replace(catalogue, platforms={name: part for name, part in catalogue.platforms.items() if name != gone})
    found = consequences(catalogue, without, TODAY)
    assert found
    assert all(one.flips for one in found if one.before and one.before.platform.id == gone)
    assert all(one.after is None or one.after.platform.id != gone for one in found)
    assert sorted(found, key=lambda one: not one.flips) == list(found)
