"""A workload in the manner of TPC-C: new orders, payments and deliveries on few warehouses that clients share, with foreign keys.

What a reader of any copy may rely on in each snapshot is INVARIANTS, the consistency conditions of the benchmark. Sites keep apart by
warehouse: warehouse numbers are site * 100 + i."""

from .workload import Client, Workload, create_schema

WAREHOUSES, DISTRICTS, CUSTOMERS, ITEMS = 2, 3, 20, 60
START_YTD = 30000
ITEM_OF_NOBODY = 0  # a hundredth of the new orders asks for it, and is taken back
UTF8 = "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"

TABLES = [f"{statement} {UTF8}" for statement in (
    "CREATE TABLE item (i_id INT NOT NULL PRIMARY KEY, i_name VARCHAR(24), i_price DECIMAL(5,2))",
    "CREATE TABLE warehouse (w_id INT NOT NULL PRIMARY KEY, w_name VARCHAR(10), w_tax DECIMAL(4,4), w_ytd DECIMAL(12,2) NOT NULL)",
    "CREATE TABLE district (d_w_id INT NOT NULL, d_id INT NOT NULL, d_tax DECIMAL(4,4), d_ytd DECIMAL(12,2) NOT NULL, d_next_o_id INT NOT NULL,"
    " PRIMARY KEY (d_w_id, d_id), FOREIGN KEY (d_w_id) REFERENCES warehouse (w_id))",
    "CREATE TABLE customer (c_w_id INT NOT NULL, c_d_id INT NOT NULL, c_id INT NOT NULL, c_last VARCHAR(16), c_balance DECIMAL(12,2) NOT NULL,"
    " c_ytd_payment DECIMAL(12,2) NOT NULL, c_payment_cnt INT NOT NULL, c_delivery_cnt INT NOT NULL, c_data VARCHAR(500),"
    " PRIMARY KEY (c_w_id, c_d_id, c_id), KEY (c_w_id, c_d_id, c_last), FOREIGN KEY (c_w_id, c_d_id) REFERENCES district (d_w_id, d_id))",
    "CREATE TABLE history (h_c_w_id INT, h_c_d_id INT, h_c_id INT, h_w_id INT, h_d_id INT, h_date DATETIME, h_amount DECIMAL(6,2), h_data VARCHAR(24),"
    " KEY (h_c_w_id, h_c_d_id, h_c_id))",
    "CREATE TABLE orders (o_w_id INT NOT NULL, o_d_id INT NOT NULL, o_id INT NOT NULL, o_c_id INT NOT NULL, o_entry_d DATETIME NOT NULL,"
    " o_carrier_id INT, o_ol_cnt INT NOT NULL, PRIMARY KEY (o_w_id, o_d_id, o_id), UNIQUE KEY (o_w_id, o_d_id, o_c_id, o_id),"
    " FOREIGN KEY (o_w_id, o_d_id, o_c_id) REFERENCES customer (c_w_id, c_d_id, c_id))",
    "CREATE TABLE new_order (no_w_id INT NOT NULL, no_d_id INT NOT NULL, no_o_id INT NOT NULL, PRIMARY KEY (no_w_id, no_d_id, no_o_id),"
    " FOREIGN KEY (no_w_id, no_d_id, no_o_id) REFERENCES orders (o_w_id, o_d_id, o_id))",
    "CREATE TABLE stock (s_w_id INT NOT NULL, s_i_id INT NOT NULL, s_quantity INT NOT NULL, s_ytd INT NOT NULL, s_order_cnt INT NOT NULL,"
    " s_remote_cnt INT NOT NULL, s_data VARCHAR(50), PRIMARY KEY (s_w_id, s_i_id), FOREIGN KEY (s_w_id) REFERENCES warehouse (w_id),"
    " FOREIGN KEY (s_i_id) REFERENCES item (i_id))",
    "CREATE TABLE order_line (ol_w_id INT NOT NULL, ol_d_id INT NOT NULL, ol_o_id INT NOT NULL, ol_number INT NOT NULL, ol_i_id INT NOT NULL,"
    " ol_supply_w_id INT NOT NULL, ol_delivery_d DATETIME, ol_quantity INT NOT NULL, ol_amount DECIMAL(6,2) NOT NULL, ol_dist_info CHAR(24),"
    " PRIMARY KEY (ol_w_id, ol_d_id, ol_o_id, ol_number), FOREIGN KEY (ol_w_id, ol_d_id, ol_o_id) REFERENCES orders (o_w_id, o_d_id, o_id),"
    " FOREIGN KEY (ol_supply_w_id, ol_i_id) REFERENCES stock (s_w_id, s_i_id))",
    "CREATE TABLE seq (client INT NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (client, n))",
    "CREATE TABLE ledger (txn_id BIGINT NOT NULL)",
)]

