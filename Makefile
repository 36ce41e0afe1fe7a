# The book and its tests, from a bare machine: Python 3.11 or newer with venv, and make.

PORT ?= 8000
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# The first interpreter that is new enough; say PYTHON=... to choose another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && exit; done; echo python3)

# The folder of a course, and what its numbers are drawn from: see "Teaching" in the book.
COURSE ?= ../attention-course
SEED ?=
SUBMISSIONS ?=

BIN := .venv/bin
HTML := _build/html
PDF := _build/attention-against-collapse.pdf
# Written when the environment is whole, and named by where and from what it was made: one that was interrupted,
# moved, or made from other pins, has no such file and is made anew. So is one whose Python is gone.
STAMP := .venv/.ready-$(shell { pwd; cat requirements.lock pyproject.toml; } | cksum | cut -d ' ' -f 1)
ifneq ($(shell $(BIN)/python -c 'print(1)' 2>/dev/null),1)
.PHONY: $(STAMP)
endif

.PHONY: help book test browser pdf stills extras execute ledger mutants lab serve bench clean distclean \
	course release sample grade feedback formgrader test-course

help:
	@echo "make book       build the pages into $(HTML), strictly"
	@echo "make test       run every test and every notebook, and compare"
	@echo "make browser    open every built page in a browser, and drive the simulations (after make extras and make book)"
	@echo "make pdf        print the built pages as one book, into $(PDF) (after make extras and make book)"
	@echo "make course     say how to run the course: hand out, mark, give feedback"
	@echo "make extras     add what the tests of training, published weights and pages in a browser need (a minute)"
	@echo "make serve      show the built pages at http://localhost:$(PORT)"
	@echo "make lab        open the notebooks in JupyterLab"
	@echo "make execute    run the notebooks in place (FILES=book/NAME.ipynb for some)"
	@echo "make stills     rewrite the still pictures of the simulations, in a browser (after make extras)"
	@echo "make ledger     rewrite book/claims.md from what the notebooks store"
	@echo "make mutants    rewrite tests/mutants/killed.json: which wrong model turns which claim red"
	@echo "make bench      measure mfcore beside its peers and rewrite book/data/performance.json (minutes; an idle machine)"
	@echo "make clean      remove what was built; make distclean also the environment"
	@echo "PYTHON=...      the interpreter (3.11 or newer) to make .venv with"

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "This needs Python 3.11 or newer, and $(PYTHON) is not: run make with PYTHON=/path/to/python3.11." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) has no venv module: install it (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@echo "Making the environment .venv (two minutes or so, once)"
	rm -rf .venv _build
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# A build that failed must not pass the next time because Sphinx believes to have read the pages: hence
# the removal of what it remembers. Pages of a former table of contents go too.
book: $(STAMP)
	@test ! -f $(HTML)/index.html || test $(HTML)/index.html -nt _toc.yml || rm -rf $(HTML)
	$(BIN)/python book/_tools/ledger.py --check
	@test -f _build/.passed || rm -rf _build/.doctrees
	@rm -f _build/.passed
	$(BIN)/jupyter-book build . -W -n --keep-going
	$(BIN)/python book/_tools/check_pages.py $(HTML)
	@touch _build/.passed
	@echo "Open file://$(CURDIR)/$(HTML)/index.html"

test: $(STAMP)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

browser: $(STAMP)
	@test -f $(HTML)/index.html || { echo "Nothing is built yet: run make book first." >&2; exit 1; }
	$(BIN)/python -m pytest tests/browser -n $(JOBS) --dist worksteal

pdf: $(STAMP)
	$(BIN)/python book/_tools/pdf.py $(HTML) $(PDF)

stills: $(STAMP)
	$(BIN)/python book/_tools/stills.py

extras: $(STAMP)
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-extras.lock

execute: $(STAMP)
	$(BIN)/python book/_tools/execute.py $(FILES)

ledger: $(STAMP)
	$(BIN)/python book/_tools/ledger.py

mutants: $(STAMP)
	$(BIN)/python tests/mutants/run.py

# Peers (the extra "bench") are used where they are installed, and named where they are not.
bench: $(STAMP)
	$(BIN)/python tests/bench/bench.py

lab: $(STAMP)
	$(BIN)/jupyter lab --notebook-dir=book

serve: $(STAMP)
	@test -f $(HTML)/index.html || { echo "Nothing is built yet: run make book first." >&2; exit 1; }
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(HTML) $(PORT)

course:
	@echo "make release SEED=...        draw the course's numbers from a text that only you know, and write the students' copies"
	@echo "make sample                  write a class of five that has handed in, right and wrong, to try the next lines on"
	@echo "make grade SUBMISSIONS=dir   mark what is new in that folder, in a sandbox; writes marks.csv"
	@echo "make formgrader              mark written answers by hand, in the browser"
	@echo "make feedback                write a page for each submission, and marks.csv with the marks by hand"
	@echo "make test-course             mark the whole bank of right and wrong submissions, and try to break the marking"
	@echo "COURSE=$(COURSE)    the folder of the course, outside of this public one; another one for another course"
	@echo "UNSAFE=1                     mark without a sandbox, with your own rights: never with notebooks of others"

CLI := PYTHONPATH=book/_tools $(BIN)/python -m course --course "$(COURSE)" $(if $(filter 1,$(UNSAFE)),--unsafe)

release: $(STAMP)
	@$(CLI) $(if $(SEED),--seed "$(SEED)") release

sample: $(STAMP)
	@$(CLI) sample

grade: $(STAMP)
	@test -n "$(SUBMISSIONS)" || { echo "Say which folder: make grade SUBMISSIONS=dir" >&2; exit 1; }
	@$(CLI) --submissions "$(SUBMISSIONS)" --jobs $(JOBS) grade

feedback: $(STAMP)
	@$(CLI) feedback

formgrader: $(STAMP)
	@test -f "$(COURSE)/nbgrader_config.py" || { echo "$(COURSE) is no course yet: run make release first." >&2; exit 1; }
	cd "$(COURSE)" && PATH="$(CURDIR)/$(BIN):$$PATH" jupyter lab --LabApp.default_url=/formgrader

test-course: $(STAMP)
	$(BIN)/python -m pytest tests/test_course.py --whole-course -n $(JOBS) --dist worksteal

clean:
	rm -rf _build .pytest_cache .hypothesis .coverage

distclean: clean
	rm -rf .venv mfcore.egg-info
