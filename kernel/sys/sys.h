/* SPDX-License-Identifier: ISC */
/*
 * System calls: one function each, over the six argument registers in order (a[0] is a0), returning a value or a negative errno.
 * Numbers are those of Linux's generic 64-bit table (riscv64). The files of kernel/sys are thin: they check and copy arguments, and are
 * the only ones that ask for the current process.
 */
#ifndef SYS_SYS_H
#define SYS_SYS_H

#include "lib/base.h"

/* clang-format off */
#define SYSCALLS(X)                                                                                                     \
	/* files: file.c and its neighbours */                                                                          \
	X(5, setxattr) X(6, lsetxattr) X(7, fsetxattr) X(8, getxattr) X(9, lgetxattr) X(10, fgetxattr)                 \
	X(11, listxattr) X(12, llistxattr) X(13, flistxattr) X(14, removexattr) X(15, lremovexattr)                     \
	X(16, fremovexattr) X(17, getcwd) X(23, dup) X(24, dup3) X(25, fcntl) X(29, ioctl) X(32, flock)                 \
	X(33, mknodat) X(34, mkdirat) X(35, unlinkat) X(36, symlinkat) X(37, linkat) X(39, umount2) X(40, mount)       \
	X(43, statfs) X(44, fstatfs) X(45, truncate) X(46, ftruncate) X(47, fallocate) X(48, faccessat) X(49, chdir)   \
	X(50, fchdir) X(51, chroot) X(52, fchmod) X(53, fchmodat) X(54, fchownat) X(55, fchown) X(56, openat)          \
	X(57, close) X(59, pipe2) X(61, getdents64) X(62, lseek) X(63, read) X(64, write) X(65, readv) X(66, writev)   \
	X(67, pread64) X(68, pwrite64) X(69, preadv) X(70, pwritev) X(71, sendfile) X(72, pselect6) X(73, ppoll)       \
	X(78, readlinkat) X(79, newfstatat) X(80, fstat) X(81, sync) X(82, fsync) X(83, fdatasync) X(84, sync_file_range)  \
	X(88, utimensat) X(279, memfd_create) X(452, fchmodat2)                                                        \
	X(198, socket) X(203, connect) X(205, getpeername) X(223, fadvise64) X(267, syncfs) X(276, renameat2)          \
	X(285, copy_file_range) X(291, statx) X(436, close_range) X(439, faccessat2)                                   \
	/* sockets: socket.c */                                                                                         \
	X(199, socketpair) X(204, getsockname) X(206, sendto) X(207, recvfrom) X(209, getsockopt) X(210, shutdown)     \
	/* descriptors to wait on: event.c */                                                                            \
	X(19, eventfd2) X(20, epoll_create1) X(21, epoll_ctl) X(22, epoll_pwait) X(74, signalfd4)                      \
	X(85, timerfd_create) X(86, timerfd_settime) X(87, timerfd_gettime) X(441, epoll_pwait2)                       \
	/* processes: proc.c */                                                                                         \
	X(90, capget) X(91, capset) X(92, personality) X(93, exit) X(94, exit_group) X(95, waitid)                     \
	X(96, set_tid_address) X(98, futex) X(99, set_robust_list) X(100, get_robust_list) X(123, sched_getaffinity) X(124, sched_yield)       \
	X(118, sched_setparam) X(119, sched_setscheduler) X(120, sched_getscheduler) X(121, sched_getparam)            \
	X(125, sched_get_priority_max) X(126, sched_get_priority_min) X(127, sched_rr_get_interval)                    \
	X(140, setpriority) X(141, getpriority) X(142, reboot) X(143, setregid) X(144, setgid) X(145, setreuid)        \
	X(146, setuid) X(147, setresuid) X(148, getresuid) X(149, setresgid) X(150, getresgid) X(153, times)           \
	X(154, setpgid) X(155, getpgid) X(156, getsid) X(157, setsid) X(158, getgroups) X(159, setgroups)              \
	X(160, uname) X(161, sethostname) X(162, setdomainname) X(163, getrlimit) X(164, setrlimit) X(165, getrusage) X(166, umask) X(167, prctl)                \
	X(172, getpid) X(173, getppid) X(174, getuid) X(175, geteuid) X(176, getgid) X(177, getegid) X(178, gettid)    \
	X(179, sysinfo) X(220, clone) X(435, clone3) X(221, execve) X(260, wait4) X(261, prlimit64) X(278, getrandom) X(116, syslog)  \
	/* signals: signal.c */                                                                                         \
	X(129, kill) X(130, tkill) X(131, tgkill) X(132, sigaltstack) X(133, rt_sigsuspend) X(134, rt_sigaction)       \
	X(135, rt_sigprocmask) X(136, rt_sigpending) X(137, rt_sigtimedwait) X(138, rt_sigqueueinfo) X(139, rt_sigreturn)    \
	X(240, rt_tgsigqueueinfo) X(102, getitimer) X(103, setitimer)   \
	X(107, timer_create) X(108, timer_gettime) X(109, timer_getoverrun) X(110, timer_settime) X(111, timer_delete)                                                  \
	/* time: time.c */                                                                                              \
	X(101, nanosleep) X(128, restart_syscall) X(112, clock_settime) X(113, clock_gettime) X(114, clock_getres)       \
	X(115, clock_nanosleep) X(169, gettimeofday) X(170, settimeofday)                                                                       \
	/* memory: mm.c */                                                                                              \
	X(214, brk) X(215, munmap) X(222, mmap) X(224, swapon) X(225, swapoff) X(226, mprotect) X(227, msync)          \
	X(216, mremap) X(228, mlock) X(229, munlock) X(230, mlockall) X(231, munlockall) X(284, mlock2)               \
	X(194, shmget) X(195, shmctl) X(196, shmat) X(197, shmdt) X(270, process_vm_readv) X(271, process_vm_writev)     \
	X(232, mincore) X(233, madvise) X(259, riscv_flush_icache)
/* clang-format on */

#define X(number, name) int64_t sys_##name(const uint64_t *a);
SYSCALLS(X)
#undef X
/* What sys_clone and sys_clone3, in trap_entry.S, go on to once the child's registers are all in the frame. */
int64_t clone_saved(const uint64_t *a), clone3_saved(const uint64_t *a);

#endif
