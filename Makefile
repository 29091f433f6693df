# The targets that the README names. Everything that is fetched or built outside the checkout lies in
# one cache folder: AUTHCLUSTER_CACHE, or authcluster below the XDG cache folder.

AUTHCLUSTER_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/authcluster
export AUTHCLUSTER_CACHE
export CARGO_TARGET_DIR ?= $(AUTHCLUSTER_CACHE)/target

CARGO := cargo
RELEASE := $(CARGO_TARGET_DIR)/release
TAG ?= dev
DEMO_LAB ?= demo
LAB := $(CARGO) run --quiet --locked --package authcluster-lab --bin lab --

.DEFAULT_GOAL := help
# No target is a file.
.PHONY: $(shell awk -F: '/^[a-z0-9-]+:/ { print $$1 }' $(firstword $(MAKEFILE_LIST)))

help: ## Shows the targets.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: ## Runs a hasher alone on 127.0.0.1:8080, with its state in memory.
	$(CARGO) run --release --locked --package authcluster-hasher -- serve

demo: tools images ## Shows it all: three nodes, the operator by its chart, an AuthCluster, a login (root).
	$(CARGO) build --quiet --locked --package authcluster-tests --bin demo --bin caller
	$(CARGO_TARGET_DIR)/debug/demo $(DEMO_LAB)

demo-down: ## Stops what demo started, and leaves nothing behind.
	$(LAB) --name $(DEMO_LAB) down

test: test-pure test-cgroups test-redis test-hostile test-apiserver test-chart test-lab test-cluster ## Runs every test: pure, real Redis Cluster, real Kubernetes.

test-pure: ## Tests that need nothing but cargo.
	$(CARGO) test --locked --workspace

test-cgroups: ## Tests of a hasher in control groups of this machine (root).
	$(CARGO) test --locked --package authcluster-tests --features needs-cgroups --test cgroups

test-redis: redis-server ## Tests on real Redis Clusters on loopback.
	$(CARGO) test --locked --package authcluster-tests --features needs-redis --test redis --test redis-storm --test operator-redis
	$(CARGO) test --locked --package authcluster-tests --features needs-redis --test overload -- --test-threads 1 --nocapture

# The optimised hasher, because latencies are compared.
test-hostile: ## Tests of clients that attack a hasher without a token (root; two cores).
	$(CARGO) build --release --locked --package authcluster-hasher --bin hasher
	AUTHCLUSTER_HASHER=$(RELEASE)/hasher $(CARGO) test --locked --package authcluster-tests --features needs-cgroups --test hostile \
	  -- --test-threads 1 --nocapture

campaign: export AUTHCLUSTER_HOSTILE_SECONDS ?= 30
campaign: test-hostile ## The same with 30 s of each attack from each source: some 25 minutes; prints the table of docs/SECURITY.md.

test-apiserver: tools ## Tests on a real API server without nodes (root).
	$(CARGO) test --locked --package authcluster-tests --features needs-apiserver --test apiserver

test-chart: tools ## Tests of what Helm makes of the chart.
	$(CARGO) test --locked --package authcluster-tests --features needs-helm --test chart

test-lab: tools ## Tests on a real Kubernetes in network namespaces (root).
	$(CARGO) test --locked --package authcluster-tests --features needs-redis,needs-cluster --test redis --test operator-redis versions
	$(CARGO) test --locked --package authcluster-lab --features needs-lab --test machine

# Its lab stays up until all tests are through, so that a failure can be told from its logs.
test-cluster: tools images ## Tests of the whole product on a real Kubernetes (root).
	$(CARGO) build --locked --package authcluster-tests --bin caller
	$(CARGO) test --locked --package authcluster-tests --features needs-cluster --test cluster -- --test-threads 1; \
	  status=$$?; $(LAB) --name cluster-tests down; exit $$status

lab: tools ## Brings up a real Kubernetes with three nodes on this machine (root).
	$(LAB) up

lab-down: ## Stops it, and leaves nothing behind.
	$(LAB) down

tools: ## Installs or names what the lab needs, and builds its tools and images once.
	$(LAB) doctor --install
	$(LAB) build

# The agent is static: it runs in whatever image Redis comes in.
programs: ## Builds the programs as they run in a cluster.
	$(CARGO) build --release --locked --package authcluster-operator --package authcluster-hasher --bins
	$(CARGO) rustc --release --locked --package authcluster-redis-agent --bin redis-agent -- -C target-feature=+crt-static

ifdef BUILDER
images: ## Packs the programs into images for the lab; for a registry: BUILDER=docker IMAGE_PREFIX=HOST/ TAG=1.
	$(BUILDER) build --file operator/Dockerfile --tag $(IMAGE_PREFIX)authcluster-operator:$(TAG) .
	$(BUILDER) build --file hasher/Dockerfile --tag $(IMAGE_PREFIX)authcluster-hasher:$(TAG) .
else
images: programs
	$(LAB) image authcluster-operator:$(TAG) --entrypoint operator $(RELEASE)/operator $(RELEASE)/redis-agent
	$(LAB) image authcluster-hasher:$(TAG) --entrypoint hasher $(RELEASE)/hasher
endif

load-images: images ## Builds the images and loads them into the running lab.
	$(LAB) load authcluster-operator:$(TAG) authcluster-hasher:$(TAG)

# RUNLEVEL=1 keeps Debian from starting a server of its own.
redis-server: ## Installs or names the server that the Redis tests need.
	@command -v redis-server >/dev/null \
	  || { apt-get update && RUNLEVEL=1 apt-get install --yes --no-install-recommends redis-server; } \
	  || { echo "redis-server is missing: run apt-get install redis-server as root" >&2; exit 1; }

crd: ## Writes crds/authclusters.yaml and the chart's copy again, from the types.
	@mkdir -p crds
	$(CARGO) run --quiet --locked --package authcluster-operator --bin operator -- crd > crds/authclusters.yaml
	cp crds/authclusters.yaml charts/authcluster/crds/

golden: ## Writes again, for review, the objects that samples become and the pages that are made from code.
	UPDATE_EXPECT=1 $(CARGO) test --quiet --locked --package authcluster-operator --lib -- plan::preview api::catalogue telemetry
	UPDATE_EXPECT=1 $(CARGO) test --quiet --locked --package authcluster-hasher --lib -- telemetry::reference

simulate: ## Simulates the routing next to an oracle, prints the table and writes it into hasher/ROUTING.md.
	UPDATE_EXPECT=1 $(CARGO) test --quiet --locked --package authcluster-tests --test simulation the_table -- --nocapture

bench-argon2id: ## Measures the Argon2id engine next to the argon2 crate and libargon2.
	$(CARGO) run --release --locked --package authcluster-argon2id --example bench

bench-verify: ## Measures /v1/verify over loopback next to the bare engine.
	$(CARGO) run --release --locked --package authcluster-hasher --example bench_verify

bench-sessions: redis-server ## Measures introspects next to plain GETs on a Redis Cluster on loopback.
	$(CARGO) run --release --locked --package authcluster-tests --example bench_sessions

lint: ## Formatting and lints, warnings denied.
	$(CARGO) fmt --all --check
	$(CARGO) lint
