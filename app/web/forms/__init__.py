"""The advisor's form: fields as tables of data, and the way from typed text to a request document and back."""
