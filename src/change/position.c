#include "change/position.h"

/** Where the digits at the end of a log file's name begin. */
static size_t
suffix_start(struct lt_str name)
{
	size_t at = name.len;

	while (at > 0 && name.ptr[at - 1] >= '0' && name.ptr[at - 1] <= '9')
		at--;
	return at;
}

static int
suffix_cmp(struct lt_str a, struct lt_str b)
{
	while (a.len > 0 && a.ptr[0] == '0')
		a = lt_str_of(a.ptr + 1, a.len - 1);
	while (b.len > 0 && b.ptr[0] == '0')
		b = lt_str_of(b.ptr + 1, b.len - 1);
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return lt_str_cmp(a, b);
}

int
change_place_cmp(const struct change_place *a, const struct change_place *b)
{
	struct lt_str fa = lt_str_z(a->file), fb = lt_str_z(b->file);
	size_t sa = suffix_start(fa), sb = suffix_start(fb);
	int order = lt_str_cmp(lt_str_of(fa.ptr, sa), lt_str_of(fb.ptr, sb));

	if (order == 0)
		order = suffix_cmp(lt_str_of(fa.ptr + sa, fa.len - sa), lt_str_of(fb.ptr + sb, fb.len - sb));
	if (order == 0)
		order = (a->pos > b->pos) - (a->pos < b->pos);
	return order;
}

void
change_position_init(struct change_position *p)
{
	*p = (struct change_position){ .gtids = change_gtid_set_new() };
}

void
change_position_clear(struct change_position *p)
{
	change_gtid_set_free(p->gtids);
	*p = (struct change_position){ 0 };
}

void
change_position_copy(struct change_position *dst, const struct change_position *src)
{
	struct change_gtid_set *gtids = change_gtid_set_copy(src->gtids);

	change_gtid_set_free(dst->gtids);
	*dst = *src;
	dst->gtids = gtids;
}

void
change_position_json(const struct change_position *p, struct lt_buf *out)
{
	struct lt_buf gtids = { 0 };

	change_gtid_set_text(p->gtids, &gtids);
	lt_buf_z(out, "{\"file\":");
	lt_json_str(out, lt_str_z(p->place.file));
	lt_buf_z(out, ",\"pos\":");
	lt_buf_u64(out, p->place.pos);
	lt_buf_z(out, ",\"gtid\":");
	lt_json_str(out, lt_buf_str(&gtids));
	lt_buf_c(out, '}');
	lt_buf_free(&gtids);
}
