#include "mysql/proto.h"

#include "base/cur.h"

static bool
cut(struct lt_err *err, const char *what, size_t len)
{
	return lt_fail(err, LT_E_PROTOCOL, "the server's %s packet of %zu bytes is not well formed", what, len);
}

bool
my_handshake_decode(struct lt_str packet, struct my_handshake *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(packet);
	struct my_handshake hs = { 0 };
	struct lt_str version, part1, part2;
	uint8_t protocol, nonce_len;
	size_t part2_len;

	protocol = lt_cur_u8(&in);
	if (!lt_cur_ok(&in) || protocol != 10)
		return lt_fail(
		    err, LT_E_NOT_MYSQL, "the greeting is none of MySQL's protocol 10 (first byte %u)", protocol);
	version = lt_cur_z(&in);
	hs.thread_id = lt_cur_u32(&in);
	part1 = lt_cur_bytes(&in, 8);
	lt_cur_take(&in, 1);
	hs.caps = lt_cur_u16(&in);
	lt_cur_take(&in, 3); /* charset, status */
	hs.caps |= (uint32_t)lt_cur_u16(&in) << 16;
	nonce_len = lt_cur_u8(&in);
	lt_cur_take(&in, 6);
	hs.mariadb_caps = lt_cur_u32(&in);
	if ((hs.caps & MY_CAP_LONG_PASSWORD) != 0)
		hs.mariadb_caps = 0; /* filler */
	/* Eight bytes went before; the rest ends with a zero byte that is no part of it. */
	part2_len = nonce_len > 21 ? nonce_len - 8u : 13u;
	part2 = lt_cur_bytes(&in, part2_len);
	if (!lt_cur_ok(&in))
		return cut(err, "greeting", packet.len);

	memcpy(hs.nonce, part1.ptr, 8);
	memcpy(hs.nonce + 8, part2.ptr, part2_len - 1);
	hs.nonce_len = 8 + part2_len - 1;
	lt_str_copy(hs.version, sizeof(hs.version), version);
	if ((hs.caps & MY_CAP_PLUGIN_AUTH) != 0) {
		/* Old servers forget the zero byte behind the name. */
		struct lt_str plugin = lt_cur_rest(&in);
		const char *zero = plugin.len > 0 ? memchr(plugin.ptr, 0, plugin.len) : NULL;

		if (zero != NULL)
			plugin.len = (size_t)(zero - plugin.ptr);
		if (plugin.len == 0)
			return cut(err, "greeting", packet.len);
		lt_str_copy(hs.plugin, sizeof(hs.plugin), plugin);
	}

	*out = hs;
	return true;
}

void
my_version_decode(const char *version, uint32_t caps, struct my_server *out)
{
	const char *text = version, *at;
	uint32_t parts[3] = { 0 };
	bool prefixed = strncmp(text, "5.5.5-", 6) == 0 && text[6] >= '0' && text[6] <= '9';

	if (prefixed)
		text += 6;
	at = text;
	for (size_t i = 0; i < 3; i++) {
		while (*at >= '0' && *at <= '9' && parts[i] < 1000)
			parts[i] = parts[i] * 10 + (uint32_t)(*at++ - '0');
		if (*at != '.')
			break;
		at++;
	}
	out->version = LT_MIN(parts[0], 999u) * 10000 + LT_MIN(parts[1], 99u) * 100 + LT_MIN(parts[2], 99u);
	out->flavor =
	    prefixed || strstr(text, "MariaDB") != NULL || (caps & MY_CAP_LONG_PASSWORD) == 0 ? MY_MARIADB : MY_MYSQL;
	lt_str_copy(out->version_text, sizeof(out->version_text), lt_str_z(text));
}

