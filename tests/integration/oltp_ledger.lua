-- sysbench's read-write transactions, each with its number: in `ledger` by its first statement, in `seq` by its last.
require("oltp_read_write")

local begin_it, commit_it, number = begin, commit, 0

function begin()
   begin_it()
   number = number + 1
   con:query(string.format("INSERT INTO ledger VALUES (%d)", (sysbench.tid + 1) * 1000000 + number))
end

function commit()
   con:query(string.format("INSERT INTO seq VALUES (%d, %d)", sysbench.tid + 1, number))
   commit_it()
end
