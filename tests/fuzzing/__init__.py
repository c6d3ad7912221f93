"""Coverage-guided fuzzing of everything that reads a stranger's file. Not collected by pytest: `make fuzz-readers`."""
