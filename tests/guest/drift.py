# SPDX-License-Identifier: ISC
"""Nothing is lost on the way: after many rounds of everything at once as many frames and as much swap are free as before."""
import re

# What differs between two looks at an idle machine: the harts' own frames, slabs that keep their type, what the shell has touched.
SLACK_KB = 128

LOOK = """look() { sync; echo 3 >/proc/sys/vm/drop_caches; sleep 1; echo 3 >/proc/sys/vm/drop_caches; echo = $1; grep -E '^(MemFree|SwapFree|AnonPages|PageTables)' /proc/meminfo
    grep nr_nodes /proc/vmstat; }
cd /root
"""


def rounds(t, n, timeout):
    """The first rounds fill what is kept for good."""
    script = LOOK + f"drifttest 80 && look before && drifttest {n} && look after"
    done = t.guest(script, mem=16, smp=4, swap="64M", timeout=timeout)
    seen = {}
    for when, text in re.findall(r"^= (\w+)\n((?:[^=].*\n)*)", done.stdout.decode(), re.M):
        seen[when] = {name: int(value) for name, value in re.findall(r"^(\w+):?\s+(\d+)", text, re.M)}
    t.log(str(seen))
    before, after = seen["before"], seen["after"]
    t.equal(after["SwapFree"], before["SwapFree"], "free swap")
    t.check(after["nr_nodes"] <= before["nr_nodes"] + 8, f"nodes went from {before['nr_nodes']} to {after['nr_nodes']}")
    t.check(after["MemFree"] >= before["MemFree"] - SLACK_KB, f"free memory went from {before['MemFree']} to {after['MemFree']} kB")


@test("audit/drift", 15)
def drift(t):
    rounds(t, 400, 100)


@test("soak/drift", 100)
def soak(t):
    rounds(t, 10000, 900)
