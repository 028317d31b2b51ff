#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mysql/conn_priv.h"
#include "unit/mysql/peer.h"

/* 100 times 'a' in a frame, by Python's zlib.compress(level 6) and by the program zstd (level 3). */
static const struct {
	enum my_zip_kind kind;
	struct lt_str frame;
} known[] = {
	{ MY_ZIP_ZLIB, { "\x0c\0\0\1\x64\0\0\x78\x9c\x4b\x4c\xa4\x3d\x00\x00\x7a\x47\x25\xe5", 7 + 12 } },
	{ MY_ZIP_ZSTD,
	    { "\x15\0\0\1\x64\0\0\x28\xb5\x2f\xfd\x04\x58\x45\x00\x00\x10\x61\x61\x01\x00\x3f\x01\x2c\xb3\xcf\xde\xb1",
		7 + 21 } },
};

static void
command(struct lt_buf *queue, size_t size, uint8_t fill)
{
	size_t left = size;
	uint8_t seq = 0;

	do {
		size_t piece = LT_MIN(left, MY_PIECE_MAX);

		lt_buf_le(queue, piece, 3);
		lt_buf_le(queue, seq++, 1);
		memset(lt_buf_reserve(queue, piece), fill, piece);
		for (size_t i = 0; i < piece; i += 17)
			queue->ptr[queue->len + i] = (char)(i * i / 3);
		queue->len += piece;
		left -= piece;
		if (piece < MY_PIECE_MAX)
			return;
	} while (true);
}

/* All frames of `wire`, expanded; the number of those that begin a command. */
static size_t
unpack_all(struct my_zip *z, struct lt_str wire, struct lt_buf *out)
{
	size_t commands = 0, at = 0, used = 0;
	struct lt_err err = { 0 };

	while (at < wire.len) {
		commands += wire.ptr[at + 3] == 0;
		assert_true(my_zip_unpack(z, lt_str_of(wire.ptr + at, wire.len - at), out, &used, &err));
		assert_true(used > 0);
		at += used;
	}
	return commands;
}

static void
commands_come_back_and_each_begins_a_frame_of_its_own(void **state)
{
	static const size_t sizes[] = { 1, 5, 45, 46, 47, 48, 1000, 262139, 262140, 262141, 262144, 1000000 };

	(void)state;
	for (int kind = MY_ZIP_ZLIB; kind < MY_ZIP_COUNT; kind++) {
		struct my_zip *z = my_zip_new((enum my_zip_kind)kind);
		struct lt_buf queue = { 0 }, wire = { 0 }, back = { 0 };

		for (size_t i = 0; i < LT_COUNT(sizes); i++)
			command(&queue, sizes[i], (uint8_t)i);
		my_zip_pack(z, lt_buf_str(&queue), &wire);
		assert_true(wire.len < queue.len / 2);
		assert_int_equal(unpack_all(z, lt_buf_str(&wire), &back), LT_COUNT(sizes));
		assert_true(lt_str_eq(lt_buf_str(&queue), lt_buf_str(&back)));

		/* Pieces of one command go on counting, over 60 frames and more. */
		lt_buf_clear(&queue);
		lt_buf_clear(&wire);
		lt_buf_clear(&back);
		command(&queue, MY_PIECE_MAX + 7, 'x');
		my_zip_pack(z, lt_buf_str(&queue), &wire);
		assert_int_equal(unpack_all(z, lt_buf_str(&wire), &back), 1);
		assert_true(lt_str_eq(lt_buf_str(&queue), lt_buf_str(&back)));
		lt_buf_free(&queue);
		lt_buf_free(&wire);
		lt_buf_free(&back);
		my_zip_free(z);
	}
}

static void
others_frames_are_understood_and_no_part_of_them(void **state)
{
	(void)state;
	for (size_t k = 0; k < LT_COUNT(known); k++) {
		struct my_zip *z = my_zip_new(known[k].kind);
		struct lt_str frame = known[k].frame;
		struct lt_buf out = { 0 };
		struct lt_err err = { 0 };
		size_t used = 1;

		for (size_t n = 0; n < frame.len; n++) {
			assert_true(my_zip_unpack(z, lt_str_of(frame.ptr, n), &out, &used, &err));
			assert_true(used == 0 && out.len == 0);
		}
		assert_true(my_zip_unpack(z, frame, &out, &used, &err));
		assert_true(used == frame.len && out.len == 100);
		for (size_t i = 0; i < 100; i++)
			assert_int_equal(out.ptr[i], 'a');
		/* The other method's frame is none. */
		my_zip_free(z);
		z = my_zip_new(known[k].kind == MY_ZIP_ZLIB ? MY_ZIP_ZSTD : MY_ZIP_ZLIB);
		assert_false(my_zip_unpack(z, frame, &out, &used, &err));
		assert_int_equal(err.code, LT_E_PROTOCOL);
		assert_int_equal(out.len, 100);
		lt_buf_free(&out);
		my_zip_free(z);
	}
}

