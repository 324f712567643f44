create table products (sku text primary key, title text not null, cents integer not null);
insert into products values
  ('chair', 'Oak chair', 12900), ('desk', 'Writing desk', 34900), ('ink', 'Blue ink', 900),
  ('lamp', 'Reading lamp', 4900), ('paper', 'Paper, 500 sheets', 700),
  ('shelf', 'Book shelf', 15900);

-- Their passwords are lovelace and hopper; lib/login.lua says what is kept of them.
create table people (id integer primary key, name text unique not null, password text not null);
insert into people values
  (1, 'ada', '233e8d2714d801edf11075826cadc40f906a5bf02757d8a0b449dcb8a0450e78'),
  (2, 'grace', 'd117a381db30a6e4ba58a1e3973c16278b6a261033bba477dfeb5f35f0fad874');

create table orders (
  number text primary key, person integer not null references people, cents integer not null,
  at text not null default current_timestamp
);
create table lines (
  number text not null references orders, sku text not null references products,
  count integer not null, cents integer not null
);
insert into orders (number, person, cents) values
  ('a', 2, 39800), ('b', 2, 40700), ('c', 2, 1600), ('d', 2, 17800);
insert into lines values
  ('a', 'desk', 1, 34900), ('a', 'lamp', 1, 4900),
  ('b', 'desk', 1, 34900), ('b', 'lamp', 1, 4900),
  ('b', 'ink', 1, 900),
  ('c', 'ink', 1, 900), ('c', 'paper', 1, 700), ('d', 'chair', 1, 12900), ('d', 'lamp', 1, 4900);
