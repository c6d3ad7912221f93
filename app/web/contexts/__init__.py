"""Page contexts: what each template reads, as frozen dataclasses made from the documents that the API answers with."""
