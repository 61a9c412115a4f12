# One triple for everything that is built here (programs and tests): musl where its target can be had, else glibc, linked
# statically. One libc on a shared LMDB file, and one set of compiled dependencies.
MUSL := $(shell uname -m)-unknown-linux-musl
GLIBC := $(shell uname -m)-unknown-linux-gnu
PROGRAMS := cni-net cni-ipam cnictl bgp-sidecar
# Those that live for milliseconds are linked to fixed addresses: what must be relocated at a start is an eighth of an ADD.
# (Stack, heap and maps stay where the kernel puts them. Go's programs are linked so, the CNI project's plugins among them.)
BRIEF := cni-net cni-ipam
# Octets.
LIMIT := 12000000
SEED ?= $(shell date +%s)
# Of `make soak`.
MINUTES ?= 30

ROOT := $(filter 0,$(shell id -u))
SUDO := $(if $(ROOT),,sudo)
export CARGO_TARGET_DIR ?= $(CURDIR)/target
export RUST_TEST_THREADS ?= 4

VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml | head -n 1)
ARCH := $(shell dpkg --print-architecture)
IMAGE := dist/manx-$(VERSION)-$(ARCH).oci.tar
DEB := dist/manx_$(VERSION)_$(ARCH).deb
# Octets.
IMAGE_LIMIT := 30000000
# Of cargo-deny.
DENY := 0.20.2

# What the build needs, what the demo needs beside it, and what the tests need beside that (Debian packages).
BUILD_NEEDS := gcc libc6-dev musl-tools protobuf-compiler libprotobuf-dev
# Packages of what is built: the image, the list of what is inside (the Debian package needs nothing that a Debian has not).
IMAGE_NEEDS := buildah jq
DEMO_NEEDS := iproute2 iputils-ping jq etcd-server frr
TEST_NEEDS := etcd-client containernetworking-plugins ethtool tcpdump iptables openssl procps strace \
    bird2 gobgpd containerd runc busybox-static systemd

# What a real Kubernetes is built of, for `make test-kubernetes` alone (Go modules).
KUBERNETES := v1.37.2
CONTAINERD := v2.4.2
PLUGINS := v1.7.1
KUBERNETES_PROGRAMS := kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl

# make includes this file and makes it when it is not there: the triple is decided once, before anything is built.
ifneq ($(filter-out help clean,$(or $(MAKECMDGOALS),help)),)
include target/triple.mk
endif
export CARGO_BUILD_TARGET := $(TARGET)
ifeq ($(TARGET),$(GLIBC))
export RUSTFLAGS := -C target-feature=+crt-static
endif
ifeq ($(ROOT),)
# Only the tests' own processes run as root, never the compiler.
export CARGO_TARGET_$(shell echo '$(TARGET)' | tr a-z- A-Z_)_RUNNER := sudo -E
endif

.PHONY: help setup setup-build setup-demo setup-test setup-image setup-kubernetes build demo lint test unit integration \
    test-kubernetes record soak bench contention bench-bgp sim fuzz audit man image deb dist clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: setup-demo setup-test setup-image ## install what build, demo and tests need and what is not there yet

build: setup-build ## static, stripped programs into dist/
	@export MANX_COMMIT=$$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown); \
	cargo build --release $(addprefix -p ,$(filter-out $(BRIEF),$(PROGRAMS))) && \
	for p in $(BRIEF); do \
	    cargo rustc --release -p $$p --bin $$p -- -C relocation-model=static || exit 1; \
	done
	@mkdir -p dist
	@for p in $(PROGRAMS); do \
	    install -m 755 "$(CARGO_TARGET_DIR)/$(TARGET)/release/$$p" "dist/$$p" || exit 1; \
	    size=$$(stat -c %s "dist/$$p"); \
	    [ "$$size" -le $(LIMIT) ] || { echo "dist/$$p is $$size bytes, more than $(LIMIT)" >&2; exit 1; }; \
	    ! readelf -d "dist/$$p" | grep NEEDED || { echo "dist/$$p is not static" >&2; exit 1; }; \
	done

man: build ## manual pages in dist/man
	@packaging/man.sh dist/man

