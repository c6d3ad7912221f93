"""Imports on the admin pages: from the upload over the dry run to the revision, and back."""

import re
import time
from html import unescape

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.catalogue.history import current_revision
from app.catalogue.imports import staging
from app.catalogue.imports.tables import ImportBatch
from app.database import Database
from tests.accounts.builders import PASSWORD
from tests.catalogue.imports.shelf import exported
from tests.security.conftest import browser_of
from tests.security.conftest import seeded_file as seeded_file
from tests.security.conftest import site as site

LIST = "Artikel,Preis\nGeForce RTX 5090,3400.00\nGeForce RTX 3090,12.00\nGeForce RTX 9999,5\nRTX 4090,-1\n"
COLUMNS = {"column:item": "Artikel", "column:amount": "Preis", "constant:currency": "USD"}
CARDS = "name,price,chipset,memory,core_clock,boost_clock,color,length\n"


def database_of(site: FastAPI) -> Database:
    found: Database = site.state.site.database
    return found


def text_of(answer_text: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer_text)).split())


def upload(browser: TestClient, content: bytes | str, name: str = "list.csv", **fields: str) -> str:
    """The address of the new import."""
    answer = browser.post("/admin/imports", data=fields, files={"file": (name, content, "text/csv")})
    assert answer.status_code == 303, text_of(answer.text)
    return str(answer.headers["location"])


