PY ?= python3

.venv/.ok: pyproject.toml
	test -x .venv/bin/python || $(PY) -m venv --without-pip .venv
	$(PY) -m pip --python .venv/bin/python install -q uv
	.venv/bin/uv pip install -q --compile-bytecode -e .
	touch $@

.venv/.dev: .venv/.ok
	.venv/bin/uv pip install -q --compile-bytecode -e '.[dev,postgres,files]'
	touch $@
