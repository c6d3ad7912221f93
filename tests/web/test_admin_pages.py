"""What the admin pages do to the catalogue, and what they say when they cannot."""

import csv
import io
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.accounts.audit import AuditFilter, entries
from app.accounts.audit import check as check_audit
from app.catalogue.chain import check
from app.catalogue.history import current_revision
from app.catalogue.snapshot import snapshot_at
from app.main import create_app
from app.settings import Settings
from tests.security.conftest import browser_of
from tests.security.conftest import seeded_file as seeded_file
from tests.web.markup import read

PAGES = (
    "/admin",
    "/admin/items",
    "/admin/items?q=rtx&kind=gpu",
    "/admin/items/rtx-3090",
    "/admin/items/new/gpu",
    "/admin/items/new/ram",
    "/admin/items/new/cloud",
    "/admin/items/rtx-3090/prices",
    "/admin/prices",
    "/admin/rates",
    "/admin/revisions",
    "/admin/revisions/1",
    "/admin/revisions/1/roll-back/undo",
    "/admin/revisions/1/consequences",
    "/admin/items/rtx-3090?done=item-saved&revision=1",
    "/admin/audit?actor=ada&since=2026-01-01",
    "/admin/users",
    "/admin/account",
)


@pytest.fixture
def site(seeded_file: Path, tmp_path: Path) -> Iterator[FastAPI]:
    """The application on a database of this test's own."""
    copy = tmp_path / "rigwise.sqlite"
    copy.write_bytes(seeded_file.read_bytes())
    app = create_app(Settings(database_url=f"sqlite:///{copy}"))
    with TestClient(app):
        yield app


@pytest.fixture
def admin(site: FastAPI) -> TestClient:
    """A browser of the administrator ada."""
    return browser_of(site, "ada")


@pytest.fixture(autouse=True)
def chains_hold(site: FastAPI) -> Iterator[None]:
    """Whatever a test did, the history and the log are complete and untouched."""
    yield
    assert check(site.state.site.database) == ()
    assert check_audit(site.state.site.database) == ()


def acts(site: FastAPI) -> list[tuple[str, str, str]]:
    with site.state.site.database.read() as session:
        return [(one.actor, one.act, one.subject) for one in entries(session, AuditFilter())]


def revision(site: FastAPI) -> int:
    with site.state.site.database.read() as session:
        return current_revision(session)


