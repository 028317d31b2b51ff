/* mysql/stmt.h - parameters of prepared statements, in the binary protocol's types. */
#ifndef MY_STMT_H
#define MY_STMT_H

#include "base/str.h"
#include "mysql/conn.h"

/** Which member of my_param counts, and as what the server sees the value. */
enum my_param_kind {
	MY_PARAM_NULL,
	MY_PARAM_I64,
	MY_PARAM_U64,
	MY_PARAM_FLOAT, /* MYSQL_TYPE_FLOAT: the four bytes */
	MY_PARAM_DOUBLE,
	MY_PARAM_DECIMAL, /* text, MYSQL_TYPE_NEWDECIMAL */
	MY_PARAM_TEXT,    /* utf8mb4 text, MYSQL_TYPE_VAR_STRING */
	MY_PARAM_BYTES,   /* binary, MYSQL_TYPE_BLOB: stored bit for bit, compared as bytes */
	MY_PARAM_DATE,
	MY_PARAM_DATETIME, /* also TIMESTAMP, in the session's zone */
	MY_PARAM_TIME,
};

struct my_time {
	bool negative; /* TIME only */
	uint16_t year;
	uint8_t month, day, minute, second;
	uint32_t hour; /* TIME: up to 838 */
	uint32_t micro;
};

/** A value; borrows bytes until my_send_execute() returned. */
struct my_param {
	enum my_param_kind kind;
	union {
		int64_t i64;
		uint64_t u64;
		float f32;
		double f64;
		struct lt_str bytes;
		struct my_time time;
	};
};

#endif
