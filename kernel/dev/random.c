/* SPDX-License-Identifier: ISC */
/*
 * Random bytes: ChaCha20 (RFC 8439) with fast key erasure. The state is one 256-bit key. Each request runs the block
 * function once: half of the result is the new key, the other half the key of that request's own stream, so what
 * was given out cannot be computed from a later state. Whatever is added is absorbed 32 bytes at a time: xored into the
 * key, which then goes through the block function, whose final addition makes that one-way.
 *
 * Never blocks and never fails: before a real source was added (random_ready) the bytes come from clocks only.
 */
#include "arch/cpu.h"
#include "dev/dev.h"
#include "dev/virtio.h"
#include "lib/fdt.h"
#include "lib/lock.h"
#include "lib/printf.h"
#include "lib/string.h"

#define KEY_WORDS  8
#define KEY_BYTES  32
#define SEED_BYTES 16			  /* fewer are no seed */
#define RESEED_NS  (300ul * 1000000000ul) /* ask the device again */

/* Taken with any other lock held; nothing is taken under it. */
static struct spinlock lock = SPINLOCK_INIT("random", RANK_CONSOLE);
static uint32_t key[KEY_WORDS];
static uint64_t nrequests;
static uint64_t asked_ns;
static bool seeded;

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	*a += *b;
	*d = rotate(*d ^ *a, 16);
	*c += *d;
	*b = rotate(*b ^ *c, 12);
	*a += *b;
	*d = rotate(*d ^ *a, 8);
	*c += *d;
	*b = rotate(*b ^ *c, 7);
}

/* RFC 8439, 2.3: the key stream block `counter`. */
static void chacha_block(uint32_t out[16], const uint32_t k[KEY_WORDS], uint32_t counter,
			 const uint32_t nonce[3])
{
	uint32_t s[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }; /* "expand 32-byte k" */

	memcpy(s + 4, k, KEY_BYTES);
	s[12] = counter;
	memcpy(s + 13, nonce, 12);
	memcpy(out, s, sizeof(s));
	for (unsigned i = 0; i < 10; i++) {
		for (unsigned c = 0; c < 4; c++)
			quarter(&out[c], &out[4 + c], &out[8 + c], &out[12 + c]);
		for (unsigned c = 0; c < 4; c++)
			quarter(&out[c], &out[4 + (c + 1) % 4], &out[8 + (c + 2) % 4],
				&out[12 + (c + 3) % 4]);
	}
	for (unsigned i = 0; i < 16; i++)
		out[i] += s[i];
}

/* The time is mixed in at every step, as the nonce. */
static void step(uint32_t out[16])
{
	uint64_t now = time_ns();
	uint32_t nonce[3] = { now, now >> 32, ++nrequests };

	chacha_block(out, key, 0, nonce);
	memcpy(key, out, KEY_BYTES);
}

static void absorb(const void *buf, size_t n)
{
	const uint8_t *from = buf;
	uint32_t out[16];

	do {
		uint8_t part[KEY_BYTES] = { 0 };
		size_t len = MIN(n, sizeof(part));

		memcpy(part, from, len);
		for (unsigned i = 0; i < KEY_WORDS; i++) {
			uint32_t w;

			memcpy(&w, part + 4 * i, 4);
			key[i] ^= w;
		}
		step(out);
		from += len;
		n -= len;
	} while (n);
}

void random_add(const void *buf, size_t n)
{
	spin_lock(&lock);
	absorb(buf, n);
	if (n >= SEED_BYTES)
		seeded = true;
	spin_unlock(&lock);
}

bool random_ready(void)
{
	return __atomic_load_n(&seeded, __ATOMIC_RELAXED);
}

void random_init(void)
{
	uint32_t n = 0;
	fdt_node chosen = fdt_path("/chosen");
	const void *seed = chosen ? fdt_prop(chosen, "rng-seed", &n) : NULL;

	if (seed)
		random_add(seed, n);
}

/* Now and then the device is asked for more, which comes in later; this request does not wait for it. */
static bool reseed_due(void)
{
	uint64_t now = time_ns();

	if (now - asked_ns < RESEED_NS)
		return false;
	asked_ns = now;
	return true;
}

void random_bytes(void *buf, size_t n)
{
	static const uint32_t nonce[3];
	uint32_t out[16], own[KEY_WORDS];
	uint8_t *to = buf;
	bool ask;

	spin_lock(&lock);
	step(out);
	ask = reseed_due();
	spin_unlock(&lock);
	memcpy(own, out + KEY_WORDS, KEY_BYTES);
	for (uint32_t counter = 0; n; counter++) {
		size_t len = MIN(n, sizeof(out));

		chacha_block(out, own, counter, nonce);
		memcpy(to, out, len);
		to += len;
		n -= len;
	}
	memset(own, 0, sizeof(own));
	memset(out, 0, sizeof(out));
	__asm__ volatile("" : : "r"(own), "r"(out) : "memory"); /* keeps the two memsets */
	if (ask)
		virtio_rng_request();
}
