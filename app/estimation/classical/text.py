"""Text to numbers with scikit-learn 1.9.1: vocabularies, counts, hashes."""

import math

from app.errors import InvalidInput
from app.estimation.classical.inputs import MODEL_OVERHEAD_BYTES, SKLEARN, fitted
from app.estimation.classical.plan import Plan, Spread, product
from app.estimation.classical.task import Task

SOURCE = f"{SKLEARN}, feature_extraction/text.py"
STORED_BYTES = 24  # counts and indices while they are collected, sorted and weighted; ten cases
ENTRY_BYTES = 280  # dictionary slot, string and number of one vocabulary entry; ten cases
HASHED_BYTES = 16  # index and value; the vectors double in size as they grow
MODEL_ENTRY_BYTES = 21  # a pickled term and its weight
USUAL_WORDS = 100.0

# Heaps' law: w words hold 1.32 w^0.776 distinct ones. Phrases repeat less: of those of k words a share of 1 - (1 - d)^(k^1.55) is distinct
# where d is the share of single words. Measured on four lengths and three phrase lengths of Zipf-distributed text.
HEAPS_FACTOR, HEAPS_EXPONENT, PHRASE_EXPONENT = 1.32, 0.776, 1.55
# Distinct phrases of a whole collection of t words: factor x t^exponent, by number of words in the phrase.
COLLECTION = {1: (1.17, 0.77), 2: (15.0, 0.7), 3: (3.8, 0.85)}

VOCABULARY = Spread(0.6, 2.0, "how many words and phrases differ depends on the text")


def _phrase_lengths(task: Task) -> range:
    first, last = 1, 1
    given = task.value("ngram_range")
    if given is not None:
        if not (isinstance(given, list | tuple) and len(given) == 2 and all(isinstance(n, int) and 1 <= n <= 20 for n in given)):
            raise InvalidInput("must be two whole numbers such as [1, 2]", path="hyperparameters.ngram_range")
        first, last = given
    return range(first, max(first, last) + 1)


def _words(task: Task) -> float:
    return task.workload.words_per_document or USUAL_WORDS


def _documents(task: Task) -> int:
    return task.workload.documents or task.rows


def tokens(task: Task) -> int:
    """Words and phrases of the whole collection, repeated ones counted each time."""
    return round(_documents(task) * sum(max(0.0, _words(task) - length + 1) for length in _phrase_lengths(task)))


def stored_counts(task: Task) -> int:
    """Entries of the sparse matrix: distinct words and phrases of each document."""
    words = _words(task)
    single = min(1.0, HEAPS_FACTOR * math.pow(words, HEAPS_EXPONENT - 1))
    distinct = (max(0.0, words - n + 1) * (1 - math.pow(1 - single, math.pow(n, PHRASE_EXPONENT))) for n in _phrase_lengths(task))
    return round(_documents(task) * sum(distinct))


def vocabulary_size(task: Task) -> int:
    """Distinct words and phrases of the whole collection; single words as the workload says where it does."""
    total = _documents(task) * _words(task)
    sizes = []
    for length in _phrase_lengths(task):
        factor, exponent = COLLECTION.get(length, (1.0, 0.95))
        size = min(total, factor * math.pow(total, exponent))
        known = task.workload.vocabulary if length == 1 else None
        sizes.append(min(size, known) if known else size)
    return round(sum(sizes))


def count_or_tfidf(task: Task) -> Plan:
    """CountVectorizer and TfidfVectorizer: every distinct word or phrase is a dictionary entry before `max_features` or `min_df` cut."""
    entries = vocabulary_size(task)
    fit = (
        product("counts", "Counts and their indices", f"{SOURCE}, _count_vocab", entries=stored_counts(task), bytes=STORED_BYTES),
        product("vocabulary", "Vocabulary", f"{SOURCE}; CPython dictionary", terms=entries, bytes=ENTRY_BYTES),
    )
    kept = min(entries, task.count("max_features", entries) if entries else 0)
    return fitted(
        "text", task, (), model=fit, model_file_bytes=MODEL_OVERHEAD_BYTES + kept * MODEL_ENTRY_BYTES, spreads={"vocabulary": VOCABULARY}
    )


def hashing(task: Task) -> Plan:
    """HashingVectorizer: an index and a value for every token, in vectors that double as they grow; no vocabulary."""
    capacity = 2 ** math.ceil(math.log2(max(2, tokens(task))))
    fit = product(
        "hashed",
        "Indices and values, doubled in size as needed",
        f"{SKLEARN}, feature_extraction/_hashing_fast.pyx",
        capacity=capacity,
        bytes=HASHED_BYTES,
    )
    return fitted("text", task, (fit,), model_file_bytes=MODEL_OVERHEAD_BYTES)
