# rules.mk - how each library is compiled; run by third_party/build with KIND, OUT, CC and HERE.
#
# A library is a list of C files and flags, compiled directly: no autotools, no cmake. Only curl's
# and libarchive's configure scripts are run, for the config.h that fits this C library.

SRC := $(OUT)/src
OBJ := $(OUT)/obj
LIB := $(OUT)/lib
INC := $(OUT)/include
MACHINE := $(shell $(CC) -dumpmachine)

ifeq ($(KIND),musl)
export REALGCC := $(CC)
cc := $(OUT)/bin/musl-gcc
ready := $(LIB)/libc.a
else
cc := $(CC)
endif

# Small, position dependent, and nothing kept that is not called. No unwind tables: C needs none.
common := -ffunction-sections -fdata-sections -fvisibility=hidden -fno-pie \
	-fno-asynchronous-unwind-tables -fno-unwind-tables -fstack-protector-strong -D_GNU_SOURCE \
	-Werror=implicit-function-declaration -Werror=int-conversion -Werror=incompatible-pointer-types \
	-I$(INC) -ffile-prefix-map=$(SRC)/=
small := -Oz $(common)
fast := -O2 $(common)

names := isal zstd cjson yaml protobuf-c seccomp mbedtls ed25519 archive curl
all: $(names:%=$(LIB)/lib%.a) protos

# $(call library,name,sources,flags,what must exist before)
define library
$(1)_objects := $(addsuffix .o,$(basename $(2:$(SRC)/%=$(OBJ)/%)))
$(LIB)/lib$(1).a: $$($(1)_objects)
	rm -f $$@
	$(AR) rcs $$@ $$^
$$($(1)_objects): private flags := $(3)
$$($(1)_objects): | $(ready) headers $(4)
endef

$(OBJ)/%.o: $(SRC)/%.c
	@mkdir -p $(@D) $(LIB)
	$(cc) $(flags) -c -o $@ $<
$(OBJ)/%.o: $(SRC)/%.S
	@mkdir -p $(@D) $(LIB)
	$(cc) $(flags) -c -o $@ $<
$(OBJ)/%.o: $(SRC)/%.asm
	@mkdir -p $(@D) $(LIB)
	nasm -f elf64 $(patsubst %,-I%/,$(isal)/include $(<D)) -o $@ $<

# musl: into its own prefix, with its own gcc wrapper, and the kernel's headers linked in.
$(LIB)/libc.a:
	mkdir -p $(OBJ)/musl
	cd $(OBJ)/musl && CC="$(CC)" CFLAGS="-Os -ffunction-sections -fdata-sections" \
		$(SRC)/musl/configure --prefix=$(OUT) --syslibdir=$(LIB) --disable-shared \
		--enable-wrapper=gcc --enable-optimize=size
	+$(MAKE) -C $(OBJ)/musl install
	ln -sfn /usr/include/linux $(INC)/linux
	ln -sfn /usr/include/asm-generic $(INC)/asm-generic
	ln -sfn $(firstword $(wildcard /usr/include/$(MACHINE)/asm /usr/include/asm)) $(INC)/asm

# A name is its bytes: without Unicode's normal forms, and their tables. And of curl's words those for errors stay.
edit := sed -i 's,^\(.define SCONV_NORMALIZATION_[CD]\s*\)([^)]*),\1(0),' $(SRC)/libarchive/libarchive/archive_string.c && \
	sed -i 's/CURL_DISABLE_VERBOSE_STRINGS/CURL_DISABLE_ERROR_STRINGS/' $(SRC)/curl/lib/strerror.c