# Each gives rows only where what it names is broken.
INVARIANTS = {
    "a warehouse has what its districts have": "SELECT w_id FROM warehouse LEFT JOIN district ON d_w_id = w_id GROUP BY w_id, w_ytd"
    " HAVING w_ytd <> SUM(d_ytd)",
    "a district's next order follows its last": "SELECT d_w_id, d_id FROM district LEFT JOIN orders ON o_w_id = d_w_id AND o_d_id = d_id"
    " GROUP BY d_w_id, d_id, d_next_o_id HAVING d_next_o_id <> COALESCE(MAX(o_id), 0) + 1 OR COUNT(o_id) <> COALESCE(MAX(o_id), 0)",
    "new orders have no gap": "SELECT no_w_id, no_d_id FROM new_order GROUP BY no_w_id, no_d_id HAVING MAX(no_o_id) - MIN(no_o_id) + 1 <> COUNT(*)",
    "an order has its lines": "SELECT o_w_id, o_d_id, o_id FROM orders LEFT JOIN order_line ON ol_w_id = o_w_id AND ol_d_id = o_d_id AND ol_o_id = o_id"
    " GROUP BY o_w_id, o_d_id, o_id, o_ol_cnt HAVING COUNT(ol_number) <> o_ol_cnt",
    "what is not delivered is a new order": "SELECT o_w_id, o_d_id, o_id FROM orders LEFT JOIN new_order ON no_w_id = o_w_id AND no_d_id = o_d_id"
    " AND no_o_id = o_id WHERE (o_carrier_id IS NULL) <> (no_o_id IS NOT NULL)",
    "lines are delivered with their order": "SELECT o_w_id, o_d_id, o_id FROM orders JOIN order_line ON ol_w_id = o_w_id AND ol_d_id = o_d_id"
    " AND ol_o_id = o_id WHERE (o_carrier_id IS NULL) <> (ol_delivery_d IS NULL)",
    "payments add up": f"SELECT w_id FROM warehouse LEFT JOIN history ON h_w_id = w_id GROUP BY w_id, w_ytd"
    f" HAVING w_ytd <> {START_YTD * DISTRICTS} + COALESCE(SUM(h_amount), 0)",
    "a customer's balance is what was delivered less what was paid": "SELECT c_w_id, c_d_id, c_id FROM customer"
    " LEFT JOIN (SELECT o_w_id, o_d_id, o_c_id, SUM(ol_amount) AS got FROM orders JOIN order_line ON ol_w_id = o_w_id AND ol_d_id = o_d_id"
    " AND ol_o_id = o_id WHERE o_carrier_id IS NOT NULL GROUP BY o_w_id, o_d_id, o_c_id) d ON o_w_id = c_w_id AND o_d_id = c_d_id AND o_c_id = c_id"
    " WHERE c_balance <> COALESCE(got, 0) - c_ytd_payment",
    "the ledger holds each id once": "SELECT txn_id, COUNT(*) FROM ledger GROUP BY txn_id HAVING COUNT(*) <> 1",
}


def create_tpcc(server, schema):
    create_schema(server, schema, tables=False)
    server.script(TABLES, db=schema)


def warehouses(site):
    return [site * 100 + i for i in range(1, WAREHOUSES + 1)]


def populate(server, schema, site, items=True):
    """The rows a site begins with, in one transaction for each warehouse; items are written by one site for all."""
    every_item = ", ".join(f"({i}, 'item {i}', {i % 90 + 1}.50)" for i in range(1, ITEMS + 1))
    if items:
        server.sql(f"INSERT INTO item VALUES {every_item}", db=schema)
    for w in warehouses(site):
        district = ", ".join(f"({w}, {d}, 0.05, {START_YTD}, 1)" for d in range(1, DISTRICTS + 1))
        customer = ", ".join(f"({w}, {d}, {c}, 'NAME{c % 7}', 0, 0, 0, 0, '')" for d in range(1, DISTRICTS + 1) for c in range(1, CUSTOMERS + 1))
        stock = ", ".join(f"({w}, {i}, 50, 0, 0, 0, 'stock')" for i in range(1, ITEMS + 1))
        server.script(["BEGIN", f"INSERT INTO warehouse VALUES ({w}, 'W{w}', 0.1, {START_YTD * DISTRICTS})", f"INSERT INTO district VALUES {district}",
                       f"INSERT INTO customer VALUES {customer}", f"INSERT INTO stock VALUES {stock}", "COMMIT"], db=schema)


