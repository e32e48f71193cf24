# SPDX-License-Identifier: ISC
"""make soak: every size of machine, with swap and without, under everything at once for minutes. Not a part of make test."""

import os

SETUP = """cd /root; mkdir a b c d; failed=
check() { got=$1; shift; case " $* " in *" $got "*) ;; *) echo "status $got of $what, not one of $*" >&2; failed=1;; esac; }
"""

# swaptest takes BIG MiB; FILE MiB is more than all of memory.
WORK = """(cd a; mmaptest && mremaptest && cowtest) >&2 & m=$!
(cd b; swaptest {big}) >&2 & s=$!
(cd c; bigfile {file} && forkstress 10 && execstress 20) >&2 & f=$!
(cd d; forkstress 5 4 && filetest && dd if=/dev/urandom of=big bs=1M count={file} && cat big | tee copy | sha256sum >sum1 &&
    sha256sum <copy >sum2 && cmp sum1 sum2 && cmp big copy && rm big copy) >&2 & p=$!
what="memory tests"; wait $m; check $? {others}
what=swaptest; wait $s; check $? {expected}
what="files and processes"; wait $f; check $? {others}
what=pipeline; wait $p; check $? {others}
"""

ALONE = """what=swaptest; (cd b; swaptest {file}) >&2; check $? {expected}
what="memory tests"; (cd a; mmaptest && mremaptest && cowtest) >&2; check $? 0
what=bigfile; (cd c; bigfile {file} && forkstress 10 && execstress 20) >&2; check $? 0
"""

END = """sync; rm -rf a b c d; echo 3 >/proc/sys/vm/drop_caches
{off}
[ -z "$failed" ] && echo alive $$"""


def add(mem, smp, swap):
    @test(f"soak/{smp}x{mem}M-{'swap' if swap else 'noswap'}", 100)
    def run(t):
        file = 2 * mem
        if swap:
            # With swap for all of it each must get through.
            script = SETUP + WORK.format(big=2 * mem, file=file, others=0, expected=0) + \
                ALONE.format(file=file, expected=0) + END.format(off="swapoff -a || failed=1")
        else:
            # What is too large fails or is killed; whoever is killed beside it, the shell is not.
            script = SETUP + WORK.format(big=file, file=file, others="0 137", expected="1 137") + \
                ALONE.format(file=file, expected="1 137") + END.format(off="")
        done = t.guest(script, mem=mem, smp=smp, swap="256M" if swap else "none", timeout=900)
        t.check(b"alive" in done.stdout, "the shell does not answer")


for mem in 16, 24, 32, 64:
    for smp in 1, 4:
        for swap in True, False:
            add(mem, smp, swap)


@test("soak/disk-bound", 100)
def disk_bound(t):
    """Requests and bytes of the disk-bound metrics beside lean Linux's."""
    t.run(os.path.join(t.top, "bench/disk"), t.build, "--check", timeout=1500)
