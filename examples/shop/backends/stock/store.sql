create table stock (sku text primary key, free integer not null);
insert into stock values
  ('chair', 4), ('desk', 1), ('ink', 50), ('lamp', 7), ('paper', 200), ('shelf', 0);
create table reserved (number text not null, sku text not null, count integer not null);
