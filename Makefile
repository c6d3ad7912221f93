# Rigwise: `make run` sets everything up and serves; `make test` sets everything up and runs every check.
PY ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
PYTHON := .venv/bin/python
UV := .venv/bin/uv
WITH_EXTRAS := .[dev,postgres,files]

.PHONY: setup run test lint accuracy bench load fuzz fuzz-readers assets lock clean FORCE
.DELETE_ON_ERROR:

# Pinned and hashed by constraints.txt. uv checks the hashes; pip, the fallback, cannot do so beside an editable install.
define install
	if test -x $(UV); then $(UV) pip install --quiet --python $(PYTHON) --compile-bytecode --constraint constraints.txt $(1); \
	else $(PY) -m pip --python $(PYTHON) install --quiet --constraint .venv/pins.txt $(1); fi
endef

# Always migrate and seed a database that is named from outside, or one that is not there yet.
DATABASE_UNKNOWN := $(if $(RIGWISE_DATABASE_URL),FORCE,$(if $(wildcard data/*.sqlite),,FORCE))

setup: .venv/.ok data/.ok

run: setup
	exec .venv/bin/rigwise serve --host $(HOST) --port $(PORT)

test: setup .venv/.dev
	@status=0; \
	$(MAKE) --no-print-directory lint || status=1; \
	$(PYTHON) -m pytest || status=1; \
	exit $$status

lint: .venv/.dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check --quiet .
	.venv/bin/mypy
	if find templates -name '*.html' | grep -q .; then .venv/bin/djlint templates --lint --quiet; fi

accuracy: setup .venv/.dev
	$(PYTHON) -m benchmarks.accuracy
	$(PYTHON) -m benchmarks.accuracy_training
	$(PYTHON) -m benchmarks.accuracy_classical
	$(PYTHON) -m benchmarks.accuracy_xla
	$(PYTHON) -m benchmarks.accuracy_speed
	$(PYTHON) -m benchmarks.accuracy_inference

bench: setup .venv/.dev
	$(PYTHON) -m benchmarks.bench

# Many connections, overload, memory over fifty thousand requests: some five minutes.
load: setup .venv/.dev
	$(PYTHON) -m benchmarks.load

# The generated requests of the suite, many more of them: some 10,000.
fuzz: setup .venv/.dev
	RIGWISE_FUZZ_CASES=600 $(PYTHON) -m pytest tests/security/test_fuzz.py

# Files for every reader, guided by which lines they reach: a minute for each kind.
fuzz-readers: setup .venv/.dev
	@$(call install,--editable '.[fuzz]')
	for kind in gguf safetensors onnx json table; do \
		$(PYTHON) -m tests.fuzzing.readers $$kind -max_total_time=60 || exit 1; \
	done

# The build hook fetches what static/vendor lacks, and brings its own node where there is none.
assets: .venv/.ok
	@$(call install,--no-deps --editable .)
	@test -f static/vendor/.stamp || { echo 'The front-end assets could not be fetched: is the npm registry reachable?' >&2; exit 1; }

# After a change of dependencies: pin them again, without addresses.
lock: .venv/.dev
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --all-extras pyproject.toml -o constraints.txt
	npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved

clean:
	rm -rf .venv static/vendor tests/browser/vendor .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

FORCE:

.venv/.ok: pyproject.toml constraints.txt package-lock.json hatch_build.py scripts/assets.py
	@$(PY) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PY=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	@test -x $(PYTHON) || $(PY) -m venv --without-pip .venv
	@sed -n 's/ \\$$//p' constraints.txt | grep '==' > .venv/pins.txt
	@sed -n '/^uv==/,/# via/p' constraints.txt > .venv/uv.txt
	@$(PY) -m pip --python $(PYTHON) install --quiet --requirement .venv/uv.txt || echo 'uv could not be installed; going on with pip'
	@$(call install,--editable .)
	@test -f static/vendor/.stamp || echo 'The front-end assets could not be fetched; the pages work without. Later: make assets'
	@touch $@

.venv/.dev: .venv/.ok
	@$(call install,--editable '$(WITH_EXTRAS)')
	@touch $@

data/.ok: .venv/.ok $(shell find app/catalogue migrations seed_data -type f -not -name '*.pyc') $(DATABASE_UNKNOWN)
	.venv/bin/rigwise migrate
	.venv/bin/rigwise seed
	@mkdir -p data
	@touch $@
