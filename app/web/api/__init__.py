"""The JSON API: documents of the contract in and out, errors as problem+json, and a description that tells the truth."""
