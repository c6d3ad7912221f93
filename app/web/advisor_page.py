"""The advisor: from what was typed to the page with its answer, or with its errors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from app.architectures import library
from app.errors import FieldError, InvalidInput
from app.hub.client import Hub
from app.placement import Finding
from app.units import format_count
from app.web.contexts.answer import AnswerView
from app.web.contexts.findings import finding_views
from app.web.contexts.form import FormView, ModelOption, PresetView, form_view, target_of
from app.web.contexts.job import job_summary
from app.web.contexts.joint_answer import answer_of
from app.web.contexts.values import Document, workloads_of
from app.web.forms.documents import Names, config_on_one_line, entry_of_document
from app.web.forms.entry import Entry, entry_of
from app.web.forms.job_set import entry_of_jobs, job_of_error, read_jobs
from app.web.model_file import filled_from_file
from app.web.names import names_for
from app.web.requests import UploadedFile
from app.web.site import Site
from app.workloads.presets import preset_named, presets

OPTIONS_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisorPage:
    """Context of pages/advisor.html and of fragments/answer_update.html."""

    title: str
    form: FormView
    answer: AnswerView | None
    submitted: bool
    announcement: str
    total: str
    query: str
    status: int


def advisor_page(
    pairs: Iterable[tuple[str, str]], site: Site, *, submitted: bool, file: UploadedFile | None = None, from_hub: bool = False
) -> AdvisorPage:
    """The page for what was typed and sent: with the answer (200), or with every error at its field (422)."""
    names = names_for(site.catalogue.current())
    entry = entry_from(list(pairs), names)
    found: tuple[Finding, ...] = ()
    asks_hub = site.hub is not None
    try:
        entry = with_config_of_repository(with_config_read(entry), site.hub) if from_hub else with_config_read(entry)
        if file:
            filled = filled_from_file(entry, file, names)
            entry, found = filled.entry, filled.findings
        request = read_jobs(entry, names)
        advice = site.first_view(request)
    except InvalidInput as error:
        return _with_errors(entry, error.errors, submitted, asks_hub)
    document = request.model_dump(mode="json")
    answer = answer_of(document, advice, names, lambda changes: link_with(document, changes, names))
    return AdvisorPage(
        title=answer.headline.text,
        form=form_view(
            entry,
            presets=preset_links(entry),
            file_findings=finding_views([note.to_json() for note in found]),
            summaries=[job_summary(workload, names) for workload in workloads_of(document)],
            asks_hub=asks_hub,
        ),
        answer=answer,
        submitted=submitted,
        announcement=answer.headline.text,
        total=answer.headline.short,
        query=entry.query(),
        status=200,
    )


def entry_from(pairs: Sequence[tuple[str, str]], names: Names) -> Entry:
    """The form's state for the pairs of an address or a form; `preset` starts from a ready-made job."""
    chosen = next((text for name, text in pairs if name == "preset"), "")
    preset = preset_named(chosen) if chosen else None
    if chosen and preset is None:
        return replace(entry_of(pairs), unknown=(f"preset={chosen}",))
    return entry_of(pairs, entry_of_document(preset.document, names) if preset else None)


def with_config_read(entry: Entry) -> Entry:
    """The state with a pasted config.json put in its place. Raises InvalidInput at `paste` where it is not one."""
    if not entry.paste.strip():
        return entry
    return replace(entry, config=config_on_one_line(entry.paste), paste="")


def with_config_of_repository(entry: Entry, hub: Hub | None) -> Entry:
    """The state with the config.json of the repository that was named. Raises InvalidInput at `repository` where it cannot be had."""
    if hub is None:
        raise InvalidInput("this site does not ask the Hugging Face hub; paste the config.json instead", "repository")
    text = hub.config_of(entry.repository)
    try:
        return replace(entry, config=config_on_one_line(text), repository="")
    except InvalidInput:
        raise InvalidInput(
            "the config.json of this repository cannot be used; paste one, or upload a file of the model", "repository"
        ) from None


def link_with(request: Document, changes: Sequence[Document], names: Names) -> str:
    """The address of the form with changes made to the workload of a request."""
    document: dict[str, Any] = {"workload": _copied(request["workload"]), "limits": request["limits"]}
    for change in changes:
        _set(document["workload"], change["path"].removeprefix("workload."), change["value"])
    return address_of(document, names)


def address_of(request: Document, names: Names) -> str:
    """The address of the form for a request document, of one job or of several; of the empty form where one no longer fits it."""
    try:
        query = entry_of_jobs(request, names).query()
    except InvalidInput:
        return "/"
    return f"/?{query}" if query else "/"


def preset_links(entry: Entry) -> tuple[PresetView, ...]:
    """The ready-made jobs as links; in a set each takes the place of the job in the fields."""
    kept = entry.shared_pairs()
    return tuple(PresetView(title=preset.title, href=f"/?{urlencode([('preset', preset.id), *kept])}") for preset in presets())


def model_options(text: str) -> tuple[ModelOption, ...]:
    """The models that a search text may mean."""
    found = library.search(text, limit=OPTIONS_SHOWN) if text.strip() else []
    return tuple(ModelOption(id=entry.id, name=entry.name, note=f"{format_count(entry.parameters)} parameters") for entry in found)


def _with_errors(entry: Entry, errors: Sequence[FieldError], submitted: bool, asks_hub: bool) -> AdvisorPage:
    own = [error for place, error in (job_of_error(error, entry) for error in errors) if place == entry.place]
    about_model = any(target_of(entry, error)[0] == "model" for error in own)
    options = model_options(entry.model) if about_model else ()
    form = form_view(entry, errors=errors, options=options, presets=preset_links(entry), asks_hub=asks_hub)
    return AdvisorPage(
        title="Please check the form",
        form=form,
        answer=None,
        submitted=submitted,
        announcement="",
        total="Waiting for the rest of the job",
        query=entry.query(),
        status=422,
    )


def _copied(document: Any) -> Any:
    return {key: _copied(value) for key, value in document.items()} if isinstance(document, dict) else document


def _set(document: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for step in parents:
        document = document.setdefault(step, {})
    document[last] = value
