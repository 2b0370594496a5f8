# Everything starts from a clean clone with python3 (3.11 to 3.13), make and git.
# Another interpreter: make PYTHON=python3.12 run

PYTHON ?= python3
bin := .venv/bin
# Each has its reason in docs/threat-model.md.
excepted_holes := MAL-2026-4750 CVE-2026-12772 CVE-2026-12795 CVE-2026-12796
compile = $(bin)/uv pip compile $(upgrade) --universal --generate-hashes --python-version 3.11

# Python compiles once, and keeps it: every Airflow process would do it all again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run cycle psql airflow solar test test-compose test-kills test-fast validate-model lint bench docs faults screenshots audit lock env clean environment environment-dev

help: ## Show the targets
	@grep -E '^[a-z-]+:.* ## ' $(MAKEFILE_LIST) | sed -E 's/:.* ## /\t/' | expand -t 16

run: environment ## Start everything, run a cycle, and go on every 15 minutes until Ctrl-C
	@exec $(bin)/python -m solar_stack run

cycle: environment ## Start everything, run one cycle, and stop; fails when the cycle failed
	@exec $(bin)/python -m solar_stack cycle

psql: environment ## Open the solar database (tables energy_data, simulation_runs)
	@exec $(bin)/python -m solar_stack psql

airflow: environment ## Airflow's own command line, such as make airflow args="dags list"
	@exec $(bin)/python -m solar_stack airflow $(args)

solar: environment ## Our own command line on the stack's database, such as make solar args="health"
	@exec $(bin)/python -m solar_stack solar $(args)

test: environment-dev ## Run all tests but those of the two targets below
	@$(bin)/python -m solar_stack programs
	@exec $(bin)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not kills"

test-compose: environment-dev ## Bring docker-compose.yaml up with Docker, on stand-ins for its base images
	@exec $(bin)/python -m pytest tests/compose -s

test-kills: environment-dev ## Kill workers, the scheduler and Postgres in the middle of cycles (five minutes or more)
	@exec $(bin)/python -m pytest -m kills

test-fast: environment-dev ## Run the tests that take seconds (about two minutes)
	@exec $(bin)/python -m pytest -n 2 --dist loadfile -m "not slow and not end_to_end"

validate-model: environment-dev ## Hold a simulated year against what is known about real load
	@exec $(bin)/python -m docs.scripts.validate_consumption

lint: environment-dev ## Check style and types
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy

bench: environment-dev ## Measure how fast it is (quickly: make bench options="--largest 100000 --repeat 1")
	@exec $(bin)/python -m benchmarks $(options)

docs: environment-dev ## Write the documentation that is made from the code
	$(bin)/python -m solar_model.data_dictionary > docs/data-dictionary.md
	$(bin)/python -m tests.support.corruptions
	$(bin)/python -m docs.scripts.dag_reference
	$(bin)/python docs/scripts/plot_generation_reference.py

faults: environment-dev ## Put each exchange and a runner through faults, and write docs/faults.md
	@exec $(bin)/python -m docs.scripts.fault_table

screenshots: environment-dev ## Take the pictures of the README anew, with Chromium
	@$(bin)/python -m solar_stack programs
	@exec $(bin)/python -m docs.scripts.screenshots

audit: environment-dev ## Ask for known holes in what the lock names (needs the network)
	$(bin)/uv tool run pip-audit --disable-pip --requirement requirements-dev.txt \
		$(addprefix --ignore-vuln ,$(excepted_holes))

lock: environment-dev ## Compile requirements*.txt from pyproject.toml (to newer versions: make lock upgrade=--upgrade)
	$(compile) --extra local -o requirements.txt pyproject.toml > /dev/null
	$(compile) --extra dev -c requirements.txt -o requirements-dev.txt pyproject.toml > /dev/null

env: ## Write .env with fresh secrets for docker-compose.yaml, and solar.env for settings
	@PYTHONPATH=include $(PYTHON) -m solar_stack.dotenv

clean: ## Remove the environment, the databases and every file that was made
	@test ! -x $(bin)/python || $(bin)/python -m solar_stack remove
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

environment:
	@$(PYTHON) include/solar_stack/environment.py run

environment-dev:
	@$(PYTHON) include/solar_stack/environment.py dev