image: setup-image build ## an OCI image from scratch with the programs, in dist/; no registry is asked
	@packaging/image.sh $(IMAGE)
	@size=$$(stat -c %s $(IMAGE)); \
	[ "$$size" -le $(IMAGE_LIMIT) ] || { echo "$(IMAGE) is $$size bytes, more than $(IMAGE_LIMIT)" >&2; exit 1; }; \
	echo "$(IMAGE)"

deb: build man ## a Debian package in dist/
	@packaging/deb.sh $(DEB)
	@echo "$(DEB)"

dist: setup-image build man ## programs with conf, documents and manual pages, Debian package and image in dist/, with their sums
	@packaging/dist.sh dist
	@cat dist/SHA256SUMS

demo: setup-demo build ## two pods on one node; then two nodes and a switch: all in namespaces of their own
	@$(if $(ROOT),,sudo -E) integration/demo.sh
	@$(if $(ROOT),,sudo -E) integration/demo-fabric.sh

lint: setup-test ## formatting, clippy, and the core built alone without features
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p integration --test real_kubernetes -- -D warnings
	cargo clippy -p shared -- -D warnings
	cargo check -p shared

test: setup-test build man ## everything: unit, property, contract, kernel, golden, black box; what failed once more at the end
	@{ cargo test --workspace --no-fail-fast 2>&1 || echo 'make test: failed'; } | tee $(CARGO_TARGET_DIR)/test.log
	@! tail -n 1 $(CARGO_TARGET_DIR)/test.log | grep -q '^make test: failed$$' || \
	    { grep -A 15 'panicked at' $(CARGO_TARGET_DIR)/test.log | cut -c 1-1000 | tail -n 200; exit 1; }

unit: setup-build ## only what needs neither root nor other programs
	cargo test -p shared -p cni-net -p cni-ipam -p cnictl --lib --bins

integration: setup-test build man ## only the black-box tests (T=words to choose some)
	cargo test -p integration --no-fail-fast $(T)

