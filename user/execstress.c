/* SPDX-License-Identifier: ISC */
/*
 * execstress [-d DIR] [COUNT]: execs itself COUNT (50) times with arguments and environments small and
 * large, each checked by the program executed; scripts; what survives an exec and what does not; and the
 * errors of execve.
 */
#define _GNU_SOURCE
#include <limits.h>

#include "include/testlib.h"

extern char **environ;

static char self[PATH_MAX];
static int rounds = 50;
static int data_changed = 1; /* must be 1 again in every new image */
static char bss_changed[3 * PG];

/* strings are generated on both sides from their number and the round, not sent twice */
static unsigned long length_of(int i, int round)
{
	uint64_t s = (uint64_t)i * 1000003 + (uint64_t)round * 7777 + 1;
	uint64_t r = test_random(&s);

	return r % 16 == 0 ? r / 16 % 5000 : r / 16 % 40;
}

static void make_string(char *to, int i, int round, char kind)
{
	unsigned long n = length_of(i, round);

	to[0] = kind;
	for (unsigned long k = 1; k <= n; k++)
		to[k] = (char)('!' + ((unsigned long)i * 31 + k * 7 + (unsigned)round) % 90);
	to[n + 1] = 0;
}

static int count_of(int round)
{
	return round % 7 == 0 ? 1000 + round : round * 13 % 60;
}

static char **make_vector(int n, int round, char kind)
{
	static char buf[6000];
	char **v = calloc((size_t)n + 8, sizeof(*v));

	CHECK(v != NULL);
	for (int i = 0; i < n; i++) {
		make_string(buf, i, round, kind);
		v[i] = strdup(buf);
		CHECK(v[i] != NULL);
	}
	return v;
}

static void check_vector(char **v, int n, int round, char kind)
{
	static char want[6000];

	for (int i = 0; i < n; i++) {
		make_string(want, i, round, kind);
		if (!v[i])
			FAIL("round %d: expected %d strings of kind %c, seen %d", round, n, kind, i);
		if (strcmp(v[i], want))
			FAIL("round %d, string %c %d: expected \"%.40s\" (%lu bytes), seen \"%.40s\" (%lu "
			     "bytes)",
			     round, kind, i, want, (unsigned long)strlen(want), v[i],
			     (unsigned long)strlen(v[i]));
	}
	if (v[n])
		FAIL("round %d: expected %d strings of kind %c, seen more", round, n, kind);
}

static void free_vector(char **v)
{
	for (int i = 0; v[i]; i++)
		free(v[i]);
	free(v);
}

/* execstress -check ROUND ARG...: the program executed */
static int check_arguments(int argc, char **argv)
{
	int round = atoi(argv[2]);

	test_now = "in the new program";
	EQ(data_changed, 1);
	ALL(bss_changed, sizeof(bss_changed), 0);
	EQ(argc, 3 + count_of(round));
	check_vector(argv + 3, count_of(round), round, 'A');
	check_vector(environ, count_of(round + 3), round, 'E');
	ERR(fcntl(40, F_GETFD), EBADF); /* was to be closed */
	EQ(SYS(fcntl(41, F_GETFD)), 0);
	data_changed = 2;
	memset(bss_changed, 1, sizeof(bss_changed));
	return round % 100 + 2; /* not a failure's 1 */
}

static void arguments(void)
{
	data_changed = 3; /* the new image gets the file's data, not ours */
	memset(bss_changed, 3, sizeof(bss_changed));
	for (int round = 1; round <= rounds; round++) {
		char **args = make_vector(count_of(round), round, 'A'),
		     **env = make_vector(count_of(round + 3), round, 'E');
		char **v = calloc((size_t)count_of(round) + 4, sizeof(*v)), number[20];
		pid_t pid;

		CHECK(v != NULL);
		snprintf(number, sizeof(number), "%d", round);
		v[0] = "execstress";
		v[1] = "-check";
		v[2] = number;
		memcpy(v + 3, args, (size_t)count_of(round) * sizeof(*v));
		pid = test_fork();
		if (pid == 0) {
			EQ(SYS(dup2(1, 41)), 41);
			EQ(SYS(dup2(1, 40)), 40);
			SYS(fcntl(40, F_SETFD, FD_CLOEXEC));
			SYS(execve(self, v, env));
		}
		EXITED(pid, round % 100 + 2);
		free_vector(args);
		free_vector(env);
		free(v);
	}
}

