# SPDX-License-Identifier: ISC
"""The test programs of user/, on machines of every size: one and four harts, 16, 32 and 128 MiB."""
import itertools
import os
import re

MEMORY = "mmaptest && mremaptest && advisetest && shmtest && viewtest && spacetest && cowtest && zerotest && stacktest && lazytest && racetest"
UNIX = ("errtest && regtest && filetest && pipetest && sigtest && proctest && waittest && elftest 150 && "
        "forkstress 5 && execstress 20")


def paging(mem):
    """More memory and a larger file than there is RAM, with what else is needed to fit into the swap disk."""
    mib = {16: 32, 32: 48, 128: 144}[mem]
    return f"swaptest {mib} && bigfile -d /root {mib} && swaptest 4"


def add(group, command, smp, mem, weight):
    @test(f"{group}/{smp}x{mem}M", weight)
    def run(t):
        t.guest(command, mem=mem, smp=smp)


for smp in 1, 4:
    for mem in 16, 32, 128:
        add("memory", MEMORY, smp, mem, 30)
        add("unix", UNIX, smp, mem, 30)
        add("paging", paging(mem), smp, mem, 60)

for smp, mem in (1, 16), (4, 16), (8, 64):
    add("threads", "threadtest && timertest --set-clock && threadtest", smp, mem, 40)


@test("threads/unseen", 25)
def unseen(t):
    """Harts meet mappings of the kernel's that they have not seen yet, again and again: stacks, devices' registers, tables. (QEMU's would never.)"""
    done = t.guest("while echo hide >/proc/vm_audit; do sleep 0.01; done & pipetest && ttytest && socktest && forkstress 2 && swaptest 4; s=$?; "
                   "kill $!; cat /proc/vmstat; test $s = 0", mem=16, smp=4)
    faults = int(re.search(rb"^kernel_refaults (\d+)$", done.stdout, re.M)[1])
    t.check(faults > 300, f"only {faults} such faults")


@test("memory/calls", 10)
def calls(t):
    """What the calls about memory answer to some thousand combinations of arguments is what Linux answers."""
    done = t.guest("vmcalls", timeout=60)
    seen = [line for line in done.stdout.decode().splitlines() if not line.startswith("vmcalls: ")]
    with open(os.path.join(os.path.dirname(__file__), "..", "oracle.vmcalls"), encoding="utf-8") as file:
        want = file.read().splitlines()
    for line, (a, b) in enumerate(itertools.zip_longest(want, seen), 1):
        t.equal(b, a, f"line {line} of oracle.vmcalls")


@test("memory/release", 20)
def release(t):
    """The kernel as it is shipped, with the default memory."""
    t.guest(f"{MEMORY} && {UNIX}", mem=64, smp=4, kernel="release")
