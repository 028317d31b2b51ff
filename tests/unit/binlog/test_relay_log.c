#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "binlog/relay_log.h"
#include "events.h"

#define LIMIT ((uint64_t)1 << 20)
#define SERVER "11111111-2222-3333-4444-555555555555"
#define UUID "01020304-0506-0708-090a-0b0c0d0e0f10"

/* A log in a folder of its own, and a stream that fills it. */
struct relay {
	char dir[64], path[96];
	struct binlog_relay_log log;
	struct binlog_track track;
	struct change_gtid_set *none;
};

static void
open_log(struct relay *r, uint64_t want_cut)
{
	struct lt_err err = { 0 };
	uint64_t cut = 99;

	if (!binlog_relay_log_open(&r->log, r->path, LIMIT, &cut, &err))
		fail_msg("%s", err.message);
	assert_true(want_cut == UINT64_MAX ? cut > 0 : cut == want_cut);
}

static void
close_log(struct relay *r)
{
	binlog_relay_log_close(&r->log);
}

static void
begin(struct relay *r)
{
	*r = (struct relay){ .dir = "/tmp/lutra-relay-XXXXXX", .track = { .stream = true } };
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->path, sizeof(r->path), "%s/hz", r->dir);
	r->none = change_gtid_set_new();
	open_log(r, 0);
}

static void
end(struct relay *r)
{
	assert_true(binlog_relay_log_drop(&r->log, NULL));
	close_log(r);
	change_gtid_set_free(r->none);
	assert_int_equal(rmdir(r->path), 0); /* nothing is left in it */
	rmdir(r->dir);
}

static void
add(struct relay *r, struct lt_str bytes)
{
	struct binlog_relay_entry e = { .bytes = bytes, .kind = BINLOG_RELAY_SHOWN };
	struct binlog_rotate rotate;
	bool artificial = binlog_track_artificial(&r->track, bytes.ptr);
	struct lt_err err = { 0 };

	assert_true(binlog_event_open(bytes, binlog_relay_checksum(&r->track, &r->log.format, bytes), &e.event, NULL));
	e.at = (struct binlog_at){ r->track.file, r->track.pos, r->track.pos };
	if (artificial) {
		assert_true(binlog_rotate_decode(e.event.body, &rotate, NULL));
		binlog_track_rotate(&r->track, &rotate);
	} else if (e.event.header.type == BINLOG_FORMAT_DESCRIPTION) {
		binlog_track_format(&r->track, bytes.len, true);
		e.kind = BINLOG_RELAY_EVENT;
	} else {
		e.kind = BINLOG_RELAY_EVENT;
		e.at = binlog_track_at(&r->track, &e.event.header);
		r->track.pos = e.at.end;
	}
	if (!binlog_relay_log_add(&r->log, &e, &err))
		fail_msg("%s", err.message);
}

static void
add_event(struct relay *r, uint8_t type, struct lt_str body)
{
	struct lt_buf b = { 0 };

	put_event(&b, type, 0, r->track.pos, body);
	add(r, lt_buf_str(&b));
	lt_buf_free(&b);
}

/* The stream begins with `file`, or goes over to it. */
static void
add_file(struct relay *r, const char *file)
{
	struct lt_buf body = { 0 }, b = { 0 };
	struct binlog_relay_begin at = { .server = SERVER, .place = { .pos = 4 }, .gtids = r->none };

	lt_buf_le(&body, 4, 8);
	lt_buf_z(&body, file);
	put_event(&b, BINLOG_ROTATE, BINLOG_FLAG_ARTIFICIAL, 0, lt_buf_str(&body));
	lt_str_copy(at.place.file, sizeof(at.place.file), lt_str_z(file));
	if (r->log.count == 0)
		assert_true(binlog_relay_log_begin(&r->log, &at, NULL));
	add(r, lt_buf_str(&b));
	lt_buf_clear(&b);
	put_format(&b, 0);
	add(r, lt_buf_str(&b));
	lt_buf_free(&body);
	lt_buf_free(&b);
}