/* execstress -again N: the same process execs itself until N is 0 */
static int again(int n)
{
	char number[20];

	EQ(data_changed, 1);
	data_changed = n + 2;
	memset(map_anon(MIB / 2), n, MIB / 2); /* given back by the next exec */
	if (n == 0)
		return 17;
	snprintf(number, sizeof(number), "%d", n - 1);
	return (int)SYS(execl(self, "execstress", "-again", number, (char *)NULL));
}

static void chain(void)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		data_changed = 1;
		_exit(again(rounds));
	}
	EXITED(pid, 17);
}

/* execstress -length N CHAR STRING: one string of N bytes */
static int check_length(char **argv)
{
	EQ(strlen(argv[4]), strtoul(argv[2], NULL, 10));
	ALL(argv[4], strlen(argv[4]), argv[3][0]);
	return 0;
}

static void long_string(void)
{
	static char string[100001];
	pid_t pid;

	memset(string, 'L', 100000);
	for (int i = 0; i < 3; i++) {
		pid = test_fork();
		if (pid == 0)
			SYS(execl(self, "execstress", "-length", "100000", "L", string, (char *)NULL));
		EXITED(pid, 0);
	}
}

static void empty_strings(void)
{
	char *args[] = { "execstress", "-empty", "", "", "x", "", NULL }, *env[] = { NULL };
	pid_t pid = test_fork();

	if (pid == 0)
		SYS(execve(self, args, env));
	EXITED(pid, 21);
}

static int check_empty(int argc, char **argv)
{
	EQ(argc, 6);
	CHECK(!argv[2][0] && !argv[3][0] && strcmp(argv[4], "x") == 0 && !argv[5][0] && !argv[6]);
	CHECK(!environ[0]);
	return 21;
}

static void write_text(const char *name, const void *text, unsigned long nbytes, mode_t mode)
{
	int fd = (int)SYS(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666));

	EQ(SYS(write(fd, text, nbytes)), nbytes);
	SYS(fchmod(fd, mode));
	SYS(close(fd));
}

/* `#! self -script`: the interpreter gets its one argument, the script's path and the arguments */
static int check_script(int argc, char **argv)
{
	EQ(argc, 5);
	EQ(strcmp(argv[1], "-script one arg"), 0);
	EQ(strcmp(argv[2], "./script"), 0);
	EQ(strcmp(argv[3], "a b"), 0);
	EQ(strcmp(argv[4], "c"), 0);
	return 23;
}

static void scripts(void)
{
	char text[PATH_MAX + 40];
	pid_t pid;

	snprintf(text, sizeof(text), "#! %s -script one arg \nnot read\n", self);
	write_text("script", text, strlen(text), 0755);
	pid = test_fork();
	if (pid == 0)
		SYS(execl("./script", "anything", "a b", "c", (char *)NULL));
	EXITED(pid, 23);
	write_text("script", "#!/no/such/interpreter\n", 23, 0755);
	ERR(execl("./script", "script", (char *)NULL), ENOENT);
	SYS(unlink("script"));
}

