# SPDX-License-Identifier: ISC
# Builds Quire: the kernel, the programs of its root image, the images, the tests.
#
#   make             kernel, programs and disk images, into build/
#   make qemu        boots them to a shell      (MEM=64M SMP=1 SWAP=256M)
#   make test        runs all tests             (TESTS=pattern for some)
#   make soak        machines of every size under everything at once (TESTS=pattern for some)
#   make fuzz        the models of tests/host with new inputs        (FUZZ_SECONDS=60)
#   make mutants     plants known bugs in kernel/vm, which the models must catch
#   make bench       runs bench/vmbench         (BENCH="cpu path io swap null anonw ...")
#   make bench-compare REV=...                  the same, beside the kernel of a revision
#   make bench-linux                            the same on Debian's Linux
#   make scale       what four harts cost each other, beside the bare machine
#   make oracle      runs the test programs on this machine's own system
#   make format      lays out the C files as .clang-format says
#   make clean
#
# DEBUG=1 builds the kernel with its expensive checks, beside the other, in build/debug.

#
# V=1 shows the commands.

BUILD ?= build
CROSS ?= riscv64-unknown-elf-
MEM ?= 64M
SMP ?= 1
SWAP ?= 256M
BENCH ?= cpu

CC := $(CROSS)gcc
HOSTCC := gcc
PYTHON := python3
OUT := $(BUILD)$(if $(DEBUG),/debug)

WARN := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes
COMMON := -std=gnu17 -O2 -g $(WARN) -fno-common -fno-strict-aliasing -ffile-prefix-map=$(CURDIR)=. -MD -MP

Q := $(if $(V),,@)
say = @$(if $(V),:,printf '  %-6s %s\n' $(1) $(2))

.PHONY: FORCE all kernel user images qemu test soak bench bench-compare bench-linux scale oracle host-tests format clean
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
all: kernel user images

# ---- the kernel ----
# Linked twice, the second time with the table of its own functions and lines (see kernel/lib/ksyms.c).

KSRCS := $(sort $(shell find kernel -name '*.c' -o -name '*.S'))
KOBJS := $(patsubst %,$(OUT)/%.o,$(basename $(KSRCS))) $(OUT)/kernel/embedded_init.o
KARCH := -march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany
KFLAGS := $(COMMON) $(KARCH) -ffreestanding -fomit-frame-pointer -fno-pie -fno-stack-protector \
	-fno-asynchronous-unwind-tables -Ikernel $(if $(DEBUG),-DQUIRE_DEBUG=1)
KLINK := $(CC) $(KARCH) -nostdlib -static -Wl,-T,kernel/arch/kernel.ld -Wl,--build-id=none \
	-Wl,-z,max-page-size=4096 -Wl,--fatal-warnings
# By the name of an existing variant: gcc would take the one for hardware floating point.
KLIBGCC := $(shell $(CC) -march=rv64imac -mabi=lp64 -mcmodel=medany -print-libgcc-file-name)

kernel: $(OUT)/kernel.elf

# A loop that is memcpy must not be compiled into a call of itself.
$(OUT)/kernel/lib/%.o: KFLAGS += -fno-tree-loop-distribute-patterns

$(OUT)/kernel/%.o: kernel/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(KFLAGS) -c $< -o $@

$(OUT)/kernel/%.o: kernel/%.S Makefile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(KFLAGS) -Wa,--debug-prefix-map=$(CURDIR)=. -c $< -o $@

# The init program, part of the kernel so that a root image need not have one.
$(OUT)/kernel/embedded_init.o: $(BUILD)/bin/init Makefile
	@mkdir -p $(@D)
	$(Q)printf '%s\n' '.section .rodata' '.balign 8' '.globl embedded_init_start, embedded_init_end' \
		'embedded_init_start: .incbin "$<"' '.balign 8' 'embedded_init_end:' | \
		$(CC) $(KARCH) -x assembler -c - -o $@

$(OUT)/noksyms.o: tools/mkksyms
	@mkdir -p $(@D)
	$(Q)$(PYTHON) tools/mkksyms --empty $(@:.o=.S)
	$(Q)$(CC) $(KARCH) -c $(@:.o=.S) -o $@

