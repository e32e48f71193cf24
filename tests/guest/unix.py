# SPDX-License-Identifier: ISC
"""Test programs about descriptors, terminals, identity and files, which this machine's system passes, too."""

PROGRAMS = "ttytest && eventtest && permtest && nametest && cd /tmp && permtest && nametest"

for smp in 1, 4:
    @test(f"io/{smp}x32M", 20)
    def run(t, smp=smp):
        t.guest(PROGRAMS, mem=32, smp=smp)