static void errors(void)
{
	char *args[] = { "x", NULL }, *env[] = { NULL }, **big, *longest, garbage[300];
	int fd;

	ERR(execve("./none", args, env), ENOENT);
	ERR(execve("none/none", args, env), ENOENT);
	ERR(execve("", args, env), ENOENT);
	ERR(execve(".", args, env), EACCES);
	write_text("f", "\177ELF", 4, 0644);
	ERR(execve("./f", args, env), EACCES); /* not executable, whoever asks */
	ERR(execve("./f/g", args, env), ENOTDIR);
	write_text("f", "", 0, 0755);
	ERR(execve("./f", args, env), ENOEXEC);
	write_text("f", "echo no interpreter\n", 20, 0755);
	ERR(execve("./f", args, env), ENOEXEC);
	for (int i = 0; i < 300; i++)
		garbage[i] = (char)(i * 77 + 128);
	write_text("f", garbage, 300, 0755);
	ERR(execve("./f", args, env), ENOEXEC);
	memcpy(garbage, "\177ELF", 4); /* right only in its first bytes */
	write_text("f", garbage, 300, 0755);
	ERR(execve("./f", args, env), ENOEXEC);
	write_text("f", garbage, 20, 0755);
	ERR(execve("./f", args, env), ENOEXEC);
	fd = (int)SYS(open(self, O_RDONLY)); /* our own first 64 bytes, and no more */
	EQ(SYS(read(fd, garbage, 64)), 64);
	SYS(close(fd));
	garbage[18] ^= 0x55; /* for another machine */
	write_text("f", garbage, 300, 0755);
	ERR(execve("./f", args, env), ENOEXEC);
	SYS(unlink("f"));

	big = calloc(1001, sizeof(*big)); /* 100 MB of arguments */
	longest = malloc(100001);
	CHECK(big != NULL && longest != NULL);
	memset(longest, 'x', 100000);
	longest[100000] = 0;
	for (int i = 0; i < 1000; i++)
		big[i] = longest;
	ERR(execve(self, big, env), E2BIG);
	ERR(execve(self, args, big), E2BIG);
	free(big);
	free(longest);
}

/* an exec that fails late leaves the old program as it was, and one that is being killed leaves nothing */
static void unharmed(void)
{
	unsigned char *p = map_anon(8 * PG);
	char *args[] = { "x", NULL }, *env[] = { NULL };

	fill(p, 8 * PG, 0, 1);
	for (int i = 0; i < 20; i++) {
		write_text("f", "garbage garbage garbage garbage garbage garbage garbage garbage garbage", 71,
			   0755);
		ERR(execve("./f", args, env), ENOEXEC);
	}
	SAME(p, 8 * PG, 0, 1);
	SYS(unlink("f"));
	for (int i = 0; i < 20; i++) {
		pid_t pid = test_fork();

		if (pid == 0) {
			data_changed = 1;
			_exit(again(1000000));
		}
		for (volatile int k = 0; k < i * 1000; k++)
			;
		SYS(kill(pid, SIGKILL));
		KILLED(pid, SIGKILL);
	}
	SYS(munmap(p, 8 * PG));
}

static const struct test tests[] = {
	{ "arguments", arguments },	    { "chain", chain },	    { "long string", long_string },
	{ "empty strings", empty_strings }, { "scripts", scripts }, { "errors", errors },
	{ "failed and killed", unharmed },
};

/* what this program is called by: /proc if there is, else the name it was started with */
static void find_self(const char *name)
{
	long n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		CHECK(realpath(name, self) != NULL);
}

int main(int argc, char **argv)
{
	test_prog = "execstress";
	find_self(argv[0]);
	if (argc > 2 && strcmp(argv[1], "-check") == 0)
		return check_arguments(argc, argv);
	if (argc > 2 && strcmp(argv[1], "-again") == 0)
		return again(atoi(argv[2]));
	if (argc > 4 && strcmp(argv[1], "-length") == 0)
		return check_length(argv);
	if (argc > 1 && strcmp(argv[1], "-empty") == 0)
		return check_empty(argc, argv);
	if (argc > 1 && strncmp(argv[1], "-script", 7) == 0)
		return check_script(argc, argv);
	if (argc > 1 && atoi(argv[argc - 1]) > 0) {
		rounds = atoi(argv[argc - 1]);
		argc--;
	}
	return test_main("execstress", tests, (int)(sizeof(tests) / sizeof(tests[0])), argc, argv);
}