def form_of(page: str) -> dict[str, str]:
    """The fields of the page's main form as a browser would send them."""
    found: dict[str, str] = {}
    parsed = read(page)
    for one in parsed.all("input"):
        if one.attributes.get("name") and one.attributes.get("type") != "checkbox":
            found.setdefault(one.attributes["name"], one.attributes.get("value", ""))
    for name, options in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        found[name] = chosen[1] if chosen else ""
    areas = dict(re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>\n?(.*?)</textarea>', page, re.DOTALL))
    return {name: unescape(value) for name, value in {**found, **areas}.items()}


def item_form(page: str) -> dict[str, str]:
    return {name: value for name, value in form_of(page).items() if name not in {"alias", "alias_source", "back", "theme"}}


@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_well_made(admin: TestClient, address: str) -> None:
    answer = admin.get(address)
    assert answer.status_code == 200
    parsed = read(answer.text)
    assert parsed.problems == []
    assert sorted(parsed.ids) == sorted(set(parsed.ids))
    assert (len(parsed.all("h1")), len(parsed.all("main"))) == (1, 1)
    labelled = {label.attributes.get("for") for label in parsed.all("label")}
    controls = [one for tag in ("input", "select", "textarea") for one in parsed.all(tag) if one.attributes.get("type") != "hidden"]
    assert [one.attributes for one in controls if one.attributes.get("id") not in labelled and "label" not in one.parents] == []


@pytest.mark.parametrize(
    "item", ["rtx-3090", "am4-budget", "lexar-nm790-1tb", "pcpp-ddr4-3200-2x8", "akash-h100-1-on-demand-average-screener"]
)
def test_saving_an_item_untouched_records_nothing(admin: TestClient, site: FastAPI, item: str) -> None:
    fields = item_form(admin.get(f"/admin/items/{item}").text)
    answer = admin.post(f"/admin/items/{item}", data={**fields, "reason": "only looking"})
    assert answer.headers.get("location") == f"/admin/items/{item}?done=nothing-changed", answer.text
    assert revision(site) == 1


def test_one_field_changed_is_one_revision_with_who_and_why_and_one_entry_of_the_log(admin: TestClient, site: FastAPI) -> None:
    fields = item_form(admin.get("/admin/items/rtx-3090").text)
    admin.post("/admin/items/rtx-3090", data={**fields, "power_w": "365", "confidence": "low", "reason": "measured"})
    page = admin.get("/admin/revisions/2").text
    assert "edit by ada" in page
    assert "measured" in page
    assert re.search(r"<del>350</del></td><td><ins>365</ins>", page)
    assert re.search(r"<del>high</del></td><td><ins>low</ins>", page)
    assert [act for act in acts(site) if act[1].startswith("item")] == [("ada", "item.edit", "rtx-3090")]


def test_every_wrong_field_is_named_at_once_and_everything_typed_is_kept(admin: TestClient, site: FastAPI) -> None:
    fields = item_form(admin.get("/admin/items/rtx-3090").text)
    answer = admin.post(
        "/admin/items/rtx-3090", data={**fields, "power_w": "a lot", "name": "", "as_of": "soon", "notes": "<b>kept</b>", "reason": ""}
    )
    assert answer.status_code == 422
    for name in ("power_w", "name", "as_of", "reason"):
        assert f'id="{name}-error"' in answer.text
    assert 'value="a lot"' in answer.text
    assert "&lt;b&gt;kept&lt;/b&gt;" in answer.text
    assert revision(site) == 1


def test_a_field_that_is_none_is_refused(admin: TestClient, site: FastAPI) -> None:
    fields = item_form(admin.get("/admin/items/rtx-3090").text)
    answer = admin.post("/admin/items/rtx-3090", data={**fields, "role": "admin", "kind": "ram", "reason": "mischief"})
    assert answer.status_code == 422
    assert revision(site) == 1


def test_two_people_saving_the_same_thing_make_one_revision(site: FastAPI) -> None:
    first, second = browser_of(site, "ada"), browser_of(site, "bob")
    fields = {**item_form(first.get("/admin/items/rtx-3090").text), "power_w": "365", "reason": "the same"}
    assert first.post("/admin/items/rtx-3090", data=fields).status_code == 303
    assert second.post("/admin/items/rtx-3090", data=fields).status_code == 303
    assert revision(site) == 2


def test_whoever_saves_second_sees_both_versions_and_saves_the_union(site: FastAPI) -> None:
    first, second = browser_of(site, "ada"), browser_of(site, "bob")
    fields = item_form(first.get("/admin/items/rtx-3090").text)
    first.post("/admin/items/rtx-3090", data={**fields, "power_w": "365", "slots": "2", "reason": "hers"})
    clash = second.post("/admin/items/rtx-3090", data={**fields, "power_w": "370", "notes": "his", "reason": "his reason"})
    assert clash.status_code == 409
    assert "both changed it" in clash.text
    merged = item_form(clash.text)
    assert (merged["base"], merged["power_w"], merged["slots"], merged["notes"], merged["reason"]) == ("2", "370", "2", "his", "his reason")
    assert second.post("/admin/items/rtx-3090", data=merged).status_code == 303
    with site.state.site.database.read() as session:
        spec = snapshot_at(session, 3).items["rtx-3090"]
    assert (spec.spec.power_w, spec.spec.slots, spec.notes) == (370, 2, "his")  # type: ignore[attr-defined]


def test_an_id_that_is_taken_is_not_overwritten(admin: TestClient, site: FastAPI) -> None:
    fields = {**item_form(admin.get("/admin/items/rtx-3090").text), "id": "rtx-3090", "reason": "new"}
    fields.pop("base")
    answer = admin.post("/admin/items/new/gpu", data={**fields, "name": "Another"})
    assert answer.status_code == 422
    assert "there is an item &#39;rtx-3090&#39; already" in answer.text
    assert revision(site) == 1


PRICE = {"amount": "900", "currency": "USD", "condition": "used", "kind": "retail", "observed_on": "2026-11-19", "source": "a shop"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": ""}, "amount"),
        ({"amount": "-5"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "1e9"}, "amount"),
        ({"observed_on": "2999-01-01"}, "observed_on"),
        ({"observed_on": "yesterday"}, "observed_on"),
        ({"currency": "XYZ"}, "currency"),
        ({"source": ""}, "source"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"kind": "guess"}, "kind"),
    ],
)
def test_a_price_that_cannot_be_is_refused_at_its_field(admin: TestClient, site: FastAPI, changes: dict[str, str], field: str) -> None:
    answer = admin.post("/admin/items/rtx-3090/prices", data={**PRICE, **changes})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert revision(site) == 1