$(OUT)/kernel.elf: $(KOBJS) $(OUT)/noksyms.o kernel/arch/kernel.ld tools/mkksyms
	$(call say,LD,$@)
	$(Q)$(KLINK) $(KOBJS) $(OUT)/noksyms.o $(KLIBGCC) -o $(OUT)/kernel-first.elf
	$(Q)$(PYTHON) tools/mkksyms $(CROSS) $(OUT)/kernel-first.elf $(OUT)/ksyms.S
	$(Q)$(CC) $(KARCH) -c $(OUT)/ksyms.S -o $(OUT)/ksyms.o
	$(Q)$(KLINK) $(KOBJS) $(OUT)/ksyms.o $(KLIBGCC) -o $(OUT)/kernel-second.elf
	$(Q)$(PYTHON) tools/mkksyms --check $(CROSS) $(OUT)/kernel-first.elf $(OUT)/kernel-second.elf
	$(Q)mv $(OUT)/kernel-second.elf $@

# ---- the programs of the root image ----
# Every user/NAME.c is a program, every user/NAME/main.c with the files beside it one, too; build/user/NAME (or NAME.elf) has
# its symbols, build/bin/NAME is what the image gets.

UDIRS := $(patsubst user/%/main.c,%,$(wildcard user/*/main.c))
UNAMES := $(sort $(patsubst %.c,%,$(notdir $(wildcard user/*.c bench/*.c))) $(UDIRS))
ULIBSRCS := $(sort $(shell find user/lib -name '*.c' -o -name '*.S' 2>/dev/null))
ULIBOBJS := $(patsubst %,$(BUILD)/%.o,$(basename $(filter-out user/lib/crt0.S,$(ULIBSRCS))))
UARCH := -march=rv64gc -mabi=lp64d -mcmodel=medany
UFLAGS := $(COMMON) $(UARCH) -nostdinc -isystem user/include -isystem $(shell $(CC) -print-file-name=include) \
	-fno-pie -ftls-model=local-exec -fno-stack-protector -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections
ULINK := $(CC) $(UARCH) -static -nostdlib -nostartfiles -Wl,--gc-sections -Wl,--build-id=none \
	-Wl,-z,max-page-size=4096 -Wl,-z,noexecstack

user: $(addprefix $(BUILD)/bin/,$(UNAMES))

$(BUILD)/user/lib/%.o: UFLAGS += -ffreestanding -fno-tree-loop-distribute-patterns

$(BUILD)/user/%.o: user/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(UFLAGS) -c $< -o $@

$(BUILD)/user/%.o: bench/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(UFLAGS) -c $< -o $@

$(BUILD)/user/%.o: user/%.S Makefile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(UFLAGS) -c $< -o $@

$(BUILD)/user/lib/libc.a: $(ULIBOBJS)
	@rm -f $@
	$(Q)$(CROSS)ar rcs $@ $^

define folder_program
$(BUILD)/user/$(1).elf: $(BUILD)/user/lib/crt0.o $(patsubst %.c,$(BUILD)/%.o,$(wildcard user/$(1)/*.c)) $(BUILD)/user/lib/libc.a
	$$(call say,LD,$$@)
	$$(Q)$$(ULINK) $$^ -lgcc -o $$@

$(BUILD)/bin/$(1): $(BUILD)/user/$(1).elf
	@mkdir -p $$(@D)
	$$(Q)$$(CROSS)strip -o $$@ $$<
endef
$(foreach name,$(UDIRS),$(eval $(call folder_program,$(name))))

$(BUILD)/user/%: $(BUILD)/user/%.o $(BUILD)/user/lib/crt0.o $(BUILD)/user/lib/libc.a
	$(call say,LD,$@)
	$(Q)$(ULINK) $(BUILD)/user/lib/crt0.o $< $(BUILD)/user/lib/libc.a -lgcc -o $@

$(BUILD)/bin/%: $(BUILD)/user/%
	@mkdir -p $(@D)
	$(Q)$(CROSS)strip -o $@ $<

# ---- the disk images ----

images: $(BUILD)/root.img $(BUILD)/swap.img

UPROGS := $(addprefix $(BUILD)/bin/,$(UNAMES))
IMAGE_FILES := $(UPROGS) $(sort $(shell find disk mkfs))

# What the image is made of; changes also when a file goes.
$(BUILD)/image-files: FORCE
	@mkdir -p $(@D)
	@echo '$(IMAGE_FILES)' | cmp -s - $@ || echo '$(IMAGE_FILES)' > $@

$(BUILD)/root.img: $(IMAGE_FILES) $(BUILD)/image-files
	$(call say,IMAGE,$@)
	$(Q)mkfs/mkroot $@ $(UPROGS)

$(BUILD)/swap.img: mkfs/mkswapimg
	@mkdir -p $(@D)
	$(call say,IMAGE,$@)
	$(Q)mkfs/mkswapimg $@ $(if $(filter none,$(SWAP)),256M,$(SWAP))

# ---- running ----

qemu: all
	$(Q)./quire run --kernel $(OUT)/kernel.elf --root $(BUILD)/root.img --mem $(MEM) --smp $(SMP) --swap $(SWAP)

bench: all $(BUILD)/oracle/vmbench
	$(Q)bench/run $(BUILD) $(BENCH)

# What changed since a revision: its kernel, built apart, with the programs of today.
REV ?= HEAD
bench-compare: all $(BUILD)/oracle/vmbench
	$(Q)rm -rf $(BUILD)/compare
	$(Q)git clone -q . $(BUILD)/compare
	$(Q)git -C $(BUILD)/compare checkout -q $(shell git rev-parse $(REV))
	+$(Q)$(MAKE) -C $(BUILD)/compare BUILD=build DEBUG= kernel
	$(Q)bench/run $(BUILD) --against $(BUILD)/compare/build/kernel.elf $(BENCH)

# Faults by one hart and by four, beside a program without a kernel below it; a judgement only where four cores are free.
BARE := $(addprefix bench/bare/,entry.S bare.c bare.ld)
$(BUILD)/bare.elf: $(BARE) Makefile
	$(call say,LD,$@)
	$(Q)$(CC) $(filter-out -MD -MP,$(COMMON)) $(KARCH) -ffreestanding -fno-pie -fno-stack-protector -fno-tree-loop-distribute-patterns \
		-nostdlib -static -Wl,-T,bench/bare/bare.ld -Wl,--build-id=none -Wl,--no-relax $(filter-out %.ld,$(BARE)) -o $@

scale: all $(BUILD)/bare.elf
	+$(MAKE) DEBUG=1 kernel
	$(Q)bench/scaling $(BUILD)

# Linux's figures, measured again with Debian's kernel.
bench-linux:
	$(Q)bench/run-linux $(BENCH)

# ---- tests ----

HOST_CFLAGS := $(filter-out -O2,$(COMMON)) -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
HOST_TESTS :=
-include tests/host/host.mk

# Each of HOST_TESTS is a name whose NAME_SRCS, NAME_CFLAGS and NAME_LIBS host.mk gives.
define host_test
$(BUILD)/host/$(1): $$(patsubst %.c,$$(BUILD)/host/$(1).d/%.o,$$($(1)_SRCS))
	$$(call say,HOSTLD,$$@)
	$(Q)$$(HOSTCC) $$(HOST_CFLAGS) $$($(1)_CFLAGS) $$^ $$($(1)_LIBS) -o $$@
$(BUILD)/host/$(1).d/%.o: %.c Makefile tests/host/host.mk
	@mkdir -p $$(@D)
	$$(call say,HOSTCC,$$@)
	$(Q)$$(HOSTCC) $$(HOST_CFLAGS) $$($(1)_CFLAGS) -c $$< -o $$@
endef
$(foreach t,$(HOST_TESTS),$(eval $(call host_test,$(t))))

host-tests: $(addprefix $(BUILD)/host/,$(HOST_TESTS))

test: all host-tests $(BUILD)/oracle/dirtymap $(BUILD)/bare.elf
	+$(MAKE) DEBUG=1 kernel
	$(Q)tests/run --build $(BUILD) $(addprefix --host ,$(HOST_TESTS)) $(TESTS)

# Machines of every size under everything at once, for hours.
soak: all $(BUILD)/oracle/vmbench $(BUILD)/host/policysim
	+$(MAKE) DEBUG=1 kernel
	$(Q)tests/run --build $(BUILD) --soak $(TESTS)

# The test programs are plain POSIX C: the system of this machine says whether they are right.
ORACLE := mmaptest cowtest racetest lazytest zerotest stacktest swaptest bigfile forkstress execstress filemodel dirtest
ORACLE += drifttest ttytest eventtest pipetest waittest threadtest timertest regtest
ORACLE += locktest mremaptest advisetest shmtest viewtest spacetest
ORACLE += vmcalls permtest nametest socktest usagetest
oracle: $(addprefix $(BUILD)/oracle/,$(ORACLE))
	$(Q)tests/oracle $(BUILD)/oracle $(ORACLE)

$(BUILD)/oracle/%: user/%.c Makefile
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) $(COMMON) $< -o $@

$(BUILD)/oracle/%: bench/%.c Makefile
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) $(COMMON) $< -o $@

format:
	$(Q)clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	$(Q)rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)
