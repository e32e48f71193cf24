# SPDX-License-Identifier: ISC
"""Address spaces: where things lie in them, and what is promised."""
import re

PLACES = "for i in 1 2 3 4; do cat /proc/self/maps; done"


def stacks(done):
    return re.findall(rb"^(\w+)-.*\[stack\]$", done.stdout, re.M)


@test("spaces/random", 4)
def random_bases(t):
    """Bases differ from program to program, and `norandmaps` fixes them."""
    found = stacks(t.guest(PLACES))
    t.check(len(found) == 4 and len(set(found)) >= 3, f"stacks at {found}")
    found = stacks(t.guest(PLACES, args=["--append", "norandmaps"]))
    t.check(len(found) == 4 and len(set(found)) == 1, f"stacks at {found} with norandmaps")
    found = stacks(t.guest("echo 0 >/proc/sys/kernel/randomize_va_space; " + PLACES))
    t.check(len(found) == 4 and len(set(found)) == 1, f"stacks at {found}, turned off")


@test("spaces/overcommit", 3)
def overcommit(t):
    t.guest("committest", swap="64M")