/* What the head says must be what the body holds. */
static void
frames_that_lie_are_refused(void **state)
{
	(void)state;
	for (size_t k = 0; k < LT_COUNT(known); k++) {
		struct my_zip *z = my_zip_new(known[k].kind);
		struct lt_str frame = known[k].frame;
		uint8_t bytes[64] = { 0 };
		struct lt_buf out = { 0 };
		struct lt_err err = { 0 };
		size_t used = 0;

		memcpy(bytes, frame.ptr, frame.len);
		for (unsigned plain = 1; plain < 256; plain++) {
			bytes[4] = (uint8_t)plain;
			assert_int_equal(
			    my_zip_unpack(z, lt_str_of(bytes, sizeof(bytes)), &out, &used, &err), plain == 100);
		}
		bytes[4] = 100;
		/* One byte less of the body, and one more. */
		for (int d = -1; d <= 1; d += 2) {
			bytes[0] = (uint8_t)((uint8_t)frame.ptr[0] + d);
			assert_false(my_zip_unpack(z, lt_str_of(bytes, sizeof(bytes)), &out, &used, &err));
			assert_int_equal(err.code, LT_E_PROTOCOL);
		}
		/* Nothing, and more than can be, are refused before their bytes are waited for. */
		bytes[0] = 0;
		assert_false(my_zip_unpack(z, lt_str_of(bytes, 7), &out, &used, &err));
		bytes[0] = 20;
		bytes[6] = 0xff;
		assert_false(my_zip_unpack(z, lt_str_of(bytes, 7), &out, &used, &err));
		assert_int_equal(err.code, LT_E_PROTOCOL);
		assert_int_equal(out.len, 100);
		lt_buf_free(&out);
		my_zip_free(z);
	}
}

/* A connection that compresses, to a peer that says these bytes behind its plain greeting and OK, and no more. */
static enum lt_code
talk(struct lt_str frames, enum my_zip_kind kind)
{
	const struct my_addr addr = { .user = "u", .ssl_mode = MY_SSL_DISABLED, .zip_kinds = 1u << kind };
	struct lt_err err = { 0 };
	struct my_rows *rows = NULL;
	struct peer p;

	peer_pair(&p);
	peer_packet(&p, 0, peer_greeting_mysql);
	peer_packet(&p, 2, peer_ok);
	peer_bytes(&p, frames);
	peer_end(&p);
	if (my_connect_fd(p.client_fd, &addr, &p.conn, &err)) {
		assert_int_equal(my_conn_server(p.conn)->zip, kind);
		if (my_query(p.conn, "SELECT 1", &rows, &err)) {
			assert_int_equal(rows->nrows, 2);
			my_rows_free(rows);
		}
	} else {
		p.conn = NULL;
	}
	p.client_fd = -1;
	peer_close(&p);
	return err.code;
}

static void
a_compressed_line_cut_anywhere_is_a_lost_link(void **state)
{
	(void)state;
	for (int kind = MY_ZIP_ZLIB; kind < MY_ZIP_COUNT; kind++) {
		struct my_zip *z = my_zip_new((enum my_zip_kind)kind);
		struct lt_buf said = { 0 }, wire = { 0 };

		peer_script(&said, 0, peer_ok); /* SET NAMES */
		peer_script(&said, 0, LT_STR("\1"));
		peer_script(&said, 0, peer_column("column"));
		for (int i = 0; i < 2; i++)
			peer_script(&said, 0,
			    LT_STR("\x3c"
				   "a value that is long enough to be worth the compressing work"));
		peer_script(&said, 0, lt_str_of("\xfe\0\0\2\0\0\0", 7));
		my_zip_pack(z, lt_buf_str(&said), &wire);
		assert_int_equal(talk(lt_buf_str(&wire), (enum my_zip_kind)kind), LT_OK);
		for (size_t n = 0; n < wire.len; n++)
			assert_int_equal(talk(lt_str_of(wire.ptr, n), (enum my_zip_kind)kind), LT_E_LINK_LOST);
		lt_buf_free(&said);
		lt_buf_free(&wire);
		my_zip_free(z);
	}
}

static void
a_server_without_the_method_is_refused(void **state)
{
	const struct my_addr addr = { .user = "u", .ssl_mode = MY_SSL_DISABLED, .zip_kinds = 1u << MY_ZIP_ZSTD };
	struct lt_err err = { 0 };
	struct peer p;

	(void)state;
	peer_pair(&p);
	peer_packet(&p, 0, peer_greeting_mariadb);
	peer_end(&p);
	assert_false(my_connect_fd(p.client_fd, &addr, &p.conn, &err));
	assert_int_equal(err.code, LT_E_COMPRESSION);
	p.client_fd = -1;
	peer_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_come_back_and_each_begins_a_frame_of_its_own),
		cmocka_unit_test(others_frames_are_understood_and_no_part_of_them),
		cmocka_unit_test(frames_that_lie_are_refused),
		cmocka_unit_test(a_compressed_line_cut_anywhere_is_a_lost_link),
		cmocka_unit_test(a_server_without_the_method_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
