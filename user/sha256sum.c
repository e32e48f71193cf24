/* SPDX-License-Identifier: ISC */
/* sha256sum: SHA-256 (FIPS 180-4) of files; -c checks a list of them. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

struct sha256 {
	uint32_t state[8];
};

static const uint32_t round_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

/* One round; the caller renames the eight variables instead of moving them. */
static inline void hash_round(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e, uint32_t f,
			      uint32_t g, uint32_t *h, uint32_t key)
{
	uint32_t t = *h + key + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (g ^ (e & (f ^ g)));

	*d += t;
	*h = t + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) | (c & (a | b)));
}

static void hash_block(struct sha256 *s, const unsigned char *bytes)
{
	uint32_t w[64];

	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)bytes[4 * i] << 24 | (uint32_t)bytes[4 * i + 1] << 16 |
		       (uint32_t)bytes[4 * i + 2] << 8 | bytes[4 * i + 3];
	for (int i = 16; i < 64; i++) {
		uint32_t x = w[i - 15], y = w[i - 2];
		w[i] = w[i - 16] + w[i - 7] + (rotate(x, 7) ^ rotate(x, 18) ^ x >> 3) +
		       (rotate(y, 17) ^ rotate(y, 19) ^ y >> 10);
	}
	uint32_t a = s->state[0], b = s->state[1], c = s->state[2], d = s->state[3];
	uint32_t e = s->state[4], f = s->state[5], g = s->state[6], h = s->state[7];
	const uint32_t *k = round_constants;
	for (int i = 0; i < 64; i += 8) {
		hash_round(a, b, c, &d, e, f, g, &h, k[i] + w[i]);
		hash_round(h, a, b, &c, d, e, f, &g, k[i + 1] + w[i + 1]);
		hash_round(g, h, a, &b, c, d, e, &f, k[i + 2] + w[i + 2]);
		hash_round(f, g, h, &a, b, c, d, &e, k[i + 3] + w[i + 3]);
		hash_round(e, f, g, &h, a, b, c, &d, k[i + 4] + w[i + 4]);
		hash_round(d, e, f, &g, h, a, b, &c, k[i + 5] + w[i + 5]);
		hash_round(c, d, e, &f, g, h, a, &b, k[i + 6] + w[i + 6]);
		hash_round(b, c, d, &e, f, g, h, &a, k[i + 7] + w[i + 7]);
	}
	s->state[0] += a;
	s->state[1] += b;
	s->state[2] += c;
	s->state[3] += d;
	s->state[4] += e;
	s->state[5] += f;
	s->state[6] += g;
	s->state[7] += h;
}

/* The digest of the rest of a file in hexadecimal. -1: not readable (errno). */
static int hash_file(int fd, char digest[65])
{
	static unsigned char buffer[IO_SIZE + 128];
	struct sha256 s = { { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
			      0x1f83d9ab, 0x5be0cd19 } };
	uint64_t total = 0;
	ssize_t nbytes;

	while ((nbytes = read_full(fd, buffer, IO_SIZE)) == IO_SIZE) {
		for (size_t i = 0; i < IO_SIZE; i += 64)
			hash_block(&s, buffer + i);
		total += IO_SIZE;
	}
	if (nbytes < 0)
		return -1;
	total += (uint64_t)nbytes;
	/* A one bit, zeros, and the length in bits fill up the last block. */
	size_t padded = ((size_t)nbytes + 8) / 64 * 64 + 64;
	memset(buffer + nbytes, 0, padded - (size_t)nbytes);
	buffer[nbytes] = 0x80;
	for (int i = 0; i < 8; i++)
		buffer[padded - 1 - (size_t)i] = (unsigned char)(total * 8 >> 8 * i);
	for (size_t i = 0; i < padded; i += 64)
		hash_block(&s, buffer + i);
	for (int i = 0; i < 8; i++)
		snprintf(digest + 8 * i, 9, "%08x", s.state[i]);
	return 0;
}

static bool quiet, status_only;
static bool any_mismatch;

static int print_digest(int fd, const char *name)
{
	char digest[65];

	if (hash_file(fd, digest) < 0) {
		file_error(name);
		return 1;
	}
	printf("%s  %s\n", digest, name);
	return 0;
}

/* One "digest  name" line of a list. 1 checked and right, 0 checked and wrong or unreadable, -1 not such a line. */
static int check_line(char *line)
{
	char digest[65];

	if (strspn(line, "0123456789abcdefABCDEF") != 64 || line[64] != ' ' ||
	    (line[65] != ' ' && line[65] != '*'))
		return -1;
	for (int i = 0; i < 64; i++)
		line[i] = line[i] >= 'A' && line[i] <= 'F' ? (char)(line[i] + 32) : line[i];
	const char *name = line + 66;
	int fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	bool readable = fd >= 0 && hash_file(fd, digest) == 0;
	if (!readable)
		file_error(name);
	if (fd > STDIN_FILENO)
		close(fd);
	bool right = readable && memcmp(digest, line, 64) == 0;
	any_mismatch |= !right;
	if (!status_only && !(quiet && right))
		printf("%s: %s\n", name, right ? "OK" : readable ? "FAILED" : "FAILED open or read");
	return right;
}

static int check_list(int fd, const char *name)
{
	FILE *list = fdopen(dup(fd), "r");
	char *line = NULL;
	size_t capacity = 0;
	unsigned long long checked = 0, wrong = 0;

	if (!list) {
		file_error(name);
		return 1;
	}
	while (read_line(list, &line, &capacity, NULL) >= 0) {
		int result = check_line(line);
		checked += result >= 0;
		wrong += result == 0;
	}
	free(line);
	fclose(list);
	if (checked == 0)
		complain("%s: no properly formatted checksum lines found", name);
	else if (wrong > 0 && !status_only)
		complain("WARNING: %llu of %llu computed checksums did NOT match", wrong, checked);
	return checked == 0 || wrong > 0;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = { { "check", 'c' },  { "quiet", 'q' }, { "status", 's' },
						  { "binary", 'b' }, { "text", 't' },  { 0 } };
	bool check = false;

	tool_init(argc, argv, 1, "[-c [--quiet] [--status]] [FILE...]", longs);
	for (int c; (c = next_option(argc, argv, "bcqst")) != -1;) {
		check |= c == 'c';
		quiet |= c == 'q';
		status_only |= c == 's';
	}
	int failed = each_input(argv + optind, check ? check_list : print_digest);
	return finish(failed > 0 || any_mismatch);
}
