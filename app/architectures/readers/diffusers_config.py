"""diffusers' config.json, by its _class_name."""

from app.architectures.readers.transformers_config import Builder

BUILDERS: dict[str, Builder] = {}