/* GTID, some bytes, the end. */
static void
add_txn(struct relay *r, uint64_t number, size_t bytes)
{
	struct lt_buf b = { 0 };

	gtid_body(&b, number);
	add_event(r, BINLOG_GTID, lt_buf_str(&b));
	lt_buf_clear(&b);
	for (size_t i = 0; i < bytes; i++)
		lt_buf_c(&b, (char)i);
	add_event(r, BINLOG_ROWS_QUERY, lt_buf_str(&b));
	lt_buf_clear(&b);
	lt_buf_le(&b, number, 8);
	add_event(r, BINLOG_XID, lt_buf_str(&b));
	lt_buf_free(&b);
}

static void
executed_is(const struct relay *r, const char *want)
{
	struct lt_buf text = { 0 };

	change_gtid_set_text(r->log.executed, &text);
	assert_string_equal(lt_buf_cstr(&text), want);
	lt_buf_free(&text);
}

static struct change_position
position(const struct relay *r, const struct change_place *place)
{
	struct change_position p;

	change_position_init(&p);
	lt_str_copy(p.server, sizeof(p.server), lt_str_z(SERVER));
	(void)r;
	p.place = *place;
	return p;
}

static enum binlog_relay_cover
cover(const struct relay *r, const struct change_place *place, size_t *segment)
{
	struct change_position p = position(r, place);
	bool by_gtid;
	enum binlog_relay_cover c = binlog_relay_log_cover(&r->log, &p, segment, &by_gtid);

	assert_false(by_gtid);
	change_position_clear(&p);
	return c;
}

static enum binlog_relay_cover
cover_gtids(const struct relay *r, const char *server, const char *gtids, size_t *segment)
{
	struct change_position p;
	bool by_gtid;
	enum binlog_relay_cover c;

	change_position_init(&p);
	lt_str_copy(p.server, sizeof(p.server), lt_str_z(server));
	change_gtid_set_free(p.gtids);
	assert_true(change_gtid_set_parse(lt_str_z(gtids), &p.gtids, NULL));
	c = binlog_relay_log_cover(&r->log, &p, segment, &by_gtid);
	assert_true(by_gtid);
	change_position_clear(&p);
	return c;
}

/* -- tests ---------------------------------------------------------------------------------------- */

static void
what_was_written_is_found_again(void **state)
{
	struct change_place last;
	struct relay r;

	(void)state;
	begin(&r);
	add_file(&r, "binlog.000001");
	add_txn(&r, 1, 100);
	add_txn(&r, 2, 100);
	executed_is(&r, UUID ":1"); /* whether the second is whole is not known */
	binlog_relay_log_whole(&r.log);
	executed_is(&r, UUID ":1-2");
	last = r.log.last;
	assert_true(binlog_relay_log_sync(&r.log, NULL));
	close_log(&r);

	open_log(&r, 0);
	assert_int_equal(r.log.count, 1);
	assert_string_equal(r.log.server, SERVER);
	assert_int_equal(change_place_cmp(&r.log.last, &last), 0);
	assert_true(r.log.last.last_pos == last.last_pos && r.log.last.last_crc == last.last_crc);
	executed_is(&r, UUID ":1");
	assert_true(r.log.synced == 0); /* that run may have been killed before it was durable */
	end(&r);
}

/* Wherever the end is cut: what is whole before stays, and what comes behind can be added again. */
static void
every_torn_end_is_cut_off(void **state)
{
	struct relay r;
	struct change_place first;
	struct binlog_track track;
	char path[4096];
	uint64_t one, both, ends[3];

	(void)state;
	begin(&r);
	add_file(&r, "binlog.000001");
	add_txn(&r, 1, 30);
	assert_true(binlog_relay_log_sync(&r.log, NULL));
	one = r.log.written;
	first = r.log.last;
	track = r.track;
	add_txn(&r, 2, 30);
	assert_true(binlog_relay_log_sync(&r.log, NULL));
	both = r.log.written;
	ends[0] = one + BINLOG_RELAY_RECORD_SIZE + BINLOG_HEADER_SIZE + 25 + BINLOG_CHECKSUM_SIZE;
	ends[1] = ends[0] + BINLOG_RELAY_RECORD_SIZE + BINLOG_HEADER_SIZE + 30 + BINLOG_CHECKSUM_SIZE;
	ends[2] = both;
	assert_true(binlog_relay_file_path(r.path, r.log.segments[0].number, path));
	for (uint64_t size = both - 1; size > one; size--) {
		uint64_t whole = size >= ends[1] ? ends[1] : size >= ends[0] ? ends[0] : one;

		close_log(&r);
		assert_int_equal(truncate(path, (off_t)size), 0);
		open_log(&r, size - whole);
		assert_true(r.log.written == whole);
	}
	assert_int_equal(change_place_cmp(&r.log.last, &first), 0);
	r.track = track;
	add_txn(&r, 2, 30);
	assert_true(binlog_relay_log_sync(&r.log, NULL));
	assert_true(r.log.written == both);
	end(&r);
}