def test_a_price_is_recorded_withdrawn_and_stays_in_the_history(admin: TestClient, site: FastAPI) -> None:
    assert admin.post("/admin/items/rtx-3090/prices", data=PRICE).status_code == 303
    number = re.findall(r"/prices/(\d+)/withdraw", admin.get("/admin/items/rtx-3090/prices").text)[0]
    assert admin.post(f"/admin/items/rtx-3090/prices/{number}/withdraw", data={"reason": ""}).status_code == 422
    assert admin.post(f"/admin/items/rtx-3080-10gb/prices/{number}/withdraw", data={"reason": "another item"}).status_code == 404
    assert admin.post(f"/admin/items/rtx-3090/prices/{number}/withdraw", data={"reason": "wrong card"}).status_code == 303
    assert admin.post(f"/admin/items/rtx-3090/prices/{number}/withdraw", data={"reason": "twice"}).status_code == 404
    assert "$900" in admin.get("/admin/revisions/3").text
    with site.state.site.database.read() as session:
        assert snapshot_at(session, 3).prices == snapshot_at(session, 1).prices


@pytest.mark.parametrize(
    ("line", "amount"),
    [
        ("rtx-3090\t820", "820"),
        ("RTX-3090,820.50", "820.50"),
        ("GeForce RTX 3090 820", "820"),
        ("geforce  rtx 3090; $820", "820"),
        ("GeForce RTX 3090 | USD 820", "820"),
        ("rtx-3090, 1,020", "1020"),
    ],
)
def test_a_pasted_line_is_understood(admin: TestClient, site: FastAPI, line: str, amount: str) -> None:
    common = {name: value for name, value in PRICE.items() if name != "amount"}
    page = admin.post("/admin/prices", data={**common, "lines": f"\n{line}\n", "act": "preview"})
    assert page.status_code == 200
    seen = form_of(page.text)["seen"]
    answer = admin.post("/admin/prices", data={**common, "lines": f"\n{line}\n", "act": "apply", "seen": seen})
    assert answer.headers["location"] == "/admin/revisions/2?done=prices-added&revision=2"
    with site.state.site.database.read() as session:
        price = next(one for one in snapshot_at(session, 2).prices["rtx-3090"] if one.condition == "used")
    assert str(price.money.amount) in {amount, f"{amount}.00"}


