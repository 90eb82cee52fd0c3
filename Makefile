# Needs Python 3.11 and a package index; everything else is installed into .venv from hash-locked pins.
PYTHON ?= python3.11
ROOT ?= .demo/root
SHELL := /bin/bash
BIN := .venv/bin
# torch for CPUs: from pip's find-links folder where there is one, else from PyTorch's own index.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
ifeq ($(UV_FIND_LINKS),)
export UV_TORCH_BACKEND ?= cpu
endif

.PHONY: demo engine-env ui local metrics test kill-test check bench-verify bench-screen bench-decontaminate bench-ledger bench-models bench-orchestration bench-publish bench-collect bench-report bench-scale bench-env train-env smoke-train format lock clean

demo: .venv/runtime $(if $(ENGINE),engine-env) ## the whole pipeline on embedded defaults; SOURCE=file.jsonl, ENGINE=vllm
	$(BIN)/python -m flows demo --root $(ROOT) $(if $(ENGINE),--recipe demo_$(ENGINE)) $(if $(SOURCE),--source $(SOURCE)) $(if $(SHARDS),--shards $(SHARDS))

engine-env: .engine/models/smollm2-135m-instruct/config.json ## vLLM for CPUs and a small model, in an environment of their own

ui: .venv/runtime ## the Prefect UI with the deployments and a worker, until Ctrl-C; PORT=4200
	$(BIN)/python -m flows ui $(if $(PORT),--port $(PORT))

local: .venv/development ## the whole system as processes: PostgreSQL, Redis, S3, Ray, Prefect, Prometheus, until Ctrl-C; PORT=4200
	$(BIN)/python -m flows local $(if $(PORT),--port $(PORT))

metrics: .venv/runtime ## Prometheus metrics of ROOT's ledger and manifests on loopback, until Ctrl-C
	$(BIN)/python -m flows metrics --root $(ROOT)

test: .venv/development ## pass the tests, two files at a time; FILES=4
	$(BIN)/python -m pytest -n $(or $(FILES),2) --dist loadfile --no-loadscope-reorder

check: .venv/development ## formatter, linters, types, dependency rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

kill-test: .venv/development ## kill the processes of runs, resume, compare; KILLS=100 SEED=1 STORAGE=both RUNNER=both MINUTES=60
	$(BIN)/python -m tests.kill --kills $(or $(KILLS),100) --seed $(or $(SEED),1) \
	  --storage $(or $(STORAGE),both) --runner $(or $(RUNNER),both) --minutes $(or $(MINUTES),60)

bench-verify: .venv/development ## right, wrong, undecided and pairs a second, beside plain math-verify; PAIRS=file.jsonl
	$(BIN)/python -m tasks.verify.evaluate --pairs $(PAIRS)

bench-screen: .venv/development ## rows a second of the rule screen, on 100,000 rows; ROWS=n
	$(BIN)/python -m tests.bench.screen --rows $(or $(ROWS),100000)

bench-decontaminate: .venv/development ## rates of embedding, search, the stage and near duplicates; QUICK=1 for a small run
	$(BIN)/python -m tests.bench.decontaminate $(if $(QUICK),--quick)

bench-ledger: .venv/development ## what the ledger costs beside a bare client; QUICK=1 for a small run
	$(BIN)/python -m tests.bench.ledger $(if $(QUICK),--quick)

bench-models: .venv/development ## what asking costs beside other clients, at a slow endpoint; LATENCY=seconds, QUICK=1
	$(BIN)/python -m tests.bench.models $(if $(QUICK),--quick) $(if $(LATENCY),--latency $(LATENCY))

bench-orchestration: .venv/development ## what Prefect and Ray cost per task run; QUICK=1 for a small run
	$(BIN)/python -m tests.bench.orchestration $(if $(QUICK),--quick)

bench-publish: .venv/development ## rows a second and peak memory of publishing; ROWS=n, CHARS=n of a solution
	$(BIN)/python -m tests.bench.publish --rows $(or $(ROWS),1000000) --chars $(or $(CHARS),400)

bench-collect: .venv/development ## rows a second and peak memory of collecting, and what 1% more rows take; ROWS=n
	$(BIN)/python -m tests.bench.collect --rows $(or $(ROWS),100000)