record: setup-test build ## what BIRD, FRR and GoBGP say, into bgp-sidecar/tests/recorded, for the codec's tests
	cargo test -p integration --test black_box bgp_recorded
	cp target/recorded/*.txt bgp-sidecar/tests/recorded/

test-kubernetes: setup-test setup-kubernetes setup-image build ## our image and manifests in a real Kubernetes, built from its Go modules (T=words)
	cargo test -p integration --test real_kubernetes -- --test-threads=1 $(T)

soak: setup-test build ## what test does with chance, for longer and from another seed (MINUTES=n, SEED=n to replay)
	@echo 'SEED=$(SEED)'
	MANX_SEED=$(SEED) MANX_SCHEDULES=40000 cargo test -p shared --test ipam_properties
	MANX_SEED=$(SEED) MANX_RUNS=1000 cargo test -p integration --test black_box disturbed -- --nocapture
	MANX_SEED=$(SEED) MANX_PODS=1000 MANX_KILLS=1000 cargo test -p integration --test black_box -- --nocapture failover:: kills::
	MANX_SEED=$(SEED) MANX_MINUTES=$(MINUTES) cargo run --quiet -p integration --bin soak \
	    2>$(CARGO_TARGET_DIR)/soak.log || { tail -n 400 $(CARGO_TARGET_DIR)/soak.log >&2; exit 1; }

bench: setup-test build ## ADD and DEL beside ptp + host-local: minimum, median, p99, wall
	@cargo run --quiet --release -p integration --bin bench

contention: setup-test build ## 4 to 32 nodes at one etcd, 50 pods each: failures, median, p99, etcd's requests per ADD
	@cargo run --quiet -p integration --bin contention 2>$(CARGO_TARGET_DIR)/contention.log || \
	    { tail -n 100 $(CARGO_TARGET_DIR)/contention.log >&2; exit 1; }

bench-bgp: setup-test build ## bgp-sidecar beside BIRD 2: 100,000 prefixes, 1,000 clients, one prefix, the kernel, idleness
	@cargo run --quiet --release -p integration --bin bench-bgp -- $(T)

sim: setup-build ## a day of a large cluster in virtual time: addresses, routes, etcd's load (N="--nodes 5000 …")
	@cargo run --quiet --release -p sim -- $(N)

fuzz: setup-build ## what outsiders send, mutated: a million executions of each kind from a new seed (SEED=n to replay)
	@echo 'SEED=$(SEED)'
	MANX_SEED=$(SEED) MANX_EXECUTIONS=$(or $(N),1000000) cargo test --release -p fuzz --test short -- --nocapture

audit: target/tools/bin/cargo-deny ## licences, sources, duplicates and, where their database can be reached, known holes of every crate
	@target/tools/bin/cargo-deny --all-features check bans licenses sources
	@if target/tools/bin/cargo-deny fetch db; then target/tools/bin/cargo-deny --all-features check advisories; \
	else echo 'make audit: known holes were NOT looked for: their database cannot be reached' >&2; fi

clean: ## everything that was built
	rm -rf target dist

# $(1): the packages that must be there.
define install
	@missing=$$(for p in $(1); do \
	    dpkg-query -W -f='$${Status}' "$$p" 2>/dev/null | grep -q 'ok installed' || echo "$$p"; done); \
	if [ -n "$$missing" ]; then \
	    echo "installing:" $$missing; \
	    $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive \
	        apt-get install -qq -y --no-install-recommends $$missing >/dev/null; fi
endef

setup-build:
	$(call install,$(BUILD_NEEDS))

setup-demo: setup-build
	$(call install,$(DEMO_NEEDS))

setup-image:
	$(call install,$(IMAGE_NEEDS))

setup-test: setup-demo setup-image target/tools/cnitool target/tools/crictl target/tools/kustomize
	$(call install,$(TEST_NEEDS))
	@[ -e target/tools/busybox.tar ] || integration/busybox-image.sh target/tools/busybox.tar
	@cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
	@cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt

target/tools/cnitool:
	@command -v go >/dev/null || { echo 'the tests need Go 1.23 or newer, for cnitool (the demo does not)' >&2; exit 1; }
	@CGO_ENABLED=0 GOBIN="$(CURDIR)/target/tools" go install github.com/containernetworking/cni/cnitool@v1.3.0

target/tools/crictl: integration/crictl.sh
	@integration/crictl.sh target/tools

target/tools/kustomize:
	@command -v go >/dev/null || { echo 'the tests need Go 1.23 or newer, for kustomize' >&2; exit 1; }
	@CGO_ENABLED=0 GOBIN="$(CURDIR)/target/tools" go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1

target/tools/bin/cargo-deny:
	@env -u CARGO_BUILD_TARGET -u RUSTFLAGS cargo install --quiet --locked --root target/tools cargo-deny@$(DENY)

# A quarter of an hour of one processor, once.
setup-kubernetes: $(addprefix target/tools/kubernetes-$(KUBERNETES)/,$(KUBERNETES_PROGRAMS)) \
    target/tools/containerd-$(CONTAINERD)/containerd-shim-runc-v2 target/tools/plugins-$(PLUGINS)/loopback
	@ln -sfn kubernetes-$(KUBERNETES) target/tools/kubernetes
	@ln -sfn containerd-$(CONTAINERD) target/tools/containerd
	@ln -sfn plugins-$(PLUGINS) target/tools/plugins

target/tools/kubernetes-$(KUBERNETES)/%:
	@integration/kubernetes/build.sh $(@D) $(KUBERNETES) $*

target/tools/containerd-$(CONTAINERD)/containerd-shim-runc-v2:
	@integration/kubernetes/containerd.sh $(@D) $(CONTAINERD)

target/tools/plugins-$(PLUGINS)/loopback:
	@CGO_ENABLED=0 GOBIN="$(CURDIR)/$(@D)" go install -trimpath -ldflags '-s -w' $(foreach \
	    plugin,meta/portmap meta/bandwidth main/loopback,github.com/containernetworking/plugins/plugins/$(plugin)@$(PLUGINS))

target/triple.mk:
	@command -v rustc >/dev/null || { echo 'Rust is needed: install it with rustup' >&2; exit 1; }
	@mkdir -p target; \
	if [ -d "$$(rustc --print sysroot)/lib/rustlib/$(MUSL)/lib" ] || rustup -q target add $(MUSL); then t=$(MUSL); \
	else t=$(GLIBC); echo "no $(MUSL) target to be had: building for $(GLIBC), linked statically" >&2; fi; \
	echo "TARGET ?= $$t" >$@