def test_only_what_was_looked_at_is_recorded(admin: TestClient, site: FastAPI) -> None:
    common = {name: value for name, value in PRICE.items() if name != "amount"}
    seen = form_of(admin.post("/admin/prices", data={**common, "lines": "rtx-3090 820", "act": "preview"}).text)["seen"]
    other = admin.post("/admin/prices", data={**common, "lines": "rtx-3090 830", "act": "apply", "seen": seen})
    assert other.status_code == 422
    assert "$830" in other.text
    unasked = admin.post("/admin/prices", data={**common, "lines": "rtx-3090 830", "act": "apply"})
    assert unasked.status_code == 422
    assert revision(site) == 1


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("", "paste at least one line"),
        ("rtx-3090", "there is no price at the end"),
        ("rtx-3090 cheap", "there is no item"),
        ("rtx-3090\tcheap", "is not a price"),
        ("rtx 309 820", "did you mean"),
        ("rtx-3090 820\nGeForce RTX 3090 830", "line 1 has a price of this item already"),
        ("x 1\n" * 501, "paste at most 500"),
    ],
)
def test_pasted_lines_that_mean_nothing_are_named_and_nothing_is_recorded(
    admin: TestClient, site: FastAPI, lines: str, complaint: str
) -> None:
    common = {name: value for name, value in PRICE.items() if name != "amount"}
    page = admin.post("/admin/prices", data={**common, "lines": lines, "act": "preview"})
    assert complaint in page.text
    again = admin.post(
        "/admin/prices", data={**common, "lines": lines, "act": "apply", "seen": form_of(page.text).get("seen", ""), "sure": "yes"}
    )
    assert again.status_code == 422
    assert revision(site) == 1


def test_after_a_price_was_saved_the_page_says_whose_recommendation_changed(admin: TestClient) -> None:
    saved = admin.post("/admin/items/rtx-3090/prices", data={**PRICE, "amount": "9", "sure": "yes"})
    page = admin.get(saved.headers["location"]).text
    address = re.search(r'hx-get="([^"]+/consequences)" hx-trigger="load"', page)
    assert address is not None
    part, whole = admin.get(address[1], headers={"HX-Request": "true"}).text, admin.get(address[1]).text
    assert part.startswith('<div id="revision_consequences">')
    assert part.strip() in whole
    assert "Whose recommendation changed" in part
    flipped = re.findall(r"<tr>.*?</tr>", part.partition("<tbody>")[2], re.DOTALL)
    assert any("another machine" in row and "RTX 3090" in row for row in flipped)


def test_a_change_that_matters_to_nobody_says_so(admin: TestClient) -> None:
    fields = item_form(admin.get("/admin/items/rtx-3090").text)
    saved = admin.post("/admin/items/rtx-3090", data={**fields, "confidence": "low", "reason": "one source only"})
    assert saved.headers["location"] == "/admin/items/rtx-3090?done=item-saved&revision=2"
    assert "every job is recommended the same machines" in admin.get("/admin/revisions/2/consequences").text


def test_a_rollback_is_refused_where_the_catalogue_moved_since_the_look_at_it(admin: TestClient, site: FastAPI) -> None:
    admin.post("/admin/items/rtx-3090/prices", data=PRICE)
    look = form_of(admin.get("/admin/revisions/1/roll-back/to").text)
    assert look["current"] == "2"
    admin.post("/admin/items/rtx-3090/prices", data={**PRICE, "amount": "890"})
    answer = admin.post("/admin/revisions/1/roll-back/to", data={"current": "2", "reason": "back"})
    assert answer.status_code == 422
    assert "has changed since you looked" in answer.text
    assert form_of(answer.text)["current"] == "3"
    done = admin.post("/admin/revisions/1/roll-back/to", data={"current": "3", "reason": "back"})
    assert done.headers["location"] == "/admin/revisions/4?done=rolled-back"
    assert ("ada", "rollback", "to revision 1") in acts(site)
    with site.state.site.database.read() as session:
        assert snapshot_at(session, 4).prices == snapshot_at(session, 1).prices


@pytest.mark.parametrize(
    "address",
    [
        "/admin/revisions/99",
        "/admin/revisions/0/roll-back/to",
        "/admin/revisions/99999999999/roll-back/to",
        "/admin/items/none",
        "/admin/items/new/none",
    ],
)
def test_what_there_is_not_is_not_found(admin: TestClient, address: str) -> None:
    assert admin.get(address).status_code == 404


