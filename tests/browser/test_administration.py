"""The admin journeys in a real browser, each with scripts and without: prices, items, two people at once, rollback, users, account."""

import re

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.administration import PASSWORD, sign_in
from tests.browser.test_accessibility import violations

ADDRESSES = (
    "/admin",
    "/admin/items?q=rtx",
    "/admin/items/rtx-4090",
    "/admin/items/new/platform",
    "/admin/items/rtx-4090/prices",
    "/admin/prices",
    "/admin/rates",
    "/admin/revisions",
    "/admin/revisions/1",
    "/admin/revisions/1/roll-back/to",
    "/admin/audit",
    "/admin/users",
    "/admin/account",
)


def test_a_price_is_entered_doubted_and_withdrawn(admin: Page) -> None:
    admin.goto("/admin/items?q=rtx+4080")
    admin.get_by_role("link", name="Prices of GeForce RTX 4080", exact=True).click()
    before = admin.locator(".page-head p").last.inner_text()
    admin.get_by_label("Price", exact=True).fill("£990")
    admin.get_by_label("Source").fill("a shop")
    admin.get_by_role("button", name="Record the price").click()
    if admin.get_by_label("Yes, it moved that far").is_visible():
        admin.get_by_label("Yes, it moved that far").check()
        admin.get_by_role("button", name="Record the price").click()
    expect(admin.get_by_role("status")).to_contain_text("recorded")
    expect(admin.get_by_role("table")).to_contain_text("£990")

    admin.get_by_label("Price", exact=True).fill("9900")
    admin.get_by_label("Source").fill("a slip of the hand")
    admin.get_by_role("button", name="Record the price").click()
    expect(admin.get_by_text("Is this right?")).to_be_visible()
    expect(admin.get_by_label("Source")).to_have_value("a slip of the hand")
    admin.get_by_label("Yes, it moved that far").check()
    admin.get_by_role("button", name="Record the price").click()

    for what in (re.compile("Withdraw .9,900"), re.compile("Withdraw £990")):
        admin.get_by_role("link", name=what).first.click()
        admin.get_by_role("button", name="Withdraw the price").click()
        expect(admin.get_by_role("alert")).to_contain_text("say in a few words why")
        admin.get_by_label("What is wrong with it").fill("typed wrongly")
        admin.get_by_role("button", name="Withdraw the price").click()
        expect(admin.get_by_role("status")).to_contain_text("counts no longer")
    expect(admin.locator(".page-head p").last).to_have_text(before)


def test_two_columns_of_prices_are_pasted_looked_at_and_recorded(admin: Page) -> None:
    admin.get_by_role("link", name="Prices", exact=True).click()
    admin.get_by_label("Source").fill("a price list")
    admin.get_by_label("Items and prices").fill("rtx-3060-12gb\t1\nGeForce RTX 4070, 2\nno such card 3")
    admin.get_by_role("button", name="Look at what they would do").click()
    expect(admin.get_by_text("there is no item 'no such card'")).to_be_visible()
    expect(admin.get_by_role("button", name=re.compile("Record"))).to_have_count(0)
    admin.get_by_label("Items and prices").fill("rtx-3060-12gb\t1\nGeForce RTX 4070, 2")
    admin.get_by_role("button", name="Look again").click()
    admin.get_by_role("button", name="Record 2 prices").click()
    expect(admin.get_by_label("Yes, they moved that far")).to_be_visible()
    admin.get_by_label("Yes, they moved that far").check()
    admin.get_by_role("button", name="Record 2 prices").click()
    expect(admin.get_by_role("heading", name=re.compile(r"Revision \d+"))).to_be_visible()
    expect(admin.get_by_text("2 prices added")).to_be_visible()

    admin.get_by_role("link", name="Undo this revision alone").click()
    expect(admin.get_by_text("another machine").first).to_be_visible()
    admin.get_by_label("Why").fill("a test of the wrong prices")
    admin.get_by_role("button", name="Undo it").click()
    expect(admin.get_by_text("2 prices withdrawn")).to_be_visible()


