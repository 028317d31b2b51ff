/* change/row.h - one row's change, its images as the log has them. */
#ifndef CHANGE_ROW_H
#define CHANGE_ROW_H

#include "change/table.h"

enum change_op { CHANGE_INSERT, CHANGE_UPDATE, CHANGE_DELETE };

/* flags of the row event a row came from */
enum {
	CHANGE_ROW_NO_FK_CHECKS = 0x0002,
	CHANGE_ROW_NO_UNIQUE_CHECKS = 0x0004,
	CHANGE_ROW_FK_LOGGED = 0x0010,      /* MySQL 9.6: cascades stand in the log themselves */
	CHANGE_ROW_NO_CONSTRAINTS = 0x0080, /* MariaDB: check_constraint_checks=0 */
};

struct change_row {
	enum change_op op;
	uint16_t flags;
	uint32_t event; /* counts the row events of the transaction: rows of one statement's event share it */
	const struct change_table *table; /* one reference for each distinct table is held by the transaction */
	struct change_image before;       /* update, delete */
	struct change_image after;        /* insert, update */
};

#endif
