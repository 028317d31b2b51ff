#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"

struct code_info {
	enum lt_code code;
	enum lt_kind kind;
	int exit_status;
	const char *name, *hint;
};

static const struct code_info codes[] = {
#define LT_CODE(name, number, kind, exit_status, hint) { (number), LT_KIND_##kind, (exit_status), #name, (hint) },
#include "base/codes.def"
#undef LT_CODE
};

static const struct code_info *
info_of(enum lt_code code)
{
	for (size_t i = 0; i < LT_COUNT(codes); i++) {
		if (codes[i].code == code)
			return &codes[i];
	}
	return &codes[LT_COUNT(codes) - 1]; /* INTERNAL */
}

bool(lt_fail)(struct lt_err *err, enum lt_code code, const char *fmt, ...)
{
	va_list args;

	if (err == NULL)
		return false;
	err->code = code;
	err->server_errno = 0;
	err->sqlstate[0] = '\0';
	va_start(args, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, args);
	va_end(args);
	return false;
}

bool(lt_wrap)(struct lt_err *err, const char *fmt, ...)
{
	char text[LT_ERR_MESSAGE];
	va_list args;
	int n;

	if (err == NULL)
		return false;
	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n > 0 && (size_t)n + 2 < sizeof(text)) {
		snprintf(text + n, sizeof(text) - (size_t)n, ": %s", err->message);
		memcpy(err->message, text, sizeof(text));
	}
	return false;
}

enum lt_kind
lt_err_kind(const struct lt_err *err)
{
	return info_of(err->code)->kind;
}

int
lt_code_exit(enum lt_code code)
{
	return code == LT_OK ? 0 : info_of(code)->exit_status;
}

const char *
lt_code_hint(enum lt_code code)
{
	return info_of(code)->hint;
}

const char *
lt_code_name(enum lt_code code)
{
	return code == LT_OK ? "OK" : info_of(code)->name;
}

void
lt_where_table(struct lt_where *where, struct lt_str schema, struct lt_str table)
{
	snprintf(where->table, sizeof(where->table), "%.*s.%.*s", LT_FMT(schema), LT_FMT(table));
}

void
lt_where_text(const struct lt_where *where, char *out, size_t cap)
{
	char place[200] = "", line[40] = "";
	const char *parts[5];
	size_t count = 0, used = 0;

	if (where->line > 0)
		snprintf(line, sizeof(line), ":%u:%u", where->line, where->column);
	else if (where->file[0] != '\0' && where->pos > 0)
		snprintf(line, sizeof(line), ":%llu", (unsigned long long)where->pos);
	if (where->file[0] != '\0')
		snprintf(place, sizeof(place), "%s%s", where->file, line);

	if (where->pipeline[0] != '\0')
		parts[count++] = where->pipeline;
	if (place[0] != '\0')
		parts[count++] = place;
	if (where->gtid[0] != '\0')
		parts[count++] = where->gtid;
	if (where->table[0] != '\0')
		parts[count++] = where->table;

	out[0] = '\0';
	for (size_t i = 0; i < count && used < cap; i++) {
		int n = snprintf(out + used, cap - used, "%s%s", i > 0 ? ", " : "", parts[i]);

		used += n > 0 ? (size_t)n : 0;
	}
}

/* What to do, with the pipeline's name where one is known: quoted, since it holds a '>'. */
static void
add_hint(const struct lt_err *err, struct lt_buf *out)
{
	const char *hint = lt_code_hint(err->code), *blank = strrchr(err->where.pipeline, ' '), *at;
	const char *name = blank != NULL ? blank + 1 : err->where.pipeline; /* behind the channel's */

	while (name[0] != '\0' && (at = strstr(hint, " PIPELINE")) != NULL) {
		lt_buf_printf(out, "%.*s '%s'", (int)(at - hint), hint, name);
		hint = at + strlen(" PIPELINE");
	}
	lt_buf_z(out, hint);
}

void
lt_err_text(const struct lt_err *err, struct lt_buf *out)
{
	char where[700];

	lt_where_text(&err->where, where, sizeof(where));
	lt_buf_printf(out, "lutra: E%d %s", (int)err->code, err->message);
	if (where[0] != '\0')
		lt_buf_printf(out, " (%s)", where);
	lt_buf_z(out, ": ");
	add_hint(err, out);
}

static void
json_text_member(struct lt_buf *out, const char *key, const char *value)
{
	if (value[0] == '\0')
		return;
	lt_json_key(out, key);
	lt_json_str(out, lt_str_z(value));
}

static void
json_number_member(struct lt_buf *out, const char *key, uint64_t value)
{
	if (value == 0)
		return;
	lt_json_key(out, key);
	lt_buf_u64(out, value);
}

void
lt_err_json(const struct lt_err *err, struct lt_buf *out)
{
	struct lt_buf hint = { 0 };

	lt_buf_printf(out, "{\"code\":\"E%d\"", (int)err->code);
	json_text_member(out, "name", lt_code_name(err->code));
	lt_json_key(out, "message");
	lt_json_str(out, lt_str_z(err->message));
	json_number_member(out, "server_errno", err->server_errno);
	json_text_member(out, "sqlstate", err->sqlstate);
	lt_json_key(out, "where");
	lt_buf_c(out, '{');
	json_text_member(out, "pipeline", err->where.pipeline);
	json_text_member(out, "file", err->where.file);
	json_number_member(out, "pos", err->where.pos);
	json_number_member(out, "line", err->where.line);
	json_number_member(out, "column", err->where.column);
	json_text_member(out, "gtid", err->where.gtid);
	json_text_member(out, "table", err->where.table);
	lt_buf_c(out, '}');
	add_hint(err, &hint);
	json_text_member(out, "hint", lt_buf_cstr(&hint));
	lt_buf_c(out, '}');
	lt_buf_free(&hint);
}
