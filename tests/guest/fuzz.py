# SPDX-License-Identifier: ISC
"""Random input of every kind; what it is to survive is said in the programs."""


@test("fuzz/system-calls", 25)
def system_calls(t):
    """Random calls on four harts; then the system is as before: no process left, the audit clean, the disk whole."""
    done = t.guest("""(mkdir /root/f && cd /root/f && sysfuzz 25000 1 4 >&2 && sysfuzz -d /root -s 10000 2 4 >&2 &&
        cd /tmp && sysfuzz -s 10000 3 4 >&2 && mkdir /root/g && cd /root/g && sysfuzz -r 5000 4 4 >&2; s=$?; ps | wc -l; exit $s)""",
                   smp=4, mem=32)
    t.check(int(done.stdout) <= 6, f"{int(done.stdout)} lines of ps: some process is left")
