# The targets that the README names. Everything that is fetched or built outside the checkout lies in
# one cache folder: AUTHCLUSTER_CACHE, or authcluster below the XDG cache folder.

AUTHCLUSTER_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/authcluster
export AUTHCLUSTER_CACHE
export CARGO_TARGET_DIR ?= $(AUTHCLUSTER_CACHE)/target

CARGO := cargo
LAB := $(CARGO) run --quiet --locked --package authcluster-lab --bin lab --
SUITE := $(CARGO) test --locked --package authcluster-tests

.DEFAULT_GOAL := help
.PHONY: help demo demo-down test test-pure test-redis test-cluster tools lint crd images clean

help: ## Shows the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: tools ## Brings up a Kubernetes on this machine, installs AuthCluster and logs a user in.
	$(CARGO) run --quiet --locked --package authcluster-tests --features needs-cluster --bin demo -- up

demo-down: ## Stops what demo started, and leaves nothing behind.
	$(LAB) down --name demo

test: test-pure test-redis test-cluster ## Runs every test: pure, real Redis Cluster, real Kubernetes.

test-pure: ## Tests that need nothing but cargo.
	$(CARGO) test --locked --workspace

test-redis: tools ## Tests on real Redis Clusters on loopback.
	$(SUITE) --features needs-redis --test redis --test formation

test-cluster: tools ## Tests on a real API server and a real Kubernetes in network namespaces.
	$(SUITE) --features needs-apiserver,needs-cluster --test apiserver --test cluster

tools: ## Installs or names what the lab needs, and builds its tools and images once.
	$(LAB) doctor --install
	$(LAB) build

lint: ## Formatting and lints, warnings denied.
	$(CARGO) fmt --all --check
	$(CARGO) lint

crd: ## Writes the generated files anew: the CRD and the chart's copy of it.
	UPDATE=1 $(CARGO) test --locked --package authcluster-operator generated

images: ## Packs the images of both binaries for the lab (for a registry, see the Dockerfiles).
	$(CARGO) run --quiet --locked --package authcluster-tests --features needs-cluster --bin demo -- images

clean: ## Stops every lab of this checkout and removes what was built.
	$(LAB) down --all
	$(CARGO) clean
