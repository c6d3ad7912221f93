"""The main job in a real browser: describe a job, see the answer change, share it, open the link."""

import json
import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

SMALL_LLAMA = {
    "model_type": "llama",
    "hidden_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "intermediate_size": 1376,
    "vocab_size": 32000,
}


def headline(page: Page) -> str:
    """The answer's sentence."""
    return page.locator("h1").inner_text()


@pytest.mark.usefixtures("complaints")
def test_a_stranger_describes_a_job_sees_it_answered_live_and_shares_it(page: Page, browser: Browser, live_server: str) -> None:
    page.goto("/?preset=lora-8b")
    before = headline(page)
    page.get_by_label("Batch per GPU").fill("1")
    expect(page.locator("h1")).not_to_have_text(before)
    expect(page).to_have_url(re.compile("batch=1"))
    answered = headline(page)
    expect(page.locator("#live")).to_have_text(answered)

    page.get_by_role("button", name="Share this answer").click()
    expect(page).to_have_url(re.compile(r"/r/[\w-]{22}$"))
    expect(page.get_by_text(answered)).to_be_visible()

    elsewhere = browser.new_context(base_url=live_server).new_page()
    elsewhere.goto(urlsplit(page.url).path)
    expect(elsewhere.get_by_text(answered)).to_be_visible()
    elsewhere.get_by_role("link", name="Edit a copy").first.click()
    expect(elsewhere.get_by_label("Batch per GPU")).to_have_value("1")
    elsewhere.context.close()


@pytest.mark.usefixtures("complaints")
def test_what_would_make_a_job_fit_comes_by_itself_after_the_answer(page: Page) -> None:
    page.goto("/?preset=lora-8b")
    expect(page.locator("#levers tbody tr").first).to_be_visible()
    page.get_by_label("Batch per GPU").fill("1")
    expect(page).to_have_url(re.compile("batch=1"))
    expect(page.locator("#levers tbody tr").first).to_be_visible()


def test_without_scripts_a_button_leads_to_what_would_make_a_job_fit(page_without_scripts: Page) -> None:
    page_without_scripts.goto("/?preset=lora-8b")
    page_without_scripts.get_by_role("button", name="Work out what would help").click()
    expect(page_without_scripts.locator("#levers tbody tr").first).to_be_visible()


def test_the_same_journey_works_without_scripts(page_without_scripts: Page) -> None:
    page = page_without_scripts
    page.goto("/")
    page.get_by_role("link", name="Run a model").click()
    page.get_by_label("Context length").fill("16k")
    page.get_by_label("Budget", exact=True).fill("$6000")
    page.get_by_role("button", name="Find machines").click()
    expect(page.get_by_label("Context length")).to_have_value("16k")
    answered = headline(page)
    page.get_by_role("button", name="Share this answer").click()
    expect(page).to_have_url(re.compile(r"/r/[\w-]{22}$"))
    expect(page.get_by_text(answered)).to_be_visible()
    page.get_by_role("button", name=re.compile("Theme")).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page).to_have_url(re.compile(r"/r/[\w-]{22}$"))


@pytest.mark.usefixtures("complaints")
def test_a_second_job_on_the_same_machine_is_added_followed_live_and_shared(page: Page) -> None:
    page.goto("/?preset=chat-8b")
    page.get_by_role("button", name="Add another job on the same machine").click()
    expect(page.locator("h1")).to_contain_text("The neediest of two jobs")
    page.get_by_label("Batch per GPU").fill("1")
    expect(page.locator("#job_at_hand")).to_contain_text("1 \u00d7 4096 tokens")
    page.get_by_label("All at once").check()
    expect(page.locator("h1")).to_contain_text("Two jobs at once")
    page.get_by_role("button", name="Edit job 1").click()
    expect(page.get_by_label("Context length")).to_have_value("8192")
    page.get_by_label("Budget", exact=True).fill("$9000")
    page.get_by_label("Budget", exact=True).press("Enter")
    expect(page.get_by_label("All at once")).to_be_checked()
    page.get_by_role("button", name="Share this answer").click()
    expect(page).to_have_url(re.compile(r"/r/[\w-]{22}$"))
    expect(page.get_by_text("What each job needs")).to_be_visible()


@pytest.mark.usefixtures("complaints")
def test_a_model_is_found_by_typing_a_part_of_its_name(page: Page) -> None:
    page.goto("/?task=run")
    before = headline(page)
    page.get_by_label("Model", exact=True).fill("qwen3 32b")
    page.get_by_role("button", name=re.compile("Qwen3 32B")).first.click()
    expect(page.get_by_label("Model", exact=True)).to_have_value(re.compile("Qwen/Qwen3-32B"))
    expect(page.get_by_label("Model", exact=True)).to_be_focused()
    expect(page.locator("h1")).not_to_have_text(before)
    expect(page).to_have_url(re.compile("Qwen3-32B"))