def test_an_item_is_added_given_another_name_and_found_by_it(admin: Page, request: pytest.FixtureRequest) -> None:
    number = 1 if "without" in request.node.name else 2
    admin.goto("/admin/items")
    admin.get_by_role("link", name="New drive").click()
    admin.get_by_label("Id", exact=True).fill(f"Test Drive {number}")
    admin.get_by_role("button", name="Add the item").click()
    summary = admin.get_by_role("alert")
    expect(summary).to_contain_text("small letters, digits, dots and dashes")
    expect(summary).to_contain_text("Capacity (GB): type a whole number")
    admin.get_by_label("Id", exact=True).fill(f"test-drive-{number}")
    admin.get_by_label("Name", exact=True).fill(f"Test drive {number}")
    admin.get_by_label("Capacity (GB)").fill("2000")
    admin.get_by_label("Source of the specification").fill("a data sheet")
    admin.get_by_label("Why the change").fill("a new product")
    admin.get_by_role("button", name="Add the item").click()
    expect(admin.get_by_role("status")).to_contain_text("in the catalogue")

    admin.get_by_label("Another name").fill(f"TD-{number}-XQZ")
    admin.get_by_label("Seen where").fill("a shop")
    admin.get_by_role("button", name="Add the name").click()
    admin.goto(f"/admin/items?q=td-{number}-xqz")
    admin.get_by_role("link", name=f"Test drive {number}", exact=True).click()
    admin.get_by_role("button", name=f"Take away: TD-{number}-XQZ").click()
    expect(admin.get_by_role("status")).to_contain_text("stands for nothing")


def test_whoever_saves_second_sees_both_versions_and_nothing_is_lost(admin: Page, browser: Browser, admin_server: str) -> None:
    address = "/admin/items/rtx-3080-10gb"
    admin.goto(address)
    slots, power = admin.get_by_label("Slots").input_value(), admin.get_by_label("Power (W)").input_value()
    other = browser.new_context(base_url=admin_server).new_page()
    sign_in(other, "bob")
    other.goto(address)
    other.get_by_label("Power (W)").fill(str(int(power) + 7))
    other.get_by_label("Slots").fill(str(float(slots) + 0.5))
    other.get_by_label("Why the change").fill("bob read the data sheet")
    other.get_by_role("button", name="Save as a new revision").click()
    other.context.close()

    admin.get_by_label("Power (W)").fill(str(int(power) + 11))
    admin.get_by_label("Notes").fill("mine")
    admin.get_by_label("Why the change").fill("ada measured it")
    admin.get_by_role("button", name="Save as a new revision").click()
    alert = admin.get_by_role("alert")
    expect(alert).to_contain_text("Somebody else saved this item first")
    expect(alert.get_by_role("row", name=re.compile("Power"))).to_contain_text(str(int(power) + 7))
    expect(admin.get_by_label("Power (W)")).to_have_value(str(int(power) + 11))
    expect(admin.get_by_label("Slots")).to_have_value(f"{float(slots) + 0.5:g}")
    expect(admin.get_by_label("Notes")).to_have_value("mine")
    admin.get_by_role("button", name="Save as a new revision").click()
    expect(admin.get_by_role("status")).to_contain_text("Saved")
    expect(admin.get_by_label("Slots")).to_have_value(f"{float(slots) + 0.5:g}")


def test_the_catalogue_is_rolled_back_after_a_look_at_what_would_change(admin: Page) -> None:
    admin.goto("/admin/revisions")
    current = admin.get_by_role("link", name=re.compile(r"^Revision \d+$")).first.inner_text()
    admin.goto("/admin/rates")
    admin.get_by_label("Currency").fill("usd")
    admin.get_by_label("Units per euro").fill("12.5")
    admin.get_by_role("button", name="Record the rate").click()
    admin.get_by_label("Yes, it moved that far").check()
    admin.get_by_role("button", name="Record the rate").click()
    expect(admin.get_by_role("row", name=re.compile("USD"))).to_contain_text("12.5")

    admin.goto(f"/admin/revisions/{current}")
    admin.get_by_role("link", name="Roll back to this revision").click()
    expect(admin.get_by_text("1 rate withdrawn")).to_be_visible()
    expect(admin.get_by_role("table").first).to_contain_text("another machine")
    admin.get_by_label("Why").fill("the rate was a slip")
    admin.get_by_role("button", name="Roll back").click()
    expect(admin.get_by_role("status")).to_contain_text("Rolled back")
    admin.goto("/admin/rates")
    expect(admin.get_by_role("row", name=re.compile("USD"))).not_to_contain_text("12.5")
    admin.goto("/admin/audit?act=rollback")
    expect(admin.get_by_role("table")).to_contain_text("the rate was a slip")


