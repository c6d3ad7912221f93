"""Files that nobody would think of, found by following which lines of the readers they reach: `python -m tests.fuzzing.readers KIND`.

Anything but a model, verdicts on rows, or one sentence of refusal ends the run and leaves the file behind; so does reading for more than
ten seconds or in more than 2 GB. Every further argument goes to libFuzzer: `-max_total_time=60`, or a file to read again.
"""

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["app.architectures.readers", "app.catalogue.imports"]):
    from app.architectures.readers.uploads import read_upload
    from app.catalogue.imports.dry_run import dry_run
    from app.catalogue.imports.matching import ItemIndex
    from app.catalogue.imports.profiles import Profile
    from app.catalogue.imports.standing import Standing

from app.errors import InvalidInput
from tests.architectures.readers.test_hostile_files import CHECKPOINT_HEADER, GGUF_HEADER, SMALL_KERAS, SMALL_ONNX
from tests.catalogue.imports.shelf import CATALOGUE, TODAY

FOUND = Path(".fuzzing")  # kept, so that a later run goes on from there
LIMITS = ("-timeout=10", "-rss_limit_mb=2048", "-max_len=20000", f"-artifact_prefix={FOUND}/")
TABLES = (
    b"name,price,chipset,memory,core_clock,boost_clock,color,length\nMSI VENTUS,899.99,GeForce RTX 3090,24,1395,1725,Black,305\n",
    b"item;amount;currency;observed_on\nrtx-3090;900,00;EUR;2026-11-20\n",
    b'[{"name": "Samsung 990 Pro 2TB", "price": 180.0, "capacity": 2000, "type": "SSD"}]',
    b'{"item": "rtx-3090", "amount": "900", "currency": "USD", "observed_on": "2026-11-20"}\n',
    b"<Envelope><Cube><Cube time='2026-11-20'><Cube currency='USD' rate='1.1'/></Cube></Cube></Envelope>",
)


@dataclass(frozen=True, slots=True)
class Target:
    """What is read, and the whole files that reading starts from."""

    read: Callable[[bytes], object]
    seeds: Sequence[bytes]


def _upload(name: str) -> Callable[[bytes], object]:
    return lambda content: read_upload(name, content)


def _table(content: bytes) -> object:
    standing = Standing(revision=1, items=ItemIndex(CATALOGUE.items, CATALOGUE.aliases))
    return dry_run(io.BytesIO(content), Profile(observed_on=TODAY), standing, today=TODAY)


TARGETS: Mapping[str, Target] = {
    "gguf": Target(_upload("model.gguf"), (GGUF_HEADER,)),
    "safetensors": Target(_upload("model.safetensors"), (CHECKPOINT_HEADER,)),
    "onnx": Target(_upload("model.onnx"), (SMALL_ONNX,)),
    "json": Target(_upload("model.json"), (SMALL_KERAS, b'{"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2}')),
    "table": Target(_table, TABLES),
}


def main(kind: str, arguments: Sequence[str]) -> None:
    """Reads ever new files of a kind until libFuzzer ends it."""
    target = TARGETS[kind]

    def read_or_refuse(content: bytes) -> None:
        with suppress(InvalidInput):
            target.read(content)

    found = FOUND / kind
    found.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (found / f"seed-{number}").write_bytes(seed)
    again = any(Path(argument).is_file() for argument in arguments)
    atheris.Setup([sys.argv[0], *LIMITS, *arguments, *([] if again else [str(found)])], read_or_refuse)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
