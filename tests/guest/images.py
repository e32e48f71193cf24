# SPDX-License-Identifier: ISC
"""The images: made the same by everybody, changed from outside, and what the sources put on them."""
import os
import shutil
import stat
import time


@test("images/identical")
def identical(t):
    """Two builds are the same bytes, whenever and by whomever, and all is root's."""
    programs = [t.built("bin/ls"), t.built("bin/init")]
    mkroot = os.path.join(t.top, "mkfs/mkroot")
    t.run(mkroot, t.path("one"), *programs)
    time.sleep(1.1)
    os.chmod(t.dir, 0o777)
    switch = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
    shutil.copytree(os.path.join(t.top, "mkfs"), t.path("mkfs"))
    shutil.copytree(os.path.join(t.top, "disk"), t.path("disk"))
    for program in programs:
        shutil.copy(program, t.dir)
    t.run(*switch, "sh", "-c", f"umask 077; cd {t.dir}; mkfs/mkroot two ls init", cwd=t.dir)
    t.run("cmp", t.path("one"), t.path("two"))
    owners = t.run("debugfs", "-R", "ls -l /bin", t.path("two")).stdout.split()
    t.check(b"65534" not in owners, "files belong to who made the image")
    t.fsck(t.path("one"))


@test("images/cp")
def copy(t):
    """Files go in and come out with their bytes and modes; the file system stays clean; errors are errors."""
    quire, image = os.path.join(t.top, "quire"), t.image()
    data = os.urandom(300_001)
    with open(t.path("a file"), "wb") as file:
        file.write(data)
    os.chmod(t.path("a file"), 0o750)
    for target, seen in ("/root/", "/root/a file"), ("/root/b", "/root/b"), ("/root/b", "/root/b"), ("/bin/ls", "/bin/ls"):
        t.run(quire, "cp", t.path("a file"), f"{image}:{target}")
        t.run(quire, "cp", f"{image}:{seen}", t.path("back"))
        with open(t.path("back"), "rb") as file:
            t.check(file.read() == data, f"{seen} came back changed")
        t.equal(stat.S_IMODE(os.stat(t.path("back")).st_mode), 0o750, "mode")
        os.unlink(t.path("back"))
    t.fsck(image)
    for source, target in ((t.path("a file"), f"{image}:/no/where"), (f"{image}:/none", t.path("x")),
                           (f"{image}:/bin", t.path("x")), (t.path("none"), f"{image}:/x"), ("/bin/ls", "/tmp/x"),
                           (t.path("a file"), f"{t.path('none.img')}:/x")):
        done = t.run(quire, "cp", source, target, status=1)
        t.equal(done.stderr.count(b"\n"), 1, f"lines of the error about {source} {target}")
    t.fsck(image)
    t.equal(t.guest("sha256sum '/root/a file'", image=image).stdout.split()[0].decode(), t.sha256(data),
            "the guest's SHA-256 of the file")


@test("images/dropped-in", 40)
def dropped_in(t):
    """A .c put into user/ is a program on the image after make; make clean leaves nothing behind."""
    tree = t.path("tree")
    shutil.copytree(t.top, tree, symlinks=True, ignore=shutil.ignore_patterns("build", ".git"))
    shutil.copytree(t.build, os.path.join(tree, "build"), ignore=shutil.ignore_patterns("*.img", "test-logs"))
    with open(os.path.join(tree, "user/dropped.c"), "w", encoding="ascii") as file:
        file.write('#include <fnmatch.h>\n#include <stdio.h>\n\n'
                   'int main(void)\n{\n\treturn printf("dropped in\\n") != 11;\n}\n')
    t.run("make", "-C", tree, "-j2", timeout=200)
    made = [os.stat(os.path.join(tree, "build", name)).st_mtime_ns for name in ("kernel.elf", "root.img")]
    t.run("make", "-C", tree)
    again = [os.stat(os.path.join(tree, "build", name)).st_mtime_ns for name in ("kernel.elf", "root.img")]
    t.equal(again, made, "times of what a second make should not make again")
    os.utime(os.path.join(tree, "user/include/fnmatch.h"))
    t.check(b"dropped" in t.run("make", "-C", tree).stdout, "a changed header of the C library makes nothing again")
    done = t.run(os.path.join(tree, "quire"), "run", "--timeout", "60", "--", "dropped", timeout=80)
    t.equal(done.stdout, b"dropped in\n", "what it prints")
    t.run("make", "-C", tree, "clean")
    os.unlink(os.path.join(tree, "user/dropped.c"))
    t.run("diff", "-rq", "--no-dereference", "-x", "build", "-x", ".git", t.top, tree)
    t.check(not os.path.exists(os.path.join(tree, "build")), "make clean leaves build/")


@test("images/plain-qemu")
def plain_qemu(t):
    """The kernel boots from QEMU's own command line; the exit status is that of whatever is init."""
    image = t.image()
    for init, status, said in (("/bin/sleep -- 1", 0, b"status 0"), ("/bin/cat -- /nonexistent", 1, b"No such file"),
                               ('/bin/sh -- -c "echo on $0 the console; exit 6" really', 6, b"\non really the console\r")):
        done = t.run("timeout", "60", "qemu-system-riscv64", "-machine", "virt", "-nographic", "-m", "64M",
              "-global", "virtio-mmio.force-legacy=false", "-kernel", t.built("kernel.elf"),
              "-drive", f"if=none,id=root,format=raw,file={image}",
              "-device", "virtio-blk-device,drive=root,bus=virtio-mmio-bus.0",
              "-append", f"root=/dev/vda init={init}", status=status)
        t.check(said in done.stdout, f"{init} did not say {said}")
        t.fsck(image)
