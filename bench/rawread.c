/* bench/rawread HOST PORT USER FILE BYTES - the limit for whoever reads a server's log over a socket: one thread takes
 * packet by packet, as `lutra binlog dump` would, and looks at none. Password: environment, RAWREAD_PASSWORD. Ends once
 * BYTES of events have come. */
#include <stdio.h>

#include "base/buf.h"
#include "mysql/conn.h"

enum { COM_REGISTER_SLAVE = 0x15, COM_BINLOG_DUMP = 0x12 };
enum { NON_BLOCK = 1, ANNOTATE = 2, SERVER_ID = 1234567890, PACKET_MAX = 1 << 30 };

static bool
begin(struct my_conn *c, const char *file, struct lt_err *err)
{
	bool mariadb = my_conn_server(c)->flavor == MY_MARIADB;
	struct lt_buf replica = { 0 }, dump = { 0 };
	struct lt_str reply;
	bool ok = false;

	lt_buf_le(&replica, SERVER_ID, 4);
	lt_buf_le(&replica, 0, 13);
	lt_buf_le(&dump, 4, 4);
	lt_buf_le(&dump, NON_BLOCK | (mariadb ? ANNOTATE : 0), 2);
	lt_buf_le(&dump, SERVER_ID, 4);
	lt_buf_z(&dump, file);
	if (!my_exec(c, "SET @source_binlog_checksum = 'CRC32', @master_binlog_checksum = 'CRC32'", NULL, err))
		goto out;
	if (mariadb && !my_exec(c, "SET @mariadb_slave_capability = 4", NULL, err))
		goto out;
	if (!my_command(c, COM_REGISTER_SLAVE, lt_buf_str(&replica), err) ||
	    !my_read_packet(c, -1, PACKET_MAX, &reply, err))
		goto out;
	ok = my_command(c, COM_BINLOG_DUMP, lt_buf_str(&dump), err);
out:
	lt_buf_free(&replica);
	lt_buf_free(&dump);
	return ok;
}

static bool
read_all(struct my_conn *c, uint64_t limit, uint64_t *bytes, uint64_t *events, struct lt_err *err)
{
	struct lt_str packet;

	while (*bytes < limit) {
		if (!my_read_packet(c, -1, PACKET_MAX, &packet, err))
			return false;
		if (packet.len == 0)
			return lt_fail(
			    err, LT_E_TRUNCATED, "the log ends after %llu bytes", (unsigned long long)*bytes);
		*bytes += packet.len - 1;
		(*events)++;
	}
	return true;
}

int
main(int argc, char **argv)
{
	struct my_addr addr = { .ssl_mode = MY_SSL_DISABLED };
	uint64_t port = 0, limit = 0, bytes = 0, events = 0;
	struct my_conn *c = NULL;
	struct lt_err err = { 0 };
	bool ok;

	if (argc != 6 || !lt_str_u64(lt_str_z(argv[2]), &port) || !lt_str_u64(lt_str_z(argv[5]), &limit)) {
		fprintf(stderr, "usage: rawread HOST PORT USER FILE BYTES\n");
		return 2;
	}
	addr.host = argv[1];
	addr.port = (uint16_t)port;
	addr.user = argv[3];
	addr.password = getenv("RAWREAD_PASSWORD");
	ok = my_connect(&addr, &c, &err) && begin(c, argv[4], &err) && read_all(c, limit, &bytes, &events, &err);
	my_close(c);
	if (!ok) {
		fprintf(stderr, "rawread: %s\n", err.message);
		return 1;
	}
	printf("{\"bytes\":%llu,\"events\":%llu}\n", (unsigned long long)bytes, (unsigned long long)events);
	return 0;
}
