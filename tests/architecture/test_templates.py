"""What the content security policy refuses never reaches a browser: it is refused here."""

import re
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, place, python_files

REFUSED = {
    "inline style": re.compile(r"\sstyle\s*=", re.IGNORECASE),
    "inline <style>": re.compile(r"<style\b", re.IGNORECASE),
    "event handler": re.compile(r"\s(on[a-z]+|hx-on[:\w-]*)\s*=\s*[\"']", re.IGNORECASE),
    "inline script": re.compile(r"<script\b(?![^>]*\ssrc=)", re.IGNORECASE),
    "unescaped output": re.compile(r"\|\s*safe\b|autoescape\s+false", re.IGNORECASE),
    "htmx trigger filter": re.compile(r"hx-trigger\s*=\s*([\"'])(?:(?!\1).)*\[", re.IGNORECASE),
    "htmx script value": re.compile(r"[\"'](js|javascript):", re.IGNORECASE),
    "address of another host": re.compile(r"<(?:script|link|img|iframe)\b[^>]*\s(?:src|href)\s*=\s*[\"'](?:https?:)?//", re.IGNORECASE),
}
JINJA_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)


def refusals(text: str) -> list[str]:
    """The name of each rule that the text breaks, with its line."""
    without_comments = JINJA_COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)
    return [
        f"{without_comments.count(chr(10), 0, found.start()) + 1}: {rule}: {found[0].strip()}"
        for rule, pattern in REFUSED.items()
        for found in pattern.finditer(without_comments)
    ]


def _offenders(paths: list[Path]) -> list[str]:
    return [f"{place(path)}:{refusal}" for path in paths for refusal in refusals(path.read_text())]


def test_templates_hold_nothing_that_the_policy_refuses() -> None:
    offenders = _offenders(sorted((ROOT / "templates").rglob("*.html")))
    assert not offenders, "\n".join(offenders)


def test_svg_templates_hold_nothing_that_the_policy_refuses() -> None:
    offenders = _offenders(sorted((ROOT / "templates").rglob("*.svg")))
    assert not offenders, "\n".join(offenders)


def test_markup_written_in_python_has_no_inline_style() -> None:
    pattern = re.compile(r"\sstyle=[\\\"'{]")
    offenders = [place(path) for path in python_files("app") if pattern.search(path.read_text())]
    assert not offenders, "\n".join(offenders)


@pytest.mark.parametrize(
    ("markup", "rule"),
    [
        ('<p style="color:red">', "inline style"),
        ("<style>p{}</style>", "inline <style>"),
        ('<a onclick="go()">', "event handler"),
        ('<a hx-on:click="go()">', "event handler"),
        ("<script>go()</script>", "inline script"),
        ("{{ note | safe }}", "unescaped output"),
        ("<input hx-trigger=\"keyup[key=='Enter']\">", "htmx trigger filter"),
        ("<form hx-vals='js:{a: 1}'>", "htmx script value"),
        ('<script src="https://cdn.example/x.js"></script>', "address of another host"),
    ],
)
def test_each_refusal_is_recognised(markup: str, rule: str) -> None:
    assert any(rule in refusal for refusal in refusals(markup))


@pytest.mark.parametrize(
    "markup",
    [
        '<script src="/static/app.js" defer></script>',
        '<button type="submit" name="action" value="save">Save</button>',
        '<input hx-trigger="change, keyup delay:300ms">',
        '<a href="https://example.org/datasheet">source</a>',
        "{# a comment may say style= or |safe #}",
    ],
)
def test_ordinary_markup_is_left_alone(markup: str) -> None:
    assert refusals(markup) == []
