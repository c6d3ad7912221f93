"""Importing price lists and catalogues: file -> rows -> what each row says -> a verdict on each -> one revision."""
