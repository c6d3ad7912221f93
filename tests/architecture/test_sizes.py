"""How large one idea may become."""

from statistics import quantiles

from tests.architecture.source import CODE_FOLDERS, functions, place, python_files

LONGEST_FILE = 400
LONGEST_FUNCTION = 50
LONGEST_FUNCTION_P90 = 22  # nine of ten functions of the program fit on half a screen


def test_no_file_is_longer_than_one_idea() -> None:
    lengths = {place(path): len(path.read_text().splitlines()) for path in python_files(*CODE_FOLDERS)}
    offenders = [f"{name}: {lines} lines" for name, lines in lengths.items() if lines > LONGEST_FILE]
    assert not offenders, "\n".join(offenders)


def test_no_function_is_longer_than_a_screen() -> None:
    written_by_hand = (path for path in python_files(*CODE_FOLDERS) if not place(path).startswith("migrations/versions/"))
    offenders = [f"{f.place}: {f.lines} lines" for path in written_by_hand for f in functions(path) if f.lines > LONGEST_FUNCTION]
    assert not offenders, "\n".join(offenders)


def test_nine_of_ten_functions_of_the_program_are_short() -> None:
    found = [function for path in python_files("app") for function in functions(path)]
    p90 = quantiles([function.lines for function in found], n=10)[-1]
    longest = sorted(found, key=lambda function: -function.lines)[:20]
    assert p90 <= LONGEST_FUNCTION_P90, f"p90 is {p90:.1f} lines; the longest:\n" + "\n".join(f"{f.lines} {f.place}" for f in longest)
