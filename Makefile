# Needs a python3 >= 3.10 with venv, and a package index; everything else goes into .venv.

PYTHON := $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo "$$python" && break; done)
PIP := .venv/bin/python -m pip --disable-pip-version-check --quiet
OUT := out/digits

.PHONY: compare test check format bench clean

compare: .venv/installed-core  ## race on the shipped surrogate, write report.html and summary.csv
	.venv/bin/bagbench compare digits --out $(OUT)

test: .venv/installed-all  ## run the tests, up to four at once; ARGS="..." is passed to pytest
	.venv/bin/pytest --numprocesses logical --maxprocesses 4 --dist worksteal $(ARGS)

check: .venv/installed-all .make/typing/bagbench  ## lint, format, types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

format: .venv/installed-all
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: .venv/installed-all  ## measure, and write docs/speed.md; not part of the tests
	.venv/bin/pytest tests/bench --page docs/speed.md $(ARGS)

clean:
	rm -rf .venv .make build dist bagbench.egg-info .pytest_cache .ruff_cache .benchmarks .hypothesis

# A stamp lies inside the environment that it describes, so the two cannot disagree.
.venv/installed-core: setup.cfg pyproject.toml constraints.txt | .venv/created
	$(PIP) install --constraint constraints.txt --editable .
	touch $@

.venv/installed-all: setup.cfg pyproject.toml constraints.txt | .venv/created
	$(PIP) install --constraint constraints.txt --editable '.[all]'
	touch .venv/installed-core $@

.venv/created:
	@test -n "$(PYTHON)" || { echo "bagbench needs Python 3.10 or newer: found none as python3 or python3.x" >&2; exit 2; }
	@"$(PYTHON)" -c 'import ensurepip' || \
		{ echo "$(PYTHON) has no venv: install it (Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 2; }
	"$(PYTHON)" -m venv .venv
	touch $@

# mypy wants a folder that is named like the package.
.make/typing/bagbench:
	mkdir -p $(@D)
	ln -sfn ../.. $@
