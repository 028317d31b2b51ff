#include "pipeline/window.h"

void
pipeline_window_clear(struct pipeline_window *w)
{
	for (size_t i = 0; i < w->count; i++) {
		change_position_clear(&w->items[i].begin);
		change_position_clear(&w->items[i].end);
	}
	free(w->items);
	*w = (struct pipeline_window){ 0 };
}

/* -- text ----------------------------------------------------------------------------------------- */

enum { BEGIN_FILE, BEGIN_POS, BEGIN_GTIDS, END_FILE, END_POS, END_LAST_POS, END_LAST_CRC, END_GTIDS, FIELDS };

/* `server` where it is another one's log than the lane's, else "". */
static void
add_line(const struct change_position *begin, const struct change_position *end, const char *server, struct lt_buf *out)
{
	lt_buf_printf(out, "%s|%llu|", begin->place.file, (unsigned long long)begin->place.pos);
	change_gtid_set_text(begin->gtids, out);
	lt_buf_printf(out, "|%s|%llu|%llu|%u|", end->place.file, (unsigned long long)end->place.pos,
	    (unsigned long long)end->place.last_pos, end->place.last_crc);
	change_gtid_set_text(end->gtids, out);
	lt_buf_printf(out, "%s%s\n", server[0] != '\0' ? "|" : "", server);
}

void
pipeline_window_line(const struct change_position *begin, const struct change_position *end, struct lt_buf *out)
{
	add_line(begin, end, "", out);
}

/* What stands before the next `c`, which is taken away too. */
static struct lt_str
cut(struct lt_str *s, char c)
{
	const char *at = s->len > 0 ? memchr(s->ptr, c, s->len) : NULL;
	size_t len = at != NULL ? (size_t)(at - s->ptr) : s->len, taken = at != NULL ? len + 1 : len;
	struct lt_str before = lt_str_of(s->ptr, len);

	*s = lt_str_of(s->ptr + taken, s->len - taken);
	return before;
}

static bool
parse_gtids(struct lt_str text, struct change_position *out, struct lt_err *err)
{
	struct change_gtid_set *set = NULL;

	if (!change_gtid_set_parse(text, &set, err))
		return false;
	change_gtid_set_free(out->gtids);
	out->gtids = set;
	return true;
}

static bool
parse_line(struct lt_str line, const char *server, struct pipeline_done *out, struct lt_err *err)
{
	struct lt_str fields[FIELDS];
	uint64_t crc;

	for (size_t i = 0; i < FIELDS; i++)
		fields[i] = cut(&line, '|');
	if (line.len >= sizeof(out->end.server) || !lt_str_u64(fields[BEGIN_POS], &out->begin.place.pos) ||
	    !lt_str_u64(fields[END_POS], &out->end.place.pos) ||
	    !lt_str_u64(fields[END_LAST_POS], &out->end.place.last_pos) || !lt_str_u64(fields[END_LAST_CRC], &crc))
		return lt_fail(err, LT_E_STATE_BROKEN, "lutra.lane: what was done ahead cannot be read");
	out->end.place.last_crc = (uint32_t)crc;
	lt_str_copy(out->begin.place.file, sizeof(out->begin.place.file), fields[BEGIN_FILE]);
	lt_str_copy(out->end.place.file, sizeof(out->end.place.file), fields[END_FILE]);
	line = line.len > 0 ? line : lt_str_z(server);
	lt_str_copy(out->begin.server, sizeof(out->begin.server), line);
	lt_str_copy(out->end.server, sizeof(out->end.server), line);
	return parse_gtids(fields[BEGIN_GTIDS], &out->begin, err) && parse_gtids(fields[END_GTIDS], &out->end, err);
}

bool
pipeline_window_parse(struct pipeline_window *w, const char *server, struct lt_str text, struct lt_err *err)
{
	while (text.len > 0) {
		struct pipeline_done *d;

		if (w->count == w->cap) {
			w->cap = w->cap > 0 ? w->cap * 2 : 8;
			w->items = lt_realloc(w->items, w->cap * sizeof(*w->items));
		}
		d = &w->items[w->count++];
		change_position_init(&d->begin);
		change_position_init(&d->end);
		if (!parse_line(cut(&text, '\n'), server, d, err))
			return false;
	}
	return true;
}

/* Whether places can be compared: all are known, and of the same server's log. */
static bool
is_same_log(const struct pipeline_done *d, const char *server, const struct change_place *at)
{
	return strcmp(server, d->end.server) == 0 && d->begin.place.file[0] != '\0' && d->end.place.file[0] != '\0' &&
	       at->file[0] != '\0';
}

/* Where places say nothing, what was executed does. */
static bool
covers(const struct change_position *at, const struct pipeline_done *d)
{
	if (is_same_log(d, at->server, &at->place))
		return change_place_cmp(&d->end.place, &at->place) <= 0;
	return !change_gtid_set_empty(d->end.gtids) && change_gtid_set_subset(d->end.gtids, at->gtids);
}

void
pipeline_window_text(const struct pipeline_window *w, const struct change_position *at, struct lt_buf *out)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct pipeline_done *d = &w->items[i];
		bool same_log = strcmp(d->end.server, at->server) == 0;

		if (!covers(at, d))
			add_line(&d->begin, &d->end, same_log ? "" : d->end.server, out);
	}
}

/* -- reading again -------------------------------------------------------------------------------- */

static bool
by_ids(const struct pipeline_done *d, const struct change_txn *t)
{
	return (t->gtid.kind == CHANGE_GTID_MYSQL || t->gtid.kind == CHANGE_GTID_MARIADB) &&
	       change_gtid_set_has(d->end.gtids, &t->gtid) && !change_gtid_set_has(d->begin.gtids, &t->gtid);
}

/* MariaDB's numbers need not ascend in its log: there places tell, as long as it is the same one. */
static bool
is_inside(const struct pipeline_done *d, bool same_log, bool ids, const struct change_txn *t)
{
	if (t->gtid.kind == CHANGE_GTID_MYSQL || (t->gtid.kind == CHANGE_GTID_MARIADB && !same_log))
		return ids;
	return same_log && change_place_cmp(&t->end, &d->begin.place) > 0 &&
	       change_place_cmp(&t->end, &d->end.place) <= 0;
}

bool
pipeline_window_holds(
    const struct pipeline_window *w, const char *server, const struct change_txn *t, bool *holds, struct lt_err *err)
{
	*holds = false;
	for (size_t i = 0; i < w->count && !*holds; i++) {
		const struct pipeline_done *d = &w->items[i];
		bool same_log = is_same_log(d, server, &t->end);
		int order = change_place_cmp(&t->end, &d->end.place);
		bool ids = by_ids(d, t), inside = is_inside(d, same_log, ids, t);

		if (!inside && !ids)
			continue;
		/* R13: the last one of the group must be the one that was applied, and none of its ids come behind it.
		 */
		if (same_log && (order > 0 || (order == 0 && t->end.last_crc != d->end.place.last_crc))) {
			change_txn_where(t, &err->where);
			return lt_fail(err, LT_E_LOG_HISTORY,
			    "a transaction that was applied before is another one in the log now");
		}
		*holds = inside;
	}
	return true;
}