.PHONY: all headers protos
headers: $(ready)
	$(edit)
	mkdir -p $(INC)/cjson $(INC)/protobuf-c $(LIB)
	mkdir -p $(INC)/isa-l && cp $(SRC)/libisal/include/igzip_lib.h $(SRC)/libisal/include/crc.h $(INC)/isa-l
	cp $(SRC)/libzstd/lib/zstd.h $(SRC)/libzstd/lib/zstd_errors.h $(INC)
	cp $(SRC)/cjson/cJSON.h $(INC)/cjson
	cp $(SRC)/libyaml/include/yaml.h $(INC)
	cp $(SRC)/protobuf-c/protobuf-c/protobuf-c.h $(INC)/protobuf-c
	sed 's/@VERSION_MAJOR@/2/;s/@VERSION_MINOR@/6/;s/@VERSION_MICRO@/0/' \
		$(SRC)/libseccomp/include/seccomp.h.in > $(INC)/seccomp.h
	cp $(SRC)/libseccomp/include/seccomp-syscalls.h $(INC)
	mkdir -p $(INC)/ed25519
	cp $(addprefix $(SRC)/tinyssh/,ge25519.h sc25519.h fe.h cryptoint/crypto_uint32.h cryptoint/crypto_uint64.h) $(INC)/ed25519
	cp -r $(SRC)/mbedtls/include/mbedtls $(SRC)/mbedtls/include/psa $(INC)
	cp $(HERE)/mbedtls_config.h $(INC)/mbedtls/mbedtls_config.h
	cp $(SRC)/libarchive/libarchive/archive.h $(SRC)/libarchive/libarchive/archive_entry.h $(INC)
	mkdir -p $(INC)/curl && cp $(SRC)/curl/include/curl/*.h $(INC)/curl

# ISA-L's inflate, which is a stream and more than twice as fast as zlib's. What it has in assembler is for
# x86; its C does for the others. The tables of fixed codes, 42 KB, are made when a block has them, which is rare.
isal := $(SRC)/libisal
isal_flags := $(fast) -DNO_STATIC_INFLATE_H -I$(isal)/include -I$(isal)/igzip -I$(isal)/crc
ifneq ($(filter x86_64-%,$(MACHINE)),)
isal_fast := igzip_decode_block_stateless_01 igzip_decode_block_stateless_04 igzip_inflate_multibinary rfc1951_lookup
isal_fast := $(isal_fast:%=$(isal)/igzip/%.asm) $(isal)/crc/crc32_gzip_refl_by8.asm
else
isal_flags += -Ddecode_huffman_code_block_stateless=decode_huffman_code_block_stateless_base
endif
$(eval $(call library,isal,$(addprefix $(isal)/igzip/,igzip.c igzip_inflate.c hufftables_c.c adler32_base.c) \
	$(isal)/crc/crc_base.c $(isal_fast),$(isal_flags)))
$(OBJ)/libisal/igzip/igzip.o: private flags := $(isal_flags) -Disal_adler32=adler32_base

# zstd's decoder, the fast one: twice the speed of the small one. Its bulk goes through the sequences and, for
# Huffman's part, through assembler on x86; what prefetches is for windows above 16 MB.
zstd := $(SRC)/libzstd/lib
zstd_flags := -DZSTD_LEGACY_SUPPORT=0 -DZSTD_TRACE=0 -DXXH_NAMESPACE=ZSTD_ \
	-DZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT
zstd_small := decompress/zstd_decompress.o decompress/zstd_ddict.o decompress/huf_decompress.o \
	common/fse_decompress.o common/entropy_common.o
$(eval $(call library,zstd,$(wildcard $(zstd)/common/*.c $(zstd)/decompress/*.c) \
	$(if $(filter x86_64-%,$(MACHINE)),$(zstd)/decompress/huf_decompress_amd64.S),$(fast) \
	$(zstd_flags)))
$(addprefix $(OBJ)/libzstd/lib/,$(zstd_small)): private flags := $(small) $(zstd_flags)

$(eval $(call library,cjson,$(SRC)/cjson/cJSON.c,$(small) -DCJSON_HIDE_SYMBOLS))

# libyaml: what reads, and nothing that writes.
$(eval $(call library,yaml,$(addprefix $(SRC)/libyaml/src/,api.c reader.c scanner.c parser.c),$(small) \
	-I$(SRC)/libyaml/include $(patsubst %,-DYAML_VERSION_%,STRING='"0.2.5"' MAJOR=0 MINOR=2 PATCH=5)))

$(eval $(call library,protobuf-c,$(SRC)/protobuf-c/protobuf-c/protobuf-c.c,$(small) -I$(SRC)/protobuf-c))

# libseccomp, with our own table of calls for the one that its configure would make with gperf.
$(eval $(call library,seccomp,$(filter-out %/arch-syscall-dump.c %/syscalls.perf.c,$(wildcard $(SRC)/libseccomp/src/*.c)) \
	$(SRC)/libseccomp/src/syscalls.table.c,$(small) -I$(OBJ)/seccomp -I$(SRC)/libseccomp/include \
	-I$(SRC)/libseccomp/src -DHAVE_LINUX_SECCOMP_H=1,$(OBJ)/seccomp/configure.h))
$(SRC)/libseccomp/src/syscalls.table.c: $(HERE)/syscalls.c
	cp $< $@
$(OBJ)/seccomp/configure.h:
	mkdir -p $(@D)
	awk -f $(HERE)/syscalls.awk $(SRC)/libseccomp/src/syscalls.csv > $(@D)/syscall_tables.h
	: > $@

# Every byte of a pull goes through the ciphers: they are worth -O2, the rest of TLS is not.
$(eval $(call library,mbedtls,$(wildcard $(SRC)/mbedtls/library/*.c),$(small) -I$(SRC)/mbedtls/library))
$(addprefix $(OBJ)/mbedtls/library/,aes.o aesni.o aesce.o gcm.o chacha20.o poly1305.o chachapoly.o): \
	private flags := $(fast) -I$(SRC)/mbedtls/library

# Ed25519's arithmetic, which mbedTLS has not: a point as 4 numbers, without tables. Its own flags are these.
ed25519 := $(SRC)/tinyssh
$(eval $(call library,ed25519,$(addprefix $(ed25519)/,fe.c fe25519.c ge25519.c sc25519.c crypto_verify_32.c cleanup.c), \
	$(small) -fwrapv -I$(ed25519)/cryptoint -I$(ed25519)))

# libarchive: what reads a tar, and nothing else. Our code unpacks the bytes and writes the files.
archive := archive_acl archive_check_magic archive_entry archive_entry_sparse archive_entry_xattr \
	archive_read archive_read_support_format_tar archive_string archive_string_sprintf archive_util \
	archive_virtual
$(eval $(call library,archive,$(archive:%=$(SRC)/libarchive/libarchive/%.c),$(small) -DHAVE_CONFIG_H \
	-I$(OBJ)/archive -I$(SRC)/libarchive/libarchive,$(OBJ)/archive/config.h))
$(OBJ)/archive/config.h: | $(ready)
	mkdir -p $(@D)
	cd $(@D) && CC='$(cc)' CFLAGS="$(small)" LDFLAGS="-no-pie -L$(LIB)" LIBS= PKG_CONFIG=false \
		$(SRC)/libarchive/configure --host=$(MACHINE) --disable-shared --enable-static \
		--disable-dependency-tracking --disable-bsdtar --disable-bsdcpio --disable-bsdcat \
		--disable-bsdunzip --disable-posix-regex-lib --disable-acl --without-zlib --without-zstd \
		--without-bz2lib --without-libb2 --without-iconv --without-lz4 --without-lzma \
		--without-lzo2 --without-cng --without-mbedtls --without-nettle --without-openssl \
		--without-xml2 --without-expat

# libcurl: HTTP, HTTPS and proxies. Which CA bundle to trust is found at run time by its caller.
curl_off := ftp file ldap ldaps rtsp dict telnet tftp pop3 imap smb smtp gopher mqtt ipfs manual docs \
	libcurl-option ntlm negotiate-auth kerberos-auth digest-auth aws unix-sockets alt-svc hsts \
	cookies websockets doh mime form-api netrc progress-meter headers-api dateparse \
	get-easy-options threaded-resolver pthreads sha512-256 tls-srp socketpair ech httpsrr \
	ssls-export versioned-symbols verbose debug curldebug shared dependency-tracking
curl_without := libpsl brotli zstd zlib nghttp2 libidn2 librtmp libssh2 libssh ca-path ca-bundle
$(eval $(call library,curl,$(wildcard $(SRC)/curl/lib/*.c $(SRC)/curl/lib/*/*.c),$(small) \
	-DHAVE_CONFIG_H -DBUILDING_LIBCURL -DCURL_STATICLIB -DCURL_HIDDEN_SYMBOLS -I$(OBJ)/curl/lib -I$(SRC)/curl/lib, \
	$(OBJ)/curl/lib/curl_config.h))
$(OBJ)/curl/lib/curl_config.h: $(LIB)/libmbedtls.a
	mkdir -p $(@D) $(OBJ)/curl
	for x in x509 crypto; do $(AR) rcs $(LIB)/libmbed$$x.a; done
	cd $(OBJ)/curl && CC='$(cc)' CFLAGS="$(small)" CPPFLAGS="-I$(INC)" LDFLAGS="-no-pie -L$(LIB)" \
		PKG_CONFIG=false $(SRC)/curl/configure --host=$(MACHINE) --enable-static --with-pic=no \
		--enable-http --enable-proxy --with-mbedtls=$(OUT) $(curl_off:%=--disable-%) \
		$(curl_without:%=--without-%)
	grep -q 'define USE_MBEDTLS 1' $@

# Definitions that the build turns into C (see PROTOS in the Makefile).
protos:
	mkdir -p $(OUT)/proto
	cp -r $(SRC)/protobuf/src/google $(OUT)/proto
	cd $(SRC) && find containerd golang-* criu/images/rpc.proto -name '*.proto' -exec cp --parents -t $(OUT)/proto {} +
