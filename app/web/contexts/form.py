"""The form as it is shown: every text as it was typed, every error at its field."""

from collections.abc import Container, Sequence
from dataclasses import dataclass

from app.errors import FieldError
from app.web.contexts.findings import FindingView
from app.web.contexts.jobs import MANNERS
from app.web.forms.documents import carries_model
from app.web.forms.entry import ONE_AT_A_TIME, Entry, field_at
from app.web.forms.field import Choice, Field, choices
from app.web.forms.job_set import job_of_error, jobs_of
from app.web.forms.tabs import TABS
from app.workloads import MOST_JOBS

LONGEST_EXTRA_SHOWN = 300  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """One field."""

    name: str
    label: str
    value: str
    control: str
    choices: tuple[Choice, ...]
    hint: str
    error: str
    css: str

    @property
    def hint_follows_choice(self) -> bool:
        """Whether the hint tells of the entry that is chosen."""
        return any(choice.hint for choice in self.choices)

    @property
    def ticked(self) -> tuple[str, ...]:
        """The entries that are ticked, of a field with boxes."""
        return tuple(self.value.split(","))


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionView:
    """Fields under one heading."""

    title: str
    fields: tuple[FieldView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TabView:
    """A tab as a link."""

    label: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOption:
    """One model that the search found."""

    id: str
    name: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """The field for the model: a name with the options found for it, or a config.json that has been read."""

    value: str
    error: str
    options: tuple[ModelOption, ...]
    config: str
    config_name: str
    without_config: str  # address of the form without the config.json
    paste: str
    paste_error: str
    repository: str
    repository_error: str
    without_file: str  # address of the form without the model of a file; empty where the model is named
    file_error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetView:
    """A ready-made job."""

    title: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorLink:
    """One error of the summary, with the field it leads to."""

    target: str
    label: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One job of a set, in the list above the form's fields."""

    number: int
    text: str
    at_hand: bool  # in the fields
    wrong: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetView:
    """Context of partials/_job_set.html: the jobs on one machine, and the pairs that carry them in the form. No rows where there is one."""

    rows: tuple[JobRow, ...]
    carried: tuple[tuple[str, str], ...]
    together: str
    manners: tuple[Choice, ...]
    room: bool  # for another job


@dataclass(frozen=True, slots=True, kw_only=True)
class FormView:
    """Context of partials/_form.html."""

    task: str
    jobs: SetView
    tabs: tuple[TabView, ...]
    model: ModelView | None
    job: SectionView
    sections: tuple[SectionView, ...]
    advanced: tuple[FieldView, ...]
    advanced_changes: int
    advanced_open: bool
    extra: str
    extra_words: str
    presets: tuple[PresetView, ...]
    file_findings: tuple[FindingView, ...]
    errors: tuple[ErrorLink, ...]
    by_post: bool  # the state is too large for an address
    summary: str
    asks_hub: bool


def form_view(
    entry: Entry,
    *,
    errors: Sequence[FieldError] = (),
    options: Sequence[ModelOption] = (),
    presets: Sequence[PresetView] = (),
    file_findings: Sequence[FindingView] = (),
    summaries: Sequence[str] = (),
    asks_hub: bool = False,
) -> FormView:
    """The form for a state, with the errors that were found in it, and the jobs of the set in words where they could be read."""
    placed = [job_of_error(error, entry) for error in errors]
    messages = _by_field(entry, [error for place, error in placed if place == entry.place])
    advanced = tuple(_field(field, entry, messages) for field in entry.tab.advanced)
    return FormView(
        task=entry.tab.name,
        jobs=_set(entry, summaries, {place for place, _ in placed}),
        tabs=tuple(_tab_link(entry, index) for index in range(len(TABS))),
        model=_model(entry, messages, options) if entry.tab.has_model else None,
        job=SectionView(title="Model" if entry.tab.has_model else "Job", fields=_fields(entry.tab.job, entry, messages)),
        sections=(
            SectionView(title="Data", fields=_fields(entry.tab.data, entry, messages)),
            SectionView(title="Budget and parts", fields=_fields(entry.tab.limits, entry, messages)),
        ),
        advanced=advanced,
        advanced_changes=entry.advanced_changes(),
        advanced_open=any(field.error for field in advanced),
        extra=entry.extra,
        extra_words=entry.extra if len(entry.extra) <= LONGEST_EXTRA_SHOWN else f"{entry.extra[:LONGEST_EXTRA_SHOWN]} \u2026",
        presets=tuple(presets),
        file_findings=tuple(file_findings),
        errors=tuple(_link(entry, place, error) for place, error in placed),
        by_post=not entry.fits_in_address,
        summary=summaries[entry.place] if summaries else "",
        asks_hub=asks_hub,
    )


def target_of(entry: Entry, error: FieldError) -> tuple[str, str]:
    """The id of the field that an error belongs to, and its label; the form itself where it belongs to none."""
    if error.path in {"paste", "config"}:
        return "paste", "config.json"
    if error.path == "repository":
        return "repository", "Hugging Face repository"
    if error.path in {"with", "together"}:
        return "job_set", "Jobs on this machine"
    if error.path == "file":
        return "file", "Model file"
    if error.path.removeprefix("workload.").split(".")[0] == "model" and entry.tab.has_model:
        return ("model", "Model") if not entry.config else ("paste", "config.json")
    field = field_at(entry, error.path)
    return (field.name, field.label) if field else ("form", error.path)


def _by_field(entry: Entry, errors: Sequence[FieldError]) -> dict[str, str]:
    messages: dict[str, str] = {}
    for error in errors:
        messages.setdefault(target_of(entry, error)[0], error.message)
    return messages


def _link(entry: Entry, place: int, error: FieldError) -> ErrorLink:
    """Where the error is told: at its field, or at the job's row where another job is in the fields."""
    target, label = target_of(jobs_of(entry)[place], error)
    if not entry.beside or target == "job_set":
        return ErrorLink(target=target, label=label, message=error.message)
    at_hand = place == entry.place
    return ErrorLink(target=target if at_hand else f"edit-{place + 1}", label=f"Job {place + 1}, {label}", message=error.message)


def _set(entry: Entry, summaries: Sequence[str], wrong: Container[int]) -> SetView:
    texts = (summaries or [_in_short(job) for job in jobs_of(entry)]) if entry.beside else []
    rows = (JobRow(number=place + 1, text=text, at_hand=place == entry.place, wrong=place in wrong) for place, text in enumerate(texts))
    return SetView(
        rows=tuple(rows),
        carried=tuple((name, text) for name, text in entry.set_pairs() if name != "together"),
        together=entry.together or ONE_AT_A_TIME,
        manners=choices(**MANNERS),
        room=len(entry.beside) + 1 < MOST_JOBS,
    )


def _in_short(job: Entry) -> str:
    """A job that may not be readable."""
    return " \u00b7 ".join(filter(None, (job.tab.label, job.model or job.values.get("algorithm"))))


def _fields(fields: Sequence[Field], entry: Entry, messages: dict[str, str]) -> tuple[FieldView, ...]:
    return tuple(_field(field, entry, messages) for field in fields)


def _field(field: Field, entry: Entry, messages: dict[str, str]) -> FieldView:
    value = entry.values[field.name]
    hints = {choice.value: choice.hint for choice in field.choices}
    unlisted = (Choice(value, value),) if field.control == "select" and value not in hints else ()
    return FieldView(
        name=field.name,
        label=field.label,
        value=value,
        control=field.control,
        choices=(*field.choices, *unlisted),
        hint=hints.get(value) or field.hint,
        error=messages.get(field.name, ""),
        css=" ".join(["field", *(["wide"] if field.wide else []), *([f"when-{field.when}"] if field.when else [])]),
    )


def _tab_link(entry: Entry, index: int) -> TabView:
    tab = TABS[index]
    query = entry.on_tab(tab).query()
    return TabView(label=tab.label, href=f"/?{query}" if query else "/", current=tab is entry.tab)


def _model(entry: Entry, messages: dict[str, str], options: Sequence[ModelOption]) -> ModelView:
    return ModelView(
        value=entry.model,
        error=messages.get("model", ""),
        options=tuple(options),
        config=entry.config,
        config_name=f"{len(entry.config):,} characters" if entry.config else "",
        without_config=f"/?{entry.query_with(config='')}",
        paste=entry.paste,
        paste_error=messages.get("paste", ""),
        repository=entry.repository,
        repository_error=messages.get("repository", ""),
        without_file=f"/?{entry.query_with(extra='', model=entry.tab.model_default)}" if carries_model(entry) else "",
        file_error=messages.get("file", ""),
    )
