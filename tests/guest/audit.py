# SPDX-License-Identifier: ISC
"""The audit is audited: one thing damaged on request, and it must name it; then nothing is wrong any more."""
import glob
import os
import re
import subprocess

# What is damaged, and what the audit must say of it.
DAMAGE = {
    "sharers": r"frame \w+ is named by (\d+) slots, says (?!\1)\d+",
    "index": r"frame \w+ lies in slot \w+, but has index \w+",
    "home": r"frame \w+ lies in slot \w+, but has another home",
    "pte": r"vpn \w+: PTE names frame \w+",
    "write": r"vpn \w+: writable PTE",
    "dirty": r"vpn \w+: writable PTE of a clean page",
    "entries": r"table at vpn \w+ level 0: (\d+) entries, \d+ writable; says (?!\1,)\d+",
    "resident": r"a space has \d+ resident PTEs in \d+ tables, says",
    "swap": r"swap slot \d+ of \S+ is held (\d+) times, says (?!\1)\d+",
    "node": r"node at \w+ level \d+ has (\d+) parents, says (?!\1)\d+",
    "used": r"node at \w+ level \d+ uses (\d+) slots, says (?!\1)\d+",
    "slots": r"an overlay has (\d+) slots in use, says (?!\1)\d+",
    "pages": r"object has (\d+) pages, .* says (?!\1,)\d+",
    "limit": r"page \w+ of an object lies beyond its limit 0",
    "mapping": r"a space has \d+ mappings of (\d+) pages, says \d+, (?!\1)\d+",
    "counter": r"(\d+) pages are anonymous, the counter says (?!\1)\d+",
    "zero": r"the zero page is not zero",
    "free": r"frame \w+ is free, but in use",
}


@test("audit/damage", 20)
def damage(t):
    """A child shares memory, swap is in use, a file is mapped; everything goes on meanwhile."""
    script = ("(swaptest 20; swaptest 20) >/dev/null &\n"
              + "".join(f"echo {kind} >/proc/vm_audit; echo = {kind}; cat /proc/vm_audit\n" for kind in DAMAGE)
              + "wait; echo none >/proc/vm_audit; echo = end; cat /proc/vm_audit; echo frob >/proc/vm_audit || echo = refused")
    done = t.guest(script, mem=16, smp=2, swap="64M")
    found = dict(re.findall(r"^= (\w+)\n((?:[^=].*\n)*)", done.stdout.decode(), re.M))
    for kind, pattern in DAMAGE.items():
        t.check(re.search("^audit: .*" + pattern, found[kind], re.M), f"{kind}: {found[kind]!r}")
    t.equal(found["end"], "ok\n", "the audit at the end")
    t.check("refused" in found, "an unknown damage was accepted")


@test("audit/release")
def release(t):
    """A release kernel does no damage, and hides nothing."""
    done = t.guest("echo sharers >/proc/vm_audit || echo refused; echo hide >/proc/vm_audit || echo refused", mem=16, kernel="release")
    t.equal(done.stdout, b"refused\nrefused\n", "what the command said")


@test("host/mutants-fit", 1)
def mutants_fit(t):
    """Each planted bug (make mutants) still fits the kernel."""
    patches = sorted(glob.glob(os.path.join(t.top, "tests/mutants/*.patch")))
    t.check(len(patches) >= 20, "no planted bugs")
    for patch in patches:
        done = subprocess.run(["patch", "-p0", "-s", "-f", "-F0", "--dry-run", "-i", patch], cwd=t.top, capture_output=True, check=False)
        t.check(done.returncode == 0, f"{os.path.basename(patch)} does not fit")
