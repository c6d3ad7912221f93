"""What the tests ask of a page: its elements, its text, its ids, and whether its tags close."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})


@dataclass
class Element:
    """One element in the order of the page."""

    tag: str
    attributes: dict[str, str]
    parents: tuple[str, ...]
    text: str = ""


@dataclass
class Page:
    """A parsed page. `problems` names tags that do not close in the order in which they opened."""

    elements: list[Element] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Every element of that tag with these attributes."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [one for one in self.elements if one.tag == tag and wanted.items() <= one.attributes.items()]

    def by_id(self, name: str) -> Element:
        """The element of that id."""
        (found,) = [one for one in self.elements if one.attributes.get("id") == name]
        return found

    @property
    def ids(self) -> list[str]:
        """Every id."""
        return [one.attributes["id"] for one in self.elements if "id" in one.attributes]

    def value_of(self, name: str) -> str:
        """What the field of that name holds: typed, chosen, or hidden."""
        for select in self.all("select", name=name):
            chosen = [one for one in self.all("option") if one.parents[-1:] == (f"select#{select.attributes['id']}",)]
            return next((one.attributes["value"] for one in chosen if "selected" in one.attributes), chosen[0].attributes["value"])
        (field_,) = self.all("input", name=name)
        return field_.attributes["value"]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        element = Element(tag, attributes, tuple(_name(one) for one in self._open))
        self.page.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1].tag != tag:
            self.page.problems.append(f"</{tag}> at {self.getpos()} closes {self._open[-1].tag if self._open else 'nothing'}")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data


def _name(element: Element) -> str:
    return f"{element.tag}#{element.attributes['id']}" if "id" in element.attributes else element.tag


def read(html: str) -> Page:
    """The parsed page."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.page