class _Client(Client):
    """A terminal: its home is one warehouse, which it shares with others."""

    def _transaction(self, n):
        rng = self.rng
        self._count = 0
        self._sql("BEGIN")
        home = warehouses(self.load.site)[self.number % WAREHOUSES]
        rng.choices((self._new_order, self._payment, self._delivery), (45, 43, 12))[0](home, rng.randrange(1, DISTRICTS + 1))
        self._sql("INSERT INTO ledger VALUES (%s)", self.number * 10**9 + n)
        self._sql("INSERT INTO seq VALUES (%s, %s)", self.number, n)
        self._c.commit()
        self.committed = n
        self.rows += self._count

    def _one_of(self, statement, *args):
        self._sql(statement, *args)
        row = self._cursor.fetchone()
        return row[0] if row else None

    def _other_warehouse(self, home, share):
        return self.rng.choice(warehouses(self.load.site)) if self.rng.random() < share else home

    def _customer(self, w, d):
        """By number, or the one in the middle of those of a name."""
        if self.rng.random() < 0.4:
            return self.rng.randrange(1, CUSTOMERS + 1)
        self._sql("SELECT c_id FROM customer WHERE c_w_id = %s AND c_d_id = %s AND c_last = %s ORDER BY c_id", w, d, f"NAME{self.rng.randrange(7)}")
        found = [c for (c,) in self._cursor.fetchall()]
        return found[len(found) // 2]

    def _new_order(self, w, d):
        rng = self.rng
        lines = [(rng.randrange(1, ITEMS + 1), self._other_warehouse(w, 0.1), rng.randrange(1, 11)) for _ in range(rng.randrange(5, 16))]
        if rng.random() < 0.01:
            lines[-1] = (ITEM_OF_NOBODY, w, 1)
        c = rng.randrange(1, CUSTOMERS + 1)
        o = self._one_of("SELECT d_next_o_id FROM district WHERE d_w_id = %s AND d_id = %s FOR UPDATE", w, d)
        self._sql("UPDATE district SET d_next_o_id = d_next_o_id + 1 WHERE d_w_id = %s AND d_id = %s", w, d)
        self._sql("INSERT INTO orders VALUES (%s, %s, %s, %s, NOW(), NULL, %s)", w, d, o, c, len(lines))
        self._sql("INSERT INTO new_order VALUES (%s, %s, %s)", w, d, o)
        for number, (item, supply, quantity) in enumerate(lines, 1):
            price = self._one_of("SELECT i_price FROM item WHERE i_id = %s", item)
            if price is None:
                self._c.rollback()
                self._sql("BEGIN")
                return
            self._sql("UPDATE stock SET s_quantity = IF(s_quantity >= %s + 10, s_quantity - %s, s_quantity - %s + 91), s_ytd = s_ytd + %s,"
                      " s_order_cnt = s_order_cnt + 1, s_remote_cnt = s_remote_cnt + %s WHERE s_w_id = %s AND s_i_id = %s",
                      quantity, quantity, quantity, quantity, supply != w, supply, item)
            self._sql("INSERT INTO order_line VALUES (%s, %s, %s, %s, %s, %s, NULL, %s, %s, 'dist')", w, d, o, number, item, supply, quantity, price * quantity)

    def _payment(self, w, d):
        amount = self.rng.randrange(100, 500000) / 100
        cw, cd = self._other_warehouse(w, 0.15), self.rng.randrange(1, DISTRICTS + 1)
        self._sql("UPDATE warehouse SET w_ytd = w_ytd + %s WHERE w_id = %s", amount, w)
        self._sql("UPDATE district SET d_ytd = d_ytd + %s WHERE d_w_id = %s AND d_id = %s", amount, w, d)
        c = self._customer(cw, cd)
        self._sql("UPDATE customer SET c_balance = c_balance - %s, c_ytd_payment = c_ytd_payment + %s, c_payment_cnt = c_payment_cnt + 1,"
                  " c_data = LEFT(CONCAT(%s, '|', c_data), 500) WHERE c_w_id = %s AND c_d_id = %s AND c_id = %s",
                  amount, amount, f"{c} {cd} {cw} {d} {w} {amount}", cw, cd, c)
        self._sql("INSERT INTO history VALUES (%s, %s, %s, %s, %s, NOW(), %s, 'paid')", cw, cd, c, w, d, amount)

    def _delivery(self, w, _):
        carrier = self.rng.randrange(1, 11)
        for d in range(1, DISTRICTS + 1):
            o = self._one_of("SELECT no_o_id FROM new_order WHERE no_w_id = %s AND no_d_id = %s ORDER BY no_o_id LIMIT 1 FOR UPDATE", w, d)
            if o is None:
                continue
            self._sql("DELETE FROM new_order WHERE no_w_id = %s AND no_d_id = %s AND no_o_id = %s", w, d, o)
            c = self._one_of("SELECT o_c_id FROM orders WHERE o_w_id = %s AND o_d_id = %s AND o_id = %s FOR UPDATE", w, d, o)
            self._sql("UPDATE orders SET o_carrier_id = %s WHERE o_w_id = %s AND o_d_id = %s AND o_id = %s", carrier, w, d, o)
            self._sql("UPDATE order_line SET ol_delivery_d = NOW() WHERE ol_w_id = %s AND ol_d_id = %s AND ol_o_id = %s", w, d, o)
            total = self._one_of("SELECT SUM(ol_amount) FROM order_line WHERE ol_w_id = %s AND ol_d_id = %s AND ol_o_id = %s", w, d, o)
            self._sql("UPDATE customer SET c_balance = c_balance + %s, c_delivery_cnt = c_delivery_cnt + 1"
                      " WHERE c_w_id = %s AND c_d_id = %s AND c_id = %s", total, w, d, c)


class Tpcc(Workload):
    """Terminals at one site's warehouses, which populate() made."""

    client = _Client