static void
a_wrong_byte_ends_what_is_believed(void **state)
{
	struct relay r;
	char path[4096], c = 'x';
	uint64_t one;
	FILE *f;

	(void)state;
	begin(&r);
	add_file(&r, "binlog.000001");
	add_txn(&r, 1, 30);
	assert_true(binlog_relay_log_sync(&r.log, NULL));
	one = r.log.written;
	add_txn(&r, 2, 30);
	assert_true(binlog_relay_log_sync(&r.log, NULL));
	assert_true(binlog_relay_file_path(r.path, r.log.segments[0].number, path));
	f = fopen(path, "r+");
	assert_true(f != NULL && fseek(f, (long)one + BINLOG_RELAY_RECORD_SIZE + 3, SEEK_SET) == 0);
	assert_int_equal(fwrite(&c, 1, 1, f), 1);
	fclose(f);
	close_log(&r);
	open_log(&r, UINT64_MAX);
	assert_true(r.log.written == one);
	end(&r);
}

/* A file that was made when the machine went down holds no event: the log goes on behind the one before it. */
static void
files_without_an_event_are_removed(void **state)
{
	struct change_place last;
	struct relay r;
	char path[4096];

	(void)state;
	begin(&r);
	add_file(&r, "binlog.000001");
	add_txn(&r, 1, 30);
	last = r.log.last;
	add_file(&r, "binlog.000002");
	assert_int_equal(r.log.count, 2);
	assert_true(binlog_relay_log_sync(&r.log, NULL));
	assert_true(binlog_relay_file_path(r.path, 2, path));
	close_log(&r);
	open_log(&r, 0);
	assert_int_equal(r.log.count, 1);
	assert_int_equal(change_place_cmp(&r.log.last, &last), 0);
	assert_int_not_equal(access(path, F_OK), 0);
	close_log(&r);

	fclose(fopen(path, "w")); /* not even a head */
	open_log(&r, 0);
	assert_int_equal(r.log.count, 1);
	end(&r);
}

/* Between two transactions, once it is large enough; a reader may begin in each. */
static void
files_are_begun_and_given_up_whole(void **state)
{
	struct change_place places[40];
	struct change_position saved;
	struct relay r;
	size_t segment = 0, before;

	(void)state;
	begin(&r);
	add_file(&r, "binlog.000001");
	for (uint64_t i = 0; i < 40; i++) {
		add_txn(&r, i + 1, 30000);
		places[i] = r.log.last;
	}
	assert_true(binlog_relay_log_sync(&r.log, NULL));
	assert_true(r.log.count > 5);
	before = r.log.count;
	for (size_t i = 0; i < 40; i++) {
		assert_int_equal(cover(&r, &places[i], &segment), BINLOG_RELAY_COVERS);
		assert_true(r.log.segments[segment].start.pos <= places[i].last_pos);
		assert_true(segment + 1 == before || r.log.segments[segment + 1].start.pos > places[i].last_pos);
	}
	saved = position(&r, &places[20]);
	cover(&r, &places[20], &segment);
	binlog_relay_log_trim(&r.log, &saved);
	assert_int_equal(r.log.count, before - segment);
	assert_int_equal(cover(&r, &places[20], &segment), BINLOG_RELAY_COVERS);
	assert_int_equal(segment, 0);
	assert_int_equal(cover(&r, &places[0], &segment), BINLOG_RELAY_FOREIGN);
	close_log(&r);
	open_log(&r, 0);
	assert_int_equal(cover(&r, &places[20], &segment), BINLOG_RELAY_COVERS);
	executed_is(&r, UUID ":1-39");

	lt_str_copy(saved.server, sizeof(saved.server), LT_STR("another"));
	saved.place = places[39];
	before = r.log.count;
	binlog_relay_log_trim(&r.log, &saved);
	assert_int_equal(r.log.count, before); /* another server's places say nothing */
	change_position_clear(&saved);
	end(&r);
}

