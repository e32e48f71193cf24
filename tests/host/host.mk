# SPDX-License-Identifier: ISC
# Host tests: kernel/vm, fs/pageio.c and the sleeping locks, the same files as in the kernel, on the simulated machine of tests/host/machine.
#
#	vmmodel   one program at a time, every call and errno exactly
#	vmrace    several programs on several harts, with disks that fail and memory that is refused
HOST_TESTS += vmmodel vmrace
VM_SRCS := $(filter-out kernel/vm/kmap.c,$(wildcard kernel/vm/*.c)) kernel/fs/pageio.c kernel/lib/tree.c kernel/lib/lock.c kernel/proc/sync.c
VM_SRCS += $(wildcard tests/host/machine/*.c)
VM_CFLAGS := -Itests/host/machine/include -Itests/host/machine -Itests/host -Ikernel -D_GNU_SOURCE -DQUIRE_HOST -DQUIRE_DEBUG=1 \
	-fno-strict-aliasing -fno-builtin-printf
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -U_FORTIFY_SOURCE

# Allocations go by way of machine/support.c, which may refuse them; switching stacks is nothing for sanitizers to look at.
define on_machine
$(1)_CFLAGS := $(VM_CFLAGS) $(SANITIZE)
$(1)_LIBS := $(SANITIZE)
$(BUILD)/host/$(1).d/kernel/vm/page.o: $(1)_CFLAGS += -Dpage_alloc=real_page_alloc -Dpage_alloc_kernel=real_page_alloc_kernel
$(BUILD)/host/$(1).d/kernel/vm/kmem.o: $(1)_CFLAGS += -Dkmem_cache_alloc=real_kmem_cache_alloc
$(BUILD)/host/$(1).d/tests/host/machine/sched.o: $(1)_CFLAGS += -fno-sanitize=all
endef
vmmodel_SRCS := tests/host/vmmodel.c $(VM_SRCS)
vmrace_SRCS := tests/host/vmrace.c $(wildcard tests/host/model/*.c) $(VM_SRCS)
$(foreach t,vmmodel vmrace,$(eval $(call on_machine,$(t))))

# The kernel's replacement policies on a mechanism that only counts.
HOST_TESTS += policysim
policysim_SRCS := tests/host/policysim.c kernel/vm/policy.c kernel/vm/clock.c kernel/vm/fifo.c kernel/vm/s3fifo.c
policysim_CFLAGS := $(VM_CFLAGS) $(SANITIZE)
policysim_LIBS := $(SANITIZE)