bench-scale: .venv/development ## rows a second of each stage, memory, objects and 1% more rows; ROWS=n, NODES=n, RUNNER=threads, QUICK=1
	$(BIN)/python -m tests.bench.scale --rows $(or $(ROWS),$(if $(QUICK),1000,100000)) --runner $(or $(RUNNER),ray) --nodes $(or $(NODES),0)

bench-report: .venv/development ## seconds and peak memory of a report page over many rows; ROWS=n
	$(BIN)/python -m tests.bench.report --rows $(or $(ROWS),100000)

train-env: .train/models/smollm2-135m-instruct/config.json ## TRL for CPUs and a small model, in an environment of their own

smoke-train: train-env ## a few GRPO steps on a published rl export: DATA=folder of a data set; STEPS=2
	HF_HUB_OFFLINE=1 .train/venv/bin/python infra/train/smoke.py $(DATA) --steps $(or $(STEPS),2)

bench-env: .bench/curator/ready ## bespokelabs-curator in an environment of its own, for the benches to compare with

.bench/curator/ready: .venv/uv tests/bench/curator.lock
	$(PYTHON) -m venv .bench/curator
	$(BIN)/uv pip install -q --compile-bytecode --python .bench/curator/bin/python --require-hashes -r tests/bench/curator.lock
	@touch $@

format: .venv/development ## rewrite the code as the formatter wants it
	$(BIN)/ruff check --fix --select I .
	$(BIN)/ruff format .

lock: .venv/uv ## make the lock files anew from pyproject.toml
	$(BIN)/uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-find-links --no-emit-index-url \
	  --no-annotate --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-find-links --no-emit-index-url \
	  --no-annotate --no-header -c requirements.lock pyproject.toml --group dev -o requirements-dev.lock
	$(BIN)/uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-find-links --no-emit-index-url \
	  --no-annotate --no-header --override infra/engine/overrides.txt infra/engine/requirements.in \
	  -o infra/engine/requirements-cpu.lock
	$(BIN)/uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-find-links --no-emit-index-url \
	  --no-annotate --no-header --override infra/engine/overrides.txt infra/train/requirements.in \
	  -o infra/train/requirements-cpu.lock
	env -u UV_FIND_LINKS -u UV_TORCH_BACKEND $(BIN)/uv pip compile -q --python-version 3.11 \
	  --python-platform x86_64-manylinux_2_28 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  infra/engine/requirements-gpu.in -o infra/engine/requirements-gpu.lock
	$(BIN)/uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-find-links --no-emit-index-url \
	  --no-annotate --no-header tests/bench/curator.in -o tests/bench/curator.lock

clean: ## remove the environment and everything the demo made
	rm -rf .venv .engine .train .bench .demo .rehearsal

# --no-deps: the lock is whole, and leaves out what infra/engine/overrides.txt says.
.engine/ready: .venv/uv infra/engine/requirements-cpu.lock
	$(PYTHON) -m venv --clear --without-pip .engine/venv
	$(BIN)/uv pip install -q --compile-bytecode --no-deps --require-hashes --python .engine/venv/bin/python \
	  -r infra/engine/requirements-cpu.lock
	@touch $@

.engine/models/smollm2-135m-instruct/config.json: .engine/ready infra/engine/convert.py
	mkdir -p .engine/models
	HF_HUB_OFFLINE=1 .engine/venv/bin/python infra/engine/convert.py .engine/models/smollm2-135m-instruct
	@touch $@

.train/ready: .venv/uv infra/train/requirements-cpu.lock
	$(PYTHON) -m venv --clear --without-pip .train/venv
	$(BIN)/uv pip install -q --compile-bytecode --no-deps --require-hashes --python .train/venv/bin/python \
	  -r infra/train/requirements-cpu.lock
	@touch $@

.train/models/smollm2-135m-instruct/config.json: .train/ready infra/engine/convert.py
	mkdir -p .train/models
	HF_HUB_OFFLINE=1 .train/venv/bin/python infra/engine/convert.py .train/models/smollm2-135m-instruct
	@touch $@

.venv/uv: requirements-uv.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --require-hashes -r requirements-uv.lock
	@touch $@

.venv/runtime: .venv/uv requirements.lock
	$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@touch $@

.venv/development: .venv/runtime requirements-dev.lock
	$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@