static void
a_place_is_behind_in_or_foreign(void **state)
{
	struct change_place p, start = { .file = "binlog.000001", .pos = 4 };
	struct relay r;
	size_t segment;

	(void)state;
	begin(&r);
	add_file(&r, "binlog.000001");
	assert_int_equal(cover(&r, &start, &segment), BINLOG_RELAY_BEHIND); /* no event is there yet */
	add_txn(&r, 1, 30);
	p = r.log.last;
	assert_int_equal(cover(&r, &p, &segment), BINLOG_RELAY_COVERS);
	assert_int_equal(cover(&r, &start, &segment), BINLOG_RELAY_COVERS);
	p.pos += 100;
	p.last_pos += 100;
	assert_int_equal(cover(&r, &p, &segment), BINLOG_RELAY_BEHIND);
	p = (struct change_place){ .file = "binlog.000001", .pos = r.log.last.last_pos };
	assert_int_equal(cover(&r, &p, &segment), BINLOG_RELAY_FOREIGN); /* nothing tells that it is the same log */
	p = (struct change_place){ .file = "binlog.000000", .pos = 900, .last_pos = 800 };
	assert_int_equal(cover(&r, &p, &segment), BINLOG_RELAY_FOREIGN);
	end(&r);
}

static void
without_a_place_gtids_tell(void **state)
{
	struct relay r;
	size_t segment;

	(void)state;
	begin(&r);
	add_file(&r, "binlog.000001");
	add_txn(&r, 1, 30);
	add_txn(&r, 2, 30);
	binlog_relay_log_whole(&r.log);
	assert_int_equal(cover_gtids(&r, SERVER, UUID ":1", &segment), BINLOG_RELAY_COVERS);
	assert_int_equal(cover_gtids(&r, SERVER, UUID ":1-2", &segment), BINLOG_RELAY_COVERS);
	assert_int_equal(cover_gtids(&r, SERVER, UUID ":1-3", &segment), BINLOG_RELAY_BEHIND);
	assert_int_equal(cover_gtids(&r, SERVER, UUID ":1:5", &segment), BINLOG_RELAY_FOREIGN);
	assert_int_equal(cover_gtids(&r, "another", UUID ":1", &segment), BINLOG_RELAY_FOREIGN);
	end(&r);
}

static void
a_full_disk_leaves_it_whole(void **state)
{
	struct lt_err err = { 0 };
	struct relay r;
	uint64_t written;

	(void)state;
	begin(&r);
	add_file(&r, "binlog.000001");
	add_txn(&r, 1, 30);
	assert_true(binlog_relay_log_sync(&r.log, NULL));
	written = r.log.written;
	add_txn(&r, 2, 30);
	close(r.log.fd);
	r.log.fd = open("/dev/full", O_WRONLY);
	assert_false(binlog_relay_log_sync(&r.log, &err));
	assert_int_equal(err.code, LT_E_RELAY_IO);
	assert_true(r.log.written == written);
	close_log(&r);
	open_log(&r, 0);
	assert_true(r.log.written == written);
	end(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_found_again),
		cmocka_unit_test(every_torn_end_is_cut_off),
		cmocka_unit_test(a_wrong_byte_ends_what_is_believed),
		cmocka_unit_test(files_without_an_event_are_removed),
		cmocka_unit_test(files_are_begun_and_given_up_whole),
		cmocka_unit_test(a_place_is_behind_in_or_foreign),
		cmocka_unit_test(without_a_place_gtids_tell),
		cmocka_unit_test(a_full_disk_leaves_it_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