def test_a_model_is_found_without_scripts_too(page_without_scripts: Page) -> None:
    page = page_without_scripts
    page.goto("/?task=run")
    page.get_by_label("Model", exact=True).fill("qwen3")
    page.get_by_role("button", name="Find machines").click()
    expect(page.locator("#model-error")).to_be_visible()
    page.get_by_role("button", name=re.compile("Qwen3 32B")).first.click()
    expect(page.locator("#model-error")).to_have_count(0)
    expect(page.locator("h1")).to_have_text(re.compile("^You need "))


@pytest.mark.usefixtures("complaints")
def test_typing_never_loses_the_focus_and_scolds_nobody(page: Page) -> None:
    page.goto("/?preset=lora-8b")
    field = page.get_by_label("Sequence length")
    field.press("Control+a")
    field.press_sequentially("8x", delay=60)
    expect(page.locator("h1")).to_have_text("Waiting for the rest of the job")
    expect(page.locator(".field .error")).to_have_count(0)
    expect(field).to_be_focused()
    field.press("Backspace")
    field.press_sequentially("k", delay=60)
    expect(page.locator("h1")).to_have_text(re.compile("^You need "))
    expect(field).to_be_focused()
    expect(field).to_have_value("8k")


@pytest.mark.usefixtures("complaints")
def test_a_form_that_is_sent_with_mistakes_leads_to_the_first_of_them(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Batch per GPU").fill("-5")
    page.get_by_role("button", name="Find machines").click()
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("alert").get_by_role("link").click()
    expect(page.get_by_label("Batch per GPU")).to_be_focused()
    expect(page.get_by_label("Batch per GPU")).to_have_value("-5")


@pytest.mark.usefixtures("complaints")
def test_fields_appear_when_they_apply(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_label("LoRA rank")).to_be_visible()
    page.get_by_label("What are you doing?").select_option("Train all weights")
    expect(page.get_by_label("LoRA rank")).to_be_hidden()
    page.goto("/?task=images")
    expect(page.get_by_label("Images at once")).to_be_hidden()
    page.get_by_label("What are you doing?").select_option("Run the model")
    expect(page.get_by_label("Images at once")).to_be_visible()


@pytest.mark.usefixtures("complaints")
def test_a_config_json_is_pasted_and_used(page: Page) -> None:
    page.goto("/")
    page.get_by_text("Paste a config.json").click()
    page.get_by_label("The file's text").fill(json.dumps(SMALL_LLAMA, indent=2))
    page.get_by_role("button", name="Use this config.json").click()
    expect(page.get_by_text("Your config.json")).to_be_visible()
    expect(page.locator("h1")).to_have_text(re.compile("^You need "))


@pytest.mark.usefixtures("complaints")
def test_the_way_back_leads_to_the_job_before(page: Page) -> None:
    page.goto("/?preset=lora-8b")
    first = headline(page)
    page.get_by_role("link", name="ResNet-50 on ImageNet").click()
    expect(page.locator("h1")).not_to_have_text(first)
    page.go_back()
    expect(page.locator("h1")).to_have_text(first)


@pytest.mark.usefixtures("complaints")
def test_the_theme_changes_at_once_and_is_remembered(page: Page) -> None:
    page.goto("/catalogue/gpus")
    page.get_by_role("button", name="Theme: system").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/method")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()


@pytest.mark.usefixtures("complaints")
def test_the_catalogue_is_searched_as_one_types(page: Page) -> None:
    page.goto("/catalogue/gpus")
    page.get_by_label("Name").fill("rtx 3090")
    expect(page.locator("#catalogue_rows tbody tr")).to_have_count(2)
    expect(page).to_have_url(re.compile("q=rtx"))


@pytest.mark.usefixtures("complaints")
def test_the_documentation_of_the_api_opens_under_the_same_policy(page: Page) -> None:
    page.goto("/docs")
    expect(page.get_by_text("/api/v1/advise")).to_be_visible()


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 2560])
@pytest.mark.parametrize(
    "address",
    [
        "/?preset=lora-8b",
        "/?preset=random-forest",
        "/catalogue/gpus",
        "/catalogue/item/rtx-3090",
        "/catalogue/rates",
        "/method",
        "/method/memory",
        "/accuracy",
        "/compare",
    ],
)
def test_no_page_is_wider_than_the_screen(page: Page, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [320, 768])
def test_a_shared_answer_is_not_wider_than_the_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/?preset=resnet50")
    page.get_by_role("button", name="Share this answer").click()
    expect(page).to_have_url(re.compile("/r/"))
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.usefixtures("complaints")
def test_on_a_phone_the_answer_comes_first_once_a_job_is_described(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/?preset=lora-8b")
    expect(page.locator("h1")).to_be_in_viewport()
    expect(page.get_by_label("Batch per GPU")).to_be_hidden()
    page.locator("details.job > summary").click()
    expect(page.get_by_label("Batch per GPU")).to_be_visible()
