# demo [RESET=1] [PORT=8080]: run everything here | stack [CHECK=1]: the same with PostgreSQL, Mosquitto, nginx, Prometheus | test [LONG=1] [JOBS=3] | check: format, lint, types, imports, artifacts | bench [ONLY=name] | screenshots [ONLY=name] | clean | lock [ONLY=package]
.PHONY: demo stack test check bench screenshots clean lock
.SILENT:
MAKEFLAGS += --no-print-directory

ENV := .venv/bin/python

# The first Python that runs and is new enough; a name on PATH alone proves nothing.
define prepare
for python in "$${PYTHON:-python3}" python3.13 python3.12 python3.11 /usr/bin/python3 python .venv/bin/python; do \
  if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; then \
    exec "$$python" -m tools.prepare $(1); \
  fi; \
done; \
echo "Python 3.11, 3.12 or 3.13 is needed and none was found: install one (Debian and Ubuntu: sudo apt-get install python3 python3-venv) and try again." >&2; \
exit 1
endef

demo:
	$(call prepare,run)
	exec $(ENV) -m standalone demo $(if $(RESET),--reset) $(if $(PORT),--port $(PORT))

stack:
	$(call prepare,test)
	exec $(ENV) -m tools.stack $(if $(CHECK),--check)

# Hundreds of processes are started, and each would compile ours anew where bytecode may not be kept.
test:
	$(call prepare,test)
	PYTHONDONTWRITEBYTECODE= $(ENV) -m pytest --numprocesses $(or $(JOBS),3) --dist loadfile --no-loadscope-reorder $(if $(LONG),--long) $(ARGS)

check:
	$(call prepare,check)
	failed=; say() { echo "- $$*"; "$$@" || failed="$$failed $$1"; }; \
	say $(ENV) -m ruff format --check . ; \
	say $(ENV) -m ruff check . ; \
	say $(ENV) -m mypy ; \
	say .venv/bin/lint-imports --no-logo ; \
	say $(ENV) contracts/tools/build --check ; \
	say npm --prefix frontend run --silent check ; \
	test -z "$$failed"

bench:
	$(call prepare,check)
	$(ENV) -m bench $(ONLY)

screenshots:
	$(call prepare,test)
	$(ENV) -m tools.screenshots $(ONLY)

lock:
	$(call prepare,check)
	$(ENV) -m tools.lock $(ONLY)

clean:
	rm -rf .venv node_modules frontend/node_modules frontend/dist frontend/dist-graphiql .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache contracts/cache contracts/out bench/results .bench
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
