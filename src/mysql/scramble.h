/* mysql/scramble.h - what proves that we know a password: pure functions over password and nonce.
 *
 * Source: MySQL's protocol documentation (native, caching_sha2) and MariaDB's (ed25519). Nothing here keeps a copy. */
#ifndef MY_SCRAMBLE_H
#define MY_SCRAMBLE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define MY_NATIVE_SIZE 20
#define MY_SHA2_SIZE 32
#define MY_ED25519_SIZE 64

/** SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))), nonce of 20 bytes. */
void my_scramble_native(struct lt_str password, const uint8_t *nonce, uint8_t out[MY_NATIVE_SIZE]);
/** SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce), nonce of 20 bytes. */
void my_scramble_sha2(struct lt_str password, const uint8_t *nonce, uint8_t out[MY_SHA2_SIZE]);
/** The Ed25519 signature of the nonce (32 bytes) by the key that SHA512(password) is. */
void my_sign_ed25519(struct lt_str password, const uint8_t *nonce, uint8_t out[MY_ED25519_SIZE]);
/** The password and its zero byte, XORed with the nonce (20 bytes), under the server's RSA key (OAEP), appended. */
LT_MUST_USE bool my_encrypt_password(
    struct lt_str password, const uint8_t *nonce, struct lt_str pem, struct lt_buf *out, struct lt_err *err);

#endif
