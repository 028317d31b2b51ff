#include "mysql/scramble.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>

#define NONCE_SIZE 20
#define OAEP_OVERHEAD 42 /* two SHA-1 and two bytes */
#define RSA_BITS_MIN 2048
#define PARSEC_ROUNDS 1024 /* doubled as often as the cost says */
#define PARSEC_COST_MAX 3

/* One hash over up to two pieces. */
static void
hash(EVP_MD *md, struct lt_str a, struct lt_str b, uint8_t *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	LT_ASSERT(ctx != NULL && EVP_DigestInit_ex2(ctx, md, NULL) == 1);
	LT_ASSERT(EVP_DigestUpdate(ctx, a.ptr, a.len) == 1 && EVP_DigestUpdate(ctx, b.ptr, b.len) == 1);
	LT_ASSERT(EVP_DigestFinal_ex(ctx, out, NULL) == 1);
	EVP_MD_CTX_free(ctx);
}

/* Both scrambles are of one form: H(p) XOR H(x, y), x and y being the nonce and H(H(p)) in the order of the method. */
static void
scramble(const char *digest, bool nonce_first, struct lt_str password, const uint8_t *nonce, uint8_t *out)
{
	EVP_MD *md = EVP_MD_fetch(NULL, digest, NULL);
	const struct lt_str none = { "", 0 };
	uint8_t once[EVP_MAX_MD_SIZE], twice[EVP_MAX_MD_SIZE];
	struct lt_str n = lt_str_of(nonce, NONCE_SIZE), t;
	size_t size;

	LT_ASSERT(md != NULL);
	size = (size_t)EVP_MD_get_size(md);
	t = lt_str_of(twice, size);
	hash(md, password, none, once);
	hash(md, lt_str_of(once, size), none, twice);
	if (nonce_first)
		hash(md, n, t, out);
	else
		hash(md, t, n, out);
	for (size_t i = 0; i < size; i++)
		out[i] ^= once[i];
	EVP_MD_free(md);
	lt_wipe(once, sizeof(once));
	lt_wipe(twice, sizeof(twice));
}

void
my_scramble_native(struct lt_str password, const uint8_t *nonce, uint8_t out[MY_NATIVE_SIZE])
{
	scramble("SHA1", true, password, nonce, out);
}

void
my_scramble_sha2(struct lt_str password, const uint8_t *nonce, uint8_t out[MY_SHA2_SIZE])
{
	scramble("SHA256", false, password, nonce, out);
}

/* MariaDB takes the password itself for the secret, of whatever length; a key interface that wants a seed of 32 bytes
 * cannot. */
void
my_sign_ed25519(struct lt_str password, const uint8_t *nonce, uint8_t out[MY_ED25519_SIZE])
{
	uint8_t az[64], public_key[32], r[64], k[64], short_r[32], product[32];
	crypto_hash_sha512_state h;

	crypto_hash_sha512(az, (const unsigned char *)password.ptr, password.len);
	az[0] &= 248;
	az[31] &= 63;
	az[31] |= 64;
	LT_ASSERT(crypto_scalarmult_ed25519_base_noclamp(public_key, az) == 0);

	crypto_hash_sha512_init(&h);
	crypto_hash_sha512_update(&h, az + 32, 32);
	crypto_hash_sha512_update(&h, nonce, 32);
	crypto_hash_sha512_final(&h, r);
	crypto_core_ed25519_scalar_reduce(short_r, r);
	LT_ASSERT(crypto_scalarmult_ed25519_base_noclamp(out, short_r) == 0);

	crypto_hash_sha512_init(&h);
	crypto_hash_sha512_update(&h, out, 32);
	crypto_hash_sha512_update(&h, public_key, 32);
	crypto_hash_sha512_update(&h, nonce, 32);
	crypto_hash_sha512_final(&h, k);
	crypto_core_ed25519_scalar_reduce(k, k);
	crypto_core_ed25519_scalar_mul(product, k, az);
	crypto_core_ed25519_scalar_add(out + 32, product, short_r);

	lt_wipe(az, sizeof(az));
	lt_wipe(r, sizeof(r));
	lt_wipe(short_r, sizeof(short_r));
	lt_wipe(product, sizeof(product));
	lt_wipe(&h, sizeof(h));
}