def test_the_last_administrator_stays_and_the_page_says_so(admin: TestClient) -> None:
    answer = admin.post("/admin/users/ada/disable")
    assert answer.status_code == 422
    assert "is the only administrator" in answer.text
    assert admin.get("/admin").status_code == 200


def test_a_first_password_is_shown_once_and_must_be_changed(admin: TestClient, site: FastAPI) -> None:
    answer = admin.post("/admin/users", data={"name": "Fay", "role": "editor"})
    password = re.search(r'<code class="link-box">([^<]+)</code>', answer.text)
    assert password is not None
    fay = browser_of(site)
    assert fay.post("/admin/sign-in", data={"name": "fay", "password": password[1]}).status_code == 303
    assert fay.get("/admin").headers["location"] == "/admin/account"
    assert password[1] not in admin.get("/admin/users").text
    assert ("ada", "user.add", "fay") in acts(site)


def test_the_log_is_filtered_and_exported_so_that_no_spreadsheet_runs_it(admin: TestClient, site: FastAPI) -> None:
    admin.post("/admin/items/rtx-3090/names", data={"alias": "=cmd|' /C calc'!A0", "alias_source": "a hostile file"})
    assert "item.name" in admin.get("/admin/audit?act=item.").text
    assert "item.name" not in admin.get("/admin/audit?actor=bob").text
    assert admin.get("/admin/audit?since=nonsense").status_code == 422
    answer = admin.post("/admin/audit/csv?act=item.")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["actor"], row["act"], row["subject"]) for row in rows] == [("ada", "item.name", "rtx-3090")]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    assert acts(site)[0] == ("ada", "audit.export", "")


def test_another_name_of_one_item_is_not_taken_by_a_second(admin: TestClient, site: FastAPI) -> None:
    name = {"alias": "Founders Card", "alias_source": "a shop"}
    assert admin.post("/admin/items/rtx-3090/names", data=name).status_code == 303
    refused = admin.post("/admin/items/rtx-4090/names", data=name)
    assert refused.status_code == 422
    assert "another name of &#39;rtx-3090&#39;" in refused.text
    assert 'value="Founders Card"' in refused.text
    assert "Founders Card" in admin.get("/catalogue/gpus?q=founders").text or "rtx-3090" in admin.get("/catalogue/gpus?q=founders").text
    assert admin.post("/admin/items/rtx-3090/names/remove", data={"alias": "Founders Card"}).status_code == 303
    assert admin.post("/admin/items/rtx-4090/names", data=name).status_code == 303


HOSTILE = ("\0", "\N{RIGHT-TO-LEFT OVERRIDE}x", "9" * 5000, "1e400", "<script>alert(1)</script>", "\N{PILE OF POO}" * 300)
FORMS = ("/admin/items/rtx-3090", "/admin/items/new/gpu", "/admin/items/rtx-3090/prices", "/admin/prices", "/admin/rates", "/admin/users")


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("address", FORMS)
def test_whatever_is_typed_into_every_field_is_answered_by_a_page(admin: TestClient, address: str, text: str) -> None:
    fields = form_of(admin.get(address).text) or {"name": "", "password": "", "code": ""}
    for name in set(fields) - {"base", "back", "theme"}:
        answer = admin.post(address, data={**fields, name: text})
        assert answer.status_code < 500, (name, answer.text[:500])
        assert "<script>alert" not in answer.text
    assert admin.get(f"{address}?q=%00&x=%00").status_code < 500
    assert admin.get("/admin/items/%00").status_code == 404


def test_a_bound_is_told_as_one_would_say_it(admin: TestClient) -> None:
    fields = item_form(admin.get("/admin/items/rtx-3090").text)
    page = admin.post("/admin/items/rtx-3090", data={**fields, "power_w": "-3", "memory_gb": "9999", "name": "x" * 201}).text
    for sentence in ("use 0 or more", "use 4,096 or less", "use at most 200 characters"):
        assert sentence in page
