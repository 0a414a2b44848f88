# The two commands of a new user are `make run` and `make test`; `make help` lists all.

LIBRARIES = libpcap yaml-0.1 libpcre2-8 zlib libzstd libbrotlidec liblzma libmagic libmaxminddb \
	libcrypto
PACKAGES = pkg-config libpcap-dev libyaml-dev libpcre2-dev zlib1g-dev libzstd-dev libbrotli-dev \
	liblzma-dev libmagic-dev libmaxminddb-dev libssl-dev
# What only the tests of live capture use; they say that they are skipped without it.
TEST_PACKAGES = iproute2 ethtool
SOURCES = Sources Tests Package.swift Benchmarks/Package.swift Benchmarks/Benchmarks

# One binary that needs no Swift where it runs. Accesses to memory are checked for exclusivity in the
# tests, which are debug builds: in the released program a check that fails would end it, and the
# checks are 7 of 100 instructions.
RELEASE_FLAGS = -c release -Xswiftc -enforce-exclusivity=unchecked \
	$(if $(filter Linux,$(shell uname)),--static-swift-stdlib)

TARGET ?= http
SECONDS ?= 60
FUZZ = .build/fuzz
# What the rules of these targets hold for good is in enumerations, where the sanitizer does not find it.
FUZZ_ENVIRONMENT = $(if $(filter engine alerts state,$(TARGET)),ASAN_OPTIONS=detect_leaks=0)
# Optimised, but with the checks of a debug build in what it inlines of the standard library.
FUZZ_FLAGS = -O -gline-tables-only -assert-config Debug -sanitize=fuzzer,address -parse-as-library \
	-swift-version 6 -suppress-warnings -use-ld=lld -num-threads 2 -wmo \
	$(addprefix -I,$(dir $(wildcard Sources/*/module.modulemap)))

.PHONY: help setup build run test lint format golden fuzz bench guard man install clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install the system libraries that are missing
	@sh .ci/install-packages $(PACKAGES)
	@pkg-config --exists $(LIBRARIES) || { pkg-config --print-errors --exists $(LIBRARIES); exit 1; }
	@command -v swift >/dev/null || { echo "Swift 6.2 or later is needed: https://www.swift.org/install" >&2; exit 1; }

build: setup ## build the optimised binary, .build/release/cairn
	@swift build $(RELEASE_FLAGS) --product cairn >&2

run: build ## analyse the sample story with the shipped rules
	@.build/release/cairn read Samples/story/story.pcapng

test: setup lint ## everything that continuous integration checks
	@sh .ci/install-packages --optional $(TEST_PACKAGES)
	swift build --build-tests
	swift test --skip-build
	.build/debug/cairn test Rules

lint: ## check the format of the code
	swift format lint --strict --recursive --parallel $(wildcard $(SOURCES))

format: ## bring the code into format
	swift format format --in-place --recursive --parallel $(wildcard $(SOURCES))

golden: ## record the expected outputs again; review the difference like code
	CAIRN_RECORD=1 swift test --filter GoldenTests

fuzz: $(FUZZ)/fuzz ## search for inputs that break TARGET, for SECONDS (Tests/Fuzz/README.md)
	@mkdir -p $(FUZZ)/$(TARGET)
	TARGET=$(TARGET) SWIFT_BACKTRACE=enable=no $(FUZZ_ENVIRONMENT) $(FUZZ)/fuzz -max_total_time=$(SECONDS) \
		-timeout=10 -rss_limit_mb=2048 -artifact_prefix=$(FUZZ)/ $(FUZZ_OPTIONS) \
		$(addprefix -dict=,$(wildcard Tests/Fuzz/$(TARGET).dict)) $(FUZZ)/$(TARGET) \
		$(wildcard Tests/Fuzz/Seeds/$(TARGET) Tests/Fuzz/Cases/$(TARGET))

$(FUZZ)/libCairn.a: $(wildcard Sources/Cairn/*/*.swift)
	@mkdir -p $(FUZZ)
	@swiftc $(FUZZ_FLAGS) $$(pkg-config --cflags $(LIBRARIES)) -enable-testing -module-name Cairn \
		-emit-module-path $(FUZZ)/Cairn.swiftmodule -emit-library -static -o $@ $^

$(FUZZ)/fuzz: $(filter-out %Tests.swift,$(wildcard Tests/CairnTests/Fuzz/*.swift)) \
		Tests/Fuzz/Main.swift $(FUZZ)/libCairn.a
	@swiftc $(FUZZ_FLAGS) $$(pkg-config --cflags --libs $(LIBRARIES)) -I$(FUZZ) -module-name Fuzz \
		-o $@ $^

bench: setup ## measure the stages, or those whose names FILTER matches (Benchmarks/README.md)
	swift package --package-path Benchmarks -Xswiftc -enable-testing \
		--allow-writing-to-package-directory benchmark $(BENCH) $(if $(FILTER),--filter '$(FILTER)')

guard: build ## count instructions and allocations of the main stages against Benchmarks/Guard/stages.tsv
	@sh .ci/install-packages valgrind
	@Benchmarks/Guard/guard $(if $(RECORD),--record) .build/release/cairn

man: setup ## write the man pages of all commands, from their definitions, to .build/man
	mkdir -p .build/man
	swift package --disable-sandbox --allow-writing-to-directory .build/man \
		generate-manual --multi-page --output-directory .build/man

install: build man ## install binary, rules, man pages and shell completions below PREFIX (default /usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/cairn $(SHARE)/man/man1 \
		$(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions \
		$(SHARE)/fish/vendor_completions.d
	install -m 755 .build/release/cairn $(DESTDIR)$(PREFIX)/bin/cairn
	cp -R Rules $(SHARE)/cairn/
	install -m 644 .build/man/*.1 $(SHARE)/man/man1/
	.build/release/cairn --generate-completion-script bash > $(SHARE)/bash-completion/completions/cairn
	.build/release/cairn --generate-completion-script zsh > $(SHARE)/zsh/site-functions/_cairn
	.build/release/cairn --generate-completion-script fish > $(SHARE)/fish/vendor_completions.d/cairn.fish

clean: ## forget everything that was built
	rm -rf .build Benchmarks/.build

PREFIX ?= /usr/local
SHARE = $(DESTDIR)$(PREFIX)/share
