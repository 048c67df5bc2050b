# Everything starts here: `make` alone lists what there is.
# Needs: Debian or Ubuntu (or anything like them) with Python 3.11 or newer, make and git.

PYTHONS := python3.13 python3.12 python3.11 python3
VENV := .venv
WORKERS := $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN))
PYTHON := $(VENV)/bin/python
INSTALL := PIP_ROOT_USER_ACTION=ignore $(PYTHON) -m pip install -qq --disable-pip-version-check --no-input
BROKEN := echo "Installing failed, see above; try again, and after 'rm -rf $(VENV)' if it is damaged" >&2; exit 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run test lint format bench fuzz soak pictures clean system

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/.installed-run ## play: a bot, an IRC server and a web app to deploy, on this machine alone
	@$(PYTHON) -m pushbot quickstart config/quickstart.toml

# Most tests wait for others more than they work, so two go on at a time on each processor. What fails there has a
# second try, alone; if it passes, its name and what it said the first time stand above, to be looked into.
test: system lint ## everything: format, lint, types, layers, and all tests on a real IRC server
	$(PYTHON) -m pytest -q --numprocesses=$(WORKERS) --dist=worksteal || { [ $$? -eq 1 ] && \
	    echo "Some tests failed, see above. Once more, these alone:" && \
	    $(PYTHON) -m pytest -q --exitfirst --last-failed --last-failed-no-failures=none; }

lint: $(VENV)/.installed-dev ## format, lint, types and layers, without the tests
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(VENV)/bin/lint-imports

format: $(VENV)/.installed-dev ## put the code into its format
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

bench: system $(VENV)/.installed-dev ## measure, beside a bare bot on the same server
	$(PYTHON) benchmarks/run.py

fuzz: $(VENV)/.installed-dev ## break each parser, for a minute each (SECONDS=60)
	@$(INSTALL) --editable '.[fuzz]' || { $(BROKEN); }
	$(PYTHON) -m tests.fuzz.forever $(or $(SECONDS),60)

soak: $(VENV)/.installed-dev ## live through three days of people, trouble and crashes (SEED=1)
	$(PYTHON) -m tests.soak --memory --seed $(or $(SEED),1)

pictures: $(VENV)/.installed-dev ## draw docs/pictures anew, which needs Chromium
	$(PYTHON) -m tests.pictures.draw

clean: ## remove .venv, caches and var/ (what the quickstart remembers)
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed-run: pyproject.toml | $(PYTHON)
	@echo "Installing pushbot into $(VENV) (once; it takes a moment) ..."
	@$(INSTALL) --editable '.[quickstart]' || { $(BROKEN); }
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(PYTHON)
	@echo "Installing pushbot and its tools into $(VENV) (once; it takes a moment) ..."
	@$(INSTALL) --editable '.[quickstart,slack,dev]' || { $(BROKEN); }
	@touch $@ $(VENV)/.installed-run

# The first Python that works, is new enough and can make a venv; a name on the PATH alone proves nothing.
$(PYTHON):
	@new=; able=; \
	for python in $(PYTHONS); do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    new=$$python; \
	    $$python -c 'import ensurepip, venv' 2>/dev/null && able=$$python && break; \
	done; \
	if [ -z "$$new" ]; then \
	    echo "pushbot needs Python 3.11 or newer, and here is none: apt-get install python3 python3-venv" >&2; \
	    exit 1; \
	elif [ -z "$$able" ]; then \
	    echo "$$new cannot make virtual environments: apt-get install python3-venv" >&2; \
	    exit 1; \
	fi; \
	echo "Making $(VENV) with $$($$able --version) ..."; \
	$$able -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# What the tests need of the system. A server that this installs is not to serve on its own: the tests
# start theirs on ports of their own, and ngircd would take the quickstart's.
SERVERS := ngircd:ngircd sshd:openssh-server haproxy:haproxy
TOOLS := openssl:openssl ssh:openssh-client rsync:rsync tar:tar git:git faketime:faketime
system:
	@missing=; \
	for each in $(SERVERS) $(TOOLS); do \
	    name=$${each%%:*}; \
	    command -v $$name >/dev/null || [ -x /usr/sbin/$$name ] || missing="$$missing $${each#*:}"; \
	done; \
	[ -x $(PYTHON) ] || python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3-venv"; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ]; then as_root=; \
	elif sudo -n true 2>/dev/null; then as_root="sudo -n"; \
	else as_root=no; fi; \
	if [ "$$as_root" = no ] || ! command -v apt-get >/dev/null; then \
	    echo "The tests need packages that are not installed: apt-get install$$missing" >&2; \
	    exit 1; \
	fi; \
	echo "Installing$$missing through apt-get ..."; \
	{ $$as_root apt-get -qq update && \
	  $$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq install -y --no-install-recommends $$missing \
	; } </dev/null >/dev/null || { echo "That failed; the tests need: apt-get install$$missing" >&2; exit 1; }; \
	[ -d /run/systemd/system ] || exit 0; \
	for each in ngircd:ngircd openssh-server:ssh haproxy:haproxy; do \
	    case "$$missing " in *" $${each%%:*} "*) \
	        $$as_root systemctl --quiet disable --now "$${each#*:}" 2>/dev/null || true;; \
	    esac; \
	done
