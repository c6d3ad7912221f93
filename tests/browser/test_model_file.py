"""A model file, sent from a real browser, with scripts and without."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.architectures.readers.files import decoder_checkpoint, gguf_file, header_of


def send(page: Page, file: Path) -> None:
    page.goto("/?task=run")
    page.get_by_text("Upload a model file").click()
    page.get_by_label("GGUF, safetensors").set_input_files(file)
    page.get_by_role("button", name="Use this file").click()


@pytest.mark.usefixtures("complaints")
def test_a_file_fills_the_form_and_a_typed_name_takes_its_place(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(gguf_file())
    send(page, file)
    expect(page.get_by_text("The model comes from a file")).to_be_visible()
    expect(page.locator("h1")).to_contain_text("You need")
    page.get_by_role("link", name="forget it").click()
    expect(page.get_by_text("The model comes from a file")).to_have_count(0)


@pytest.mark.usefixtures("complaints")
def test_only_the_start_of_a_large_file_is_sent(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(header_of(decoder_checkpoint()) + b"\0" * 40 * 2**20)
    with page.expect_request(lambda request: request.method == "POST") as sent:
        send(page, file)
    assert int(sent.value.all_headers()["content-length"]) < 21 * 2**20


def test_a_file_works_without_scripts_and_a_hostile_one_is_refused(page_without_scripts: Page, tmp_path: Path) -> None:
    page = page_without_scripts
    good, bad = tmp_path / "model.gguf", tmp_path / "model.pt"
    good.write_bytes(gguf_file())
    bad.write_bytes(b"PK\x03\x04" + b"\0" * 64)
    send(page, good)
    expect(page.get_by_text("The model comes from a file")).to_be_visible()
    send(page, bad)
    expect(page.locator("#file-error")).to_contain_text("archive")
