# SPDX-License-Identifier: ISC
# Host tests: kernel/vm, fs/pageio.c and the sleeping locks, the same files as in the kernel, on the simulated machine of tests/host/machine.
#
#	vmmodel   one program at a time, every call and errno exactly
#	vmrefuse  each allocation of each operation fails once
#	ext2host  damaged and whole images under kernel/fs and ext2: see tests/host/ext2
#	vmrace    several programs on several harts, with disks that fail and memory that is refused
#	treetest  kernel/lib/tree.c beside an array
#	vmtsan    the same with the host's threads as harts, under the thread sanitizer
HOST_TESTS += vmmodel vmrace vmrefuse vmtsan
VM_SRCS := $(filter-out kernel/vm/frames/kmap.c,$(wildcard kernel/vm/*.c kernel/vm/*/*.c)) kernel/fs/pageio.c kernel/lib/tree.c kernel/lib/lock.c kernel/proc/sync.c
VM_SRCS += $(filter-out %/sched.c %/threads.c,$(wildcard tests/host/machine/*.c))
VM_CFLAGS := -Itests/host/machine/include -Itests/host/machine -Itests/host -Ikernel -D_GNU_SOURCE -DQUIRE_HOST -DQUIRE_DEBUG=1 \
	-fno-strict-aliasing -fno-builtin-printf
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -U_FORTIFY_SOURCE

# Allocations go by way of machine/support.c, which may refuse them; switching stacks is nothing for sanitizers to look at.
# The thread sanitizer knows no fences, and gcc warns of it: see machine/threads.c.
SCHED := tests/host/machine/sched.c
THREADS := tests/host/machine/threads.c
SANITIZE_THREADS := -fno-sanitize=all -fsanitize=thread -Wno-tsan -pthread
define on_machine
$(1)_CFLAGS := $(VM_CFLAGS) $(2)
$(1)_LIBS := $(2)
$(BUILD)/host/$(1).d/kernel/vm/frames/page.o: $(1)_CFLAGS += -Dpage_alloc=real_page_alloc -Dpage_alloc_kernel=real_page_alloc_kernel -Dpage_free=real_page_free
$(BUILD)/host/$(1).d/kernel/vm/frames/kmem.o: $(1)_CFLAGS += -Dkmem_cache_alloc=real_kmem_cache_alloc
$(BUILD)/host/$(1).d/tests/host/machine/sched.o: $(1)_CFLAGS += -fno-sanitize=all
endef
MODEL_SRCS := $(wildcard tests/host/model/*.c) $(VM_SRCS)
vmmodel_SRCS := tests/host/vmmodel.c $(VM_SRCS) $(SCHED)
vmrace_SRCS := tests/host/vmrace.c $(MODEL_SRCS) $(SCHED)
vmrefuse_SRCS := tests/host/vmrefuse.c $(VM_SRCS) $(SCHED)
vmtsan_SRCS := tests/host/vmtsan.c $(MODEL_SRCS) $(THREADS)
$(foreach t,vmmodel vmrace vmrefuse,$(eval $(call on_machine,$(t),$(SANITIZE))))
$(eval $(call on_machine,vmtsan,$(SANITIZE_THREADS)))

# kernel/fs with ext2 on top of kernel/vm. What is freed, and what lies between frames and objects, is poisoned.
HOST_TESTS += ext2host
ext2host_SRCS := $(wildcard tests/host/ext2/*.c kernel/fs/ext2/*.c) $(filter-out %/disk.c %/machine/vnode.c,$(VM_SRCS)) \
	$(addprefix kernel/fs/,blockdev.c file.c lock.c mount.c name.c namei.c vnode.c) kernel/dev/block.c kernel/dev/partition.c $(SCHED)
$(eval $(call on_machine,ext2host,$(SANITIZE)))
EXT2HOST := $(BUILD)/host/ext2host.d
$(EXT2HOST)/kernel/vm/frames/page.o: ext2host_CFLAGS += -Dmemset=rest_memset -fno-sanitize=address
$(EXT2HOST)/kernel/vm/frames/kmem.o: ext2host_CFLAGS += -Dkmem_cache_init=real_kmem_cache_init -Dkmem_cache_free=real_kmem_cache_free \
	-Dkmalloc=real_kmalloc -Dkzalloc=real_kzalloc -Dkfree=real_kfree -Dmemset=rest_memset -fno-sanitize=address
$(EXT2HOST)/tests/host/machine/support.o: ext2host_CFLAGS += -Dpage_alloc=refusing_page_alloc \
	-Dpage_alloc_kernel=refusing_page_alloc_kernel -Dpage_free=checking_page_free -Dkmem_cache_alloc=refusing_kmem_cache_alloc
$(EXT2HOST)/tests/host/machine/mmu.o: ext2host_CFLAGS += -DMACHINE_GUARD=PAGE_SIZE

# The kernel's replacement policies on a mechanism that only counts.
HOST_TESTS += policysim
policysim_SRCS := tests/host/policysim.c kernel/vm/pageout/policy.c kernel/vm/pageout/clock.c kernel/vm/pageout/fifo.c kernel/vm/pageout/s3fifo.c
policysim_CFLAGS := $(VM_CFLAGS) $(SANITIZE)
policysim_LIBS := $(SANITIZE)

HOST_TESTS += treetest
treetest_SRCS := tests/host/treetest.c kernel/lib/tree.c
treetest_CFLAGS := $(VM_CFLAGS) $(SANITIZE)
treetest_LIBS := $(SANITIZE)

# ---- fuzzing: `make fuzz` does it for FUZZ_SECONDS each: with new seeds, with libFuzzer if clang is there, and with AFL++ if it is ----

FUZZ_SECONDS ?= 60
FUZZ_SRCS := tests/host/vmfuzz.c $(MODEL_SRCS) $(SCHED)
FUZZ_CFLAGS := $(filter-out -O2 -MMD -MP,$(COMMON)) -O1 $(VM_CFLAGS) -U_FORTIFY_SOURCE -Wno-unknown-warning-option -Wno-gnu-folding-constant

# By clang for libFuzzer, or AFL_CC=afl-clang-fast for AFL++.
$(BUILD)/host/vmfuzz $(BUILD)/host/vmfuzz-afl: $(FUZZ_SRCS) $(wildcard tests/host/*/*.h) Makefile tests/host/host.mk
	@mkdir -p $@.d
	$(call say,FUZZCC,$@)
	$(Q)set -e; for source in $(FUZZ_SRCS); do \
		case $$source in \
		*/page.c) with="-Dpage_alloc=real_page_alloc -Dpage_alloc_kernel=real_page_alloc_kernel -Dpage_free=real_page_free $(FUZZ_SANITIZE)" ;; \
		*/kmem.c) with="-Dkmem_cache_alloc=real_kmem_cache_alloc $(FUZZ_SANITIZE)" ;; \
		*/machine/sched.c) with= ;; \
		*) with="$(FUZZ_SANITIZE)" ;; \
		esac; \
		$(FUZZ_CC) $(FUZZ_CFLAGS) $$with -c $$source -o $@.d/$$(echo $$source | tr / _).o; \
	done; $(FUZZ_CC) $(FUZZ_LINK) $@.d/*.o -o $@
$(BUILD)/host/vmfuzz: FUZZ_CC := clang
$(BUILD)/host/vmfuzz: FUZZ_SANITIZE := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
$(BUILD)/host/vmfuzz: FUZZ_LINK := -fsanitize=fuzzer,address,undefined
AFL_CC ?= afl-clang-fast
$(BUILD)/host/vmfuzz-afl: FUZZ_CC := $(AFL_CC) -DVMFUZZ_MAIN
$(BUILD)/host/vmfuzz-afl: FUZZ_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined
$(BUILD)/host/vmfuzz-afl: FUZZ_LINK := -fsanitize=address,undefined

.PHONY: fuzz mutants
HAS_CLANG := $(shell command -v clang)
HAS_AFL := $(and $(shell command -v $(AFL_CC)),$(shell command -v afl-fuzz))
AFL := AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_AFFINITY=1 AFL_NO_UI=1 afl-fuzz -V $(FUZZ_SECONDS) -m none -t 20000

fuzz: $(addprefix $(BUILD)/host/,vmrace vmtsan ext2host $(if $(HAS_CLANG),vmfuzz) $(if $(HAS_AFL),vmfuzz-afl))
	$(Q)$(BUILD)/host/vmrace --seconds $(FUZZ_SECONDS)
	$(Q)$(BUILD)/host/vmtsan --seconds $(FUZZ_SECONDS)
	$(Q)$(BUILD)/host/ext2host $$(($(FUZZ_SECONDS) * 40)) $$(date +%s)
	$(Q)mkdir -p $(BUILD)/fuzz/corpus && seq 1000 >$(BUILD)/fuzz/corpus/first
ifneq ($(HAS_CLANG),)
	$(Q)cd $(BUILD)/fuzz && \
		../host/vmfuzz -max_total_time=$(FUZZ_SECONDS) -max_len=60000 -len_control=0 -rss_limit_mb=0 -timeout=60 corpus
else
	@echo "fuzz: libFuzzer was skipped: there is no clang"
endif
ifneq ($(HAS_AFL),)
	$(Q)rm -rf $(BUILD)/fuzz/afl && $(AFL) -i $(BUILD)/fuzz/corpus -o $(BUILD)/fuzz/afl -- $(BUILD)/host/vmfuzz-afl @@ >$(BUILD)/fuzz/afl.log || \
		{ tail -20 $(BUILD)/fuzz/afl.log; exit 1; }
	$(Q)grep -a -h -E '^(execs_done|corpus_count|saved_crashes|saved_hangs) ' $(BUILD)/fuzz/afl/default/fuzzer_stats
	$(Q)for input in $(BUILD)/fuzz/afl/default/crashes/id*; do \
		[ ! -e "$$input" ] || { echo "again: $(BUILD)/host/vmfuzz-afl $$input"; exit 1; }; done
else
	@echo "fuzz: AFL++ was skipped: there is no $(AFL_CC) and afl-fuzz (Debian's package afl++)"
endif

# Plants known bugs and sees that the models catch them.
mutants:
	$(Q)tests/mutants/run --build $(BUILD)
