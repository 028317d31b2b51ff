# The menu. `make demo` and `make test` install what they need, build, and run; nothing asks anything.
BUILD ?= build
SECONDS ?= 10
SEED ?= 1
KILLS ?= 0
SERVER_KILLS ?= 0
WRITERS ?= 0
SEEDS ?= 1000
FIRST ?= 0

.PHONY: help build demo test faults check asan tsan fuzz corpora chaos large model sim bench fmt format lint layers cover clean
help:
	@sed -n 's/^## //p' Makefile

## make build      build/lutra, release flags
build:
	sh tools/install.sh build
	[ -f $(BUILD)/build.ninja ] || sh tools/configure $(BUILD) -Dtests=false
	ninja -C $(BUILD)

## make demo       two private servers, a two-way channel, a workload; DEMO_SECONDS=N ends by itself
demo: build
	sh tools/install.sh test
	sh tools/get-server.sh mysql || true
	/usr/bin/python3 tools/demo

## make test       every test; the last line says how many passed
test: build
	sh tools/install.sh test
	sh tools/configure $(BUILD) -Dtests=true
	ninja -C $(BUILD)
	sh tools/get-server.sh mysql || true
	sh tools/get-server.sh mariadb-plugins || true
	$(MAKE) faults
	/usr/bin/python3 tools/run-tests --build $(BUILD) --fuzz 1

## make faults     build-faults/lutra, in which tests switch rules off and order kills
faults:
	sh tools/install.sh build
	sh tools/configure build-faults -Dtests=false -Dfaults=true
	ninja -C build-faults

## make check      layers, format, both compilers, tests with ASan+UBSan and with TSan
check: layers format
	sh tools/install.sh build test check
	CC=clang-14 sh tools/configure build-clang -Dtests=true && ninja -C build-clang
	$(MAKE) asan tsan
	$(MAKE) lint

## make asan       build-asan/lutra, and all tests with it
asan:
	sh tools/install.sh build test
	sh tools/configure build-asan -Dtests=true -Dfaults=true -Dbuildtype=debugoptimized -Db_sanitize=address,undefined
	ninja -C build-asan
	LUTRA_FAULTS_BIN=$(CURDIR)/build-asan/lutra /usr/bin/python3 tools/run-tests --build build-asan

## make tsan       build-tsan/lutra, and all tests with it
tsan:
	sh tools/install.sh build test
	sh tools/configure build-tsan -Dtests=true -Dfaults=true -Dbuildtype=debugoptimized -Db_sanitize=thread -Db_pie=true
	ninja -C build-tsan
	LUTRA_FAULTS_BIN=$(CURDIR)/build-tsan/lutra /usr/bin/python3 tools/run-tests --build build-tsan

## make fuzz       every fuzz target for SECONDS=10 each; with DIR=... also on pieces of the logs that lie there
fuzz:
	sh tools/install.sh build test
	@FUZZ_LOGS=$(DIR) sh tools/run-fuzz $(SECONDS)

## make corpora    DIR=...: decode test logs of many servers and versions that lie in DIR
corpora: build
	sh tools/install.sh test
	/usr/bin/python3 tools/run-corpora $(BUILD)/lutra $(DIR)

## make chaos      SECONDS=10 SEED=1: kills and restarts under load; KILLS=1000 SERVER_KILLS=100 WRITERS=4 as wanted
chaos: build
	sh tools/install.sh test
	/usr/bin/python3 tests/chaos/run --seconds $(SECONDS) --seed $(SEED) --kills $(KILLS) --server-kills $(SERVER_KILLS) --writers $(WRITERS)

## make large      a transaction of over 4 GB from each engine, and places behind it; some 20 minutes, 25 GB below TMPDIR (/var/tmp)
large: build
	sh tools/install.sh test
	sh tools/get-server.sh mysql || true
	/usr/bin/python3 tests/large/run

## make model      SEEDS=1000 FIRST=0: the model of conflict resolution, every policy with 2, 3 and 4 sites
model:
	cd tests && /usr/bin/python3 -m model.run --table --jobs 2 --seeds $(SEEDS) --first $(FIRST)

## make sim        SEEDS=1000 FIRST=0: src/conflict among simulated sites, every policy with 2, 3 and 4 sites
sim:
	sh tools/install.sh build test
	sh tools/configure $(BUILD) -Dtests=true
	ninja -C $(BUILD) tests/sim/sim
	$(BUILD)/tests/sim/sim long --jobs "$$(nproc)" --seeds $(SEEDS) --first $(FIRST)

## make bench      NAME=decode|apply|latency|memory|fence, or all (or decode.server, apply.catchup, apply.merge, apply.sysbench, apply.link, apply.mysql, fence.truth): one JSON line a figure
bench:
	@$(MAKE) -s build >&2
	@sh tools/install.sh test bench
	@/usr/bin/python3 bench/run $(NAME)

## make fmt        clang-format over src/ and tests/
fmt:
	sh tools/install.sh check
	git ls-files 'src/*.[ch]' 'tests/*.[ch]' | xargs clang-format-14 -i

## make format     is it all as `make fmt` leaves it
format:
	sh tools/install.sh check
	git ls-files 'src/*.[ch]' 'tests/*.[ch]' | xargs clang-format-14 --dry-run -Werror

## make lint       clang-tidy and cppcheck
lint: layers
	sh tools/install.sh build test check
	CC=clang-14 sh tools/configure build-clang -Dtests=true && ninja -C build-clang
	git ls-files 'src/*.c' | xargs -P "$$(nproc)" -n 4 clang-tidy-14 --quiet -p build-clang
	cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,portability \
	    --suppress=pointerOutOfBounds -I src --include=/usr/include/$$(gcc -dumpmachine)/sys/queue.h src

## make layers     src/LAYERS: which folder may include which
layers:
	/usr/bin/python3 tools/layers

## make cover      line coverage of the unit tests
cover:
	sh tools/install.sh build test check
	sh tools/configure build-cover -Dtests=true -Dbuildtype=debug -Db_coverage=true
	ninja -C build-cover test
	gcovr -r . --object-directory build-cover --filter src/ --print-summary

clean:
	rm -rf build build-asan build-tsan build-clang build-fuzz build-faults build-cover
