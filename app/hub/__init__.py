"""Reading a model's config.json from the Hugging Face hub: off by default, one host, never one that a visitor chose."""
