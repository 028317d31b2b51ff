/* mysql/scramble.h - what proves that we know a password: pure functions over password and nonce.
 *
 * Source: MySQL's protocol documentation (native, caching_sha2, sha256) and MariaDB's (ed25519, parsec). Nothing here
 * keeps a copy. */
#ifndef MY_SCRAMBLE_H
#define MY_SCRAMBLE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define MY_NATIVE_SIZE 20
#define MY_SHA2_SIZE 32
#define MY_ED25519_SIZE 64
#define MY_PARSEC_NONCE_SIZE 32
#define MY_PARSEC_SALT_SIZE 20 /* 'P', cost, salt */
#define MY_PARSEC_SIZE (MY_PARSEC_NONCE_SIZE + MY_ED25519_SIZE)

/** SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))), nonce of 20 bytes. */
void my_scramble_native(struct lt_str password, const uint8_t *nonce, uint8_t out[MY_NATIVE_SIZE]);
/** SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce), nonce of 20 bytes. */
void my_scramble_sha2(struct lt_str password, const uint8_t *nonce, uint8_t out[MY_SHA2_SIZE]);
/** The Ed25519 signature of the nonce (32 bytes) by the key that SHA512(password) is. */
void my_sign_ed25519(struct lt_str password, const uint8_t *nonce, uint8_t out[MY_ED25519_SIZE]);
/** `out` holds our own nonce in front; its rest becomes the Ed25519 signature of the server's nonce and ours, by the
 * key that PBKDF2-HMAC-SHA512 makes of the password as `salt` says. PROTOCOL where it says what nobody knows, or a cost
 * above 8192 rounds. */
LT_MUST_USE bool my_sign_parsec(
    struct lt_str password, struct lt_str salt, const uint8_t *nonce, uint8_t out[MY_PARSEC_SIZE], struct lt_err *err);
/** The password and its zero byte, XORed with the nonce (20 bytes), under the server's RSA key (OAEP), appended. */
LT_MUST_USE bool my_encrypt_password(
    struct lt_str password, const uint8_t *nonce, struct lt_str pem, struct lt_buf *out, struct lt_err *err);

#endif
