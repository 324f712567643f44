-- The query of /blocking needs no table; a database file needs something in it.
create table nothing (id integer primary key);
