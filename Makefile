# Makefile - builds, checks and installs Coracle. `make` needs nothing but a Debian 12 or 13:
# what is missing is installed (as root) or named in one apt-get line.
#
#   make            build/coracle: static, stripped
#   make run        build it and run the embedded image
#   make test       every test; the last line is "N passed, N failed" (STRICT=1: no skips)
#   make unit       the unit tests only (no root)
#   make lint bench fuzz install dist clean; make format lets clang-format have its way
#   V=1             show the commands
#   SAN=1           the same with the host's C library, ASan and UBSan, in build/san

VERSION := 0.1.0
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
ifeq ($(origin CC),default)
CC := gcc
endif
export CC

# As many jobs as processors, unless told otherwise.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

SAN ?=
V ?=
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)  $(2)')

out := build$(if $(SAN),/san)
kind := $(if $(SAN),san,musl)

goals := $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out clean deps test-deps dist,$(goals)),)
TP := $(shell third_party/deps build && third_party/build $(kind))
ifneq ($(.SHELLSTATUS),0)
$(error the third-party libraries are not there)
endif
endif

# --- flags -------------------------------------------------------------------------------------

warnings := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
	-Wvla -Wpointer-arith -Wundef -Wformat=2 -Wno-format-nonliteral -Wold-style-definition \
	-Wno-missing-field-initializers -Wno-unused-parameter -Wno-format-truncation
CPPFLAGS := -D_GNU_SOURCE -DCORACLE_VERSION='"$(VERSION)"' -Icore -isystem $(out)/gen -isystem $(TP)/include
common := -std=c11 -ffunction-sections -fdata-sections -MMD -MP
ifdef SAN
sanitizers := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS := $(common) -g -O1 -fno-pie $(sanitizers)
LDFLAGS := -no-pie $(sanitizers) -Wl,--gc-sections
compile := $(CC)
else
export REALGCC := $(CC)
CFLAGS := $(common) -Oz -fno-pie -fvisibility=hidden -fstack-protector-strong \
	-fno-asynchronous-unwind-tables -fno-unwind-tables
LDFLAGS := -static -no-pie -s -Wl,-O2,--gc-sections -Wl,-z,relro,-z,now -Wl,-z,noexecstack \
	-Wl,--build-id=none
compile := $(TP)/bin/musl-gcc
endif
libraries := $(out)/libpb.a $(addprefix $(TP)/lib/lib,curl.a mbedtls.a ed25519.a archive.a isal.a zstd.a seccomp.a cjson.a \
	yaml.a protobuf-c.a)

# --- protobuf ----------------------------------------------------------------------------------

# To add a definition: a line in third_party/protos, and if its package is new one in
# third_party/lock. Sources then write #include "pb/<name>.pb-c.h".
pb := $(shell sed -n 's/^\([a-z0-9_]*\) .*\.proto\( -.*\)*$$/\1/p' third_party/protos)
pb_headers := $(pb:%=$(out)/gen/pb/%.pb-c.h)
pb_objects := $(pb:%=$(out)/gen/pb/%.o)

