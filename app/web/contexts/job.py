"""A request in words: its one-line summary, the unit of its speed, and the question as a list."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.units import format_count
from app.web.contexts.values import Document
from app.web.forms.documents import Names
from app.web.forms.entry import Entry
from app.web.forms.field import Field

_METHODS = {"lora": "LoRA r{rank}", "qlora": "QLoRA r{rank}", "full": "all weights", "frozen": "head only"}


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRow:
    """One line of the question: what was asked, as it reads in the form."""

    label: str
    text: str


def speed_unit(workload: Document) -> str:
    """What a speed counts: tokens for text, images, audio clips, rows of a table."""
    if workload["kind"] == "classical":
        return "row"
    if workload.get("frames") or workload.get("audio_seconds"):
        return "clip"
    return "img" if workload.get("image_size") else "tok"


def counted_unit(workload: Document, speeds: Iterable[Document]) -> str:
    """The same for an answer: a network that is run and generates no text counts samples, unless it is known to read images or sound;
    one that reads sound and writes text counts what it writes."""
    unit, known = speed_unit(workload), list(speeds)
    if workload["kind"] != "inference":
        return unit
    if any(speed.get("samples_or_tokens_per_second") for speed in known):
        return "sample" if unit == "tok" else unit
    return "tok" if any(speed.get("decode_tokens_per_second") for speed in known) else unit


def job_summary(workload: Document, names: Names) -> str:
    """The job on one line: "Llama 3.1 8B, LoRA r16, 4 x 4096 tokens, BF16"."""
    parts = {"training": _training, "inference": _inference, "classical": _classical}[workload["kind"]](workload)
    model = model_name(workload, names)
    return " \u00b7 ".join([model, *parts] if model else parts)


def job_name(workload: Document, names: Names) -> str:
    """The job as short as it goes: its model, or its algorithm."""
    return model_name(workload, names) or str(workload["algorithm"])


def model_name(workload: Document, names: Names) -> str:
    """What the model is called."""
    model = workload.get("model")
    if not model:
        return ""
    if "preset" in model:
        return names.model_name(model["preset"])
    if "config" in model:
        return str((model["config"].get("architectures") or [model["config"].get("model_type", "your config.json")])[0])
    if "parameters" in model:
        return f"{format_count(model['parameters'])} parameters"
    return f"{len(model['layers'])} layers" if "layers" in model else f"{len(model['graph']['nodes'])} operators"


def question(entry: Entry, names: Names, workload: Document) -> tuple[QuestionRow, ...]:
    """Every answer of the form that counts: the essential ones, and the advanced ones that were changed."""
    shown = [field for field in (*entry.tab.job, *entry.tab.data, *entry.tab.limits) if entry.values[field.name]]
    shown += [field for field in entry.tab.advanced if field.path and entry.values[field.name] != field.default]
    rows = [
        QuestionRow(label=field.label.rstrip("?"), text=chosen_text(field, entry.values)) for field in shown if field.applies(entry.values)
    ]
    model = model_name(workload, names)
    return (*([QuestionRow(label="Model", text=model)] if model else []), *rows)


def chosen_text(field: Field, values: Document) -> str:
    """A field's text as the form shows it: the label of a choice, not its value."""
    labels = {choice.value: choice.label for choice in field.choices}
    text = str(values[field.name])
    return ", ".join(labels.get(part, part) for part in text.split(",")) if labels else text


def _training(workload: Document) -> list[str]:
    method = _METHODS[workload["tuning"]["method"]].format(rank=workload["tuning"].get("rank", ""))
    return [method, _batch(workload, workload["micro_batch_size"]), _upper(workload["precision"])]


def _inference(workload: Document) -> list[str]:
    if workload.get("image_size"):
        return [_upper(workload["weight_format"]), _batch(workload, workload["batch_size"]), workload["runtime"]]
    context = f"{_tokens(workload['context_length'])} context"
    users = workload["concurrent_sequences"]
    return [_upper(workload["weight_format"]), context if users == 1 else f"{users} users, {context}", workload["runtime"]]


def _classical(workload: Document) -> list[str]:
    table = f"{format_count(workload['rows'])} rows \u00d7 {workload['columns']:,} columns"
    return [workload["algorithm"], table, workload["dtype"], workload["library"]]


def _batch(workload: Document, batch: int) -> str:
    if size := workload.get("image_size"):
        return f"{batch} \u00d7 {size[0]} px" if size[0] == size[1] else f"{batch} \u00d7 {size[0]} \u00d7 {size[1]} px"
    return f"{batch} \u00d7 {workload['sequence_length']} tokens" if workload.get("sequence_length") else f"batch {batch}"


def _tokens(count: int) -> str:
    return f"{count // 1024}k" if count % 1024 == 0 else f"{count:,}"


def _upper(name: str) -> str:
    return name.replace("amp_", "").upper() + (" mixed" if name.startswith("amp_") else "")
