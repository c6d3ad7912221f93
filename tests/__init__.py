"""The tests mirror `app/`; beside them stand the suites that look at the whole."""