def settled(browser: TestClient, address: str) -> str:
    """The page once the worker has nothing more to do for it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        page = browser.get(address).text
        if "aria-busy" not in page:
            return page
        time.sleep(0.1)
    raise AssertionError("the import was never settled")


def staged(browser: TestClient, content: str = LIST) -> str:
    """The address of a price list whose columns are told, ready to be decided about."""
    address = upload(browser, content, source="supplier", observed_on="2026-11-20")
    if "Which column holds what?" in settled(browser, address):
        assert browser.post(f"{address}/columns", data=COLUMNS).status_code == 303
    assert "Apply" in settled(browser, address)
    return address


def state_of(site: FastAPI, address: str) -> str:
    with database_of(site).read() as session:
        return session.get_one(ImportBatch, int(address.rpartition("/")[2])).state


def test_a_price_list_is_mapped_judged_applied_and_undone(site: FastAPI) -> None:
    ada, before = browser_of(site, "ada"), exported(database_of(site))
    address = upload(ada, LIST, source="supplier", observed_on="2026-11-20")
    assert "say which of them hold our fields" in settled(ada, address)
    ada.post(f"{address}/columns", data=COLUMNS)
    page = text_of(settled(ada, address))
    assert "Need a decision 1" in page
    assert "recommendation" in page
    assert exported(database_of(site)) == before
    assert ada.post(f"{address}/apply", data={"reason": "weekly list"}).status_code == 303
    assert "In the catalogue" in settled(ada, address)
    assert exported(database_of(site)) != before
    assert ada.post(f"{address}/undo").status_code == 303
    assert exported(database_of(site)) == before
    assert "is undone by revision 3" in text_of(settled(ada, address))


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "fragment"])
def test_an_administrator_is_led_to_what_undoing_would_change_and_an_editor_is_not(site: FastAPI, headers: dict[str, str]) -> None:
    ada, bob = browser_of(site, "ada"), browser_of(site, "bob")
    address = staged(ada)
    ada.post(f"{address}/apply", data={"reason": "weekly list"})
    settled(ada, address)
    link = re.search(r'href="([^"]+)">What undoing would change', ada.get(address, headers=headers).text)
    assert link is not None
    assert ada.get(link[1]).status_code == 200
    assert "What undoing would change" not in bob.get(address, headers=headers).text


def rolled_back(browser: TestClient, how: str, number: int, current: int) -> None:
    told = {"current": str(current), "reason": "a mistake", "confirm_password": PASSWORD}
    answer = browser.post(f"/admin/revisions/{number}/roll-back/{how}", data=told)
    assert answer.headers.get("location") == f"/admin/revisions/{current + 1}?done=rolled-back", text_of(answer.text)


@pytest.mark.parametrize(("how", "number"), [("undo", 2), ("to", 1)])
def test_an_import_is_undone_whichever_way_its_revision_is_and_applied_again_when_that_is_undone(
    site: FastAPI, how: str, number: int
) -> None:
    ada = browser_of(site, "ada")
    address = staged(ada)
    ada.post(f"{address}/apply", data={"reason": "weekly list"})
    settled(ada, address)
    applied = exported(database_of(site))
    rolled_back(ada, how, number, current=2)
    assert "is undone by revision 3" in text_of(ada.get(address).text)
    assert ada.post(f"{address}/undo").status_code == 409
    rolled_back(ada, how, {"undo": 3, "to": 2}[how], current=3)
    assert "In the catalogue" in text_of(ada.get(address).text)
    assert exported(database_of(site)) == applied
    assert ada.post(f"{address}/undo").status_code == 303


def test_a_file_that_could_not_be_read_is_on_the_dashboard_until_it_is_discarded(site: FastAPI) -> None:
    ada = browser_of(site, "ada")
    assert "need attention" not in ada.get("/admin").text
    address = upload(ada, "a,b\n1,2\n", "broken.csv")
    settled(ada, address)
    assert f'href="{address}">broken.csv</a>' in ada.get("/admin").text
    ada.post(f"{address}/discard")
    assert "broken.csv" not in ada.get("/admin").text


def test_what_is_known_of_a_source_is_not_asked_again(site: FastAPI) -> None:
    bob = browser_of(site, "bob")
    address = staged(bob)
    bob.post(f"{address}/apply", data={"reason": "first"})
    settled(bob, address)
    second = upload(bob, LIST.replace("3400", "3300"), source="supplier", observed_on="2026-11-21")
    assert "Apply 1 rows" in text_of(settled(bob, second))


def test_the_second_of_two_people_who_apply_is_told(site: FastAPI) -> None:
    address = staged(browser_of(site, "ada"))
    browser_of(site, "ada").post(f"{address}/apply", data={"reason": "mine"})
    settled(browser_of(site, "ada"), address)
    answer = browser_of(site, "bob").post(f"{address}/apply", data={"reason": "mine too"})
    assert answer.status_code == 409
    assert "was applied by ada in revision 2" in text_of(answer.text)
    with database_of(site).read() as session:
        assert current_revision(session) == 2


def test_a_dry_run_that_another_revision_overtook_is_judged_anew_and_asked_again(site: FastAPI) -> None:
    ada = browser_of(site, "ada")
    late, quick = staged(ada), staged(ada, LIST.replace("3400.00", "3390.00"))
    ada.post(f"{quick}/apply", data={"reason": "quick"})
    settled(ada, quick)
    ada.post(f"{late}/apply", data={"reason": "late"})
    page = text_of(settled(ada, late))
    assert "Revision 2 has changed the catalogue since this was looked at" in page
    assert "$3,390 on 2026-11-20" in text_of(ada.get(f"{late}?tab=changed").text)
    ada.post(f"{late}/apply", data={"reason": "late, and meant"})
    settled(ada, late)
    assert state_of(site, late) == "applied"


def test_a_revision_that_touches_nothing_of_the_file_does_not_stop_it(site: FastAPI) -> None:
    ada = browser_of(site, "ada")
    late, quick = staged(ada), staged(ada, "Artikel,Preis\nGeForce RTX 3060 12GB,299.00\n")
    ada.post(f"{quick}/apply", data={"reason": "quick"})
    settled(ada, quick)
    ada.post(f"{late}/apply", data={"reason": "late"})
    settled(ada, late)
    assert state_of(site, late) == "applied"


def test_a_jump_is_recorded_only_where_it_was_ticked(site: FastAPI) -> None:
    ada = browser_of(site, "ada")
    address = staged(ada)
    assert "Apply 1 rows" in text_of(ada.get(address).text)
    assert ada.post(f"{address}/accept", data={"shown": "3", "line": "3"}).status_code == 303
    assert "Apply 2 rows" in text_of(ada.get(address).text)
    ada.post(f"{address}/apply", data={"reason": "it is true"})
    settled(ada, address)
    assert '"item": "rtx-3090", "amount": "12.00"' in exported(database_of(site))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"PK\x03\x04 whatever", "save the sheet as CSV"),
        (b"Artikel,Preis\nx\0,1\n", "NUL"),
        (f"{CARDS}X,1,RTX 3090,24,1,1,,\n", "give the day"),
    ],
)
def test_what_cannot_be_read_says_so_on_its_page_and_can_be_discarded(site: FastAPI, content: bytes | str, sentence: str) -> None:
    ada = browser_of(site, "ada")
    address = upload(ada, content)
    assert sentence in text_of(settled(ada, address))
    assert ada.post(f"{address}/discard").status_code == 303
    assert state_of(site, address) == "discarded"


def test_an_upload_without_a_file_keeps_what_was_typed(site: FastAPI) -> None:
    answer = browser_of(site, "bob").post("/admin/imports", data={"source": "my supplier"})
    assert answer.status_code == 422
    assert "choose a file" in answer.text
    assert 'value="my supplier"' in answer.text


def test_applying_needs_a_reason(site: FastAPI) -> None:
    ada = browser_of(site, "ada")
    address = staged(ada)
    assert "say in a few words why" in text_of(ada.post(f"{address}/apply", data={"reason": " "}).text)
    assert state_of(site, address) == "ready"


def test_every_row_can_be_taken_along_with_its_verdict(site: FastAPI) -> None:
    ada = browser_of(site, "ada")
    table = ada.get(f"{staged(ada)}/annotated.csv").text.splitlines()
    assert [line.split(",")[:2] for line in table[1:]] == [["2", "changed"], ["3", "confirm"], ["4", "rejected"], ["5", "rejected"]]


def test_the_exported_catalogue_comes_back_unchanged(site: FastAPI) -> None:
    ada = browser_of(site, "ada")
    address = upload(ada, ada.get("/admin/imports/export/catalogue.csv").text, name="catalogue.csv")
    assert "says nothing that the catalogue does not know" in text_of(settled(ada, address))


def test_a_batch_whose_worker_died_is_taken_up_again(site: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, database = browser_of(site, "ada"), database_of(site)
    with monkeypatch.context() as during:
        during.setattr(site.state.imports, "wake", lambda: None)
        address = upload(ada, LIST, source="supplier")
        assert staging.take_up(database) is not None, "this worker dies now"
    assert staging.take_up(database) is None
    monkeypatch.setattr(staging, "RESTS", -staging.RESTS)
    site.state.imports.wake()
    assert "say which of them hold our fields" in settled(ada, address)


def test_htmx_gets_the_part_and_everybody_else_the_page(site: FastAPI) -> None:
    ada = browser_of(site, "ada")
    address = staged(ada)
    fragment = ada.get(address, headers={"HX-Request": "true"}).text
    assert fragment.lstrip().startswith('<div id="import"')
    assert "<html" not in fragment


def test_a_known_file_without_a_day_asks_for_the_day_alone(site: FastAPI) -> None:
    ada = browser_of(site, "ada")
    address = upload(ada, f"{CARDS}MSI Ventus,3100,GeForce RTX 5090,32,,,,\n", "video-card.csv")
    asked = text_of(settled(ada, address))
    assert "When were these prices seen?" in asked
    assert "Which column holds what?" not in asked
    assert "such as 2026-10-30." in text_of(ada.post(f"{address}/day", data={"observed_on": "yesterday"}).text)
    assert ada.post(f"{address}/day", data={"observed_on": "2026-11-20"}).status_code == 303
    assert "PCPartPicker, graphics cards" in text_of(settled(ada, address))
