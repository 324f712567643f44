create table products (
  sku   text primary key,
  title text not null,
  cents integer not null,
  stock integer not null
);
create table orders (
  id    bigint generated always as identity primary key,
  sku   text not null references products,
  count integer not null,
  at    timestamptz not null default now()
);
insert into products values ('lamp', 'Reading lamp', 4900, 5), ('chair', 'Oak chair', 12900, 2);