$(out)/gen/done: third_party/protos third_party/generate third_party/lock $(wildcard core/ttrpc/*.proto third_party/*.patch)
	$(call say,PB,$(@D)/pb)
	$(Q)third_party/generate third_party/protos $(TP)/proto $(@D)
	@touch $@

$(pb_headers) $(pb_objects:.o=.pb-c.c): $(out)/gen/done ;

$(pb_objects): %.o: %.pb-c.c Makefile
	$(Q)$(compile) $(CPPFLAGS) -Werror $(CFLAGS) -c -o $@ $<

$(out)/libpb.a: $(pb_objects)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# --- the program -------------------------------------------------------------------------------

core := $(patsubst %.c,$(out)/obj/%.o,$(wildcard core/*/*.c))
applets := $(patsubst %.c,$(out)/obj/%.o,$(wildcard applets/*.c))
units := $(patsubst test/unit/%.c,$(out)/unit/%,$(wildcard test/unit/*_test.c)) \
	$(patsubst test/fuzz/corpus/%,$(out)/unit/%_replay,$(wildcard test/fuzz/corpus/*))
tools := $(patsubst test/%.c,$(out)/%,$(wildcard test/system/*.c))
benches := $(patsubst test/%.c,$(out)/%,$(wildcard test/bench/*.c))

.PHONY: all deps test-deps run unit test test-guest bench torture validation lint fuzz install dist clean
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
.SECONDARY:

all: $(out)/coracle

$(out)/coracle: $(applets) $(out)/libcoracle.a $(libraries)
	$(call say,LD,$@)
	$(Q)$(compile) $(CFLAGS) $(LDFLAGS) -o $@.new $^
	@$(if $(SAN),:,test/lint/static $@.new)
	@mv $@.new $@

$(out)/libcoracle.a: $(core)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(out)/obj/%.o: %.c Makefile $(out)/gen/done
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(compile) $(CPPFLAGS) $(warnings) $(CFLAGS) -c -o $@ $<

# --- tests -------------------------------------------------------------------------------------

export CORACLE := $(CURDIR)/$(out)/coracle

$(out)/unit/%: test/unit/%.c $(out)/libcoracle.a $(libraries) Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(compile) $(CPPFLAGS) -Itest/unit $(warnings) $(CFLAGS) -MF $@.d $(LDFLAGS) -o $@ $< \
		$(out)/libcoracle.a $(libraries)

# A fuzzer's corpus, replayed.
$(out)/unit/%_replay: test/fuzz/%_fuzz.c test/fuzz/replay.c $(wildcard test/unit/*.h) $(out)/libcoracle.a $(libraries) Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(compile) $(CPPFLAGS) -Itest/unit -DCORPUS='"test/fuzz/corpus/$*"' $(warnings) $(CFLAGS) \
		-MF $@.d $(LDFLAGS) -o $@ $< test/fuzz/replay.c $(out)/libcoracle.a $(libraries)

# Small programs that system tests and the bench need beside the shell.
$(tools): $(out)/%: test/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(compile) $(warnings) $(CFLAGS) -MF $@.d $(LDFLAGS) -o $@ $<

# Those of the bench speak ttrpc with our own code.
$(benches): $(out)/%: test/%.c $(wildcard test/bench/*.h) $(out)/libcoracle.a $(libraries) Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(compile) $(CPPFLAGS) $(warnings) $(CFLAGS) -MF $@.d $(LDFLAGS) -o $@ $< \
		$(out)/libcoracle.a $(libraries)

unit: $(units)
	@third_party/deps unit
	$(Q)prove --exec '' $(units)

test: test-deps all $(units) $(tools)
	test/run $(out)

# The crash tests, of the runtime and of the shim, at every system call, not at a sample of them: it takes hours.
torture: test-deps all $(tools)
	TORTURE=1 bats --tap test/system/03-crash.bats test/system/03-races.bats test/system/34-shim-crash.bats test/system/35-sandbox-calls.bats

# The validation programs of the Open Container Initiative, side by side with runc and crun.
validation: test-deps all
	test/validation/compare $(out)/coracle

# All of it, or `make bench shim`.
parts := runtime shim pull
.PHONY: $(parts)
$(parts): ; @:
bench: test-deps all $(tools) $(benches)
	test/bench/bench.sh $(filter $(parts),$(MAKECMDGOALS))

# Each fuzzer: our code built by clang for libFuzzer, the libraries as for SAN=1 (make fuzz sets it).
fuzzers := $(patsubst test/fuzz/%.c,$(out)/fuzz/%,$(wildcard test/fuzz/*_fuzz.c))
fuzz_flags := -std=c11 -g -O1 -fno-omit-frame-pointer -fno-pie -no-pie -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined -w

ifdef SAN
# As many at a time as there are processors.
.PHONY: $(fuzzers:%=%.run)
fuzz: $(fuzzers:%=%.run)
$(fuzzers:%=%.run): %.run: %
	@mkdir -p $*.corpus
	@echo "  FUZZ  $*, $(FUZZ_SECONDS) s"
	@$* -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$*. -print_final_stats=0 $*.corpus \
		$(wildcard test/fuzz/corpus/$(patsubst %_fuzz,%,$(notdir $*))) > $*.log 2>&1 || \
		{ tail -n 60 $*.log; exit 1; }
else
fuzz:
	third_party/deps fuzz
	$(Q)$(MAKE) --no-print-directory SAN=1 fuzz
endif

$(out)/fuzz/%: test/fuzz/%.c $(out)/fuzz/libcoracle.a $(libraries)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)clang $(CPPFLAGS) $(fuzz_flags) -fsanitize=fuzzer -Wl,--gc-sections -o $@ $< $(out)/fuzz/libcoracle.a $(libraries)

fuzz_core := $(core:$(out)/obj/%=$(out)/fuzz/obj/%)
$(fuzz_core): $(out)/fuzz/obj/%.o: %.c Makefile $(out)/gen/done
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) $(fuzz_flags) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
$(out)/fuzz/libcoracle.a: $(fuzz_core)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# --- lint --------------------------------------------------------------------------------------

sources := $(wildcard core/*/*.c applets/*.c test/unit/*.c test/fuzz/*.c test/system/*.c test/bench/*.c)
headers := $(wildcard core/*/*.h applets/*.h test/unit/*.h test/bench/*.h)
tidy := -std=c11 $(CPPFLAGS) -Itest/unit -nostdinc -w -isystem /usr/lib/llvm-19/lib/clang/19/include

.PHONY: format lint-deps lint-format lint-tidy lint-cppcheck lint-shell lint-layers lint-size
lint: lint-deps lint-layers lint-size lint-format lint-shell lint-cppcheck lint-tidy
	@echo "lint: clean"

lint-deps:
	@third_party/deps lint

# Comments are reflowed here and only measured by lint: what fits is left as it was written.
format: lint-deps
	@sed 's/^ReflowComments: .*/ReflowComments: true/' .clang-format > $(out)/clang-format
	$(Q)clang-format-19 -i --style=file:$(out)/clang-format $(sources) $(headers)

lint-format: lint-deps
	$(Q)clang-format-19 --dry-run -Werror $(sources) $(headers)

# A file that was clean stays so until it, a header or the configuration changes.
lint-tidy: lint-deps $(patsubst %.c,$(out)/tidy/%,$(wildcard core/*/*.c applets/*.c))
$(out)/tidy/%: %.c $(headers) .clang-tidy test/lint/analyzer.h $(pb_headers) | lint-deps
	@mkdir -p $(@D)
	$(call say,TIDY,$<)
	@clang-tidy-19 --quiet $< -- $(tidy) $(if $(filter %/err.c,$<),,-include test/lint/analyzer.h) \
		> $@.log 2>&1 || { grep -E ': (error|warning):' $@.log; echo "why: $@.log"; exit 1; }
	@touch $@

lint-cppcheck: lint-deps
	$(Q)cppcheck -q --std=c11 --enable=warning,portability,performance --inline-suppr \
		--error-exitcode=1 --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
		--suppressions-list=test/lint/cppcheck -D_GNU_SOURCE -D__linux__ -D__x86_64__ -Icore core applets

lint-shell: lint-deps
	$(Q)shellcheck $$(find . -path ./build -prune -o -path ./.git -prune -o -type f -print | while read -r f; do \
		case $$f in *.sh|*.bats|*.bash) echo "$$f";; \
		*) head -n 1 "$$f" | grep -qaE '^#!.*[/ ](ba|da)?sh' && echo "$$f";; esac; done)
	@# Of "[ A ] && [ B ]" a test hears nothing when it is A that fails.
	$(Q)! grep -rnE '^\s*\[.*\] && (\[|! )[^|]*$$' test/system --include=*.bats

lint-layers:
	$(Q)test/lint/layers

lint-size:
	$(Q)test/lint/size $(sources) $(headers)

# --- everything else ---------------------------------------------------------------------------

run: all
	$(out)/coracle run
	@rmdir -p --ignore-fail-on-non-empty /run/coracle/default 2> /dev/null || :

deps:
	third_party/deps build

test-deps:
	@third_party/deps unit test

# The applets by their own names; runc's command line is `coracle-runtime`. Pages and completion come
# from the program's own tables. third_party.txt must go with the binary.
applet_names := $(shell sed -n 's/^extern const struct command applet_\([a-z]*\);/\1/p' applets/applets.h)
links := $(patsubst %,coracle-%,$(filter-out shim man completion,$(applet_names))) containerd-shim-coracle-v2
share := $(DESTDIR)$(PREFIX)/share
install: all
	install -D -m 755 $(out)/coracle $(DESTDIR)$(PREFIX)/bin/coracle
	set -e; for link in $(links); do ln -sf coracle $(DESTDIR)$(PREFIX)/bin/$$link; done
	install -d $(share)/man/man1 $(share)/bash-completion/completions
	$(out)/coracle man > $(share)/man/man1/coracle.1
	set -e; for name in $(applet_names); do \
		$(out)/coracle man $$name > $(share)/man/man1/coracle-$$name.1; done
	$(out)/coracle completion > $(share)/bash-completion/completions/coracle
	install -D -m 644 -t $(share)/doc/coracle LICENSE README.md
	third_party/licences $(kind) > $(share)/doc/coracle/third_party.txt

dist:
	@mkdir -p build
	git archive --format=tar.gz --prefix=coracle-$(VERSION)/ -o build/coracle-$(VERSION).tar.gz HEAD

clean:
	rm -rf build

-include $(core:.o=.d) $(applets:.o=.d) $(units:=.d) $(pb_objects:.o=.d) $(fuzz_core:.o=.d)