bool
my_auth_switch_decode(struct lt_str packet, struct my_auth_switch *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(packet);
	struct my_auth_switch sw = { 0 };
	struct lt_str plugin, nonce;

	if (lt_cur_u8(&in) != MY_HEAD_EOF)
		return cut(err, "login switch", packet.len);
	if (packet.len == 1)
		return lt_fail(err, LT_E_AUTH_METHOD, "the server wants the login method of MySQL before 4.1");
	plugin = lt_cur_z(&in);
	nonce = lt_cur_rest(&in);
	if (!lt_cur_ok(&in) || plugin.len == 0 || plugin.len >= sizeof(sw.plugin))
		return cut(err, "login switch", packet.len);
	/* Only the nonces of 20 bytes have a zero byte behind; the last of the longer ones may be zero itself. */
	if (nonce.len == 21 && nonce.ptr[nonce.len - 1] == '\0')
		nonce.len--;
	if (nonce.len > sizeof(sw.nonce))
		return cut(err, "login switch", packet.len);
	lt_str_copy(sw.plugin, sizeof(sw.plugin), plugin);
	if (nonce.len > 0)
		memcpy(sw.nonce, nonce.ptr, nonce.len);
	sw.nonce_len = nonce.len;

	*out = sw;
	return true;
}

bool
my_ok_decode(struct lt_str packet, struct my_reply *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(packet);
	struct my_reply r = { 0 };
	uint8_t head = lt_cur_u8(&in);

	r.affected = lt_cur_lenenc(&in);
	r.insert_id = lt_cur_lenenc(&in);
	r.status = lt_cur_u16(&in);
	r.warnings = lt_cur_u16(&in);
	if (!lt_cur_ok(&in) || (head != MY_HEAD_OK && head != MY_HEAD_EOF))
		return cut(err, "OK", packet.len);

	*out = r;
	return true;
}

bool
my_eof_decode(struct lt_str packet, struct my_reply *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(packet);
	struct my_reply r = { 0 };
	uint8_t head = lt_cur_u8(&in);

	r.warnings = lt_cur_u16(&in);
	r.status = lt_cur_u16(&in);
	if (!lt_cur_ok(&in) || head != MY_HEAD_EOF || lt_cur_left(&in) > 0)
		return cut(err, "end-of-rows", packet.len);

	*out = r;
	return true;
}

bool
my_err_decode(struct lt_str packet, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(packet);
	char sqlstate[6] = "";
	uint8_t head = lt_cur_u8(&in);
	uint16_t number = lt_cur_u16(&in);

	if (!lt_cur_ok(&in) || head != MY_HEAD_ERR)
		return cut(err, "error", packet.len);
	/* An error before the login has no SQLSTATE. */
	if (lt_cur_left(&in) >= 6 && *in.at == '#') {
		lt_cur_take(&in, 1);
		lt_str_copy(sqlstate, sizeof(sqlstate), lt_cur_bytes(&in, 5));
	}
	return my_fail_server(err, number, sqlstate, lt_cur_rest(&in));
}

bool
my_column_decode(struct lt_str packet, struct lt_str *name, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(packet);
	struct lt_str shown;

	for (int i = 0; i < 4; i++) /* catalog, schema, table, original table */
		lt_cur_lenstr(&in);
	shown = lt_cur_lenstr(&in);
	lt_cur_lenstr(&in); /* original name */
	if (lt_cur_lenenc(&in) < 12)
		in.failed = true;
	lt_cur_take(&in, 12);
	if (!lt_cur_ok(&in))
		return cut(err, "column", packet.len);

	*name = shown;
	return true;
}

bool
my_text_row_decode(struct lt_str packet, size_t ncolumns, struct lt_str *cells, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(packet);

	for (size_t i = 0; i < ncolumns; i++) {
		if (lt_cur_left(&in) > 0 && *in.at == MY_HEAD_INFILE) {
			lt_cur_take(&in, 1);
			cells[i] = (struct lt_str){ NULL, 0 };
		} else {
			cells[i] = lt_cur_lenstr(&in);
		}
	}
	if (!lt_cur_ok(&in) || lt_cur_left(&in) > 0)
		return cut(err, "row", packet.len);
	return true;
}

bool
my_prepared_decode(struct lt_str packet, struct my_prepared *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(packet);
	struct my_prepared p;
	uint8_t head = lt_cur_u8(&in);

	p.id = lt_cur_u32(&in);
	p.ncolumns = lt_cur_u16(&in);
	p.nparams = lt_cur_u16(&in);
	lt_cur_take(&in, 3); /* filler, warnings */
	if (!lt_cur_ok(&in) || head != MY_HEAD_OK)
		return cut(err, "prepare", packet.len);

	*out = p;
	return true;
}
