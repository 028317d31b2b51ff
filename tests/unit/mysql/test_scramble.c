#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include "mysql/scramble.h"

static const uint8_t nonce[32] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
	24, 25, 26, 27, 28, 29, 30, 31, 32 };

static void
hex_is(const uint8_t *bytes, size_t len, const char *wanted)
{
	struct lt_buf b = { 0 };

	lt_buf_hex(&b, lt_str_of(bytes, len));
	assert_string_equal(lt_buf_cstr(&b), wanted);
	lt_buf_free(&b);
}

/* Both answers were computed from the documented formula with Python's hashlib. */
static void
native_and_sha2_give_the_known_answer(void **state)
{
	uint8_t out[MY_SHA2_SIZE];

	(void)state;
	my_scramble_native(LT_STR("geheim"), nonce, out);
	hex_is(out, MY_NATIVE_SIZE, "1dbf8316f278106244cf82d3e90677edc9a371e6");
	my_scramble_sha2(LT_STR("geheim"), nonce, out);
	hex_is(out, MY_SHA2_SIZE, "6473c806df99ceed81b3781c80e3e5434b38afc2004e452cb6ce5b1458a60404");
}

/* The key is the one that MariaDB's own documentation shows for the password 'secret'. */
static void
ed25519_signs_so_that_the_servers_key_verifies(void **state)
{
	uint8_t key[32], signature[MY_ED25519_SIZE];
	size_t len = 0;

	(void)state;
	assert_int_equal(sodium_base642bin(key, sizeof(key), "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY", 43, NULL,
			     &len, NULL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING),
	    0);
	assert_int_equal(len, 32);
	my_sign_ed25519(LT_STR("secret"), nonce, signature);
	assert_int_equal(crypto_sign_verify_detached(signature, nonce, 32, key), 0);
	my_sign_ed25519(LT_STR("Secret"), nonce, signature);
	assert_int_not_equal(crypto_sign_verify_detached(signature, nonce, 32, key), 0);
}

static size_t
from_base64(const char *text, uint8_t *out, size_t cap)
{
	size_t len = 0;

	assert_int_equal(sodium_base642bin(
			     out, cap, text, strlen(text), NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING),
	    0);
	return len;
}

/* Salt and key are what MariaDB 11.8 stored for the password 'secret' (P0:salt:key). */
static void
parsec_signs_so_that_the_servers_key_verifies(void **state)
{
	uint8_t salt[MY_PARSEC_SALT_SIZE] = { 'P', 0 }, key[32], out[MY_PARSEC_SIZE] = { 9, 8, 7 }, both[64];
	struct lt_str s = lt_str_of(salt, sizeof(salt));
	struct lt_err err = { 0 };

	(void)state;
	assert_int_equal(from_base64("8m98pnQkLyzlBQCSuo6SdB6K", salt + 2, 18), 18);
	assert_int_equal(from_base64("Ghtnss68kOavHWwwMKwVRVTsI/UGzn6yauRQwkgev/E", key, 32), 32);
	assert_true(my_sign_parsec(LT_STR("secret"), s, nonce, out, &err));
	assert_int_equal(out[0], 9); /* our nonce stays */
	memcpy(both, nonce, 32);
	memcpy(both + 32, out, 32);
	assert_int_equal(crypto_sign_verify_detached(out + 32, both, sizeof(both), key), 0);
	assert_true(my_sign_parsec(LT_STR("Secret"), s, nonce, out, &err));
	assert_int_not_equal(crypto_sign_verify_detached(out + 32, both, sizeof(both), key), 0);
	salt[1] = 1;
	assert_true(my_sign_parsec(LT_STR("secret"), s, nonce, out, &err));
	assert_int_not_equal(crypto_sign_verify_detached(out + 32, both, sizeof(both), key), 0);
}

static void
parsec_refuses_every_other_salt(void **state)
{
	uint8_t salt[64] = { 'P', 0 }, out[MY_PARSEC_SIZE] = { 0 };

	(void)state;
	for (size_t n = 0; n < sizeof(salt); n++) {
		struct lt_err err = { 0 };
		bool ok = my_sign_parsec(LT_STR("secret"), lt_str_of(salt, n), nonce, out, &err);

		assert_int_equal(ok, n == MY_PARSEC_SALT_SIZE);
		assert_int_equal(err.code, ok ? LT_OK : LT_E_PROTOCOL);
	}
	/* A cost that would keep us busy for hours. */
	for (unsigned cost = 4; cost < 256; cost++) {
		salt[1] = (uint8_t)cost;
		assert_false(my_sign_parsec(LT_STR("secret"), lt_str_of(salt, MY_PARSEC_SALT_SIZE), nonce, out, NULL));
	}
	salt[0] = 'Q';
	salt[1] = 0;
	assert_false(my_sign_parsec(LT_STR("secret"), lt_str_of(salt, MY_PARSEC_SALT_SIZE), nonce, out, NULL));
}

static EVP_PKEY *
new_key(size_t bits, struct lt_buf *pem)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
	len = BIO_get_mem_data(bio, &text);
	lt_buf_add(pem, text, (size_t)len);
	BIO_free(bio);
	return key;
}

static void
the_password_comes_back_with_the_private_key(void **state)
{
	struct lt_buf pem = { 0 }, out = { 0 };
	EVP_PKEY *key = new_key(2048, &pem);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t plain[256];
	size_t len = sizeof(plain);
	struct lt_err err = { 0 };

	(void)state;
	assert_true(
	    my_encrypt_password(LT_STR("a password longer than the nonce"), nonce, lt_buf_str(&pem), &out, &err));
	assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
	assert_int_equal(EVP_PKEY_decrypt(ctx, plain, &len, (const uint8_t *)out.ptr, out.len), 1);
	for (size_t i = 0; i < len; i++)
		plain[i] ^= nonce[i % 20];
	assert_int_equal(len, 33);
	assert_memory_equal(plain, "a password longer than the nonce", 33);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	lt_buf_free(&pem);
	lt_buf_free(&out);
}

static void
a_key_that_is_none_or_weak_is_refused(void **state)
{
	struct lt_buf pem = { 0 }, out = { 0 };
	char longest[300] = { 0 };
	struct lt_err err = { 0 };

	(void)state;
	EVP_PKEY_free(new_key(1024, &pem));
	assert_false(my_encrypt_password(LT_STR("x"), nonce, lt_buf_str(&pem), &out, &err));
	assert_int_equal(err.code, LT_E_PROTOCOL);
	lt_buf_clear(&pem);
	EVP_PKEY_free(new_key(2048, &pem));
	for (size_t n = 0; n < pem.len - 30; n++)
		assert_false(my_encrypt_password(LT_STR("x"), nonce, lt_str_of(pem.ptr, n), &out, &err));
	memset(longest, 'p', sizeof(longest) - 1);
	assert_false(my_encrypt_password(lt_str_z(longest), nonce, lt_buf_str(&pem), &out, &err));
	assert_int_equal(err.code, LT_E_AUTH_METHOD);
	assert_null(strstr(err.message, "ppp"));
	assert_int_equal(out.len, 0);
	lt_buf_free(&pem);
	lt_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(native_and_sha2_give_the_known_answer),
		cmocka_unit_test(ed25519_signs_so_that_the_servers_key_verifies),
		cmocka_unit_test(parsec_signs_so_that_the_servers_key_verifies),
		cmocka_unit_test(parsec_refuses_every_other_salt),
		cmocka_unit_test(the_password_comes_back_with_the_private_key),
		cmocka_unit_test(a_key_that_is_none_or_weak_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
