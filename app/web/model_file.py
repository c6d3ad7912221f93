"""An uploaded model file, read into the form."""

from dataclasses import dataclass, replace

from app.architectures.readers.uploads import read_upload
from app.errors import FieldError, InvalidInput
from app.placement import Finding
from app.web.forms.documents import Names, entry_of_document, read_document
from app.web.forms.entry import Entry
from app.web.requests import UploadedFile

GGUF_RUNTIMES = ("llama.cpp", "ollama", "whisper.cpp")


@dataclass(frozen=True, slots=True)
class FilledForm:
    """The form's state with the model of a file in it, and what had to be assumed when the file was read."""

    entry: Entry
    findings: tuple[Finding, ...]


def filled_from_file(entry: Entry, file: UploadedFile, names: Names) -> FilledForm:
    """Puts the model of a file, and for a model that is run its weight format, in the place of the form's model.

    Raises InvalidInput at `file` where the file cannot be used, and at their fields for everything else that is wrong.
    """
    try:
        read = read_upload(file.name, file.content)
    except InvalidInput as error:
        raise InvalidInput([FieldError(path="file", message=wrong.message) for wrong in error.errors]) from None
    document = read_document(entry.changed({"model": "1B", "config": "", "extra": ""}), names)
    workload = {**document["workload"], "model": dict(read.model)}
    if workload["kind"] == "inference" and read.weight_format:
        workload["weight_format"] = read.weight_format
        if read.kind == "gguf" and workload.get("runtime") not in GGUF_RUNTIMES:
            workload["runtime"] = GGUF_RUNTIMES[0]
    filled = entry_of_document({**document, "workload": workload}, names)
    return FilledForm(replace(filled, beside=entry.beside, place=entry.place, together=entry.together), read.findings)
