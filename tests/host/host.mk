# SPDX-License-Identifier: ISC
# Host tests: kernel/vm and the sleeping locks, the same files as in the kernel, on the simulated machine of machine.c.
HOST_TESTS += vmmodel
VM_SRCS := $(filter-out kernel/vm/kmap.c,$(wildcard kernel/vm/*.c)) kernel/lib/tree.c kernel/lib/lock.c kernel/proc/sync.c
vmmodel_SRCS := tests/host/vmmodel.c tests/host/machine.c $(VM_SRCS)
vmmodel_CFLAGS := -Itests/host/include -Itests/host -Ikernel -DQUIRE_HOST -DQUIRE_DEBUG=1 -fno-strict-aliasing -fno-builtin-printf
vmmodel_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -U_FORTIFY_SOURCE
vmmodel_LIBS := -fsanitize=address,undefined

# The kernel's replacement policies on a mechanism that only counts.
HOST_TESTS += policysim
policysim_SRCS := tests/host/policysim.c kernel/vm/policy.c kernel/vm/clock.c kernel/vm/fifo.c kernel/vm/s3fifo.c
policysim_CFLAGS := $(vmmodel_CFLAGS)
policysim_LIBS := $(vmmodel_LIBS)
