"""An import on the admin pages, in a browser with and without scripts."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.administration import admin as admin
from tests.browser.administration import admin_server as admin_server

LIST = "Artikel,Preis\nGeForce RTX 5090,{price}\nGeForce RTX 3090,12.00\nGeForce RTX 9999,5\nRTX 4090,-1\n"
SETTLED = 60_000  # milliseconds until the worker is done on a busy machine


def test_a_price_list_goes_from_upload_to_revision_and_back(admin: Page, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    file = tmp_path / "list.csv"
    file.write_text(LIST.format(price="3399.00" if "without" in request.node.name else "3401.00"))
    admin.get_by_role("link", name="Imports").click()
    admin.get_by_label("File", exact=True).set_input_files(file)
    admin.get_by_label("Source").fill("a supplier of these tests")
    admin.get_by_label("Prices seen on").fill("2026-11-20")
    admin.get_by_role("button", name="Dry run").click()
    mapping, apply = admin.get_by_role("button", name="Read it so"), admin.get_by_role("button", name="Apply")
    expect(mapping.or_(apply)).to_be_visible(timeout=SETTLED)
    if mapping.is_visible():
        admin.get_by_label("Column of Item (name or id)").select_option("Artikel")
        admin.get_by_label("Column of Price").select_option("Preis")
        admin.get_by_label("Currency of every row").fill("USD")
        mapping.click()
    expect(admin.get_by_role("button", name="Apply 1 rows")).to_be_visible(timeout=SETTLED)
    expect(admin.get_by_text("ready-made jobs would change")).to_be_visible(timeout=SETTLED)
    admin.get_by_label("accept").check()
    admin.get_by_role("button", name="Keep what is ticked").click()
    admin.get_by_label("Why").fill("weekly list")
    admin.get_by_role("button", name="Apply 2 rows").click()
    undo = admin.get_by_role("button", name="Undo this import")
    expect(undo).to_be_visible(timeout=SETTLED)
    undo.click()
    expect(admin.get_by_text("Undone, by a new revision.")).to_be_visible()