def test_a_user_is_added_signs_in_chooses_a_password_and_is_disabled(admin: Page, browser: Browser, admin_server: str) -> None:
    admin.goto("/admin/users")
    name = f"eve{admin.get_by_role('row').count()}"
    admin.get_by_label("Name").fill(name)
    admin.get_by_role("button", name="Add the user").click()
    first = admin.locator("code.link-box").inner_text()

    eve = browser.new_context(base_url=admin_server).new_page()
    eve.goto("/admin")
    eve.get_by_label("Name").fill(name)
    eve.get_by_label("Password").fill(first)
    eve.get_by_role("button", name="Sign in").click()
    expect(eve.get_by_text("Choose one of your own")).to_be_visible()
    eve.get_by_label("Current password").fill(first)
    eve.get_by_label("New password", exact=True).fill("short")
    eve.get_by_label("New password again").fill("short")
    eve.get_by_role("button", name="Change the password").click()
    expect(eve.get_by_role("alert")).to_contain_text("at least 15 characters")
    eve.get_by_label("Current password").fill(first)
    eve.get_by_label("New password", exact=True).fill(PASSWORD)
    eve.get_by_label("New password again").fill(PASSWORD)
    eve.get_by_role("button", name="Change the password").click()
    eve.goto("/admin")
    expect(eve.get_by_role("heading", name="Dashboard")).to_be_visible()
    expect(eve.get_by_role("link", name="Users")).to_have_count(0)

    admin.goto("/admin/users")
    admin.get_by_role("button", name=f"Disable {name}").click()
    expect(admin.get_by_role("status")).to_be_visible()
    eve.goto("/admin")
    expect(eve.get_by_role("heading", name="Sign in")).to_be_visible()
    eve.context.close()


def test_an_authenticator_is_set_up_used_and_switched_off(admin: Page, browser: Browser, admin_server: str) -> None:
    admin.goto("/admin/account")
    admin.get_by_role("button", name="Set up an authenticator").click()
    expect(admin.get_by_role("img", name=re.compile("QR code"))).to_be_visible()
    generator = pyotp.TOTP(admin.locator("code.link-box").inner_text().replace(" ", ""))
    admin.get_by_label("Code").fill("000000")
    admin.get_by_role("button", name="Switch the second factor on").click()
    expect(admin.get_by_role("alert")).to_contain_text("this code is wrong")
    admin.get_by_label("Code").fill(generator.now())
    admin.get_by_role("button", name="Switch the second factor on").click()
    code = admin.locator(".codes code").first.inner_text()

    elsewhere = browser.new_context(base_url=admin_server).new_page()
    sign_in(elsewhere, "ada", code)
    elsewhere.context.close()
    admin.goto("/admin/account")
    expect(admin.get_by_text("9 recovery codes left")).to_be_visible()
    admin.get_by_role("button", name="End every other session").click()
    expect(admin.get_by_role("status")).to_contain_text("ended")
    admin.get_by_role("button", name="Switch it off").click()
    expect(admin.get_by_role("status")).to_contain_text("password alone")
    admin.get_by_role("button", name="Sign out").click()
    expect(admin.get_by_role("status")).to_contain_text("signed out")


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_admin_page_can_be_used_by_everybody(browser: Browser, admin_server: str, axe_source: str, scheme: str, width: int) -> None:
    context = browser.new_context(base_url=admin_server, color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/admin/sign-in")
    found = {"/admin/sign-in": violations(page, axe_source)}
    sign_in(page, "ada")
    for address in ADDRESSES:
        page.goto(address)
        found[address] = violations(page, axe_source)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found[address].append("wider than the window")
    context.close()
    assert {address: problems for address, problems in found.items() if problems} == {}


def test_the_keyboard_alone_signs_in_and_records_a_rate(page: Page, admin_server: str) -> None:
    page.goto(f"{admin_server}/admin/sign-in")
    page.get_by_label("Name").focus()
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.goto(f"{admin_server}/admin/rates")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    while not page.get_by_label("Currency").evaluate("one => one === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.type("XTS")
    page.keyboard.press("Tab")
    page.keyboard.type("3.5")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("recorded")
