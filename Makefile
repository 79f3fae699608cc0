# Makefile - builds, checks and installs Coracle. `make` needs nothing but a Debian 12 or 13:
# what is missing is installed (as root) or named in one apt-get line.
#
#   make            build/coracle: static, stripped
#   make run        build it and run the embedded image
#   make test       every test; the last line is "N passed, N failed" (STRICT=1: no skips)
#   make unit       the unit tests only (no root)
#   make lint bench fuzz install dist clean
#   V=1             show the commands
#   SAN=1           the same with the host's C library, ASan and UBSan, in build/san

VERSION := 0.1.0
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
ifeq ($(origin CC),default)
CC := gcc
endif
export CC

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
CFLAGS := $(common) -Os -fno-pie -fvisibility=hidden -fstack-protector-strong \
	-fno-asynchronous-unwind-tables -fno-unwind-tables
LDFLAGS := -static -no-pie -s -Wl,--gc-sections -Wl,-z,relro,-z,now -Wl,-z,noexecstack \
	-Wl,--build-id=none
compile := $(TP)/bin/musl-gcc
endif
libraries := $(out)/libpb.a $(addprefix $(TP)/lib/lib,curl.a mbedtls.a archive.a zlib.a zstd.a seccomp.a cjson.a \
	protobuf-c.a)

# --- protobuf ----------------------------------------------------------------------------------

# To add a definition: a line in third_party/protos, and if its package is new one in
# third_party/lock. Sources then write #include "pb/<name>.pb-c.h".
pb := $(shell sed -n 's/^\([a-z0-9_]*\) .*\.proto$$/\1/p' third_party/protos)
pb_headers := $(pb:%=$(out)/gen/pb/%.pb-c.h)
pb_objects := $(pb:%=$(out)/gen/pb/%.o)

$(out)/gen/done: third_party/protos third_party/generate third_party/lock $(wildcard core/ttrpc/*.proto)
	$(call say,PB,$(@D)/pb)
	$(Q)third_party/generate third_party/protos $(TP)/proto $(@D)
	@touch $@

$(pb_headers) $(pb_objects:.o=.pb-c.c): $(out)/gen/done ;

$(pb_objects): %.o: %.pb-c.c Makefile
	$(Q)$(compile) $(CPPFLAGS) -w $(CFLAGS) -c -o $@ $<

$(out)/libpb.a: $(pb_objects)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# --- the program -------------------------------------------------------------------------------

core := $(patsubst %.c,$(out)/obj/%.o,$(wildcard core/*/*.c))
applets := $(patsubst %.c,$(out)/obj/%.o,$(wildcard applets/*.c))
units := $(patsubst test/unit/%.c,$(out)/unit/%,$(wildcard test/unit/*_test.c))

.PHONY: all deps test-deps run unit test bench lint fuzz install dist clean
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

$(out)/obj/%.o: %.c Makefile | $(pb_headers)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(compile) $(CPPFLAGS) $(warnings) $(CFLAGS) -c -o $@ $<

# --- tests -------------------------------------------------------------------------------------

$(out)/unit/%: test/unit/%.c $(out)/libcoracle.a $(libraries) Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(compile) $(CPPFLAGS) -Itest/unit $(warnings) $(CFLAGS) $(LDFLAGS) -o $@ $< \
		$(out)/libcoracle.a $(libraries)

unit: $(units)
	prove -e '' $(units)

deps:
	third_party/deps build

clean:
	rm -rf build

-include $(core:.o=.d) $(applets:.o=.d) $(units:=.d) $(pb_objects:.o=.d)
