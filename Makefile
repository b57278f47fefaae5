# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause
#
#   make run     one node, at once: sets up, builds, starts, says where to push
#   make demo    the same, and a broadcaster to listen to
#   make test    sets up what the tests need, builds, runs them all
#   make         just builds the module (build/ngx_stentor_module.so)
#   make asan    the tests again under AddressSanitizer and UBSan
#   make bench   what it costs, ratios first, beside nginx itself
#   make rehearse  the listeners of scripts/rehearse
#   make deb     a package for this system (build/deb)
#   make valgrind  the unit tests under memcheck
#   make fuzz    a minute of libFuzzer for each parser (FUZZ_SECONDS=60)
#   make fuzz-coverage  which lines of the parsers its corpus reaches
#   make check   the house style
#   make clean

BUILD    = build
JOBS     = 4

WARN     = -Wall -Wextra -Werror -Wno-unused-parameter
SAN      = -fsanitize=address,undefined -fno-omit-frame-pointer \
           -fno-sanitize-recover=undefined
LIBS     = -lavformat -lavcodec -lavutil -lswresample -lebur128 \
           -ljansson -lcrypto -lz -lm
CPPFLAGS = -D_GNU_SOURCE -Isegmenter -It/unit

LIB_SRCS := $(wildcard segmenter/*.c segmenter/*/*.c)
LIB_HDRS := $(wildcard segmenter/*.h segmenter/*/*.h t/unit/*.h)
MOD_SRCS := $(LIB_SRCS) $(LIB_HDRS) config \
            $(wildcard ngx_module/*.[ch] ngx_module/*/*.[ch])