bool
my_sign_parsec(
    struct lt_str password, struct lt_str salt, const uint8_t *nonce, uint8_t out[MY_PARSEC_SIZE], struct lt_err *err)
{
	uint8_t seed[crypto_sign_SEEDBYTES], public_key[crypto_sign_PUBLICKEYBYTES], key[crypto_sign_SECRETKEYBYTES];
	uint8_t both[2 * MY_PARSEC_NONCE_SIZE];

	if (salt.len != MY_PARSEC_SALT_SIZE || salt.ptr[0] != 'P' || (uint8_t)salt.ptr[1] > PARSEC_COST_MAX)
		return lt_fail(err, LT_E_PROTOCOL, "the server's salt for parsec is unknown");
	LT_ASSERT(PKCS5_PBKDF2_HMAC(password.ptr, (int)password.len, (const unsigned char *)salt.ptr + 2,
		      MY_PARSEC_SALT_SIZE - 2, PARSEC_ROUNDS << salt.ptr[1], EVP_sha512(), sizeof(seed), seed) == 1);
	LT_ASSERT(crypto_sign_seed_keypair(public_key, key, seed) == 0);
	memcpy(both, nonce, MY_PARSEC_NONCE_SIZE);
	memcpy(both + MY_PARSEC_NONCE_SIZE, out, MY_PARSEC_NONCE_SIZE);
	LT_ASSERT(crypto_sign_detached(out + MY_PARSEC_NONCE_SIZE, NULL, both, sizeof(both), key) == 0);
	lt_wipe(seed, sizeof(seed));
	lt_wipe(key, sizeof(key));
	return true;
}

static EVP_PKEY *
read_key(struct lt_str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)LT_MIN(pem.len, (size_t)16384));
	EVP_PKEY *key;

	LT_ASSERT(bio != NULL);
	key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	BIO_free(bio);
	return key;
}

static bool
encrypt(EVP_PKEY *key, const uint8_t *plain, size_t len, struct lt_buf *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	size_t size = 0;
	bool ok = ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1 &&
		  EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
		  EVP_PKEY_encrypt(ctx, NULL, &size, plain, len) == 1;

	if (ok) {
		ok = EVP_PKEY_encrypt(ctx, (uint8_t *)lt_buf_reserve(out, size), &size, plain, len) == 1;
		out->len += ok ? size : 0;
	}
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

bool
my_encrypt_password(
    struct lt_str password, const uint8_t *nonce, struct lt_str pem, struct lt_buf *out, struct lt_err *err)
{
	EVP_PKEY *key = read_key(pem);
	struct lt_buf plain = { 0 };
	bool ok = false;

	if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) < RSA_BITS_MIN) {
		lt_fail(err, LT_E_PROTOCOL, "the server's RSA key is none, or has fewer than %d bits", RSA_BITS_MIN);
		goto out;
	}
	if (password.len + 1 + OAEP_OVERHEAD > (size_t)EVP_PKEY_get_size(key)) {
		lt_fail(err, LT_E_AUTH_METHOD,
		    "the password is too long for the server's RSA key: use TLS or a socket file");
		goto out;
	}
	lt_buf_reserve(&plain, password.len + 1); /* at once: growing would leave copies behind */
	lt_buf_str_add(&plain, password);
	lt_buf_c(&plain, '\0');
	for (size_t i = 0; i < plain.len; i++)
		plain.ptr[i] = (char)((uint8_t)plain.ptr[i] ^ nonce[i % NONCE_SIZE]);
	ok = encrypt(key, (const uint8_t *)plain.ptr, plain.len, out);
	if (!ok)
		lt_fail(err, LT_E_PROTOCOL, "the server's RSA key cannot be used");
out:
	ERR_clear_error();
	lt_buf_wipe(&plain);
	EVP_PKEY_free(key);
	return ok;
}