UNITS    := $(patsubst t/unit/%.c,%,$(wildcard t/unit/test_*.c))
CROWD    := $(wildcard rehearse/*.c)
TRIED    := rehearse/crowd_http.c rehearse/crowd_wheel.c
FUZZERS  := $(patsubst t/fuzz/%.c,%,$(wildcard t/fuzz/fuzz_*.c))

.PHONY: all module html rehearse run demo test asan valgrind bench deb fuzz \
        fuzz-merge fuzz-coverage check clean setup-run setup-test setup-bench \
        setup-deb setup-valgrind setup-fuzz units

all: module

module: $(BUILD)/ngx_stentor_module.so

$(BUILD)/ngx_stentor_module.so: $(MOD_SRCS) scripts/build-module
	+scripts/build-module $(BUILD) "$(WARN)"

html: $(wildcard html/*) package-lock.json scripts/build-html
	scripts/build-html $(BUILD)/html

# The listeners of scripts/rehearse, of the benchmarks and of some tests.

rehearse: $(BUILD)/bench/crowd

$(BUILD)/bench/crowd: $(CROWD) $(wildcard rehearse/*.h) segmenter/stn_base.h
	@mkdir -p $(@D)
	$(CC) -std=c11 -O2 -g $(WARN) $(CPPFLAGS) $(CROWD) \
	      -lnghttp2 -lssl -lcrypto -lz -lm -o $@.$$$$ && mv $@.$$$$ $@

run: setup-run
	@$(MAKE) -s module
	@$(MAKE) -s html || echo "make: no listener page: npm failed" >&2
	@scripts/run

demo: setup-run
	@$(MAKE) -s module
	@$(MAKE) -s html || echo "make: no listener page: npm failed" >&2
	@scripts/run --demo

setup-run:
	@scripts/setup run

setup-test:
	@scripts/setup test

setup-bench:
	@scripts/setup bench

setup-deb:
	@scripts/setup deb

setup-valgrind:
	@scripts/setup valgrind

setup-fuzz:
	@scripts/setup fuzz

deb: setup-deb html
	scripts/build-deb $(BUILD)/deb


# The library again, without nginx and under C11: for unit tests, and for
# them under sanitizers.  Only -Isegmenter: what else it includes, it must
# not.

$(BUILD)/lib/%.o: %.c $(LIB_HDRS)
	@mkdir -p $(@D)
	$(CC) -std=c11 -O2 -g $(WARN) $(CPPFLAGS) -c $< -o $@

$(BUILD)/asan/lib/%.o: %.c $(LIB_HDRS)
	@mkdir -p $(@D)
	$(CC) -std=c11 -O1 -g $(SAN) $(WARN) $(CPPFLAGS) -c $< -o $@

# The library's headers are not all that these have.

$(foreach d,lib asan/lib,$(TRIED:%.c=$(BUILD)/$(d)/%.o) \
    $(BUILD)/$(d)/t/unit/test_crowd_http.o): $(wildcard rehearse/*.h)

$(BUILD)/unit/test_crowd_http: $(TRIED:%.c=$(BUILD)/lib/%.o)

$(BUILD)/asan/unit/test_crowd_http: $(TRIED:%.c=$(BUILD)/asan/lib/%.o)

$(BUILD)/unit/%: $(BUILD)/lib/t/unit/%.o $(LIB_SRCS:%.c=$(BUILD)/lib/%.o)
	@mkdir -p $(@D)
	$(CC) $^ -lcmocka $(LIBS) -o $@

$(BUILD)/asan/unit/%: $(BUILD)/asan/lib/t/unit/%.o \
                      $(LIB_SRCS:%.c=$(BUILD)/asan/lib/%.o)
	@mkdir -p $(@D)
	$(CC) $(SAN) $^ -lcmocka $(LIBS) -o $@

$(BUILD)/asan/fuzz/%: $(BUILD)/asan/lib/t/fuzz/%.o \
                      $(BUILD)/asan/lib/t/fuzz/replay_main.o \
                      $(LIB_SRCS:%.c=$(BUILD)/asan/lib/%.o)
	@mkdir -p $(@D)
	$(CC) $(SAN) $^ $(LIBS) -o $@

.SECONDARY:

units: $(UNITS:%=$(BUILD)/unit/%) $(FUZZERS:%=$(BUILD)/asan/fuzz/%)

test: setup-test
	@$(MAKE) -s -j2 module units
	@$(MAKE) -s $(BUILD)/tsan/ngx_stentor_module.so
	@$(MAKE) -s $(BUILD)/fault/ngx_stentor_module.so $(BUILD)/fault/fault.so
	@scripts/build-html --dev $(BUILD)/html
	@scripts/test $(JOBS) $(UNITS:%=$(BUILD)/unit/%) t/*.t

# For t/*_threads.t.  That fences mean nothing to it, it says of each.
$(BUILD)/tsan/ngx_stentor_module.so: $(MOD_SRCS) scripts/build-module
	+scripts/build-module $(BUILD)/tsan \
	    "$(WARN) -fsanitize=thread -fno-omit-frame-pointer -Wno-tsan"

# For t/fault.t and t/fault/inject.
$(BUILD)/fault/ngx_stentor_module.so: $(MOD_SRCS) scripts/build-module \
                                      t/fault/fault.h
	+scripts/build-module $(BUILD)/fault "$(WARN)" t/fault/fault.h

$(BUILD)/fault/fault.so: t/fault/fault.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -O2 -g -D_GNU_SOURCE $(WARN) -shared -fPIC $< -o $@

$(BUILD)/asan/ngx_stentor_module.so: $(MOD_SRCS) scripts/build-module
	+scripts/build-module $(BUILD)/asan "$(WARN) $(SAN)"

asan: setup-test
	@$(MAKE) -s -j2 $(UNITS:%=$(BUILD)/asan/unit/%) \
	        $(FUZZERS:%=$(BUILD)/asan/fuzz/%) \
	        $(BUILD)/asan/ngx_stentor_module.so
	@scripts/build-html --dev $(BUILD)/html
	prove -j$(JOBS) $(UNITS:%=$(BUILD)/asan/unit/%)
	STENTOR_ASAN=1 STENTOR_MODULE=$(BUILD)/asan/ngx_stentor_module.so \
	    ASAN_OPTIONS=detect_leaks=0 scripts/test $(JOBS) t/*.t t/asan/*.t

# Told time is as long, but takes twenty times as long: less of it.
valgrind: setup-valgrind
	@$(MAKE) -s -j2 $(UNITS:%=$(BUILD)/unit/%)
	STENTOR_SHORT=1 prove --timer --exec 'valgrind -q --leak-check=full \
	    --error-exitcode=9' $(UNITS:%=$(BUILD)/unit/%)

bench: setup-bench module
	t/bench/bench

# The library once more, by clang: for libFuzzer, and to count what its corpus
# reaches.

FUZZ_SECONDS = 60
FUZZSAN  = address,undefined -fno-sanitize-recover=undefined
COVER    = -fprofile-instr-generate -fcoverage-mapping

$(BUILD)/fuzz/lib/%.o: %.c $(LIB_HDRS)
	@mkdir -p $(@D)
	clang -std=c11 -O1 -g -fsanitize=fuzzer-no-link,$(FUZZSAN) \
	      $(CPPFLAGS) -c $< -o $@

$(BUILD)/fuzz/fuzz_%: $(BUILD)/fuzz/lib/t/fuzz/fuzz_%.o \
                      $(LIB_SRCS:%.c=$(BUILD)/fuzz/lib/%.o)
	@mkdir -p $(@D)
	clang -fsanitize=fuzzer,$(FUZZSAN) $^ $(LIBS) -o $@

$(BUILD)/cover/lib/%.o: %.c $(LIB_HDRS)
	@mkdir -p $(@D)
	clang -std=c11 -O1 -g $(COVER) $(CPPFLAGS) -c $< -o $@

$(BUILD)/cover/fuzz_%: $(BUILD)/cover/lib/t/fuzz/fuzz_%.o \
                       $(BUILD)/cover/lib/t/fuzz/replay_main.o \
                       $(LIB_SRCS:%.c=$(BUILD)/cover/lib/%.o)
	@mkdir -p $(@D)
	clang $(COVER) $^ $(LIBS) -o $@

fuzz: setup-fuzz
	@$(MAKE) -s -j2 $(FUZZERS:%=$(BUILD)/fuzz/%)
	scripts/fuzz run $(BUILD)/fuzz $(FUZZ_SECONDS) $(FUZZERS:fuzz_%=%)

# What was found and reaches something new goes into t/fuzz/corpus.
fuzz-merge:
	scripts/fuzz merge $(BUILD)/fuzz $(FUZZERS:fuzz_%=%)

fuzz-coverage: setup-fuzz
	@$(MAKE) -s -j2 $(FUZZERS:%=$(BUILD)/cover/%)
	@scripts/fuzz coverage $(BUILD)/cover $(FUZZERS:fuzz_%=%)

check:
	scripts/check-style
	scripts/check-includes

clean:
	rm -rf $(BUILD)
